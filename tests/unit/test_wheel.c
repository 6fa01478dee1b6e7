/* test_wheel.c - the timer wheel against a plain list of times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "engine/base/wheel.h"
#include "tests/lib/seed.h"

#define TIMERS 500u

static void test_never_early_and_at_once_when_due(void **state)
{
    struct wheel w;
    struct wheel_timer t;
    (void)state;

    wheel_init(&w, 1000, 5000);
    wheel_timer_init(&t, 7);
    wheel_start(&w, &t, 9001); /* rounded up to tick 10 */
    wheel_advance(&w, 9999);
    assert_null(wheel_pop(&w));
    wheel_advance(&w, 10000);
    assert_ptr_equal(wheel_pop(&w), &t);
    assert_int_equal(t.kind, 7);
    assert_false(wheel_armed(&t));
    assert_null(wheel_pop(&w));

    wheel_start(&w, &t, 0); /* long past: the next tick */
    wheel_advance(&w, 10999);
    assert_null(wheel_pop(&w));
    wheel_advance(&w, 11000);
    assert_ptr_equal(wheel_pop(&w), &t);
    assert_int_equal(w.armed, 0);
}

static void test_stop_and_restart(void **state)
{
    struct wheel w;
    struct wheel_timer a;
    struct wheel_timer b;
    (void)state;

    wheel_init(&w, 1, 0);
    wheel_timer_init(&a, 0);
    wheel_timer_init(&b, 0);
    wheel_stop(&w, &a); /* not running: harmless */
    wheel_start(&w, &a, 100);
    wheel_start(&w, &b, 100);
    wheel_start(&w, &a, 1ull << 40); /* moved */
    wheel_advance(&w, 100);
    wheel_stop(&w, &b); /* due, not popped: does not fire */
    assert_null(wheel_pop(&w));
    wheel_advance(&w, (1ull << 40) - 1);
    assert_null(wheel_pop(&w));
    wheel_advance(&w, UINT64_MAX); /* the longest leap there is */
    assert_ptr_equal(wheel_pop(&w), &a);
    assert_int_equal(w.armed, 0);
}

struct naive {
    struct wheel_timer timer;
    u64 at; /* tick; 0: stopped */
};

/* All that the list says is due must be popped, in order, and nothing else. */
static void check_due(struct wheel *w, struct naive *all, u64 now)
{
    struct wheel_timer *t;
    u64 last = 0;

    while ((t = wheel_pop(w)) != NULL) {
        struct naive *n = CONTAINER_OF(t, struct naive, timer);
        assert_true(n->at != 0 && n->at <= now);
        assert_true(n->at >= last);
        last = n->at;
        n->at = 0;
    }
    u32 armed = 0;
    for (u32 i = 0; i < TIMERS; i++) {
        assert_true(all[i].at == 0 || all[i].at > now);
        assert_int_equal(all[i].at != 0, wheel_armed(&all[i].timer));
        armed += all[i].at != 0;
    }
    assert_int_equal(w->armed, armed);
}

static void test_against_a_list(void **state)
{
    static struct naive all[TIMERS];
    struct wheel w;
    u64 seed = test_seed();
    u64 now = hash_2u64(seed, 1, 0) >> 20;
    (void)state;

    wheel_init(&w, 1, now);
    for (u32 i = 0; i < TIMERS; i++)
        wheel_timer_init(&all[i].timer, 0);
    for (u64 step = 0; step < 4000; step++) {
        u64 r = hash_2u64(seed, 2, step);
        struct naive *n = &all[r % TIMERS];
        u64 away = hash_u64(r) >> (4 + (r >> 32) % 60); /* every distance */
        if ((r >> 16) % 4 == 0) {
            wheel_stop(&w, &n->timer);
            n->at = 0;
        } else {
            u64 at = now + away % (1ull << 50);
            wheel_start(&w, &n->timer, at);
            n->at = at > now ? at : now + 1;
        }
        if ((r >> 20) % 3 == 0) {
            now += hash_u64(r + 1) >> (24 + (r >> 40) % 40);
            wheel_advance(&w, now);
            check_due(&w, all, now);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_early_and_at_once_when_due),
        cmocka_unit_test(test_stop_and_restart),
        cmocka_unit_test(test_against_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
