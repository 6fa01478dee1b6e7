/*
 * test_sim_disk.c - the simulated disk keeps what persist/disk.h promises and really takes the
 * rest away: over many seeds each allowed loss is seen, and no other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/limits.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_disk.h"

#define SEEDS       200u
#define FILE_BLOCKS 8u
#define SECTORS     (BLOCK_BYTES / 512u)

static _Alignas(BLOCK_BYTES) u8 data[FILE_BLOCKS][BLOCK_BYTES];
static _Alignas(BLOCK_BYTES) u8 back[BLOCK_BYTES];

/* A disk with a synced file "a" of zeros, open for writing. */
static struct sim_disk *make(u64 seed, int *file)
{
    struct sim_disk_conf conf = {
        .write_min_ns = 1000, .write_max_ns = 100000, .capacity_bytes = 1 << 20};

    sim_begin(seed, NS_PER_SEC, false);
    struct sim_disk *s = sim_disk_new(&conf);
    struct disk *d = sim_disk_disk(s);
    assert_int_equal(d->ops->lock(d), 0);
    assert_int_equal(d->ops->create(d, "a", sizeof data), 0);
    assert_int_equal(d->ops->sync_dir(d), 0);
    *file = d->ops->open(d, "a", DISK_WRITE);
    assert_true(*file >= 0);
    for (u32 b = 0; b < FILE_BLOCKS; b++)
        memset(data[b], (int)b + 1, BLOCK_BYTES);
    return s;
}

static void write_block(struct sim_disk *s, int file, u32 block)
{
    struct disk *d = sim_disk_disk(s);

    while (!d->ops->write(d, file, (u64)block * BLOCK_BYTES, data[block], BLOCK_BYTES, block))
        sim.now_ns += 1000; /* the queue may be full */
}

/* Sectors of `block` that hold what was written. */
static u32 sectors_there(struct sim_disk *s, u32 block)
{
    struct disk *d = sim_disk_disk(s);
    int file = d->ops->open(d, "a", DISK_READ);
    u32 there = 0;

    assert_true(file >= 0);
    assert_int_equal(d->ops->read(d, file, (u64)block * BLOCK_BYTES, back, BLOCK_BYTES),
                     BLOCK_BYTES);
    for (u32 i = 0; i < SECTORS; i++) {
        u8 first = back[i * 512];
        assert_true(first == 0 || first == block + 1);
        for (u32 k = 0; k < 512; k++)
            assert_int_equal(back[i * 512 + k], first);
        there += first != 0;
    }
    d->ops->close(d, file);
    return there;
}

static void ended_writes_survive_any_cut(void **state)
{
    u32 out_of_order = 0;

    (void)state;
    for (u64 seed = 1; seed <= SEEDS; seed++) {
        struct disk_done done[FILE_BLOCKS];
        bool ended[FILE_BLOCKS] = {false};
        u32 last = 0;
        int file;
        struct sim_disk *s = make(seed, &file);
        struct disk *d = sim_disk_disk(s);
        for (u32 b = 0; b < FILE_BLOCKS; b++)
            write_block(s, file, b);
        sim.now_ns += sim_between(1000, 60000);
        u32 n = d->ops->reap(d, done, FILE_BLOCKS);
        for (u32 i = 0; i < n; i++) {
            assert_int_equal(done[i].error, 0);
            ended[done[i].tag] = true;
            out_of_order += done[i].tag < last;
            last = (u32)done[i].tag;
        }
        sim_disk_cut(s);
        sim_disk_power_on(s);
        for (u32 b = 0; b < FILE_BLOCKS; b++)
            if (ended[b])
                assert_int_equal(sectors_there(s, b), SECTORS);
        sim_disk_free(s);
    }
    assert_true(out_of_order > SEEDS / 10);
}

static void unended_writes_are_lost_torn_or_whole(void **state)
{
    u32 lost = 0, torn = 0, whole = 0;

    (void)state;
    for (u64 seed = 1; seed <= SEEDS; seed++) {
        int file;
        struct sim_disk *s = make(seed, &file);
        write_block(s, file, 0);
        sim_disk_cut(s);
        sim_disk_power_on(s);
        u32 there = sectors_there(s, 0);
        lost += there == 0;
        torn += there > 0 && there < SECTORS;
        whole += there == SECTORS;
        sim_disk_free(s);
    }
    assert_true(lost > SEEDS / 8 && torn > SEEDS / 8 && whole > SEEDS / 8);
}

static bool there_is(struct sim_disk *s, const char *name)
{
    struct disk *d = sim_disk_disk(s);
    int file = d->ops->open(d, name, DISK_READ);

    if (file >= 0)
        d->ops->close(d, file);
    return file >= 0;
}

static void names_need_sync_dir(void **state)
{
    u32 created = 0, renamed = 0, both = 0, unlinked = 0;

    (void)state;
    for (u64 seed = 1; seed <= SEEDS; seed++) {
        int file;
        struct sim_disk *s = make(seed, &file);
        struct disk *d = sim_disk_disk(s);
        assert_int_equal(d->ops->create(d, "kept", BLOCK_BYTES), 0);
        assert_int_equal(d->ops->sync_dir(d), 0);
        assert_int_equal(d->ops->create(d, "b", BLOCK_BYTES), 0);
        assert_int_equal(d->ops->rename(d, "b", "c"), 0);
        assert_int_equal(d->ops->unlink(d, "a"), 0);
        assert_false(there_is(s, "a"));
        sim_disk_cut(s);
        sim_disk_power_on(s);
        assert_true(there_is(s, "kept"));
        created += there_is(s, "b");
        renamed += there_is(s, "c");
        both += there_is(s, "b") && there_is(s, "c");
        unlinked += !there_is(s, "a");
        sim_disk_free(s);
    }
    assert_true(created > SEEDS / 10 && renamed > SEEDS / 10);
    assert_true(unlinked > SEEDS / 10 && unlinked < SEEDS - SEEDS / 10);
    assert_int_equal(both, 0); /* a rename leaves one name */
}

static void what_a_killed_process_wrote_needs_a_sync(void **state)
{
    u32 taken_back = 0;

    (void)state;
    for (u64 seed = 1; seed <= SEEDS; seed++) {
        int file;
        struct sim_disk *s = make(seed, &file);
        struct disk *d = sim_disk_disk(s);
        bool sync = sim_chance(500000);
        write_block(s, file, 0);
        sim_disk_kill(s);
        sim_disk_power_on(s);
        u32 there = sectors_there(s, 0);
        if (sync) {
            file = d->ops->open(d, "a", DISK_READ);
            assert_int_equal(d->ops->sync(d, file), 0);
        }
        sim_disk_cut(s);
        sim_disk_power_on(s);
        if (sync)
            assert_int_equal(sectors_there(s, 0), there);
        else
            taken_back += sectors_there(s, 0) < there;
        sim_disk_free(s);
    }
    assert_true(taken_back > SEEDS / 8);
}

static u32 hooked;

static void on_hook(void)
{
    hooked++;
}

static void errors_are_those_of_the_interface(void **state)
{
    struct disk_done done[1];
    int file;

    (void)state;
    struct sim_disk *s = make(1, &file);
    struct disk *d = sim_disk_disk(s);
    assert_int_equal(d->ops->lock(d), -EWOULDBLOCK);
    assert_int_equal(d->ops->create(d, "a", BLOCK_BYTES), -EEXIST);
    assert_int_equal(d->ops->open(d, "none", DISK_READ), -ENOENT);
    assert_int_equal(d->ops->unlink(d, "none"), -ENOENT);
    assert_int_equal(d->ops->rename(d, "none", "b"), -ENOENT);
    assert_int_equal(d->ops->create(d, "big", 2 << 20), -ENOSPC);
    assert_int_equal(d->ops->free_bytes(d), (1 << 20) - (i64)sizeof data);
    sim_disk_full(s, true);
    assert_int_equal(d->ops->free_bytes(d), 0);
    assert_int_equal(d->ops->read(d, file, sizeof data, back, BLOCK_BYTES), 0);
    sim_disk_fail_next(s);
    write_block(s, file, 0);
    sim.now_ns += NS_PER_SEC;
    assert_int_equal(d->ops->reap(d, done, 1), 1);
    assert_int_equal(done[0].error, EIO);
    sim_disk_hook(s, NULL, 2, on_hook);
    assert_int_equal(d->ops->sync_dir(d), 0);
    assert_int_equal(hooked, 0);
    assert_int_equal(d->ops->sync_dir(d), 0);
    assert_int_equal(hooked, 1);
    u32 sum = sim_disk_sum(s);
    struct sim_disk *copy = sim_disk_copy(s);
    assert_int_equal(sim_disk_sum(copy), sum);
    write_block(s, file, 1);
    sim.now_ns += NS_PER_SEC;
    assert_int_equal(d->ops->reap(d, done, 1), 1);
    assert_int_not_equal(sim_disk_sum(s), sum);
    assert_int_equal(sim_disk_sum(copy), sum); /* a copy stands still */
    sim_disk_free(copy);
    sim_disk_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ended_writes_survive_any_cut),
        cmocka_unit_test(unended_writes_are_lost_torn_or_whole),
        cmocka_unit_test(names_need_sync_dir),
        cmocka_unit_test(what_a_killed_process_wrote_needs_a_sync),
        cmocka_unit_test(errors_are_those_of_the_interface),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
