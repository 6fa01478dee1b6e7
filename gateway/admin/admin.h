/*
 * admin.h - the cold agent that keeps the venue's course: it opens and ends trading days by
 * commands to the engine, and writes the metrics file.
 *
 * (Operators' commands and the HTTP endpoint join it here with the operators' issue.)
 */
#ifndef WIREBOOK_GATEWAY_ADMIN_ADMIN_H
#define WIREBOOK_GATEWAY_ADMIN_ADMIN_H

#include "engine/base/ring.h"
#include "engine/base/types.h"

struct admin_conf {
    int day_end_minute;       /* local minute at which a day ends; negative: at midnight */
    const char *metrics_file; /* "" writes none */
    u64 metrics_interval_ns;  /* between two writes */
};

struct admin {
    struct admin_conf conf;
    struct ring *cmds;  /* to the engine */
    u32 day;            /* the day that is open, 0 when none is */
    u64 next_change_ns; /* when it ends, or when the next one opens */
    u64 next_metrics_ns;
};

/*
 * `open_day` is the day that the recovered engine has open, 0 for none. `cmds` is the ring to the
 * engine of which this agent is the producer. The strings must outlive the agent.
 */
void admin_init(struct admin *a, const struct admin_conf *conf, struct ring *cmds, u32 open_day,
                u64 now_ns);

/* The agent's turn. A full command ring is tried again in the next turn. */
int admin_do_work(void *admin, u64 now_ns);

#endif
