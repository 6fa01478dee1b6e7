/*
 * test_account.c - accounts' channels, and the names of accounts and instruments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "engine/account.h"
#include "engine/names.h"

static void test_names_get_ids_from_one(void **state)
{
    struct mem m;
    struct names n;
    char text[9];
    (void)state;

    mem_init(&m, 0);
    names_init(&n, &m, 1000, 5);
    for (u32 i = 1; i <= 1000; i++) {
        snprintf(text, sizeof text, "S%07u", i * 37);
        assert_int_equal(names_find(&n, names_key(text, 8)), 0);
        assert_int_equal(names_add(&n, names_key(text, 8)), i);
    }
    for (u32 i = 1; i <= 1000; i++) {
        snprintf(text, sizeof text, "S%07u", i * 37);
        assert_int_equal(names_find(&n, names_key(text, 8)), i);
    }
    assert_int_equal(names_find(&n, names_key("nobody  ", 8)), 0);
    assert_int_not_equal(names_key("ANN   ", 6), names_key("ANN   X", 7));
    mem_free_all(&m);
}

static void test_channels_exist_once_used(void **state)
{
    struct mem m;
    struct accounts a;
    (void)state;

    mem_init(&m, 0);
    accounts_init(&a, &m, 2, 1);
    assert_false(account_known(&a, 0));
    assert_false(account_known(&a, 1));
    names_add(&a.names, 1);
    names_add(&a.names, 2);
    assert_true(account_known(&a, 2));
    assert_false(account_known(&a, 3));

    assert_non_null(account_channel(&a, 1, 0));
    assert_null(account_channel(&a, 1, 9));
    assert_int_equal(account_last_ref(&a, 1, 9), 0);
    assert_int_equal(a.block_pool.used, 0);
    account_channel_get(&a, 1, 9)->last = 5;
    assert_int_equal(account_last_ref(&a, 1, 9), 5);
    assert_int_equal(account_last_ref(&a, 1, 8), 0);
    assert_int_equal(account_last_ref(&a, 2, 9), 0);
    assert_int_equal(a.block_pool.used, 1);
    mem_free_all(&m);
}

static void test_all_channels_and_the_end_of_the_day(void **state)
{
    struct mem m;
    struct accounts a;
    (void)state;

    mem_init(&m, 0);
    accounts_init(&a, &m, 1, 1);
    names_add(&a.names, 1);
    a.at[1].stream = 1;
    a.at[1].next_session_seq = 77;
    for (u32 idx = 0; idx < CHANNELS_MAX; idx++)
        account_channel_get(&a, 1, (u8)idx)->last = idx + 1;
    for (u32 idx = 0; idx < CHANNELS_MAX; idx++)
        assert_int_equal(account_last_ref(&a, 1, (u8)idx), idx + 1);
    assert_int_equal(a.block_pool.used, CHANNEL_BLOCKS);
    account_day_close(&a, 1);
    assert_int_equal(a.block_pool.used, 0);
    assert_int_equal(a.at[1].next_session_seq, 1);
    for (u32 idx = 0; idx < CHANNELS_MAX; idx++)
        assert_int_equal(account_last_ref(&a, 1, (u8)idx), 0);
    assert_int_equal(account_channel_get(&a, 1, 200)->last, 0); /* nothing of yesterday in it */
    mem_free_all(&m);
}

static void test_a_full_pool_of_channels_says_so(void **state)
{
    struct mem m;
    struct accounts a;
    (void)state;

    mem_init(&m, 0);
    accounts_init(&a, &m, 1, 1);
    names_add(&a.names, 1);
    while (!pool_full(&a.block_pool))
        pool_take(&a.block_pool);
    assert_null(account_channel_get(&a, 1, 1));
    assert_non_null(account_channel_get(&a, 1, 0));
    mem_free_all(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_get_ids_from_one),
        cmocka_unit_test(test_channels_exist_once_used),
        cmocka_unit_test(test_all_channels_and_the_end_of_the_day),
        cmocka_unit_test(test_a_full_pool_of_channels_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
