/*
 * match.h - price-time priority: an order against the other side of its book.
 */
#ifndef WIREBOOK_ENGINE_MATCH_H
#define WIREBOOK_ENGINE_MATCH_H

#include "engine/state.h"

/* Resting orders that are looked at to see whether a minimum quantity is there. */
#define MIN_QTY_ORDERS_MAX 1000u

/*
 * Why the order under way (e->taker) must take nothing at all: reason G, it is post-only and a
 * price crosses; reason I, its minimum quantity is not there. 0: it may sweep.
 */
u8 match_forbids(const struct engine *e);

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
