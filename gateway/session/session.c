/*
 * session.c - the life of a session: opened, moved from state to state, ended, forgotten.
 *
 * Thread: the gateway's. session.h has the drawing. An ended session stays until nothing outside
 * names it any more: its connection is closed, the engine has answered a login that was on its way,
 * and the disconnect of its binding is in the command ring. So a binding is never forgotten,
 * however full the ring is.
 */
#include "gateway/session/session_log.h"

#include "engine/base/sm.h"

#define BIT(state) (1u << (state))

static const struct sm_state states[SESSION_STATES] = {
    [SESSION_FREE] = {"free", BIT(SESSION_LOGIN)},
    [SESSION_LOGIN] = {"login", BIT(SESSION_AUTH) | BIT(SESSION_REFUSED) | BIT(SESSION_CLOSING)},
    [SESSION_AUTH] = {"auth", BIT(SESSION_BINDING) | BIT(SESSION_REFUSED) | BIT(SESSION_CLOSING)},
    [SESSION_REFUSED] = {"refused", BIT(SESSION_CLOSING)},
    [SESSION_BINDING] = {"binding", BIT(SESSION_LEARN) | BIT(SESSION_BOUND) | BIT(SESSION_REFUSED) |
                                        BIT(SESSION_CLOSING)},
    [SESSION_LEARN] = {"learn", BIT(SESSION_BOUND) | BIT(SESSION_REFUSED) | BIT(SESSION_CLOSING)},
    [SESSION_BOUND] = {"bound", BIT(SESSION_LIVE) | BIT(SESSION_REPLAY) | BIT(SESSION_CLOSING)},
    [SESSION_REPLAY] = {"replay", BIT(SESSION_LIVE) | BIT(SESSION_CLOSING)},
    [SESSION_LIVE] = {"live", BIT(SESSION_REPLAY) | BIT(SESSION_CLOSING)},
    [SESSION_CLOSING] = {"closing", BIT(SESSION_FREE)},
};

#define WHEEL_TICK_NS NS_PER_MS

/* Between two turns: we were not on our core, whatever has arrived meanwhile. */
#define SESSIONS_AWAY_NS (20 * NS_PER_MS)

/* Slots beyond connections_max: ended sessions that still wait for the engine or the ring. */
#define SESSIONS_SPARE 256u

void sessions_init(struct sessions *S, const struct session_conf *conf,
                   const struct session_rings *rings, struct mem *m)
{
    S->conf = *conf;
    S->rings = *rings;
    ASSERT_GE(ring_capacity(rings->cmd), 32); /* session_in.c keeps some of it free */
    S->all_count = conf->connections_max + SESSIONS_SPARE;
    S->all = mem_alloc(m, (u64)S->all_count * sizeof S->all[0], CACHE_LINE);
    map_init(&S->conns, m, S->all_count, conf->seed);
    map_init(&S->guests, m, S->all_count, conf->seed + 2);
    directory_init(&S->directory, m, conf->accounts_max, conf->instruments_max, conf->seed + 1);
    ASSERT_EQ(rings->stores->accounts, conf->accounts_max);
    store_pool_init(&S->stores, rings->stores, conf->gateway);
    tokens_init(&S->tokens, m, conf->tokens_max, conf->tokens_quota, conf->seed + 4);
    ASSERT_EQ(rings->rates->accounts_max, conf->accounts_max);
    S->profiles = mem_alloc(m, (PROFILES_MAX + 1ull) * sizeof S->profiles[0], CACHE_LINE);
    wheel_init(&S->wheel, WHEEL_TICK_NS, 0);
    list_init(&S->free);
    list_init(&S->ready);
    list_init(&S->held);
    list_init(&S->closing);
    list_init(&S->awaited);
    list_init(&S->leaving);
    for (u32 i = 0; i < S->all_count; i++) {
        struct session *s = &S->all[i];
        list_init(&s->node);
        list_add_tail(&S->free, &s->node);
        for (u8 kind = 0; kind < ARRAY_LEN(s->timers); kind++)
            wheel_timer_init(&s->timers[kind], kind);
    }
}

void sessions_turn(struct sessions *S, u64 now_ns, enum space_level space)
{
    if (UNLIKELY(now_ns > S->now_ns + SESSIONS_AWAY_NS) && S->turn > 0)
        S->away_ns += now_ns - S->now_ns;
    S->now_ns = now_ns;
    S->space = space;
    S->turn++;
    wheel_advance(&S->wheel, now_ns);
}

struct session *session_find(const struct sessions *S, u64 conn)
{
    u32 index = map_get(&S->conns, conn);

    return index == MAP_NONE ? NULL : &S->all[index];
}

/* `n` bytes from `p` on. Always inline: gcc drops calls of what does nothing but prefetch. */
__attribute__((always_inline)) static inline void fetch(const void *p, size_t n)
{
    for (size_t at = 0; at < n; at += CACHE_LINE)
        __builtin_prefetch((const u8 *)p + at, 1);
}

void sessions_expect(const struct sessions *S, const u64 *conns, u32 n)
{
    const struct session *found[TRANSPORT_EXPECTED];
    u32 used = 0;

    ASSERT_LE(n, TRANSPORT_EXPECTED);
    for (u32 i = 0; i < n; i++)
        map_expect(&S->conns, conns[i]);
    for (u32 i = 0; i < n; i++) {
        const struct session *s = session_find(S, conns[i]);
        if (s == NULL)
            continue;
        fetch(s, SESSION_HOT);
        found[used++] = s;
    }
    for (u32 i = 0; i < used; i++)
        if (found[i]->account != NULL)
            fetch(found[i]->account, ACCOUNT_HOT);
    for (u32 i = 0; i < used; i++) {
        const struct account *a = found[i]->account;
        if (a == NULL)
            continue;
        fetch(a->rates, sizeof *a->rates);
        store_expect(&S->stores, &a->store);
    }
}

static bool timers_armed(const struct session *s)
{
    return wheel_armed(&s->timers[TIMER_IN]) || wheel_armed(&s->timers[TIMER_BEAT]) ||
           wheel_armed(&s->timers[TIMER_RETRY]);
}

static bool is_copy(const struct session *s)
{
    return s->account != NULL && s->account->copy != READER_ACCOUNT;
}

/* Asserts the invariant of one session. */
static void session_invariant(const struct sessions *S, const struct session *s)
{
    switch (s->state) {
    case SESSION_FREE:
        ASSERT(s->account == NULL && !timers_armed(s));
        return;
    case SESSION_LOGIN:
        ASSERT(s->account == NULL && s->bind_id == 0);
        break;
    case SESSION_AUTH:
    case SESSION_REFUSED:
        ASSERT(s->bind_id == 0 || is_copy(s));
        ASSERT(!timers_armed(s));
        break;
    case SESSION_BINDING:
        ASSERT(s->account != NULL && s->bind_id == 0 && !timers_armed(s));
        break;
    case SESSION_LEARN:
    case SESSION_BOUND:
    case SESSION_LIVE:
    case SESSION_REPLAY:
        ASSERT(s->account != NULL && s->account->session == s);
        ASSERT(s->bind_id != 0 || s->day_over || is_copy(s));
        ASSERT_GE(s->next_seq, 1);
        ASSERT(s->next_seq <= s->account->store.next_seq || is_copy(s));
        ASSERT(s->state != SESSION_LIVE || !is_copy(s));
        break;
    default:
        ASSERT_EQ(s->state, SESSION_CLOSING);
        ASSERT(!timers_armed(s));
        ASSERT(s->account == NULL || s->account->session != s);
        break;
    }
    ASSERT(session_find(S, s->conn) == s);
    ASSERT(s->asked == false || s->state == SESSION_REPLAY || s->state == SESSION_LEARN ||
           s->state == SESSION_CLOSING);
}

/* Connected and not logged in. */
static bool is_guest(u8 state)
{
    return state >= SESSION_LOGIN && state < SESSION_LEARN;
}

/* How many of them the address has. */
static u32 guests_of(const struct sessions *S, u32 ipv4)
{
    u32 n = map_get(&S->guests, ipv4);

    return n == MAP_NONE ? 0 : n;
}

static void guests_set(struct sessions *S, u32 ipv4, u32 n)
{
    if (guests_of(S, ipv4) > 0)
        map_remove(&S->guests, ipv4);
    if (n > 0)
        map_put(&S->guests, ipv4, n);
}

void session_move(struct sessions *S, struct session *s, enum session_state next)
{
    bool was_guest = is_guest(s->state);

    sm_move(states, &s->state, (u8)next);
    if (is_guest(s->state) != was_guest)
        guests_set(S, s->peer_ipv4, guests_of(S, s->peer_ipv4) + (was_guest ? -1u : 1u));
    session_invariant(S, s);
}

bool session_open(struct sessions *S, u64 conn, const struct transport_peer *peer)
{
    struct list *node = list_first(&S->free);
    u32 peer_ipv4 = peer->ipv4;

    if (node == NULL) {
        metric_add(&S->metrics.refused_full, 1);
        return false;
    }
    if (S->conf.guests_per_source != 0 && guests_of(S, peer_ipv4) >= S->conf.guests_per_source) {
        metric_add(&S->metrics.refused_source, 1);
        return false;
    }
    struct session *s = CONTAINER_OF(node, struct session, node);
    list_del(node);
    map_put(&S->conns, conn, (u32)(s - S->all));
    S->used++;
    s->conn = conn;
    s->peer_ipv4 = peer_ipv4;
    s->peer_port = peer->port;
    s->dialect = S->conf.ports[peer->listener].dialect;
    s->listener = (u8)peer->listener;
    s->silence_ns = S->conf.silence_timeout_ns;
    s->heard_ns = S->now_ns;
    s->away_ns = S->away_ns;
    session_move(S, s, SESSION_LOGIN);
    wheel_start(&S->wheel, &s->timers[TIMER_IN], S->now_ns + S->conf.login_timeout_ns);
    metric_add(&S->metrics.opened, 1);
    metric_set(&S->metrics.sessions, S->used);
    return true;
}

void session_wake(struct sessions *S, struct session *s, u64 tx)
{
    bool now = tx <= S->durable_seq;

    ASSERT(s->state != SESSION_FREE && s->state != SESSION_CLOSING);
    if (list_is_linked(&s->node) && !(s->held && now))
        return; /* where it is, it has its turn at least as early */
    s->held = !now;
    list_move_tail(now ? &S->ready : &S->held, &s->node);
}

void session_end(struct sessions *S, struct session *s, enum unbind_reason reason, bool reset)
{
    ASSERT(s->state != SESSION_FREE && s->state != SESSION_CLOSING);
    for (u32 i = 0; i < ARRAY_LEN(s->timers); i++)
        wheel_stop(&S->wheel, &s->timers[i]);
    s->login_pending = s->state == SESSION_BINDING;
    if (s->state == SESSION_LIVE || s->state == SESSION_REPLAY) /* was told that it is logged in */
        session_log_logout(S, s, reason);
    if (s->account != NULL && s->account->session == s)
        s->account->session = NULL;
    s->reason = (u8)reason;
    s->reset = reset;
    explicit_bzero(&s->login, sizeof s->login);
    explicit_bzero(&s->in, sizeof s->in);
    session_move(S, s, SESSION_CLOSING);
    s->held = false;
    list_move_tail(&S->closing, &s->node);
    metric_add(session_metric_ended(S, reason), 1);
}

void session_closed(struct sessions *S, struct session *s)
{
    if (s->state != SESSION_CLOSING)
        session_end(S, s, UNBIND_CLOSED, true);
    s->conn_gone = true;
}

bool session_say_end(struct sessions *S, struct session *s)
{
    if (s->state < SESSION_LEARN || s->state > SESSION_LIVE)
        return false;
    s->day_over = true;
    session_wake(S, s, 0);
    return true;
}

void sessions_end_all(struct sessions *S, bool say_end)
{
    for (u32 i = 0; i < S->all_count; i++) {
        struct session *s = &S->all[i];
        if (s->state == SESSION_FREE || s->state == SESSION_CLOSING)
            continue;
        if (!say_end || !session_say_end(S, s))
            session_end(S, s, UNBIND_SHUTDOWN, false);
    }
}

/* Tells the engine that a binding has ended. False: no room in the ring. */
static bool send_disconnect(struct sessions *S, const struct session *s)
{
    struct msg_unbind m;

    memset(&m, 0, sizeof m);
    m.cmd.type = CMD_DISCONNECT;
    m.cmd.slots = sizeof m / SLOT_BYTES;
    m.cmd.account = s->account->id;
    m.cmd.bind_id = s->bind_id;
    m.cmd.gateway = S->conf.gateway;
    m.conn = s->conn;
    m.bind_id = s->bind_id;
    m.gateway = S->conf.gateway;
    m.reason = s->reason;
    return ring_push(S->rings.cmd, &m, m.cmd.slots);
}

/* Makes a slot as good as new. */
static void forget(struct sessions *S, struct session *s)
{
    map_remove(&S->conns, s->conn);
    list_del(&s->node);
    s->account = NULL;
    session_move(S, s, SESSION_FREE);
    u8 *from = (u8 *)s;
    ASSERT(!timers_armed(s));
    memset(from, 0, offsetof(struct session, node));
    memset(&s->login, 0, sizeof s->login);
    s->in.used = 0;
    list_add_tail(&S->free, &s->node);
    S->used--;
    metric_set(&S->metrics.sessions, S->used);
}

bool session_leave(struct sessions *S, struct session *s)
{
    ASSERT_EQ(s->state, SESSION_CLOSING);
    ASSERT(s->conn_gone);
    if (s->login_pending) {
        list_del(&s->node); /* the engine's answer brings it back */
        return true;
    }
    if (s->bind_id != 0 && !send_disconnect(S, s))
        return false;
    forget(S, s);
    return true;
}

u32 sessions_check(const struct sessions *S)
{
    u32 used = 0;
    u32 held = 0;
    u32 chunks = S->stores.free_count;

    for (u32 i = 0; i < S->all_count; i++) {
        const struct session *s = &S->all[i];
        used += s->state != SESSION_FREE;
        session_invariant(S, s);
    }
    ASSERT_EQ(used, S->used);
    ASSERT_EQ(used, S->conns.used);
    for (u32 i = 0; i < S->directory.accounts_used; i++) {
        const struct account *a = &S->directory.accounts[i];
        account_invariant(S, a);
        chunks += store_check(&S->stores, &a->store);
        held += a->store.own != 0;
    }
    ASSERT_EQ(chunks, S->stores.total);
    return held;
}
