/*
 * journal.h - forms blocks of transactions and writes them: the hot half of persist's disk work.
 *
 * One thread. Slots go in transaction by transaction; blocks come out of journal_reap in order,
 * once they are on stable storage. See journal.c.
 */
#ifndef WIREBOOK_PERSIST_JOURNAL_H
#define WIREBOOK_PERSIST_JOURNAL_H

#include "engine/base/limits.h"
#include "engine/base/mem.h"
#include "engine/base/ring.h"
#include "persist/disk.h"
#include "persist/journal_format.h"
#include "persist/segments.h"

enum journal_state {
    JOURNAL_OPEN,
    JOURNAL_FAILED, /* a write failed: final */
};

struct journal_write {
    u64 first; /* block number */
    u32 blocks;
    bool begun; /* false: the disk's queue was full, it is offered again */
    bool done;
    bool again; /* the block before goes along once more: never, but in plant.h */
};

/* A segment whose blocks are being written; it is given back when the last one is durable. */
struct journal_segment {
    u64 segment;
    u64 first_block;
    u32 blocks;
    int file;
};

#define JOURNAL_SEGMENTS_MAX (JOURNAL_INFLIGHT_MAX + 2u)

struct journal {
    /* fixed */
    struct disk *disk;
    u32 shard;
    u64 epoch;
    struct ring *ready;   /* prepared segments in */
    struct ring *retired; /* written segments out */
    u64 buffer_mask;      /* of a block's number: where it lies */
    struct block *blocks;
    u64 *seq_end; /* last transaction that ends in that block or before */

    /* durable < unsubmitted <= forming; all block numbers */
    u64 durable;     /* last block of those that are durable in order */
    u64 unsubmitted; /* first block that no write has taken */
    u64 forming;     /* the block being filled */
    u32 fill;        /* slots in it, 0..62 */
    u32 crc;         /* of block unsubmitted - 1 */
    bool in_tx;      /* between journal_tx_begin and journal_tx_end */
    u8 state;        /* enum journal_state */

    struct journal_write writes[JOURNAL_INFLIGHT_MAX]; /* by number, masked */
    u64 write_next;                                    /* number of the next write */
    u64 write_oldest; /* ... of the oldest that is not both done and counted */

    struct journal_segment segments[JOURNAL_SEGMENTS_MAX]; /* the same way */
    u64 segment_next;
    u64 segment_oldest;

    /* statistics */
    u64 writes_done;
    u64 blocks_written;
    u64 blocks_padded; /* went out partly filled */
    u64 waits_segment; /* submissions put off because no segment was ready */
};

/* Where a journal goes on. */
struct journal_at {
    u64 block;    /* number of the next block */
    u32 last_crc; /* of the block before */
    u64 last_seq; /* last transaction before */
};

/*
 * A journal that goes on at `at` in fresh segments from `ready`. `buffer_blocks`, a power of two
 * and JOURNAL_BUFFER_BLOCKS_MIN or more, have memory of `m`.
 */
void journal_init(struct journal *j, struct disk *disk, u32 shard, u64 epoch,
                  const struct journal_at *at, u32 buffer_blocks, struct ring *ready,
                  struct ring *retired, struct mem *m);

/* Slots that can be put in now, at least; for whole transactions ask for TX_SLOTS_MAX. */
u64 journal_room(const struct journal *j);

/* Begins transaction `seq`; journal_room has shown that there is room for all of it. */
void journal_tx_begin(struct journal *j, u64 seq);
/* Its next `n` slots. */
void journal_put(struct journal *j, const struct slot *slots, u64 n);
void journal_tx_end(struct journal *j, u64 seq);

/*
 * Hands to the disk what may go out now; returns the number of writes begun. Between transactions.
 */
int journal_submit(struct journal *j);

/*
 * Takes in ended writes. Returns the number of blocks that became durable, in order: they are the
 * `n` blocks up to j->durable and stay readable by journal_block until the next journal call.
 */
u64 journal_reap(struct journal *j);

static inline const struct block *journal_block(const struct journal *j, u64 block)
{
    return &j->blocks[block & j->buffer_mask];
}

/* Last transaction that lies wholly in blocks up to `block`, which is still in memory. */
static inline u64 journal_seq_end(const struct journal *j, u64 block)
{
    return j->seq_end[block & j->buffer_mask];
}

/* True when nothing is waiting or under way. */
static inline bool journal_idle(const struct journal *j)
{
    return j->durable + 1 == j->forming && j->fill == 0;
}

/* Closes the segments; after the disk has no writes of them under way. */
void journal_close(struct journal *j);

/* Asserts what must hold between the fields. */
void journal_invariant(const struct journal *j);

#endif
