/* test_calendar.c - trading days over month ends, leap days and both changes of summer time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "gateway/admin/calendar.h"

static void zone(const char *name)
{
    setenv("TZ", name, 1);
    tzset();
}

static void test_midnight_is_local(void **state)
{
    (void)state;
    zone("America/New_York");
    /* 2026-11-20 is in winter time, UTC-5: midnight is 05:00 UTC. */
    assert_int_equal(calendar_midnight_ns(20261120), 1795150800ull * NS_PER_SEC);
    assert_int_equal(calendar_day(1795150800ull * NS_PER_SEC), 20261120);
    assert_int_equal(calendar_day(1795150800ull * NS_PER_SEC - 1), 20261119);
    zone("UTC");
    assert_int_equal(calendar_midnight_ns(19700102), 86400ull * NS_PER_SEC);
}

static void test_next_day(void **state)
{
    (void)state;
    zone("America/New_York");
    assert_int_equal(calendar_next_day(20261231), 20270101);
    assert_int_equal(calendar_next_day(20280228), 20280229);
    assert_int_equal(calendar_next_day(20270228), 20270301);
    /* the days around both changes of summer time */
    assert_int_equal(calendar_next_day(20260307), 20260308);
    assert_int_equal(calendar_next_day(20260308), 20260309);
    assert_int_equal(calendar_next_day(20261101), 20261102);
}

static void test_end_of_day(void **state)
{
    (void)state;
    zone("America/New_York");
    /* 23 hours long in March, 25 in November */
    assert_int_equal(calendar_end_ns(20260308, -1) - calendar_midnight_ns(20260308),
                     23 * 3600 * NS_PER_SEC);
    assert_int_equal(calendar_end_ns(20261101, -1) - calendar_midnight_ns(20261101),
                     25 * 3600 * NS_PER_SEC);
    assert_int_equal(calendar_end_ns(20261120, 17 * 60 + 30) - calendar_midnight_ns(20261120),
                     (17 * 3600 + 1800) * NS_PER_SEC);
}

static void test_every_day_of_years_follows(void **state)
{
    (void)state;
    zone("Europe/Berlin");
    u32 day = 20240101;
    for (int i = 0; i < 2000; i++) {
        u32 next = calendar_next_day(day);
        assert_true(next > day);
        assert_int_equal(calendar_end_ns(day, -1), calendar_midnight_ns(next));
        assert_int_equal(calendar_day(calendar_midnight_ns(next)), next);
        assert_int_equal(calendar_day(calendar_midnight_ns(next) - 1), day);
        day = next;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_midnight_is_local),
        cmocka_unit_test(test_next_day),
        cmocka_unit_test(test_end_of_day),
        cmocka_unit_test(test_every_day_of_years_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
