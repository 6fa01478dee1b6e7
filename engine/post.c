/*
 * post.c - see post.h. Engine thread, cold: orders without tag 12 do not come here.
 *
 * The order is slid once, as it is announced, and stays at its price when what it would have met
 * goes. A replaced order still stands in the book here, so a peg that follows it is judged where it
 * stands now; should it go on to a price that the order meets then, the order is cancelled (G) as
 * if its account had chosen so: a post-only order never takes.
 */
#include "engine/post.h"

#include "engine/peg.h"

/* The better of two prices for whoever meets the side `sell`; 0 is none. */
static u32 better(bool sell, u32 a, u32 b)
{
    if (!a || !b)
        return a | b;
    return sell ? min_u32(a, b) : max_u32(a, b);
}

/* The best price that the order would meet; 0: none. One with a minimum meets plain orders only. */
static u32 meets(const struct engine *e, const struct msg_order *next)
{
    const struct book *k = &e->books.at[next->instrument];
    bool sell = !side_is_sell(next->side);
    u32 side = sell ? SELL : BUY;
    u32 best = better(sell, k->best_price[side], k->best_price[side | BUY_HIDDEN]);

    if (next->terms.min_qty)
        return best;
    best = better(sell, best, peg_best(e, next->instrument, sell).price);
    best = better(sell, best, picky_best(e, next->instrument, sell, next->qty, next->price).price);
    return better(sell, best, min_qty_best(e, next->instrument, sell, next->qty).price);
}

u32 post_price(const struct engine *e, const struct msg_order *next)
{
    const struct account *a = &e->accounts.at[next->head.account];
    u32 tick = e->books.at[next->instrument].tick;
    bool sell = side_is_sell(next->side);

    if (!a->terms.post_slide || price_type_pegged(next->terms.price_type))
        return next->price; /* a peg's price is not its own to slide */
    if (e->books.at[next->instrument].special & BOOK_STILL)
        return next->price;
    u32 met = meets(e, next);
    if (!met || (sell ? met < next->price : met > next->price))
        return next->price;
    u64 behind = sell ? ((u64)met / tick + 1) * tick : (u64)(met - 1) / tick * tick;
    return behind == 0 || behind > PRICE_LIMIT_MAX ? next->price : (u32)behind;
}
