/*
 * bench_engine.c - the engine alone under the common workload: first verified, then timed.
 *
 *   bench-engine [FILE | SYMBOLS:WARM:OPS[:SEED[:sparse]]]...
 *
 * Without arguments it makes s1, s100 and s1000deep itself. It is the product's engine through
 * engine_step, with every check, making whole transactions with every event. What the workload
 * calls an id becomes an account and its UserRefNum, its quantities become totals of a chain: that
 * translation, and the check of the golden values, is the first pass. The second one steps the same
 * commands through a new engine on the thread's CPU clock and the best of WB_ROUNDS rounds counts;
 * a third takes a stamp around each. Between the rounds a bare book of no messages and no rules
 * (bare_book.h) does the same records: the floor on this machine, and the engine as a multiple of
 * it.
 *
 * Prints lines `engine.NAME.what VALUE`. Status 1 when a golden value is missed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "engine/base/histogram.h"
#include "engine/state.h"
#include "tests/lib/bare_book.h"
#include "tests/lib/ops_gen.h"

#define ACCOUNTS 16u
#define TICK     100u

/* One workload as commands, and what is known of them. */
struct bench {
    const char *name;
    struct ops ops;
    struct slot *cmds;
    u64 cmds_used; /* slots */
    u64 warm_end;  /* slots of the commands that only build the books */
    u32 open_max;
};

/* An order of the workload during the first pass. */
struct track {
    u32 user_ref; /* the latest; 0: gone */
    u32 executed; /* of its chain */
    u64 id;
};

struct verify {
    struct track *orders;
    u32 *by_order_ref; /* the engine's numbers to places in `orders` */
    u64 qty, trades, hash, rejects;
};

/* ---- a venue ---- */

static struct engine *venue_new(struct mem *m, u32 symbols, u32 orders_max)
{
    struct engine_conf conf = {
        .accounts_max = ACCOUNTS,
        .instruments_max = symbols,
        .orders_max = orders_max,
        .gateways = 1,
    };
    mem_init(m, MEM_HUGE);
    return engine_new(&conf, m);
}

static void send(struct engine *e, union msg *m)
{
    static struct tx tx;
    m->cmd.slots = (u8)msg_type_slots(m->cmd.type);
    if (!engine_step(e, m, 1, &tx)) {
        fprintf(stderr, "bench-engine: the venue could not be set up\n");
        exit(1);
    }
}

static void venue_open(struct engine *e, u32 symbols)
{
    union msg m = {.start = {.cmd = {.type = CMD_START}, .epoch = 1}};

    send(e, &m);
    m = (union msg){.day = {.cmd = {.type = CMD_DAY_OPEN}, .day = 20261122}};
    send(e, &m);
    for (u32 i = 0; i < symbols; i++) {
        char text[16];
        m = (union msg){.instrument = {.cmd = {.type = CMD_INSTRUMENT}, .tick = TICK, .lot = 1}};
        snprintf(text, sizeof text, "S%-7u", i);
        memcpy(m.instrument.symbol, text, 8);
        send(e, &m);
    }
    for (u32 i = 0; i < ACCOUNTS; i++) {
        char text[16];
        m = (union msg){.account = {.cmd = {.type = CMD_ACCOUNT}}};
        snprintf(text, sizeof text, "U%-5u", i);
        memcpy(m.account.user, text, 6);
        memcpy(m.account.firm, "FIRM", 4);
        send(e, &m);
        m = (union msg){.login = {.head = {.type = CMD_LOGIN, .account = i + 1}}};
        send(e, &m);
    }
}

/* ---- translation ---- */

/* Places by id: ids are dense, or sorted out here once. */
static int by_id(const void *a, const void *b)
{
    u64 x = *(const u64 *)a;
    u64 y = *(const u64 *)b;
    return x < y ? -1 : x > y;
}

static u64 *ids_sorted(const struct ops *ops, u64 *n)
{
    u64 records = ops->header.nwarm + ops->header.nops;
    u64 *ids = malloc((records + 1) * sizeof *ids);

    *n = 0;
    for (u64 i = 0; i < records; i++) {
        if (ops->records[i].type == OPS_ADD || ops->records[i].type == OPS_IOC)
            ids[(*n)++] = ops->records[i].id;
    }
    qsort(ids, *n, sizeof *ids, by_id);
    return ids;
}

static u64 place_of(const u64 *ids, u64 n, u64 id)
{
    const u64 *at = bsearch(&id, ids, n, sizeof *ids, by_id);
    ASSERT(at != NULL);
    return (u64)(at - ids);
}

static u32 account_of(u64 id)
{
    return 1 + (u32)((id * 0x9E3779B97F4A7C15ull) >> 32) % ACCOUNTS;
}

static void make_enter(const struct ops_record *r, u32 account, u32 ref, union msg *m)
{
    m->enter = (struct msg_enter){
        .head = {.type = CMD_ENTER, .slots = 2, .account = account, .bind_id = account},
        .user_ref = ref,
        .qty = r->qty,
        .price = r->price * TICK,
        .instrument = (u16)(r->symbol + 1),
        .side = r->side ? 'S' : 'B',
        .tif = r->type == OPS_IOC ? '3' : '0',
        .display = 'Y',
        .capacity = 'A',
        .cross_type = 'N',
    };
    memcpy(m->enter.terms.clordid, "CLIENTORDER   ", 14);
    m->enter.terms.tags = TAG_BIT(2);
    memcpy(m->enter.terms.firm, "FIRM", 4);
}

static void make_replace(const struct ops_record *r, u32 account, u32 ref, const struct track *t,
                         union msg *m)
{
    m->replace = (struct msg_replace){
        .head = {.type = CMD_REPLACE, .slots = 2, .account = account, .bind_id = account},
        .orig_user_ref = t->user_ref,
        .user_ref = ref,
        .qty = t->executed + r->qty,
        .price = r->price * TICK,
        .tif = '0',
        .display = 'Y',
    };
    memcpy(m->replace.terms.clordid, "CLIENTREPLACE ", 14);
}

static void make_cancel(u32 account, u32 ref, union msg *m)
{
    m->cancel = (struct msg_cancel){
        .head = {.type = CMD_CANCEL, .slots = 1, .account = account, .bind_id = account},
        .user_ref = ref,
    };
}

/* ---- the first pass ---- */

static void saw_fill(struct verify *v, const struct msg_executed *taker,
                     const struct msg_executed *maker)
{
    struct track *t = &v->orders[v->by_order_ref[taker->order_ref]];
    struct track *m = &v->orders[v->by_order_ref[maker->order_ref]];

    v->qty += taker->qty;
    v->trades++;
    v->hash = ops_mix(v->hash, t->id, m->id, taker->price / TICK, taker->qty);
    t->executed += taker->qty;
    m->executed += taker->qty;
}

/* Learns from a transaction of the order at `place`. */
static void saw(struct verify *v, const struct tx *tx, u64 place)
{
    const union msg *taker = NULL;

    for (u32 at = msg_slots(tx->slots); at < tx->used; at += msg_slots(&tx->slots[at])) {
        const union msg *m = (const union msg *)(const void *)&tx->slots[at];
        if (m->ev.type == EV_ACCEPTED || m->ev.type == EV_REPLACED) {
            v->by_order_ref[m->order.order_ref] = (u32)place;
            v->orders[place].user_ref = m->order.user_ref;
        } else if (m->ev.type == EV_EXECUTED) {
            if (m->ev.flags & MSG_TAKER)
                taker = m;
            else
                saw_fill(v, &taker->executed, &m->executed);
        } else if (m->ev.type == EV_REJECTED) {
            fprintf(stderr, "bench-engine: an order was rejected with 0x%04X\n",
                    m->rejected.reason);
            exit(1);
        }
    }
}

/* Makes the commands of `b` while an engine takes them; fills `v` with what it did. */
static void translate(struct bench *b, struct verify *v)
{
    const struct ops_header *h = &b->ops.header;
    u64 records = h->nwarm + h->nops;
    u32 next_ref[ACCOUNTS + 1] = {0};
    struct mem mem;
    static struct tx tx;
    u64 n;
    u64 *ids = ids_sorted(&b->ops, &n);
    struct engine *e = venue_new(&mem, h->symbols, (u32)min_u64(n + 1, ORDERS_MAX));

    venue_open(e, h->symbols);
    b->cmds = aligned_alloc(CACHE_LINE, records * 2 * sizeof *b->cmds);
    v->orders = calloc(n, sizeof *v->orders);
    v->by_order_ref = calloc(records + 2, sizeof *v->by_order_ref);
    for (u64 i = 0; i < records; i++) {
        const struct ops_record *r = &b->ops.records[i];
        u64 place = place_of(ids, n, r->id);
        struct track *t = &v->orders[place];
        u32 account = account_of(r->id);
        union msg *m = (union msg *)(void *)&b->cmds[b->cmds_used];
        t->id = r->id;
        if (i == h->nwarm)
            b->warm_end = b->cmds_used;
        if (r->type == OPS_CANCEL)
            make_cancel(account, t->user_ref, m);
        else if (r->type == OPS_REPLACE)
            make_replace(r, account, ++next_ref[account], t, m);
        else
            make_enter(r, account, ++next_ref[account], m);
        b->cmds_used += m->cmd.slots;
        if (engine_step(e, m, 1, &tx))
            saw(v, &tx, place);
        else
            v->rejects++;
        while (engine_busy(e)) {
            engine_continue(e, 1, &tx);
            saw(v, &tx, place);
        }
        b->open_max = max_u32(b->open_max, engine_open_orders(e));
    }
    engine_check(e);
    free(ids);
    free(v->orders);
    free(v->by_order_ref);
    if (engine_open_orders(e) != h->resting)
        v->trades = 0;
    mem_free_all(&mem);
}

static bool verify(struct bench *b)
{
    const struct ops_header *h = &b->ops.header;
    struct verify v = {0};

    translate(b, &v);
    bool good = v.qty == h->traded_qty && v.trades == h->trades && v.hash == h->fill_hash &&
                v.rejects == h->rejects;
    printf("engine.%s.verify %s\n", b->name, good ? "ok" : "FAILED");
    return good;
}

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

/* One command and what long work it leaves. */
static inline void step(struct engine *e, const union msg *m, struct tx *tx)
{
    engine_step(e, m, 1, tx);
    while (UNLIKELY(engine_busy(e)))
        engine_continue(e, 1, tx);
}

static struct engine *warm(struct bench *b, struct mem *mem)
{
    static struct tx tx;
    struct engine *e = venue_new(mem, b->ops.header.symbols, b->open_max + 1);

    venue_open(e, b->ops.header.symbols);
    for (u64 at = 0; at < b->warm_end; at += msg_slots(&b->cmds[at]))
        step(e, (const union msg *)(const void *)&b->cmds[at], &tx);
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

    for (u64 at = b->warm_end; at < b->cmds_used; at += msg_slots(&b->cmds[at]))
        step(e, (const union msg *)(const void *)&b->cmds[at], &tx);
    return (double)(cpu_ns() - start) / (double)b->ops.header.nops;
}

/* One round of the bare book. It must do the same trades, or it is no floor. */
static double round_floor(const struct bench *b)
{
    const struct ops_header *h = &b->ops.header;
    struct bare_book *book = bare_book_new(h);
    struct bare_result r = {0};

    bare_book_run(book, b->ops.records, h->nwarm, &r);
    r.rejects = 0;
    u64 start = cpu_ns();
    bare_book_run(book, b->ops.records + h->nwarm, h->nops, &r);
    double ns = (double)(cpu_ns() - start) / (double)h->nops;
    bare_book_free(book);
    if (r.traded_qty != h->traded_qty || r.trades != h->trades || r.fill_hash != h->fill_hash ||
        r.resting != h->resting || r.rejects != h->rejects) {
        fprintf(stderr, "bench-engine: the bare book misses the golden values\n");
        exit(1);
    }
    return ns;
}

static void measure(struct bench *b)
{
    struct mem mem;
    double best = 1e9;
    double floor = 1e9;
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
        if (b->ops.header.sparse)
            continue; /* ids are places in its array */
        ns = round_floor(b);
        floor = ns < floor ? ns : floor;
    }
    if (!b->ops.header.sparse) {
        printf("engine.%s.floor_ns_per_op %.1f\n", b->name, floor);
        printf("engine.%s.floor_ratio %.2f\n", b->name, best / floor);
    }
}

/* The stamps themselves cost some 20 ns, which are in the figures. */
static void measure_each(struct bench *b)
{
    static const char *const kinds[OPS_KINDS] = {"add",       "cancel",    "replace",
                                                 "ioc_sweep", "gtc_sweep", "dead_cancel"};
    static struct histogram all[OPS_KINDS];
    static struct tx tx;
    struct mem mem;
    struct engine *e = warm(b, &mem);
    const struct ops_record *r = &b->ops.records[b->ops.header.nwarm];

    for (u32 k = 0; k < OPS_KINDS; k++)
        histogram_init(&all[k]);
    for (u64 at = b->warm_end; at < b->cmds_used; at += msg_slots(&b->cmds[at]), r++) {
        u64 start = wall_ns();
        step(e, (const union msg *)(const void *)&b->cmds[at], &tx);
        histogram_record(&all[r->kind < OPS_KINDS ? r->kind : 0], wall_ns() - start);
    }
    for (u32 k = 0; k < OPS_KINDS; k++) {
        printf("engine.%s.%s_ns p50 %llu p99 %llu p99.9 %llu\n", b->name, kinds[k],
               (unsigned long long)histogram_percentile(&all[k], 50),
               (unsigned long long)histogram_percentile(&all[k], 99),
               (unsigned long long)histogram_percentile(&all[k], 99.9));
    }
    mem_free_all(&mem);
}

static bool run(struct bench *b)
{
    bool good = verify(b);

    if (good) {
        measure(b);
        measure_each(b);
    }
    fflush(stdout);
    free(b->cmds);
    free(b->ops.records);
    return good;
}

static bool run_made(const char *name, u32 symbols, u64 nwarm, u64 nops, u64 seed, bool sparse)
{
    struct bench b = {.name = name};

    ops_generate(&b.ops, symbols, nwarm, nops, seed, sparse);
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
    const char *wrong = ops_read(&b.ops, text);
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
