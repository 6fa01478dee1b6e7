/*
 * pipe.c - connections inside one process (pipe.h).
 *
 * Threads: the client's and the gateway's, one each. Every word has one writer. A stream is a ring
 * of bytes with free-running positions; a bell is a ring (engine/base/ring.h) of connections'
 * numbers, with a flag a connection so that it stands there once at most and the bell never is
 * full.
 *
 * Who rings publishes first and exchanges the flag then; who hears exchanges it back first and
 * looks then: what was published under a flag that was already up is seen by the look that follows.
 * `wants_room` and the reader's position need an order between a store and a later load of the
 * other word, on both ends: those four are sequentially consistent.
 *
 * Failure modes: none of their own; a gateway that refuses or resets shows as PIPE_BROKEN.
 */
#include "gateway/pipe.h"

#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/limits.h"
#include "engine/base/ring.h"

#define HEARD_PER_TURN 256u /* connections that a poll looks at */

struct stream {
    u8 *bytes;

    /* owner: who writes */
    CACHE_ALIGNED _Atomic u64 tail; /* published end */
    u64 staged;                     /* written, not yet published */

    /* owner: who reads */
    CACHE_ALIGNED _Atomic u64 head;
};

struct conn {
    struct stream in;  /* to the gateway */
    struct stream out; /* to the client */

    CACHE_ALIGNED _Atomic u32 state; /* enum pipe_state; owner: the gateway */
    _Atomic bool wants_room;         /* the gateway waits until the client has read */
    bool seen;                       /* the gateway has heard of it */
    bool ended;                      /* ... and of its end, or ended it */
    bool dirty;                      /* `out` has something staged */
    bool held;                       /* `in` has what the gateway did not take */
    u64 stalled_at;                  /* the client's position when it was last asked for */
    u64 stalled_ns;                  /* ... since when */

    CACHE_ALIGNED _Atomic bool hung_up; /* owner: the client */

    CACHE_ALIGNED _Atomic bool rung_gateway; /* stands in that bell */
    CACHE_ALIGNED _Atomic bool rung_client;
};

struct pipes {
    struct transport head; /* first */
    u32 conns_max;
    u32 mask; /* of the streams' positions */
    struct conn *conns;
    struct ring to_gateway; /* bells */
    struct ring to_client;

    /* owner: the gateway */
    bool accepting;
    u32 *dirty; /* connections with something staged */
    u32 dirty_used;
    u32 *held; /* ... whose bytes were not all taken */
    u32 held_used;

    /* owner: the client */
    CACHE_ALIGNED u32 conns_used;
};

/* ---- streams and bells ---- */

static u32 stream_room(const struct pipes *p, struct stream *s, memory_order order)
{
    return p->mask + 1 - (u32)(s->staged - atomic_load_explicit(&s->head, order));
}

static void stream_put(const struct pipes *p, struct stream *s, const void *bytes, u32 n)
{
    u32 at = (u32)s->staged & p->mask;
    u32 first = min_u32(n, p->mask + 1 - at);

    memcpy(s->bytes + at, bytes, first);
    memcpy(s->bytes, (const u8 *)bytes + first, n - first);
    s->staged += n;
}

static void stream_publish(struct stream *s)
{
    atomic_store_explicit(&s->tail, s->staged, memory_order_release); /* pairs with stream_span */
}

/* The unread bytes that lie in one piece; 0: none. */
static u32 stream_span(const struct pipes *p, struct stream *s, const u8 **bytes)
{
    u64 head = atomic_load_explicit(&s->head, memory_order_relaxed); /* our own */
    u64 tail = atomic_load_explicit(&s->tail, memory_order_acquire);
    u32 at = (u32)head & p->mask;

    *bytes = s->bytes + at;
    return min_u32((u32)(tail - head), p->mask + 1 - at);
}

static void stream_take(struct stream *s, u32 n)
{
    u64 head = atomic_load_explicit(&s->head, memory_order_relaxed); /* our own */

    atomic_store_explicit(&s->head, head + n, memory_order_seq_cst); /* before wants_room is read */
}

static void bell_ring(struct ring *bell, _Atomic bool *rung, u32 conn)
{
    struct slot s = {.w = {conn}};

    if (atomic_exchange_explicit(rung, true, memory_order_acq_rel)) /* pairs with bell_hear */
        return;
    bool there = ring_push(bell, &s, 1);
    ASSERT(there); /* as many places as connections, each in it once at most */
}

/* The next connection that was rung for, or -1. */
static int bell_hear(struct pipes *p, struct ring *bell, size_t flag)
{
    if (ring_avail(bell, 1) == 0)
        return -1;
    u32 conn = (u32)ring_at(bell, 0)->w[0];
    ring_take(bell, 1);
    _Atomic bool *rung = (_Atomic bool *)(void *)((u8 *)&p->conns[conn] + flag);
    atomic_exchange_explicit(rung, false, memory_order_acq_rel); /* pairs with bell_ring */
    return (int)conn;
}

static void tell_gateway(struct pipes *p, u32 conn)
{
    bell_ring(&p->to_gateway, &p->conns[conn].rung_gateway, conn);
}

static void tell_client(struct pipes *p, u32 conn)
{
    bell_ring(&p->to_client, &p->conns[conn].rung_client, conn);
}

/* ---- the gateway's end ---- */

static struct pipes *self_of(struct transport *t)
{
    return CONTAINER_OF(t, struct pipes, head);
}

/* Connections are called by their place and one more. */
static u32 place_of(const struct pipes *p, u64 conn)
{
    ASSERT(conn >= 1 && conn <= p->conns_max);
    return (u32)conn - 1;
}

static void state_set(struct pipes *p, u32 i, enum pipe_state state)
{
    /* pairs with pipe_state: what was sent before is there */
    atomic_store_explicit(&p->conns[i].state, state, memory_order_release);
    tell_client(p, i);
}

static bool open_conn(struct pipes *p, u32 i)
{
    struct conn *c = &p->conns[i];
    struct transport_peer peer = {.ipv4 = 0x0100007f, .port = (u16)i};

    c->seen = true;
    if (p->accepting && p->head.up->opened(p->head.up_ctx, i + 1, &peer)) {
        state_set(p, i, PIPE_OPEN);
        return true;
    }
    c->ended = true;
    state_set(p, i, PIPE_BROKEN);
    return false;
}

/* Hands up what has come, until it is all taken, or no more is. Returns the bytes. */
static u32 give(struct pipes *p, u32 i)
{
    struct conn *c = &p->conns[i];
    const u8 *bytes;
    u32 given = 0, n;

    while (!c->ended && given < GATEWAY_CONN_READ_BYTES &&
           (n = stream_span(p, &c->in, &bytes)) > 0) {
        u32 taken = p->head.up->data(p->head.up_ctx, i + 1, bytes, n);
        ASSERT_LE(taken, n);
        stream_take(&c->in, taken);
        given += taken;
        if (taken < n)
            break;
    }
    if (given > 0)
        tell_client(p, i); /* there is room */
    return given;
}

/* What is not taken now is offered again in the next poll. */
static void hold(struct pipes *p, u32 i)
{
    const u8 *bytes;

    if (p->conns[i].held || p->conns[i].ended || stream_span(p, &p->conns[i].in, &bytes) == 0)
        return;
    p->conns[i].held = true;
    p->held[p->held_used++] = i;
}

static void notice_room(struct pipes *p, u32 i)
{
    struct conn *c = &p->conns[i];

    if (c->ended || !atomic_load_explicit(&c->wants_room, memory_order_relaxed) ||
        stream_room(p, &c->out, memory_order_acquire) <= (p->mask + 1) / 2)
        return;
    atomic_store_explicit(&c->wants_room, false, memory_order_relaxed);
    p->head.up->writable(p->head.up_ctx, i + 1);
}

static int look_at(struct pipes *p, u32 i)
{
    struct conn *c = &p->conns[i];
    const u8 *bytes;

    if (c->ended || (!c->seen && !open_conn(p, i)))
        return 1;
    bool hung_up = atomic_load_explicit(&c->hung_up, memory_order_acquire);
    notice_room(p, i);
    u32 given = give(p, i);
    if (hung_up && !c->ended && stream_span(p, &c->in, &bytes) == 0) {
        c->ended = true;
        p->head.up->closed(p->head.up_ctx, i + 1, TRANSPORT_EOF);
        state_set(p, i, PIPE_FINISHED);
    }
    hold(p, i);
    return 1 + (int)given;
}

static int op_poll(struct transport *t, u64 now_ns)
{
    struct pipes *p = self_of(t);
    u32 held = p->held_used;
    int work = 0, i;

    (void)now_ns;
    transport_stamp(t);
    p->held_used = 0;
    for (u32 k = 0; k < held; k++) { /* those that are held again take places before k + 1 */
        u32 conn = p->held[k];
        p->conns[conn].held = false;
        work += look_at(p, conn) - 1;
    }
    for (u32 k = 0; k < HEARD_PER_TURN &&
                    (i = bell_hear(p, &p->to_gateway, offsetof(struct conn, rung_gateway))) >= 0;
         k++)
        work += look_at(p, (u32)i);
    return work;
}

static u32 op_room(struct transport *t, u64 conn)
{
    struct pipes *p = self_of(t);
    struct conn *c = &p->conns[place_of(p, conn)];

    if (c->ended)
        return 0;
    u32 room = stream_room(p, &c->out, memory_order_acquire);
    if (room > (p->mask + 1) / 2)
        return room;
    atomic_store_explicit(&c->wants_room, true, memory_order_seq_cst);
    return stream_room(p, &c->out, memory_order_seq_cst); /* the client may have missed the wish */
}

static void op_send(struct transport *t, u64 conn, const void *bytes, u32 n)
{
    struct pipes *p = self_of(t);
    u32 i = place_of(p, conn);
    struct conn *c = &p->conns[i];

    ASSERT(!c->ended);
    ASSERT_LE(n, stream_room(p, &c->out, memory_order_acquire));
    stream_put(p, &c->out, bytes, n);
    if (!c->dirty) {
        c->dirty = true;
        p->dirty[p->dirty_used++] = i;
    }
}

static void op_close(struct transport *t, u64 conn, enum transport_close how)
{
    struct pipes *p = self_of(t);
    u32 i = place_of(p, conn);
    struct conn *c = &p->conns[i];

    ASSERT(!c->ended);
    c->ended = true;
    if (how == TRANSPORT_FINISH)
        stream_publish(&c->out);
    state_set(p, i, how == TRANSPORT_FINISH ? PIPE_FINISHED : PIPE_BROKEN);
}

static u64 op_stalled_ns(struct transport *t, u64 conn, u64 now_ns)
{
    struct pipes *p = self_of(t);
    struct conn *c = &p->conns[place_of(p, conn)];
    u64 head = atomic_load_explicit(&c->out.head, memory_order_acquire);

    if (head == c->out.staged || c->stalled_ns == 0 || head != c->stalled_at) {
        c->stalled_at = head;
        c->stalled_ns = now_ns;
        return 0;
    }
    return now_ns - c->stalled_ns;
}

static int op_flush(struct transport *t, u64 now_ns)
{
    struct pipes *p = self_of(t);
    int work = (int)p->dirty_used;

    (void)now_ns;
    for (u32 k = 0; k < p->dirty_used; k++) {
        struct conn *c = &p->conns[p->dirty[k]];
        c->dirty = false;
        if (c->ended)
            continue;
        stream_publish(&c->out);
        tell_client(p, p->dirty[k]);
    }
    p->dirty_used = 0;
    return work;
}

static bool op_accept(struct transport *t, u32 listeners)
{
    self_of(t)->accepting = (listeners & 1) != 0;
    return true;
}

static const struct transport_ops ops = {
    .poll = op_poll,
    .room = op_room,
    .send = op_send,
    .close = op_close,
    .stalled_ns = op_stalled_ns,
    .flush = op_flush,
    .accept = op_accept,
};

struct transport *pipes_transport(struct pipes *p)
{
    return &p->head;
}

/* ---- the client's end ---- */

static struct conn *conn_of(const struct pipes *p, int conn)
{
    ASSERT(conn >= 0 && (u32)conn < p->conns_used);
    return &p->conns[conn];
}

int pipe_connect(struct pipes *p)
{
    if (p->conns_used == p->conns_max)
        return -1;
    u32 i = p->conns_used++;
    tell_gateway(p, i);
    return (int)i;
}

enum pipe_state pipe_state(const struct pipes *p, int conn)
{
    return (enum pipe_state)atomic_load_explicit(&conn_of(p, conn)->state, memory_order_acquire);
}

u32 pipe_write(struct pipes *p, int conn, const void *bytes, u32 n)
{
    struct conn *c = conn_of(p, conn);

    n = min_u32(n, stream_room(p, &c->in, memory_order_acquire));
    if (n == 0)
        return 0;
    stream_put(p, &c->in, bytes, n);
    stream_publish(&c->in);
    tell_gateway(p, (u32)conn);
    return n;
}

u32 pipe_read(struct pipes *p, int conn, void *to, u32 max)
{
    struct conn *c = conn_of(p, conn);
    const u8 *bytes;
    u32 done = 0, n;

    while (done < max && (n = stream_span(p, &c->out, &bytes)) > 0) {
        n = min_u32(n, max - done);
        memcpy((u8 *)to + done, bytes, n);
        stream_take(&c->out, n);
        done += n;
    }
    if (done > 0 && atomic_load_explicit(&c->wants_room, memory_order_seq_cst))
        tell_gateway(p, (u32)conn);
    return done;
}

void pipe_hang_up(struct pipes *p, int conn)
{
    atomic_store_explicit(&conn_of(p, conn)->hung_up, true, memory_order_release); /* look_at */
    tell_gateway(p, (u32)conn);
}

u32 pipe_news(struct pipes *p)
{
    u32 n = 0;

    while (bell_hear(p, &p->to_client, offsetof(struct conn, rung_client)) >= 0)
        n++;
    return n;
}

/* ---- set-up ---- */

struct pipes *pipes_new(struct mem *m, const struct pipe_conf *conf)
{
    struct pipes *p = mem_alloc(m, sizeof *p, CACHE_LINE);
    u64 places = 1;

    ASSERT(conf->conns_max >= 1 && conf->conns_max <= 65536);
    ASSERT(conf->bytes >= 4096 && (conf->bytes & (conf->bytes - 1)) == 0);
    while (places < conf->conns_max)
        places *= 2;
    p->head.ops = &ops;
    p->conns_max = conf->conns_max;
    p->mask = conf->bytes - 1;
    p->conns = mem_alloc(m, conf->conns_max * sizeof *p->conns, CACHE_LINE);
    p->dirty = mem_alloc(m, conf->conns_max * sizeof *p->dirty, CACHE_LINE);
    p->held = mem_alloc(m, conf->conns_max * sizeof *p->held, CACHE_LINE);
    ring_init(&p->to_gateway, m, "pipe_to_gateway", places);
    ring_init(&p->to_client, m, "pipe_to_client", places);
    for (u32 i = 0; i < conf->conns_max; i++) {
        p->conns[i].in.bytes = mem_alloc(m, conf->bytes, CACHE_LINE);
        p->conns[i].out.bytes = mem_alloc(m, conf->bytes, CACHE_LINE);
    }
    return p;
}
