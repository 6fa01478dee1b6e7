/*
 * agent.c - the thread under the agents: pin, run each in turn, measure the turn, idle.
 *
 * The clock is read once a turn of the thread, all its agents are given that time: it costs more
 * than an agent's look at its empty rings. How long each takes is told by the cheaper counter; who
 * comes behind one that took long is given the time anew.
 */
#include "engine/base/agent.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>

#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"

/* Where threads share cores, spinning and yielding take them from the kernel's I/O workers and from
 * each other: with three hot threads on two cores that made 20,000 orders/s wait for a second. */
#define BACKOFF_SPINS          8u
#define BACKOFF_SLEEP_MIN_NS   10000u
#define BACKOFF_SLEEP_MAX_NS   100000u
#define BACKOFF_QUIET_TURNS    3000u /* about 0.3 s without anything to do */
#define BACKOFF_QUIET_SLEEP_NS 1000000u
/*
 * Longer than the hot agents' rhythm: a cold one that woke for each of 10,000 blocks/s took 7 % of
 * a core and stood before whoever had it. What waits goes in one turn.
 */
#define COLD_SLEEP_MIN_NS   500000u
#define COLD_SLEEP_MAX_NS   2000000u
#define COLD_QUIET_TURNS    250u /* about half a second without anything to do */
#define COLD_QUIET_SLEEP_NS 10000000u

#define STALE_NS (10 * NS_PER_US) /* behind an agent that took so long the time is not the turn's */

void agent_init(struct agent *a, const char *name, int (*do_work)(void *, u64), void *self,
                u64 turn_limit_ns)
{
    memset(a, 0, sizeof *a);
    a->name = name;
    a->do_work = do_work;
    a->self = self;
    a->turn_limit_ns = turn_limit_ns;
}

int agent_turn(struct agent *a, u64 now_ns)
{
    return a->do_work(a->self, now_ns);
}

void agent_thread_init(struct agent_thread *t, const char *name, int cpu, enum idle_strategy idle)
{
    memset(t, 0, sizeof *t);
    t->name = name;
    t->cpu = cpu;
    t->idle = idle;
}

void agent_thread_add(struct agent_thread *t, struct agent *a)
{
    ASSERT_LT(t->agents_used, AGENT_THREAD_AGENTS_MAX);
    ASSERT(!t->running);
    t->agents[t->agents_used++] = a;
}

static void turn_measure(struct agent *a, int work, u64 took_ns)
{
    metric_add(&a->turns, 1);
    if (work > 0)
        metric_add(&a->busy_ns, took_ns);
    metric_max(&a->turn_max_ns, took_ns);
    if (a->turn_limit_ns != 0 && took_ns > a->turn_limit_ns)
        metric_add(&a->turns_over_limit, 1);
}

static void cpu_relax(void)
{
#ifdef __x86_64__
    __builtin_ia32_pause();
#else
    __asm__ volatile("yield");
#endif
}

/* Doubles from `min` with each idle turn, up to `max`. */
static u64 sleep_ns(u32 turns, u64 min, u64 max)
{
    return turns > 16 ? max : min_u64(min << turns, max);
}

static void idle(enum idle_strategy strategy, u32 *idle_turns)
{
    u32 n = ++*idle_turns;

    if (strategy == IDLE_COLD) {
        u64 max_ns = n < COLD_QUIET_TURNS ? COLD_SLEEP_MAX_NS : COLD_QUIET_SLEEP_NS;
        clock_sleep_ns(sleep_ns(n, COLD_SLEEP_MIN_NS, max_ns));
    } else if (strategy == IDLE_SPIN || (strategy == IDLE_BACKOFF && n < BACKOFF_SPINS)) {
        cpu_relax();
    } else if (strategy == IDLE_YIELD) {
        sched_yield();
    } else {
        u64 max_ns = n < BACKOFF_QUIET_TURNS ? BACKOFF_SLEEP_MAX_NS : BACKOFF_QUIET_SLEEP_NS;
        clock_sleep_ns(sleep_ns(n - BACKOFF_SPINS, BACKOFF_SLEEP_MIN_NS, max_ns));
    }
}

/* One turn of each. Returns what they did. */
static int run_agents(struct agent_thread *t, u64 now_ns)
{
    u64 begun = clock_ticks();
    int work = 0;

    for (u32 i = 0; i < t->agents_used; i++) {
        struct agent *a = t->agents[i];
        int done = a->do_work(a->self, now_ns);
        u64 end = clock_ticks();
        u64 took_ns = clock_ticks_ns(end - begun);
        turn_measure(a, done, took_ns);
        if (UNLIKELY(took_ns >= STALE_NS))
            now_ns = clock_now_ns();
        work += done;
        begun = end;
    }
    return work;
}

static void *thread_main(void *arg)
{
    struct agent_thread *t = arg;
    u32 idle_turns = 0;
    u64 now_ns = clock_now_ns();

    log_attach(t->log_ring);
    prctl(PR_SET_NAME, t->name);
    prctl(PR_SET_TIMERSLACK, 1000);
    while (!atomic_load_explicit(&t->stop, memory_order_acquire)) {
        int work = run_agents(t, now_ns);
        if (work > 0)
            idle_turns = 0;
        else
            idle(t->idle, &idle_turns);
        now_ns = clock_now_ns();
    }
    return NULL;
}

int agent_thread_start(struct agent_thread *t)
{
    pthread_attr_t attr;
    int rc;

    ASSERT(!t->running);
    atomic_store_explicit(&t->stop, false, memory_order_relaxed);
    pthread_attr_init(&attr);
    if (t->cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((unsigned)t->cpu, &set);
        rc = pthread_attr_setaffinity_np(&attr, sizeof set, &set);
        if (rc != 0) {
            pthread_attr_destroy(&attr);
            return rc;
        }
    }
    rc = pthread_create(&t->thread, &attr, thread_main, t);
    pthread_attr_destroy(&attr);
    t->running = rc == 0;
    return rc;
}

void agent_thread_stop(struct agent_thread *t)
{
    if (!t->running)
        return;
    atomic_store_explicit(&t->stop, true, memory_order_release); /* pairs with thread_main's load */
    pthread_join(t->thread, NULL);
    t->running = false;
}
