/*
 * disk_rig.h - a real disk in a fresh directory, for the tests of what persist does on real files.
 */
#ifndef WIREBOOK_TESTS_DISK_RIG_H
#define WIREBOOK_TESTS_DISK_RIG_H

#include "persist/disk.h"
#include "persist/why.h"

typedef struct disk *disk_make_fn(const char *path, struct why *why);

struct disk_rig {
    char dir[256];
    struct disk *d;
    struct why why;
};

extern disk_make_fn *disk_rig_make; /* the kind under test: uring_new, pwrite_new */

/* A fresh directory below `base`, its name to f->dir. */
void disk_rig_dir(struct disk_rig *f, const char *base);
void disk_rig_remove(const char *dir);

/* For cmocka: a disk in a directory below WB_TMP or /var/tmp. */
int disk_rig_setup(void **state);
int disk_rig_teardown(void **state);

#endif
