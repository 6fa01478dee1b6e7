/* test_health.c - what makes the venue not live or not ready, and that each reason has its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "engine/msg/side.h"
#include "gateway/admin/health.h"

#define STALL_NS (2 * NS_PER_SEC)

struct rig {
    struct health health;
    struct metric day, forward, back;
    _Atomic u32 space;
    struct agent engine, gateway;
};

static int nothing(void *self, u64 now_ns)
{
    (void)self;
    (void)now_ns;
    return 0;
}

static struct rig *rig(void)
{
    static struct rig r;
    struct health_conf conf = {&r.day, &r.forward, &r.back, &r.space, STALL_NS};

    memset(&r, 0, sizeof r);
    metric_set(&r.day, 20261122);
    agent_init(&r.engine, "engine", nothing, NULL, 0);
    agent_init(&r.gateway, "gateway", nothing, NULL, 0);
    health_init(&r.health, &conf);
    health_watch(&r.health, &r.engine, NS_PER_SEC);
    health_watch(&r.health, &r.gateway, NS_PER_SEC);
    health_course_set(&r.health, HEALTH_OPEN);
    return &r;
}

/* The lines of readiness, and that the short answer and the metric agree with `ready`. */
static const char *lines(struct rig *r, bool ready)
{
    static char text[2048];
    FILE *f = fmemopen(text, sizeof text, "w");

    assert_int_equal(health_ready(&r->health, f), ready);
    fclose(f);
    assert_int_equal(health_ready(&r->health, NULL), ready);
    return text;
}

static void test_all_good(void **state)
{
    (void)state;
    struct rig *r = rig();

    assert_string_equal(lines(r, true),
                        "ok engine\nok gateway\nok course\nok space\nok day\nok clock\n");
    assert_true(health_live(&r->health, NULL));
    assert_int_equal(metric_get(&r->health.ready), 1);
}

static void test_course(void **state)
{
    (void)state;
    struct rig *r = rig();

    health_course_set(&r->health, HEALTH_STARTING);
    assert_non_null(strstr(lines(r, false), "FAILED course: the venue is starting\n"));
    assert_int_equal(metric_get(&r->health.ready), 0);
    health_course_set(&r->health, HEALTH_DRAINING);
    assert_non_null(strstr(lines(r, false), "FAILED course: the venue is draining\n"));
    assert_true(health_live(&r->health, NULL));
}

/* Only an agent that takes no turn at all for the whole time is stuck, and it is named. */
static void test_stuck_agent(void **state)
{
    (void)state;
    struct rig *r = rig();
    u64 now_ns = NS_PER_SEC;

    for (u32 i = 0; i < 30; i++) {
        now_ns += STALL_NS / 10;
        metric_add(&r->gateway.turns, 1);
        if (i % 9 == 0)
            metric_add(&r->engine.turns, 1);
        health_look(&r->health, now_ns);
        assert_true(health_live(&r->health, NULL));
    }
    for (u32 i = 0; i < 10; i++) {
        now_ns += STALL_NS / 10;
        metric_add(&r->gateway.turns, 1);
        health_look(&r->health, now_ns);
    }
    assert_false(health_live(&r->health, NULL));
    assert_non_null(strstr(lines(r, false), "FAILED engine: has taken no turn for 2 s"));
    assert_non_null(strstr(lines(r, false), "ok gateway\n"));
    assert_int_equal(metric_get(&r->health.stuck_nr), 1);
    metric_add(&r->engine.turns, 1);
    health_look(&r->health, now_ns);
    assert_true(health_live(&r->health, NULL));
    assert_int_equal(metric_get(&r->health.ready), 1);
}

/* Clients must get in to cancel while the disk is low; with nothing read they need not. */
static void test_space(void **state)
{
    (void)state;
    struct rig *r = rig();

    atomic_store(&r->space, SPACE_LOW);
    assert_non_null(strstr(lines(r, true), "warning space: the journal's disk is below its low"));
    atomic_store(&r->space, SPACE_HARD);
    assert_non_null(strstr(lines(r, false), "FAILED space: the journal's disk is below its hard"));
}

static void test_warnings(void **state)
{
    (void)state;
    struct rig *r = rig();

    metric_set(&r->day, 0);
    assert_non_null(strstr(lines(r, true), "warning day: no trading day is open"));
    metric_set(&r->forward, NS_PER_SEC);
    assert_non_null(strstr(lines(r, true), "ok clock\n"));
    metric_set(&r->forward, 2500 * NS_PER_MS);
    assert_non_null(strstr(lines(r, true), "warning clock: the machine's clock was set forward by "
                                           "2500 ms"));
    metric_set(&r->forward, 0);
    metric_set(&r->back, 3 * NS_PER_SEC);
    assert_non_null(strstr(lines(r, true), "set back by 3000 ms"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_good),    cmocka_unit_test(test_course),
        cmocka_unit_test(test_stuck_agent), cmocka_unit_test(test_space),
        cmocka_unit_test(test_warnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
