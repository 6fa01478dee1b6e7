/*
 * step_firm.c - requests about all orders of a firm: Mass Cancel, Disable and Enable Order Entry
 * (CONFORMANCE.md section 6, rules 10 and 11).
 *
 * Engine thread. Each consumes its number, as an Enter does, so a resend is ignored: a Disable that
 * is sent again after an Enable must not block anybody. A mass cancel is long work: it visits the
 * account's orders by channel and number, at most e->chunk_cancels in a transaction, and what it
 * looks for stands in e->mass until it is through.
 */
#include "engine/apply.h"
#include "engine/event.h"
#include "engine/phase.h"

/* The sender is bound and the number is new; else it is counted. */
static bool number_is_new(struct engine *e, const struct cmd_head *head, u8 idx, u32 user_ref)
{
    if (!sender_account(e, head))
        return false;
    if (user_ref > account_last_ref(&e->accounts, head->account, idx))
        return true;
    metric_add(&e->metrics.resends, 1);
    return false;
}

static void refuse(struct engine *e, u32 account, u8 idx, u32 user_ref)
{
    static const char no_clordid[14] = "              ";

    metric_add(&e->metrics.rejects, 1);
    metric_add(&e->metrics.pool_full, 1);
    apply_rejected(e, event_rejected(e, account, idx, user_ref, 0, REJECT_PROCESSING, no_clordid));
}

/* ---- mass cancel ---- */

u32 account_first_order(const struct engine *e, u32 account, u32 idx)
{
    for (; idx < CHANNELS_MAX; idx++) {
        const struct channel *c = account_channel(&e->accounts, account, (u8)idx);
        if (c && c->open)
            return refs_first(&e->refs, c);
    }
    return 0;
}

u32 account_next_order(const struct engine *e, u32 owner, u32 user_ref)
{
    u32 id = refs_after(&e->refs, owner, user_ref);
    return id ? id : account_first_order(e, owner_account(owner), owner_idx(owner) + 1u);
}

static bool mass_wants(const struct engine *e, u32 id)
{
    const struct msg_mass *m = &e->mass;
    const struct order *o = &e->orders.hot[id];
    const struct order_terms *t = &e->orders.terms[id];
    const struct account *a = &e->accounts.at[m->ev.account];

    if (memcmp(m->symbol, "        ", sizeof m->symbol) != 0 &&
        memcmp(m->symbol, e->instruments.terms[o->instrument].symbol, sizeof m->symbol) != 0)
        return false;
    if (m->side && m->side != e->orders.info[id].side)
        return false;
    if (m->has_group && m->group_id != t->group_id)
        return false;
    return account_firm(a, m->firm) == account_firm(a, t->firm);
}

void work_mass(struct engine *e)
{
    bool resumed = e->work.kind == WORK_MASS;
    u32 account = e->mass.ev.account;
    u32 id = resumed ? refs_find(&e->refs, e->work.owner, e->work.cursor)
                     : account_first_order(e, account, 0);

    for (u32 budget = e->chunk_cancels; id && budget; budget--) {
        const struct order *o = &e->orders.hot[id];
        u32 next = account_next_order(e, o->owner, o->user_ref);
        ASSERT_EQ(owner_account(o->owner), account);
        if (mass_wants(e, id) && order_late(e, id))
            late_cancel(e, id, 0);
        else if (mass_wants(e, id))
            apply_cancelled(e, event_cancelled(e, id, order_left(&e->orders, id), 'U'), id);
        id = next;
    }
    if (id)
        apply_work(e, event_work_order(e, WORK_MASS, id));
    else if (resumed)
        apply_work(e, event_work(e, WORK_NONE, 0));
}

void step_mass_cancel(struct engine *e, const struct msg_mass *c)
{
    if (!number_is_new(e, &c->cmd, c->user_ref_idx, c->user_ref))
        return;
    if (!account_channel_get(&e->accounts, c->cmd.account, c->user_ref_idx)) {
        refuse(e, c->cmd.account, c->user_ref_idx, c->user_ref);
        return;
    }
    union msg *m = event_room(e, 1);
    m->mass = *c;
    m->mass.ev = event_head_seq(e, EV_MASS_CANCELLED, 1, c->cmd.account, 0);
    apply_mass(e, &m->mass);
    work_mass(e);
}

/* ---- order entry ---- */

void step_firm(struct engine *e, const struct msg_firm *c)
{
    bool disable = c->cmd.type == CMD_DISABLE;
    const struct account *a;

    if (!number_is_new(e, &c->cmd, c->user_ref_idx, c->user_ref))
        return;
    a = &e->accounts.at[c->cmd.account];
    if (!account_channel_get(&e->accounts, c->cmd.account, c->user_ref_idx) ||
        (disable && a->blocked_used == BLOCKED_FIRMS_MAX &&
         !account_blocks(a, account_firm(a, c->firm)))) {
        refuse(e, c->cmd.account, c->user_ref_idx, c->user_ref);
        return;
    }
    union msg *m = event_room(e, 1);
    m->firm = *c;
    m->firm.ev = event_head_seq(e, disable ? EV_DISABLED : EV_ENABLED, 1, c->cmd.account, 0);
    apply_firm(e, &m->firm);
}
