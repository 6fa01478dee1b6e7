/*
 * ref_cross.c - the reference's crosses: every price tried, all orders looked at each time. For
 * tests only.
 */
#include "tests/lib/ref_state.h"

static bool is_market(u32 price)
{
    return price == PRICE_MARKET || price == 2000000000;
}

static bool is_sell(const struct ref_order *o)
{
    return o->o.side != 'B';
}

/* ---- the price of a cross ---- */

bool ref_offsets(const struct ref_order *o)
{
    return o->o.cross_type != 'N' && o->o.terms.handle_inst == 'I';
}

/* It is of the instrument's book, or waits for the cross that is held. */
static bool takes_part(const struct ref *r, const struct ref_order *o)
{
    return o->open && o->resting && o->o.instrument == r->at && !ref_conditional(o) &&
           (o->o.cross_type == 'N' || o->o.cross_type == r->cross);
}

static bool wants(const struct ref_order *o, u32 price)
{
    return is_market(o->o.price) || (is_sell(o) ? o->o.price <= price : o->o.price >= price);
}

static u64 wanted(const struct ref *r, bool sell, u32 price)
{
    u64 sum = 0;
    for (u32 i = 0; i < r->conf.orders_max; i++) {
        const struct ref_order *o = &r->orders[i];
        if (takes_part(r, o) && !ref_offsets(o) && is_sell(o) == sell && wants(o, price))
            sum += o->o.qty;
    }
    return sum;
}

static u32 best_limit(const struct ref *r, bool sell)
{
    u32 best = 0;
    for (u32 i = 0; i < r->conf.orders_max; i++) {
        const struct ref_order *o = &r->orders[i];
        if (!takes_part(r, o) || ref_offsets(o) || is_sell(o) != sell || is_market(o->o.price))
            continue;
        if (!best || (sell ? o->o.price < best : o->o.price > best))
            best = o->o.price;
    }
    return best;
}

static u32 reference(const struct ref *r)
{
    u32 last = r->markets[r->at].last_price;
    u32 given = r->instruments[r->at].reference_price;
    u32 price = r->cross == 'O' ? (given ? given : last) : (last ? last : given);

    price = price ? price : best_limit(r, true);
    return price ? price : best_limit(r, false);
}

struct result {
    u32 price;
    u64 volume, surplus, away;
    u8 side;
};

/* Is it a better price than the best so far? */
static void try(const struct ref *r, i64 price, u32 reference, struct result *best)
{
    u32 step = ref_resting_on(r, r->at) ? r->steps[r->at] : r->instruments[r->at].tick;

    if (price < step || price > 1999999900 / step * step)
        return;
    u64 d = wanted(r, false, (u32)price), s = wanted(r, true, (u32)price);
    struct result t = {(u32)price, d < s ? d : s, d < s ? s - d : d - s,
                       reference > price ? reference - (u32)price : (u32)price - reference,
                       d > s   ? 'B'
                       : s > d ? 'S'
                               : 'N'};
    bool better = t.volume > best->volume;
    if (t.volume == best->volume && t.volume) {
        better = t.surplus < best->surplus;
        if (t.surplus == best->surplus)
            better = t.away < best->away || (t.away == best->away && t.price < best->price);
    }
    if (better)
        *best = t;
}

/* The best price changes only where an order is, or one step beside it, or at the reference. */
static struct result cross_price(const struct ref *r)
{
    u32 step = ref_resting_on(r, r->at) ? r->steps[r->at] : r->instruments[r->at].tick;
    u32 near = reference(r);
    struct result best = {.side = 'N'};

    if (!near)
        return best;
    try(r, near / step * step, near, &best);
    try(r, near / step * step + step, near, &best);
    try(r, step, near, &best);
    try(r, 1999999900 / step * step, near, &best);
    for (u32 i = 0; i < r->conf.orders_max; i++) {
        const struct ref_order *o = &r->orders[i];
        if (!takes_part(r, o) || ref_offsets(o) || is_market(o->o.price))
            continue;
        for (i64 n = -1; n <= 1; n++)
            try(r, o->o.price + n * step, near, &best);
    }
    return best;
}

/* ---- how many prices are looked at to find it ---- */

u32 ref_rank(const struct ref_order *o)
{
    return is_market(o->o.price) ? 0 : is_sell(o) ? o->o.price : PRICE_MARKET - o->o.price;
}

/* Shares at the side's first rank from `*from` on; then `*from` is behind it. 0: there is none. */
static u64 next_price(const struct ref *r, bool sell, u32 *from)
{
    u64 sum = 0;
    u32 first = 0xFFFFFFFF;

    for (u32 i = 0; i < r->conf.orders_max; i++) {
        const struct ref_order *o = &r->orders[i];
        if (!takes_part(r, o) || ref_offsets(o) || is_sell(o) != sell || ref_rank(o) < *from)
            continue;
        if (ref_rank(o) < first) {
            first = ref_rank(o);
            sum = 0;
        }
        sum += ref_rank(o) == first ? o->o.qty : 0;
    }
    *from = first + 1;
    return sum;
}

/* Buyers and sellers are paired from the best; each price that is turned to counts. */
static u32 prices_to_look_at(const struct ref *r)
{
    u32 from[2] = {0, 0}, count = 0;
    u64 left[2] = {0, 0};

    for (;;) {
        u32 side = !left[0] ? 0 : !left[1] ? 1 : 2;
        if (side < 2) {
            count++;
            left[side] = next_price(r, side, &from[side]);
            if (!left[side])
                return count;
        } else if (PRICE_MARKET - (from[0] - 1) < from[1] - 1) {
            return count;
        } else {
            u64 qty = left[0] < left[1] ? left[0] : left[1];
            left[0] -= qty;
            left[1] -= qty;
        }
    }
}

/* ---- the work ---- */

bool ref_stop(struct ref *r, u8 kind, u32 cursor)
{
    ref_work(r, kind);
    ((union msg *)(void *)&r->tx->slots[r->last])->work.cursor = cursor;
    return false;
}

static bool find_price(struct ref *r, u32 *budget)
{
    u32 left = prices_to_look_at(r) - r->looked_at;
    u32 now = left < *budget ? left : *budget;

    *budget -= now;
    r->looked_at += now;
    if (now < left || *budget == 0)
        return ref_stop(r, WORK_SCAN, now);
    --*budget;
    struct result p = cross_price(r);
    union msg *m = ref_add(r, EV_CROSS, 1, 0);
    m->cross.instrument = (u16)r->at;
    m->cross.cross = r->cross;
    m->cross.price = r->price = p.volume ? p.price : 0;
    m->cross.paired = p.volume;
    m->cross.imbalance = p.volume ? p.surplus : 0;
    m->cross.side = p.volume ? p.side : 'N';
    r->looked_at = 0;
    return true;
}

bool ref_hidden(const struct ref_order *o)
{
    return o->o.cross_type == 'N' && o->o.display == 'N';
}

/* At a cross: price, displayed or in the queue before hidden, time. */
bool ref_served_first(const struct ref_order *a, const struct ref_order *b)
{
    if (ref_rank(a) != ref_rank(b))
        return ref_rank(a) < ref_rank(b);
    if (ref_hidden(a) != ref_hidden(b))
        return ref_hidden(b);
    return a->rank < b->rank;
}

static struct ref_order *best_at(struct ref *r, bool sell, bool offset)
{
    struct ref_order *best = NULL;
    for (u32 i = 0; i < r->conf.orders_max; i++) {
        struct ref_order *o = &r->orders[i];
        if (takes_part(r, o) && ref_offsets(o) == offset && is_sell(o) == sell &&
            wants(o, r->price) && (!best || ref_served_first(o, best)))
            best = o;
    }
    return best;
}

static void half(struct ref *r, struct ref_order *o, u32 qty, u16 flags)
{
    union msg *m = ref_add(r, EV_EXECUTED, 1, o->o.head.account);
    o->o.qty -= qty;
    o->executed += qty;
    ref_risk_traded(r, o, qty, r->price);
    o->open = o->o.qty != 0;
    if (o->o.terms.max_floor)
        o->shown -= qty;
    m->ev.flags = flags;
    m->executed.order_ref = o->o.order_ref;
    m->executed.match = r->match;
    m->executed.user_ref = o->o.user_ref;
    m->executed.user_ref_idx = o->o.user_ref_idx;
    m->executed.qty = qty;
    m->executed.price = r->price;
    m->executed.instrument = o->o.instrument;
    m->executed.liquidity = ref_offsets(o) ? (r->cross == 'O' ? 'M' : 'L') : r->liquidity;
    if (o->open && o->o.terms.max_floor && o->shown == 0)
        ref_restated(r, o);
}

/* It has more than it shows, and what it shows goes. */
static bool refreshes(const struct ref_order *o, u32 qty)
{
    return ref_shown(o) == qty && o->o.qty > qty;
}

static bool fill(struct ref *r, u32 *budget)
{
    for (;;) {
        struct ref_order *b = best_at(r, false, false), *s = best_at(r, true, false);
        if (!b && s)
            b = best_at(r, false, true);
        else if (b && !s)
            s = best_at(r, true, true);
        if (!b || !s)
            return true;
        u32 qty = ref_shown(b) < ref_shown(s) ? ref_shown(b) : ref_shown(s);
        u32 units = 2 + refreshes(b, qty) + refreshes(s, qty);
        units = units < r->chunk_cancels ? units : r->chunk_cancels;
        if (*budget < units)
            return ref_stop(r, WORK_CROSS, 0);
        *budget -= units;
        half(r, b, qty, MSG_FIRST);
        half(r, s, qty, MSG_SELL);
        r->match++;
        ref_traded(r, r->at, r->price);
    }
}

bool ref_cross(struct ref *r, u32 *budget, u8 kind)
{
    if (kind != WORK_CROSS && !find_price(r, budget))
        return false;
    return !r->price || fill(r, budget);
}
