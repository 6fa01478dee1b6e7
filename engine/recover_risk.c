/*
 * recover_risk.c - kills and limits in recovery: checked, then applied. Cold; see recover.c.
 */
#include "engine/apply.h"
#include "engine/recover.h"

const char *recover_killed(struct engine *e, const struct msg_kill *ev)
{
    if (engine_busy(e) || e->taker || ev->scope < KILL_ACCOUNT || ev->scope > KILL_VENUE ||
        (ev->scope == KILL_ACCOUNT && !account_known(&e->accounts, ev->account)))
        return "a kill of nobody, or in the midst of other work";
    bool full = e->kills.firms_used == KILLED_FIRMS_MAX && !kills_firm(e, kill_firm(ev));
    if (ev->scope == KILL_FIRM && ev->ev.type == EV_KILLED && full)
        return "more killed firms than there can be";
    return apply_killed(e, ev), NULL;
}

static const char *recover_limit(struct engine *e, const struct msg_limit *ev)
{
    if (engine_busy(e) || e->taker)
        return "a limit in the midst of other work";
    if (!limit_sound(e, ev) ||
        (ev->scope == LIMIT_ACCOUNT &&
         names_find(&e->accounts.names, names_key(ev->user, sizeof ev->user)) != ev->account))
        return "a limit of nobody, or one that cannot be";
    return apply_limit(e, ev), NULL;
}

static const char *recover_untraded(struct engine *e, const struct msg_untraded *ev)
{
    if (!e->risk_on || e->broken_used == 0 || e->broken[e->broken_used - 1] != ev->match)
        return "a trade that was not broken counts no more";
    if (!account_known(&e->accounts, ev->account[0]) ||
        !account_known(&e->accounts, ev->account[1]) || ev->instrument == 0 ||
        ev->instrument > e->instruments.names.used || ev->qty == 0 || ev->qty > QTY_MAX ||
        ev->price > PRICE_LIMIT_MAX)
        return "a broken trade that cannot have been";
    return apply_untraded(e, ev), NULL;
}

const char *recover_risk_event(struct engine *e, const union msg *m)
{
    switch (m->ev.type) {
    case EV_LIMIT:
        return recover_limit(e, &m->limit);
    case EV_CHECKS:
        return recover_checks(e, &m->checks);
    case EV_LISTED:
        return recover_listed(e, &m->listed);
    case EV_PROFILE:
        return recover_profile(e, &m->profile);
    default:
        return recover_untraded(e, &m->untraded);
    }
}
