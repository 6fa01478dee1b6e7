/*
 * postgres_text.h - what postgres.c says to a server and how it reads its errors, without libpq.
 *
 * Local to postgres.c and its tests. Pure functions.
 */
#ifndef WIREBOOK_PERSIST_POSTGRES_TEXT_H
#define WIREBOOK_PERSIST_POSTGRES_TEXT_H

#include "persist/copy_rows.h"

#define POSTGRES_QUERY_BYTES 8192u
#define POSTGRES_HOST_BYTES  256u

/* Under what a connection may write: see config/sql/001_tables.sql and 004_journal.sql. */
struct postgres_claim {
    u32 shard;
    u64 epoch;
    u64 process_id;
    u64 journal_id;
    u64 claim;        /* raised by each connection */
    u64 lock_wait_ms; /* longest wait for a row that an older connection holds */
};

/*
 * The statements by which a connection takes the shard (claim is ignored) and reads the mark.
 * Answers: a row (claim, seq, time_ns, day as yyyymmdd) if it could, then a row of what is there
 * now (epoch, journal or "unknown").
 */
void postgres_text_claim(char query[POSTGRES_QUERY_BYTES], const struct postgres_claim *c);

/*
 * The claim has touched nothing, `epoch` and `journal` are there: SINK_FENCED or SINK_FOREIGN, and
 * what it means and what to do to `error`.
 */
enum sink_status postgres_text_not_ours(const struct postgres_claim *c, const char *epoch,
                                        const char *journal, char error[SINK_ERROR_BYTES]);

/*
 * The statements of a batch without its COMMIT: the partitions of `days`, a COPY for each table
 * that has rows in the order of enum copy_table, the mark from `from` to `to`.
 */
void postgres_text_batch(char query[POSTGRES_QUERY_BYTES], const struct postgres_claim *c,
                         const struct copy_batch *b, const u32 *days, u32 days_used,
                         const struct sink_mark *from, const struct sink_mark *to);

/* SINK_LOST or SINK_REFUSED for an error's SQLSTATE (NULL: none came), and in words to `what`. */
enum sink_status postgres_text_status(const char *sqlstate, const char **what);

#define POSTGRES_PARAMS_MAX 64u

/* Parameters of a connection, as libpq takes them: two arrays that end with a NULL. */
struct postgres_params {
    const char *keys[POSTGRES_PARAMS_MAX + 1];
    const char *values[POSTGRES_PARAMS_MAX + 1];
    u32 used;
    char host[POSTGRES_HOST_BYTES]; /* what postgres_text_attempt took out of lists */
    char hostaddr[POSTGRES_HOST_BYTES];
    char port[POSTGRES_HOST_BYTES];
};

/* Sets a parameter, which points to the caller's texts; NULL and "" set nothing. */
void postgres_text_param(struct postgres_params *p, const char *key, const char *value);

/*
 * The parameters of the `attempt`-th attempt: of several hosts one, in turn, with its port, and our
 * own standards for what is not given. libpq tries several hosts by itself, but cannot be told to
 * give up on one that is silent.
 */
void postgres_text_attempt(const struct postgres_params *given, u32 attempt,
                           struct postgres_params *out);

#endif
