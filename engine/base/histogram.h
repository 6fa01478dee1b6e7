/*
 * histogram.h - log-linear histogram of latencies in nanoseconds.
 *
 * Values below 1,024 are exact; above, each power of two is cut into 512 equal steps, so a reported
 * value is at most 0.2 % above the recorded one. One writer; merge copies when the writer is done.
 */
#ifndef WIREBOOK_BASE_HISTOGRAM_H
#define WIREBOOK_BASE_HISTOGRAM_H

#include "engine/base/types.h"

#define HISTOGRAM_SUB_BITS   9u  /* 512 steps a power of two */
#define HISTOGRAM_VALUE_BITS 40u /* up to 18 minutes; longer ones are recorded as that */
#define HISTOGRAM_BUCKETS    ((HISTOGRAM_VALUE_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

struct histogram {
    u64 count;
    u64 sum;
    u64 min;
    u64 max;
    u64 buckets[HISTOGRAM_BUCKETS];
};

void histogram_init(struct histogram *h);

/* Counts `value` (ns). */
void histogram_record(struct histogram *h, u64 value);

/* The bucket that counts `value`, below HISTOGRAM_BUCKETS; values too large have the last one. */
u32 histogram_bucket(u64 value);

/*
 * The smallest recorded level that at least `percent` (0..100) of the values do not exceed, as the
 * upper end of its step but never above the maximum. 0 when nothing was recorded.
 */
u64 histogram_percentile(const struct histogram *h, double percent);

/* The largest value that bucket `i` stands for. */
u64 histogram_bucket_top(u32 i);

/* Adds all of `from` to `to`. */
void histogram_merge(struct histogram *to, const struct histogram *from);

#endif
