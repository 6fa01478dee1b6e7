/*
 * schedule.h - the course of a trading day: when each phase begins, and which days trade at all.
 *
 *   midnight  pre_open        opening           closing          closed
 *      ├── Z ────┼── P ── late ──┼── wide T ── T ── wide T late ──┼── X ──────┼── Z ──
 *                         opening cross                    closing cross
 *
 * Minutes are local, in the venue's time zone (calendar.h). Pure but for schedule_load. Cold.
 */
#ifndef WIREBOOK_GATEWAY_ADMIN_SCHEDULE_H
#define WIREBOOK_GATEWAY_ADMIN_SCHEDULE_H

#include <stdio.h>

#include "engine/base/types.h"

#define SCHEDULE_DATES_MAX   1024u
#define SCHEDULE_CHANGES_MAX 12u

/* A day that is not like the others. */
struct schedule_date {
    u32 day;  /* yyyymmdd */
    u32 half; /* 1: it closes early; 0: it does not trade */
};

struct schedule {
    bool on; /* else each day trades from midnight to its end */
    int pre_open_minute;
    int opening_minute;
    int closing_minute;
    int closed_minute;
    int half_closing_minute;
    u32 late_s;         /* before each cross, when its orders cannot be cancelled any more */
    u32 wide_opening_s; /* bands are doubled behind the opening */
    u32 wide_closing_s; /* ... and before the closing */
    bool weekends;      /* Saturdays and Sundays trade, too */
    u32 dates_used;
    struct schedule_date dates[SCHEDULE_DATES_MAX];
};

/* What the venue goes to, and when. */
struct schedule_change {
    u64 ns;   /* since 1970 UTC */
    u8 phase; /* enum phase of engine/msg */
    u8 wide;
    u8 late;
    u8 closing;
};

/* True when the day is a trading day. */
bool schedule_trades(const struct schedule *s, u32 day);

/* The changes of a trading day, in order, its midnight's first. Returns how many. */
u32 schedule_of_day(const struct schedule *s, u32 day,
                    struct schedule_change changes[SCHEDULE_CHANGES_MAX]);

/*
 * Reads the days that are not like the others from a CSV file (columns date, kind) and writes all
 * that is wrong with it to `errors`. Returns the number of errors. "": there are none such days.
 */
int schedule_load(struct schedule *s, const char *file, FILE *errors);

#endif
