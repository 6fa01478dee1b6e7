/*
 * test_ahead.c - commands announced before they are stepped: the right memory is looked at, and
 * what was found is looked at again before it is used.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/ahead.h"
#include "engine/base/hash.h"
#include "engine/ladder.h"
#include "tests/lib/engine_venue.h"

#define ORDERS 200u

static struct venue v;
static u32 bobs_last;

static int set_up(void **state)
{
    (void)state;
    bobs_last = 0;
    venue_init(&v, ORDERS + 1);
    for (u32 i = 1; i <= ORDERS; i++)
        assert_int_equal(venue_enter(&v, ANN, i, 'B', 10, 10000 + i % 50 * 100, '0'), 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    venue_free(&v);
    return 0;
}

static u32 id_of(u32 user_ref)
{
    return refs_find(&v.e->refs, owner_of(ANN, 0), user_ref);
}

/* Each announcement takes some before it one step further: after three steps an order is found. */
static void test_an_order_is_found_step_by_step(void **state)
{
    union msg m = venue_cmd(CMD_CANCEL, ANN);
    (void)state;

    for (u32 i = 1; i <= ORDERS; i++) {
        m.cancel.user_ref = i;
        engine_ahead(v.e, &m);
        if (i > 3 * AHEAD_TRACKS)
            assert_int_equal(v.e->ahead.orders[v.e->ahead.orders_at].id,
                             id_of(i - 3 * AHEAD_TRACKS));
    }
    m.cancel.user_ref = ORDERS + 1; /* of nobody */
    for (u32 i = 0; i < 1 + 3 * AHEAD_TRACKS; i++)
        engine_ahead(v.e, &m);
    assert_int_equal(v.e->ahead.orders[v.e->ahead.orders_at].id, 0);
}

/* A price finds its level and, where it crosses, whom it meets. */
static void test_a_price_finds_its_level(void **state)
{
    union msg buy = venue_enter_cmd(ANN, ORDERS + 1, 'B', 10, 10300, '0');
    union msg sell = venue_enter_cmd(BOB, 1, 'S', 10, 14900, '0');
    union msg far = venue_enter_cmd(BOB, 1, 'S', 10, 15000, '0');
    const struct ahead *a = &v.e->ahead;
    (void)state;

    engine_ahead(v.e, &buy);
    engine_ahead(v.e, &sell);
    for (u32 i = 2; i < 1 + 2 * AHEAD_TRACKS; i++)
        engine_ahead(v.e, &far);
    assert_int_equal(a->prices[a->prices_at].level, v.e->orders.hot[id_of(3)].level);
    assert_int_equal(a->prices[a->prices_at].meets, 0);
    engine_ahead(v.e, &far);
    assert_int_equal(a->prices[a->prices_at].meets, id_of(49));
    engine_ahead(v.e, &far);
    assert_int_equal(a->prices[a->prices_at].meets, 0);
}

/* The price of a replacement is looked for on the side of the order that it replaces. */
static void test_a_replacement_finds_order_and_level(void **state)
{
    union msg m = venue_replace_cmd(ANN, 7, ORDERS + 1, 10, 12000);
    (void)state;

    for (u32 i = 0; i < 1 + 6 * AHEAD_TRACKS; i++)
        engine_ahead(v.e, &m);
    const struct ahead *a = &v.e->ahead;
    assert_int_equal(a->orders[a->orders_at].id, id_of(7));
    assert_int_equal(a->prices[a->prices_at].level, v.e->orders.hot[id_of(20)].level);
}

/* The walk goes on to the only line that can have the key, a fork an announcement, and ends. */
static void walked_to(u32 line, u32 key)
{
    const struct ahead *a = &v.e->ahead;
    union msg m = venue_cmd(CMD_QUERY, ANN);
    u32 steps = 0;

    assert_int_equal(a->walks_at, 1);
    assert_int_equal(a->walks[0].key, key);
    while (a->walks[0].ref && a->walks[0].ref < LADDER_LEAF && ++steps < 27)
        engine_ahead(v.e, &m);
    assert_int_equal(a->walks[0].ref, line | LADDER_LEAF);
    engine_ahead(v.e, &m);
    assert_int_equal(a->walks[0].ref, 0);
    for (u32 i = 0; i < 27; i++)
        engine_ahead(v.e, &m);
    assert_int_equal(a->walking, 0);
}

/* A price whose line is not there: the way to where it will be is looked at. */
static void test_a_new_line_finds_its_place(void **state)
{
    union msg m = venue_enter_cmd(BOB, 1, 'B', 10, 1000, '0');
    u32 lowest = v.e->orders.hot[id_of(50)].level / LINE_LEVELS; /* 10000 */
    u32 key = ((1000 / 100) ^ INDEX_MAX) >> LINE_BITS;
    (void)state;

    assert_int_equal(v.e->books.at[AAA].step, 100);
    for (u32 i = 0; i < 1 + 2 * AHEAD_TRACKS; i++)
        engine_ahead(v.e, &m);
    walked_to(lowest, key);
}

/* `n` more announcements of a price that crosses nothing and is there. */
static void announce_others(u32 n)
{
    union msg far = venue_enter_cmd(BOB, 1, 'S', 10, 15000, '0');

    if (bobs_last == 0)
        assert_int_equal(venue_enter(&v, BOB, ++bobs_last, 'S', 1, 15000, '0'), 1);
    for (u32 i = 0; i < n; i++)
        engine_ahead(v.e, &far);
}

/* Before an order that wants more than the first one has that it meets, a scout goes ahead. */
static void test_a_sweep_is_scouted(void **state)
{
    union msg one = venue_enter_cmd(BOB, 1, 'S', 10, 14500, '0');
    union msg many = venue_enter_cmd(BOB, 1, 'S', 95, 14500, '0');
    const struct ahead *a = &v.e->ahead;
    const struct scout *c = &a->scout;
    (void)state;

    engine_ahead(v.e, &one);
    announce_others(4 * AHEAD_TRACKS);
    assert_false(a->scouting);
    assert_int_equal(c->id, 0);
    engine_ahead(v.e, &many);
    announce_others(3 * AHEAD_TRACKS);
    assert_true(a->scouting);
    assert_int_equal(c->id, id_of(49)); /* four orders of ten at each price, from 14900 down */
    announce_others(1);
    assert_int_equal(c->id, id_of(99));
    announce_others(4);
    assert_int_equal(c->id, id_of(98));
    assert_int_equal(c->level, v.e->orders.hot[id_of(48)].level);
    announce_others(10);
    assert_int_equal(c->lead, 10); /* the tenth one is met in part */
    assert_true(c->wants <= 0);
    assert_false(a->scouting);
}

/* ... but no further than it may, and with it goes who walks to lines that the sweep will empty. */
static void test_a_scout_stops_in_time(void **state)
{
    union msg all = venue_enter_cmd(BOB, 1, 'S', 100 * ORDERS, 10000, '0');
    const struct scout *c = &v.e->ahead.scout;
    u32 line = v.e->orders.hot[id_of(49)].level / LINE_LEVELS;
    (void)state;

    engine_ahead(v.e, &all);
    announce_others(3 * AHEAD_TRACKS + 100);
    assert_int_equal(c->lead, AHEAD_LEAD);
    assert_int_equal(c->level, v.e->orders.hot[id_of(49 - AHEAD_LEAD / 4)].level);
    assert_int_not_equal(c->level / LINE_LEVELS, line);
    assert_int_equal(v.e->ahead.walks[1].key, v.e->books.lines[line].key); /* [0]: its own */
    assert_false(v.e->ahead.scouting);
}

/* There may be fewer orders than are wanted, or none any more. */
static void test_a_scout_comes_to_the_end(void **state)
{
    union msg all = venue_enter_cmd(BOB, 1, 'S', 100 * ORDERS, 10000, '0');
    (void)state;

    for (u32 i = 1; i <= ORDERS - 3; i++)
        assert_int_equal(venue_cancel(&v, ANN, i, 0), 1);
    engine_ahead(v.e, &all);
    announce_others(3 * AHEAD_TRACKS + 1);
    assert_true(v.e->ahead.scouting);
    for (u32 i = ORDERS - 2; i <= ORDERS; i++)
        assert_int_equal(venue_cancel(&v, ANN, i, 0), 1);
    announce_others(100);
    assert_false(v.e->ahead.scouting);
    engine_check(v.e);
}

/* An order that is the last of its line takes it along; one of two does not. */
static void test_a_last_order_finds_its_line(void **state)
{
    union msg m = venue_cmd(CMD_CANCEL, BOB);
    (void)state;

    assert_int_equal(venue_enter(&v, BOB, 1, 'B', 10, 1000, '0'), 1);
    u32 id = refs_find(&v.e->refs, owner_of(BOB, 0), 1);
    u32 line = v.e->orders.hot[id].level / LINE_LEVELS;
    m.cancel.user_ref = 1;
    for (u32 i = 0; i < 1 + 5 * AHEAD_TRACKS; i++)
        engine_ahead(v.e, &m);
    walked_to(line, v.e->books.lines[line].key);
    assert_int_equal(venue_cancel(&v, ANN, 1, 0), 1); /* makes room */
    assert_int_equal(venue_enter(&v, BOB, 2, 'B', 10, 1100, '0'), 1);
    id = refs_find(&v.e->refs, owner_of(BOB, 0), 2);
    assert_int_equal(v.e->orders.hot[id].level / LINE_LEVELS, line);
    for (u32 i = 0; i < 1 + 6 * AHEAD_TRACKS; i++)
        engine_ahead(v.e, &m);
    assert_int_equal(v.e->ahead.walks_at, 1);
}

/*
 * An order that was found ahead and has gone since, or whose place another one has taken, is not
 * taken for the one that is meant.
 */
static void test_what_was_found_may_be_gone(void **state)
{
    union msg m = venue_cmd(CMD_CANCEL, ANN);
    u32 id = id_of(7);
    (void)state;

    m.cancel.user_ref = 7;
    for (u32 i = 0; i < 1 + 3 * AHEAD_TRACKS; i++)
        engine_ahead(v.e, &m);
    assert_int_equal(v.e->ahead.found[7], id);
    assert_int_equal(venue_cancel(&v, ANN, 7, 0), 1);
    assert_int_equal(venue_cancel(&v, ANN, 7, 0), 0);
    m = venue_replace_cmd(ANN, 7, ORDERS + 1, 10, 10000);
    assert_int_equal(venue_send(&v, &m), 0);
    assert_int_equal(venue_enter(&v, ANN, ORDERS + 1, 'B', 10, 10000, '0'), 1);
    assert_int_equal(id_of(ORDERS + 1), id);
    assert_int_equal(venue_cancel(&v, ANN, 7, 0), 0);
    v.e->ahead.found[8] = id; /* of another number */
    assert_int_equal(venue_cancel(&v, ANN, 8, 0), 1);
    assert_int_equal(id_of(8), 0);
    assert_int_equal(id_of(ORDERS + 1), id);
    engine_check(v.e);
}

/* ... nor is one of another account that has the same number. */
static void test_what_was_found_may_be_anothers(void **state)
{
    (void)state;

    assert_int_equal(venue_enter(&v, BOB, 9, 'B', 10, 10000, '0'), 1);
    u32 bobs = refs_find(&v.e->refs, owner_of(BOB, 0), 9);
    v.e->ahead.found[9] = bobs;
    assert_int_equal(venue_cancel(&v, ANN, 9, 0), 1);
    assert_int_equal(id_of(9), 0);
    assert_int_equal(refs_find(&v.e->refs, owner_of(BOB, 0), 9), bobs);
    engine_check(v.e);
}

/* Nobody has checked them yet: unknown accounts and instruments, any price, any number. */
static void test_nonsense_changes_nothing(void **state)
{
    static const u8 types[] = {CMD_ENTER, CMD_CANCEL, CMD_REPLACE, CMD_QUERY, 0xFF};
    u64 before = engine_state_hash(v.e);
    (void)state;

    for (u64 i = 0; i < 20000; i++) {
        union msg m;
        for (u32 w = 0; w < 8; w++)
            m.slots[0].w[w] = hash_u64(i * 8 + w);
        m.cmd.type = types[i % ARRAY_LEN(types)];
        if (i % 3 == 0)
            m.cmd.account = ANN;
        if (i % 7 == 0)
            m.enter.instrument = AAA;
        engine_ahead(v.e, &m);
    }
    assert_int_equal(engine_state_hash(v.e), before);
    engine_check(v.e);
    assert_int_equal(venue_cancel(&v, ANN, 5, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_order_is_found_step_by_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_price_finds_its_level, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_replacement_finds_order_and_level, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_new_line_finds_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_sweep_is_scouted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_scout_stops_in_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_scout_comes_to_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_last_order_finds_its_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_found_may_be_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_found_may_be_anothers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nonsense_changes_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
