/*
 * test_band.c - price bands by hand: their width, what they do to prices, how they move, limit
 * states, pauses; static collars. Every transaction is recovered as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/band.h"
#include "tests/lib/engine_venue.h"

static struct venue v;
static u32 next_ref;

static void instrument(u8 tier, u32 reference, u16 collar_bps)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);

    memcpy(m.instrument.symbol, "AAA     ", 8);
    m.instrument.tick = 100;
    m.instrument.lot = 100;
    m.instrument.tier = tier;
    m.instrument.reference_price = reference;
    m.instrument.collar_bps = collar_bps;
    venue_send(&v, &m);
}

static void phase(char letter, u8 wide)
{
    union msg m = venue_cmd(CMD_PHASE, 0);
    m.course.phase = (u8)letter;
    m.course.reason = 'O';
    m.course.wide = wide;
    venue_send(&v, &m);
}

/* Tier 1 around 100.00: bands at 95.00 and 105.00. */
static int set_up(void **state)
{
    (void)state;
    venue_init(&v, 60);
    next_ref = 0;
    instrument(1, 1000000, 0);
    phase('P', 0);
    phase('T', 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    venue_free(&v);
    return 0;
}

static u32 enter(u32 account, char side, u32 qty, u32 price, char tif)
{
    venue_enter(&v, account, ++next_ref, side, qty, price, tif);
    return next_ref;
}

static void trade(u32 price)
{
    enter(ANN, 'S', 10, price, '0');
    enter(BOB, 'B', 10, price, '3');
    assert_int_equal(venue_event(&v, 1)->executed.price, price);
}

/* All that is due `s` seconds later. Returns the transactions. */
static u32 later(u64 s)
{
    union msg m = venue_cmd(CMD_TICK, 0);
    u32 n = 0;

    v.now_ns += s * NS_PER_SEC;
    for (; engine_due(v.e, v.now_ns); n++)
        venue_send(&v, &m);
    return n;
}

static const struct market *market(void)
{
    return &v.e->markets[AAA];
}

static void assert_bands(u32 lower, u32 upper)
{
    assert_int_equal(market()->lower, lower);
    assert_int_equal(market()->upper, upper);
}

static void test_widths(void **state)
{
    static const struct {
        u8 tier;
        u32 reference, lower, upper;
    } rows[] = {
        {1, 1000000, 950000, 1050000},
        {2, 1000000, 900000, 1100000},
        {1, 30001, 28501, 31501},
        {1, 30000, 24000, 36000},
        {2, 7500, 6000, 9000},
        {1, 7400, 5900, 8900},
        {1, 1000, 250, 1750},
        {2, 1, 1, 1},
        {0, 1000000, 0, 0},
        {1, PRICE_LIMIT_MAX, 1899999905, PRICE_LIMIT_MAX},
    };
    (void)state;

    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        instrument(rows[i].tier, 1000000, 0);
        struct bands b = bands_around(v.e, AAA, rows[i].reference, false);
        assert_int_equal(b.lower, rows[i].lower);
        assert_int_equal(b.upper, rows[i].upper);
    }
    instrument(1, 1000000, 0);
    assert_int_equal(bands_around(v.e, AAA, 1000000, true).upper, 1100000);
    assert_int_equal(bands_around(v.e, AAA, 0, true).upper, 0);
    assert_int_equal(bands_around(v.e, AAA, 3000, true).lower, 1); /* as wide as it is high */
}

static void test_the_accepted_price_is_within(void **state)
{
    (void)state;
    assert_bands(950000, 1050000);
    enter(ANN, 'B', 10, 1060000, '0');
    assert_int_equal(venue_event(&v, 0)->order.price, 1050000);
    enter(BOB, 'S', 10, 900000, '0');
    assert_int_equal(venue_event(&v, 0)->order.price, 950000);
    assert_int_equal(venue_event(&v, 1)->executed.price, 1050000); /* better for the seller */
    enter(ANN, 'B', 10, 900000, '0'); /* may wait below: nobody sells to it */
    assert_int_equal(venue_event(&v, 0)->order.price, 900000);
    venue_replace(&v, ANN, next_ref, next_ref + 1, 10, 2000000);
    assert_int_equal(venue_event(&v, 0)->order.price, 1050000);
}

static void test_a_market_order_stops_at_the_band(void **state)
{
    (void)state;
    enter(ANN, 'S', 10, 1040000, '0');
    enter(ANN, 'S', 10, 1060000, '0');
    enter(BOB, 'B', 30, PRICE_MARKET, '3');
    assert_int_equal(venue_event(&v, 1)->executed.price, 1040000);
    assert_int_equal(venue_event(&v, 3)->cancelled.reason, 'K');
    assert_int_equal(venue_event(&v, 3)->cancelled.qty, 20);
    venue_cancel(&v, ANN, 2, 0);
    enter(BOB, 'B', 30, PRICE_MARKET, '3');
    assert_int_equal(venue_event(&v, 1)->cancelled.reason, 'I'); /* nobody there */
}

static void test_bands_follow_the_mean(void **state)
{
    (void)state;
    trade(1010000);
    assert_int_equal(later(0), 0); /* the reference rests for half a minute */
    assert_int_equal(later(31), 0);
    trade(1010000);
    assert_int_equal(later(0), 1);
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_BANDS);
    assert_bands(959500, 1060500);
    later(31);
    trade(1012000);
    assert_int_equal(later(0), 0); /* not a per cent */
    later(400);
    trade(1030000); /* the others are too old */
    assert_int_equal(later(0), 1);
    assert_int_equal(market()->reference, 1030000);
}

/* Ten half minutes count, the present one included; when none has a trade the last one does. */
static void test_the_mean_of_five_minutes(void **state)
{
    (void)state;
    trade(1010000);
    assert_int_equal(window_mean(v.e, AAA, v.now_ns), 1010000);
    assert_int_equal(window_mean(v.e, AAA, v.now_ns + 9 * BAND_LOOK_NS), 1010000);
    assert_int_equal(window_mean(v.e, AAA, v.now_ns + 10 * BAND_LOOK_NS), 0);
    assert_int_equal(later(31), 0);
    trade(1010000);
    assert_int_equal(later(400), 1);
    assert_int_equal(market()->reference, 1010000);
}

/* A peg that the bands kept from a price goes there when they move. */
static void test_a_peg_follows_the_bands(void **state)
{
    union msg m = venue_enter_cmd(BOB, 100, 'B', 10, PRICE_MARKET, '0');
    (void)state;

    enter(ANN, 'S', 10, 1040000, '0');
    m.enter.terms.tags = TAG_BIT(6) | TAG_BIT(7);
    m.enter.terms.price_type = 'P';
    m.enter.terms.peg_offset = 30000; /* 107.00, beyond the upper band */
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "A");
    next_ref = 100;
    later(31);
    trade(1030000);
    assert_int_equal(engine_open_orders(v.e), 2);
    assert_true(later(1) > 0);
    assert_bands(978500, 1081500);
    assert_int_equal(engine_open_orders(v.e), 0);
    engine_check(v.e);
}

static void test_wide_bands(void **state)
{
    (void)state;
    phase('T', 1);
    assert_bands(900000, 1100000);
    u32 buyer = enter(ANN, 'B', 10, 1090000, '0');
    u32 later_buyer = enter(BOB, 'B', 10, 1080000, '0');
    enter(BOB, 'S', 10, 1095000, '0');
    phase('T', 0); /* narrow again: the buyers follow, the seller may wait */
    assert_bands(950000, 1050000);
    const struct msg_priority *p = &venue_event(&v, 2)->priority;
    assert_int_equal(p->head.type, EV_PRIORITY);
    assert_int_equal(p->user_ref, buyer);
    assert_int_equal(p->price, 1050000);
    assert_true(p->order_ref > p->old_order_ref);
    assert_int_equal(venue_event(&v, 3)->priority.user_ref, later_buyer);
    assert_int_equal(engine_best_qty(v.e, AAA, 'B'), 20);
    enter(ANN, 'S', 10, 1000000, '3');
    assert_int_equal(venue_event(&v, 2)->executed.user_ref, buyer); /* still before the other */
    assert_int_equal(engine_best_price(v.e, AAA, 'S'), 1095000);
}

static void test_orders_follow_in_pieces(void **state)
{
    (void)state;
    phase('T', 1);
    for (u32 i = 0; i < 7; i++)
        enter(ANN, 'B', 10, 1090000, i % 2 ? '0' : '5');
    v.e->chunk_cancels = 4;
    phase('T', 0);
    u32 pieces = 1;
    for (; engine_busy(v.e); pieces++)
        venue_continue(&v);
    assert_true(pieces >= 3);
    assert_int_equal(engine_best_price(v.e, AAA, 'B'), 1050000);
    assert_int_equal(engine_best_qty(v.e, AAA, 'B'), 70);
}

static void test_limit_state_and_pause(void **state)
{
    (void)state;
    u32 buyer = enter(ANN, 'B', 10, 1050000, '0');
    assert_true(market()->limit_ns != 0);
    venue_cancel(&v, ANN, buyer, 0);
    assert_int_equal(market()->limit_ns, 0); /* it is over */
    assert_int_equal(later(20), 0);
    enter(ANN, 'B', 10, 1055000, '0');
    assert_int_equal(later(14), 0);
    assert_int_equal(later(1), 1);
    assert_int_equal(market()->phase, 'V');
    assert_int_equal(venue_event(&v, 0)->course.reason, COURSE_LIMIT);
    enter(BOB, 'S', 10, 1050000, '0'); /* rests: nothing trades now */
    assert_int_equal(venue_events(&v), 1);
    assert_int_equal(later(298), 0);
    assert_int_equal(later(2), 1);
    assert_int_equal(market()->phase, 'T');
    assert_int_equal(engine_open_orders(v.e), 0); /* crossed */
    assert_int_equal(market()->reference, 1050000);
    assert_int_equal(v.e->markets[BBB].phase, 'T');
}

/* What an operator had made of one instrument alone does not outlive its pause. */
static void test_a_pause_ends_as_the_venue_is(void **state)
{
    union msg m = venue_cmd(CMD_PHASE, 0);
    (void)state;

    m.course.instrument = AAA;
    m.course.phase = 'T';
    m.course.reason = 'O';
    m.course.wide = m.course.late = 1;
    venue_send(&v, &m);
    assert_bands(900000, 1100000);
    enter(ANN, 'B', 10, 1100000, '0');
    assert_int_equal(later(15), 1);
    assert_int_equal(market()->phase, PHASE_PAUSED);
    assert_int_equal(market()->wide, 1);
    assert_true(later(300) > 0);
    assert_int_equal(market()->phase, PHASE_TRADING);
    assert_int_equal(market()->wide, 0);
    assert_int_equal(market()->late, 0);
}

static void test_an_offer_at_the_lower_band(void **state)
{
    (void)state;
    enter(ANN, 'S', 10, 950000, '0');
    assert_true(market()->limit_ns != 0);
    enter(BOB, 'B', 10, 950000, '0');
    assert_int_equal(market()->limit_ns, 0);
}

static void test_no_bands_without_tier_or_reference(void **state)
{
    (void)state;
    instrument(0, 1000000, 0);
    phase('P', 0);
    phase('T', 0);
    assert_bands(0, 0);
    enter(ANN, 'B', 10, 9000000, '0');
    assert_int_equal(venue_event(&v, 0)->order.price, 9000000);
    venue_cancel(&v, ANN, next_ref, 0);
    instrument(1, 0, 0);
    phase('P', 0);
    phase('T', 0);
    assert_bands(0, 0);
    trade(500000); /* the first trade is the reference */
    assert_int_equal(later(0), 1);
    assert_bands(475000, 525000);
}

static void test_static_collar(void **state)
{
    (void)state;
    instrument(0, 1000000, 250);
    phase('P', 0);
    phase('T', 0);
    enter(ANN, 'B', 10, 1025000, '0');
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_ACCEPTED);
    enter(ANN, 'B', 10, 1025100, '0');
    assert_int_equal(venue_event(&v, 0)->rejected.reason, 0x0006);
    enter(ANN, 'S', 10, 974900, '0');
    assert_int_equal(venue_event(&v, 0)->rejected.reason, 0x0006);
    enter(BOB, 'S', 20, PRICE_MARKET, '3');
    assert_int_equal(venue_event(&v, 1)->executed.price, 1025000);
    instrument(3, 1000000, 0);
    instrument(0, 1000000, 10001);
    assert_int_equal(metric_get(&v.e->metrics.refused), 2);
}

static u32 peg(u32 account, char side, i32 offset)
{
    union msg m = venue_enter_cmd(account, ++next_ref, side, 10, PRICE_MARKET, '0');

    m.enter.terms.tags = TAG_BIT(6) | TAG_BIT(7);
    m.enter.terms.price_type = 'R';
    m.enter.terms.peg_offset = offset;
    return venue_send(&v, &m);
}

/* A peg without a limit stands nowhere beyond the collar, wherever its offset would take it. */
static void test_a_peg_keeps_to_the_collar(void **state)
{
    (void)state;
    instrument(0, 1000000, 250);
    phase('P', 0);
    phase('T', 0);
    enter(ANN, 'B', 10, 1012000, '0');
    u32 bid = enter(ANN, 'B', 10, 1015000, '0');
    enter(ANN, 'S', 10, 1025000, '0');
    peg(ANN, 'S', 1000);  /* at 102.60 */
    peg(BOB, 'B', 11000); /* at 102.60, too */
    assert_string_equal(venue_letters(&v), "A");
    enter(BOB, 'S', 10, 1020000, '0');
    assert_string_equal(venue_letters(&v), "A");
    venue_cancel(&v, ANN, bid, 0); /* now he would buy at 102.30 */
    assert_string_equal(venue_letters(&v), "CwEEw");
    assert_int_equal(venue_event(&v, 2)->executed.price, 1023000);
}

/* An instrument that is added while others trade: nobody is to make its first price alone. */
static void test_a_new_instrument_has_bands(void **state)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);

    (void)state;
    memcpy(m.instrument.symbol, "CCC     ", 8);
    m.instrument.tick = 100;
    m.instrument.lot = 100;
    m.instrument.tier = 2;
    m.instrument.reference_price = 500000;
    venue_send(&v, &m);
    assert_int_equal(venue_events(&v), 2);
    assert_int_equal(venue_event(&v, 1)->bands.lower, 450000);
    assert_int_equal(venue_event(&v, 1)->bands.upper, 550000);
    m = venue_enter_cmd(ANN, ++next_ref, 'S', 10, 100, '0');
    m.enter.instrument = 3;
    venue_send(&v, &m);
    assert_int_equal(venue_event(&v, 0)->order.price, 450000);
}

/* Bands around a price that no order can have would be the wrong way round. */
static void test_a_reference_that_is_no_price(void **state)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);
    u64 before = metric_get(&v.e->metrics.refused);

    (void)state;
    memcpy(m.instrument.symbol, "CCC     ", 8);
    m.instrument.tick = m.instrument.lot = 100;
    m.instrument.tier = 1;
    m.instrument.reference_price = UINT32_MAX;
    assert_int_equal(venue_send(&v, &m), 0);
    m.instrument.reference_price = PRICE_LIMIT_MAX + 1;
    assert_int_equal(venue_send(&v, &m), 0);
    assert_int_equal(metric_get(&v.e->metrics.refused), before + 2);
    m.instrument.reference_price = PRICE_LIMIT_MAX;
    assert_int_equal(venue_send(&v, &m), 2);
    assert_int_equal(venue_event(&v, 1)->bands.upper, PRICE_LIMIT_MAX);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_widths),
        T(test_the_accepted_price_is_within),
        T(test_a_market_order_stops_at_the_band),
        T(test_bands_follow_the_mean),
        T(test_the_mean_of_five_minutes),
        T(test_a_peg_follows_the_bands),
        T(test_wide_bands),
        T(test_orders_follow_in_pieces),
        T(test_limit_state_and_pause),
        T(test_a_pause_ends_as_the_venue_is),
        T(test_an_offer_at_the_lower_band),
        T(test_no_bands_without_tier_or_reference),
        T(test_static_collar),
        T(test_a_peg_keeps_to_the_collar),
        T(test_a_new_instrument_has_bands),
        T(test_a_reference_that_is_no_price),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
