/* The benchmark's schedule: exact due times in each shape, every session's part, and the rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/client/bench_schedule.h"

#define T0 (1700000000 * NS_PER_SEC)

static struct bench_schedule constant(u64 rate, u64 warmup_ms, u64 run_ms)
{
    struct bench_schedule s;

    bench_schedule_init(&s, BENCH_CONSTANT, 1, T0, rate, warmup_ms, run_ms);
    return s;
}

static void test_totals(void **state)
{
    (void)state;
    struct bench_schedule s = constant(20000, 2000, 20000);
    assert_int_equal(s.warmup, 40000);
    assert_int_equal(s.total, 440000);
    s = constant(1, 0, 10); /* never nothing to measure */
    assert_int_equal(s.total, 1);
}

static void test_constant(void **state)
{
    struct bench_schedule s = constant(3, 1000, 2000);
    struct bench_pace p;

    (void)state;
    bench_pace_init(&p, &s, 0, 1, 1); /* thirds: rounded, but nothing adds up */
    static const u64 due[] = {0,          333333333,      666666666,  NS_PER_SEC, 1333333333,
                              1666666666, 2 * NS_PER_SEC, 2333333333, 2666666666};
    for (u32 k = 0; k < ARRAY_LEN(due); k++) {
        assert_int_equal(bench_pace_due(&p), T0 + due[k]);
        assert_int_equal(bench_pace_measured(&p), k >= 3);
        bench_pace_next(&p);
    }
    assert_int_equal(bench_pace_due(&p), UINT64_MAX);
}

/* Sessions take turns: together they have each due time of one session exactly once. */
static void test_sessions_share(void **state)
{
    static const u64 rates[] = {1, 7, 1000, 19997, 1000000};

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(rates); i++) {
        struct bench_schedule s = constant(rates[i], 0, 100 * 1000 / rates[i] + 50);
        struct bench_pace one, parts[7];
        bench_pace_init(&one, &s, 0, 1, 1);
        for (u32 p = 0; p < 7; p++)
            bench_pace_init(&parts[p], &s, p, 7, p);
        for (u64 k = 0; bench_pace_due(&one) != UINT64_MAX; k++) {
            assert_int_equal(bench_pace_due(&parts[k % 7]), bench_pace_due(&one));
            bench_pace_next(&parts[k % 7]);
            bench_pace_next(&one);
        }
        for (u32 p = 0; p < 7; p++)
            assert_int_equal(bench_pace_due(&parts[p]), UINT64_MAX);
    }
}

/* A burst of 10 at 1,000 a second: ten at the same time, every 10 ms. */
static void test_burst(void **state)
{
    struct bench_schedule s;
    struct bench_pace p;

    (void)state;
    bench_schedule_init(&s, BENCH_BURST, 10, T0, 1000, 0, 1000);
    bench_pace_init(&p, &s, 0, 1, 1);
    for (u64 k = 0; k < 1000; k++) {
        assert_int_equal(bench_pace_due(&p), T0 + k / 10 * 10 * NS_PER_MS);
        bench_pace_next(&p);
    }
}

/* Exponential gaps: mean and deviation are equal, and a share of 1/e is longer than the mean. */
static void test_poisson(void **state)
{
    struct bench_schedule s;
    struct bench_pace p, again;
    double sum = 0, squares = 0, longer = 0;

    (void)state;
    bench_schedule_init(&s, BENCH_POISSON, 1, T0, 4000, 0, 50000);
    bench_pace_init(&p, &s, 1, 4, 42);
    bench_pace_init(&again, &s, 1, 4, 42);
    u64 before = T0;
    u64 n = 0;
    for (; bench_pace_due(&p) != UINT64_MAX; n++) {
        assert_int_equal(bench_pace_due(&again), bench_pace_due(&p));
        double gap = (double)(bench_pace_due(&p) - before) / NS_PER_MS; /* mean 1 ms */
        before = bench_pace_due(&p);
        sum += gap;
        squares += gap * gap;
        longer += gap > 1;
        bench_pace_next(&p);
        bench_pace_next(&again);
    }
    assert_int_equal(n, 50000);
    double mean = sum / (double)n;
    assert_true(mean > 0.98 && mean < 1.02);
    assert_true(squares / (double)n > 1.9 && squares / (double)n < 2.1);
    assert_true(longer / (double)n > 0.36 && longer / (double)n < 0.376);
    bench_pace_init(&again, &s, 1, 4, 43);
    bench_pace_init(&p, &s, 1, 4, 42);
    assert_true(bench_pace_due(&p) != bench_pace_due(&again));
}

static void test_rate(void **state)
{
    struct bench_schedule s = constant(1000, 0, 10000);
    u64 last = T0 + 9999 * NS_PER_MS;

    (void)state;
    double rate = bench_schedule_rate(&s, 10000, T0, last); /* all in time */
    assert_true(rate > 999.999 && rate < 1000.001);
    rate = bench_schedule_rate(&s, 10000, T0, last + 50 * NS_PER_MS); /* half a percent late */
    assert_true(rate > 990 && rate < 996);
    assert_true(bench_schedule_rate(&s, 10000, T0, last + NS_PER_SEC) < 990);
    assert_true(bench_schedule_rate(&s, 1, T0, 0) > 0); /* no division by zero */
    bench_schedule_init(&s, BENCH_BURST, 100, T0, 1000, 0, 10000);
    rate = bench_schedule_rate(&s, 10000, T0, T0 + 9900 * NS_PER_MS); /* the last burst in time */
    assert_true(rate > 999.999 && rate < 1000.001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totals),         cmocka_unit_test(test_constant),
        cmocka_unit_test(test_sessions_share), cmocka_unit_test(test_burst),
        cmocka_unit_test(test_poisson),        cmocka_unit_test(test_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
