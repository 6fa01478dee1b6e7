/*
 * test_course.c - phases by hand: who is taken when, late cancels, what ends with a phase. Every
 * transaction is recovered as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/phase.h"
#include "engine/recover.h"
#include "tests/lib/cross_rig.h"

static u32 go_late(u16 instrument, char phase)
{
    union msg m = phase_cmd(instrument, phase, 'S');
    m.course.late = 1;
    return venue_send(&v, &m);
}

/* With a closing cross. */
static u32 close_to(char phase)
{
    union msg m = phase_cmd(0, phase, 'S');
    m.course.closing = 1;
    return venue_send(&v, &m);
}

static void refused(u32 account, char cross, char tif, u16 reason)
{
    union msg m = venue_enter_cmd(account, ++next_ref, 'B', 10, 10000, tif);
    m.enter.cross_type = (u8)cross;
    venue_send(&v, &m);
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_REJECTED);
    assert_int_equal(venue_event(&v, 0)->rejected.reason, reason);
}

/* ---- late cancels: rules 6c and 9 ---- */

static void test_late_cancels(void **state)
{
    (void)state;
    go(0, 'P');
    u32 a = enter(ANN, 'O', 'B', 100, 10000);
    u32 b = enter(ANN, 'O', 'B', 50, 9000);
    u32 day = enter(ANN, 'N', 'B', 70, 8000);
    enter(BOB, 'O', 'S', 40, 10000);
    go_late(0, 'P');
    assert_int_equal(venue_cancel(&v, ANN, a, 60), 1);
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_CANCEL_REJECTED);
    assert_int_equal(venue_cancel(&v, ANN, a, 60), 0);
    assert_int_equal(metric_get(&v.e->metrics.superfluous), 1);
    assert_int_equal(venue_cancel(&v, ANN, a, 0), 1);
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_CANCEL_PENDING);
    assert_int_equal(venue_event(&v, 0)->late.user_ref, a);
    assert_int_equal(venue_cancel(&v, ANN, a, 0), 0);
    assert_int_equal(venue_cancel(&v, ANN, day, 0), 1); /* not for the cross */
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_CANCELLED);
    assert_int_equal(venue_replace(&v, ANN, b, 90, 40, 9000), 1);
    assert_int_equal(venue_event(&v, 0)->rejected.reason, 0x0010);
    next_ref = 90;
    refused(ANN, 'O', '0', 0x0014);
    enter_offset(ANN, 'O', 'B', 10, 5000); /* these may still come */
    go(0, 'T');
    assert_int_equal(nth(EV_EXECUTED, 0)->executed.qty, 40);
    assert_int_equal(nth(EV_CANCELLED, 0)->cancelled.user_ref, a);
    assert_int_equal(nth(EV_CANCELLED, 0)->cancelled.qty, 60);
    assert_int_equal(nth(EV_CANCELLED, 0)->cancelled.reason, 'U');
    assert_int_equal(nth(EV_CANCELLED, 1)->cancelled.reason, 'I');
}

static void test_a_late_mass_cancel(void **state)
{
    union msg m = venue_cmd(CMD_MASS_CANCEL, ANN);
    (void)state;

    go_late(0, 'T');
    venue_enter(&v, ANN, ++next_ref, 'B', 10, 9000, '0');
    go(0, 'T');
    enter(ANN, 'C', 'B', 100, 10000);
    go_late(0, 'T');
    m.mass.user_ref = ++next_ref;
    memcpy(m.mass.firm, "    ", 4);
    memcpy(m.mass.symbol, "        ", 8);
    assert_int_equal(venue_send(&v, &m), 3);
    assert_int_equal(venue_event(&v, 1)->ev.type, EV_CANCELLED);
    assert_int_equal(venue_event(&v, 2)->ev.type, EV_CANCEL_PENDING);
}

/* ---- the day's course ---- */

static void test_close(void **state)
{
    (void)state;
    u32 day = enter(ANN, 'N', 'B', 100, 9900);
    venue_enter(&v, ANN, ++next_ref, 'B', 100, 9800, '5');
    u32 on_close = enter(ANN, 'C', 'B', 100, 10000);
    u32 seller = enter(BOB, 'C', 'S', 150, PRICE_MARKET);
    close_to('X');
    assert_cross(9900, 150, 50, 'B');
    assert_int_equal(nth(EV_PHASE, 0)->phase.phase, 'C');
    assert_half(0, ANN, on_close, 100, 9900, 'C');
    assert_half(1, BOB, seller, 100, 9900, 'C');
    assert_half(2, ANN, day, 50, 9900, 'C');
    assert_int_equal(nth(EV_CANCELLED, 0)->cancelled.user_ref, day);
    assert_int_equal(nth(EV_CANCELLED, 0)->cancelled.reason, 'E');
    assert_null(nth(EV_CANCELLED, 1));
    assert_int_equal(engine_open_orders(v.e), 1); /* extended hours */
    refused(ANN, 'N', '0', 0x0002);
    refused(ANN, 'C', '0', 0x0014);
    venue_enter(&v, BOB, ++next_ref, 'S', 10, 9800, 'E');
    assert_int_equal(nth(EV_EXECUTED, 0)->executed.liquidity, 'R');
    go(0, 'Z');
    assert_int_equal(nth(EV_CANCELLED, 0)->cancelled.reason, 'E');
    assert_int_equal(engine_open_orders(v.e), 0);
    refused(ANN, 'N', '5', 0x0002);
    refused(ANN, 'O', '0', 0x0002);
}

static void test_halt_and_reopening(void **state)
{
    (void)state;
    u32 resting = enter(ANN, 'N', 'B', 100, 10000);
    go(AAA, 'H');
    assert_int_equal(phase_of(AAA), 'H');
    assert_int_equal(phase_of(BBB), 'T');
    refused(BOB, 'N', '0', 0x0007);
    refused(BOB, 'O', '0', 0x0007);
    assert_int_equal(venue_replace(&v, ANN, resting, 70, 50, 9900), 1);
    assert_int_equal(venue_event(&v, 0)->rejected.reason, 0x0007);
    next_ref = 70;
    u32 seller = enter(BOB, 'H', 'S', 30, 9900);
    union msg m = phase_cmd(0, 'T', 'S');
    m.course.wide = 1;
    venue_send(&v, &m);
    assert_int_equal(phase_of(AAA), 'H'); /* the schedule releases nobody */
    assert_int_equal(v.e->markets[BBB].wide, 1);
    m = phase_cmd(AAA, 0, 'O');
    venue_send(&v, &m);
    assert_int_equal(phase_of(AAA), 'T');
    assert_int_equal(v.e->markets[AAA].wide, 1);
    assert_half(0, ANN, resting, 30, 9900, 'H'); /* it has never traded before */
    assert_half(1, BOB, seller, 30, 9900, 'H');
    go(AAA, 'H');
    enter(BOB, 'H', 'S', 30, 9900);
    go(AAA, 'T');
    assert_half(1, BOB, next_ref, 30, 9900, 'K');
}

static void test_on_open_orders_of_a_halted_instrument(void **state)
{
    union msg m = phase_cmd(0, 'P', 'S');
    (void)state;

    venue_send(&v, &m);
    enter(ANN, 'O', 'B', 10, 10000);
    enter(ANN, 'C', 'B', 10, 10000);
    go(AAA, 'H');
    m = phase_cmd(0, 'T', 'S');
    venue_send(&v, &m);
    assert_int_equal(nth(EV_CANCELLED, 0)->cancelled.reason, 'H');
    assert_null(nth(EV_CANCELLED, 1));
    assert_int_equal(phase_of(AAA), 'H');
    assert_int_equal(phase_of(BBB), 'T');
    m = phase_cmd(0, 'Z', 'S');
    venue_send(&v, &m);
    assert_int_equal(nth(EV_CANCELLED, 0)->cancelled.reason, 'H'); /* the on-close one */
    assert_int_equal(engine_open_orders(v.e), 0);
}

static void set_halted(u8 halted)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);

    memcpy(m.instrument.symbol, "AAA     ", 8);
    m.instrument.tick = m.instrument.lot = 100;
    m.instrument.halted = halted;
    venue_send(&v, &m);
}

/* What reference data halts trades in no cross either. */
static void test_halted_by_reference_data(void **state)
{
    union msg close = phase_cmd(0, 'Z', 'S');
    (void)state;

    go(0, 'P');
    assert_int_equal(metric_get(&v.e->metrics.phase), 'P');
    enter(ANN, 'O', 'B', 10, 10000);
    u32 buyer = enter(ANN, 'N', 'B', 10, 10000);
    u32 seller = enter(BOB, 'N', 'S', 10, 9900);
    set_halted(1);
    go(0, 'T');
    assert_int_equal(phase_of(AAA), 'H');
    assert_int_equal(phase_of(BBB), 'T');
    assert_null(nth(EV_EXECUTED, 0));
    assert_int_equal(nth(EV_CANCELLED, 0)->cancelled.reason, 'H'); /* on-open */
    go(AAA, 'T');
    assert_int_equal(phase_of(AAA), 'H');
    set_halted(0);
    go(AAA, 'T');
    assert_half(0, ANN, buyer, 10, 9900, 'H');
    assert_half(1, BOB, seller, 10, 9900, 'H');
    enter(ANN, 'C', 'B', 10, 10000);
    enter(BOB, 'C', 'S', 10, 9900);
    set_halted(1);
    close.course.closing = 1;
    venue_send(&v, &close);
    assert_null(nth(EV_EXECUTED, 0));
    assert_int_equal(nth(EV_CANCELLED, 1)->cancelled.reason, 'E');
    assert_int_equal(engine_open_orders(v.e), 0);
}

static void test_immediate_orders_find_nobody(void **state)
{
    (void)state;
    go(0, 'P');
    venue_enter(&v, ANN, ++next_ref, 'B', 10, 10000, '3');
    assert_int_equal(venue_events(&v), 2);
    assert_int_equal(venue_event(&v, 1)->cancelled.reason, 'I');
    union msg m = cross_cmd(ANN, 'O', 'B', 10, 10000);
    m.enter.tif = '3'; /* the usual way to say: this cross only */
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(venue_replace(&v, ANN, next_ref, next_ref + 1, 20, 10100), 1);
    assert_int_equal(engine_open_orders(v.e), 1);
    assert_int_equal(v.e->markets[AAA].queued, 1);
    assert_int_equal(venue_day_end(&v), 6);
    assert_int_equal(v.e->markets[AAA].queued, 0);
}

static void test_terms_that_a_cross_does_not_take(void **state)
{
    union msg m, good;
    (void)state;

    go(0, 'P');
    good = cross_cmd(ANN, 'O', 'B', 200, 10000);
#define REFUSED(change, code)                                        \
    do {                                                             \
        m = good, m.enter.user_ref = ++next_ref;                     \
        change;                                                      \
        venue_send(&v, &m);                                          \
        assert_int_equal(venue_event(&v, 0)->rejected.reason, code); \
    } while (0)
    REFUSED(m.enter.tif = '5', 0x0014);
    REFUSED((m.enter.tif = '3', m.enter.terms.min_qty = 100), 0x0014);
    REFUSED(m.enter.terms.yes = YES_POST_ONLY, 0x0014);
    REFUSED(m.enter.terms.max_floor = 100, 0x0014);
    REFUSED((m.enter.price = PRICE_MARKET, m.enter.terms.handle_inst = 'I'), 0x001D);
    REFUSED((m.enter.cross_type = 'H'), 0x0014);
    REFUSED((m.enter.cross_type = 'S'), 0x0014);
    REFUSED((m.enter.terms.handle_inst = 'D'), 0x0014);
#undef REFUSED
}

static void test_tick_and_new_instruments(void **state)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);
    (void)state;

    go(0, 'P');
    enter(ANN, 'O', 'B', 10, 10000);
    memcpy(m.instrument.symbol, "AAA     ", 8);
    m.instrument.tick = 50;
    m.instrument.lot = 100;
    assert_int_equal(venue_send(&v, &m), 0); /* not while an order waits */
    memcpy(m.instrument.symbol, "NEW     ", 8);
    assert_int_equal(venue_send(&v, &m), 1);
    assert_int_equal(phase_of(3), 'P');
}

static void test_what_cannot_be(void **state)
{
    union msg m;
    (void)state;

    m = phase_cmd(9, 'T', 'O');
    assert_int_equal(venue_send(&v, &m), 0);
    m = phase_cmd(0, 'O', 'O');
    assert_int_equal(venue_send(&v, &m), 0);
    m = phase_cmd(0, 0, 'O');
    assert_int_equal(venue_send(&v, &m), 0);
    m = phase_cmd(0, 'P', 'L');
    assert_int_equal(venue_send(&v, &m), 0);
    m = phase_cmd(0, 'P', 'O');
    m.course.late = 2;
    assert_int_equal(venue_send(&v, &m), 0);
    assert_int_equal(metric_get(&v.e->metrics.refused), 5);
    m = phase_cmd(0, 'T', 'S');
    assert_int_equal(venue_send(&v, &m), 0);
    assert_int_equal(metric_get(&v.e->metrics.superfluous), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_late_cancels),
        T(test_a_late_mass_cancel),
        T(test_close),
        T(test_halt_and_reopening),
        T(test_on_open_orders_of_a_halted_instrument),
        T(test_halted_by_reference_data),
        T(test_immediate_orders_find_nobody),
        T(test_terms_that_a_cross_does_not_take),
        T(test_tick_and_new_instruments),
        T(test_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
