/*
 * test_post.c - post-only orders that are slid (CONFORMANCE.md section 6, rules 5 and 13). Each
 * transaction is also applied to a shadow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/post.h"
#include "tests/lib/engine_venue.h"

static struct venue v;

static void set_slide(u32 account, u8 slide)
{
    union msg m = venue_cmd(CMD_ACCOUNT, 0);
    struct cmd_head head = m.cmd;

    m.account = *engine_account(v.e, account);
    m.cmd = head;
    m.account.post_slide = slide;
    assert_int_equal(venue_send(&v, &m), slide <= 1);
}

static int set_up(void **state)
{
    (void)state;
    venue_init(&v, 20);
    set_slide(BOB, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    venue_free(&v);
    return 0;
}

static union msg post_only(u32 ref, char side, u32 price)
{
    union msg m = venue_enter_cmd(BOB, ref, side, 100, price, '0');

    m.enter.terms.tags = TAG_BIT(12);
    m.enter.terms.yes = YES_POST_ONLY;
    return m;
}

/* The price that BOB's post-only order is accepted at; it has to stay. */
static u32 posted(u32 ref, char side, u32 price)
{
    union msg m = post_only(ref, side, price);

    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "A");
    return venue_event(&v, 0)->order.price;
}

static void test_one_tick_behind_the_touch(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'S', 100, 10000, '0');
    venue_enter(&v, ANN, 2, 'B', 100, 9000, '0');
    assert_int_equal(posted(1, 'B', 10500), 9900);
    assert_int_equal(posted(2, 'B', 10000), 9900);
    assert_int_equal(posted(3, 'B', 9900), 9900);
    assert_int_equal(posted(4, 'B', 9800), 9800);
    assert_int_equal(engine_best_price(v.e, AAA, 'B'), 9900);
    assert_int_equal(engine_best_qty(v.e, AAA, 'B'), 300);
    assert_int_equal(posted(5, 'S', 9900), 10000);
    assert_int_equal(posted(6, 'S', 10100), 10100);
    set_slide(BOB, 2); /* refused: it stays as it is */
    assert_int_equal(posted(7, 'S', 9000), 10000);
}

/* The highest price there is is one. */
static void test_up_to_the_highest_price(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'B', 100, PRICE_LIMIT_MAX - 100, '0');
    assert_int_equal(posted(1, 'S', 10000), PRICE_LIMIT_MAX);
    venue_enter(&v, ANN, 2, 'B', 200, PRICE_LIMIT_MAX, '0');
    union msg m = post_only(2, 'S', 10000); /* no price behind it */
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "AC");
}

/* It stays where it was put when what it would have met goes. */
static void test_slides_once(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'S', 100, 10000, '0');
    assert_int_equal(posted(1, 'B', 10500), 9900);
    venue_cancel(&v, ANN, 1, 0);
    assert_string_equal(venue_letters(&v), "C");
    assert_int_equal(engine_best_price(v.e, AAA, 'B'), 9900);
    venue_enter(&v, ANN, 2, 'S', 100, 10100, '0');
    venue_replace(&v, BOB, 1, 2, 100, 10500); /* it is still post-only */
    assert_string_equal(venue_letters(&v), "U");
    assert_int_equal(venue_event(&v, 0)->order.price, 10000);
}

static void test_nobody_sees_what_it_meets(void **state)
{
    union msg m = venue_enter_cmd(ANN, 1, 'S', 100, 10000, '0');
    (void)state;

    m.enter.display = 'N';
    venue_send(&v, &m);
    assert_int_equal(posted(1, 'B', 10000), 9900);
    m = venue_enter_cmd(ANN, 3, 'S', 100, PRICE_MARKET, '0'); /* at 9950, the middle */
    m.enter.terms.tags = TAG_BIT(6);
    m.enter.terms.price_type = 'M';
    venue_enter(&v, ANN, 2, 'S', 100, 10000, '0');
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "A");
    assert_int_equal(posted(2, 'B', 10000), 9900);
    m = venue_enter_cmd(ANN, 4, 'S', 300, 9300, '0');
    m.enter.display = 'N';
    m.enter.terms.tags = TAG_BIT(3);
    m.enter.terms.min_qty = 300; /* more than anybody takes */
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "A");
    assert_int_equal(posted(3, 'B', 9900), 9900); /* it does not meet that one */
    m = post_only(4, 'B', 9900);
    m.enter.qty = 300;
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "A"); /* but this one would */
    assert_int_equal(venue_event(&v, 0)->order.price, 9200);
}

/* Where there is no price behind, or the account wants none, it goes. */
static void test_nowhere_to_go(void **state)
{
    union msg m = post_only(1, 'B', 200);
    (void)state;

    venue_enter(&v, ANN, 1, 'S', 100, 100, '0');
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "AC");
    assert_int_equal(venue_event(&v, 1)->cancelled.reason, 'G');
    venue_cancel(&v, ANN, 1, 0);
    venue_enter(&v, ANN, 2, 'B', 100, PRICE_LIMIT_MAX, '0');
    m = post_only(2, 'S', PRICE_LIMIT_MAX);
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "AC");
    assert_int_equal(venue_event(&v, 1)->cancelled.reason, 'G');
    set_slide(BOB, 0);
    m = post_only(3, 'S', 10000);
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "AC");
    assert_int_equal(venue_event(&v, 0)->order.price, 10000);
}

static void test_nothing_trades(void **state)
{
    union msg m = venue_cmd(CMD_PHASE, 0);
    (void)state;

    m.course.phase = 'P';
    m.course.reason = COURSE_OPERATOR;
    venue_enter(&v, ANN, 1, 'S', 100, 10000, '0');
    venue_send(&v, &m);
    assert_int_equal(posted(1, 'B', 10000), 10000); /* the cross is between them */
    m.course.phase = 'T';
    venue_send(&v, &m);
    assert_int_equal(engine_open_orders(v.e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_tick_behind_the_touch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_up_to_the_highest_price, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_slides_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_sees_what_it_meets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nowhere_to_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_trades, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
