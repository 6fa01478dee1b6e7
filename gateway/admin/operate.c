/*
 * operate.c - see operate.h. Enters: requests, EV_SEEN and EV_OPERATED. Leaves: CMD_LOOK and
 * CMD_OPERATOR, answers as JSON, a line of log for each request that is more than a look.
 *
 * Failure modes: a full ring of commands is tried again until the time is over; an answer to a
 * request that nobody waits for any more (after a time-out, or of the process before) is dropped.
 */
#include "gateway/admin/operate.h"

#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/log.h"

#define DRAIN_WAIT_NS NS_PER_SEC /* for the answer to be taken */

void operate_init(struct operate *o, const struct operate_conf *conf, u64 first)
{
    memset(o, 0, sizeof *o);
    o->conf = *conf;
    o->numbers = first;
    refusals_init(&o->refusals, conf->cmds, &o->numbers);
}

void operate_register_metrics(const struct operate *o)
{
    metrics_register("wirebook_control_requests_total", "", "Requests of operators.",
                     METRIC_COUNTER, &o->requests);
    metrics_register("wirebook_control_refused_total", "",
                     "Requests of operators that were refused.", METRIC_COUNTER, &o->refused);
    metrics_register("wirebook_control_timeouts_total", "",
                     "Requests of operators that the engine did not answer in time.",
                     METRIC_COUNTER, &o->timeouts);
    refusals_register_metrics(&o->refusals);
}

json_t *operate_answer(const char *outcome, const char *text)
{
    return json_pack("{ss ss}", "outcome", outcome, "text", text);
}

static json_t *finish(struct operate *o, json_t *answer)
{
    request_free(&o->request);
    json_decref(o->list);
    o->list = NULL;
    o->sent = false; /* what comes now comes late */
    o->state = OPERATE_IDLE;
    return answer;
}

void operate_refused(struct operate *o, const struct refusal *f, u64 now_ns)
{
    metric_add(&o->refused, 1);
    refusals_add(&o->refusals, f, now_ns);
}

static void note(struct operate *o, u8 why, const char *text)
{
    struct refusal f = {.peer = &o->peer, .request = &o->request, .why = why, .text = text};

    refusals_add(&o->refusals, &f, o->now_ns);
}

static json_t *fail(struct operate *o, u8 why, const char *text)
{
    metric_add(&o->refused, 1);
    note(o, why, text);
    return finish(o, operate_answer("refused", text));
}

static void state_set(struct operate *o, enum operate_state state)
{
    o->state = state;
    o->sent = false;
}

u64 operate_number(struct operate *o)
{
    return ++o->numbers;
}

void operate_begin(struct operate *o, const struct request *r, const struct peer *peer, u64 now_ns)
{
    ASSERT(!operate_busy(o));
    ASSERT_GE(peer->role, r->kind->role);
    o->request = *r;
    o->peer = *peer;
    o->number = operate_number(o);
    o->deadline_ns = now_ns + OPERATE_ANSWER_NS;
    o->from = 1;
    o->now_ns = now_ns;
    o->list = r->kind->what == DO_LIST ? json_array() : NULL;
    o->seen = (struct msg_seen){0};
    bool looks = r->kind->what == DO_LIST || r->name[0];
    state_set(o, looks ? OPERATE_LOOK : OPERATE_ASK);
    metric_add(&o->requests, 1);
}

/* ---- looks ---- */

static bool look_send(struct operate *o)
{
    union msg m;

    memset(&m, 0, sizeof m);
    m.cmd.type = CMD_LOOK;
    m.cmd.slots = 1;
    m.look.request = o->number;
    m.look.what = o->request.kind->look;
    m.look.from = o->from;
    memcpy(m.look.name, o->request.name, sizeof m.look.name);
    return ring_push(o->conf.cmds, &m, 1);
}

static json_t *listed(struct operate *o)
{
    json_t *list = json_incref(o->list);

    return finish(o, json_pack("{ss so}", "outcome", "done", "data", list));
}

/* The subject of a command is known, and with it the command. */
static json_t *found(struct operate *o)
{
    bool account = o->request.kind->look == LOOK_ACCOUNT;
    bool new_one = strcmp(o->request.kind->name, "instrument") == 0 ||
                   strcmp(o->request.kind->name, "profile") == 0;

    if (o->seen.id == 0 && !new_one)
        return account ? fail(o, WHY_ACCOUNT, "no such account")
                       : fail(o, WHY_INSTRUMENT, "no such instrument");
    state_set(o, OPERATE_ASK);
    return NULL;
}

static json_t *on_seen(struct operate *o, const struct msg_seen *s)
{
    if (o->state != OPERATE_LOOK)
        return NULL;
    o->seen = *s;
    if (o->request.kind->what != DO_LIST)
        return found(o);
    json_t *shown = s->id != 0 || s->what == LOOK_VENUE ? request_show(s) : NULL;
    if (shown)
        json_array_append_new(o->list, shown);
    if (!s->last)
        return NULL;
    if (s->id == 0 || s->what == LOOK_VENUE)
        return listed(o);
    o->from = s->id + 1;
    o->sent = false;
    o->deadline_ns = o->now_ns + OPERATE_ANSWER_NS; /* of the next page */
    return NULL;
}

/* ---- commands ---- */

/* False: there is something wrong with it, which *wrong says. */
static bool command_make(struct operate *o, const char **wrong)
{
    const struct msg_seen *seen = o->request.name[0] ? &o->seen : NULL;

    *wrong = o->request.kind->build(&o->request, seen, &o->cmd);
    return *wrong == NULL;
}

static bool command_send(struct operate *o)
{
    union msg m;

    request_carry(&m, &o->peer, o->number, o->cmd.cmd.type, (const u8 *)&o->cmd + sizeof o->cmd.cmd,
                  o->request.reason);
    bool sent = ring_push(o->conf.cmds, &m, m.cmd.slots);
    o->cmd_end = o->conf.cmds->staged;
    return sent;
}

/* ---- requests that were not answered in time ---- */

static const char *outcome_word(u8 outcome)
{
    static const char *const words[] = {"done", "nothing", "refused"};

    return words[outcome <= OPERATED_REFUSED ? outcome : OPERATED_REFUSED];
}

static json_t *operated_show(u64 request, const struct msg_operated *end)
{
    return json_pack("{ss ss sI sI sI si}", "outcome", outcome_word(end->outcome), "text",
                     end->outcome == OPERATED_NOTHING ? "it was so already" : request_why(end->why),
                     "request", (json_int_t)request, "seq", (json_int_t)end->first_seq, "last_seq",
                     (json_int_t)end->head.seq, "orders_gone", (int)end->gone);
}

static struct operate_late *late_find(struct operate *o, u64 request)
{
    for (u32 i = 0; i < OPERATE_LATE; i++)
        if (request != 0 && o->late[i].request == request)
            return &o->late[i];
    return NULL;
}

static bool is_durable(const struct operate *o, u64 seq)
{
    return atomic_load_explicit(o->conf.durable_seq, memory_order_acquire) >= seq;
}

/* What became of it, or how far it is. */
static json_t *late_show(const struct operate *o, const struct operate_late *l)
{
    const char *text = "the engine has taken it and has not said yet what came of it";

    if (l->ended && is_durable(o, l->operated.head.seq)) {
        json_t *end = operated_show(l->request, &l->operated);
        if (l->begun && l->note == NOTE_SNAPSHOT)
            json_object_set_new(end, "text", json_string("the log says what comes of it"));
        return end;
    }
    if (l->ended)
        text = "it was carried out, but its transaction is not on the disk yet";
    else if (!ring_passed(o->conf.cmds, l->end))
        text = "it waits in the engine's ring: nothing was done yet, and it will be as soon as the "
               "engine goes on";
    return json_pack("{ss sI ss}", "outcome", "timeout", "request", (json_int_t)l->request, "text",
                     text);
}

/* True when it is the answer to such a one. */
static bool late_ended(struct operate *o, const struct msg_operated *m)
{
    struct operate_late *l = late_find(o, m->request);

    if (!l)
        return false;
    l->ended = true;
    l->operated = *m;
    log_event(LOG_WARN, "operator_late", "request=%llu outcome=%s why=\"%s\" transaction=%llu",
              (unsigned long long)m->request, outcome_word(m->outcome), request_why(m->why),
              (unsigned long long)m->first_seq);
    return true;
}

/* What was noted to be done is done, as soon as it is durable. Who asked does not wait any more. */
static void late_follow(struct operate *o, u64 now_ns)
{
    for (u32 i = 0; i < OPERATE_LATE; i++) {
        struct operate_late *l = &o->late[i];
        if (!l->note || l->begun || !l->ended || l->operated.outcome != OPERATED_DONE ||
            !is_durable(o, l->operated.head.seq))
            continue;
        l->begun = true;
        if (l->note == NOTE_DRAIN)
            o->drain_ns = now_ns + DRAIN_WAIT_NS;
        else if (!o->aside) /* else one is being made now */
            o->conf.snapshots.ask(o->conf.snapshots.ctx);
    }
}

/* NULL: it is there, or is still looked for. */
static json_t *not_found(struct operate *o, enum operate_found f, const char *none)
{
    if (f == FOUND_UNREADABLE)
        return fail(o, WHY_PROCESS, "the day's journal cannot be read: see the log");
    return f == FOUND_NONE ? fail(o, WHY_MATCH, none) : NULL;
}

/* DO_REQUEST: here, or by a search of the day's journal. */
static json_t *request_look(struct operate *o)
{
    u64 number = request_wanted(&o->request);
    const struct operate_late *l = late_find(o, number);
    struct msg_operated end;

    if (l)
        return finish(o, late_show(o, l));
    if (!o->conf.request_find)
        return fail(o, WHY_PROCESS, "this process cannot look requests up");
    enum operate_found f = o->conf.request_find(o->conf.ctx, number, &end, o->trade_new);
    o->trade_new = false;
    if (f == FOUND_IT)
        return finish(o, operated_show(number, &end));
    return not_found(o, f, "the journal of the day has no such request: nothing was done");
}

/* What is in the way of a snapshot, before the journal notes that one was wanted. */
static const char *snapshot_hindered(const struct operate *o)
{
    if (request_note(&o->request) != NOTE_SNAPSHOT)
        return NULL;
    if (!o->conf.snapshots.ask)
        return "this process makes no snapshots";
    return o->aside ? "a snapshot is under way" : o->conf.snapshots.hindered(o->conf.snapshots.ctx);
}

static json_t *step_ask(struct operate *o)
{
    const char *wrong;

    if (o->sent)
        return NULL;
    if (o->request.kind->what == DO_METRICS) {
        char *text = NULL;
        size_t bytes = 0;
        FILE *f = open_memstream(&text, &bytes);
        metrics_print(f);
        fclose(f);
        json_t *answer = json_pack("{ss ss}", "outcome", "done", "text", text);
        free(text);
        return finish(o, answer);
    }
    if (o->request.kind->what == DO_RELOAD) {
        wrong = o->conf.reload ? o->conf.reload(o->conf.ctx, &o->peer, o->request.reason)
                               : "this process cannot reload";
        return wrong ? fail(o, WHY_PROCESS, wrong) : finish(o, NULL);
    }
    if (o->request.kind->what == DO_STAGES)
        return finish(o, json_pack("{ss so}", "outcome", "done", "data", request_show_stages()));
    if (o->request.kind->what == DO_REQUEST) {
        state_set(o, OPERATE_SEARCH);
        o->trade_new = true;
        return NULL;
    }
    if (!command_make(o, &wrong))
        return fail(o, WHY_REQUEST, wrong);
    if ((wrong = snapshot_hindered(o)) != NULL)
        return fail(o, WHY_PROCESS, wrong);
    if (o->request.kind->what == DO_BREAK && o->state == OPERATE_ASK) {
        if (!o->conf.trade_find)
            return fail(o, WHY_PROCESS, "this process cannot look trades up");
        state_set(o, OPERATE_SEARCH);
        o->trade_new = true;
        return NULL;
    }
    o->sent = command_send(o);
    return NULL;
}

static json_t *step_search(struct operate *o)
{
    if (o->request.kind->what == DO_REQUEST)
        return request_look(o);
    if (o->sent)
        return NULL;
    enum operate_found f = o->conf.trade_find(o->conf.ctx, &o->cmd.broken_trade, o->trade_new);
    o->trade_new = false;
    if (f == FOUND_IT)
        o->sent = command_send(o);
    return not_found(o, f, "the journal has no such trade of this day");
}

static void tell_log(const struct operate *o, const char *outcome)
{
    char user[40], subject[16], reason[OPERATOR_REASON_BYTES + 1];

    log_event(LOG_INFO, "operator",
              "user=%s uid=%u role=%s command=%s of=%s request=%llu outcome=%s why=\"%s\" "
              "transaction=%llu reason=\"%s\"",
              log_word(user, sizeof user, o->peer.user, sizeof o->peer.user), o->peer.uid,
              role_name(o->peer.role), o->request.kind->name,
              log_word(subject, sizeof subject, o->request.name, sizeof o->request.name),
              (unsigned long long)o->number, outcome, request_why(o->end.why),
              (unsigned long long)o->end.first_seq,
              log_quoted(reason, sizeof reason, o->request.reason));
}

static json_t *step_durable(struct operate *o, u64 now_ns)
{
    if (atomic_load_explicit(o->conf.durable_seq, memory_order_acquire) < o->end.head.seq)
        return NULL;
    tell_log(o, outcome_word(o->end.outcome));
    if (o->end.outcome == OPERATED_REFUSED)
        metric_add(&o->refused, 1);
    else if (request_note(&o->request) == NOTE_DRAIN)
        o->drain_ns = now_ns + DRAIN_WAIT_NS;
    json_t *answer = operated_show(o->number, &o->end);

    if (request_note(&o->request) == NOTE_SNAPSHOT && o->end.outcome == OPERATED_DONE) {
        o->aside = answer;
        o->aside_asked = o->conf.snapshots.ask(o->conf.snapshots.ctx);
        answer = NULL;
    }
    return finish(o, answer);
}

json_t *operate_aside(struct operate *o)
{
    json_t *answer = o->aside;

    if (!answer || !o->conf.snapshots.answer(o->conf.snapshots.ctx, o->aside_asked, answer))
        return NULL;
    o->aside = NULL;
    return answer;
}

/* ---- the turn ---- */

static json_t *answers_take(struct operate *o)
{
    union msg copy;
    const union msg *m;
    json_t *answer = NULL;

    while (!answer && (m = msg_peek(o->conf.answers, &copy)) != NULL) {
        u32 slots = m->ev.slots;
        bool seen = m->ev.type == EV_SEEN;
        bool pause = m->ev.type == EV_PHASE || m->ev.type == EV_INSTRUMENT;
        if (pause || (seen ? m->seen.request : m->operated.request) != o->number || !o->sent) {
            if (seen || pause || !late_ended(o, &m->operated)) {
                if (o->conf.other)
                    o->conf.other(o->conf.ctx, m);
            }
        } else if (seen) {
            answer = on_seen(o, &m->seen);
        } else {
            o->end = m->operated;
            state_set(o, OPERATE_DURABLE);
        }
        ring_take(o->conf.answers, slots);
    }
    return answer;
}

/* The request was asked of the engine, which may answer it still. */
static json_t *late_begin(struct operate *o)
{
    struct operate_late *l = &o->late[o->late_used % OPERATE_LATE];

    o->late_used++;
    *l = (struct operate_late){.request = o->number,
                               .end = o->cmd_end,
                               .note = request_note(&o->request),
                               .ended = o->state == OPERATE_DURABLE,
                               .operated = o->end};
    return late_show(o, l);
}

static json_t *time_out(struct operate *o)
{
    json_t *answer;
    char user[40];
    bool asked = o->state == OPERATE_DURABLE || (o->sent && o->state != OPERATE_LOOK);

    metric_add(&o->timeouts, 1);
    if (!o->sent && o->state != OPERATE_DURABLE)
        answer = operate_answer("timeout", "the engine takes nothing: nothing was asked of it, and "
                                           "nothing was done");
    else if (o->state == OPERATE_LOOK)
        answer = operate_answer("timeout", "no answer from the engine in time; nothing but a look "
                                           "was asked of it");
    else
        answer = late_begin(o);
    log_event(LOG_WARN, "operator_timeout", "user=%s request=%llu command=%s text=\"%s\"",
              log_word(user, sizeof user, o->peer.user, sizeof o->peer.user),
              (unsigned long long)o->number, o->request.kind->name,
              json_string_value(json_object_get(answer, "text")));
    if (!asked)
        note(o, WHY_PROCESS, json_string_value(json_object_get(answer, "text")));
    return finish(o, answer);
}

json_t *operate_step(struct operate *o, u64 now_ns)
{
    o->now_ns = now_ns;
    refusals_step(&o->refusals, now_ns);
    json_t *answer = answers_take(o);

    late_follow(o, now_ns);
    if (answer || !operate_busy(o))
        return answer;
    if (o->state == OPERATE_LOOK && !o->sent)
        o->sent = look_send(o);
    else if (o->state == OPERATE_ASK)
        answer = step_ask(o);
    else if (o->state == OPERATE_SEARCH)
        answer = step_search(o);
    else if (o->state == OPERATE_DURABLE)
        answer = step_durable(o, now_ns);
    if (o->state == OPERATE_SEARCH && !o->sent)
        o->deadline_ns = now_ns + OPERATE_ANSWER_NS; /* a long day's journal takes its time */
    return !answer && operate_busy(o) && now_ns >= o->deadline_ns ? time_out(o) : answer;
}

void operate_drain(struct operate *o)
{
    o->drain_ns = 0;
    if (o->conf.drain)
        o->conf.drain(o->conf.ctx);
}

void operate_free(struct operate *o)
{
    if (operate_busy(o))
        json_decref(finish(o, json_null()));
    json_decref(o->aside);
    o->aside = NULL;
}
