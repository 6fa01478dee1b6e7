/*
 * peg.c - what pegs and resting minimum quantities are worth, and where they rest. Engine thread.
 *
 * A peg's key in its tree is its offset, the better one lower; it reaches as far as its limit lets
 * the reference go. An order with a minimum has its price as its key and reaches down to the least
 * that it takes, or all of it once less is open. So a move of the touch changes nothing here. A peg
 * with a minimum is in a tree of such pegs, in which what each wants is looked at one by one.
 */
#include "engine/peg.h"

#include "engine/band.h"

static enum dark_kind kind_of(const struct engine *e, u32 id)
{
    u32 picky = e->orders.info[id].special & SPECIAL_MIN_QTY ? DARK_PICKY : 0;

    if (!order_pegged(e, id))
        return DARK_MIN_QTY;
    switch (e->orders.terms[id].price_type) {
    case PEG_PRIMARY:
        return (enum dark_kind)(DARK_PRIMARY + picky);
    case PEG_MARKET:
        return (enum dark_kind)(DARK_MARKET + picky);
    default:
        return (enum dark_kind)(DARK_MIDPOINT + picky);
    }
}

/*
 * What a peg of the side follows; 0: it is not there. A midpoint is cut to whole price units and
 * better than either side: next to a bid one unit below the offer there is none.
 */
static u32 reference(const struct engine *e, u16 instrument, enum dark_kind kind, bool sell)
{
    u32 bid = e->books.at[instrument].best_price[BUY];
    u32 ask = e->books.at[instrument].best_price[SELL];

    switch ((u32)kind % DARK_PICKY) {
    case DARK_PRIMARY:
        return sell ? ask : bid;
    case DARK_MARKET:
        return sell ? bid : ask;
    default:
        ASSERT_EQ((u32)kind % DARK_PICKY, DARK_MIDPOINT);
        return bid && ask > bid + 1 ? (bid + ask) / 2 : 0;
    }
}

/* How far the limit lets the price go; a peg without one has the protocol's bounds. */
static i64 limit_of(const struct engine *e, u32 id)
{
    u32 price = e->orders.info[id].price;

    if (!price_is_market(price))
        return price;
    return e->orders.hot[id].sell ? 1 : PRICE_LIMIT_MAX;
}

static i64 reach_of(const struct engine *e, u32 id)
{
    const struct order *o = &e->orders.hot[id];

    if (!order_pegged(e, id))
        return -(i64)min_u32(o->open, e->orders.terms[id].min_qty);
    i64 reach = limit_of(e, id) - e->orders.terms[id].peg_offset;
    return o->sell ? -reach : reach;
}

static i64 key_of(const struct engine *e, u32 id)
{
    i64 high = order_pegged(e, id) ? e->orders.terms[id].peg_offset : (i64)e->orders.info[id].price;

    return e->orders.hot[id].sell ? high : -high;
}

/* The best price that bands leave to a side. */
static i64 band_edge(const struct engine *e, u16 instrument, bool sell)
{
    u32 edge = LIKELY(!(e->books.at[instrument].special & BOOK_GUARDED))
                   ? 0
                   : band_limit(e, instrument, sell);

    return edge ? edge : sell ? 1 : PRICE_LIMIT_MAX;
}

/* ... and bands and the instrument's collar to a peg, whose price nobody looked at as it came. */
static i64 peg_edge(const struct engine *e, u16 instrument, bool sell)
{
    u32 edge = LIKELY(!(e->books.at[instrument].special & BOOK_GUARDED))
                   ? 0
                   : sweep_limit(e, instrument, sell);

    return edge ? edge : sell ? 1 : PRICE_LIMIT_MAX;
}

/* `ref` plus the order's offset, if that is a price, and one within bands and collar. */
static u32 price_at(const struct engine *e, u32 id, u32 ref)
{
    const struct order *o = &e->orders.hot[id];
    i64 price = (i64)ref + e->orders.terms[id].peg_offset;
    i64 edge = peg_edge(e, o->instrument, o->sell);

    if (price < 1 || price > PRICE_LIMIT_MAX)
        return 0;
    return (o->sell ? price >= edge : price <= edge) ? (u32)price : 0;
}

u32 peg_price(const struct engine *e, u32 id)
{
    const struct order *o = &e->orders.hot[id];
    u32 ref = reference(e, o->instrument, kind_of(e, id), o->sell);

    if (!ref || reach_of(e, id) < (o->sell ? -(i64)ref : (i64)ref))
        return 0;
    return price_at(e, id, ref);
}

bool offer_first(const struct engine *e, struct offer a, struct offer b)
{
    const struct order *x = &e->orders.hot[a.id];

    if (!b.id)
        return true;
    if (a.price != b.price)
        return x->sell ? a.price < b.price : a.price > b.price;
    return e->orders.hot[b.id].hidden && x->order_ref < e->orders.hot[b.id].order_ref;
}

struct offer peg_behind(const struct engine *e, u16 instrument, enum dark_kind kind, bool sell,
                        u32 after)
{
    struct offer none = {0, 0};
    u32 ref = reference(e, instrument, kind, sell);
    i64 want = sell ? -(i64)ref : (i64)ref;
    i64 from = peg_edge(e, instrument, sell) - ref; /* the best offset that is left to it */
    u32 id;

    if (!ref)
        return none;
    if (after)
        id = dark_next(&e->dark, kind, after, want);
    else
        id = dark_first(&e->dark, instrument, kind, sell, sell ? from : -from, want);
    u32 price = id ? price_at(e, id, ref) : 0;
    return price ? (struct offer){id, price} : none;
}

struct offer peg_best(const struct engine *e, u16 instrument, bool sell)
{
    struct offer best = {0, 0};

    for (u32 kind = DARK_PRIMARY; kind <= DARK_MIDPOINT; kind++) {
        struct offer o = peg_behind(e, instrument, (enum dark_kind)kind, sell, 0);
        if (o.id && offer_first(e, o, best))
            best = o;
    }
    return best;
}

/* The first of one tree that is content with `qty` shares at a price no worse than `limit`. */
static struct offer picky_first(const struct engine *e, u16 instrument, enum dark_kind kind,
                                bool sell, u32 qty, u32 limit)
{
    struct offer o = peg_behind(e, instrument, kind, sell, 0);

    for (u32 looked = 1; o.id && (sell ? o.price <= limit : o.price >= limit); looked++) {
        if (qty >= min_u32(e->orders.hot[o.id].open, e->orders.terms[o.id].min_qty))
            return o;
        if (looked == PICKY_LOOKS_MAX)
            break;
        o = peg_behind(e, instrument, kind, sell, o.id);
    }
    return (struct offer){0, 0};
}

struct offer picky_best(const struct engine *e, u16 instrument, bool sell, u32 qty, u32 limit)
{
    struct offer best = {0, 0};

    if (!e->dark.at[instrument].picky)
        return best;
    for (u32 kind = DARK_PICKY; kind < DARK_KINDS; kind++) {
        struct offer o = picky_first(e, instrument, (enum dark_kind)kind, sell, qty, limit);
        if (o.id && offer_first(e, o, best))
            best = o;
    }
    return best;
}

void peg_head_moved(struct engine *e, u16 instrument)
{
    if (e->dark.at[instrument].picky)
        books_mark(&e->books, instrument);
}

struct offer min_qty_best(const struct engine *e, u16 instrument, bool sell, u32 qty)
{
    i64 edge = band_edge(e, instrument, sell);
    u32 id = dark_first(&e->dark, instrument, DARK_MIN_QTY, sell, sell ? edge : -edge, -(i64)qty);

    return (struct offer){id, id ? e->orders.info[id].price : 0};
}

u32 peg_next(const struct engine *e, u16 instrument, u32 id)
{
    u32 tree = id ? kind_of(e, id) * 2u + e->orders.hot[id].sell : 0;
    u32 next = id ? dark_after(&e->dark, (enum dark_kind)(tree / 2), id) : 0;

    for (tree += id != 0; !next && tree < DARK_KINDS * 2; tree++)
        next = dark_first(&e->dark, instrument, (enum dark_kind)(tree / 2), tree & 1, INT64_MIN,
                          INT64_MIN);
    return next;
}

/* ---- resting ---- */

void peg_rest(struct engine *e, u32 id)
{
    struct order *o = &e->orders.hot[id];

    ASSERT_EQ(o->level, 0);
    ASSERT(o->hidden);
    o->level = LEVEL_DARK;
    e->books.at[o->instrument].dark++;
    dark_add(&e->dark, kind_of(e, id), id, key_of(e, id), reach_of(e, id));
    books_mark(&e->books, o->instrument);
}

void peg_leave(struct engine *e, u32 id)
{
    struct order *o = &e->orders.hot[id];

    ASSERT_EQ(o->level, LEVEL_DARK);
    dark_del(&e->dark, kind_of(e, id), id);
    o->level = 0;
    ASSERT_GT(e->books.at[o->instrument].dark, 0);
    e->books.at[o->instrument].dark--;
    books_mark(&e->books, o->instrument);
}

void peg_reduce(struct engine *e, u32 id, u32 qty)
{
    struct order *o = &e->orders.hot[id];
    enum dark_kind kind = kind_of(e, id);

    ASSERT_EQ(o->level, LEVEL_DARK);
    ASSERT_LT(qty, o->open);
    o->open -= qty;
    books_mark(&e->books, o->instrument);
    if (kind != DARK_MIN_QTY)
        return;
    dark_del(&e->dark, kind, id); /* with less open it may take less */
    dark_add(&e->dark, kind, id, key_of(e, id), reach_of(e, id));
}
