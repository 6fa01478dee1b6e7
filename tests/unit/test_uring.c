/*
 * test_uring.c - the real disks, io_uring and pwrite, on a real directory: writes, interruptions,
 * files, lock, a whole journal, and tmpfs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/limits.h"
#include "persist/journal_format.h"
#include "persist/directory.h"
#include "persist/pwrite.h"
#include "persist/uring.h"
#include "tests/lib/fake_tx.h"

static struct disk *(*make)(const char *, struct why *); /* the kind under test */
static u32 depth;                                        /* writes that it takes at once */

struct fixture {
    char dir[256];
    struct disk *d;
    struct why why;
};

static void make_dir(struct fixture *f, const char *base)
{
    snprintf(f->dir, sizeof f->dir, "%s/wb-uring-XXXXXX", base);
    assert_non_null(mkdtemp(f->dir));
}

static int setup(void **state)
{
    const char *tmp = getenv("WB_TMP");
    struct fixture *f = calloc(1, sizeof *f);

    make_dir(f, tmp ? tmp : "/var/tmp");
    f->d = make(f->dir, &f->why);
    if (!f->d)
        fail_msg("%s", f->why.text);
    *state = f;
    return 0;
}

static void remove_dir(const char *dir)
{
    char command[300];

    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->d)
        f->d->ops->free(f->d);
    remove_dir(f->dir);
    free(f);
    return 0;
}

static u32 reap_all(struct disk *d, struct disk_done *done, u32 want)
{
    u32 n = 0;

    for (u32 tries = 0; n < want && tries < 100000; tries++) {
        n += d->ops->reap(d, done + n, want - n);
        clock_sleep_ns(10 * NS_PER_US);
    }
    return n;
}

static void writes_test(void **state)
{
    struct fixture *f = *state;
    struct disk *d = f->d;
    u8 *data = aligned_alloc(BLOCK_BYTES, 64 * BLOCK_BYTES);
    u8 *back = aligned_alloc(BLOCK_BYTES, 64 * BLOCK_BYTES);
    struct disk_done done[8];

    for (u32 i = 0; i < 64 * BLOCK_BYTES; i++)
        data[i] = (u8)(i / BLOCK_BYTES + i);
    assert_int_equal(d->ops->create(d, "a", 64 * BLOCK_BYTES), 0);
    assert_int_equal(d->ops->create(d, "a", 64 * BLOCK_BYTES), -EEXIST);
    int file = d->ops->open(d, "a", DISK_WRITE);
    assert_true(file >= 0);
    memset(back, 1, BLOCK_BYTES);
    assert_int_equal(d->ops->read(d, file, 63 * BLOCK_BYTES, back, BLOCK_BYTES), BLOCK_BYTES);
    assert_true(block_is_zero((struct block *)(void *)back));

    for (u32 at = 0; at < 16;) { /* the queue fills, again and again */
        u64 tags = 0;
        for (u32 i = 0; i < depth; i++, at++) {
            u32 from = at * 4 * BLOCK_BYTES;
            assert_true(d->ops->write(d, file, from, data + from, 4 * BLOCK_BYTES, 100 + i));
        }
        assert_false(d->ops->write(d, file, 0, data, BLOCK_BYTES, 99));
        assert_int_equal(reap_all(d, done, depth), depth);
        for (u32 i = 0; i < depth; i++) {
            assert_int_equal(done[i].error, 0);
            tags |= 1ull << (done[i].tag - 100);
        }
        assert_int_equal(tags, (1ull << depth) - 1);
    }
    assert_int_equal(d->ops->reap(d, done, 8), 0);
    assert_int_equal(d->ops->read(d, file, 0, back, 64 * BLOCK_BYTES), 64 * BLOCK_BYTES);
    assert_memory_equal(back, data, 64 * BLOCK_BYTES);
    assert_int_equal(d->ops->read(d, file, 64 * BLOCK_BYTES, back, BLOCK_BYTES), 0);
    assert_int_equal(d->ops->sync(d, file), 0);
    d->ops->close(d, file);
    free(data);
    free(back);
}

/* An error comes up once, with its number. */
static void write_error_test(void **state)
{
    struct fixture *f = *state;
    u8 *data = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);
    struct disk_done done[2];

    memset(data, 1, BLOCK_BYTES);
    assert_int_equal(f->d->ops->create(f->d, "a", BLOCK_BYTES), 0);
    int file = f->d->ops->open(f->d, "a", DISK_READ); /* not open for writing */
    assert_true(f->d->ops->write(f->d, file, 0, data, BLOCK_BYTES, 5));
    assert_int_equal(reap_all(f->d, done, 1), 1);
    assert_int_equal(done[0].tag, 5);
    assert_int_equal(done[0].error, EBADF);
    f->d->ops->close(f->d, file);
    free(data);
}

/* A file that may not grow is written short by the kernel first; the rest is tried, then fails. */
static void short_write_test(void **state)
{
    struct fixture *f = *state;
    u8 *data = aligned_alloc(BLOCK_BYTES, 4 * BLOCK_BYTES);
    struct rlimit unlimited, small = {.rlim_cur = 2 * BLOCK_BYTES};
    struct disk_done done[2];

    memset(data, 1, 4 * BLOCK_BYTES);
    assert_int_equal(f->d->ops->create(f->d, "a", BLOCK_BYTES), 0);
    int file = f->d->ops->open(f->d, "a", DISK_WRITE);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &unlimited);
    small.rlim_max = unlimited.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    assert_true(f->d->ops->write(f->d, file, 0, data, 4 * BLOCK_BYTES, 6));
    u32 n = reap_all(f->d, done, 1);
    setrlimit(RLIMIT_FSIZE, &unlimited);
    assert_int_equal(n, 1);
    assert_int_equal(done[0].error, EFBIG);
    assert_int_equal(f->d->ops->read(f->d, file, 0, data, 4 * BLOCK_BYTES), 2 * BLOCK_BYTES);
    f->d->ops->close(f->d, file);
    free(data);
}

/* ---- interruptions: the C library's and liburing's calls go through here ---- */

static u32 interrupts; /* calls to come that only say EINTR */
static u32 shorts;     /* ... of pwrite that write one sector */
static u32 nothings;   /* ... of pwrite that write nothing, and say so */

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at)
{
    if (interrupts > 0) {
        interrupts--;
        errno = EINTR;
        return -1;
    }
    if (nothings > 0) {
        nothings--;
        return 0;
    }
    if (shorts > 0 && bytes > 512) {
        shorts--;
        bytes = 512;
    }
    return syscall(SYS_pwrite64, fd, data, bytes, at);
}

int io_uring_submit(struct io_uring *ring)
{
    int (*real)(struct io_uring *) = (int (*)(struct io_uring *))dlsym(RTLD_NEXT, __func__);

    if (interrupts > 0) {
        interrupts--;
        return interrupts % 2 ? -EINTR : -EAGAIN;
    }
    return real(ring);
}

/* What a signal interrupts is done all the same, and once. */
static void interrupted_test(void **state)
{
    struct fixture *f = *state;
    u8 *data = aligned_alloc(BLOCK_BYTES, 4 * BLOCK_BYTES);
    u8 *back = aligned_alloc(BLOCK_BYTES, 4 * BLOCK_BYTES);
    struct disk_done done[2];

    for (u32 i = 0; i < 4 * BLOCK_BYTES; i++)
        data[i] = (u8)(i * 7 + i / 512);
    assert_int_equal(f->d->ops->create(f->d, "a", 4 * BLOCK_BYTES), 0);
    int file = f->d->ops->open(f->d, "a", DISK_WRITE);
    interrupts = 5;
    shorts = 3;
    assert_true(f->d->ops->write(f->d, file, 0, data, 4 * BLOCK_BYTES, 7));
    assert_int_equal(reap_all(f->d, done, 1), 1);
    assert_int_equal(done[0].error, 0);
    assert_int_equal(interrupts, 0);
    assert_int_equal(f->d->ops->reap(f->d, done, 2), 0);
    assert_int_equal(f->d->ops->read(f->d, file, 0, back, 4 * BLOCK_BYTES), 4 * BLOCK_BYTES);
    assert_memory_equal(back, data, 4 * BLOCK_BYTES);
    shorts = 0;
    f->d->ops->close(f->d, file);
    free(data);
    free(back);
}

/* The cold write: lengthens a file that was made empty. */
static void put_test(void **state)
{
    struct fixture *f = *state;
    u8 *data = aligned_alloc(BLOCK_BYTES, 2 * BLOCK_BYTES);
    u8 *back = aligned_alloc(BLOCK_BYTES, 4 * BLOCK_BYTES);

    memset(data, 0x5A, 2 * BLOCK_BYTES);
    assert_int_equal(f->d->ops->create(f->d, "a", 0), 0);
    int file = f->d->ops->open(f->d, "a", DISK_WRITE);
    interrupts = shorts = 2;
    assert_int_equal(f->d->ops->put(f->d, file, 0, data, 2 * BLOCK_BYTES), 0);
    assert_int_equal(f->d->ops->put(f->d, file, 2 * BLOCK_BYTES, data, BLOCK_BYTES), 0);
    assert_int_equal(f->d->ops->sync(f->d, file), 0);
    assert_int_equal(f->d->ops->read(f->d, file, 0, back, 4 * BLOCK_BYTES), 3 * BLOCK_BYTES);
    assert_memory_equal(back, data, 2 * BLOCK_BYTES);
    assert_memory_equal(back + 2 * BLOCK_BYTES, data, BLOCK_BYTES);
    f->d->ops->close(f->d, file);
    file = f->d->ops->open(f->d, "a", DISK_READ);
    assert_int_equal(f->d->ops->put(f->d, file, 0, data, BLOCK_BYTES), -EBADF);
    f->d->ops->close(f->d, file);
    file = f->d->ops->open(f->d, "a", DISK_FILL);
    assert_int_equal(f->d->ops->put(f->d, file, 0, data, BLOCK_BYTES), 0);
    nothings = 1;
    assert_int_equal(f->d->ops->put(f->d, file, 0, data, BLOCK_BYTES), -EIO);
    assert_int_equal(f->d->ops->sync(f->d, file), 0);
    f->d->ops->close(f->d, file);
    free(data);
    free(back);
}

static void count_file(void *ctx, const struct disk_entry *e)
{
    u64 *sums = ctx;

    sums[0]++;
    sums[1] += e->bytes;
}

/* What cannot be made whole is not there. */
static void half_made_test(void **state)
{
    struct fixture *f = *state;
    struct rlimit unlimited, small = {.rlim_cur = 8 * BLOCK_BYTES};

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
    struct fixture *f = *state;
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

/* One directory, one process. */
static void lock_test(void **state)
{
    struct fixture *f = *state;
    int status;

    assert_int_equal(f->d->ops->lock(f->d), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct disk *other = directory_new(f->dir, &f->why);
        _exit(other && other->ops->lock(other) == -EWOULDBLOCK ? 42 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 42);
    f->d->ops->free(f->d);
    f->d = make(f->dir, &f->why);
    assert_int_equal(f->d->ops->lock(f->d), 0); /* free again */
}

static void ignore_file(void *ctx, const struct disk_entry *e)
{
    (void)ctx;
    (void)e;
}

static void no_directory_test(void **state)
{
    struct fixture *f = *state;
    char path[300];

    snprintf(path, sizeof path, "%s/no/such", f->dir);
    assert_null(directory_new(path, &f->why)); /* reading makes nothing */
    assert_non_null(strstr(f->why.text, path));
    struct disk *d = make(path, &f->why); /* writing makes the way to it */
    assert_non_null(d);
    d->ops->free(d);
    snprintf(path, sizeof path, "%s/file", f->dir);
    fclose(fopen(path, "w"));
    assert_null(make(path, &f->why));
    assert_non_null(strstr(f->why.text, "Not a directory"));
    char far_off[4097];
    memset(far_off, '/', 4096);
    far_off[4096] = '\0';
    far_off[4095] = 'a'; /* the kernel's limit, the final zero included */
    assert_null(make(far_off, &f->why));
    assert_non_null(strstr(f->why.text, "too long"));
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

/* A whole journal, three processes one after the other. */
static void journal_on(struct fixture *f)
{
    for (u32 round = 1; round <= 3; round++) {
        struct fake_process p;
        fake_process_init(&p, 16);
        if (fake_process_start(&p, f->d, &f->why) != REPLAY_OK || !p.persist)
            fail_msg("%s", f->why.text);
        assert_int_equal(p.at.last_seq, (round - 1) * 500);
        fake_process_send(&p, 500);
        for (u32 i = 0; i < 100000 && !persist_idle(p.persist); i++) {
            fake_process_run(&p);
            clock_sleep_ns(10 * NS_PER_US);
        }
        assert_int_equal(durable_get(persist_durable(p.persist)), round * 500);
        persist_free(p.persist);
        fake_process_end(&p);
    }
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
    struct fixture *f = *state;
    char path[280];
    char parent[280];

    snprintf(path, sizeof path, "%s/a/b//c/", f->dir);
    synced_used = 0;
    struct disk *d = make(path, &f->why);
    assert_non_null(d);
    d->ops->free(d);
    assert_true(synced_used >= 3);
    assert_string_equal(synced[0], f->dir);
    snprintf(parent, sizeof parent, "%s/a", f->dir);
    assert_string_equal(synced[1], parent);
    snprintf(parent, sizeof parent, "%s/a/b", f->dir);
    assert_string_equal(synced[synced_used - 1], parent);

    synced_used = 0; /* it is there, but perhaps not for long */
    d = make(path, &f->why);
    assert_non_null(d);
    d->ops->free(d);
    assert_int_equal(synced_used, 1);
    assert_string_equal(synced[0], parent);

    sync_error = EIO;
    assert_null(make(path, &f->why));
    sync_error = 0;
    assert_non_null(strstr(f->why.text, "Input/output error"));
}

/*
 * What the kernel has once failed to sync it forgets: the next one of the same directory goes well,
 * whoever asks, and says nothing of the names before it.
 */
static void lost_names_test(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(f->d->ops->sync_dir(f->d), 0);
    sync_error = EIO;
    assert_int_equal(f->d->ops->sync_dir(f->d), -EIO);
    sync_error = 0;
    assert_int_equal(f->d->ops->sync_dir(f->d), -EIO);
}

static void journal_test(void **state)
{
    journal_on(*state);
}

/* The file ends within a sector: there is no way on, and no way to try for ever. */
static void stuck_on(struct disk *d)
{
    u8 *data = aligned_alloc(BLOCK_BYTES, 4 * BLOCK_BYTES);
    struct rlimit unlimited, small = {.rlim_cur = 2 * BLOCK_BYTES + 100};
    struct disk_done done[2];

    memset(data, 1, 4 * BLOCK_BYTES);
    assert_int_equal(d->ops->create(d, "stuck", 0), 0);
    int file = d->ops->open(d, "stuck", DISK_WRITE);
    getrlimit(RLIMIT_FSIZE, &unlimited);
    small.rlim_max = unlimited.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    assert_true(d->ops->write(d, file, 0, data, 4 * BLOCK_BYTES, 6));
    u32 n = 0;
    for (u32 tries = 0; n == 0 && tries < 1000; tries++) {
        n = d->ops->reap(d, done, 1);
        clock_sleep_ns(10 * NS_PER_US);
    }
    setrlimit(RLIMIT_FSIZE, &unlimited);
    assert_int_equal(n, 1);
    assert_int_equal(done[0].error, EIO);
    d->ops->close(d, file);
    free(data);
}

/* A file system that may have no O_DIRECT. */
static void tmpfs_test(void **state)
{
    struct fixture *f = *state;
    struct fixture shm = {.d = NULL};

    if (access("/dev/shm", W_OK) != 0)
        skip();
    (void)f;
    make_dir(&shm, "/dev/shm");
    shm.d = make(shm.dir, &shm.why);
    assert_non_null(shm.d);
    journal_on(&shm);
    stuck_on(shm.d);
    shm.d->ops->free(shm.d);
    remove_dir(shm.dir);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int run(struct disk *(*kind)(const char *, struct why *), u32 takes)
{
    const struct CMUnitTest tests[] = {
        T(writes_test),    T(write_error_test), T(short_write_test), T(interrupted_test),
        T(put_test),       T(files_test),       T(lock_test),        T(no_directory_test),
        T(parents_test),   T(journal_test),     T(tmpfs_test),       T(lost_names_test),
        T(half_made_test),
    };

    make = kind;
    depth = takes;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return run(uring_new, 8) + run(pwrite_new, 1);
}
