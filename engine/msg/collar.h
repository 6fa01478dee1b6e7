/*
 * collar.h - how far a price may be away from its reference, and what an order may be worth: one
 * rule for new orders, which the gateway checks, and for replacements, whose instrument only the
 * engine knows. Pure.
 */
#ifndef WIREBOOK_MSG_COLLAR_H
#define WIREBOOK_MSG_COLLAR_H

#include "engine/msg/msg.h"

/*
 * True when `price` is further than `bps` hundredths of a per cent away from `reference`. A market
 * order has no price to be judged; `bps` or `reference` 0 means that there is no collar.
 */
static inline bool collar_breached(u32 price, u32 reference, u32 bps)
{
    if (bps == 0 || reference == 0 || price_is_market(price))
        return false;
    u64 away = price > reference ? price - reference : reference - price;
    return away * 10000 > (u64)reference * bps; /* 32 bits times 32 each: no overflow */
}

/*
 * True when `qty` shares are worth more than `max`, in price units; 0 is no limit. A market order
 * is worth its reference price; without one nobody knows, and it passes.
 */
static inline bool notional_breached(u32 price, u32 reference, u32 qty, u64 max)
{
    u64 each = price_is_market(price) ? reference : price;

    return max != 0 && each * qty > max; /* 32 bits times 32: no overflow */
}

#endif
