/*
 * test_directory.c - the cold half of the real disks: files, names that are synced, errors that
 * stay, the lock, the way to the directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/limits.h"
#include "persist/directory.h"
#include "persist/uring.h"
#include "tests/lib/disk_rig.h"

static void count_file(void *ctx, const struct disk_entry *e)
{
    u64 *sums = ctx;

    sums[0]++;
    sums[1] += e->bytes;
}

/* What cannot be made whole is not there. */
static void half_made_test(void **state)
{
    struct disk_rig *f = *state;
    struct rlimit unlimited, small = {.rlim_cur = 8 * BLOCK_BYTES};

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &unlimited);
    small.rlim_max = unlimited.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    int error = f->d->ops->create(f->d, "a", 16 * BLOCK_BYTES);
    setrlimit(RLIMIT_FSIZE, &unlimited);
    assert_int_equal(error, -EFBIG);
    assert_int_equal(f->d->ops->open(f->d, "a", DISK_READ), -ENOENT);
    assert_int_equal(f->d->ops->create(f->d, "a", BLOCK_BYTES), 0);
    int file = f->d->ops->open(f->d, "a", DISK_WRITE);
    assert_int_equal(f->d->ops->reserve(f->d, file, 3 * BLOCK_BYTES), 0);
    u64 sums[2] = {0, 0};
    assert_int_equal(f->d->ops->list(f->d, count_file, sums), 0);
    assert_int_equal(sums[1], 3 * BLOCK_BYTES);
    f->d->ops->close(f->d, file);
}

static void files_test(void **state)
{
    struct disk_rig *f = *state;
    struct disk *d = f->d;
    u64 sums[2] = {0, 0};

    assert_int_equal(d->ops->open(d, "none", DISK_READ), -ENOENT);
    assert_int_equal(d->ops->create(d, "a", BLOCK_BYTES), 0);
    assert_int_equal(d->ops->create(d, "b", 3 * BLOCK_BYTES), 0);
    assert_int_equal(d->ops->rename(d, "a", "b"), 0); /* replaces */
    assert_int_equal(d->ops->create(d, "c", 2 * BLOCK_BYTES), 0);
    assert_int_equal(d->ops->sync_dir(d), 0);
    assert_int_equal(d->ops->list(d, count_file, sums), 0);
    assert_int_equal(sums[0], 2);
    assert_int_equal(sums[1], 3 * BLOCK_BYTES);
    assert_int_equal(d->ops->unlink(d, "b"), 0);
    assert_int_equal(d->ops->unlink(d, "b"), -ENOENT);
    assert_true(d->ops->free_bytes(d) > 0);
}

/* One directory, one process, also where somebody took its lock for a stale one. */
static void lock_test(void **state)
{
    struct disk_rig *f = *state;
    int status;

    assert_int_equal(f->d->ops->lock(f->d), 0);
    assert_int_equal(f->d->ops->unlink(f->d, "lock"), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct disk *other = directory_new(f->dir, &f->why);
        _exit(other && other->ops->lock(other) == -EWOULDBLOCK ? 42 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 42);
    f->d->ops->free(f->d);
    f->d = disk_rig_make(f->dir, &f->why);
    assert_int_equal(f->d->ops->lock(f->d), 0); /* free again */
}

static void ignore_file(void *ctx, const struct disk_entry *e)
{
    (void)ctx;
    (void)e;
}

static void no_directory_test(void **state)
{
    struct disk_rig *f = *state;
    char path[300];

    snprintf(path, sizeof path, "%s/no/such", f->dir);
    assert_null(directory_new(path, &f->why)); /* reading makes nothing */
    assert_non_null(strstr(f->why.text, path));
    struct disk *d = disk_rig_make(path, &f->why); /* writing makes the way to it */
    assert_non_null(d);
    d->ops->free(d);
    snprintf(path, sizeof path, "%s/file", f->dir);
    fclose(fopen(path, "w"));
    assert_null(disk_rig_make(path, &f->why));
    assert_non_null(strstr(f->why.text, "Not a directory"));
    char far_off[4097];
    memset(far_off, '/', 4096);
    far_off[4096] = '\0';
    far_off[4095] = 'a'; /* the kernel's limit, the final zero included */
    assert_null(disk_rig_make(far_off, &f->why));
    int before = dup(0); /* nothing stays open */
    for (u32 i = 0; i < 10; i++) {
        d = directory_new(f->dir, &f->why);
        assert_int_equal(d->ops->list(d, ignore_file, NULL), 0);
        d->ops->free(d);
    }
    int after = dup(0);
    assert_int_equal(after, before + 1);
    close(before);
    close(after);
}

static char synced[16][256]; /* directories that fsync was called for, in that order */
static u32 synced_used;
static int sync_error;

/* Instead of the C library's: notes and does it, or fails. */
int fsync(int fd)
{
    char link[64];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (synced_used < 16) {
        ssize_t n = readlink(link, synced[synced_used], sizeof synced[0] - 1);
        synced[synced_used++][n < 0 ? 0 : n] = '\0';
    }
    if (sync_error) {
        errno = sync_error;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

/* A power cut must not take the path to the journal away: each new name is synced. */
static void parents_test(void **state)
{
    struct disk_rig *f = *state;
    char path[280];
    char parent[280];

    snprintf(path, sizeof path, "%s/a/b//c/", f->dir);
    synced_used = 0;
    struct disk *d = disk_rig_make(path, &f->why);
    assert_non_null(d);
    d->ops->free(d);
    assert_true(synced_used >= 3);
    assert_string_equal(synced[0], f->dir);
    snprintf(parent, sizeof parent, "%s/a", f->dir);
    assert_string_equal(synced[1], parent);
    snprintf(parent, sizeof parent, "%s/a/b", f->dir);
    assert_string_equal(synced[synced_used - 1], parent);

    synced_used = 0; /* it is there, but perhaps not for long */
    d = disk_rig_make(path, &f->why);
    assert_non_null(d);
    d->ops->free(d);
    assert_int_equal(synced_used, 1);
    assert_string_equal(synced[0], parent);

    sync_error = EIO;
    assert_null(disk_rig_make(path, &f->why));
    sync_error = 0;
    assert_non_null(strstr(f->why.text, "Input/output error"));
}

/*
 * What the kernel has once failed to sync it forgets: the next one of the same directory goes well,
 * whoever asks, and says nothing of the names before it.
 */
static void lost_names_test(void **state)
{
    struct disk_rig *f = *state;

    assert_int_equal(f->d->ops->sync_dir(f->d), 0);
    sync_error = EIO;
    assert_int_equal(f->d->ops->sync_dir(f->d), -EIO);
    sync_error = 0;
    assert_int_equal(f->d->ops->sync_dir(f->d), -EIO);
}

#define T(name) cmocka_unit_test_setup_teardown(name, disk_rig_setup, disk_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(half_made_test),    T(files_test),   T(lock_test),
        T(no_directory_test), T(parents_test), T(lost_names_test),
    };

    disk_rig_make = uring_new;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
