/* risk.c - stateless checks of one order; risk.h says which, in which order. Pure. */
#include "gateway/session/risk.h"

#include "engine/msg/collar.h"

enum risk_reason risk_check(const struct risk_limits *limits, const struct risk_order *order)
{
    if (order->symbol_known && order->instrument == 0)
        return RISK_UNKNOWN_SYMBOL;
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

void risk_limits_set(struct risk_limits *limits, const struct risk_values *v)
{
    limits->qty_max = v->qty_max;
    limits->collar_bps = v->collar_bps;
    limits->notional_max = v->notional_max;
    limits->orders_per_s = v->orders_per_s;
    limits->symbol_per_s = v->symbol_per_s;
    limits->repeat_ms = v->repeat_ms;
    limits->repeat_max = v->repeat_max;
    limits->bars = v->bars;
}
