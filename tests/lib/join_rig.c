/* join_rig.c - see join_rig.h. */
#include "tests/lib/join_rig.h"

#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/metrics.h"
#include "gateway/bypass.h"
#include "gateway/net/wire.h"
#include "gateway/port_rss.h"
#include "tests/lib/bypass_wire.h"

struct join_rig join;

static u8 byte_at(u64 number, u64 place)
{
    return (u8)hash_2u64(number, place / 8, place % 8);
}

/* ---- the gateways ---- */

static struct join_pair *pair_of_server(u32 agent, u64 conn)
{
    for (u32 i = 0; i < join.used; i++)
        if (join.pairs[i].agent == agent && join.pairs[i].server.conn == conn)
            return &join.pairs[i];
    fail_msg("agent %u knows no such connection", agent);
    return NULL;
}

static u32 agent_of(const void *ctx)
{
    return (u32)((struct transport *const *)ctx - join.t);
}

/* The owner by the published hash over the whole flow, as a network card would have it. */
u32 join_owner(u32 port)
{
    u8 flow[12];
    const u32 ips[2] = {JOIN_CLIENT_IP, JOIN_SERVER_IP};
    const u16 be_ports[2] = {be16((u16)port), be16(JOIN_PORT)};

    memcpy(flow, ips, 8);
    memcpy(flow + 8, be_ports, 4);
    return rss_hash(rss_key, flow, sizeof flow) % 128 % JOIN_AGENTS;
}

static bool server_opened(void *ctx, u64 conn, const struct transport_peer *peer)
{
    struct join_pair *p = &join.pairs[join.used++];

    assert_int_equal(peer->ipv4, JOIN_CLIENT_IP);
    p->agent = agent_of(ctx);
    assert_int_equal(p->agent, join_owner(peer->port));
    p->server.conn = conn;
    p->server.opened++;
    /* clients come one after the join.other, each when the one before is open */
    return true;
}

static u32 take(struct join_side *s, u64 number, const u8 *bytes, u32 n)
{
    for (u32 i = 0; i < n; i++)
        assert_int_equal(bytes[i], byte_at(number, s->in + i));
    s->in += n;
    return n;
}

static u32 server_data(void *ctx, u64 conn, const u8 *bytes, u32 n)
{
    struct join_pair *p = pair_of_server(agent_of(ctx), conn);

    return take(&p->server, (u64)(p - join.pairs), bytes, n);
}

static void server_writable(void *ctx, u64 conn)
{
    (void)ctx, (void)conn;
}

static void server_closed(void *ctx, u64 conn, enum transport_closed why)
{
    (void)why;
    pair_of_server(agent_of(ctx), conn)->server.closed++;
}

static const struct transport_up server_up = {
    .opened = server_opened,
    .data = server_data,
    .writable = server_writable,
    .closed = server_closed,
};

/* ---- the client ---- */

static struct join_pair *pair_of_client(u64 conn)
{
    for (u32 i = 0; i < JOIN_CLIENTS; i++)
        if (join.pairs[i].client.conn == conn)
            return &join.pairs[i];
    fail_msg("no such client");
    return NULL;
}

static bool client_opened(void *ctx, u64 conn, const struct net_peer *peer)
{
    (void)ctx, (void)peer;
    pair_of_client(conn)->client.opened++;
    return true;
}

static u32 client_data(void *ctx, u64 conn, const u8 *bytes, u32 n)
{
    struct join_pair *p = pair_of_client(conn);

    (void)ctx;
    return take(&p->client, (u64)(p - join.pairs), bytes, n);
}

static void client_writable(void *ctx, u64 conn)
{
    (void)ctx, (void)conn;
}

static void client_closed(void *ctx, u64 conn, enum net_closed why)
{
    (void)ctx, (void)why;
    pair_of_client(conn)->client.closed++;
}

static const struct net_up client_up = {
    .opened = client_opened,
    .data = client_data,
    .writable = client_writable,
    .closed = client_closed,
};

static struct port_queue *out_queue;

bool join_alloc(void *ctx, struct packet *p)
{
    (void)ctx;
    out_queue =
        port_queue(join.ports[1],
                   join.way == JOIN_ANY_WAY ? (u32)rng_below(&join.rng, JOIN_AGENTS) : join.way);
    return port_alloc(out_queue, p);
}

void join_transmit(void *ctx, struct packet *p)
{
    (void)ctx;
    port_transmit(out_queue, p);
}

static const struct packet_ops client_packets = {.alloc = join_alloc, .transmit = join_transmit};

/* ---- turns ---- */

void join_client_turn(void)
{
    struct packet in[PORT_RX_BURST];
    u64 now_ns = clock_now_ns();

    for (u32 q = 0; q < JOIN_AGENTS; q++) {
        u32 n = port_receive(port_queue(join.ports[1], q), in);
        for (u32 i = 0; i < n; i++)
            net_input(join.net, &in[i], now_ns);
        port_release(port_queue(join.ports[1], q));
    }
    net_poll(join.net, now_ns);
    net_flush(join.net, now_ns);
    for (u32 q = 0; q < JOIN_AGENTS; q++)
        port_flush(port_queue(join.ports[1], q));
}

void join_server_turn(void)
{
    for (u32 i = 0; i < JOIN_AGENTS; i++) {
        u64 now_ns = clock_now_ns();
        if (join.asleep[i])
            continue;
        join.t[i]->ops->poll(join.t[i], now_ns);
        join.t[i]->ops->flush(join.t[i], now_ns);
    }
}

void join_turn(void)
{
    join_client_turn();
    join_server_turn();
}

/* A client more; returns its number. The server's side sees it open in the same order. */
u32 join_open(void)
{
    u32 i = join.used;

    join.pairs[i] = (struct join_pair){0};
    join.pairs[i].client.conn = net_connect(join.net, JOIN_SERVER_IP, JOIN_PORT, 0, clock_now_ns());
    assert_int_not_equal(join.pairs[i].client.conn, 0);
    JOIN_UNTIL(join.used == i + 1 && join.pairs[i].client.opened);
    return i;
}

/* A client more whose connection belongs to `agent`. */
struct join_pair *join_open_at(u32 agent)
{
    for (u32 tries = 0; tries < 30; tries++) {
        struct join_pair *p = &join.pairs[join_open()];
        if (p->agent == agent)
            return p;
    }
    fail_msg("no connection went to agent %u", agent);
    return NULL;
}

void join_client_write(struct join_pair *p, u32 n)
{
    u8 bytes[4096];

    n = min_u32(min_u32(n, sizeof bytes), net_room(join.net, p->client.conn));
    for (u32 i = 0; i < n; i++)
        bytes[i] = byte_at((u64)(p - join.pairs), p->client.sent + i);
    net_send(join.net, p->client.conn, bytes, n);
    p->client.sent += n;
}

void join_server_write(struct join_pair *p, u32 n)
{
    struct transport *at = join.t[p->agent];
    u8 bytes[4096];

    n = min_u32(min_u32(n, sizeof bytes), at->ops->room(at, p->server.conn));
    for (u32 i = 0; i < n; i++)
        bytes[i] = byte_at((u64)(p - join.pairs), p->server.sent + i);
    at->ops->send(at, p->server.conn, bytes, n);
    p->server.sent += n;
}

/* So many bytes each join.way on all connections, in pieces; exact. */
void join_talk(u32 bytes)
{
    for (u32 done = 0; done < bytes; done += 1000) {
        for (u32 i = 0; i < join.used; i++) {
            join_client_write(&join.pairs[i], 1000);
            join_server_write(&join.pairs[i], 1000);
        }
        join_turn();
    }
    for (u32 i = 0; i < join.used; i++)
        JOIN_UNTIL(join.pairs[i].server.in == join.pairs[i].client.sent &&
                   join.pairs[i].client.in == join.pairs[i].server.sent);
}

void join_close_all(void)
{
    for (u32 i = 0; i < join.used; i++) {
        if (i % 2 == 0)
            net_close(join.net, join.pairs[i].client.conn, NET_FINISH);
        else
            net_close(join.net, join.pairs[i].client.conn, NET_RESET);
        JOIN_UNTIL(join.pairs[i].server.closed);
    }
    join.used = 0;
    join.way = 0;
}

/* ---- the two ends ---- */

static void open_net(u64 now_ns)
{
    struct net_conf conf;

    net_conf_defaults(&conf);
    memcpy(conf.mac, port_mac(join.ports[1]), 6);
    memset(conf.secret, 2, sizeof conf.secret);
    conf.ipv4 = JOIN_CLIENT_IP;
    join.net = net_new(&join.mem, &conf, &client_packets, NULL, &client_up, NULL, now_ns);
}

/* One of them has a port of its own before the shared one, so that its links are numbered apart. */
static struct transport *open_transport(u32 i)
{
    struct bypass_conf conf = {
        .listen = {JOIN_PORT}, .listen_used = 1, .connections_max = 2 * JOIN_CLIENTS};

    memset(conf.secret, 1, sizeof conf.secret);
    if (i == 1)
        conf.links[conf.links_used++] = (struct bypass_link){.port = join.other,
                                                             .queues = 1,
                                                             .ipv4 = __builtin_bswap32(0x0a4f0001),
                                                             .prefix_bits = 24};
    conf.links[conf.links_used++] = (struct bypass_link){.port = join.ports[0],
                                                         .first_queue = i,
                                                         .queues = 1,
                                                         .ipv4 = JOIN_SERVER_IP,
                                                         .prefix_bits = 24};
    return bypass_new(&conf, &join.mem, clock_now_ns());
}

bool join_start(void)
{
    struct port_conf ring = {.device = "net_ring0", .queues = 1};
    char error[256];

    clock_init();
    mem_init(&join.mem, 0);
    join.rng.seed = test_seed();
    if (!bypass_wire_start(JOIN_AGENTS))
        return false;
    join.other = port_open(&ring, &join.mem, error, sizeof error);
    if (join.other == NULL)
        return false;
    for (u32 i = 0; i < 2; i++)
        join.ports[i] = bypass_wire_port(i);
    for (u32 i = 0; i < JOIN_AGENTS; i++)
        join.t[i] = open_transport(i);
    bypass_join(join.t, JOIN_AGENTS, &join.mem);
    port_metrics(join.ports[0], 0);
    for (u32 i = 0; i < JOIN_AGENTS; i++) {
        join.t[i]->up = &server_up;
        join.t[i]->up_ctx = &join.t[i];
        bypass_metrics(join.t[i], i);
        join.t[i]->ops->accept(join.t[i], TRANSPORT_ALL);
    }
    open_net(clock_now_ns());
    return true;
}

void join_end(void)
{
    port_close(join.other);
    bypass_wire_stop();
    mem_free_all(&join.mem);
    metrics_reset();
}
