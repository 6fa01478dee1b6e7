/*
 * test_schedule.c - a trading day's phases, holidays and half days, the calendar's file, and the
 * admin agent that goes through them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/base/mem.h"
#include "engine/msg/msg.h"
#include "gateway/admin/admin.h"
#include "gateway/admin/calendar.h"
#include "gateway/admin/schedule.h"

#define MINUTE_NS (60 * NS_PER_SEC)
#define MONDAY    20261123u /* Thanksgiving is on the 26th */

static struct mem mem;
static struct ring ring;
static struct metric open_day, phase, due; /* as the engine would say them */

static struct schedule nyse(void)
{
    return (struct schedule){
        .on = true,
        .pre_open_minute = 4 * 60,
        .opening_minute = 9 * 60 + 30,
        .closing_minute = 16 * 60,
        .closed_minute = 20 * 60,
        .half_closing_minute = 13 * 60,
        .late_s = 120,
        .wide_opening_s = 900,
        .wide_closing_s = 1500,
    };
}

static int setup(void **state)
{
    (void)state;
    setenv("TZ", "America/New_York", 1);
    tzset();
    mem_init(&mem, 0);
    ring_init(&ring, &mem, "admin", 16);
    metric_set(&open_day, 0);
    metric_set(&phase, PHASE_TRADING);
    metric_set(&due, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mem_free_all(&mem);
    return 0;
}

static int write_calendar(const char *text, struct schedule *s, char *errors, size_t bytes)
{
    char path[] = "/tmp/wb-calendar-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    FILE *out = fmemopen(errors, bytes, "w");
    int n = schedule_load(s, path, out);
    fclose(out);
    unlink(path);
    return n;
}

/* ---- a day ---- */

static void assert_change(const struct schedule_change *c, u32 day, int minute, int second,
                          char letter, const char *flags)
{
    u64 ns = calendar_midnight_ns(day) + (u64)(minute * 60 + second) * NS_PER_SEC;
    char got[4] = {c->wide ? 'w' : '-', c->late ? 'l' : '-', c->closing ? 'c' : '-', 0};

    assert_int_equal(c->ns, ns);
    assert_int_equal(c->phase, letter);
    assert_string_equal(got, flags);
}

static void test_a_day(void **state)
{
    struct schedule s = nyse();
    struct schedule_change c[SCHEDULE_CHANGES_MAX];
    (void)state;

    assert_int_equal(schedule_of_day(&s, MONDAY, c), 9);
    assert_change(&c[0], MONDAY, 0, 0, 'Z', "---");
    assert_change(&c[1], MONDAY, 4 * 60, 0, 'P', "---");
    assert_change(&c[2], MONDAY, 9 * 60 + 28, 0, 'P', "-l-");
    assert_change(&c[3], MONDAY, 9 * 60 + 30, 0, 'T', "w--");
    assert_change(&c[4], MONDAY, 9 * 60 + 45, 0, 'T', "---");
    assert_change(&c[5], MONDAY, 15 * 60 + 35, 0, 'T', "w--");
    assert_change(&c[6], MONDAY, 15 * 60 + 58, 0, 'T', "wl-");
    assert_change(&c[7], MONDAY, 16 * 60, 0, 'X', "--c");
    assert_change(&c[8], MONDAY, 20 * 60, 0, 'Z', "---");
}

static void test_a_half_day_and_no_extended_hours(void **state)
{
    struct schedule s = nyse();
    struct schedule_change c[SCHEDULE_CHANGES_MAX];
    (void)state;

    s.dates[s.dates_used++] = (struct schedule_date){.day = 20261127, .half = 1};
    assert_int_equal(schedule_of_day(&s, 20261127, c), 9);
    assert_change(&c[7], 20261127, 13 * 60, 0, 'X', "--c");
    assert_change(&c[8], 20261127, 17 * 60, 0, 'Z', "---");
    s.closed_minute = s.closing_minute;
    s.late_s = s.wide_opening_s = s.wide_closing_s = 0;
    assert_int_equal(schedule_of_day(&s, MONDAY, c), 4);
    assert_change(&c[3], MONDAY, 16 * 60, 0, 'Z', "--c");
}

/* Minutes are of the wall clock, also on the days on which it is changed. */
static void test_summer_time(void **state)
{
    struct schedule s = nyse();
    struct schedule_change c[SCHEDULE_CHANGES_MAX];
    (void)state;

    schedule_of_day(&s, 20261101, c);
    assert_int_equal(c[3].ns, calendar_end_ns(20261101, 9 * 60 + 30));
    assert_int_equal(c[3].ns - c[0].ns, (10 * 60 + 30) * MINUTE_NS);
}

static void test_trading_days(void **state)
{
    struct schedule s = nyse();
    (void)state;

    s.dates[s.dates_used++] = (struct schedule_date){.day = 20261126};
    s.dates[s.dates_used++] = (struct schedule_date){.day = 20261128, .half = 1};
    assert_true(schedule_trades(&s, MONDAY));
    assert_false(schedule_trades(&s, 20261126));
    assert_false(schedule_trades(&s, 20261122)); /* a Sunday */
    assert_true(schedule_trades(&s, 20261128));  /* a Saturday, but it is named */
    s.weekends = true;
    assert_true(schedule_trades(&s, 20261122));
    s.on = false;
    assert_true(schedule_trades(&s, 20261126));
}

/* ---- the file ---- */

static void test_the_calendar_file(void **state)
{
    struct schedule s = nyse();
    char errors[2048] = {0};
    (void)state;

    assert_int_equal(schedule_load(&s, "config/holidays.csv", stderr), 0);
    assert_true(s.dates_used > 20);
    assert_false(schedule_trades(&s, 20261126));
    assert_int_equal(schedule_load(&s, "", stderr), 0);
    assert_int_equal(s.dates_used, 0);
    assert_int_equal(write_calendar("date,kind\n2026-02-29,holiday\n2026-12-25,party\n"
                                    "2026-12-24,half\n2026-12-24,holiday\n26-1-1,holiday\n",
                                    &s, errors, sizeof errors),
                     4);
    assert_non_null(strstr(errors, ":2: date: 2026-02-29: no such day; allowed: yyyy-mm-dd"));
    assert_non_null(strstr(errors, ":3: kind: party: no such kind of day"));
    assert_non_null(strstr(errors, ":5: date: 2026-12-24: this day stands in an earlier line"));
    assert_non_null(strstr(errors, ":6: date: 26-1-1: no such day"));
    s.half_closing_minute = -1;
    memset(errors, 0, sizeof errors);
    assert_int_equal(write_calendar("date,kind\n2026-12-24,half\n", &s, errors, sizeof errors), 1);
    assert_non_null(strstr(errors, "allowed: set venue.half_closing"));
    assert_int_equal(schedule_load(&s, "/nowhere/at/all.csv", fopen("/dev/null", "w")), 1);
}

/* ---- the agent ---- */

static const union msg *sent(u8 type)
{
    static union msg copy;
    const union msg *m = msg_peek(&ring, &copy);

    if (type == 0) {
        assert_null(m);
        return NULL;
    }
    assert_non_null(m);
    assert_int_equal(m->cmd.type, type);
    copy = *m;
    ring_take(&ring, 1);
    return &copy;
}

/* The next command is a change to `letter`; the engine makes it. */
static void expect_phase(struct admin *a, char letter, u64 now)
{
    admin_do_work(a, now);
    const union msg *m = sent(CMD_PHASE);
    assert_int_equal(m->course.phase, letter);
    assert_int_equal(m->course.instrument, 0);
    assert_int_equal(m->course.reason, COURSE_SCHEDULE);
    assert_false(admin_settled(a, now));
    admin_do_work(a, now); /* one at a time */
    sent(0);
    metric_set(&phase, m->course.phase);
    metric_set(&due, m->course.due_ns);
}

static void begin(struct admin *a, const struct schedule *s, u32 day, u64 now)
{
    static const struct admin_conf conf = {.day_end_minute = -1, .metrics_file = ""};

    metric_set(&open_day, day);
    admin_init(a, &conf, &ring, &open_day, day, now);
    admin_follow(a, s, &phase, &due, now);
}

static void test_goes_through_a_day(void **state)
{
    struct schedule s = nyse();
    u64 midnight = calendar_midnight_ns(MONDAY);
    struct admin a;
    (void)state;

    begin(&a, &s, 0, midnight);
    admin_do_work(&a, midnight);
    assert_int_equal(sent(CMD_DAY_OPEN)->day.day, MONDAY);
    metric_set(&open_day, MONDAY);
    expect_phase(&a, 'Z', midnight);
    admin_do_work(&a, midnight + 4 * 60 * MINUTE_NS - 1);
    sent(0);
    assert_true(admin_settled(&a, midnight + 4 * 60 * MINUTE_NS - 1));
    expect_phase(&a, 'P', midnight + 4 * 60 * MINUTE_NS);
}

/* A start in the middle of a day, after having been away over three changes. */
static void test_makes_up_for_what_was_missed(void **state)
{
    struct schedule s = nyse();
    u64 midnight = calendar_midnight_ns(MONDAY);
    u64 now = midnight + 10 * 60 * MINUTE_NS;
    struct admin a;
    (void)state;

    metric_set(&due, midnight + 4 * 60 * MINUTE_NS); /* P was made */
    begin(&a, &s, MONDAY, now);
    assert_false(admin_settled(&a, now));
    expect_phase(&a, 'P', now); /* late */
    expect_phase(&a, 'T', now); /* wide */
    expect_phase(&a, 'T', now);
    admin_do_work(&a, now);
    sent(0);
    assert_true(admin_settled(&a, now));
}

static void test_holidays_are_no_days(void **state)
{
    struct schedule s = nyse();
    u64 midnight = calendar_midnight_ns(20261126);
    struct admin a;
    (void)state;

    s.dates[s.dates_used++] = (struct schedule_date){.day = 20261126};
    begin(&a, &s, 0, midnight + 60 * MINUTE_NS);
    admin_do_work(&a, midnight + 23 * 60 * MINUTE_NS);
    sent(0);
    admin_do_work(&a, calendar_midnight_ns(20261127));
    assert_int_equal(sent(CMD_DAY_OPEN)->day.day, 20261127);
    /* asleep from Friday to Sunday: the next one is Monday */
    begin(&a, &s, 0, calendar_midnight_ns(20261128) - 1);
    a.next_change_ns = 0;
    admin_do_work(&a, calendar_midnight_ns(20261129));
    sent(0);
    admin_do_work(&a, calendar_midnight_ns(20261130));
    assert_int_equal(sent(CMD_DAY_OPEN)->day.day, 20261130);
}

/* A schedule that was taken away has left the venue closed. */
static void test_without_a_schedule_everything_trades(void **state)
{
    struct schedule s = {0};
    u64 now = calendar_midnight_ns(MONDAY) + MINUTE_NS;
    struct admin a;
    (void)state;

    begin(&a, &s, MONDAY, now);
    admin_do_work(&a, now);
    sent(0);
    metric_set(&phase, PHASE_CLOSED);
    metric_set(&due, 1);
    expect_phase(&a, 'T', now);
    admin_do_work(&a, now);
    sent(0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_a_day),
        T(test_a_half_day_and_no_extended_hours),
        T(test_summer_time),
        T(test_trading_days),
        T(test_the_calendar_file),
        T(test_goes_through_a_day),
        T(test_makes_up_for_what_was_missed),
        T(test_holidays_are_no_days),
        T(test_without_a_schedule_everything_trades),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
