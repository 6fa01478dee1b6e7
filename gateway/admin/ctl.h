/*
 * ctl.h - the parts of wirebook-ctl: a request to the control socket, its answer as text, the live
 * screen. A program of its own; one thread, blocking.
 */
#ifndef WIREBOOK_GATEWAY_ADMIN_CTL_H
#define WIREBOOK_GATEWAY_ADMIN_CTL_H

#include <jansson.h>
#include <stdio.h>

#include "engine/base/types.h"

enum ctl_exit {
    CTL_DONE = 0,
    CTL_USAGE = 1,
    CTL_UNREACHABLE = 2,
    CTL_REFUSED = 3,
    CTL_NOTHING = 4,
    CTL_DENIED = 5,
    CTL_TIMEOUT = 6,
    CTL_NOT_CONFIRMED = 7,
};

struct ctl_conf {
    const char *socket;
    double timeout_s;
};

/* Sends `request` and waits for its answer, the caller's. CTL_DONE means that there is one; else
 * one line was written to stderr. */
int ctl_ask(const struct ctl_conf *conf, json_t *request, json_t **answer);

/* Writes an answer for people, or as it came, and returns the exit code that it means. */
int ctl_print(const char *command, json_t *answer, bool as_json, FILE *out);

/* The live screen, or one frame of it as text. Returns an exit code. */
int ctl_top(const struct ctl_conf *conf, bool once, double interval_s);

#endif
