/*
 * ref_book.c - the reference's orders: one array, linear scans, no cleverness. For tests only.
 *
 * Reading order: making events, looking things up, the rules, matching, then one function a
 * command.
 */
#include "tests/lib/ref_state.h"

/* ---- events ---- */

union msg *ref_add(struct ref *r, u8 type, u32 slots, u32 account)
{
    union msg *m = (union msg *)(void *)&r->tx->slots[r->tx->used];
    memset(m, 0, slots * sizeof(struct slot));
    m->ev.type = type;
    m->ev.slots = (u8)slots;
    m->ev.account = account;
    m->ev.seq = r->seq + 1;
    m->ev.time_ns = r->time;
    if (type >= EV_SYSTEM && type < EV_KILLED)
        m->ev.session_seq = r->accounts[account].next_seq++;
    r->last = r->tx->used;
    r->tx->used += slots;
    return m;
}

u32 ref_shown(const struct ref_order *o)
{
    return o->resting && o->o.terms.max_floor ? o->shown : o->o.qty;
}

void ref_cancelled(struct ref *r, struct ref_order *o, u32 qty, u8 reason)
{
    union msg *m = ref_add(r, EV_CANCELLED, 1, o->o.head.account);
    o->o.qty -= qty;
    if (o->shown > o->o.qty)
        o->shown = o->o.qty;
    if (o->o.qty == 0) {
        o->open = false;
        if (r->taker == o)
            r->taker = NULL;
    }
    m->ev.flags = o->o.side == 'B' ? 0 : MSG_SELL;
    m->cancelled.order_ref = o->o.order_ref;
    m->cancelled.user_ref = o->o.user_ref;
    m->cancelled.user_ref_idx = o->o.user_ref_idx;
    m->cancelled.qty = qty;
    m->cancelled.leaves = o->o.qty;
    m->cancelled.instrument = o->o.instrument;
    m->cancelled.reason = reason;
}

void ref_prevented(struct ref *r, struct ref_order *o, u32 qty, u32 prevented, u32 price, u8 letter,
                   bool taker)
{
    if (!r->accounts[o->o.head.account].terms.stp_details) {
        ref_cancelled(r, o, qty, 'Q');
        return;
    }
    ref_cancelled(r, o, qty, 'Q');
    union msg *m = (union msg *)(void *)&r->tx->slots[r->last];
    struct msg_cancelled c = m->cancelled;
    m->aiq.price = price;
    m->ev.type = EV_AIQ_CANCELLED;
    m->ev.flags |= (taker ? MSG_TAKER : 0) | (o->o.display == 'N' ? MSG_HIDDEN : 0);
    m->aiq.prevented = prevented;
    m->aiq.instrument = c.instrument;
    m->aiq.user_ref_idx = c.user_ref_idx;
    m->aiq.strategy = letter;
}

static void rejected(struct ref *r, const struct cmd_head *h, u8 idx, u32 user_ref, u16 instrument,
                     u16 reason, const char *clordid)
{
    union msg *m = ref_add(r, EV_REJECTED, 1, h->account);
    m->rejected.user_ref = user_ref;
    m->rejected.user_ref_idx = idx;
    m->rejected.instrument = instrument;
    m->rejected.reason = reason;
    memcpy(m->rejected.clordid, clordid, 14);
    u32 *last = &r->accounts[h->account].last[idx];
    if (user_ref > *last)
        *last = user_ref;
}

void ref_work(struct ref *r, u8 kind)
{
    union msg *m = ref_add(r, EV_WORK, 1, 0);
    r->work = kind;
    m->work.kind = kind;
    if (kind == WORK_DAY_END)
        m->work.cursor = r->cursor;
    if (kind == WORK_MASS || kind == WORK_DROP || kind == WORK_KILL || kind == WORK_COUNT) {
        m->work.account = r->mass.ev.account;
        m->work.cursor = r->mass_number;
        m->work.phase = r->mass_idx;
    }
    if (kind == WORK_MATCH) {
        m->work.order_ref = r->taker->o.order_ref;
        m->work.account = r->taker->o.head.account;
        m->work.cursor = r->taker->o.user_ref;
        m->work.phase = r->taker->o.user_ref_idx;
    }
}

/* ---- looking things up ---- */

struct ref_account *ref_bound(struct ref *r, const struct cmd_head *h)
{
    if (h->account == 0 || h->account > r->accounts_used || h->bind_id == 0)
        return NULL;
    struct ref_account *a = &r->accounts[h->account];
    return a->bind_id == h->bind_id ? a : NULL;
}

static struct ref_order *find(struct ref *r, u32 account, u8 idx, u32 user_ref)
{
    for (u32 i = 0; i < r->conf.orders_max; i++) {
        struct ref_order *o = &r->orders[i];
        if (o->open && o->o.head.account == account && o->o.user_ref_idx == idx &&
            o->o.user_ref == user_ref)
            return o;
    }
    return NULL;
}

u32 ref_resting_on(const struct ref *r, u32 instrument)
{
    u32 n = 0;
    for (u32 i = 0; i < r->conf.orders_max; i++)
        n += r->orders[i].open && r->orders[i].resting && r->orders[i].o.cross_type == 'N' &&
             !ref_conditional(&r->orders[i]) && r->orders[i].o.instrument == instrument;
    return n;
}

/* ---- rules ---- */

static u16 terms_reason(const struct order_terms *t)
{
    if (t->discretion_price || t->discretion_peg_offset)
        return 0x000F;
    if (t->discretion_price_type && t->discretion_price_type != 'L')
        return 0x000F;
    if ((t->aiq_strategy && !strchr("*NO", t->aiq_strategy)) || t->tags & TAG_BIT(30))
        return 0x0040;
    return 0;
}

/* Terms that an order for a cross cannot have. */
static bool cross_reason(const struct msg_order *o)
{
    const struct order_terms *t = &o->terms;
    return t->min_qty || t->max_floor || t->peg_offset || (t->yes & YES_POST_ONLY) ||
           (t->price_type && t->price_type != 'L');
}

/* What must be right of an order, new or replaced. */
static u16 order_reason(const struct ref *r, const struct msg_order *o, u32 open)
{
    u32 tick = r->instruments[o->instrument].tick;
    bool peg = o->terms.price_type && strchr("PMmR", o->terms.price_type);

    if (!memchr("BSTE", o->side, 4))
        return 0x0009;
    if (o->qty == 0 || o->qty > 999999)
        return 0x0013;
    if (o->price == PRICE_MARKET || o->price == 2000000000) {
        if (o->tif != '3' && o->cross_type == 'N' && !peg)
            return 0x001D;
    } else if (o->price == 0 || o->price > 1999999900 || o->price % tick != 0) {
        return 0x001D;
    }
    if (ref_collar_refuses(r, o->instrument, o->price))
        return 0x0006;
    if (o->display != 'Y' && o->display != 'A' && o->display != 'N')
        return 0x0003;
    if (!memchr("0356E", o->tif, 5))
        return 0x000F;
    bool offset = o->terms.handle_inst == 'I' && (o->cross_type == 'O' || o->cross_type == 'C');
    if (o->terms.handle_inst && o->terms.handle_inst != ' ' && !offset)
        return 0x0014;
    if (o->cross_type != 'N' && (cross_reason(o) || (o->tif != '0' && o->tif != '3')))
        return 0x0014;
    if (offset && (o->price == PRICE_MARKET || o->price == 2000000000))
        return 0x001D;
    if (!peg && o->terms.price_type && o->terms.price_type != 'L')
        return 0x0005;
    if (o->terms.peg_offset && (!peg || o->terms.price_type == 'M' || o->terms.price_type == 'm' ||
                                o->terms.peg_offset % (i64)tick))
        return 0x0011;
    u32 least = o->terms.min_qty;
    if (peg && o->terms.max_floor)
        return 0x0004;
    if (least && ((o->tif != '3' && o->display != 'N' && !peg) || least > open ||
                  least % r->instruments[o->instrument].lot))
        return 0x000D;
    if (o->terms.yes & YES_POST_ONLY && o->tif == '3')
        return 0x000F;
    if ((o->tif == '6') != (o->terms.expire_s != 0))
        return 0x000F;
    u32 lot = r->instruments[o->instrument].lot, floor = o->terms.max_floor;
    if (floor ? peg || o->tif == '3' || o->display == 'N' || floor % lot ||
                    o->terms.random_reserves % lot || o->terms.random_reserves >= floor
              : o->terms.random_reserves != 0)
        return 0x0004;
    return terms_reason(&o->terms);
}

/* ---- orders ---- */

static struct msg_order entered(const struct ref *r, const struct msg_enter *c)
{
    struct msg_order o = {
        .order_ref = r->order_ref,
        .user_ref = c->user_ref,
        .qty = c->qty,
        .price = c->price,
        .instrument = c->instrument,
        .side = c->side,
        .tif = c->tif,
        .display = c->display,
        .capacity = c->capacity,
        .cross_type = c->cross_type,
        .user_ref_idx = c->user_ref_idx,
        .terms = c->terms,
    };
    if (o.terms.price_type && strchr("PMmR", o.terms.price_type) && strchr("YAN", o.display))
        o.display = 'N';
    return o;
}

static u16 exposure_reason(const struct ref *r, u32 account)
{
    u32 max = r->accounts[account].open_max;
    u32 open = 0;

    for (u32 i = 0; i < r->conf.orders_max; i++)
        open += r->orders[i].open && r->orders[i].o.head.account == account;
    return max && open >= max ? 0x0020 : 0;
}

static u16 enter_reason(const struct ref *r, const struct msg_enter *c, const struct msg_order *o)
{
    if (c->reject)
        return c->reject;
    if (c->instrument == 0 || c->instrument > r->instruments_used)
        return 0x0017;
    if (r->instruments[c->instrument].halted)
        return 0x0007;
    if (ref_phase_reason(r, o))
        return ref_phase_reason(r, o);
    if (r->accounts[c->head.account].terms.disabled ||
        ref_blocked(r, c->head.account, c->terms.firm))
        return 0x000C;
    if (ref_listed_reason(r, o))
        return ref_listed_reason(r, o);
    u16 reason = order_reason(r, o, o->qty);
    if (!reason && (o->tif != '3' || o->cross_type != 'N'))
        reason = exposure_reason(r, c->head.account);
    return reason ? reason : ref_risk_reason(r, o, NULL);
}

/* A resting or new order begins its life as `o`: announced, then matched. */
static void announce(struct ref *r, struct ref_order *place, u8 type, u32 account, u16 flags,
                     const struct msg_order *o)
{
    union msg *m = ref_add(r, type, 2, account);
    struct event_head head = m->ev;

    m->order = *o;
    m->order.head = head;
    m->ev.flags = flags & MSG_ISO;
    place->o = m->order;
    place->open = true;
    place->resting = false;
    place->again = false;
    place->shown = 0;
    place->rank = o->order_ref;
    place->said_pending = place->said_rejected = false;
    ref_risk_open(r, place);
    place->due = r->time + o->terms.expire_s * NS_PER_SEC;
    r->accounts[account].last[o->user_ref_idx] = o->user_ref;
    r->order_ref++;
    r->taker = place;
    ref_match(r);
}

void ref_enter(struct ref *r, const struct msg_enter *c)
{
    struct ref_account *a = ref_bound(r, &c->head);
    struct ref_order *place = NULL;

    if (!a || c->user_ref <= a->last[c->user_ref_idx])
        return;
    struct msg_order o = entered(r, c);
    o.head.account = c->head.account;
    u16 reason = enter_reason(r, c, &o);
    for (u32 i = 0; i < r->conf.orders_max && !place; i++)
        place = r->orders[i].open ? NULL : &r->orders[i];
    if (!reason && !place)
        reason = 0x000A;
    if (reason) {
        rejected(r, &c->head, c->user_ref_idx, c->user_ref,
                 c->instrument > r->instruments_used ? 0 : c->instrument, reason, c->terms.clordid);
        return;
    }
    memset(place, 0, sizeof *place);
    o.price = ref_band_price(r, &o);
    o.price = ref_post_price(r, &o);
    announce(r, place, EV_ACCEPTED, c->head.account, c->head.flags, &o);
}

/* The gateway's reasons that leave the original alone. */
static bool spares(u16 reason)
{
    return reason == 0x0007 || reason == 0x000A || reason == 0x000C || reason == 0x000F ||
           reason == 0x0015 || reason == 0x0028 || reason == 0x0029 || reason == 0x002A;
}

/* Further than the collar, in 1/100 of a per cent, from the reference price. */
static bool far_away(u32 price, u32 reference, u32 bps)
{
    i64 distance = price > reference ? price - reference : reference - price;
    bool market = price == PRICE_MARKET || price == 2000000000;

    return bps && reference && !market && distance * 10000 > (i64)reference * bps;
}

/* Worth more than the account may risk on one order. */
static bool too_dear(u32 price, u32 reference, u32 qty, u64 max)
{
    bool market = price == PRICE_MARKET || price == 2000000000;

    return max && (market ? (u64)reference : (u64)price) * qty > max;
}

static u16 replace_refusal(const struct ref *r, const struct msg_replace *c,
                           const struct ref_order *o)
{
    if (spares(c->reject))
        return c->reject;
    if (r->accounts[c->head.account].terms.disabled ||
        ref_blocked(r, c->head.account, o->o.terms.firm))
        return 0x0015;
    return r->instruments[o->o.instrument].halted ? 0x0007 : ref_keep_reason(r, o);
}

void ref_replace(struct ref *r, const struct msg_replace *c)
{
    struct ref_account *a = ref_bound(r, &c->head);
    struct ref_order *old = a ? find(r, c->head.account, c->user_ref_idx, c->orig_user_ref) : NULL;

    if (!old || c->user_ref <= a->last[c->user_ref_idx])
        return;
    u16 refusal = replace_refusal(r, c, old);
    if (refusal) {
        rejected(r, &c->head, c->user_ref_idx, c->user_ref, old->o.instrument, refusal,
                 c->terms.clordid);
        return;
    }
    struct msg_order o = old->o;
    o.order_ref = r->order_ref;
    o.orig_user_ref = c->orig_user_ref;
    o.user_ref = c->user_ref;
    o.qty = c->qty;
    o.price = c->price;
    o.side = c->side ? c->side : o.side;
    o.tif = c->tif;
    o.display = c->display;
    o.terms = ref_merged(&c->terms, &old->o.terms, c->tif);
    if (o.terms.price_type && strchr("PMmR", o.terms.price_type) && strchr("YAN", o.display))
        o.display = 'N';
    u32 reference = r->instruments[o.instrument].reference_price;
    bool away = far_away(o.price, reference, c->collar_bps) ||
                too_dear(o.price, reference, o.qty, c->notional_max);
    bool turned = (o.side == 'B') != (old->o.side == 'B');
    if (c->reject || turned || away || ref_phase_reason(r, &o) || ref_listed_reason(r, &o) ||
        c->qty <= old->executed || order_reason(r, &o, c->qty - old->executed) ||
        ref_risk_reason(r, &o, old)) {
        ref_cancelled(r, old, old->o.qty, 'U');
        return;
    }
    o.qty = c->qty - old->executed;
    o.price = ref_band_price(r, &o);
    o.price = ref_post_price(r, &o);
    announce(r, old, EV_REPLACED, c->head.account, c->head.flags, &o);
}

void ref_cancel(struct ref *r, const struct msg_cancel *c)
{
    struct ref_account *a = ref_bound(r, &c->head);
    struct ref_order *o = a ? find(r, c->head.account, c->user_ref_idx, c->user_ref) : NULL;

    if (!o)
        return;
    u32 leaves = c->qty > o->executed ? c->qty - o->executed : 0;
    if (leaves < o->o.qty && ref_too_late(r, o))
        ref_late_cancel(r, o, leaves);
    else if (leaves < o->o.qty)
        ref_cancelled(r, o, o->o.qty - leaves, 'U');
}

void ref_modify(struct ref *r, const struct msg_modify *c)
{
    static const char *const legal[] = {"BB", "SS", "EE", "TT", "SE", "ST", "ET"};
    struct ref_account *a = ref_bound(r, &c->head);
    struct ref_order *o = a ? find(r, c->head.account, c->user_ref_idx, c->user_ref) : NULL;
    bool ok = false;

    for (u32 i = 0; o && i < ARRAY_LEN(legal); i++)
        ok |= o->o.side == legal[i][0] && c->side == legal[i][1];
    if (ok && o->o.side != 'T' && c->side == 'T') {
        struct msg_order sold = o->o;
        sold.side = 'T';
        ok = ref_listed_reason(r, &sold) == 0;
    }
    if (!ok || c->qty > o->executed + o->o.qty || ref_too_late(r, o))
        return;
    if (c->qty <= o->executed) {
        ref_cancelled(r, o, o->o.qty, 'U');
        return;
    }
    union msg *m = ref_add(r, EV_MODIFIED, 1, c->head.account);
    m->modified.order_ref = o->o.order_ref;
    m->modified.user_ref = c->user_ref;
    m->modified.user_ref_idx = c->user_ref_idx;
    m->modified.leaves = c->qty - o->executed;
    m->modified.qty = o->o.qty - m->modified.leaves;
    m->modified.instrument = o->o.instrument;
    m->modified.side = o->o.side = c->side;
    m->modified.located = c->located;
    memcpy(m->modified.locate_broker, c->locate_broker, 4);
    m->ev.flags = c->side == 'B' ? 0 : MSG_SELL;
    o->o.qty = m->modified.leaves;
    if (o->shown > o->o.qty)
        o->shown = o->o.qty;
    if (c->located) {
        o->o.terms.tags |= TAG_BIT(25);
        o->o.terms.yes &= (u8)~YES_SHARES_LOCATED;
        o->o.terms.yes |= c->located == 'Y' ? YES_SHARES_LOCATED : 0;
    }
    if (c->locate_broker[0]) {
        o->o.terms.tags |= TAG_BIT(26);
        memcpy(o->o.terms.locate_broker, c->locate_broker, 4);
    }
}

/* GTT orders that are due end, soonest first. */
void ref_tick(struct ref *r)
{
    for (u32 n = 0; n < r->chunk_cancels; n++) {
        struct ref_order *first = NULL;
        for (u32 i = 0; i < r->conf.orders_max; i++) {
            struct ref_order *o = &r->orders[i];
            if (!o->open || o->o.tif != '6' || o->due > r->time)
                continue;
            if (!first || o->due < first->due ||
                (o->due == first->due && o->o.order_ref < first->o.order_ref))
                first = o;
        }
        if (!first)
            return;
        ref_cancelled(r, first, first->o.qty, 'T');
    }
}
