/*
 * metrics.h - counters and gauges, each with one writer, read by anybody.
 *
 * A module keeps `struct metric` fields in the struct of the agent that writes them and registers
 * each once under its Prometheus name before the threads start. Writing is a relaxed load and
 * store; there is no lock and no read-modify-write on the bus.
 */
#ifndef WIREBOOK_BASE_METRICS_H
#define WIREBOOK_BASE_METRICS_H

#include <stdatomic.h>
#include <stdio.h>

#include "engine/base/histogram.h"
#include "engine/base/types.h"

struct metric {
    _Atomic u64 value;
};

enum metric_kind {
    METRIC_COUNTER, /* only grows */
    METRIC_GAUGE,
    METRIC_GAUGE_NS, /* kept in nanoseconds, shown in seconds: Prometheus' base unit */
    METRIC_COUNTER_NS,
};

/* A histogram of durations in ns with one writer: 130 KiB, of which a run touches little. */
struct metric_histogram {
    struct metric count;
    struct metric sum;
    struct metric min;
    struct metric max;
    struct metric buckets[HISTOGRAM_BUCKETS]; /* as in histogram.h */
};

/* Adds `n`. The owning thread only. */
static inline void metric_add(struct metric *m, u64 n)
{
    u64 value = atomic_load_explicit(&m->value, memory_order_relaxed);
    atomic_store_explicit(&m->value, value + n, memory_order_relaxed);
}

/* Sets to `value`. The owning thread only. */
static inline void metric_set(struct metric *m, u64 value)
{
    atomic_store_explicit(&m->value, value, memory_order_relaxed);
}

/* Raises to `value` if that is more: a high-water mark. The owning thread only. */
static inline void metric_max(struct metric *m, u64 value)
{
    if (value > atomic_load_explicit(&m->value, memory_order_relaxed))
        metric_set(m, value);
}

/* The value as last written. Any thread. */
static inline u64 metric_get(const struct metric *m)
{
    return atomic_load_explicit(&m->value, memory_order_relaxed);
}

/*
 * Makes `m` known as `name` (wirebook_..., with unit and _total as Prometheus asks). `labels` is
 * "" or like `gateway="0"`; `help` one sentence. The texts must outlive the process' use of
 * metrics; labels (at most 95 characters) are copied. Before the threads start.
 */
void metrics_register(const char *name, const char *labels, const char *help, enum metric_kind kind,
                      const struct metric *m);

/* As metrics_register, for a gauge that is how far `m` is ahead of `less`: two owners, read one
 * after the other. */
void metrics_register_difference(const char *name, const char *labels, const char *help,
                                 const struct metric *m, const struct metric *less);

/* Nothing counted. Before the threads start. */
void metric_histogram_init(struct metric_histogram *h);

/* Counts `ns`. The owning thread only. */
static inline void metric_histogram_add(struct metric_histogram *h, u64 ns)
{
    metric_add(&h->buckets[histogram_bucket(ns)], 1);
    metric_add(&h->count, 1);
    metric_add(&h->sum, ns);
    metric_max(&h->max, ns);
    if (ns < metric_get(&h->min))
        metric_set(&h->min, ns);
}

/* What was counted, for percentiles. Any thread; a little blurred while the owner counts. */
void metric_histogram_copy(const struct metric_histogram *h, struct histogram *to);

/* As metrics_register, for a histogram that is shown in seconds. */
void metrics_register_histogram(const char *name, const char *labels, const char *help,
                                const struct metric_histogram *h);

/* Writes all metrics in the Prometheus text format, grouped by name. Cold thread. */
void metrics_print(FILE *out);

/* The values of one name under all its labels. */
struct metrics_fold {
    u64 sum;
    u64 min;
    u64 max;
};

/* Folds the metrics called `name`, as they are kept, into `out`; all zero and false when there is
 * none. Cold thread and tests. */
bool metrics_fold(const char *name, struct metrics_fold *out);

/*
 * Merges the histograms called `name` whose labels contain `label`, such as `stage="own"`, into
 * `out`. Returns how many there are. Any
 * cold thread; a little blurred while they count.
 */
u32 metrics_histogram(const char *name, const char *label, struct histogram *out);

/* The sum over all labels of the metric `name`; 0 when there is none. Cold thread and tests. */
u64 metrics_sum(const char *name);

/* Forgets all registrations: between two systems in one process (tests, the simulator). */
void metrics_reset(void);

#endif
