/*
 * console.h - the web console: a page for browsers and the numbers that it draws.
 *
 *   GET /console/          the page, and beside it its script, style and icon: to anybody
 *   GET /api/login         204 when the token is right
 *   GET /api/history       samples of the last hour (history.h); ?since=MILLISECONDS
 *   GET /api/symbols       instruments and the day's turnover (exports.h)
 *   GET /api/sessions      accounts and their last login
 *   GET /api/book          price levels; ?symbol=SYMBOL
 *
 * Everything below /api/ wants "Authorization: Bearer TOKEN" and is 401 without it. Nothing can be
 * changed through it. It reads metrics and the exports' database, never the engine. One cold
 * thread, the management address' (gateway/admin/http.c).
 */
#ifndef WIREBOOK_GATEWAY_CONSOLE_CONSOLE_H
#define WIREBOOK_GATEWAY_CONSOLE_CONSOLE_H

#include "gateway/console/exports.h"

#define CONSOLE_TOKEN_MIN 16u /* characters */

struct console_conf {
    const char *dir;        /* of the bundle that `make console` builds */
    const char *token_file; /* its first line is the token; nobody but its owner may read it */
    struct exports_conf exports;
};

/* What a browser asks for. A parameter that was not given is NULL. */
struct console_request {
    const char *path;
    const char *authorization; /* the header */
    const char *since;
    const char *symbol;
};

struct console_reply {
    unsigned status; /* of HTTP */
    const char *type;
    char *body; /* malloc'ed: the caller's to free */
    size_t bytes;
};

struct console;

/* Reads the bundle, which stays as it is then, and the token. After the last metrics_register.
 * NULL after one log line with the remedy. */
struct console *console_new(const struct console_conf *conf);

/* Whether `path` is the console's to answer. */
bool console_owns(const char *path);

/* Answers a request of a path that it owns. */
void console_answer(struct console *c, const struct console_request *request, u64 now_ns,
                    struct console_reply *out);

/* Takes samples, talks to the database, looks for a new token. Returns how much it did. */
int console_do_work(struct console *c, u64 now_ns);

/* Makes its metrics known. Once, before the threads start. */
void console_register_metrics(const struct console *c);

/* NULL is legal. */
void console_free(struct console *c);

#endif
