/*
 * fake_transport.c - two byte buffers a connection, and the calls up in the order that transport.h
 * promises. Asserts what the gateway owes a transport: no send beyond room(), nothing for a
 * connection that it closed.
 */
#include "tests/lib/fake_transport.h"

#include <string.h>

#include "engine/base/assert.h"

static struct fake_transport *of_transport(struct transport *t)
{
    return (struct fake_transport *)(void *)t;
}

static struct fake_transport *of_wire(struct wire *w)
{
    return CONTAINER_OF(w, struct fake_transport, wire);
}

static struct fake_conn *find(struct fake_transport *f, u64 id)
{
    ASSERT(id >= 1000 && id < 1000 + f->conns_used);
    return &f->conns[id - 1000];
}

static void pipe_drop(struct fake_pipe *p, u32 n)
{
    memmove(p->bytes, p->bytes + n, p->used - n);
    p->used -= n;
}

/* ---- the server's side ---- */

static void gone(struct fake_transport *f, struct fake_conn *c, enum transport_closed why)
{
    c->server_up = false;
    f->head.up->closed(f->head.up_ctx, c->id, why);
}

static int poll_open(struct fake_transport *f, struct fake_conn *c)
{
    struct transport_peer peer = {.ipv4 = f->peer_ipv4,
                                  .port = 4242,
                                  .local_port = (u16)(7001 + c->listener),
                                  .listener = c->listener};

    c->pending = false;
    c->server_up =
        (f->accepting >> c->listener & 1) != 0 && f->head.up->opened(f->head.up_ctx, c->id, &peer);
    if (!c->server_up) {
        c->server_reset = true;
        f->refused++;
    }
    return 1;
}

static int poll_data(struct fake_transport *f, struct fake_conn *c)
{
    u32 offered = 0; /* of the pipe; never more than one turn's read */

    f->head.up->expect(f->head.up_ctx, &c->id, 1); /* also when there is nothing, or nobody */
    while (c->server_up && offered < c->in.used && offered < GATEWAY_CONN_READ_BYTES) {
        u32 n = c->in.used - offered;
        if (f->piece != 0)
            n = min_u32(n, 1 + (u32)rng_below(&f->rng, f->piece));
        u32 taken = f->head.up->data(f->head.up_ctx, c->id, c->in.bytes + offered, n);
        ASSERT_LE(taken, n);
        offered += taken;
        if (taken < n)
            break;
    }
    pipe_drop(&c->in, offered);
    return (int)offered;
}

static int poll_conn(struct fake_transport *f, struct fake_conn *c)
{
    int work = 0;

    if (c->pending)
        return poll_open(f, c);
    if (!c->server_up)
        return 0;
    if (c->client_reset) {
        gone(f, c, TRANSPORT_ERROR);
        return 1;
    }
    if (c->asked && c->out.used < f->room_max) {
        c->asked = false;
        f->head.up->writable(f->head.up_ctx, c->id);
        work++;
    }
    work += poll_data(f, c);
    if (c->server_up && c->client_fin && c->in.used == 0) {
        gone(f, c, TRANSPORT_EOF);
        c->server_fin = true;
        work++;
    }
    return work;
}

static int op_poll(struct transport *t, u64 now_ns)
{
    struct fake_transport *f = of_transport(t);
    int work = f->busy;

    f->now_ns = now_ns;
    for (u32 i = 0; i < f->conns_used; i++)
        work += poll_conn(f, &f->conns[i]);
    return work;
}

static u32 op_room(struct transport *t, u64 id)
{
    struct fake_transport *f = of_transport(t);
    struct fake_conn *c = find(f, id);

    if (!c->server_up)
        return 0;
    if (c->out.used > 0)
        c->asked = true;
    return f->room_max - min_u32(f->room_max, c->out.used);
}

static void op_send(struct transport *t, u64 id, const void *bytes, u32 n)
{
    struct fake_transport *f = of_transport(t);
    struct fake_conn *c = find(f, id);

    ASSERT(c->server_up && n > 0);
    ASSERT_LE(n, op_room(t, id));
    memcpy(c->out.bytes + c->out.used, bytes, n);
    c->out.used += n;
    if (c->stalled_since_ns == 0)
        c->stalled_since_ns = f->now_ns;
}

static void op_close(struct transport *t, u64 id, enum transport_close how)
{
    struct fake_conn *c = find(of_transport(t), id);

    ASSERT(c->server_up);
    c->server_up = false;
    if (how == TRANSPORT_RESET) {
        c->server_reset = true;
        c->out.used = 0;
    } else {
        c->server_fin = true;
    }
}

static u64 op_stalled_ns(struct transport *t, u64 id, u64 now_ns)
{
    struct fake_conn *c = find(of_transport(t), id);

    return c->out.used == 0 || !c->stuck ? 0 : now_ns - c->stalled_since_ns;
}

static int op_flush(struct transport *t, u64 now_ns)
{
    (void)t;
    (void)now_ns;
    return 0;
}

static bool op_accept(struct transport *t, u32 listeners)
{
    of_transport(t)->accepting = listeners;
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

/* ---- the clients' side ---- */

static u32 wire_connect(struct wire *w)
{
    struct fake_transport *f = of_wire(w);
    u32 client = f->conns_used++;

    ASSERT_LT(client, WIRE_CLIENTS_MAX);
    f->conns[client].id = 1000 + client;
    f->conns[client].used = true;
    f->conns[client].pending = true;
    f->conns[client].listener = f->listener;
    return client;
}

static u32 wire_write(struct wire *w, u32 client, const void *bytes, u32 n)
{
    struct fake_conn *c = &of_wire(w)->conns[client];

    ASSERT(!c->client_fin && !c->client_reset);
    if (c->server_fin || c->server_reset)
        return n; /* nobody is there */
    n = min_u32(n, FAKE_PIPE_BYTES - c->in.used);
    memcpy(c->in.bytes + c->in.used, bytes, n);
    c->in.used += n;
    return n;
}

static u32 wire_read(struct wire *w, u32 client, void *to, u32 max)
{
    struct fake_transport *f = of_wire(w);
    struct fake_conn *c = &f->conns[client];
    u32 n = min_u32(max, c->out.used);

    memcpy(to, c->out.bytes, n);
    pipe_drop(&c->out, n);
    if (n > 0)
        c->stalled_since_ns = c->out.used > 0 ? f->now_ns : 0;
    return n;
}

static enum wire_end wire_end(struct wire *w, u32 client)
{
    struct fake_conn *c = &of_wire(w)->conns[client];

    if (c->server_reset)
        return WIRE_RESET;
    return c->server_fin && c->out.used == 0 ? WIRE_EOF : WIRE_OPEN;
}

static void wire_hang_up(struct wire *w, u32 client, enum transport_close how)
{
    struct fake_conn *c = &of_wire(w)->conns[client];

    if (how == TRANSPORT_FINISH)
        c->client_fin = true;
    else
        c->client_reset = true;
}

static void wire_settle(struct wire *w)
{
    (void)w;
}

static void wire_free(struct wire *w)
{
    fake_free(of_wire(w));
}

struct fake_transport *fake_new(u64 seed)
{
    struct fake_transport *f = calloc(1, sizeof *f);

    ASSERT(f != NULL);
    f->head.ops = &ops;
    f->rng.seed = seed;
    f->room_max = FAKE_PIPE_BYTES;
    f->peer_ipv4 = 0x0100007f;
    f->wire = (struct wire){
        .transport = &f->head,
        .connect = wire_connect,
        .write = wire_write,
        .read = wire_read,
        .end = wire_end,
        .hang_up = wire_hang_up,
        .settle = wire_settle,
        .free = wire_free,
    };
    return f;
}

void fake_free(struct fake_transport *f)
{
    free(f);
}
