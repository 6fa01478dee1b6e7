/*
 * band.h - price bands in the manner of Limit Up-Limit Down, and static collars.
 *
 * Bands lie a percentage around a reference price, by tier and price, twice as wide near the open
 * and the close. The reference is the price of the last cross or trade when continuous trading
 * begins, then the mean of the trades of the last five minutes, when that has moved by a per cent
 * or more; it is looked at after a trade, at most every 30 s.
 *
 * A buyer above the upper band is accepted at the band, and so is a seller below the lower one:
 * nobody can trade outside. Orders that a band has moved past follow it (EV_PRIORITY). While a bid
 * stands at the upper band or an offer at the lower one the instrument is in a limit state; after
 * 15 s it is paused for 5 minutes, then opened by a halt cross.
 *
 *   trade ──▶ window ──▶ mean ≥ 1 % away ──▶ alarm ──▶ TICK: EV_BANDS, orders follow
 *   book at a band ──▶ limit state ── 15 s ──▶ alarm ──▶ TICK: EV_PHASE V ── 5 min ──▶ TICK: cross
 */
#ifndef WIREBOOK_ENGINE_BAND_H
#define WIREBOOK_ENGINE_BAND_H

#include "engine/state.h"

#define TIER_MAX       2u
#define COLLAR_BPS_MAX 10000u

#define BAND_LOOK_NS  (30 * NS_PER_SEC)  /* between two looks at the reference */
#define BAND_LIMIT_NS (15 * NS_PER_SEC)  /* a limit state that lasts so long */
#define BAND_PAUSE_NS (300 * NS_PER_SEC) /* ... is a pause */

struct bands {
    u32 reference; /* 0: none, then there are no bands */
    u32 lower;
    u32 upper;
};

/* The bands of the instrument's tier around `reference`; all 0 without tier or reference. */
struct bands bands_around(const struct engine *e, u32 instrument, u32 reference, bool wide);

/* The bands that continuous trading begins with, or goes on with when only `wide` changes. */
struct bands bands_begin(const struct engine *e, u32 instrument, bool wide);

/* The mean of the window, to 1/10,000; 0: no trades. */
u32 window_mean(const struct engine *e, u32 instrument, u64 now_ns);

/* The highest price of a buyer, the lowest of a seller, on the tick; 0: any. */
u32 band_limit(const struct engine *e, u32 instrument, bool sell);

/* The price that an order of `price` is accepted at. Market orders keep theirs. */
static inline u32 band_price(const struct engine *e, u32 instrument, bool sell, u32 price)
{
    u32 limit = band_limit(e, instrument, sell);

    if (!limit || price_is_market(price))
        return price;
    return sell ? max_u32(price, limit) : min_u32(price, limit);
}

/*
 * How far an order without a limit may go, one that sweeps or a peg: to the band, and no further
 * than the collar.
 */
u32 sweep_limit(const struct engine *e, u32 instrument, bool sell);

/* True when a limit price is outside the instrument's static collar. */
bool collar_refuses(const struct engine *e, u32 instrument, u32 price);

/* An order of `instrument` that a band has moved past; 0: none. */
u32 band_passed(const struct engine *e, u32 instrument);

/* A trade has been made: the window and, maybe, the alarm change. */
void band_trade(struct engine *e, u32 instrument, u32 price, u64 now_ns);

/* The book has changed: tx_settle looks whether a limit state has begun or ended. */
void band_touch(struct engine *e, u32 instrument);

/* What tx_settle does about it. */
void bands_settle(struct engine *e, u64 now_ns);

/* The instrument's alarm follows what it waits for. */
void band_alarm(struct engine *e, u32 instrument);

#endif
