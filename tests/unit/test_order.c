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
    orders_fill(&o, id, &ev, order_special(&ev));
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

/* One store has the fields where the compiler looks for them. */
static void test_packed_fields(void **state)
{
    for (u32 i = 0; i < 8; i++) {
        struct order o = {.packed = order_pack(ORDER_REF_MAX - 5, i & 1, i & 2, i & 4, 65535)};
        assert_true(o.order_ref == ORDER_REF_MAX - 5);
        assert_true(o.rare == (i & 1) && o.sell == (i >> 1 & 1) && o.hidden == i >> 2);
        assert_int_equal(o.instrument, 65535);
        o.packed = order_pack(1, i & 1, i & 2, i & 4, 0);
        assert_true(o.order_ref == 1 && o.instrument == 0);
        assert_true(o.rare == (i & 1) && o.sell == (i >> 1 & 1) && o.hidden == i >> 2);
    }
    (void)state;
}

/* Every byte of the terms: what changes an execution is not plain, all else is. */
static void test_plain_terms(void **state)
{
    static const struct {
        u32 from, to;
    } harmless[] = {
        {0, 16},  /* clordid, group_id */
        {20, 24}, /* firm */
        {52, 59}, /* locate_broker, aiq_group (tag 30 says that it counts), customer_type */
    };
    (void)state;

    for (u32 at = 0; at < sizeof(struct order_terms); at++) {
        struct order_terms t = {0};
        bool plain = false;
        if (at >= 16 && at < 20)
            continue; /* tags, below */
        for (u32 i = 0; i < ARRAY_LEN(harmless); i++)
            plain |= at >= harmless[i].from && at < harmless[i].to;
        ((u8 *)&t)[at] = 1;
        assert_int_equal(terms_plain(&t), plain);
    }
    for (u32 tag = 0; tag < 32; tag++)
        assert_int_equal(terms_plain(&(struct order_terms){.tags = TAG_BIT(tag)}), tag != 30);
    assert_true(terms_plain(&(struct order_terms){.yes = YES_TRADE_NOW | YES_SHARES_LOCATED}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_gives_each_id_once_and_then_none),
        cmocka_unit_test(test_pool_reuses_the_last_given_back_first),
        cmocka_unit_test(test_an_order_is_what_was_announced),
        cmocka_unit_test(test_packed_fields),
        cmocka_unit_test(test_plain_terms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
