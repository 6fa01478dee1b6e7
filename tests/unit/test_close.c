/*
 * test_close.c - the venue closes: System Event E, and what may follow it (CONFORMANCE.md section
 * 2.6). Each transaction is also applied to a shadow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/venue_rig.h"

static void set_phase(u8 phase, u16 instrument)
{
    union msg m = venue_cmd(CMD_PHASE, 0);

    m.course.phase = phase;
    m.course.instrument = instrument;
    m.course.reason = COURSE_OPERATOR;
    venue_send(&v, &m);
}

/* E when the venue closes; breaks, rejects and what else is late follow, and no second E. */
static void test_late_messages_follow_the_close(void **state)
{
    union msg m = venue_cmd(CMD_BREAK, 0);
    (void)state;

    venue_enter(&v, BOB, 5, 'S', 10, 9900, '0');
    venue_enter(&v, ANN, 9, 'B', 20, 9900, '0');
    set_phase('Z', AAA);
    assert_string_equal(venue_letters(&v), "eeCe"); /* one instrument is not the venue */
    set_phase('Z', 0);
    assert_string_equal(venue_letters(&v), "eeSS");
    assert_int_equal(venue_event(&v, 3)->system.code, 'E');
    assert_int_equal(venue_event(&v, 3)->ev.account, BOB);
    m.broken_trade.match = 1;
    m.broken_trade.reason = 'E';
    m.broken_trade.side[0].account = BOB;
    m.broken_trade.side[1].account = ANN;
    assert_int_equal(venue_send(&v, &m), 2);
    venue_enter(&v, ANN, 10, 'B', 10, 9900, '0');
    assert_int_equal(venue_event(&v, 0)->rejected.reason, 0x0002);
    set_phase('T', 0);
    set_phase('Z', 0);
    assert_int_equal(venue_event(&v, venue_events(&v) - 1)->ev.type, EV_PHASE); /* told once */
    venue_day_end(&v);
    assert_string_equal(venue_letters(&v), "uue");
}

/* Pegs and minimums end like others, also where nothing but them rests. */
static void test_conditional_orders_end(void **state)
{
    union msg peg = venue_enter_cmd(ANN, 1, 'B', 100, 10000, '0');
    union msg least = venue_enter_cmd(BOB, 1, 'S', 200, 10100, '5');
    (void)state;

    peg.enter.terms.tags = TAG_BIT(6);
    peg.enter.terms.price_type = 'R';
    least.enter.instrument = BBB;
    least.enter.display = 'N';
    least.enter.terms.tags = TAG_BIT(3);
    least.enter.terms.min_qty = 100;
    venue_send(&v, &peg);
    venue_send(&v, &least);
    assert_int_equal(engine_open_orders(v.e), 2);
    set_phase('X', 0); /* the peg was for the day */
    assert_string_equal(venue_letters(&v), "eeCeee");
    assert_int_equal(venue_event(&v, 2)->cancelled.reason, 'E');
    assert_int_equal(venue_event(&v, 2)->ev.account, ANN);
    set_phase('Z', 0);
    assert_int_equal(engine_open_orders(v.e), 0);
}

/* With many accounts it is long work. */
static void test_the_close_in_pieces(void **state)
{
    (void)state;
    v.e->chunk_cancels = v.shadow->chunk_cancels = 2;
    set_phase('Z', 0);
    u32 told = 0, pieces = 0;
    for (;; pieces++) {
        for (u32 i = 0; i < venue_events(&v); i++)
            told += venue_event(&v, i)->ev.type == EV_SYSTEM;
        if (!engine_busy(v.e))
            break;
        venue_continue(&v);
    }
    assert_int_equal(told, 2);
    assert_true(pieces >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_late_messages_follow_the_close, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_conditional_orders_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_close_in_pieces, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
