/*
 * reload.c - see reload.h. Thread: admin (cold). Enters: a request, files, the engine's answers.
 * Leaves: CMD_LOOK and CMD_OPERATOR.
 *
 * Answers come in the order of the requests: one ring there, one engine, one ring back. There is no
 * time limit: what was begun is known to its end, and an engine that answers nothing any more is
 * somebody else's alarm (wirebook_agents_stuck).
 *
 * Failure modes: files that are wrong or do not fit: refused, nothing was changed. An order that
 * came between look and command and stands in a coarser tick's way: what was done is taken back.
 */
#include "gateway/reload.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "gateway/admin/request.h"

void reload_init(struct reload *r, const struct reload_conf *conf)
{
    *r = (struct reload){.conf = *conf};
}

void reload_register_metrics(const struct reload *r)
{
    metrics_register("wirebook_reloads_total", "", "Reloads of the config that were carried out.",
                     METRIC_COUNTER, &r->reloads);
    metrics_register("wirebook_reloads_failed_total", "",
                     "Reloads of the config that were refused: the files are wrong, nothing has "
                     "changed.",
                     METRIC_COUNTER, &r->failed);
}

static void stage_set(struct reload *r, enum reload_stage stage)
{
    r->stage = stage;
    r->sent = r->answered = 0;
}

void reload_begin(struct reload *r, const struct peer *peer, const char *reason)
{
    ASSERT(!reload_busy(r));
    r->peer = *peer;
    snprintf(r->reason, sizeof r->reason, "%s", reason);
    r->refused = r->stays = false;
    r->result = (struct reload_result){0};
    r->errors = open_memstream(&r->result.text, &r->text_bytes);
    ASSERT(r->errors != NULL);
    stage_set(r, RELOAD_NOTE);
}

/* ---- to the engine ---- */

static bool command_send(struct reload *r, u8 type, const u8 body[OPERATOR_BODY_BYTES])
{
    u64 number = r->conf.number(r->conf.ctx);
    union msg m;

    request_carry(&m, &r->peer, number, type, body, r->reason);
    if (!ring_push(r->conf.cmds, &m, m.cmd.slots))
        return false;
    r->numbers[r->sent++ % RELOAD_WINDOW] = number;
    return true;
}

static bool look_send(struct reload *r, u8 what, const char name[8])
{
    union msg m;

    memset(&m, 0, sizeof m);
    m.cmd.type = CMD_LOOK;
    m.cmd.slots = 1;
    m.look.request = r->conf.number(r->conf.ctx);
    m.look.what = what;
    memcpy(m.look.name, name, sizeof m.look.name);
    if (!ring_push(r->conf.cmds, &m, 1))
        return false;
    r->numbers[r->sent++ % RELOAD_WINDOW] = m.look.request;
    return true;
}

/* True when one more may be on its way. */
static bool window_open(const struct reload *r, u32 width)
{
    return r->sent - r->answered < width;
}

/* ---- from the engine ---- */

static void on_operated(struct reload *r, const struct msg_operated *m)
{
    u32 at = r->answered++;

    r->result.last_seq = m->head.seq;
    if (r->stage == RELOAD_NOTE) {
        r->result.request = m->request;
        r->result.seq = m->first_seq;
    } else if (r->stage == RELOAD_SEND && m->outcome == OPERATED_REFUSED) {
        r->refused = true;
        fprintf(r->errors, "the engine refuses %s: %s\n", msg_type_name(r->plan.steps[at].type),
                request_why(m->why));
    } else if (r->stage == RELOAD_SEND && m->outcome == OPERATED_DONE) {
        r->plan.steps[at].done = true;
        r->result.commands++;
    } else if (r->stage == RELOAD_UNDO && m->outcome == OPERATED_REFUSED) {
        r->stays = true;
        fprintf(r->errors, "request %llu cannot be taken back: %s; look at its instrument\n",
                (unsigned long long)m->request, request_why(m->why));
    }
}

static void on_seen(struct reload *r, const struct msg_seen *m)
{
    u32 at = r->answered++;

    if (at == 0)
        r->venue = m->venue;
    else
        plan_seen(&r->plan, at - 1, m);
}

void reload_answer(struct reload *r, const union msg *m)
{
    bool seen = m->ev.type == EV_SEEN;
    u64 number = seen ? m->seen.request : m->operated.request;

    if (!reload_busy(r) || r->sent == r->answered ||
        r->numbers[r->answered % RELOAD_WINDOW] != number)
        return; /* of an earlier process, or of a request that timed out */
    if (seen)
        on_seen(r, &m->seen);
    else
        on_operated(r, &m->operated);
}

/* ---- stages ---- */

static void refuse(struct reload *r)
{
    plan_free(&r->plan);
    r->conf.drop(r->conf.renew);
    r->result.outcome = RELOAD_REFUSED;
    stage_set(r, RELOAD_DURABLE);
}

static void step_note(struct reload *r)
{
    const struct refdata *was, *is;
    static const u8 note[OPERATOR_BODY_BYTES] = {NOTE_RELOAD};

    if (r->sent == 0)
        command_send(r, CMD_NOTE, note);
    if (r->answered == 0)
        return;
    if (r->conf.load(r->conf.renew, &was, &is, &r->max, r->errors) != 0) {
        r->result.outcome = RELOAD_REFUSED;
        stage_set(r, RELOAD_DURABLE);
        return;
    }
    plan_begin(&r->plan, was, is);
    stage_set(r, RELOAD_LOOK);
}

/* The venue first, then every subject. */
static void step_look(struct reload *r)
{
    static const char none[8];
    u32 all = r->plan.subjects_used + 1;
    bool room = true;

    while (room && r->sent < all && window_open(r, RELOAD_WINDOW)) {
        const struct plan_subject *s = r->sent > 0 ? &r->plan.subjects[r->sent - 1] : NULL;
        room = look_send(r, s ? s->look : LOOK_VENUE, s ? s->name : none);
    }
    if (r->answered < all)
        return;
    if (plan_make(&r->plan, &r->venue, &r->max, r->errors) != 0)
        refuse(r);
    else
        stage_set(r, RELOAD_SEND);
}

static void step_send(struct reload *r)
{
    bool room = true;

    while (
        room && !r->refused && r->sent < r->plan.steps_used &&
        window_open(r, r->sent <= r->plan.careful || r->sent == r->plan.last ? 1 : RELOAD_WINDOW)) {
        const struct plan_step *s = &r->plan.steps[r->sent];
        room = command_send(r, s->type, s->body);
    }
    if (r->sent != r->answered)
        return;
    if (r->refused)
        stage_set(r, RELOAD_UNDO);
    else if (r->answered == r->plan.steps_used)
        stage_set(r, RELOAD_GIVE);
}

/* From the last step to the first. */
static void step_undo(struct reload *r)
{
    struct plan *p = &r->plan;

    while (p->steps_used > 0 && window_open(r, RELOAD_WINDOW)) {
        const struct plan_step *s = &p->steps[p->steps_used - 1];
        if (s->done && s->undo_type && !command_send(r, s->undo_type, s->undo))
            return;
        p->steps_used--;
    }
    if (p->steps_used > 0 || r->sent != r->answered)
        return;
    if (!r->stays)
        fputs("all that was done before was taken back\n", r->errors);
    refuse(r);
}

static void step_give(struct reload *r)
{
    if (!r->conf.give(r->conf.renew))
        return;
    r->result.counts = r->plan.counts;
    plan_free(&r->plan);
    stage_set(r, RELOAD_DURABLE);
}

/* True when there is a result. */
static bool step_durable(struct reload *r)
{
    if (atomic_load_explicit(r->conf.durable_seq, memory_order_acquire) < r->result.last_seq)
        return false;
    fclose(r->errors);
    r->errors = NULL;
    metric_add(r->result.outcome == RELOAD_DONE ? &r->reloads : &r->failed, 1);
    return true;
}

const struct reload_result *reload_step(struct reload *r, int *work)
{
    enum reload_stage before = r->stage;
    u32 sent = r->sent;
    bool done = false;

    switch (r->stage) {
    case RELOAD_IDLE:
        break;
    case RELOAD_NOTE:
        step_note(r);
        break;
    case RELOAD_LOOK:
        step_look(r);
        break;
    case RELOAD_SEND:
        step_send(r);
        break;
    case RELOAD_UNDO:
        step_undo(r);
        break;
    case RELOAD_GIVE:
        step_give(r);
        break;
    case RELOAD_DURABLE:
        done = step_durable(r);
        break;
    }
    *work += done || r->stage != before || r->sent != sent;
    return done ? &r->result : NULL;
}

void reload_end(struct reload *r)
{
    if (r->errors)
        fclose(r->errors);
    r->errors = NULL;
    free(r->result.text);
    r->result.text = NULL;
    plan_free(&r->plan);
    r->stage = RELOAD_IDLE;
}
