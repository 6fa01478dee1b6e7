/*
 * snapshot.h - files that hold the engine's whole state after one transaction, so that a start need
 * not read the journal from its beginning.
 *
 * `data_dir/<seq, 16 hexadecimal digits>.snapshot`; `new.snapshot` while one is written. A file is
 * a head of one block, then groups: a block that lists up to 64 pages, then these pages
 * (engine/image.h). Each byte of it is under a checksum. What it means is known only to the program
 * that made it, with the same pools; the journal is what is kept for ever.
 *
 * Cold code; blocks; memory from malloc.
 */
#ifndef WIREBOOK_PERSIST_SNAPSHOT_H
#define WIREBOOK_PERSIST_SNAPSHOT_H

#include "engine/engine.h"
#include "persist/disk.h"
#include "persist/why.h"

#define SNAPSHOT_SUFFIX ".snapshot"
#define SNAPSHOT_NEW    "new.snapshot"

/* What a snapshot says of itself. */
struct snapshot {
    u32 shard;
    u64 journal_id;
    u64 epoch;      /* of the transaction */
    u64 seq;        /* the last transaction that is in it */
    u64 block;      /* in which that transaction begins */
    u64 day_seq;    /* transaction of the last EV_DAY_OPENED; 0: none */
    u64 state_hash; /* engine_state_hash of what it holds */
    struct engine_conf engine;
};

/*
 * Writes one of the engine that lies in arena `m`: aside, synced, renamed, and the name synced.
 * False: `why`; then there is none of that name, and what there was is untouched.
 */
bool snapshot_write(struct disk *d, const struct snapshot *s, const struct mem *m, struct why *why);

#define SNAPSHOTS_LISTED 16u

/* The numbers of the newest snapshots in the directory, newest first. */
struct snapshot_list {
    u64 seq[SNAPSHOTS_LISTED];
    u64 bytes[SNAPSHOTS_LISTED];
    u32 used;
};

/* Lists them. 0 or a negative errno. */
int snapshot_list(struct disk *d, struct snapshot_list *list);

/* The i-th of the list: its head to `s`. False: `why` says what is wrong with it. */
bool snapshot_head(struct disk *d, const struct snapshot_list *list, u32 i, struct snapshot *s,
                   struct why *why);

/*
 * The last transaction of the newest one that another program made, of which nobody else can read
 * more than that; 0: there is none.
 */
u64 snapshot_foreign(struct disk *d);

/*
 * Its pages into arena `m`, in which engine_new has just made `e` with s->engine, and nothing else.
 * False: `why`; then the arena is to be thrown away. What was loaded has the snapshot's state hash.
 */
bool snapshot_load(struct disk *d, const struct snapshot_list *list, u32 i,
                   const struct snapshot *s, struct mem *m, struct engine *e, struct why *why);

/* Removes all snapshots but those of `keep` and `keep_too`, and a half-made one. 0 or an errno. */
int snapshot_remove(struct disk *d, u64 keep, u64 keep_too);

/* The number of the transaction that a snapshot's file name tells; 0: it is no snapshot's. */
u64 snapshot_parse(const char *name);

#endif
