/*
 * test_peg.c - pegs that follow the touch and minimum quantities that rest (CONFORMANCE.md
 * sections 5 and 6). Each transaction is also applied to a shadow.
 */
#include "tests/lib/peg_rig.h"

static void test_midpoint(void **state)
{
    (void)state;
    touch();
    enter_peg(ANN, 3, 'S', 200, PRICE_MARKET, 'M', 0);
    assert_string_equal(venue_letters(&v), "A");
    assert_int_equal(venue_event(&v, 0)->order.display, 'N'); /* whatever was asked for */
    assert_int_equal(engine_best_price(v.e, AAA, 'S'), 10300);
    venue_enter(&v, BOB, 1, 'B', 100, 10200, '3'); /* half a tick better than he asked for */
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(fill(1)->price, 10150);
    assert_int_equal(fill(1)->liquidity, 'm');
    assert_int_equal(fill(2)->liquidity, 'k');
    venue_enter(&v, BOB, 2, 'B', 100, 10100, '0'); /* a new touch, a new midpoint */
    assert_string_equal(venue_letters(&v), "A");
    venue_enter(&v, BOB, 3, 'B', 100, 10200, '3');
    assert_int_equal(fill(1)->price, 10200);
    assert_int_equal(engine_open_orders(v.e), 3);
}

/* Two midpoints meet at once; without a touch they stand nowhere. */
static void test_midpoints_meet(void **state)
{
    (void)state;
    enter_peg(ANN, 1, 'S', 200, PRICE_MARKET, 'm', 0);
    enter_peg(BOB, 1, 'B', 100, PRICE_MARKET, 'M', 0);
    assert_string_equal(venue_letters(&v), "A");
    venue_enter(&v, ANN, 2, 'B', 100, 10000, '0');
    assert_string_equal(venue_letters(&v), "A"); /* half a touch */
    venue_enter(&v, ANN, 3, 'S', 100, 10400, '0');
    assert_string_equal(venue_letters(&v), "AwEEw");
    assert_int_equal(fill(2)->price, 10200);
    assert_int_equal(fill(2)->head.account, BOB); /* the younger one takes */
    assert_int_equal(fill(2)->liquidity, 'm');
    assert_int_equal(fill(3)->liquidity, 'k');
    assert_int_equal(venue_event(&v, 1)->work.kind, WORK_PEGS);
    assert_int_equal(venue_event(&v, 4)->work.kind, WORK_NONE);
    enter_peg(BOB, 2, 'B', 100, PRICE_MARKET, 'M', 0);
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(engine_open_orders(v.e), 2);
}

/* A primary peg follows its side, ranks behind what is displayed, and stops at its limit. */
static void test_primary(void **state)
{
    (void)state;
    touch();
    enter_peg(BOB, 1, 'B', 100, 10100, 'R', 0);
    venue_enter(&v, ANN, 3, 'B', 100, 10000, '0');
    venue_enter(&v, ANN, 4, 'S', 250, 10000, '3');
    assert_string_equal(venue_letters(&v), "AEEEEC");
    assert_int_equal(fill(2)->user_ref, 1);
    assert_int_equal(fill(4)->user_ref, 3);
    /* with the last displayed bid the reference went, and the peg stands nowhere: */
    assert_int_equal(venue_event(&v, 5)->cancelled.qty, 50);
}

static void test_primary_follows(void **state)
{
    (void)state;
    touch();
    enter_peg(BOB, 1, 'B', 100, 10100, 'R', 100);
    venue_enter(&v, ANN, 3, 'S', 10, 10100, '3'); /* a cent above the bid */
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(fill(2)->price, 10100);
    assert_int_equal(fill(2)->liquidity, 'J');
    venue_enter(&v, ANN, 4, 'B', 100, 10100, '0'); /* beyond its limit now: it stands nowhere */
    venue_enter(&v, ANN, 5, 'S', 10, 10200, '3');
    assert_string_equal(venue_letters(&v), "AC");
    venue_enter(&v, ANN, 6, 'S', 110, 10100, '3');
    assert_string_equal(venue_letters(&v), "AEEEE");
    assert_int_equal(fill(2)->user_ref, 4);
    assert_int_equal(fill(4)->head.account, BOB); /* it is back at once */
    assert_int_equal(fill(4)->price, 10100);
}

/* A market peg follows the other side, from a distance that is its own. */
/* The highest price there is is one, a tick more is none: the peg stands nowhere. */
static void test_pegs_at_the_highest_price(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'B', 100, PRICE_LIMIT_MAX - 100, '0');
    enter_peg(ANN, 2, 'S', 100, PRICE_MARKET, 'P', 200);
    venue_enter(&v, BOB, 1, 'B', 100, PRICE_LIMIT_MAX, '3');
    assert_string_equal(venue_letters(&v), "AC");
    enter_peg(ANN, 3, 'S', 100, PRICE_MARKET, 'P', 100);
    venue_enter(&v, BOB, 2, 'B', 100, PRICE_LIMIT_MAX, '3');
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(fill(1)->price, PRICE_LIMIT_MAX);
}

static void test_market(void **state)
{
    (void)state;
    touch();
    enter_peg(BOB, 1, 'B', 100, PRICE_MARKET, 'P', -200);
    venue_enter(&v, ANN, 3, 'S', 50, 10100, '3');
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(fill(1)->price, 10100);
    enter_peg(BOB, 2, 'B', 100, PRICE_MARKET, 'P', 0); /* it takes the offer */
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(fill(1)->price, 10300);
}

/* An offer comes down to an aggressive peg: the peg stands first, so the new one takes. */
static void test_the_touch_comes_to_a_peg(void **state)
{
    (void)state;
    touch();
    enter_peg(BOB, 1, 'B', 100, PRICE_MARKET, 'R', 200);
    venue_enter(&v, ANN, 3, 'S', 60, 10200, '0');
    assert_string_equal(venue_letters(&v), "AEE");
    venue_enter(&v, ANN, 4, 'B', 100, 10100, '0'); /* 1.03 now, which is the offer */
    assert_string_equal(venue_letters(&v), "AwEEw");
    assert_int_equal(fill(2)->head.account, BOB);
    assert_int_equal(fill(2)->head.flags & MSG_TAKER, MSG_TAKER);
    assert_int_equal(fill(2)->price, 10300);
    assert_int_equal(fill(2)->qty, 40);
    assert_int_equal(fill(3)->liquidity, 'A');
}

/* Pegs that move on many others go on in chunks, before any other command. */
static void test_many_move_at_once(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'B', 100, 10000, '0');
    for (u32 i = 0; i < 130; i++) {
        enter_peg(ANN, 2 + i, 'S', 10, PRICE_MARKET, 'M', 0);
        enter_peg(BOB, 1 + i, 'B', 10, PRICE_MARKET, 'M', 0);
    }
    venue_enter(&v, ANN, 200, 'S', 100, 10200, '0');
    assert_int_equal(venue_events(&v), 1 + 1 + 2 * CHUNK_FILLS_MAX);
    assert_true(engine_busy(v.e));
    venue_continue(&v);
    assert_int_equal(venue_events(&v), 2 * (130 - CHUNK_FILLS_MAX) + 1);
    assert_false(engine_busy(v.e));
    assert_int_equal(engine_open_orders(v.e), 2);
}

/* A halt stops pegs, its end lets them go. */
static void test_halt(void **state)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);
    (void)state;

    touch();
    enter_peg(BOB, 1, 'B', 50, PRICE_MARKET, 'R', 200);
    memcpy(m.instrument.symbol, "AAA     ", 8);
    m.instrument.tick = 100;
    m.instrument.lot = 100;
    m.instrument.halted = 1;
    venue_send(&v, &m);
    enter_peg(ANN, 3, 'S', 50, PRICE_MARKET, 'R', -200);
    assert_string_equal(venue_letters(&v), "J");
    m.instrument.halted = 0;
    venue_send(&v, &m);
    enter_peg(ANN, 4, 'S', 20, PRICE_MARKET, 'R', -100);
    assert_string_equal(venue_letters(&v), "AEE");
    m.instrument.halted = 1;
    venue_send(&v, &m);
    venue_cancel(&v, ANN, 1, 0); /* the reference goes */
    assert_string_equal(venue_letters(&v), "C");
    m.instrument.halted = 0;
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "e");
    assert_int_equal(peg_best(v.e, AAA, false).id, 0);
}

static void test_rejects(void **state)
{
    static const struct {
        char type;
        i32 offset;
        u32 floor, min_qty;
        u8 yes;
        u16 reason;
    } rows[] = {
        {'R', 100, 0, 0, 0, 0},
        {'R', 50, 0, 0, 0, 0x0011},
        {'M', 100, 0, 0, 0, 0x0011},
        {'m', -100, 0, 0, 0, 17},
        {'Q', 0, 0, 0, 0, 0x0005},
        {'L', 100, 0, 0, 0, 0x0011},
        {'P', 0, 100, 0, 0, 4},
        {'P', 0, 0, 100, 0, 0},
        {'P', 0, 0, 150, 0, 0x000D},
        {'P', 0, 0, 300, 0, 0x000D},
        {'R', 0, 0, 100, YES_POST_ONLY, 0},
        {'M', 0, 0, 0, YES_POST_ONLY, 0},
        {'P', INT32_MIN, 0, 0, 0, 17},
    };
    (void)state;

    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        union msg m = peg(ANN, i + 1, 'B', 200, 10000, rows[i].type, rows[i].offset);
        m.enter.terms.max_floor = rows[i].floor;
        m.enter.terms.min_qty = rows[i].min_qty;
        m.enter.terms.yes = rows[i].yes;
        venue_send(&v, &m);
        assert_string_equal(venue_letters(&v), rows[i].reason ? "J" : "A");
        if (rows[i].reason)
            assert_int_equal(venue_event(&v, 0)->rejected.reason, rows[i].reason);
    }
}

/* ---- minimum quantities that rest ---- */

static void rest_minimum(u32 ref, char side, u32 qty, u32 price, u32 least)
{
    union msg m = venue_enter_cmd(ANN, ref, side, qty, price, '0');

    m.enter.display = 'N';
    m.enter.terms.tags = TAG_BIT(3);
    m.enter.terms.min_qty = least;
    venue_send(&v, &m);
}

static void test_minimum_rests(void **state)
{
    union msg m = venue_enter_cmd(ANN, 99, 'B', 500, 10000, '0');
    (void)state;

    m.enter.terms.min_qty = 100;
    venue_send(&v, &m);
    assert_int_equal(venue_event(&v, 0)->rejected.reason, 0x000D); /* not if it shows itself */
    rest_minimum(100, 'S', 500, 10000, 300);
    rest_minimum(101, 'S', 100, 10100, 100);
    venue_enter(&v, BOB, 1, 'B', 200, 10100, '3'); /* too little for the first, not the second */
    assert_string_equal(venue_letters(&v), "AEEC");
    assert_int_equal(fill(2)->user_ref, 101);
    assert_int_equal(fill(2)->liquidity, 'J');
    venue_enter(&v, BOB, 2, 'B', 300, 10100, '3');
    assert_string_equal(venue_letters(&v), "AEE");
    venue_enter(&v, BOB, 3, 'B', 100, 10100, '3'); /* less is open than its minimum: all of it */
    assert_string_equal(venue_letters(&v), "AC");
    venue_enter(&v, BOB, 4, 'B', 200, 10100, '3');
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(engine_open_orders(v.e), 0);
}

/* The touch brings a peg just to the price of an order with a minimum. */
static void test_a_peg_comes_to_a_minimum(void **state)
{
    (void)state;
    for (u32 sell = 0; sell < 2; sell++) {
        u32 ref = 100 + 10 * sell;
        venue_enter(&v, BOB, ref, 'B', 10, sell ? 9900 : 9800, '0');
        venue_enter(&v, BOB, ref + 1, 'S', 10, sell ? 10400 : 10300, '0');
        rest_minimum(ref, sell ? 'B' : 'S', 200, 10100, 100);
        enter_peg(BOB, ref + 2, sell ? 'S' : 'B', 200, PRICE_MARKET, 'M', 0);
        assert_string_equal(venue_letters(&v), "A");
        if (sell)
            venue_enter(&v, ANN, ref + 3, 'S', 10, 10300, '0'); /* the middle is 1.01 */
        else
            venue_enter(&v, ANN, ref + 3, 'B', 10, 9900, '0');
        assert_string_equal(venue_letters(&v), "AwEEw");
        venue_cancel(&v, BOB, ref, 0);
        venue_cancel(&v, BOB, ref + 1, 0);
        venue_cancel(&v, ANN, ref + 3, 0);
    }
}

/* As it comes it takes its minimum or nothing; across a price that is too small for it it waits. */
static void test_minimum_comes(void **state)
{
    (void)state;
    venue_enter(&v, BOB, 1, 'S', 100, 10000, '0');
    rest_minimum(1, 'B', 500, 10100, 200);
    assert_string_equal(venue_letters(&v), "A");
    engine_check(v.e);
    venue_enter(&v, BOB, 2, 'S', 100, 10100, '0'); /* each of them alone is too little */
    assert_string_equal(venue_letters(&v), "A");
    venue_enter(&v, BOB, 3, 'S', 300, 10100, '0');
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(fill(2)->price, 10100);
    rest_minimum(2, 'B', 500, 10100, 200); /* together they are enough for a new one */
    assert_string_equal(venue_letters(&v), "AEEEE");
    assert_int_equal(engine_open_orders(v.e), 2);
    enter_peg(BOB, 4, 'S', 300, PRICE_MARKET, 'R', 0);
    assert_string_equal(venue_letters(&v), "A");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_midpoint, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_midpoints_meet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_primary, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_primary_follows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pegs_at_the_highest_price, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_market, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_touch_comes_to_a_peg, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_move_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_halt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rejects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_minimum_rests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_minimum_comes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_peg_comes_to_a_minimum, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
