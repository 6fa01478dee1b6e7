/* risk.c - stateless checks of one order; risk.h says which, in which order. Pure. */
#include "gateway/session/risk.h"

#include <string.h>

#include "engine/msg/collar.h"

/* A symbol as a number: memcmp order is the order of these. */
static u64 symbol_key(const char symbol[8])
{
    u64 key;

    memcpy(&key, symbol, 8);
    return __builtin_bswap64(key);
}

/* Binary search in the account's sorted list: the last one that is not above the symbol. */
static bool restricted(const struct risk_limits *limits, const char symbol[8])
{
    const char(*at)[8] = limits->restricted;
    u64 key = symbol_key(symbol);

    if (limits->restricted_used == 0)
        return false;
    for (u32 n = limits->restricted_used; n > 1;) {
        u32 half = n / 2;
        at = symbol_key(at[half]) <= key ? at + half : at; /* a move, not a jump */
        n -= half;
    }
    return symbol_key(*at) == key;
}

enum risk_reason risk_check(const struct risk_limits *limits, const struct risk_order *order)
{
    if (order->symbol_known && order->instrument == 0)
        return RISK_UNKNOWN_SYMBOL;
    if (order->symbol_known && restricted(limits, order->symbol))
        return RISK_RESTRICTED;
    if (limits->qty_max != 0 && order->qty > limits->qty_max)
        return RISK_QUANTITY;
    if (notional_breached(order->price, order->reference_price, order->qty, limits->notional_max))
        return RISK_NOTIONAL;
    if (order->symbol_known &&
        collar_breached(order->price, order->reference_price, limits->collar_bps))
        return RISK_COLLAR;
    return RISK_OK;
}
