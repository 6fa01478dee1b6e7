/*
 * sim_journal.h - the oracle's own copy of the journal, grown at each look at the disk.
 *
 * Each look reads a copy of the disk through recovery and checks that
 *   - what an earlier look found is still there, byte for byte (nothing that recovery has accepted
 *     ever changes), and numbers have no gap;
 *   - a shadow engine that applies every transaction, and a second one that runs the commands
 *     again, agree with it: the second makes the same events, byte for byte, and both have the
 * same state. Beside that it keeps an index by account and day: what a client may see, by
 * session_seq.
 */
#ifndef WIREBOOK_SIM_SIM_JOURNAL_H
#define WIREBOOK_SIM_SIM_JOURNAL_H

#include "engine/engine.h"
#include "persist/disk.h"

struct sim_tx {
    u64 at; /* first slot */
    u32 used;
    u32 day; /* the open one, else the last; 0: none yet */
};

/* An account's stream of a day as the journal has it. */
struct sim_truth {
    u32 account;
    u32 day;
    u64 midnight_ns;
    u64 *events; /* slot of message 1, 2, ... at [1], [2], ... */
    u64 events_room;
    u64 used; /* highest session_seq */
};

struct sim_journal {
    struct slot *slots;
    u64 slots_used;
    u64 slots_room;
    struct sim_tx *txs; /* transaction n at [n - 1] */
    u64 used;
    u64 txs_room;
    u64 looked; /* transactions that this look has passed */
    u64 limit;  /* ... and what stands behind this one it leaves alone */
    u32 day;
    u64 midnight_ns;

    struct sim_truth *truths;
    u64 truths_used;
    u64 truths_room;

    struct mem mem;
    struct engine *shadow;
    struct engine *rerun;
};

void sim_journal_init(struct sim_journal *j, const struct engine_conf *conf);
void sim_journal_free(struct sim_journal *j);

/* Reads `disk` (a copy: nobody writes). Fails the run when anything about it is wrong. */
void sim_journal_look(struct sim_journal *j, struct disk *disk, u32 shard);

/*
 * The same beside a process that lives, up to `durable_seq`: what is durable can never be lost, but
 * its segment may be used again before the process ends.
 */
void sim_journal_look_beside(struct sim_journal *j, struct disk *disk, u32 shard, u64 durable_seq);

/* The account's stream of `day`; NULL: the journal has none. */
const struct sim_truth *sim_journal_truth(const struct sim_journal *j, u32 account, u32 day);

/* The event with that number; NULL: the stream has none. */
const union msg *sim_truth_event(const struct sim_journal *j, const struct sim_truth *t, u64 seq);

#endif
