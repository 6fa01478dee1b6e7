/*
 * bench_jitter.c - see bench_jitter.h. One thread, open loop: a gap that swallows several moments
 * makes each of them late, as it would each order.
 */
#include "gateway/client/bench_jitter.h"

#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "gateway/client/bench_cores.h"
#include "gateway/client/bench_report.h"

void bench_jitter_run(struct histogram *h, struct histogram *on_core, u64 rate, u64 run_ns)
{
    struct bench_cores own = {0};
    u64 start_ns = clock_now_ns();
    u64 step_ns = NS_PER_SEC / rate;
    u64 now_ns = start_ns;

    ASSERT(rate >= 1 && rate <= 10000000);
    if (on_core != NULL) {
        bool watched = bench_cores_watch(&own, 0);
        ASSERT(watched); /* one's own thread can always be read */
        histogram_init(on_core);
    }
    histogram_init(h);
    for (u64 due_ns = start_ns + step_ns; due_ns < start_ns + run_ns; due_ns += step_ns) {
        while (now_ns < due_ns)
            now_ns = clock_now_ns();
        histogram_record(h, now_ns - due_ns);
        bench_cores_look(&own, now_ns);
        if (on_core != NULL && bench_cores_kept(&own, due_ns))
            histogram_record(on_core, now_ns - due_ns);
    }
    bench_cores_free(&own);
}

int bench_jitter_print(FILE *out, u64 rate, u64 run_ns, bool on_core)
{
    static struct histogram h, kept;

    bench_jitter_run(&h, on_core ? &kept : NULL, rate, run_ns);
    bench_latency_lines(out, "machine.jitter", &h);
    if (on_core)
        bench_latency_lines(out, "machine.jitter.on_core", &kept);
    return 0;
}
