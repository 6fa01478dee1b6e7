/*
 * test_sim_bounds.c - the engine at its bounds: 65,535 instruments that all trade, a cross of
 * 1,000,000 orders in turns that are short, as are others with much to do, open orders by the
 * million (10 with WB_FULL=1).
 * wb-test: variants=release timeout=120
 *
 * The counts are the test. Memory, times and the longest turn are printed for people; what must
 * hold on any machine is asserted: how much work a turn does, and memory in proportion.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "engine/base/clock.h"
#include "tests/lib/engine_load.h"

#define MIDDLE 10000000u
#define MIB    (1024.0 * 1024.0)

static struct load l;

/* Of this thread: what others do on the machine does not make a turn longer. */
static u64 cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
}

static double seconds_since(u64 ns)
{
    return (double)(clock_now_ns() - ns) / NS_PER_SEC;
}

/* Memory that the process has, in MiB: pools are taken at the start and used as needed. */
static double resident_mib(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long size, resident = 0;

    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu %lu", &size, &resident), 2);
    fclose(f);
    return (double)resident * 4096 / MIB;
}

static void send_enter(u32 account, u16 instrument, char side, u32 qty, u32 price)
{
    union msg m = load_enter(&l, account, instrument, side, qty, price);

    load_send(&l, &m);
}

/* Each of them has orders, trades twice, is looked up by its name, and knows its own prices. */
static void test_65535_instruments(void **state)
{
    u64 began = clock_now_ns();

    (void)state;
    load_init(&l, INSTRUMENTS_MAX, 4 * INSTRUMENTS_MAX);
    u64 built = clock_now_ns();
    for (u32 i = 1; i <= INSTRUMENTS_MAX; i++) {
        send_enter(1, (u16)i, 'B', 300, MIDDLE + i);
        send_enter(1, (u16)i, 'S', 100, MIDDLE + 2 * i + 1);
    }
    for (u32 i = INSTRUMENTS_MAX; i >= 1; i--)
        send_enter(2, (u16)(i * 7919 % 65537 % INSTRUMENTS_MAX + 1), 'S', 100, MIDDLE);
    for (u32 i = 1; i <= INSTRUMENTS_MAX; i++)
        send_enter(2, (u16)i, 'B', 100, MIDDLE + 2 * i + 1);
    printf("65,535 instruments: built in %.2f s, 262,140 orders in %.2f s, %.0f MiB resident\n",
           (double)(built - began) / NS_PER_SEC, seconds_since(built), resident_mib());
    assert_int_equal(engine_instruments(l.e), INSTRUMENTS_MAX);
    u64 left = 0;
    for (u32 i = 1; i <= INSTRUMENTS_MAX; i++) {
        const struct msg_instrument *t = engine_instrument(l.e, (u16)i);
        assert_int_equal(engine_instrument_find(l.e, t->symbol), i);
        assert_int_equal(l.e->markets[i].last_price, MIDDLE + 2 * i + 1);
        assert_int_equal(engine_best_price(l.e, (u16)i, 'S'), 0);
        left += engine_best_qty(l.e, (u16)i, 'B');
    }
    assert_int_equal(metric_get(&l.e->metrics.fills), 2 * INSTRUMENTS_MAX);
    assert_int_equal(left, 200 * INSTRUMENTS_MAX);
    assert_int_equal(engine_open_orders(l.e), INSTRUMENTS_MAX);
    union msg more = {.instrument = {.cmd = {.type = CMD_INSTRUMENT, .slots = 1}, .tick = 1}};
    memcpy(more.instrument.symbol, "ONEMORE ", 8);
    more.instrument.lot = 1;
    assert_false(load_step(&l, &more)); /* refused, counted */
    assert_int_equal(metric_get(&l.e->metrics.refused), 1);
    load_free(&l);
}

/* ---- a cross in turns ---- */

#define CROSS_ORDERS 1000000u

struct wires {
    struct ring cmd, events, tx;
};

static struct wires wires;

static void attach(void)
{
    struct engine_rings rings = {.cmd = {&wires.cmd}, .cmd_used = 1, .tx = &wires.tx};

    ring_init(&wires.cmd, &l.mem, "cmd", CMD_RING_SLOTS);
    ring_init(&wires.events, &l.mem, "events", EVENT_RING_SLOTS);
    ring_init(&wires.tx, &l.mem, "tx", TX_RING_SLOTS);
    rings.events[0] = &wires.events;
    rings.events_used = 1;
    metrics_reset();
    engine_attach(l.e, &rings);
}

/* Empties a ring as its consumer would. Returns the transactions in it. */
static u64 take_all(struct ring *r)
{
    u64 n = ring_avail(r, r->mask + 1), txs = 0;

    for (u64 i = 0; i < n; i += msg_slots(ring_at(r, i)))
        txs += msg_is_command(((const union msg *)(const void *)ring_at(r, i))->cmd.type);
    ring_take(r, n);
    return txs;
}

/*
 * A million orders before the opening: buyers and sellers at `prices` prices each, which all cross.
 */
static void cross_fill(u32 prices)
{
    union msg p = load_phase(0, 'P');

    load_send(&l, &p);
    for (u32 i = 0; i < CROSS_ORDERS / 2; i++) {
        u32 at = (u32)(hash_u64(i) % prices);
        for (u32 side = 0; side < 2; side++) {
            union msg m = load_enter(&l, 1 + side, 1, side ? 'S' : 'B', 100,
                                     side ? MIDDLE - at : MIDDLE + at);
            m.enter.cross_type = i % 2 ? 'O' : 'N'; /* half of them wait, half are in the book */
            load_send(&l, &m);
        }
    }
    assert_int_equal(engine_open_orders(l.e), CROSS_ORDERS);
}

/* One turn. Returns its transactions; `spent` is the longest so far. */
static u64 one_turn(u64 *spent)
{
    u64 from = cpu_ns();

    engine_do_work(l.e, ++l.now_ns);
    *spent = max_u64(*spent, cpu_ns() - from);
    u64 n = take_all(&wires.tx);
    take_all(&wires.events);
    return n;
}

/* Lets the agent do what the command asks for, in turns, all of them short. */
static void in_turns(const char *what, const union msg *go)
{
    u64 turns = 0, pieces = 0, longest = 0, most = 0, began = clock_now_ns();

    attach();
    assert_true(ring_push(&wires.cmd, go, go->cmd.slots));
    do {
        u64 n = one_turn(&longest);
        most = max_u64(most, n);
        pieces += n;
        turns++;
    } while (engine_busy(l.e));
    printf("%s: %.2f s, %llu pieces in %llu turns, the longest %.0f us\n", what,
           seconds_since(began), (unsigned long long)pieces, (unsigned long long)turns,
           (double)longest / 1000);
    assert_true(pieces >= CROSS_ORDERS / CHUNK_CANCELS_MAX);
    assert_int_equal(most, 1);
    assert_int_equal(engine_open_orders(l.e), 0);
}

static void test_a_cross_of_a_million_orders(void **state)
{
    static const u32 prices[] = {CROSS_ORDERS / 2, 1};

    (void)state;
    for (u32 i = 0; i < (getenv("WB_FULL") ? 2 : 1); i++) {
        load_init(&l, 1, CROSS_ORDERS + 100);
        cross_fill(prices[i]);
        union msg go = load_phase(0, 'T');
        in_turns(i ? "... all of them at one price" : "a cross of 1,000,000 orders", &go);
        assert_int_equal(metric_get(&l.e->metrics.fills), CROSS_ORDERS / 2);
        assert_int_equal(engine_phase(l.e, 1), PHASE_TRADING);
        load_free(&l);
    }
}

/* What else is long: each way in which many orders go at once. */
static void test_a_million_orders_go(void **state)
{
    const union msg ways[] = {
        load_phase(0, 'Z'),
        {.kill = {.cmd = {.type = CMD_KILL, .slots = 1}, .scope = KILL_VENUE}},
        {.day = {.cmd = {.type = CMD_DAY_END, .slots = 1}}},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(ways) && getenv("WB_FULL"); i++) {
        load_init(&l, 1, CROSS_ORDERS + 100);
        cross_fill(CROSS_ORDERS / 2);
        in_turns(i == 0   ? "... that the close ends"
                 : i == 1 ? "... killed"
                          : "... a day's end",
                 &ways[i]);
        load_free(&l);
    }
}

/* Orders that a client lets end at the same moment, then sweeps as long as a transaction can be. */
static void test_long_transactions_fill_a_turn(void **state)
{
    const u32 orders = 20000, sweeps = 100;
    u64 longest = 0, turns = 0;

    (void)state;
    load_init(&l, 1, 2 * orders);
    for (u32 i = 0; i < orders; i++) {
        union msg m = load_enter(&l, 1, 1, 'S', 100, MIDDLE + i % 100);
        m.enter.tif = TIF_GTT;
        m.enter.terms.tags = TAG_BIT(15);
        m.enter.terms.expire_s = 2;
        load_send(&l, &m);
    }
    for (u32 i = 0; i < sweeps * CHUNK_FILLS_MAX; i++)
        send_enter(1, 1, 'S', 100, MIDDLE + 200);
    attach();
    l.now_ns += 3 * NS_PER_SEC;
    for (; engine_due(l.e, l.now_ns); turns++)
        assert_in_range(one_turn(&longest), 1, 2);
    printf("%u orders that end at once: %llu turns, the longest %.0f us\n", orders,
           (unsigned long long)turns, (double)longest / 1000);
    for (u32 i = 0; i < sweeps; i++) {
        union msg m = load_enter(&l, 2, 1, 'B', 100 * CHUNK_FILLS_MAX, MIDDLE + 200);
        m.cmd.bind_id = l.e->accounts.at[2].bind_id;
        assert_true(ring_push(&wires.cmd, &m, m.cmd.slots));
    }
    for (turns = 0; engine_open_orders(l.e); turns++)
        assert_int_equal(one_turn(&longest), 1);
    assert_int_equal(turns, sweeps);
    load_free(&l);
}

/* ---- many open orders ---- */

static void test_open_orders(void **state)
{
    u32 orders = getenv("WB_FULL") ? 10000000 : 1000000;
    double before = resident_mib();

    (void)state;
    load_init(&l, 1000, orders);
    u64 began = clock_now_ns();
    for (u32 i = 0; i < orders; i++) {
        u32 side = i & 1, at = (u32)(hash_u64(i) % 5000);
        send_enter(1 + side, (u16)(1 + i / 2 % 1000), side ? 'S' : 'B', 100,
                   side ? MIDDLE + 1 + at : MIDDLE - at);
    }
    double built_s = seconds_since(began), mib = resident_mib() - before;
    assert_int_equal(engine_open_orders(l.e), orders);
    union msg full = load_enter(&l, 1, 1, 'B', 100, MIDDLE);
    load_send(&l, &full);
    assert_int_equal(metric_get(&l.e->metrics.pool_full), 1);
    assert_int_equal(engine_open_orders(l.e), orders);
    began = clock_now_ns();
    for (u32 i = 0; i < 1000000; i++) { /* each second one of the older half, from the middle */
        union msg m = load_cancel(1 + (i & 1), 1 + i / 2 % (orders / 4));
        if (i < orders / 2)
            load_send(&l, &m);
    }
    double cancels_s = seconds_since(began);
    printf("%u open orders: %.2f s (%.0f ns each), %.0f MiB (%.0f bytes each); cancels %.0f ns\n",
           orders, built_s, built_s * 1e9 / orders, mib, mib * MIB / orders,
           cancels_s * 1e9 / min_u32(1000000, orders / 2));
    assert_true(mib * MIB / orders < 400);
    load_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_65535_instruments),
        cmocka_unit_test(test_a_cross_of_a_million_orders),
        cmocka_unit_test(test_a_million_orders_go),
        cmocka_unit_test(test_long_transactions_fill_a_turn),
        cmocka_unit_test(test_open_orders),
    };

    clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
