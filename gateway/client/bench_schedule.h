/*
 * bench_schedule.h - when each request of a benchmark is due: fixed before it starts, never moved.
 *
 * Open loop: the venue's slowness does not slow the schedule, so a request that had to wait its
 * turn is measured from when it should have gone out (no coordinated omission). Pure.
 */
#ifndef WIREBOOK_CLIENT_BENCH_SCHEDULE_H
#define WIREBOOK_CLIENT_BENCH_SCHEDULE_H

#include "engine/base/types.h"

enum bench_shape {
    BENCH_CONSTANT, /* one request after the other, always as far apart */
    BENCH_BURST,    /* so many at the same time, then none until the rate allows the next burst */
    BENCH_POISSON,  /* apart by exponential times: independent clients */
};

/* What all sessions together offer. */
struct bench_schedule {
    enum bench_shape shape;
    u64 start_ns;
    u64 rate;   /* requests per second on average, 1..NS_PER_SEC */
    u64 burst;  /* BENCH_BURST: requests of one burst; else 1 */
    u64 warmup; /* about the first so many requests are not measured */
    u64 total;  /* requests, warm-up included */
};

/* One session's part of it: every n-th request of n sessions. */
struct bench_pace {
    const struct bench_schedule *schedule;
    u32 index;
    u32 sessions;
    u64 sent;   /* requests taken so far */
    u64 share;  /* requests of this session */
    u64 due_ns; /* of the next one */
    u64 random; /* BENCH_POISSON: the generator's state */
};

/* `warmup_ms` and `run_ms` at `rate`; begins at `start_ns`. `burst` from 1. */
void bench_schedule_init(struct bench_schedule *s, enum bench_shape shape, u64 burst, u64 start_ns,
                         u64 rate, u64 warmup_ms, u64 run_ms);

/* The part of session `index` of `sessions`. The same seed gives the same times. */
void bench_pace_init(struct bench_pace *p, const struct bench_schedule *s, u32 index, u32 sessions,
                     u64 seed);

/* When the next request is due; UINT64_MAX when none is left. */
u64 bench_pace_due(const struct bench_pace *p);

/* Is the next request measured? */
bool bench_pace_measured(const struct bench_pace *p);

/* The next request was made. */
void bench_pace_next(struct bench_pace *p);

/*
 * Requests per second of `n` of them, of which the first was due at `first_ns` and the last one was
 * due, or sent, at `last_ns`.
 */
double bench_schedule_rate(const struct bench_schedule *s, u64 n, u64 first_ns, u64 last_ns);

#endif
