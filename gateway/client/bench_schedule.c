/*
 * bench_schedule.c - when each request of a benchmark is due.
 *
 * Enters: a rate and durations. Leaves: times. Pure; any thread. Constant and burst times are
 * computed from the start, each on its own, so that no rounding adds up. The sum of the sessions'
 * independent Poisson processes is one of the whole rate.
 */
#include "gateway/client/bench_schedule.h"

#include <math.h>

#include "engine/base/assert.h"

void bench_schedule_init(struct bench_schedule *s, enum bench_shape shape, u64 burst, u64 start_ns,
                         u64 rate, u64 warmup_ms, u64 run_ms)
{
    ASSERT(rate >= 1 && rate <= NS_PER_SEC);
    ASSERT(burst >= 1);
    s->shape = shape;
    s->burst = shape == BENCH_BURST ? burst : 1;
    s->start_ns = start_ns;
    s->rate = rate;
    s->warmup = rate * warmup_ms / 1000;
    s->total = s->warmup + max_u64(rate * run_ms / 1000, 1);
}

/* Request `k` of all sessions; exact to the nanosecond however large k is. */
static u64 regular_due(const struct bench_schedule *s, u64 k)
{
    k -= k % s->burst;
    u64 seconds = k / s->rate; /* in two parts: k * NS_PER_SEC would overflow in a long run */
    return s->start_ns + seconds * NS_PER_SEC + k % s->rate * NS_PER_SEC / s->rate;
}

/* Above 0, at most 1. */
static double uniform(u64 *state)
{
    u64 x = *state += 0x9E3779B97F4A7C15ull; /* splitmix64 */

    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ x >> 27) * 0x94D049BB133111EBull;
    x ^= x >> 31;
    return (double)((x >> 11) + 1) / 0x1p53;
}

static u64 request_number(const struct bench_pace *p)
{
    return p->index + p->sent * p->sessions;
}

static void due_set(struct bench_pace *p)
{
    const struct bench_schedule *s = p->schedule;
    double mean_ns = (double)NS_PER_SEC * p->sessions / (double)s->rate;

    if (s->shape == BENCH_POISSON)
        p->due_ns += (u64)(-log(uniform(&p->random)) * mean_ns);
    else
        p->due_ns = regular_due(s, request_number(p));
}

void bench_pace_init(struct bench_pace *p, const struct bench_schedule *s, u32 index, u32 sessions,
                     u64 seed)
{
    ASSERT_LT(index, sessions);
    p->schedule = s;
    p->index = index;
    p->sessions = sessions;
    p->sent = 0;
    p->share = s->total / sessions + (index < s->total % sessions);
    p->due_ns = s->start_ns;
    p->random = seed;
    due_set(p);
}

u64 bench_pace_due(const struct bench_pace *p)
{
    return p->sent < p->share ? p->due_ns : UINT64_MAX;
}

bool bench_pace_measured(const struct bench_pace *p)
{
    return request_number(p) >= p->schedule->warmup;
}

void bench_pace_next(struct bench_pace *p)
{
    ASSERT_LT(p->sent, p->share);
    p->sent++;
    due_set(p);
}

double bench_schedule_rate(const struct bench_schedule *s, u64 n, u64 first_ns, u64 last_ns)
{
    /* The first one stands at the beginning of its interval, so n of them fill n intervals. */
    double interval_ns = (double)NS_PER_SEC * (double)s->burst / (double)s->rate;
    double took_ns = last_ns > first_ns ? (double)(last_ns - first_ns) : 0;

    return (double)n * (double)NS_PER_SEC / (took_ns + interval_ns);
}
