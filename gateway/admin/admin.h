/*
 * admin.h - the cold agent that keeps the venue's course: it opens and ends trading days and goes
 * through their phases by commands to the engine, watches the machine's clock, and writes the
 * metrics file.
 *
 * Operators' requests are served in its turns, too (control.h), because it is the only producer of
 * its ring of commands.
 */
#ifndef WIREBOOK_GATEWAY_ADMIN_ADMIN_H
#define WIREBOOK_GATEWAY_ADMIN_ADMIN_H

#include "engine/base/metrics.h"
#include "engine/base/ring.h"
#include "engine/base/types.h"
#include "gateway/admin/control.h"
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
    u64 next_metrics_ns;

    struct control *control; /* NULL: nobody steers */

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

/* From now on its turns serve `control`, too, which outlives it. Before the threads start. */
void admin_steer(struct admin *a, struct control *control);

/* Makes its metrics known. Once, before the threads start. */
void admin_register_metrics(const struct admin *a);

/* The agent's turn. A full command ring is tried again in the next turn. */
int admin_do_work(void *admin, u64 now_ns);

/* True when no day's opening or end and no change of phase is due or under way. Its thread. */
bool admin_settled(const struct admin *a, u64 now_ns);

#endif
