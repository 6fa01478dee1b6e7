/*
 * bench_files.c - percentile distributions and plain tables of latencies; the log is bench_hlog.c.
 *
 * Enters: histograms of a run that is over. Leaves: text. Cold. The formats are those of
 * HdrHistogram's documentation; its own tools read them in the tests.
 */
#include "gateway/client/bench_files.h"

#include <math.h>

#define TICKS_PER_HALF 5 /* points to each halving of the distance to 100 % */

/* Values up to and with the one that percentile() names. */
static u64 count_to(const struct histogram *h, u64 value)
{
    u64 n = 0;

    for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (h->buckets[i] > 0 && min_u64(histogram_bucket_top(i), h->max) > value)
            break;
        n += h->buckets[i];
    }
    return n;
}

static double mean(const struct histogram *h)
{
    return h->count > 0 ? (double)h->sum / (double)h->count : 0;
}

static double deviation(const struct histogram *h)
{
    double squares = 0;

    for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++) {
        double d = (double)min_u64(histogram_bucket_top(i), h->max) - mean(h);
        squares += (double)h->buckets[i] * d * d;
    }
    return h->count > 0 ? sqrt(squares / (double)h->count) : 0;
}

void bench_hgrm_write(FILE *out, const struct histogram *h)
{
    double percent = 0;

    fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
            "1/(1-Percentile)");
    while (h->count > 0) {
        u64 value = histogram_percentile(h, percent);
        u64 count = count_to(h, value);
        if (count == h->count)
            break;
        fprintf(out, "%12.3f %2.12f %10llu %14.2f\n", (double)value / 1000, percent / 100,
                (unsigned long long)count, 100 / (100 - percent));
        double halvings = floor(log2(100 / (100 - percent))) + 1;
        percent += 100 / (TICKS_PER_HALF * exp2(halvings));
    }
    if (h->count > 0)
        fprintf(out, "%12.3f %2.12f %10llu\n", (double)h->max / 1000, 1.0,
                (unsigned long long)h->count);
    fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", mean(h) / 1000,
            deviation(h) / 1000);
    fprintf(out, "#[Max     = %12.3f, Total count    = %12llu]\n", (double)h->max / 1000,
            (unsigned long long)h->count);
    fprintf(out, "#[Buckets = %12u, SubBuckets     = %12u]\n",
            HISTOGRAM_VALUE_BITS - HISTOGRAM_SUB_BITS, 1u << HISTOGRAM_SUB_BITS);
}

void bench_csv_write(FILE *out, const struct bench_tagged *tagged, u32 n)
{
    fputs("request,at_most_ns,count,cumulative\n", out);
    for (u32 t = 0; t < n; t++) {
        const struct histogram *h = tagged[t].histogram;
        u64 sum = 0;
        for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++) {
            sum += h->buckets[i];
            if (h->buckets[i] > 0)
                fprintf(out, "%s,%llu,%llu,%llu\n", tagged[t].tag,
                        (unsigned long long)min_u64(histogram_bucket_top(i), h->max),
                        (unsigned long long)h->buckets[i], (unsigned long long)sum);
        }
    }
}
