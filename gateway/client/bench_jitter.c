/*
 * bench_jitter.c - see bench_jitter.h. One thread, open loop: a gap that swallows several moments
 * makes each of them late, as it would each order.
 */
#include "gateway/client/bench_jitter.h"

#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "gateway/client/bench_report.h"

void bench_jitter_run(struct histogram *h, u64 rate, u64 run_ns)
{
    u64 start_ns = clock_now_ns();
    u64 step_ns = NS_PER_SEC / rate;
    u64 now_ns = start_ns;

    ASSERT(rate >= 1 && rate <= 10000000);
    histogram_init(h);
    for (u64 due_ns = start_ns + step_ns; due_ns < start_ns + run_ns; due_ns += step_ns) {
        while (now_ns < due_ns)
            now_ns = clock_now_ns();
        histogram_record(h, now_ns - due_ns);
    }
}

int bench_jitter_print(FILE *out, u64 rate, u64 run_ns)
{
    static struct histogram h;

    bench_jitter_run(&h, rate, run_ns);
    bench_latency_lines(out, "machine.jitter", &h);
    return 0;
}
