/* test_bare_book.c - the floors of the benchmark do what the workload's golden values say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lib/bounded_book.h"
#include "tests/lib/floors.h"

static void check(const struct floor *f, u32 symbols, u64 warm, u64 n, u64 seed, u32 open_max)
{
    struct ops ops;
    struct bare_result r = {0};

    ops_generate(&ops, symbols, warm, n, seed, f->sparse && seed != 1);
    void *book = f->make(&ops.header, open_max);
    f->run(book, ops.records, warm, &r);
    assert_int_equal(r.trades, 0); /* warming up never trades */
    r.rejects = 0;
    f->run(book, ops.records + warm, n, &r);
    assert_true(floor_golden(&r, &ops.header));
    if (f->check)
        assert_int_equal(f->check(book), r.resting);
    f->free(book);
    free(ops.records);
}

/* Dense ids and, who takes them, scattered ones; no more places than orders are open at once. */
static void test_golden(void **state)
{
    (void)state;
    for (u32 i = 0; i < FLOORS; i++) {
        check(&floors[i], 1, 1000, 50000, 42, 20000);
        check(&floors[i], 100, 10000, 100000, 7, 40000);
        check(&floors[i], 1000, 50000, 50000, 1, 100000);
    }
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
        cmocka_unit_test(test_any_price),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
