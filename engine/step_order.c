/*
 * step_order.c - Enter, Replace, Cancel, Modify: CONFORMANCE.md section 6, rules 1 to 8.
 *
 * Engine thread. A command of a stale binding is counted and ignored, so is a resend; both before
 * anything else is looked at. Then the gateway's own reject, then the rules, then the pools; only
 * then something happens. Failure mode: a full pool rejects with 0x000A and changes nothing else.
 */
#include "engine/apply.h"
#include "engine/band.h"
#include "engine/event.h"
#include "engine/match.h"
#include "engine/peg.h"
#include "engine/phase.h"
#include "engine/post.h"

/* It is for a cross, or nothing trades in the phase. */
static bool order_waits(const struct engine *e, u32 id)
{
    return (e->orders.info[id].special & SPECIAL_CROSS) ||
           (e->books.at[e->orders.hot[id].instrument].special & BOOK_STILL);
}

/* What waits rests; what cannot wait is gone. */
static void wait(struct engine *e, u32 id)
{
    const struct order_info *info = &e->orders.info[id];

    if (info->tif == TIF_IOC && !(info->special & SPECIAL_CROSS))
        apply_cancelled(e, event_cancelled(e, id, order_left(&e->orders, id), 'I'), id);
}

/* The order under way may not take. True: it is gone or begins to rest as it is. */
static bool match_held(struct engine *e, u32 id)
{
    enum match_leave leave = match_leave(e);

    if (LIKELY(leave == MATCH_SWEEPS))
        return false;
    if (leave == MATCH_TOO_LITTLE && e->orders.info[id].tif != TIF_IOC)
        return true;
    u8 reason = leave == MATCH_WOULD_TAKE ? 'G' : 'I';
    apply_cancelled(e, event_cancelled(e, id, order_left(&e->orders, id), reason), id);
    return true;
}

/* Bands make it better than was asked for where they must. */
static u32 accepted_price(const struct engine *e, u32 instrument, u8 side, u8 cross, u32 price)
{
    if (LIKELY(!(e->books.at[instrument].special & BOOK_GUARDED)) || cross != 'N')
        return price;
    return band_price(e, instrument, side_is_sell(side), price);
}

/* Why what an immediate order leaves goes: K, others were there, but at prices too far away. */
static u8 leftover_reason(const struct engine *e, u32 id)
{
    const struct order *o = &e->orders.hot[id];
    const struct book *k = &e->books.at[o->instrument];
    u32 other = o->sell ? BUY : SELL;

    if (LIKELY(!price_is_market(e->orders.info[id].price)) || order_pegged(e, id))
        return 'I';
    return k->best_price[other] || k->best_price[other | BUY_HIDDEN] ? 'K' : 'I';
}

void work_match(struct engine *e)
{
    u32 id = e->taker;
    bool resumed = e->work.kind == WORK_MATCH;

    if (UNLIKELY(order_waits(e, id))) {
        wait(e, id);
        return;
    }
    if (!resumed && match_held(e, id))
        return;
    if (!match_sweep(e)) {
        apply_work(e, event_work_order(e, WORK_MATCH, id));
        return;
    }
    if (e->taker && e->orders.info[id].tif == TIF_IOC)
        apply_cancelled(
            e, event_cancelled(e, id, order_left(&e->orders, id), leftover_reason(e, id)), id);
    if (resumed)
        apply_work(e, event_work(e, WORK_NONE, 0));
}

/* The channel, made if need be; NULL: there is no place for it, or for one more order. */
static inline struct channel *pools_room(struct engine *e, const struct msg_enter *c,
                                         struct channel *channel)
{
    if (UNLIKELY(e->risk_on) && !rules_room(e, c))
        return NULL;
    if (UNLIKELY(pool_full(&e->orders.pool)))
        return NULL;
    return LIKELY(channel != NULL)
               ? channel
               : account_channel_new(&e->accounts, c->head.account, c->user_ref_idx);
}

/* A reason of our own: counted if it is one of risk. */
COLD static void count_refused(struct engine *e, u16 reason)
{
    _Static_assert(ARRAY_LEN(e->metrics.refused_for) == RULES_RISKS, "a counter for each");

    for (u32 i = 0; i < RULES_RISKS; i++) {
        if (rules_risks[i].reason == reason)
            metric_add(&e->metrics.refused_for[i], 1);
    }
}

static void enter_reject(struct engine *e, const struct msg_enter *c, u16 reason)
{
    u16 instrument = c->instrument <= e->instruments.names.used ? c->instrument : 0;

    metric_add(&e->metrics.rejects, 1);
    if (!c->reject)
        count_refused(e, reason);
    apply_rejected(e, event_rejected(e, c->head.account, c->user_ref_idx, c->user_ref, instrument,
                                     reason, c->terms.clordid));
}

_Static_assert(offsetof(struct msg_enter, capacity) - offsetof(struct msg_enter, side) == 3 &&
                   offsetof(struct msg_order, capacity) - offsetof(struct msg_order, side) == 3,
               "side, tif, display, capacity");

/*
 * Order `id`, the one under way, begins. Most are day orders without anything special in continuous
 * trading that meet nobody: they rest at once.
 */
static inline void order_goes(struct engine *e, u32 id, const struct msg_order *m, u8 special)
{
    const struct book *k = &e->books.at[m->instrument];
    u32 sell = side_is_sell(m->side);
    bool meets = price_meets(sell, m->price, k->best_price[sell ^ SELL]);
    bool day = (m->tif == TIF_DAY) & (m->price <= PRICE_LIMIT_MAX);

    if (LIKELY(day & !(special | k->unusual | meets))) {
        u32 hidden = m->display == 'N';
        book_insert_on(&e->books, id, m->instrument, (enum side_index)(sell | hidden << 1),
                       m->price);
        e->taker = 0;
    } else {
        work_match(e);
    }
}

/*
 * Field by field: a literal of two slots would be cleared first, and no byte of it stays clear. The
 * four letters in one store: who reads them together would wait for four.
 */
static inline struct msg_order *enter_accept(struct engine *e, const struct msg_enter *c,
                                             const struct account *a)
{
    struct msg_order *m = &event_room(e, 2)->order;

    m->head = event_head_of(e, a, EV_ACCEPTED, 2, c->head.account, c->head.flags & MSG_ISO);
    m->order_ref = e->next_order_ref;
    m->user_ref = c->user_ref;
    m->orig_user_ref = 0;
    m->qty = c->qty;
    m->price = c->price;
    m->instrument = c->instrument;
    memcpy(&m->side, &c->side, 4);
    m->cross_type = c->cross_type;
    m->user_ref_idx = c->user_ref_idx;
    m->terms = c->terms;
    return m;
}

/* What the venue changes in an order that is not plain. Returns its enum order_special. */
COLD static u8 accept_closely(struct engine *e, struct msg_order *m)
{
    m->price = accepted_price(e, m->instrument, m->side, m->cross_type, m->price);
    if (price_type_pegged(m->terms.price_type))
        m->display = 'N';
    if (m->terms.yes & YES_POST_ONLY)
        m->price = post_price(e, m);
    return order_special(m);
}

void step_enter(struct engine *e, const struct msg_enter *c)
{
    struct account *a = sender_account(e, &c->head);

    if (!a)
        return;
    struct channel *channel = channel_of(&e->accounts, a, c->user_ref_idx);
    if (c->user_ref <= (channel ? channel->last : 0)) {
        metric_add(&e->metrics.resends, 1);
        return;
    }
    bool plain = rules_enter_plain(e, c, a);
    u16 reason = c->reject ? c->reject : LIKELY(plain) ? REJECT_NONE : rules_enter(e, c);
    if (!reason && !(channel = pools_room(e, c, channel))) {
        metric_add(&e->metrics.pool_full, 1);
        reason = REJECT_PROCESSING;
    }
    if (UNLIKELY(reason)) {
        enter_reject(e, c, reason);
        return;
    }
    struct msg_order *m = enter_accept(e, c, a);
    u8 special = LIKELY(plain) ? 0 : accept_closely(e, m);
    order_goes(e, apply_accepted(e, m, a, channel, special), m, special);
}

/* ---- replace ---- */

/* What the tags in `keep` say, all but the firm's. */
COLD static void terms_inherit_more(struct order_terms *t, const struct order_terms *old, u32 keep)
{
    static const u8 yes_tags[] = {12, 16};
    static const u8 yes_bits[] = {YES_POST_ONLY, YES_TRADE_NOW};

#define INHERIT(tag, member)                                     \
    do {                                                         \
        if (keep & TAG_BIT(tag))                                 \
            memcpy(&t->member, &old->member, sizeof(t->member)); \
    } while (0)
    INHERIT(3, min_qty);
    INHERIT(4, customer_type);
    INHERIT(5, max_floor);
    INHERIT(6, price_type);
    INHERIT(7, peg_offset);
    INHERIT(9, discretion_price);
    INHERIT(10, discretion_price_type);
    INHERIT(11, discretion_peg_offset);
    INHERIT(13, random_reserves);
    INHERIT(15, expire_s);
    INHERIT(17, handle_inst);
    INHERIT(24, group_id);
    INHERIT(29, aiq_strategy);
    INHERIT(30, aiq_group);
#undef INHERIT
    for (u32 i = 0; i < ARRAY_LEN(yes_tags); i++) {
        if (keep & TAG_BIT(yes_tags[i]))
            t->yes |= old->yes & yes_bits[i];
    }
}

/*
 * An absent tag keeps what the original has; 25 and 26 must be repeated (CONFORMANCE.md section 3).
 * A time to live (15) is kept only by an order that still has one. True: it keeps something that
 * may change how it is executed.
 */
static inline bool terms_inherit(struct order_terms *t, const struct order_terms *old, u8 tif)
{
    u32 drop = TAG_BIT(25) | TAG_BIT(26) | (tif == TIF_GTT ? 0 : TAG_BIT(15));
    u32 keep = old->tags & ~t->tags & ~drop;
    bool more = keep & ~TAG_BIT(2);

    if (keep & TAG_BIT(2))
        memcpy(t->firm, old->firm, sizeof t->firm);
    if (UNLIKELY(more))
        terms_inherit_more(t, old, keep);
    t->tags = (t->tags | keep) & ~TAG_BIT(27); /* the side is in the order itself */
    return more;
}

/*
 * The replacement of order `id` as it would be announced, with the chain's total as its quantity:
 * drafted where it will stand, since a copy would wait for what it copies to be written. `plain`:
 * no more than size and limits are to be looked at.
 */
static inline struct msg_order *replacement(struct engine *e, const struct msg_replace *c, u32 id,
                                            bool *plain)
{
    const struct order_info *info = &e->orders.info[id];
    struct msg_order *m = &event_draft(e, 2)->order;

    m->head = event_head_seq(e, EV_REPLACED, 2, c->head.account, c->head.flags & MSG_ISO);
    m->order_ref = e->next_order_ref;
    m->user_ref = c->user_ref;
    m->orig_user_ref = c->orig_user_ref;
    m->qty = c->qty;
    m->price = c->price;
    m->instrument = e->orders.hot[id].instrument;
    m->side = c->side ? c->side : info->side;
    m->tif = c->tif;
    m->display = c->display;
    m->capacity = info->capacity;
    m->cross_type = info->cross_type;
    m->user_ref_idx = c->user_ref_idx;
    m->terms = c->terms;
    bool more = terms_inherit(&m->terms, &e->orders.terms[id], c->tif);
    *plain = !more && terms_plain(&c->terms) &&
             rules_plain(e, m->instrument, m->side, c->tif, c->display, m->cross_type, c->price);
    if (UNLIKELY(!*plain) && price_type_pegged(m->terms.price_type) && display_known(m->display))
        m->display = 'N'; /* as Accepted says of a new one */
    return m;
}

/* Why the request is refused while the original stays (rule 6c). */
static u16 replace_refusal(const struct engine *e, const struct msg_replace *c, u32 id)
{
    if (rules_spares_original(c->reject))
        return c->reject;
    if (UNLIKELY(rules_bar(e, c->head.account)) &&
        rules_barred(e, c->head.account, e->orders.terms[id].firm))
        return REJECT_REPLACE;
    if (LIKELY(!(e->books.at[e->orders.hot[id].instrument].special | e->orders.hot[id].rare)))
        return REJECT_NONE;
    if (e->instruments.terms[e->orders.hot[id].instrument].halted)
        return REJECT_HALTED;
    return phase_keeps(e, id);
}

static void replace_refuse(struct engine *e, const struct msg_replace *c, u32 id, u16 reason)
{
    metric_add(&e->metrics.rejects, 1);
    apply_rejected(e, event_rejected(e, c->head.account, c->user_ref_idx, c->user_ref,
                                     e->orders.hot[id].instrument, reason, c->terms.clordid));
}

static void cancel_open(struct engine *e, u32 id, u32 qty)
{
    apply_cancelled(e, event_cancelled(e, id, qty, 'U'), id);
}

/* The open order of that number, 0: there is none. The look ahead has mostly found it already. */
static inline u32 order_find(const struct engine *e, u32 owner, u32 user_ref)
{
    u32 id = e->ahead.found[user_ref % AHEAD_FOUND];
    const struct order *o = &e->orders.hot[id];

    if (LIKELY((o->user_ref == user_ref) & (o->owner == owner) & (o->open != 0)))
        return id;
    return refs_find(&e->refs, owner, user_ref);
}

void step_replace(struct engine *e, const struct msg_replace *c)
{
    if (!sender_account(e, &c->head))
        return;
    u32 owner = owner_of(c->head.account, c->user_ref_idx);
    u32 id = order_find(e, owner, c->orig_user_ref);
    if (!id || c->user_ref <= account_last_ref(&e->accounts, c->head.account, c->user_ref_idx)) {
        metric_add(&e->metrics.superfluous, 1); /* rule 6a */
        return;
    }
    u16 refusal = replace_refusal(e, c, id);
    if (refusal) {
        replace_refuse(e, c, id, refusal); /* rule 6c */
        return;
    }
    bool plain;
    struct msg_order *next = replacement(e, c, id, &plain);
    refusal = c->reject ? c->reject : rules_replace(e, next, id, c, plain);
    if (refusal) {
        if (!c->reject)
            count_refused(e, refusal);
        cancel_open(e, id, order_left(&e->orders, id)); /* rule 6b */
        return;
    }
    next->qty -= e->orders.info[id].executed; /* rule 6d */
    event_room(e, 2);
    u8 special = LIKELY(plain) ? 0 : accept_closely(e, next);
    apply_replaced(e, next, id, special);
    order_goes(e, id, next, special);
}

/* ---- cancel ---- */

void step_cancel(struct engine *e, const struct msg_cancel *c)
{
    const struct account *a = sender_account(e, &c->head);

    if (!a)
        return;
    u32 owner = owner_of(c->head.account, c->user_ref_idx);
    u32 id = order_find(e, owner, c->user_ref);
    u32 left = order_left(&e->orders, id); /* of order 0, which is none: 0 */
    u32 off = left;
    if (UNLIKELY(c->qty)) {
        u32 executed = e->orders.info[id].executed;
        u32 leaves = c->qty > executed ? c->qty - executed : 0;
        off -= min_u32(off, leaves);
    }
    if (UNLIKELY(!off))
        metric_add(&e->metrics.superfluous, 1);
    else if (UNLIKELY(order_late(e, id)))
        late_cancel(e, id, e->orders.hot[id].open - off);
    else
        apply_cancelled(e, event_cancelled_of(e, a, id, off, left, 'U'), id);
}

/* ---- modify ---- */

/* Sides that an order may take besides its own (CONFORMANCE.md section 3). */
static bool side_may_become(u8 from, u8 to)
{
    return from == to || (from == 'S' && (to == 'E' || to == 'T')) || (from == 'E' && to == 'T');
}

/* ... and this one may, which lists of short sales have a say in. */
static bool order_may_become(const struct engine *e, u32 id, u8 side)
{
    u8 from = e->orders.info[id].side;

    return side_may_become(from, side) && (from == side || side != 'T' || rules_may_short(e, id));
}

static void modify(struct engine *e, const struct msg_modify *c, u32 id, u32 leaves)
{
    const struct order *o = &e->orders.hot[id];
    union msg *m = event_room(e, 1);

    m->modified = (struct msg_modified){
        .head = event_head_seq(e, EV_MODIFIED, 1, c->head.account, o->sell ? MSG_SELL : 0),
        .order_ref = o->order_ref,
        .user_ref = o->user_ref,
        .qty = order_left(&e->orders, id) - leaves,
        .leaves = leaves,
        .instrument = o->instrument,
        .side = c->side,
        .user_ref_idx = c->user_ref_idx,
        .located = c->located,
    };
    memcpy(m->modified.locate_broker, c->locate_broker, sizeof c->locate_broker);
    apply_modified(e, &m->modified, id);
}

void step_modify(struct engine *e, const struct msg_modify *c)
{
    if (!sender_account(e, &c->head))
        return;
    u32 id = refs_find(&e->refs, owner_of(c->head.account, c->user_ref_idx), c->user_ref);
    if (!id || !order_may_become(e, id, c->side) ||
        c->qty > e->orders.info[id].executed + order_left(&e->orders, id) || order_late(e, id)) {
        metric_add(&e->metrics.superfluous, 1);
        return;
    }
    u32 executed = e->orders.info[id].executed;
    if (c->qty > executed)
        modify(e, c, id, c->qty - executed);
    else
        cancel_open(e, id, order_left(&e->orders, id));
}

/* ---- time ---- */

/* Orders whose time is over end, soonest first; what is left waits for the next tick. */
void step_tick(struct engine *e)
{
    u32 id;

    for (u32 budget = e->chunk_cancels; budget; budget--) {
        id = expiry_first(&e->expiry, e->tx_time_ns);
        if (!id)
            return;
        apply_cancelled(e, event_cancelled(e, id, order_left(&e->orders, id), 'T'), id);
    }
}
