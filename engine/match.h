/*
 * match.h - price-time priority: an order against the other side of its book.
 */
#ifndef WIREBOOK_ENGINE_MATCH_H
#define WIREBOOK_ENGINE_MATCH_H

#include "engine/state.h"

/*
 * Fills the order under way (e->taker) against the best orders of the other side, oldest first,
 * each at the resting order's price, as events that are applied one by one: first the taker's
 * EXECUTED, then the maker's. Stops after e->chunk_fills fills. Returns true when nothing is left
 * to do (it is filled, then e->taker is 0, or no price crosses), false when more could be filled.
 */
bool match_sweep(struct engine *e);

#endif
