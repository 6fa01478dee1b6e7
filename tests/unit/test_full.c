/*
 * test_full.c - pools that are full: the order is rejected and counted, and nothing else changes.
 *
 * "Nothing else" is asserted by comparison: a second venue gets the same commands, but its pool has
 * room and the gateway has found the reason. Both make the same bytes and end in the same state.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "engine/rules.h"
#include "tests/lib/engine_venue.h"

#define ROOM 6u

static struct venue full, free_one;

static int set_up(void **state)
{
    (void)state;
    venue_init(&full, ROOM);
    venue_init(&free_one, ROOM + 50);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    venue_free(&full);
    venue_free(&free_one);
    return 0;
}

static void both(const union msg *m)
{
    union msg a = *m, b = *m;

    venue_send(&full, &a);
    venue_send(&free_one, &b);
}

static void assert_equal_states(void)
{
    assert_int_equal(engine_state_hash(full.e), engine_state_hash(free_one.e));
    engine_check(full.e);
}

/* An order of each kind: each would need a place in structures of its own. */
static union msg order_of(u32 kind, u32 ref)
{
    union msg m = venue_enter_cmd(BOB, ref, 'B', 300, 10000, '0');
    struct order_terms *t = &m.enter.terms;

    switch (kind) {
    case 1: /* it would trade */
        m = venue_enter_cmd(BOB, ref, 'B', 300, 90000, '3');
        break;
    case 2:
        t->tags = TAG_BIT(5) | TAG_BIT(13);
        t->max_floor = 200;
        t->random_reserves = 100;
        break;
    case 3:
        t->tags = TAG_BIT(6);
        t->price_type = 'R';
        break;
    case 4:
        m.enter.display = 'N';
        t->tags = TAG_BIT(3);
        t->min_qty = 100;
        break;
    case 5:
        m.enter.tif = '6';
        t->tags = TAG_BIT(15);
        t->expire_s = 5;
        break;
    case 6:
        m.enter.cross_type = 'C';
        break;
    case 7:
        t->tags = TAG_BIT(12);
        t->yes = YES_POST_ONLY;
        break;
    case 8:
        m.enter.instrument = BBB;
        m.enter.price = 12345;
        break;
    default:
        break;
    }
    return m;
}

static void test_orders(void **state)
{
    u32 ref = 0;

    (void)state;
    for (u32 i = 1; i <= ROOM; i++) {
        union msg m = venue_enter_cmd(ANN, i, 'S', 100, 20000 + i * 1000, '0');
        both(&m);
    }
    for (u32 kind = 0; kind <= 8; kind++) {
        union msg a = order_of(kind, ++ref), b = a;
        assert_int_equal(venue_send(&full, &a), 1);
        assert_int_equal(venue_event(&full, 0)->rejected.reason, REJECT_PROCESSING);
        assert_int_equal(metric_get(&full.e->metrics.pool_full), kind + 1);
        b.enter.reject = REJECT_PROCESSING;
        assert_int_equal(venue_send(&free_one, &b), 1);
        assert_memory_equal(venue_event(&full, 0), venue_event(&free_one, 0), sizeof(struct slot));
        assert_equal_states();
    }
    union msg m = venue_cmd(CMD_CANCEL, ANN); /* one place, one order */
    m.cancel.user_ref = 1;
    both(&m);
    m = order_of(0, ++ref);
    both(&m);
    assert_string_equal(venue_letters(&full), "A");
    assert_equal_states();
    assert_int_equal(metric_get(&free_one.e->metrics.pool_full), 0);
}

/* Every pool that an order needs is as large as that of orders, for the worst of them all. */
static void test_orders_that_share_nothing(void **state)
{
    (void)state;
    for (u32 i = 0; i < ROOM; i++) { /* a page, a line, a price and a channel for each */
        union msg m = venue_enter_cmd(ANN, 1 + i * 1000000, i % 2 ? 'B' : 'S', 100,
                                      i % 2 ? 100 + i * 1000000 : 100000000 + i * 1000000, '0');
        m.enter.user_ref_idx = (u8)(i * 50);
        m.enter.terms.tags = i ? TAG_BIT(28) : 0;
        both(&m);
        assert_string_equal(venue_letters(&full), "A");
    }
    assert_int_equal(engine_open_orders(full.e), ROOM);
    assert_equal_states();
}

/* The number of a channel that could not be made is not consumed. */
static void test_channels(void **state)
{
    union msg m = venue_enter_cmd(ANN, 5, 'S', 100, 20000, '0'), query = venue_cmd(CMD_QUERY, ANN);
    struct pool *pools[] = {&full.e->accounts.block_pool, &full.shadow->accounts.block_pool};
    u32 max = pools[0]->max;

    (void)state;
    for (u32 i = 0; i < 2; i++)
        pool_limit(pools[i], 0); /* what is taken stays */
    m.enter.user_ref_idx = query.query.user_ref_idx = 200;
    m.enter.terms.tags = TAG_BIT(28);
    union msg a = m;
    assert_int_equal(venue_send(&full, &a), 1);
    assert_int_equal(venue_event(&full, 0)->rejected.reason, REJECT_PROCESSING);
    assert_int_equal(metric_get(&full.e->metrics.pool_full), 1);
    assert_int_equal(engine_open_orders(full.e), 0);
    venue_send(&full, &query);
    assert_int_equal(venue_event(&full, 0)->query.next_user_ref, 1);
    venue_enter(&full, ANN, 1, 'S', 100, 20000, '0'); /* the base channel is always there */
    assert_string_equal(venue_letters(&full), "A");
    for (u32 i = 0; i < 2; i++)
        pool_limit(pools[i], max);
    a = m;
    venue_send(&full, &a);
    assert_string_equal(venue_letters(&full), "A");
}

/* A command without an event: neither a transaction nor a change, but a count. */
static void refused(union msg *m)
{
    u64 hash = engine_state_hash(full.e), before = metric_get(&full.e->metrics.refused);

    assert_int_equal(venue_send(&full, m), 0);
    assert_int_equal(metric_get(&full.e->metrics.refused), before + 1);
    assert_int_equal(engine_state_hash(full.e), hash);
}

static void test_reference_data(void **state)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);

    (void)state;
    m.instrument.tick = m.instrument.lot = 1;
    memcpy(m.instrument.symbol, "CCC     ", 8);
    assert_int_equal(venue_send(&full, &m), 1);
    memcpy(m.instrument.symbol, "DDD     ", 8);
    refused(&m);
    memcpy(m.instrument.symbol, "CCC     ", 8); /* a known one may change */
    m.instrument.lot = 10;
    assert_int_equal(venue_send(&full, &m), 1);
    m = venue_cmd(CMD_ACCOUNT, 0);
    memcpy(m.account.firm, "FIRM", 4);
    for (u32 i = 3; i <= 5; i++) {
        memcpy(m.account.user, "USER  ", 6);
        m.account.user[4] = (char)('0' + i);
        if (i <= 4)
            assert_int_equal(venue_send(&full, &m), 1);
    }
    refused(&m);
}

static void test_killed_firms(void **state)
{
    union msg m = venue_cmd(CMD_KILL, 0);

    (void)state;
    m.kill.scope = KILL_FIRM;
    memcpy(m.kill.firm, "KIL0", 4);
    for (u32 i = 0; i < KILLED_FIRMS_MAX; i++, m.kill.firm[3]++) {
        assert_true(venue_send(&full, &m) > 0);
        while (engine_busy(full.e))
            venue_continue(&full);
    }
    refused(&m);
}

static void test_firms_with_limits(void **state)
{
    union msg m = venue_cmd(CMD_LIMIT, 0);
    char name[8];

    (void)state;
    m.limit.scope = LIMIT_FIRM;
    m.limit.position_max = 100;
    for (u32 i = 0; i <= FIRMS_MAX; i++) {
        snprintf(name, sizeof name, "%c%03u", 'A' + i / 1000, i % 1000);
        memcpy(m.limit.firm, name, 4);
        if (i == FIRMS_MAX)
            break;
        assert_true(venue_send(&full, &m) > 0);
        while (engine_busy(full.e))
            venue_continue(&full);
    }
    refused(&m);
    memcpy(m.limit.firm, "A000", 4); /* one that has some may get others */
    m.limit.position_max = 200;
    assert_true(venue_send(&full, &m) > 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_orders),       T(test_orders_that_share_nothing),
        T(test_channels),     T(test_reference_data),
        T(test_killed_firms), T(test_firms_with_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
