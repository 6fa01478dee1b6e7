/*
 * bench_jitter.h - what a machine does to a thread that only spins: the floor of all tails. Cold.
 */
#ifndef WIREBOOK_CLIENT_BENCH_JITTER_H
#define WIREBOOK_CLIENT_BENCH_JITTER_H

#include <stdio.h>

#include "engine/base/histogram.h"

/*
 * Spins for `run_ns` and notes how late it sees each of `rate` moments a second (1..10,000,000):
 * the latency, from the intended time, of a venue that costs nothing. Unless `on_core` is NULL it
 * gets those moments for which the thread had its core (bench_cores.h); each costs a look of about
 * a microsecond then, so for rates up to 100,000. clock_init has been called.
 */
void bench_jitter_run(struct histogram *h, struct histogram *on_core, u64 rate, u64 run_ns);

/* The same as `machine.jitter.p99_us VALUE us` lines, with `on_core` also
 * `machine.jitter.on_core.p99_us` and so on. Returns 0. */
int bench_jitter_print(FILE *out, u64 rate, u64 run_ns, bool on_core);

#endif
