/*
 * stamps.c - see stamps.h: the counting behind the TX burst, and the report.
 *
 * Thread: stamps_sent by the gateway's; the rest is cold. Failure modes: ticks of two cores that do
 * not agree would show as a stage that ended before it began; it counts as 0 ns, and `missed` says
 * how often, together with transactions whose entry was another's before their answer went out.
 */
#include "engine/base/stamps.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/base/assert.h"
#include "engine/base/histogram.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"

static const char *const names[STAGES] = {
    [STAGE_PARSE] = "parse",     [STAGE_RING] = "ring",       [STAGE_MATCH] = "match",
    [STAGE_JOURNAL] = "journal", [STAGE_RELEASE] = "release", [STAGE_SEND] = "send",
    [STAGE_TOTAL] = "total",     [STAGE_OWN] = "own",
};

const char *stage_name(enum stage s)
{
    ASSERT_LT(s, STAGES);
    return names[s];
}

static struct stamps_gateway *gateway_make(struct mem *m, const struct stamps *s, u32 index,
                                           u64 skip, const char *users)
{
    struct stamps_gateway *g = mem_alloc(m, sizeof *g, CACHE_LINE);
    char labels[48];

    g->tx = s->tx;
    g->in = mem_alloc(m, CMD_RING_SLOTS * sizeof *g->in, CACHE_LINE);
    g->skip = skip;
    snprintf(g->users, sizeof g->users, "%s", users == NULL ? "" : users);
    for (u32 i = 0; i < STAGES; i++) {
        metric_histogram_init(&g->stages[i]);
        snprintf(labels, sizeof labels, "gateway=\"%u\",stage=\"%s\"", index, names[i]);
        metrics_register_histogram("wirebook_stage_seconds", labels,
                                   "Where an order's time in the gateway goes, by stage.",
                                   &g->stages[i]);
    }
    snprintf(labels, sizeof labels, "gateway=\"%u\"", index);
    metrics_register("wirebook_stages_missed_total", labels,
                     "Answered orders whose stages could not be told.", METRIC_COUNTER, &g->missed);
    metrics_register("wirebook_stages_waited_total", labels,
                     "Answers that waited for their own client to read, or to log in again: they "
                     "are not in the stages.",
                     METRIC_COUNTER, &g->waited);
    return g;
}

struct stamps *stamps_new(struct mem *m, u32 gateways, u64 skip, const char *users)
{
    struct stamps *s = mem_alloc(m, sizeof *s, CACHE_LINE);

    ASSERT_LE(gateways, GATEWAYS_MAX);
    clock_ticks_calibrate();
    s->gateways_used = gateways;
    s->tx = mem_alloc(m, STAMPS_TX * sizeof *s->tx, CACHE_LINE);
    for (u32 g = 0; g < gateways; g++)
        s->gateways[g] = gateway_make(m, s, g, skip, users);
    return s;
}

/* One order. False: its counts are not in order. */
static bool count(struct stamps_gateway *g, const struct stamp_sent *s, u64 tx)
{
    const u64 at[] = {s->rx, s->parsed, s->taken, s->matched, s->journalled, s->released, tx};
    u64 ns[STAGES];

    for (u32 i = 0; i < STAGE_TOTAL; i++) {
        if (at[i + 1] < at[i])
            return false;
        ns[i] = clock_ticks_ns(at[i + 1] - at[i]);
    }
    ns[STAGE_TOTAL] = clock_ticks_ns(tx - s->rx);
    ns[STAGE_OWN] = clock_ticks_ns(tx - s->rx - (s->journalled - s->matched));
    for (u32 i = 0; i < STAGES; i++)
        metric_histogram_add(&g->stages[i], ns[i]);
    return true;
}

void stamps_sent(struct stamps_gateway *g)
{
    u64 tx = clock_ticks();

    for (u32 i = 0; i < g->sent_used; i++) {
        if (g->skip > 0)
            g->skip--;
        else if (!count(g, &g->sent[i], tx))
            metric_add(&g->missed, 1);
    }
    g->sent_used = 0;
}

/* ---- the report ---- */

static void print_row(FILE *out, const char *name, const struct histogram *h)
{
    static const double percents[] = {50, 90, 99, 99.9, 99.99};

    fprintf(out, "  %-8s %10llu %9llu", name, (unsigned long long)h->count,
            (unsigned long long)(h->count > 0 ? h->min : 0));
    for (u32 i = 0; i < ARRAY_LEN(percents); i++)
        fprintf(out, " %9llu", (unsigned long long)histogram_percentile(h, percents[i]));
    fprintf(out, " %9llu\n", (unsigned long long)h->max);
}

static void print_lines(FILE *out, const char *name, const struct histogram *h)
{
    static const struct {
        const char *name;
        double percent;
    } points[] = {{"p50", 50}, {"p99", 99}, {"p99_9", 99.9}};

    for (u32 i = 0; i < ARRAY_LEN(points); i++)
        fprintf(out, "%s_%s_ns %llu ns\n", name, points[i].name,
                (unsigned long long)histogram_percentile(h, points[i].percent));
}

/* All gateways' counts of a stage. */
static void gather(const struct stamps *s, enum stage stage, struct histogram *all,
                   struct histogram *one)
{
    histogram_init(all);
    for (u32 g = 0; g < s->gateways_used; g++) {
        metric_histogram_copy(&s->gateways[g]->stages[stage], one);
        histogram_merge(all, one);
    }
}

void stamps_report(const struct stamps *s, FILE *out)
{
    struct histogram *h = calloc(STAGES + 1, sizeof *h);
    char name[32];

    ASSERT(h != NULL);
    for (u32 i = 0; i < STAGES; i++)
        gather(s, (enum stage)i, &h[i], &h[STAGES]);
    fprintf(out,
            "gateway to gateway (RX burst to TX burst): p50 %.1f us, p99 %.1f us, %llu orders\n",
            (double)histogram_percentile(&h[STAGE_TOTAL], 50) / 1000,
            (double)histogram_percentile(&h[STAGE_TOTAL], 99) / 1000,
            (unsigned long long)h[STAGE_TOTAL].count);
    clock_quality_print(out);
    fprintf(
        out,
        "nanoseconds; a burst's orders have its times\n  %-8s %10s %9s %9s %9s %9s %9s %9s %9s\n",
        "stage", "count", "min", "p50", "p90", "p99", "p99.9", "p99.99", "max");
    for (u32 i = 0; i < STAGES; i++)
        print_row(out, names[i], &h[i]);
    for (u32 i = 0; i < STAGE_TOTAL; i++) {
        snprintf(name, sizeof name, "stage.%s", names[i]);
        print_lines(out, name, &h[i]);
    }
    print_lines(out, "gateway.total", &h[STAGE_TOTAL]);
    print_lines(out, "gateway.own", &h[STAGE_OWN]);
    fprintf(out, "gateway.stamped %llu orders\n", (unsigned long long)h[STAGE_TOTAL].count);
    free(h);
}

void stamps_write(const struct stamps *s, const char *path)
{
    FILE *f;

    if (s == NULL || path[0] == '\0')
        return;
    f = fopen(path, "w");
    if (f != NULL)
        stamps_report(s, f);
    if (f == NULL || fclose(f) != 0)
        log_error("%s: the stages cannot be written: %s", path, strerror(errno));
}
