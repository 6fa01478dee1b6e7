/*
 * ref_venue.c - the reference's sessions, days and reference data, and the frame of a transaction.
 */
#include <stdlib.h>

#include "tests/lib/ref_state.h"

struct ref *ref_new(const struct engine_conf *conf, u32 chunk_fills, u32 chunk_cancels)
{
    struct ref *r = calloc(1, sizeof *r);
    r->conf = *conf;
    r->chunk_fills = chunk_fills;
    r->chunk_cancels = chunk_cancels;
    r->order_ref = r->match = r->bind_id = 1;
    r->orders = calloc(conf->orders_max, sizeof *r->orders);
    r->accounts = calloc(conf->accounts_max + 1, sizeof *r->accounts);
    r->instruments = calloc(conf->instruments_max + 1, sizeof *r->instruments);
    r->steps = calloc(conf->instruments_max + 1, sizeof *r->steps);
    r->markets = calloc(conf->instruments_max + 1, sizeof *r->markets);
    r->venue.phase = 'T';
    return r;
}

void ref_free(struct ref *r)
{
    free(r->orders);
    free(r->accounts);
    free(r->instruments);
    free(r->steps);
    free(r->markets);
    free(r->trades);
    free(r);
}

/* ---- sessions ---- */

void ref_unbound(struct ref *r, u32 account, u8 reason)
{
    struct ref_account *a = &r->accounts[account];
    union msg *m = ref_add(r, EV_UNBOUND, 1, account);
    m->unbind.conn = a->conn;
    m->unbind.bind_id = a->bind_id;
    m->unbind.gateway = a->gateway;
    m->unbind.reason = reason;
    a->bind_id = 0;
}

static void login(struct ref *r, const struct msg_login *c)
{
    u32 id = c->head.account;
    struct ref_account *a = id && id <= r->accounts_used ? &r->accounts[id] : NULL;
    u8 reason = 0;

    if (!a || a->terms.disabled || a->barred)
        reason = 'A';
    else if (!r->day || (c->requested_day && c->requested_day != r->day) ||
             (c->requested_seq > a->next_seq && !(c->terms & LOGIN_AHEAD_NEXT)) ||
             (a->bind_id && (c->terms & LOGIN_NO_TAKEOVER)) ||
             (a->stream && a->dialect != c->dialect) || c->port.stp > 4 || c->port.stp_level > 1 ||
             c->port.drop > 1 || (c->port.profile[0] && !ref_profile_number(r, c->port.profile)))
        reason = 'S';
    if (reason) {
        union msg *m = ref_add(r, EV_LOGIN_REJECTED, 1, id);
        m->login_rejected.conn = c->conn;
        m->login_rejected.gateway = c->head.gateway;
        m->login_rejected.reason = reason;
        return;
    }
    if (a->bind_id)
        ref_unbound(r, id, 'T');
    union msg *m = ref_add(r, EV_BOUND, 2, id);
    m->bound.conn = c->conn;
    m->bound.next_seq = a->next_seq;
    m->bound.from_seq = c->requested_seq < a->next_seq ? c->requested_seq : a->next_seq;
    if (c->requested_seq == 0)
        m->bound.from_seq = a->next_seq > 1 ? a->next_seq - 1 : 1;
    m->bound.bind_id = r->bind_id;
    m->bound.gateway = c->head.gateway;
    m->bound.from = a->gateway;
    m->bound.port = a->port = c->port;
    m->bound.profile_id = (u16)ref_profile_number(r, c->port.profile);
    a->bind_id = r->bind_id++;
    a->drop = 0;
    a->conn = c->conn;
    a->gateway = c->head.gateway;
    if (!a->stream) {
        m = ref_add(r, EV_SYSTEM, 1, id);
        m->system.code = 'S';
        m->system.dialect = c->dialect;
        memcpy(m->system.firm, a->terms.firm, sizeof m->system.firm);
        a->dialect = c->dialect;
    }
    a->stream = true;
    ref_limits_follow(r);
}

static void query(struct ref *r, const struct msg_query *c)
{
    struct ref_account *a = ref_bound(r, &c->cmd);
    if (!a)
        return;
    union msg *m = ref_add(r, EV_QUERIED, 1, c->cmd.account);
    m->query.next_user_ref = a->last[c->user_ref_idx] + 1;
    m->query.user_ref_idx = c->user_ref_idx;
}

/* ---- the venue's course ---- */

static void start(struct ref *r, const struct msg_start *c)
{
    if (c->epoch <= r->epoch || (r->journal_id && c->journal_id != r->journal_id))
        return;
    union msg *m = ref_add(r, EV_STARTED, 1, 0);
    m->start.epoch = r->epoch = c->epoch;
    m->start.shard = c->shard;
    m->start.journal_id = r->journal_id = c->journal_id;
    m->start.accounts_max = c->accounts_max;
    m->start.instruments_max = c->instruments_max;
    m->start.orders_max = c->orders_max;
    for (u32 i = 1; i <= r->accounts_used; i++) {
        if (r->accounts[i].bind_id)
            ref_drop_arm(r, i);
        r->accounts[i].bind_id = 0;
        r->accounts[i].gateway = 0;
    }
}

static void day_open(struct ref *r, const struct msg_day *c)
{
    if (r->day || c->day <= r->day_last)
        return;
    union msg *m = ref_add(r, EV_DAY_OPENED, 1, 0);
    m->day.day = r->day = r->day_last = c->day;
    r->day_match = r->match;
    r->broken_used = 0;
    ref_risk_day(r);
    m->day.midnight_ns = r->midnight = c->midnight_ns;
}

/* The account's open order with the smallest channel and number. */
static struct ref_order *first_open(struct ref *r, u32 account)
{
    struct ref_order *first = NULL;
    for (u32 i = 0; i < r->conf.orders_max; i++) {
        struct ref_order *o = &r->orders[i];
        if (!o->open || o->o.head.account != account)
            continue;
        if (!first || o->o.user_ref_idx < first->o.user_ref_idx ||
            (o->o.user_ref_idx == first->o.user_ref_idx && o->o.user_ref < first->o.user_ref))
            first = o;
    }
    return first;
}

bool ref_tell(struct ref *r, u32 account, u32 *budget)
{
    struct ref_account *a = &r->accounts[account];

    if (!a->stream || a->told)
        return true;
    if (*budget == 0)
        return false;
    --*budget;
    ref_add(r, EV_SYSTEM, 1, account)->system.code = 'E';
    a->told = true;
    return true;
}

static bool end_account(struct ref *r, u32 id, u32 *budget)
{
    struct ref_order *o;

    if (!ref_tell(r, id, budget))
        return false;
    for (; (o = first_open(r, id)) != NULL; --*budget) {
        if (*budget == 0)
            return false;
        ref_cancelled(r, o, o->o.qty, 'E');
    }
    if (*budget == 0)
        return false;
    --*budget;
    if (r->accounts[id].bind_id)
        ref_unbound(r, id, 'D');
    return true;
}

/* All begin anew. */
static void close_accounts(struct ref *r)
{
    for (u32 i = 1; i <= r->accounts_used; i++) {
        struct ref_account *a = &r->accounts[i];
        a->drop = a->stream ? 0 : a->drop;
        a->stream = a->told = false;
        a->next_seq = 1;
        memset(a->last, 0, sizeof a->last);
        a->blocked_used = 0;
    }
}

static void end_day(struct ref *r)
{
    bool resumed = r->work == WORK_DAY_END;
    u32 budget = r->chunk_cancels;

    for (; r->cursor <= r->accounts_used; r->cursor++) {
        if (!end_account(r, r->cursor, &budget)) {
            ref_work(r, WORK_DAY_END);
            return;
        }
    }
    if (resumed)
        ref_work(r, WORK_NONE);
    union msg *m = ref_add(r, EV_DAY_ENDED, 1, 0);
    m->day.day = r->day;
    m->day.midnight_ns = r->midnight;
    close_accounts(r);
    r->day = 0;
}

static void day_end(struct ref *r, const struct msg_day *c)
{
    if (!r->day || (c->day && c->day != r->day))
        return;
    r->cursor = 1;
    end_day(r);
}

static void instrument(struct ref *r, const struct msg_instrument *c)
{
    u32 id = 1;
    while (id <= r->instruments_used && memcmp(r->instruments[id].symbol, c->symbol, 8) != 0)
        id++;
    struct msg_instrument *i = &r->instruments[id];
    bool is_new = id > r->instruments_used;

    if (c->tick == 0 || c->tick > 1999999900 || c->lot == 0 || c->halted > 1 ||
        c->by_operator > 1 || c->tier > 2 || c->collar_bps > 10000)
        return;
    if (is_new && r->instruments_used == r->conf.instruments_max)
        return;
    if (!is_new && ref_resting_on(r, id) && c->tick % r->steps[id] != 0)
        return;
    if (!is_new && ref_queued_on(r, id) && c->tick != i->tick)
        return;
    if (!is_new && i->tick == c->tick && i->lot == c->lot && i->halted == c->halted &&
        i->tier == c->tier && i->collar_bps == c->collar_bps && i->by_operator == c->by_operator &&
        i->reference_price == c->reference_price)
        return;
    if (is_new) {
        r->instruments_used++;
        r->markets[id] = r->venue;
    }
    if (!ref_resting_on(r, id))
        r->steps[id] = c->tick;
    union msg *m = ref_add(r, EV_INSTRUMENT, 1, 0);
    memcpy(m->instrument.symbol, c->symbol, 8);
    m->instrument.tick = c->tick;
    m->instrument.lot = c->lot;
    m->instrument.halted = c->halted;
    m->instrument.tier = c->tier;
    m->instrument.collar_bps = c->collar_bps;
    m->instrument.by_operator = c->by_operator;
    m->instrument.reference_price = c->reference_price;
    m->instrument.instrument = (u16)id;
    *i = m->instrument;
    if (is_new && r->markets[id].phase == 'T')
        ref_bands_new(r, id);
}

static void account(struct ref *r, const struct msg_account *c)
{
    u32 id = 1;
    while (id <= r->accounts_used && memcmp(r->accounts[id].terms.user, c->user, 6) != 0)
        id++;
    struct ref_account *a = &r->accounts[id];
    bool is_new = id > r->accounts_used;

    if (c->disabled > 1 || c->stp > 4 || c->stp_level > 1 || c->stp_details > 1 || c->drop > 1 ||
        c->post_slide > 1 || c->by_port > 3 || (c->by_port & 1 && (c->stp || c->stp_level)) ||
        (c->by_port & 2 && (c->drop || c->drop_ms)) ||
        (is_new && r->accounts_used == r->conf.accounts_max))
        return;
    if (!is_new && memcmp(a->terms.user, c->user, sizeof *c - sizeof c->cmd) == 0)
        return;
    if (is_new) {
        r->accounts_used++;
        a->next_seq = 1;
    }
    union msg *m = ref_add(r, EV_ACCOUNT, 2, id);
    struct event_head head = m->ev;
    m->account = *c;
    m->ev = head;
    a->terms = m->account;
    u32 ms;
    if (!ref_drops(a, &ms))
        a->drop = 0;
}

/* ---- one transaction ---- */

static void disconnect(struct ref *r, const struct msg_unbind *c)
{
    u32 account = c->cmd.account;
    struct ref_account *a = ref_bound(r, &c->cmd);

    if (!a)
        return;
    ref_unbound(r, account, c->reason);
    if (!strchr("COHPLX", c->reason))
        return;
    ref_drop_arm(r, account);
    u32 ms;
    if (ref_drops(a, &ms) && a->drop && ms == 0)
        ref_drop(r, account);
}

/* The account whose grace ended first. */
static void due_drop(struct ref *r)
{
    u32 first = 0;

    for (u32 i = 1; i <= r->accounts_used; i++) {
        u64 due = r->accounts[i].drop;
        if (due && due <= r->time && (!first || due < r->accounts[first].drop))
            first = i;
    }
    if (first)
        ref_drop(r, first);
}

/* The next piece of long work. */
static void go_on(struct ref *r)
{
    if (r->work == WORK_MASS)
        return ref_go_on_mass(r);
    if (r->work == WORK_PEGS)
        return ref_settle(r);
    if (r->work == WORK_KILL)
        return ref_go_on_kill(r);
    if (r->work == WORK_COUNT)
        return ref_go_on_count(r);
    if (r->work == WORK_DROP)
        return ref_drop(r, 0);
    if (r->work >= WORK_COURSE)
        return ref_go_on_course(r, r->work);
    return r->work == WORK_MATCH ? ref_match(r) : end_day(r);
}

void ref_dispatch(struct ref *r, const union msg *c)
{
    switch (c->cmd.type) {
    case CMD_START:
        return start(r, &c->start);
    case CMD_DAY_OPEN:
        return day_open(r, &c->day);
    case CMD_DAY_END:
        return day_end(r, &c->day);
    case CMD_INSTRUMENT:
        return instrument(r, &c->instrument);
    case CMD_ACCOUNT:
        return account(r, &c->account);
    case CMD_LOGIN:
        return login(r, &c->login);
    case CMD_DISCONNECT:
        return disconnect(r, &c->unbind);
    case CMD_ENTER:
        return ref_enter(r, &c->enter);
    case CMD_REPLACE:
        return ref_replace(r, &c->replace);
    case CMD_CANCEL:
        return ref_cancel(r, &c->cancel);
    case CMD_TICK:
        ref_tick(r);
        if (!r->last)
            ref_alarm(r);
        if (!r->last)
            due_drop(r);
        return;
    case CMD_MODIFY:
        return ref_modify(r, &c->modify);
    case CMD_MASS_CANCEL:
        return ref_mass_cancel(r, &c->mass);
    case CMD_DISABLE:
    case CMD_ENABLE:
        return ref_firm(r, &c->firm);
    case CMD_BREAK:
        return ref_break(r, &c->broken_trade);
    case CMD_LIMIT:
    case CMD_CHECKS:
    case CMD_LISTED:
    case CMD_PROFILE:
        return ref_risk_command(r, c);
    case CMD_KILL:
    case CMD_RESTORE:
        return ref_kill(r, &c->kill);
    case CMD_OPERATOR:
        return ref_operator(r, &c->operator);
    case CMD_PHASE:
        return ref_phase(r, &c->course);
    case CMD_QUERY:
        return query(r, &c->query);
    case CMD_CONTINUE:
        return go_on(r);
    default:
        return;
    }
}

bool ref_step(struct ref *r, const union msg *cmd, u64 now_ns, struct tx *out)
{
    u64 before = r->time;

    r->tx = out;
    r->last = 0;
    r->time = now_ns > r->time ? now_ns : r->time;
    memcpy(out->slots, cmd, cmd->cmd.slots * sizeof(struct slot));
    out->used = cmd->cmd.slots;
    ((union msg *)(void *)out->slots)->cmd.seq = r->seq + 1;
    ((union msg *)(void *)out->slots)->cmd.time_ns = r->time;
    ref_dispatch(r, cmd);
    if (!r->last) {
        r->time = before;
        return false;
    }
    if (r->work == WORK_NONE)
        ref_settle(r);
    if (r->work == WORK_NONE)
        ref_operated(r);
    ((union msg *)(void *)&out->slots[r->last])->ev.flags |= MSG_TX_END;
    ref_bands_settle(r);
    r->seq++;
    return true;
}

bool ref_busy(const struct ref *r)
{
    return r->work != WORK_NONE;
}

void ref_continue(struct ref *r, u64 now_ns, struct tx *out)
{
    union msg go_on = {.bare = {.cmd = {.type = CMD_CONTINUE, .slots = 1}}};
    ref_step(r, &go_on, now_ns, out);
}
