/*
 * client_lines.h - commands line by line, from an array or a file descriptor that may be slow.
 * Cold.
 */
#ifndef WIREBOOK_CLIENT_LINES_H
#define WIREBOOK_CLIENT_LINES_H

#include "engine/base/types.h"

#define CLIENT_LINE_BYTES 4096u /* of one line with its end; longer ones are cut in two */

struct client_lines {
    int fd; /* -1: the lines are in `ready` */
    char **ready;
    int ready_left;
    char buffer[CLIENT_LINE_BYTES]; /* bytes of fd that are not yet a line */
    u32 buffered;
    bool over; /* there is no more */
    bool dry;  /* fd was read once: not again before the owner has slept and cleared this */
};

/* Lines from `fd`, or when that is -1 the `n` ones in `ready`, which the caller keeps. */
void client_lines_init(struct client_lines *l, int fd, char **ready, int n);

/* The next line, with its end if it had one. False: not yet, or (`over`) none any more. */
bool client_lines_next(struct client_lines *l, char line[CLIENT_LINE_BYTES]);

#endif
