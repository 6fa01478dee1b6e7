/*
 * replay.h - recovery: reads the whole journal, judges every block, applies every transaction.
 *
 * Cold; before any agent runs. It changes nothing on the disk (but syncs the files, so that what it
 * has read is also what a later power cut leaves). See replay.c for the rules.
 */
#ifndef WIREBOOK_PERSIST_REPLAY_H
#define WIREBOOK_PERSIST_REPLAY_H

#include "engine/engine.h"
#include "persist/disk.h"
#include "persist/why.h"

/* Takes one whole transaction. Returns NULL, or why it cannot be; then replay ends as damage, or
 * as not fitting. */
typedef const char *replay_apply_fn(void *ctx, const struct slot *tx, u32 slots);

/* After a refusal: true when only room was missing. Sets `why` to what must be larger, else leaves
 * it. */
typedef bool replay_unfit_fn(void *ctx, struct why *why);

/* What the state given to `apply` has seen already: a snapshot's. All 0: nothing. */
struct replay_from {
    u64 seq;     /* its last transaction */
    u64 block;   /* in which that one begins: nothing before it is read */
    u64 day_seq; /* replay_result.day_seq so far */
};

struct replay_conf {
    struct disk *disk;
    u32 shard;
    struct replay_from from;
    replay_apply_fn *apply;
    replay_unfit_fn *unfit; /* NULL: every refusal is damage */
    void *ctx;
    bool whole; /* `apply` needs all transactions from the first one on */
    bool quiet; /* no progress lines */
};

/* Where the journal stands; what persist_new needs to go on. */
struct replay_result {
    /* where the next process goes on */
    u64 next_segment;  /* number of the fresh segment; higher ones are leftovers */
    u64 next_block;    /* number of its first block */
    u64 first_segment; /* the oldest one there is; next_segment when there is none */
    u32 last_crc;      /* of block next_block - 1; 0 when there is none */
    u64 last_seq;      /* last whole transaction; 0: none */
    u64 max_epoch;     /* of any block, cut ones too; 0: none */
    u64 day_seq;       /* transaction of the last EV_DAY_OPENED; 0: none */
    u64 from_seq;      /* replay_conf.from.seq */
    u64 from_day_seq;  /* ... .day_seq */

    /* what was read */
    u64 segments, blocks, transactions, slots;
    u64 epochs; /* different ones */

    /* the torn tail, if there was one */
    bool cut;
    u64 cut_segment;        /* segment and block of the first bad block */
    u64 cut_block;          /* = next_block */
    u64 cut_bytes;          /* in written blocks from the cut on */
    u32 cut_slots;          /* of the incomplete last transaction that was dropped */
    u32 dropped_partial_tx; /* transactions left incomplete at earlier cuts */
    const char *cut_what;   /* what was wrong with it */

    /* after REPLAY_DAMAGED: where */
    u64 damaged_segment;   /* 0: in none, one is missing */
    u64 damaged_index;     /* of the block in it, from 0; what stands before it is good */
    bool damaged_snapshot; /* the journal is whole, but does not reach the snapshot from_seq */
    bool damaged_mark;     /* ... or ends before mark_seq */
    u64 mark_seq;          /* transaction that durable.mark calls durable; 0: none */
};

enum replay_status {
    REPLAY_OK,
    REPLAY_DAMAGED, /* refuse to start; `why` says file, offset, block and what */
    REPLAY_FAILED,  /* the disk could not be read */
    REPLAY_UNFIT,   /* the journal is whole, but `apply` has not the room for what it holds */
};

/* Reads the journal. An empty directory is an empty journal. Logs progress and what was cut. */
enum replay_status replay_run(const struct replay_conf *conf, struct replay_result *result,
                              struct why *why);

/* A replay_apply_fn for a struct engine. */
static inline const char *replay_into_engine(void *engine, const struct slot *tx, u32 slots)
{
    return engine_apply(engine, tx, slots);
}

/* The replay_unfit_fn beside it. */
bool replay_unfit_engine(void *engine, struct why *why);

#endif
