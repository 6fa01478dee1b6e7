/*
 * auction.h - crosses: the price at which most shares trade, and who trades at it.
 *
 * Who takes part: the orders of the book, displayed or not, and those of the cross' queue. At a
 * price p buyers want D(p) shares, sellers S(p). The price has the largest min(D, S), then the
 * least |D - S|, then lies nearest the reference. At it the best buyer meets the best seller -
 * market orders first, then by price, displayed before hidden at a price, then by time - until one
 * side has nobody left who wants it; imbalance-only orders come in where their side has run out.
 *
 * To find the price the two sides are paired in thought, price by price from their best. That
 * touches only prices that trade, so it costs what the cross costs, and it can stop after any
 * number of them (struct scan).
 */
#ifndef WIREBOOK_ENGINE_AUCTION_H
#define WIREBOOK_ENGINE_AUCTION_H

#include "engine/state.h"

/* What a cross would give as things are. */
struct cross_price {
    u64 paired;
    u64 imbalance;
    u32 price; /* 0: nothing trades */
    u8 side;   /* B S: of which there are too many; N: none */
};

/* The search for the price of a cross of `cross` (O C H; 0: the book alone) begins. */
void auction_scan_begin(const struct engine *e, struct scan *s, u16 instrument, u8 cross);

/*
 * Goes on for `*prices` prices at most and takes off what it needed. Returns true when the search
 * is over.
 */
bool auction_scan(const struct engine *e, struct scan *s, u32 *prices);

/* What an ended search has found. */
struct cross_price auction_price(const struct engine *e, const struct scan *s, u16 instrument,
                                 u8 cross);

/* Two orders that trade at e->cross.price, the buyer first. False: nobody is left. */
bool auction_pair(const struct engine *e, u32 *buyer, u32 *seller);

#endif
