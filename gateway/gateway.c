/*
 * gateway.c - one turn of a gateway agent: between a transport and the engine's rings.
 *
 * Thread: the gateway's own. The sessions (gateway/session) know bytes, events and time; the
 * transport knows connections; this file carries between them, in this order:
 *
 *   1 events     into the stores, whatever the clients do: the engine may wait for this ring, so it
 *                is emptied every turn, and nothing here waits for the engine. Then the stores of
 *                accounts that log in elsewhere are let go of, and those of newcomers taken.
 *   2 durable    the mark is read once, after the events, so that what is durable by now is in the
 *                stores; all of this turn's decisions use the same value.
 *   3 send       what is released, a bounded piece of each session that has something, and out at
 *                once: an answer does not wait for a look at the device, maybe a system call.
 *   4 poll       bytes come up into the sessions, commands go into the ring as each connection's
 *                bytes are through.
 *   5 auth       answers become logins.
 *   6 reader     old messages for replays, straight into connections that have room.
 *   7 timers     heartbeats, silence, deadlines. Late, so that what was heard or sent counts.
 *   8 close      connections that ended in this turn, wherever; not earlier, so that the transport
 *                is never called for a connection from within its own call for it.
 *   9 flush      everything else that was sent goes out at once.
 *
 * Nothing walks all sessions: the ready list holds those that may have something to send.
 */
#include "gateway/gateway.h"

#include "gateway/session/session.h"
#include "gateway/terms.h"

#define GATEWAY_OUT_BYTES       (READER_COUNT_MAX * SOUP_FRAME_OUT_MAX)
#define READER_ANSWERS_PER_TURN 4u

struct gateway {
    struct sessions sessions;
    struct transport *transport;
    struct gateway_rings rings;
    struct lobby lobby;
    struct gateway_listener listeners[TRANSPORT_LISTENERS_MAX];
    u32 listeners_used;
    bool draining;       /* gateway_drain was called */
    bool drain_says_end; /* ... and End of Session is to be told */
    u32 stage;           /* enum gateway_stage: as followed so far */
    /* Asked for, by whoever ends the process. relaxed: it guards nothing, it only has to arrive. */
    _Atomic u32 stage_wanted;
    u8 *out; /* GATEWAY_OUT_BYTES: one session's bytes on their way to the transport */
    char labels[24];
};

void gateway_conf_defaults(struct gateway_conf *conf)
{
    *conf = (struct gateway_conf){
        .connections_max = 1024,
        .accounts_max = 1024,
        .instruments_max = 1024,
        .store_chunks = 64,
        .rates_each = 1024,
        .login_timeout_ns = 30 * NS_PER_SEC,
        .silence_timeout_ns = 15 * NS_PER_SEC,
        .heartbeat_ns = NS_PER_SEC,
        .slow_timeout_ns = 10 * NS_PER_SEC,
        .seed = 1,
    };
}

/* ---- what the transport calls ---- */

static bool up_opened(void *ctx, u64 conn, const struct transport_peer *peer)
{
    struct gateway *g = ctx;

    const struct gateway_listener *l = &g->listeners[peer->listener];

    ASSERT_LT(peer->listener, max_u32(1, g->listeners_used));
    if (g->draining)
        return false;
    if (l->proxy_v2)
        return lobby_open(&g->lobby, conn, peer, g->sessions.now_ns);
    if (l->health)
        return lobby_health(&g->lobby, conn, peer);
    return session_open(&g->sessions, conn, peer);
}

/* Bytes of a connection that is no session yet; with the end of the header it may become one. */
static u32 arrival_data(struct gateway *g, u64 conn, const u8 *bytes, u32 n)
{
    struct arrival *a = lobby_find(&g->lobby, conn);
    bool client;

    ASSERT(a != NULL); /* opened, and neither closed by it nor by us */
    u32 used = lobby_data(&g->lobby, a, bytes, n, &client);
    if (!client)
        return used;
    if (!session_open(&g->sessions, conn, &a->peer)) {
        lobby_leave(&g->lobby, a, TRANSPORT_RESET);
        return n;
    }
    lobby_forget(&g->lobby, a);
    if (used < n)
        used +=
            session_data(&g->sessions, session_find(&g->sessions, conn), bytes + used, n - used);
    return used;
}

static u32 up_data(void *ctx, u64 conn, const u8 *bytes, u32 n)
{
    struct gateway *g = ctx;
    struct session *s = session_find(&g->sessions, conn);

    if (UNLIKELY(g->rings.stamps != NULL))
        g->rings.stamps->rx = g->transport->rx_ticks;
    if (UNLIKELY(s == NULL))
        return arrival_data(g, conn, bytes, n);
    if (UNLIKELY(g->draining) && s->state != SESSION_CLOSING)
        return 0; /* the transport keeps it; nobody will come for it */
    return session_data(&g->sessions, s, bytes, n);
}

static void up_writable(void *ctx, u64 conn)
{
    struct gateway *g = ctx;
    struct session *s = session_find(&g->sessions, conn);

    ASSERT(s != NULL);
    if (s->state != SESSION_CLOSING)
        session_wake(&g->sessions, s, 0);
}

static void up_closed(void *ctx, u64 conn, enum transport_closed why)
{
    struct gateway *g = ctx;
    struct session *s = session_find(&g->sessions, conn);

    (void)why; /* end of file or reset: to us the client is gone */
    if (s == NULL) {
        struct arrival *a = lobby_find(&g->lobby, conn);
        ASSERT(a != NULL);
        lobby_forget(&g->lobby, a);
        return;
    }
    session_closed(&g->sessions, s);
}

static void up_expect(void *ctx, const u64 *conns, u32 n)
{
    const struct gateway *g = ctx;

    sessions_expect(&g->sessions, conns, n);
}

static const struct transport_up up = {
    .opened = up_opened,
    .data = up_data,
    .writable = up_writable,
    .closed = up_closed,
    .expect = up_expect,
};

/* ---- the steps of a turn ---- */

static int drain_auth(struct gateway *g)
{
    struct ring *r = g->rings.auth_answers;
    int work = 0;

    while (ring_avail(r, 1) > 0) {
        const void *answer = ring_at(r, 0);
        if (!sessions_auth_answer(&g->sessions, answer))
            break;
        ring_take(r, 1);
        work++;
    }
    return work;
}

static int drain_events(struct gateway *g)
{
    struct ring *r = g->rings.events;
    const union msg *m;
    union msg copy;
    u32 slots = 0;

    while (slots < GATEWAY_EVENTS_PER_TURN && (m = msg_peek(r, &copy)) != NULL) {
        u32 n = m->ev.slots;
        if (!sessions_event(&g->sessions, m))
            break;
        ring_take(r, n);
        slots += n;
    }
    return (int)slots;
}

/* An empty buffer with as much room as the connection has. */
static struct session_out out_for(struct gateway *g, const struct session *s)
{
    u32 room = g->transport->ops->room(g->transport, s->conn);

    return (struct session_out){.bytes = g->out, .room = min_u32(room, GATEWAY_OUT_BYTES)};
}

/*
 * Sends what a session wrote. One that did not get everything out asks the transport for room once
 * more: either there is some, or the transport now owes it a `writable`.
 */
static void out_send(struct gateway *g, struct session *s, const struct session_out *out)
{
    const struct transport_ops *ops = g->transport->ops;

    ASSERT_LE(out->used, out->room);
    if (out->used > 0)
        ops->send(g->transport, s->conn, out->bytes, out->used);
    if (out->full && s->state != SESSION_CLOSING &&
        ops->room(g->transport, s->conn) >= SOUP_FRAME_OUT_MAX)
        session_wake(&g->sessions, s, 0);
}

/* Each ready session once, as long as the turn's budget lasts. */
static int send_ready(struct gateway *g)
{
    struct list *last = g->sessions.ready.prev;
    struct list *node;
    u32 sent = 0;
    int work = 0;

    while (sent < GATEWAY_SENDS_PER_TURN && (node = list_first(&g->sessions.ready)) != NULL) {
        struct session *s = CONTAINER_OF(node, struct session, node);
        struct session_out out = out_for(g, s);
        bool end = node == last;
        sent += session_send(&g->sessions, s, &out);
        out_send(g, s, &out);
        work += out.used > 0;
        if (end)
            break;
    }
    return work;
}

/* One answer of the reader: its head, then its messages, which were published together. */
static void reader_answer(struct gateway *g, struct ring *r)
{
    struct reader_answer head;
    union msg copy;

    memcpy(&head, ring_at(r, 0), sizeof head);
    ring_take(r, 1);
    ASSERT_GE(ring_avail(r, head.slots), head.slots);
    struct session *s = session_replay_begin(&g->sessions, &head);
    if (s == NULL) {
        ring_take(r, head.slots);
        return;
    }
    struct session_out out = out_for(g, s);
    for (u32 i = 0; i < head.count; i++) {
        const union msg *m = msg_peek(r, &copy);
        u32 n = m->ev.slots;
        session_replay(&g->sessions, s, m, &out);
        ring_take(r, n);
    }
    session_replay_end(&g->sessions, s, &out);
    out_send(g, s, &out);
}

static int drain_reader(struct gateway *g)
{
    struct ring *r = g->rings.reader_answers;
    int work = 0;

    while (r != NULL && work < (int)READER_ANSWERS_PER_TURN && ring_avail(r, 1) > 0) {
        reader_answer(g, r);
        work++;
    }
    return work;
}

static int serve_timers(struct gateway *g, u64 now_ns)
{
    enum session_timer kind;
    struct session *s;
    int work = 0;

    while (work < (int)GATEWAY_TIMERS_PER_TURN &&
           (s = session_timer_pop(&g->sessions, &kind)) != NULL) {
        u64 stalled_ns = 0;
        if (kind == TIMER_BEAT)
            stalled_ns = g->transport->ops->stalled_ns(g->transport, s->conn, now_ns);
        session_timer(&g->sessions, s, kind, stalled_ns);
        work++;
    }
    return work;
}

static int close_ended(struct gateway *g)
{
    struct list *head = &g->sessions.closing;
    int work = 0;

    for (struct list *node = head->next, *next; node != head; node = next) {
        struct session *s = CONTAINER_OF(node, struct session, node);
        next = node->next;
        if (!s->conn_gone) {
            enum transport_close how = s->reset ? TRANSPORT_RESET : TRANSPORT_FINISH;
            g->transport->ops->close(g->transport, s->conn, how);
            s->conn_gone = true;
        }
        if (session_leave(&g->sessions, s))
            work++;
    }
    return work;
}

static enum space_level space_level(const struct gateway *g)
{
    if (g->rings.space_level == NULL)
        return SPACE_OK;
    /* relaxed: it guards nothing, it only has to arrive some time */
    return (enum space_level)atomic_load_explicit(g->rings.space_level, memory_order_relaxed);
}

/* Shuts the ports that the wanted stage has no more. */
static void follow_stage(struct gateway *g)
{
    u32 wanted = atomic_load_explicit(&g->stage_wanted, memory_order_relaxed);
    u32 open = 0;

    if (LIKELY(wanted == g->stage))
        return;
    g->stage = wanted;
    for (u32 i = 0; wanted == GATEWAY_LEAVING && i < g->listeners_used; i++)
        open |= g->listeners[i].health ? 0 : 1u << i;
    g->transport->ops->accept(g->transport, open);
}

/* Steps 1 to 3: what the engine has said, to the clients as far as it is durable. */
static int answer(struct gateway *g, u64 now_ns)
{
    int work = drain_events(g);

    work += (int)sessions_hand_over(&g->sessions);
    sessions_durable(&g->sessions,
                     atomic_load_explicit(g->rings.durable_seq, memory_order_acquire));
    if (list_empty(&g->sessions.ready))
        return work;
    if (UNLIKELY(g->rings.stamps != NULL))
        g->rings.stamps->released = clock_ticks();
    work += send_ready(g);
    work += g->transport->ops->flush(g->transport, now_ns);
    if (UNLIKELY(g->rings.stamps != NULL) && g->rings.stamps->sent_used > 0)
        stamps_sent(g->rings.stamps);
    return work;
}

int gateway_do_work(void *gateway, u64 now_ns)
{
    struct gateway *g = gateway;
    const struct transport_ops *ops = g->transport->ops;
    int work = 0;

    sessions_turn(&g->sessions, now_ns, space_level(g));
    follow_stage(g);
    terms_follow(g->rings.terms, &g->sessions, &g->lobby);
    work += answer(g, now_ns);
    work += ops->poll(g->transport, now_ns);
    work += drain_auth(g);
    work += drain_reader(g);
    work += serve_timers(g, now_ns);
    work += close_ended(g);
    work += lobby_close(&g->lobby, g->transport, now_ns);
    work += ops->flush(g->transport, now_ns);
    return work;
}

/* ---- start and stop ---- */

static struct session_conf session_conf_of(const struct gateway_conf *c)
{
    struct session_conf conf = {
        .gateway = c->index,
        .shard = c->shard,
        .connections_max = c->connections_max,
        .accounts_max = c->accounts_max,
        .instruments_max = c->instruments_max,
        .login_timeout_ns = c->login_timeout_ns,
        .silence_timeout_ns = c->silence_timeout_ns,
        .heartbeat_ns = c->heartbeat_ns,
        .slow_timeout_ns = c->slow_timeout_ns,
        .seed = c->seed,
        .guests_per_source = c->guests_per_source,
        .rate_reject_per_s = c->rate_reject_per_s,
        .rate_stop_per_s = c->rate_stop_per_s,
        .login_terms = c->login_terms,
        .tokens_max = c->tokens_max,
        .tokens_quota = c->tokens_quota,
    };

    for (u32 i = 0; i < c->listeners_used; i++)
        conf.ports[i] = (struct session_port){.dialect = c->listeners[i].dialect,
                                              .tcp = c->listeners[i].tcp,
                                              .terms = c->listeners[i].terms};
    return conf;
}

/* A place for every connection, where there may be any that is no session. */
static void lobby_make(struct gateway *g, const struct gateway_conf *conf, struct mem *m)
{
    bool wanted = false;

    ASSERT_LE(conf->listeners_used, TRANSPORT_LISTENERS_MAX);
    memcpy(g->listeners, conf->listeners, sizeof g->listeners);
    g->listeners_used = conf->listeners_used;
    for (u32 i = 0; i < conf->listeners_used; i++)
        wanted |= conf->listeners[i].health || conf->listeners[i].proxy_v2;
    lobby_init(&g->lobby, m, wanted ? conf->connections_max : 1, conf->login_timeout_ns,
               conf->seed + 3);
    memcpy(g->lobby.balancers, conf->balancers, sizeof g->lobby.balancers);
    g->lobby.balancers_used = conf->balancers_used;
}

struct gateway *gateway_new(const struct gateway_conf *conf, const struct gateway_rings *rings,
                            struct transport *t, struct mem *m)
{
    struct gateway *g = mem_alloc(m, sizeof *g, CACHE_LINE);
    struct session_conf session_conf = session_conf_of(conf);
    struct session_rings session_rings = {
        .cmd = rings->cmd,
        .auth_requests = rings->auth_requests,
        .reader_requests = rings->reader_requests,
        .stores = rings->stores,
        .rates = rings->rates,
    };

    ASSERT_LT(conf->index, GATEWAYS_MAX);
    ASSERT((rings->reader_requests == NULL) == (rings->reader_answers == NULL));
    sessions_init(&g->sessions, &session_conf, &session_rings, m);
    g->transport = t;
    g->rings = *rings;
    g->drain_says_end = conf->drain_says_end;
    g->out = mem_alloc(m, GATEWAY_OUT_BYTES, CACHE_LINE);
    lobby_make(g, conf, m);
    g->sessions.stamps = rings->stamps;
    t->up = &up;
    t->up_ctx = g;
    t->stamped = rings->stamps != NULL;
    snprintf(g->labels, sizeof g->labels, "gateway=\"%u\"", conf->index);
    session_metrics_register(&g->sessions, g->labels);
    lobby_metrics_register(&g->lobby, g->labels);
    return g;
}

struct sessions *gateway_sessions_of(struct gateway *g)
{
    return &g->sessions;
}

void gateway_day_set(struct gateway *g, u32 day, u64 midnight_ns)
{
    sessions_day(&g->sessions, day, midnight_ns);
}

u32 gateway_sessions(const struct gateway *g)
{
    return g->sessions.used + g->lobby.used;
}

void gateway_stage_set(struct gateway *g, enum gateway_stage stage)
{
    atomic_store_explicit(&g->stage_wanted, stage, memory_order_relaxed);
}

void gateway_drain(struct gateway *g)
{
    if (g->draining)
        return;
    g->draining = true;
    g->transport->ops->accept(g->transport, 0);
    g->stage = GATEWAY_CLOSED;
    gateway_stage_set(g, GATEWAY_CLOSED);
    lobby_empty(&g->lobby);
}

bool gateway_quiet(const struct gateway *g)
{
    return list_empty(&g->sessions.ready) && list_empty(&g->sessions.held) &&
           ring_avail(g->rings.events, 1) == 0;
}

void gateway_shutdown(struct gateway *g)
{
    gateway_drain(g);
    sessions_end_all(&g->sessions, g->drain_says_end);
}

u32 gateway_check(const struct gateway *g)
{
    return sessions_check(&g->sessions);
}
