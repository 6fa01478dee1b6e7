/*
 * threads.c - see threads.h. Thread: the one that starts the process. Failure modes: a thread that
 * the machine does not give is one line of log and the end.
 */
#include "gateway/threads.h"

#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"

struct agent_thread *threads_add(struct threads *t, const char *name, int cpu,
                                 enum idle_strategy idle)
{
    ASSERT_LT(t->used, THREADS_MAX);
    struct agent_thread *one = &t->list[t->used++];

    agent_thread_init(one, name, cpu, idle);
    one->log_ring = log_ring_new(&t->mem, name);
    return one;
}

static bool is_hot(const struct agent *a)
{
    for (u32 h = 0; h < CONF_AGENTS; h++)
        if (strcmp(a->name, conf_agent_names[h]) == 0)
            return true;
    return false;
}

void threads_make(struct threads *t, const struct conf *conf, struct topology *topology)
{
    memset(t, 0, sizeof *t);
    mem_init(&t->mem, 0);
    for (u32 i = 0; i < conf->threads_used; i++) {
        const struct conf_thread *c = &conf->threads[i];
        struct agent_thread *one = threads_add(t, c->name, (int)c->cpu, c->idle);
        for (u32 h = 0; h < CONF_AGENTS; h++)
            if (c->agents & 1u << h)
                agent_thread_add(one, topology_agent(topology, conf_agent_names[h]));
    }
    for (u32 i = 0; i < topology->agents_used; i++) {
        struct agent *a = &topology->agents[i];
        if (!is_hot(a))
            agent_thread_add(threads_add(t, a->name, -1, IDLE_COLD), a);
    }
    agent_init(&t->log, "log", log_do_work, NULL, 0);
    agent_thread_add(threads_add(t, "log", -1, IDLE_COLD), &t->log);
}

int threads_start(struct threads *t)
{
    clock_ticks_calibrate(); /* they tell by it how long turns take */
    for (u32 i = 0; i < t->used; i++) {
        struct agent_thread *one = &t->list[i];
        int rc = agent_thread_start(one);
        if (rc != 0) {
            log_error("thread %s cannot be started on cpu %d: %s; see threads in the config",
                      one->name, one->cpu, strerror(rc));
            return 1;
        }
    }
    return 0;
}

/* The log's thread was started last and ends last, so that nobody's lines are lost. */
void threads_stop(struct threads *t)
{
    for (u32 i = 0; i < t->used; i++)
        agent_thread_stop(&t->list[i]);
    log_do_work(NULL, clock_now_ns());
}
