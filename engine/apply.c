/*
 * apply.c - state changes, one function an event. Engine thread; no decisions, no output.
 *
 * Invariants kept: an order is in the slab, in its channel's lines and, unless it is the one under
 * way, at its level - or in none of them. An account's stream has no gaps. Whatever recovery must
 * restore changes here and in tx_settle, nowhere else.
 */
#include "engine/apply.h"

#include "engine/band.h"
#include "engine/peg.h"

/* The pools get the limits of the process that led from here on, as far as ours have the room. */
static void limits_set(struct engine *e, const struct msg_start *ev)
{
    if (ev->orders_max)
        pool_limit(&e->orders.pool, min_u32(ev->orders_max, e->conf.orders_max));
    if (ev->orders_max)
        risk_limit(e, ev->orders_max);
    if (ev->instruments_max)
        names_limit(&e->instruments.names, ev->instruments_max);
    if (ev->accounts_max)
        accounts_limit(&e->accounts, ev->accounts_max);
}

/* The account's orders go at the end of its grace, which begins at `ns`. */
static void drop_arm(struct engine *e, u32 account, u64 ns)
{
    const struct account *a = &e->accounts.at[account];

    if (account_drop(a) && a->open)
        alarm_set(&e->drops, account, ns + account_drop_ms(a) * NS_PER_MS);
}

void apply_started(struct engine *e, const struct msg_start *ev)
{
    ASSERT_GT(ev->epoch, e->epoch);
    ASSERT(!e->journal_id || ev->journal_id == e->journal_id);
    e->epoch = ev->epoch;
    e->journal_id = ev->journal_id;
    e->shard = ev->shard;
    limits_set(e, ev);
    for (u32 id = 1; id <= e->accounts.names.used; id++) {
        if (e->accounts.at[id].bind_id)
            drop_arm(e, id, ev->ev.time_ns); /* its connection is gone with the process */
        e->accounts.at[id].bind_id = 0;
        e->accounts.at[id].gateway = 0; /* no gateway of this process has anything yet */
    }
}

void apply_day_opened(struct engine *e, const struct msg_day *ev)
{
    ASSERT_EQ(e->day, 0);
    ASSERT_GT(ev->day, e->day_last);
    e->day = ev->day;
    e->day_last = ev->day;
    e->day_match = e->next_match;
    e->broken_used = 0;
    e->midnight_ns = ev->midnight_ns;
    risk_day(e);
    metric_set(&e->metrics.day, ev->day);
}

void apply_day_ended(struct engine *e, const struct msg_day *ev)
{
    ASSERT_EQ(ev->day, e->day);
    ASSERT_EQ(e->orders.pool.used, 0);
    for (u32 id = 1; id <= e->accounts.names.used; id++) {
        if (!e->accounts.at[id].stream)
            continue;
        account_day_close(&e->accounts, id);
        alarm_set(&e->drops, id, 0);
    }
    e->day = 0;
    metric_set(&e->metrics.day, 0);
}

void apply_instrument(struct engine *e, const struct msg_instrument *ev)
{
    struct names *names = &e->instruments.names;
    u64 key = names_key(ev->symbol, sizeof ev->symbol);
    u32 id = names_find(names, key);
    bool is_new = !id;

    if (is_new)
        id = names_add(names, key);
    ASSERT_EQ(id, ev->instrument);
    e->instruments.terms[id] = *ev;
    e->instruments.terms[id].ev.flags = 0; /* MSG_TX_END comes after the live path has been here */
    book_tick_set(&e->books, (u16)id, ev->tick);
    if (is_new)
        market_begin(e, id);
    market_flags(e, id);
    band_touch(e, id);
}

void apply_account(struct engine *e, const struct msg_account *ev)
{
    struct names *names = &e->accounts.names;
    u64 key = names_key(ev->user, sizeof ev->user);
    u32 id = names_find(names, key);

    if (!id) {
        id = names_add(names, key);
        e->accounts.at[id].next_session_seq = 1;
        e->accounts.at[id].open_max = UINT32_MAX;
    }
    ASSERT_EQ(id, ev->ev.account);
    e->accounts.at[id].terms = *ev;
    e->accounts.at[id].terms.ev.flags = 0;
    account_rewatch(&e->accounts.at[id]);
    if (!account_drop(&e->accounts.at[id]))
        alarm_set(&e->drops, id, 0);
}

void apply_work(struct engine *e, const struct msg_work *ev)
{
    if (e->work.kind == WORK_COUNT)
        risk_count(e, ev);
    e->work.kind = ev->kind;
    e->work.cursor = ev->kind == WORK_MATCH ? 0 : ev->cursor;
    bool of_order = ev->kind == WORK_MASS || ev->kind == WORK_EXPIRE || ev->kind == WORK_DROP ||
                    ev->kind == WORK_KILL || ev->kind == WORK_COUNT;
    if (ev->kind == WORK_DROP)
        alarm_set(&e->drops, ev->account, 0);
    e->work.owner = of_order ? owner_of(ev->account, ev->phase) : 0;
    if (ev->kind == WORK_NONE)
        e->mass = (struct msg_mass){0};
    if (ev->kind == WORK_COURSE)
        e->course.at = ev->cursor;
    if (ev->kind == WORK_TELL)
        e->course.at = 0;
    if (ev->kind == WORK_SCAN)
        apply_scan(e, ev->cursor);
    if (ev->kind == WORK_PEGS && e->taker)
        tx_rest(e);
    if (ev->kind == WORK_MATCH) {
        u32 owner = owner_of(ev->account, ev->phase);
        ASSERT_NE(e->taker, 0);
        ASSERT_EQ(refs_find(&e->refs, owner, ev->cursor), e->taker);
    }
}

void apply_bound(struct engine *e, const struct msg_bound *ev)
{
    struct account *a = &e->accounts.at[ev->head.account];

    ASSERT_GE(ev->bind_id, e->next_bind_id);
    ASSERT_EQ(a->bind_id, 0);
    a->bind_id = ev->bind_id;
    a->conn = ev->conn;
    a->gateway = ev->gateway;
    alarm_set(&e->drops, ev->head.account, 0);
    e->next_bind_id = ev->bind_id + 1;
    a->port = ev->port;
    account_rewatch(a);
    if (a->port_profile == ev->profile_id)
        return;
    a->port_profile = ev->profile_id;
    risk_account(e, ev->head.account);
    risk_begin_account(e, ev->head.account);
}

void apply_unbound(struct engine *e, const struct msg_unbind *ev)
{
    struct account *a = &e->accounts.at[ev->ev.account];

    ASSERT_EQ(a->bind_id, ev->bind_id);
    a->bind_id = 0;
    if (unbind_drops(ev->reason) && account_drop_ms(a))
        drop_arm(e, ev->ev.account, ev->ev.time_ns);
}

void apply_system(struct engine *e, const struct msg_system *ev)
{
    struct account *a = &e->accounts.at[ev->head.account];

    stream_advance(e, &ev->head);
    if (ev->code == 'S')
        a->stream = 1 + ev->dialect;
    else
        a->told = 1;
}

void apply_queried(struct engine *e, const struct msg_query *ev)
{
    stream_advance(e, &ev->ev);
}

/* A number of the account's is used, on a channel that is there. */
static void number_use(struct engine *e, u32 account, u8 idx, u32 user_ref)
{
    struct channel *c = account_channel_get(&e->accounts, account, idx);

    ASSERT(c != NULL);
    ASSERT_GT(user_ref, c->last);
    c->last = user_ref;
}

void apply_mass(struct engine *e, const struct msg_mass *ev)
{
    number_use(e, ev->ev.account, ev->user_ref_idx, ev->user_ref);
    stream_advance(e, &ev->ev);
    e->mass = *ev;
    e->mass.ev.flags = 0;
}

void apply_firm(struct engine *e, const struct msg_firm *ev)
{
    struct account *a = &e->accounts.at[ev->ev.account];

    number_use(e, ev->ev.account, ev->user_ref_idx, ev->user_ref);
    stream_advance(e, &ev->ev);
    account_block(a, account_firm(a, ev->firm), ev->ev.type == EV_DISABLED);
}

/* The number is consumed, unless it would be the first of a channel for which there is no room. */
void apply_rejected(struct engine *e, const struct msg_rejected *ev)
{
    struct channel *c = account_channel_get(&e->accounts, ev->head.account, ev->user_ref_idx);

    stream_advance(e, &ev->head);
    if (c)
        c->last = max_u32(c->last, ev->user_ref);
}

/* An order that does not rest at a level of the book: it waits for a cross or is conditional. */
static void elsewhere_remove(struct engine *e, u32 id)
{
    if (e->orders.hot[id].level & LEVEL_QUEUED)
        queued_remove(e, id);
    else
        peg_leave(e, id);
}

static void elsewhere_reduce(struct engine *e, u32 id, u32 qty)
{
    if (e->orders.hot[id].level & LEVEL_QUEUED)
        queued_reduce(e, id, qty);
    else
        peg_reduce(e, id, qty);
}

/* Bands look at it, and so do those who wait for who is first now. */
COLD static void resting_removed(struct engine *e, const struct book *k, u16 instrument)
{
    if (k->special & BOOK_GUARDED)
        band_touch(e, instrument);
    if (k->dark)
        peg_head_moved(e, instrument);
}

static inline void resting_remove(struct engine *e, u32 id)
{
    struct order *o = &e->orders.hot[id];
    struct book *k = &e->books.at[o->instrument];

    if (UNLIKELY(o->level >= LEVEL_DARK))
        elsewhere_remove(e, id);
    else
        book_remove_from(&e->books, k, o);
    if (UNLIKELY(k->unusual)) /* guarded or dark, mostly neither */
        resting_removed(e, k, o->instrument);
}

/* `qty` shares of a resting order go, less than are open, or of the one under way. */
static inline void reduce(struct engine *e, u32 id, u32 qty)
{
    struct order *o = &e->orders.hot[id];

    if (UNLIKELY(o->level >= LEVEL_DARK))
        elsewhere_reduce(e, id, qty);
    else if (o->level)
        book_reduce(&e->books, id, qty);
    else
        o->open -= qty;
}

/* It is no longer waited for its time, nor for what it keeps back. */
COLD static void rare_leaves(struct engine *e, u32 id)
{
    if (e->orders.info[id].special & SPECIAL_TIMED)
        expiry_del(&e->expiry, id);
    kept_leave(e, id);
}

void apply_replaced(struct engine *e, const struct msg_order *ev, u32 id, u8 special)
{
    struct order *o = &e->orders.hot[id];
    u32 owner = o->owner;
    u32 executed = e->orders.info[id].executed;
    struct account *a = &e->accounts.at[owner_account(owner)];
    struct channel *c = channel_of(&e->accounts, a, owner_idx(owner));

    ASSERT(c != NULL);
    ASSERT_EQ(e->taker, 0);
    ASSERT_EQ(owner, owner_of(ev->head.account, ev->user_ref_idx));
    if (UNLIKELY(e->risk_on))
        risk_less(e, id, order_left(&e->orders, id));
    resting_remove(e, id);
    refs_del(&e->refs, c, owner, o->user_ref, id);
    if (UNLIKELY(o->rare))
        rare_leaves(e, id);
    orders_fill(&e->orders, id, ev, special);
    e->orders.info[id].executed = executed;
    order_begin(e, id, a, c, ev, special);
}

/* The order has no open shares, or never will: it leaves the books, the index and the slab. */
static inline __attribute__((always_inline)) void order_drop(struct engine *e, u32 id)
{
    struct order *o = &e->orders.hot[id];
    u32 owner = o->owner;
    struct account *a = &e->accounts.at[owner_account(owner)];
    struct channel *c = channel_of(&e->accounts, a, owner_idx(owner));

    if (o->level)
        resting_remove(e, id);
    else
        e->taker = 0;
    if (UNLIKELY(o->rare))
        rare_leaves(e, id);
    refs_del(&e->refs, c, owner, o->user_ref, id);
    ASSERT_GT(a->open, 0);
    a->open--;
    o->open = 0;
    pool_give(&e->orders.pool, id);
}

/* Of `qty` shares that go, what is kept back goes first. Returns how many of those shown go. */
static u32 reserve_less(struct engine *e, u32 id, u32 qty)
{
    u32 kept = min_u32(qty, e->orders.reserve[id].left);

    if (kept)
        kept_reduce(e, id, kept);
    return qty - kept;
}

/* `qty` shares of the order are taken off, `leaves` stay. */
static inline __attribute__((always_inline)) void take_off(struct engine *e, u32 id, u32 qty,
                                                           u32 leaves)
{
    struct order *o = &e->orders.hot[id];

    ASSERT_EQ(order_left(&e->orders, id), qty + leaves);
    if (UNLIKELY(e->risk_on))
        risk_less(e, id, qty);
    if (!leaves) {
        order_drop(e, id);
        return;
    }
    if (UNLIKELY(o->rare) && (qty = reserve_less(e, id, qty)) == 0)
        return;
    reduce(e, id, qty);
}

void apply_cancelled(struct engine *e, const struct msg_cancelled *ev, u32 id)
{
    ASSERT_EQ(e->orders.hot[id].order_ref, ev->order_ref);
    stream_advance(e, &ev->head);
    if (ev->reason == 'Q') /* counts as executed in the totals of the chain (rule 6d) */
        e->orders.info[id].executed += ev->qty;
    take_off(e, id, ev->qty, ev->leaves);
}

void apply_aiq_cancelled(struct engine *e, const struct msg_aiq_cancelled *ev, u32 id)
{
    ASSERT_EQ(e->orders.hot[id].order_ref, ev->order_ref);
    stream_advance(e, &ev->head);
    e->orders.info[id].executed += ev->qty;
    take_off(e, id, ev->qty, ev->leaves);
}

/* Side and what was located change, the place in the queue does not. */
void apply_modified(struct engine *e, const struct msg_modified *ev, u32 id)
{
    struct order *o = &e->orders.hot[id];
    struct order_terms *t = &e->orders.terms[id];

    ASSERT_EQ(o->order_ref, ev->order_ref);
    stream_advance(e, &ev->head);
    e->orders.info[id].side = ev->side;
    if (ev->qty)
        take_off(e, id, ev->qty, ev->leaves);
    if (ev->located) {
        t->tags |= TAG_BIT(25);
        t->yes &= (u8)~YES_SHARES_LOCATED;
        t->yes |= ev->located == 'Y' ? YES_SHARES_LOCATED : 0;
    }
    if (ev->locate_broker[0]) {
        t->tags |= TAG_BIT(26);
        memcpy(t->locate_broker, ev->locate_broker, sizeof t->locate_broker);
    }
}

/*
 * What an order shows is filled, and it has kept more back: it is restated in the next event.
 */
static void order_exhaust(struct engine *e, u32 id, u32 qty)
{
    ASSERT_EQ(e->exhausted, 0);
    e->orders.info[id].executed += qty;
    book_exhaust(&e->books, id);
    e->exhausted = id;
}

void apply_restated(struct engine *e, const struct msg_restated *ev, u32 id)
{
    struct reserve *r = &e->orders.reserve[id];

    ASSERT_EQ(e->exhausted, id);
    ASSERT(ev->qty >= 1 && ev->qty <= r->left);
    stream_advance(e, &ev->head);
    e->exhausted = 0;
    e->next_order_ref = ev->secondary + 1;
    kept_reduce(e, id, ev->qty);
    *r = (struct reserve){.priority = ev->secondary, .left = r->left, .again = 1};
    book_refill(&e->books, id, ev->qty);
    peg_head_moved(e, e->orders.hot[id].instrument);
}

/* A fill is complete: it is the last trade, and bands look at it. */
static inline void traded(struct engine *e, const struct msg_executed *ev)
{
    e->markets[ev->instrument].last_price = ev->price;
    if (UNLIKELY(e->books.at[ev->instrument].special & BOOK_GUARDED))
        band_trade(e, ev->instrument, ev->price, ev->head.time_ns);
}

void apply_executed(struct engine *e, const struct msg_executed *ev, u32 id)
{
    struct order *o = &e->orders.hot[id];

    ASSERT_EQ(o->order_ref, ev->order_ref);
    ASSERT_GE(o->open, ev->qty);
    stream_advance(e, &ev->head);
    e->next_match = ev->match + !(ev->head.flags & (MSG_TAKER | MSG_FIRST));
    if (!(ev->head.flags & (MSG_TAKER | MSG_FIRST)))
        traded(e, ev);
    if (UNLIKELY(e->risk_on))
        risk_traded(e, id, ev->qty, ev->price);
    if (o->open == ev->qty) {
        if (UNLIKELY(o->rare) && e->orders.reserve[id].left)
            order_exhaust(e, id, ev->qty);
        else
            order_drop(e, id);
        return;
    }
    e->orders.info[id].executed += ev->qty;
    reduce(e, id, ev->qty);
}
