/*
 * disk.h - the outside world of persist: one directory on one disk, as a table of functions.
 *
 * uring.c and pwrite.c are the real ones; the simulator and the tests are others. Two parts:
 *   hot    write and reap: asynchronous, never block, one thread (the persist agent).
 *   cold   everything else: blocking, any thread except the hot ones; the implementation makes the
 *          calls of different threads safe against each other.
 *
 * What the journal counts on, and what a simulated disk may therefore not take away:
 *   - a write that was reaped without an error is on stable storage, whole;
 *   - a write that was not reaped may be there wholly, in part (any of its 512-byte sectors) or not
 *     at all, and in any order with others;
 *   - a file made by create is zero-filled and its content synced, but its name, like the effect of
 *     rename and unlink, is on stable storage only after sync_dir;
 *   - sync makes what can be read of a file stable.
 *
 * Errors are negative errno values (positive in struct disk_done). An error of a write or of a sync
 * is final: nobody tries again, because the second try would lie.
 */
#ifndef WIREBOOK_PERSIST_DISK_H
#define WIREBOOK_PERSIST_DISK_H

#include "engine/base/types.h"

struct disk;

#define DISK_NAME_MAX 64u /* bytes of a file name, with its final zero */

/* A reaped write. */
struct disk_done {
    u64 tag;   /* as given to write */
    int error; /* 0: the whole write is stable; else a positive errno */
};

enum disk_open {
    DISK_READ,  /* for read and sync */
    DISK_WRITE, /* for write as well */
    DISK_FILL,  /* for put, where many come before one sync */
};

/* A file of the directory. */
struct disk_entry {
    char name[DISK_NAME_MAX];
    u64 bytes;
};

struct disk_ops {
    /* ---- hot ---- */
    /*
     * Begins to write `bytes` (a multiple of BLOCK_BYTES) from `data` (aligned to BLOCK_BYTES,
     * untouched until reaped) at `offset` of `file`. False: the queue is full, nothing was begun.
     */
    bool (*write)(struct disk *d, int file, u64 offset, const void *data, u32 bytes, u64 tag);
    /* Ended writes to `done`, at most `max`, in any order. Returns how many; never blocks. */
    u32 (*reap)(struct disk *d, struct disk_done *done, u32 max);

    /* ---- cold ---- */
    /* Calls `each` for every file, in any order. Returns 0 or an error. */
    int (*list)(struct disk *d, void (*each)(void *ctx, const struct disk_entry *e), void *ctx);
    /* Makes a new file of `bytes` zero bytes (0: empty) and syncs its content. -EEXIST when there
     * is one. */
    int (*create)(struct disk *d, const char *name, u64 bytes);
    /* Returns a file handle >= 0, or an error (-ENOENT). */
    int (*open)(struct disk *d, const char *name, enum disk_open how);
    void (*close)(struct disk *d, int file);
    /*
     * Reads up to `bytes` at `offset` (multiples of BLOCK_BYTES, `to` aligned to it), past any
     * cache that could be older than a reaped write. Returns the bytes read, fewer only at the end
     * of the file, or an error.
     */
    i64 (*read)(struct disk *d, int file, u64 offset, void *to, u64 bytes);
    /*
     * Writes `bytes` at `offset` (multiples of BLOCK_BYTES, `data` aligned to it), which may
     * lengthen the file, and waits. On stable storage only after sync. 0 or an error.
     */
    int (*put)(struct disk *d, int file, u64 offset, const void *data, u64 bytes);
    /* Space for `bytes` of the file, which read as zero until they are put, where the file system
     * can do that. 0 or an error (-ENOSPC). */
    int (*reserve)(struct disk *d, int file, u64 bytes);
    int (*sync)(struct disk *d, int file);
    int (*rename)(struct disk *d, const char *from, const char *to); /* replaces `to` */
    int (*unlink)(struct disk *d, const char *name);
    int (*sync_dir)(struct disk *d); /* after one that failed each one fails, whoever asks */
    /* Bytes that can still be used in the directory's file system; an error as a negative value. */
    i64 (*free_bytes)(struct disk *d);
    /* Takes the directory for this process alone: 0, or -EWOULDBLOCK when another one has it. */
    int (*lock)(struct disk *d);
    /* Waits for writes under way, closes all, gives up the lock. NULL: who made it frees it. */
    void (*free)(struct disk *d);
};

/* The head of every implementation's own struct. */
struct disk {
    const struct disk_ops *ops;
    const char *where; /* the directory, for messages */
};

#endif
