/*
 * test_uring.c - the real disks, io_uring and pwrite, on a real directory: writes, interruptions, a
 * whole journal, and tmpfs.
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
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/limits.h"
#include "persist/journal_format.h"
#include "persist/pwrite.h"
#include "persist/uring.h"
#include "tests/lib/disk_rig.h"
#include "tests/lib/fake_tx.h"

static u32 depth; /* writes that the kind under test takes at once */

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
    struct disk_rig *f = *state;
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
    struct disk_rig *f = *state;
    u8 *data = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);
    struct disk_done done[2];

    memset(data, 1, BLOCK_BYTES);
    assert_int_equal(f->d->ops->create(f->d, "a", BLOCK_BYTES), 0);
    int file = f->d->ops->open(f->d, "a", DISK_READ);  /* not open for writing */
    for (u64 tag = 5; tag < 5 + 2ull * depth; tag++) { /* a place is free again each time */
        assert_true(f->d->ops->write(f->d, file, 0, data, BLOCK_BYTES, tag));
        assert_int_equal(reap_all(f->d, done, 1), 1);
        assert_int_equal(done[0].tag, tag);
        assert_int_equal(done[0].error, EBADF);
    }
    f->d->ops->close(f->d, file);
    free(data);
}

/* A file that may not grow is written short by the kernel first; the rest is tried, then fails. */
static void short_write_test(void **state)
{
    struct disk_rig *f = *state;
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
static bool breaks;    /* every submission fails */

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

    if (breaks)
        return -EIO;
    if (interrupts > 0) {
        interrupts--;
        return interrupts % 2 ? -EINTR : -EAGAIN;
    }
    return real(ring);
}

/* What a signal interrupts is done all the same, and once. */
static void interrupted_test(void **state)
{
    struct disk_rig *f = *state;
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

/* The kernel takes nothing more: each write that is under way fails, once, and each new one. */
static void broken_test(void **state)
{
    struct disk_rig *f = *state;
    u8 *data = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);
    struct disk_done done[8];

    free(depth == 1 ? data : NULL);
    if (depth == 1)
        return; /* it has no submissions */
    memset(data, 1, BLOCK_BYTES);
    assert_int_equal(f->d->ops->create(f->d, "a", BLOCK_BYTES), 0);
    int file = f->d->ops->open(f->d, "a", DISK_WRITE);
    breaks = true;
    for (u64 tag = 1; tag <= 3; tag++)
        assert_true(f->d->ops->write(f->d, file, 0, data, BLOCK_BYTES, tag));
    assert_int_equal(f->d->ops->reap(f->d, done, 2), 2);
    assert_int_equal(f->d->ops->reap(f->d, done + 2, 6), 1);
    for (u64 tag = 1; tag <= 3; tag++) {
        assert_int_equal(done[tag - 1].tag, tag);
        assert_int_equal(done[tag - 1].error, EIO);
    }
    assert_int_equal(f->d->ops->reap(f->d, done, 8), 0);
    breaks = false; /* it was for good */
    assert_true(f->d->ops->write(f->d, file, 0, data, BLOCK_BYTES, 4));
    assert_int_equal(f->d->ops->reap(f->d, done, 8), 1);
    assert_int_equal(done[0].error, EIO);
    f->d->ops->close(f->d, file);
    free(data);
}

/* The cold write: lengthens a file that was made empty. */
static void put_test(void **state)
{
    struct disk_rig *f = *state;
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

/* A whole journal, three processes one after the other. */
static void journal_on(struct disk_rig *f)
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
    struct disk_rig *f = *state;
    struct disk_rig shm = {.d = NULL};

    if (access("/dev/shm", W_OK) != 0)
        skip();
    (void)f;
    disk_rig_dir(&shm, "/dev/shm");
    shm.d = disk_rig_make(shm.dir, &shm.why);
    assert_non_null(shm.d);
    journal_on(&shm);
    stuck_on(shm.d);
    shm.d->ops->free(shm.d);
    disk_rig_remove(shm.dir);
}

#define T(name) cmocka_unit_test_setup_teardown(name, disk_rig_setup, disk_rig_teardown)

static int run(disk_make_fn *kind, u32 takes)
{
    const struct CMUnitTest tests[] = {
        T(writes_test), T(write_error_test), T(short_write_test), T(interrupted_test),
        T(broken_test), T(put_test),         T(journal_test),     T(tmpfs_test),
    };

    disk_rig_make = kind;
    depth = takes;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return run(uring_new, 8) + run(pwrite_new, 1);
}
