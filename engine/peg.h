/*
 * peg.h - conditional orders as the engine uses them: what a peg is worth at this touch, which of
 * them a counterpart would meet first, and how they come to rest and leave.
 *
 * The touch is the best displayed price of each side; pegs are never displayed, so no peg follows
 * another one. One thread, no system calls.
 */
#ifndef WIREBOOK_ENGINE_PEG_H
#define WIREBOOK_ENGINE_PEG_H

#include "engine/state.h"

/* An order that can be met, and at which price. id 0: there is none. */
struct offer {
    u32 id;
    u32 price;
};

/* Resting orders of the instrument may trade with each other. */
static inline bool instrument_settles(const struct engine *e, u16 instrument)
{
    return !e->instruments.terms[instrument].halted &&
           !(e->books.at[instrument].special & BOOK_STILL);
}

static inline bool order_pegged(const struct engine *e, u32 id)
{
    return (e->orders.info[id].special & SPECIAL_PEG) != 0;
}

/*
 * What pegged order `id` may pay or ask now, resting or not; 0: nothing, because its touch is
 * missing or beyond its limit.
 */
u32 peg_price(const struct engine *e, u32 id);

/* Its price is the middle of the touch, so what it meets moves neither the touch nor any peg. */
static inline bool order_midpoint(const struct engine *e, u32 id)
{
    return order_pegged(e, id) && (e->orders.terms[id].price_type | 0x20) == PEG_MIDPOINT_SMALL;
}

/* The peg of one side, without a minimum, that is met first. */
struct offer peg_best(const struct engine *e, u16 instrument, bool sell);

/* ... of those with a reference of `kind` behind peg `after`, or with 0 of all. */
struct offer peg_behind(const struct engine *e, u16 instrument, enum dark_kind kind, bool sell,
                        u32 after);

/*
 * Pegs with a minimum that are looked at in each tree of a side: a tree can be searched for how far
 * an order reaches or for how much it wants, not for both. Those behind them are passed by.
 */
#define PICKY_LOOKS_MAX 16u

/*
 * The peg with a minimum of one side that is met first by somebody who has `qty` shares and goes as
 * far as `limit`.
 */
struct offer picky_best(const struct engine *e, u16 instrument, bool sell, u32 qty, u32 limit);

/* Who is met first on a level has changed: a peg with a minimum may want the next one. */
void peg_head_moved(struct engine *e, u16 instrument);

/* The order with a minimum of one side that is met first by somebody who has `qty` shares. */
struct offer min_qty_best(const struct engine *e, u16 instrument, bool sell, u32 qty);

/* True when `a`, neither displayed nor none, is met before `b`, none or on its side. */
bool offer_first(const struct engine *e, struct offer a, struct offer b);

/* Conditional order `id` begins to rest, leaves, or loses `qty` shares, less than are open. */
void peg_rest(struct engine *e, u32 id);
void peg_leave(struct engine *e, u32 id);
void peg_reduce(struct engine *e, u32 id, u32 qty);

/*
 * Behind conditional order `id`, or from the first one with `id` 0: the instrument's conditional
 * orders by kind, buyers first, as they are met. 0: there is none.
 */
u32 peg_next(const struct engine *e, u16 instrument, u32 id);

/* ---- settle.c ---- */

/*
 * Orders of an instrument that can trade with each other now, after pegs have moved with the
 * touch; both ids are 0 when there are none. At least one of them is a peg. `price` is the older
 * one's. With `maker` 0 both are post-only: none may take, so the younger one, `taker`, goes.
 */
struct pair {
    u32 taker;
    u32 maker;
    u32 price;
};
struct pair settle_pair(const struct engine *e, u16 instrument);

/*
 * Lets pegs that the touch has moved onto the other side trade, instrument by instrument, as far
 * as the transaction has room; the rest is long work (WORK_PEGS). No order is under way.
 */
void work_pegs(struct engine *e);

#endif
