/*
 * test_replay_tail.c - what stands behind a bad block: who says that it was durable; and a journal
 * that grows while it is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/log.h"
#include "persist/replay_tail.h"
#include "tests/lib/fake_disk.h"
#include "tests/lib/fake_tx.h"

static struct fake_disk *fd;
static struct replay_result at;
static struct why why;
static u64 count;

static int setup(void **state)
{
    struct fake_process p;

    (void)state;
    log_level_set(LOG_ERROR);
    fd = fake_disk_new();
    count = 0;
    fake_process_init(&p, 8);
    assert_int_equal(fake_process_start(&p, &fd->disk, &why), REPLAY_OK);
    for (u32 i = 0; i < 200; i += 10) {
        fake_process_send(&p, 10);
        fake_process_run(&p);
    }
    fake_disk_cut(fd, 0);
    fake_process_end(&p);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_disk_free(fd);
    return 0;
}

/* Counts and claims are those of the blocks from the place on, over all later segments. */
static void tail_test(void **state)
{
    struct catalog c;
    struct segment_file f;
    u64 before = UINT64_MAX;

    (void)state;
    assert_true(catalog_init(&c, &fd->disk, 7) && segment_file_init(&f, &fd->disk));
    assert_int_equal(catalog_load(&c), 0);
    for (u32 i = 0; i < c.used; i++) {
        for (u64 index = 0; index < 8; index++) {
            struct replay_tail t = {0};
            assert_int_equal(segment_file_open(&f, c.entries[i].segment, c.entries[i].bytes), 0);
            assert_int_equal(replay_tail_look(&f, &c, i, index, &t), 0);
            assert_true(t.written == before || t.written + 1 == before || before == UINT64_MAX);
            assert_true(t.durable < t.durable_at || t.written == 0);
            assert_int_equal(t.max_epoch, t.written > 0);
            before = t.written;
        }
    }
    assert_int_equal(before, 0);
    segment_file_free(&f);
    catalog_free(&c);
}

static const struct disk_ops *real;
static u32 late_reads;

/* The first time, segment 1 is read before its blocks 3 to 5 were written. */
static i64 late_read(struct disk *d, int file, u64 offset, void *to, u64 bytes)
{
    i64 got = real->read(d, file, offset, to, bytes);
    if (offset == 0 && got > 6 * (i64)BLOCK_BYTES && ((struct block *)to)->head.segment == 1 &&
        ++late_reads == 2) /* the first one looks at its head */
        memset((u8 *)to + 3 * BLOCK_BYTES, 0, 3 * BLOCK_BYTES);
    return got;
}

/* What was not there at the first look, and is there at the second, is no damage. */
static void late_blocks_test(void **state)
{
    (void)state;
    struct disk_ops late = *fd->disk.ops;
    real = fd->disk.ops;
    late.read = late_read;
    fd->disk.ops = &late;
    late_reads = 0;
    struct replay_conf conf = {
        .disk = &fd->disk, .shard = 7, .apply = fake_tx_apply, .ctx = &count, .quiet = true};
    assert_int_equal(replay_run(&conf, &at, &why), REPLAY_OK);
    fd->disk.ops = real;
    assert_true(late_reads >= 2);
    assert_int_equal(count, 200);
    assert_false(at.cut);
}

/* A journal of another shard is not one that ends before its first block. */
static void other_shard_test(void **state)
{
    struct replay_conf conf = {
        .disk = &fd->disk, .shard = 8, .apply = fake_tx_apply, .ctx = &count, .quiet = true};

    (void)state;
    for (u32 way = 0; way < 2; way++) { /* also where its beginning has rotted */
        assert_int_equal(replay_run(&conf, &at, &why), REPLAY_FAILED);
        assert_non_null(strstr(why.text, "of shard 7, and this is shard 8"));
        assert_int_equal(count, 0);
        fake_disk_file(fd, "0000000000000001.journal")->data[100] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tail_test, setup, teardown),
        cmocka_unit_test_setup_teardown(late_blocks_test, setup, teardown),
        cmocka_unit_test_setup_teardown(other_shard_test, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
