/*
 * test_expiry.c - the heap of timed orders against a plain array; orders that end by time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "engine/expiry.h"
#include "tests/lib/venue_rig.h"

#define ORDERS 200u

/* The first of what is in, by looking at all; 0: nothing. */
static u32 first_of(const struct expiry *x, u32 orders)
{
    u32 first = 0;

    for (u32 id = 1; id <= orders; id++) {
        const struct due *d = &x->due[id];
        if (d->at &&
            (!first || d->ns < x->due[first].ns ||
             (d->ns == x->due[first].ns && x->hot[id].order_ref < x->hot[first].order_ref)))
            first = id;
    }
    return first;
}

static void test_the_first_is_always_on_top(void **state)
{
    struct mem m;
    struct orders o;
    struct expiry x;
    u64 random = 1;
    (void)state;

    mem_init(&m, 0);
    orders_init(&o, &m, ORDERS);
    expiry_init(&x, &m, &o);
    for (u32 id = 1; id <= ORDERS; id++)
        o.hot[id] = (struct order){.order_ref = (u64)id * 77 % ORDERS + 1, .rare = 1};
    for (u32 i = 0; i < 20000; i++) {
        random = hash_u64(random + i);
        u32 id = 1 + (u32)(random % ORDERS);
        if (x.due[id].at)
            expiry_del(&x, id);
        else
            expiry_add(&x, id, random >> 32 & 15);
        assert_int_equal(expiry_first(&x, UINT64_MAX), first_of(&x, ORDERS));
        if (i % 100 == 0)
            expiry_check(&x);
    }
    mem_free_all(&m);
}

/* ---- in the engine ---- */

static union msg timed(u32 account, u32 ref, char side, u32 price, u32 seconds)
{
    union msg m = venue_enter_cmd(account, ref, side, 100, price, '6');
    m.enter.terms.tags = TAG_BIT(15);
    m.enter.terms.expire_s = seconds;
    return m;
}

static u32 tick(void)
{
    union msg m = venue_cmd(CMD_TICK, 0);
    return venue_send(&v, &m);
}

static void test_orders_end_in_the_order_of_time(void **state)
{
    static const u32 seconds[] = {5, 3, 5, 4, 9};
    (void)state;

    for (u32 i = 0; i < 5; i++) {
        union msg m = timed(ANN, i + 1, 'B', 9000, seconds[i]);
        assert_int_equal(venue_send(&v, &m), 1);
    }
    assert_int_equal(tick(), 0);
    assert_false(engine_due(v.e, v.now_ns));
    v.now_ns += 6 * NS_PER_SEC;
    assert_true(engine_due(v.e, v.now_ns));
    v.e->chunk_cancels = v.shadow->chunk_cancels = 3;
    assert_int_equal(tick(), 3);
    for (u32 i = 0; i < 3; i++) {
        assert_int_equal(venue_event(&v, i)->cancelled.user_ref, (u32) "\2\4\1"[i]);
        assert_int_equal(venue_event(&v, i)->cancelled.reason, 'T');
    }
    assert_true(engine_due(v.e, v.now_ns));
    assert_int_equal(tick(), 1);
    assert_int_equal(venue_event(&v, 0)->cancelled.user_ref, 3);
    assert_int_equal(engine_open_orders(v.e), 1);
    engine_check(v.e);
}

static void test_a_replacement_begins_a_new_life(void **state)
{
    union msg m = timed(ANN, 1, 'B', 9000, 5);
    (void)state;

    venue_send(&v, &m);
    v.now_ns += 4 * NS_PER_SEC;
    m = venue_replace_cmd(ANN, 1, 2, 100, 9100);
    m.replace.tif = '6'; /* the time to live is inherited */
    venue_send(&v, &m);
    assert_string_equal(venue_letters(&v), "U");
    v.now_ns += 4 * NS_PER_SEC;
    assert_int_equal(tick(), 0);
    venue_replace(&v, ANN, 2, 3, 100, 9200); /* a day order from now on */
    assert_string_equal(venue_letters(&v), "U");
    assert_int_equal(venue_event(&v, 0)->order.terms.tags & TAG_BIT(15), 0);
    v.now_ns += 60 * NS_PER_SEC;
    assert_int_equal(tick(), 0);
    assert_int_equal(engine_open_orders(v.e), 1);
}

static void test_what_is_filled_does_not_end(void **state)
{
    union msg m = timed(ANN, 1, 'B', 9000, 5);
    (void)state;

    venue_send(&v, &m);
    venue_enter(&v, BOB, 1, 'S', 100, 9000, '0');
    assert_int_equal(engine_open_orders(v.e), 0);
    v.now_ns += 6 * NS_PER_SEC;
    assert_int_equal(tick(), 0);
    m = timed(ANN, 2, 'B', 9000, 0);
    venue_send(&v, &m);
    assert_int_equal(venue_event(&v, 0)->rejected.reason, 0x000F); /* GTT without a time */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_is_always_on_top),
        cmocka_unit_test_setup_teardown(test_orders_end_in_the_order_of_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_replacement_begins_a_new_life, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_filled_does_not_end, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
