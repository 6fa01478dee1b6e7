/*
 * test_queue.c - queues of orders for a cross against a plain list: order, sums, depth.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/queue.h"
#include "tests/lib/seed.h"

#define MANY 400u

static struct mem mem;
static struct orders orders;
static struct queues q;
static u32 root;
static bool in[MANY + 1];
static u64 next_ref;

static int set_up(void **state)
{
    (void)state;
    mem_init(&mem, 0);
    memset(&orders, 0, sizeof orders);
    orders_init(&orders, &mem, MANY);
    queues_init(&q, &mem, &orders, 0x5EC4E7);
    memset(in, 0, sizeof in);
    root = 0;
    next_ref = 1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mem_free_all(&mem);
    return 0;
}

static void join(u32 id, bool sell, u32 price, u32 qty)
{
    orders.hot[id] =
        (struct order){.open = qty, .level = LEVEL_QUEUED, .order_ref = next_ref++, .sell = sell};
    orders.info[id] = (struct order_info){.price = price, .side = sell ? 'S' : 'B'};
    queue_add(&q, &root, id);
    in[id] = true;
}

static u32 rank(u32 id)
{
    return queue_rank(orders.hot[id].sell, orders.info[id].price);
}

/* The first order of the list at or behind a rank. */
static u32 plain_from(u32 from)
{
    u32 best = 0;
    for (u32 id = 1; id <= MANY; id++) {
        if (!in[id] || rank(id) < from)
            continue;
        if (!best || rank(id) < rank(best) ||
            (rank(id) == rank(best) && orders.hot[id].order_ref < orders.hot[best].order_ref))
            best = id;
    }
    return best;
}

static u64 plain_below(u32 below)
{
    u64 sum = 0;
    for (u32 id = 1; id <= MANY; id++)
        sum += in[id] && rank(id) < below ? orders.hot[id].open : 0;
    return sum;
}

static void compare(struct rng *random)
{
    u32 at = rank((u32)rng_below(random, MANY) + 1);
    u32 n = 0;

    for (u32 id = 1; id <= MANY; id++)
        n += in[id];
    assert_int_equal(queue_check(&q, root), n);
    assert_int_equal(queue_first(&q, root), plain_from(0));
    assert_int_equal(queue_from(&q, root, at), plain_from(at));
    assert_int_equal(queue_below(&q, root, at), plain_below(at));
    assert_int_equal(queue_below(&q, root, at + 1), plain_below(at + 1));
}

static void random_walk(bool sell, u64 seed)
{
    struct rng r = {.seed = seed};

    for (u32 step = 0; step < 6000; step++) {
        u32 id = (u32)rng_below(&r, MANY) + 1;
        u32 price = (u32)rng_below(&r, 40) * 100 + 100;
        if (!in[id]) {
            u32 qty = (u32)rng_below(&r, 90) + 2;
            join(id, sell, rng_below(&r, 6) ? price : PRICE_MARKET, qty);
        } else if (orders.hot[id].open > 1 && (u32)rng_below(&r, 2)) {
            u32 off = (u32)rng_below(&r, orders.hot[id].open - 1) + 1;
            queue_reduce(&q, root, id, off);
            orders.hot[id].open -= off;
        } else {
            queue_del(&q, &root, id);
            in[id] = false;
        }
        if (step % 10 == 0)
            compare(&r);
    }
}

static void test_queues_equal_a_list(void **state)
{
    u64 seed = test_seed();
    (void)state;

    random_walk(false, seed);
    set_up(NULL);
    random_walk(true, seed + 1);
}

static void test_ranks(void **state)
{
    (void)state;
    assert_int_equal(queue_rank(false, PRICE_MARKET), 0);
    assert_int_equal(queue_rank(true, PRICE_MARKET_OLD), 0);
    assert_true(queue_rank(false, 200) < queue_rank(false, 100));
    assert_true(queue_rank(true, 100) < queue_rank(true, 200));
}

static u32 depth(u32 at)
{
    u32 l = at ? depth(q.node[at].left) : 0;
    u32 r = at ? depth(q.node[at].right) : 0;
    return at ? 1 + (l > r ? l : r) : 0;
}

/* Orders that come in the order of their prices would make a list of a plain tree. */
static void test_depth_does_not_follow_the_prices(void **state)
{
    (void)state;
    for (u32 id = 1; id <= MANY; id++)
        join(id, true, id * 100, 1);
    assert_true(depth(root) < 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_queues_equal_a_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ranks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_depth_does_not_follow_the_prices, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
