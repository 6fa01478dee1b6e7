/*
 * test_special.c - post-only, minimum quantity, non-displayed orders and self-trade prevention
 * (CONFORMANCE.md section 6, rules 12 to 14). Each transaction is also applied to a shadow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/venue_rig.h"

static void hidden(u32 account, u32 ref, char side, u32 qty, u32 price)
{
    union msg m = venue_enter_cmd(account, ref, side, qty, price, '0');
    m.enter.display = 'N';
    venue_send(&v, &m);
}

static void with_min_qty(u32 account, u32 ref, char side, u32 qty, u32 price, u32 least)
{
    union msg m = venue_enter_cmd(account, ref, side, qty, price, '3');
    m.enter.terms.tags = TAG_BIT(3);
    m.enter.terms.min_qty = least;
    venue_send(&v, &m);
}

/* The account's terms as a command, to be changed. */
static union msg terms_of(u32 account)
{
    union msg m = venue_cmd(CMD_ACCOUNT, 0);
    struct cmd_head head = m.cmd;

    m.account = *engine_account(v.e, account);
    m.cmd = head;
    return m;
}

static void set_stp(u32 account, enum stp stp)
{
    union msg m = terms_of(account);

    m.account.stp = (u8)stp;
    assert_int_equal(venue_send(&v, &m), 1);
}

static void set_firm_stp(u32 account, enum stp stp, bool details)
{
    union msg m = terms_of(account);

    m.account.stp = (u8)stp;
    m.account.stp_level = STP_FIRM;
    m.account.stp_details = details;
    assert_int_equal(venue_send(&v, &m), 1);
}

/* ---- non-displayed ---- */

static void test_hidden_orders_rank_behind(void **state)
{
    (void)state;
    hidden(ANN, 1, 'S', 100, 10000);
    assert_int_equal(engine_best_price(v.e, AAA, 'S'), 0); /* nobody sees it */
    venue_enter(&v, ANN, 2, 'S', 100, 10000, '0');
    hidden(ANN, 3, 'S', 100, 9900);
    assert_int_equal(engine_best_price(v.e, AAA, 'S'), 10000);
    venue_enter(&v, BOB, 1, 'B', 250, 10000, '0');
    assert_string_equal(venue_letters(&v), "AEEEEEE");
    const u32 refs[] = {3, 2, 1};
    const char flags[] = "JAJ";
    for (u32 i = 0; i < 3; i++) {
        const struct msg_executed *x = &venue_event(&v, 2 + 2 * i)->executed;
        assert_int_equal(x->user_ref, refs[i]);
        assert_int_equal(x->liquidity, flags[i]);
        assert_int_equal(x->price, i == 0 ? 9900 : 10000);
        assert_int_equal(venue_event(&v, 1 + 2 * i)->executed.liquidity, 'R');
    }
    assert_int_equal(engine_open_orders(v.e), 1);
    engine_check(v.e);
}

static void test_hidden_buys_rank_behind(void **state)
{
    (void)state;
    hidden(ANN, 1, 'B', 100, 10000);
    hidden(ANN, 2, 'B', 100, 10100);
    venue_enter(&v, ANN, 3, 'B', 100, 10000, '0');
    venue_enter(&v, BOB, 1, 'S', 300, 9900, '0');
    assert_int_equal(venue_event(&v, 2)->executed.user_ref, 2);
    assert_int_equal(venue_event(&v, 4)->executed.user_ref, 3);
    assert_int_equal(venue_event(&v, 6)->executed.user_ref, 1);
    engine_check(v.e);
}

/* ---- post-only ---- */

static void test_post_only_takes_nothing(void **state)
{
    union msg m = venue_enter_cmd(BOB, 1, 'B', 100, 10000, '0');
    (void)state;

    m.enter.terms.tags = TAG_BIT(12);
    m.enter.terms.yes = YES_POST_ONLY;
    hidden(ANN, 1, 'S', 100, 10000);
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "AC");
    assert_int_equal(venue_event(&v, 1)->cancelled.reason, 'G');
    m.enter.user_ref = 2;
    m.enter.price = 9900;
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "A");
    venue_replace(&v, BOB, 2, 3, 100, 10000); /* it is still post-only */
    assert_string_equal(venue_letters(&v), "UC");
    assert_int_equal(venue_event(&v, 1)->cancelled.reason, 'G');
    assert_int_equal(engine_open_orders(v.e), 1);
}

/* ---- minimum quantity ---- */

static void test_min_qty_is_there_or_nothing(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'S', 100, 10000, '0');
    hidden(ANN, 2, 'S', 100, 10000);
    venue_enter(&v, ANN, 3, 'S', 100, 10100, '0');
    with_min_qty(BOB, 1, 'B', 300, 10000, 300); /* fill or kill */
    assert_string_equal(venue_letters(&v), "AC");
    assert_int_equal(venue_event(&v, 1)->cancelled.reason, 'I');
    assert_int_equal(venue_event(&v, 1)->cancelled.qty, 300);
    with_min_qty(BOB, 2, 'B', 300, 10000, 200);
    assert_string_equal(venue_letters(&v), "AEEEEC");
    assert_int_equal(venue_event(&v, 5)->cancelled.qty, 100);
    with_min_qty(BOB, 3, 'B', 100, PRICE_MARKET, 100);
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(engine_open_orders(v.e), 0);
}

static void test_min_qty_looks_past_own_orders(void **state)
{
    (void)state;
    set_stp(BOB, STP_CANCEL_OLDEST);
    venue_enter(&v, BOB, 1, 'S', 100, 10000, '0');
    venue_enter(&v, ANN, 1, 'S', 100, 10000, '0');
    with_min_qty(BOB, 2, 'B', 200, 10000, 200);
    assert_string_equal(venue_letters(&v), "AC"); /* 100 are nobody's but his own */
    assert_int_equal(engine_open_orders(v.e), 2);
    with_min_qty(BOB, 3, 'B', 200, 10000, 100);
    assert_string_equal(venue_letters(&v), "ACEEC"); /* own one away, a fill, the rest */
    set_stp(BOB, STP_CANCEL_NEWEST);
    venue_enter(&v, BOB, 4, 'S', 100, 10000, '0');
    venue_enter(&v, ANN, 2, 'S', 100, 10000, '0');
    with_min_qty(BOB, 5, 'B', 100, 10000, 100);
    assert_string_equal(venue_letters(&v), "AC");
    assert_int_equal(venue_event(&v, 1)->cancelled.reason, 'I');
}

/* The best thousand orders are looked at, not one more: what a command costs is bounded. */
static void test_min_qty_looks_at_a_thousand(void **state)
{
    (void)state;
    venue_free(&v);
    venue_init(&v, 1100);
    for (u32 i = 1; i <= 1001; i++)
        venue_enter(&v, ANN, i, 'S', 100, 10000, '0');
    with_min_qty(BOB, 1, 'B', 100100, 10000, 100100);
    assert_string_equal(venue_letters(&v), "AC");
    assert_int_equal(engine_open_orders(v.e), 1001);
    with_min_qty(BOB, 2, 'B', 100000, 10000, 100000);
    while (engine_busy(v.e))
        venue_continue(&v);
    assert_int_equal(engine_open_orders(v.e), 1);
}

/* What an own reserve order keeps back is not there for its owner, either. */
static void test_min_qty_looks_past_own_reserves(void **state)
{
    union msg m = venue_enter_cmd(BOB, 1, 'S', 300, 10000, '0');

    (void)state;
    set_stp(BOB, STP_CANCEL_OLDEST);
    m.enter.terms.tags = TAG_BIT(5);
    m.enter.terms.max_floor = 100;
    venue_send(&v, &m);
    venue_enter(&v, ANN, 1, 'S', 100, 10000, '0');
    with_min_qty(BOB, 2, 'B', 200, 10000, 200);
    assert_string_equal(venue_letters(&v), "AC");
    m.enter.user_ref = 2; /* the same, but of somebody else */
    m.cmd.account = ANN;
    m.cmd.bind_id = BIND;
    venue_send(&v, &m);
    with_min_qty(BOB, 3, 'B', 400, 10000, 400);
    assert_int_equal(engine_open_orders(v.e), 0);
}

/* ---- rule 12, its own example: resting 500, incoming 300 ---- */

static const char *meet_own(enum stp stp)
{
    static u32 ref = 1;

    set_stp(ANN, stp);
    venue_enter(&v, ANN, ref, 'S', 500, 10000, '0');
    venue_enter(&v, ANN, ref + 1, 'B', 300, 10000, '0');
    ref += 2;
    return venue_letters(&v);
}

static void test_rule_12_example(void **state)
{
    (void)state;
    assert_string_equal(meet_own(STP_DECREMENT), "ACC");
    assert_int_equal(venue_event(&v, 1)->cancelled.leaves, 0);
    assert_int_equal(venue_event(&v, 2)->cancelled.leaves, 200);
    assert_int_equal(venue_event(&v, 2)->cancelled.reason, 'Q');
    assert_int_equal(engine_best_qty(v.e, AAA, 'S'), 200);
    venue_replace(&v, ANN, 1, 100, 400, 10000); /* what was prevented counts as executed */
    assert_int_equal(venue_event(&v, 0)->order.qty, 100);
    venue_cancel(&v, ANN, 100, 0);
    tear_down(NULL), set_up(NULL);
    assert_string_equal(meet_own(STP_CANCEL_OLDEST), "AC");
    assert_int_equal(engine_best_qty(v.e, AAA, 'S'), 0);
    assert_int_equal(engine_best_qty(v.e, AAA, 'B'), 300);
    tear_down(NULL), set_up(NULL);
    assert_string_equal(meet_own(STP_CANCEL_NEWEST), "AC");
    assert_int_equal(engine_best_qty(v.e, AAA, 'S'), 500);
    assert_int_equal(engine_best_qty(v.e, AAA, 'B'), 0);
    tear_down(NULL), set_up(NULL);
    assert_string_equal(meet_own(STP_CANCEL_BOTH), "ACC");
    assert_int_equal(engine_open_orders(v.e), 0);
    engine_check(v.e);
}

/* Both orders must look for their firm, and name the same one. */
static void test_firm_level(void **state)
{
    union msg m = venue_enter_cmd(BOB, 1, 'B', 100, 10000, '0');
    (void)state;

    set_firm_stp(BOB, STP_CANCEL_NEWEST, false);
    venue_enter(&v, ANN, 1, 'S', 400, 10000, '0');
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "AEE"); /* ANN does not look */
    set_firm_stp(ANN, STP_CANCEL_BOTH, false);
    m.enter.user_ref = 2;
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "AC"); /* the incoming one decides */
    assert_int_equal(venue_event(&v, 1)->ev.account, BOB);
    m.enter.user_ref = 3;
    m.enter.terms.tags = TAG_BIT(2);
    memcpy(m.enter.terms.firm, "ELSE", 4);
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(engine_best_qty(v.e, AAA, 'S'), 200);
}

/* Tag 29: O is the firm's oldest, N nothing at all, * what the account has; others are refused. */
static void test_aiq_of_the_order(void **state)
{
    union msg m = venue_enter_cmd(BOB, 1, 'B', 100, 10000, '3');
    (void)state;

    set_firm_stp(ANN, STP_CANCEL_NEWEST, false);
    set_firm_stp(BOB, STP_CANCEL_NEWEST, false);
    venue_enter(&v, ANN, 1, 'S', 100, 10000, '0');
    m.enter.terms.tags = TAG_BIT(29);
    m.enter.terms.aiq_strategy = '*';
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "AC");
    assert_int_equal(venue_event(&v, 1)->ev.account, BOB);
    m.enter.user_ref = 2;
    m.enter.terms.aiq_strategy = 'O';
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "ACC");
    assert_int_equal(venue_event(&v, 1)->ev.account, ANN); /* then the rest of the IOC */
    venue_enter(&v, ANN, 2, 'S', 100, 10000, '0');
    m.enter.user_ref = 3;
    m.enter.terms.aiq_strategy = 'N';
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "AEE");
    m.enter.user_ref = 4;
    m.enter.terms.aiq_strategy = 'D';
    venue_send(&v, &m);
    assert_int_equal(venue_event(&v, 0)->rejected.reason, 0x0040);
}

/* D instead of C, for the account that wants it. */
static void test_details(void **state)
{
    (void)state;
    set_firm_stp(ANN, STP_DECREMENT, true);
    set_firm_stp(BOB, STP_DECREMENT, false);
    hidden(ANN, 1, 'S', 500, 9900);
    venue_enter(&v, BOB, 1, 'B', 300, 10000, '0');
    assert_string_equal(venue_letters(&v), "ACD");
    const struct msg_aiq_cancelled *d = &venue_event(&v, 2)->aiq;
    assert_int_equal(d->qty, 300);
    assert_int_equal(d->leaves, 200);
    assert_int_equal(d->prevented, 300);
    assert_int_equal(d->price, 9900);
    assert_int_equal(d->strategy, 'D');
    assert_int_equal(d->head.flags & ~MSG_TX_END, MSG_SELL | MSG_HIDDEN);
    set_firm_stp(ANN, STP_CANCEL_NEWEST, true);
    venue_enter(&v, BOB, 2, 'S', 300, 9800, '0');
    venue_enter(&v, ANN, 2, 'B', 500, 9800, '0'); /* 500 go, of which 300 would have traded */
    assert_string_equal(venue_letters(&v), "AD");
    d = &venue_event(&v, 1)->aiq;
    assert_int_equal(d->qty, 500);
    assert_int_equal(d->prevented, 300);
    assert_int_equal(d->strategy, 'W');
    assert_int_equal(d->head.flags & ~MSG_TX_END, MSG_TAKER);
    engine_check(v.e);
}

static void test_others_trade_on(void **state)
{
    (void)state;
    set_stp(ANN, STP_DECREMENT);
    venue_enter(&v, BOB, 1, 'S', 100, 10000, '0');
    venue_enter(&v, ANN, 1, 'S', 100, 10000, '0');
    venue_enter(&v, BOB, 2, 'S', 100, 10000, '0');
    v.e->chunk_fills = v.shadow->chunk_fills = 2;
    venue_enter(&v, ANN, 2, 'B', 350, 10000, '0');
    assert_string_equal(venue_letters(&v), "AEECCw"); /* a prevented meeting is one of a chunk */
    venue_continue(&v);
    assert_string_equal(venue_letters(&v), "EEw");
    assert_int_equal(engine_best_qty(v.e, AAA, 'B'), 50);
    set_stp(ANN, STP_OFF);
    venue_enter(&v, ANN, 3, 'S', 50, 10000, '0');
    assert_string_equal(venue_letters(&v), "AEE");
    engine_check(v.e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hidden_orders_rank_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hidden_buys_rank_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_post_only_takes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_min_qty_is_there_or_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_min_qty_looks_past_own_orders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_min_qty_looks_past_own_reserves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_min_qty_looks_at_a_thousand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rule_12_example, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_others_trade_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_firm_level, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_aiq_of_the_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_details, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
