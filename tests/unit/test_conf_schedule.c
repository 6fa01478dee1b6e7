/* test_conf_schedule.c - the keys of the venue's schedule: what fits together and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "gateway/conf.h"

static struct conf conf;
static char errors[4096];

static int parse(const char *yaml)
{
    memset(errors, 0, sizeof errors);
    FILE *f = fmemopen(errors, sizeof errors, "w");
    int count = conf_parse("f.yaml", yaml, strlen(yaml), &conf, f);
    fclose(f);
    return count;
}

static void assert_error(const char *yaml, const char *want)
{
    int count = parse(yaml);
    if (strcmp(errors, want) != 0 || count != 1)
        fail_msg("%d errors for:\n%s\nsaid:   %swanted: %s", count, yaml, errors, want);
}

static void test_no_schedule_is_the_default(void **state)
{
    (void)state;
    assert_int_equal(parse(""), 0);
    assert_int_equal(conf.schedule.pre_open_minute, -1);
    assert_int_equal(conf.schedule.late_s, 120);
    assert_false(conf.schedule.weekends);
}

static void test_a_schedule(void **state)
{
    (void)state;
    assert_int_equal(parse("venue:\n  pre_open: 04:00\n  opening: 09:30\n  closing: 16:00\n"
                           "  closed: 20:00\n  half_closing: 13:00\n  late_s: 60\n"
                           "  weekends: yes\n  calendar_file: config/holidays.csv\n"),
                     0);
    assert_int_equal(conf.schedule.pre_open_minute, 240);
    assert_int_equal(conf.schedule.closed_minute, 1200);
    assert_int_equal(conf.schedule.half_closing_minute, 780);
    assert_int_equal(conf.schedule.late_s, 60);
    assert_true(conf.schedule.weekends);
    assert_string_equal(conf.schedule.calendar_file, "config/holidays.csv");
    assert_int_equal(parse("venue: {pre_open: 04:00, opening: 09:30, closing: 16:00, "
                           "closed: 16:00}\n"),
                     0); /* no extended hours */
}

static void test_what_does_not_fit(void **state)
{
    (void)state;
    assert_error("venue:\n  pre_open: 04:00\n  opening: 09:30\n  closing: 16:00\n",
                 "f.yaml: venue.closed: none: a schedule has all of venue.pre_open, opening, "
                 "closing and closed; allowed: HH:MM, or none in all four\n");
    assert_error("venue:\n  pre_open: 10:00\n  opening: 09:30\n  closing: 16:00\n  closed: 20:00\n",
                 "f.yaml:3: venue.opening: before venue.pre_open; allowed: a later time\n");
    assert_error("venue:\n  pre_open: 04:00\n  opening: 09:30\n  closing: 09:30\n  closed: 20:00\n",
                 "f.yaml:4: venue.closing: before venue.opening; allowed: a later time\n");
    assert_error("venue:\n  pre_open: 04:00\n  opening: 09:30\n  closing: 16:00\n  closed: 20:00\n"
                 "  half_closing: 09:00\n",
                 "f.yaml:6: venue.half_closing: not a time of trading; allowed: after "
                 "venue.opening, up to venue.closing\n");
    assert_error("venue:\n  pre_open: 04:00\n  opening: 09:30\n  closing: 16:00\n  closed: 20:00\n"
                 "  day_end: 18:00\n",
                 "f.yaml:6: venue.day_end: the day ends while the venue is open; allowed: "
                 "venue.closed or later\n");
    assert_error("venue:\n  late_s: 7000\n",
                 "f.yaml:2: venue.late_s: 7000: too large; allowed: 0 to 3600 seconds\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_schedule_is_the_default),
        cmocka_unit_test(test_a_schedule),
        cmocka_unit_test(test_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
