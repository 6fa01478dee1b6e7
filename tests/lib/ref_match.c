/* ref_match.c - the reference's matching: all orders looked at for each meeting. For tests only. */
#include <stdlib.h>

#include "engine/base/hash.h"
#include "tests/lib/ref_state.h"

/* What the reserve order shows next is drawn: its floor, give or take some round lots. */
static u32 drawn(const struct ref *r, const struct ref_order *o)
{
    u32 lot = r->instruments[o->o.instrument].lot, random = o->o.terms.random_reserves;
    u32 qty = o->o.terms.max_floor;

    if (random >= lot)
        qty =
            qty - random / lot * lot +
            (u32)(hash_2u64(r->journal_id, r->order_ref, random) % (2 * (random / lot) + 1)) * lot;
    return qty < o->o.qty ? qty : o->o.qty;
}

/* The reserve order shows its next part, behind all others. */
void ref_restated(struct ref *r, struct ref_order *o)
{
    union msg *m = ref_add(r, EV_RESTATED, 1, o->o.head.account);
    o->shown = drawn(r, o);
    o->again = true;
    o->rank = r->order_ref++;
    m->ev.flags = o->o.side == 'B' ? 0 : MSG_SELL;
    m->restated.order_ref = o->o.order_ref;
    m->restated.secondary = o->rank;
    m->restated.user_ref = o->o.user_ref;
    m->restated.user_ref_idx = o->o.user_ref_idx;
    m->restated.qty = o->shown;
    m->restated.price = o->o.price;
    m->restated.instrument = o->o.instrument;
    m->restated.reason = 'R';
}

static void executed(struct ref *r, struct ref_order *o, u32 qty, u32 price, bool taker, u8 flag)
{
    union msg *m = ref_add(r, EV_EXECUTED, 1, o->o.head.account);
    o->o.qty -= qty;
    o->executed += qty;
    ref_risk_traded(r, o, qty, price);
    if (o->o.qty == 0)
        o->open = false;
    if (o->resting && o->o.terms.max_floor)
        o->shown -= qty;
    m->ev.flags = (o->o.side == 'B' ? 0 : MSG_SELL) | (taker ? MSG_TAKER : 0);
    m->executed.order_ref = o->o.order_ref;
    m->executed.match = r->match;
    m->executed.user_ref = o->o.user_ref;
    m->executed.user_ref_idx = o->o.user_ref_idx;
    m->executed.qty = qty;
    m->executed.price = price;
    m->executed.instrument = o->o.instrument;
    m->executed.liquidity = flag;
    if (o->open && o->resting && o->o.terms.max_floor && o->shown == 0)
        ref_restated(r, o);
}

/* At one price: displayed before hidden, then the older one. */
static bool goes_first(const struct ref_order *a, const struct ref_order *b)
{
    if ((a->o.display == 'N') != (b->o.display == 'N'))
        return b->o.display == 'N';
    return a->rank < b->rank;
}

bool ref_first(const struct ref *r, const struct ref_order *a, const struct ref_order *b)
{
    i64 pa = ref_price(r, a), pb = ref_price(r, b);

    if (pa == pb)
        return goes_first(a, b);
    return a->o.side == 'B' ? pa > pb : pa < pb;
}

/*
 * The order that `taker` must meet next, or NULL: best price, then goes_first.
 */
static struct ref_order *best_against(struct ref *r, const struct ref_order *taker)
{
    struct ref_order *best = NULL;
    bool buy = taker->o.side == 'B';
    bool market =
        !ref_pegged(taker) && (taker->o.price == PRICE_MARKET || taker->o.price == 2000000000);
    i64 limit = market ? ref_sweep_limit(r, taker->o.instrument, !buy) : ref_price(r, taker);

    for (u32 i = 0; i < r->conf.orders_max && (limit || market); i++) {
        struct ref_order *o = &r->orders[i];
        if (!o->open || !o->resting || o->o.cross_type != 'N' ||
            o->o.instrument != taker->o.instrument)
            continue;
        i64 price = ref_price(r, o);
        if ((o->o.side == 'B') == buy || !price)
            continue;
        if (buy ? price > limit : price < limit)
            continue;
        bool minimum = ref_conditional(o) && o->o.terms.min_qty;
        if (taker->o.terms.min_qty && (minimum || (ref_pegged(o) && !ref_midpoint(taker))))
            continue;
        if (ref_too_deep(r, o))
            continue;
        if (o->o.terms.min_qty && taker->o.qty < o->o.terms.min_qty && taker->o.qty < o->o.qty)
            continue;
        if (!best || ref_first(r, o, best))
            best = o;
    }
    return best;
}

u32 ref_post_price(struct ref *r, const struct msg_order *o)
{
    struct ref_order taker = {.open = true, .o = *o};
    u32 tick = r->instruments[o->instrument].tick;

    if (!(o->terms.yes & YES_POST_ONLY) || ref_pegged(&taker) ||
        !r->accounts[o->head.account].terms.post_slide || ref_waits(r, &taker))
        return o->price;
    struct ref_order *met = best_against(r, &taker);
    if (!met)
        return o->price;
    u32 price = (u32)ref_price(r, met);
    u32 on_tick = price / tick * tick;
    if (o->side == 'B')
        on_tick = on_tick == price ? price - tick : on_tick;
    else
        on_tick += tick;
    return on_tick < 1 || on_tick > 1999999900 ? o->price : on_tick;
}

/* How an order keeps from its own party, and who that is. */
static u8 stp_of(const struct ref *r, const struct ref_order *o, u8 *level)
{
    u8 own = ref_stp(&r->accounts[o->o.head.account], level);
    u8 aiq = o->o.terms.aiq_strategy;

    *level = aiq == 'O' ? STP_FIRM : *level;
    return aiq == 'N' ? STP_OFF : aiq == 'O' ? STP_CANCEL_OLDEST : own;
}

/* Both look for their party, at the same level, and are of one. */
static bool own_party(const struct ref *r, const struct ref_order *a, const struct ref_order *b)
{
    u8 level_a, level_b;

    if (!stp_of(r, a, &level_a) || !stp_of(r, b, &level_b) || level_a != level_b)
        return false;
    if (level_a == STP_ACCOUNT)
        return a->o.head.account == b->o.head.account;
    return memcmp(ref_firm_meant(r, a->o.head.account, a->o.terms.firm),
                  ref_firm_meant(r, b->o.head.account, b->o.terms.firm), 4) == 0;
}

/* Does `taker` get as much as it wants at least? It meets everybody, all orders being a copy. */
static bool gets_enough(struct ref *r, const struct ref_order *taker)
{
    size_t bytes = r->conf.orders_max * sizeof *r->orders;
    struct ref_order *real = r->orders, *maker;
    u8 level, stp = stp_of(r, taker, &level);
    u32 left = taker->o.qty, got = 0;
    u64 rank = r->order_ref;
    struct ref_order fixed = *taker;

    if (ref_pegged(taker) && !ref_midpoint(taker)) { /* what it is worth now, whatever moves */
        fixed.o.price = (u32)ref_price(r, taker);
        fixed.o.terms.price_type = 'L';
    }
    r->orders = malloc(bytes);
    memcpy(r->orders, real, bytes);
    while (left && (maker = best_against(r, &fixed)) != NULL) {
        bool own = own_party(r, taker, maker);
        if (own && (stp == STP_CANCEL_NEWEST || stp == STP_CANCEL_BOTH))
            break;
        if (own && stp == STP_CANCEL_OLDEST) {
            maker->open = false;
            continue;
        }
        u32 there = own ? maker->o.qty : ref_shown(maker);
        u32 qty = left < there ? left : there;
        left -= qty;
        got += own ? 0 : qty;
        maker->o.qty -= qty;
        maker->open = maker->o.qty > 0;
        if (maker->o.terms.max_floor && !(maker->shown -= own ? 0 : qty)) {
            maker->shown = maker->o.qty;
            maker->rank = rank++;
        }
    }
    free(r->orders);
    r->orders = real;
    return got >= taker->o.terms.min_qty;
}

/* Two orders of one party meet and must not trade. */
static void prevent(struct ref *r, struct ref_order *taker, struct ref_order *maker)
{
    u8 level, stp = stp_of(r, taker, &level);
    u8 letter = (u8)(level == STP_FIRM ? "NWODX" : "Nwodx")[stp];
    u32 price = (u32)ref_price(r, maker);
    u32 there = ref_shown(maker);
    u32 mine = ref_shown(taker), less = mine < there ? mine : there;
    u32 off_taker = 0, off_maker = 0;

    if (stp == STP_CANCEL_NEWEST || stp == STP_CANCEL_BOTH)
        off_taker = taker->o.qty;
    if (stp == STP_CANCEL_OLDEST || stp == STP_CANCEL_BOTH)
        off_maker = maker->o.qty;
    if (stp == STP_DECREMENT)
        off_taker = off_maker = less;
    if (off_taker) {
        taker->executed += off_taker;
        ref_prevented(r, taker, off_taker, less, price, letter, true);
    }
    if (off_maker) {
        maker->executed += off_maker;
        ref_prevented(r, maker, off_maker, less, price, letter, false);
    }
}

void ref_meet(struct ref *r, struct ref_order *taker, struct ref_order *maker)
{
    u32 there = ref_shown(maker), mine = ref_shown(taker);
    u32 qty = mine < there ? mine : there;
    u32 price = (u32)ref_price(r, maker);
    bool midpoint = ref_midpoint(maker);
    u8 flag = midpoint ? 'k' : maker->again ? 'u' : maker->o.display == 'N' ? 'J' : 'A';

    if (own_party(r, taker, maker)) {
        prevent(r, taker, maker);
        return;
    }
    executed(r, taker, qty, price, true, midpoint ? 'm' : 'R');
    executed(r, maker, qty, price, false, flag);
    ref_traded(r, maker->o.instrument, price);
    r->match++;
}

/* True: the taker may not take anything; it is gone, or rests as it came. */
static bool stopped(struct ref *r, struct ref_order *taker)
{
    bool post_only = taker->o.terms.yes & YES_POST_ONLY;

    if (post_only && best_against(r, taker)) {
        ref_cancelled(r, taker, taker->o.qty, 'G');
    } else if (taker->o.terms.min_qty && !gets_enough(r, taker)) {
        if (taker->o.tif == '3')
            ref_cancelled(r, taker, taker->o.qty, 'I');
        return true;
    }
    return !taker->open;
}

/* What is left rests; the first one in a book sets what its prices are multiples of. */
static void rest(struct ref *r, struct ref_order *o)
{
    u32 i = o->o.instrument;
    if (o->open && o->o.cross_type == 'N' && !ref_conditional(o) && ref_resting_on(r, i) == 0)
        r->steps[i] = r->instruments[i].tick;
    o->resting = o->open;
    o->shown = o->o.qty < o->o.terms.max_floor ? o->o.qty : o->o.terms.max_floor;
    r->taker = NULL;
}

/* A market order has left somebody on the other side, too far away. */
static bool others_left(const struct ref *r, const struct ref_order *taker)
{
    bool market =
        !ref_pegged(taker) && (taker->o.price == PRICE_MARKET || taker->o.price == 2000000000);

    for (u32 i = 0; market && i < r->conf.orders_max; i++) {
        const struct ref_order *o = &r->orders[i];
        if (o->open && o->resting && o->o.cross_type == 'N' && !ref_conditional(o) &&
            o->o.instrument == taker->o.instrument && (o->o.side == 'B') != (taker->o.side == 'B'))
            return true;
    }
    return false;
}

void ref_match(struct ref *r)
{
    struct ref_order *taker = r->taker;
    bool resumed = r->work == WORK_MATCH;
    struct ref_order *maker;
    u32 fills = 0;

    if (ref_waits(r, taker)) {
        if (taker->o.cross_type == 'N' && taker->o.tif == '3')
            ref_cancelled(r, taker, taker->o.qty, 'I');
        rest(r, taker);
        return;
    }
    if (!resumed && stopped(r, taker)) {
        rest(r, taker);
        return;
    }
    while (taker->open && (maker = best_against(r, taker)) != NULL) {
        if (fills == r->chunk_fills) {
            ref_work(r, WORK_MATCH);
            return;
        }
        fills++;
        ref_meet(r, taker, maker);
    }
    if (taker->open && taker->o.tif == '3')
        ref_cancelled(r, taker, taker->o.qty, others_left(r, taker) ? 'K' : 'I');
    if (resumed)
        ref_work(r, WORK_NONE);
    rest(r, taker);
}
