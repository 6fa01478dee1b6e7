/*
 * client_run.h - one session of wirebook-client. Cold code; prints to stdout and stderr.
 */
#ifndef WIREBOOK_CLIENT_RUN_H
#define WIREBOOK_CLIENT_RUN_H

#include "gateway/client/wb_soup.h"

enum client_exit {
    CLIENT_OK = 0,
    CLIENT_USAGE = 1, /* options, commands or files that cannot be used */
    CLIENT_LOGIN_REJECTED = 2,
    CLIENT_CONNECTION_LOST = 3,
    CLIENT_EXPECT_FAILED = 4, /* what was expected or waited for did not come */
};

struct client_run {
    const char *host;
    u16 port;
    struct wb_login login;
    const char *resume_file; /* NULL: none */
    const char *label;       /* printed in each line; "": none */
    bool json;
    bool quiet;
    bool no_query;  /* do not ask for the next order number: numbers begin at 1 */
    u64 timeout_ms; /* of every wait */
    int lines_fd;   /* commands are read from here, a line each; -1: from `commands` */
    char **commands;
    int commands_used;
};

/* Runs the whole session. clock_init has been called. Returns enum client_exit. */
int client_run(const struct client_run *o);

#endif
