/* test_admin.c - the days that the admin agent opens and ends, and the metrics file. */
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
#include "engine/base/metrics.h"
#include "engine/msg/msg.h"
#include "gateway/admin/admin.h"
#include "gateway/admin/calendar.h"

#define HOUR_NS (3600 * NS_PER_SEC)

static struct mem mem;
static struct ring ring;
static struct metric open_day; /* as the engine would say it */

static int setup(void **state)
{
    (void)state;
    setenv("TZ", "America/New_York", 1);
    tzset();
    mem_init(&mem, 0);
    ring_init(&ring, &mem, "admin", 16);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mem_free_all(&mem);
    return 0;
}

/*
 * Takes the next command, compares it, and answers as the engine would; 0 for type means that there
 * must be none.
 */
static void expect(u8 type, u32 day)
{
    union msg copy;
    const union msg *m = msg_peek(&ring, &copy);

    if (type == 0) {
        assert_null(m);
        return;
    }
    assert_non_null(m);
    assert_int_equal(m->cmd.type, type);
    assert_int_equal(m->day.day, day);
    assert_int_equal(m->day.midnight_ns, calendar_midnight_ns(day));
    ring_take(&ring, 1);
    metric_set(&open_day, type == CMD_DAY_OPEN ? day : 0);
}

static void begin(struct admin *a, const struct admin_conf *conf, u32 day, u32 last, u64 now)
{
    metric_set(&open_day, day);
    admin_init(a, conf, &ring, &open_day, last, now);
}

/* Another course counts when no day is open any more: the open one keeps its end. */
static void test_course_set(void **state)
{
    struct admin_conf conf = {.day_end_minute = 17 * 60, .metrics_file = ""};
    static const struct schedule none;
    static struct metric phase, due;
    u64 midnight = calendar_midnight_ns(20261120);
    struct admin a;

    (void)state;
    begin(&a, &conf, 0, 0, midnight + HOUR_NS);
    admin_follow(&a, &none, &phase, &due, midnight + HOUR_NS);
    admin_do_work(&a, midnight + HOUR_NS);
    expect(CMD_DAY_OPEN, 20261120);
    admin_do_work(&a, midnight + 2 * HOUR_NS);
    admin_course_set(&a, &none, 18 * 60, midnight + 2 * HOUR_NS);
    admin_do_work(&a, midnight + 17 * HOUR_NS);
    expect(CMD_DAY_END, 20261120);
    admin_do_work(&a, midnight + 17 * HOUR_NS);
    expect(0, 0);
    admin_do_work(&a, midnight + 25 * HOUR_NS);
    expect(CMD_DAY_OPEN, 20261121);
    admin_do_work(&a, midnight + 25 * HOUR_NS);
    admin_do_work(&a, midnight + (24 + 17) * HOUR_NS);
    expect(0, 0);
    admin_do_work(&a, midnight + (24 + 18) * HOUR_NS);
    expect(CMD_DAY_END, 20261121);
}

static void test_rolls_at_midnight(void **state)
{
    struct admin_conf conf = {.day_end_minute = -1, .metrics_file = ""};
    u64 midnight = calendar_midnight_ns(20261120);
    struct admin a;

    (void)state;
    begin(&a, &conf, 0, 0, midnight + HOUR_NS);
    admin_do_work(&a, midnight + HOUR_NS);
    expect(CMD_DAY_OPEN, 20261120);
    admin_do_work(&a, midnight + 24 * HOUR_NS - 1);
    expect(0, 0);
    admin_do_work(&a, midnight + 24 * HOUR_NS);
    expect(CMD_DAY_END, 20261120);
    admin_do_work(&a, midnight + 24 * HOUR_NS);
    expect(CMD_DAY_OPEN, 20261121);
    admin_do_work(&a, midnight + 24 * HOUR_NS);
    expect(0, 0);
}

static void test_closed_in_the_evening(void **state)
{
    struct admin_conf conf = {.day_end_minute = 17 * 60, .metrics_file = ""};
    u64 midnight = calendar_midnight_ns(20261120);
    struct admin a;

    (void)state;
    begin(&a, &conf, 20261120, 20261120, midnight + 16 * HOUR_NS);
    admin_do_work(&a, midnight + 16 * HOUR_NS);
    expect(0, 0);
    admin_do_work(&a, midnight + 17 * HOUR_NS);
    expect(CMD_DAY_END, 20261120);
    admin_do_work(&a, midnight + 23 * HOUR_NS);
    expect(0, 0);
    admin_do_work(&a, midnight + 24 * HOUR_NS);
    expect(CMD_DAY_OPEN, 20261121);
}

static void test_recovered_day_that_is_over(void **state)
{
    struct admin_conf conf = {.day_end_minute = -1, .metrics_file = ""};
    u64 now = calendar_midnight_ns(20261123) + HOUR_NS;
    struct admin a;

    (void)state;
    begin(&a, &conf, 20261120, 20261120, now);
    admin_do_work(&a, now);
    expect(CMD_DAY_END, 20261120);
    admin_do_work(&a, now);
    expect(CMD_DAY_OPEN, 20261123);
}

static void test_full_ring_is_tried_again(void **state)
{
    struct admin_conf conf = {.day_end_minute = -1, .metrics_file = ""};
    u64 now = calendar_midnight_ns(20261120) + HOUR_NS;
    struct slot filler = {{0}};
    struct admin a;

    (void)state;
    for (int i = 0; i < 16; i++)
        assert_true(ring_push(&ring, &filler, 1));
    begin(&a, &conf, 0, 0, now);
    assert_int_equal(admin_do_work(&a, now), 0);
    assert_int_equal(ring_avail(&ring, 16), 16);
    ring_take(&ring, 16);
    assert_int_equal(admin_do_work(&a, now), 1);
    expect(CMD_DAY_OPEN, 20261120);
}

/* The day is open when the engine says so; until then nothing else is asked. */
static void test_waits_for_the_answer(void **state)
{
    struct admin_conf conf = {.day_end_minute = -1, .metrics_file = ""};
    u64 now = calendar_midnight_ns(20261120) + HOUR_NS;
    struct admin a;

    (void)state;
    begin(&a, &conf, 0, 0, now);
    assert_false(admin_settled(&a, now));
    assert_int_equal(admin_do_work(&a, now), 1);
    for (u32 i = 1; i <= 20; i++)
        assert_int_equal(admin_do_work(&a, now + i * NS_PER_SEC), 0);
    assert_int_equal(ring_avail(&ring, 16), 1);
    assert_int_equal(a.day, 0);
    assert_true(a.complained);
    expect(CMD_DAY_OPEN, 20261120);
    admin_do_work(&a, now + HOUR_NS);
    assert_int_equal(a.day, 20261120);
    assert_true(admin_settled(&a, now + HOUR_NS));
}

/* A clock that was set back, or an evening's end taken away: no opening that would be refused. */
static void test_no_day_before_the_last(void **state)
{
    struct admin_conf conf = {.day_end_minute = -1, .metrics_file = ""};
    struct admin a;

    (void)state;
    for (u32 today = 20261118; today <= 20261120; today++) {
        u64 now = calendar_midnight_ns(today) + HOUR_NS;
        begin(&a, &conf, 0, 20261120, now);
        assert_true(admin_settled(&a, now));
        for (u64 t = now; t < calendar_midnight_ns(20261121); t += HOUR_NS)
            admin_do_work(&a, t);
        expect(0, 0);
        admin_do_work(&a, calendar_midnight_ns(20261121));
        expect(CMD_DAY_OPEN, 20261121);
    }
}

static i64 step;

static i64 fake_step(void)
{
    return step;
}

/* Once a second; a step is said once, and again when the clock is set again. */
static void test_a_step_of_the_clock(void **state)
{
    struct admin_conf conf = {.day_end_minute = -1, .metrics_file = "", .clock_step_ns = fake_step};
    static const struct {
        i64 step;
        i64 said;
    } cases[] = {
        {(i64)NS_PER_SEC, 0},
        {(i64)(60 * NS_PER_SEC), (i64)(60 * NS_PER_SEC)},
        {(i64)(60 * NS_PER_SEC) + 5, (i64)(60 * NS_PER_SEC)},
        {-(i64)(2 * NS_PER_SEC), -(i64)(2 * NS_PER_SEC)},
        {100, 100},
        {INT64_MIN + 1, INT64_MIN + 1},
    };
    u64 now = calendar_midnight_ns(20261120) + HOUR_NS;
    struct admin a;

    (void)state;
    begin(&a, &conf, 20261120, 20261120, now);
    metrics_reset();
    admin_register_metrics(&a);
    for (u32 i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        now += NS_PER_SEC;
        step = cases[i].step;
        admin_do_work(&a, now);
        assert_int_equal(a.clock_said_ns, cases[i].said);
        assert_int_equal(metric_get(&a.forward), step > 0 ? step : 0);
        assert_int_equal(metric_get(&a.back), step < 0 ? -step : 0);
        assert_int_equal(metrics_sum("wirebook_clock_step_seconds"),
                         (u64)(step < 0 ? -step : step));
        step = 12345; /* not looked at within the second */
        admin_do_work(&a, now + NS_PER_SEC - 1);
        assert_int_equal(a.clock_said_ns, cases[i].said);
    }
    metrics_reset();
}

static void test_metrics_file(void **state)
{
    char path[] = "/tmp/wirebook-metrics-XXXXXX";
    struct admin_conf conf = {.day_end_minute = -1, .metrics_interval_ns = NS_PER_SEC};
    u64 now = calendar_midnight_ns(20261120) + HOUR_NS;
    struct metric m = {0};
    struct admin a;
    char line[256] = "";

    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    metrics_reset();
    metrics_register("wirebook_test_total", "", "A test.", METRIC_COUNTER, &m);
    metric_add(&m, 42);
    conf.metrics_file = path;
    begin(&a, &conf, 20261120, 20261120, now);
    admin_do_work(&a, now);

    FILE *f = fopen(path, "r");
    assert_non_null(f);
    bool seen = false;
    while (fgets(line, sizeof line, f))
        seen |= strcmp(line, "wirebook_test_total 42\n") == 0;
    assert_true(seen);
    fclose(f);
    close(fd);
    unlink(path);
    metrics_reset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rolls_at_midnight, setup, teardown),
        cmocka_unit_test_setup_teardown(test_course_set, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closed_in_the_evening, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recovered_day_that_is_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_ring_is_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waits_for_the_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_day_before_the_last, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_step_of_the_clock, setup, teardown),
        cmocka_unit_test_setup_teardown(test_metrics_file, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
