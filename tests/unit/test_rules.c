/*
 * test_rules.c - Enter, Replace and Cancel by the rules of CONFORMANCE.md section 6, and every
 * reason to reject by the table of engine/README.md.
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

static u64 count(const struct metric *m)
{
    return metric_get(m);
}

/* ---- rule 1: idempotency; rule 2: channels ---- */

static void test_rule_1_a_resend_is_ignored(void **state)
{
    (void)state;
    assert_int_equal(venue_enter(&v, ANN, 5, 'B', 10, 10000, '0'), 1);
    u64 seq = engine_seq(v.e);
    assert_int_equal(venue_enter(&v, ANN, 5, 'B', 10, 10000, '0'), 0);
    assert_int_equal(venue_enter(&v, ANN, 4, 'B', 10, 10000, '0'), 0);
    assert_int_equal(venue_enter(&v, ANN, 0, 'B', 10, 10000, '0'), 0);
    assert_int_equal(engine_seq(v.e), seq);
    assert_int_equal(count(&v.e->metrics.resends), 3);
    assert_int_equal(venue_enter(&v, ANN, 6, 'B', 10, 10000, '0'), 1);
    assert_int_equal(venue_enter(&v, BOB, 5, 'B', 10, 10000, '0'), 1); /* numbers are his own */
}

static void test_rule_1_a_resend_of_a_rejected_order_is_ignored(void **state)
{
    union msg m = venue_enter_cmd(ANN, 1, 'B', 10, 10000, '0');
    (void)state;

    m.enter.reject = 0x0030;
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(venue_event(&v, 0)->rejected.reason, 0x0030);
    assert_memory_equal(venue_event(&v, 0)->rejected.clordid, "ENTERED       ", 14);
    assert_int_equal(last_ref(ANN), 1);
    assert_int_equal(venue_send(&v, &m), 0);
    m.enter.reject = 0;
    assert_int_equal(venue_send(&v, &m), 0);
}

static void test_rule_1_query_tells_the_next_number(void **state)
{
    union msg m = venue_cmd(CMD_QUERY, ANN);
    (void)state;

    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(venue_event(&v, 0)->query.next_user_ref, 1);
    venue_enter(&v, ANN, 4000000000u, 'B', 10, 10000, '0');
    venue_send(&v, &m);
    assert_int_equal(venue_event(&v, 0)->query.next_user_ref, 4000000001u);
    m.query.user_ref_idx = 9;
    venue_send(&v, &m);
    assert_int_equal(venue_event(&v, 0)->query.next_user_ref, 1);
    assert_int_equal(venue_event(&v, 0)->query.user_ref_idx, 9);
}

static void test_rule_2_channels_count_apart(void **state)
{
    union msg m = venue_enter_cmd(ANN, 7, 'B', 10, 10000, '0');
    (void)state;

    assert_int_equal(venue_send(&v, &m), 1);
    m.enter.user_ref_idx = 3;
    m.enter.terms.tags = TAG_BIT(28);
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(venue_event(&v, 0)->order.user_ref_idx, 3);
    assert_int_equal(venue_send(&v, &m), 0);
    m = venue_cmd(CMD_CANCEL, ANN);
    m.cancel.user_ref = 7;
    m.cancel.user_ref_idx = 4;
    assert_int_equal(venue_send(&v, &m), 0);
    m.cancel.user_ref_idx = 3;
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(venue_event(&v, 0)->cancelled.user_ref_idx, 3);
    assert_int_equal(engine_open_orders(v.e), 1);
}

/* The engine and its shadow have different keys: numbers lie elsewhere. */
static void test_rule_2_where_numbers_lie_is_secret(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'B', 10, 10000, '0');
    u64 bytes = (v.e->refs.mask + 1) * sizeof *v.e->refs.table;
    assert_memory_not_equal(v.e->refs.table, v.shadow->refs.table, bytes);
    assert_int_equal(engine_state_hash(v.e), engine_state_hash(v.shadow));
}

/* ---- rule 7: cancel ---- */

static void test_rule_7_cancel_all(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'S', 20, 10100, '0');
    assert_int_equal(venue_cancel(&v, ANN, 1, 0), 1);
    const struct msg_cancelled *c = &venue_event(&v, 0)->cancelled;
    assert_int_equal(c->qty, 20);
    assert_int_equal(c->leaves, 0);
    assert_int_equal(c->reason, 'U');
    assert_int_equal(c->instrument, AAA);
    assert_int_equal(c->head.flags, MSG_SELL | MSG_TX_END);
    assert_int_equal(venue_cancel(&v, ANN, 1, 0), 0); /* too late */
    assert_int_equal(venue_cancel(&v, ANN, 99, 0), 0);
    assert_int_equal(count(&v.e->metrics.superfluous), 2);
}

static void test_rule_7_reducing_keeps_priority(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'S', 100, 10000, '0');
    venue_enter(&v, BOB, 1, 'S', 100, 10000, '0');
    venue_enter(&v, BOB, 2, 'B', 40, 10000, '3');
    assert_int_equal(venue_cancel(&v, ANN, 1, 70), 1); /* 40 of it are executed */
    assert_int_equal(venue_event(&v, 0)->cancelled.qty, 30);
    assert_int_equal(venue_event(&v, 0)->cancelled.leaves, 30);
    assert_int_equal(venue_cancel(&v, ANN, 1, 70), 0); /* it has that size */
    assert_int_equal(venue_cancel(&v, ANN, 1, 500), 0);
    venue_enter(&v, BOB, 3, 'B', 10, 10000, '3');
    assert_int_equal(venue_event(&v, 2)->executed.head.account, ANN);
    assert_int_equal(venue_cancel(&v, ANN, 1, 40), 1); /* less than what is executed: all */
    assert_int_equal(venue_event(&v, 0)->cancelled.qty, 20);
    assert_int_equal(venue_event(&v, 0)->cancelled.leaves, 0);
}

/* ---- what is not taken ---- */

static void assert_rejected(const union msg *request, u16 reason, const char *what)
{
    static u32 ref;
    union msg m = *request;

    m.enter.user_ref = ++ref;
    if (venue_send(&v, &m) != 1 || venue_event(&v, 0)->ev.type != EV_REJECTED ||
        venue_event(&v, 0)->rejected.reason != reason)
        fail_msg("%s is not rejected with 0x%04X", what, reason);
    assert_int_equal(last_ref(ANN), ref);
    assert_int_equal(engine_open_orders(v.e), 0);
}

static void test_rejects_of_the_order_itself(void **state)
{
    union msg good = venue_enter_cmd(ANN, 1, 'B', 20, 10100, '0');
    union msg m;
    (void)state;

    m = good, m.enter.instrument = 0;
    assert_rejected(&m, 0x0017, "no symbol");
    m = good, m.enter.instrument = 3;
    assert_rejected(&m, 0x0017, "an unknown symbol");
    m = good, m.enter.side = 'X';
    assert_rejected(&m, 0x0009, "side X");
    m = good, m.enter.qty = 0;
    assert_rejected(&m, 0x0013, "quantity 0");
    m = good, m.enter.qty = 1000000;
    assert_rejected(&m, 0x0013, "a million");
    m = good, m.enter.price = 0;
    assert_rejected(&m, 0x001D, "price 0");
    m = good, m.enter.price = 10101;
    assert_rejected(&m, 0x001D, "a price between ticks");
    m = good, m.enter.price = PRICE_LIMIT_MAX + 100;
    assert_rejected(&m, 0x001D, "too high a price");
    m = good, m.enter.price = PRICE_MARKET;
    assert_rejected(&m, 0x001D, "a market order that would rest");
    m = good, m.enter.display = 'Z';
    assert_rejected(&m, 0x0003, "display Z");
    m = good, m.enter.cross_type = 'O';
    assert_rejected(&m, 0x0014, "the opening cross");
    m = good, m.enter.tif = '6';
    assert_rejected(&m, 0x000F, "good till time");
    m = good, m.enter.tif = 'E';
    assert_rejected(&m, 0x0002, "after hours, in trading");
    m = good, m.enter.tif = '9';
    assert_rejected(&m, 0x000F, "an unknown time in force");
}

static void test_rejects_of_terms_that_are_not_done(void **state)
{
    union msg good = venue_enter_cmd(ANN, 1, 'B', 20, 10100, '0');
    union msg m;
    (void)state;

    m = good, m.enter.qty = 200, m.enter.terms.min_qty = 100;
    assert_rejected(&m, 0x000D, "minimum quantity of an order that rests");
    m.enter.tif = '3', m.enter.terms.min_qty = 150;
    assert_rejected(&m, 0x000D, "minimum quantity of odd lots");
    m.enter.terms.min_qty = 300;
    assert_rejected(&m, 0x000D, "minimum quantity above the quantity");
    m = good, m.enter.terms.max_floor = 150;
    assert_rejected(&m, 0x0004, "reserve");
    m = good, m.enter.terms.random_reserves = 100, m.enter.terms.max_floor = 100;
    assert_rejected(&m, 0x0004, "random reserve");
    m = good, m.enter.terms.price_type = 'Q';
    assert_rejected(&m, 0x0005, "midpoint peg");
    m = good, m.enter.terms.peg_offset = -100;
    assert_rejected(&m, 0x0011, "peg offset");
    m = good, m.enter.terms.discretion_price = 10200;
    assert_rejected(&m, 0x000F, "discretion");
    m = good, m.enter.terms.discretion_price_type = 'P';
    assert_rejected(&m, 0x000F, "pegged discretion");
    m = good, m.enter.terms.discretion_peg_offset = 1;
    assert_rejected(&m, 0x000F, "discretion offset");
    m = good, m.enter.terms.yes = YES_POST_ONLY, m.enter.tif = '3';
    assert_rejected(&m, 0x000F, "post-only and immediate");
    m = good, m.enter.terms.expire_s = 60;
    assert_rejected(&m, 0x000F, "expiry of a day order");
    m = good, m.enter.terms.handle_inst = 'I';
    assert_rejected(&m, 0x0014, "imbalance only");
    m = good, m.enter.terms.aiq_strategy = 'D';
    assert_rejected(&m, 0x0040, "self-match prevention");
    m = good, m.enter.terms.tags = TAG_BIT(30);
    assert_rejected(&m, 0x0040, "self-match group");
}

static void test_harmless_terms_are_taken(void **state)
{
    union msg m = venue_enter_cmd(ANN, 1, 'B', 20, 10100, '0');
    struct order_terms *t = &m.enter.terms;
    (void)state;

    t->tags = TAG_BIT(2) | TAG_BIT(4) | TAG_BIT(6) | TAG_BIT(10) | TAG_BIT(12) | TAG_BIT(16) |
              TAG_BIT(17) | TAG_BIT(24) | TAG_BIT(25) | TAG_BIT(26) | TAG_BIT(29);
    t->price_type = t->discretion_price_type = 'L';
    t->handle_inst = ' ';
    t->aiq_strategy = 'N';
    t->yes = YES_TRADE_NOW | YES_SHARES_LOCATED;
    m.enter.display = 'A';
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "A");
    assert_memory_equal(&venue_event(&v, 0)->order.terms, t, sizeof *t);
}

static void test_halted_and_disabled(void **state)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);
    (void)state;

    memcpy(m.instrument.symbol, "AAA     ", 8);
    m.instrument.tick = m.instrument.lot = 100;
    m.instrument.halted = 1;
    venue_send(&v, &m);
    venue_enter(&v, ANN, 1, 'B', 10, 10000, '0');
    assert_int_equal(venue_event(&v, 0)->rejected.reason, 0x0007);
    m = venue_cmd(CMD_ACCOUNT, 0);
    memcpy(m.account.user, "ANN   ", 6);
    m.account.disabled = 1;
    venue_send(&v, &m);
    m = venue_enter_cmd(ANN, 2, 'B', 10, 10000, '0');
    m.enter.instrument = BBB;
    venue_send(&v, &m);
    assert_int_equal(venue_event(&v, 0)->rejected.reason, 0x000C);
}

/* One account cannot fill the pool for everybody. */
static void test_an_account_has_a_limit_of_open_orders(void **state)
{
    union msg m = venue_cmd(CMD_LIMIT, 0);
    (void)state;

    m.limit.scope = LIMIT_ACCOUNT;
    memcpy(m.limit.user, engine_account(v.e, ANN)->user, 6);
    m.limit.open_max = 3;
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(venue_event(&v, 0)->limit.open_max, 3);
    assert_int_equal(venue_send(&v, &m), 0);
    for (u32 ref = 1; ref <= 4; ref++) {
        m = venue_enter_cmd(ANN, ref, 'B', 10, 10000, '0');
        m.enter.user_ref_idx = (u8)(7 * ref); /* whatever the channel */
        m.enter.terms.tags = TAG_BIT(28);
        venue_send(&v, &m);
        assert_string_equal(venue_letters(&v), ref <= 3 ? "A" : "J");
    }
    assert_int_equal(venue_event(&v, 0)->rejected.reason, REJECT_EXPOSURE);
    venue_enter(&v, ANN, 1, 'B', 10, 10000, '3'); /* does not stay */
    assert_string_equal(venue_letters(&v), "AC");
    venue_enter(&v, BOB, 1, 'B', 10, 10000, '0');
    assert_string_equal(venue_letters(&v), "A");
    m = venue_cmd(CMD_CANCEL, ANN);
    m.cancel.user_ref = 2;
    m.cancel.user_ref_idx = 14;
    venue_send(&v, &m);
    venue_enter(&v, ANN, 2, 'B', 10, 10000, '0');
    assert_string_equal(venue_letters(&v), "A");
    venue_replace(&v, ANN, 2, 3, 20, 10000); /* is one for one */
    assert_string_equal(venue_letters(&v), "U");
    venue_enter(&v, ANN, 4, 'B', 10, 10000, '0');
    assert_int_equal(venue_event(&v, 0)->rejected.reason, REJECT_EXPOSURE);
}

static void test_a_full_pool_rejects_and_changes_nothing_else(void **state)
{
    (void)state;
    for (u32 i = 1; i <= 20; i++)
        assert_int_equal(venue_enter(&v, ANN, i, 'S', 10, 10000 + i * 100000, '0'), 1);
    venue_enter(&v, ANN, 21, 'S', 10, 10000, '0');
    assert_int_equal(venue_event(&v, 0)->rejected.reason, 0x000A);
    venue_enter(&v, BOB, 1, 'B', 10, 110000, '3'); /* would trade, but there is no place for it */
    assert_int_equal(venue_event(&v, 0)->rejected.reason, 0x000A);
    assert_int_equal(count(&v.e->metrics.pool_full), 2);
    assert_int_equal(venue_replace(&v, ANN, 1, 22, 20, 10000), 1); /* needs no other place */
    assert_string_equal(venue_letters(&v), "U");
    venue_cancel(&v, ANN, 2, 0);
    assert_int_equal(venue_enter(&v, BOB, 2, 'B', 10, 10000, '3'), 3);
}

/* ---- stale bindings ---- */

static void test_commands_of_a_stale_binding_are_ignored(void **state)
{
    union msg m = venue_enter_cmd(ANN, 1, 'B', 10, 10000, '0');
    u32 old = v.e->accounts.at[ANN].bind_id;
    (void)state;

    venue_login(&v, ANN);
    m.cmd.bind_id = old;
    assert_int_equal(venue_send(&v, &m), 0);
    m.cmd.bind_id = v.e->accounts.at[BOB].bind_id;
    assert_int_equal(venue_send(&v, &m), 0);
    m.cmd.bind_id = 0;
    assert_int_equal(venue_send(&v, &m), 0);
    m.cmd.account = 77;
    assert_int_equal(venue_send(&v, &m), 0);
    assert_int_equal(count(&v.e->metrics.stale), 4);
    m = venue_enter_cmd(ANN, 1, 'B', 10, 10000, '0');
    assert_int_equal(venue_send(&v, &m), 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_rule_1_a_resend_is_ignored),
        CASE(test_rule_1_a_resend_of_a_rejected_order_is_ignored),
        CASE(test_rule_1_query_tells_the_next_number),
        CASE(test_rule_2_channels_count_apart),
        CASE(test_rule_2_where_numbers_lie_is_secret),
        CASE(test_rule_7_cancel_all),
        CASE(test_rule_7_reducing_keeps_priority),
        CASE(test_rejects_of_the_order_itself),
        CASE(test_rejects_of_terms_that_are_not_done),
        CASE(test_harmless_terms_are_taken),
        CASE(test_halted_and_disabled),
        CASE(test_an_account_has_a_limit_of_open_orders),
        CASE(test_a_full_pool_rejects_and_changes_nothing_else),
        CASE(test_commands_of_a_stale_binding_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
