/* test_map.c - the map against a naive one, and accounts and instruments by name and id. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/session/directory.h"
#include "gateway/session/map.h"
#include "tests/lib/seed.h"

#define KEYS 300u

static void test_map_against_a_naive_one(void **state)
{
    struct mem mem;
    struct map map;
    u32 values[KEYS];
    u32 used = 0;
    struct rng rng = {.seed = test_seed()};
    (void)state;

    mem_init(&mem, 0);
    map_init(&map, &mem, KEYS, 5);
    memset(values, 0xff, sizeof values);
    for (u32 step = 0; step < 200000; step++) {
        u32 key = (u32)rng_below(&rng, KEYS);
        if (values[key] != MAP_NONE && rng_below(&rng, 2) == 0) {
            map_remove(&map, key);
            values[key] = MAP_NONE;
            used--;
        } else if (values[key] == MAP_NONE) {
            values[key] = step;
            map_put(&map, key, step);
            used++;
        }
        u32 other = (u32)rng_below(&rng, KEYS);
        assert_int_equal(map_get(&map, other), values[other]);
        assert_int_equal(map.used, used);
    }
    for (u32 key = 0; key < KEYS; key++)
        assert_int_equal(map_get(&map, key), values[key]);
    assert_int_equal(map_get(&map, KEYS), MAP_NONE);
    mem_free_all(&mem);
}

static void test_ids_come_late(void **state)
{
    struct mem mem;
    struct directory d;
    (void)state;

    mem_init(&mem, 0);
    directory_init(&d, &mem, 4, 4, 1);
    struct account *a = directory_account_add(&d, 0, "ALICE ");
    assert_null(directory_account_of_user(&d, "ALICE ")); /* the engine does not know it yet */
    assert_null(directory_account(&d, 1));
    assert_ptr_equal(directory_account_add(&d, 1, "ALICE "), a);
    assert_ptr_equal(directory_account_add(&d, 0, "ALICE "), a); /* keeps its id */
    assert_ptr_equal(directory_account_of_user(&d, "ALICE "), a);
    assert_ptr_equal(directory_account(&d, 1), a);
    assert_null(directory_account(&d, 2));
    assert_null(directory_account(&d, 99999));
    assert_null(directory_account_of_user(&d, "BOB   "));

    struct instrument *i = directory_instrument_add(&d, 0, "AAPL    ");
    assert_null(directory_instrument_of_symbol(&d, "AAPL    "));
    assert_ptr_equal(directory_instrument_add(&d, 3, "AAPL    "), i);
    assert_ptr_equal(directory_instrument_of_symbol(&d, "AAPL    "), i);
    assert_ptr_equal(directory_instrument(&d, 3), i);
    assert_null(directory_instrument(&d, 1));
    assert_null(directory_instrument(&d, 65535));
    assert_null(directory_instrument_of_symbol(&d, "AAPL   x"));
    mem_free_all(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_against_a_naive_one),
        cmocka_unit_test(test_ids_come_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
