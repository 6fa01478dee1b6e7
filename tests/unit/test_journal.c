/*
 * test_journal.c - the hot agent against a disk under control: group commit, order, marks, taps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

#include "engine/base/hash.h"
#include "engine/base/metrics.h"
#include "persist/journal.h"
#include "persist/journal_format.h"
#include "tests/lib/fake_disk.h"
#include "tests/lib/fake_tx.h"

struct fixture {
    struct fake_disk *fd;
    struct fake_process p;
    struct why why;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->fd = fake_disk_new();
    fake_process_init(&f->p, 64);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fake_process_end(&f->p);
    fake_disk_free(f->fd);
    free(f);
    return 0;
}

static void start(struct fixture *f)
{
    assert_int_equal(fake_process_start(&f->p, &f->fd->disk, &f->why), REPLAY_OK);
    assert_non_null(f->p.persist);
}

static u64 durable(const struct fixture *f)
{
    return durable_get(persist_durable(f->p.persist));
}

static const struct block *disk_block(struct fixture *f, const char *segment, u32 i)
{
    struct fake_file *file = fake_disk_file(f->fd, segment);

    assert_non_null(file);
    return (const struct block *)(const void *)(file->data + i * BLOCK_BYTES);
}

/* Reads the whole journal again, as a second process would, and expects transactions 1..n. */
static void expect_journal(struct fixture *f, u64 n)
{
    struct fake_disk *copy = fake_disk_copy(f->fd);
    struct replay_result at;
    u64 count = 0;
    struct replay_conf conf = {
        .disk = &copy->disk, .shard = 7, .apply = fake_tx_apply, .ctx = &count, .quiet = true};

    if (replay_run(&conf, &at, &f->why) != REPLAY_OK)
        fail_msg("%s", f->why.text);
    assert_int_equal(at.last_seq, n);
    assert_int_equal(count, n);
    fake_disk_free(copy);
}

static void everything_durable_test(void **state)
{
    struct fixture *f = *state;

    start(f);
    assert_int_equal(durable(f), 0);
    for (u32 i = 0; i < 50; i++) {
        fake_process_send(&f->p, 100);
        fake_process_run(&f->p);
        assert_int_equal(durable(f), f->p.sent);
        assert_int_equal(durable_get(persist_stored(f->p.persist)), f->p.sent);
        assert_true(persist_idle(f->p.persist));
    }
    assert_true(fake_disk_files(f->fd) > 5); /* over many segments */
    expect_journal(f, 5000);
}

/* Nothing in flight: a single transaction goes out at once, padded. Something in flight: it
 * waits. */
static void group_commit_test(void **state)
{
    struct fixture *f = *state;

    f->fd->automatic = false;
    start(f);
    fake_process_send(&f->p, 1);
    assert_false(persist_idle(f->p.persist));
    persist_do_work(f->p.persist, 0);
    assert_int_equal(fake_disk_under_way(f->fd), 1);
    fake_process_send(&f->p, 3);
    for (u32 i = 0; i < 5; i++)
        persist_do_work(f->p.persist, 0);
    assert_int_equal(fake_disk_under_way(f->fd), 1); /* a partly filled block waits */
    assert_int_equal(durable(f), 0);

    fake_disk_end(f->fd, 0, 0);
    persist_do_work(f->p.persist, 0);
    assert_int_equal(durable(f), 1);
    assert_int_equal(fake_disk_under_way(f->fd), 1); /* ... and goes out now */
    fake_disk_end(f->fd, 0, 0);
    persist_do_work(f->p.persist, 0);
    assert_int_equal(durable(f), 4);
    assert_true(persist_idle(f->p.persist));
    assert_int_equal(disk_block(f, "0000000000000001.journal", 0)->head.durable_block, 0);
    assert_int_equal(disk_block(f, "0000000000000001.journal", 1)->head.durable_block, 1);
    assert_int_equal(disk_block(f, "0000000000000001.journal", 1)->head.first_seq, 2);
}

/* Several writes in flight, each of many blocks; at most JOURNAL_INFLIGHT_MAX; marks only in
 * order. */
static void out_of_order_test(void **state)
{
    struct fixture *f = *state;

    f->fd->automatic = false;
    f->p.conf.segment_bytes = 2048ull * BLOCK_BYTES;
    start(f);
    for (u32 i = 0; i < 60; i++) {
        fake_process_send(&f->p, 100);
        persist_do_work(f->p.persist, 0);
    }
    assert_int_equal(fake_disk_under_way(f->fd), JOURNAL_INFLIGHT_MAX);
    fake_disk_end(f->fd, 2, 0);
    fake_disk_end(f->fd, 1, 0);
    persist_do_work(f->p.persist, 0);
    assert_int_equal(durable(f), 0); /* the oldest is still out */
    fake_disk_end(f->fd, 0, 0);
    persist_do_work(f->p.persist, 0);
    assert_true(durable(f) > 0);
    assert_int_equal(fake_disk_under_way(f->fd), JOURNAL_INFLIGHT_MAX); /* the last and new ones */
    assert_true(f->fd->blocks_max > 4 && f->fd->blocks_max <= JOURNAL_WRITE_BLOCKS);
    f->fd->automatic = true;
    fake_process_run(&f->p);
    assert_int_equal(durable(f), 6000);
    assert_true(f->fd->in_flight_max <= JOURNAL_INFLIGHT_MAX);
    expect_journal(f, 6000);
}

/* Completions in random order with random traffic, many rounds: never a mark ahead of the disk. */
static void random_order_test(void **state)
{
    struct fixture *f = *state;
    const char *env = getenv("WB_SEED");
    u64 seed = env ? strtoull(env, NULL, 0) : 1;

    print_message("WB_SEED=%llu\n", (unsigned long long)seed);
    f->fd->automatic = false;
    start(f);
    for (u64 i = 0; i < 3000; i++) {
        u64 random = hash_2u64(seed, i, 0);
        u32 under_way = fake_disk_under_way(f->fd);
        if (random % 3 == 0)
            fake_process_send(&f->p, (u32)(random >> 8) % 40);
        if (under_way > 0 && random % 5 < 3)
            fake_disk_end(f->fd, (u32)(random >> 32) % under_way, 0);
        f->fd->queue_max = 1 + (u32)(random >> 40) % 6; /* the queue is full now and then */
        persist_do_work(f->p.persist, 0);
        if (random % 7 == 0)
            persist_segments_do_work(f->p.persist, 0);
        if (i % 300 == 0) { /* the power goes here, and what is not reaped is lost */
            u64 promised = durable(f);
            struct fake_disk *copy = fake_disk_copy(f->fd);
            struct replay_result at;
            struct replay_conf conf = {.disk = &copy->disk, .shard = 7, .quiet = true};
            if (replay_run(&conf, &at, &f->why) != REPLAY_OK)
                fail_msg("%s", f->why.text);
            assert_true(at.last_seq >= promised);
            fake_disk_free(copy);
        }
    }
    f->fd->automatic = true;
    fake_process_run(&f->p);
    assert_int_equal(durable(f), f->p.sent);
    expect_journal(f, f->p.sent);
}

/* A failed write is final, whatever else ends well. */
static void write_error_test(void **state)
{
    struct fixture *f = *state;

    f->fd->automatic = false;
    f->p.conf.segment_bytes = 2048ull * BLOCK_BYTES;
    start(f);
    for (u32 i = 0; i < 20; i++) {
        fake_process_send(&f->p, 100);
        persist_do_work(f->p.persist, 0);
    }
    fake_disk_end(f->fd, 0, 0);
    persist_do_work(f->p.persist, 0);
    u64 before = durable(f);
    assert_true(before > 0);
    fake_disk_end(f->fd, 1, EIO);
    persist_do_work(f->p.persist, 0);
    assert_true(persist_failed(f->p.persist));
    u64 writes = f->fd->writes;
    f->fd->automatic = true;
    fake_process_send(&f->p, 10);
    for (u32 i = 0; i < 20; i++)
        assert_int_equal(persist_do_work(f->p.persist, 0), 0);
    assert_int_equal(durable(f), before);
    assert_int_equal(f->fd->writes, writes); /* no second try, and nothing new */
}

/* No segment can be made: what is ready is used, then the ring fills; with space it goes on. */
static void no_space_test(void **state)
{
    struct fixture *f = *state;

    fake_process_init(&f->p, SEGMENT_BLOCKS_MIN);
    start(f);
    f->fd->create_error = -ENOSPC;
    fake_process_send(&f->p, 1000);
    fake_process_run(&f->p);
    u64 stuck = durable(f);
    assert_true(stuck < 1000);
    assert_false(persist_failed(f->p.persist));
    persist_segments_do_work(f->p.persist, 1 * NS_PER_SEC);
    assert_int_equal(persist_space(f->p.persist), SPACE_HARD);
    f->fd->create_error = 0;
    for (u64 t = 2; t < 200; t++) {
        persist_segments_do_work(f->p.persist, t * NS_PER_SEC);
        fake_process_run(&f->p);
    }
    assert_int_equal(durable(f), 1000);
    assert_int_equal(persist_space(f->p.persist), SPACE_OK);
    f->fd->free_bytes = (i64)f->p.conf.space_low_bytes - 1;
    persist_segments_do_work(f->p.persist, 300 * NS_PER_SEC);
    assert_int_equal(persist_space(f->p.persist), SPACE_LOW);
    assert_int_equal(*persist_space_level(f->p.persist), SPACE_LOW);
    f->fd->free_bytes = (i64)f->p.conf.space_hard_bytes - 1;
    persist_segments_do_work(f->p.persist, 301 * NS_PER_SEC);
    assert_int_equal(persist_space(f->p.persist), SPACE_HARD);
    expect_journal(f, 1000);
}

/* Not even one segment can be made at the start. */
static void no_space_at_start_test(void **state)
{
    struct fixture *f = *state;

    f->fd->create_error = -ENOSPC;
    assert_int_equal(fake_process_start(&f->p, &f->fd->disk, &f->why), REPLAY_OK);
    assert_null(f->p.persist);
    assert_non_null(strstr(f->why.text, "no segment"));
}

/* A directory sync that failed once would lie the second time: final. */
static void dir_sync_error_test(void **state)
{
    struct fixture *f = *state;

    fake_process_init(&f->p, SEGMENT_BLOCKS_MIN);
    start(f);
    fake_process_send(&f->p, 10);
    fake_process_run(&f->p);
    f->fd->sync_error = -EIO;
    fake_process_send(&f->p, 1000);
    fake_process_run(&f->p);
    assert_true(persist_failed(f->p.persist));
    f->fd->sync_error = 0;
    u64 before = durable(f);
    for (u64 t = 2; t < 20; t++) {
        persist_segments_do_work(f->p.persist, t * NS_PER_SEC);
        assert_int_equal(persist_do_work(f->p.persist, 0), 0);
    }
    assert_int_equal(durable(f), before);
}

static void durability_none_test(void **state)
{
    struct fixture *f = *state;

    f->fd->automatic = false;
    f->p.conf.durability = DURABILITY_NONE;
    start(f);
    fake_process_send(&f->p, 10);
    persist_do_work(f->p.persist, 0);
    assert_int_equal(durable(f), 10);
    assert_int_equal(durable_get(persist_stored(f->p.persist)), 0);
    f->fd->automatic = true;
    fake_process_run(&f->p);
    assert_int_equal(durable_get(persist_stored(f->p.persist)), 10);
    expect_journal(f, 10);
}

static u64 writes(void)
{
    return metrics_sum("wirebook_journal_writes_total");
}

/*
 * Nobody waits for the disk, so it is not troubled for every order: 10 ms after the first one, in
 * the turn behind one that let answers out, or another 10 ms later without such a turn.
 */
static void durability_none_is_lazy_test(void **state)
{
    struct fixture *f = *state;
    u64 us = 0;

    f->p.conf.durability = DURABILITY_NONE;
    start(f);
    for (; us < 10000; us += 100) { /* an order each 0.1 ms, a turn each 0.05 ms */
        fake_process_send(&f->p, us % 2000 == 0);
        persist_do_work(f->p.persist, us * NS_PER_US);
        persist_do_work(f->p.persist, (us + 50) * NS_PER_US);
    }
    assert_int_equal(writes(), 0);
    assert_false(persist_idle(f->p.persist));
    persist_do_work(f->p.persist, 10100 * NS_PER_US); /* due, but the last turn had no answers */
    persist_do_work(f->p.persist, 10150 * NS_PER_US);
    assert_int_equal(writes(), 0);
    fake_process_send(&f->p, 1);
    persist_do_work(f->p.persist, 10200 * NS_PER_US);
    fake_process_send(&f->p, 1); /* more has come: not now */
    persist_do_work(f->p.persist, 10201 * NS_PER_US);
    persist_do_work(f->p.persist, 10202 * NS_PER_US);
    persist_do_work(f->p.persist, 10203 * NS_PER_US);
    assert_int_equal(writes(), 1);
    assert_int_equal(durable_get(persist_stored(f->p.persist)), 7);
    assert_true(persist_idle(f->p.persist));
    expect_journal(f, 7);
}

/* Without another order what waits goes out, too. A write's worth goes at once. */
static void durability_none_in_the_end_test(void **state)
{
    struct fixture *f = *state;

    f->p.conf.durability = DURABILITY_NONE;
    start(f);
    fake_process_send(&f->p, 1);
    for (u64 us = 0; us < 20000; us += 10)
        persist_do_work(f->p.persist, us * NS_PER_US);
    assert_int_equal(writes(), 0);
    persist_do_work(f->p.persist, 20 * NS_PER_MS);
    persist_do_work(f->p.persist, 20 * NS_PER_MS);
    assert_int_equal(writes(), 1);
    assert_true(persist_idle(f->p.persist));

    while (f->p.sent < JOURNAL_WRITE_BLOCKS * BLOCK_SLOTS) /* a slot each, at least */
        fake_process_send(&f->p, 100);
    for (u32 turn = 0; turn < 4; turn++)
        persist_do_work(f->p.persist, 20 * NS_PER_MS + 1);
    assert_true(writes() > 1);
    assert_in_range(metrics_sum("wirebook_journal_blocks_total"), JOURNAL_WRITE_BLOCKS, UINT32_MAX);
    fake_process_run(&f->p);
    assert_true(persist_idle(f->p.persist));
    expect_journal(f, f->p.sent);
}

/* The disk stands still: so many transactions go on all the same, and then nothing does. */
static u64 released_without_disk(struct fixture *f, u32 buffer_blocks)
{
    u32 room = 0, turns_left = 1000000;

    f->fd->automatic = false;
    f->p.conf.durability = DURABILITY_NONE;
    f->p.conf.buffer_blocks = buffer_blocks;
    f->p.conf.segment_bytes = 2ull * buffer_blocks * BLOCK_BYTES;
    start(f);
    while (room < 2 && --turns_left > 0) { /* two turns that took nothing */
        u64 before = durable(f);
        fake_process_send(&f->p, ring_room(&f->p.tx, TX_SLOTS_MAX) >= TX_SLOTS_MAX);
        persist_do_work(f->p.persist, 0);
        room = durable(f) == before ? room + 1 : 0;
    }
    assert_int_equal(room, 2);
    assert_true(metrics_sum("wirebook_journal_buffer_waits_total") > 0);
    u64 released = durable(f);
    f->fd->automatic = true;
    while (fake_disk_under_way(f->fd) > 0)
        fake_disk_end(f->fd, 0, 0);
    fake_process_run(&f->p);
    assert_int_equal(durable(f), f->p.sent);
    expect_journal(f, f->p.sent);
    return released;
}

static void buffer_test(void **state)
{
    struct fixture *f = *state;
    u64 one = released_without_disk(f, JOURNAL_BUFFER_BLOCKS_MIN);

    fake_process_end(&f->p);
    fake_disk_free(f->fd);
    f->fd = fake_disk_new();
    fake_process_init(&f->p, 8);
    u64 four = released_without_disk(f, 4 * JOURNAL_BUFFER_BLOCKS_MIN);
    assert_in_range(four, 39 * one / 10, 41 * one / 10);
}

/* Taps get every block in order while they have room, and say how many they skipped. */
static void taps_test(void **state)
{
    struct fixture *f = *state;
    struct ring tap;
    u64 next = 1;

    ring_init(&tap, &f->p.mem, "tap", 8 * 64);
    start(f);
    persist_tap_add(f->p.persist, &tap);
    for (u32 round = 0; round < 20; round++) {
        fake_process_send(&f->p, 1);
        fake_process_run(&f->p);
        assert_true(ring_avail(&tap, 64) >= 64);
        for (; ring_avail(&tap, 64) >= 64; ring_take(&tap, 64)) {
            const struct block *b = (const void *)ring_at(&tap, 0);
            assert_int_equal(b->head.block, next++);
            assert_null(block_check(b, 7));
        }
    }
    u64 before = metrics_sum("wirebook_journal_blocks_total");
    for (u32 round = 0; round < 20; round++) {
        fake_process_send(&f->p, 1);
        fake_process_run(&f->p);
    }
    u64 blocks = metrics_sum("wirebook_journal_blocks_total") - before;
    assert_true(blocks >= 20);
    assert_int_equal(ring_avail(&tap, 8 * 64), 8 * 64); /* full: the others were skipped */
    assert_int_equal(metrics_sum("wirebook_journal_tap_skipped_total"), blocks - 8);
}

/* Two processes, many times: each goes on in a segment of its own with the next number. */
static void restart_test(void **state)
{
    struct fixture *f = *state;

    for (u32 i = 0; i < 10; i++) {
        fake_process_init(&f->p, 8);
        start(f);
        assert_int_equal(f->p.at.last_seq, i * 100);
        assert_int_equal(f->p.at.max_epoch, i);
        assert_int_equal(f->p.at.epochs, i);
        assert_false(f->p.at.cut);
        fake_process_send(&f->p, 100);
        fake_process_run(&f->p);
        assert_int_equal(durable(f), (i + 1) * 100);
        fake_disk_cut(f->fd, 0);
        fake_process_end(&f->p);
    }
    expect_journal(f, 1000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(everything_durable_test),
        T(group_commit_test),
        T(out_of_order_test),
        T(random_order_test),
        T(write_error_test),
        T(no_space_test),
        T(no_space_at_start_test),
        T(dir_sync_error_test),
        T(durability_none_test),
        T(durability_none_is_lazy_test),
        T(durability_none_in_the_end_test),
        T(buffer_test),
        T(taps_test),
        T(restart_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
