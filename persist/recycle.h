/*
 * recycle.h - which segment of the journal nobody needs any more.
 *
 * Cold thread: the segments agent's.
 */
#ifndef WIREBOOK_PERSIST_RECYCLE_H
#define WIREBOOK_PERSIST_RECYCLE_H

#include "persist/segment_file.h"

/*
 * The last transaction that everybody has passed who might read the journal: exports, snapshots,
 * the day's streams. It may rise between calls, and must be true from any thread.
 */
typedef u64 recycle_passed_fn(void *ctx);

struct recycle {
    recycle_passed_fn *passed; /* NULL: nothing is ever given away; the rest is not used */
    void *ctx;
    u32 keep; /* segments that stay beyond what is needed: a far end may fall back */
    struct catalog catalog;
};

/* Gives nothing away until `passed` is set. False: no memory. */
bool recycle_init(struct recycle *r, struct disk *disk, u32 shard);
void recycle_free(struct recycle *r);

/* The oldest segment, its length to `*bytes`, if it may go; else 0. */
u64 recycle_find(struct recycle *r, u64 *bytes);

#endif
