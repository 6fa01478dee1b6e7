/*
 * test_cursor.c - reading whole transactions in order: offline, beside a live writer, from files
 * and taps, over segments, epochs and cuts, and when segments are gone.
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
#include "persist/cursor.h"
#include "persist/journal_format.h"
#include "tests/lib/fake_disk.h"
#include "tests/lib/fake_tx.h"

#define BLOCKS 8u

struct fixture {
    struct fake_disk *fd;
    struct fake_process p;
    struct ring tap;
    struct why why;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->fd = fake_disk_new();
    log_level_set(LOG_ERROR);
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

/* A new life on the same disk; `tap_blocks` 0: without a tap. */
static void start(struct fixture *f, u32 tap_blocks)
{
    fake_disk_cut(f->fd, 0);
    fake_process_end(&f->p);
    fake_process_init(&f->p, BLOCKS);
    if (fake_process_start(&f->p, &f->fd->disk, &f->why) != REPLAY_OK)
        fail_msg("%s", f->why.text);
    if (tap_blocks) {
        ring_init(&f->tap, &f->p.mem, "tap", tap_blocks * 64);
        persist_tap_add(f->p.persist, &f->tap);
    }
}

static void send(struct fixture *f, u32 n)
{
    fake_process_send(&f->p, n);
    fake_process_run(&f->p);
}

static struct cursor *live_cursor(struct fixture *f, u64 seq, bool tap)
{
    struct cursor_conf conf = {
        .disk = &f->fd->disk,
        .shard = 7,
        .stored = persist_stored(f->p.persist),
        .tap = tap ? &f->tap : NULL,
        .live = {persist_live_segment(f->p.persist), persist_live_block(f->p.persist)},
    };
    return cursor_new(&conf, seq);
}

static struct cursor *offline_cursor(struct fixture *f, u64 seq)
{
    struct cursor_conf conf = {.disk = &f->fd->disk, .shard = 7};

    return cursor_new(&conf, seq);
}

/* The next transactions are exactly from..to, then the cursor waits. */
static void expect(struct cursor *c, u64 from, u64 to)
{
    struct cursor_tx tx;

    for (u64 seq = from; seq <= to; seq++) {
        enum cursor_status s = cursor_next(c, &tx);
        if (s != CURSOR_TX)
            fail_msg("status %u at %u: %s", s, (u32)seq, cursor_why(c));
        assert_int_equal(tx.seq, seq);
        if (!fake_tx_is(seq, tx.slots, tx.used))
            fail_msg("transaction %u is another one", (u32)seq);
    }
    enum cursor_status s = cursor_next(c, &tx);
    if (s != CURSOR_WAIT)
        fail_msg("status %u instead of waiting behind %u: %s", s, (u32)to, cursor_why(c));
    assert_int_equal(cursor_seq(c), to + 1);
}

static void offline_test(void **state)
{
    struct fixture *f = *state;

    struct cursor *c = offline_cursor(f, 1);
    expect(c, 1, 0); /* there is nothing at all */
    cursor_free(c);
    start(f, 0);
    send(f, 500);
    start(f, 0);
    send(f, 300);
    for (u64 from = 1; from <= 801; from += 37) {
        c = offline_cursor(f, from);
        expect(c, from, 800);
        cursor_free(c);
    }
    c = offline_cursor(f, 5);
    for (u64 from = 1; from <= 800; from += 61) { /* back and forth with one cursor */
        cursor_seek(c, 801 - from);
        expect(c, 801 - from, 800);
        cursor_seek(c, from);
        expect(c, from, 800);
    }
    cursor_free(c);
    for (u32 i = 0; i < FAKE_FILES; i++) /* as in an archive: nothing is prepared */
        if (f->fd->files[i].name[0] && f->fd->files[i].data[0] == 0)
            f->fd->disk.ops->unlink(&f->fd->disk, f->fd->files[i].name);
    c = offline_cursor(f, 1);
    expect(c, 1, 800);
    cursor_free(c);
}

/* The cursor hands out what is durable and nothing else, at any pace, with and without a tap. */
static void live(struct fixture *f, u32 tap_blocks)
{
    start(f, tap_blocks);
    struct cursor *c = live_cursor(f, 1, tap_blocks > 0);
    u64 next = 1;

    for (u32 i = 0; i < 200; i++) {
        send(f, 1 + (u32)(hash_u64(i) % 20));
        if (hash_u64(i) % 3 != 0)
            continue;
        expect(c, next, f->p.sent);
        next = f->p.sent + 1;
    }
    f->fd->automatic = false; /* from here on nothing becomes durable */
    fake_process_send(&f->p, 50);
    persist_do_work(f->p.persist, 0);
    expect(c, next, f->p.sent - 50);
    f->fd->automatic = true;
    fake_process_run(&f->p);
    expect(c, f->p.sent - 49, f->p.sent);
    cursor_free(c);
}

static void live_files_test(void **state)
{
    live(*state, 0);
}

static void live_tap_test(void **state)
{
    live(*state, 1024);
}

static void live_small_tap_test(void **state)
{
    live(*state, 2); /* skipped all the time: files and tap by turns */
}

/* With a tap that is never full no file is opened. */
static void tap_only_test(void **state)
{
    struct fixture *f = *state;

    start(f, 1024);
    struct cursor *c = live_cursor(f, 1, true);
    send(f, 100);
    for (u32 i = 0; i < FAKE_FILES; i++)
        f->fd->files[i].name[0] = '\0';
    expect(c, 1, 100);
    cursor_free(c);
}

/* A cursor that begins far behind reads the files and meets the tap. */
static void catch_up_test(void **state)
{
    struct fixture *f = *state;

    start(f, 16);
    send(f, 2000);
    start(f, 16);
    struct cursor *c = live_cursor(f, 3, true);
    send(f, 1000);
    expect(c, 3, 3000);
    assert_int_equal(ring_avail(&f->tap, 64), 0); /* taken or dropped */
    send(f, 5);
    for (u32 i = 0; i < FAKE_FILES; i++)
        f->fd->files[i].name[0] = '\0';
    expect(c, 3001, 3005); /* from the tap */
    cursor_free(c);
}

/* A transaction in the middle of being durable: its first block is, its last is not. */
static void half_durable_test(void **state)
{
    struct fixture *f = *state;
    struct tx t;
    u64 seq = 1;

    for (fake_tx(seq, &t); t.used < 100; fake_tx(++seq, &t))
        ;
    start(f, 0);
    send(f, (u32)seq - 1);
    struct cursor *c = live_cursor(f, 1, false);
    f->fd->automatic = false;
    fake_process_send(&f->p, 1);
    persist_do_work(f->p.persist, 0);
    assert_int_equal(fake_disk_under_way(f->fd), 1);
    expect(c, 1, seq - 1);
    fake_disk_end(f->fd, 0, 0); /* on the disk, but the mark has not moved */
    expect(c, seq, seq - 1);
    struct cursor *by_block = live_cursor(f, 1, false);
    struct cursor_tx tx;
    cursor_seek_block(by_block, f->p.at.next_block + metrics_sum("wirebook_journal_blocks_total"));
    assert_int_equal(cursor_next(by_block, &tx), CURSOR_WAIT); /* nor is it got by its place */
    assert_int_equal(cursor_next(by_block, &tx), CURSOR_WAIT);
    persist_do_work(f->p.persist, 0);
    expect(c, seq, seq);
    expect(by_block, seq, seq);
    cursor_free(by_block);
    cursor_free(c);
}

/* What a dead process' late write brings to the disk is not believed, live or offline. */
static void late_landing_test(void **state)
{
    struct fixture *f = *state;

    start(f, 0);
    send(f, 20);
    f->fd->automatic = false;
    fake_process_send(&f->p, 10);
    persist_do_work(f->p.persist, 0);
    struct fake_pending dead = f->fd->pending[0];
    u8 *data = malloc(dead.bytes);
    memcpy(data, dead.data, dead.bytes);
    f->fd->automatic = true;
    start(f, 0);
    assert_int_equal(f->p.at.last_seq, 20);
    memcpy(f->fd->files[dead.file].data + dead.offset, data, dead.bytes);
    struct cursor *c = live_cursor(f, 15, false);
    expect(c, 15, 20);
    send(f, 30); /* the other transactions 21.. */
    expect(c, 21, 50);
    struct cursor_tx tx;
    cursor_seek(c, 21);
    assert_int_equal(cursor_next(c, &tx), CURSOR_TX);
    assert_int_equal(tx.epoch, 2);
    assert_int_equal(tx.block, f->p.at.next_block);
    cursor_free(c);
    c = offline_cursor(f, 1);
    expect(c, 1, 50);
    cursor_free(c);
    free(data);
}

/* Random lives with torn ends; a cursor reads the whole journal in each of them. */
static void cuts_test(void **state)
{
    struct fixture *f = *state;
    const char *env = getenv("WB_SEED");
    u64 seed = env ? strtoull(env, NULL, 0) : 1;
    u64 promised = 0;

    print_message("WB_SEED=%llu\n", (unsigned long long)seed);
    for (u32 life = 0; life < 60 && fake_disk_files(f->fd) < FAKE_FILES - 8; life++) {
        u64 random = hash_2u64(seed, life, 1);
        fake_disk_cut(f->fd, random);
        start(f, life % 2 ? 4 : 0);
        assert_true(f->p.at.last_seq >= promised);
        struct cursor *c = live_cursor(f, 1, life % 2);
        expect(c, 1, f->p.at.last_seq);
        send(f, (u32)random % 20);
        f->fd->automatic = false;
        for (u32 i = 0; i < 5; i++) {
            fake_process_send(&f->p, (u32)(random >> 20) % 20);
            if (fake_disk_under_way(f->fd) > 1)
                fake_disk_end(f->fd, (u32)(random >> (30 + i)) % 2, 0);
            persist_do_work(f->p.persist, 0);
        }
        promised = durable_get(persist_stored(f->p.persist));
        expect(c, f->p.at.last_seq + 1, promised);
        f->fd->automatic = true;
        cursor_free(c);
    }
    assert_true(f->p.at.epochs > 3);
}

/* By block: what the reader's index does. */
static void seek_block_test(void **state)
{
    struct fixture *f = *state;
    static u64 blocks[1001];
    struct cursor_tx tx;

    start(f, 0);
    send(f, 1000);
    struct cursor *c = live_cursor(f, 1, false);
    for (u64 seq = 1; seq <= 1000; seq++) {
        assert_int_equal(cursor_next(c, &tx), CURSOR_TX);
        blocks[seq] = tx.block;
    }
    for (u64 seq = 1; seq <= 1000; seq += 17) {
        cursor_seek_block(c, blocks[seq]);
        assert_int_equal(cursor_seq(c), 0);
        assert_int_equal(cursor_next(c, &tx), CURSOR_TX);
        assert_true(tx.seq <= seq && tx.block == blocks[seq]);
        assert_int_equal(blocks[tx.seq], tx.block);
        assert_true(tx.seq == 1 || blocks[tx.seq - 1] < tx.block); /* the first that begins there */
        u64 first = tx.seq;
        expect(c, first + 1, 1000);
    }
    cursor_free(c);
}

static void remove_segment(struct fixture *f, u64 segment)
{
    char name[DISK_NAME_MAX];

    segment_name(segment, name);
    assert_int_equal(f->fd->disk.ops->unlink(&f->fd->disk, name), 0);
}

static void gone_test(void **state)
{
    struct fixture *f = *state;
    struct cursor_tx tx;

    start(f, 0);
    send(f, 500);
    struct cursor *c = live_cursor(f, 1, false);
    remove_segment(f, 1);
    remove_segment(f, 2);
    assert_int_equal(cursor_next(c, &tx), CURSOR_GONE);
    assert_non_null(strstr(cursor_why(c), "older than the oldest"));
    assert_int_equal(cursor_next(c, &tx), CURSOR_GONE); /* until a seek */
    u64 oldest = cursor_oldest(c);
    assert_in_range(oldest, 2, 399);
    cursor_seek(c, oldest - 1); /* that began in what is gone */
    assert_int_equal(cursor_next(c, &tx), CURSOR_GONE);
    cursor_seek(c, oldest);
    expect(c, oldest, 500);
    cursor_seek(c, 400);
    expect(c, 400, 500);
    cursor_seek_block(c, 1);
    assert_int_equal(cursor_next(c, &tx), CURSOR_GONE);
    cursor_free(c);
}

/* A durable block that cannot be read is damage for a live cursor and says where. */
static void damage_test(void **state)
{
    struct fixture *f = *state;
    struct cursor_tx tx;
    enum cursor_status s = CURSOR_TX;

    start(f, 0);
    send(f, 500);
    struct fake_file *file = fake_disk_file(f->fd, "0000000000000002.journal");
    file->data[3 * BLOCK_BYTES + 100] ^= 1;
    struct cursor *c = live_cursor(f, 1, false);
    while (s == CURSOR_TX)
        s = cursor_next(c, &tx);
    assert_int_equal(s, CURSOR_ERROR);
    assert_non_null(strstr(cursor_why(c), "segment 2, block 12: checksum"));
    cursor_free(c);
    c = offline_cursor(f, 1);
    while ((s = cursor_next(c, &tx)) == CURSOR_TX)
        ;
    assert_int_equal(s, CURSOR_WAIT); /* offline it is the end, and it says why */
    assert_non_null(strstr(cursor_why(c), "block 12: checksum"));
    cursor_free(c);
}

/* A read error ends a cursor until it is told to seek; what comes then is whole again. */
static void read_error_test(void **state)
{
    struct fixture *f = *state;
    struct cursor_tx tx;

    start(f, 0);
    send(f, 500);
    f->fd->read_error = -EIO;
    for (u32 good = 0; good < 6; good++) {
        struct cursor *c = live_cursor(f, 1, false);
        enum cursor_status s;
        u64 seq = 0;
        f->fd->reads = 0;
        f->fd->reads_good = good;
        while ((s = cursor_next(c, &tx)) == CURSOR_TX)
            assert_int_equal(tx.seq, ++seq);
        assert_int_equal(s, CURSOR_ERROR);
        assert_non_null(strstr(cursor_why(c), "Input/output error"));
        assert_int_equal(cursor_next(c, &tx), CURSOR_ERROR);
        f->fd->reads_good = UINT32_MAX;
        cursor_seek(c, seq + 1);
        expect(c, seq + 1, 500);
        cursor_free(c);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(offline_test),    T(live_files_test), T(live_tap_test),     T(live_small_tap_test),
        T(tap_only_test),   T(catch_up_test),   T(half_durable_test), T(late_landing_test),
        T(cuts_test),       T(seek_block_test), T(gone_test),         T(damage_test),
        T(read_error_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
