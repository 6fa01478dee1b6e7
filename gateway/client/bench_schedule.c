/*
 * bench_schedule.c - when each request of a benchmark is due.
 *
 * Enters: a rate and durations. Leaves: times. Pure; any thread. Due times are computed from the
 * start, each on its own, so that no rounding adds up.
 */
#include "gateway/client/bench_schedule.h"

#include "engine/base/assert.h"

void bench_schedule_init(struct bench_schedule *s, u64 start_ns, u64 rate, u64 warmup_ms,
                         u64 run_ms)
{
    ASSERT(rate >= 1 && rate <= NS_PER_SEC);
    s->start_ns = start_ns;
    s->rate = rate;
    s->warmup = rate * warmup_ms / 1000;
    s->total = s->warmup + max_u64(rate * run_ms / 1000, 1);
}

u64 bench_schedule_due(const struct bench_schedule *s, u64 k)
{
    u64 seconds = k / s->rate; /* in two parts: k * NS_PER_SEC would overflow in a long run */
    return s->start_ns + seconds * NS_PER_SEC + k % s->rate * NS_PER_SEC / s->rate;
}

u64 bench_schedule_count(const struct bench_schedule *s, u64 now_ns)
{
    if (now_ns < s->start_ns)
        return 0;
    u64 passed = now_ns - s->start_ns;
    u64 k = passed / NS_PER_SEC * s->rate + passed % NS_PER_SEC * s->rate / NS_PER_SEC + 1;
    while (bench_schedule_due(s, k) <= now_ns) /* due times are rounded down: at most once */
        k++;
    return min_u64(k, s->total);
}

double bench_schedule_achieved(const struct bench_schedule *s, u64 last_ns)
{
    u64 first_ns = bench_schedule_due(s, s->warmup);
    u64 n = s->total - s->warmup;
    /* The first request stands at the beginning of its interval, so n of them fill n intervals. */
    double interval_ns = (double)NS_PER_SEC / (double)s->rate;
    double took_ns = last_ns > first_ns ? (double)(last_ns - first_ns) : 0;
    return (double)n * (double)NS_PER_SEC / (took_ns + interval_ns);
}
