/* test_alarm.c - instruments' alarms against a plain list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/alarm.h"
#include "tests/lib/seed.h"

#define MANY 60u

static u64 plain[MANY + 1];

static u32 plain_first(u64 now)
{
    u32 first = 0;
    for (u32 i = 1; i <= MANY; i++)
        if (plain[i] && plain[i] <= now && (!first || plain[i] < plain[first]))
            first = i;
    return first;
}

static void test_alarms_equal_a_list(void **state)
{
    struct rng r = {.seed = test_seed()};
    struct alarms a;
    struct mem m;
    (void)state;

    mem_init(&m, 0);
    alarms_init(&a, &m, MANY);
    for (u32 step = 0; step < 20000; step++) {
        u32 i = (u32)rng_below(&r, MANY) + 1;
        u64 ns = rng_below(&r, 3) ? rng_below(&r, 50) + 1 : 0;
        u64 now = rng_below(&r, 60);
        alarm_set(&a, i, ns);
        plain[i] = ns;
        assert_int_equal(alarm_first(&a, now), plain_first(now));
        alarms_check(&a);
    }
    mem_free_all(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alarms_equal_a_list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
