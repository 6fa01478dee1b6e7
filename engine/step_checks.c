/*
 * step_checks.c - what the gateways check of an account's orders: kept here so that it is in the
 * journal, comes back after a restart and reaches every gateway in its order. Engine thread.
 *
 * The engine itself checks none of it. An event carries all of an account's checks, so gateways
 * need no earlier one. What cannot be is counted as refused, what is so already as superfluous.
 */
#include "engine/event.h"

static bool checks_sound(const struct msg_checks *c)
{
    return c->notional_max <= LIMIT_MONEY_MAX && c->qty_max <= QTY_MAX && c->collar_bps <= 10000 &&
           c->orders_per_s <= CHECKS_RATE_MAX && c->symbol_per_s <= CHECKS_RATE_MAX &&
           c->repeat_ms <= CHECKS_REPEAT_MAX && c->repeat_max <= CHECKS_REPEAT_MAX &&
           (c->repeat_ms == 0) == (c->repeat_max == 0) && (c->bars & ~BAR_ALL) == 0 &&
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

void step_checks(struct engine *e, const struct msg_checks *c)
{
    u32 account = checks_account(e, c);
    struct msg_checks wanted = *c;

    if (!account || !checks_sound(c)) {
        request_refuse(e, account ? WHY_TERMS : WHY_ACCOUNT);
        return;
    }
    wanted.account = account;
    if (checks_same(&wanted, &e->checks[account])) {
        request_superfluous(e);
        return;
    }
    union msg *m = event_room(e, 2);
    m->checks = wanted;
    m->checks.ev = event_head(e, EV_CHECKS, 2, 0);
    e->checks[account] = m->checks;
}

const char *recover_checks(struct engine *e, const struct msg_checks *ev)
{
    if (engine_busy(e) || e->taker)
        return "checks in the midst of other work";
    if (!checks_sound(ev) || ev->account == 0 || checks_account(e, ev) != ev->account)
        return "checks of nobody, or some that cannot be";
    e->checks[ev->account] = *ev;
    return NULL;
}
