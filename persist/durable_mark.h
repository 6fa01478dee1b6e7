/*
 * durable_mark.h - a witness of the journal's end outside of the journal: data_dir/durable.mark.
 *
 * A block that rots is missed by what later blocks say of it; the last ones have nothing behind
 * them. So the cold agent notes once a second, and a process that ends in order at its end, up to
 * which transaction the journal is on stable storage. A start refuses a journal that ends before
 * that (replay.h). What the file says is true or nothing: where it is missing, or is damaged
 * itself, only the witness is lost.
 *
 * Two blocks, each a record, written in turn: record n into block n % 2.
 */
#ifndef WIREBOOK_PERSIST_DURABLE_MARK_H
#define WIREBOOK_PERSIST_DURABLE_MARK_H

#include "engine/base/limits.h"
#include "engine/base/mem.h"
#include "persist/disk.h"

#define DURABLE_MARK_FILE    "durable.mark"
#define DURABLE_MARK_MAGIC   0x4D444257u /* "WBDM" */
#define DURABLE_MARK_VERSION 1u

struct durable_record {
    u32 magic;   /*  0 DURABLE_MARK_MAGIC */
    u32 crc;     /*  4 CRC-32C of bytes 8..4095 of the block */
    u32 version; /*  8 DURABLE_MARK_VERSION */
    u32 shard;   /* 12 */
    u64 number;  /* 16 of the record, from 1 */
    u64 seq;     /* 24 all transactions up to this one are on stable storage */
    u8 zero[BLOCK_BYTES - 32];
};
_Static_assert(sizeof(struct durable_record) == BLOCK_BYTES, "a block");

/* Judges a record by itself: NULL when it is whole, else what is wrong with it. */
const char *durable_record_check(const struct durable_record *r, u32 shard);

/*
 * What the file says: the highest transaction that was durable; 0: nothing. Each record that should
 * be there and is not right is a line of the log, with its offset. Cold.
 */
u64 durable_mark_read(struct disk *d, u32 shard);

/* The writer; the cold agent's. */
struct durable_mark {
    struct disk *disk;
    u32 shard;
    u64 every_ns;                 /* while it runs, at most so often */
    int file;                     /* -1: none is kept any more */
    u64 number;                   /* of the last record */
    u64 seq;                      /* in it */
    u64 due_ns;                   /* nothing is noted before */
    struct durable_record *block; /* aligned */
};

/*
 * Makes the file anew with what recovery has read, up to `seq`: aside, then in one rename. Blocks.
 * An error is one line of the log; then nothing is noted by this process, which goes on. Memory
 * from `mem`. While the process runs a note is made every `every_ns` at most.
 */
void durable_mark_open(struct durable_mark *m, struct disk *d, u32 shard, u64 seq, u64 every_ns,
                       struct mem *mem);

/* Notes `seq` when it is news and the last note is old enough. Blocks. How many. */
int durable_mark_turn(struct durable_mark *m, u64 seq, u64 now_ns);

/* Notes `seq` and closes the file. */
void durable_mark_close(struct durable_mark *m, u64 seq);

#endif
