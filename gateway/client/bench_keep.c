/*
 * bench_keep.c - see bench_keep.h; the formats are in bench_files.c and bench_hlog.c.
 */
#include "gateway/client/bench_keep.h"

#include <stdio.h>
#include <unistd.h>

#include "gateway/client/bench_files.h"

enum format { HGRM, HLOG, CSV };

static bool write_as(enum format format, FILE *f, const struct bench_options *o,
                     const struct bench_result *r)
{
    const struct bench_tagged tagged[] = {
        {"all", &r->all},
        {"add", &r->latency[BENCH_ADD]},
        {"cancel", &r->latency[BENCH_CANCEL]},
        {"replace", &r->latency[BENCH_REPLACE]},
        {"aggressive", &r->latency[BENCH_AGGRESSIVE]},
    };

    if (format == HLOG)
        return bench_hlog_write(f, tagged, ARRAY_LEN(tagged), r->start_ns, o->run_ms * NS_PER_MS);
    if (format == HGRM)
        bench_hgrm_write(f, &r->all);
    else
        bench_csv_write(f, tagged, ARRAY_LEN(tagged));
    return true;
}

const char *bench_keep_check(const struct bench_keep *k, const char **path)
{
    const char *paths[] = {k->hgrm, k->hlog, k->csv};

    for (u32 i = 0; i < ARRAY_LEN(paths); i++) {
        bool there = paths[i] != NULL && access(paths[i], F_OK) == 0;
        FILE *f = paths[i] != NULL ? fopen(paths[i], "a") : NULL;
        *path = paths[i];
        if (paths[i] != NULL && f == NULL)
            return "cannot be written";
        if (f != NULL)
            fclose(f);
        if (f != NULL && !there) /* the run may come to nothing */
            unlink(paths[i]);
    }
    return NULL;
}

const char *bench_keep_write(const struct bench_keep *k, const struct bench_options *o,
                             const struct bench_result *r, const char **path)
{
    const char *paths[] = {[HGRM] = k->hgrm, [HLOG] = k->hlog, [CSV] = k->csv};

    for (u32 i = 0; i < ARRAY_LEN(paths); i++) {
        if (paths[i] == NULL)
            continue;
        *path = paths[i];
        FILE *f = fopen(paths[i], "w");
        if (f == NULL)
            return "cannot be written";
        bool good = write_as((enum format)i, f, o, r);
        if (fclose(f) != 0 || !good)
            return "could not be written whole";
    }
    return NULL;
}
