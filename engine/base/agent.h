/*
 * agent.h - an agent is a loop body; a thread runs one or more of them in turn.
 *
 * The runner owns the thread, the core, the clock and the idling. An agent only says how much it
 * did, so the same agent runs alone, beside others, or called by a test in virtual time.
 */
#ifndef WIREBOOK_BASE_AGENT_H
#define WIREBOOK_BASE_AGENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/base/metrics.h"
#include "engine/base/types.h"

struct log_ring;

#define AGENT_THREAD_AGENTS_MAX 24u

enum idle_strategy {
    IDLE_SPIN,    /* never gives the core away: measured runs on cores of their own */
    IDLE_YIELD,   /* sched_yield when there is nothing to do */
    IDLE_BACKOFF, /* after a few turns sleeps, 10 to 100 us, after a quiet third of a second up to
                     1 ms: laptops, tests, every core that is shared */
    IDLE_COLD,    /* sleeps at once, up to 2 ms, after a quiet half second up to 10 ms: cold agents;
                     no word in the config means it */
};

struct agent {
    const char *name;
    int (*do_work)(void *self, u64 now_ns); /* returns how much it did; 0 means idle */
    void *self;

    /* owner: the thread that runs it; others read them for metrics */
    u64 turn_limit_ns; /* a turn longer than this is counted; 0 counts none */
    struct metric turns;
    struct metric busy_ns; /* of turns that did something */
    struct metric turn_max_ns;
    struct metric turns_over_limit;
};

struct agent_thread {
    const char *name;
    struct agent *agents[AGENT_THREAD_AGENTS_MAX];
    u32 agents_used;
    int cpu; /* -1: not pinned */
    enum idle_strategy idle;
    struct log_ring *log_ring; /* its log lines go there; NULL: written at once */
    _Atomic bool stop;
    pthread_t thread;
    bool running;
};

/* Fills in an agent whose statistics start at zero. */
void agent_init(struct agent *a, const char *name, int (*do_work)(void *, u64), void *self,
                u64 turn_limit_ns);

/* One turn of `a` at `now_ns`, without statistics: for startup code and tests. */
int agent_turn(struct agent *a, u64 now_ns);

/* An empty thread; add agents before agent_thread_start. `name` is at most 15 characters. */
void agent_thread_init(struct agent_thread *t, const char *name, int cpu, enum idle_strategy idle);
void agent_thread_add(struct agent_thread *t, struct agent *a);

/* Starts the thread. Returns 0, or an errno value when it cannot be made or pinned. */
int agent_thread_start(struct agent_thread *t);

/* Asks the thread to end after its current turn and waits for it. Any other thread. */
void agent_thread_stop(struct agent_thread *t);

#endif
