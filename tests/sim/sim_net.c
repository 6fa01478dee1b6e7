/*
 * sim_net.c - pipes between simulated clients and the gateway; see sim_net.h.
 *
 * A connection is two pipes. A pipe is a ring of bytes with a list of packets {end, due}: bytes
 * count as arrived once their packet is due, packets stay in order, and space is given back when
 * the receiver has taken the bytes (the acknowledgement's way back costs nothing). An end (FIN)
 * and a reset are due like a packet; a reset overtakes what is still under way.
 *
 *      SYN --opened--> OPEN --both sides done, or reset--> FREE
 */
#include "tests/sim/sim_net.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "tests/sim/sim.h"

#define PACKETS_MAX 1024u
#define NEVER       UINT64_MAX

struct packet {
    u64 end; /* bytes of the pipe up to here arrive with it */
    u64 due_ns;
};

struct pipe {
    u8 *bytes;
    u32 space;
    u64 read;    /* taken by the receiver */
    u64 written; /* put in by the sender */
    u64 sent;    /* of these on the wire: the rest waits for flush */
    u64 arrived;
    struct packet packets[PACKETS_MAX];
    u64 packet_first;
    u64 packet_next;
    u64 last_due_ns;
    u64 fin_ns;   /* when the end arrives; NEVER: not sent */
    u64 acked_ns; /* when the receiver last took something, or the pipe was last empty */
};

enum server_state {
    SERVER_SYN,  /* not yet seen by the server */
    SERVER_OPEN, /* opened was called */
    SERVER_GONE, /* closed, refused, or the process is dead */
};

struct conn {
    bool used;
    enum server_state server;
    bool client_gone; /* hung up */
    bool server_done; /* the server finished: only its bytes still go out */
    bool want_write;  /* room() was looked at: `writable` when it grows */
    u32 room_seen;
    u64 id;
    u64 syn_ns;
    u64 reset_client_ns; /* when the client learns that the connection is dead */
    u64 reset_server_ns;
    struct transport_peer peer;
    struct pipe up;   /* to the server */
    struct pipe down; /* to the client */
};

struct sim_net {
    struct transport base;
    struct sim_net_conf conf;
    bool accepting;
    u64 next_id;
    struct conn conns[SIM_CONNS_MAX];
};

/* ---- pipes ---- */

static void pipe_reset(struct pipe *p, u32 space)
{
    u8 *bytes = p->bytes ? p->bytes : sim_alloc(space);

    memset(p, 0, sizeof *p);
    p->bytes = bytes;
    p->space = space;
    p->fin_ns = NEVER;
}

static u32 pipe_room(const struct pipe *p)
{
    return p->space - (u32)(p->written - p->read);
}

static u64 due_after(struct sim_net *net, u64 last)
{
    u64 due = sim.now_ns + sim_delay(net->conf.delay_min_ns, net->conf.delay_max_ns);
    return max_u64(due, last);
}

static void pipe_write(struct pipe *p, const u8 *bytes, u32 n)
{
    ASSERT_LE(n, pipe_room(p));
    if (p->written == p->read)
        p->acked_ns = sim.now_ns;
    for (u32 i = 0; i < n; i++)
        p->bytes[(p->written + i) % p->space] = bytes[i];
    p->written += n;
}

/* What was written leaves as one packet. */
static bool pipe_flush(struct sim_net *net, struct pipe *p)
{
    if (p->sent == p->written || p->packet_next - p->packet_first == PACKETS_MAX)
        return false;
    p->last_due_ns = due_after(net, p->last_due_ns);
    p->packets[p->packet_next++ % PACKETS_MAX] =
        (struct packet){.end = p->written, .due_ns = p->last_due_ns};
    p->sent = p->written;
    return true;
}

static void pipe_finish(struct sim_net *net, struct pipe *p)
{
    (void)pipe_flush(net, p);
    p->last_due_ns = due_after(net, p->last_due_ns);
    p->fin_ns = min_u64(p->fin_ns, p->last_due_ns);
}

static void pipe_arrive(struct pipe *p)
{
    while (p->packet_first < p->packet_next &&
           p->packets[p->packet_first % PACKETS_MAX].due_ns <= sim.now_ns)
        p->arrived = p->packets[p->packet_first++ % PACKETS_MAX].end;
}

static u32 pipe_peek(const struct pipe *p, u8 *to, u32 n)
{
    u32 got = min_u32(n, (u32)(p->arrived - p->read));

    for (u32 i = 0; i < got; i++)
        to[i] = p->bytes[(p->read + i) % p->space];
    return got;
}

static void pipe_take(struct pipe *p, u32 n)
{
    ASSERT_LE(p->read + n, p->arrived);
    p->read += n;
    if (n > 0)
        p->acked_ns = sim.now_ns;
}

static bool pipe_ended(const struct pipe *p)
{
    return p->fin_ns <= sim.now_ns && p->read == p->written;
}

/* ---- connections ---- */

static struct sim_net *self(struct transport *t)
{
    return CONTAINER_OF(t, struct sim_net, base);
}

static struct conn *find(struct sim_net *net, u64 id)
{
    for (u32 i = 0; i < SIM_CONNS_MAX; i++)
        if (net->conns[i].used && net->conns[i].id == id && net->conns[i].server == SERVER_OPEN)
            return &net->conns[i];
    return NULL;
}

static void maybe_free(struct conn *c)
{
    if (c->client_gone && c->server == SERVER_GONE)
        c->used = false;
}

/* The network kills it: each side learns of it at its own time. */
static void conn_dies(struct sim_net *net, struct conn *c)
{
    c->reset_client_ns = min_u64(c->reset_client_ns, due_after(net, 0));
    c->reset_server_ns = min_u64(c->reset_server_ns, due_after(net, 0));
}

static void server_closed(struct sim_net *net, struct conn *c, enum transport_closed why)
{
    c->server = SERVER_GONE;
    sim_trace("net", "conn %llu is closed to the server: %s", (unsigned long long)c->id,
              why == TRANSPORT_EOF ? "end" : "reset");
    net->base.up->closed(net->base.up_ctx, c->id, why);
    if (c->reset_client_ns == NEVER && c->down.fin_ns == NEVER)
        c->reset_client_ns = due_after(net, c->down.last_due_ns);
    maybe_free(c);
}

static int poll_syn(struct sim_net *net, struct conn *c)
{
    if (c->syn_ns > sim.now_ns)
        return 0;
    c->id = net->next_id++;
    c->server = SERVER_OPEN;
    bool taken = net->accepting && net->base.up->opened(net->base.up_ctx, c->id, &c->peer);
    sim_trace("net", "conn %llu from port %u is %s", (unsigned long long)c->id, c->peer.port,
              taken ? "open" : "refused");
    if (!taken) {
        c->server = SERVER_GONE;
        c->reset_client_ns = min_u64(c->reset_client_ns, due_after(net, 0));
        maybe_free(c);
    }
    return 1;
}

static int offer(struct sim_net *net, struct conn *c)
{
    u8 buffer[65536];
    u64 id = c->id;

    pipe_arrive(&c->up);
    u32 n = pipe_peek(&c->up, buffer, sizeof buffer);
    if (n == 0)
        return 0;
    if (!net->conf.whole && sim_chance(700000))
        n = (u32)sim_between(1, n);
    u32 took = net->base.up->data(net->base.up_ctx, id, buffer, n);
    SIM_CHECK(took <= n, "the gateway took %u bytes of %u", took, n);
    if (c->server == SERVER_OPEN) /* it may have been closed from within */
        pipe_take(&c->up, took);
    return took > 0;
}

static int poll_open(struct sim_net *net, struct conn *c)
{
    if (!sim.calm && sim_chance(net->conf.resets_per_million)) {
        sim.counts.conn_resets++;
        conn_dies(net, c);
    }
    if (c->reset_server_ns <= sim.now_ns) {
        server_closed(net, c, TRANSPORT_ERROR);
        return 1;
    }
    int did = offer(net, c);
    if (c->server == SERVER_OPEN && c->want_write && pipe_room(&c->down) > c->room_seen) {
        c->want_write = false;
        net->base.up->writable(net->base.up_ctx, c->id);
        did++;
    }
    if (c->server == SERVER_OPEN && pipe_ended(&c->up)) {
        server_closed(net, c, TRANSPORT_EOF);
        did++;
    }
    return did;
}

/* ---- the transport ---- */

static int net_poll(struct transport *t, u64 now_ns)
{
    struct sim_net *net = self(t);
    u32 from = (u32)sim_below(SIM_CONNS_MAX); /* nobody is always first */
    int did = 0;

    if (net->conf.leads_time)
        sim.now_ns = now_ns;
    SIM_CHECK(now_ns == sim.now_ns, "an agent has a time of its own");
    for (u32 i = 0; i < SIM_CONNS_MAX; i++) {
        struct conn *c = &net->conns[(from + i) % SIM_CONNS_MAX];
        if (c->used && c->server == SERVER_SYN)
            did += poll_syn(net, c);
        else if (c->used && c->server == SERVER_OPEN)
            did += poll_open(net, c);
    }
    return did;
}

static u32 net_room(struct transport *t, u64 id)
{
    struct conn *c = find(self(t), id);

    if (!c || c->server_done)
        return 0;
    c->room_seen = pipe_room(&c->down);
    c->want_write = true;
    return c->room_seen;
}

static void net_send(struct transport *t, u64 id, const void *bytes, u32 n)
{
    struct conn *c = find(self(t), id);

    SIM_CHECK(c && !c->server_done, "the gateway sends to a connection that is gone");
    SIM_CHECK(n <= pipe_room(&c->down), "the gateway sends %u bytes into room for %u", n,
              pipe_room(&c->down));
    pipe_write(&c->down, bytes, n);
    if (sim_chance(100000))
        (void)pipe_flush(self(t), &c->down);
}

static void net_close(struct transport *t, u64 id, enum transport_close how)
{
    struct sim_net *net = self(t);
    struct conn *c = find(net, id);

    if (!c)
        return;
    sim_trace("net", "conn %llu: the server %s", (unsigned long long)id,
              how == TRANSPORT_FINISH ? "finishes" : "resets");
    if (how == TRANSPORT_FINISH)
        pipe_finish(net, &c->down);
    else
        c->reset_client_ns = min_u64(c->reset_client_ns, due_after(net, 0));
    c->server = SERVER_GONE;
    maybe_free(c);
}

static u64 net_stalled(struct transport *t, u64 id, u64 now_ns)
{
    struct conn *c = find(self(t), id);

    if (!c || c->down.read == c->down.written)
        return 0;
    return now_ns - c->down.acked_ns;
}

static int net_flush(struct transport *t, u64 now_ns)
{
    struct sim_net *net = self(t);
    int did = 0;

    (void)now_ns;
    for (u32 i = 0; i < SIM_CONNS_MAX; i++)
        if (net->conns[i].used && net->conns[i].server == SERVER_OPEN)
            did += pipe_flush(net, &net->conns[i].down);
    return did;
}

static bool net_accept(struct transport *t, u32 listeners)
{
    self(t)->accepting = listeners != 0;
    return true;
}

static const struct transport_ops sim_net_ops = {
    .poll = net_poll,
    .room = net_room,
    .send = net_send,
    .close = net_close,
    .stalled_ns = net_stalled,
    .flush = net_flush,
    .accept = net_accept,
};

/* ---- the simulator's side ---- */

struct sim_net *sim_net_new(const struct sim_net_conf *conf)
{
    struct sim_net *net = sim_alloc(sizeof *net);

    net->conf = *conf;
    net->next_id = 1;
    net->base.ops = &sim_net_ops;
    return net;
}

void sim_net_free(struct sim_net *net)
{
    for (u32 i = 0; i < SIM_CONNS_MAX; i++) {
        free(net->conns[i].up.bytes);
        free(net->conns[i].down.bytes);
    }
    free(net);
}

struct transport *sim_net_listen(struct sim_net *net)
{
    net->base = (struct transport){.ops = &sim_net_ops};
    net->accepting = false;
    net->next_id = 1 + sim_below(1000);
    return &net->base;
}

void sim_net_server_dies(struct sim_net *net)
{
    for (u32 i = 0; i < SIM_CONNS_MAX; i++) {
        struct conn *c = &net->conns[i];
        if (!c->used || c->server == SERVER_GONE)
            continue;
        if (c->server == SERVER_SYN && !sim.calm && sim_chance(500000))
            continue; /* its SYN will find the next process */
        c->server = SERVER_GONE;
        c->reset_client_ns = min_u64(c->reset_client_ns, due_after(net, c->down.last_due_ns));
        maybe_free(c);
    }
    net->base.up = NULL;
    net->accepting = false;
}

int sim_net_connect(struct sim_net *net, const struct transport_peer *peer)
{
    for (int i = 0; i < (int)SIM_CONNS_MAX; i++) {
        struct conn *c = &net->conns[i];
        if (c->used)
            continue;
        struct pipe up = c->up, down = c->down;
        memset(c, 0, sizeof *c);
        c->up.bytes = up.bytes;
        c->down.bytes = down.bytes;
        pipe_reset(&c->up, net->conf.space_bytes);
        pipe_reset(&c->down, net->conf.space_bytes);
        c->used = true;
        c->peer = *peer;
        c->syn_ns = due_after(net, 0);
        c->up.last_due_ns = c->syn_ns;
        c->reset_client_ns = c->reset_server_ns = NEVER;
        return i;
    }
    return -1;
}

enum sim_conn_state sim_net_state(const struct sim_net *net, int i)
{
    const struct conn *c = &net->conns[i];

    ASSERT(c->used && !c->client_gone);
    if (c->reset_client_ns <= sim.now_ns)
        return SIM_CONN_RESET;
    return pipe_ended(&c->down) ? SIM_CONN_EOF : SIM_CONN_OPEN;
}

u32 sim_net_send(struct sim_net *net, int i, const void *bytes, u32 n)
{
    struct conn *c = &net->conns[i];
    u32 fits = min_u32(n, pipe_room(&c->up));

    ASSERT(c->used && !c->client_gone);
    if (sim_net_state(net, i) != SIM_CONN_OPEN || c->up.packet_next - c->up.packet_first >= 900)
        return 0;
    pipe_write(&c->up, bytes, fits);
    (void)pipe_flush(net, &c->up);
    return fits;
}

u32 sim_net_receive(struct sim_net *net, int i, void *to, u32 n)
{
    struct conn *c = &net->conns[i];

    ASSERT(c->used && !c->client_gone);
    if (c->reset_client_ns <= sim.now_ns)
        return 0;
    pipe_arrive(&c->down);
    u32 got = pipe_peek(&c->down, to, n);
    if (!net->conf.whole && got > 0 && sim_chance(300000)) {
        got = (u32)sim_between(1, got);
    }
    pipe_take(&c->down, got);
    return got;
}

void sim_net_hang_up(struct sim_net *net, int i, enum transport_close how)
{
    struct conn *c = &net->conns[i];

    ASSERT(c->used && !c->client_gone);
    c->client_gone = true;
    if (c->server == SERVER_SYN && how == TRANSPORT_RESET)
        c->server = SERVER_GONE; /* it never gets through */
    else if (how == TRANSPORT_FINISH)
        pipe_finish(net, &c->up);
    else
        c->reset_server_ns = min_u64(c->reset_server_ns, due_after(net, 0));
    maybe_free(c);
}

static u64 pipe_next_ns(const struct pipe *p)
{
    u64 next = p->fin_ns > sim.now_ns ? p->fin_ns : NEVER;

    if (p->packet_first < p->packet_next)
        next = min_u64(next, p->packets[p->packet_first % PACKETS_MAX].due_ns);
    return next;
}

u64 sim_net_next_ns(const struct sim_net *net)
{
    u64 next = NEVER;

    for (u32 i = 0; i < SIM_CONNS_MAX; i++) {
        const struct conn *c = &net->conns[i];
        if (!c->used)
            continue;
        next = min_u64(next, min_u64(pipe_next_ns(&c->up), pipe_next_ns(&c->down)));
        next = c->server == SERVER_SYN ? min_u64(next, c->syn_ns) : next;
        next = c->reset_client_ns > sim.now_ns ? min_u64(next, c->reset_client_ns) : next;
        next = c->reset_server_ns > sim.now_ns ? min_u64(next, c->reset_server_ns) : next;
    }
    return next;
}
