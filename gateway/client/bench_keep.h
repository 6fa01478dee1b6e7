/*
 * bench_keep.h - where a run's latencies are kept besides the report. Cold.
 */
#ifndef WIREBOOK_CLIENT_BENCH_KEEP_H
#define WIREBOOK_CLIENT_BENCH_KEEP_H

#include "gateway/client/bench_run.h"

/* Paths; NULL: not wanted. */
struct bench_keep {
    const char *hgrm;
    const char *hlog;
    const char *csv;
};

static inline bool bench_keep_any(const struct bench_keep *k)
{
    return k->hgrm != NULL || k->hlog != NULL || k->csv != NULL;
}

/*
 * Writes them. Returns NULL, or what went wrong with the file *path: a result that cannot be kept
 * whole is no result.
 */
const char *bench_keep_write(const struct bench_keep *k, const struct bench_options *o,
                             const struct bench_result *r, const char **path);

/* Can they be written? Asked before a run, which may take long. Makes those that are not there yet.
 * Returns NULL, or what is wrong with `*path`. */
const char *bench_keep_check(const struct bench_keep *k, const char **path);

#endif
