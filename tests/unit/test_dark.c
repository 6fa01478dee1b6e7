/* test_dark.c - the trees of conditional orders against a plain array, with adverse keys too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "engine/dark.h"

#define ORDERS 600u

static struct mem mem;
static struct orders o;
static struct dark d;

static struct plain {
    bool in;
    enum dark_kind kind;
    i64 key, reach;
} plain[ORDERS + 1];

static u64 seed;

static u32 below(u32 n)
{
    seed += 0x9E3779B97F4A7C15ull;
    return (u32)(hash_u64(seed) % n);
}

static u32 plain_first(u16 instrument, enum dark_kind kind, bool sell, i64 from, i64 want)
{
    u32 first = 0;

    for (u32 id = 1; id <= ORDERS; id++) {
        const struct plain *p = &plain[id];
        if (!p->in || p->kind != kind || o.hot[id].sell != sell ||
            o.hot[id].instrument != instrument || p->reach < want || p->key < from)
            continue;
        if (!first || p->key < plain[first].key ||
            (p->key == plain[first].key && o.hot[id].order_ref < o.hot[first].order_ref))
            first = id;
    }
    return first;
}

/* Whatever stands behind order `id` in its tree. */
static u32 plain_next(u32 id, i64 want)
{
    const struct plain *at = &plain[id];
    const struct order *a = &o.hot[id];
    u32 next = 0;

    for (u32 i = 1; i <= ORDERS; i++) {
        const struct plain *p = &plain[i];
        const struct order *b = &o.hot[i];
        if (!p->in || p->kind != at->kind || b->sell != a->sell || b->instrument != a->instrument ||
            p->reach < want)
            continue;
        if (p->key < at->key || (p->key == at->key && b->order_ref <= a->order_ref))
            continue;
        if (!next || p->key < plain[next].key ||
            (p->key == plain[next].key && b->order_ref < o.hot[next].order_ref))
            next = i;
    }
    return next;
}

static void one_step(void)
{
    u32 id = 1 + below(ORDERS);
    struct plain *p = &plain[id];

    if (p->in) {
        dark_del(&d, p->kind, id);
        p->in = false;
        return;
    }
    o.hot[id] = (struct order){.order_ref = 1 + below(1u << 30)};
    o.hot[id].sell = below(2);
    o.hot[id].instrument = 1 + below(2);
    p->in = true;
    p->kind = below(DARK_KINDS);
    p->key = (i64)below(5) - 2;
    p->reach = (i64)below(20) - 10;
    dark_add(&d, p->kind, id, p->key, p->reach);
}

static void test_against_a_plain_array(void **state)
{
    (void)state;
    for (u32 step = 0; step < 30000; step++) {
        one_step();
        u16 instrument = (u16)(1 + below(2));
        enum dark_kind kind = below(DARK_KINDS);
        bool sell = below(2);
        i64 want = (i64)below(24) - 12;
        i64 from = below(3) ? INT64_MIN : (i64)below(7) - 3;
        assert_int_equal(dark_first(&d, instrument, kind, sell, from, want),
                         plain_first(instrument, kind, sell, from, want));
        u32 id = 1 + below(ORDERS);
        if (plain[id].in)
            assert_int_equal(dark_next(&d, plain[id].kind, id, want), plain_next(id, want));
        if (step % 500 == 0)
            assert_true(dark_check(&d, 1) + dark_check(&d, 2) <= ORDERS);
    }
}

static u32 depth(u32 root)
{
    if (!root)
        return 0;
    u32 left = depth(d.twigs[root].child[0]);
    u32 right = depth(d.twigs[root].child[1]);
    return 1 + (left > right ? left : right);
}

/* Keys and numbers that ascend, as an adversary would send them, still make a flat tree. */
static void test_is_flat(void **state)
{
    (void)state;
    for (u32 id = 1; id <= ORDERS; id++) {
        o.hot[id] = (struct order){.order_ref = id, .instrument = 1};
        dark_add(&d, DARK_PRIMARY, id, id, id);
    }
    assert_true(depth(d.at[1].root[DARK_PRIMARY][0]) < 40);
    for (u32 id = 1; id <= ORDERS; id++) {
        assert_int_equal(dark_first(&d, 1, DARK_PRIMARY, false, 1, ORDERS), ORDERS);
        assert_int_equal(dark_after(&d, DARK_PRIMARY, id), id < ORDERS ? id + 1 : 0);
        if (id < ORDERS)
            dark_del(&d, DARK_PRIMARY, id);
    }
}

static int set_up(void **state)
{
    (void)state;
    mem_init(&mem, 0);
    orders_init(&o, &mem, ORDERS);
    dark_init(&d, &mem, 2, &o, 77);
    for (u32 id = 1; id <= ORDERS; id++)
        plain[id].in = false;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mem_free_all(&mem);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_against_a_plain_array, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_is_flat, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
