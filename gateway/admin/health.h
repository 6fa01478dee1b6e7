/*
 * health.h - is this process alive, and may clients be sent to it? For balancers, systemd and
 * operators.
 *
 * Live: every watched agent still takes turns. Ready: live, and nothing keeps clients from trading.
 * One thread (main's) looks and writes; any other thread reads. It costs the hot agents nothing: it
 * reads the turn counters and gauges that they keep anyway.
 */
#ifndef WIREBOOK_GATEWAY_ADMIN_HEALTH_H
#define WIREBOOK_GATEWAY_ADMIN_HEALTH_H

#include <stdatomic.h>
#include <stdio.h>

#include "engine/base/agent.h"
#include "engine/base/metrics.h"

#define HEALTH_AGENTS_MAX 32u

enum health_course {
    HEALTH_STARTING, /* not yet open */
    HEALTH_OPEN,
    HEALTH_DRAINING, /* asked to end: no new clients */
};

/* What readiness reads. All must outlive the struct health. */
struct health_conf {
    const struct metric *engine_day;    /* the open trading day, 0: none */
    const struct metric *clock_forward; /* how far the machine's clock has left ours, ns */
    const struct metric *clock_back;
    const _Atomic u32 *space_level; /* enum space_level (engine/msg/side.h) of the journal's disk */
    u64 stall_ns;                   /* an agent without a turn for so long is taken for stuck */
};

/* One agent whose turns are watched. The looking thread only. */
struct health_agent {
    const struct agent *agent;
    u64 turns;   /* when it was looked at last */
    u64 seen_ns; /* when that number was new */
};

struct health {
    struct health_conf conf;
    struct health_agent agents[HEALTH_AGENTS_MAX];
    u32 agents_used;
    _Atomic u32 course;     /* enum health_course; written by main */
    _Atomic u32 stuck;      /* a bit for each agent; written by health_look */
    struct metric ready;    /* 1 or 0, as of the last look */
    struct metric stuck_nr; /* agents that are stuck */
};

void health_init(struct health *h, const struct health_conf *conf);

/* Watches `a` from `now_ns` on. Before the threads start. */
void health_watch(struct health *h, const struct agent *a, u64 now_ns);

/* Makes its metrics known. Once, before the threads start. */
void health_register_metrics(const struct health *h);

/* Tells where the process stands. Main's thread. */
void health_course_set(struct health *h, enum health_course course);

/* Looks at the agents' turns; to be called a few times a second. Main's thread. */
void health_look(struct health *h, u64 now_ns);

/* Each check as a line, `ok NAME` or `FAILED NAME: why, and what to do`, to `out` (NULL: none).
 * Returns whether all are good. Any thread. */
bool health_live(const struct health *h, FILE *out);
bool health_ready(const struct health *h, FILE *out);

#endif
