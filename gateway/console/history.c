/*
 * history.c - see history.h. Enters: metrics. Leaves: rows of numbers.
 *
 * A ring of rows, the newest overwrites the oldest.
 * Failure modes: a metric that this process does not have is null in every row; so are a second's
 * percentiles when nothing was measured in it.
 */
#include "gateway/console/history.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engine/base/assert.h"
#include "engine/base/metrics.h"

enum fold { FOLD_SUM, FOLD_MIN, FOLD_MAX };

/* What a metric is over its labels, and what it is kept in. */
struct series {
    const char *name; /* the console's word for it */
    const char *metric;
    enum fold fold;
    bool ns;
};

static const struct series series[] = {
    {"transactions", "wirebook_engine_transactions_total", FOLD_SUM, false},
    {"fills", "wirebook_engine_fills_total", FOLD_SUM, false},
    {"rejects", "wirebook_engine_rejects_total", FOLD_SUM, false},
    {"orders_open", "wirebook_engine_orders_open", FOLD_SUM, false},
    {"pool_full", "wirebook_engine_pool_full_total", FOLD_SUM, false},
    {"reloads_failed", "wirebook_reloads_failed_total", FOLD_SUM, false},
    {"archive_failed", "wirebook_archive_failed_total", FOLD_SUM, false},
    {"snapshots_failed", "wirebook_snapshots_failed_total", FOLD_SUM, false},
    {"trading_day", "wirebook_engine_trading_day", FOLD_MAX, false},
    {"phase", "wirebook_engine_phase", FOLD_MAX, false},
    {"sessions", "wirebook_gateway_sessions", FOLD_SUM, false},
    {"logins_bad", "wirebook_gateway_logins_bad_total", FOLD_SUM, false},
    {"messages_out", "wirebook_gateway_messages_out_total", FOLD_SUM, false},
    {"ring_full_stops", "wirebook_gateway_ring_full_stops_total", FOLD_SUM, false},
    {"turns_over_limit", "wirebook_agent_turns_over_limit_total", FOLD_MAX, false},
    {"agents_stuck", "wirebook_agents_stuck", FOLD_SUM, false},
    {"ready", "wirebook_ready", FOLD_MIN, false},
    {"space_level", "wirebook_journal_space_level", FOLD_MAX, false},
    {"free_bytes", "wirebook_journal_free_bytes", FOLD_MIN, false},
    {"durable_seq", "wirebook_journal_durable_seq", FOLD_MAX, false},
    {"export_lag", "wirebook_export_lag_seconds", FOLD_MAX, true},
    {"export_lag_seq", "wirebook_export_lag_transactions", FOLD_MAX, false},
    {"export_state", "wirebook_export_state", FOLD_MAX, false},
    {"clock_step", "wirebook_clock_step_seconds", FOLD_MAX, true},
    {"link_up", "wirebook_port_link_up", FOLD_MIN, false},
};

/* Percentiles of the orders of one second, from the burst that brings one to its answer's. */
static const struct {
    const char *name;
    double percent;
} latencies[] = {{"latency_p50", 50}, {"latency_p99", 99}, {"latency_p999", 99.9}};

#define SERIES    ARRAY_LEN(series)
#define LATENCIES ARRAY_LEN(latencies)
#define NOTHING   UINT64_MAX /* measured in that second */

struct row {
    u64 second; /* since 1970 UTC */
    u64 values[SERIES];
    u64 latencies_ns[LATENCIES];
};

struct history {
    bool there[SERIES];                    /* this process has that metric */
    struct histogram before, now, between; /* orders' times: at the last row, at this one */
    u64 used; /* rows written so far; the last HISTORY_SAMPLES of them are kept */
    struct row rows[HISTORY_SAMPLES];
};

struct history *history_new(void)
{
    struct history *h = calloc(1, sizeof *h);
    struct metrics_fold fold;

    ASSERT(h != NULL);
    for (u32 i = 0; i < SERIES; i++)
        h->there[i] = metrics_fold(series[i].metric, &fold);
    return h;
}

static u64 value_now(const struct series *s)
{
    struct metrics_fold fold;

    metrics_fold(s->metric, &fold);
    return s->fold == FOLD_SUM ? fold.sum : s->fold == FOLD_MIN ? fold.min : fold.max;
}

/* What was counted since the row before. */
static void look_at_latencies(struct history *h, struct row *row)
{
    metrics_histogram("wirebook_stage_seconds", "stage=\"total\"", &h->now);
    h->between = h->now;
    h->between.count = 0;
    for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++) {
        h->between.buckets[i] -= h->before.buckets[i];
        h->between.count += h->between.buckets[i];
    }
    h->before = h->now;
    for (u32 i = 0; i < LATENCIES; i++)
        row->latencies_ns[i] = h->between.count == 0
                                   ? NOTHING
                                   : histogram_percentile(&h->between, latencies[i].percent);
}

int history_look(struct history *h, u64 now_ns)
{
    u64 second = now_ns / HISTORY_INTERVAL_NS;
    struct row *row = &h->rows[h->used % HISTORY_SAMPLES];

    if (h->used > 0 && second <= h->rows[(h->used - 1) % HISTORY_SAMPLES].second)
        return 0;
    row->second = second;
    for (u32 i = 0; i < SERIES; i++)
        row->values[i] = value_now(&series[i]);
    look_at_latencies(h, row);
    h->used++;
    return 1;
}

static void print_ns(u64 ns, FILE *out)
{
    fprintf(out, ",%" PRIu64 ".%09" PRIu64, (u64)(ns / NS_PER_SEC), (u64)(ns % NS_PER_SEC));
}

static void print_row(const struct history *h, const struct row *row, FILE *out)
{
    fprintf(out, "[%" PRIu64, (u64)(row->second * 1000));
    for (u32 i = 0; i < SERIES; i++) {
        u64 value = row->values[i];
        if (!h->there[i])
            fputs(",null", out);
        else if (series[i].ns)
            print_ns(value, out);
        else
            fprintf(out, ",%" PRIu64, value);
    }
    for (u32 i = 0; i < LATENCIES; i++)
        if (row->latencies_ns[i] == NOTHING)
            fputs(",null", out);
        else
            print_ns(row->latencies_ns[i], out);
    fputc(']', out);
}

void history_print(const struct history *h, u64 since_ms, FILE *out)
{
    u64 first = h->used > HISTORY_SAMPLES ? h->used - HISTORY_SAMPLES : 0;
    const char *comma = "";

    fputs("{\"names\":[", out);
    for (u32 i = 0; i < SERIES; i++)
        fprintf(out, "%s\"%s\"", i > 0 ? "," : "", series[i].name);
    for (u32 i = 0; i < LATENCIES; i++)
        fprintf(out, ",\"%s\"", latencies[i].name);
    fputs("],\"rows\":[", out);
    for (u64 i = first; i < h->used; i++) {
        const struct row *row = &h->rows[i % HISTORY_SAMPLES];
        if (row->second * 1000 <= since_ms)
            continue;
        fputs(comma, out);
        print_row(h, row, out);
        comma = ",";
    }
    fputs("]}", out);
}

void history_free(struct history *h)
{
    free(h);
}
