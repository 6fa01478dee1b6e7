/*
 * session_out.c - bytes to clients: the only place that writes them, and the release rule's gate.
 *
 * Thread: the gateway's. Nothing of a transaction leaves before the transaction is durable: not a
 * sequenced message, not the answer to a login. Heartbeats wait for nothing. A client's stream is
 * sent strictly by next_seq: from the store where the store has it, from the reader where it has
 * not; both give the same bytes, so it does not matter when a session changes from one to the
 * other.
 */
#include "gateway/session/session.h"

#include "engine/base/log.h"
#include "gateway/session/session_log.h"

/* Room that any sequenced frame fits into. */
#define FRAME_ROOM (SOUP_HEAD_BYTES + SESSION_COPY_HEAD + OUCH5_OUT_MAX)

#define READER_RETRY_NS (5 * NS_PER_MS)

/* Is there room for `n` bytes? If not, that is noted: somebody has to come back for them. */
static bool fits(struct session_out *out, u32 n)
{
    bool ok = out->room - out->used >= n;

    out->full = out->full || !ok;
    return ok;
}

/* Writes message `m` in a dialect; returns its bytes. */
static u32 encode(const struct sessions *S, u8 dialect, const union msg *m, u8 *out)
{
    static const char blank[8] = "        ";
    const char *symbol = blank;

    if (m->ev.type == EV_ACCEPTED || m->ev.type == EV_REPLACED) {
        const struct instrument *i = directory_instrument(&S->directory, m->order.instrument);
        ASSERT(i != NULL);
        symbol = i->symbol;
    }
    return LIKELY(dialect == DIALECT_OUCH50) ? ouch5_encode(m, symbol, S->midnight_ns, out)
                                             : session_encode42(S, m, symbol, out);
}

/* Writes message `m` as a sequenced frame; there is FRAME_ROOM. */
static void put_message(const struct sessions *S, const struct session *s, const union msg *m,
                        struct session_out *out)
{
    u8 *frame = out->bytes + out->used;
    u32 n = encode(S, s->dialect, m, frame + SOUP_HEAD_BYTES);

    out->used += soup_head(frame, SOUP_SEQUENCED, n) + n;
}

/* The same for a drop copy. */
static void put_copy(const struct sessions *S, const union msg *m, struct session_out *out)
{
    u8 *frame = out->bytes + out->used;
    u32 n = session_copy_head(S, m, frame + SOUP_HEAD_BYTES);

    n += encode(S, DIALECT_OUCH50, m, frame + SOUP_HEAD_BYTES + n);
    out->used += soup_head(frame, SOUP_SEQUENCED, n) + n;
}

static void put_empty(struct session_out *out, u8 type)
{
    out->used += soup_head(out->bytes + out->used, type, 0);
}

/* Login Rejected, then the end. */
static void send_refusal(struct sessions *S, struct session *s, struct session_out *out)
{
    if (!fits(out, SOUP_REJECTED_BYTES))
        return;
    out->used += soup_rejected(out->bytes + out->used, s->reject);
    session_end(S, s, UNBIND_CLOSED, false);
}

/* To LIVE or REPLAY, by where its next message is. */
static void follow(struct sessions *S, struct session *s)
{
    bool copy = s->account->copy != READER_ACCOUNT;
    bool older = copy || s->next_seq < s->account->store.first_seq;

    if (s->asked)
        return; /* the store may have come meanwhile, but so will the answer */
    if (older && s->state != SESSION_REPLAY) {
        metric_add(&S->metrics.replays, !copy);
        s->waited = true;
        session_move(S, s, SESSION_REPLAY);
    } else if (!older && s->state != SESSION_LIVE) {
        session_move(S, s, SESSION_LIVE);
    }
}

/* Login Accepted. */
static void send_acceptance(struct sessions *S, struct session *s, struct session_out *out)
{
    if (!fits(out, SOUP_ACCEPTED_BYTES))
        return;
    out->used += soup_accepted(out->bytes + out->used, S->id, s->next_seq);
    metric_add(&S->metrics.logins_ok, 1);
    s->stamped = S->stamps != NULL && stamps_wants(S->stamps, s->account->user);
    s->waited = s->next_seq < s->account->store.next_seq;
    session_log_login(S, s);
    session_timers_start(S, s);
    follow(S, s);
}

bool session_ask_reader(struct sessions *S, struct session *s, u64 from, u64 count)
{
    struct reader_request request;

    if (s->asked || wheel_armed(&s->timers[TIMER_RETRY]))
        return true; /* the answer or the timer goes on */
    if (S->rings.reader_requests == NULL) {
        log_error("gateway: %.6s wants old messages and there is no reader", s->account->user);
        session_end(S, s, UNBIND_SHUTDOWN, false);
        return false;
    }
    memset(&request, 0, sizeof request);
    request.conn = s->conn;
    request.from_seq = from;
    request.account = s->account->id;
    request.day = S->day;
    request.count = (u32)min_u64(count, READER_COUNT_MAX);
    request.gateway = S->conf.gateway;
    request.scope = s->account->copy;
    s->asked_last = s->day_over;
    s->asked = ring_push(S->rings.reader_requests, &request, 1);
    if (!s->asked)
        session_wake(S, s, 0); /* the ring is full: next turn */
    return true;
}

void session_retry(struct sessions *S, struct session *s)
{
    wheel_start(&S->wheel, &s->timers[TIMER_RETRY], S->now_ns + READER_RETRY_NS);
}

/* Asks the reader for as much as the connection can surely take. */
static void ask_reader(struct sessions *S, struct session *s, struct session_out *out)
{
    bool copy = s->account->copy != READER_ACCOUNT;
    u64 missing = copy ? READER_COUNT_MAX : s->account->store.first_seq - s->next_seq;
    u32 room = (out->room - out->used) / SOUP_FRAME_OUT_MAX;

    if (fits(out, SOUP_FRAME_OUT_MAX))
        session_ask_reader(S, s, s->next_seq, min_u64(missing, room));
}

/* An order's stages end here, but for answers that waited for their own client. */
static void stamp(struct sessions *S, const struct session *s, const union msg *m)
{
    if (s->waited)
        stamps_waited(S->stamps, m->ev.seq, m->ev.account);
    else
        stamps_note(S->stamps, m->ev.seq, m->ev.account);
}

/* Messages of the store, as far as they are durable and fit. */
static u32 send_stored(struct sessions *S, struct session *s, struct session_out *out)
{
    struct store *store = &s->account->store;
    u32 sent = 0;

    while (s->next_seq < store->next_seq && sent < GATEWAY_SENDS_PER_SESSION) {
        const union msg *m = store_read(&S->stores, store, &s->cursor, s->next_seq);
        if (m->ev.seq > S->durable_seq) {
            session_wake(S, s, m->ev.seq);
            return sent;
        }
        if (!fits(out, FRAME_ROOM)) {
            s->waited = true;
            return sent;
        }
        put_message(S, s, m, out);
        if (UNLIKELY(s->stamped))
            stamp(S, s, m);
        s->next_seq++;
        sent++;
    }
    if (s->next_seq < store->next_seq)
        session_wake(S, s, 0);
    else
        s->waited = false;
    return sent;
}

/* The end of the day's stream: nothing is left to be sent. */
static void send_end(struct sessions *S, struct session *s, struct session_out *out)
{
    bool more = !s->all_copied && s->next_seq < s->account->store.next_seq;

    if (more || !fits(out, SOUP_HEAD_BYTES))
        return;
    put_empty(out, SOUP_END);
    session_end(S, s, UNBIND_SHUTDOWN, false);
}

/* What a logged-in session has to say. */
static u32 send_stream(struct sessions *S, struct session *s, struct session_out *out)
{
    u32 sent = 0;

    if (s->beat_due && fits(out, SOUP_HEAD_BYTES)) {
        put_empty(out, SOUP_SERVER_HEARTBEAT);
        s->beat_due = false;
        metric_add(&S->metrics.heartbeats_out, 1);
    }
    follow(S, s);
    if (s->all_copied)
        send_end(S, s, out);
    else if (s->state == SESSION_REPLAY)
        ask_reader(S, s, out);
    else
        sent = send_stored(S, s, out);
    if (s->state == SESSION_LIVE && s->day_over && !list_is_linked(&s->node))
        send_end(S, s, out);
    return sent;
}

static void count_sent(struct sessions *S, struct session *s, const struct session_out *out,
                       u32 messages)
{
    if (out->used == 0)
        return;
    s->sent_ns = S->now_ns;
    metric_add(&S->metrics.messages_out, messages);
    metric_add(&S->metrics.bytes_out, out->used);
}

u32 session_send(struct sessions *S, struct session *s, struct session_out *out)
{
    u32 sent = 0;

    list_del(&s->node);
    s->held = false;
    if (s->answer_tx > S->durable_seq) {
        session_wake(S, s, s->answer_tx);
        return 0;
    }
    switch (s->state) {
    case SESSION_REFUSED:
        send_refusal(S, s, out);
        break;
    case SESSION_LEARN:
        if (s->account->copy != READER_ACCOUNT)
            session_copy_learn(S, s);
        else
            session_learn(S, s);
        break;
    case SESSION_BOUND:
        send_acceptance(S, s, out);
        if (s->state != SESSION_BOUND)
            session_wake(S, s, 0);
        break;
    case SESSION_LIVE:
    case SESSION_REPLAY:
        sent = send_stream(S, s, out);
        break;
    default:
        break; /* `writable` for one that has nothing to say yet */
    }
    count_sent(S, s, out, sent);
    return sent;
}

struct session *session_replay_begin(struct sessions *S, const struct reader_answer *answer)
{
    struct session *s = session_find(S, answer->conn);

    if (s == NULL || (s->state != SESSION_REPLAY && s->state != SESSION_LEARN))
        return NULL;
    ASSERT(s->asked); /* one answer for each request */
    s->asked = false;
    if (s->account->copy != READER_ACCOUNT)
        return session_copy_answered(S, s, answer) ? s : NULL;
    if (answer->status == READER_OK) {
        ASSERT_EQ(answer->account, s->account->id);
        ASSERT(s->state == SESSION_LEARN || answer->from_seq == s->next_seq);
        return s;
    }
    metric_add(&S->metrics.reader_none, 1);
    if (answer->status == READER_NONE) {
        session_retry(S, s);
        return NULL;
    }
    log_error("gateway: the reader does not have day %u for %.6s", answer->day, s->account->user);
    session_end(S, s, UNBIND_SHUTDOWN, false);
    return NULL;
}

/* The reader may be ahead of this gateway's events: of an account or instrument that is new it will
 * hear in a moment. */
static bool copy_known(const struct sessions *S, const union msg *m)
{
    bool order = m->ev.type == EV_ACCEPTED || m->ev.type == EV_REPLACED;

    return directory_account(&S->directory, m->ev.account) != NULL &&
           (!order || directory_instrument(&S->directory, m->order.instrument) != NULL);
}

/* The next message of a drop copy. Once one does not fit, or must wait, none of the answer does:
 * FRAME_ROOM is the same for all. The reader gives only what is on the disk, which may be beyond
 * this turn's mark. */
static void replay_copy(struct sessions *S, struct session *s, const union msg *m,
                        struct session_out *out)
{
    if (!copy_known(S, m))
        out->room = out->used; /* it is asked for again */
    if (!fits(out, FRAME_ROOM))
        return;
    put_copy(S, m, out);
    s->next_seq++;
    metric_add(&S->metrics.copied, 1);
}

void session_replay(struct sessions *S, struct session *s, const union msg *m,
                    struct session_out *out)
{
    if (s->account->copy != READER_ACCOUNT) {
        replay_copy(S, s, m, out);
        return;
    }
    ASSERT_EQ(m->ev.account, s->account->id);
    if (s->state == SESSION_LEARN) {
        session_note(S, s->account, m);
        return;
    }
    if (m->ev.session_seq != s->next_seq || !fits(out, FRAME_ROOM))
        return;
    ASSERT_LE(m->ev.seq, S->durable_seq);
    put_message(S, s, m, out);
    s->next_seq++;
    metric_add(&S->metrics.replayed, 1);
}

void session_replay_end(struct sessions *S, struct session *s, const struct session_out *out)
{
    count_sent(S, s, out, 0);
    session_wake(S, s, 0);
}
