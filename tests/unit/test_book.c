/*
 * test_book.c - levels and queues against a plain array of orders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "engine/book.h"

struct desk {
    struct mem m;
    struct orders o;
    struct books b;
    u64 next_ref;
};

static void desk_init(struct desk *d, u32 orders, u32 tick)
{
    memset(d, 0, sizeof *d);
    mem_init(&d->m, 0);
    orders_init(&d->o, &d->m, orders);
    books_init(&d->b, &d->m, 2, &d->o);
    book_tick_set(&d->b, 1, tick);
    book_tick_set(&d->b, 2, tick);
}

static u32 rest(struct desk *d, u16 instrument, enum side_index side, u32 price, u32 qty)
{
    u32 id = pool_take(&d->o.pool);
    d->o.hot[id] = (struct order){
        .open = qty, .order_ref = ++d->next_ref, .sell = side, .instrument = instrument};
    book_insert(&d->b, id, price);
    return id;
}

static void take_out(struct desk *d, u32 id)
{
    book_remove(&d->b, id);
    pool_give(&d->o.pool, id);
}

static void test_the_touch_of_both_sides(void **state)
{
    struct desk d;
    (void)state;

    desk_init(&d, 10, 100);
    u32 low = rest(&d, 1, BUY, 9900, 100);
    u32 high = rest(&d, 1, BUY, 10000, 50);
    u32 ask = rest(&d, 1, SELL, 10100, 10);
    rest(&d, 1, SELL, 10300, 10);
    assert_int_equal(d.b.at[1].best_price[BUY], 10000);
    assert_int_equal(d.b.at[1].best_price[SELL], 10100);
    assert_int_equal(d.b.at[2].best_price[BUY], 0);
    assert_int_equal(book_check(&d.b, 1), 4);
    take_out(&d, high);
    take_out(&d, ask);
    assert_int_equal(d.b.at[1].best_price[BUY], 9900);
    assert_int_equal(d.b.at[1].best_price[SELL], 10300);
    take_out(&d, low);
    assert_int_equal(d.b.at[1].best_price[BUY], 0);
    assert_int_equal(d.b.at[1].best_level[BUY], 0);
    assert_int_equal(book_check(&d.b, 1), 1);
    mem_free_all(&d.m);
}

static void test_who_meets_the_touch(void **state)
{
    static const u32 prices[] = {1, 99, 100, 101, PRICE_LIMIT_MAX, 0x7FFFFFFF, 0x80000000, ~0u};
    (void)state;

    for (u32 i = 0; i < ARRAY_LEN(prices); i++) {
        assert_false(price_meets(false, prices[i], 0)); /* nobody is there */
        assert_false(price_meets(true, prices[i], 0));
        for (u32 j = 0; j < ARRAY_LEN(prices); j++) {
            assert_int_equal(price_meets(false, prices[i], prices[j]), prices[i] >= prices[j]);
            assert_int_equal(price_meets(true, prices[i], prices[j]), prices[i] <= prices[j]);
        }
    }
}

static void test_a_queue_keeps_its_order(void **state)
{
    struct desk d;
    (void)state;

    desk_init(&d, 10, 1);
    u32 a = rest(&d, 1, SELL, 500, 100);
    u32 b = rest(&d, 1, SELL, 500, 200);
    u32 c = rest(&d, 1, SELL, 500, 300);
    const struct level *v = &d.b.levels[d.b.at[1].best_level[SELL]];
    assert_int_equal(v->head, a);
    assert_int_equal(v->qty, 600);
    book_reduce(&d.b, a, 40);
    assert_int_equal(v->qty, 560);
    assert_int_equal(v->head, a);
    take_out(&d, b);
    assert_int_equal(d.o.hot[a].next, c);
    assert_int_equal(book_check(&d.b, 1), 2);
    take_out(&d, a);
    assert_int_equal(v->head, c);
    mem_free_all(&d.m);
}

static void test_the_ends_of_the_price_range(void **state)
{
    static const u32 prices[] = {1, 2, 15, 16, 17, 999999999, 1999999899, PRICE_LIMIT_MAX};
    struct desk d;
    (void)state;

    desk_init(&d, 2 * ARRAY_LEN(prices), 1);
    for (u32 i = 0; i < ARRAY_LEN(prices); i++) {
        u32 sell = rest(&d, 2, SELL, prices[i], 1);
        assert_int_equal(book_level_price(&d.b, d.o.hot[sell].level), prices[i]);
        assert_int_equal(book_level_instrument(&d.b, d.o.hot[sell].level), 2);
        assert_int_equal(book_level_side(&d.b, d.o.hot[sell].level), SELL);
        u32 buy = rest(&d, 1, BUY, prices[i], 1);
        assert_int_equal(book_level_price(&d.b, d.o.hot[buy].level), prices[i]);
        assert_int_equal(book_level_side(&d.b, d.o.hot[buy].level), BUY);
        assert_int_equal(d.b.at[1].best_price[BUY], prices[i]);
        assert_int_equal(d.b.at[2].best_price[SELL], prices[0]);
    }
    assert_int_equal(book_check(&d.b, 1), ARRAY_LEN(prices));
    assert_int_equal(book_check(&d.b, 2), ARRAY_LEN(prices));
    mem_free_all(&d.m);
}

static void test_memory_goes_with_what_is_open(void **state)
{
    struct desk d;
    (void)state;

    desk_init(&d, 1000, 100);
    for (u32 i = 0; i < 1000; i++)
        rest(&d, 1, BUY, 100000 + i % 160 * 100, 1);
    assert_in_range(d.b.line_pool.used, 10, 11);
    for (u32 id = 1; id <= 1000; id++)
        take_out(&d, id);
    assert_int_equal(d.b.line_pool.used, 0);
    assert_int_equal(d.b.fork_pool.used, 0);
    for (u32 i = 0; i < 1000; i++)
        rest(&d, 1, BUY, 1999000 * (i + 1) / 100 * 100, 1); /* each far from all others */
    assert_int_equal(d.b.line_pool.used, 1000);
    assert_int_equal(d.b.fork_pool.used, 999);
    assert_int_equal(book_check(&d.b, 1), 1000);
    mem_free_all(&d.m);
}

/* A line that is given back has its key overwritten; the cache must not take it for key 0. */
static void test_a_line_given_back_is_not_found(void **state)
{
    struct desk d;
    (void)state;

    desk_init(&d, 10, 1);
    u32 id = rest(&d, 1, SELL, 64 * LINE_LEVELS, 1);
    take_out(&d, id);
    rest(&d, 1, SELL, 5, 1);
    rest(&d, 1, SELL, 64 * LINE_LEVELS, 1);
    assert_int_equal(book_check(&d.b, 1), 2);
    assert_int_equal(d.b.line_pool.used, 2);
    mem_free_all(&d.m);
}

/* More lines than the cache has places, on both sides: whoever is remembered, all are found. */
static void test_lines_share_places_of_the_cache(void **state)
{
    struct desk d;
    u32 ids[2][100];
    (void)state;

    desk_init(&d, 200, 1);
    for (u32 round = 0; round < 2; round++) {
        for (u32 i = 0; i < 200; i++)
            ids[i % 2][i / 2] = rest(&d, 1, i % 2 ? SELL : BUY, (i / 2 + 1) * 2048, 1);
        assert_int_equal(d.b.line_pool.used, 200);
        assert_int_equal(book_check(&d.b, 1), 200);
        for (u32 i = 0; i < 200; i++)
            take_out(&d, ids[i % 2][i / 2]);
        assert_int_equal(d.b.line_pool.used, 0);
        for (u64 i = 0; i <= d.b.cache_mask; i++)
            assert_true(d.b.cache[i] == 0);
    }
    mem_free_all(&d.m);
}

static void test_the_tick_changes_only_when_it_fits(void **state)
{
    struct desk d;
    (void)state;

    desk_init(&d, 4, 100);
    u32 id = rest(&d, 1, BUY, 10000, 5);
    assert_false(book_tick_fits(&d.b, 1, 50));
    assert_false(book_tick_fits(&d.b, 1, 1));
    assert_true(book_tick_fits(&d.b, 1, 500));
    book_tick_set(&d.b, 1, 500);
    rest(&d, 1, BUY, 10500, 5);
    assert_int_equal(d.b.at[1].best_price[BUY], 10500);
    book_check(&d.b, 1);
    take_out(&d, id);
    take_out(&d, 2);
    assert_true(book_tick_fits(&d.b, 1, 1));
    book_tick_set(&d.b, 1, 1);
    rest(&d, 1, BUY, 10501, 5);
    assert_int_equal(d.b.at[1].best_price[BUY], 10501);
    book_check(&d.b, 1);
    mem_free_all(&d.m);
}

/* ---- random, against an array ---- */

#define ORDERS 60u

struct plain {
    u32 price, side;
    u64 ref;
};

static void compare_touch(const struct desk *d, const struct plain *list, enum side_index side)
{
    u32 best = 0;
    u32 first = 0;

    for (u32 id = 1; id <= ORDERS; id++) {
        const struct plain *p = &list[id];
        if (!p->price || p->side != side)
            continue;
        bool better = side == SELL ? p->price < list[best].price : p->price > list[best].price;
        if (!best || better)
            best = first = id;
        else if (p->price == list[best].price && p->ref < list[first].ref)
            first = id;
    }
    assert_int_equal(d->b.at[1].best_price[side], best ? list[best].price : 0);
    if (best)
        assert_int_equal(d->b.levels[d->b.at[1].best_level[side]].head, first);
}

static u32 some_price(u64 x, enum side_index side)
{
    u32 far = (u32)(x >> 40) % 900000000 + 1;
    u32 near = (u32)(x >> 20) % 60 + 1;
    u32 away = x >> 61 ? near : far;
    return side == SELL ? 1000000000 + away : 1000000000 - away;
}

static void test_against_an_array(void **state)
{
    struct plain list[ORDERS + 1] = {{0}};
    struct desk d;
    (void)state;

    desk_init(&d, ORDERS, 1);
    for (u64 step = 0; step < 100000; step++) {
        u64 x = hash_u64(step ^ 0x5555);
        u32 victim = 1 + (u32)(x % ORDERS);
        enum side_index side = x >> 33 & 1;
        if (list[victim].price) {
            take_out(&d, victim);
            list[victim].price = 0;
        } else {
            u32 price = some_price(hash_u64(x), side);
            u32 id = rest(&d, 1, side, price, 1 + (u32)(x >> 50));
            list[id] = (struct plain){price, side, d.next_ref};
        }
        compare_touch(&d, list, BUY);
        compare_touch(&d, list, SELL);
        if (step % 100 == 0)
            book_check(&d.b, 1);
    }
    mem_free_all(&d.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_touch_of_both_sides),
        cmocka_unit_test(test_who_meets_the_touch),
        cmocka_unit_test(test_a_queue_keeps_its_order),
        cmocka_unit_test(test_the_ends_of_the_price_range),
        cmocka_unit_test(test_memory_goes_with_what_is_open),
        cmocka_unit_test(test_a_line_given_back_is_not_found),
        cmocka_unit_test(test_lines_share_places_of_the_cache),
        cmocka_unit_test(test_the_tick_changes_only_when_it_fits),
        cmocka_unit_test(test_against_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
