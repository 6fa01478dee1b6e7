/*
 * admin.c - see admin.h. Thread: admin. Enters: the time. Leaves: CMD_DAY_OPEN, CMD_DAY_END and
 * CMD_PHASE.
 *
 * A day has changed when the engine says so, not when it was asked to. One change at a time, so
 * after a long sleep of the machine the day that is over is ended first and the present one opened
 * then. So it is with phases: each change has the time at which it was due, the engine says which
 * was its last, and the next one of the open day goes out when that time has come, however late.
 *
 * Failure modes: a date at or before the last trading day (a clock that was set back, an evening's
 * end that the config has taken away): the engine would refuse it, so it is not asked, and an error
 * says until when nobody can log in. An engine that does not answer: one warning.
 * A step of the machine's clock: an error and a metric.
 */
#include "gateway/admin/admin.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/metrics.h"
#include "engine/msg/msg.h"
#include "gateway/admin/calendar.h"

#define CLOCK_LOOK_NS NS_PER_SEC /* between two looks at the machine's clock */
#define CLOCK_STEP_NS NS_PER_SEC /* more is a step */

/* An engine that takes longer to open or end a day waits for its disk. */
#define ANSWER_NS (10 * NS_PER_SEC)

static void complain_date(u32 today, u32 last, u32 next)
{
    if (today < last)
        log_error("the machine's date is %u, before the last trading day %u: nobody can log in "
                  "until day %u; set the machine's clock (or venue.timezone) right and start again",
                  today, last, next);
    else
        log_error("trading day %u has ended and cannot open again: nobody can log in until day %u; "
                  "was venue.day_end changed?",
                  last, next);
}

static bool trades(const struct admin *a, u32 day)
{
    return !a->schedule || schedule_trades(a->schedule, day);
}

/* A calendar in which nothing trades for a year and more is one with a mistake in it. */
static u32 next_trading_day(const struct admin *a, u32 day)
{
    for (u32 i = 0; i < SCHEDULE_DATES_MAX + 8; i++) {
        day = calendar_next_day(day);
        if (trades(a, day))
            break;
    }
    return day;
}

/* With no day open: the present day if it still goes on, else from the next midnight. */
static void plan_opening(struct admin *a, u64 now_ns)
{
    u32 today = calendar_day(now_ns);
    bool over = now_ns >= calendar_end_ns(today, a->conf.day_end_minute) || !trades(a, today);
    u32 day = over ? next_trading_day(a, today) : today;

    a->next_change_ns = over ? calendar_midnight_ns(day) : 0;
    if (day <= a->day_last) {
        day = next_trading_day(a, a->day_last);
        a->next_change_ns = calendar_midnight_ns(day);
        complain_date(today, a->day_last, day);
    }
}

void admin_init(struct admin *a, const struct admin_conf *conf, struct ring *cmds,
                const struct metric *engine_day, u32 day_last, u64 now_ns)
{
    memset(a, 0, sizeof *a);
    a->conf = *conf;
    a->cmds = cmds;
    a->engine_day = engine_day;
    a->day = (u32)metric_get(engine_day);
    a->day_last = day_last;
    if (a->day != 0)
        a->next_change_ns = calendar_end_ns(a->day, conf->day_end_minute);
    else
        plan_opening(a, now_ns);
}

static bool day_command(struct admin *a, u8 type, u32 day, u64 now_ns)
{
    struct msg_day m;

    memset(&m, 0, sizeof m);
    m.cmd.type = type;
    m.cmd.slots = 1;
    m.day = day;
    m.midnight_ns = calendar_midnight_ns(day);
    if (!ring_push(a->cmds, &m, 1))
        return false;
    a->asked = day;
    a->asked_ns = now_ns;
    a->complained = false;
    return true;
}

/* The changes of the open day. */
static void plan_phases(struct admin *a)
{
    a->changes_used = 0;
    if (a->schedule && a->schedule->on && a->day != 0)
        a->changes_used = schedule_of_day(a->schedule, a->day, a->changes);
}

/* The course that was set during the day that is over now. */
static void course_take(struct admin *a)
{
    if (!a->has_next)
        return;
    a->has_next = false;
    a->own = a->next;
    a->schedule = &a->own;
    a->conf.day_end_minute = a->next_end_minute;
}

void admin_course_set(struct admin *a, const struct schedule *schedule, int day_end_minute,
                      u64 now_ns)
{
    a->next = *schedule;
    a->next_end_minute = day_end_minute;
    a->has_next = true;
    if (a->day != 0 || a->asked != 0)
        return;
    course_take(a);
    plan_opening(a, now_ns);
}

/* Has the engine opened or ended the day? */
static void day_look(struct admin *a, u64 now_ns)
{
    u32 day = (u32)metric_get(a->engine_day);

    if (day == a->day) {
        if (a->asked != 0 && !a->complained && now_ns - a->asked_ns >= ANSWER_NS) {
            log_warn("trading day %u: the engine has not answered for 10 s; see the journal's disk "
                     "and wirebook_engine_refused_total",
                     a->asked);
            a->complained = true;
        }
        return;
    }
    log_event(LOG_INFO, "day", "day=%u %s", day ? day : a->day, day ? "state=open" : "state=ended");
    a->asked = 0;
    a->day = day;
    plan_phases(a);
    if (day != 0) {
        a->day_last = day;
        a->next_change_ns = calendar_end_ns(day, a->conf.day_end_minute);
    } else {
        course_take(a);
        plan_opening(a, now_ns);
    }
}

/* ---- phases ---- */

void admin_follow(struct admin *a, const struct schedule *schedule, const struct metric *phase,
                  const struct metric *due, u64 now_ns)
{
    a->schedule = schedule;
    a->engine_phase = phase;
    a->engine_due = due;
    plan_phases(a);
    if (a->day == 0)
        plan_opening(a, now_ns);
}

/*
 * The first change of the open day that the engine has not made and that is due. Without a schedule
 * a venue that an earlier one has left closed is opened.
 */
static bool next_phase(const struct admin *a, u64 now_ns, struct schedule_change *out)
{
    if (!a->schedule || a->day == 0)
        return false;
    if (!a->schedule->on) {
        *out = (struct schedule_change){.ns = now_ns, .phase = PHASE_TRADING};
        return metric_get(a->engine_due) != 0 && metric_get(a->engine_phase) != PHASE_TRADING;
    }
    for (u32 i = 0; i < a->changes_used; i++) {
        if (a->changes[i].ns <= metric_get(a->engine_due))
            continue;
        *out = a->changes[i];
        return a->changes[i].ns <= now_ns;
    }
    return false;
}

static int phase_turn(struct admin *a, u64 now_ns)
{
    struct msg_course m = {.cmd = {.type = CMD_PHASE, .slots = 1}, .reason = COURSE_SCHEDULE};
    struct schedule_change c;

    if (a->phase_asked != 0 && metric_get(a->engine_due) < a->phase_asked)
        return 0;
    if (a->phase_asked != 0)
        log_event(LOG_INFO, "phase", "day=%u phase=%c late=%u wide=%u closing=%u by=schedule",
                  a->day, a->phase_new.phase, a->phase_new.late, a->phase_new.wide,
                  a->phase_new.closing);
    a->phase_asked = 0;
    if (a->asked != 0 || !next_phase(a, now_ns, &c))
        return 0;
    m.phase = c.phase;
    m.wide = c.wide;
    m.late = c.late;
    m.closing = c.closing;
    m.due_ns = c.ns;
    if (!ring_push(a->cmds, &m, 1))
        return 0;
    a->phase_asked = c.ns;
    a->phase_new = c;
    return 1;
}

bool admin_settled(const struct admin *a, u64 now_ns)
{
    struct schedule_change c;

    return a->asked == 0 && now_ns < a->next_change_ns && a->phase_asked == 0 &&
           !next_phase(a, now_ns, &c);
}

static int day_turn(struct admin *a, u64 now_ns)
{
    day_look(a, now_ns);
    if (a->asked != 0 || now_ns < a->next_change_ns)
        return 0;
    if (a->day != 0)
        return day_command(a, CMD_DAY_END, a->day, now_ns);
    if (!trades(a, calendar_day(now_ns))) { /* we were asleep over the day that was meant */
        plan_opening(a, now_ns);
        return 0;
    }
    return day_command(a, CMD_DAY_OPEN, calendar_day(now_ns), now_ns);
}

/* Written aside and renamed, so that a reader never sees half a file. */
static void metrics_write(const char *path)
{
    char aside[4096];
    FILE *f;

    if (snprintf(aside, sizeof aside, "%s.new", path) >= (int)sizeof aside)
        return;
    f = fopen(aside, "we");
    if (!f) {
        log_warn("metrics file %s cannot be written: %m; check that its folder exists", aside);
        return;
    }
    metrics_print(f);
    if (fclose(f) != 0 || rename(aside, path) != 0)
        log_warn("metrics file %s cannot be written: %m", path);
}

static u64 distance(i64 a, i64 b)
{
    return a > b ? (u64)a - (u64)b : (u64)b - (u64)a;
}

/*
 * Our time does not follow a step of the machine's clock (clock.h), so from then on days and stamps
 * are off by it. Each step is said once; less than a second is the clock's own discipline.
 */
static void clock_look(struct admin *a, u64 now_ns)
{
    if (!a->conf.clock_step_ns || now_ns < a->next_clock_ns)
        return;
    a->next_clock_ns = now_ns + CLOCK_LOOK_NS;
    i64 step = a->conf.clock_step_ns();
    metric_set(&a->forward, step > 0 ? (u64)step : 0);
    metric_set(&a->back, step < 0 ? (u64)-step : 0);
    if (distance(step, a->clock_said_ns) <= CLOCK_STEP_NS)
        return;
    a->clock_said_ns = step;
    if (distance(step, 0) <= CLOCK_STEP_NS)
        log_info("the machine's clock is back where the venue's is");
    else
        log_error("the machine's clock was set: it is now %.3f s %s the venue's, which does not "
                  "follow; set it right, or restart to take it over",
                  (double)distance(step, 0) / NS_PER_SEC, step > 0 ? "ahead of" : "behind");
}

void admin_register_metrics(const struct admin *a)
{
    static const char help[] = "How far the machine's clock has been set away from the venue's "
                               "since the start.";

    metrics_register("wirebook_clock_step_seconds", "direction=\"forward\"", help, METRIC_GAUGE_NS,
                     &a->forward);
    metrics_register("wirebook_clock_step_seconds", "direction=\"back\"", help, METRIC_GAUGE_NS,
                     &a->back);
}

void admin_steer(struct admin *a, int (*work)(void *ctx, u64 now_ns), void *ctx)
{
    a->steer = work;
    a->steer_ctx = ctx;
}

void admin_metrics_set(struct admin *a, const char *file, u64 interval_ns)
{
    a->conf.metrics_file = file;
    a->conf.metrics_interval_ns = interval_ns;
    a->next_metrics_ns = 0;
}

int admin_do_work(void *admin, u64 now_ns)
{
    struct admin *a = admin;
    int work = day_turn(a, now_ns) + phase_turn(a, now_ns);

    if (a->steer)
        work += a->steer(a->steer_ctx, now_ns);
    clock_look(a, now_ns);

    if (a->conf.metrics_file[0] != '\0' && now_ns >= a->next_metrics_ns) {
        metrics_write(a->conf.metrics_file);
        a->next_metrics_ns = now_ns + a->conf.metrics_interval_ns;
        work++;
    }
    return work;
}
