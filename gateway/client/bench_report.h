/*
 * bench_report.h - what a run of the benchmark found: a table for people, lines for machines. Cold.
 */
#ifndef WIREBOOK_CLIENT_BENCH_REPORT_H
#define WIREBOOK_CLIENT_BENCH_REPORT_H

#include <stdio.h>

#include "gateway/client/bench_run.h"

/* Adds the sessions up into `r`. The run's own failure is `code`, else 0. */
void bench_result_make(struct bench_result *r, const struct bench_options *o,
                       const struct bench_shared *shared, const struct bench_session *sessions,
                       bool stopped, int code);

/* A histogram's count and percentiles as `NAME.p50_us VALUE us` lines and so on. */
void bench_latency_lines(FILE *out, const char *name, const struct histogram *h);

/* Prints it to `out` as the options say. */
void bench_report(FILE *out, const struct bench_options *o, const struct bench_result *r);

#endif
