/* ref_peg.c - the reference's pegs: every price worked out anew whenever it is asked for. */
#include "tests/lib/ref_state.h"

bool ref_pegged(const struct ref_order *o)
{
    return o->o.terms.price_type && strchr("PMmR", o->o.terms.price_type);
}

bool ref_midpoint(const struct ref_order *o)
{
    return ref_pegged(o) && strchr("Mm", o->o.terms.price_type);
}

bool ref_conditional(const struct ref_order *o)
{
    return ref_pegged(o) || (o->o.terms.min_qty && o->o.tif != '3');
}

/* The best displayed price of a side; 0: none. */
static i64 touch(const struct ref *r, u16 instrument, bool buy)
{
    i64 best = 0;

    for (u32 i = 0; i < r->conf.orders_max; i++) {
        const struct ref_order *o = &r->orders[i];
        if (!o->open || !o->resting || o->o.cross_type != 'N' || o->o.instrument != instrument ||
            o->o.display == 'N' || (o->o.side == 'B') != buy)
            continue;
        if (!best || (buy ? o->o.price > best : o->o.price < best))
            best = o->o.price;
    }
    return best;
}

/* The bands leave the price as it is. */
static bool within(const struct ref *r, const struct ref_order *o, i64 price)
{
    struct msg_order there = o->o;

    there.price = (u32)price;
    return ref_band_price(r, &there) == price;
}

i64 ref_price(const struct ref *r, const struct ref_order *o)
{
    bool buy = o->o.side == 'B';
    bool market = o->o.price == PRICE_MARKET || o->o.price == 2000000000;
    i64 bid = touch(r, o->o.instrument, true), ask = touch(r, o->o.instrument, false);
    i64 from;

    if (!ref_conditional(o) || (!ref_pegged(o) && !o->resting))
        return o->o.price;
    if (!ref_pegged(o))
        return within(r, o, o->o.price) ? o->o.price : 0;
    if (o->o.terms.price_type == 'R')
        from = buy ? bid : ask;
    else if (o->o.terms.price_type == 'P')
        from = buy ? ask : bid;
    else
        from = bid && ask > bid + 1 ? (bid + ask) / 2 : 0;
    if (!from)
        return 0;
    i64 price = from + o->o.terms.peg_offset;
    if (!market && (buy ? price > o->o.price : price < o->o.price))
        return 0;
    if (price < 1 || price > 1999999900 || !within(r, o, price))
        return 0;
    i64 edge = ref_sweep_limit(r, o->o.instrument, !buy);
    return (buy ? price > edge : price < edge) ? 0 : price;
}

bool ref_too_deep(const struct ref *r, const struct ref_order *o)
{
    u32 before = 0;

    if (!ref_pegged(o) || !o->o.terms.min_qty || o->o.tif == '3')
        return false;
    for (u32 i = 0; i < r->conf.orders_max; i++) {
        const struct ref_order *p = &r->orders[i];
        bool alike = p->open && p->resting && p->o.instrument == o->o.instrument &&
                     (p->o.side == 'B') == (o->o.side == 'B') && ref_pegged(p) &&
                     p->o.terms.min_qty &&
                     (p->o.terms.price_type | 32) == (o->o.terms.price_type | 32);
        before += alike && ref_price(r, p) && ref_first(r, p, o);
    }
    return before >= 16;
}

/* ---- after the touch has moved ---- */

/* Which orders of a side are looked at. */
enum which { ALL_BUT_MINIMUM, PEGS, MINIMUM, PICKY_PEGS };

static struct ref_order *best_of(struct ref *r, u16 instrument, bool buy, enum which which, u32 qty)
{
    struct ref_order *best = NULL;

    for (u32 i = 0; i < r->conf.orders_max; i++) {
        struct ref_order *o = &r->orders[i];
        bool minimum = o->o.terms.min_qty && o->o.tif != '3';
        if (!o->open || !o->resting || o->o.cross_type != 'N' || o->o.instrument != instrument ||
            (o->o.side == 'B') != buy || !ref_price(r, o))
            continue;
        if ((which == MINIMUM || which == PICKY_PEGS) != minimum ||
            (which == PEGS && !ref_pegged(o)) || (minimum && (which == MINIMUM) == ref_pegged(o)))
            continue;
        if (ref_too_deep(r, o))
            continue;
        if (minimum && qty < o->o.terms.min_qty && qty < o->o.qty)
            continue;
        if (!best || ref_first(r, o, best))
            best = o;
    }
    return best;
}

/* Two orders of the instrument that can trade now. */
static bool find_pair(struct ref *r, u16 instrument, struct ref_order **a, struct ref_order **b)
{
    *a = best_of(r, instrument, true, ALL_BUT_MINIMUM, 0);
    *b = best_of(r, instrument, false, ALL_BUT_MINIMUM, 0);
    if (*a && *b && ref_price(r, *a) >= ref_price(r, *b))
        return true;
    for (u32 buy = 2; buy--;) {
        *a = best_of(r, instrument, buy, PEGS, 0);
        *b = *a ? best_of(r, instrument, !buy, MINIMUM, (*a)->o.qty) : NULL;
        if (*b &&
            (buy ? ref_price(r, *a) >= ref_price(r, *b) : ref_price(r, *a) <= ref_price(r, *b)))
            return true;
    }
    for (u32 buy = 2; buy--;) {
        *b = best_of(r, instrument, !buy, ALL_BUT_MINIMUM, 0);
        *a = *b ? best_of(r, instrument, buy, PICKY_PEGS, ref_shown(*b)) : NULL;
        if (*a &&
            (buy ? ref_price(r, *a) >= ref_price(r, *b) : ref_price(r, *a) <= ref_price(r, *b)))
            return true;
    }
    return false;
}

static bool settle(struct ref *r, u16 instrument, u32 *met)
{
    struct ref_order *a, *b;

    while (find_pair(r, instrument, &a, &b)) {
        if (r->work != WORK_PEGS)
            ref_work(r, WORK_PEGS);
        if (*met == r->chunk_fills || r->tx->used + 4 + TX_EVENTS_TAIL_MAX > TX_SLOTS_MAX)
            return false;
        ++*met;
        bool a_takes = a->o.order_ref > b->o.order_ref;
        if (a->o.terms.yes & b->o.terms.yes & YES_POST_ONLY) {
            ref_cancelled(r, a_takes ? a : b, (a_takes ? a : b)->o.qty, 'G');
            continue;
        }
        if ((a_takes ? a : b)->o.terms.yes & YES_POST_ONLY)
            a_takes = !a_takes;
        ref_meet(r, a_takes ? a : b, a_takes ? b : a);
    }
    return true;
}

void ref_settle(struct ref *r)
{
    u32 met = 0;

    for (u32 i = 1; i <= r->instruments_used; i++) {
        bool trades = r->markets[i].phase == 'T' || r->markets[i].phase == 'X';
        if (trades && !r->instruments[i].halted && !settle(r, (u16)i, &met))
            return;
    }
    if (r->work == WORK_PEGS)
        ref_work(r, WORK_NONE);
}
