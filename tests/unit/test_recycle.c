/*
 * test_recycle.c - segments that nobody needs are used again: never one that is needed, never out
 * of order, and with their old blocks in them recovery still finds every transaction.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

#include "engine/base/hash.h"
#include "engine/base/log.h"
#include "engine/base/metrics.h"
#include "persist/journal_format.h"
#include "persist/recycle.h"
#include "tests/lib/fake_disk.h"
#include "tests/lib/fake_tx.h"

#define SHARD  7u
#define BLOCKS 4u /* of a segment */

static struct fake_disk *fd;
static struct fake_process process;
static struct why why;
static u64 passed;

static u64 get_passed(void *ctx)
{
    return *(const u64 *)ctx;
}

static void start(u32 blocks, u32 keep)
{
    struct replay_conf conf = {.disk = &fd->disk, .shard = SHARD, .quiet = true};

    fake_process_init(&process, blocks);
    assert_int_equal(replay_run(&conf, &process.at, &why), REPLAY_OK);
    process.make = fake_tx;
    process.persist = persist_new(&process.conf, &fd->disk, &process.tx, &process.at,
                                  process.at.max_epoch + 1, &process.mem, &why);
    assert_non_null(process.persist);
    process.sent = process.at.last_seq;
    persist_recycle(process.persist, keep, get_passed, &passed);
}

static void end(void)
{
    persist_free(process.persist);
    fake_process_end(&process);
    fd->locked = false;
}

static int setup(void **state)
{
    (void)state;
    log_level_set(LOG_ERROR);
    fd = fake_disk_new();
    fd->recycles = true;
    passed = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_disk_free(fd);
    return 0;
}

/* The transactions that can still be read, in order, each as it was written. */
struct readable {
    u64 first;
    u64 last;
};

static const char *read_one(void *ctx, const struct slot *tx, u32 used)
{
    struct readable *r = ctx;
    u64 seq = ((const struct cmd_head *)(const void *)tx)->seq;

    if (r->first == 0)
        r->first = seq;
    r->last = seq;
    return fake_tx_is(seq, tx, used) ? NULL : "not as it was written";
}

static struct readable readable(bool *cut)
{
    struct readable r = {0};
    struct replay_conf conf = {
        .disk = &fd->disk, .shard = SHARD, .apply = read_one, .ctx = &r, .quiet = true};
    struct replay_result at;

    if (replay_run(&conf, &at, &why) != REPLAY_OK)
        fail_msg("%s", why.text);
    *cut = at.cut;
    return r;
}

static void grow(u32 n)
{
    for (u32 i = 0; i < n; i++) {
        fake_process_send(&process, 1);
        fake_process_run(&process);
    }
}

/* The oldest segment's number. */
static u64 oldest(void)
{
    char name[DISK_NAME_MAX];

    for (u64 segment = 1; segment < 100000; segment++) {
        segment_name(segment, name);
        if (fake_disk_file(fd, name))
            return segment;
    }
    return 0;
}

/* Blocks of segments from `from` up to, not including, `to` in files that have another's name. */
static u32 old_blocks(u64 from, u64 to)
{
    u32 n = 0;

    for (u32 i = 0; i < FAKE_FILES; i++) {
        const struct fake_file *f = &fd->files[i];
        u64 segment = segment_parse(f->name);
        for (u64 at = 0; segment != 0 && at < f->bytes; at += BLOCK_BYTES) {
            const struct block_head *h = (const struct block_head *)(const void *)(f->data + at);
            n += h->magic == JOURNAL_MAGIC && h->segment != segment && h->segment >= from &&
                 h->segment < to;
        }
    }
    return n;
}

static void nothing_is_passed_test(void **state)
{
    bool cut;

    (void)state;
    start(BLOCKS, 0);
    grow(40);
    assert_int_equal(oldest(), 1);
    assert_int_equal(readable(&cut).first, 1);
    end();
}

/* The mark follows behind: what is above it can always be read, and files do not grow in number. */
static void used_again_test(void **state)
{
    bool cut;
    u32 most = 0;
    u32 again = 0;

    (void)state;
    start(BLOCKS, 2);
    for (u32 round = 0; round < 300; round++) {
        grow(1 + (u32)(hash_u64(round) % 6));
        u64 durable = durable_get(persist_durable(process.persist));
        passed = durable > 40 ? durable - 40 : 0;
        struct readable r = readable(&cut);
        assert_true(r.first <= passed + 1);
        assert_int_equal(r.last, durable);
        assert_false(cut); /* old blocks are not taken for torn ones */
        most = max_u32(most, fake_disk_files(fd));
        again += old_blocks(1, UINT64_MAX) > 0;
    }
    assert_true(again > 100);
    assert_true(oldest() > 20);
    assert_true(most < 50);
    end();
}

/* So many stay, whatever is passed. */
static void keep_test(void **state)
{
    (void)state;
    passed = UINT64_MAX / 2;
    start(BLOCKS, 7);
    grow(200);
    u64 newest = 0;
    char name[DISK_NAME_MAX];
    for (u64 segment = oldest();; segment++) {
        segment_name(segment, name);
        struct fake_file *f = fake_disk_file(fd, name);
        if (!f)
            break;
        const struct block *b = (const struct block *)(const void *)f->data;
        if (!block_check(b, SHARD) && b->head.segment == segment)
            newest = segment;
    }
    assert_true(oldest() > 1);
    assert_true(newest - oldest() >= 7);
    end();
}

/* Those of an earlier process, and of another size, are removed and not written again. */
static void earlier_process_test(void **state)
{
    bool cut;

    (void)state;
    start(BLOCKS, 0);
    grow(60);
    end();
    start(BLOCKS + 2, 0);
    u64 live = persist_live_segment(process.persist);
    passed = process.at.last_seq;
    u64 before = oldest();
    grow(1);
    assert_true(before < live);
    grow(60);
    assert_true(oldest() >= live - 1);
    for (u32 i = 0; i < FAKE_FILES; i++) {
        u64 segment = segment_parse(fd->files[i].name);
        if (segment >= live)
            assert_int_equal(fd->files[i].bytes, (BLOCKS + 2) * BLOCK_BYTES);
    }
    struct readable r = readable(&cut);
    assert_true(r.first <= passed + 1);
    assert_int_equal(r.last, durable_get(persist_durable(process.persist)));
    end();
}

/* Brought back from the archive while we run, for a far end that fell back: not ours to write. */
static void brought_back_test(void **state)
{
    char name[DISK_NAME_MAX];

    (void)state;
    start(BLOCKS, 1);
    grow(60);
    u64 back = oldest();
    for (u64 segment = back; segment < back + 3; segment++) {
        segment_name(segment, name);
        fake_disk_file(fd, name)->read_only = true;
    }
    passed = durable_get(persist_durable(process.persist));
    grow(60);
    assert_false(persist_failed(process.persist));
    assert_true(oldest() >= back + 3);
    assert_int_equal(metrics_sum("wirebook_journal_segments_removed_total"), 3);
    end();
}

/* First transaction that begins in segment `segment`. */
static u64 first_of(u64 segment)
{
    char name[DISK_NAME_MAX];

    segment_name(segment, name);
    const struct block *b = (const struct block *)(const void *)fake_disk_file(fd, name)->data;
    while (b->head.first_seq == 0)
        b++;
    return b->head.first_seq;
}

/* While the reader is at the tenth transaction the first segment is used again, up to its end. */
static const char *read_beside(void *ctx, const struct slot *tx, u32 used)
{
    if (((const struct cmd_head *)(const void *)tx)->seq == 10) {
        passed = first_of(2);
        grow(600);
        passed = 0;
    }
    return read_one(ctx, tx, used);
}

/* A tool reads a segment that the venue uses again: that is no damage. */
static void read_beside_test(void **state)
{
    struct readable r = {0};
    struct replay_conf conf = {
        .disk = &fd->disk, .shard = SHARD, .apply = read_beside, .ctx = &r, .quiet = true};
    struct replay_result at;

    (void)state;
    start(2 * SEGMENT_READ_BLOCKS, 0); /* more than what is read at once */
    grow(300);
    assert_int_equal(oldest(), 1);
    assert_int_equal(replay_run(&conf, &at, &why), REPLAY_FAILED);
    assert_int_equal(oldest(), 2);
    assert_true(r.last >= 10 && r.last <= 300);
    assert_null(strstr(why.text, "damage"));
    assert_non_null(strstr(why.text, "used again"));
    end();
}

/* To the transaction: what begins in a segment that goes has been passed, all of it. */
static void exactly_test(void **state)
{
    struct recycle r;
    u64 bytes = 0;

    (void)state;
    start(BLOCKS, 0);
    grow(40);
    assert_true(recycle_init(&r, &fd->disk, SHARD));
    assert_int_equal(recycle_find(&r, &bytes), 0); /* nobody says what is passed */
    r.ctx = &passed;
    r.passed = get_passed;
    for (r.keep = 0; r.keep < 3; r.keep++) {
        passed = first_of(2 + r.keep) - 2;
        assert_int_equal(recycle_find(&r, &bytes), 0);
        passed++;
        assert_int_equal(recycle_find(&r, &bytes), 1);
        assert_int_equal(bytes, BLOCKS * BLOCK_BYTES);
    }
    passed = UINT64_MAX / 2;
    for (r.keep = 0; recycle_find(&r, &bytes) != 0; r.keep++)
        ; /* as long as one that is in use stands behind */
    u64 newest = r.keep + 1;
    assert_true(first_of(newest) <= durable_get(persist_durable(process.persist)));
    fd->read_error = -EIO; /* what cannot be looked at stays */
    fd->reads_good = 0;
    recycle_free(&r);
    assert_true(recycle_init(&r, &fd->disk, SHARD));
    r.ctx = &passed;
    r.passed = get_passed;
    assert_int_equal(recycle_find(&r, &bytes), 0);
    fd->read_error = 0;
    recycle_free(&r);
    end();
}

/* Of an earlier process a last write may still be on its way: not into a segment of ours. */
static void late_write_test(void **state)
{
    (void)state;
    start(BLOCKS, 0);
    grow(60);
    end();
    start(BLOCKS, 0);
    u64 live = persist_live_segment(process.persist);
    for (u32 i = 0; i < 100; i++) {
        passed = durable_get(persist_durable(process.persist));
        grow(1);
        assert_int_equal(old_blocks(1, live), 0);
    }
    assert_true(old_blocks(live, UINT64_MAX) > 0);
    end();
}

/* The power goes with writes under way into a recycled segment: old blocks are no witnesses. */
static void cut_test(void **state)
{
    bool cut;

    (void)state;
    for (u64 seed = 1; seed <= 60; seed++) {
        fake_disk_free(fd);
        fd = fake_disk_new();
        fd->recycles = true;
        passed = 0;
        start(BLOCKS, 1);
        grow(150);
        passed = durable_get(persist_durable(process.persist));
        grow(30 + (u32)(seed % 20));
        u64 durable = durable_get(persist_durable(process.persist));
        fd->automatic = false;
        fake_process_send(&process, 20);
        persist_do_work(process.persist, 0);
        persist_free(process.persist);
        fake_disk_cut(fd, hash_u64(seed));
        metrics_reset();
        struct readable r = readable(&cut);
        assert_true(r.last >= durable && r.last <= durable + 20);
        fake_disk_free(fd);
        fd = fake_disk_new();
        mem_free_all(&process.mem);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nothing_is_passed_test), T(used_again_test), T(keep_test), T(earlier_process_test),
        T(late_write_test),        T(exactly_test),    T(cut_test),  T(brought_back_test),
        T(read_beside_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
