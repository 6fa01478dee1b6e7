/*
 * journal_format.h - the bytes of the journal on the disk.
 *
 * A journal is a directory of segments; a segment is a file of 4 KiB blocks; a block is a header
 * and 63 slots. Transactions lie in the slots one behind the other, across blocks and segments;
 * what a block does not use is zero. Blocks are numbered from 1 for the journal's life. Each
 * process writes into segments of its own, so that all blocks of a segment have one epoch; the next
 * process begins a segment with the number of the first block that it could not read.
 *
 * Little-endian. A change of anything here is a new JOURNAL_VERSION; tests/data has a golden block.
 */
#ifndef WIREBOOK_PERSIST_JOURNAL_FORMAT_H
#define WIREBOOK_PERSIST_JOURNAL_FORMAT_H

#include "engine/base/limits.h"
#include "engine/base/ring.h"
#include "engine/base/types.h"

#define JOURNAL_MAGIC   0x4C4A4257u /* "WBJL" */
#define JOURNAL_VERSION 2u

#define SEGMENT_BLOCKS_MIN 4u
#define SEGMENT_SUFFIX     ".journal" /* 16 hexadecimal digits of the segment's number before it */
#define SEGMENT_NEW        "new.segment" /* a segment while it is being zero-filled */

struct block_head {
    u32 magic;          /*  0 JOURNAL_MAGIC */
    u32 crc;            /*  4 CRC-32C of bytes 8..4095 of the block */
    u16 version;        /*  8 JOURNAL_VERSION */
    u8 slots_used;      /* 10 of the 63; 1..63 */
    u8 first_tx_slot;   /* 11 slot (0..62) at which the first transaction begins; 0 without one */
    u32 prev_crc;       /* 12 `crc` of the block before; 0 for block 1 */
    u64 epoch;          /* 16 of the process that wrote it, from 1 */
    u64 segment;        /* 24 number of the segment, from 1 */
    u64 block;          /* 32 number of the block, from 1 */
    u64 first_seq;      /* 40 first transaction that begins in the block; 0: none begins */
    u64 durable_block;  /* 48 all blocks up to this one were durable when this one was written */
    u32 shard;          /* 56 */
    u32 segment_blocks; /* 60 blocks that the segment's file has */
};
_Static_assert(sizeof(struct block_head) == SLOT_BYTES, "the header takes a slot's place");
_Static_assert(offsetof(struct block_head, crc) == 4, "the sum begins behind it");
_Static_assert(offsetof(struct block_head, prev_crc) == 12, "format");
_Static_assert(offsetof(struct block_head, epoch) == 16, "format");
_Static_assert(offsetof(struct block_head, segment) == 24, "format");
_Static_assert(offsetof(struct block_head, block) == 32, "format");
_Static_assert(offsetof(struct block_head, first_seq) == 40, "format");
_Static_assert(offsetof(struct block_head, durable_block) == 48, "format");
_Static_assert(offsetof(struct block_head, shard) == 56, "format");
_Static_assert(offsetof(struct block_head, segment_blocks) == 60, "format");

struct block {
    struct block_head head;
    struct slot slots[BLOCK_SLOTS];
};
_Static_assert(sizeof(struct block) == BLOCK_BYTES, "a block is a page");

/* The sum that belongs into head.crc. */
u32 block_crc(const struct block *b);

/*
 * Judges a block by itself: magic, version, shard, checksum, counts. Returns NULL when it is whole,
 * else what is wrong with it ("magic", "checksum", ...).
 */
const char *block_check(const struct block *b, u32 shard);

/*
 * The format version of a block that is whole but of another one than ours; 0: it is no such block.
 * Magic, version and checksum stay where they are in every version.
 */
u32 block_foreign(const struct block *b);

/* True when all 4,096 bytes are zero: never written. */
bool block_is_zero(const struct block *b);

/* "00000000000000a3.journal" for segment 0xa3 to `name` of DISK_NAME_MAX bytes. */
void segment_name(u64 segment, char *name);

/* The number of the segment that has this file name; 0 when it is no segment's name. */
u64 segment_parse(const char *name);

#endif
