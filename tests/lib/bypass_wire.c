/*
 * bypass_wire.c - see bypass_wire.h. Settling is a moment of real time with turns of the clients.
 */
#include "tests/lib/bypass_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "gateway/bypass.h"
#include "gateway/net/net.h"

#define SERVER_IP __builtin_bswap32(0x0a4e0001)
#define CLIENT_IP __builtin_bswap32(0x0a4e0002)
#define PORT      9000 /* of listener 0; the others follow */
#define LISTENERS 3u
#define IN_BYTES  (256u * 1024u)
#define SETTLE    (200 * NS_PER_US)

struct wire_client {
    u64 conn;
    enum wire_end end; /* what has happened; told once all was read */
    u32 head, tail;
    u8 in[IN_BYTES];
};

struct bypass_wire {
    struct wire wire;
    struct mem mem;
    struct net *net;
    struct wire_client clients[WIRE_CLIENTS_MAX];
    u32 used;
    u16 listener; /* that the next client connects to */
};

static struct mem port_mem;
static struct port *ports[2];
static char path[64];
static u8 wires; /* made so far: none uses the secrets of another */

static struct bypass_wire *of(struct wire *w)
{
    return (struct bypass_wire *)(void *)w;
}

static struct wire_client *find(struct bypass_wire *b, u64 conn)
{
    for (u32 i = 0; i < b->used; i++)
        if (b->clients[i].conn == conn)
            return &b->clients[i];
    return NULL;
}

static bool up_opened(void *ctx, u64 conn, const struct net_peer *peer)
{
    (void)peer;
    return find(ctx, conn) != NULL;
}

static u32 up_data(void *ctx, u64 conn, const u8 *bytes, u32 n)
{
    struct wire_client *c = find(ctx, conn);

    n = min_u32(n, IN_BYTES - c->tail);
    memcpy(c->in + c->tail, bytes, n);
    c->tail += n;
    return n;
}

static void up_writable(void *ctx, u64 conn)
{
    (void)ctx, (void)conn;
}

static void up_closed(void *ctx, u64 conn, enum net_closed why)
{
    find(ctx, conn)->end = why == NET_EOF ? WIRE_EOF : WIRE_RESET;
}

static const struct net_up up = {
    .opened = up_opened,
    .data = up_data,
    .writable = up_writable,
    .closed = up_closed,
};

static const struct packet_ops packets = {.alloc = port_alloc, .transmit = port_transmit};

static void turn(struct bypass_wire *b)
{
    struct port_queue *q = port_queue(ports[1], 0);
    struct packet in[PORT_RX_BURST];
    u64 now_ns = clock_now_ns();
    u32 n = port_receive(q, in);

    for (u32 i = 0; i < n; i++)
        net_input(b->net, &in[i], now_ns);
    port_release(q);
    net_poll(b->net, now_ns);
    net_flush(b->net, now_ns);
    port_flush(q);
}

static u32 wire_connect(struct wire *w)
{
    struct bypass_wire *b = of(w);
    struct wire_client *c = &b->clients[b->used];

    ASSERT_LT(b->used, WIRE_CLIENTS_MAX);
    c->end = WIRE_OPEN;
    c->conn = net_connect(b->net, SERVER_IP, (u16)(PORT + b->listener), 0, clock_now_ns());
    ASSERT_NE(c->conn, 0);
    b->used++;
    turn(b);
    return b->used - 1;
}

void bypass_wire_listener(struct wire *w, u32 listener)
{
    ASSERT_LT(listener, LISTENERS);
    of(w)->listener = (u16)listener;
}

static u32 wire_write(struct wire *w, u32 client, const void *bytes, u32 n)
{
    struct bypass_wire *b = of(w);
    struct wire_client *c = &b->clients[client];

    if (c->end != WIRE_OPEN)
        return n; /* nobody is there */
    n = min_u32(n, net_room(b->net, c->conn));
    net_send(b->net, c->conn, bytes, n);
    turn(b);
    return n;
}

static u32 wire_read(struct wire *w, u32 client, void *to, u32 max)
{
    struct wire_client *c = &of(w)->clients[client];

    turn(of(w));
    u32 n = min_u32(max, c->tail - c->head);
    memcpy(to, c->in + c->head, n);
    c->head += n;
    if (c->head == c->tail)
        c->head = c->tail = 0;
    return n;
}

static enum wire_end wire_end(struct wire *w, u32 client)
{
    const struct wire_client *c = &of(w)->clients[client];

    return c->head < c->tail ? WIRE_OPEN : c->end;
}

static void wire_hang_up(struct wire *w, u32 client, enum transport_close how)
{
    struct bypass_wire *b = of(w);
    struct wire_client *c = &b->clients[client];

    net_close(b->net, c->conn, how == TRANSPORT_FINISH ? NET_FINISH : NET_RESET);
    if (how == TRANSPORT_RESET)
        c->end = WIRE_RESET;
    turn(b);
}

/* Memory is shared within the process: it is the endpoints' turns that take a moment. */
static void wire_settle(struct wire *w)
{
    u64 end_ns = clock_now_ns() + SETTLE;

    do
        turn(of(w));
    while (clock_now_ns() < end_ns);
}

static void wire_free(struct wire *w)
{
    struct bypass_wire *b = of(w);

    bypass_drain(&w->transport, 1);
    mem_free_all(&b->mem);
    free(b);
}

static void open_net(struct bypass_wire *b)
{
    struct net_conf conf;

    net_conf_defaults(&conf);
    memcpy(conf.mac, port_mac(ports[1]), 6);
    memset(conf.secret, 0x80 + wires, sizeof conf.secret);
    conf.ipv4 = CLIENT_IP;
    b->net = net_new(&b->mem, &conf, &packets, port_queue(ports[1], 0), &up, b, clock_now_ns());
}

struct wire *bypass_wire_new(void)
{
    struct bypass_wire *b = calloc(1, sizeof *b);
    struct bypass_conf conf = {
        .listen = {PORT, PORT + 1, PORT + 2},
        .listen_used = LISTENERS,
        .connections_max = WIRE_CLIENTS_MAX,
        .links = {{.port = ports[0], .queues = 1, .ipv4 = SERVER_IP, .prefix_bits = 24}},
        .links_used = 1,
    };

    ASSERT(b != NULL && ports[0] != NULL);
    mem_init(&b->mem, 0);
    memset(conf.secret, ++wires, sizeof conf.secret);
    open_net(b);
    b->wire = (struct wire){
        .transport = bypass_new(&conf, &b->mem, clock_now_ns()),
        .connect = wire_connect,
        .write = wire_write,
        .read = wire_read,
        .end = wire_end,
        .hang_up = wire_hang_up,
        .settle = wire_settle,
        .free = wire_free,
    };
    return &b->wire;
}

/* ---- the two ends ---- */

static bool links_up(void)
{
    for (u32 i = 0; i < 2; i++)
        port_tick(ports[i], clock_now_ns());
    return port_link_up(ports[0]) && port_link_up(ports[1]);
}

bool bypass_wire_start(u16 queues)
{
    static const char *const roles[] = {"server", "client"};
    struct port_env env = {.memory = PORT_MEMORY_ORDINARY};
    u64 end_ns = clock_now_ns() + 10 * NS_PER_SEC;
    char error[512] = "the link of net_memif stays down";
    bool good = port_start(&env, error, sizeof error);

    mem_init(&port_mem, 0);
    snprintf(path, sizeof path, "/tmp/wirebook-test-wire-%d.sock", (int)getpid());
    for (u32 i = 0; good && i < 2; i++) {
        char device[160];
        struct port_conf conf = {.device = device, .queues = queues};
        snprintf(device, sizeof device, "net_memif%u,role=%s,id=0,socket=%s,socket-abstract=no", i,
                 roles[i], path);
        ports[i] = port_open(&conf, &port_mem, error, sizeof error);
        good = ports[i] != NULL;
    }
    while (good && !links_up() && clock_now_ns() < end_ns)
        clock_sleep_ns(10 * NS_PER_MS);
    if (good && links_up())
        return true;
    fprintf(stderr, "%s\n", error);
    return false;
}

struct port *bypass_wire_port(u32 end)
{
    return ports[end];
}

/* The driver's own thread must be through with the lost peer before its device is closed. */
static void wait_for_disconnect(struct port *p)
{
    u64 now_ns = clock_now_ns();

    for (u32 i = 0; i < 100 && port_link_up(p); i++) {
        now_ns += NS_PER_SEC; /* it looks once a second */
        port_tick(p, now_ns);
        clock_sleep_ns(10 * NS_PER_MS);
    }
    clock_sleep_ns(20 * NS_PER_MS);
}

void bypass_wire_stop(void)
{
    if (ports[1] != NULL)
        port_close(ports[1]);
    if (ports[1] != NULL)
        wait_for_disconnect(ports[0]);
    if (ports[0] != NULL)
        port_close(ports[0]);
    ports[0] = ports[1] = NULL;
    port_stop();
    mem_free_all(&port_mem);
    unlink(path);
}
