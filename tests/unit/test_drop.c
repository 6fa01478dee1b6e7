/* test_drop.c - cancel on disconnect, at once or with grace (CONFORMANCE.md section 6, rule 16). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/venue_rig.h"

static void set_drop(u32 account, u32 ms)
{
    union msg m = venue_cmd(CMD_ACCOUNT, 0);
    struct cmd_head head = m.cmd;

    m.account = *engine_account(v.e, account);
    m.cmd = head;
    m.account.drop = 1;
    m.account.drop_ms = ms;
    assert_int_equal(venue_send(&v, &m), 1);
}

static u32 disconnect(u32 account, u8 reason)
{
    union msg m = venue_cmd(CMD_DISCONNECT, account);

    m.unbind.reason = reason;
    return venue_send(&v, &m);
}

static void tick(void)
{
    union msg m = venue_cmd(CMD_TICK, 0);
    venue_send(&v, &m);
}

static void test_at_once(void **state)
{
    (void)state;
    set_drop(ANN, 0);
    for (u32 i = 1; i <= 3; i++)
        venue_enter(&v, ANN, i, 'B', 100, 10000, i == 2 ? '3' : '0');
    venue_enter(&v, BOB, 1, 'B', 100, 10000, '0');
    disconnect(ANN, UNBIND_CLOSED);
    assert_string_equal(venue_letters(&v), "uwCCw");
    assert_int_equal(venue_event(&v, 2)->cancelled.reason, 'Z');
    assert_int_equal(venue_event(&v, 1)->work.kind, WORK_DROP);
    assert_int_equal(engine_open_orders(v.e), 1);
    disconnect(BOB, UNBIND_CLOSED); /* it has no such setting */
    assert_string_equal(venue_letters(&v), "u");
}

static void test_grace(void **state)
{
    (void)state;
    set_drop(ANN, 1500);
    venue_enter(&v, ANN, 1, 'B', 100, 10000, '0');
    disconnect(ANN, UNBIND_SILENT);
    assert_string_equal(venue_letters(&v), "u");
    v.now_ns += 1499 * NS_PER_MS;
    assert_false(engine_due(v.e, v.now_ns));
    venue_login(&v, ANN); /* in time */
    v.now_ns += NS_PER_SEC;
    assert_false(engine_due(v.e, v.now_ns));
    disconnect(ANN, UNBIND_LOGOUT);
    v.now_ns += 1500 * NS_PER_MS;
    assert_true(engine_due(v.e, v.now_ns));
    tick();
    assert_string_equal(venue_letters(&v), "wCw");
    assert_false(engine_due(v.e, v.now_ns));
    assert_int_equal(engine_open_orders(v.e), 0);
}

/* A connection that was taken over or closed by the venue is not lost; a dead process is. */
static void test_what_is_a_loss(void **state)
{
    union msg m = venue_cmd(CMD_START, 0);
    (void)state;

    set_drop(ANN, 0);
    venue_enter(&v, ANN, 1, 'B', 100, 10000, '0');
    venue_login(&v, ANN);
    assert_int_equal(engine_open_orders(v.e), 1);
    disconnect(ANN, UNBIND_SHUTDOWN);
    assert_int_equal(engine_open_orders(v.e), 1);
    venue_login(&v, ANN);
    m.start.epoch = 2;
    m.start.shard = 1;
    venue_send(&v, &m);
    assert_true(engine_due(v.e, v.now_ns));
    tick();
    assert_string_equal(venue_letters(&v), "wCw");
}

static void test_in_chunks(void **state)
{
    (void)state;
    v.e->chunk_cancels = v.shadow->chunk_cancels = 2;
    set_drop(ANN, 0);
    for (u32 i = 1; i <= 5; i++)
        venue_enter(&v, ANN, i, 'B', 100, 10000, '0');
    disconnect(ANN, UNBIND_SLOW);
    assert_string_equal(venue_letters(&v), "uwCCw");
    venue_continue(&v);
    assert_string_equal(venue_letters(&v), "CCw");
    venue_continue(&v);
    assert_string_equal(venue_letters(&v), "Cw");
    assert_false(engine_busy(v.e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_grace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_a_loss, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_in_chunks, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
