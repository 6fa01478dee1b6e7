/*
 * step_operator.c - requests of operators: who and why around one command. Engine thread.
 *
 *   CMD_OPERATOR: EV_OPERATOR, what the carried command does, [CONTINUEs ...], EV_OPERATED
 *
 * The admin agent is the only sender; it has looked at who may do what. A request that cannot be is
 * still a transaction, so the journal has it with who, why and the reason of the refusal. One
 * request at a time: the next command waits until the long work of this one is done.
 */
#include "engine/apply.h"
#include "engine/event.h"

static const struct msg_operated *event_operated(struct engine *e, u8 type, const struct request *r)
{
    union msg *m = event_room(e, 1);

    m->operated = (struct msg_operated){
        .head = event_head(e, type, 1, 0),
        .request = r->id,
        .first_seq = r->first_seq,
        .uid = r->uid,
        .type = r->type,
    };
    return &m->operated;
}

void operator_end(struct engine *e)
{
    const struct request *r = &e->request;
    struct msg_operated *ev = (struct msg_operated *)event_operated(e, EV_OPERATED, r);
    u32 open = e->orders.pool.used;

    ev->gone = open < r->open ? r->open - open : 0;
    ev->outcome = r->outcome;
    ev->why = r->why;
    apply_operated(e, ev);
}

static void step_bar(struct engine *e, const struct msg_bar *c)
{
    bool bar = c->cmd.type == CMD_BAR;

    if (!account_known(&e->accounts, c->account)) {
        request_refuse(e, WHY_ACCOUNT);
        return;
    }
    if (e->accounts.at[c->account].barred == bar) {
        request_superfluous(e);
        return;
    }
    union msg *m = event_room(e, 1);
    m->bar = (struct msg_bar){
        .ev = event_head(e, bar ? EV_BARRED : EV_UNBARRED, 1, 0),
        .account = c->account,
    };
    apply_barred(e, &m->bar);
}

static void step_expel(struct engine *e, const struct msg_bar *c)
{
    u32 id = c->account;

    if (!account_known(&e->accounts, id)) {
        request_refuse(e, WHY_ACCOUNT);
        return;
    }
    const struct account *a = &e->accounts.at[id];
    if (!a->bind_id) {
        request_superfluous(e);
        return;
    }
    apply_unbound(e, event_unbound(e, id, UNBIND_EXPELLED));
    if (account_drop(a) && !account_drop_ms(a) && a->open)
        drop_begin(e, id);
}

/* For the record; what was refused elsewhere is refused here, too, so that its end says so. */
static void step_note(struct engine *e, const struct msg_note *c)
{
    if (c->what == NOTE_REFUSED)
        request_refuse(e, c->why > WHY_NONE && c->why <= WHY_MAX ? c->why : WHY_TYPE);
}

/* The carried command, with the head that it would have had alone. */
static void carried(const struct msg_operator *c, union msg *out)
{
    memset(out, 0, sizeof *out);
    out->cmd = (struct cmd_head){
        .type = c->type,
        .slots = (u8)msg_type_slots(c->type),
        .seq = c->head.seq,
        .time_ns = c->head.time_ns,
    };
    memcpy((u8 *)out + sizeof out->cmd, c->body, sizeof c->body);
}

static void step_carried(struct engine *e, const union msg *cmd)
{
    switch (cmd->cmd.type) {
    case CMD_BAR:
    case CMD_UNBAR:
        step_bar(e, &cmd->bar);
        break;
    case CMD_EXPEL:
        step_expel(e, &cmd->bar);
        break;
    case CMD_NOTE:
        step_note(e, &cmd->note);
        break;
    default:
        if (!step_venue(e, cmd))
            request_refuse(e, WHY_TYPE);
    }
}

void step_operator(struct engine *e, const struct msg_operator *c)
{
    struct request r = {.id = c->request, .first_seq = e->tx_seq, .uid = c->uid, .type = c->type};
    union msg cmd;

    if (!c->request) {
        request_refuse(e, WHY_TERMS);
        return;
    }
    carried(c, &cmd);
    apply_operator(e, event_operated(e, EV_OPERATOR, &r));
    step_carried(e, &cmd);
}
