/*
 * exports.h - what the console shows of orders and sessions, asked of the PostgreSQL that the
 * exporter fills (config/sql), best of a replica. Never of the engine.
 *
 * A question is asked while somebody looks: every REFRESH, and less often when the database takes
 * long. One connection, read-only, one question at a time, each with a deadline. A cold agent;
 * nothing blocks but the look-up of a host's name, which libpq does itself.
 */
#ifndef WIREBOOK_GATEWAY_CONSOLE_EXPORTS_H
#define WIREBOOK_GATEWAY_CONSOLE_EXPORTS_H

#include <stdio.h>

#include "engine/base/types.h"

#define EXPORTS_SYMBOL_CHARS 8u  /* of an OUCH symbol */
#define EXPORTS_QUESTIONS    18u /* symbols, sessions and the books of so many symbols less two */

enum exports_question {
    EXPORTS_SYMBOLS,  /* every instrument with the day's turnover */
    EXPORTS_SESSIONS, /* every account's last login of the day */
    EXPORTS_BOOK,     /* of one symbol: its price levels */
};

struct exports_conf {
    const char *conninfo;      /* libpq's connection string; "": there is no database */
    const char *password_file; /* in .pgpass format; "": libpq's own default */
    u32 shard;
};

struct exports;

/* Copies `conf`. Touches no network. */
struct exports *exports_new(const struct exports_conf *conf);

/*
 * Writes the newest answer to `question` as JSON, {"state": word, "age_ms": n, "data": the answer
 * or null}, and sees to it that there will be a newer one. The state is "ok"; "waiting" before the
 * first answer; "off" without a database; "away" when it cannot be reached; "slow" when it did not
 * answer in time; "refused" when it took the question for wrong (the log says why); "busy" when
 * too many books are looked at. `symbol`, at most EXPORTS_SYMBOL_CHARS, is of EXPORTS_BOOK only.
 */
void exports_print(struct exports *x, enum exports_question question, const char *symbol,
                   u64 now_ns, FILE *out);

/* The agent's turn. Returns how much it did. */
int exports_do_work(struct exports *x, u64 now_ns);

/* NULL is legal. */
void exports_free(struct exports *x);

#endif
