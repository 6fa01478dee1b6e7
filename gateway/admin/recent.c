/*
 * recent.c - see recent.h. Thread: http (cold). Enters: histograms that gateways count in. Leaves:
 * gauges.
 *
 * A stage a turn, so that no turn is long: merging sixteen gateways' buckets takes a few hundred
 * microseconds. Failure modes: none; a count that comes while it looks is the next window's.
 */
#include "gateway/admin/recent.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/assert.h"
#include "engine/base/metrics.h"
#include "engine/base/stamps.h"

static const struct {
    const char *name;
    double percent;
} percentiles[] = {{"50", 50}, {"99", 99}, {"99.9", 99.9}};

#define PERCENTILES ARRAY_LEN(percentiles)

struct recent {
    u64 next_ns; /* when the next window begins */
    u32 at;      /* stage that is looked at next; STAGES: all were */
    struct histogram before[STAGES];
    struct histogram now;
    struct histogram between;
    struct metric gauges[STAGES][PERCENTILES]; /* ns */
};

struct recent *recent_new(void)
{
    struct metrics_fold fold;

    if (!metrics_fold("wirebook_stage_seconds", &fold))
        return NULL;
    struct recent *r = calloc(1, sizeof *r);
    ASSERT(r != NULL);
    r->at = STAGES;
    return r;
}

void recent_register_metrics(const struct recent *r)
{
    char labels[64];

    for (u32 s = 0; s < STAGES; s++) {
        for (u32 p = 0; p < PERCENTILES; p++) {
            snprintf(labels, sizeof labels, "stage=\"%s\",percentile=\"%s\"",
                     stage_name((enum stage)s), percentiles[p].name);
            metrics_register("wirebook_stage_recent_seconds", labels,
                             "Percentiles of the orders of the last ten seconds, by stage.",
                             METRIC_GAUGE_NS, &r->gauges[s][p]);
        }
    }
}

/* What was counted since the last look at this stage. */
static void look(struct recent *r, u32 stage)
{
    struct histogram *before = &r->before[stage];
    char label[48];

    snprintf(label, sizeof label, "stage=\"%s\"", stage_name((enum stage)stage));
    metrics_histogram("wirebook_stage_seconds", label, &r->now);
    r->between = r->now;
    r->between.count = 0;
    for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++) {
        r->between.buckets[i] -= before->buckets[i];
        r->between.count += r->between.buckets[i];
    }
    *before = r->now;
    for (u32 p = 0; p < PERCENTILES; p++)
        metric_set(&r->gauges[stage][p], histogram_percentile(&r->between, percentiles[p].percent));
}

int recent_do_work(struct recent *r, u64 now_ns)
{
    if (!r)
        return 0;
    if (now_ns >= r->next_ns) {
        r->next_ns = now_ns + RECENT_NS;
        r->at = 0;
    }
    if (r->at == STAGES)
        return 0;
    look(r, r->at++);
    return 1;
}

void recent_free(struct recent *r)
{
    free(r);
}
