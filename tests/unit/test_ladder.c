/*
 * test_ladder.c - the ladder of lines against a sorted array of keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "engine/base/hash.h"
#include "engine/ladder.h"

#define LINES 300u

struct rungs {
    struct mem m;
    struct books b;
    u32 root;
};

static void rungs_init(struct rungs *r)
{
    struct orders o;
    memset(r, 0, sizeof *r);
    mem_init(&r->m, 0);
    orders_init(&o, &r->m, LINES);
    books_init(&r->b, &r->m, 1, &o);
}

static u32 add(struct rungs *r, u32 key)
{
    u32 line = pool_take(&r->b.line_pool);
    r->b.lines[line] = (struct line){.key = key, .side = 2, .bits = 1};
    ladder_add(&r->b, &r->root, line);
    return line;
}

static void del(struct rungs *r, u32 line)
{
    ladder_del(&r->b, &r->root, line);
    pool_give(&r->b.line_pool, line);
}

static int by_key(const void *a, const void *b)
{
    u32 x = *(const u32 *)a;
    u32 y = *(const u32 *)b;
    return x < y ? -1 : x > y;
}

/* All keys are found, in order, linked both ways. */
static void compare(const struct rungs *r, u32 *keys, u32 n)
{
    qsort(keys, n, sizeof *keys, by_key);
    assert_int_equal(ladder_check(&r->b, r->root), n);
    u32 prev = 0;
    for (u32 i = 0; i < n; i++) {
        u32 line = ladder_find(&r->b, r->root, keys[i]);
        assert_int_not_equal(line, 0);
        assert_int_equal(r->b.lines[line].key, keys[i]);
        assert_int_equal(r->b.lines[line].better, prev);
        if (prev)
            assert_int_equal(r->b.lines[prev].worse, line);
        prev = line;
    }
    if (prev)
        assert_int_equal(r->b.lines[prev].worse, 0);
}

static void test_one_line(void **state)
{
    struct rungs r;
    (void)state;

    rungs_init(&r);
    assert_int_equal(ladder_find(&r.b, r.root, 7), 0);
    u32 line = add(&r, 7);
    assert_int_equal(ladder_find(&r.b, r.root, 7), line);
    assert_int_equal(ladder_find(&r.b, r.root, 8), 0);
    del(&r, line);
    assert_int_equal(r.root, 0);
    assert_int_equal(r.b.fork_pool.used, 0);
    mem_free_all(&r.m);
}

static void test_extreme_and_neighbouring_keys(void **state)
{
    u32 keys[] = {0, 1, 2, 3, 0x3FFFFFF, 0x4000000, 0x7FFFFFE, 0x7FFFFFF, 0x5555555, 0x2AAAAAA};
    struct rungs r;
    (void)state;

    rungs_init(&r);
    for (u32 i = 0; i < ARRAY_LEN(keys); i++)
        add(&r, keys[i]);
    compare(&r, keys, ARRAY_LEN(keys));
    mem_free_all(&r.m);
}

/* Keys that differ in one bit each from the next make the longest path there can be: 27 forks. */
static void test_the_longest_path_is_27(void **state)
{
    struct rungs r;
    u32 keys[28];
    (void)state;

    rungs_init(&r);
    for (u32 i = 0; i < 27; i++)
        keys[i] = 1u << i;
    keys[27] = 0;
    for (u32 i = 0; i < ARRAY_LEN(keys); i++)
        add(&r, keys[i]);
    assert_int_equal(r.b.fork_pool.used, 27);
    compare(&r, keys, ARRAY_LEN(keys));
    mem_free_all(&r.m);
}

static void test_against_an_array(void **state)
{
    u32 keys[LINES], lines[LINES], n = 0;
    struct rungs r;
    (void)state;

    rungs_init(&r);
    for (u64 step = 0; step < 30000; step++) {
        u64 x = hash_u64(step);
        u32 key = (u32)(x >> 8) % (x & 1 ? 400 : 1u << 27);
        u32 target = x >> 50 & 256 ? LINES : 20;
        if (n < target && !ladder_find(&r.b, r.root, key)) {
            lines[n++] = add(&r, key);
        } else if (n) {
            u32 i = (u32)(x >> 40) % n;
            del(&r, lines[i]);
            lines[i] = lines[--n];
        }
        if (step % 50 == 0) {
            for (u32 i = 0; i < n; i++)
                keys[i] = r.b.lines[lines[i]].key;
            compare(&r, keys, n);
        }
    }
    mem_free_all(&r.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_line),
        cmocka_unit_test(test_extreme_and_neighbouring_keys),
        cmocka_unit_test(test_the_longest_path_is_27),
        cmocka_unit_test(test_against_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
