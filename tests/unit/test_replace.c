/*
 * test_replace.c - Replace by rule 6 of CONFORMANCE.md section 6, in the order of its tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/rules.h"
#include "tests/lib/venue_rig.h"

static u32 last_ref(u32 account)
{
    return account_last_ref(&v.e->accounts, account, 0);
}

static void test_rule_6a_nothing_to_replace_is_ignored(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'B', 10, 10000, '0');
    venue_enter(&v, ANN, 2, 'B', 10, 10000, '0');
    assert_int_equal(venue_replace(&v, ANN, 9, 10, 50, 10000), 0);
    assert_int_equal(last_ref(ANN), 2);
    assert_int_equal(venue_replace(&v, ANN, 1, 2, 50, 10000), 0); /* the number is used */
    assert_int_equal(venue_replace(&v, ANN, 1, 1, 50, 10000), 0);
    assert_int_equal(venue_replace(&v, BOB, 1, 3, 50, 10000), 0); /* not his */
    assert_int_equal(engine_open_orders(v.e), 2);
}

/* The collar is the account's, the reference the instrument's: the engine joins them. */
static void test_collar(void **state)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);
    (void)state;

    memcpy(m.instrument.symbol, v.e->instruments.terms[AAA].symbol, 8);
    m.instrument.tick = 100;
    m.instrument.lot = 100;
    m.instrument.reference_price = 10000;
    assert_int_equal(venue_send(&v, &m), 1);
    venue_enter(&v, ANN, 1, 'B', 10, 10000, '0');
    m = venue_replace_cmd(ANN, 1, 2, 10, 10500); /* five per cent away is still in */
    m.replace.collar_bps = 500;
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_REPLACED);
    m = venue_replace_cmd(ANN, 2, 3, 10, 9400); /* six are not: rule 6b */
    m.replace.collar_bps = 500;
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_CANCELLED);
    assert_int_equal(last_ref(ANN), 2);

    venue_enter(&v, ANN, 3, 'B', 10, 10000, '0');
    m = venue_replace_cmd(ANN, 3, 4, 10, 9400); /* an account without a collar may */
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_REPLACED);
}

/* The limit is the account's; what a market order is worth, only the engine knows. */
static void test_notional(void **state)
{
    static const u32 prices[] = {10000, PRICE_MARKET, PRICE_MARKET_OLD};
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);
    u32 ref = 1;
    (void)state;

    memcpy(m.instrument.symbol, v.e->instruments.terms[AAA].symbol, 8);
    m.instrument.tick = 100;
    m.instrument.lot = 100;
    m.instrument.reference_price = 10000;
    assert_int_equal(venue_send(&v, &m), 1);
    for (u32 i = 0; i < ARRAY_LEN(prices); i++, ref += 4) {
        for (u32 over = 0; over < 2; over++) {
            venue_enter(&v, ANN, ref + 2 * over, 'B', 10, 10000, '0');
            m = venue_replace_cmd(ANN, ref + 2 * over, ref + 2 * over + 1, 50 + over, prices[i]);
            m.replace.tif = '3';
            m.replace.notional_max = 500000;
            venue_send(&v, &m);
            assert_string_equal(venue_letters(&v), over ? "C" : "UC");
        }
    }
}

static void assert_cancelled_for(const union msg *request, const char *what)
{
    union msg m = *request;

    venue_enter(&v, ANN, 1, 'B', 10, 10000, '0');
    if (venue_send(&v, &m) != 1)
        fail_msg("%s: not one event", what);
    const struct msg_cancelled *c = &venue_event(&v, 0)->cancelled;
    assert_int_equal(c->head.type, EV_CANCELLED);
    assert_int_equal(c->reason, 'U');
    assert_int_equal(c->qty, 10);
    assert_int_equal(c->user_ref, 1);
    assert_int_equal(last_ref(ANN), 1); /* the new number is not consumed */
    assert_int_equal(engine_open_orders(v.e), 0);
    tear_down(NULL);
    set_up(NULL);
}

static void test_rule_6b_invalid_details_cancel_the_original(void **state)
{
    union msg good = venue_replace_cmd(ANN, 1, 2, 20, 10100);
    union msg m;
    (void)state;

    m = good, m.replace.qty = 1000000;
    assert_cancelled_for(&m, "quantity of a million");
    m = good, m.replace.qty = 0;
    assert_cancelled_for(&m, "quantity 0");
    m = good, m.replace.price = 10150;
    assert_cancelled_for(&m, "price between ticks");
    m = good, m.replace.price = PRICE_MARKET;
    assert_cancelled_for(&m, "market order for the day");
    m = good, m.replace.tif = '6';
    assert_cancelled_for(&m, "time in force");
    m = good, m.replace.display = 'Z';
    assert_cancelled_for(&m, "display");
    m = good, m.replace.side = 'S';
    assert_cancelled_for(&m, "side");
    m = good, m.replace.terms.min_qty = 100;
    assert_cancelled_for(&m, "minimum quantity");
    m = good, m.replace.reject = 0x0030;
    assert_cancelled_for(&m, "risk");
}

static void test_rule_6c_a_refused_replace_leaves_the_original(void **state)
{
    static const u16 reasons[] = {0x0007, 0x000A, 0x000C, 0x000F, 0x0015, 0x0028, 0x0029, 0x002A};
    union msg m = venue_replace_cmd(ANN, 1, 2, 20, 10100);
    (void)state;

    venue_enter(&v, ANN, 1, 'B', 10, 10000, '0');
    for (u32 i = 0; i < ARRAY_LEN(reasons); i++) {
        m.replace.user_ref = i + 2;
        m.replace.reject = reasons[i];
        assert_int_equal(venue_send(&v, &m), 1);
        assert_int_equal(venue_event(&v, 0)->ev.type, EV_REJECTED);
        assert_int_equal(venue_event(&v, 0)->rejected.reason, reasons[i]);
        assert_int_equal(last_ref(ANN), i + 2);
    }
    assert_int_equal(engine_best_qty(v.e, AAA, 'B'), 10);
}

static void test_rule_6c_while_halted_or_disabled(void **state)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);
    (void)state;

    venue_enter(&v, ANN, 1, 'B', 10, 10000, '0');
    memcpy(m.instrument.symbol, "AAA     ", 8);
    m.instrument.tick = m.instrument.lot = 100;
    m.instrument.halted = 1;
    venue_send(&v, &m);
    venue_replace(&v, ANN, 1, 2, 20, 10000);
    assert_int_equal(venue_event(&v, 0)->rejected.reason, REJECT_HALTED);
    m.instrument.halted = 0;
    venue_send(&v, &m);
    m = venue_cmd(CMD_ACCOUNT, 0);
    memcpy(m.account.user, "ANN   ", 6);
    m.account.disabled = 1;
    venue_send(&v, &m);
    venue_replace(&v, ANN, 1, 3, 20, 10000);
    assert_int_equal(venue_event(&v, 0)->rejected.reason, REJECT_REPLACE);
    assert_int_equal(venue_cancel(&v, ANN, 1, 0), 1); /* cancels are always taken */
}

static void test_rule_6d_replaced_counts_the_chain(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'S', 100, 10000, '0');
    venue_enter(&v, BOB, 1, 'B', 30, 10000, '3');
    venue_replace(&v, ANN, 1, 2, 150, 10100);
    assert_string_equal(venue_letters(&v), "U");
    const struct msg_order *o = &venue_event(&v, 0)->order;
    assert_int_equal(o->qty, 120);
    assert_int_equal(o->orig_user_ref, 1);
    assert_int_equal(o->user_ref, 2);
    assert_int_equal(o->order_ref, 3);
    assert_int_equal(o->side, 'S');
    assert_int_equal(o->capacity, 'A');
    assert_memory_equal(o->terms.clordid, "REPLACED      ", 14);
    venue_enter(&v, BOB, 2, 'B', 50, 10100, '3');
    venue_replace(&v, ANN, 2, 3, 90, 10100); /* 80 are executed: 10 stay open */
    assert_int_equal(venue_event(&v, 0)->order.qty, 10);
    venue_replace(&v, ANN, 3, 4, 80, 10100); /* asks for nothing open */
    assert_string_equal(venue_letters(&v), "C");
    assert_int_equal(last_ref(ANN), 3);
}

static void test_rule_6d_replace_loses_priority(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'S', 10, 10000, '0');
    venue_enter(&v, BOB, 1, 'S', 10, 10000, '0');
    venue_replace(&v, ANN, 1, 2, 10, 10000);
    venue_enter(&v, BOB, 2, 'B', 10, 10000, '3');
    assert_int_equal(venue_event(&v, 2)->executed.head.account, BOB);
    assert_int_equal(venue_event(&v, 2)->executed.user_ref, 1);
}

static void test_rule_6d_a_replacement_may_trade(void **state)
{
    union msg m = venue_replace_cmd(ANN, 1, 2, 25, 10000);
    (void)state;

    venue_enter(&v, BOB, 1, 'B', 10, 10000, '0');
    venue_enter(&v, ANN, 1, 'S', 20, 10100, '0');
    m.replace.tif = '3';
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "UEEC");
    assert_int_equal(venue_event(&v, 3)->cancelled.qty, 15);
    assert_int_equal(engine_open_orders(v.e), 0);
}

static void test_replace_inherits_all_tags_but_25_and_26(void **state)
{
    union msg m = venue_enter_cmd(ANN, 1, 'S', 20, 10100, '0');
    struct order_terms *t = &m.enter.terms;
    (void)state;

    t->tags = TAG_BIT(2) | TAG_BIT(4) | TAG_BIT(16) | TAG_BIT(24) | TAG_BIT(25) | TAG_BIT(26);
    memcpy(t->firm, "FRMX", 4);
    t->customer_type = 'R';
    t->yes = YES_TRADE_NOW | YES_SHARES_LOCATED;
    t->group_id = 12;
    memcpy(t->locate_broker, "BRKR", 4);
    venue_send(&v, &m);
    m = venue_replace_cmd(ANN, 1, 2, 25, 10100);
    m.replace.side = 'T';
    m.replace.terms.tags = TAG_BIT(4) | TAG_BIT(27);
    m.replace.terms.customer_type = 'N';
    venue_send(&v, &m);
    t = (struct order_terms *)&venue_event(&v, 0)->order.terms;
    assert_int_equal(t->tags, TAG_BIT(2) | TAG_BIT(4) | TAG_BIT(16) | TAG_BIT(24));
    assert_memory_equal(t->firm, "FRMX", 4);
    assert_int_equal(t->customer_type, 'N');
    assert_int_equal(t->yes, YES_TRADE_NOW);
    assert_int_equal(t->group_id, 12);
    assert_memory_equal(t->locate_broker, "\0\0\0\0", 4);
    assert_int_equal(venue_event(&v, 0)->order.side, 'T');
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_rule_6a_nothing_to_replace_is_ignored),
        CASE(test_collar),
        CASE(test_notional),
        CASE(test_rule_6b_invalid_details_cancel_the_original),
        CASE(test_rule_6c_a_refused_replace_leaves_the_original),
        CASE(test_rule_6c_while_halted_or_disabled),
        CASE(test_rule_6d_replaced_counts_the_chain),
        CASE(test_rule_6d_replace_loses_priority),
        CASE(test_rule_6d_a_replacement_may_trade),
        CASE(test_replace_inherits_all_tags_but_25_and_26),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
