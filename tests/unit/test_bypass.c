/*
 * test_bypass.c - the transport over ports and our TCP: a gateway's side on one end of a shared
 * memory interface (net_memif), an endpoint of gateway/net that connects to it on the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "engine/base/metrics.h"
#include "gateway/bypass.h"
#include "gateway/net/net.h"
#include "tests/lib/bypass_wire.h"

#define WAIT_NS     (10 * NS_PER_SEC)
#define SERVER_IP   __builtin_bswap32(0x0a4e0001)
#define CLIENT_IP   __builtin_bswap32(0x0a4e0002)
#define PORT        9000
#define BULK_BYTES  (1u << 20)
#define CONNECTIONS 16u

/* One side's view of its connection; both sides use the same. */
struct side {
    u64 conn;
    u32 opened, closed, writable;
    u32 expected; /* frames with data that it was told of before */
    u32 why;
    u64 in;       /* bytes taken so far; each follows from its place */
    u32 take_max; /* of one call; 0: all */
    bool refuse;
};

static struct mem mem;
static struct port *ports[2];
static struct transport *t;
static struct net *net;
static struct side server, client;
static struct transport_peer peer_seen;

static u8 byte_at(u64 place)
{
    return (u8)hash_u64(place / 8);
}

static u32 take(struct side *s, const u8 *bytes, u32 n)
{
    if (s->take_max != 0 && n > s->take_max)
        n = s->take_max;
    for (u32 i = 0; i < n; i++)
        assert_int_equal(bytes[i], byte_at(s->in + i));
    s->in += n;
    return n;
}

static bool server_opened(void *ctx, u64 conn, const struct transport_peer *peer)
{
    (void)ctx;
    peer_seen = *peer;
    server.opened++;
    server.conn = conn;
    return !server.refuse;
}

static u32 server_data(void *ctx, u64 conn, const u8 *bytes, u32 n)
{
    (void)ctx;
    assert_int_equal(conn, server.conn);
    return take(&server, bytes, n);
}

static void server_writable(void *ctx, u64 conn)
{
    (void)ctx;
    assert_int_equal(conn, server.conn);
    server.writable++;
}

static void server_closed(void *ctx, u64 conn, enum transport_closed why)
{
    (void)ctx;
    assert_int_equal(conn, server.conn);
    server.closed++;
    server.why = why;
}

static void server_expect(void *ctx, const u64 *conns, u32 n)
{
    (void)ctx;
    for (u32 i = 0; i < n; i++)
        assert_int_equal(conns[i], server.conn);
    server.expected += n;
}

static const struct transport_up server_up = {
    .opened = server_opened,
    .data = server_data,
    .writable = server_writable,
    .closed = server_closed,
    .expect = server_expect,
};

static bool client_opened(void *ctx, u64 conn, const struct net_peer *peer)
{
    (void)ctx, (void)peer;
    assert_int_equal(conn, client.conn);
    client.opened++;
    return true;
}

static u32 client_data(void *ctx, u64 conn, const u8 *bytes, u32 n)
{
    (void)ctx, (void)conn;
    return take(&client, bytes, n);
}

static void client_writable(void *ctx, u64 conn)
{
    (void)ctx, (void)conn;
    client.writable++;
}

static void client_closed(void *ctx, u64 conn, enum net_closed why)
{
    (void)ctx, (void)conn;
    client.closed++;
    client.why = why;
}

static const struct net_up client_up = {
    .opened = client_opened,
    .data = client_data,
    .writable = client_writable,
    .closed = client_closed,
};

static const struct packet_ops packets = {.alloc = port_alloc, .transmit = port_transmit};

/* ---- turns ---- */

static void client_turn(u64 now_ns)
{
    struct port_queue *q = port_queue(ports[1], 0);
    struct packet in[PORT_RX_BURST];
    u32 n = port_receive(q, in);

    for (u32 i = 0; i < n; i++)
        net_input(net, &in[i], now_ns);
    port_release(q);
    net_poll(net, now_ns);
    net_flush(net, now_ns);
    port_flush(q);
}

static void turn(void)
{
    u64 now_ns = clock_now_ns();

    t->ops->poll(t, now_ns);
    t->ops->flush(t, now_ns);
    client_turn(now_ns);
}

#define TURN_UNTIL(condition)                       \
    do {                                            \
        u64 end_ns = clock_now_ns() + WAIT_NS;      \
        while (!(condition)) {                      \
            turn();                                 \
            if (clock_now_ns() >= end_ns)           \
                fail_msg("waited for " #condition); \
        }                                           \
    } while (0)

static void connect_client(void)
{
    memset(&server, 0, sizeof server);
    memset(&client, 0, sizeof client);
    client.conn = net_connect(net, SERVER_IP, PORT, 0, clock_now_ns());
    assert_int_not_equal(client.conn, 0);
}

static void fill(u8 *bytes, u64 place, u32 n)
{
    for (u32 i = 0; i < n; i++)
        bytes[i] = byte_at(place + i);
}

/* ---- cases ---- */

static void orders_and_answers(void **state)
{
    u8 bytes[100];

    (void)state;
    connect_client();
    TURN_UNTIL(server.opened && client.opened);
    assert_int_equal(peer_seen.ipv4, CLIENT_IP);
    assert_int_equal(peer_seen.local_port, PORT);
    assert_true(t->ops->room(t, server.conn) >= 4096);
    assert_int_equal(server.expected, 0); /* the end of the handshake has no data */
    for (u32 i = 0; i < 100; i++) {
        fill(bytes, i * 100ull, 100);
        net_send(net, client.conn, bytes, 100);
        TURN_UNTIL(server.in == (i + 1) * 100);
        t->ops->send(t, server.conn, bytes, 100);
        TURN_UNTIL(client.in == (i + 1) * 100);
        assert_true(server.expected > i);
    }
    u32 expected = server.expected; /* the last acknowledgement comes alone */
    TURN_UNTIL(t->ops->stalled_ns(t, server.conn, clock_now_ns()) == 0);
    assert_int_equal(server.expected, expected);
    net_close(net, client.conn, NET_FINISH);
    TURN_UNTIL(server.closed);
    assert_int_equal(server.why, TRANSPORT_EOF);
    assert_int_equal(t->ops->room(t, server.conn), 0);
}

/* A megabyte each way through a gateway that takes little at a time. */
static void much_data_is_exact(void **state)
{
    u64 sent[2] = {0, 0};
    static u8 bytes[65536]; /* more than the send space: room runs out */

    (void)state;
    connect_client();
    server.take_max = 700;
    TURN_UNTIL(server.opened && client.opened);
    while (server.in < BULK_BYTES || client.in < BULK_BYTES) {
        u32 room = min_u32(net_room(net, client.conn), sizeof bytes);
        u32 n = min_u32(room, (u32)(BULK_BYTES - sent[0]));
        fill(bytes, sent[0], n);
        net_send(net, client.conn, bytes, n);
        sent[0] += n;
        room = min_u32(t->ops->room(t, server.conn), sizeof bytes);
        n = min_u32(room, (u32)(BULK_BYTES - sent[1]));
        fill(bytes, sent[1], n);
        t->ops->send(t, server.conn, bytes, n);
        sent[1] += n;
        turn();
    }
    assert_true(server.writable > 0);
    t->ops->close(t, server.conn, TRANSPORT_FINISH);
    TURN_UNTIL(client.closed);
    assert_int_equal(client.why, NET_EOF);
    assert_int_equal(server.closed, 0); /* not told what it did itself */
}

static void the_gateway_resets(void **state)
{
    (void)state;
    connect_client();
    TURN_UNTIL(server.opened && client.opened);
    t->ops->close(t, server.conn, TRANSPORT_RESET);
    TURN_UNTIL(client.closed);
    assert_int_equal(client.why, NET_ERROR);
}

static void the_peer_resets(void **state)
{
    (void)state;
    connect_client();
    TURN_UNTIL(server.opened && client.opened);
    net_close(net, client.conn, NET_RESET);
    TURN_UNTIL(server.closed);
    assert_int_equal(server.why, TRANSPORT_ERROR);
}

static void not_accepting_refuses(void **state)
{
    (void)state;
    t->ops->accept(t, 2); /* the other listener alone */
    connect_client();
    TURN_UNTIL(client.closed);
    assert_int_equal(client.why, NET_ERROR);
    assert_int_equal(server.opened, 0);
    t->ops->accept(t, TRANSPORT_ALL);
    connect_client();
    server.refuse = true; /* asked, the gateway says no */
    TURN_UNTIL(client.closed);
    assert_int_equal(server.opened, 1);
    assert_int_equal(server.closed, 0);
}

/* After the gateway's end what it sent last still arrives, and nobody is called. */
static void the_last_bytes_get_through(void **state)
{
    u8 bytes[64];

    (void)state;
    connect_client();
    TURN_UNTIL(server.opened && client.opened);
    fill(bytes, 0, sizeof bytes);
    t->ops->send(t, server.conn, bytes, sizeof bytes);
    net_send(net, client.conn, bytes, sizeof bytes);
    client_turn(clock_now_ns());
    t->up = NULL; /* must not be used any more */
    bypass_drain(&t, 1);
    for (u32 i = 0; i < 100; i++)
        client_turn(clock_now_ns());
    assert_int_equal(client.in, sizeof bytes);
}

/* All the others acknowledge nothing and have all that they can get. */
static void one_always_gets_something(void **state)
{
    static u8 bytes[65536];
    u64 conns[CONNECTIONS];
    u32 room;

    (void)state;
    for (u32 i = 0; i < CONNECTIONS; i++) {
        connect_client();
        TURN_UNTIL(server.opened && client.opened);
        conns[i] = server.conn;
    }
    for (u32 i = 0; i + 1 < CONNECTIONS; i++)
        while ((room = t->ops->room(t, conns[i])) > 0)
            t->ops->send(t, conns[i], bytes, min_u32(room, sizeof bytes));
    assert_true(t->ops->room(t, conns[CONNECTIONS - 1]) >= SOUP_FRAME_OUT_MAX);
    for (u32 i = 0; i < CONNECTIONS; i++)
        t->ops->close(t, conns[i], TRANSPORT_RESET);
    TURN_UNTIL(client.closed);
}

/* ---- the two ends ---- */

static void open_net(u64 now_ns)
{
    struct net_conf conf;

    net_conf_defaults(&conf);
    memcpy(conf.mac, port_mac(ports[1]), 6);
    memset(conf.secret, 2, sizeof conf.secret);
    conf.ipv4 = CLIENT_IP;
    net = net_new(&mem, &conf, &packets, port_queue(ports[1], 0), &client_up, NULL, now_ns);
}

static int start(void **state)
{
    struct bypass_conf conf = {
        .listen = {PORT, PORT + 1}, .listen_used = 2, .connections_max = CONNECTIONS};

    (void)state;
    clock_init();
    mem_init(&mem, 0);
    if (!bypass_wire_start(1))
        return 1;
    for (u32 i = 0; i < 2; i++)
        ports[i] = bypass_wire_port(i);
    memset(conf.secret, 1, sizeof conf.secret);
    conf.links[0] =
        (struct bypass_link){.port = ports[0], .queues = 1, .ipv4 = SERVER_IP, .prefix_bits = 24};
    conf.links_used = 1;
    t = bypass_new(&conf, &mem, clock_now_ns());
    t->up = &server_up;
    bypass_metrics(t, 0);
    t->ops->accept(t, TRANSPORT_ALL);
    open_net(clock_now_ns());
    return 0;
}

static int end(void **state)
{
    (void)state;
    bypass_wire_stop();
    mem_free_all(&mem);
    metrics_reset();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_and_answers),         cmocka_unit_test(much_data_is_exact),
        cmocka_unit_test(the_gateway_resets),         cmocka_unit_test(the_peer_resets),
        cmocka_unit_test(not_accepting_refuses),      cmocka_unit_test(one_always_gets_something),
        cmocka_unit_test(the_last_bytes_get_through),
    };
    return cmocka_run_group_tests(tests, start, end);
}
