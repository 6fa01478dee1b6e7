/*
 * profile.h - named profiles of checks and limits: who says what is checked of an account's orders.
 * One rule for the gateways, which check, and the engine, which limits. Pure.
 *
 *   the account's own ─▶ its profile, or its port's ─▶ the one that is based on ─▶ ... ─▶ nothing
 *
 * A set of profiles is a forest: whoever adds one has looked that nothing is based on itself.
 */
#ifndef WIREBOOK_MSG_PROFILE_H
#define WIREBOOK_MSG_PROFILE_H

#include "engine/msg/msg.h"

/* A copy for the fields of `to` that are still left to somebody and that `from` says. */
#define PROFILE_TAKE(field, member) \
    if (take & (field))             \
    to->member = from->member

/* What `to` leaves to others it takes from `from`, as far as that says it. */
static inline void profile_inherit(struct risk_values *to, const struct risk_values *from)
{
    u32 take = to->inherits & ~(u32)from->inherits;

    PROFILE_TAKE(FIELD_QTY, qty_max);
    PROFILE_TAKE(FIELD_NOTIONAL, notional_max);
    PROFILE_TAKE(FIELD_COLLAR, collar_bps);
    PROFILE_TAKE(FIELD_ORDERS, orders_per_s);
    PROFILE_TAKE(FIELD_SYMBOL, symbol_per_s);
    PROFILE_TAKE(FIELD_REPEAT, repeat_max);
    PROFILE_TAKE(FIELD_REPEAT, repeat_ms);
    PROFILE_TAKE(FIELD_BARS, bars);
    PROFILE_TAKE(FIELD_EXPOSURE, exposure_max);
    PROFILE_TAKE(FIELD_DAILY, daily_max);
    PROFILE_TAKE(FIELD_POSITION, position_max);
    PROFILE_TAKE(FIELD_LAST, last_bps);
    PROFILE_TAKE(FIELD_OPEN, open_max);
    to->inherits &= (u16)~take;
}

/*
 * Fills what `to` leaves open from profile `id` of `at` (by id, 1..PROFILES_MAX; 0: none) and those
 * that it is based on. What nobody says stays zero: not checked.
 */
static inline void profile_fill(struct risk_values *to, const struct msg_profile *at, u32 id)
{
    for (; id && to->inherits; id = at[id].base_id)
        profile_inherit(to, &at[id].values);
}

/* Values that can be: in range, and zero where they are left to somebody else. */
static inline bool risk_values_sound(const struct risk_values *v)
{
    static const struct risk_values nothing;
    struct risk_values said = *v;

    if ((v->inherits & ~FIELDS_ALL) || v->zero)
        return false;
    profile_inherit(&said, &nothing);
    said.inherits = v->inherits;
    bool unsaid = memcmp(&said, v, sizeof said) == 0;
    return unsaid && v->notional_max <= LIMIT_MONEY_MAX && v->exposure_max <= LIMIT_MONEY_MAX &&
           v->daily_max <= LIMIT_MONEY_MAX && v->position_max <= LIMIT_SHARES_MAX &&
           v->qty_max <= QTY_MAX && v->orders_per_s <= CHECKS_RATE_MAX &&
           v->symbol_per_s <= CHECKS_RATE_MAX && v->repeat_ms <= CHECKS_REPEAT_MAX &&
           v->repeat_max <= CHECKS_REPEAT_MAX && (v->repeat_ms == 0) == (v->repeat_max == 0) &&
           v->collar_bps <= 10000 && v->last_bps <= 10000 && (v->bars & ~BAR_ALL) == 0 &&
           v->open_max <= ORDERS_MAX;
}

/* What an account says itself of the gateways' checks; the engine's limits it leaves. */
static inline struct risk_values checks_values(const struct msg_checks *c)
{
    return (struct risk_values){
        .notional_max = c->notional_max,
        .qty_max = c->qty_max,
        .orders_per_s = c->orders_per_s,
        .symbol_per_s = c->symbol_per_s,
        .repeat_ms = c->repeat_ms,
        .repeat_max = c->repeat_max,
        .collar_bps = c->collar_bps,
        .bars = c->bars,
        .inherits = c->inherits,
    };
}

/* The same the other way: `c` says of the gateways' checks what `v` does. */
static inline void checks_say(struct msg_checks *c, const struct risk_values *v)
{
    c->notional_max = v->notional_max;
    c->qty_max = v->qty_max;
    c->orders_per_s = v->orders_per_s;
    c->symbol_per_s = v->symbol_per_s;
    c->repeat_ms = v->repeat_ms;
    c->repeat_max = v->repeat_max;
    c->collar_bps = v->collar_bps;
    c->bars = v->bars;
    c->inherits = v->inherits;
}

/* What it says of the engine's limits. */
static inline struct risk_values limit_values(const struct msg_limit *c)
{
    return (struct risk_values){
        .exposure_max = c->exposure_max,
        .daily_max = c->daily_max,
        .position_max = c->position_max,
        .last_bps = c->collar_bps,
        .open_max = c->open_max,
        .inherits = c->inherits,
    };
}

#endif
