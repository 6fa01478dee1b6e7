/* test_histogram.c - percentiles against a sorted array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>

#include "engine/base/hash.h"
#include "engine/base/histogram.h"

#define VALUES 20000u

static struct histogram h;
static struct histogram other;
static u64 values[VALUES];

static u64 seed(void)
{
    const char *text = getenv("WB_SEED");
    return text ? strtoull(text, NULL, 0) : 1;
}

static int compare(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return x < y ? -1 : x > y;
}

/* Nearest rank, the definition that histogram_percentile follows. */
static u64 exact_percentile(u32 n, double percent)
{
    u64 rank = (u64)ceil(percent / 100.0 * n);
    return values[rank == 0 ? 0 : rank - 1];
}

/* The reported value is never below the true one and at most 1/512 above it. */
static void assert_percentiles(u32 n)
{
    static const double levels[] = {0, 0.01, 1, 10, 50, 90, 99, 99.9, 99.99, 100};

    qsort(values, n, sizeof values[0], compare);
    for (u32 i = 0; i < ARRAY_LEN(levels); i++) {
        u64 want = exact_percentile(n, levels[i]);
        u64 got = histogram_percentile(&h, levels[i]);
        if (got < want || got > want + want / 512)
            fail_msg("seed %llu: p%g is %llu, reported %llu", (unsigned long long)seed(), levels[i],
                     (unsigned long long)want, (unsigned long long)got);
    }
    assert_int_equal(h.min, values[0]);
    assert_int_equal(h.max, values[n - 1]);
    assert_int_equal(h.count, n);
}

static void test_property_percentiles(void **state)
{
    (void)state;
    for (u32 round = 0; round < 20; round++) {
        u32 n = 1 + (u32)(hash_2u64(seed(), round, 1) % VALUES);
        u64 sum = 0;
        histogram_init(&h);
        for (u32 i = 0; i < n; i++) {
            u32 bits = 1 + (u32)(hash_2u64(seed() + round, i, 2) % 39);
            values[i] = hash_2u64(seed() + round, i, 3) >> (64 - bits);
            histogram_record(&h, values[i]);
            sum += values[i];
        }
        assert_int_equal(h.sum, sum);
        assert_percentiles(n);
    }
}

/* Every power of two and its neighbours: where the steps change. */
static void test_edges(void **state)
{
    (void)state;
    for (u32 bit = 0; bit < 40; bit++) {
        for (i64 d = -1; d <= 1; d++) {
            u64 v = (1ull << bit) + (u64)d;
            if (v >= 1ull << 40)
                continue;
            histogram_init(&h);
            histogram_record(&h, v);
            histogram_record(&h, (1ull << 40) - 1);
            u64 got = histogram_percentile(&h, 50);
            assert_true(got >= v && got <= v + v / 512);
        }
    }
}

static void test_small_values_are_exact(void **state)
{
    (void)state;
    histogram_init(&h);
    for (u32 v = 0; v < 1024; v++)
        histogram_record(&h, v);
    for (u32 v = 0; v < 1024; v++)
        assert_int_equal(histogram_percentile(&h, (v + 0.5) / 1024 * 100), v);
}

static void test_empty_and_too_long(void **state)
{
    (void)state;
    histogram_init(&h);
    assert_int_equal(histogram_percentile(&h, 50), 0);
    histogram_record(&h, UINT64_MAX);
    assert_int_equal(h.max, (1ull << 40) - 1);
    assert_int_equal(histogram_percentile(&h, 50), (1ull << 40) - 1);
}

/* Two halves merged are the whole; an empty one changes nothing. */
static void test_merge(void **state)
{
    static struct histogram whole;

    (void)state;
    histogram_init(&h);
    histogram_init(&other);
    histogram_init(&whole);
    histogram_merge(&h, &other);
    for (u32 i = 0; i < VALUES; i++) {
        values[i] = hash_2u64(seed(), i, 9) >> 30;
        if (i < 6) /* both extremes are in the one that is merged */
            values[i] = i == 0 ? 1ull << 39 : i == 3 ? 0 : 5;
        histogram_record(i % 3 ? &h : &other, values[i]);
        histogram_record(&whole, values[i]);
    }
    histogram_merge(&h, &other);
    assert_memory_equal(&h, &whole, sizeof h);
    assert_percentiles(VALUES);
}

/* 99.9 % of 2,000 values is the 1,998th, although the product of the two is a little more. */
static void test_no_rounding_up(void **state)
{
    (void)state;
    histogram_init(&h);
    for (u64 v = 1; v <= 1000; v++) {
        histogram_record(&h, v);
        histogram_record(&h, v);
    }
    assert_int_equal(histogram_percentile(&h, 99.9), 999);
    assert_int_equal(histogram_percentile(&h, 99.91), 1000);
    assert_int_equal(histogram_percentile(&h, 50), 500);
    assert_int_equal(histogram_percentile(&h, 100), 1000);
    assert_int_equal(histogram_percentile(&h, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_property_percentiles),
        cmocka_unit_test(test_no_rounding_up),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_small_values_are_exact),
        cmocka_unit_test(test_empty_and_too_long),
        cmocka_unit_test(test_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
