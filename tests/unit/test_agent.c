/* test_agent.c - threads that run agents: tokens between two, idling, pinning, statistics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "engine/base/agent.h"
#include "engine/base/clock.h"
#include "engine/base/mem.h"
#include "engine/base/ring.h"

#define TOKENS 20000u

/* Passes each token on with one more, until it has seen the last. */
struct player {
    struct ring *in;
    struct ring *out;
    u64 seen; /* owner: its thread, until it is stopped */
    _Atomic bool done;
};

static int player_do_work(void *self, u64 now_ns)
{
    struct player *p = self;

    (void)now_ns;
    if (ring_avail(p->in, 1) == 0 || ring_room(p->out, 1) == 0)
        return 0;
    struct slot s = *ring_at(p->in, 0);
    ring_take(p->in, 1);
    p->seen++;
    s.w[0]++;
    if (s.w[0] < TOKENS)
        ring_push(p->out, &s, 1);
    if (s.w[0] + 1 >= TOKENS)
        atomic_store_explicit(&p->done, true, memory_order_release);
    return 1;
}

static void wait_for(_Atomic bool *flag)
{
    for (u32 i = 0; i < 20000; i++) {
        if (atomic_load_explicit(flag, memory_order_acquire))
            return;
        clock_sleep_ns(NS_PER_MS);
    }
    fail_msg("nothing happened in 20 seconds");
}

static void play(enum idle_strategy idle)
{
    struct mem m;
    struct ring there, back;
    struct agent a, b;
    struct agent_thread ta, tb;
    struct slot token = {{0}};

    mem_init(&m, 0);
    ring_init(&there, &m, "there", 4);
    ring_init(&back, &m, "back", 4);
    struct player pa = {.in = &back, .out = &there}, pb = {.in = &there, .out = &back};
    agent_init(&a, "a", player_do_work, &pa, 0);
    agent_init(&b, "b", player_do_work, &pb, 1); /* each working turn is over one nanosecond */
    agent_thread_init(&ta, "ta", -1, idle);
    agent_thread_init(&tb, "tb", -1, idle);
    agent_thread_add(&ta, &a);
    agent_thread_add(&tb, &b);
    ring_push(&there, &token, 1);
    assert_int_equal(agent_thread_start(&ta), 0);
    assert_int_equal(agent_thread_start(&tb), 0);
    wait_for(&pa.done);
    wait_for(&pb.done);
    agent_thread_stop(&ta);
    agent_thread_stop(&tb);
    assert_int_equal(pa.seen + pb.seen, TOKENS);
    assert_true(metric_get(&a.turns) >= TOKENS / 2 && metric_get(&b.turns) >= TOKENS / 2);
    assert_true(metric_get(&a.turn_max_ns) > 0);
    assert_int_equal(metric_get(&a.turns_over_limit), 0);
    assert_true(metric_get(&b.turns_over_limit) > 0);
    mem_free_all(&m);
}

static void test_tokens_backoff(void **state)
{
    (void)state;
    play(IDLE_BACKOFF);
}

static void test_tokens_yield(void **state)
{
    (void)state;
    play(IDLE_YIELD);
}

/* ---- one thread, several agents ---- */

struct counter {
    u64 calls;
    u64 last_ns;
    _Atomic bool enough;
    char name[16];
    int cpu;
};

static int counter_do_work(void *self, u64 now_ns)
{
    struct counter *c = self;

    if (now_ns < c->last_ns)
        return 0;
    c->last_ns = now_ns;
    if (++c->calls == 100) {
        pthread_getname_np(pthread_self(), c->name, sizeof c->name);
        c->cpu = sched_getcpu();
        atomic_store_explicit(&c->enough, true, memory_order_release);
    }
    return c->calls % 2 ? 1 : 0;
}

/* Takes its time and has done nothing. */
static int idler_do_work(void *self, u64 now_ns)
{
    (void)self, (void)now_ns;
    clock_sleep_ns(10000);
    return 0;
}

/* Only turns that found something to do count as busy. */
static void test_busy(void **state)
{
    struct counter c = {0};
    struct agent idler, counter;
    struct agent_thread t;

    (void)state;
    agent_init(&idler, "idler", idler_do_work, NULL, 0);
    agent_init(&counter, "counter", counter_do_work, &c, 0);
    agent_thread_init(&t, "busy", -1, IDLE_BACKOFF);
    agent_thread_add(&t, &idler);
    agent_thread_add(&t, &counter);
    u64 began_ns = clock_now_ns();
    assert_int_equal(agent_thread_start(&t), 0);
    wait_for(&c.enough);
    agent_thread_stop(&t);
    assert_int_equal(metric_get(&idler.busy_ns), 0);
    assert_true(metric_get(&idler.turn_max_ns) >= 10000);
    assert_in_range(metric_get(&counter.busy_ns), 50, clock_now_ns() - began_ns);
}

/* Takes long, and knows when it was done. */
static int slow_do_work(void *self, u64 now_ns)
{
    u64 *done_ns = self;

    (void)now_ns;
    clock_sleep_ns(100 * NS_PER_US);
    *done_ns = clock_now_ns();
    return 1;
}

struct behind {
    const u64 *before_ns;
    u64 early; /* turns with a time before the one of who stood before it was over */
    u64 turns;
    _Atomic bool enough;
};

static int behind_do_work(void *self, u64 now_ns)
{
    struct behind *b = self;

    b->early += now_ns < *b->before_ns;
    if (++b->turns == 20)
        atomic_store_explicit(&b->enough, true, memory_order_release);
    return 0;
}

/* The time is the turn's, but not for who comes behind an agent that took long. */
static void test_behind_a_slow_one(void **state)
{
    u64 done_ns = 0;
    struct behind b = {.before_ns = &done_ns};
    struct agent slow, behind;
    struct agent_thread t;

    (void)state;
    agent_init(&slow, "slow", slow_do_work, &done_ns, 0);
    agent_init(&behind, "behind", behind_do_work, &b, 0);
    agent_thread_init(&t, "slow", -1, IDLE_BACKOFF);
    agent_thread_add(&t, &slow);
    agent_thread_add(&t, &behind);
    assert_int_equal(agent_thread_start(&t), 0);
    wait_for(&b.enough);
    agent_thread_stop(&t);
    assert_int_equal(b.early, 0);
    assert_true(metric_get(&slow.busy_ns) >= 20 * 100 * NS_PER_US);
}

/* Agents of one thread have the same number of turns, and their time never goes back. */
static void test_agents_take_turns(void **state)
{
    struct counter c[3];
    struct agent a[3];
    struct agent_thread t;

    (void)state;
    memset(c, 0, sizeof c);
    agent_thread_init(&t, "turns", 0, IDLE_BACKOFF);
    for (u32 i = 0; i < 3; i++) {
        agent_init(&a[i], "counter", counter_do_work, &c[i], 0);
        agent_thread_add(&t, &a[i]);
    }
    assert_int_equal(agent_thread_start(&t), 0);
    wait_for(&c[2].enough);
    agent_thread_stop(&t);
    for (u32 i = 0; i < 3; i++) {
        assert_int_equal(metric_get(&a[i].turns), metric_get(&a[0].turns));
        assert_int_equal(c[i].calls, c[0].calls);
        assert_string_equal(c[i].name, "turns");
        assert_int_equal(c[i].cpu, 0);
    }
}

/* A stopped thread can be started again and stopping twice is harmless. */
static void test_restart(void **state)
{
    struct counter c;
    struct agent a;
    struct agent_thread t;

    (void)state;
    memset(&c, 0, sizeof c);
    agent_init(&a, "counter", counter_do_work, &c, 0);
    agent_thread_init(&t, "again", -1, IDLE_BACKOFF);
    agent_thread_add(&t, &a);
    for (u32 round = 0; round < 2; round++) {
        c.calls = 0;
        atomic_store(&c.enough, false);
        assert_int_equal(agent_thread_start(&t), 0);
        wait_for(&c.enough);
        agent_thread_stop(&t);
        agent_thread_stop(&t);
    }
}

static void test_impossible_cpu(void **state)
{
    struct agent_thread t;

    (void)state;
    agent_thread_init(&t, "nowhere", CPU_SETSIZE - 1, IDLE_BACKOFF);
    assert_int_equal(agent_thread_start(&t), EINVAL);
    agent_thread_stop(&t);
}

static void test_turn_by_hand(void **state)
{
    struct counter c;
    struct agent a;

    (void)state;
    memset(&c, 0, sizeof c);
    agent_init(&a, "counter", counter_do_work, &c, 0);
    assert_int_equal(agent_turn(&a, 5), 1);
    assert_int_equal(agent_turn(&a, 6), 0);
    assert_int_equal(c.last_ns, 6);
    assert_int_equal(metric_get(&a.turns), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens_backoff),
        cmocka_unit_test(test_tokens_yield),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_behind_a_slow_one),
        cmocka_unit_test(test_agents_take_turns),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_impossible_cpu),
        cmocka_unit_test(test_turn_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
