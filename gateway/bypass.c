/*
 * bypass.c - the adapter between the gateway's transport, our TCP and the ports (bypass.h).
 *
 * Thread: the gateway's agent. A turn: poll takes bursts of frames from our queues and gives each
 * to the endpoint of its link, which reads it in place and calls up; the burst goes back to the
 * device at once. What belongs to a transport that we are joined with goes to it by ring, and what
 * the others had for us is taken in behind our own. flush lets the endpoints write what there is to
 * send, then hands the batch over.
 *
 * A connection's name is its endpoint's, with the link's number in the upper bits. Failure modes
 * live below: see port.c, handover.c and gateway/net.
 */
#include "gateway/bypass.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "gateway/handover.h"
#include "gateway/net/net.h"

#define LINK_SHIFT          60u /* the endpoint's names stay far below, see gateway/net/tcp.h */
#define BURSTS_PER_TURN     4u  /* of one queue, before the others have their turn */
#define HANDED_PER_TURN     (BURSTS_PER_TURN * PORT_RX_BURST) /* of one ring */
#define DRAIN_QUIET_NS      (50 * NS_PER_MS)
#define DRAIN_MAX_NS        (500 * NS_PER_MS)
#define CHUNKS_SHARED       (16u * NET_CONN_CHUNKS)
#define HALF_OPEN_MAX       4096u
#define TIME_WAIT_PER_CONNS 1u /* as many may linger as may be open */
#define NO_LINK             255u

_Static_assert(NET_BURST <= TRANSPORT_EXPECTED, "so many are told of at once");
_Static_assert(PORTS_MAX <= 1u << (64 - LINK_SHIFT), "each link has a number");
_Static_assert(TRANSPORT_LISTENERS_MAX <= NET_LISTEN_MAX, "an endpoint listens on all of them");
_Static_assert(PORTS_MAX < NO_LINK && GATEWAYS_MAX < NO_LINK, "numbers fit a byte");

struct link {
    struct bypass *owner;
    struct net *net;
    u64 tag;
    struct port_queue *queues[PORT_QUEUES_MAX];
    struct bypass_link conf;
    bool shared;                  /* other queues of the port belong to others */
    u8 agent_of[PORT_QUEUES_MAX]; /* queue pair of the port -> number of the transport */
    u8 link_at[GATEWAYS_MAX];     /* number of a transport -> its link of this port, or NO_LINK */
};

struct bypass {
    struct transport head;
    struct link links[PORTS_MAX];
    u32 links_used;
    u16 listen[TRANSPORT_LISTENERS_MAX];
    u32 listen_used;
    struct handover hand;
};

static struct bypass *self_of(struct transport *t)
{
    return (struct bypass *)(void *)t;
}

static struct link *link_of(struct bypass *b, u64 conn)
{
    u64 index = conn >> LINK_SHIFT;

    ASSERT_LT(index, b->links_used);
    return &b->links[index];
}

static u64 name_of(u64 conn)
{
    return conn & ((1ull << LINK_SHIFT) - 1);
}

/* The place of a port in our list. */
static u32 listener_of(const struct bypass *b, u16 port)
{
    for (u32 i = 0; i < b->listen_used; i++)
        if (b->listen[i] == port)
            return i;
    ASSERT(!"an endpoint listens on ports of our list");
    return 0;
}

/* ---- up: from an endpoint to the gateway ---- */

static bool up_opened(void *ctx, u64 conn, const struct net_peer *peer)
{
    struct link *l = ctx;
    const struct transport *t = &l->owner->head;
    struct transport_peer from = {
        .ipv4 = peer->ipv4,
        .port = peer->port,
        .local_port = peer->local_port,
        .listener = listener_of(l->owner, peer->local_port),
    };

    ASSERT_EQ(conn >> LINK_SHIFT, 0);
    return t->up->opened(t->up_ctx, l->tag | conn, &from);
}

static u32 up_data(void *ctx, u64 conn, const u8 *bytes, u32 n)
{
    struct link *l = ctx;
    const struct transport *t = &l->owner->head;

    return t->up->data(t->up_ctx, l->tag | conn, bytes, n);
}

static void up_writable(void *ctx, u64 conn)
{
    struct link *l = ctx;
    const struct transport *t = &l->owner->head;

    t->up->writable(t->up_ctx, l->tag | conn);
}

static void up_closed(void *ctx, u64 conn, enum net_closed why)
{
    struct link *l = ctx;
    const struct transport *t = &l->owner->head;

    t->up->closed(t->up_ctx, l->tag | conn, why == NET_EOF ? TRANSPORT_EOF : TRANSPORT_ERROR);
}

static void up_expect(void *ctx, const u64 *conns, u32 n)
{
    struct link *l = ctx;
    const struct transport *t = &l->owner->head;
    u64 names[NET_BURST];

    for (u32 i = 0; i < n; i++)
        names[i] = l->tag | conns[i];
    if (t->up->expect != NULL)
        t->up->expect(t->up_ctx, names, n);
}

/* Only one of the endpoints with our address hears the answer. */
static void up_neighbour(void *ctx, u32 ipv4, const u8 *mac)
{
    struct link *l = ctx;
    struct handover *h = &l->owner->hand;

    for (u32 i = 0; l->shared && i < h->joined; i++)
        if (i != h->self && l->link_at[i] != NO_LINK)
            handover_neighbour(h, i, l->link_at[i], ipv4, mac);
}

static const struct net_up net_up = {
    .opened = up_opened,
    .data = up_data,
    .writable = up_writable,
    .closed = up_closed,
    .neighbour = up_neighbour,
    .expect = up_expect,
};

static const struct packet_ops packet_ops = {
    .alloc = port_alloc,
    .transmit = port_transmit,
};

/* ---- down: what the gateway asks ---- */

/* True: the frame is not for this transport; it is on its way to its own, or dropped. */
static bool pass_on(struct link *l, struct port_queue *q, u32 i, const struct packet *p)
{
    struct handover *h = &l->owner->hand;
    u32 to = l->agent_of[port_owner(q, p)];

    if (to == h->self)
        return false;
    if (handover_frame(h, to, l->link_at[to], p))
        port_keep(q, i);
    return true;
}

/* Leaves those of the `n` frames that are for this transport, in their order; returns how many. */
static u32 keep_own(struct link *l, struct port_queue *q, struct packet *packets, u32 n)
{
    u32 own = 0;

    for (u32 i = 0; i < n; i++)
        if (!pass_on(l, q, i, &packets[i]))
            packets[own++] = packets[i];
    return own;
}

/* Frames of one queue to its endpoint. */
static int take_in(struct link *l, struct port_queue *q, u64 now_ns)
{
    struct transport *t = &l->owner->head;
    struct packet packets[PORT_RX_BURST];
    int work = 0;

    for (u32 burst = 0; burst < BURSTS_PER_TURN; burst++) {
        u32 n = port_receive(q, packets);
        if (UNLIKELY(t->stamped) && n > 0)
            t->rx_ticks = clock_ticks();
        u32 own = l->shared ? keep_own(l, q, packets, n) : n;
        net_input_burst(l->net, packets, own, now_ns);
        port_release(q);
        work += (int)n;
        if (n < PORT_RX_BURST)
            break;
    }
    return work;
}

static void take_handed(struct bypass *b, const struct handed *what, u64 now_ns)
{
    if (UNLIKELY(b->head.stamped))
        b->head.rx_ticks = clock_ticks();
    ASSERT_LT(what->link, b->links_used);
    struct link *l = &b->links[what->link];

    if (what->kind == HANDED_NEIGHBOUR) {
        net_learn(l->net, what->ipv4, what->mac, now_ns);
        return;
    }
    net_input(l->net, &what->packet, now_ns);
    port_give_back(&what->packet);
}

/* What the others had for us. */
static int take_over(struct bypass *b, u64 now_ns)
{
    const struct handed *what;
    int work = 0;

    for (u32 from = 0; from < b->hand.joined; from++) {
        for (u32 n = 0; n < HANDED_PER_TURN; n++) {
            what = handover_next(&b->hand, from);
            if (what == NULL)
                break;
            take_handed(b, what, now_ns);
            handover_done(&b->hand, from);
            work++;
        }
    }
    return work;
}

static int op_poll(struct transport *t, u64 now_ns)
{
    struct bypass *b = self_of(t);
    int work = 0;

    for (u32 i = 0; i < b->links_used; i++) {
        struct link *l = &b->links[i];
        for (u32 q = 0; q < l->conf.queues; q++)
            work += take_in(l, l->queues[q], now_ns);
    }
    handover_publish(&b->hand);
    work += take_over(b, now_ns);
    for (u32 i = 0; i < b->links_used; i++)
        work += net_poll(b->links[i].net, now_ns);
    return work;
}

static int op_flush(struct transport *t, u64 now_ns)
{
    struct bypass *b = self_of(t);
    int work = 0;

    for (u32 i = 0; i < b->links_used; i++)
        work += net_flush(b->links[i].net, now_ns) + port_flush(b->links[i].queues[0]);
    return work;
}

static u32 op_room(struct transport *t, u64 conn)
{
    return net_room(link_of(self_of(t), conn)->net, name_of(conn));
}

static void op_send(struct transport *t, u64 conn, const void *bytes, u32 n)
{
    net_send(link_of(self_of(t), conn)->net, name_of(conn), bytes, n);
}

static void op_close(struct transport *t, u64 conn, enum transport_close how)
{
    net_close(link_of(self_of(t), conn)->net, name_of(conn),
              how == TRANSPORT_FINISH ? NET_FINISH : NET_RESET);
}

static u64 op_stalled_ns(struct transport *t, u64 conn, u64 now_ns)
{
    return net_stalled_ns(link_of(self_of(t), conn)->net, name_of(conn), now_ns);
}

static bool op_accept(struct transport *t, u32 listeners)
{
    struct bypass *b = self_of(t);

    for (u32 i = 0; i < b->links_used; i++) {
        for (u32 p = 0; p < b->listen_used; p++) {
            if ((listeners & 1u << p) != 0)
                net_listen(b->links[i].net, b->listen[p]);
            else
                net_unlisten(b->links[i].net, b->listen[p]);
        }
        net_accept(b->links[i].net, listeners != 0);
    }
    return true;
}

static const struct transport_ops bypass_ops = {
    .poll = op_poll,
    .room = op_room,
    .send = op_send,
    .close = op_close,
    .stalled_ns = op_stalled_ns,
    .flush = op_flush,
    .accept = op_accept,
};

/* ---- begin and end ---- */

static u32 netmask_of(u32 prefix_bits)
{
    ASSERT(prefix_bits >= 1 && prefix_bits <= 32);
    return __builtin_bswap32(UINT32_MAX << (32 - prefix_bits));
}

static void link_make(struct bypass *b, u32 index, const struct bypass_conf *conf, struct mem *m,
                      u64 now_ns)
{
    const struct bypass_link *from = &conf->links[index];
    struct link *l = &b->links[index];
    struct net_conf net;

    ASSERT(from->queues >= 1 && from->first_queue + from->queues <= port_queues(from->port));
    l->owner = b;
    l->tag = (u64)index << LINK_SHIFT;
    l->conf = *from;
    for (u32 i = 0; i < from->queues; i++)
        l->queues[i] = port_queue(from->port, from->first_queue + i);
    net_conf_defaults(&net);
    memcpy(net.mac, port_mac(from->port), sizeof net.mac);
    memcpy(net.secret, conf->secret, sizeof net.secret);
    net.ipv4 = from->ipv4;
    net.netmask = netmask_of(from->prefix_bits);
    net.gateway = from->gateway;
    net.mtu = port_mtu(from->port);
    net.tx_cksum = port_tx_cksum(from->port);
    net.half_open_max = HALF_OPEN_MAX;
    net.time_wait_max = conf->connections_max * TIME_WAIT_PER_CONNS;
    net.conns_max = conf->connections_max + net.half_open_max + net.time_wait_max;
    net.chunks = 2 * conf->connections_max + CHUNKS_SHARED;
    net.chunks_kept = conf->connections_max; /* three quarters of `chunks` are for sending */
    if (conf->rto_min_ns != 0)
        net.rto_min_ns = conf->rto_min_ns;
    if (conf->tlp_min_ns != 0)
        net.tlp_min_ns = conf->tlp_min_ns;
    if (conf->keepalive_ns != 0)
        net.keepalive_idle_ns = conf->keepalive_ns;
    if (conf->ttl != 0)
        net.ttl = conf->ttl;
    net.dscp = conf->dscp;
    l->net = net_new(m, &net, &packet_ops, l->queues[0], &net_up, l, now_ns);
    if (from->first_queue == 0) /* one of those that share the port is enough */
        net_announce(l->net, now_ns);
}

struct transport *bypass_new(const struct bypass_conf *conf, struct mem *m, u64 now_ns)
{
    struct bypass *b = mem_alloc(m, sizeof *b, CACHE_LINE);

    ASSERT(conf->links_used >= 1 && conf->links_used <= PORTS_MAX);
    ASSERT_LE(conf->listen_used, TRANSPORT_LISTENERS_MAX);
    b->head.ops = &bypass_ops;
    memcpy(b->listen, conf->listen, sizeof b->listen);
    b->listen_used = conf->listen_used;
    b->links_used = conf->links_used;
    for (u32 i = 0; i < conf->links_used; i++)
        link_make(b, i, conf, m, now_ns);
    return &b->head;
}

/* ---- joined ---- */

/* The link of `b` that uses `port`; NO_LINK: there is none. */
static u32 link_on(const struct bypass *b, const struct port *port)
{
    for (u32 i = 0; i < b->links_used; i++)
        if (b->links[i].conf.port == port)
            return i;
    return NO_LINK;
}

/* Each queue pair of the link's port finds its transport. */
static void link_join(struct link *l, struct transport *const *all, u32 n)
{
    u32 owned = 0;

    memset(l->agent_of, NO_LINK, sizeof l->agent_of);
    for (u32 i = 0; i < n; i++) {
        u32 at = link_on(self_of(all[i]), l->conf.port);
        l->link_at[i] = (u8)at;
        if (at == NO_LINK)
            continue;
        const struct bypass_link *theirs = &self_of(all[i])->links[at].conf;
        ASSERT_EQ(theirs->ipv4, l->conf.ipv4);
        for (u32 q = theirs->first_queue; q < theirs->first_queue + theirs->queues; q++) {
            ASSERT_EQ(l->agent_of[q], NO_LINK);
            l->agent_of[q] = (u8)i;
            owned++;
        }
    }
    ASSERT_EQ(owned, port_queues(l->conf.port));
    l->shared = owned > l->conf.queues;
}

static bool share_a_port(const struct bypass *a, const struct bypass *b)
{
    for (u32 i = 0; i < a->links_used; i++)
        if (link_on(b, a->links[i].conf.port) != NO_LINK)
            return true;
    return false;
}

void bypass_join(struct transport *const *all, u32 n, struct mem *m)
{
    ASSERT(n >= 1 && n <= GATEWAYS_MAX);
    for (u32 i = 0; i < n; i++) {
        struct bypass *b = self_of(all[i]);
        ASSERT_EQ(b->hand.joined, 0);
        b->hand.joined = n;
        b->hand.self = i;
        for (u32 k = 0; k < i; k++)
            if (share_a_port(b, self_of(all[k])))
                handover_join(&self_of(all[k])->hand, &b->hand, m);
        for (u32 k = 0; k < b->links_used; k++)
            link_join(&b->links[k], all, n);
    }
}

void bypass_metrics(struct transport *t, u32 index)
{
    struct bypass *b = self_of(t);
    char labels[48];

    for (u32 i = 0; i < b->links_used; i++) {
        snprintf(labels, sizeof labels, "gateway=\"%u\",port=\"%u\"", index, i);
        net_register_metrics(b->links[i].net, labels);
    }
    if (b->hand.joined > 1)
        handover_metrics(&b->hand, index);
}

/* The gateway may be gone by the time of the drain: what still comes up is for nobody. */
static bool nobody_opened(void *ctx, u64 conn, const struct transport_peer *peer)
{
    (void)ctx, (void)conn, (void)peer;
    return false;
}

static u32 nobody_data(void *ctx, u64 conn, const u8 *bytes, u32 n)
{
    (void)ctx, (void)conn, (void)bytes;
    return n;
}

static void nobody_writable(void *ctx, u64 conn)
{
    (void)ctx, (void)conn;
}

static void nobody_closed(void *ctx, u64 conn, enum transport_closed why)
{
    (void)ctx, (void)conn, (void)why;
}

static const struct transport_up nobody = {
    .opened = nobody_opened,
    .data = nobody_data,
    .writable = nobody_writable,
    .closed = nobody_closed,
};

void bypass_drain(struct transport *const *t, u32 n)
{
    u64 now_ns = clock_now_ns();
    u64 quiet_ns = now_ns + DRAIN_QUIET_NS;
    u64 end_ns = now_ns + DRAIN_MAX_NS;

    for (u32 i = 0; i < n; i++) {
        t[i]->up = &nobody;
        op_accept(t[i], 0);
    }
    while (now_ns < quiet_ns && now_ns < end_ns) {
        for (u32 i = 0; i < n; i++)
            if (op_poll(t[i], now_ns) + op_flush(t[i], now_ns) > 0)
                quiet_ns = now_ns + DRAIN_QUIET_NS;
        clock_sleep_ns(NS_PER_MS);
        now_ns = clock_now_ns();
    }
}
