/*
 * bench_report.h - what a run of the benchmark found: a table for people, lines for machines. Cold.
 */
#ifndef WIREBOOK_CLIENT_BENCH_REPORT_H
#define WIREBOOK_CLIENT_BENCH_REPORT_H

#include "gateway/client/bench_run.h"

/* The sums over all sessions, and the verdict. */
struct bench_result {
    double offered;
    double achieved;
    bool interrupted; /* connections were lost or the run was stopped */
    bool judged;      /* a rate that was not reached makes the run fail */
    u64 losses;
    u64 unanswered;
    u64 lingering;
    u64 wrong;
    u64 replayed;
    u64 messages;
    struct ledger_counts counts;
    int code;                /* enum bench_exit */
    const char *first_wrong; /* in words; "" when nothing is */
};

/* Adds the sessions up. The run's own failure is `code`, else 0. */
void bench_result_make(struct bench_result *r, const struct bench_options *o,
                       const struct bench_shared *shared, const struct bench_session *sessions,
                       bool stopped, int code);

/* Prints it to `out` as the options say. */
void bench_report(FILE *out, const struct bench_options *o, const struct bench_shared *shared,
                  const struct bench_result *r);

#endif
