/*
 * metrics.c - the registry behind metrics.h: filled before the threads start, read-only after.
 *
 * Entries of one name are a family, chained in the order of their coming; so are the families. It
 * grows as it must: how many there are follows from gateways, ports and what their drivers count.
 */
#include "engine/base/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"

#define NONE UINT32_MAX

struct entry {
    const char *name;
    const char *help;
    const struct metric *metric;              /* of a histogram: how much it has counted */
    const struct metric_histogram *histogram; /* NULL: a plain metric */
    const struct metric *less;                /* NULL: nothing is taken away */
    enum metric_kind kind;
    u32 next;        /* of the same name; NONE: the last */
    u32 last;        /* of the first of a name: the last one */
    u32 next_family; /* ... and the first of the next name */
    char labels[96];
};

static struct entry *entries;
static u32 entries_used, entries_room;
static u32 first_family = NONE, last_family = NONE;

static u32 family_find(const char *name)
{
    u32 i = first_family;

    while (i != NONE && strcmp(entries[i].name, name) != 0)
        i = entries[i].next_family;
    return i;
}

static struct entry *entry_add(void)
{
    if (entries_used == entries_room) {
        entries_room = entries_room ? 2 * entries_room : 1024;
        entries = realloc(entries, entries_room * sizeof *entries);
        ASSERT(entries != NULL);
    }
    return &entries[entries_used++];
}

static void chain(struct entry *e)
{
    u32 at = (u32)(e - entries);
    u32 family = family_find(e->name);

    e->next = e->next_family = NONE;
    e->last = at;
    if (family != NONE) {
        entries[entries[family].last].next = at;
        entries[family].last = at;
        return;
    }
    if (last_family != NONE)
        entries[last_family].next_family = at;
    else
        first_family = at;
    last_family = at;
}

void metrics_register(const char *name, const char *labels, const char *help, enum metric_kind kind,
                      const struct metric *m)
{
    struct entry *e = entry_add();

    ASSERT_LT(strlen(labels), sizeof e->labels);
    *e = (struct entry){.name = name, .help = help, .kind = kind, .metric = m};
    memcpy(e->labels, labels, strlen(labels) + 1);
    chain(e);
}

void metrics_register_difference(const char *name, const char *labels, const char *help,
                                 const struct metric *m, const struct metric *less)
{
    metrics_register(name, labels, help, METRIC_GAUGE, m);
    entries[entries_used - 1].less = less;
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

/* Adds what was counted. */
static void merge(const struct metric_histogram *h, struct histogram *to)
{
    for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++) {
        u64 n = metric_get(&h->buckets[i]);
        to->buckets[i] += n;
        to->count += n; /* so that it fits them, whatever is counted meanwhile */
    }
    to->sum += metric_get(&h->sum);
    to->min = min_u64(to->min, metric_get(&h->min));
    to->max = max_u64(to->max, metric_get(&h->max));
}

void metric_histogram_copy(const struct metric_histogram *h, struct histogram *to)
{
    histogram_init(to);
    merge(h, to);
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

/* As it is kept. What is taken away may be newer than what it is taken from. */
static u64 value_of(const struct entry *e)
{
    u64 less = e->less ? metric_get(e->less) : 0;
    u64 value = metric_get(e->metric);

    return value > less ? value - less : 0;
}

static void print_value(FILE *out, const struct entry *e)
{
    unsigned long long value = value_of(e);

    if (e->kind == METRIC_GAUGE_NS || e->kind == METRIC_COUNTER_NS)
        fprintf(out, "%llu.%09llu\n", value / NS_PER_SEC, value % NS_PER_SEC);
    else
        fprintf(out, "%llu\n", value);
}

static bool is_counter(const struct entry *e)
{
    return e->kind == METRIC_COUNTER || e->kind == METRIC_COUNTER_NS;
}

static void print_family(FILE *out, u32 first)
{
    const struct entry *head = &entries[first];

    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", head->name, head->help, head->name,
            head->histogram != NULL ? "histogram"
            : is_counter(head)      ? "counter"
                                    : "gauge");
    for (u32 i = first; i != NONE; i = entries[i].next) {
        const struct entry *e = &entries[i];
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
    for (u32 i = first_family; i != NONE; i = entries[i].next_family)
        print_family(out, i);
}

bool metrics_fold(const char *name, struct metrics_fold *out)
{
    u32 first = family_find(name);

    *out = (struct metrics_fold){0, 0, 0};
    for (u32 i = first; i != NONE; i = entries[i].next) {
        u64 value = value_of(&entries[i]);
        out->sum += value;
        out->min = i == first || value < out->min ? value : out->min;
        out->max = value > out->max ? value : out->max;
    }
    return first != NONE;
}

u32 metrics_histogram(const char *name, const char *label, struct histogram *out)
{
    u32 found = 0;

    histogram_init(out);
    for (u32 i = family_find(name); i != NONE; i = entries[i].next) {
        const struct entry *e = &entries[i];
        if (e->histogram == NULL || !strstr(e->labels, label))
            continue;
        merge(e->histogram, out);
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
    first_family = last_family = NONE;
}
