/* made_journal.c - see made_journal.h. A builder of transactions and a model of open orders. */
#include "tests/lib/made_journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"

static u64 below(struct made_journal *j, u64 n)
{
    j->random = hash_u64(j->random + 0x9E3779B97F4A7C15ull);
    return j->random % n;
}

static void *grown(void *array, u64 bytes)
{
    void *p = realloc(array, bytes);
    ASSERT(p != NULL);
    return p;
}

/* ---- building ---- */

static u64 tx_begin(struct made_journal *j)
{
    if (j->txs + 2 > j->txs_room) {
        j->txs_room = (j->txs + 2) * 2;
        j->begins = grown(j->begins, j->txs_room * sizeof j->begins[0]);
    }
    if (j->slots_used + TX_SLOTS_MAX > j->slots_room) {
        j->slots_room = (j->slots_used + TX_SLOTS_MAX) * 2;
        j->slots = grown(j->slots, j->slots_room * sizeof j->slots[0]);
    }
    j->begins[j->txs] = j->slots_used;
    j->time_ns += 1 + below(j, 2 * NS_PER_MS);
    return ++j->txs;
}

/* The next message of the transaction being built; its head is filled in. */
static union msg *put(struct made_journal *j, u8 type, u32 slots, u32 account)
{
    union msg *m = (union msg *)(void *)&j->slots[j->slots_used];

    memset(m, 0, slots * sizeof(struct slot));
    m->ev.type = type;
    m->ev.slots = (u8)slots;
    m->ev.account = account;
    m->ev.seq = j->txs;
    m->ev.time_ns = j->time_ns;
    if (type >= EV_SYSTEM)
        m->ev.session_seq = ++j->session_seqs[account];
    else if (msg_is_command(type))
        m->cmd.bind_id = account;
    j->slots_used += slots;
    return m;
}

static void tx_end(struct made_journal *j)
{
    u64 at = j->begins[j->txs - 1], last = at;

    ASSERT_LE(j->slots_used - at, TX_SLOTS_MAX);
    for (; at < j->slots_used; at += msg_slots(&j->slots[at]))
        last = at;
    ((union msg *)(void *)&j->slots[last])->ev.flags |= MSG_TX_END;
    j->begins[j->txs] = j->slots_used;
    j->durable = j->txs;
}

static void put_both_day(struct made_journal *j, u8 command, u8 event, u32 day)
{
    tx_begin(j);
    put(j, command, 1, 0)->day.day = day;
    put(j, event, 1, 0)->day.day = day;
    tx_end(j);
}

/* ---- the venue's course ---- */

static void symbol_of(char symbol[8], u16 id)
{
    char text[16];

    snprintf(text, sizeof text, "SYM%-6u", id);
    memcpy(symbol, text, 8);
}

static void put_instrument(struct made_journal *j, u16 id)
{
    tx_begin(j);
    symbol_of(put(j, CMD_INSTRUMENT, 1, 0)->instrument.symbol, id);
    union msg *m = put(j, EV_INSTRUMENT, 1, 0);
    symbol_of(m->instrument.symbol, id);
    m->instrument.instrument = id;
    m->instrument.tick = 100;
    m->instrument.lot = 100;
    tx_end(j);
}

static void put_account(struct made_journal *j, u32 id)
{
    char user[24], firm[24];

    snprintf(user, sizeof user, "USER%u      ", id);
    snprintf(firm, sizeof firm, "F%03u", id);
    tx_begin(j);
    memcpy(put(j, CMD_ACCOUNT, 2, 0)->account.user, user, 6);
    union msg *m = put(j, EV_ACCOUNT, 2, id);
    memcpy(m->account.user, user, 6);
    memcpy(m->account.firm, firm, 4);
    tx_end(j);
}

static void put_login(struct made_journal *j, u32 account)
{
    tx_begin(j);
    union msg *m = put(j, CMD_LOGIN, 1, account);
    m->login.conn = 1000 + account;
    m->login.peer_ipv4 = 0x0100007F;
    m->login.peer_port = (u16)(40000 + account);
    m->login.requested_seq = 1;
    m = put(j, EV_BOUND, 1, account);
    m->bound.conn = 1000 + account;
    m->bound.from_seq = 1;
    m->bound.next_seq = 1;
    m->bound.bind_id = account;
    put(j, EV_SYSTEM, 1, account)->system.code = 'S';
    j->sessions++;
    tx_end(j);
}

static void open_day(struct made_journal *j, u32 day)
{
    j->day = day;
    memset(j->session_seqs, 0, sizeof j->session_seqs);
    memset(j->user_refs, 0, sizeof j->user_refs);
    put_both_day(j, CMD_DAY_OPEN, EV_DAY_OPENED, day);
}

void made_journal_start(struct made_journal *j, u64 epoch, u32 day)
{
    tx_begin(j);
    put(j, CMD_START, 1, 0)->start.epoch = epoch;
    put(j, EV_STARTED, 1, 0)->start.epoch = epoch;
    tx_end(j);
    for (u16 i = 1; i <= MADE_INSTRUMENTS; i++)
        put_instrument(j, i);
    for (u32 i = 1; i <= MADE_ACCOUNTS; i++)
        put_account(j, i);
    open_day(j, day);
    for (u32 i = 1; i <= MADE_ACCOUNTS; i++)
        put_login(j, i);
}

static void put_cancelled(struct made_journal *j, struct made_order *o, u32 qty, u8 reason)
{
    union msg *m = put(j, EV_CANCELLED, 1, o->account);

    o->leaves -= qty;
    m->cancelled.order_ref = o->order_ref;
    m->cancelled.user_ref = o->user_ref;
    m->cancelled.qty = qty;
    m->cancelled.leaves = o->leaves;
    m->cancelled.instrument = o->instrument;
    m->cancelled.reason = reason;
    m->ev.flags |= o->side == 'B' ? 0 : MSG_SELL;
    j->order_events++;
}

void made_journal_next_day(struct made_journal *j, u32 day)
{
    while (j->open_used > 0) {
        tx_begin(j);
        put(j, CMD_CONTINUE, 1, 0);
        for (u32 i = 0; i < 100 && j->open_used > 0; i++) {
            struct made_order *o = &j->open[--j->open_used];
            put_cancelled(j, o, o->leaves, 'T');
        }
        tx_end(j);
    }
    tx_begin(j);
    put(j, CMD_DAY_END, 1, 0)->day.day = j->day;
    for (u32 i = 1; i <= MADE_ACCOUNTS; i++)
        put(j, EV_SYSTEM, 1, i)->system.code = 'E';
    put(j, EV_DAY_ENDED, 1, 0)->day.day = j->day;
    tx_end(j);
    open_day(j, day);
}

/* ---- orders ---- */

static void put_terms(struct made_journal *j, struct order_terms *t)
{
    snprintf(t->clordid, sizeof t->clordid, "C%-12u", (u32)below(j, 1000000));
    t->clordid[13] = ' ';
    if (below(j, 4) == 0) {
        t->tags = TAG_BIT(2) | TAG_BIT(3);
        memcpy(t->firm, "HOUS", 4);
        t->min_qty = 100;
    }
}

/* Accepted or Replaced for a fresh order, which the model then has as open. */
static struct made_order *put_order(struct made_journal *j, u8 event, u32 orig_user_ref,
                                    const struct made_order *like, const struct order_terms *terms)
{
    if (j->open_used == j->open_room) {
        j->open_room = (j->open_room + 1) * 2;
        j->open = grown(j->open, j->open_room * sizeof j->open[0]);
    }
    union msg *m = put(j, event, 2, like->account);
    m->order.order_ref = like->order_ref;
    m->order.user_ref = like->user_ref;
    m->order.orig_user_ref = orig_user_ref;
    m->order.qty = like->leaves;
    m->order.price = like->price;
    m->order.instrument = like->instrument;
    m->order.side = like->side;
    m->order.tif = '0';
    m->order.display = 'Y';
    m->order.capacity = 'A';
    m->order.cross_type = 'N';
    m->order.terms = *terms;
    j->order_events++;
    struct made_order *o = &j->open[j->open_used++];
    *o = *like;
    return o;
}

static void put_executed(struct made_journal *j, struct made_order *o, u32 qty, u32 price,
                         bool taker)
{
    union msg *m = put(j, EV_EXECUTED, 1, o->account);

    o->leaves -= qty;
    m->executed.order_ref = o->order_ref;
    m->executed.match = j->matches;
    m->executed.user_ref = o->user_ref;
    m->executed.qty = qty;
    m->executed.price = price;
    m->executed.instrument = o->instrument;
    m->executed.liquidity = taker ? 'R' : 'A';
    m->ev.flags |= (u16)((o->side == 'B' ? 0 : MSG_SELL) | (taker ? MSG_TAKER : 0));
    j->executions++;
    j->shares += qty;
}

static void drop_dead(struct made_journal *j)
{
    for (u32 i = 0; i < j->open_used;)
        if (j->open[i].leaves == 0)
            j->open[i] = j->open[--j->open_used];
        else
            i++;
}

static struct made_order fresh_order(struct made_journal *j, u32 account)
{
    return (struct made_order){
        .order_ref = ++j->order_refs,
        .account = account,
        .user_ref = ++j->user_refs[account],
        .leaves = (u32)(1 + below(j, 9)) * 100,
        .price = (u32)(1000000 + below(j, 100) * 100),
        .instrument = (u16)(1 + below(j, MADE_INSTRUMENTS)),
        .side = below(j, 2) == 0 ? 'B' : 'S',
    };
}

static void put_enter(struct made_journal *j, const struct made_order *o, struct order_terms *terms)
{
    union msg *m = put(j, CMD_ENTER, 2, o->account);

    memset(terms, 0, sizeof *terms);
    put_terms(j, terms);
    m->enter.user_ref = o->user_ref;
    m->enter.qty = o->leaves;
    m->enter.price = o->price;
    m->enter.instrument = o->instrument;
    m->enter.side = o->side;
    m->enter.tif = '0';
    symbol_of(m->enter.symbol, o->instrument);
    m->enter.terms = *terms;
}

/* An order that rests, after trading with up to 8 open ones if `trades`. */
static void step_enter(struct made_journal *j, bool trades)
{
    struct made_order o = fresh_order(j, (u32)(1 + below(j, MADE_ACCOUNTS)));
    struct order_terms terms;

    put_enter(j, &o, &terms);
    u32 mine = (u32)(put_order(j, EV_ACCEPTED, 0, &o, &terms) - j->open);
    for (u32 i = 0, fills = 0; trades && i < mine && fills < 8 && j->open[mine].leaves > 0; i++) {
        struct made_order *rest = &j->open[i];
        if (rest->instrument != o.instrument || rest->side == o.side)
            continue;
        u32 qty = min_u32(rest->leaves, j->open[mine].leaves);
        j->matches++;
        put_executed(j, &j->open[mine], qty, rest->price, true);
        put_executed(j, rest, qty, rest->price, false);
        fills++;
    }
    drop_dead(j);
}

static void step_cancel(struct made_journal *j, bool all)
{
    struct made_order *o = &j->open[below(j, j->open_used)];
    u32 qty = all || o->leaves == 100 ? o->leaves : 100;

    put(j, CMD_CANCEL, 1, o->account)->cancel.user_ref = o->user_ref;
    put_cancelled(j, o, qty, 'U');
    drop_dead(j);
}

static void step_replace(struct made_journal *j)
{
    u32 at = (u32)below(j, j->open_used);
    struct made_order old = j->open[at];
    struct made_order o = old;
    struct order_terms terms;

    o.order_ref = ++j->order_refs;
    o.user_ref = ++j->user_refs[o.account];
    o.price += 100;
    memset(&terms, 0, sizeof terms);
    put_terms(j, &terms);
    union msg *m = put(j, CMD_REPLACE, 2, o.account);
    m->replace.orig_user_ref = old.user_ref;
    m->replace.user_ref = o.user_ref;
    m->replace.qty = o.leaves;
    m->replace.price = o.price;
    m->replace.terms = terms;
    put_order(j, EV_REPLACED, old.user_ref, &o, &terms);
    j->open[at].leaves = 0;
    drop_dead(j);
}

static void step_reject(struct made_journal *j)
{
    struct made_order o = fresh_order(j, (u32)(1 + below(j, MADE_ACCOUNTS)));
    struct order_terms terms;

    put_enter(j, &o, &terms);
    union msg *m = put(j, EV_REJECTED, 1, o.account);
    m->rejected.user_ref = o.user_ref;
    m->rejected.reason = 0x0031;
    m->rejected.instrument = o.instrument;
    memcpy(m->rejected.clordid, terms.clordid, sizeof terms.clordid);
    j->rejects++;
}

static void step_query(struct made_journal *j)
{
    u32 account = (u32)(1 + below(j, MADE_ACCOUNTS));

    put(j, CMD_QUERY, 1, account);
    put(j, EV_QUERIED, 1, account)->query.next_user_ref = j->user_refs[account] + 1;
}

void made_journal_trade(struct made_journal *j, u64 txs)
{
    for (u64 i = 0; i < txs; i++) {
        u64 dice = below(j, 100);
        tx_begin(j);
        if (dice < 40 || j->open_used < 8)
            step_enter(j, false);
        else if (dice < 75)
            step_enter(j, true);
        else if (dice < 85)
            step_cancel(j, dice < 82);
        else if (dice < 92)
            step_replace(j);
        else if (dice < 97)
            step_reject(j);
        else
            step_query(j);
        tx_end(j);
    }
}

/* ---- reading ---- */

void made_journal_init(struct made_journal *j, u64 seed)
{
    memset(j, 0, sizeof *j);
    j->random = seed;
    j->time_ns = 1795357800ull * NS_PER_SEC; /* 2026-11-22 14:30 UTC */
}

void made_journal_free(struct made_journal *j)
{
    free(j->slots);
    free(j->begins);
    free(j->open);
    memset(j, 0, sizeof *j);
}

const struct slot *made_journal_tx(const struct made_journal *j, u64 seq, u32 *used)
{
    ASSERT(seq >= 1 && seq <= j->txs);
    *used = (u32)(j->begins[seq] - j->begins[seq - 1]);
    return &j->slots[j->begins[seq - 1]];
}

static void source_seek(void *ctx, u64 from_seq)
{
    ((struct made_source *)ctx)->next = from_seq;
}

static enum cursor_status source_next(void *ctx, struct cursor_tx *out)
{
    struct made_source *s = ctx;

    if (s->next > s->journal->durable)
        return CURSOR_WAIT;
    if (s->next == s->journal->broken_at)
        return CURSOR_ERROR;
    memset(out, 0, sizeof *out);
    out->seq = s->next++;
    const struct slot *slots = made_journal_tx(s->journal, out->seq, &out->used);
    memcpy(s->copy, slots, out->used * sizeof slots[0]);
    out->slots = s->copy;
    return CURSOR_TX;
}

static const char *source_why(void *ctx)
{
    (void)ctx;
    return "made to break";
}

static u64 source_durable(void *ctx)
{
    return ((struct made_source *)ctx)->journal->durable;
}

struct export_source made_journal_source(struct made_source *s, const struct made_journal *j)
{
    s->journal = j;
    s->next = 1;
    return (struct export_source){.ctx = s,
                                  .seek = source_seek,
                                  .next = source_next,
                                  .why = source_why,
                                  .durable_seq = source_durable};
}

void made_journal_names(const struct made_journal *j, struct export_names *n, struct mem *m,
                        u64 seq)
{
    export_names_init(n, m, 64, 64);
    for (u64 s = 1; s <= seq; s++) {
        u32 used;
        const struct slot *slots = made_journal_tx(j, s, &used);
        for (u32 i = 0; i < used; i += msg_slots(&slots[i]))
            export_names_note(n, (const union msg *)(const void *)&slots[i]);
    }
}
