/*
 * threads.h - main's helper: which thread runs which agents, from their start to their end.
 */
#ifndef WIREBOOK_GATEWAY_THREADS_H
#define WIREBOOK_GATEWAY_THREADS_H

#include "engine/base/agent.h"
#include "gateway/conf.h"
#include "gateway/topology.h"

#define THREADS_MAX (CONF_THREADS_MAX + TOPOLOGY_AGENTS_MAX)

struct threads {
    struct agent_thread list[THREADS_MAX];
    u32 used;
    struct agent log; /* writes what the others say */
    struct mem mem;   /* of their logs */
};

/* The hot agents of `topology` as the config says, every other one on a thread of its own. */
void threads_make(struct threads *t, const struct conf *conf, struct topology *topology);

/* One more; agents go into it by agent_thread_add. `cpu` -1: not pinned. Before threads_start. */
struct agent_thread *threads_add(struct threads *t, const char *name, int cpu,
                                 enum idle_strategy idle);

/* Returns 0, or 1 after a line of log: then threads_stop, too. */
int threads_start(struct threads *t);

/* Each agent ends after a whole turn; nobody's lines of log are lost. */
void threads_stop(struct threads *t);

#endif
