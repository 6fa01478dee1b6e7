/*
 * session_in.c - bytes from a client: frames, the login, OUCH messages, commands into the ring.
 *
 * Thread: the gateway's. What enters is hostile. Before a frame is taken there must be room for
 * what it may become (a slot with auth, a command in the ring) and quota left in this turn; if not,
 * the frame stays with the transport, whose peer's window closes by itself. So nothing is ever
 * dropped and nothing taken has to be given back. Whatever breaks the protocol ends this session
 * alone.
 */
#include "gateway/session/session.h"

#include "engine/base/log.h"

/* A 4.1 client may choose its own silence limit, within reason: below one heartbeat it would cut
 * itself, above a minute a dead client would hold its session. */
#define SILENCE_MS_MIN 1000u
#define SILENCE_MS_MAX 60000u

/* A client's message is taken only while more than itself fits: the rest is for logins and
 * disconnects, which come later in the turn and must not starve behind a flood of orders. */
#define RING_WANTED (MSG_SLOTS_MAX + 16u)

/* Who has been above the stop rate for so long means it. */
#define FLOOD_NS (10 * NS_PER_SEC)

/* Above the stop rate nothing is read; who does not slow down for FLOOD_NS is cut off. */
static bool flow_stops(struct sessions *S, struct session *s)
{
    u64 flow_ns = s->account->rates->flow_ns;

    if (session_rate_allows(flow_ns, S->conf.rate_stop_per_s, S->now_ns)) {
        if (flow_ns < S->now_ns + SESSION_BURST_NS / 2)
            s->flood_ns = 0;
        return false;
    }
    metric_add(&S->metrics.rate_stops, 1);
    if (s->flood_ns == 0)
        s->flood_ns = S->now_ns;
    if (S->now_ns - s->flood_ns > FLOOD_NS)
        session_end(S, s, UNBIND_PROTOCOL, true);
    return true;
}

/* Is there room for whatever the session's next frame becomes? */
static bool may_take(struct sessions *S, struct session *s)
{
    switch (s->state) {
    case SESSION_LOGIN:
        if (ring_room(S->rings.auth_requests, 1) >= 1)
            return true;
        /* The deadline stands still: it is we who keep it waiting. */
        wheel_start(&S->wheel, &s->timers[TIMER_IN], S->now_ns + S->conf.login_timeout_ns);
        return false;
    case SESSION_LIVE:
    case SESSION_REPLAY:
        if (s->turn == S->turn && s->turn_cmds >= GATEWAY_CMDS_PER_SESSION) {
            metric_add(&S->metrics.quota_stops, 1);
            return false;
        }
        if (S->space == SPACE_HARD) {
            metric_add(&S->metrics.space_stops, 1);
            return false;
        }
        if (ring_room(S->rings.cmd, RING_WANTED) < RING_WANTED) {
            metric_add(&S->metrics.ring_full_stops, 1);
            return false;
        }
        return session_rates_here(S, s->account) && !flow_stops(S, s);
    default:
        return false; /* it waits for an answer */
    }
}

static void protocol_error(struct sessions *S, struct session *s)
{
    metric_add(&S->metrics.frames_bad, 1);
    session_end(S, s, UNBIND_PROTOCOL, true);
}

/* A Login Request: the password goes to auth and nowhere else. */
static void on_login(struct sessions *S, struct session *s, const struct soup_frame *f)
{
    struct auth_request request;
    struct soup_login *login = &s->login;

    soup_login_read(f->payload, f->len, login);
    if (login->silence_ms != 0) {
        u32 ms = max_u32(SILENCE_MS_MIN, min_u32(login->silence_ms, SILENCE_MS_MAX));
        s->silence_ns = ms * NS_PER_MS;
    }
    wheel_stop(&S->wheel, &s->timers[TIMER_IN]);
    if (login->user_ok) {
        memset(&request, 0, sizeof request);
        request.conn = s->conn;
        request.peer_ipv4 = s->peer_ipv4;
        memcpy(request.user, login->user, sizeof request.user);
        memcpy(request.password, login->password, sizeof request.password);
        bool pushed = ring_push(S->rings.auth_requests, &request, 1);
        ASSERT(pushed); /* may_take has looked */
        session_move(S, s, SESSION_AUTH);
    } else {
        metric_add(&S->metrics.logins_bad, 1);
        s->reject = 'A';
        session_move(S, s, SESSION_REFUSED);
        session_wake(S, s, 0);
    }
    explicit_bzero(&request, sizeof request);
    explicit_bzero(login->password, sizeof login->password);
    explicit_bzero(s->in.bytes, sizeof s->in.bytes);
}

/* Completes a decoded command and stages it; session_data publishes. */
static void stage_command(struct sessions *S, struct session *s, union msg *m)
{
    m->cmd.account = s->account->id;
    m->cmd.bind_id = s->bind_id;
    m->cmd.gateway = S->conf.gateway;
    if (m->cmd.type == CMD_ENTER)
        session_check_enter(S, s, &m->enter);
    else if (m->cmd.type == CMD_REPLACE)
        session_check_replace(S, s, &m->replace);
    else if (m->cmd.type == CMD_MODIFY && !session_check_modify(S, s, &m->modify))
        return;
    ring_put(S->rings.cmd, m, m->cmd.slots);
    s->turn_cmds = s->turn == S->turn ? s->turn_cmds + 1 : 1;
    s->turn = S->turn;
    metric_add(&S->metrics.commands, 1);
}

/* One OUCH message. */
static void on_message(struct sessions *S, struct session *s, const struct soup_frame *f)
{
    union msg m;
    enum ouch5_status status = LIKELY(s->dialect == DIALECT_OUCH50)
                                   ? ouch5_decode(f->payload, f->len, &m)
                                   : session_decode42(S, s, f->payload, f->len, &m);

    switch (status) {
    case OUCH5_COMMAND:
        if (UNLIKELY(s->account->copy != READER_ACCOUNT) && !session_copy_takes(S, &m))
            return;
        if (s->bind_id != 0) /* 0: its day is over and it only waits for the end */
            stage_command(S, s, &m);
        return;
    case OUCH5_UNKNOWN:
        metric_add(&S->metrics.unknown, 1);
        return;
    case OUCH5_IGNORED:
        metric_add(&S->metrics.tokens_ignored, 1);
        return;
    case OUCH5_MALFORMED:
        metric_add(&S->metrics.malformed, 1);
        return;
    }
}

static void on_frame(struct sessions *S, struct session *s, const struct soup_frame *f)
{
    bool logged_in = s->state != SESSION_LOGIN;

    metric_add(&S->metrics.frames_in, 1);
    if (logged_in)
        session_rate_count(&s->account->rates->flow_ns, S->conf.rate_stop_per_s, S->now_ns);
    switch (f->type) {
    case SOUP_LOGIN:
        if (logged_in)
            protocol_error(S, s);
        else
            on_login(S, s, f);
        return;
    case SOUP_UNSEQUENCED:
        if (logged_in)
            on_message(S, s, f);
        else
            protocol_error(S, s);
        return;
    case SOUP_LOGOUT:
        session_end(S, s, UNBIND_LOGOUT, false);
        return;
    case SOUP_DEBUG:
        metric_add(&S->metrics.debug_frames, 1);
        return;
    default:
        ASSERT_EQ(f->type, SOUP_CLIENT_HEARTBEAT); /* soup_next gives no other */
        return;
    }
}

u32 session_data(struct sessions *S, struct session *s, const u8 *bytes, u32 n)
{
    u64 staged = S->rings.cmd->staged;
    u32 at = 0;

    s->heard_ns = S->now_ns; /* also when it must wait: then it is we who are silent */
    while (at < n && s->state != SESSION_CLOSING && may_take(S, s)) {
        struct soup_frame f;
        u32 used;
        enum soup_status status = soup_next(&s->in, bytes + at, n - at, &used, &f);
        at += used;
        if (status == SOUP_FRAME)
            on_frame(S, s, &f);
        else if (status == SOUP_BAD)
            protocol_error(S, s);
    }
    if (S->rings.cmd->staged != staged) {
        if (UNLIKELY(S->stamps != NULL))
            stamps_parsed(S->stamps, staged, S->rings.cmd->staged);
        ring_publish(S->rings.cmd);
        store_expect_place(&S->stores, &s->account->store); /* the answer comes in the next turn */
    }
    if (s->state == SESSION_CLOSING)
        at = n; /* whatever it still says */
    metric_add(&S->metrics.bytes_in, at);
    return at;
}
