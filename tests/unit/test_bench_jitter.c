/* test_bench_jitter.c - each moment is seen once and never before its time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/base/clock.h"
#include "gateway/client/bench_jitter.h"

static void every_moment_test(void **state)
{
    static struct histogram h;

    (void)state;
    clock_init();
    u64 begun_ns = clock_now_ns();
    bench_jitter_run(&h, 10000, 50 * NS_PER_MS);
    u64 took_ns = clock_now_ns() - begun_ns;
    assert_int_equal(h.count, 499); /* the last one would be at the end itself */
    assert_true(took_ns >= 49900 * NS_PER_US);
    assert_true(h.max <= took_ns);
    assert_true(h.min <= h.max);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_moment_test)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
