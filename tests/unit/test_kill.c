/* test_kill.c - the operators' kill switch. Each transaction is also applied to a shadow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/venue_rig.h"

static u32 operate(u8 type, u8 scope, u32 account, const char *firm)
{
    union msg m = venue_cmd(type, 0);

    m.kill.scope = scope;
    m.kill.account = account;
    if (firm)
        memcpy(m.kill.firm, firm, 4);
    return venue_send(&v, &m);
}

static void enter_is(u32 account, u32 ref, const char *letters)
{
    venue_enter(&v, account, ref, 'B', 100, 10000, '0');
    assert_string_equal(venue_letters(&v), letters);
    if (letters[0] == 'J')
        assert_int_equal(venue_event(&v, 0)->rejected.reason, 0x000C);
}

static void test_account(void **state)
{
    (void)state;
    enter_is(ANN, 1, "A");
    enter_is(BOB, 1, "A");
    operate(CMD_KILL, KILL_ACCOUNT, ANN, NULL);
    assert_string_equal(venue_letters(&v), "eCw");
    assert_int_equal(venue_event(&v, 1)->cancelled.reason, 'S');
    enter_is(ANN, 2, "J");
    enter_is(BOB, 2, "A");
    assert_int_equal(operate(CMD_RESTORE, KILL_ACCOUNT, ANN, NULL), 1);
    enter_is(ANN, 3, "A");
    assert_int_equal(operate(CMD_RESTORE, KILL_ACCOUNT, ANN, NULL), 0);
}

static void test_firm_and_venue(void **state)
{
    union msg m = venue_enter_cmd(BOB, 1, 'B', 100, 10000, '0');
    (void)state;

    m.enter.terms.tags = TAG_BIT(2);
    memcpy(m.enter.terms.firm, "ELSE", 4);
    venue_send(&v, &m);
    enter_is(ANN, 1, "A");
    operate(CMD_KILL, KILL_FIRM, 0, "FIRM");
    assert_string_equal(venue_letters(&v), "eCw");
    assert_int_equal(venue_event(&v, 1)->ev.account, ANN);
    enter_is(BOB, 2, "J"); /* his default firm */
    m.enter.user_ref = 3;
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "A");
    venue_replace(&v, BOB, 3, 4, 100, 9900);
    assert_string_equal(venue_letters(&v), "U"); /* ELSE lives */
    operate(CMD_KILL, KILL_VENUE, 0, NULL);
    assert_string_equal(venue_letters(&v), "eCCw");
    operate(CMD_RESTORE, KILL_FIRM, 0, "FIRM");
    enter_is(ANN, 2, "J");
    operate(CMD_RESTORE, KILL_VENUE, 0, NULL);
    enter_is(ANN, 3, "A");
}

static void test_refused_and_in_chunks(void **state)
{
    (void)state;
    assert_int_equal(operate(CMD_KILL, 0, ANN, NULL), 0);
    assert_int_equal(operate(CMD_KILL, 4, ANN, NULL), 0);
    assert_int_equal(operate(CMD_KILL, KILL_ACCOUNT, 99, NULL), 0);
    assert_int_equal(operate(CMD_KILL, KILL_FIRM, 0, "    "), 0);
    v.e->chunk_cancels = v.shadow->chunk_cancels = 2;
    for (u32 i = 1; i <= 3; i++)
        enter_is(ANN, i, "A");
    enter_is(BOB, 1, "A");
    operate(CMD_KILL, KILL_VENUE, 0, NULL);
    assert_string_equal(venue_letters(&v), "eCCw");
    venue_continue(&v);
    assert_string_equal(venue_letters(&v), "Cw");
    venue_continue(&v);
    assert_string_equal(venue_letters(&v), "Cw");
    assert_false(engine_busy(v.e));
    assert_int_equal(engine_open_orders(v.e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_account, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_firm_and_venue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_and_in_chunks, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
