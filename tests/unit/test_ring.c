/*
 * test_ring.c - the SPSC ring: alone against a counter, and between two threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "engine/msg/msg.h"

#define STRESS_MESSAGES 1000000u

static u64 env_u64(const char *name, u64 otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

/* A message of 1-4 slots whose every word follows from its number. */
static u32 message_make(u64 number, struct slot out[MSG_SLOTS_MAX])
{
    u32 n = 1 + (u32)(hash_u64(number) % MSG_SLOTS_MAX);
    for (u32 s = 0; s < n; s++)
        for (u32 w = 0; w < 8; w++)
            out[s].w[w] = hash_2u64(number, s, w);
    ((u8 *)out)[0] = CMD_TICK;
    ((u8 *)out)[1] = (u8)n;
    return n;
}

static void assert_message(u64 number, const union msg *m)
{
    struct slot want[MSG_SLOTS_MAX];
    u32 n = message_make(number, want);
    assert_int_equal(msg_slots(m), n);
    assert_memory_equal(m, want, n * sizeof(struct slot));
}

static void test_empty_and_full(void **state)
{
    struct mem m;
    struct ring r;
    struct slot s[8] = {{{0}}};

    (void)state;
    mem_init(&m, 0);
    ring_init(&r, &m, "t", 8);
    assert_int_equal(ring_capacity(&r), 8);
    assert_int_equal(ring_avail(&r, 1), 0);
    assert_int_equal(ring_room(&r, 8), 8);
    assert_true(ring_push(&r, s, 8));
    assert_int_equal(ring_room(&r, 1), 0);
    assert_false(ring_push(&r, s, 1));
    assert_int_equal(ring_avail(&r, 8), 8);
    ring_take(&r, 3);
    assert_false(ring_push(&r, s, 4));
    assert_true(ring_push(&r, s, 3));
    assert_int_equal(ring_avail(&r, 8), 8);
    assert_int_equal(metric_get(&r.used_max), 8);
    assert_int_equal(metric_get(ring_size(&r)), 8);
    mem_free_all(&m);
}

/* What is put but not published does not exist for the consumer. */
static void test_staged_is_invisible(void **state)
{
    struct mem m;
    struct ring r;
    struct slot s[2] = {{{1}}, {{2}}};

    (void)state;
    mem_init(&m, 0);
    ring_init(&r, &m, "t", 4);
    assert_int_equal(ring_room(&r, 2), 4);
    ring_put(&r, s, 2);
    assert_int_equal(ring_avail(&r, 1), 0);
    assert_int_equal(ring_room(&r, 4), 2);
    ring_publish(&r);
    assert_int_equal(ring_avail(&r, 1), 2);
    assert_int_equal(ring_at(&r, 1)->w[0], 2);
    mem_free_all(&m);
}

/* One thread, random pushes and takes, against two counters; messages wrap around the end. */
static void test_property_single_thread(void **state)
{
    struct mem m;
    struct ring r;
    u64 seed = env_u64("WB_SEED", 1);
    u64 sent = 0, received = 0, used = 0;

    (void)state;
    mem_init(&m, 0);
    ring_init(&r, &m, "t", 16);
    for (u64 step = 0; step < 200000; step++) {
        union msg copy;
        if (hash_2u64(seed, step, 0) & 1) {
            struct slot s[MSG_SLOTS_MAX];
            u32 n = message_make(sent, s);
            bool fits = used + n <= 16;
            if (ring_push(&r, s, n) != fits)
                fail_msg("seed %llu step %llu: push", (unsigned long long)seed,
                         (unsigned long long)step);
            sent += fits;
            used += fits ? n : 0;
        } else {
            const union msg *got = msg_peek(&r, &copy);
            if ((got != NULL) != (used > 0))
                fail_msg("seed %llu step %llu: peek", (unsigned long long)seed,
                         (unsigned long long)step);
            if (!got)
                continue;
            assert_message(received++, got);
            used -= msg_slots(got);
            ring_take(&r, msg_slots(got));
        }
    }
    assert_true(received > 1000);
    mem_free_all(&m);
}

/* The high-water mark is what was in use, not what the producer's old copy of head suggests. */
static void test_high_water_mark(void **state)
{
    struct mem m;
    struct ring r;
    struct slot s[20] = {{{0}}};

    (void)state;
    mem_init(&m, 0);
    ring_init(&r, &m, "t", 64);
    for (u32 i = 0; i < 1000; i++) {
        assert_true(ring_push(&r, s, 5));
        assert_int_equal(ring_avail(&r, 5), 5);
        ring_take(&r, 5);
    }
    assert_int_equal(metric_get(&r.used_max), 5);
    assert_true(ring_push(&r, s, 20));
    assert_true(ring_push(&r, s, 20));
    assert_int_equal(metric_get(&r.used_max), 40);
    mem_free_all(&m);
}

/* Indices run freely: nothing changes when they pass 2^64. */
static void test_indices_wrap(void **state)
{
    struct mem m;
    struct ring r;

    (void)state;
    mem_init(&m, 0);
    ring_init(&r, &m, "t", 8);
    u64 start = UINT64_MAX - 5;
    r.tail = start;
    r.head = start;
    r.staged = r.head_seen = r.head_own = r.tail_seen = start;
    for (u64 i = 0; i < 100; i++) {
        struct slot s = {{i}};
        assert_true(ring_push(&r, &s, 1));
        assert_int_equal(ring_avail(&r, 1), 1);
        assert_int_equal(ring_at(&r, 0)->w[0], i);
        ring_take(&r, 1);
    }
    mem_free_all(&m);
}

static void *produce(void *arg)
{
    struct ring *r = arg;
    u64 count = env_u64("WB_MESSAGES", STRESS_MESSAGES);

    for (u64 i = 0; i < count; i++) {
        struct slot s[MSG_SLOTS_MAX];
        u32 n = message_make(i, s);
        while (ring_room(r, n) < n) {
            ring_publish(r);
            sched_yield();
        }
        ring_put(r, s, n);
        if (i % 7 == 0) /* batches: several messages by one store */
            ring_publish(r);
    }
    ring_publish(r);
    return NULL;
}

static void test_two_threads(void **state)
{
    struct mem m;
    struct ring r;
    pthread_t producer;
    u64 count = env_u64("WB_MESSAGES", STRESS_MESSAGES);

    (void)state;
    mem_init(&m, 0);
    ring_init(&r, &m, "t", 256);
    assert_int_equal(pthread_create(&producer, NULL, produce, &r), 0);
    for (u64 i = 0; i < count;) {
        union msg copy;
        const union msg *got = msg_peek(&r, &copy);
        if (!got) {
            sched_yield();
            continue;
        }
        assert_message(i++, got);
        ring_take(&r, msg_slots(got));
    }
    pthread_join(producer, NULL);
    assert_int_equal(ring_avail(&r, 1), 0);
    assert_true(metric_get(&r.used_max) > 0 && metric_get(&r.used_max) <= 256);
    mem_free_all(&m);
}

/* Runs `broken` in a child and asserts that it aborts. */
static void assert_aborts(void (*broken)(struct ring *))
{
    struct mem m;
    struct ring r;
    int status;

    mem_init(&m, 0);
    ring_init(&r, &m, "t", 4);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL); /* cmocka's handler would take it for a failed test */
        fclose(stderr);
        broken(&r);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    mem_free_all(&m);
}

static void take_too_much(struct ring *r)
{
    ring_take(r, 1);
}

static void put_too_much(struct ring *r)
{
    struct slot s[5] = {{{0}}};
    ring_put(r, s, 5);
}

static void test_misuse_aborts(void **state)
{
    (void)state;
    assert_aborts(take_too_much);
    assert_aborts(put_too_much);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_and_full),         cmocka_unit_test(test_staged_is_invisible),
        cmocka_unit_test(test_property_single_thread), cmocka_unit_test(test_high_water_mark),
        cmocka_unit_test(test_indices_wrap),           cmocka_unit_test(test_two_threads),
        cmocka_unit_test(test_misuse_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
