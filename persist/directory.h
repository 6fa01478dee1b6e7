/*
 * directory.h - the cold half of a real disk (disk.h): files of one directory by plain, blocking
 * system calls. uring.c and pwrite.c add the hot half; alone it is enough for whoever only reads.
 */
#ifndef WIREBOOK_PERSIST_DIRECTORY_H
#define WIREBOOK_PERSIST_DIRECTORY_H

#include <pthread.h>
#include <stdatomic.h>

#include "persist/disk.h"
#include "persist/why.h"

/* The head of every real disk's own struct. */
struct directory {
    struct disk disk; /* first: the interface */
    int dir;
    int lock;
    _Atomic bool direct_refused; /* said once */
    pthread_mutex_t naming;      /* guards name_error; cold */
    int name_error;              /* of the first sync_dir that failed: negative errno; 0: none */
};

/* A disk for tools that only read `path`. NULL: `why`. It must outlive the disk. */
struct disk *directory_new(const char *path, struct why *why);

/* Opens the directory, made if need be with `make`. False: `why`; then nothing is to be ended. */
bool directory_begin(struct directory *u, const struct disk_ops *ops, const char *path, bool make,
                     struct why *why);

/* Gives up the lock and closes the directory. */
void directory_end(struct directory *u);

/* ---- the cold operations, see disk.h ---- */
int directory_list(struct disk *d, void (*each)(void *, const struct disk_entry *), void *ctx);
int directory_create(struct disk *d, const char *name, u64 bytes);
int directory_open(struct disk *d, const char *name, enum disk_open how);
void directory_close(struct disk *d, int file);
int directory_put(struct disk *d, int file, u64 offset, const void *data, u64 bytes);
int directory_reserve(struct disk *d, int file, u64 bytes);
i64 directory_read(struct disk *d, int file, u64 offset, void *to, u64 bytes);
int directory_sync(struct disk *d, int file);
int directory_rename(struct disk *d, const char *from, const char *to);
int directory_unlink(struct disk *d, const char *name);
int directory_sync_dir(struct disk *d);
i64 directory_free_bytes(struct disk *d);
int directory_lock(struct disk *d);

#define DIRECTORY_OPS                                                             \
    .list = directory_list, .create = directory_create, .open = directory_open,   \
    .close = directory_close, .put = directory_put, .reserve = directory_reserve, \
    .read = directory_read, .sync = directory_sync, .rename = directory_rename,   \
    .unlink = directory_unlink, .sync_dir = directory_sync_dir,                   \
    .free_bytes = directory_free_bytes, .lock = directory_lock

#endif
