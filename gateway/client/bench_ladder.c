/*
 * bench_ladder.c - see bench_ladder.h. Cold. Failure modes: a run that is wrong ends the ladder,
 * whatever its latency; a venue that hangs up under more than it can take has broken.
 */
#include "gateway/client/bench_ladder.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/client/bench_report.h"

/* Digits and perhaps k or M; the rest to `end`. 0: no rate. */
static u64 parse_rate(const char *text, char **end)
{
    u64 rate = strtoull(text, end, 10);
    u64 unit = **end == 'k' ? 1000 : **end == 'M' ? 1000000 : 1;

    *end += unit != 1;
    return text[0] >= '0' && text[0] <= '9' && rate <= 10000000 / unit ? rate * unit : 0;
}

const char *bench_ladder_parse(struct bench_ladder *l, const char *text)
{
    char *end = (char *)text;

    l->rungs = 0;
    do {
        u64 rate = parse_rate(text, &end);
        if (rate == 0 || (*end != ',' && *end != '\0'))
            return "--ladder wants rates like 1k,10k,500k,1M, each at most 10M";
        if (l->rungs == BENCH_RUNGS_MAX || (l->rungs > 0 && rate <= l->rates[l->rungs - 1]))
            return "--ladder wants at most 32 rates, ascending";
        l->rates[l->rungs++] = rate;
        text = end + 1;
    } while (*end == ',');
    return NULL;
}

static double us(u64 ns)
{
    return (double)ns / 1000;
}

static void print_rung(FILE *out, bool lines, u64 rate, const struct bench_result *r, bool held)
{
    const char *verdict = r->interrupted ? "  interrupted" : held ? "" : "  broken";
    static const struct {
        const char *name;
        double percent;
    } points[] = {{"p50", 50}, {"p99", 99}, {"p99_9", 99.9}, {"max", 100}};
    unsigned long long nr = rate;

    if (!lines) {
        fprintf(out, "  %10llu %10.0f", nr, r->achieved);
        for (size_t i = 0; i < ARRAY_LEN(points); i++)
            fprintf(out, " %10.1f", us(histogram_percentile(&r->all, points[i].percent)));
        fprintf(out, "%s\n", verdict);
    } else {
        fprintf(out, "bench.ladder.%llu.achieved %.1f requests/s\n", nr, r->achieved);
        for (size_t i = 0; i < ARRAY_LEN(points); i++)
            fprintf(out, "bench.ladder.%llu.%s_us %.3f us\n", nr, points[i].name,
                    us(histogram_percentile(&r->all, points[i].percent)));
    }
    fflush(out);
}

static void print_knee(FILE *out, bool lines, u64 knee, u64 p99_max_ns)
{
    if (lines)
        fprintf(out, "bench.knee %llu requests/s\n", (unsigned long long)knee);
    else if (knee > 0)
        fprintf(out, "knee: %llu requests/s, the last rate with a p99 of at most %.1f us\n",
                (unsigned long long)knee, us(p99_max_ns));
    else
        fprintf(out, "no rate held\n");
}

int bench_ladder_run(const struct bench_ladder *l, const struct bench_options *o,
                     int (*run)(const struct bench_options *, struct bench_result *), FILE *out)
{
    static struct bench_options rung;
    static struct bench_result r;
    u64 p99_max_ns = UINT64_MAX;
    u64 knee = 0;

    rung = *o;
    rung.any_rate = false;
    if (!o->lines)
        fprintf(out,
                "%u sessions, %.1f s a rung; microseconds from the intended send time\n"
                "  %10s %10s %10s %10s %10s %10s\n",
                o->sessions, (double)o->run_ms / 1000, "offered/s", "achieved/s", "p50", "p99",
                "p99.9", "max");
    for (u32 i = 0; i < l->rungs; i++) {
        rung.rate = l->rates[i];
        int code = run(&rung, &r);
        bool overloaded = code == BENCH_TOO_SLOW || (code == BENCH_LOST && knee > 0);
        if (code != BENCH_OK && !overloaded) {
            bench_report(out, &rung, &r);
            return code;
        }
        u64 p99_ns = histogram_percentile(&r.all, 99);
        bool held = code == BENCH_OK && !r.interrupted && p99_ns <= p99_max_ns;
        print_rung(out, o->lines, rung.rate, &r, held);
        if (!held)
            break;
        knee = rung.rate;
        if (i == 0)
            p99_max_ns = p99_ns * l->knee;
    }
    print_knee(out, o->lines, knee, p99_max_ns);
    return knee > 0 ? BENCH_OK : BENCH_TOO_SLOW;
}
