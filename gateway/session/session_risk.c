/*
 * session_risk.c - what the gateway checks of an order before the engine: the account's stateless
 * checks, its rates, the space on the journal's disk.
 *
 * Thread: the gateway's. A failed check is a reason in the command, nothing more: the engine
 * numbers the reject, after testing for a resend, so a client that sends again what was not
 * answered is never refused for it. An account's checks come as one EV_CHECKS, a profile's as one
 * EV_PROFILE: an order is judged by all of the old ones or all of the new ones. A profile counts up
 * a number; an account that is behind it merges its limits anew before its next order.
 */
#include "engine/msg/profile.h"
#include "gateway/session/session.h"

static void count_reason(struct sessions *S, u16 reason)
{
    metric_add(&S->metrics.risk_rejects, 1);
    metric_add(session_metric_reason(S, reason), 1);
}

/* Below the low mark the journal keeps its space for cancels: nothing new is taken on. */
static void check_space(struct sessions *S, u16 *reject)
{
    if (S->space == SPACE_OK || *reject != 0)
        return;
    *reject = OUCH5_PROCESSING;
    metric_add(&S->metrics.space_rejects, 1);
}

bool session_rates_here(struct sessions *S, struct account *a)
{
    if (LIKELY(a->rates != NULL))
        return true;
    a->rates = rates_take(S->rings.rates, a->id, a->moved_by);
    metric_add(&S->metrics.rate_waits, a->rates == NULL);
    return a->rates != NULL;
}

/* Above the reject rate, the lower one of all accounts' and its own, orders are refused. */
static void check_rate(struct sessions *S, const struct account *a, u16 *reject)
{
    u32 own = a->limits.orders_per_s;
    u32 all = S->conf.rate_reject_per_s;
    u32 per_s = own == 0 || (all != 0 && all < own) ? all : own;

    if (*reject != 0)
        return;
    if (session_rate_allows(a->rates->orders_ns, per_s, S->now_ns)) {
        session_rate_count(&a->rates->orders_ns, per_s, S->now_ns);
        return;
    }
    *reject = OUCH5_PORT_RATE;
    metric_add(&S->metrics.rate_rejects, 1);
}

/* What an answer of the account's rates means for an order; `reason` when it is one too many. */
static u16 reason_of(struct sessions *S, enum rates_answer answer, u16 reason)
{
    if (answer != RATES_FULL)
        return answer == RATES_PASS ? RISK_OK : reason;
    metric_add(&S->metrics.rates_full, 1);
    return OUCH5_PORT_RATE;
}

/* Orders that are alike, and orders of one symbol: only of accounts for which that is checked. */
static u16 check_often(struct sessions *S, const struct account *a, const struct msg_enter *m)
{
    const struct risk_limits *l = &a->limits;
    u64 like = (u64)m->side << 56 | (u64)m->qty << 32 | m->price; /* a quantity has 20 bits */
    u16 reason = RISK_OK;

    if (l->repeat_max != 0)
        reason = reason_of(S,
                           rates_alike(a->rates, m->instrument, like, l->repeat_max,
                                       l->repeat_ms * NS_PER_MS, S->now_ns),
                           RISK_REPEATED);
    if (l->symbol_per_s != 0 && reason == RISK_OK)
        reason = reason_of(S, rates_symbol(a->rates, m->instrument, l->symbol_per_s, S->now_ns),
                           RISK_SYMBOL_RATE);
    return reason;
}

void session_check_enter(struct sessions *S, struct session *s, struct msg_enter *m)
{
    const struct instrument *i = directory_instrument_of_symbol(&S->directory, m->symbol);
    const struct risk_limits *limits = &s->account->limits;
    if (UNLIKELY(s->account->limits_at != S->profiles_at))
        session_limits(S, s->account);
    struct risk_order order = {
        .qty = m->qty,
        .price = m->price,
        .instrument = i != NULL ? i->id : 0,
        .symbol_known = true,
        .reference_price = i != NULL ? i->reference_price : 0,
    };

    m->instrument = order.instrument;
    if (m->reject == 0)
        m->reject = (u16)risk_check(limits, &order);
    if (UNLIKELY(limits->bars != 0) && m->reject == 0)
        m->reject = (u16)risk_bars_enter(limits->bars, m);
    if (UNLIKELY((limits->repeat_max | limits->symbol_per_s) != 0) && m->reject == 0)
        m->reject = check_often(S, s->account, m);
    check_space(S, &m->reject);
    check_rate(S, s->account, &m->reject);
    if (UNLIKELY(m->reject != 0))
        count_reason(S, m->reject);
}

void session_check_replace(struct sessions *S, struct session *s, struct msg_replace *m)
{
    const struct risk_limits *limits = &s->account->limits;
    struct risk_order order = {.qty = m->qty, .price = m->price, .symbol_known = false};

    if (UNLIKELY(s->account->limits_at != S->profiles_at))
        session_limits(S, s->account);
    if (m->reject == 0)
        m->reject = (u16)risk_check(limits, &order);
    if (UNLIKELY(limits->bars != 0) && m->reject == 0)
        m->reject = (u16)risk_bars_replace(limits->bars, m);
    check_space(S, &m->reject);
    check_rate(S, s->account, &m->reject);
    m->collar_bps = (u16)min_u32(limits->collar_bps, UINT16_MAX);
    m->notional_max = limits->notional_max;
    if (UNLIKELY(m->reject != 0))
        count_reason(S, m->reject);
}

bool session_check_modify(struct sessions *S, struct session *s, const struct msg_modify *m)
{
    if (UNLIKELY(s->account->limits_at != S->profiles_at))
        session_limits(S, s->account);
    u16 bars = s->account->limits.bars;
    u16 reason = (bars & BAR_SHORT) && m->side == 'T'    ? RISK_SHORT
                 : (bars & BAR_EXEMPT) && m->side == 'E' ? RISK_EXEMPT
                                                         : RISK_OK;

    if (reason != RISK_OK)
        count_reason(S, reason);
    return reason == RISK_OK;
}

void session_limits(const struct sessions *S, struct account *a)
{
    struct risk_values v = a->own;

    profile_fill(&v, S->profiles, a->profile ? a->profile : a->port_profile);
    risk_limits_set(&a->limits, &v);
    a->limits_at = S->profiles_at;
}

void sessions_checks(struct sessions *S, const struct msg_checks *m)
{
    struct account *a = directory_account(&S->directory, m->account);

    ASSERT(a != NULL); /* EV_ACCOUNT came before */
    a->own = checks_values(m);
    a->profile = m->profile_id;
    session_limits(S, a);
}

void sessions_profile(struct sessions *S, const struct msg_profile *m)
{
    ASSERT(m->id >= 1 && m->id <= PROFILES_MAX);
    S->profiles[m->id] = *m;
    S->profiles_at++;
}
