/* ref_operator.c - the reference engine: requests of operators. */
#include <string.h>

#include "tests/lib/ref_state.h"

static u32 orders_open(const struct ref *r)
{
    u32 n = 0;
    for (u32 i = 0; i < r->conf.orders_max; i++)
        n += r->orders[i].open;
    return n;
}

static void bar(struct ref *r, const struct msg_bar *c)
{
    u32 id = c->account;
    if (id == 0 || id > r->accounts_used)
        return;
    struct ref_account *a = &r->accounts[id];
    if (c->cmd.type == CMD_EXPEL) {
        if (!a->bind_id)
            return;
        ref_unbound(r, id, 'X');
        ref_drop_arm(r, id);
        u32 ms;
        if (ref_drops(a, &ms) && a->drop && ms == 0)
            ref_drop(r, id);
    } else if (a->barred != (c->cmd.type == CMD_BAR)) {
        a->barred = !a->barred;
        ref_add(r, a->barred ? EV_BARRED : EV_UNBARRED, 1, 0)->bar.account = id;
    }
}

static union msg *tell(struct ref *r, u8 type)
{
    union msg *m = ref_add(r, type, 1, 0);
    struct event_head head = m->ev;
    m->operated = r->request;
    m->ev = head;
    m->operated.gone = 0;
    return m;
}

void ref_operator(struct ref *r, const struct msg_operator *c)
{
    union msg m;

    if (c->request == 0)
        return;
    r->request = (struct msg_operated){.request = c->request,
                                       .first_seq = r->seq + 1,
                                       .gone = orders_open(r),
                                       .uid = c->uid,
                                       .type = c->type};
    tell(r, EV_OPERATOR);
    u32 before = r->last;
    memset(&m, 0, sizeof m);
    m.cmd.type = c->type;
    memcpy((u8 *)&m + 32, c->body, sizeof c->body);
    if (c->type == CMD_BAR || c->type == CMD_UNBAR || c->type == CMD_EXPEL)
        bar(r, &m.bar);
    else if (c->type && memchr("\x03\x04\x05\x28\x29\x2A\x30\x31\x32\x33\x34", c->type, 11))
        ref_dispatch(r, &m);
    if (r->last == before && (c->type != CMD_NOTE || m.note.what == NOTE_REFUSED))
        r->request.outcome = REF_NOT_DONE;
}

void ref_operated(struct ref *r)
{
    if (!r->request.request)
        return;
    u32 gone = r->request.gone - orders_open(r);
    struct msg_operated *m = &tell(r, EV_OPERATED)->operated;
    m->outcome = r->request.outcome;
    m->gone = gone;
    r->request.request = 0;
}
