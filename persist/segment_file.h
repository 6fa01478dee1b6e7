/*
 * segment_file.h - reading segments: the list of them, and the blocks of one.
 *
 * Cold code with memory from malloc. Heads (the first block's header) are read when they are asked
 * for and then kept: a segment's first block never changes.
 */
#ifndef WIREBOOK_PERSIST_SEGMENT_FILE_H
#define WIREBOOK_PERSIST_SEGMENT_FILE_H

#include "persist/disk.h"
#include "persist/journal_format.h"
#include "persist/why.h"

/* ---- one segment ---- */

#define SEGMENT_READ_BLOCKS 64u /* read at once */

struct segment_file {
    struct disk *disk;
    int file; /* -1: none is open */
    u64 segment;
    u64 blocks;        /* whole blocks of the file, as listed */
    struct block *buf; /* SEGMENT_READ_BLOCKS */
    u64 buf_at;        /* index of the first block in buf */
    u64 buf_blocks;
};

/* An object with nothing open. False: no memory. */
bool segment_file_init(struct segment_file *f, struct disk *disk);
void segment_file_free(struct segment_file *f);

/* Opens segment `segment` of `bytes` bytes instead of the one before. 0 or a negative errno. */
int segment_file_open(struct segment_file *f, u64 segment, u64 bytes);
void segment_file_close(struct segment_file *f);

/*
 * Block `index` (from 0) of the open segment to `*out`, valid until the next call; `fresh` reads it
 * from the disk even if it is in memory. 0, a negative errno, or -ENODATA behind the end.
 */
int segment_file_block(struct segment_file *f, u64 index, bool fresh, const struct block **out);

/* ---- all of them ---- */

enum segment_state {
    SEGMENT_UNKNOWN, /* not looked at yet */
    SEGMENT_EMPTY,   /* its first block is not valid: prepared, or torn */
    SEGMENT_USED,    /* `head` is its first block's */
};

struct segment_entry {
    u64 segment;
    u64 bytes;
    enum segment_state state;
    struct block_head head;
    u64 first_seq; /* first transaction that begins in its first blocks; 0: none was seen */
};

struct catalog {
    struct disk *disk;
    u32 shard;
    struct segment_entry *entries; /* by number, rising */
    u32 used;
    u32 room;
    u32 foreign;              /* format version of a segment that has another than ours; 0: none */
    struct segment_file peek; /* for looking at heads */
};

/* An empty catalog. False: no memory. */
bool catalog_init(struct catalog *c, struct disk *disk, u32 shard);
void catalog_free(struct catalog *c);

/* Lists the directory anew; heads that were known stay known. 0 or a negative errno. */
int catalog_load(struct catalog *c);

/* The i-th entry with its state known. 0 or a negative errno (-ENOENT: removed meanwhile). */
int catalog_entry(struct catalog *c, u32 i, struct segment_entry **out);

/*
 * The last used segment whose first block is at most `block` - after a cut the later one counts -
 * as an index to `*i`. 0, a negative errno, or -ENODATA when there is none.
 */
int catalog_find_block(struct catalog *c, u64 block, u32 *i);

/* The same by the number of the first transaction that begins in the segment. Both list the
 * directory anew when a segment has gone since it was listed. */
int catalog_find_seq(struct catalog *c, u64 seq, u32 *i);

#endif
