/*
 * test_reserve.c - orders that show a part of themselves at a time (MaxFloor, RandomReserves). Each
 * transaction is also applied to a shadow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/venue_rig.h"

static union msg reserve(u32 account, u32 ref, u32 qty, u32 floor, u32 random)
{
    union msg m = venue_enter_cmd(account, ref, 'S', qty, 10000, '0');

    m.enter.terms.tags = TAG_BIT(5) | (random ? TAG_BIT(13) : 0);
    m.enter.terms.max_floor = floor;
    m.enter.terms.random_reserves = random;
    return m;
}

static void test_refresh(void **state)
{
    union msg m = reserve(ANN, 1, 1000, 300, 0);
    (void)state;

    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "A");
    assert_int_equal(venue_event(&v, 0)->order.qty, 1000);
    assert_int_equal(engine_best_qty(v.e, AAA, 'S'), 300);
    venue_enter(&v, ANN, 2, 'S', 100, 10000, '0');
    venue_enter(&v, BOB, 1, 'B', 300, 10000, '0');
    assert_string_equal(venue_letters(&v), "AEER");
    const struct msg_restated *r = &venue_event(&v, 3)->restated;
    assert_int_equal(r->order_ref, 1);
    assert_int_equal(r->secondary, 4); /* BOB's order has 3 */
    assert_int_equal(r->qty, 300);
    assert_int_equal(r->price, 10000);
    assert_int_equal(r->reason, 'R');
    assert_int_equal(venue_event(&v, 2)->executed.liquidity, 'A');
    assert_int_equal(engine_best_qty(v.e, AAA, 'S'), 400);
    venue_enter(&v, BOB, 2, 'B', 250, 10000, '0'); /* the new part stands behind number 2 */
    assert_string_equal(venue_letters(&v), "AEEEE");
    assert_int_equal(venue_event(&v, 2)->executed.user_ref, 2);
    assert_int_equal(venue_event(&v, 4)->executed.user_ref, 1);
    assert_int_equal(venue_event(&v, 4)->executed.liquidity, 'u');
    venue_enter(&v, BOB, 3, 'B', 1000, 10000, '0'); /* all that is left, part by part */
    assert_string_equal(venue_letters(&v), "AEEREEREE");
    assert_int_equal(venue_event(&v, 6)->restated.qty, 100);
    assert_int_equal(engine_best_qty(v.e, AAA, 'B'), 450);
    assert_int_equal(engine_open_orders(v.e), 1);
}

/* What is kept back goes first, and the order keeps its place. */
static void test_cancel_and_modify(void **state)
{
    union msg m = reserve(ANN, 1, 1000, 300, 0);
    (void)state;

    venue_send(&v, &m);
    venue_enter(&v, ANN, 2, 'S', 100, 10000, '0');
    venue_cancel(&v, ANN, 1, 400);
    assert_int_equal(venue_event(&v, 0)->cancelled.qty, 600);
    assert_int_equal(venue_event(&v, 0)->cancelled.leaves, 400);
    assert_int_equal(engine_best_qty(v.e, AAA, 'S'), 400);
    m = venue_cmd(CMD_MODIFY, ANN);
    m.modify.user_ref = 1;
    m.modify.qty = 250;
    m.modify.side = 'S';
    venue_send(&v, &m);
    assert_int_equal(venue_event(&v, 0)->modified.leaves, 250);
    assert_int_equal(engine_best_qty(v.e, AAA, 'S'), 350);
    venue_enter(&v, BOB, 1, 'B', 250, 10000, '0');
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(venue_event(&v, 2)->executed.user_ref, 1);
    m = reserve(ANN, 3, 500, 100, 0);
    venue_send(&v, &m);
    venue_cancel(&v, ANN, 3, 0);
    assert_int_equal(venue_event(&v, 0)->cancelled.qty, 500);
    m = reserve(ANN, 4, 500, 100, 0);
    venue_send(&v, &m);
    venue_day_end(&v);
    assert_int_equal(venue_event(&v, 2)->cancelled.qty, 500); /* behind System Event E */
}

/* As it comes it sweeps with all it has. */
static void test_taker_and_replace(void **state)
{
    union msg m = reserve(ANN, 1, 1000, 100, 0);
    (void)state;

    venue_enter(&v, BOB, 1, 'B', 700, 10000, '0');
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(venue_event(&v, 1)->executed.qty, 700);
    assert_int_equal(engine_best_qty(v.e, AAA, 'S'), 100);
    venue_replace(&v, ANN, 1, 2, 1200, 10100); /* 700 are executed; the floor is inherited */
    assert_int_equal(venue_event(&v, 0)->order.qty, 500);
    assert_int_equal(engine_best_qty(v.e, AAA, 'S'), 100);
    venue_enter(&v, BOB, 2, 'B', 600, 10100, '3');
    assert_string_equal(venue_letters(&v), "AEEREEREEREEREEC");
    assert_int_equal(venue_event(&v, 15)->cancelled.qty, 100);
}

/* Parts are drawn within the range, in round lots, and not all alike; the shadow has the same. */
static void test_random(void **state)
{
    union msg m = reserve(ANN, 1, 100000, 500, 300);
    u32 seen[9] = {0};
    (void)state;

    venue_send(&v, &m);
    assert_int_equal(engine_best_qty(v.e, AAA, 'S'), 500);
    for (u32 i = 1; i <= 100; i++) {
        u32 qty = (u32)engine_best_qty(v.e, AAA, 'S');
        venue_enter(&v, BOB, i, 'B', qty, 10000, '3');
        assert_string_equal(venue_letters(&v), "AEER");
        qty = venue_event(&v, 3)->restated.qty;
        assert_true(qty >= 200 && qty <= 800 && qty % 100 == 0);
        seen[qty / 100]++;
    }
    for (u32 lots = 2; lots <= 8; lots++)
        assert_in_range(seen[lots], 3, 40);
}

static void test_rejects(void **state)
{
    static const struct {
        u32 floor, random;
        char tif, display;
        u16 reason;
    } rows[] = {
        {100, 0, '0', 'Y', 0},      {100, 0, '0', 'A', 0},      {2000, 0, '0', 'Y', 0},
        {150, 0, '0', 'Y', 0x0004}, {100, 0, '0', 'N', 0x0004}, {100, 0, '3', 'Y', 0x0004},
        {0, 100, '0', 'Y', 0x0004}, {200, 200, '0', 'Y', 4},    {200, 50, '0', 'Y', 0x0004},
        {200, 100, '0', 'Y', 0},
    };
    (void)state;

    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        union msg m = reserve(ANN, i + 1, 1000, rows[i].floor, rows[i].random);
        m.enter.tif = (u8)rows[i].tif;
        m.enter.display = (u8)rows[i].display;
        venue_send(&v, &m);
        assert_string_equal(venue_letters(&v), rows[i].reason ? "J" : "A");
        if (rows[i].reason)
            assert_int_equal(venue_event(&v, 0)->rejected.reason, rows[i].reason);
    }
}

/* A minimum is there if the parts of the reserves make it up. */
static void test_min_qty_counts_reserves(void **state)
{
    union msg m = reserve(ANN, 1, 500, 100, 0);
    (void)state;

    venue_send(&v, &m);
    m = venue_enter_cmd(BOB, 1, 'B', 600, 10000, '3');
    m.enter.terms.tags = TAG_BIT(3);
    m.enter.terms.min_qty = 600;
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "AC");
    m.enter.user_ref = 2;
    m.enter.terms.min_qty = 500;
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "AEEREEREEREEREEC");
}

/* An event of recovery that leaves the order showing nothing, or shows too much, is refused. */
static void test_recovery_refuses(void **state)
{
    static struct tx tx;
    union msg m = reserve(ANN, 1, 1000, 300, 0);
    union msg *last;
    (void)state;

    venue_send(&v, &m);
    m = venue_enter_cmd(BOB, 1, 'B', 300, 10000, '0');
    m.cmd.bind_id = v.e->accounts.at[BOB].bind_id;
    assert_true(engine_step(v.e, &m, v.now_ns, &tx));
    last = (union msg *)(void *)&tx.slots[tx.used - 1];
    assert_int_equal(last->ev.type, EV_RESTATED);
    last->restated.qty = 701;
    assert_string_equal(engine_apply(v.shadow, tx.slots, tx.used),
                        "a restatement of more shares than were kept back");
    mem_free_all(&v.mem); /* the shadow stands in the midst of what it has refused */
    venue_init(&v, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refresh, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_and_modify, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_taker_and_replace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_random, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rejects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_min_qty_counts_reserves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_recovery_refuses, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
