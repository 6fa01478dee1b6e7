/* test_rates.c - rates and repeats at their boundaries, and what a crowd of keys does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gateway/session/rates.h"

#define T0 (1000 * NS_PER_SEC)

static struct mem mem;
static struct rates rates;

static int setup(void **state)
{
    (void)state;
    mem_init(&mem, 0);
    rates_init(&rates, &mem, 7);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mem_free_all(&mem);
    return 0;
}

/* A burst of a second's worth, then one for each share of a second, and never more over time. */
static void test_rate(void **state)
{
    u32 passed = 0;
    (void)state;

    for (u32 i = 0; i < 50; i++)
        passed += rates_pass(&rates, 1, 10, T0);
    assert_int_equal(passed, 10);
    assert_false(rates_pass(&rates, 1, 10, T0));
    assert_true(rates_pass(&rates, 2, 10, T0)); /* another one */
    assert_true(rates_pass(&rates, 1, 10, T0 + 100 * NS_PER_MS));
    assert_false(rates_pass(&rates, 1, 10, T0 + 100 * NS_PER_MS));
    for (u64 ms = 100; ms < 10100; ms++)
        passed += rates_pass(&rates, 1, 10, T0 + ms * NS_PER_MS);
    assert_in_range(passed, 109, 111);
    passed = 0;
    for (u32 i = 0; i < 50; i++) /* a pause saves up one second, no more */
        passed += rates_pass(&rates, 1, 10, T0 + 1000 * NS_PER_SEC);
    assert_int_equal(passed, 10);
}

static void test_repeat(void **state)
{
    (void)state;
    for (u32 i = 0; i < 5; i++)
        assert_int_equal(rates_repeat(&rates, 1, 3, 50 * NS_PER_MS, T0 + i), i < 3);
    assert_true(rates_repeat(&rates, 2, 3, 50 * NS_PER_MS, T0));
    assert_false(rates_repeat(&rates, 1, 3, 50 * NS_PER_MS, T0 + 50 * NS_PER_MS - 1));
    assert_true(rates_repeat(&rates, 1, 3, 50 * NS_PER_MS, T0 + 50 * NS_PER_MS)); /* a new window */
}

/* Thousands of other keys, all of them through, take no place from one that is busy. */
static void test_crowd(void **state)
{
    (void)state;
    while (rates_pass(&rates, 1, 1000, T0))
        ;
    for (u64 key = 2; key < 100000; key++)
        assert_true(rates_pass(&rates, key, 1000000, T0));
    assert_false(rates_pass(&rates, 1, 1000, T0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeat, setup, teardown),
        cmocka_unit_test_setup_teardown(test_crowd, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
