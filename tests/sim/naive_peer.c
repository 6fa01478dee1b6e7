/*
 * naive_peer.c - see naive_peer.h. It only ever answers: connections are opened by the other end.
 *
 * Sequence numbers are kept relative to the initial ones, in 64 bits, so nothing wraps in here.
 */
#include "tests/sim/naive_peer.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "tests/sim/net_pair_link.h"

#define TIMER_NS (300 * NS_PER_MS)
#define HEADERS  54u

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

struct naive_conn {
    bool open, fin_got, over;
    u32 iss, irs;
    u64 got;      /* bytes taken in order; our ACK is irs + 1 + got (+ 1 with fin_got) */
    u64 una, nxt; /* bytes acknowledged, bytes sent; conf.bytes + 1: the FIN too */
    u64 edge;     /* of what we let it send: bytes */
    u64 wnd;      /* of what it lets us send, beyond una */
    u64 timer_ns, ack_at_ns;
    u32 unacked; /* segments since the last ACK */
};

struct naive {
    struct naive_conn conns[CONNS];
    bool says_sack, shrinks;
    u32 mss, ack_every, window_max;
    u64 ack_delay_ns;
    u8 peer_mac[6];
};

static u32 get32(const u8 *p)
{
    return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

static void put16(u8 *p, u32 x)
{
    p[0] = (u8)(x >> 8);
    p[1] = (u8)x;
}

static void put32(u8 *p, u32 x)
{
    put16(p, x >> 16);
    put16(p + 2, x);
}

static u32 sum16(const u8 *p, u32 n, u32 sum)
{
    for (u32 i = 0; i < n; i++)
        sum += i % 2 == 0 ? (u32)p[i] << 8 : p[i];
    return sum;
}

static u32 fold(u32 sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

void naive_init(struct pair *p)
{
    struct naive *n = calloc(1, sizeof *n);

    p->naive = n;
    p->ends[1].pair = p;
    p->ends[1].index = 1;
    n->says_sack = pair_below(p, 2) == 0;
    n->shrinks = pair_below(p, 8) == 0;
    n->mss = pair_below(p, 2) == 0 ? 1460 : 300 + pair_below(p, 1000);
    n->ack_every = 1 + pair_below(p, 3);
    n->ack_delay_ns = pair_below(p, 2);
    n->ack_delay_ns *= pair_rnd(p) % (200 * NS_PER_MS);
    n->window_max = pair_below(p, 2) == 0 ? 65535 : 500 + pair_below(p, 20000);
}

/* ---- out ---- */

/* A new right edge, or the old one: it shrinks only where that is this run's habit. */
static u32 window(struct pair *p, struct naive_conn *c)
{
    u32 open = pair_below(p, 5) == 0 ? 0 : 1 + pair_below(p, p->naive->window_max);

    if (c->got + open > c->edge || (p->naive->shrinks && pair_below(p, 4) == 0))
        c->edge = c->got + open;
    return c->edge > c->got ? min_u32((u32)(c->edge - c->got), 65535) : 0;
}

static void send(struct pair *p, u32 k, u64 at, u32 len, u32 flags)
{
    struct naive *n = p->naive;
    struct naive_conn *c = &n->conns[k];
    u32 options = (flags & SYN) != 0 ? 8 : 0;
    struct packet packet = {0};

    if (!pair_link_ops.alloc(&p->ends[1], &packet))
        return;
    u8 *f = packet.data, *ip = f + 14, *tcp = f + 34;
    memset(f, 0, HEADERS + options);
    memcpy(f, n->peer_mac, 6);
    f[6] = 2;
    f[11] = 2;
    f[12] = 8;
    ip[0] = 0x45;
    put16(ip + 2, 40 + options + len);
    ip[8] = 64;
    ip[9] = 6;
    put32(ip + 12, 0x0a000002);
    put32(ip + 16, 0x0a000001);
    put16(ip + 10, fold(sum16(ip, 20, 0)));
    put16(tcp, PORT);
    put16(tcp + 2, 20000 + k);
    put32(tcp + 4, c->iss + (flags & SYN ? 0 : 1) + (u32)at);
    put32(tcp + 8, c->irs + 1 + (u32)c->got + c->fin_got);
    tcp[12] = (u8)((20 + options) / 4 << 4);
    tcp[13] = (u8)flags;
    put16(tcp + 14, window(p, c));
    memcpy(tcp + 20,
           (u8[]){2, 4, (u8)(n->mss >> 8), (u8)n->mss, n->says_sack ? 4 : 1, n->says_sack ? 2 : 1,
                  1, 1},
           options);
    for (u32 i = 0; i < len; i++)
        tcp[20 + i] = pair_stream_byte(p, 1, k, (u32)at + i);
    put16(tcp + 16,
          fold(sum16(tcp, 20 + options + len, sum16(ip + 12, 8, 6 + 20 + options + len))));
    packet.len = HEADERS + options + len;
    c->ack_at_ns = 0;
    c->unacked = 0;
    pair_link_ops.transmit(&p->ends[1], &packet);
}

static void pump(struct pair *p, u32 k)
{
    struct naive_conn *c = &p->naive->conns[k];
    u64 limit = min_u64(c->una + min_u64(c->wnd, 4 * p->naive->mss), p->conf.bytes);

    if (c->timer_ns != 0 && p->now_ns >= c->timer_ns) {
        c->nxt = c->una; /* go back */
        c->timer_ns = 0;
        limit = max_u64(limit, min_u64(c->una + 1, p->conf.bytes)); /* and ask a closed window */
    }
    while (c->nxt < limit) {
        u32 len = min_u32((u32)(limit - c->nxt), 1 + pair_below(p, min_u32(p->naive->mss, 1400)));
        send(p, k, c->nxt, len, ACK);
        c->nxt += len;
    }
    if (c->nxt == p->conf.bytes && c->got == p->conf.bytes) {
        send(p, k, c->nxt, 0, ACK | FIN);
        c->nxt++;
    }
    if (c->timer_ns == 0 && c->una <= p->conf.bytes)
        c->timer_ns = p->now_ns + TIMER_NS;
}

void naive_turn(struct pair *p)
{
    for (u32 k = 0; k < p->conns; k++) {
        struct naive_conn *c = &p->naive->conns[k];
        if (!c->open || c->over)
            continue;
        if (c->una <= p->conf.bytes)
            pump(p, k);
        if (c->ack_at_ns != 0 && p->now_ns >= c->ack_at_ns)
            send(p, k, min_u64(c->nxt, p->conf.bytes + 1), 0, ACK);
    }
}

bool naive_done(const struct pair *p)
{
    for (u32 k = 0; k < p->conns; k++)
        if (!p->naive->conns[k].open || p->naive->conns[k].una <= p->conf.bytes ||
            !p->naive->conns[k].fin_got)
            return false;
    return true;
}

/* ---- in ---- */

static void answer_arp(struct pair *p, const u8 *frame)
{
    struct packet packet = {0};

    if (frame[21] != 1 || get32(frame + 38) != 0x0a000002 ||
        !pair_link_ops.alloc(&p->ends[1], &packet))
        return;
    memcpy(packet.data, frame, 42);
    memcpy(packet.data, frame + 6, 6);
    memcpy(packet.data + 6, (u8[6]){2, 0, 0, 0, 0, 2}, 6);
    packet.data[21] = 2;
    memcpy(packet.data + 22, (u8[6]){2, 0, 0, 0, 0, 2}, 6);
    put32(packet.data + 28, 0x0a000002);
    memcpy(packet.data + 32, frame + 22, 10);
    packet.len = 42;
    pair_link_ops.transmit(&p->ends[1], &packet);
}

static void open_conn(struct pair *p, u32 k, u32 seq)
{
    struct naive_conn *c = &p->naive->conns[k];

    if (!c->open || c->irs != seq) {
        ASSERT_EQ(c->got, 0);
        *c = (struct naive_conn){.open = true, .irs = seq, .iss = (u32)pair_rnd(p)};
    }
    send(p, k, 0, 0, SYN | ACK);
}

/* Data from `at` of the stream on; what is ahead of a hole is thrown away. */
static void take_data(struct pair *p, u32 k, i64 at, const u8 *data, u32 len, bool fin)
{
    struct naive_conn *c = &p->naive->conns[k];
    bool ahead = at > (i64)c->got;

    if (ahead || at < -1)
        p->stats.pool_drops += ahead; /* a fault of its own making */
    for (u32 i = 0; i < len && !ahead; i++) {
        if (at + i < (i64)c->got || at + i >= (i64)c->edge)
            continue;
        ASSERT_EQ(data[i], pair_stream_byte(p, 0, k, (u32)(at + i)));
        c->got++;
        p->stats.bytes++;
    }
    ASSERT_LE(c->got, p->conf.bytes);
    if (fin && at + len == (i64)c->got) {
        ASSERT_EQ(c->got, p->conf.bytes);
        c->fin_got = true;
    }
    c->unacked++;
    if (c->unacked >= p->naive->ack_every || ahead)
        send(p, k, min_u64(c->nxt, p->conf.bytes + 1), 0, ACK);
    else if (c->ack_at_ns == 0)
        c->ack_at_ns = p->now_ns + 1 + p->naive->ack_delay_ns;
}

static void take_ack(struct pair *p, struct naive_conn *c, u32 ack, u32 wnd)
{
    u32 bytes = ack - (c->iss + 1 + (u32)c->una);

    c->wnd = wnd;
    if (bytes == 0 || bytes > p->conf.bytes + 1 - c->una)
        return;
    c->una += bytes;
    c->nxt = max_u64(c->nxt, c->una);
    c->timer_ns = 0;
}

/*
 * For what came late: after the end, or after a SYN that was given up. Or the last ACK was lost,
 * and a jump of the other's clock ended its TIME_WAIT before our FIN came again.
 */
static void take_reset(const struct pair *p, struct naive_conn *c)
{
    ASSERT(c->got == 0 || (c->fin_got && c->una >= p->conf.bytes));
    if (c->got == 0 || c->una > p->conf.bytes)
        return;
    ASSERT_GT(p->ends[0].jump_ns, 0);
    c->una = p->conf.bytes + 1;
}

void naive_input(struct pair *p, const u8 *frame, u32 len)
{
    const u8 *ip = frame + 14, *tcp = frame + 34;

    if (len == 42 && frame[12] == 8 && frame[13] == 6) {
        answer_arp(p, frame);
        return;
    }
    if (len < HEADERS || ip[9] != 6 || fold(sum16(ip, 20, 0)) != 0)
        return;
    u32 bytes = ((u32)ip[2] << 8 | ip[3]) - 20;
    u32 header = (u32)(tcp[12] >> 4) * 4;
    u32 k = ((u32)tcp[0] << 8 | tcp[1]) - 20000;
    if (fold(sum16(tcp, bytes, sum16(ip + 12, 8, 6 + bytes))) != 0 || k >= p->conns)
        return;
    struct naive_conn *c = &p->naive->conns[k];
    memcpy(p->naive->peer_mac, frame + 6, 6);
    if ((tcp[13] & SYN) != 0) {
        open_conn(p, k, get32(tcp + 4));
        return;
    }
    if (!c->open)
        return;
    if ((tcp[13] & RST) != 0) {
        take_reset(p, c);
        return;
    }
    take_ack(p, c, get32(tcp + 8), (u32)tcp[14] << 8 | tcp[15]);
    i64 at = (i64)c->got + (i32)(get32(tcp + 4) - (c->irs + 1 + (u32)c->got));
    bool fin = (tcp[13] & FIN) != 0;
    if (bytes > header || fin || at < (i64)c->got)
        take_data(p, k, at, tcp + header, bytes - header, fin);
}
