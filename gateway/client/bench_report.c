/*
 * bench_report.c - what a run of the benchmark found.
 *
 * Enters: histograms and sessions at the end of a run. Leaves: text. Cold. The verdict is made here
 * and nowhere else: what is lost, doubled or contradictory comes before a rate that was not
 * reached, because a wrong venue's latencies interest nobody.
 */
#include "gateway/client/bench_report.h"

#include <string.h>

#define RATE_SHARE 0.99 /* of the offered rate must be reached */

static const char *const kind_names[BENCH_KINDS] = {
    [BENCH_ADD] = "add",
    [BENCH_CANCEL] = "cancel",
    [BENCH_REPLACE] = "replace",
    [BENCH_AGGRESSIVE] = "aggressive",
};

static void add_counts(struct ledger_counts *to, const struct ledger_counts *from)
{
    u64 *t = (u64 *)to;
    const u64 *f = (const u64 *)from;
    _Static_assert(sizeof(*to) % sizeof(u64) == 0, "all counts are u64");
    for (size_t i = 0; i < sizeof(*to) / sizeof(u64); i++)
        t[i] += f[i];
}

static void judge(struct bench_result *r)
{
    if (r->code != BENCH_OK)
        return;
    if (r->wrong > 0 || r->unanswered > 0 || r->lingering > 0)
        r->code = BENCH_WRONG;
    else if (r->judged && r->achieved < RATE_SHARE * r->offered)
        r->code = BENCH_TOO_SLOW;
}

void bench_result_make(struct bench_result *r, const struct bench_options *o,
                       const struct bench_shared *shared, const struct bench_session *sessions,
                       bool stopped, int code)
{
    const struct bench_schedule *sched = &shared->schedule;

    memset(r, 0, sizeof(*r));
    r->code = code;
    for (u32 i = 0; i < o->sessions; i++) {
        const struct bench_session *s = &sessions[i];
        add_counts(&r->counts, &s->ledger.counts);
        r->unanswered += s->ledger.waiting;
        r->lingering += ledger_lingering(&s->ledger);
        r->wrong += s->wrong;
        r->losses += s->losses;
        r->replayed += s->replayed;
        r->messages += s->next_seq - s->crc_base;
        if (r->first_wrong[0] == 0)
            snprintf(r->first_wrong, sizeof(r->first_wrong), "%s", s->why);
    }
    histogram_init(&r->all);
    for (u32 k = 0; k < BENCH_KINDS; k++) {
        r->latency[k] = shared->latency[k];
        histogram_merge(&r->all, &shared->latency[k]);
    }
    r->on_core = shared->on_core;
    r->offered = (double)o->rate;
    r->late_max_ns = shared->late_max_ns;
    if (shared->measured > 0) {
        u64 n = shared->measured;
        r->start_ns = shared->first_due_ns;
        r->offered = bench_schedule_rate(sched, n, shared->first_due_ns, shared->last_due_ns);
        r->achieved = bench_schedule_rate(sched, n, shared->first_due_ns, shared->last_ns);
    }
    r->interrupted = r->losses > 0 || stopped;
    r->judged = !r->interrupted && !o->any_rate;
    judge(r);
}

/* ---- for people ---- */

static void print_row(FILE *out, const char *name, const struct histogram *h, double seconds)
{
    static const double percents[] = {50, 90, 99, 99.9, 99.99};
    fprintf(out, "  %-10s %10llu %9.0f", name, (unsigned long long)h->count,
            (double)h->count / seconds);
    fprintf(out, " %9.1f", (double)(h->count > 0 ? h->min : 0) / 1000);
    for (size_t i = 0; i < ARRAY_LEN(percents); i++)
        fprintf(out, " %9.1f", (double)histogram_percentile(h, percents[i]) / 1000);
    fprintf(out, " %9.1f\n", (double)h->max / 1000);
}

static void print_counts(FILE *out, const struct bench_result *r)
{
    const struct ledger_counts *c = &r->counts;
    fprintf(out, "enters %llu: %llu accepted, %llu rejected", (unsigned long long)c->enters,
            (unsigned long long)c->accepted, (unsigned long long)c->rejected);
    fprintf(out, "; cancels %llu: %llu answered; replaces %llu: %llu answered; %llu overtaken\n",
            (unsigned long long)c->cancels, (unsigned long long)c->cancelled,
            (unsigned long long)c->replaces, (unsigned long long)c->replaced,
            (unsigned long long)c->overtaken);
    fprintf(out, "fills %llu, messages %llu, on older orders %llu, cancelled by the venue %llu\n",
            (unsigned long long)c->fills, (unsigned long long)r->messages,
            (unsigned long long)c->foreign, (unsigned long long)c->unasked);
    fprintf(out, "unanswered %llu, contradictions %llu, connections lost %llu",
            (unsigned long long)r->unanswered, (unsigned long long)(r->wrong + r->lingering),
            (unsigned long long)r->losses);
    if (r->replayed > 0)
        fprintf(out, ", replayed and compared %llu", (unsigned long long)r->replayed);
    fprintf(out, "\n");
}

static void print_verdict(FILE *out, const struct bench_result *r)
{
    static const char *const verdicts[] = {
        [BENCH_OK] = "every order was answered once",
        [BENCH_USAGE] = "FAILED",
        [BENCH_LOGIN_REJECTED] = "FAILED",
        [BENCH_LOST] = "FAILED",
        [BENCH_WRONG] = "WRONG: something was lost, doubled or contradicts itself",
        [BENCH_TOO_SLOW] = ("REFUSED: the offered rate was not reached, the latencies would mean "
                            "nothing (--any-rate shows them all the same)"),
    };
    const char *more = r->first_wrong;
    if (r->code == BENCH_OK && r->counts.rejected > 0 && r->counts.accepted == 0)
        more = "all were rejected, these are no latencies of orders";
    fprintf(out, "%s%s%s\n", verdicts[r->code], more[0] != 0 ? ": " : "", more);
}

static void print_latencies(FILE *out, const struct bench_options *o, const struct bench_result *r)
{
    double seconds = (double)o->run_ms / 1000;
    fprintf(out, "offered %.0f/s, achieved %.0f/s, %u sessions, %.1f s after %.1f s of warm-up%s\n",
            r->offered, r->achieved, o->sessions, seconds, (double)o->warmup_ms / 1000,
            r->judged        ? ""
            : r->interrupted ? " (interrupted: the rate is not judged)"
                             : " (the rate is not judged)");
    if (r->code == BENCH_TOO_SLOW)
        return;
    fprintf(out, "microseconds from the intended send time; latest send %.0f us behind its time\n",
            (double)r->late_max_ns / 1000);
    fprintf(out, "  %-10s %10s %9s %9s %9s %9s %9s %9s %9s %9s\n", "", "count", "rate/s", "min",
            "p50", "p90", "p99", "p99.9", "p99.99", "max");
    print_row(out, "all", &r->all, seconds);
    for (u32 k = 0; k < BENCH_KINDS; k++)
        print_row(out, kind_names[k], &r->latency[k], seconds);
    if (o->on_core)
        print_row(out, "on core", &r->on_core, seconds);
}

/* Zeros of a run that never began would look like a result. */
static void print_table(FILE *out, const struct bench_options *o, const struct bench_result *r)
{
    if (r->all.count > 0)
        print_latencies(out, o, r);
    else
        fputs("nothing was measured\n", out);
    if (r->messages > 0)
        print_counts(out, r);
    print_verdict(out, r);
}

/* ---- for machines ---- */

void bench_latency_lines(FILE *out, const char *name, const struct histogram *h)
{
    static const struct {
        const char *name;
        double percent;
    } points[] = {
        {"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99_9", 99.9}, {"p99_99", 99.99},
    };
    fprintf(out, "%s.count %llu requests\n", name, (unsigned long long)h->count);
    fprintf(out, "%s.min_us %.3f us\n", name, (double)(h->count > 0 ? h->min : 0) / 1000);
    for (size_t i = 0; i < ARRAY_LEN(points); i++)
        fprintf(out, "%s.%s_us %.3f us\n", name, points[i].name,
                (double)histogram_percentile(h, points[i].percent) / 1000);
    fprintf(out, "%s.max_us %.3f us\n", name, (double)h->max / 1000);
}

static void print_latency_lines(FILE *out, const struct bench_options *o,
                                const struct bench_result *r)
{
    fprintf(out, "bench.late_max_us %.3f us\n", (double)r->late_max_ns / 1000);
    bench_latency_lines(out, "bench.all", &r->all);
    for (u32 k = 0; k < BENCH_KINDS; k++) {
        char name[32];
        snprintf(name, sizeof name, "bench.%s", kind_names[k]);
        bench_latency_lines(out, name, &r->latency[k]);
    }
    if (o->on_core)
        bench_latency_lines(out, "bench.on_core", &r->on_core);
}

static void print_lines(FILE *out, const struct bench_options *o, const struct bench_result *r)
{
    const struct ledger_counts *c = &r->counts;
    const struct {
        const char *name;
        u64 value;
    } counts[] = {
        {"enters", c->enters},
        {"accepted", c->accepted},
        {"rejected", c->rejected},
        {"cancels", c->cancels},
        {"cancelled", c->cancelled},
        {"replaces", c->replaces},
        {"replaced", c->replaced},
        {"overtaken", c->overtaken},
        {"fills", c->fills},
        {"shares", c->shares},
        {"foreign", c->foreign},
        {"unasked", c->unasked},
        {"messages", r->messages},
        {"losses", r->losses},
        {"replayed", r->replayed},
        {"unanswered", r->unanswered},
        {"contradictions", r->wrong + r->lingering},
    };
    fprintf(out, "bench.offered %.1f requests/s\n", r->offered);
    fprintf(out, "bench.achieved %.1f requests/s\n", r->achieved);
    if (r->code != BENCH_TOO_SLOW)
        print_latency_lines(out, o, r);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        fprintf(out, "bench.%s %llu count\n", counts[i].name, (unsigned long long)counts[i].value);
    fprintf(out, "bench.exit_code %d code\n", r->code);
}

void bench_report(FILE *out, const struct bench_options *o, const struct bench_result *r)
{
    if (o->lines)
        print_lines(out, o, r);
    else
        print_table(out, o, r);
    if (o->lines && r->first_wrong[0] != 0)
        fprintf(stderr, "wirebook-bench: %s\n", r->first_wrong);
}
