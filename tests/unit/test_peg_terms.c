/*
 * test_peg_terms.c - pegs that must not take (post-only), and pegs with a minimum quantity. Each
 * transaction is also applied to a shadow.
 */
#include "tests/lib/peg_rig.h"

static u32 enter_post(u32 account, u32 ref, char side, u32 qty, u32 limit, char type, i32 offset)
{
    union msg m = peg(account, ref, side, qty, limit, type, offset);

    m.enter.terms.tags |= TAG_BIT(12);
    m.enter.terms.yes = YES_POST_ONLY;
    return venue_send(&v, &m);
}

static u32 enter_picky(u32 account, u32 ref, char side, u32 qty, u32 least, char tif)
{
    union msg m = peg(account, ref, side, qty, PRICE_MARKET, 'M', 0);

    m.enter.tif = (u8)tif;
    m.enter.terms.tags |= TAG_BIT(3);
    m.enter.terms.min_qty = least;
    return venue_send(&v, &m);
}

static void enter_hidden(u32 account, u32 ref, char side, u32 qty, u32 price)
{
    union msg m = venue_enter_cmd(account, ref, side, qty, price, '0');

    m.enter.display = 'N';
    venue_send(&v, &m);
}

static u8 cancel_reason(u32 event)
{
    assert_int_equal(venue_event(&v, event)->ev.type, EV_CANCELLED);
    return venue_event(&v, event)->cancelled.reason;
}

/* A middle that is no better than a side is none: a midpoint never takes what is displayed. */
static void test_no_midpoint_within_one_unit(void **state)
{
    union msg m = peg(BOB, 1, 'S', 100, PRICE_MARKET, 'M', 0);
    union msg bid = venue_enter_cmd(ANN, 1, 'B', 100, 10000, '0');
    union msg ask = venue_enter_cmd(ANN, 2, 'S', 100, 10001, '0');
    (void)state;

    m.enter.instrument = bid.enter.instrument = ask.enter.instrument = BBB;
    venue_send(&v, &bid);
    venue_send(&v, &ask);
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "A");
    venue_cancel(&v, ANN, 2, 0);
    ask.enter.user_ref = 3;
    ask.enter.price = 10002;
    venue_send(&v, &ask);
    bid.enter.user_ref = 4;
    bid.enter.price = 10001;
    bid.enter.tif = '3';
    venue_send(&v, &bid);
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(fill(2)->price, 10001);
}

/* A post-only peg never takes: not as it comes, and when the touch moves the other one does. */
static void test_post_only_peg(void **state)
{
    union msg m = venue_cmd(CMD_ACCOUNT, 0);
    struct cmd_head head = m.cmd;
    (void)state;

    touch();
    enter_hidden(ANN, 3, 'S', 25, 10100);
    enter_post(BOB, 1, 'B', 100, PRICE_MARKET, 'M', 0);
    assert_string_equal(venue_letters(&v), "AC");
    assert_int_equal(cancel_reason(1), 'G');
    enter_post(BOB, 2, 'B', 100, PRICE_MARKET, 'P', 0); /* the offer itself */
    assert_string_equal(venue_letters(&v), "AC");
    m.account = *engine_account(v.e, BOB);
    m.cmd = head;
    m.account.post_slide = 1;
    venue_send(&v, &m);
    enter_post(BOB, 3, 'B', 100, PRICE_MARKET, 'R', 100); /* a peg cannot be slid */
    assert_string_equal(venue_letters(&v), "AC");
    assert_int_equal(venue_event(&v, 0)->order.price, PRICE_MARKET);
    enter_post(BOB, 4, 'B', 100, PRICE_MARKET, 'R', 0);
    assert_string_equal(venue_letters(&v), "A");
    venue_enter(&v, ANN, 4, 'S', 110, 10000, '3'); /* behind what is displayed */
    assert_string_equal(venue_letters(&v), "AEEC");
    venue_enter(&v, ANN, 5, 'B', 10, 10100 - 100, '0');
    venue_enter(&v, ANN, 6, 'S', 5, 10000, '3');
    assert_int_equal(fill(2)->user_ref, 5);
    enter_post(BOB, 5, 'B', 100, PRICE_MARKET, 'P', -300);
    assert_string_equal(venue_letters(&v), "A");
    venue_cancel(&v, ANN, 2, 0);
    venue_enter(&v, ANN, 7, 'S', 10, 10400, '0'); /* 1.01 now */
    assert_string_equal(venue_letters(&v), "AwEEw");
    assert_int_equal(fill(2)->head.account, ANN); /* older, but it may */
    assert_int_equal(fill(2)->head.flags & MSG_TAKER, MSG_TAKER);
    assert_int_equal(fill(3)->user_ref, 5);
    assert_int_equal(fill(3)->price, 10100);
}

/* Of two resting orders that must not take the younger one goes. */
static void test_post_only_meets_post_only(void **state)
{
    (void)state;
    touch();
    enter_post(ANN, 3, 'S', 100, 10200, 'M', 0); /* 1.015 is beyond its limit */
    enter_post(BOB, 1, 'B', 100, PRICE_MARKET, 'M', 0);
    assert_string_equal(venue_letters(&v), "A");
    enter_post(ANN, 4, 'S', 10, PRICE_MARKET, 'M', 0); /* it would meet Bob's */
    assert_string_equal(venue_letters(&v), "AC");
    assert_int_equal(cancel_reason(1), 'G');
    venue_enter(&v, ANN, 5, 'B', 100, 10200, '0'); /* 1.025 now: both are there */
    assert_string_equal(venue_letters(&v), "AwCw");
    assert_int_equal(cancel_reason(2), 'G');
    assert_int_equal(venue_event(&v, 2)->cancelled.head.account, BOB);
    enter_peg(BOB, 2, 'B', 60, PRICE_MARKET, 'M', 0);
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(fill(1)->price, 10250);
    /* the touch comes to both: the older one takes from the younger that must not */
    enter_peg(BOB, 3, 'B', 30, 10200, 'M', 0);
    enter_post(ANN, 6, 'S', 30, 10100, 'M', 0);
    venue_cancel(&v, ANN, 3, 0);
    venue_cancel(&v, ANN, 5, 0);
    assert_string_equal(venue_letters(&v), "CwEEw");
    assert_int_equal(fill(2)->head.account, BOB);
    assert_int_equal(engine_open_orders(v.e), 2);
}

/* A midpoint with a minimum takes from hidden orders and pegs together, or nothing. */
static void test_midpoint_finds_its_minimum(void **state)
{
    (void)state;
    touch();
    enter_peg(ANN, 3, 'S', 100, PRICE_MARKET, 'M', 0);
    enter_hidden(ANN, 4, 'S', 100, 10100);
    enter_peg(ANN, 5, 'S', 100, PRICE_MARKET, 'R', -200);
    enter_peg(ANN, 6, 'S', 100, 10200, 'M', 0); /* out of reach, as the next one is */
    enter_hidden(ANN, 7, 'S', 100, 10200);
    enter_picky(BOB, 1, 'B', 500, 400, '3');
    assert_string_equal(venue_letters(&v), "AC");
    assert_int_equal(cancel_reason(1), 'I');
    enter_picky(BOB, 2, 'B', 300, 300, '3');
    assert_string_equal(venue_letters(&v), "AEEEEEE");
    assert_int_equal(fill(2)->user_ref, 4);
    assert_int_equal(fill(4)->user_ref, 5);
    assert_int_equal(fill(6)->user_ref, 3);
    assert_int_equal(engine_open_orders(v.e), 4);
}

/* What is its own party's does not count, and what counts depends on what is done about it. */
static void test_midpoint_looks_past_its_own(void **state)
{
    static const struct {
        u8 stp;
        const char *letters;
    } rows[] = {
        {STP_CANCEL_OLDEST, "ACEE"},
        {STP_CANCEL_NEWEST, "AC"},
        {STP_CANCEL_BOTH, "AC"},
        {STP_DECREMENT, "AC"}, /* it would have nothing left for the other one */
    };
    union msg m = venue_cmd(CMD_ACCOUNT, 0);
    struct cmd_head head = m.cmd;
    u32 ref = 10;
    (void)state;

    touch();
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        m.account = *engine_account(v.e, BOB);
        m.cmd = head;
        m.account.stp = rows[i].stp;
        venue_send(&v, &m);
        u32 own = ++ref;
        enter_peg(BOB, own, 'S', 100, PRICE_MARKET, 'M', 0);
        enter_peg(ANN, ref, 'S', 100, PRICE_MARKET, 'M', 0);
        enter_picky(BOB, ++ref, 'B', 100, 100, '3');
        assert_string_equal(venue_letters(&v), rows[i].letters);
        venue_cancel(&v, BOB, own, 0);
        venue_cancel(&v, ANN, own, 0);
    }
}

/* It rests until somebody has so much at once, whoever that is. */
static void test_picky_peg_rests(void **state)
{
    (void)state;
    touch();
    enter_picky(ANN, 3, 'S', 500, 300, '0');
    assert_string_equal(venue_letters(&v), "A");
    venue_enter(&v, BOB, 1, 'B', 200, 10200, '3'); /* too little */
    assert_string_equal(venue_letters(&v), "AC");
    enter_picky(BOB, 2, 'B', 500, 100, '3'); /* two minimums do not meet */
    assert_string_equal(venue_letters(&v), "AC");
    enter_hidden(BOB, 3, 'B', 200, 10100); /* below the middle */
    enter_hidden(BOB, 4, 'B', 300, 10100);
    venue_enter(&v, BOB, 5, 'S', 100, 10100, '3'); /* the first one is smaller still */
    venue_enter(&v, ANN, 4, 'S', 10, 10200, '0');  /* 1.01 is the middle now */
    assert_string_equal(venue_letters(&v), "A");
    venue_cancel(&v, BOB, 3, 0); /* who stood first was too small, the next one is not */
    assert_string_equal(venue_letters(&v), "CwEEw");
    assert_int_equal(fill(2)->head.account, BOB);
    assert_int_equal(fill(2)->qty, 300);
    venue_enter(&v, BOB, 6, 'B', 200, 10100, '3'); /* all that it has left */
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(engine_open_orders(v.e), 3);
}

/* Behind so many that want more nobody is looked for. */
static void test_picky_pegs_are_many(void **state)
{
    (void)state;
    touch();
    for (u32 i = 0; i < PICKY_LOOKS_MAX - 1; i++)
        enter_picky(ANN, 3 + i, 'S', 500, 500, '0');
    enter_picky(BOB, 1, 'S', 100, 100, '0'); /* the last that is looked at */
    enter_picky(BOB, 2, 'S', 100, 100, '0');
    enter_peg(BOB, 3, 'S', 100, PRICE_MARKET, 'R', 0);
    venue_enter(&v, ANN, 100, 'B', 100, 10200, '3');
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(fill(2)->user_ref, 1);
    venue_enter(&v, ANN, 101, 'B', 100, 10200, '3');
    assert_string_equal(venue_letters(&v), "AEE");
    assert_int_equal(fill(2)->user_ref, 2);
    enter_picky(ANN, 102, 'S', 500, 500, '0');
    enter_picky(BOB, 4, 'S', 100, 100, '0');
    venue_enter(&v, ANN, 103, 'B', 100, 10200, '3');
    assert_string_equal(venue_letters(&v), "AC");
    venue_enter(&v, ANN, 104, 'B', 500, 10200, '3');
    assert_string_equal(venue_letters(&v), "AEE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_midpoint_within_one_unit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_post_only_peg, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_post_only_meets_post_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_midpoint_finds_its_minimum, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_midpoint_looks_past_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_picky_peg_rests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_picky_pegs_are_many, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
