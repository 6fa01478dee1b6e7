/* metrics.c - the registry behind metrics.h: filled before the threads start, read-only after. */
#include "engine/base/metrics.h"

#include <string.h>

#include "engine/base/assert.h"

struct entry {
    const char *name;
    const char *help;
    const struct metric *metric;              /* of a histogram: how much it has counted */
    const struct metric_histogram *histogram; /* NULL: a plain metric */
    enum metric_kind kind;
    char labels[96];
};

static struct entry entries[METRICS_MAX];
static u32 entries_used;

void metrics_register(const char *name, const char *labels, const char *help, enum metric_kind kind,
                      const struct metric *m)
{
    struct entry *e = &entries[entries_used];

    ASSERT_LT(entries_used, METRICS_MAX);
    ASSERT_LT(strlen(labels), sizeof e->labels);
    e->name = name;
    e->help = help;
    e->kind = kind;
    e->metric = m;
    e->histogram = NULL;
    memcpy(e->labels, labels, strlen(labels) + 1);
    entries_used++;
}

void metrics_register_histogram(const char *name, const char *labels, const char *help,
                                const struct metric_histogram *h)
{
    metrics_register(name, labels, help, METRIC_COUNTER, &h->count);
    entries[entries_used - 1].histogram = h;
}

void metric_histogram_init(struct metric_histogram *h)
{
    memset(h, 0, sizeof *h);
    metric_set(&h->min, UINT64_MAX);
}

void metric_histogram_copy(const struct metric_histogram *h, struct histogram *to)
{
    histogram_init(to);
    for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++) {
        to->buckets[i] = metric_get(&h->buckets[i]);
        to->count += to->buckets[i]; /* so that it fits them, whatever is counted meanwhile */
    }
    to->sum = metric_get(&h->sum);
    to->min = metric_get(&h->min);
    to->max = metric_get(&h->max);
}

/* Upper ends of the buckets that are shown, in ns. */
static const u64 shown[] = {250,     500,     1000,     2000,      5000,      10000,
                            20000,   50000,   100000,   200000,    500000,    1000000,
                            2000000, 5000000, 10000000, 100000000, 1000000000};

static void print_seconds(FILE *out, u64 ns)
{
    fprintf(out, "%llu.%09llu", (unsigned long long)(ns / NS_PER_SEC),
            (unsigned long long)(ns % NS_PER_SEC));
}

static void print_bound(FILE *out, const struct entry *e, u64 ns, u64 count)
{
    fprintf(out, "%s_bucket{%s%sle=\"", e->name, e->labels, e->labels[0] != '\0' ? "," : "");
    if (ns == UINT64_MAX)
        fputs("+Inf", out);
    else
        print_seconds(out, ns);
    fprintf(out, "\"} %llu\n", (unsigned long long)count);
}

static void print_name(FILE *out, const struct entry *e, const char *what)
{
    fprintf(out, e->labels[0] != '\0' ? "%s_%s{%s} " : "%s_%s%s ", e->name, what, e->labels);
}

static void print_histogram(FILE *out, const struct entry *e)
{
    u64 count = 0;
    u32 i = 0;

    for (u32 b = 0; b < ARRAY_LEN(shown); b++) {
        for (; i < HISTOGRAM_BUCKETS && histogram_bucket_top(i) <= shown[b]; i++)
            count += metric_get(&e->histogram->buckets[i]);
        print_bound(out, e, shown[b], count);
    }
    for (; i < HISTOGRAM_BUCKETS; i++)
        count += metric_get(&e->histogram->buckets[i]);
    print_bound(out, e, UINT64_MAX, count);
    print_name(out, e, "sum");
    print_seconds(out, metric_get(&e->histogram->sum));
    fputc('\n', out);
    print_name(out, e, "count");
    fprintf(out, "%llu\n", (unsigned long long)count);
}

static void print_value(FILE *out, const struct entry *e)
{
    unsigned long long value = metric_get(e->metric);

    if (e->kind == METRIC_GAUGE_NS)
        fprintf(out, "%llu.%09llu\n", value / NS_PER_SEC, value % NS_PER_SEC);
    else
        fprintf(out, "%llu\n", value);
}

static void print_family(FILE *out, u32 first)
{
    const struct entry *head = &entries[first];

    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", head->name, head->help, head->name,
            head->histogram != NULL        ? "histogram"
            : head->kind == METRIC_COUNTER ? "counter"
                                           : "gauge");
    for (u32 i = first; i < entries_used; i++) {
        const struct entry *e = &entries[i];
        if (strcmp(e->name, head->name) != 0)
            continue;
        if (e->histogram != NULL) {
            print_histogram(out, e);
            continue;
        }
        fprintf(out, e->labels[0] ? "%s{%s} " : "%s%s ", e->name, e->labels);
        print_value(out, e);
    }
}

void metrics_print(FILE *out)
{
    for (u32 i = 0; i < entries_used; i++) {
        u32 j = 0;
        while (strcmp(entries[j].name, entries[i].name) != 0)
            j++;
        if (j == i)
            print_family(out, i);
    }
}

bool metrics_fold(const char *name, struct metrics_fold *out)
{
    u32 found = 0;

    *out = (struct metrics_fold){0, 0, 0};
    for (u32 i = 0; i < entries_used; i++) {
        if (strcmp(entries[i].name, name) != 0)
            continue;
        u64 value = metric_get(entries[i].metric);
        out->sum += value;
        out->min = found == 0 || value < out->min ? value : out->min;
        out->max = value > out->max ? value : out->max;
        found++;
    }
    return found > 0;
}

u32 metrics_histogram(const char *name, const char *label, struct histogram *out)
{
    static struct histogram one; /* cold callers, one at a time */
    u32 found = 0;

    histogram_init(out);
    for (u32 i = 0; i < entries_used; i++) {
        const struct entry *e = &entries[i];
        if (e->histogram == NULL || strcmp(e->name, name) != 0 || !strstr(e->labels, label))
            continue;
        metric_histogram_copy(e->histogram, &one);
        histogram_merge(out, &one);
        found++;
    }
    return found;
}

u64 metrics_sum(const char *name)
{
    struct metrics_fold fold;

    metrics_fold(name, &fold);
    return fold.sum;
}

void metrics_reset(void)
{
    entries_used = 0;
}
