/* calendar.c - see calendar.h; mktime and localtime_r do the work. */
#include "gateway/admin/calendar.h"

#include <time.h>

#include "engine/base/assert.h"

/* The instant of a local date and minute; mktime normalises days past a month's end. */
static u64 local_ns(u32 day, int days_more, int minute)
{
    struct tm tm = {
        .tm_year = (int)(day / 10000) - 1900,
        .tm_mon = (int)(day / 100 % 100) - 1,
        .tm_mday = (int)(day % 100) + days_more,
        .tm_hour = minute / 60,
        .tm_min = minute % 60,
        .tm_isdst = -1,
    };
    time_t sec = mktime(&tm);

    ASSERT_GT(sec, 0);
    return (u64)sec * NS_PER_SEC;
}

u32 calendar_day(u64 now_ns)
{
    time_t sec = (time_t)(now_ns / NS_PER_SEC);
    struct tm tm;

    localtime_r(&sec, &tm);
    return (u32)(tm.tm_year + 1900) * 10000 + (u32)(tm.tm_mon + 1) * 100 + (u32)tm.tm_mday;
}

u64 calendar_midnight_ns(u32 day)
{
    return local_ns(day, 0, 0);
}

u32 calendar_next_day(u32 day)
{
    /* Noon: no zone changes its clock then, so the date is the next one for sure. */
    return calendar_day(local_ns(day, 1, 12 * 60));
}

u64 calendar_end_ns(u32 day, int minute)
{
    return minute < 0 ? local_ns(day, 1, 0) : local_ns(day, 0, minute);
}
