/*
 * match.h - price-time priority: an order against the other side of its book.
 */
#ifndef WIREBOOK_ENGINE_MATCH_H
#define WIREBOOK_ENGINE_MATCH_H

#include "engine/state.h"

/* Resting orders that are looked at to see whether a minimum quantity is there. */
#define MIN_QTY_ORDERS_MAX 1000u

enum match_leave {
    MATCH_SWEEPS = 0,     /* it may take what it meets */
    MATCH_WOULD_TAKE = 1, /* it is post-only and a price crosses */
    MATCH_TOO_LITTLE = 2, /* its minimum quantity is not there */
};

/* Whether the order under way (e->taker), which has taken nothing yet, may take anything. */
enum match_leave match_leave(const struct engine *e);

#define MATCH_PAIR_SLOTS 4u /* of the events of match_pair at most */

/*
 * Two resting orders that cross meet: `taker` takes from `maker` at `price`, or what prevents them
 * is done. At least one loses shares.
 */
void match_pair(struct engine *e, u32 taker, u32 maker, u32 price);

/*
 * Fills the order under way (e->taker) against the best orders of the other side, displayed ones
 * before others at a price, oldest first, each at the resting order's price, as events that are
 * applied one by one: first the taker's EXECUTED, then the maker's. Two orders of one account are
 * dealt with as its terms say (enum stp). Stops after e->chunk_fills meetings. Returns true when
 * nothing is left to do (e->taker is 0, or no price crosses), false when more could be met.
 */
bool match_sweep(struct engine *e);

/* After a fill of a resting order: one that has nothing shown left, but kept back, shows more. */
void match_refresh(struct engine *e);

#endif
