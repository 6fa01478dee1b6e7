/*
 * calendar.h - trading days in the venue's time zone.
 *
 * The zone is the process' TZ (main sets it from venue.timezone before any thread starts). Days are
 * written yyyymmdd. The functions ask the time-zone tables, not the clock. Cold threads.
 */
#ifndef WIREBOOK_GATEWAY_ADMIN_CALENDAR_H
#define WIREBOOK_GATEWAY_ADMIN_CALENDAR_H

#include "engine/base/types.h"

/* The venue's date at `now_ns` (ns since 1970 UTC). */
u32 calendar_day(u64 now_ns);

/* The first nanosecond of `day` in the venue's zone, ns since 1970 UTC. */
u64 calendar_midnight_ns(u32 day);

/* The calendar day after `day`. */
u32 calendar_next_day(u32 day);

/*
 * When `day` ends: `minute` minutes of local time after midnight (0..1439), or the next midnight
 * when `minute` is negative. A minute that a change to summer time skips counts as the one after
 * the gap.
 */
u64 calendar_end_ns(u32 day, int minute);

#endif
