/*
 * test_snapshot.c - snapshots: written beside a growing journal, read back, damaged in every way,
 * and what recovery makes of it. The oracle is an engine that ran every command.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "engine/base/log.h"
#include "engine/base/metrics.h"
#include "persist/journal_format.h"
#include "persist/recovery.h"
#include "persist/shadow.h"
#include "persist/tops.h"
#include "persist/snapshot.h"
#include "tests/lib/engine_stream.h"
#include "tests/lib/fake_disk.h"
#include "tests/lib/fake_tx.h"

#define SHARD  7u
#define EVERY  150u
#define BLOCKS 8u /* of a segment */

static struct fake_disk *fd;
static struct fake_process process;
static struct why why;

/* The venue whose journal it is. */
static struct {
    struct mem mem;
    struct engine *engine;
    struct engine_conf conf;
    struct stream stream;
    u64 hash; /* of its state */
} venue;

static struct shadow *shadow;
static struct mem tops_mem;
static struct tops *tops; /* that it is asked for; NULL: none */

/* The next transaction that the stream makes. */
static void make_tx(u64 seq, struct tx *out)
{
    struct timed t;

    for (;;) {
        stream_next(&venue.stream, &t);
        if (engine_busy(venue.engine)) {
            engine_continue(venue.engine, t.now_ns, out);
            break;
        }
        if (engine_step(venue.engine, &t.cmd, t.now_ns, out))
            break;
    }
    assert_int_equal(engine_seq(venue.engine), seq);
    stream_saw(&venue.stream, out->slots, out->used);
    venue.hash = engine_state_hash(venue.engine);
}

/* `n` more transactions into the journal; the shadow follows in bites of `bite`. */
static void grow(u32 n, u32 bite)
{
    for (u32 i = 0; i < n; i += bite) {
        fake_process_send(&process, bite);
        fake_process_run(&process);
        while (shadow_do_work(shadow, 0) > 0)
            ;
    }
}

static void shadow_make(const struct mem *engine)
{
    struct shadow_conf conf = {
        .cursor = {.disk = &fd->disk,
                   .shard = SHARD,
                   .stored = persist_stored(process.persist),
                   .live = {persist_live_segment(process.persist),
                            persist_live_block(process.persist)}},
        .engine = venue.conf,
        .every = EVERY,
        .tops = tops,
    };

    shadow = shadow_new(&conf, engine, &process.at);
}

static int setup(void **state)
{
    struct mem mem;

    (void)state;
    metrics_reset();
    log_level_set(LOG_ERROR + 1);
    fd = fake_disk_new();
    venue.conf = (struct engine_conf){.accounts_max = STREAM_ACCOUNTS + 1,
                                      .instruments_max = STREAM_INSTRUMENTS + 1,
                                      .orders_max = 100,
                                      .gateways = STREAM_GATEWAYS,
                                      .hash_key = {4, 5}};
    mem_init(&venue.mem, 0);
    venue.engine = engine_new(&venue.conf, &venue.mem);
    stream_init(&venue.stream, 11);
    fake_process_init(&process, BLOCKS);
    process.make = make_tx;
    assert_int_equal(fake_process_start(&process, &fd->disk, &why), REPLAY_OK);
    mem_init(&mem, 0);
    engine_new(&venue.conf, &mem);
    shadow_make(&mem);
    mem_free_all(&mem);
    return 0;
}

static int setup_tops(void **state)
{
    mem_init(&tops_mem, 0);
    tops = tops_new(STREAM_INSTRUMENTS + 1, &tops_mem);
    return setup(state);
}

static int teardown(void **state)
{
    (void)state;
    shadow_free(shadow);
    fake_process_end(&process);
    mem_free_all(&venue.mem);
    fake_disk_free(fd);
    return 0;
}

static struct snapshot_list snapshots(void)
{
    struct snapshot_list list;

    assert_int_equal(snapshot_list(&fd->disk, &list), 0);
    return list;
}

static struct fake_file *file_of(u64 seq)
{
    char name[DISK_NAME_MAX];

    snprintf(name, sizeof name, "%016llx.snapshot", (unsigned long long)seq);
    struct fake_file *f = fake_disk_file(fd, name);
    assert_non_null(f);
    return f;
}

/* What the i-th snapshot makes free to go. */
static u64 passed_by(u32 i)
{
    struct snapshot_list list = snapshots();
    struct snapshot s;

    assert_true(snapshot_head(&fd->disk, &list, i, &s, &why));
    assert_int_equal(s.day_seq, fake_day_seq(&fd->disk, s.seq));
    return s.day_seq == 0 ? 0 : min_u64(s.seq, s.day_seq) - 1;
}

/* Recovers; returns the status, and from which snapshot to `*from`. The state must be right. */
static enum replay_status recover(u32 orders_max, u64 *from)
{
    struct recovery_conf conf = {
        .disk = &fd->disk, .shard = SHARD, .engine = venue.conf, .quiet = true};
    struct replay_result at;
    struct engine *e;
    struct mem mem;

    conf.engine.orders_max = orders_max;
    conf.engine.hash_key[0] = 99; /* every process draws another one */
    mem_init(&mem, 0);
    enum replay_status s = recovery_run(&conf, &mem, &e, &at, &why);
    if (s == REPLAY_OK) {
        assert_int_equal(engine_seq(e), engine_seq(venue.engine));
        assert_int_equal(engine_state_hash(e), venue.hash);
        engine_check(e);
        *from = at.from_seq;
    }
    mem_free_all(&mem);
    return s;
}

static void names_test(void **state)
{
    (void)state;
    assert_int_equal(snapshot_parse("00000000000000a3.snapshot"), 0xa3);
    assert_int_equal(snapshot_parse("00000000000000A3.snapshot"), 0);
    assert_int_equal(snapshot_parse("+0000000000000a3.snapshot"), 0);
    assert_int_equal(snapshot_parse("0000000000000000.snapshot"), 0);
    assert_true(!snapshot_parse("00000000000000a3.journal") && !snapshot_parse(SNAPSHOT_NEW));
}

/* Two are kept, the mark is the older one's, and each start goes on from the newest. */
static void two_are_kept_test(void **state)
{
    u64 from = 0;

    (void)state;
    grow(EVERY - 1, 1);
    assert_int_equal(snapshots().used, 0);
    grow(1, 1);
    assert_int_equal(snapshots().used, 1);
    assert_int_equal(snapshots().seq[0], EVERY);
    assert_int_equal(durable_get(shadow_passed(shadow)), 0);
    for (u32 i = 2; i < 12; i++) {
        grow(EVERY, i * 7 % 25 + 1);
        struct snapshot_list list = snapshots();
        assert_int_equal(list.used, 2);
        assert_true(list.seq[0] > list.seq[1]);
        assert_int_equal(durable_get(shadow_passed(shadow)), passed_by(1));
        assert_int_equal(recover(100, &from), REPLAY_OK);
        assert_int_equal(from, list.seq[0]);
    }
    assert_null(fake_disk_file(fd, SNAPSHOT_NEW));
}

/* The next process' shadow goes on from the recovered engine and knows the one it came from. */
static void next_process_test(void **state)
{
    struct mem mem;
    struct engine *e;
    struct recovery_conf conf = {
        .disk = &fd->disk, .shard = SHARD, .engine = venue.conf, .quiet = true};
    u64 from = 0;

    (void)state;
    grow(2 * EVERY + 30, 10);
    u64 newest = snapshots().seq[0];
    shadow_free(shadow);
    fake_disk_cut(fd, 0);
    fake_process_end(&process);
    metrics_reset();

    mem_init(&mem, 0);
    assert_int_equal(recovery_run(&conf, &mem, &e, &process.at, &why), REPLAY_OK);
    assert_int_equal(process.at.from_seq, newest);
    struct replay_result at = process.at;
    fake_process_init(&process, BLOCKS);
    process.make = make_tx;
    process.at = at;
    ring_init(&process.tx, &process.mem, "tx", TX_RING_SLOTS);
    process.persist = persist_new(&process.conf, &fd->disk, &process.tx, &at, at.max_epoch + 1,
                                  &process.mem, &why);
    assert_non_null(process.persist);
    process.sent = at.last_seq;
    venue.conf = *engine_conf(e);
    shadow_make(&mem);
    mem_free_all(&mem);
    grow(EVERY, 10);
    assert_int_equal(snapshots().seq[1], newest);
    assert_int_equal(durable_get(shadow_passed(shadow)), passed_by(1));
    assert_int_equal(recover(100, &from), REPLAY_OK);
    assert_int_equal(from, snapshots().seq[0]);
}

/* A bad one costs time and nothing else: the older one, then the whole journal. */
static void fallback_test(void **state)
{
    u64 from = 0;

    (void)state;
    grow(3 * EVERY, 10);
    struct snapshot_list list = snapshots();
    file_of(list.seq[0])->data[list.bytes[0] / 2] ^= 1;
    assert_int_equal(recover(100, &from), REPLAY_OK);
    assert_int_equal(from, list.seq[1]);
    file_of(list.seq[1])->data[5000] ^= 1;
    assert_int_equal(recover(100, &from), REPLAY_OK);
    assert_int_equal(from, 0);
}

/* Other pools, another shard: not usable, and the journal is there. */
static void other_pools_test(void **state)
{
    u64 from = 1;

    (void)state;
    grow(2 * EVERY, 10);
    assert_int_equal(recover(200, &from), REPLAY_OK);
    assert_int_equal(from, 0);
}

/* A snapshot has seen what the journal has lost: that is damage, with a witness at last. */
static void witness_test(void **state)
{
    char name[DISK_NAME_MAX];
    u64 segment = 1;
    u64 from;

    (void)state;
    grow(2 * EVERY, 10);
    for (segment = 1;; segment++) {
        segment_name(segment, name);
        struct fake_file *f = fake_disk_file(fd, name);
        const struct block *b = f ? (const struct block *)(const void *)f->data : NULL;
        if (!f || block_is_zero(b))
            break;
        if (b->head.first_seq > EVERY) /* all from there on is gone without a trace */
            memset(f->data, 0, f->bytes);
    }
    assert_int_equal(recover(100, &from), REPLAY_DAMAGED);
    assert_non_null(strstr(why.text, "damaged"));
}

/* Segments that the older snapshot does not need may go; without a snapshot there is no start. */
static void shortened_journal_test(void **state)
{
    char name[DISK_NAME_MAX];
    u64 from = 0;

    (void)state;
    grow(4 * EVERY, 10);
    struct snapshot_list list = snapshots();
    struct snapshot s;
    assert_true(snapshot_head(&fd->disk, &list, 1, &s, &why));
    for (u64 segment = 1; (segment + 1) * BLOCKS < s.block; segment++) {
        segment_name(segment, name);
        assert_int_equal(fd->disk.ops->unlink(&fd->disk, name), 0);
    }
    assert_int_equal(recover(100, &from), REPLAY_OK);
    assert_int_equal(from, list.seq[0]);
    file_of(list.seq[0])->data[100] ^= 1;
    assert_int_equal(recover(100, &from), REPLAY_OK);
    assert_int_equal(from, list.seq[1]);
    file_of(list.seq[1])->data[100] ^= 1;
    assert_int_equal(recover(100, &from), REPLAY_FAILED);
    assert_non_null(strstr(why.text, "archive"));
    file_of(list.seq[1])->data[100] ^= 1;
    segment_name((s.block - 1) / BLOCKS + 1, name); /* the one that it goes on with */
    fd->disk.ops->unlink(&fd->disk, name);
    assert_int_equal(recover(100, &from), REPLAY_DAMAGED);
}

/* Whatever fails while one is written, the one before stays, and the next one is made. */
static void write_errors_test(void **state)
{
    u64 from = 0;

    (void)state;
    grow(EVERY, 10);
    for (u32 good = 0; good < 3; good++) {
        fd->put_error = good == 1 ? -ENOSPC : -EIO;
        fd->puts_good = fd->puts + good;
        grow(EVERY, 10);
        fd->put_error = 0;
        assert_null(fake_disk_file(fd, SNAPSHOT_NEW));
        assert_int_equal(recover(100, &from), REPLAY_OK);
        if (from == EVERY)
            continue;
        assert_int_equal(good, 2); /* it took fewer writes than that */
    }
    fd->create_error = -ENOSPC;
    u64 before = snapshots().seq[0];
    while (shadow_do_work(shadow, 0) > 0)
        ;
    fd->create_error = 0;
    grow(2 * EVERY, 10);
    assert_true(snapshots().seq[0] > before);
    assert_int_equal(recover(100, &from), REPLAY_OK);
    assert_int_equal(from, snapshots().seq[0]);
}

/* One that is asked for is answered with what it is; where nothing is new, it is the next one's. */
static void asked_test(void **state)
{
    struct shadow_taken t;
    u64 asked = shadow_ask(shadow);

    (void)state;
    grow(10, 10);
    assert_true(shadow_answer(shadow, asked, &t) && t.why.text[0] == '\0' && t.took_ns > 0);
    assert_true(t.seq == 10 && t.seq == snapshots().seq[0] && t.bytes == snapshots().bytes[0]);
    asked = shadow_ask(shadow);
    assert_true(shadow_do_work(shadow, 0) == 0 && !shadow_answer(shadow, asked, &t));
}

/* A journal that cannot be read ends the snapshots, not the venue. */
static void unreadable_test(void **state)
{
    (void)state;
    grow(EVERY, 10);
    fd->read_error = -EIO;
    fd->reads_good = 0;
    grow(2 * EVERY, 10);
    fd->read_error = 0;
    assert_int_equal(snapshots().used, 1);
    struct shadow_taken t;
    assert_true(!shadow_answer(shadow, shadow_ask(shadow), &t) && shadow_do_work(shadow, 0) == 0);
    assert_true(shadow_answer(shadow, 1, &t) && strstr(t.why.text, "until the next start"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int teardown_tops(void **state)
{
    tops = NULL;
    mem_free_all(&tops_mem);
    return teardown(state);
}

/* Asked for the tops it does not wait for a snapshot's turn, and still makes them at theirs. */
static void test_tops_are_followed(void **state)
{
    struct top top;
    u32 seen = 0;

    (void)state;
    for (u32 i = 0; i < 3 * EVERY; i += EVERY / 4) {
        grow(EVERY / 4, EVERY / 4);
        for (u16 id = 0; (id = tops_next(tops, id, &top)) != 0; seen++) {
            assert_int_equal(top.bid_price, engine_best_price(venue.engine, id, 'B'));
            assert_int_equal(top.ask_qty, engine_best_qty(venue.engine, id, 'S'));
        }
    }
    assert_true(seen > 3);
    assert_true(durable_get(shadow_passed(shadow)) > 0); /* there are two snapshots */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tops_are_followed, setup_tops, teardown_tops),
        T(names_test),
        T(two_are_kept_test),
        T(next_process_test),
        T(fallback_test),
        T(other_pools_test),
        T(witness_test),
        T(shortened_journal_test),
        T(write_errors_test),
        T(asked_test),
        T(unreadable_test)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
