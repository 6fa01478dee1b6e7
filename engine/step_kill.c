/*
 * step_kill.c - the operators' kill switch: an account, a firm or the venue. Engine thread.
 *
 * A kill stops order entry and replacement until it is taken back (CMD_RESTORE; a day's end does
 * not) and cancels all orders of its scope, reason S, those that are too late for their cross
 * included. It is long work: account by account, by channel and number; an order or an account that
 * is looked at is one of e->chunk_cancels. What cannot be is counted as refused.
 */
#include "engine/apply.h"
#include "engine/event.h"

/* Why it cannot be; 0: it can. */
static u8 kill_refusal(const struct engine *e, const struct msg_kill *c)
{
    bool named = c->firm[0] && memcmp(c->firm, "    ", sizeof c->firm) != 0;

    switch (c->scope) {
    case KILL_ACCOUNT:
        return account_known(&e->accounts, c->account) ? WHY_NONE : WHY_ACCOUNT;
    case KILL_FIRM:
        if (!named)
            return WHY_TERMS;
        return c->cmd.type == CMD_RESTORE || kills_firm(e, kill_firm(c)) ||
                       e->kills.firms_used < KILLED_FIRMS_MAX
                   ? WHY_NONE
                   : WHY_FULL;
    default:
        return c->scope == KILL_VENUE ? WHY_NONE : WHY_TERMS;
    }
}

/* There is something to be taken back. */
static bool is_killed(const struct engine *e, const struct msg_kill *c)
{
    if (c->scope == KILL_ACCOUNT)
        return e->accounts.at[c->account].killed;
    return c->scope == KILL_FIRM ? kills_firm(e, kill_firm(c)) : e->kills.venue;
}

static bool kill_wants(const struct engine *e, u32 id)
{
    const struct account *a = &e->accounts.at[owner_account(e->orders.hot[id].owner)];

    return e->kill.scope != KILL_FIRM ||
           account_firm(a, e->orders.terms[id].firm) == kill_firm(&e->kill);
}

/* What is left of the account from order `id` on. Returns the order that is next; 0: none is. */
static u32 account_kill(struct engine *e, u32 id, u32 *budget)
{
    while (id && *budget) {
        u32 next = account_next_order(e, e->orders.hot[id].owner, e->orders.hot[id].user_ref);
        if (kill_wants(e, id))
            apply_cancelled(e, event_cancelled(e, id, order_left(&e->orders, id), 'S'), id);
        id = next;
        --*budget;
    }
    return id;
}

void work_kill(struct engine *e)
{
    u32 account = owner_account(e->work.owner);
    u32 last = e->kill.scope == KILL_ACCOUNT ? account : e->accounts.names.used;
    u32 id = e->work.cursor ? refs_find(&e->refs, e->work.owner, e->work.cursor)
                            : account_first_order(e, account, 0);
    u32 budget = e->chunk_cancels;

    while (account <= last) {
        id = account_kill(e, id, &budget);
        if (id) {
            apply_work(e, event_work_order(e, WORK_KILL, id));
            return;
        }
        if (account++ == last)
            break;
        if (budget < 2) {
            apply_work(e, event_work_account(e, WORK_KILL, account));
            return;
        }
        budget--;
        id = account_first_order(e, account, 0);
    }
    apply_work(e, event_work(e, WORK_NONE, 0));
}

void step_kill(struct engine *e, const struct msg_kill *c)
{
    bool kill = c->cmd.type == CMD_KILL;
    u8 why = kill_refusal(e, c);

    if (why) {
        request_refuse(e, why);
        return;
    }
    if (!kill && !is_killed(e, c)) {
        request_superfluous(e);
        return;
    }
    union msg *m = event_room(e, 1);
    m->kill = (struct msg_kill){
        .ev = event_head(e, kill ? EV_KILLED : EV_RESTORED, 1, 0),
        .account = c->scope == KILL_ACCOUNT ? c->account : 0,
        .scope = c->scope,
    };
    if (c->scope == KILL_FIRM)
        memcpy(m->kill.firm, c->firm, sizeof c->firm);
    apply_killed(e, &m->kill);
    if (engine_busy(e))
        work_kill(e);
}
