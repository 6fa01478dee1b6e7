/*
 * bench_jitter.h - what a machine does to a thread that only spins: the floor of all tails. Cold.
 */
#ifndef WIREBOOK_CLIENT_BENCH_JITTER_H
#define WIREBOOK_CLIENT_BENCH_JITTER_H

#include <stdio.h>

#include "engine/base/histogram.h"

/*
 * Spins for `run_ns` and notes how late it sees each of `rate` moments a second (1..10,000,000):
 * the latency, from the intended time, of a venue that costs nothing. clock_init has been called.
 */
void bench_jitter_run(struct histogram *h, u64 rate, u64 run_ns);

/* The same as `machine.jitter.p99_us VALUE us` lines and so on. Returns 0. */
int bench_jitter_print(FILE *out, u64 rate, u64 run_ns);

#endif
