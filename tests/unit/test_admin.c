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

/* Takes the next command and compares it; 0 for type means that there must be none. */
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
}

static void test_rolls_at_midnight(void **state)
{
    struct admin_conf conf = {.day_end_minute = -1, .metrics_file = ""};
    u64 midnight = calendar_midnight_ns(20261120);
    struct admin a;

    (void)state;
    admin_init(&a, &conf, &ring, 0, midnight + HOUR_NS);
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
    admin_init(&a, &conf, &ring, 20261120, midnight + 16 * HOUR_NS);
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
    admin_init(&a, &conf, &ring, 20261120, now);
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
    admin_init(&a, &conf, &ring, 0, now);
    assert_int_equal(admin_do_work(&a, now), 0);
    assert_int_equal(ring_avail(&ring, 16), 16);
    ring_take(&ring, 16);
    assert_int_equal(admin_do_work(&a, now), 1);
    expect(CMD_DAY_OPEN, 20261120);
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
    admin_init(&a, &conf, &ring, 20261120, now);
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
        cmocka_unit_test_setup_teardown(test_closed_in_the_evening, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recovered_day_that_is_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_ring_is_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_metrics_file, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
