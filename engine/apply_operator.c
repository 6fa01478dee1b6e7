/*
 * apply_operator.c - what operators have done, applied. Engine thread; as apply.c: no decisions, no
 * output, and whatever recovery must restore changes here.
 */
#include "engine/apply.h"

static void firm_killed(struct kills *k, u32 firm, bool killed)
{
    u32 i = 0;

    while (i < k->firms_used && k->firms[i] != firm)
        i++;
    if (killed && i == k->firms_used) {
        ASSERT_LT(i, KILLED_FIRMS_MAX);
        k->firms[k->firms_used++] = firm;
    } else if (!killed && i < k->firms_used) {
        k->firms[i] = k->firms[--k->firms_used];
        k->firms[k->firms_used] = 0;
    }
}

void apply_killed(struct engine *e, const struct msg_kill *ev)
{
    bool killed = ev->ev.type == EV_KILLED;
    u32 first = ev->scope == KILL_ACCOUNT ? ev->account : 1;

    if (ev->scope == KILL_ACCOUNT) {
        e->accounts.at[ev->account].killed = killed;
        account_rewatch(&e->accounts.at[ev->account]);
    } else if (ev->scope == KILL_FIRM) {
        firm_killed(&e->kills, kill_firm(ev), killed);
    } else {
        e->kills.venue = killed;
    }
    if (!killed || e->accounts.names.used == 0)
        return;
    e->kill = *ev;
    e->kill.ev.flags = 0;
    e->work = (struct work){.kind = WORK_KILL, .owner = owner_of(first, 0)};
}

void apply_barred(struct engine *e, const struct msg_bar *ev)
{
    struct account *a = &e->accounts.at[ev->account];

    a->barred = ev->ev.type == EV_BARRED;
    account_rewatch(a);
}

void apply_operator(struct engine *e, const struct msg_operated *ev)
{
    ASSERT_EQ(e->request.id, 0);
    ASSERT_NE(ev->request, 0);
    e->request = (struct request){
        .id = ev->request,
        .first_seq = ev->first_seq,
        .open = e->orders.pool.used,
        .uid = ev->uid,
        .type = ev->type,
    };
}

void apply_operated(struct engine *e, const struct msg_operated *ev)
{
    ASSERT_EQ(e->request.id, ev->request);
    e->request = (struct request){0};
}
