/* histogram.c - see histogram.h. Pure. */
#include "engine/base/histogram.h"

#include <math.h>
#include <string.h>

#include "engine/base/assert.h"

#define SUB_COUNT (1u << HISTOGRAM_SUB_BITS)
#define VALUE_MAX ((1ull << HISTOGRAM_VALUE_BITS) - 1)

void histogram_init(struct histogram *h)
{
    memset(h, 0, sizeof *h);
    h->min = UINT64_MAX;
}

/* Values under 2 * SUB_COUNT index directly; above, (shift, top bits) counts on from there. */
static u32 bucket_of(u64 value)
{
    if (value < 2 * SUB_COUNT)
        return (u32)value;
    u32 shift = 63 - (u32)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return (shift << HISTOGRAM_SUB_BITS) + (u32)(value >> shift);
}

u32 histogram_bucket(u64 value)
{
    return bucket_of(min_u64(value, VALUE_MAX));
}

u64 histogram_bucket_top(u32 i)
{
    if (i < 2 * SUB_COUNT)
        return i;
    u32 shift = (i >> HISTOGRAM_SUB_BITS) - 1;
    u64 sub = i - (shift << HISTOGRAM_SUB_BITS);
    return ((sub + 1) << shift) - 1;
}

void histogram_record(struct histogram *h, u64 value)
{
    u64 v = min_u64(value, VALUE_MAX);
    u32 i = bucket_of(v);

    ASSERT_LT(i, HISTOGRAM_BUCKETS);
    h->buckets[i]++;
    h->count++;
    h->sum += v;
    h->min = min_u64(h->min, v);
    h->max = max_u64(h->max, v);
}

u64 histogram_percentile(const struct histogram *h, double percent)
{
    if (h->count == 0)
        return 0;
    /* The next number below, as HdrHistogram does it: 99.9 % of 2,000 must be 1,998 and not what
     * the product's rounding makes of it. */
    u64 want = (u64)ceil(nextafter(percent, 0) / 100.0 * (double)h->count);
    want = min_u64(max_u64(want, 1), h->count);

    u64 seen = 0;
    for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= want)
            return min_u64(histogram_bucket_top(i), h->max);
    }
    return h->max;
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
    for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++)
        to->buckets[i] += from->buckets[i];
    to->count += from->count;
    to->sum += from->sum;
    to->min = min_u64(to->min, from->min);
    to->max = max_u64(to->max, from->max);
}
