/* test_bench_jitter.c - each moment is seen once, never early; who lost his core is known. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/base/clock.h"
#include "gateway/client/bench_cores.h"
#include "gateway/client/bench_jitter.h"

static void every_moment_test(void **state)
{
    static struct histogram h;

    (void)state;
    clock_init();
    u64 begun_ns = clock_now_ns();
    bench_jitter_run(&h, NULL, 10000, 50 * NS_PER_MS);
    u64 took_ns = clock_now_ns() - begun_ns;
    assert_int_equal(h.count, 499); /* the last one would be at the end itself */
    assert_true(took_ns >= 49900 * NS_PER_US);
    assert_true(h.max <= took_ns);
    assert_true(h.min <= h.max);
}

/* Where somebody takes the core, the moments that waited for it are left out, and no others. */
static void moments_on_core_test(void **state)
{
    static struct histogram h, on_core;

    (void)state;
    bench_jitter_run(&h, &on_core, 10000, 50 * NS_PER_MS);
    assert_int_equal(h.count, 499);
    assert_true(on_core.count > 0 && on_core.count <= h.count);
    assert_true(on_core.max <= h.max);
}

/* One that sleeps loses its core each time. */
static void a_loss_is_seen_test(void **state)
{
    struct bench_cores c = {0};

    (void)state;
    assert_true(bench_cores_kept(&c, 1)); /* nobody is watched */
    assert_true(bench_cores_watch(&c, 0));
    clock_sleep_ns(NS_PER_MS);
    bench_cores_look(&c, 100);
    assert_false(bench_cores_kept(&c, 99)); /* under way while it slept */
    assert_false(bench_cores_kept(&c, 100));
    assert_true(bench_cores_kept(&c, 101));
    u32 kept = 0;
    for (u64 now_ns = 200; now_ns < 300; now_ns++) {
        bench_cores_look(&c, now_ns);
        kept += bench_cores_kept(&c, now_ns - 1);
    }
    assert_true(kept >
                50); /* it did not sleep again; the machine may have taken it once or twice */
    clock_sleep_ns(NS_PER_MS);
    bench_cores_look(&c, 400);
    assert_false(bench_cores_kept(&c, 350));
    bench_cores_free(&c);
}

struct sleeper {
    _Atomic u32 tid;
    _Atomic bool enough;
};

static void *sleeper(void *arg)
{
    struct sleeper *s = arg;

    s->tid = (u32)gettid();
    while (!s->enough)
        clock_sleep_ns(NS_PER_MS);
    return NULL;
}

/* Another thread's loss counts as well, its end too; one that there is not is refused. */
static void a_venues_thread_test(void **state)
{
    struct bench_cores c = {0};
    struct sleeper s = {0};
    pthread_t thread;
    char path[64];

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, sleeper, &s), 0);
    while (s.tid == 0)
        clock_sleep_ns(NS_PER_MS / 10);
    assert_true(bench_cores_watch(&c, s.tid));
    while (bench_cores_kept(&c, 100)) { /* until it has slept: on a busy machine that is not now */
        clock_sleep_ns(NS_PER_MS);
        bench_cores_look(&c, 100);
    }
    s.enough = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    snprintf(path, sizeof path, "/proc/self/task/%u", s.tid);
    while (access(path, F_OK) == 0) /* who joins comes before the kernel has cleared it away */
        clock_sleep_ns(NS_PER_MS / 10);
    bench_cores_look(&c, 200);
    bench_cores_look(&c, 300);
    assert_false(bench_cores_kept(&c, 300)); /* nothing can be said of it any more */
    assert_false(bench_cores_watch(&c, UINT32_MAX));
    while (c.used < BENCH_CORES_MAX)
        assert_true(bench_cores_watch(&c, 0));
    assert_false(bench_cores_watch(&c, 0));
    bench_cores_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_moment_test),
        cmocka_unit_test(moments_on_core_test),
        cmocka_unit_test(a_loss_is_seen_test),
        cmocka_unit_test(a_venues_thread_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
