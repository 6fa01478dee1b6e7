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

/* What both kinds of order say of themselves. */
struct kind {
    u32 price;
    u32 flags;
    u8 side; /* 0: not said */
    u8 display;
    u8 cross; /* 0: not said */
    const struct order_terms *terms;
};

static enum risk_reason check_bars(u16 bars, const struct kind *k)
{
    u8 peg = k->terms->price_type;

    if ((bars & BAR_MARKET) && price_is_market(k->price))
        return RISK_MARKET;
    if ((bars & BAR_SHORT) && k->side == 'T')
        return RISK_SHORT;
    if ((bars & BAR_EXEMPT) && k->side == 'E')
        return RISK_EXEMPT;
    if ((bars & BAR_ISO) && (k->flags & MSG_ISO))
        return RISK_ISO;
    if ((bars & BAR_PEG) && peg != 0 && peg != 'L')
        return RISK_PEGGING;
    if ((bars & BAR_HIDDEN) && k->display == 'N')
        return RISK_DISPLAY;
    if ((bars & BAR_RESERVE) && k->terms->max_floor != 0)
        return RISK_MAX_FLOOR;
    if ((bars & BAR_CROSS) && k->cross != 0 && k->cross != 'N')
        return RISK_CROSS;
    return RISK_OK;
}

enum risk_reason risk_bars_enter(u16 bars, const struct msg_enter *m)
{
    struct kind k = {m->price, m->head.flags, m->side, m->display, m->cross_type, &m->terms};

    return check_bars(bars, &k);
}

enum risk_reason risk_bars_replace(u16 bars, const struct msg_replace *m)
{
    struct kind k = {m->price, m->head.flags, m->side, m->display, 0, &m->terms};

    return check_bars(bars, &k);
}

void risk_limits_set(struct risk_limits *limits, const struct msg_checks *m)
{
    limits->qty_max = m->qty_max;
    limits->collar_bps = m->collar_bps;
    limits->notional_max = m->notional_max;
    limits->orders_per_s = m->orders_per_s;
    limits->symbol_per_s = m->symbol_per_s;
    limits->repeat_ms = m->repeat_ms;
    limits->repeat_max = m->repeat_max;
    limits->bars = m->bars;
}
