/*
 * archive_rig.h - an archive beside a process on a fake disk, and a hook with knobs that keeps what
 * it is given in a write-once table in memory. For test_archive and test_archive_ledger.
 *
 * Every fiftieth transaction ends a day; a segment has four blocks.
 */
#ifndef WIREBOOK_TESTS_ARCHIVE_RIG_H
#define WIREBOOK_TESTS_ARCHIVE_RIG_H

#include "persist/archive.h"
#include "tests/lib/fake_disk.h"
#include "tests/lib/fake_tx.h"

#define SHARD      7u
#define BLOCKS     4u
#define JOURNAL_ID 0xABCDu
#define PREFIX     "000000000000abcd/"
#define DAY_EVERY  50u /* transactions */
#define STORED_MAX 512u

struct stored {
    char name[96];
    u8 *data;
    u64 bytes;
};

struct hook {
    struct stored stored[STORED_MAX];
    u32 used;
    u32 begun;
    int fail_next; /* negative errno of the next poll */
    u32 slow;      /* polls until it ends */
    u32 left;
    bool busy;
    char file[DISK_NAME_MAX];
    char name[96];
    u64 bytes;
};

/* The one that there is. */
extern struct archive_rig {
    struct fake_disk *fd;
    struct fake_process process;
    struct archive *archive;
    struct hook hook;
    struct why why;
    u64 now_ns;
} rig;

/* What archive_new wants, for the process as it is. */
struct archive_conf archive_rig_conf(void);

/* A process recovers, with an archive beside it; and its end. */
void archive_rig_start(void);
void archive_rig_end(void);

/* So many more transactions, durable. */
void archive_rig_grow(u32 n);

/* Turns until nothing moves; time goes on so that pauses end. */
void archive_rig_settle(void);

/* What is in the archive under the name, or NULL. */
struct stored *archive_rig_stored(const char *name);

/* Whole segments from 1 on without a gap, as they are on the disk; returns how many. */
u64 archive_rig_segments(void);

/* Each manifest names everything since the one before, that one first, with right sums; returns
 * how many. */
u32 archive_rig_manifests(void);

/* Of each test. */
int archive_rig_setup(void **state);
int archive_rig_teardown(void **state);

#endif
