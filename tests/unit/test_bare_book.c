/* test_bare_book.c - the floor of the benchmark does what the workload's golden values say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "tests/lib/bare_book.h"

static void check(u32 symbols, u64 warm, u64 n, u64 seed)
{
    struct ops ops;
    struct bare_result r = {0};

    ops_generate(&ops, symbols, warm, n, seed, false);
    struct bare_book *b = bare_book_new(&ops.header);
    bare_book_run(b, ops.records, warm, &r);
    assert_int_equal(r.trades, 0); /* warming up never trades */
    r.rejects = 0;
    bare_book_run(b, ops.records + warm, n, &r);
    assert_int_equal(r.traded_qty, ops.header.traded_qty);
    assert_int_equal(r.trades, ops.header.trades);
    assert_true(r.fill_hash == ops.header.fill_hash);
    assert_int_equal(r.resting, ops.header.resting);
    assert_int_equal(r.rejects, ops.header.rejects);
    bare_book_free(b);
    free(ops.records);
}

static void test_golden(void **state)
{
    (void)state;
    check(1, 1000, 50000, 42);
    check(100, 10000, 100000, 7);
    check(1000, 50000, 50000, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
