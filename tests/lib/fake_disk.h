/*
 * fake_disk.h - a directory in memory under the test's full control: which write ends when, in
 * which order, with what error, and what is left of it when the power goes.
 *
 * Unlike the simulator's disk it has no time and no chance of its own. It checks what the journal
 * promises: a block that has been submitted does not change before its write ends, and no byte of a
 * segment is written twice.
 */
#ifndef WIREBOOK_TESTS_FAKE_DISK_H
#define WIREBOOK_TESTS_FAKE_DISK_H

#include "persist/disk.h"

#define FAKE_FILES   512u
#define FAKE_PENDING 16u

struct fake_file {
    char name[DISK_NAME_MAX]; /* empty: none, or removed */
    u8 *data;
    u64 bytes;
    u32 opens;
    bool fill;      /* opened with DISK_FILL */
    bool read_only; /* as the archive gives files back: nobody may write it */
};

struct fake_pending {
    const u8 *data;
    u64 offset;
    u64 tag;
    u32 bytes;
    u32 sum; /* of the data when it was submitted */
    int file;
    int error;
    bool busy;
    bool ended;
};

struct fake_disk {
    struct disk disk; /* first */
    struct fake_file files[FAKE_FILES];
    struct fake_pending pending[FAKE_PENDING];
    u32 pending_used;
    bool locked;
    /* knobs */
    bool automatic;   /* every write ends, in order, at the next reap */
    bool recycles;    /* a file may be written again under another name */
    u32 queue_max;    /* writes taken at once, at most FAKE_PENDING */
    int create_error; /* of every create: negative errno; 0: none */
    int sync_error;   /* of every sync_dir */
    int fsync_error;  /* of every sync of a file */
    int read_error;   /* of every read, from the one numbered reads_good on */
    u32 reads_good;
    int put_error; /* of every put, from the one numbered puts_good on */
    u32 puts_good;
    int fill_error; /* the same of those that fill a file */
    u32 fills_good;
    i64 free_bytes;
    /* what was seen */
    u64 writes;
    u64 bytes_written;
    u32 syncs;
    u32 dir_syncs;
    u32 reads;
    u32 puts;
    u32 fills;
    u32 in_flight_max;
    u32 blocks_max; /* of one write */
};

struct fake_disk *fake_disk_new(void);
void fake_disk_free(struct fake_disk *f);

/* A copy of all files; nothing open, nothing pending, not locked. */
struct fake_disk *fake_disk_copy(const struct fake_disk *f);

/* Ends the i-th write that is under way (by age), with `error` (positive errno) or 0. */
void fake_disk_end(struct fake_disk *f, u32 i, int error);
/* Writes that are under way and have not ended. */
u32 fake_disk_under_way(const struct fake_disk *f);

/*
 * The power goes: of each write under way the sectors (512 bytes) stay whose turn in `random`'s
 * bits is one; closes everything. `random` 0 loses all of them, UINT64_MAX keeps all.
 */
void fake_disk_cut(struct fake_disk *f, u64 random);

/* The file called `name`; NULL when there is none. */
struct fake_file *fake_disk_file(struct fake_disk *f, const char *name);
/* How many files there are. */
u32 fake_disk_files(const struct fake_disk *f);

#endif
