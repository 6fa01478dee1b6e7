/*
 * bench_engine.c - the engine alone under the common workload: first verified, then timed.
 *
 *   bench-engine [FILE | SYMBOLS:WARM:OPS[:SEED[:sparse]]]...
 *
 * Without arguments it makes s1, s100 and s1000deep itself. It is the product's engine through
 * engine_step, with every check, making whole transactions with every event; as in the product,
 * commands that wait are announced (engine_ahead) and lie on huge pages. What the workload
 * calls an id becomes an account and its UserRefNum, its quantities become totals of a chain: that
 * translation, and the check of the golden values, is the first pass. The second one steps the same
 * commands through a new engine on the thread's CPU clock and the best of WB_ROUNDS rounds counts;
 * a third takes a stamp around each. Between the rounds three books of no messages and no rules do
 * the same records, floors on this machine (floors.h); the engine is printed as a multiple of each.
 *
 * Prints lines `engine.NAME.what VALUE`. Status 1 when a golden value is missed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "engine/base/histogram.h"
#include "engine/state.h"
#include "tests/lib/floors.h"
#include "tests/lib/ops_cmds.h"

/* One workload as commands. */
struct bench {
    const char *name;
    struct ops_cmds w;
};

/* ---- the clocked passes ---- */

static u64 cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
}

static u64 wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
}

/* The commands of a round in their order, as a ring of the engine's would have them. */
struct stream {
    u64 at;    /* of the next command, in slots */
    u64 ahead; /* of the next one to be announced */
    u64 end;
    u32 announced; /* commands */
};

static inline const union msg *cmd_at(const struct bench *b, u64 at)
{
    return (const union msg *)(const void *)&b->w.cmds[at];
}

/* The next command; those behind it are announced, as engine_turn.c does it. */
static inline const union msg *stream_next(struct stream *s, const struct bench *b,
                                           struct engine *e)
{
    const union msg *m = cmd_at(b, s->at);

    for (; s->announced < ENGINE_AHEAD_CMDS && s->ahead < s->end; s->announced++) {
        engine_ahead(e, cmd_at(b, s->ahead));
        s->ahead += msg_slots(&b->w.cmds[s->ahead]);
    }
    s->announced--;
    s->at += m->cmd.slots;
    return m;
}

/* One command and what long work it leaves. */
static inline void step(struct engine *e, const union msg *m, struct tx *tx)
{
    engine_step(e, m, 1, tx);
    while (UNLIKELY(e->work.kind != WORK_NONE))
        engine_continue(e, 1, tx);
}

static struct engine *warm(struct bench *b, struct mem *mem)
{
    static struct tx tx;
    struct engine *e = ops_engine_new(mem, b->w.ops.header.symbols, b->w.open_max + 1);

    for (u64 at = 0; at < b->w.warm_end; at += msg_slots(&b->w.cmds[at]))
        step(e, (const union msg *)(const void *)&b->w.cmds[at], &tx);
    return e;
}

/* Pages of the arena that are in memory, in MiB. */
static double resident_mb(const struct mem *mem)
{
    u64 pages = 0;

    for (u32 i = 0; i < mem->regions_used; i++) {
        const struct mem_region *r = &mem->regions[i];
        u64 n = r->bytes / 4096;
        unsigned char *in = malloc(n);
        if (mincore(r->base, r->bytes, in) == 0) {
            for (u64 p = 0; p < n; p++)
                pages += in[p] & 1;
        }
        free(in);
    }
    return (double)pages * 4096 / (1 << 20);
}

/* One round of the engine, in ns an operation; the arena is left to be looked at. */
static double round_engine(struct bench *b, struct mem *mem)
{
    static struct tx tx;
    struct engine *e = warm(b, mem);
    u64 start = cpu_ns();
    struct stream s = {.at = b->w.warm_end, .ahead = b->w.warm_end, .end = b->w.cmds_used};

    while (s.at < s.end)
        step(e, stream_next(&s, b, e), &tx);
    return (double)(cpu_ns() - start) / (double)b->w.ops.header.nops;
}

/* One round of a floor, in ns an operation. It must do the same trades, or it is none. */
static double round_floor(const struct bench *b, const struct floor *f)
{
    const struct ops_header *h = &b->w.ops.header;
    void *book = f->make(h, b->w.open_max + 1);
    struct bare_result r = {0};

    f->run(book, b->w.ops.records, h->nwarm, &r);
    r.rejects = 0;
    u64 start = cpu_ns();
    f->run(book, b->w.ops.records + h->nwarm, h->nops, &r);
    double ns = (double)(cpu_ns() - start) / (double)h->nops;
    f->free(book);
    if (!floor_golden(&r, h)) {
        fprintf(stderr, "bench-engine: the book `%s` misses the golden values\n", f->name);
        exit(1);
    }
    return ns;
}

static void print_ratio(const struct bench *b, const char *what, double ns, double best)
{
    printf("engine.%s.%s_ns_per_op %.1f\n", b->name, what, ns);
    printf("engine.%s.%s_ratio %.2f\n", b->name, what, best / ns);
}

/* The best of several rounds, in turns, since the machine's speed varies from second to second. */
static void measure(struct bench *b)
{
    struct mem mem;
    double best = 1e9;
    double floor_best[FLOORS] = {1e9, 1e9, 1e9};
    bool sparse = b->w.ops.header.sparse != 0;
    const char *wanted = getenv("WB_ROUNDS");
    u32 rounds = wanted ? (u32)strtoul(wanted, NULL, 10) : 3;

    for (u32 round = 0; round < rounds; round++) {
        double ns = round_engine(b, &mem);
        best = ns < best ? ns : best;
        if (round + 1 == rounds) {
            printf("engine.%s.ns_per_op %.1f\n", b->name, best);
            printf("engine.%s.rss_mb %.1f\n", b->name, resident_mb(&mem));
            printf("engine.%s.huge_mb %.1f\n", b->name, (double)mem_huge_bytes(&mem) / (1 << 20));
        }
        mem_free_all(&mem);
        for (u32 i = 0; i < FLOORS; i++) {
            if (sparse && !floors[i].sparse)
                continue; /* ids are places in its arrays, or one owner's numbers */
            ns = round_floor(b, &floors[i]);
            floor_best[i] = ns < floor_best[i] ? ns : floor_best[i];
        }
    }
    for (u32 i = 0; i < FLOORS; i++)
        if (!sparse || floors[i].sparse)
            print_ratio(b, floors[i].name, floor_best[i], best);
}

/* The stamps themselves cost some 20 ns, which are in the figures. */
static void measure_each(struct bench *b)
{
    static const char *const kinds[OPS_KINDS + 1] = {
        "add", "cancel", "replace", "ioc_sweep", "gtc_sweep", "dead_cancel", "op"};
    static struct histogram all[OPS_KINDS + 1]; /* the last one: of all kinds together */
    static struct tx tx;
    struct mem mem;
    struct engine *e = warm(b, &mem);
    const struct ops_record *r = &b->w.ops.records[b->w.ops.header.nwarm];

    for (u32 k = 0; k <= OPS_KINDS; k++)
        histogram_init(&all[k]);
    struct stream s = {.at = b->w.warm_end, .ahead = b->w.warm_end, .end = b->w.cmds_used};
    for (; s.at < s.end; r++) {
        u64 start = wall_ns();
        step(e, stream_next(&s, b, e), &tx);
        u64 ns = wall_ns() - start;
        histogram_record(&all[r->kind < OPS_KINDS ? r->kind : 0], ns);
        histogram_record(&all[OPS_KINDS], ns);
    }
    for (u32 k = 0; k <= OPS_KINDS; k++) {
        printf("engine.%s.%s_ns p50 %llu p99 %llu p99.9 %llu\n", b->name, kinds[k],
               (unsigned long long)histogram_percentile(&all[k], 50),
               (unsigned long long)histogram_percentile(&all[k], 99),
               (unsigned long long)histogram_percentile(&all[k], 99.9));
    }
    mem_free_all(&mem);
}

static bool run(struct bench *b)
{
    bool good = ops_cmds_make(&b->w);

    printf("engine.%s.verify %s\n", b->name, good ? "ok" : "FAILED");
    if (good) {
        measure(b);
        measure_each(b);
    }
    fflush(stdout);
    free(b->w.cmds);
    free(b->w.ops.records);
    return good;
}

static bool run_made(const char *name, u32 symbols, u64 nwarm, u64 nops, u64 seed, bool sparse)
{
    struct bench b = {.name = name};

    ops_generate(&b.w.ops, symbols, nwarm, nops, seed, sparse);
    return run(&b);
}

/* A file, or numbers from which one is made. */
static bool run_argument(const char *text)
{
    struct bench b = {.name = strrchr(text, '/') ? strrchr(text, '/') + 1 : text};
    unsigned symbols;
    unsigned long long nwarm, nops, seed = 42;
    char sparse[8] = "";

    if (sscanf(text, "%u:%llu:%llu:%llu:%7s", &symbols, &nwarm, &nops, &seed, sparse) >= 3)
        return run_made(text, symbols, nwarm, nops, seed, sparse[0] == 's');
    const char *wrong = ops_read(&b.w.ops, text);
    if (wrong) {
        fprintf(stderr, "bench-engine: %s %s\n", text, wrong);
        return false;
    }
    return run(&b);
}

int main(int argc, char **argv)
{
    bool good = true;

    for (int i = 1; i < argc; i++)
        good &= run_argument(argv[i]);
    if (argc == 1) {
        good &= run_made("s1", 1, 100000, 2000000, 42, false);
        good &= run_made("s100", 100, 100000, 2000000, 42, false);
        good &= run_made("s1000deep", 1000, 1000000, 2000000, 42, false);
    }
    return good ? 0 : 1;
}
