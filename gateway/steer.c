/*
 * steer.c - see steer.h. Threads: main's at the start and the end, admin's in between.
 *
 * Joins three things: operators' requests, the reload that one of them or SIGHUP begins, and what a
 * reload gives to whom (renew.h).
 *
 * Looks requests up by their numbers, and a trade by its match number: once through the day's
 * journal for its two halves, once more for the orders that they belong to (their ClOrdID and
 * firm), SEARCH_TX transactions a call, so that other requests are not kept. Failure modes: a day
 * whose journal is partly gone (recycled): the trade is not found.
 */
#include "gateway/steer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "gateway/admin/control.h"
#include "gateway/admin/service.h"
#include "gateway/reload.h"
#include "gateway/steer_snapshot.h"
#include "persist/cursor.h"

#define SEARCH_TX 20000u

struct steer {
    struct topology *topology;
    struct operate operate;
    struct reload reload;
    struct renew *renew;
    struct control *control; /* NULL: not configured */
    _Atomic bool hangup;     /* SIGHUP came; by main's thread */
    struct msg_instrument pausing;
    struct cursor *cursor; /* of the search; NULL: none yet */
    u32 halves;            /* found so far */
    u64 fill_seq;          /* the transaction that they are in */
    bool terms;            /* the second pass is under way */
};

static void search_begin(struct steer *s)
{
    u64 day_seq = s->topology->recovered.day_seq;
    u64 from = max_u64(day_seq ? day_seq : s->topology->recovered.last_seq, 1);

    if (!s->cursor) {
        struct cursor_conf conf = topology_cursor(s->topology);
        s->cursor = cursor_new(&conf, from);
    } else {
        cursor_seek(s->cursor, from);
    }
}

/* One half of the trade. */
static void half_note(struct steer *s, struct msg_break *b, const struct msg_executed *x)
{
    if (x->match != b->match || s->halves == 2)
        return;
    b->side[s->halves++] = (struct broken_side){
        .account = x->head.account,
        .user_ref = x->user_ref,
        .user_ref_idx = x->user_ref_idx,
        .sold = (x->head.flags & MSG_SELL) != 0,
    };
    b->qty = x->qty;
    b->price = x->price;
    b->instrument = x->instrument;
    s->fill_seq = x->head.seq;
}

/* The order of one of the halves. */
static void terms_note(struct msg_break *b, const struct msg_order *o)
{
    for (u32 i = 0; i < ARRAY_LEN(b->side); i++) {
        struct broken_side *side = &b->side[i];
        if (side->account != o->head.account || side->user_ref != o->user_ref ||
            side->user_ref_idx != o->user_ref_idx)
            continue;
        memcpy(side->clordid, o->terms.clordid, sizeof side->clordid);
        memcpy(b->firm[i], o->terms.tags & TAG_BIT(2) ? o->terms.firm : "    ", 4);
    }
}

static void transaction_note(struct steer *s, struct msg_break *b, const struct cursor_tx *tx)
{
    for (u32 at = 0; at < tx->used; at += msg_slots(&tx->slots[at])) {
        const union msg *m = (const union msg *)(const void *)&tx->slots[at];
        if (!s->terms && m->ev.type == EV_EXECUTED)
            half_note(s, b, &m->executed);
        else if (s->terms && (m->ev.type == EV_ACCEPTED || m->ev.type == EV_REPLACED))
            terms_note(b, &m->order);
    }
}

static enum operate_found trade_find(void *ctx, struct msg_break *b, bool again)
{
    struct steer *s = ctx;
    struct cursor_tx tx;

    if (again) {
        s->halves = 0;
        s->terms = false;
        search_begin(s);
    }
    for (u32 i = 0; i < SEARCH_TX; i++) {
        if (cursor_next(s->cursor, &tx) != CURSOR_TX)
            return FOUND_NONE;
        transaction_note(s, b, &tx);
        if (!s->terms && s->halves == 2) {
            s->terms = true;
            search_begin(s);
        } else if (s->terms && tx.seq == s->fill_seq) {
            return FOUND_TRADE;
        }
    }
    return FOUND_NOT_YET;
}

static enum operate_found request_find(void *ctx, u64 request, struct msg_operated *out, bool again)
{
    struct steer *s = ctx;
    struct cursor_tx tx;

    if (again)
        search_begin(s);
    for (u32 i = 0; i < SEARCH_TX; i++) {
        if (cursor_next(s->cursor, &tx) != CURSOR_TX)
            return FOUND_NONE;
        for (u32 at = 0; at < tx.used; at += msg_slots(&tx.slots[at])) {
            const union msg *m = (const union msg *)(const void *)&tx.slots[at];
            if (m->ev.type != EV_OPERATED || m->operated.request != request)
                continue;
            *out = m->operated;
            return FOUND_TRADE;
        }
    }
    return FOUND_NOT_YET;
}

/* The same way out as by the service manager's signal; main waits for it. */
static void drain(void *ctx)
{
    (void)ctx;
    kill(getpid(), SIGTERM);
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
    if (s->cursor)
        cursor_free(s->cursor);
    free(s);
}
