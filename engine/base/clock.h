/*
 * clock.h - the only place that reads the machine's clocks.
 *
 * The time of the process is the wall clock as it was at clock_init, carried on by the monotonic
 * clock: nanoseconds since 1970 UTC that never jump. When somebody sets the wall clock, the
 * difference shows in clock_step_ns and nothing else moves.
 */
#ifndef WIREBOOK_BASE_CLOCK_H
#define WIREBOOK_BASE_CLOCK_H

#include "engine/base/types.h"

/* Takes the wall clock. Once, before the threads start. */
void clock_init(void);

/* Nanoseconds since 1970 UTC; never goes back. Any thread. */
u64 clock_now_ns(void);

/* How far the wall clock has moved away from clock_now_ns since clock_init. Any thread. */
i64 clock_step_ns(void);

/* Sleeps about `ns`. Cold code and idle strategies only. */
void clock_sleep_ns(u64 ns);

#endif
