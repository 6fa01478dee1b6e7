/*
 * step_checks.c - what the gateways check of an account's orders: kept here so that it is in the
 * journal, comes back after a restart and reaches every gateway in its order. Engine thread.
 *
 * The engine itself checks none of it. An event carries all of an account's checks, so gateways
 * need no earlier one. What cannot be is counted as refused, what is so already as superfluous.
 */
#include "engine/event.h"
#include "engine/msg/profile.h"

static bool checks_sound(const struct msg_checks *c)
{
    struct risk_values v = checks_values(c);

    return risk_values_sound(&v) && !(v.inherits & ~FIELDS_OF_CHECKS) &&
           c->source <= CHECKS_OF_OPERATOR;
}

static u32 checks_account(const struct engine *e, const struct msg_checks *c)
{
    return names_find(&e->accounts.names, names_key(c->user, sizeof c->user));
}

const struct msg_checks *engine_checks(const struct engine *e, u32 account)
{
    ASSERT(account_known(&e->accounts, account));
    return &e->checks[account];
}

/* All but the head. */
static bool checks_same(const struct msg_checks *a, const struct msg_checks *b)
{
    return memcmp(&a->notional_max, &b->notional_max,
                  sizeof *a - offsetof(struct msg_checks, notional_max)) == 0;
}

/* Why it cannot be, of enum operated_why; 0: it can. */
static u8 checks_refusal(const struct engine *e, const struct msg_checks *c, u32 account)
{
    if (!account)
        return WHY_ACCOUNT;
    if (!checks_sound(c))
        return WHY_TERMS;
    return c->profile[0] && !profile_find(e, c->profile) ? WHY_PROFILE : WHY_NONE;
}

void step_checks(struct engine *e, const struct msg_checks *c)
{
    u32 account = checks_account(e, c);
    u8 why = checks_refusal(e, c, account);
    struct msg_checks wanted = *c;

    if (why) {
        request_refuse(e, why);
        return;
    }
    wanted.account = account;
    wanted.profile_id = profile_find(e, c->profile);
    if (checks_same(&wanted, &e->checks[account])) {
        request_superfluous(e);
        return;
    }
    union msg *m = event_room(e, 2);
    m->checks = wanted;
    m->checks.ev = event_head(e, EV_CHECKS, 2, 0);
    apply_checks(e, &m->checks);
    if (engine_busy(e)) /* its profile has limits, and its orders are open */
        work_count(e);
}

const char *recover_checks(struct engine *e, const struct msg_checks *ev)
{
    if (engine_busy(e) || e->taker)
        return "checks in the midst of other work";
    if (!checks_sound(ev) || ev->account == 0 || checks_account(e, ev) != ev->account ||
        profile_find(e, ev->profile) != ev->profile_id)
        return "checks of nobody, or some that cannot be";
    return apply_checks(e, ev), NULL;
}
