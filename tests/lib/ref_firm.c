/* ref_firm.c - the reference's Mass Cancel, Disable and Enable: all orders looked at each time. */
#include "tests/lib/ref_state.h"

const char *ref_firm_meant(const struct ref *r, u32 account, const char *firm)
{
    bool named = memcmp(firm, "    ", 4) != 0 && memcmp(firm, "\0\0\0\0", 4) != 0;
    return named ? firm : r->accounts[account].terms.firm;
}

/* The account has disabled the firm itself. */
static bool disabled(const struct ref *r, u32 account, const char *firm)
{
    const struct ref_account *a = &r->accounts[account];

    for (u32 i = 0; i < a->blocked_used; i++)
        if (memcmp(a->blocked[i], ref_firm_meant(r, account, firm), 4) == 0)
            return true;
    return false;
}

bool ref_blocked(const struct ref *r, u32 account, const char *firm)
{
    if (r->accounts[account].killed || r->accounts[account].barred || r->venue_killed)
        return true;
    for (u32 i = 0; i < r->killed_firms_used; i++)
        if (memcmp(r->killed_firms[i], ref_firm_meant(r, account, firm), 4) == 0)
            return true;
    return disabled(r, account, firm);
}

static bool wanted(const struct ref *r, const struct ref_order *o)
{
    const struct msg_mass *m = &r->mass;
    u32 account = m->ev.account;

    if (memcmp(m->symbol, "        ", 8) != 0 &&
        memcmp(m->symbol, r->instruments[o->o.instrument].symbol, 8) != 0)
        return false;
    if (m->side != 0 && m->side != o->o.side)
        return false;
    if (m->has_group && o->o.terms.group_id != m->group_id)
        return false;
    return memcmp(ref_firm_meant(r, account, m->firm), ref_firm_meant(r, account, o->o.terms.firm),
                  4) == 0;
}

struct ref_order *ref_first_from(struct ref *r, u32 account, u32 idx, u32 user_ref)
{
    u64 from = (u64)idx << 32 | user_ref;
    struct ref_order *first = NULL;
    u64 lowest = 0;

    for (u32 i = 0; i < r->conf.orders_max; i++) {
        struct ref_order *o = &r->orders[i];
        u64 key = (u64)o->o.user_ref_idx << 32 | o->o.user_ref;
        if (!o->open || o->o.head.account != account || key < from || (first && key > lowest))
            continue;
        first = o;
        lowest = key;
    }
    return first;
}

void ref_go_on_mass(struct ref *r)
{
    bool resumed = r->work == WORK_MASS;
    u32 account = r->mass.ev.account;
    u32 idx = resumed ? r->mass_idx : 0;
    u32 number = resumed ? r->mass_number : 0;

    for (u32 visited = 0;; visited++) {
        struct ref_order *o = ref_first_from(r, account, idx, number);
        if (!o)
            break;
        idx = o->o.user_ref_idx;
        number = o->o.user_ref;
        if (visited == r->chunk_cancels) {
            r->mass_idx = idx;
            r->mass_number = number;
            ref_work(r, WORK_MASS);
            ((union msg *)(void *)&r->tx->slots[r->last])->work.order_ref = o->o.order_ref;
            return;
        }
        if (wanted(r, o) && ref_too_late(r, o))
            ref_late_cancel(r, o, 0);
        else if (wanted(r, o))
            ref_cancelled(r, o, o->o.qty, 'U');
        number++;
    }
    if (resumed)
        ref_work(r, WORK_NONE);
}

static bool is_new(struct ref *r, const struct cmd_head *h, u8 idx, u32 user_ref)
{
    struct ref_account *a = ref_bound(r, h);
    if (!a || user_ref <= a->last[idx])
        return false;
    a->last[idx] = user_ref;
    return true;
}

void ref_mass_cancel(struct ref *r, const struct msg_mass *c)
{
    if (!is_new(r, &c->cmd, c->user_ref_idx, c->user_ref))
        return;
    union msg *m = ref_add(r, EV_MASS_CANCELLED, 1, c->cmd.account);
    struct event_head head = m->ev;
    m->mass = *c;
    m->ev = head;
    r->mass = m->mass;
    ref_go_on_mass(r);
}

void ref_firm(struct ref *r, const struct msg_firm *c)
{
    struct ref_account *a = &r->accounts[c->cmd.account];
    bool disable = c->cmd.type == CMD_DISABLE;
    const char *firm;

    if (!is_new(r, &c->cmd, c->user_ref_idx, c->user_ref))
        return;
    firm = ref_firm_meant(r, c->cmd.account, c->firm);
    bool blocked = disabled(r, c->cmd.account, firm);
    if (disable && !blocked && a->blocked_used == 8) {
        union msg *m = ref_add(r, EV_REJECTED, 1, c->cmd.account);
        m->rejected.user_ref = c->user_ref;
        m->rejected.user_ref_idx = c->user_ref_idx;
        m->rejected.reason = 0x000A;
        memset(m->rejected.clordid, ' ', 14);
        return;
    }
    union msg *m = ref_add(r, disable ? EV_DISABLED : EV_ENABLED, 1, c->cmd.account);
    struct event_head head = m->ev;
    m->firm = *c;
    m->ev = head;
    if (disable && !blocked)
        memcpy(a->blocked[a->blocked_used++], firm, 4);
    for (u32 i = 0; !disable && i < a->blocked_used; i++)
        if (memcmp(a->blocked[i], firm, 4) == 0)
            memcpy(a->blocked[i], a->blocked[--a->blocked_used], 4);
}

void ref_drop(struct ref *r, u32 account)
{
    bool resumed = r->work == WORK_DROP;
    u32 idx = resumed ? r->mass_idx : 0, number = resumed ? r->mass_number : 0;

    if (!resumed) {
        r->mass.ev.account = account;
        r->mass_idx = 0;
        r->mass_number = 0;
        r->accounts[account].drop = 0;
        ref_work(r, WORK_DROP);
    }
    for (u32 visited = 0;; visited++) {
        struct ref_order *o = ref_first_from(r, r->mass.ev.account, idx, number);
        if (!o)
            break;
        idx = o->o.user_ref_idx;
        number = o->o.user_ref;
        if (visited == r->chunk_cancels) {
            r->mass_idx = (u8)idx;
            r->mass_number = number;
            ref_work(r, WORK_DROP);
            ((union msg *)(void *)&r->tx->slots[r->last])->work.order_ref = o->o.order_ref;
            return;
        }
        if (!ref_too_late(r, o))
            ref_cancelled(r, o, o->o.qty, 'Z');
        number++;
    }
    ref_work(r, WORK_NONE);
}

void ref_drop_arm(struct ref *r, u32 account)
{
    struct ref_account *a = &r->accounts[account];
    bool any = false;

    for (u32 i = 0; i < r->conf.orders_max; i++)
        any |= r->orders[i].open && r->orders[i].o.head.account == account;
    u32 ms;
    if (ref_drops(a, &ms) && any)
        a->drop = r->time + ms * 1000000ull;
}

/* ---- the kill switch ---- */

void ref_go_on_kill(struct ref *r)
{
    u32 last = r->kill.scope == KILL_ACCOUNT ? r->kill.account : r->accounts_used;
    u32 budget = r->chunk_cancels;

    for (;;) {
        u32 account = r->mass.ev.account;
        struct ref_order *o = ref_first_from(r, account, r->mass_idx, r->mass_number);
        if (o) {
            r->mass_idx = o->o.user_ref_idx;
            r->mass_number = o->o.user_ref;
            if (budget == 0) {
                ref_work(r, WORK_KILL);
                ((union msg *)(void *)&r->tx->slots[r->last])->work.order_ref = o->o.order_ref;
                return;
            }
            if (r->kill.scope != KILL_FIRM ||
                memcmp(ref_firm_meant(r, account, o->o.terms.firm), r->kill.firm, 4) == 0)
                ref_cancelled(r, o, o->o.qty, 'S');
            budget--;
            r->mass_number++;
            continue;
        }
        if (account == last)
            break;
        r->mass.ev.account++;
        r->mass_idx = 0;
        r->mass_number = 0;
        if (budget < 2) {
            ref_work(r, WORK_KILL);
            return;
        }
        budget--;
    }
    ref_work(r, WORK_NONE);
}

static u32 killed_at(const struct ref *r, const char *firm)
{
    u32 i = 0;
    while (i < r->killed_firms_used && memcmp(r->killed_firms[i], firm, 4) != 0)
        i++;
    return i;
}

void ref_kill(struct ref *r, const struct msg_kill *c)
{
    bool kill = c->cmd.type == CMD_KILL, account = c->scope == KILL_ACCOUNT;
    u32 at = killed_at(r, c->firm);
    bool there = at < r->killed_firms_used;

    if (c->scope < 1 || c->scope > 3 || (account && (!c->account || c->account > r->accounts_used)))
        return;
    if (c->scope == KILL_FIRM && (!c->firm[0] || memcmp(c->firm, "    ", 4) == 0 ||
                                  (kill && !there && r->killed_firms_used == 16)))
        return;
    if (!kill && !(account                 ? r->accounts[c->account].killed
                   : c->scope == KILL_FIRM ? there
                                           : r->venue_killed))
        return;
    union msg *m = ref_add(r, kill ? EV_KILLED : EV_RESTORED, 1, 0);
    m->kill.scope = c->scope;
    m->kill.account = account ? c->account : 0;
    if (c->scope == KILL_FIRM)
        memcpy(m->kill.firm, c->firm, 4);
    if (account)
        r->accounts[c->account].killed = kill;
    else if (c->scope == KILL_VENUE)
        r->venue_killed = kill;
    else if (kill && !there)
        memcpy(r->killed_firms[r->killed_firms_used++], c->firm, 4);
    else if (!kill)
        memcpy(r->killed_firms[at], r->killed_firms[--r->killed_firms_used], 4);
    if (!kill || r->accounts_used == 0)
        return;
    r->kill = m->kill;
    r->mass.ev.account = account ? c->account : 1;
    r->mass_idx = 0;
    r->mass_number = 0;
    ref_go_on_kill(r);
}
