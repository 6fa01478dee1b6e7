/*
 * export.h - the journal's transactions into PostgreSQL and Redis, each exactly once. Cold thread.
 *
 * One agent drives all sinks; each has a lane of its own: a source (a cursor over the journal), a
 * mark, a pace and a back-off. A far end that is away or slow costs its own lane lag, nothing else.
 *
 *      DOWN --(back-off over)--> OPENING --(mark read)--> RUNNING: source -> add ... commit -> mark
 *        ^                          |                        |
 *        '------- lost, refused ----+------------------------'
 *                                   |--- another process has it ----> FENCED (for good)
 *                                   '--- another journal's rows ----> FOREIGN (for good)
 *
 * After a lost connection the outcome of the batch under way is unknown: nothing is assumed, the
 * mark is read again and the source is opened at it: if what the journal has there is not what was
 * exported, the two went their own ways and the lane is FOREIGN, too.
 *
 * Where segments are removed once they were exported, a far end that was emptied wants what the
 * journal has no more. One that only shows the newest (sink.is_window) then goes on at the oldest
 * day that is left; for any other one a person must bring segments back from the archive.
 */
#ifndef WIREBOOK_PERSIST_EXPORT_H
#define WIREBOOK_PERSIST_EXPORT_H

#include "engine/base/metrics.h"
#include "persist/cursor.h"
#include "persist/export_names.h"
#include "persist/sink.h"

#define EXPORT_LANES_MAX 4u
#define EXPORT_SAID_MAX  8u
#define EXPORT_GRACE_NS  NS_PER_SEC

/* Where a lane takes its transactions from: export_source_cursor, or made up by a test. */
struct export_source {
    void *ctx;
    /* The next transaction will be `from_seq`, which may still have to come. */
    void (*seek)(void *ctx, u64 from_seq);
    /* As cursor_next: `out` is valid until the next call. */
    enum cursor_status (*next)(void *ctx, struct cursor_tx *out);
    /* As cursor_oldest: what it still has, after CURSOR_GONE. */
    u64 (*oldest)(void *ctx);
    /* Why the last call answered CURSOR_GONE or CURSOR_ERROR. */
    const char *(*why)(void *ctx);
    /* All up to here is durable; the source gives nothing beyond. */
    u64 (*durable_seq)(void *ctx);
};

/*
 * A source over the journal: a cursor that is made by the first seek. `conf` is copied and must
 * have `stored`; it outlives the source. Cold thread.
 */
struct export_cursor {
    struct cursor_conf conf;
    struct cursor *cursor; /* NULL before the first seek */
};
struct export_source export_source_cursor(struct export_cursor *c, const struct cursor_conf *conf);
void export_cursor_close(struct export_cursor *c);

struct export_conf {
    u64 seed;             /* of the back-off's jitter */
    u64 retry_min_ns;     /* first back-off after a lost connection, e.g. 100 ms; then doubled */
    u64 retry_max_ns;     /* ... up to this, e.g. 5 s */
    u64 refused_retry_ns; /* back-off when the far end will not work with us, e.g. 5 s */
};

/* What can go wrong with a lane. */
enum export_error {
    EXPORT_ERROR_LOST,    /* connections, and attempts at one */
    EXPORT_ERROR_REFUSED, /* the far end will not have it: a person must look */
    EXPORT_ERROR_JOURNAL, /* the journal cannot be read there */
    EXPORT_ERROR_STOPPED, /* fenced, or another journal's rows: over for this process */
    EXPORT_ERRORS,
};

enum lane_state {
    LANE_DOWN,    /* waits for its back-off to pass */
    LANE_OPENING, /* connecting, claiming the epoch, reading the mark */
    LANE_RUNNING, /* filling and committing batches */
    LANE_FENCED,  /* another process leads the shard: this lane has stopped for good */
    LANE_FOREIGN, /* the far end has another journal's rows: it has, too */
};

struct export_lane {
    const char *name; /* "postgres", "redis": in log lines and as the metrics' label */
    struct sink *sink;
    struct export_source source;
    struct export_names names;
    u64 batch_age_ns; /* a batch is sent off when it is that old, or full */

    u8 state; /* enum lane_state */
    bool committing;
    bool learning;           /* it reads the names of the mark (export_learn.h) */
    bool unproven;           /* the journal's transaction at the mark is still to be looked at */
    bool skipping;           /* until a day opens: what it belongs to is not known before */
    bool has_next;           /* `next` was taken from the source and did not fit the batch */
    struct cursor_tx next;   /* valid if has_next */
    struct sink_mark filled; /* the last transaction in the batch being filled, or the mark */
    u64 sent_time_ns;        /* engine time of the last transaction of the batch under way */
    u64 batch_since_ns;      /* when the first transaction of the batch being filled was added */
    u32 batch_txs;           /* transactions in it */
    u64 fresh_ns;            /* what happened before this time is in the far end */
    u64 retry_at_ns;
    u64 retry_ns;
    char complaint[SINK_ERROR_BYTES]; /* the last one, logged or not */
    /* The latest different ones that were logged: hosts in turn fail for different reasons. */
    struct {
        u64 logged_ns;
        u64 hash;
    } said[EXPORT_SAID_MAX];
    u32 said_next;

    struct metric m_state;      /* enum lane_state */
    struct metric m_mark_seq;   /* all up to here is in the far end */
    struct metric m_lag_seq;    /* transactions that are durable but not in the far end */
    struct metric m_lag_ns;     /* age of the oldest of them; 0 when there is none */
    struct metric m_rows;       /* committed */
    struct metric m_batches;    /* committed */
    struct metric m_reconnects; /* connections given up, for whatever reason */
    struct metric m_duplicates; /* rows that the far end refused as already there */
    struct metric m_errors[EXPORT_ERRORS];
};

struct exporter {
    struct export_conf conf;
    struct export_lane lanes[EXPORT_LANES_MAX];
    u32 lanes_used;
    u64 ending_ns; /* first export_awaits; 0: none yet */
    u64 random;
    struct mem *mem;
};

/* No lanes yet. `m` gives the lanes' memory and outlives them. At start. */
void export_init(struct exporter *x, const struct export_conf *conf, struct mem *m);

/*
 * Adds a lane that starts DOWN with its back-off over. `name` outlives the export. `names` is
 * copied: what the recovered engine knows. `batch_age_ns` 0 sends a batch off whenever the last one
 * is done. At start, at most EXPORT_LANES_MAX.
 */
void export_add(struct exporter *x, const char *name, struct sink *sink,
                const struct export_source *source, const struct export_names *names,
                u64 batch_age_ns);

/* Makes the lanes' metrics known. After the last export_add, before the threads start. */
void export_register_metrics(struct exporter *x);

/* The agent's turn (struct agent): every lane once, each within a budget. Returns work done. */
int export_do_work(void *exporter, u64 now_ns);

/* True when every lane has stopped for good or has all up to `seq` in its far end. */
bool export_has_passed(const struct exporter *x, u64 seq);

/*
 * At the end of the process: true while a lane has not got all up to `seq` and waiting brings it
 * nearer. One without a connection has EXPORT_GRACE_NS from the first call on to find one; then its
 * far end is away, and the next start goes on there.
 */
bool export_awaits(struct exporter *x, u64 seq, u64 now_ns);

/* Says in the log, a line each, which lanes have not got all up to `seq`. At the end. */
void export_say_behind(const struct exporter *x, u64 seq);

/*
 * Closes all connections. Batches under way are left to their fate: the next start reads the mark.
 */
void export_close(struct exporter *x);

#endif
