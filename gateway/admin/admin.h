/*
 * admin.h - the cold agent that keeps the venue's course: it opens and ends trading days and goes
 * through their phases by commands to the engine, watches the machine's clock, and writes the
 * metrics file.
 *
 * Operators' requests are served in its turns, too (admin_steer), because it is the only producer
 * of its ring of commands.
 */
#ifndef WIREBOOK_GATEWAY_ADMIN_ADMIN_H
#define WIREBOOK_GATEWAY_ADMIN_ADMIN_H

#include "engine/base/metrics.h"
#include "engine/base/ring.h"
#include "engine/base/types.h"
#include "gateway/admin/schedule.h"

struct admin_conf {
    int day_end_minute;         /* local minute at which a day ends; negative: at midnight */
    const char *metrics_file;   /* "" writes none */
    u64 metrics_interval_ns;    /* between two writes */
    i64 (*clock_step_ns)(void); /* how far the machine's clock has left ours; NULL: not watched */
};

struct admin {
    struct admin_conf conf;
    struct ring *cmds;               /* to the engine */
    const struct metric *engine_day; /* its answer: the day that is open, 0 when none is */
    u32 day;                         /* the same as it was last seen */
    u32 day_last;                    /* opened last; only later ones can be opened */
    u32 asked;                       /* day whose opening or end is under way; 0: none */
    bool complained;                 /* ... and that it takes long has been said */
    u64 asked_ns;
    u64 next_change_ns; /* when the day ends, or when the next one opens */

    const struct schedule *schedule;   /* NULL: phases are not its business */
    const struct metric *engine_phase; /* the engine's answers: the venue's phase, */
    const struct metric *engine_due;   /* ... the last change that it has made */
    struct schedule_change changes[SCHEDULE_CHANGES_MAX]; /* of the open day */
    u32 changes_used;
    u64 phase_asked; /* change that is under way; 0: none */
    struct schedule_change phase_new;
    u64 next_metrics_ns;

    int (*steer)(void *ctx, u64 now_ns); /* what operators ask; NULL: nobody steers */
    void *steer_ctx;

    bool has_next; /* a course of its own from the next day on: */
    struct schedule next, own;
    int next_end_minute;

    u64 next_clock_ns;     /* when to look at the machine's clock again */
    i64 clock_said_ns;     /* the step that was logged last */
    struct metric forward; /* how far the machine's clock is ahead of ours, ns; else 0 */
    struct metric back;    /* ... behind */
};

/*
 * `engine_day` says which day the engine has open, 0 for none; `day_last` is the one that it opened
 * last, 0 for none. `cmds` is the ring to the engine of which this agent is the producer. The
 * strings must outlive the agent. Logs an error when `now_ns` is before `day_last`.
 */
void admin_init(struct admin *a, const struct admin_conf *conf, struct ring *cmds,
                const struct metric *engine_day, u32 day_last, u64 now_ns);

/*
 * From now on it takes the venue through `schedule`, which outlives it: phases in their order,
 * those that were missed too, and only its trading days are opened. `phase` and `due` are the
 * engine's gauges (engine_phase_gauge, engine_course_gauge). Behind admin_init, before the first
 * turn.
 */
void admin_follow(struct admin *a, const struct schedule *schedule, const struct metric *phase,
                  const struct metric *due, u64 now_ns);

/* From now on its turns are `work`'s, too: what operators ask. Before the threads start. */
void admin_steer(struct admin *a, int (*work)(void *ctx, u64 now_ns), void *ctx);

/*
 * Other days than so far: from the end of the open one on, at once where none is open. Copied.
 * After admin_follow; by its own thread.
 */
void admin_course_set(struct admin *a, const struct schedule *schedule, int day_end_minute,
                      u64 now_ns);

/* Another metrics file, as in struct admin_conf. As before. */
void admin_metrics_set(struct admin *a, const char *file, u64 interval_ns);

/* Makes its metrics known. Once, before the threads start. */
void admin_register_metrics(const struct admin *a);

/* The agent's turn. A full command ring is tried again in the next turn. */
int admin_do_work(void *admin, u64 now_ns);

/* True when no day's opening or end and no change of phase is due or under way. Its thread. */
bool admin_settled(const struct admin *a, u64 now_ns);

#endif
