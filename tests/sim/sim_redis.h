/*
 * sim_redis.h - a stream in memory that refuses ids which are not above its last one, as Redis
 * does.
 *
 * Unlike a database it takes a batch entry by entry: a connection that dies leaves a prefix of the
 * batch in the stream and the mark where it was. What is sent again is refused by its id. The epoch
 * and the claim fence late batches off, as a script on the server would.
 */
#ifndef WIREBOOK_SIM_SIM_REDIS_H
#define WIREBOOK_SIM_SIM_REDIS_H

#include "persist/sink.h"

/* One entry: a transaction that has executions. */
struct sim_entry {
    u64 seq;
    u32 day;
    u32 executions;
    u32 sum; /* over the executions' slots, their users and symbols */
};

struct sim_batch {
    struct sim_entry *entries;
    u64 used;
    u64 room;
};

/* The far end. It outlives all processes of a run. */
struct sim_redis {
    struct sim_entry *entries;
    u64 used;
    u64 room;
    u64 journal_id; /* 0: nothing yet */
    u64 epoch;
    u64 process_id;
    u64 claim;
    struct sink_mark mark;
    u64 away_until_ns;
};

struct sim_redis_sink {
    struct sink sink;
    struct sim_redis *far;
    u64 claim;
    bool connected;
    bool opening;
    bool committing;
    u64 due_ns;
    struct sink_mark to;
    struct sim_batch filling;
    struct sim_batch sent;
};

void sim_redis_sink_init(struct sim_redis_sink *s, struct sim_redis *far);
void sim_redis_sink_free(struct sim_redis_sink *s);

/* What the entry of a transaction must be; executions 0: it has none. For the oracle, too. */
struct sim_entry sim_redis_entry(const struct sink_tx *tx);

#endif
