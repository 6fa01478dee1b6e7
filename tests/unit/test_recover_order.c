/*
 * test_recover_order.c - what recovery refuses of new prices, replacements, shown parts and places
 * of orders, and of where their work stands: one field of a transaction changed at a time.
 */
#include "tests/lib/recover_rig.h"

/* ---- orders that bands move ---- */

static void make_wide(char phase, u8 wide)
{
    union msg m = phase_cmd(0, phase);

    m.course.wide = wide;
    both(m);
}

/* Order 1 goes to 105.00, order 2 waits for the close. Returns which event says so. */
static u32 make_slide(void)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);
    union msg waits = venue_enter_cmd(ANN, 2, 'B', 10, 1090000, '0');
    u32 i = 0;

    again();
    memcpy(m.instrument.symbol, "AAA     ", 8);
    m.instrument.tick = m.instrument.lot = 100;
    m.instrument.tier = 1;
    m.instrument.reference_price = 1000000;
    both(m);
    make_wide('P', 1);
    make_wide('T', 1);
    venue_enter(&v, ANN, 1, 'B', 10, 1090000, '0');
    waits.enter.cross_type = 'C';
    both(waits);
    make(phase_cmd(0, 'T'));
    while (event(i)->ev.type != EV_PRIORITY)
        i++;
    return i;
}

static void test_a_new_price(void **state)
{
    static const char rests[] = "a new price of an order that does not rest";
    static const char used[] = "an order number that was used before";
    static const char price[] = "an order with an impossible price";
    static const u32 wrong[] = {0, 1050050, PRICE_LIMIT_MAX + 100};
    (void)state;

    u32 i = make_slide();
    assert_int_equal(event(i)->priority.price, 1050000);
    assert_taken();
    make_slide();
    REFUSED(i, msg_priority, user_ref, 7, rests);
    make_slide();
    REFUSED(i, msg_priority, instrument, BBB, rests);
    make_slide();
    event(i)->priority.old_order_ref++;
    REFUSED(i, msg_priority, user_ref, 2, rests);
    make_slide();
    REFUSED(i, msg_priority, order_ref, 1, used);
    make_slide();
    REFUSED(i, msg_priority, order_ref, ORDER_REF_MAX + 1, used);
    for (u32 n = 0; n < ARRAY_LEN(wrong); n++) {
        make_slide();
        REFUSED(i, msg_priority, price, wrong[n], price);
    }
    make_slide();
    event(i)->priority.order_ref = ORDER_REF_MAX;
    event(i)->priority.price = PRICE_LIMIT_MAX;
    assert_null(engine_apply(v.shadow, v.tx.slots, v.tx.used));
}

static void test_a_new_price_amid_a_match(void **state)
{
    (void)state;
    union msg moved = *event(make_slide());
    again();
    venue_enter(&v, ANN, 1, 'S', 10, 10000, '0');
    make(venue_enter_cmd(BOB, 1, 'B', 30, 10000, '0'));
    moved.ev = event(1)->ev;
    moved.ev.type = EV_PRIORITY;
    moved.priority.old_order_ref = event(0)->order.order_ref;
    refused(1, 0, &moved, SLOT_BYTES, "a new price of an order that does not rest");
}

/* ---- orders ---- */

static void test_a_replacement_elsewhere(void **state)
{
    static const char why[] = "a replacement of an order that is not open";
    (void)state;

    for (u32 i = 0; i < 3; i++) {
        again();
        venue_enter(&v, ANN, 1, 'S', 100, 10000, '0');
        make(venue_replace_cmd(ANN, 1, 2, 100, 10100));
        if (i == 0)
            assert_taken();
        else if (i == 1)
            REFUSED(0, msg_order, instrument, BBB, why);
        else
            REFUSED(0, msg_order, orig_user_ref, 7, why);
    }
}

/* Accepted, both halves of a fill, the next part of the maker, another fill. */
static void make_restated(void)
{
    union msg m = venue_enter_cmd(ANN, 1, 'S', 300, 10000, '0');

    again();
    m.enter.terms.tags = TAG_BIT(5);
    m.enter.terms.max_floor = 100;
    m.cmd.bind_id = BIND;
    both(m);
    make(venue_enter_cmd(BOB, 1, 'B', 150, 10000, '0'));
    assert_int_equal(event(3)->ev.type, EV_RESTATED);
}

static void test_a_part_that_is_not_to_be_shown(void **state)
{
    static const char shows[] = "a restatement of an order that still shows something";
    (void)state;

    make_restated();
    assert_taken();
    make_restated();
    REFUSED(3, msg_restated, user_ref, 7, shows);
    make_restated();
    REFUSED(3, msg_restated, qty, 201, "a restatement of more shares than were kept back");
    make_restated();
    REFUSED(3, msg_restated, qty, 0, "a restatement of more shares than were kept back");
    make_restated();
    REFUSED(3, msg_restated, secondary, 1, "an order number that was used before");
    make_restated();
    REFUSED(3, msg_restated, secondary, ORDER_REF_MAX + 1, "an order number that was used before");
    make_restated();
    REFUSED(2, msg_executed, qty, 50, shows);
    make_restated();
    event(2)->executed.qty = 50; /* nobody is to show anything: not an unknown order either */
    REFUSED(3, msg_restated, user_ref, 7, shows);
    make_restated();
    memcpy(event(3), event(4), SLOT_BYTES);
    REFUSED(3, msg_executed, qty, 50, "an order that shows nothing");
}

/* ---- what an order comes by, and where its work stands ---- */

static void test_an_order_for_an_unknown_cross(void **state)
{
    static const char why[] = "an order for an unknown cross";
    (void)state;

    for (u32 i = 0; i < 2; i++) {
        again();
        make(venue_enter_cmd(ANN, 1, 'B', 10, 10000, '0'));
        REFUSED(0, msg_order, cross_type, i ? 'Q' : 0, why);
    }
}

static void test_a_channel_without_room(void **state)
{
    union msg m = venue_enter_cmd(ANN, 1, 'B', 10, 10000, '0');
    union msg mass = venue_cmd(CMD_MASS_CANCEL, ANN);
    (void)state;

    m.enter.user_ref_idx = mass.mass.user_ref_idx = 40;
    make(m);
    pool_limit(&v.shadow->accounts.block_pool, 0);
    assert_string_equal(engine_apply(v.shadow, v.tx.slots, v.tx.used),
                        "does not fit the configured pools");
    again();
    mass.mass.user_ref = 1;
    memcpy(mass.mass.symbol, "        ", sizeof mass.mass.symbol);
    make(mass);
    pool_limit(&v.shadow->accounts.block_pool, 0);
    assert_string_equal(engine_apply(v.shadow, v.tx.slots, v.tx.used),
                        "more channels than there is room for: raise accounts_max in the config");
}

static void test_where_a_kill_stands(void **state)
{
    union msg m = venue_cmd(CMD_KILL, 0);
    (void)state;

    m.kill.scope = KILL_VENUE;
    v.e->chunk_cancels = 2;
    for (u32 i = 1; i <= 4; i++)
        venue_enter(&v, ANN, i, 'B', 10, 10000, '0');
    make(m);
    u32 last = venue_events(&v) - 1;
    assert_int_equal(event(last)->work.kind, WORK_KILL);
    event(last)->work.cursor = 0;
    REFUSED(last, msg_work, account, NOWHERE, "a drop of an unknown account, or amid other work");
}

static void test_where_a_match_stands(void **state)
{
    (void)state;
    v.e->chunk_fills = 1;
    for (u32 i = 1; i <= 3; i++)
        venue_enter(&v, ANN, i, 'S', 10, 10000, '0');
    make(venue_enter_cmd(BOB, 1, 'B', 30, 10000, '0'));
    u32 last = venue_events(&v) - 1;
    assert_int_equal(event(last)->work.kind, WORK_MATCH);
    u32 id = refs_find(&v.e->refs, owner_of(ANN, 0), 3);
    event(last)->work.account = ANN;
    event(last)->work.order_ref = v.e->orders.hot[id].order_ref;
    REFUSED(last, msg_work, cursor, 3, "long work of an order that is not being matched");
}

static void test_an_epoch_that_does_not_grow(void **state)
{
    union msg m = venue_cmd(CMD_START, 0);
    (void)state;

    m.start.epoch = 2;
    make(m);
    REFUSED(0, msg_start, epoch, 1, "an epoch that does not grow");
}

/* The frame: lengths by type, and nobody left without a part that he shows. */
static void test_the_frame(void **state)
{
    (void)state;
    make_restated();
    REFUSED(1, event_head, slots, 2, "a message of a wrong length");
    again();
    make(venue_enter_cmd(ANN, 1, 'B', 10, 10000, '0'));
    v.tx.used--; /* half of its Accepted */
    assert_string_equal(engine_apply(v.shadow, v.tx.slots, v.tx.used),
                        "a message of a wrong length");
    make_restated();
    event(2)->ev.flags |= MSG_TX_END;
    v.tx.used = (u32)((const struct slot *)(const void *)event(3) - v.tx.slots);
    assert_string_equal(engine_apply(v.shadow, v.tx.slots, v.tx.used),
                        "an order that shows nothing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_new_price),
        CASE(test_a_new_price_amid_a_match),
        CASE(test_a_replacement_elsewhere),
        CASE(test_a_part_that_is_not_to_be_shown),
        CASE(test_an_order_for_an_unknown_cross),
        CASE(test_a_channel_without_room),
        CASE(test_where_a_kill_stands),
        CASE(test_where_a_match_stands),
        CASE(test_an_epoch_that_does_not_grow),
        CASE(test_the_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
