/* metrics.c - the registry behind metrics.h: filled before the threads start, read-only after. */
#include "engine/base/metrics.h"

#include <string.h>

#include "engine/base/assert.h"

struct entry {
    const char *name;
    const char *help;
    const struct metric *metric;
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
    memcpy(e->labels, labels, strlen(labels) + 1);
    entries_used++;
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
            head->kind == METRIC_COUNTER ? "counter" : "gauge");
    for (u32 i = first; i < entries_used; i++) {
        const struct entry *e = &entries[i];
        if (strcmp(e->name, head->name) != 0)
            continue;
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
