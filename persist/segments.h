/*
 * segments.h - segments zero-filled ahead of need by a cold agent, so that the hot one never waits
 * for the file system. See segments.c.
 */
#ifndef WIREBOOK_PERSIST_SEGMENTS_H
#define WIREBOOK_PERSIST_SEGMENTS_H

#include <stdatomic.h>

#include "engine/base/mem.h"
#include "engine/base/metrics.h"
#include "engine/base/ring.h"
#include "engine/msg/side.h"
#include "persist/disk.h"
#include "persist/recycle.h"
#include "persist/why.h"

/* What crosses the two rings between the hot and the cold agent. */
struct segment {
    u64 segment; /*  0 its number */
    i32 file;    /*  8 handle, open for writing */
    u32 blocks;  /* 12 */
    u8 zero[48]; /* 16 */
};
_Static_assert(sizeof(struct segment) == SLOT_BYTES, "one slot");

#define SEGMENT_RING_SLOTS 32u

struct segments {
    /* fixed */
    struct disk *disk;
    u64 bytes; /* of a segment */
    u32 ahead; /* prepared ones to keep */
    u64 space_low_bytes;
    u64 space_hard_bytes;
    u64 live; /* the first segment of this process */

    struct ring ready;   /* cold -> hot: prepared segments, in the order of their numbers */
    struct ring retired; /* hot -> cold: written ones, to be closed */

    /* owner: the cold agent */
    CACHE_ALIGNED u64 next; /* number of the next one to prepare */
    int filling;            /* SEGMENT_NEW while it is being filled; -1: it is not */
    u64 filled;             /* bytes of it */
    u8 *zeros;              /* SEGMENT_FILL_BYTES */
    u64 ready_seen;         /* segments that were ready at the last turn */
    u64 taken_ns;           /* when there was one less */
    u64 pace_ns;            /* between two steps of filling when there is time */
    u64 fill_ns;            /* when the next step is due then */
    u64 retry_ns;           /* nothing is prepared before */
    u64 space_ns;           /* when to look at the free space again */
    bool complained;        /* the present trouble has been logged */
    bool no_space;          /* the last try found none */
    struct recycle recycle; /* old ones to be used again */

    /* owner: the cold agent; read by anybody */
    CACHE_ALIGNED _Atomic u32 level; /* enum space_level */
    struct metric free_bytes;        /* of the journal's file system, as last seen */
    struct metric level_seen;        /* the same as `level` */
    struct metric recycled;          /* segments used again */
    struct metric removed;           /* ... that were not fit for it */
    _Atomic bool failed;             /* a sync failed: nothing can be prepared any more */
};

/* Prepares nothing yet. Segments are numbered from `next`. Ring memory from `m`. */
void segments_init(struct segments *s, struct disk *disk, u64 bytes, u32 ahead, u64 next,
                   struct mem *m);

/*
 * Removes all segments from number `from` on, highest first, and a half-made one: what a cut has
 * left. At start, before anything is prepared. False: `why`.
 */
bool segments_remove(struct disk *disk, u64 from, struct why *why);

/* The cold agent's turn: closes, prepares at most one step of a segment, looks at the space.
 * Blocks. */
int segments_do_work(struct segments *s, u64 now_ns);

/* Closes all that is in the rings. After the threads have stopped. */
void segments_close(struct segments *s);

#endif
