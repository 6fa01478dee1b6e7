/*
 * bench_files.h - the latencies of a run in the formats that the field's own tools read. Cold.
 */
#ifndef WIREBOOK_CLIENT_BENCH_FILES_H
#define WIREBOOK_CLIENT_BENCH_FILES_H

#include <stdio.h>

#include "engine/base/histogram.h"

/* One distribution of a log. */
struct bench_tagged {
    const char *tag; /* letters, digits */
    const struct histogram *histogram;
};

/*
 * HdrHistogram's percentile distribution (.hgrm) in microseconds, five points to each halving of
 * the distance to 100 %: what its plotter takes.
 */
void bench_hgrm_write(FILE *out, const struct histogram *h);

/*
 * A histogram log of format 1.3 (.hlog): an interval that began at `start_ns` (since 1970) and
 * lasted `ns`, a line for each of `n` distributions, in nanoseconds with three digits. False: no
 * memory.
 */
bool bench_hlog_write(FILE *out, const struct bench_tagged *tagged, u32 n, u64 start_ns, u64 ns);

/* Comma-separated values with a head: each bucket that is not empty, with what is at or below. */
void bench_csv_write(FILE *out, const struct bench_tagged *tagged, u32 n);

#endif
