/*
 * test_engine_venue.c - the venue's course: starts, days, reference data, logins; by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/event.h"
#include "engine/rules.h"
#include "engine/transaction.h"
#define VENUE_ORDERS 600u
#include "tests/lib/venue_rig.h"

/* ---- start ---- */

static void test_a_start_ends_all_bindings(void **state)
{
    union msg m = venue_cmd(CMD_START, 0);
    (void)state;

    m.start.epoch = 2;
    m.start.shard = 1;
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(venue_event(&v, 0)->start.epoch, 2);
    assert_int_equal(engine_epoch(v.e), 2);
    assert_int_equal(venue_enter(&v, ANN, 1, 'B', 10, 10000, '0'), 0);
    venue_login(&v, ANN);
    assert_string_equal(venue_letters(&v), "b");            /* the stream had begun */
    assert_int_equal(venue_event(&v, 0)->bound.bind_id, 3); /* 1 and 2 are used for ever */
    assert_int_equal(venue_enter(&v, ANN, 1, 'B', 10, 10000, '0'), 1);
}

static void test_an_epoch_only_grows(void **state)
{
    union msg m = venue_cmd(CMD_START, 0);
    (void)state;

    m.start.epoch = 1;
    assert_int_equal(venue_send(&v, &m), 0);
    m.start.epoch = 0;
    assert_int_equal(venue_send(&v, &m), 0);
    assert_int_equal(metric_get(&v.e->metrics.refused), 2);
}

/* The first start that names the journal does so for ever. */
static void test_a_start_of_another_journal(void **state)
{
    union msg m = venue_cmd(CMD_START, 0);
    (void)state;

    assert_int_equal(engine_journal_id(v.e), 0);
    m.start.epoch = 2;
    m.start.journal_id = 0xfedcba9876543210;
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(venue_event(&v, 0)->start.journal_id, 0xfedcba9876543210);
    assert_int_equal(engine_journal_id(v.e), 0xfedcba9876543210);
    m.start.epoch = 3;
    m.start.journal_id = 1;
    assert_int_equal(venue_send(&v, &m), 0);
    m.start.journal_id = 0;
    assert_int_equal(venue_send(&v, &m), 0);
    assert_int_equal(metric_get(&v.e->metrics.refused), 2);
    m.start.journal_id = 0xfedcba9876543210;
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(engine_epoch(v.e), 3);
}

/* ---- logins ---- */

static u32 login(u32 account, u64 requested_seq, u32 requested_day)
{
    union msg m = venue_cmd(CMD_LOGIN, account);
    m.cmd.bind_id = 0;
    m.cmd.gateway = 1;
    m.cmd.gateway = 1;
    m.login.conn = 777;
    m.login.requested_seq = requested_seq;
    m.login.requested_day = requested_day;
    return venue_send(&v, &m);
}

static void assert_login_rejected(u8 reason)
{
    const struct msg_login_rejected *ev = &venue_event(&v, 0)->login_rejected;
    assert_string_equal(venue_letters(&v), "l");
    assert_int_equal(ev->reason, reason);
    assert_int_equal(ev->conn, 777);
    assert_int_equal(ev->gateway, 1);
}

static void test_the_first_login_begins_the_stream(void **state)
{
    union msg m = venue_cmd(CMD_ACCOUNT, 0);
    (void)state;

    memcpy(m.account.user, "CARL  ", 6);
    venue_send(&v, &m);
    login(3, 0, VENUE_DAY);
    assert_string_equal(venue_letters(&v), "bS");
    assert_int_equal(venue_event(&v, 0)->bound.next_seq, 1);
    assert_int_equal(venue_event(&v, 0)->bound.from_seq, 1);
    assert_int_equal(venue_event(&v, 0)->bound.conn, 777);
    assert_int_equal(venue_event(&v, 0)->bound.gateway, 1);
    assert_int_equal(venue_event(&v, 1)->system.code, 'S');
    assert_int_equal(venue_event(&v, 1)->ev.session_seq, 1);
    assert_int_equal(engine_next_session_seq(v.e, 3), 2);
}

static void test_a_second_login_takes_over(void **state)
{
    (void)state;
    login(ANN, 1, 0);
    assert_string_equal(venue_letters(&v), "ub");
    assert_int_equal(venue_event(&v, 0)->unbind.reason, UNBIND_TAKEOVER);
    assert_int_equal(venue_event(&v, 0)->unbind.conn, 100 + ANN);
    assert_int_equal(venue_event(&v, 0)->unbind.bind_id, 1);
    assert_int_equal(venue_event(&v, 0)->unbind.gateway, 0);
    assert_int_equal(venue_event(&v, 1)->bound.bind_id, 3);
}

static void test_where_a_replay_begins(void **state)
{
    (void)state;
    for (u32 i = 1; i <= 5; i++)
        venue_enter(&v, ANN, i, 'B', 10, 10000, '0'); /* stream: S and 5 A, next 7 */
    login(ANN, 0, 0);
    assert_int_equal(venue_event(&v, 1)->bound.from_seq, 6); /* the most recent message */
    assert_int_equal(venue_event(&v, 1)->bound.next_seq, 7);
    login(ANN, 3, 0);
    assert_int_equal(venue_event(&v, 1)->bound.from_seq, 3);
    login(ANN, 7, 0);
    assert_int_equal(venue_event(&v, 1)->bound.from_seq, 7);
    login(ANN, 8, 0);
    assert_login_rejected('S');
}

static void test_logins_that_are_refused(void **state)
{
    union msg m = venue_cmd(CMD_ACCOUNT, 0);
    (void)state;

    login(0, 0, 0);
    assert_login_rejected('A');
    login(3, 0, 0);
    assert_login_rejected('A');
    login(ANN, 0, VENUE_DAY - 1);
    assert_login_rejected('S');
    memcpy(m.account.user, "ANN   ", 6);
    m.account.disabled = 1;
    venue_send(&v, &m);
    login(ANN, 0, 0);
    assert_login_rejected('A');
    venue_day_end(&v);
    login(BOB, 0, 0);
    assert_login_rejected('S');
}

/* What the config may ask of a login: it waits its turn, or begins where the stream has come to. */
static void test_terms_of_a_login(void **state)
{
    union msg m = venue_cmd(CMD_LOGIN, ANN);
    (void)state;

    m.cmd.bind_id = 0;
    m.cmd.gateway = 1;
    m.login.conn = 777;
    m.login.terms = LOGIN_NO_TAKEOVER;
    venue_send(&v, &m);
    assert_login_rejected('S'); /* bound since the set-up */
    m.login.terms = LOGIN_AHEAD_NEXT;
    m.login.requested_seq = 4711;
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "ub");
    assert_int_equal(venue_event(&v, 1)->bound.from_seq, venue_event(&v, 1)->bound.next_seq);
}

/* A day's stream is written in one dialect; the next day's may be in another. */
static void test_one_dialect_a_day(void **state)
{
    union msg m = venue_cmd(CMD_LOGIN, ANN);
    (void)state;

    m.cmd.bind_id = 0;
    m.cmd.gateway = 1;
    m.login.conn = 777;
    m.login.dialect = DIALECT_OUCH42;
    venue_send(&v, &m);
    assert_login_rejected('S');
    venue_day_end(&v);
    union msg day = venue_cmd(CMD_DAY_OPEN, 0);
    day.day.day = VENUE_DAY + 1;
    day.day.midnight_ns = v.now_ns;
    venue_send(&v, &day);
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "bS");
    assert_int_equal(venue_event(&v, 1)->system.dialect, DIALECT_OUCH42);
    m.login.dialect = DIALECT_OUCH50;
    venue_send(&v, &m);
    assert_login_rejected('S');
}

static void test_a_disconnect_ends_its_own_binding_only(void **state)
{
    union msg m = venue_cmd(CMD_DISCONNECT, ANN);
    (void)state;

    m.cmd.bind_id = 99;
    m.unbind.reason = UNBIND_SILENT;
    assert_int_equal(venue_send(&v, &m), 0);
    m.cmd.bind_id = BIND;
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(venue_event(&v, 0)->unbind.reason, UNBIND_SILENT);
    assert_int_equal(venue_send(&v, &m), 0);
    assert_int_equal(venue_enter(&v, ANN, 1, 'B', 10, 10000, '0'), 0);
}

static void test_orders_live_on_without_a_connection(void **state)
{
    union msg m = venue_cmd(CMD_DISCONNECT, ANN);
    (void)state;

    venue_enter(&v, ANN, 1, 'B', 10, 10000, '0');
    venue_send(&v, &m);
    venue_enter(&v, BOB, 1, 'S', 10, 10000, '0');
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(venue_event(&v, 2)->ev.account, ANN);
    assert_int_equal(venue_event(&v, 2)->ev.session_seq, 3);
}

/* ---- days ---- */

static void test_the_day_ends_orders_and_streams(void **state)
{
    union msg m = venue_cmd(CMD_DISCONNECT, BOB);
    (void)state;

    venue_enter(&v, BOB, 5, 'B', 10, 9900, '0');
    venue_enter(&v, ANN, 9, 'B', 10, 10000, '0');
    venue_enter(&v, ANN, 12, 'S', 10, 10100, '0');
    venue_send(&v, &m);
    venue_day_end(&v);
    assert_string_equal(venue_letters(&v), "SCCuSCe");
    assert_int_equal(venue_event(&v, 0)->system.code, 'E');
    assert_int_equal(venue_event(&v, 1)->cancelled.user_ref, 9);
    assert_int_equal(venue_event(&v, 1)->cancelled.reason, 'E');
    assert_int_equal(venue_event(&v, 3)->unbind.reason, UNBIND_SHUTDOWN);
    assert_int_equal(venue_event(&v, 4)->ev.account, BOB);
    assert_int_equal(venue_event(&v, 6)->ev.type, EV_DAY_ENDED);
    assert_int_equal(venue_event(&v, 6)->day.day, VENUE_DAY);
    assert_int_equal(engine_day(v.e), 0);
    assert_int_equal(engine_open_orders(v.e), 0);
    assert_int_equal(venue_day_end(&v), 0);
}

static void test_a_new_day_starts_all_numbers_over(void **state)
{
    union msg m = venue_cmd(CMD_DAY_OPEN, 0);
    (void)state;

    venue_enter(&v, ANN, 50, 'B', 10, 10000, '0');
    venue_day_end(&v);
    m.day.day = VENUE_DAY + 1;
    assert_int_equal(venue_send(&v, &m), 1);
    venue_login(&v, ANN);
    assert_string_equal(venue_letters(&v), "bS");
    assert_int_equal(venue_event(&v, 1)->ev.session_seq, 1);
    venue_enter(&v, ANN, 1, 'B', 10, 10000, '0');
    assert_int_equal(venue_event(&v, 0)->order.order_ref, 2); /* this one never starts over */
}

static void test_days_open_once_and_forwards(void **state)
{
    union msg m = venue_cmd(CMD_DAY_OPEN, 0);
    (void)state;

    m.day.day = VENUE_DAY;
    assert_int_equal(venue_send(&v, &m), 0); /* it is open */
    m.day.day = VENUE_DAY + 1;
    assert_int_equal(venue_send(&v, &m), 0); /* the other one is */
    venue_day_end(&v);
    m.day.day = VENUE_DAY;
    assert_int_equal(venue_send(&v, &m), 0); /* it has been */
    m.day.day = VENUE_DAY - 1;
    assert_int_equal(venue_send(&v, &m), 0);
    assert_int_equal(metric_get(&v.e->metrics.refused), 3);
    m.day.day = VENUE_DAY + 1;
    assert_int_equal(venue_send(&v, &m), 1);
}

static void test_a_long_day_end_goes_on_in_chunks(void **state)
{
    u32 cancels = 0;
    u32 pieces = 1;
    (void)state;

    for (u32 i = 1; i <= 250; i++) {
        venue_enter(&v, ANN, i, 'B', 10, 10000, '0');
        venue_enter(&v, BOB, i, 'B', 10, 10000, '0');
    }
    venue_day_end(&v);
    while (engine_busy(v.e)) {
        for (u32 i = 0; i < venue_events(&v); i++)
            cancels += venue_event(&v, i)->ev.type == EV_CANCELLED;
        assert_int_equal(venue_event(&v, venue_events(&v) - 1)->work.kind, WORK_DAY_END);
        venue_continue(&v);
        pieces++;
    }
    for (u32 i = 0; i < venue_events(&v); i++)
        cancels += venue_event(&v, i)->ev.type == EV_CANCELLED;
    assert_int_equal(cancels, 500);
    assert_int_equal(pieces, 3);
    assert_int_equal(venue_event(&v, venue_events(&v) - 1)->ev.type, EV_DAY_ENDED);
    assert_int_equal(venue_event(&v, venue_events(&v) - 2)->work.kind, WORK_NONE);
}

/* ---- reference data ---- */

static union msg instrument(const char *symbol, u32 tick)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);
    memcpy(m.instrument.symbol, symbol, 8);
    m.instrument.tick = tick;
    m.instrument.lot = 100;
    return m;
}

static void test_instruments_are_added_once_and_changed(void **state)
{
    union msg m = instrument("AAA     ", 100);
    (void)state;

    assert_int_equal(venue_send(&v, &m), 0); /* known already */
    m = instrument("CCC     ", 5);
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(venue_event(&v, 0)->instrument.instrument, 3);
    assert_int_equal(engine_instrument_find(v.e, "CCC     "), 3);
    assert_int_equal(engine_instrument_find(v.e, "DDD     "), 0);
    m.instrument.lot = 10;
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(engine_instrument(v.e, 3)->lot, 10);
    assert_int_equal(engine_instruments(v.e), 3);
    m = instrument("DDD     ", 5);
    assert_int_equal(venue_send(&v, &m), 0); /* there is room for three */
    assert_null(engine_instrument(v.e, 4));
    assert_null(engine_instrument(v.e, 0));
}

static void test_impossible_ticks_are_refused(void **state)
{
    union msg m = instrument("AAA     ", 0);
    (void)state;

    assert_int_equal(venue_send(&v, &m), 0);
    venue_enter(&v, ANN, 1, 'B', 10, 10100, '0');
    m = instrument("AAA     ", 50);
    assert_int_equal(venue_send(&v, &m), 0); /* something rests on multiples of 100 */
    m = instrument("AAA     ", 1000);
    assert_int_equal(venue_send(&v, &m), 1);
    venue_enter(&v, ANN, 2, 'B', 10, 10100, '0');
    assert_int_equal(venue_event(&v, 0)->rejected.reason, REJECT_PRICE);
    venue_enter(&v, BOB, 1, 'S', 10, 10000, '3'); /* what rests stays, off the new tick */
    assert_int_equal(venue_event(&v, 1)->executed.price, 10100);
    m = instrument("AAA     ", 50);
    assert_int_equal(venue_send(&v, &m), 1);
}

static void test_accounts_are_added_once_and_changed(void **state)
{
    union msg m = venue_cmd(CMD_ACCOUNT, 0);
    (void)state;

    memcpy(m.account.user, "ANN   ", 6);
    memcpy(m.account.firm, "FIRM", 4);
    assert_int_equal(venue_send(&v, &m), 0);
    memcpy(m.account.firm, "FRM2", 4);
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(venue_event(&v, 0)->ev.account, ANN);
    assert_memory_equal(engine_account(v.e, ANN)->firm, "FRM2", 4);
    for (u32 i = 3; i <= 5; i++) {
        m.account.user[0] = (char)('0' + i);
        assert_int_equal(venue_send(&v, &m), i <= 4); /* there is room for four */
    }
    assert_int_equal(engine_accounts(v.e), 4);
    assert_int_equal(engine_account_find(v.e, "4NN   "), 4);
    assert_null(engine_account(v.e, 5));
}

static void test_unknown_commands_are_counted(void **state)
{
    union msg m = venue_cmd(0x7F, 0);
    (void)state;

    m.cmd.slots = 1;
    assert_int_equal(venue_send(&v, &m), 0);
    assert_int_equal(metric_get(&v.e->metrics.unknown), 1);
}

static void test_a_full_pool_of_channels_rejects(void **state)
{
    union msg m = venue_enter_cmd(ANN, 1, 'B', 10, 10000, '0');
    struct pool *p = &v.e->accounts.block_pool;
    (void)state;

    p->max = p->used; /* here, as if others had taken them all */
    m.enter.user_ref_idx = 200;
    v.made = engine_step(v.e, &m, v.now_ns, &v.tx);
    assert_false(v.made); /* stale: not bound by hand */
    m.cmd.bind_id = v.e->accounts.at[ANN].bind_id;
    v.made = engine_step(v.e, &m, v.now_ns, &v.tx);
    assert_true(v.made);
    assert_int_equal(venue_event(&v, 0)->rejected.reason, REJECT_PROCESSING);
    assert_int_equal(account_last_ref(&v.e->accounts, ANN, 200), 0);
    engine_check(v.e);
}

/* It counts from its end, if it has an event: under the next number, and never earlier. */
static void test_the_frame_of_a_transaction(void **state)
{
    union msg m = venue_cmd(CMD_QUERY, ANN);
    const struct engine *e = v.e;
    u64 seq = e->seq;
    u64 ns = e->time_ns;
    (void)state;

    tx_begin(v.e, &v.tx, &m, ns - 1);
    assert_false(tx_end(v.e));
    assert_true(e->seq == seq && e->time_ns == ns);
    tx_begin(v.e, &v.tx, &m, ns + 5);
    event_work(v.e, WORK_NONE, 0);
    event_work(v.e, WORK_NONE, 0);
    assert_true(e->seq == seq && e->time_ns == ns);
    assert_true(tx_end(v.e));
    assert_true(e->seq == seq + 1 && e->time_ns == ns + 5);
    assert_int_equal(v.tx.used, m.cmd.slots + 2);
    assert_false(venue_event(&v, 0)->ev.flags & MSG_TX_END);
    assert_true(venue_event(&v, 1)->ev.flags & MSG_TX_END);
    assert_true(venue_event(&v, 1)->ev.seq == seq + 1 && venue_event(&v, 1)->ev.time_ns == ns + 5);
    tx_begin(v.e, &v.tx, &m, ns);
    event_work(v.e, WORK_NONE, 0);
    assert_true(tx_end(v.e));
    assert_true(e->seq == seq + 2 && e->time_ns == ns + 5);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_start_ends_all_bindings),
        CASE(test_an_epoch_only_grows),
        CASE(test_a_start_of_another_journal),
        CASE(test_the_first_login_begins_the_stream),
        CASE(test_a_second_login_takes_over),
        CASE(test_where_a_replay_begins),
        CASE(test_logins_that_are_refused),
        CASE(test_terms_of_a_login),
        CASE(test_one_dialect_a_day),
        CASE(test_a_disconnect_ends_its_own_binding_only),
        CASE(test_orders_live_on_without_a_connection),
        CASE(test_the_day_ends_orders_and_streams),
        CASE(test_a_new_day_starts_all_numbers_over),
        CASE(test_days_open_once_and_forwards),
        CASE(test_a_long_day_end_goes_on_in_chunks),
        CASE(test_instruments_are_added_once_and_changed),
        CASE(test_impossible_ticks_are_refused),
        CASE(test_accounts_are_added_once_and_changed),
        CASE(test_unknown_commands_are_counted),
        CASE(test_the_frame_of_a_transaction),
        CASE(test_a_full_pool_of_channels_rejects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
