/*
 * auction.c - the price of a cross, and its next two orders. Engine thread, no system calls, no
 * clock, no allocation; nothing here changes the engine.
 *
 * Why pairing finds the price. When the best buyer left wants less than the best seller left asks,
 * all that can trade is paired, and it trades at any price from that of the last seller to that of
 * the last buyer. Between the two who are left nobody is disappointed (no imbalance); at the price
 * of either only he is; further away more are. So there are three pieces to choose from, and in the
 * best one the point nearest the reference.
 */
#include "engine/auction.h"

#define RANK_NONE 0xFFFFFFFFu
#define FAR       (1ll << 40) /* beyond any price */

/* ---- a side, price by price ---- */

static u32 level_rank(const struct engine *e, u32 level, bool sell)
{
    return level ? queue_rank(sell, book_level_price(&e->books, level)) : RANK_NONE;
}

static u32 queued_rank(const struct engine *e, const struct walk *w)
{
    u32 id = queue_from(&e->queues, w->root, w->rank);
    return id ? queue_rank(w->sell, e->orders.info[id].price) : RANK_NONE;
}

/* All that is wanted at the next price. False, with nothing left: there is none. */
static bool walk_next(const struct engine *e, struct walk *w)
{
    u32 shown = level_rank(e, w->shown, w->sell);
    u32 hidden = level_rank(e, w->hidden, w->sell);
    u32 queued = queued_rank(e, w);
    u32 rank = min_u32(min_u32(shown, hidden), queued);

    w->left = 0;
    if (rank == RANK_NONE)
        return false;
    if (shown == rank) {
        u64 back = queue_below(&e->queues, w->kept, rank + 1);
        w->left += e->books.levels[w->shown].qty + back - w->back;
        w->back = back;
        w->shown = book_level_worse(&e->books, w->shown);
    }
    if (hidden == rank) {
        w->left += e->books.levels[w->hidden].qty;
        w->hidden = book_level_worse(&e->books, w->hidden);
    }
    if (queued == rank) {
        u64 to_here = queue_below(&e->queues, w->root, rank + 1);
        w->left += to_here - w->passed;
        w->passed = to_here;
    }
    w->rank = rank + 1;
    w->price = w->sell ? rank : PRICE_MARKET - rank;
    return true;
}

static u32 queue_root(const struct market *m, u8 cross, bool sell, bool offset)
{
    u32 more = (offset ? 2u : 0) + sell;

    switch (cross) {
    case 'O':
        return m->queue[QUEUE_OPEN + more];
    case 'C':
        return m->queue[QUEUE_CLOSE + more];
    case 'H':
        return offset ? 0 : m->queue[QUEUE_HALT + sell];
    default:
        return 0;
    }
}

static void walk_begin(const struct engine *e, struct walk *w, u16 instrument, u8 cross, bool sell)
{
    const struct book *k = &e->books.at[instrument];
    u32 side = sell ? SELL : BUY;

    *w = (struct walk){
        .shown = k->best_level[side],
        .hidden = k->best_level[side | BUY_HIDDEN],
        .root = queue_root(&e->markets[instrument], cross, sell, false),
        .kept = e->markets[instrument].kept[sell],
        .sell = sell,
    };
}

/* ---- pairing ---- */

void auction_scan_begin(const struct engine *e, struct scan *s, u16 instrument, u8 cross)
{
    *s = (struct scan){.begun = true};
    walk_begin(e, &s->buy, instrument, cross, false);
    walk_begin(e, &s->sell, instrument, cross, true);
}

bool auction_scan(const struct engine *e, struct scan *s, u32 *prices)
{
    struct walk *b = &s->buy;
    struct walk *o = &s->sell;

    ASSERT(s->begun);
    while (!s->over) {
        struct walk *empty = !b->left ? b : !o->left ? o : NULL;
        if (empty) {
            if (*prices == 0)
                return false;
            --*prices;
            s->over = !walk_next(e, empty);
        } else if (b->price < o->price) {
            s->over = true;
        } else {
            u64 qty = min_u64(b->left, o->left);
            s->paired += qty;
            b->left -= qty;
            o->left -= qty;
            s->buy_price = b->price;
            s->sell_price = o->price;
        }
    }
    return true;
}

/* ---- the price ---- */

static u32 best_limit(const struct engine *e, u16 instrument, u8 cross, bool sell)
{
    struct walk w;

    walk_begin(e, &w, instrument, cross, sell);
    w.rank = 1; /* passes market orders over; only the price is wanted */
    return walk_next(e, &w) ? w.price : 0;
}

/* What the price shall be near to; 0: nobody has named any. */
static u32 reference(const struct engine *e, u16 instrument, u8 cross)
{
    u32 last = e->markets[instrument].last_price;
    u32 given = e->instruments.terms[instrument].reference_price;
    u32 price = cross == 'O' ? given : last;

    if (!price)
        price = cross == 'O' ? last : given;
    if (!price)
        price = best_limit(e, instrument, cross, true);
    return price ? price : best_limit(e, instrument, cross, false);
}

/* Who is left over at the best price of a side, and where the next ones are. */
struct rest {
    i64 price, next;
    u64 qty;
};

static i64 within(u32 price, i64 low, i64 high)
{
    return price < low ? low : price > high ? high : (i64)price;
}

/* Orders beyond the prices that there are count as at the last of them. */
static struct rest rest_of(const struct engine *e, const struct walk *at, i64 low, i64 high)
{
    i64 none = at->sell ? FAR : -FAR;
    struct rest r = {.price = none, .next = none};
    struct walk w = *at;

    if (!w.left && !walk_next(e, &w))
        return r;
    r.price = within(w.price, low, high);
    do {
        r.qty += w.left;
    } while (walk_next(e, &w) && within(w.price, low, high) == r.price);
    if (w.left)
        r.next = within(w.price, low, high);
    return r;
}

/* Prices of one imbalance. */
struct piece {
    i64 low, high;
    u64 imbalance;
    u8 side;
};

static i64 distance(i64 a, i64 b)
{
    return a > b ? a - b : b - a;
}

/* `ref` may lie between two prices: then the nearer one, of two the lower. */
static void choose(struct cross_price *best, const struct piece *p, i64 low, i64 high, i64 ref,
                   i64 step)
{
    i64 from = p->low > low ? p->low : low;
    i64 to = p->high < high ? p->high : high;
    i64 near = (ref + (step - 1) / 2) / step * step;
    i64 at = near < from ? from : near > to ? to : near;

    if (from > to)
        return;
    i64 nearer = best->price ? distance(best->price, ref) - distance(at, ref) : 1;
    if (best->price &&
        (p->imbalance > best->imbalance ||
         (p->imbalance == best->imbalance && (nearer < 0 || (nearer == 0 && at > best->price)))))
        return;
    best->price = (u32)at;
    best->imbalance = p->imbalance;
    best->side = p->side;
}

struct cross_price auction_price(const struct engine *e, const struct scan *s, u16 instrument,
                                 u8 cross)
{
    const struct book *k = &e->books.at[instrument];
    struct cross_price best = {.side = 'N'};
    i64 step = k->orders ? k->step : k->tick;
    i64 top = PRICE_LIMIT_MAX / step * step;
    i64 ref = reference(e, instrument, cross);

    if (!s->paired || !ref)
        return best;
    i64 low = within(s->sell_price, step, top);
    i64 high = within(s->buy_price, step, top);
    struct rest b = rest_of(e, &s->buy, step, top);
    struct rest o = rest_of(e, &s->sell, step, top);
    struct piece pieces[] = {
        {b.price + step, o.price - step, 0, 'N'},
        {b.next + step, b.price, b.qty, 'B'},
        {o.price, o.next - step, o.qty, 'S'},
    };
    for (u32 i = 0; i < ARRAY_LEN(pieces); i++)
        choose(&best, &pieces[i], low, high, ref, step);
    ASSERT(best.price);
    best.paired = s->paired;
    return best;
}

/* ---- who trades ---- */

/* Of two orders of a side the one that is served first; either may be 0. */
static u32 first_of(const struct engine *e, u32 a, u32 b, bool by_time)
{
    if (!a || !b)
        return a ? a : b;
    u32 ra = queue_rank(e->orders.hot[a].sell, e->orders.info[a].price);
    u32 rb = queue_rank(e->orders.hot[b].sell, e->orders.info[b].price);
    if (ra != rb)
        return ra < rb ? a : b;
    return !by_time || order_priority(&e->orders, a) < order_priority(&e->orders, b) ? a : b;
}

static u32 level_first(const struct engine *e, u16 instrument, u32 side)
{
    u32 level = e->books.at[instrument].best_level[side];
    return level ? e->books.levels[level].head : 0;
}

/* The order, if it wants the price of the cross; else 0. */
static u32 if_wants(const struct engine *e, u32 id, bool sell)
{
    if (!id || queue_rank(sell, e->orders.info[id].price) > queue_rank(sell, e->cross.price))
        return 0;
    return id;
}

static u32 next_of(const struct engine *e, bool sell)
{
    u16 instrument = e->cross.instrument;
    u32 root = queue_root(&e->markets[instrument], e->cross.cross, sell, false);
    u32 side = sell ? SELL : BUY;
    u32 id = first_of(e, queue_first(&e->queues, root), level_first(e, instrument, side), true);

    id = first_of(e, id, level_first(e, instrument, side | BUY_HIDDEN), false);
    return if_wants(e, id, sell);
}

static u32 next_offset(const struct engine *e, bool sell)
{
    const struct market *m = &e->markets[e->cross.instrument];
    u32 root = queue_root(m, e->cross.cross, sell, true);

    return if_wants(e, queue_first(&e->queues, root), sell);
}

bool auction_pair(const struct engine *e, u32 *buyer, u32 *seller)
{
    ASSERT(e->cross.instrument && e->cross.price);
    *buyer = next_of(e, false);
    *seller = next_of(e, true);
    if (!*buyer && *seller)
        *buyer = next_offset(e, false);
    else if (*buyer && !*seller)
        *seller = next_offset(e, true);
    return *buyer && *seller;
}
