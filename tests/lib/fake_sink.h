/*
 * fake_sink.h - a far end in memory that dies at any point, for tests and the simulator.
 *
 * The far end (struct fake_far) keeps journal, mark, epoch, claim and rows, and outlives any
 * number of sinks. Between a sink and it lies a network: a batch lands some time after it was sent,
 * even when the connection has been lost meanwhile - or is lost with it. All by a seeded generator.
 */
#ifndef WIREBOOK_TESTS_FAKE_SINK_H
#define WIREBOOK_TESTS_FAKE_SINK_H

#include "persist/sink.h"

#define FAKE_FLIGHT_MAX 64u

/* One event as the far end keeps it. */
struct fake_row {
    u64 seq;
    u32 idx; /* of the message within its transaction; the command is 0 */
    u32 day;
    char firm[4];      /* of the account, as the names had it */
    struct slot first; /* the message's first slot */
};

struct fake_batch {
    struct fake_row *rows;
    u32 used;
    u32 room;
    struct sink_mark from;
    struct sink_mark to;
    u64 epoch;
    u64 claim;
    u64 lands_ns; /* when the far end gets it; UINT64_MAX: lost on the way */
    bool landed;  /* it took effect */
    bool refused; /* it arrived but epoch, claim or mark were not right any more */
};

struct fake_far {
    u64 random;
    /* knobs */
    u32 faults_per_mille; /* chance that a poll, a landing or an opening goes wrong */
    u64 latency_max_ns;
    bool down;    /* nobody answers */
    bool refuses; /* answers, but its schema is missing */
    /* what it has */
    u64 journal_id; /* 0: nothing yet */
    u64 epoch;
    u64 process_id;
    u64 claim;
    struct sink_mark mark;
    struct fake_row *rows;
    u64 used;
    u64 room;
    u64 late_landings; /* batches that took effect after their connection was given up */
    u64 late_refusals; /* ... and those that came too late */
    u64 faults;
    /* on their way without a connection */
    struct fake_batch flight[FAKE_FLIGHT_MAX];
    u32 flight_used;
};

struct fake_sink {
    struct sink sink;
    struct fake_far *far;
    u64 claim; /* of this connection */
    u32 batch_rows_max;
    bool connected;
    bool opening;
    bool committing;
    u64 opens_ns;
    struct fake_batch filling;
    struct fake_batch sent;
};

void fake_far_init(struct fake_far *f, u64 seed);
void fake_far_free(struct fake_far *f);

/* Forgets all, as an emptied Redis does. */
void fake_far_empty(struct fake_far *f);

/* Journal 1, and a process of its own for each epoch; both may be changed before the first open. */
void fake_sink_init(struct fake_sink *s, struct fake_far *far, u64 epoch, u32 batch_rows_max);
void fake_sink_free(struct fake_sink *s);

#endif
