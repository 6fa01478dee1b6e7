/* bench_ladder.h - one run after the other at rising rates, until the venue's latency breaks. */
#ifndef WIREBOOK_CLIENT_BENCH_LADDER_H
#define WIREBOOK_CLIENT_BENCH_LADDER_H

#include <stdio.h>

#include "gateway/client/bench_run.h"

#define BENCH_RUNGS_MAX 32u

struct bench_ladder {
    u64 rates[BENCH_RUNGS_MAX]; /* requests per second, ascending */
    u32 rungs;                  /* 0: no ladder */
    u64 knee;                   /* a p99 of more than so many times the first rung's is broken */
};

/* "1k,10k,500k,1M" to `l`: ascending, each at most 10M. Returns NULL, or what is wrong. */
const char *bench_ladder_parse(struct bench_ladder *l, const char *text);

/*
 * Runs (`run` is bench_run) rung after rung with the options `o` but for the rate, and prints a row
 * for each as soon as it is known (`name value unit` lines with o->lines), then the knee: the last
 * rate that held. A rate that is not reached breaks the ladder too. Returns enum bench_exit: 0 when
 * at least one rung held, BENCH_TOO_SLOW when none did, else what ended a run.
 */
int bench_ladder_run(const struct bench_ladder *l, const struct bench_options *o,
                     int (*run)(const struct bench_options *, struct bench_result *), FILE *out);

#endif
