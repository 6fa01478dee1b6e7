/*
 * session_event.c - what auth and the engine say: bindings, refusals, messages for the stores,
 * days.
 *
 * Thread: the gateway's. Events are taken as they come, durable or not; nothing here sends. What a
 * client may learn of them is decided in session_out.c by the durable mark alone. A takeover or an
 * unbinding is acted upon at once: it tells the client nothing but that its connection has ended.
 */
#include "gateway/session/session_log.h"

void session_refuse(struct sessions *S, struct session *s, u8 reject, u64 tx, const char *why)
{
    s->reject = reject;
    session_log_refused(S, s, why);
    s->answer_tx = tx;
    session_move(S, s, SESSION_REFUSED);
    session_wake(S, s, tx);
}

/* Asks the engine for the session; the ring has room. */
static void send_login(struct sessions *S, struct session *s, struct account *a)
{
    struct msg_login m;

    memset(&m, 0, sizeof m);
    m.head.type = CMD_LOGIN;
    m.head.slots = sizeof m / SLOT_BYTES;
    m.head.account = a->id;
    m.head.gateway = S->conf.gateway;
    m.conn = s->conn;
    m.requested_seq = a->copy == READER_ACCOUNT ? s->login.seq : 1; /* its numbers are others */
    m.requested_day = s->login.day;
    m.peer_ipv4 = s->peer_ipv4;
    m.peer_port = s->peer_port;
    m.dialect = s->dialect;
    m.terms = S->conf.login_terms;
    m.port = S->conf.ports[s->listener].terms;
    bool pushed = ring_push(S->rings.cmd, &m, m.head.slots);
    ASSERT(pushed);
    s->account = a;
    session_move(S, s, SESSION_BINDING);
}

/* Drop copies are OUCH 5.0: all accounts' messages, in whatever dialect they were sent. */
static bool is_copy_of_42(const struct session *s, const struct account *a)
{
    return a->copy != READER_ACCOUNT && s->dialect != DIALECT_OUCH50;
}

/* The password was right. */
static void authenticated(struct sessions *S, struct session *s)
{
    struct account *a = directory_account_of_user(&S->directory, s->login.user);
    bool here = s->login.day == 0 || s->login.shard == S->conf.shard;

    if (a == NULL) {
        session_refuse(S, s, 'A', 0, "no such account");
    } else if (!account_may_come_from(a, s->peer_ipv4) ||
               !account_may_come_by(a, S->conf.ports[s->listener].tcp)) {
        metric_add(&S->metrics.logins_elsewhere, 1);
        session_refuse(S, s, 'A', 0, "not from this address");
    } else if (!s->login.session_ok || !here || is_copy_of_42(s, a)) {
        metric_add(&S->metrics.logins_refused, 1);
        session_refuse(S, s, 'S', 0, "no such session");
    } else {
        send_login(S, s, a);
    }
}

bool sessions_auth_answer(struct sessions *S, const struct auth_answer *answer)
{
    struct session *s = session_find(S, answer->conn);

    if (s == NULL || s->state != SESSION_AUTH)
        return true; /* it has gone meanwhile */
    if (ring_room(S->rings.cmd, MSG_SLOTS_MAX) < MSG_SLOTS_MAX)
        return false;
    if (answer->result == AUTH_OK) {
        authenticated(S, s);
        return true;
    }
    bool limited = answer->result == AUTH_LIMITED;
    metric_add(limited ? &S->metrics.logins_limited : &S->metrics.logins_bad, 1);
    session_refuse(S, s, 'A', 0, limited ? "too many failures" : "wrong user or password");
    return true;
}

/* A login's answer has come; true: its connection has ended meanwhile. */
static bool ended_meanwhile(struct sessions *S, struct session *s, u32 bind_id)
{
    ASSERT(s != NULL); /* session_leave keeps it until the answer */
    if (s->state != SESSION_CLOSING)
        return false;
    ASSERT(s->login_pending);
    s->login_pending = false;
    s->bind_id = bind_id;
    if (!list_is_linked(&s->node))
        list_add_tail(&S->closing, &s->node);
    return true;
}

static void on_bound(struct sessions *S, const struct msg_bound *m)
{
    struct account *a = directory_account(&S->directory, m->head.account);

    ASSERT(a != NULL);
    if (a->port_profile != m->profile_id) {
        a->port_profile = m->profile_id;
        session_limits(S, a);
    }
    if (!sessions_bound_here(S, a, m))
        return;
    struct session *s = session_find(S, m->conn);
    if (ended_meanwhile(S, s, m->bind_id))
        return;
    ASSERT(s->account == a && a->session == NULL);
    ASSERT(m->from_seq >= 1 && m->from_seq <= m->next_seq);
    a->session = s;
    s->bind_id = m->bind_id;
    s->next_seq = m->from_seq;
    s->answer_tx = m->head.seq;
    if (s->dialect == DIALECT_OUCH42 || a->copy != READER_ACCOUNT) {
        a->ouch42 = s->dialect == DIALECT_OUCH42;
        session_move(S, s, SESSION_LEARN);
    } else {
        session_move(S, s, SESSION_BOUND);
    }
    session_wake(S, s, s->answer_tx);
}

static void on_login_rejected(struct sessions *S, const struct msg_login_rejected *m)
{
    struct session *s = session_find(S, m->conn);

    if (ended_meanwhile(S, s, 0))
        return;
    s->account = NULL;
    metric_add(&S->metrics.logins_refused, 1);
    session_refuse(S, s, m->reason, m->head.seq, "by the engine");
}

/* The engine has ended a binding. If we have ended it ourselves, nothing is left to do. */
static void on_unbound(struct sessions *S, const struct msg_unbind *m)
{
    struct session *s = session_find(S, m->conn);

    if (s == NULL || s->bind_id != m->bind_id)
        return;
    s->bind_id = 0;
    if (s->state == SESSION_CLOSING)
        return;
    if (m->reason == UNBIND_SHUTDOWN) {
        if (s->account->copy != READER_ACCOUNT)
            return;         /* others still hear of the day's end */
        s->day_over = true; /* the rest of its stream goes out first */
        session_wake(S, s, m->ev.seq);
        return;
    }
    session_end(S, s, (enum unbind_reason)m->reason, true);
}

/* A message for an account's stream. */
static void on_sequenced(struct sessions *S, const union msg *m)
{
    struct account *a = directory_account(&S->directory, m->ev.account);

    ASSERT(a != NULL);
    ASSERT(a->place == ACCOUNT_HELD || a->place == ACCOUNT_AWAITED);
    metric_add(&S->metrics.moved_aside, a->place == ACCOUNT_AWAITED);
    if (UNLIKELY(m->ev.type == EV_REJECTED)) {
        metric_add(&S->metrics.rejected[min_u32(m->rejected.reason, SESSION_REASONS - 1)], 1);
        session_log_reject(S, a, m->rejected.reason);
    }
    store_append(&S->stores, &a->store, m, S->durable_seq);
    if (UNLIKELY(a->ouch42))
        session_note(S, a, m);
    if (a->session != NULL && a->session->state == SESSION_LIVE)
        session_wake(S, a->session, m->ev.seq);
}

void sessions_day(struct sessions *S, u32 day, u64 midnight_ns)
{
    S->day = day;
    S->midnight_ns = midnight_ns;
    soup_session_id(S->id, day, S->conf.shard);
}

/*
 * A new day begins. Numbers start from 1 again, so nobody may still be reading the old streams:
 * whoever has not taken the rest of his by now is cut. Walks everything, once a day.
 */
static void on_day_opened(struct sessions *S, const struct msg_day *m)
{
    for (u32 i = 0; i < S->all_count; i++) {
        struct session *s = &S->all[i];
        if (s->state >= SESSION_LEARN && s->state <= SESSION_LIVE)
            session_end(S, s, UNBIND_SHUTDOWN, false);
    }
    for (u32 i = 0; i < S->directory.accounts_used; i++) {
        struct account *a = &S->directory.accounts[i];
        store_reset(&S->stores, &a->store);
        a->ouch42 = false;
        memset(&a->book, 0, sizeof a->book);
        if (a->place == ACCOUNT_AWAITED)
            store_begin(&a->store, 1); /* what it is joined to must not be yesterday's */
    }
    tokens_clear(&S->tokens);
    sessions_day(S, m->day, m->midnight_ns);
}

/* The day's end is durable: everybody gets the rest, Z, and is closed. Once a day. */
static void day_end_released(struct sessions *S)
{
    S->day_end_tx = 0;
    for (u32 i = 0; i < S->all_count; i++)
        session_say_end(S, &S->all[i]);
}

/* An instrument that comes, or changes, during the day has its collar from its first order on. */
static void on_instrument(struct sessions *S, const struct msg_instrument *m)
{
    struct instrument *i = directory_instrument_add(&S->directory, m->instrument, m->symbol);

    i->reference_price = m->reference_price;
}

bool sessions_event(struct sessions *S, const union msg *m)
{
    if (m->ev.type == EV_DAY_OPENED && S->day_end_tx != 0)
        return false;
    metric_add(&S->metrics.events, 1);
    switch (m->ev.type) {
    case EV_BOUND:
        on_bound(S, &m->bound);
        break;
    case EV_LOGIN_REJECTED:
        on_login_rejected(S, &m->login_rejected);
        break;
    case EV_UNBOUND:
        on_unbound(S, &m->unbind);
        break;
    case EV_DAY_OPENED:
        on_day_opened(S, &m->day);
        break;
    case EV_DAY_ENDED:
        S->day_end_tx = m->ev.seq;
        break;
    case EV_INSTRUMENT:
        on_instrument(S, &m->instrument);
        break;
    case EV_ACCOUNT:
        sessions_account(S, m->ev.account, m->account.user);
        break;
    case EV_CHECKS:
        sessions_checks(S, &m->checks);
        break;
    case EV_PROFILE:
        sessions_profile(S, &m->profile);
        break;
    default:
        if (m->ev.session_seq != 0)
            on_sequenced(S, m);
        break; /* EV_STARTED: the rings of a process are younger than its bindings */
    }
    return true;
}

void sessions_durable(struct sessions *S, u64 durable_seq)
{
    struct list *node;

    if (durable_seq == S->durable_seq)
        return;
    ASSERT_GT(durable_seq, S->durable_seq);
    S->durable_seq = durable_seq;
    store_trim(&S->stores, durable_seq);
    while ((node = list_first(&S->held)) != NULL) {
        CONTAINER_OF(node, struct session, node)->held = false;
        list_move_tail(&S->ready, node);
    }
    if (S->day_end_tx != 0 && S->day_end_tx <= durable_seq)
        day_end_released(S);
    metric_set(&S->metrics.store_free, S->stores.free_count);
    metric_set(&S->metrics.store_free_min, S->stores.free_min);
}
