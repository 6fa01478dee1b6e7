/*
 * collar.h - how far a price may be away from its reference: one rule for new orders, which the
 * gateway checks, and for replacements, whose instrument only the engine knows. Pure.
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
    if (bps == 0 || reference == 0 || price == PRICE_MARKET)
        return false;
    u64 away = price > reference ? price - reference : reference - price;
    return away * 10000 > (u64)reference * bps; /* 32 bits times 32 each: no overflow */
}

#endif
