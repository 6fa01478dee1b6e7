/*
 * test_limit.c - exposure, positions, what was traded and last-price collars, of accounts and
 * firms. Each transaction is also applied to a shadow, and everything is recounted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/risk.h"
#include "engine/risk_party.h"
#include "tests/lib/venue_rig.h"

static union msg limit_of(u32 account)
{
    union msg m = venue_cmd(CMD_LIMIT, 0);

    m.limit.scope = LIMIT_ACCOUNT;
    memcpy(m.limit.user, engine_account(v.e, account)->user, 6);
    return m;
}

/* All limits of an account; 0: none. */
static void limit(u32 account, u64 exposure, u64 daily, u64 position, u16 bps)
{
    union msg m = limit_of(account);

    m.limit.exposure_max = exposure;
    m.limit.daily_max = daily;
    m.limit.position_max = position;
    m.limit.collar_bps = bps;
    assert_true(venue_send(&v, &m) >= 1);
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_LIMIT);
    assert_int_equal(venue_event(&v, 0)->limit.account, account);
}

static u16 reason(void)
{
    const union msg *m = venue_event(&v, 0);
    return m->ev.type == EV_REJECTED ? m->rejected.reason : 0;
}

static u16 enter(u32 account, u32 ref, char side, u32 qty, u32 price)
{
    venue_enter(&v, account, ref, side, qty, price, '0');
    return reason();
}

static const struct party *party(u32 account)
{
    return party_at(v.e, account);
}

/* To the share and the price unit. */
static void test_exposure(void **state)
{
    (void)state;
    limit(ANN, 10000 * 300, 0, 0, 0);
    assert_int_equal(enter(ANN, 1, 'B', 200, 10000), 0);
    assert_int_equal(enter(ANN, 2, 'S', 101, 10000), 0x0020);
    assert_int_equal(enter(ANN, 3, 'S', 100, 20000), 0x0020);
    assert_int_equal(enter(BOB, 1, 'S', 101, 20000), 0); /* another account */
    assert_int_equal(enter(ANN, 4, 'B', 100, 10000), 0);
    assert_int_equal(enter(ANN, 5, 'B', 1, 100), 0x0020);
    venue_cancel(&v, ANN, 4, 40); /* 60 go */
    assert_int_equal(enter(ANN, 6, 'B', 60, 10000), 0);
    venue_enter(&v, BOB, 2, 'S', 50, 10000, '0'); /* a fill makes room, too */
    assert_string_equal(venue_letters(&v), "AEE");
    assert_true(party(ANN)->exposure == 10000 * 250);
    assert_true(party(ANN)->traded == 10000 * 50);
    assert_int_equal(enter(ANN, 7, 'B', 51, 10000), 0x0020);
    assert_int_equal(enter(ANN, 8, 'B', 50, 10000), 0);
    limit(ANN, 0, 0, 0, 0);
    assert_int_equal(enter(ANN, 9, 'B', 900000, 10000), 0);
}

/* A replacement may be as large as before, whatever the limit has become, but no larger. */
static void test_replace(void **state)
{
    (void)state;
    limit(ANN, 10000 * 300, 0, 1000, 0);
    assert_int_equal(enter(ANN, 1, 'B', 300, 10000), 0);
    limit(ANN, 10000 * 100, 0, 100, 0);
    venue_replace(&v, ANN, 1, 2, 300, 10000);
    assert_string_equal(venue_letters(&v), "U");
    venue_replace(&v, ANN, 2, 3, 200, 9000);
    assert_string_equal(venue_letters(&v), "U");
    assert_true(party(ANN)->exposure == 9000 * 200);
    venue_replace(&v, ANN, 3, 4, 201, 9000);
    assert_string_equal(venue_letters(&v), "C"); /* rule 6b */
    assert_true(party(ANN)->exposure == 0);
    assert_int_equal(enter(ANN, 5, 'B', 100, 10000), 0);
    venue_replace(&v, ANN, 5, 6, 100, 10100);
    assert_string_equal(venue_letters(&v), "C");
}

static void test_what_was_traded(void **state)
{
    (void)state;
    limit(ANN, 0, 10000 * 300, 0, 0);
    assert_int_equal(enter(BOB, 1, 'S', 1000, 10000), 0);
    assert_int_equal(enter(ANN, 1, 'B', 200, 10000), 0);
    assert_int_equal(enter(ANN, 2, 'B', 101, 10000), 0x0020); /* what is open may trade */
    assert_int_equal(enter(ANN, 3, 'B', 100, 10000), 0);
    assert_int_equal(enter(ANN, 4, 'S', 1, 20000), 0x0020); /* selling trades as well */
    venue_day_end(&v);
    union msg m = venue_cmd(CMD_DAY_OPEN, 0);
    m.day.day = VENUE_DAY + 1;
    venue_send(&v, &m);
    venue_login(&v, ANN);
    assert_int_equal(enter(ANN, 1, 'B', 300, 10000), 0);
}

/* Everything of one side may be filled; the sides do not make up for each other. */
static void test_position(void **state)
{
    (void)state;
    limit(ANN, 0, 0, 500, 0);
    assert_int_equal(enter(ANN, 1, 'B', 500, 10000), 0);
    assert_int_equal(enter(ANN, 2, 'B', 1, 10000), 0x0020);
    assert_int_equal(enter(ANN, 3, 'S', 501, 11000), 0x0020);
    assert_int_equal(enter(ANN, 4, 'S', 500, 11000), 0);
    assert_int_equal(enter(BOB, 1, 'S', 200, 10000), 0); /* ANN has 200 */
    venue_cancel(&v, ANN, 1, 0);
    assert_int_equal(enter(ANN, 5, 'B', 301, 10000), 0x0020);
    assert_int_equal(enter(ANN, 6, 'S', 200, 11000), 0);
    assert_int_equal(enter(ANN, 7, 'S', 1, 11000), 0x0020);
    union msg m = venue_enter_cmd(ANN, 8, 'B', 500, 10000, '0');
    m.enter.instrument = BBB;
    venue_send(&v, &m);
    assert_int_equal(reason(), 0); /* each instrument has its own */
    m.enter.user_ref = 9;
    m.enter.qty = 1;
    venue_send(&v, &m);
    assert_int_equal(reason(), 0x0020);
}

static void test_last_price_collar(void **state)
{
    (void)state;
    limit(ANN, 0, 0, 0, 100);
    assert_int_equal(enter(ANN, 1, 'S', 100, 50000), 0); /* nothing has traded yet */
    assert_int_equal(enter(BOB, 1, 'B', 100, 50000), 0);
    assert_int_equal(enter(ANN, 2, 'B', 100, 50500), 0);
    assert_int_equal(enter(ANN, 3, 'B', 100, 50600), 0x0026);
    assert_int_equal(enter(ANN, 4, 'B', 100, 49400), 0x0026);
    assert_int_equal(enter(BOB, 2, 'B', 100, 40000), 0);
    venue_replace(&v, ANN, 2, 5, 100, 49400);
    assert_string_equal(venue_letters(&v), "C");
    venue_enter(&v, ANN, 6, 'S', 100, PRICE_MARKET, '3'); /* it has no price to be judged */
    assert_string_equal(venue_letters(&v), "AEE");
}

static u16 for_firm(u32 account, u32 ref, const char *firm, u32 qty)
{
    union msg m = venue_enter_cmd(account, ref, 'B', qty, 10000, '0');

    m.enter.terms.tags = TAG_BIT(2);
    memcpy(m.enter.terms.firm, firm, 4);
    venue_send(&v, &m);
    return reason();
}

/* The firm's are all orders that name it, whosever they are, and those that are its by default. */
static void test_firm(void **state)
{
    union msg m = venue_cmd(CMD_LIMIT, 0);
    char firm[4];
    (void)state;

    memcpy(firm, engine_account(v.e, ANN)->firm, 4);
    m.limit.scope = LIMIT_FIRM;
    memcpy(m.limit.firm, firm, 4);
    m.limit.exposure_max = 10000 * 300;
    m.limit.position_max = 1000;
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(enter(ANN, 1, 'B', 200, 10000), 0);
    assert_int_equal(for_firm(BOB, 1, firm, 101), 0x0020);
    assert_int_equal(for_firm(BOB, 2, firm, 100), 0);
    assert_int_equal(for_firm(ANN, 2, "ELSE", 500), 0);
    assert_int_equal(enter(ANN, 3, 'B', 1, 10000), 0x0020);
    assert_int_equal(v.e->risk.positions[1].buy, 300);
    m.limit.scope = LIMIT_FIRM;
    memcpy(m.limit.firm, "    ", 4);
    assert_int_equal(venue_send(&v, &m), 0);
    m.limit.scope = 3;
    assert_int_equal(venue_send(&v, &m), 0);
}

/* A party that gets its first limit in the midst of the day: its open orders count, in pieces. */
static void test_first_limit_during_the_day(void **state)
{
    union msg m = venue_cmd(CMD_LIMIT, 0);
    (void)state;

    v.e->chunk_cancels = v.shadow->chunk_cancels = 2;
    for (u32 i = 1; i <= 5; i++)
        assert_int_equal(enter(ANN, i, 'B', 100, 10000), 0);
    m = limit_of(ANN);
    m.limit.exposure_max = 10000 * 550;
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "ew");
    venue_continue(&v);
    assert_string_equal(venue_letters(&v), "w");
    assert_true(engine_busy(v.e));
    venue_continue(&v);
    assert_int_equal(venue_event(&v, 0)->work.kind, WORK_NONE);
    assert_true(party(ANN)->exposure == 10000 * 500);
    assert_int_equal(enter(ANN, 6, 'B', 51, 10000), 0x0020);
    m = venue_cmd(CMD_LIMIT, 0);
    m.limit.scope = LIMIT_FIRM;
    memcpy(m.limit.firm, engine_account(v.e, ANN)->firm, 4);
    m.limit.position_max = 520;
    for (venue_send(&v, &m); engine_busy(v.e);)
        venue_continue(&v);
    assert_int_equal(enter(ANN, 7, 'B', 21, 10000), 0x0020);
    assert_int_equal(enter(ANN, 8, 'B', 20, 10000), 0);
    assert_int_equal(venue_send(&v, &m), 0); /* it is so already */
}

/* An order of an account that changes its firm comes to one that has limits of old: when that one
 * gets a limit of another kind the order counts for all of them. */
static void test_an_order_that_comes_to_a_firm(void **state)
{
    union msg m = venue_cmd(CMD_LIMIT, 0), a = venue_cmd(CMD_ACCOUNT, 0);
    struct cmd_head head = a.cmd;
    (void)state;

    m.limit.scope = LIMIT_FIRM;
    memcpy(m.limit.firm, "OTHR", 4);
    m.limit.exposure_max = 10000 * 300;
    union msg more = m;
    venue_send(&v, &m);
    assert_int_equal(enter(ANN, 1, 'S', 250, 10000), 0);
    a.account = *engine_account(v.e, ANN);
    a.cmd = head;
    memcpy(a.account.firm, "OTHR", 4);
    venue_send(&v, &a);
    more.limit.position_max = 1000;
    for (venue_send(&v, &more); engine_busy(v.e);)
        venue_continue(&v);
    assert_int_equal(enter(ANN, 2, 'S', 51, 10000), 0x0020);
    assert_int_equal(enter(ANN, 3, 'S', 50, 10000), 0);
}

/* How many orders may be open: the account's own word, else its profile's; what is open stays. */
static void test_open_orders(void **state)
{
    union msg m = limit_of(ANN), p = venue_cmd(CMD_PROFILE, 0), c = venue_cmd(CMD_CHECKS, 0);
    (void)state;

    assert_int_equal(enter(ANN, 1, 'B', 10, 10000), 0);
    assert_int_equal(enter(ANN, 2, 'B', 10, 10000), 0);
    memcpy(p.profile.name, "SMALL   ", 8);
    p.profile.values.inherits = FIELDS_ALL & ~FIELD_OPEN;
    p.profile.values.open_max = 1;
    assert_int_equal(venue_send(&v, &p), 1);
    memcpy(c.checks.user, engine_account(v.e, ANN)->user, 6);
    memcpy(c.checks.profile, "SMALL   ", 8);
    c.checks.inherits = FIELDS_OF_CHECKS;
    assert_int_equal(venue_send(&v, &c), 1);
    assert_int_equal(enter(ANN, 3, 'B', 10, 10000), 0); /* it says itself that there is none */
    m.limit.inherits = FIELDS_OF_LIMITS;
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(enter(ANN, 4, 'B', 10, 10000), 0x0020);
    p.profile.values.open_max = 4;
    assert_int_equal(venue_send(&v, &p), 1);
    assert_int_equal(enter(ANN, 5, 'B', 10, 10000), 0);
    assert_int_equal(enter(ANN, 6, 'B', 10, 10000), 0x0020);
    m.limit.inherits = FIELDS_OF_LIMITS & ~FIELD_OPEN;
    m.limit.open_max = 5;
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(enter(ANN, 7, 'B', 10, 10000), 0);
    assert_int_equal(enter(ANN, 8, 'B', 10, 10000), 0x0020);
    assert_int_equal(venue_send(&v, &m), 0); /* so already */
}

static void test_wrong_limits(void **state)
{
    union msg good = limit_of(ANN), m;
    (void)state;

    m = good;
    m.limit.exposure_max = LIMIT_MONEY_MAX + 1;
    assert_int_equal(venue_send(&v, &m), 0);
    m = good;
    m.limit.daily_max = LIMIT_MONEY_MAX + 1;
    assert_int_equal(venue_send(&v, &m), 0);
    m = good;
    m.limit.position_max = LIMIT_SHARES_MAX + 1;
    assert_int_equal(venue_send(&v, &m), 0);
    m = good;
    m.limit.open_max = ORDERS_MAX + 1;
    assert_int_equal(venue_send(&v, &m), 0);
    m = good;
    m.limit.scope = LIMIT_FIRM; /* a firm's are not counted */
    memset(m.limit.user, 0, sizeof m.limit.user);
    memcpy(m.limit.firm, "FIRM", 4);
    m.limit.open_max = 1;
    assert_int_equal(venue_send(&v, &m), 0);
    m = good;
    m.limit.collar_bps = 10001;
    assert_int_equal(venue_send(&v, &m), 0);
    m = good;
    m.limit.position_max = LIMIT_SHARES_MAX;
    memcpy(m.limit.user, "NOBODY", 6);
    assert_int_equal(venue_send(&v, &m), 0);
    m = good;
    m.limit.position_max = LIMIT_SHARES_MAX;
    assert_int_equal(venue_send(&v, &m), 1);
}

/* A broken trade is as if it had not been, for both sides; one of before the limits never was. */
static void test_break(void **state)
{
    union msg m = venue_cmd(CMD_BREAK, 0);
    (void)state;

    venue_enter(&v, BOB, 1, 'S', 1000, 10000, '0');
    assert_int_equal(enter(ANN, 1, 'B', 50, 10000), 0); /* trade 1 */
    limit(ANN, 0, 10000 * 100, 500, 0);
    limit(BOB, 0, 10000 * 10000, 5000, 0);
    while (engine_busy(v.e))
        venue_continue(&v);
    assert_int_equal(enter(ANN, 2, 'B', 100, 10000), 0); /* trade 2 */
    assert_int_equal(enter(ANN, 3, 'B', 1, 10000), 0x0020);
    m.broken_trade.reason = 'E';
    m.broken_trade.side[0].account = BOB;
    m.broken_trade.side[0].sold = 1;
    m.broken_trade.side[1].account = ANN;
    m.broken_trade.instrument = AAA;
    m.broken_trade.price = 10000;
    m.broken_trade.qty = 50;
    m.broken_trade.match = 1;
    assert_int_equal(venue_send(&v, &m), 3);
    assert_true(party(ANN)->traded == 10000 * 100);
    m.broken_trade.match = 2;
    m.broken_trade.qty = 100;
    m.broken_trade.side[1].sold = 1;
    assert_int_equal(venue_send(&v, &m), 0); /* both cannot have sold */
    m.broken_trade.side[1].sold = 0;
    assert_int_equal(venue_send(&v, &m), 3);
    assert_int_equal(venue_event(&v, 2)->untraded.account[0], ANN);
    assert_int_equal(venue_event(&v, 2)->untraded.account[1], BOB);
    assert_true(party(ANN)->traded == 0 && party(BOB)->traded == 0);
    for (u32 i = 1; i <= v.e->risk.keys.used; i++)
        assert_int_equal(v.e->risk.positions[i].net, 0);
    assert_int_equal(enter(ANN, 4, 'B', 100, 10000), 0);
}

/* No place for another position: the order is rejected, and nothing else changes. */
static void test_full_pool(void **state)
{
    (void)state;
    limit(ANN, 0, 0, 500, 0);
    assert_int_equal(enter(ANN, 1, 'B', 100, 10000), 0);
    names_limit(&v.e->risk.keys, 1);
    names_limit(&v.shadow->risk.keys, 1);
    v.shadow->risk.positions_led = 1;
    u64 full = metric_get(&v.e->metrics.pool_full);
    union msg m = venue_enter_cmd(ANN, 2, 'B', 100, 10000, '0');
    m.enter.instrument = BBB;
    venue_send(&v, &m);
    assert_int_equal(reason(), 0x000A);
    assert_int_equal(metric_get(&v.e->metrics.pool_full), full + 1);
    assert_int_equal(enter(ANN, 3, 'B', 100, 10000), 0); /* its position is there */
    limit(BOB, 10000 * 1000, 0, 500, 0);
    while (engine_busy(v.e))
        venue_continue(&v);
    assert_int_equal(enter(BOB, 1, 'S', 100, 10000), 0x000A);
}

/* A process with less room than the one that led says so, and does not count wrongly. */
static void test_recovery_with_less_room(void **state)
{
    union msg m = venue_enter_cmd(ANN, 1, 'B', 100, 10000, '0');
    (void)state;

    limit(ANN, 0, 0, 500, 0);
    names_limit(&v.shadow->risk.keys, 1);
    m.cmd.bind_id = v.e->accounts.at[ANN].bind_id;
    assert_true(engine_step(v.e, &m, v.now_ns, &v.tx));
    assert_string_equal(engine_apply(v.shadow, v.tx.slots, v.tx.used),
                        "does not fit the configured pools");
    assert_string_equal(engine_unfit(v.shadow)->pool, "orders_max");
}

/* At the end of the day nothing is at stake any more, and nobody has to be told. */
static void test_day(void **state)
{
    (void)state;
    limit(ANN, 10000 * 300, 0, 500, 0);
    assert_int_equal(enter(ANN, 1, 'B', 300, 10000), 0);
    venue_day_end(&v);
    assert_true(party(ANN)->exposure == 0);
    assert_int_equal(v.e->risk.keys.used, 1);
    union msg m = venue_cmd(CMD_DAY_OPEN, 0);
    m.day.day = VENUE_DAY + 1;
    venue_send(&v, &m);
    assert_int_equal(v.e->risk.keys.used, 0);
    assert_int_equal(party(ANN)->exposure_max, 10000 * 300); /* limits stay */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_exposure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_replace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_traded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_position, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_last_price_collar, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_firm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_first_limit_during_the_day, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_order_that_comes_to_a_firm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open_orders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_break, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_pool, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_recovery_with_less_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_day, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
