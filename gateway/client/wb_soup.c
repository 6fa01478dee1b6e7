/*
 * wb_soup.c - the client's side of SoupBinTCP over the owner's buffers.
 *
 * Enters: bytes of the server, payloads of the owner, the time. Leaves: events, bytes for the
 * server. Whoever owns the struct runs it; nothing here blocks, allocates or reads a clock.
 *
 * Happy path: start queues the login; Login Accepted names the session and the number of the next
 * message; from then on each Sequenced Data packet is handed out with its number, which is counted
 * here and nowhere else. A heartbeat goes out when nothing else did for a second.
 *
 * Invariants: in_from <= in_used <= in_bytes and the same for out; payloads are queued whole or not
 * at all; next_seq moves by one with each sequenced packet handed out, and by nothing else.
 *
 * Failure modes: an unknown packet type, a packet that is too long for the buffer, data before the
 * login was answered, a malformed login answer, or silence: WB_SOUP_BROKEN with the reason, and the
 * conversation is over. All other packets are taken as they come: the server is not trusted.
 */
#include "gateway/client/wb_soup.h"

#include <stdio.h>

#include "engine/base/assert.h"
#include "engine/base/sm.h"
#include "gateway/client/wb_bytes.h"

static const struct sm_state states[] = {
    [WB_SOUP_LOGIN] = {"login", 1u << WB_SOUP_LIVE | 1u << WB_SOUP_OVER},
    [WB_SOUP_LIVE] = {"live", 1u << WB_SOUP_OVER},
    [WB_SOUP_OVER] = {"over", 0},
};

static void invariant(const struct wb_soup *s)
{
    ASSERT_LE(s->in_from, s->in_used);
    ASSERT_LE(s->in_used, s->in_bytes);
    ASSERT_LE(s->out_from, s->out_used);
    ASSERT_LE(s->out_used, s->out_bytes);
}

static void over(struct wb_soup *s)
{
    if (s->state != WB_SOUP_OVER)
        sm_move(states, &s->state, WB_SOUP_OVER);
}

/* ---- out ---- */

/* Makes room for `n` bytes behind what is queued; NULL when there is none. */
static u8 *out_space(struct wb_soup *s, u32 n)
{
    if (s->out_bytes - s->out_used < n && s->out_from > 0) {
        memmove(s->out, s->out + s->out_from, s->out_used - s->out_from);
        s->out_used -= s->out_from;
        s->out_from = 0;
    }
    return s->out_bytes - s->out_used < n ? NULL : s->out + s->out_used;
}

/* Queues a packet whole; false when it does not fit. */
static bool put_packet(struct wb_soup *s, char type, const u8 *payload, u32 n)
{
    u8 *p = out_space(s, 3 + n);
    if (p == NULL)
        return false;
    p = wb_put(p, 1 + n, 2);
    p = wb_put(p, (u8)type, 1);
    if (n > 0)
        memcpy(p, payload, n);
    s->out_used += 3 + n;
    s->packets_out++;
    invariant(s);
    return true;
}

/* A number in ASCII, right-justified in `n` bytes. */
static u8 *put_number(u8 *p, u64 value, u32 n)
{
    char text[21];
    int used = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    ASSERT(used > 0 && (u32)used <= n);
    memset(p, ' ', n - (u32)used);
    memcpy(p + n - used, text, (u32)used);
    return p + n;
}

static void put_login(struct wb_soup *s, const struct wb_login *login)
{
    u8 payload[WB_LOGIN_BYTES];
    u32 session = (u32)strnlen(login->session, WB_SESSION_BYTES);
    u8 *p = wb_put_text(payload, login->user, 6);
    p = wb_put_text(p, login->password, 10);
    memset(p, ' ', WB_SESSION_BYTES - session); /* right-justified, as most servers send it */
    memcpy(p + WB_SESSION_BYTES - session, login->session, session);
    p = put_number(p + WB_SESSION_BYTES, login->seq, 20);
    if (login->version == WB_SOUP_4_1)
        p = put_number(p, min_u32(login->timeout_ms, 99999), 5);
    bool queued = put_packet(s, 'L', payload, (u32)(p - payload));
    ASSERT(queued);
}

void wb_soup_start(struct wb_soup *s, const struct wb_login *login, u8 *in, u32 in_bytes, u8 *out,
                   u32 out_bytes, u64 now_ns)
{
    ASSERT_GE(in_bytes, WB_IN_BYTES_MIN);
    ASSERT_GE(out_bytes, WB_OUT_BYTES_MIN);
    struct wb_soup before = *s;
    *s = (struct wb_soup){
        .state = WB_SOUP_LOGIN,
        .next_seq = before.next_seq,
        .requested_seq = login->seq,
        .silence_ns = before.silence_ns != 0 ? before.silence_ns : WB_SILENCE_NS,
        .sent_ns = now_ns,
        .heard_ns = now_ns,
        .in = in,
        .in_bytes = in_bytes,
        .out = out,
        .out_bytes = out_bytes,
    };
    memcpy(s->session, before.session, sizeof(s->session));
    put_login(s, login);
}

bool wb_soup_send(struct wb_soup *s, const u8 *bytes, u32 n)
{
    return s->state == WB_SOUP_LIVE && put_packet(s, 'U', bytes, n);
}

u32 wb_soup_room(const struct wb_soup *s)
{
    u32 free_bytes = s->out_bytes - (s->out_used - s->out_from);
    return s->state == WB_SOUP_LIVE && free_bytes > 3 ? free_bytes - 3 : 0;
}

void wb_soup_logout(struct wb_soup *s)
{
    if (s->state == WB_SOUP_LIVE)
        put_packet(s, 'O', NULL, 0); /* with a full queue the close alone has to do */
    over(s);
}

const u8 *wb_soup_output(const struct wb_soup *s, u32 *n)
{
    *n = s->out_used - s->out_from;
    return s->out + s->out_from;
}

void wb_soup_sent(struct wb_soup *s, u32 n, u64 now_ns)
{
    ASSERT_LE(n, s->out_used - s->out_from);
    s->out_from += n;
    if (s->out_from == s->out_used)
        s->out_from = s->out_used = 0;
    if (n > 0)
        s->sent_ns = now_ns;
}

void wb_soup_tick(struct wb_soup *s, u64 now_ns)
{
    if (s->state == WB_SOUP_OVER)
        return;
    if (now_ns > s->heard_ns && now_ns - s->heard_ns >= s->silence_ns) {
        s->broken = "the server is silent";
        return;
    }
    bool idle = s->out_from == s->out_used && now_ns > s->sent_ns;
    if (s->state == WB_SOUP_LIVE && idle && now_ns - s->sent_ns >= WB_HEARTBEAT_NS &&
        put_packet(s, 'R', NULL, 0))
        s->heartbeats_out++;
}

/* ---- in ---- */

u8 *wb_soup_space(struct wb_soup *s, u32 *n)
{
    if (s->in_from > 0) {
        memmove(s->in, s->in + s->in_from, s->in_used - s->in_from);
        s->in_used -= s->in_from;
        s->in_from = 0;
    }
    *n = s->in_bytes - s->in_used;
    return s->in + s->in_used;
}

void wb_soup_filled(struct wb_soup *s, u32 n, u64 now_ns)
{
    ASSERT_LE(n, s->in_bytes - s->in_used);
    s->in_used += n;
    if (n > 0)
        s->heard_ns = now_ns;
}

static enum wb_soup_kind broken(struct wb_soup *s, struct wb_soup_event *ev, const char *why)
{
    over(s);
    s->broken = NULL;
    ev->why = why;
    return ev->kind = WB_SOUP_BROKEN;
}

/* An ASCII number padded with spaces on either side. */
static bool get_number(const u8 *p, u32 n, u64 *value)
{
    char text[21];
    wb_get_text(text, p, n);
    *value = 0;
    for (const char *c = text; *c != 0; c++) {
        if (*c < '0' || *c > '9' || *value > (UINT64_MAX - 9) / 10)
            return false;
        *value = *value * 10 + (u64)(*c - '0');
    }
    return text[0] != 0;
}

static enum wb_soup_kind take_accepted(struct wb_soup *s, struct wb_soup_event *ev)
{
    if (s->state != WB_SOUP_LOGIN || ev->n != WB_SESSION_BYTES + 20)
        return broken(s, ev, "a Login Accepted that cannot be");
    wb_get_text(s->session, ev->bytes, WB_SESSION_BYTES);
    if (!get_number(ev->bytes + WB_SESSION_BYTES, 20, &s->next_seq) || s->next_seq == 0)
        return broken(s, ev, "a Login Accepted without a sequence number");
    sm_move(states, &s->state, WB_SOUP_LIVE);
    ev->seq = s->next_seq;
    return ev->kind = WB_SOUP_ACCEPTED;
}

static enum wb_soup_kind take_rejected(struct wb_soup *s, struct wb_soup_event *ev)
{
    if (s->state != WB_SOUP_LOGIN || ev->n != 1)
        return broken(s, ev, "a Login Rejected that cannot be");
    over(s);
    ev->reason = (char)ev->bytes[0];
    return ev->kind = WB_SOUP_REJECTED;
}

/* One whole packet, its payload in ev->bytes and ev->n. */
static enum wb_soup_kind take_packet(struct wb_soup *s, struct wb_soup_event *ev, u8 type)
{
    /* What the server had sent before it read our logout still counts, hence "not LOGIN". */
    bool open = s->state != WB_SOUP_LOGIN;
    switch (type) {
    case 'S':
        if (!open)
            break;
        ev->seq = s->next_seq++;
        return ev->kind = WB_SOUP_SEQUENCED;
    case 'U':
        if (!open)
            break;
        return ev->kind = WB_SOUP_UNSEQUENCED;
    case 'H':
        s->heartbeats_in++;
        return ev->kind = WB_SOUP_NOTHING;
    case '+':
        return ev->kind = WB_SOUP_DEBUG;
    case 'A':
        return take_accepted(s, ev);
    case 'J':
        return take_rejected(s, ev);
    case 'Z':
        over(s);
        return ev->kind = WB_SOUP_END;
    default:
        return broken(s, ev, "a packet of an unknown type");
    }
    return broken(s, ev, "data before the login was answered");
}

enum wb_soup_kind wb_soup_next(struct wb_soup *s, struct wb_soup_event *ev)
{
    *ev = (struct wb_soup_event){.kind = WB_SOUP_NOTHING};
    invariant(s);
    while (s->in_used - s->in_from >= 2) {
        u32 length = wb_get16(s->in + s->in_from);
        if (length == 0)
            return broken(s, ev, "a packet of no length");
        if (2 + length > s->in_bytes)
            return broken(s, ev, "a packet too long for the buffer");
        if (s->in_used - s->in_from < 2 + length)
            break;
        const u8 *packet = s->in + s->in_from + 2;
        s->in_from += 2 + length;
        s->packets_in++;
        ev->bytes = packet + 1;
        ev->n = length - 1;
        if (take_packet(s, ev, packet[0]) != WB_SOUP_NOTHING)
            return ev->kind;
    }
    if (s->broken != NULL)
        return broken(s, ev, s->broken);
    return WB_SOUP_NOTHING;
}
