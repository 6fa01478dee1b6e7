/* risk.c - stateless checks of one order; risk.h says which, in which order. Pure. */
#include "gateway/session/risk.h"

#include <string.h>

#include "engine/msg/collar.h"

/* Binary search in the account's sorted list. */
static bool restricted(const struct risk_limits *limits, const char symbol[8])
{
    u32 low = 0;
    u32 high = limits->restricted_used;

    while (low < high) {
        u32 mid = low + (high - low) / 2;
        int order = memcmp(limits->restricted[mid], symbol, 8);
        if (order == 0)
            return true;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
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
