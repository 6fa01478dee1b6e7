/* The benchmark's schedule: exact due times, counting, and the achieved rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/client/bench_schedule.h"

#define T0 (1700000000 * NS_PER_SEC)

static void test_totals(void **state)
{
    (void)state;
    struct bench_schedule s;
    bench_schedule_init(&s, T0, 20000, 2000, 20000);
    assert_int_equal(s.warmup, 40000);
    assert_int_equal(s.total, 440000);
    bench_schedule_init(&s, T0, 1, 0, 10); /* never nothing to measure */
    assert_int_equal(s.total, 1);
}

static void test_due(void **state)
{
    (void)state;
    struct bench_schedule s;
    bench_schedule_init(&s, T0, 20000, 0, 1000);
    assert_int_equal(bench_schedule_due(&s, 0), T0);
    assert_int_equal(bench_schedule_due(&s, 1), T0 + 50000);
    assert_int_equal(bench_schedule_due(&s, 20000), T0 + NS_PER_SEC);

    bench_schedule_init(&s, T0, 3, 0, 1000); /* thirds: rounded, but nothing adds up */
    assert_int_equal(bench_schedule_due(&s, 1), T0 + 333333333);
    assert_int_equal(bench_schedule_due(&s, 2), T0 + 666666666);
    assert_int_equal(bench_schedule_due(&s, 3), T0 + NS_PER_SEC);
    assert_int_equal(bench_schedule_due(&s, 3000000000ull), T0 + NS_PER_SEC * 1000000000ull);
}

/* The count is the number of due times that are not in the future, found the slow way. */
static void test_count(void **state)
{
    (void)state;
    static const u64 rates[] = {1, 3, 7, 1000, 19997, 999983, 10000000};
    struct bench_schedule s;
    for (u32 i = 0; i < ARRAY_LEN(rates); i++) {
        bench_schedule_init(&s, T0, rates[i], 0, 3000);
        assert_int_equal(bench_schedule_count(&s, T0 - 1), 0);
        assert_int_equal(bench_schedule_count(&s, T0), 1);
        for (u64 k = 1; k < s.total; k += 1 + s.total / 997) {
            u64 due = bench_schedule_due(&s, k);
            assert_int_equal(bench_schedule_count(&s, due - 1), k);
            assert_int_equal(bench_schedule_count(&s, due), k + 1);
        }
        assert_int_equal(bench_schedule_count(&s, T0 + 3600 * NS_PER_SEC), s.total);
    }
}

static void test_achieved(void **state)
{
    (void)state;
    struct bench_schedule s;
    bench_schedule_init(&s, T0, 1000, 1000, 10000);
    u64 last = bench_schedule_due(&s, s.total - 1);
    double achieved = bench_schedule_achieved(&s, last); /* all in time */
    assert_true(achieved > 999.999 && achieved < 1000.001);
    achieved = bench_schedule_achieved(&s, last + 50 * NS_PER_MS); /* half a percent late */
    assert_true(achieved > 990 && achieved < 996);
    achieved = bench_schedule_achieved(&s, last + NS_PER_SEC);
    assert_true(achieved < 990);
    assert_true(bench_schedule_achieved(&s, 0) > 0); /* nothing was sent: no division by zero */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totals),
        cmocka_unit_test(test_due),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_achieved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
