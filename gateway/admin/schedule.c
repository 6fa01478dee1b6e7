/*
 * schedule.c - see schedule.h. Cold. A day's changes are the places where what the venue should be
 * doing changes: the places are collected, sorted, and each is asked what holds there.
 */
#include "gateway/admin/schedule.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/assert.h"
#include "engine/msg/msg.h"
#include "gateway/admin/calendar.h"
#include "gateway/csv.h"

/* ---- which days ---- */

static const struct schedule_date *special_day(const struct schedule *s, u32 day)
{
    for (u32 i = 0; i < s->dates_used; i++)
        if (s->dates[i].day == day)
            return &s->dates[i];
    return NULL;
}

static bool is_weekend(u32 day)
{
    struct tm tm = {
        .tm_year = (int)(day / 10000) - 1900,
        .tm_mon = (int)(day / 100 % 100) - 1,
        .tm_mday = (int)(day % 100),
        .tm_hour = 12,
    };
    time_t noon = timegm(&tm);

    gmtime_r(&noon, &tm);
    return tm.tm_wday == 0 || tm.tm_wday == 6;
}

bool schedule_trades(const struct schedule *s, u32 day)
{
    const struct schedule_date *d = special_day(s, day);

    if (!s->on)
        return true;
    return d ? d->half : s->weekends || !is_weekend(day);
}

/* ---- a day's changes ---- */

/* The instants of one day. */
struct day_plan {
    u64 midnight, pre_open, opening, closing, closed;
    u64 late, wide_opening, wide_closing; /* durations, ns */
};

static struct schedule_change state_at(const struct day_plan *p, u64 ns)
{
    struct schedule_change c = {.ns = ns, .phase = PHASE_CLOSED, .closing = ns == p->closing};

    if (ns >= p->pre_open && ns < p->opening) {
        c.phase = PHASE_PRE_OPEN;
        c.late = ns + p->late >= p->opening;
    } else if (ns >= p->opening && ns < p->closing) {
        c.phase = PHASE_TRADING;
        c.late = ns + p->late >= p->closing;
        c.wide = ns < p->opening + p->wide_opening || ns + p->wide_closing >= p->closing;
    } else if (ns >= p->closing && ns < p->closed) {
        c.phase = PHASE_EXTENDED;
    }
    return c;
}

static int by_time(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return x < y ? -1 : x > y;
}

static bool same_state(const struct schedule_change *a, const struct schedule_change *b)
{
    return a->phase == b->phase && a->wide == b->wide && a->late == b->late;
}

u32 schedule_of_day(const struct schedule *s, u32 day,
                    struct schedule_change changes[SCHEDULE_CHANGES_MAX])
{
    const struct schedule_date *d = special_day(s, day);
    bool half = d && d->half;
    u64 closing = calendar_end_ns(day, half ? s->half_closing_minute : s->closing_minute);
    struct day_plan p = {
        .midnight = calendar_midnight_ns(day),
        .pre_open = calendar_end_ns(day, s->pre_open_minute),
        .opening = calendar_end_ns(day, s->opening_minute),
        .closing = closing,
        .closed = closing + (u64)(s->closed_minute - s->closing_minute) * 60 * NS_PER_SEC,
        .late = s->late_s * NS_PER_SEC,
        .wide_opening = s->wide_opening_s * NS_PER_SEC,
        .wide_closing = s->wide_closing_s * NS_PER_SEC,
    };
    u64 at[] = {p.midnight,
                p.pre_open,
                p.opening,
                p.opening - p.late,
                p.closing,
                p.closing - p.late,
                p.closed,
                p.opening + p.wide_opening,
                p.closing - p.wide_closing};
    u32 used = 0;

    ASSERT(s->on);
    _Static_assert(ARRAY_LEN(at) <= SCHEDULE_CHANGES_MAX, "room for every place");
    qsort(at, ARRAY_LEN(at), sizeof at[0], by_time);
    for (u32 i = 0; i < ARRAY_LEN(at); i++) {
        struct schedule_change c = state_at(&p, at[i]);
        if (at[i] < p.midnight || (used > 0 && same_state(&changes[used - 1], &c)))
            continue;
        changes[used++] = c;
    }
    return used;
}

/* ---- the file ---- */

static const char *const columns[] = {"date", "kind", "name"};

/* "2026-12-24" to 20261224; 0: no such date. */
static u32 parse_date(const char *text)
{
    u32 y, m, d;
    char end;

    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' ||
        sscanf(text, "%4u-%2u-%2u%c", &y, &m, &d, &end) != 3)
        return 0;
    struct tm tm = {.tm_year = (int)y - 1900, .tm_mon = (int)m - 1, .tm_mday = (int)d};
    time_t noon = timegm(&tm);
    gmtime_r(&noon, &tm);
    bool real = tm.tm_mon == (int)m - 1 && tm.tm_mday == (int)d && y >= 1970 && y <= 2999;
    return real ? y * 10000 + m * 100 + d : 0;
}

static void load_row(struct schedule *s, struct csv *c)
{
    const char *kind = csv_field(c, 1);
    u32 day = parse_date(csv_field(c, 0));

    if (!day)
        report_error(c->report, c->line, "date", csv_field(c, 0),
                     "no such day; allowed: yyyy-mm-dd");
    else if (special_day(s, day))
        report_error(c->report, c->line, "date", csv_field(c, 0),
                     "this day stands in an earlier line; allowed: each day once");
    else if (strcmp(kind, "holiday") != 0 && strcmp(kind, "half") != 0)
        report_error(c->report, c->line, "kind", kind,
                     "no such kind of day; allowed: holiday (does not trade), half (closes at "
                     "venue.half_closing)");
    else if (strcmp(kind, "half") == 0 && s->half_closing_minute < 0)
        report_error(c->report, c->line, "kind", kind,
                     "when half days close is not set; allowed: set venue.half_closing");
    else if (s->dates_used == SCHEDULE_DATES_MAX)
        report_error(c->report, c->line, "date", csv_field(c, 0),
                     "too many days; allowed: %u, remove past ones", SCHEDULE_DATES_MAX);
    else
        s->dates[s->dates_used++] =
            (struct schedule_date){.day = day, .half = strcmp(kind, "half") == 0};
}

int schedule_load(struct schedule *s, const char *file, FILE *errors)
{
    struct report report = {.out = errors, .file = file, .named_by = "venue.calendar_file"};
    struct csv c;

    s->dates_used = 0;
    if (file[0] == '\0')
        return 0;
    if (csv_open(&c, columns, ARRAY_LEN(columns), 2, &report)) {
        while (csv_next(&c))
            load_row(s, &c);
    }
    csv_close(&c);
    return report.count;
}
