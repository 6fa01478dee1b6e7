/* test_break.c - trades that an operator breaks: both sides are told, once, on their day. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/rules.h"
#include "tests/lib/engine_venue.h"

static struct venue v;

static int set_up(void **state)
{
    (void)state;
    venue_init(&v, 20);
    venue_enter(&v, ANN, 1, 'S', 10, 10000, '0');
    venue_enter(&v, BOB, 7, 'B', 10, 10000, '3'); /* match 1 */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    venue_free(&v);
    return 0;
}

static union msg break_cmd(u64 match, char reason)
{
    union msg m = venue_cmd(CMD_BREAK, 0);

    m.broken_trade.match = match;
    m.broken_trade.reason = (u8)reason;
    m.broken_trade.side[0] = (struct broken_side){.account = BOB, .user_ref = 7};
    m.broken_trade.side[1] = (struct broken_side){.account = ANN, .user_ref = 1, .user_ref_idx = 4};
    memcpy(m.broken_trade.side[0].clordid, "BUY           ", 14);
    memcpy(m.broken_trade.side[1].clordid, "SELL          ", 14);
    return m;
}

static void refused(u64 match, char reason)
{
    union msg m = break_cmd(match, reason);
    u64 before = metric_get(&v.e->metrics.refused);

    assert_int_equal(venue_send(&v, &m), 0);
    assert_int_equal(metric_get(&v.e->metrics.refused), before + 1);
}

static void test_both_sides_are_told_once(void **state)
{
    union msg m = break_cmd(1, 'E');
    (void)state;

    assert_int_equal(venue_send(&v, &m), 2);
    const struct msg_broken *b = &venue_event(&v, 0)->broken;
    assert_int_equal(b->head.type, EV_BROKEN);
    assert_int_equal(b->head.account, BOB);
    assert_int_equal(b->match, 1);
    assert_int_equal(b->user_ref, 7);
    assert_int_equal(b->reason, 'E');
    assert_memory_equal(b->clordid, "BUY           ", 14);
    b = &venue_event(&v, 1)->broken;
    assert_int_equal(b->head.account, ANN);
    assert_int_equal(b->user_ref_idx, 4);
    refused(1, 'C');
}

static void test_what_cannot_be_broken(void **state)
{
    union msg m;
    (void)state;

    refused(0, 'E');
    refused(2, 'E'); /* there was no such trade yet */
    refused(1, 'Q');
    refused(1, 0);
    m = break_cmd(1, 'S');
    m.broken_trade.side[1].account = 3;
    assert_int_equal(venue_send(&v, &m), 0);
    m = break_cmd(1, 'S');
    m.broken_trade.side[1].account = 0;
    assert_int_equal(venue_send(&v, &m), 0);
    venue_day_end(&v);
    refused(1, 'E');
    m = venue_cmd(CMD_DAY_OPEN, 0);
    m.day.day = VENUE_DAY + 1;
    m.day.midnight_ns = 1700000000ull * NS_PER_SEC;
    venue_send(&v, &m);
    venue_login(&v, ANN);
    venue_login(&v, BOB);
    refused(1, 'E'); /* of yesterday */
}

static void test_a_day_has_a_limit(void **state)
{
    (void)state;
    for (u32 i = 0; i < BROKEN_MAX; i++) {
        venue_enter(&v, ANN, 10 + i, 'S', 1, 10000, '0');
        venue_enter(&v, BOB, 10 + i, 'B', 1, 10000, '3');
        union msg m = break_cmd(2 + i, 'X');
        assert_int_equal(venue_send(&v, &m), 2);
    }
    refused(1, 'X');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_both_sides_are_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_broken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_day_has_a_limit, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
