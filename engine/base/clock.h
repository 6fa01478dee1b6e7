/*
 * clock.h - the only place that reads the machine's clocks.
 *
 * The time of the process is the wall clock as it was at clock_init, carried on by the monotonic
 * clock: nanoseconds since 1970 UTC that never jump. When somebody sets the wall clock, the
 * difference shows in clock_step_ns and nothing else moves.
 */
#ifndef WIREBOOK_BASE_CLOCK_H
#define WIREBOOK_BASE_CLOCK_H

#include <stdio.h>

#include "engine/base/types.h"

/* Takes the wall clock. Once, before the threads start. */
void clock_init(void);

/* Nanoseconds since 1970 UTC; never goes back. Any thread. */
u64 clock_now_ns(void);

/* How far the wall clock has moved away from clock_now_ns since clock_init. Any thread. */
i64 clock_step_ns(void);

/*
 * A counter for latency stamps and for how long turns take: the processor's time stamp counter
 * where it is invariant, else the monotonic clock in ns. Counts of two cores may be compared. Never
 * for logic. It costs less than half of what a look at the clock does.
 */
u64 clock_ticks(void);

/* Learns the counter's rate, at least 10 ms after clock_init: sleeps until then. Before the
 * threads that call clock_ticks_ns start. */
void clock_ticks_calibrate(void);

/* A difference of two counts in nanoseconds. After clock_ticks_calibrate. Any thread. */
u64 clock_ticks_ns(u64 ticks);

/*
 * What a report says of the clocks: the source, what stamps are made of, whether UTC is kept, by
 * whom and within which bound (chrony's, as it tells the kernel), and what that means for RTS 25.
 * Cold.
 */
void clock_quality_print(FILE *out);

/* Sleeps about `ns`. Cold code and idle strategies only. */
void clock_sleep_ns(u64 ns);

#endif
