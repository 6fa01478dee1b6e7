/* test_bare_book.c - the floors of the benchmark do what the workload's golden values say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "tests/lib/bounded_book.h"
#include "tests/lib/own_book.h"

static void check_result(const struct bare_result *r, const struct ops_header *h)
{
    assert_int_equal(r->traded_qty, h->traded_qty);
    assert_int_equal(r->trades, h->trades);
    assert_true(r->fill_hash == h->fill_hash);
    assert_int_equal(r->resting, h->resting);
    assert_int_equal(r->rejects, h->rejects);
}

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
    check_result(&r, &ops.header);
    bare_book_free(b);
    free(ops.records);
}

/* A book of so many orders at most; prices may be moved up as far as they go. */
static void check_bounded(u32 symbols, u64 warm, u64 n, u64 seed, bool sparse, u32 open_max)
{
    struct ops ops;
    struct bare_result r = {0};

    ops_generate(&ops, symbols, warm, n, seed, sparse);
    struct bounded_book *b = bounded_book_new(symbols, open_max);
    bounded_book_run(b, ops.records, warm, &r);
    assert_int_equal(r.trades, 0);
    r.rejects = 0;
    bounded_book_run(b, ops.records + warm, n, &r);
    check_result(&r, &ops.header);
    bounded_book_free(b);
    free(ops.records);
}

static void test_golden(void **state)
{
    (void)state;
    check(1, 1000, 50000, 42);
    check(100, 10000, 100000, 7);
    check(1000, 50000, 50000, 1);
}

/* Ids of any kind; no more places than orders are open at once. */
static void test_bounded_golden(void **state)
{
    (void)state;
    check_bounded(1, 1000, 50000, 42, false, 20000);
    check_bounded(100, 10000, 100000, 7, true, 40000);
    check_bounded(1000, 50000, 50000, 1, false, 100000);
}

/* The engine's parts; their invariants hold behind it. */
static void check_own(u32 symbols, u64 warm, u64 n, u64 seed, u32 open_max)
{
    struct ops ops;
    struct bare_result r = {0};

    ops_generate(&ops, symbols, warm, n, seed, false);
    struct own_book *b = own_book_new(symbols, open_max);
    own_book_run(b, ops.records, warm, &r);
    assert_int_equal(r.trades, 0);
    r.rejects = 0;
    own_book_run(b, ops.records + warm, n, &r);
    check_result(&r, &ops.header);
    assert_int_equal(own_book_check(b), r.resting);
    own_book_free(b);
    free(ops.records);
}

static void test_own_golden(void **state)
{
    (void)state;
    check_own(1, 1000, 50000, 42, 20000);
    check_own(100, 10000, 100000, 7, 40000);
    check_own(1000, 50000, 50000, 1, 100000);
}

/* Any price: the best of some that are far apart, and of neighbours, on both sides. */
static void test_any_price(void **state)
{
    static const u32 prices[] = {1, 31, 32, 33, 1000, 70000, 1u << 20, 1u << 27, 0x7FFFFFFF, ~0u};
    u32 n = ARRAY_LEN(prices);
    struct bounded_book *b = bounded_book_new(2, n);
    (void)state;

    for (u32 round = 0; round < 2; round++) { /* all is given back for the second one */
        for (u8 sell = 0; sell < 2; sell++) {
            struct bare_result r = {0};
            for (u32 i = 0; i < n; i++) {
                struct ops_record add = {.id = 1ull << 60 | i, .symbol = 1, .qty = 1, .side = sell};
                add.price = prices[(i * 7 + 3) % n];
                bounded_book_run(b, &add, 1, &r);
            }
            assert_int_equal(r.resting, n);
            for (u32 i = 0; i < n; i++) { /* best first, each at its own price */
                u32 price = prices[sell ? i : n - 1 - i];
                u64 maker = 1ull << 60 | (((sell ? i : n - 1 - i) + n - 3) * 3 % n);
                struct ops_record ioc = {.id = 5, .symbol = 1, .type = OPS_IOC, .side = !sell};
                ioc.qty = 1;
                ioc.price = price;
                r.fill_hash = 0;
                bounded_book_run(b, &ioc, 1, &r);
                assert_true(r.fill_hash == ops_mix(0, 5, maker, price, 1));
            }
            assert_int_equal(r.resting, 0);
            assert_int_equal(r.trades, n);
        }
    }
    bounded_book_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_bounded_golden),
        cmocka_unit_test(test_own_golden),
        cmocka_unit_test(test_any_price),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
