/*
 * test_indicator.c - indications before crosses: each second, what the cross then gives, in bites;
 * against the engine's own crosses in random streams.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "persist/indicator.h"
#include "tests/lib/engine_stream.h"
#include "tests/lib/engine_venue.h"

#define T0 (1700000000ull * NS_PER_SEC)

static struct venue v;
static struct indicator ind;
static struct tops *tops;

static int set_up(void **state)
{
    (void)state;
    metrics_reset();
    venue_init(&v, 60);
    tops = tops_new(3, &v.mem);
    tops_note_all(tops, v.shadow);
    indicator_init(&ind, tops);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    venue_free(&v);
    return 0;
}

static void followed(void)
{
    if (v.made)
        tops_note(tops, v.shadow, v.tx.slots, v.tx.used);
}

static void phase(char to, u8 late)
{
    union msg m = venue_cmd(CMD_PHASE, 0);

    m.course.phase = (u8)to;
    m.course.late = late;
    m.course.reason = COURSE_OPERATOR;
    venue_send(&v, &m);
    followed();
}

static void enter(u32 account, u32 ref, char side, u32 qty, u32 price)
{
    venue_enter(&v, account, ref, side, qty, price, '0');
    followed();
}

static void drop_news(void)
{
    struct top top;

    for (u16 id = 0; (id = tops_next(tops, id, &top)) != 0;)
        continue;
}

/* What a round at T0 + `s` seconds has changed of AAA; false: nothing. */
static bool round_at(double s, struct top *out)
{
    struct top top;
    bool found = false;

    drop_news();
    indicator_turn(&ind, v.shadow, T0 + (u64)(s * NS_PER_SEC));
    for (u16 id = 0; (id = tops_next(tops, id, &top)) != 0;)
        if (id == AAA) {
            *out = top;
            found = true;
        }
    return found;
}

static void test_each_second(void **state)
{
    struct top top;

    (void)state;
    assert_false(round_at(0, &top)); /* it trades: no cross is near */
    assert_int_equal(metric_get(&ind.instruments), 0);
    phase('P', 0);
    assert_false(round_at(0.5, &top)); /* the second is not over */
    assert_true(round_at(1, &top));    /* news: there is a cross to come */
    assert_int_equal(top.cross, 'O');
    assert_int_equal(top.paired, 0);
    assert_int_equal(top.cross_price, 0);
    assert_int_equal(top.cross_side, 'N');
    assert_false(round_at(2, &top)); /* nobody is there: said once */
    assert_int_equal(metric_get(&ind.instruments), 2);
    enter(ANN, 1, 'B', 300, 10100);
    enter(BOB, 1, 'S', 200, 10000);
    assert_true(round_at(3, &top));
    assert_int_equal(top.paired, 200);
    assert_int_equal(top.imbalance, 100);
    assert_int_equal(top.cross_side, 'B');
    assert_int_equal(top.indicated_ns, T0 + 3 * NS_PER_SEC);
    assert_false(round_at(3.9, &top));
    assert_true(round_at(4, &top)); /* the same, but a second later */
    assert_int_equal(top.indicated_ns, T0 + 4 * NS_PER_SEC);
    assert_true(round_at(60, &top)); /* what was missed is not made up for */
    assert_false(round_at(60.5, &top));
    venue_cancel(&v, BOB, 1, 0);
    followed();
    assert_true(round_at(61, &top)); /* nothing any more: that is news, too, once */
    assert_int_equal(top.paired, 0);
    assert_false(round_at(62, &top));
    assert_int_equal(metric_get(&ind.made), 2 * 7);
}

/* What was said is what the cross gives; with it the indication is gone. */
static void test_ends_with_its_cross(void **state)
{
    struct top top, later;

    (void)state;
    phase('P', 0);
    enter(ANN, 1, 'B', 300, 10100);
    enter(BOB, 1, 'S', 400, 10000);
    assert_true(round_at(0, &top));
    drop_news();
    phase('T', 0);
    const union msg *x = venue_event(&v, 2);
    assert_int_equal(x->ev.type, EV_CROSS);
    assert_int_equal(x->cross.price, top.cross_price);
    assert_int_equal(x->cross.paired, top.paired);
    assert_int_equal(x->cross.imbalance, top.imbalance);
    assert_int_equal(x->cross.side, top.cross_side);
    assert_int_equal(tops_next(tops, 0, &later), AAA);
    assert_int_equal(later.cross, 0);
    assert_int_equal(later.paired, 0);
    assert_int_equal(later.indicated_ns, 0);
    assert_false(round_at(1, &top));
    phase('T', 1); /* the late period before the closing */
    assert_true(round_at(2, &top));
    assert_int_equal(top.cross, 'C');
    phase('H', 0);
    assert_true(round_at(3, &top));
    assert_int_equal(top.cross, 'H');
}

/* An entry keeps its indication while its book moves between two rounds. */
static void test_the_book_moves_in_between(void **state)
{
    struct top top;

    (void)state;
    phase('P', 0);
    enter(ANN, 1, 'B', 300, 10100);
    enter(BOB, 1, 'S', 400, 10000);
    assert_true(round_at(0, &top));
    enter(BOB, 2, 'S', 100, 9900);
    assert_int_equal(tops_next(tops, 0, &top), AAA);
    assert_int_equal(top.ask_price, 9900);
    assert_int_equal(top.paired, 300);
    assert_int_equal(top.indicated_ns, T0);
}

/* ---- many instruments, many prices ---- */

#define MANY 10000u

static struct engine *engine_of(struct mem *m, u32 instruments, u32 orders)
{
    const struct engine_conf conf = {.accounts_max = 2,
                                     .instruments_max = instruments,
                                     .orders_max = orders,
                                     .gateways = 1,
                                     .hash_key = {3, 4}};
    struct engine *e = engine_new(&conf, m);
    union msg start = {.start = {.cmd = {.type = CMD_START, .slots = 1}, .epoch = 1, .shard = 1}};
    union msg day = {.day = {.cmd = {.type = CMD_DAY_OPEN, .slots = 1}, .day = VENUE_DAY}};
    static struct tx tx;

    day.day.midnight_ns = T0;
    assert_true(engine_step(e, &start, T0, &tx) && engine_step(e, &day, T0, &tx));
    for (u32 i = 1; i <= instruments; i++) {
        char symbol[16];
        union msg m2 = {.instrument = {.cmd = {.type = CMD_INSTRUMENT, .slots = 1}, .tick = 100}};
        snprintf(symbol, sizeof symbol, "S%-7u", i);
        memcpy(m2.instrument.symbol, symbol, 8);
        m2.instrument.lot = 100;
        assert_true(engine_step(e, &m2, T0, &tx));
    }
    union msg go = {
        .course = {.cmd = {.type = CMD_PHASE, .slots = 1}, .phase = 'P', .reason = 'O'}};
    assert_true(engine_step(e, &go, T0, &tx));
    while (engine_busy(e))
        engine_continue(e, T0, &tx);
    return e;
}

/* No turn does more than its share, and all instruments have their turn within the round. */
static void test_in_bites(void **state)
{
    struct mem mem;
    struct indicator i;
    u32 turns = 0, seen = 0;
    struct top top;

    (void)state;
    mem_init(&mem, 0);
    metrics_reset();
    struct engine *e = engine_of(&mem, MANY, 1);
    struct tops *t = tops_new(MANY, &mem);
    tops_note_all(t, e);
    indicator_init(&i, t);
    for (u16 id = 0; (id = tops_next(t, id, &top)) != 0;)
        assert_int_equal(top.cross, 0);
    do {
        int units = indicator_turn(&i, e, T0 + turns++);
        assert_true(units > 0 && units <= (int)INDICATOR_UNITS_PER_TURN + 2);
    } while (i.at != 0);
    /* an empty book is looked at twice, once a side */
    assert_in_range(turns, MANY / INDICATOR_UNITS_PER_TURN + 1,
                    3 * MANY / INDICATOR_UNITS_PER_TURN + 1);
    assert_int_equal(indicator_turn(&i, e, T0 + turns), 0);
    assert_int_equal(metric_get(&i.instruments), MANY);
    assert_int_equal(metric_get(&i.round_ns), turns - 1);
    for (u16 id = 0; (id = tops_next(t, id, &top)) != 0; seen++)
        assert_int_equal(top.cross, 'O');
    assert_int_equal(seen, MANY);
    mem_free_all(&mem);
}

/* ---- random streams ---- */

/* Wherever a stream stands, a round says what the engine says; a round never changes it. */
static void test_says_what_the_engine_says(void **state)
{
    u32 paired = 0;

    (void)state;
    for (u64 seed = 1; seed <= 30; seed++) {
        const struct engine_conf conf = {.accounts_max = STREAM_ACCOUNTS + 1,
                                         .instruments_max = STREAM_INSTRUMENTS + 1,
                                         .orders_max = 200,
                                         .gateways = STREAM_GATEWAYS,
                                         .hash_key = {1, seed}};
        static struct tx tx;
        struct stream stream;
        struct timed t;
        struct mem mem;
        struct indicator i;
        mem_init(&mem, 0);
        metrics_reset();
        struct engine *e = engine_new(&conf, &mem);
        struct tops *all = tops_new(conf.instruments_max, &mem);
        stream_init(&stream, seed);
        indicator_init(&i, all);
        for (u32 n = 0; n < 1500; n++) {
            stream_next(&stream, &t);
            if (engine_busy(e))
                engine_continue(e, t.now_ns, &tx);
            else if (!engine_step(e, &t.cmd, t.now_ns, &tx))
                continue;
            stream_saw(&stream, tx.slots, tx.used);
            tops_note(all, e, tx.slots, tx.used);
            if (n % 10 != 0)
                continue;
            u64 hash = engine_state_hash(e);
            struct top top;
            i.next_ns = 0;
            indicator_turn(&i, e, t.now_ns);
            tops_all_again(all);
            for (u16 id = 0; (id = tops_next(all, id, &top)) != 0;) {
                u32 prices = 1000;
                struct indication want;
                engine_indication(e, id, &prices, &want);
                assert_int_equal(top.cross, want.cross);
                assert_int_equal(top.cross_price, want.price);
                assert_int_equal(top.paired, want.paired);
                assert_int_equal(top.imbalance, want.imbalance);
                assert_int_equal(top.cross_side, want.side);
                paired += want.paired != 0;
            }
            assert_int_equal(engine_state_hash(e), hash);
        }
        mem_free_all(&mem);
    }
    assert_true(paired > 100);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_each_second),
        T(test_ends_with_its_cross),
        T(test_the_book_moves_in_between),
        cmocka_unit_test(test_in_bites),
        cmocka_unit_test(test_says_what_the_engine_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
