/*
 * test_refs.c - the index of orders by their owners' numbers, against a plain list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "engine/refs.h"

static void test_empty(void **state)
{
    struct mem m;
    struct refs r;
    struct channel c = {0};
    (void)state;

    mem_init(&m, 0);
    refs_init(&r, &m, 10, (const u64[2]){1});
    assert_int_equal(refs_find(&r, 256, 1), 0);
    assert_int_equal(refs_find(&r, 256, 0xFFFFFFFF), 0);
    assert_int_equal(refs_first(&r, &c), 0);
    refs_check(&r, &c, 256);
    mem_free_all(&m);
}

static void test_dense_numbers_share_lines(void **state)
{
    struct mem m;
    struct refs r;
    struct channel c = {0};
    (void)state;

    mem_init(&m, 0);
    refs_init(&r, &m, 1206, (const u64[2]){1});
    for (u32 n = 1; n < 1200; n++) {
        c.last = n;
        refs_add(&r, &c, 512, n, n + 7);
    }
    assert_int_equal(r.line_pool.used, 75);
    assert_int_equal(r.page_pool.used, (1200 + PAGE_REFS - 1) / PAGE_REFS);
    for (u32 n = 1; n < 1200; n++)
        assert_int_equal(refs_find(&r, 512, n), n + 7);
    assert_int_equal(refs_find(&r, 512, 1200), 0);
    assert_int_equal(refs_find(&r, 513, 5), 0);
    refs_check(&r, &c, 512);
    mem_free_all(&m);
}

static void test_a_jump_to_four_billion_costs_two_lines(void **state)
{
    struct mem m;
    struct refs r;
    struct channel c = {0};
    (void)state;

    mem_init(&m, 0);
    refs_init(&r, &m, 4, (const u64[2]){1});
    refs_add(&r, &c, 256, 1, 3);
    refs_add(&r, &c, 256, 4000000000u, 4);
    refs_add(&r, &c, 256, 0xFFFFFFFFu, 1);
    c.last = 0xFFFFFFFFu;
    assert_int_equal(r.page_pool.used, 3);
    assert_int_equal(r.line_pool.used, 3);
    assert_int_equal(refs_find(&r, 256, 4000000000u), 4);
    assert_int_equal(refs_find(&r, 256, 0xFFFFFFFFu), 1);
    refs_check(&r, &c, 256);
    refs_del(&r, &c, 256, 4000000000u, 4);
    assert_int_equal(r.page_pool.used, 2);
    assert_int_equal(r.line_pool.used, 2);
    assert_int_equal(refs_first(&r, &c), 3);
    refs_check(&r, &c, 256);
    mem_free_all(&m);
}

#define OWNERS 3u
#define ORDERS 40u

struct entry {
    u32 owner, ref;
};

/* A table of few places and many lines: runs of the probing meet and are closed again and again. */
static void test_against_a_list(void **state)
{
    struct mem m;
    struct refs r;
    struct channel c[OWNERS] = {{0}};
    struct entry list[ORDERS + 1] = {{0}};
    (void)state;

    mem_init(&m, 0);
    refs_init(&r, &m, ORDERS, (const u64[2]){99});
    for (u64 step = 0; step < 200000; step++) {
        u64 x = hash_u64(step);
        u32 id = 1 + (u32)(x % ORDERS);
        u32 o = (u32)(x >> 32) % OWNERS;
        if (list[id].ref) {
            o = list[id].owner - 256;
            assert_int_equal(refs_find(&r, list[id].owner, list[id].ref), id);
            refs_del(&r, &c[o], list[id].owner, list[id].ref, id);
            assert_int_equal(refs_find(&r, list[id].owner, list[id].ref), 0);
            list[id].ref = 0;
        } else {
            c[o].last += 1 + (u32)(x >> 40) % (x >> 62 ? 5 : 1000);
            list[id] = (struct entry){256 + o, c[o].last};
            refs_add(&r, &c[o], 256 + o, c[o].last, id);
        }
        if (step % 64 == 0)
            refs_check(&r, &c[o], 256 + o);
    }
    for (u32 id = 1; id <= ORDERS; id++) {
        if (list[id].ref)
            assert_int_equal(refs_find(&r, list[id].owner, list[id].ref), id);
    }
    mem_free_all(&m);
}

static void test_orders_come_in_the_order_of_numbers(void **state)
{
    static const u32 numbers[] = {1, 2, 15, 16, 17, 127, 128, 400, 5000, 4000000000u};
    struct mem m;
    struct refs r;
    struct channel c = {0};
    u32 n = 0;
    (void)state;

    mem_init(&m, 0);
    refs_init(&r, &m, 20, (const u64[2]){1});
    for (u32 i = 0; i < ARRAY_LEN(numbers); i++)
        refs_add(&r, &c, 256, numbers[i], i + 1);
    for (u32 id = refs_first(&r, &c); id; id = refs_after(&r, 256, numbers[id - 1]))
        assert_int_equal(id, ++n);
    assert_int_equal(n, ARRAY_LEN(numbers));
    mem_free_all(&m);
}

static void test_first_is_the_smallest_number(void **state)
{
    struct mem m;
    struct refs r;
    struct channel c = {0};
    (void)state;

    mem_init(&m, 0);
    refs_init(&r, &m, 100, (const u64[2]){1});
    for (u32 n = 10; n <= 100; n += 5)
        refs_add(&r, &c, 256, n, n);
    for (u32 n = 10; n <= 100; n += 5) {
        assert_int_equal(refs_first(&r, &c), n);
        refs_del(&r, &c, 256, n, n);
    }
    assert_int_equal(refs_first(&r, &c), 0);
    assert_int_equal(r.page_pool.used, 0);
    assert_int_equal(r.line_pool.used, 0);
    mem_free_all(&m);
}

/* Whoever picks numbers cannot know the key: under another one the same numbers lie elsewhere. */
static void test_places_depend_on_the_key(void **state)
{
    struct mem m;
    struct refs r[2];
    struct channel c[2] = {{0}};
    u32 differ = 0;
    (void)state;

    mem_init(&m, 0);
    for (u32 i = 0; i < 2; i++) {
        refs_init(&r[i], &m, 1000, (const u64[2]){i});
        for (u32 n = PAGE_REFS; n < PAGE_REFS * 100; n += PAGE_REFS)
            refs_add(&r[i], &c[i], 256, n, n / PAGE_REFS);
    }
    for (u64 at = 0; at <= r[0].mask; at++)
        differ += r[0].table[at] != r[1].table[at];
    assert_true(differ > 90);
    mem_free_all(&m);
}

/* The hash of a page: what the only entry of a table tells. */
static u32 hash_of(struct refs *r, u32 base)
{
    struct channel c = {0};
    u32 hash = 0;

    refs_add(r, &c, 256, base * PAGE_REFS + 1, 1);
    for (u64 at = 0; at <= r->mask; at++)
        hash |= (u32)(r->table[at] >> 32);
    refs_del(r, &c, 256, base * PAGE_REFS + 1, 1);
    return hash;
}

/* Pages that all lie in one place under a key that is known are spread under one that is not. */
static void test_collisions_do_not_outlive_the_key(void **state)
{
    struct mem m;
    struct refs known, secret;
    u32 used = 0;
    u32 places[1024] = {0};
    u32 deepest = 0;
    (void)state;

    mem_init(&m, 0);
    refs_init(&known, &m, 1, (const u64[2]){1});
    refs_init(&secret, &m, 1, (const u64[2]){0x5eed, 0xfeed});
    for (u32 base = 1; used < 256; base++) {
        if (hash_of(&known, base) % 1024 != 0)
            continue;
        u32 *place = &places[hash_of(&secret, base) % 1024];
        *place += 1;
        deepest = max_u32(deepest, *place);
        used++;
    }
    assert_true(deepest <= 6);
    mem_free_all(&m);
}

/* Rows of numbers, the usual case, do not pile up under any of some keys. */
static void test_rows_of_pages_spread(void **state)
{
    struct mem m;
    struct refs r;
    (void)state;

    mem_init(&m, 0);
    for (u64 key = 0; key < 32; key++) {
        struct channel c = {0};
        u64 far = 0;
        refs_init(&r, &m, 8192, (const u64[2]){key, ~key});
        for (u32 base = 0; base < 8192; base++)
            refs_add(&r, &c, 256, base * PAGE_REFS + 1, 1 + base);
        for (u64 at = 0; at <= r.mask; at++) {
            u64 home = r.table[at] ? (r.table[at] >> 32) & r.mask : at;
            far += (at - home) & r.mask;
        }
        assert_true(far < 8192); /* half full: half a step each is usual */
    }
    mem_free_all(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_dense_numbers_share_lines),
        cmocka_unit_test(test_a_jump_to_four_billion_costs_two_lines),
        cmocka_unit_test(test_against_a_list),
        cmocka_unit_test(test_orders_come_in_the_order_of_numbers),
        cmocka_unit_test(test_first_is_the_smallest_number),
        cmocka_unit_test(test_places_depend_on_the_key),
        cmocka_unit_test(test_collisions_do_not_outlive_the_key),
        cmocka_unit_test(test_rows_of_pages_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
