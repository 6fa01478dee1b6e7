/*
 * bench_schedule.h - when each request of a benchmark is due: fixed before it starts, never moved.
 *
 * Open loop: the venue's slowness does not slow the schedule, so a request that had to wait its
 * turn is measured from when it should have gone out (no coordinated omission). Pure.
 */
#ifndef WIREBOOK_CLIENT_BENCH_SCHEDULE_H
#define WIREBOOK_CLIENT_BENCH_SCHEDULE_H

#include "engine/base/types.h"

/* A constant rate: request k of all sessions together is due at start + k / rate. */
struct bench_schedule {
    u64 start_ns;
    u64 rate;   /* requests per second, 1..NS_PER_SEC */
    u64 warmup; /* the first so many requests are not measured */
    u64 total;  /* requests, warm-up included */
};

/* `warmup_ms` and `run_ms` at `rate`; begins at `start_ns`. */
void bench_schedule_init(struct bench_schedule *s, u64 start_ns, u64 rate, u64 warmup_ms,
                         u64 run_ms);

/* When request `k` is due; exact to the nanosecond however large k is. */
u64 bench_schedule_due(const struct bench_schedule *s, u64 k);

/* How many requests are due at `now_ns`, at most all of them. */
u64 bench_schedule_count(const struct bench_schedule *s, u64 now_ns);

/*
 * Requests per second that were reached when the last of the measured ones went out at `last_ns`.
 */
double bench_schedule_achieved(const struct bench_schedule *s, u64 last_ns);

#endif
