/*
 * test_order.c - the slab of orders and the pool below it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/order.h"

static void test_pool_gives_each_id_once_and_then_none(void **state)
{
    struct mem m;
    struct pool p;
    bool seen[9] = {false};
    (void)state;

    mem_init(&m, 0);
    pool_init(&p, &m, 8, 16, 16);
    for (u32 i = 0; i < 8; i++) {
        assert_false(pool_full(&p));
        u32 id = pool_take(&p);
        assert_in_range(id, 1, 8);
        assert_false(seen[id]);
        seen[id] = true;
    }
    assert_true(pool_full(&p));
    assert_int_equal(pool_take(&p), 0);
    assert_int_equal(p.used, 8);
    mem_free_all(&m);
}

static void test_pool_reuses_the_last_given_back_first(void **state)
{
    struct mem m;
    struct pool p;
    (void)state;

    mem_init(&m, 0);
    pool_init(&p, &m, 8, 4, 4);
    for (u32 i = 0; i < 5; i++)
        pool_take(&p);
    pool_give(&p, 2);
    pool_give(&p, 4);
    assert_int_equal(pool_take(&p), 4);
    assert_int_equal(pool_take(&p), 2);
    assert_int_equal(pool_take(&p), 6);
    assert_int_equal(p.fresh, 6);
    mem_free_all(&m);
}

static void test_an_order_is_what_was_announced(void **state)
{
    struct mem m;
    struct orders o;
    struct msg_order ev = {
        .head = {.type = EV_ACCEPTED, .account = 70000 - 5000, .flags = MSG_ISO},
        .order_ref = 1ull << 40,
        .user_ref = 4000000000u,
        .qty = 999999,
        .price = PRICE_LIMIT_MAX,
        .instrument = 65535,
        .side = 'T',
        .tif = '3',
        .display = 'A',
        .capacity = 'R',
        .cross_type = 'N',
        .user_ref_idx = 255,
        .terms = {.clordid = "abc", .tags = TAG_BIT(28)},
    };
    (void)state;

    mem_init(&m, 0);
    orders_init(&o, &m, 3);
    u32 id = pool_take(&o.pool);
    orders_fill(&o, id, &ev);
    assert_int_equal(o.hot[id].order_ref, ev.order_ref);
    assert_int_equal(o.hot[id].open, 999999);
    assert_int_equal(o.hot[id].level, 0);
    assert_int_equal(owner_account(o.hot[id].owner), 65000);
    assert_int_equal(owner_idx(o.hot[id].owner), 255);
    assert_int_equal(o.info[id].price, PRICE_LIMIT_MAX);
    assert_int_equal(o.hot[id].instrument, 65535);
    assert_int_equal(o.hot[id].sell, 1);
    assert_int_equal(o.info[id].executed, 0);
    assert_int_equal(o.info[id].iso, 1);
    assert_int_equal(o.info[id].tif, '3');
    assert_memory_equal(&o.terms[id], &ev.terms, sizeof ev.terms);
    assert_true(side_is_sell(o.info[id].side));
    assert_true(side_is_sell('S') && side_is_sell('E') && !side_is_sell('B'));
    mem_free_all(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_gives_each_id_once_and_then_none),
        cmocka_unit_test(test_pool_reuses_the_last_given_back_first),
        cmocka_unit_test(test_an_order_is_what_was_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
