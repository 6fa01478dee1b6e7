/* replay_tail.h - what stands behind a bad block, and whether that says it was durable. */
#ifndef WIREBOOK_PERSIST_REPLAY_TAIL_H
#define WIREBOOK_PERSIST_REPLAY_TAIL_H

#include "persist/segment_file.h"

/* What the blocks from the bad one on say about it. */
struct replay_tail {
    u64 written;    /* of them that are not zero */
    u64 durable;    /* highest durable_block of a whole one */
    u64 durable_at; /* the block that says so */
    u64 max_epoch;  /* of the whole ones; 0: there is none */
    bool strange;   /* one is whole, but another shard's: `shard` */
    u32 shard;
};

/*
 * Looks at everything from block `index` of segment `i` of the catalog, which is open in `f`, to
 * the end of the last segment; adds to `*t`. 0 or a negative errno: -ENOENT when a segment has gone
 * meanwhile, also that one itself: beside a live venue it may have been used again.
 */
int replay_tail_look(struct segment_file *f, const struct catalog *c, u32 i, u64 index,
                     struct replay_tail *t);

/* True when another shard has written there, and not `shard`: then `why` says so. */
bool replay_tail_strange(const struct replay_tail *t, const struct disk *d, u32 shard,
                         struct why *why);

#endif
