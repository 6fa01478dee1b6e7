/*
 * recover_operator.c - recovery's look at what operators have done; see recover.c. Cold.
 */
#include "engine/apply.h"
#include "engine/recover.h"

static const char *recover_barred(struct engine *e, const struct msg_bar *ev)
{
    if (!account_known(&e->accounts, ev->account))
        return "a bar of an unknown account";
    return apply_barred(e, ev), NULL;
}

static const char *recover_operator(struct engine *e, const struct msg_operated *ev)
{
    if (e->request.id || !ev->request || engine_busy(e) || ev->first_seq != e->seq + 1)
        return "an operator's request in the midst of other work";
    return apply_operator(e, ev), NULL;
}

static const char *recover_operated(struct engine *e, const struct msg_operated *ev)
{
    u32 open = e->orders.pool.used;

    if (!ev->request || ev->request != e->request.id || engine_busy(e) ||
        ev->first_seq != e->request.first_seq || ev->type != e->request.type)
        return "the end of an operator's request that is not under way";
    if (ev->outcome > OPERATED_REFUSED || ev->why > WHY_MAX ||
        ev->gone != (open < e->request.open ? e->request.open - open : 0))
        return "an operator's request with another end";
    return apply_operated(e, ev), NULL;
}

const char *recover_operator_event(struct engine *e, const union msg *m)
{
    switch (m->ev.type) {
    case EV_BARRED:
    case EV_UNBARRED:
        return recover_barred(e, &m->bar);
    case EV_OPERATOR:
        return recover_operator(e, &m->operated);
    default:
        return recover_operated(e, &m->operated);
    }
}
