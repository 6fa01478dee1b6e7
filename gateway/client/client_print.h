/*
 * client_print.h - the lines that wirebook-client prints. Cold code.
 */
#ifndef WIREBOOK_CLIENT_PRINT_H
#define WIREBOOK_CLIENT_PRINT_H

#include "gateway/client/client_run.h"
#include "gateway/client/wb_client.h"

/*
 * One line to stdout: time, label, `arrow` (-> sent, <- received), sequence number (0: none), type,
 * the rest in words. Nothing when the options say quiet or json.
 */
void client_print_line(const struct client_run *o, const char *arrow, u64 seq, const char *type,
                       const char *rest);

/* A received message as such a line, or as a JSON object. */
void client_print_message(const struct client_run *o, const struct wb_event *ev);

#endif
