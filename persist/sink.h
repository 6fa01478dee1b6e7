/*
 * sink.h - where the journal is exported to: the interface of one far end.
 *
 * Three implementations: postgres.c, redis.c, and one in memory for tests and the simulator. A sink
 * knows how to connect, to claim the shard for a journal and an epoch, to turn transactions into
 * rows and to commit a batch of them together with the mark. It decides nothing: when to connect,
 * what to send next, what a lost connection means, when to give up - all of that is export.c.
 *
 * The contract on which "exactly once" rests:
 *   - A mark (seq, time, day) lies in the far end beside the rows. With it lies the identity of the
 *     journal that the rows are from: open() takes the shard only for that journal, or if there is
 *     nothing yet. It takes it for our epoch if that is higher than what is there, or the same and
 *     of this very process, and for a claim of its own, raised each time; and it reads the mark in
 *     the same atomic step.
 *   - commit() lets a batch and its new mark take effect together or not at all, and only if epoch,
 *     claim and previous mark in the far end are still ours. So a batch of a connection that was
 *     given up can still land late, but never after the next open() has read the mark.
 *
 * Nothing here blocks. One thread. Each call is given the time.
 */
#ifndef WIREBOOK_PERSIST_SINK_H
#define WIREBOOK_PERSIST_SINK_H

#include "engine/msg/msg.h"

struct export_names;
struct sink;

#define SINK_ERROR_BYTES 200u

/* How far a far end has got: all transactions up to `seq` are in. */
struct sink_mark {
    u64 seq;     /* 0: none yet */
    u64 time_ns; /* the engine's, of that transaction, ns since 1970 UTC; 0: not known */
    u32 day;     /* trading day as yyyymmdd that was open at `seq`, or the last one; 0: none yet */
};

/* One transaction on its way into a sink. The pointers are valid during the call only. */
struct sink_tx {
    u64 seq;
    u64 time_ns; /* the engine's, ns since 1970 UTC */
    u32 day;     /* the trading day it belongs to, yyyymmdd: the open one, else the last; 0: none */
    u32 used;    /* slots */
    const struct slot *slots; /* the command, then its events */
    const struct export_names *names;
};

enum sink_status {
    SINK_OK,      /* nothing is under way: what was asked for last has been done */
    SINK_BUSY,    /* still under way: poll again */
    SINK_LOST,    /* the connection is gone or useless; the outcome of a commit is unknown */
    SINK_FENCED,  /* open() only: a higher epoch has the far end, or another process with ours */
    SINK_FOREIGN, /* open() only: the far end has another journal's rows; as for REFUSED */
    SINK_REFUSED, /* the far end answers but will not work with us: `error` has reason and remedy */
};

struct sink_ops {
    /* Begins to connect, to claim the shard and to read the mark. Only after close(). */
    void (*open)(struct sink *s, u64 now_ns);

    /*
     * Goes on with what is under way. Once it has answered SINK_OK after open(), `mark` is what the
     * far end has; after commit(), `mark` is the committed one. When idle it looks whether the
     * connection still stands, and may begin something of its own (SINK_BUSY). After SINK_OK the
     * sink is idle. After any other answer but SINK_BUSY the next call is close().
     */
    enum sink_status (*poll)(struct sink *s, u64 now_ns);

    /*
     * Adds one transaction to the batch being filled, also while the batch before it is under way.
     * False: no room; nothing was taken, commit first. An empty batch takes any transaction.
     */
    bool (*add)(struct sink *s, const struct sink_tx *tx, u64 now_ns);

    /* Sends the batch being filled off and moves the mark from `mark` to `to`. When idle only. */
    void (*commit)(struct sink *s, const struct sink_mark *to, u64 now_ns);

    /* Drops the connection and both batches. Harmless when there is nothing to drop. */
    void (*close)(struct sink *s);
};

/* The head of every sink; the implementation's own struct begins with it. */
struct sink {
    const struct sink_ops *ops;
    /* Set before the first open(); none is 0. */
    u64 epoch;             /* of this process */
    u64 process_id;        /* tells it from another process that has the same epoch: random */
    u64 journal_id;        /* of the journal that it exports */
    struct sink_mark mark; /* valid after SINK_OK */
    bool is_window;        /* the newest is enough: it may begin where the journal does */
    u32 batch_rows;        /* rows of the batch being filled */
    u64 rows_committed;    /* since the process began */
    u64 steps;             /* grows whenever something moved: a thread that moves is not idle */
    u64 duplicates;        /* rows that the far end itself refused as already there */
    char error[SINK_ERROR_BYTES]; /* after a failure: one line for the log, else "" */
};

#endif
