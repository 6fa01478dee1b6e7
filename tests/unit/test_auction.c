/*
 * test_auction.c - crosses by hand: their price and why, who trades in them, long ones. Every
 * transaction is recovered as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/auction.h"
#include "engine/rules.h"
#include "tests/lib/cross_rig.h"

/* ---- the price ---- */

static void test_price_has_the_most_shares(void **state)
{
    (void)state;
    go(0, 'P');
    enter(ANN, 'N', 'B', 100, 10300);
    enter(ANN, 'N', 'B', 200, 10100);
    enter(BOB, 'N', 'S', 150, 10000);
    enter(BOB, 'N', 'S', 150, 10200);
    assert_int_equal(venue_events(&v), 1); /* nothing trades before */
    go(0, 'T');
    assert_cross(10000, 150, 150, 'B'); /* at 10200 only 100 would; the lowest ask is near */
    assert_int_equal(phase_of(AAA), 'T');
    assert_int_equal(engine_best_price(v.e, AAA, 'B'), 10100);
    assert_int_equal(engine_best_qty(v.e, AAA, 'B'), 150);
    assert_int_equal(engine_best_price(v.e, AAA, 'S'), 10200);
}

static void test_price_has_the_least_imbalance(void **state)
{
    (void)state;
    go(0, 'P');
    enter(ANN, 'N', 'B', 100, 10500);
    enter(ANN, 'N', 'B', 80, 10200);
    enter(BOB, 'N', 'S', 100, 10000);
    go(0, 'T');
    assert_cross(10300, 100, 0, 'N'); /* above 10200 nobody is left over; nearest to 10000 */
}

/* No price is passed by, however small the step to it is. */
static void test_prices_next_to_each_other(void **state)
{
    static const u32 sells[] = {10000, 10001};
    (void)state;

    go(0, 'P');
    for (u32 i = 0; i <= ARRAY_LEN(sells); i++) {
        bool buys = i == ARRAY_LEN(sells);
        union msg m = cross_cmd(buys ? ANN : BOB, 'O', buys ? 'B' : 'S', buys ? 200 : 100,
                                buys ? 10001 : sells[i]);
        m.enter.instrument = BBB; /* tick 0.0001 */
        venue_send(&v, &m);
    }
    go(BBB, 'T');
    assert_cross(10001, 200, 0, 'N');
}

/* What reserve orders keep back counts and trades: there is one price, not one for each part. */
static void test_reserves_count_wholly(void **state)
{
    union msg m = cross_cmd(ANN, 'N', 'B', 1000, 10100);
    u32 crosses = 0, traded = 0;
    (void)state;

    go(0, 'P');
    m.enter.terms.tags = TAG_BIT(5);
    m.enter.terms.max_floor = 100;
    venue_send(&v, &m);
    u32 second = m.enter.user_ref = ++next_ref;
    venue_send(&v, &m);
    venue_cancel(&v, ANN, second, 700); /* what is kept back goes first */
    enter(BOB, 'N', 'S', 500, 10000);
    enter(BOB, 'O', 'S', 900, 10100);
    enter(BOB, 'O', 'S', 700, 10200);
    go(0, 'T');
    for (u32 i = 0; i < venue_events(&v); i++) {
        const union msg *e = venue_event(&v, i);
        crosses += e->ev.type == EV_CROSS && e->cross.price;
        traded += e->ev.type == EV_EXECUTED && e->ev.account == ANN ? e->executed.qty : 0;
        assert_true(e->ev.type != EV_EXECUTED || e->executed.price == 10100);
    }
    assert_int_equal(crosses, 1);
    assert_int_equal(traded, 1400);
    assert_cross(10100, 1400, 300, 'B');
}

/* ... at its own price, however near the next one is. */
static void test_reserves_count_at_their_price(void **state)
{
    union msg m = cross_cmd(ANN, 'N', 'B', 1000, 10000);
    (void)state;

    go(0, 'P');
    m.enter.instrument = BBB;
    m.enter.terms.tags = TAG_BIT(5);
    m.enter.terms.max_floor = 100;
    venue_send(&v, &m);
    for (u32 sell = 0; sell < 2; sell++) {
        m = cross_cmd(BOB, 'N', sell ? 'S' : 'B', sell ? 500 : 100, 10001);
        m.enter.instrument = BBB;
        venue_send(&v, &m);
    }
    go(BBB, 'T');
    assert_cross(10001, 100, 400, 'S');
}

/* Between two prices it is the nearer one, of two as near the lower. */
static void test_reference_between_two_prices(void **state)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);
    (void)state;

    memcpy(m.instrument.symbol, "AAA     ", 8);
    m.instrument.tick = 100;
    m.instrument.lot = 100;
    m.instrument.reference_price = 10451;
    venue_send(&v, &m);
    go(0, 'P');
    enter(ANN, 'O', 'B', 100, 10900);
    enter(BOB, 'O', 'S', 100, 10000);
    go(0, 'T');
    assert_cross(10500, 100, 0, 'N');
}

static void test_price_is_nearest_the_reference(void **state)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);
    (void)state;

    memcpy(m.instrument.symbol, "AAA     ", 8);
    m.instrument.tick = 100;
    m.instrument.lot = 100;
    m.instrument.reference_price = 10450;
    venue_send(&v, &m);
    go(0, 'P');
    enter(ANN, 'O', 'B', 100, 10900);
    enter(BOB, 'O', 'S', 100, 10000);
    go(0, 'T');
    assert_cross(10400, 100, 0, 'N');
    assert_half(0, ANN, 1, 100, 10400, 'O');
    assert_half(1, BOB, 2, 100, 10400, 'O');
}

static void test_market_orders_alone(void **state)
{
    (void)state;
    go(0, 'P');
    enter(ANN, 'O', 'B', 100, PRICE_MARKET);
    enter(BOB, 'O', 'S', 300, PRICE_MARKET_OLD);
    go(0, 'T');
    assert_cross(0, 0, 0, 'N'); /* nobody has named a price */
    assert_int_equal(nth(EV_CANCELLED, 1)->cancelled.reason, 'I');
    venue_enter(&v, ANN, 100, 'B', 10, 10000, '0');
    venue_enter(&v, BOB, 100, 'S', 10, 10000, '0'); /* a last price */
    next_ref = 200;
    go(0, 'P');
    enter(ANN, 'O', 'B', 100, PRICE_MARKET);
    enter(BOB, 'O', 'S', 300, PRICE_MARKET);
    go(0, 'T');
    assert_cross(10000, 100, 200, 'S');
}

/* ---- who trades ---- */

static void test_market_first_then_price_then_time(void **state)
{
    (void)state;
    go(0, 'P');
    u32 late = enter(ANN, 'N', 'B', 100, 10200);
    u32 limit = enter(ANN, 'O', 'B', 100, 10200);
    u32 better = enter(ANN, 'N', 'B', 100, 10300);
    u32 market = enter(ANN, 'O', 'B', 100, PRICE_MARKET);
    u32 seller = enter(BOB, 'N', 'S', 350, 10200);
    go(0, 'T');
    assert_cross(10200, 350, 50, 'B');
    assert_half(0, ANN, market, 100, 10200, 'O');
    assert_half(1, BOB, seller, 100, 10200, 'O');
    assert_half(2, ANN, better, 100, 10200, 'O');
    assert_half(4, ANN, late, 100, 10200, 'O');
    assert_half(6, ANN, limit, 50, 10200, 'O');
    assert_null(nth(EV_EXECUTED, 8));
    assert_int_equal(nth(EV_CANCELLED, 0)->cancelled.user_ref, limit); /* on-open only */
    assert_int_equal(nth(EV_CANCELLED, 0)->cancelled.reason, 'I');
    assert_int_equal(engine_open_orders(v.e), 0);
}

static void test_hidden_orders_rank_behind(void **state)
{
    union msg m;
    (void)state;

    go(0, 'P');
    m = cross_cmd(ANN, 'N', 'B', 100, 10000);
    m.enter.display = 'N';
    venue_send(&v, &m);
    u32 shown = enter(ANN, 'N', 'B', 100, 10000);
    enter(BOB, 'O', 'S', 100, 10000);
    go(0, 'T');
    assert_half(0, ANN, shown, 100, 10000, 'O');
}

static void test_offsetting_orders_only_offset(void **state)
{
    (void)state;
    go(0, 'P');
    enter_offset(BOB, 'O', 'S', 60, 9000);
    u32 nearer = enter_offset(BOB, 'O', 'S', 60, 8000);
    enter_offset(BOB, 'O', 'S', 60, 10500); /* too dear */
    u32 seller = enter(BOB, 'O', 'S', 100, 10000);
    u32 buyer = enter(ANN, 'O', 'B', 180, 10000);
    enter_offset(ANN, 'O', 'B', 500, 20000); /* the side with too many: never */
    go(0, 'T');
    assert_cross(10000, 100, 80, 'B');
    assert_half(0, ANN, buyer, 100, 10000, 'O');
    assert_half(1, BOB, seller, 100, 10000, 'O');
    assert_half(3, BOB, nearer, 60, 10000, 'M');
    assert_half(5, BOB, 1, 20, 10000, 'M');
    assert_null(nth(EV_EXECUTED, 6));
    assert_int_equal(engine_open_orders(v.e), 0);
}

static void test_same_account_trades_in_a_cross(void **state)
{
    union msg m = venue_cmd(CMD_ACCOUNT, 0);
    (void)state;

    memcpy(m.account.user, "ANN   ", 6);
    memcpy(m.account.firm, "FIRM", 4);
    m.account.stp = STP_CANCEL_BOTH;
    venue_send(&v, &m);
    go(0, 'P');
    enter(ANN, 'O', 'B', 10, 10000);
    enter(ANN, 'O', 'S', 10, 10000);
    go(0, 'T');
    assert_half(1, ANN, 2, 10, 10000, 'O');
}

/* ---- long crosses ---- */

/* A cross is the same in one piece and in many; the shadow engine recovers each piece. */
static void test_a_cross_in_pieces(void **state)
{
    (void)state;
    go(0, 'P');
    for (u32 i = 0; i < 10; i++) {
        enter(ANN, i % 2 ? 'O' : 'N', 'B', 10 + i, 10000 + i * 100);
        enter(BOB, i % 2 ? 'O' : 'N', 'S', 10 + i, 10000 + (9 - i) * 100);
    }
    u32 pieces = 1, halves = 0, prices = 0;
    v.e->chunk_cancels = 3;
    go(0, 'T');
    for (;; pieces++) {
        while (nth(EV_EXECUTED, halves))
            halves++;
        prices += nth(EV_CROSS, 0) != NULL;
        if (!engine_busy(v.e))
            break;
        venue_continue(&v);
        halves = 0;
    }
    assert_true(pieces > 12);
    assert_int_equal(prices, 2); /* of both instruments */
    assert_int_equal(phase_of(AAA), 'T');
    assert_int_equal(phase_of(BBB), 'T');
    assert_int_equal(v.e->markets[AAA].queued, 0);
    assert_true(engine_open_orders(v.e) > 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_price_has_the_most_shares),
        T(test_price_has_the_least_imbalance),
        T(test_prices_next_to_each_other),
        T(test_reserves_count_wholly),
        T(test_reserves_count_at_their_price),
        T(test_price_is_nearest_the_reference),
        T(test_reference_between_two_prices),
        T(test_market_orders_alone),
        T(test_market_first_then_price_then_time),
        T(test_hidden_orders_rank_behind),
        T(test_offsetting_orders_only_offset),
        T(test_same_account_trades_in_a_cross),
        T(test_a_cross_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
