/*
 * test_match.c - price-time priority and the life of an order, by hand; CONFORMANCE.md section 6.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/event.h"
#include "engine/match.h"
#define VENUE_ORDERS 1000u
#include "tests/lib/venue_rig.h"

static void assert_fill(u32 i, u32 account, u32 ref, u32 qty, u32 price, bool taker)
{
    const struct msg_executed *ev = &venue_event(&v, i)->executed;

    assert_int_equal(ev->head.type, EV_EXECUTED);
    assert_int_equal(ev->head.account, account);
    assert_int_equal(ev->user_ref, ref);
    assert_int_equal(ev->qty, qty);
    assert_int_equal(ev->price, price);
    assert_int_equal(ev->liquidity, taker ? 'R' : 'A');
    assert_int_equal((ev->head.flags & MSG_TAKER) != 0, taker);
}

/* Rule 5: one A per Enter, with what was entered, before any execution. */
static void test_rule_5_accepted_echoes_the_order(void **state)
{
    union msg m = venue_enter_cmd(ANN, 1, 'B', 300, 10000, '0');
    (void)state;

    m.cmd.flags = MSG_ISO;
    memcpy(m.enter.terms.firm, "FRMA", 4);
    m.enter.terms.tags = TAG_BIT(2);
    assert_int_equal(venue_send(&v, &m), 1);
    const struct msg_order *o = &venue_event(&v, 0)->order;
    assert_int_equal(o->head.type, EV_ACCEPTED);
    assert_int_equal(o->head.session_seq, 2); /* 1 was System Event S */
    assert_int_equal(o->head.flags, MSG_ISO | MSG_TX_END);
    assert_int_equal(o->head.seq, v.tx.slots[0].w[1]);
    assert_int_equal(o->order_ref, 1);
    assert_int_equal(o->user_ref, 1);
    assert_int_equal(o->qty, 300);
    assert_int_equal(o->price, 10000);
    assert_int_equal(o->side, 'B');
    assert_memory_equal(&o->terms, &m.enter.terms, sizeof o->terms);
    assert_int_equal(engine_best_price(v.e, AAA, 'B'), 10000);
    assert_int_equal(engine_best_qty(v.e, AAA, 'B'), 300);
    assert_int_equal(engine_open_orders(v.e), 1);
}

static void test_fill_at_the_resting_price_taker_first(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'S', 100, 10000, '0');
    venue_enter(&v, BOB, 1, 'B', 40, 10200, '0');
    assert_string_equal(venue_letters(&v), "AEE");
    assert_fill(1, BOB, 1, 40, 10000, true);
    assert_fill(2, ANN, 1, 40, 10000, false);
    assert_int_equal(venue_event(&v, 1)->executed.match, venue_event(&v, 2)->executed.match);
    assert_int_equal(venue_event(&v, 1)->ev.flags & MSG_SELL, 0);
    assert_int_equal(venue_event(&v, 2)->ev.flags, MSG_SELL | MSG_TX_END);
    assert_int_equal(engine_best_qty(v.e, AAA, 'S'), 60);
    assert_int_equal(engine_best_price(v.e, AAA, 'B'), 0);
}

static void test_better_prices_first_then_older_orders(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'S', 10, 10100, '0');
    venue_enter(&v, ANN, 2, 'S', 10, 10000, '0');
    venue_enter(&v, BOB, 1, 'S', 10, 10000, '0');
    venue_enter(&v, ANN, 3, 'S', 10, 10200, '0');
    venue_enter(&v, BOB, 2, 'B', 35, 10100, '0');
    assert_string_equal(venue_letters(&v), "AEEEEEE");
    assert_fill(2, ANN, 2, 10, 10000, false);
    assert_fill(4, BOB, 1, 10, 10000, false);
    assert_fill(6, ANN, 1, 10, 10100, false);
    assert_int_equal(engine_best_price(v.e, AAA, 'B'), 10100);
    assert_int_equal(engine_best_qty(v.e, AAA, 'B'), 5);
    assert_int_equal(engine_best_price(v.e, AAA, 'S'), 10200);
    assert_int_equal(venue_event(&v, 6)->executed.match, 3);
}

static void test_a_sell_takes_the_highest_bids(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'B', 10, 9900, '0');
    venue_enter(&v, ANN, 2, 'B', 10, 10000, '0');
    venue_enter(&v, BOB, 1, 'T', 15, 9900, '0');
    assert_string_equal(venue_letters(&v), "AEEEE");
    assert_fill(2, ANN, 2, 10, 10000, false);
    assert_fill(4, ANN, 1, 5, 9900, false);
    assert_int_equal(venue_event(&v, 3)->ev.flags & MSG_SELL, MSG_SELL);
}

static void test_instruments_do_not_meet(void **state)
{
    union msg m = venue_enter_cmd(BOB, 1, 'B', 10, 10000, '0');
    (void)state;

    venue_enter(&v, ANN, 1, 'S', 10, 10000, '0');
    m.enter.instrument = BBB;
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "A");
    assert_int_equal(engine_best_price(v.e, BBB, 'B'), 10000);
}

static void test_ioc_takes_what_there_is_and_cancels_the_rest(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'S', 10, 10000, '0');
    venue_enter(&v, BOB, 1, 'B', 30, 10000, '3');
    assert_string_equal(venue_letters(&v), "AEEC");
    const struct msg_cancelled *c = &venue_event(&v, 3)->cancelled;
    assert_int_equal(c->reason, 'I');
    assert_int_equal(c->qty, 20);
    assert_int_equal(c->leaves, 0);
    assert_int_equal(c->head.account, BOB);
    assert_int_equal(engine_open_orders(v.e), 0);
}

static void test_ioc_with_nothing_to_do(void **state)
{
    (void)state;
    venue_enter(&v, BOB, 1, 'B', 30, 10000, '3');
    assert_string_equal(venue_letters(&v), "AC");
    assert_int_equal(venue_event(&v, 1)->cancelled.qty, 30);
    assert_int_equal(engine_open_orders(v.e), 0);
}

static void test_ioc_filled_in_full_has_no_cancel(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'S', 30, 10000, '0');
    venue_enter(&v, BOB, 1, 'B', 30, 10000, '3');
    assert_string_equal(venue_letters(&v), "AEE");
}

static void test_market_ioc_sweeps_at_any_price(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'S', 10, 1999999900, '0');
    venue_enter(&v, ANN, 2, 'B', 10, 100, '0');
    venue_enter(&v, BOB, 1, 'B', 10, PRICE_MARKET, '3');
    assert_string_equal(venue_letters(&v), "AEE");
    assert_fill(1, BOB, 1, 10, 1999999900, true);
    assert_int_equal(venue_event(&v, 0)->order.price, PRICE_MARKET);
    venue_enter(&v, BOB, 2, 'S', 10, 2000000000, '3');
    assert_string_equal(venue_letters(&v), "AEE");
    assert_fill(1, BOB, 2, 10, 100, true);
}

static void test_an_account_may_trade_with_itself(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'S', 10, 10000, '0');
    venue_enter(&v, ANN, 2, 'B', 10, 10000, '0');
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(venue_event(&v, 1)->ev.session_seq + 1, venue_event(&v, 2)->ev.session_seq);
}

/* ---- chunks ---- */

#define FILLS CHUNK_FILLS_MAX

static void rest_many(u32 n)
{
    for (u32 i = 1; i <= n; i++)
        venue_enter(&v, ANN, i, 'S', 1, 10000 + i / 50 * 100, '0');
}

static void test_a_long_sweep_goes_on_in_chunks(void **state)
{
    (void)state;
    rest_many(2 * FILLS + 50);
    venue_enter(&v, BOB, 1, 'B', 2 * FILLS + 60, 20000, '0');
    assert_int_equal(venue_events(&v), 1 + 2 * FILLS + 1);
    const struct msg_work *w = &venue_event(&v, 2 * FILLS + 1)->work;
    assert_int_equal(w->kind, WORK_MATCH);
    assert_int_equal(w->account, BOB);
    assert_int_equal(w->head.flags, MSG_TX_END);
    assert_true(engine_busy(v.e));
    assert_int_equal(engine_best_price(v.e, AAA, 'B'), 0); /* the rest is not for sale yet */
    assert_int_equal(venue_continue(&v), 2 * FILLS + 1);
    assert_int_equal(v.tx.slots[0].w[0] & 0xFF, CMD_CONTINUE);
    assert_int_equal(venue_continue(&v), 101);
    assert_int_equal(venue_event(&v, 100)->work.kind, WORK_NONE);
    assert_false(engine_busy(v.e));
    assert_int_equal(engine_best_price(v.e, AAA, 'B'), 20000);
    assert_int_equal(engine_best_qty(v.e, AAA, 'B'), 10);
    assert_int_equal(engine_best_price(v.e, AAA, 'S'), 0);
}

static void test_a_long_sweep_of_an_ioc_cancels_in_its_last_chunk(void **state)
{
    (void)state;
    rest_many(FILLS + 1);
    venue_enter(&v, BOB, 1, 'B', 500, 20000, '3');
    assert_int_equal(venue_events(&v), 2 * FILLS + 2);
    venue_continue(&v);
    assert_string_equal(venue_letters(&v), "EECw");
    assert_int_equal(venue_event(&v, 2)->cancelled.qty, 499 - FILLS);
    assert_int_equal(engine_open_orders(v.e), 0);
}

static void test_a_sweep_of_exactly_a_chunk_needs_no_other(void **state)
{
    (void)state;
    rest_many(FILLS + 50);
    venue_enter(&v, BOB, 1, 'B', FILLS, 20000, '0');
    assert_int_equal(venue_events(&v), 1 + 2 * FILLS);
    assert_false(engine_busy(v.e));
    venue_enter(&v, BOB, 2, 'B', 51, 10300, '0'); /* and all that is left, one share unfilled */
    assert_false(engine_busy(v.e));
    assert_int_equal(engine_best_qty(v.e, AAA, 'B'), 1);
}

static void test_time_never_goes_back(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'S', 10, 10000, '0');
    u64 before = venue_event(&v, 0)->ev.time_ns;
    v.now_ns -= 5000000;
    venue_enter(&v, ANN, 2, 'S', 10, 10000, '0');
    assert_int_equal(venue_event(&v, 0)->ev.time_ns, before);
    assert_int_equal(v.tx.slots[0].w[3], before);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_rule_5_accepted_echoes_the_order),
        CASE(test_fill_at_the_resting_price_taker_first),
        CASE(test_better_prices_first_then_older_orders),
        CASE(test_a_sell_takes_the_highest_bids),
        CASE(test_instruments_do_not_meet),
        CASE(test_ioc_takes_what_there_is_and_cancels_the_rest),
        CASE(test_ioc_with_nothing_to_do),
        CASE(test_ioc_filled_in_full_has_no_cancel),
        CASE(test_market_ioc_sweeps_at_any_price),
        CASE(test_an_account_may_trade_with_itself),
        CASE(test_a_long_sweep_goes_on_in_chunks),
        CASE(test_a_long_sweep_of_an_ioc_cancels_in_its_last_chunk),
        CASE(test_a_sweep_of_exactly_a_chunk_needs_no_other),
        CASE(test_time_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
