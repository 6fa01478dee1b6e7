/*
 * steer.c - see steer.h. Threads: main's at the start and the end, admin's in between.
 *
 * Joins three things: operators' requests, the reload that one of them or SIGHUP begins, and what a
 * reload gives to whom (renew.h).
 */
#include "gateway/steer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "gateway/admin/control.h"
#include "gateway/admin/service.h"
#include "gateway/reload.h"
#include "gateway/steer_search.h"
#include "gateway/steer_snapshot.h"

struct steer {
    struct topology *topology;
    struct operate operate;
    struct reload reload;
    struct renew *renew;
    struct control *control; /* NULL: not configured */
    _Atomic bool hangup;     /* SIGHUP came; by main's thread */
    _Atomic bool draining;   /* an operator wants the end; by admin's */
    struct msg_instrument pausing;
    struct search search;
};

static enum operate_found trade_find(void *ctx, struct msg_break *b, bool again)
{
    return search_trade(&((struct steer *)ctx)->search, b, again);
}

static enum operate_found request_find(void *ctx, u64 request, struct msg_operated *out, bool again)
{
    return search_request(&((struct steer *)ctx)->search, request, out, again);
}

/* Not by a signal: a second operator's would be a second one, which ends the process at once. */
static void drain(void *ctx)
{
    atomic_store(&((struct steer *)ctx)->draining, true);
}

/* ---- reload ---- */

/* What the engine has decided by itself; the terms of the instrument came right before it. */
static void pause_tell(const struct steer *s, const struct msg_phase *m)
{
    bool named = s->pausing.instrument == m->instrument;
    char symbol[16];

    log_event(LOG_WARN, "pause", "symbol=%s phase=%c next=%c until_ns=%llu by=%s",
              log_word(symbol, sizeof symbol, s->pausing.symbol, named ? 8 : 0), m->phase,
              m->next ? m->next : '-', (unsigned long long)m->until_ns,
              m->reason == COURSE_LIMIT ? "price_bands" : "time");
}

static void other_answer(void *ctx, const union msg *m)
{
    struct steer *s = ctx;

    if (m->ev.type == EV_PHASE)
        pause_tell(s, &m->phase);
    else if (m->ev.type == EV_INSTRUMENT)
        s->pausing = m->instrument;
    else
        reload_answer(&s->reload, m);
}

static u64 number(void *ctx)
{
    struct steer *s = ctx;

    return operate_number(&s->operate);
}

static const char *reload_ask(void *ctx, const struct peer *peer, const char *reason)
{
    struct steer *s = ctx;

    if (reload_busy(&s->reload))
        return "a reload is under way; try again when it is done";
    service_reloading();
    reload_begin(&s->reload, peer, reason);
    return NULL;
}

/* SIGHUP: nobody waits for an answer; the log has it. */
static void reload_by_signal(struct steer *s)
{
    struct peer peer = {.uid = (u32)geteuid(), .user = "SIGHUP", .role = ROLE_ADMIN};

    if (reload_busy(&s->reload) || !atomic_exchange(&s->hangup, false))
        return;
    reload_ask(s, &peer, "SIGHUP");
}

static json_t *paths_json(const struct renew *n, bool live)
{
    const char *paths[CONF_CHANGES_MAX];
    u32 used = renew_changes(n, live, paths);
    json_t *list = json_array();

    for (u32 i = 0; i < used; i++)
        json_array_append_new(list, json_string(paths[i]));
    return list;
}

static json_t *counts_json(const struct plan_counts *c)
{
    return json_pack("{si si si si si si si si si si}", "instruments_new", (int)c->instruments_new,
                     "instruments_changed", (int)c->instruments_changed, "instruments_halted",
                     (int)c->instruments_gone, "instruments_kept", (int)c->instruments_kept,
                     "accounts_new", (int)c->accounts_new, "accounts_changed",
                     (int)c->accounts_changed, "accounts_disabled", (int)c->accounts_gone, "firms",
                     (int)c->firms, "profiles", (int)c->profiles, "listed", (int)c->listed);
}

/* The journal has that one was asked for; and now, that it was refused. */
static void reload_note(struct steer *s, const char *text)
{
    struct request r = {.asked = "reload"};
    struct refusal f = {.peer = &s->reload.peer, .request = &r, .why = WHY_PROCESS, .text = text};

    snprintf(r.reason, sizeof r.reason, "%s", s->reload.reason);
    refusals_add(&s->operate.refusals, &f, s->operate.now_ns);
}

/* What came of it: to the log, line by line, and as an answer. */
static json_t *reload_tell(struct steer *s, const struct reload_result *r)
{
    bool done = r->outcome == RELOAD_DONE;
    json_t *restart = paths_json(s->renew, false);
    json_t *text = json_string(r->text);
    char *rest, reason[OPERATOR_REASON_BYTES + 1];

    for (char *line = strtok_r(r->text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        log_line(done ? LOG_WARN : LOG_ERROR, "reload: %s", line);
    if (!done)
        reload_note(s, r->text);
    for (size_t i = 0; done && i < json_array_size(restart); i++)
        log_warn("reload: %s needs a restart", json_string_value(json_array_get(restart, i)));
    log_event(LOG_INFO, "reload",
              "user=%s uid=%u request=%llu outcome=%s commands=%u transaction=%llu last=%llu "
              "reason=\"%s\"",
              s->reload.peer.user, s->reload.peer.uid, (unsigned long long)r->request,
              done ? "done" : "refused", r->commands, (unsigned long long)r->seq,
              (unsigned long long)r->last_seq, log_quoted(reason, sizeof reason, s->reload.reason));
    return json_pack("{ss so sI sI sI si so so so}", "outcome", done ? "done" : "refused", "text",
                     text ? text : json_string("the files are wrong; see the log"), "request",
                     (json_int_t)r->request, "seq", (json_int_t)r->seq, "last_seq",
                     (json_int_t)r->last_seq, "orders_gone", 0, "applied",
                     paths_json(s->renew, true), "restart", restart, "changes",
                     counts_json(&r->counts));
}

static int reload_turn(struct steer *s)
{
    int work = 0;

    reload_by_signal(s);
    const struct reload_result *r = reload_step(&s->reload, &work);
    if (!r)
        return work;
    json_t *answer = reload_tell(s, r);
    reload_end(&s->reload);
    service_ready("open");
    if (s->control)
        control_answer(s->control, answer);
    else
        json_decref(answer);
    return work;
}

static int steer_do_work(void *steer, u64 now_ns)
{
    struct steer *s = steer;
    int work = reload_turn(s);

    if (s->control)
        return work + control_do_work(s->control, now_ns);
    json_t *answer = operate_step(&s->operate, now_ns); /* takes the answers to a reload */
    ASSERT(answer == NULL);
    return work;
}

/* ---- start and end ---- */

static void parts_init(struct steer *s)
{
    struct topology *t = s->topology;
    u64 day_seq = t->recovered.day_seq;
    struct cursor_conf journal = topology_cursor(t);
    struct operate_conf oc = {
        .cmds = &t->rings.admin_cmd,
        .answers = &t->rings.admin_answers,
        .durable_seq = &persist_durable(t->persist)->seq,
        .trade_find = trade_find,
        .request_find = request_find,
        .drain = drain,
        .reload = reload_ask,
        .other = other_answer,
        .ctx = s,
        .snapshots = steer_snapshots(t),
    };
    struct reload_conf rc = {
        .cmds = oc.cmds,
        .durable_seq = oc.durable_seq,
        .number = number,
        .load = renew_load,
        .give = renew_give,
        .drop = renew_drop,
        .renew = s->renew,
        .ctx = s,
    };

    search_init(&s->search, &journal, max_u64(day_seq ? day_seq : t->recovered.last_seq, 1));
    operate_init(&s->operate, &oc, clock_now_ns() / NS_PER_MS * 1000);
    reload_init(&s->reload, &rc);
    reload_register_metrics(&s->reload);
}

static bool control_open(struct steer *s)
{
    const struct conf *conf = renew_conf(s->renew);
    struct control_conf cc = {
        .path = conf->control.socket,
        .group = conf->control.group,
        .roles = renew_roles(conf),
    };

    if (!conf->control.socket[0])
        return true;
    if (roles_check(&cc.roles, conf->control.group, stderr) != 0)
        return false;
    s->control = control_new(&cc, &s->operate);
    if (!s->control)
        return false;
    control_register_metrics(s->control);
    renew_control(s->renew, s->control);
    return true;
}

struct steer *steer_open(const struct conf *conf, const struct renew_parts *parts)
{
    struct steer *s = calloc(1, sizeof *s);

    ASSERT(s != NULL);
    s->topology = parts->topology;
    s->renew = renew_new(conf, parts);
    parts_init(s);
    if (!control_open(s)) {
        steer_close(s);
        return NULL;
    }
    admin_steer(&s->topology->admin, steer_do_work, s);
    return s;
}

void steer_reload(struct steer *s)
{
    atomic_store(&s->hangup, true);
}

bool steer_drains(const struct steer *s)
{
    return atomic_load(&s->draining);
}

u64 steer_drain_notice_ns(const struct steer *s)
{
    return renew_drain_notice_ns(s->renew);
}

u64 steer_drain_timeout_ns(const struct steer *s)
{
    return renew_drain_timeout_ns(s->renew);
}

void steer_close(struct steer *s)
{
    if (!s)
        return;
    control_free(s->control);
    reload_end(&s->reload);
    renew_free(s->renew);
    search_free(&s->search);
    free(s);
}
