/*
 * cursor.h - reads whole transactions from the journal, in order, from a given one on.
 *
 * Cold code: blocks on the disk, takes memory from malloc. Each cursor belongs to one thread.
 * Beside a live writer it never goes beyond `stored`, the last durable transaction, and takes
 * recent blocks from a tap (a ring that the persist agent fills) and older ones from the files.
 */
#ifndef WIREBOOK_PERSIST_CURSOR_H
#define WIREBOOK_PERSIST_CURSOR_H

#include "engine/base/ring.h"
#include "persist/disk.h"
#include "persist/durable.h"
#include "persist/why.h"

struct cursor;

struct cursor_conf {
    struct disk *disk;
    u32 shard;
    /* Beside a live persist agent: persist_stored(p). NULL: nobody writes; read to the end. */
    const struct durable *stored;
    /* The tap given to persist_tap_add of which this cursor is the only consumer, or NULL. */
    struct ring *tap;
    /* Beside a live persist agent: persist_live(p), where its own segments begin. Else zero. */
    struct {
        u64 segment;
        u64 block;
    } live;
};

enum cursor_status {
    CURSOR_TX,    /* there is one */
    CURSOR_WAIT,  /* the next transaction is not durable yet (offline: the journal ends here) */
    CURSOR_GONE,  /* the wanted transaction's segment has been removed from the directory */
    CURSOR_ERROR, /* the disk failed or the journal is damaged: see cursor_why */
};

/* One transaction. `slots` stays valid until the next call on the cursor. */
struct cursor_tx {
    u64 seq;
    const struct slot *slots; /* the command, then its events */
    u32 used;                 /* slots */
    u64 epoch;                /* of the process that wrote it */
    u64 block;                /* number of the block in which it begins */
    u64 end_block;            /* ... in which it ends */
};

/* A cursor that will read from the transaction `seq` (>= 1) on. Reads nothing yet. */
struct cursor *cursor_new(const struct cursor_conf *conf, u64 seq);
void cursor_free(struct cursor *c);

/* The next transaction to `tx`. After CURSOR_GONE or CURSOR_ERROR only a seek helps. */
enum cursor_status cursor_next(struct cursor *c, struct cursor_tx *tx);

/* Goes on with transaction `seq` instead, earlier or later. */
void cursor_seek(struct cursor *c, u64 seq);

/* Goes on with the first transaction that begins in `block` (a cursor_tx.block of before). */
void cursor_seek_block(struct cursor *c, u64 block);

/* The transaction that cursor_next will look for; 0 after cursor_seek_block until it has found
 * one. */
u64 cursor_seq(const struct cursor *c);

/*
 * The first transaction that begins in the oldest segment that is left, from which on all can be
 * read; 0: none is seen in it. After CURSOR_GONE, to find out what there still is.
 */
u64 cursor_oldest(struct cursor *c);

/* Why the last call ended with CURSOR_ERROR or CURSOR_GONE; with CURSOR_WAIT offline, how it
 * ends. */
const char *cursor_why(const struct cursor *c);

#endif
