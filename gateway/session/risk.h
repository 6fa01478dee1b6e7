/*
 * risk.h - the checks before the engine that need no state: per order, per account.
 *
 * Pure. A failed check gives an OUCH reject reason that is marked in the command; the command goes
 * to the engine all the same, which numbers the reject, so that a replay shows it. What needs
 * state (last price, exposure, positions) is the engine's.
 */
#ifndef WIREBOOK_GATEWAY_SESSION_RISK_H
#define WIREBOOK_GATEWAY_SESSION_RISK_H

#include "engine/base/types.h"
#include "engine/msg/msg.h"

/* Reject reasons given here (CONFORMANCE.md section 7). */
enum risk_reason {
    RISK_OK = 0,
    RISK_DISPLAY = 0x0003,
    RISK_MAX_FLOOR = 0x0004,
    RISK_PEGGING = 0x0011,
    RISK_CROSS = 0x0014,
    RISK_UNKNOWN_SYMBOL = 0x0017,
    RISK_ISO = 0x0024,
    RISK_COLLAR = 0x0026,
    RISK_SYMBOL_RATE = 0x0028,
    RISK_REPEATED = 0x002A,
    RISK_SHORT = 0x002B,
    RISK_MARKET = 0x002C,
    RISK_EXEMPT = 0x002F,
    RISK_NOTIONAL = 0x0030,
    RISK_QUANTITY = 0x0031,
};

/* An account's limits; 0: that check is off. */
struct risk_limits {
    u32 qty_max;      /* shares of one order */
    u32 collar_bps;   /* distance from the reference price, in 1/100 of a per cent */
    u64 notional_max; /* price times shares of one order, in price units (1/10,000) */
    u32 orders_per_s; /* Enter and Replace */
    u32 symbol_per_s; /* Enter of one symbol */
    u32 repeat_ms;    /* the window of repeat_max */
    u16 repeat_max;   /* orders alike in the window */
    u16 bars;         /* enum check_bars: what it may not do */
};

/* What is asked of an order. */
struct risk_order {
    u32 qty;             /* shares */
    u32 price;           /* price units; one that price_is_market: a market order */
    u16 instrument;      /* 0: unknown symbol */
    bool symbol_known;   /* false on Replace: only quantity and notional are checked */
    u32 reference_price; /* of the instrument; 0: no collar */
};

/*
 * The first check that fails, in this order: unknown symbol, quantity, notional, collar; RISK_OK
 * when none does. A market order's notional is taken at the reference price and it has no collar.
 */
enum risk_reason risk_check(const struct risk_limits *limits, const struct risk_order *order);

/*
 * What of `bars` (enum check_bars) the order does, in this order: market order, short, short
 * exempt, ISO, peg, hidden, reserve, cross; RISK_OK when nothing. A Replace has neither ISO's nor
 * a cross' own field to look at beyond its flag, side 0 is the original's.
 */
enum risk_reason risk_bars_enter(u16 bars, const struct msg_enter *m);
enum risk_reason risk_bars_replace(u16 bars, const struct msg_replace *m);

/* What of `v` gateways check. */
void risk_limits_set(struct risk_limits *limits, const struct risk_values *v);

#endif
