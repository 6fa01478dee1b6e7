/*
 * admin.c - see admin.h. Thread: admin. Enters: the time. Leaves: CMD_DAY_OPEN and CMD_DAY_END.
 *
 * At most one change a turn, so after a long sleep of the machine the day that is over is ended
 * first and the present one opened in the next turn.
 */
#include "gateway/admin/admin.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/metrics.h"
#include "engine/msg/msg.h"
#include "gateway/admin/calendar.h"

/* With no day open: the present day if it still goes on, else from the next midnight. */
static void plan_opening(struct admin *a, u64 now_ns)
{
    u32 today = calendar_day(now_ns);
    bool over = now_ns >= calendar_end_ns(today, a->conf.day_end_minute);

    a->next_change_ns = over ? calendar_midnight_ns(calendar_next_day(today)) : 0;
}

void admin_init(struct admin *a, const struct admin_conf *conf, struct ring *cmds, u32 open_day,
                u64 now_ns)
{
    memset(a, 0, sizeof *a);
    a->conf = *conf;
    a->cmds = cmds;
    a->day = open_day;
    if (open_day != 0)
        a->next_change_ns = calendar_end_ns(open_day, conf->day_end_minute);
    else
        plan_opening(a, now_ns);
}

static bool day_command(struct admin *a, u8 type, u32 day)
{
    struct msg_day m;

    memset(&m, 0, sizeof m);
    m.cmd.type = type;
    m.cmd.slots = 1;
    m.day = day;
    m.midnight_ns = calendar_midnight_ns(day);
    return ring_push(a->cmds, &m, 1);
}

static int day_turn(struct admin *a, u64 now_ns)
{
    if (now_ns < a->next_change_ns)
        return 0;
    if (a->day != 0) {
        if (!day_command(a, CMD_DAY_END, a->day))
            return 0;
        log_info("trading day %u ends", a->day);
        a->day = 0;
        plan_opening(a, now_ns);
        return 1;
    }
    u32 today = calendar_day(now_ns);
    if (!day_command(a, CMD_DAY_OPEN, today))
        return 0;
    log_info("trading day %u opens", today);
    a->day = today;
    a->next_change_ns = calendar_end_ns(today, a->conf.day_end_minute);
    return 1;
}

/* Written aside and renamed, so that a reader never sees half a file. */
static void metrics_write(const char *path)
{
    char aside[4096];
    FILE *f;

    if (snprintf(aside, sizeof aside, "%s.new", path) >= (int)sizeof aside)
        return;
    f = fopen(aside, "w");
    if (!f) {
        log_warn("metrics file %s cannot be written: %m; check that its folder exists", aside);
        return;
    }
    metrics_print(f);
    if (fclose(f) != 0 || rename(aside, path) != 0)
        log_warn("metrics file %s cannot be written: %m", path);
}

int admin_do_work(void *admin, u64 now_ns)
{
    struct admin *a = admin;
    int work = day_turn(a, now_ns);

    if (a->conf.metrics_file[0] != '\0' && now_ns >= a->next_metrics_ns) {
        metrics_write(a->conf.metrics_file);
        a->next_metrics_ns = now_ns + a->conf.metrics_interval_ns;
        work++;
    }
    return work;
}
