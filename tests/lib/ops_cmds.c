/*
 * ops_cmds.c - see ops_cmds.h.
 *
 * What the workload calls an id becomes an account and its UserRefNum, its quantities become totals
 * of a chain. Both follow from what the engine answers, so an engine takes the commands while they
 * are made, and what it trades is added up.
 */
#include "tests/lib/ops_cmds.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "engine/base/assert.h"

#define ACCOUNTS 16u
#define TICK     100u

#define HUGE_PAGE (2ull << 20)

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
        fprintf(stderr, "ops: the venue could not be set up\n");
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

struct engine *ops_engine_new(struct mem *m, u32 symbols, u32 orders_max)
{
    struct engine *e = venue_new(m, symbols, orders_max);

    venue_open(e, symbols);
    return e;
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
            fprintf(stderr, "ops: an order was rejected with 0x%04X\n", m->rejected.reason);
            exit(1);
        }
    }
}

/* As a ring's slots lie in the product. */
static void *huge_pages(u64 bytes)
{
    void *p = aligned_alloc(HUGE_PAGE, round_up(bytes, HUGE_PAGE));

    ASSERT(p != NULL);
    madvise(p, round_up(bytes, HUGE_PAGE), MADV_HUGEPAGE);
    return p;
}

/* Makes the commands of `b` while an engine takes them; fills `v` with what it did. */
static void translate(struct ops_cmds *b, struct verify *v)
{
    const struct ops_header *h = &b->ops.header;
    u64 records = h->nwarm + h->nops;
    u32 next_ref[ACCOUNTS + 1] = {0};
    struct mem mem;
    static struct tx tx;
    u64 n;
    u64 *ids = ids_sorted(&b->ops, &n);
    struct engine *e = ops_engine_new(&mem, h->symbols, (u32)min_u64(n + 1, ORDERS_MAX));

    b->cmds = huge_pages(records * 2 * sizeof *b->cmds);
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

bool ops_cmds_make(struct ops_cmds *b)
{
    const struct ops_header *h = &b->ops.header;
    struct verify v = {0};

    translate(b, &v);
    return v.qty == h->traded_qty && v.trades == h->trades && v.hash == h->fill_hash &&
           v.rejects == h->rejects;
}
