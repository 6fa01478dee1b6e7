/*
 * wb_bypass.c - connections of our own TCP for the client library (wb_bypass.h).
 *
 * One thread. A turn takes in the frames that have come, runs TCP's timers and sends what is to be
 * sent. Received bytes wait in a buffer for each connection until recv takes them; what does not
 * fit stays in the endpoint, which closes the window. Sending is at once.
 *
 * Failure modes: a connect that nobody answers and a peer that goes away show as errors of ready,
 * send and recv, as with sockets.
 */
#include "gateway/client/wb_bypass.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "engine/base/mem.h"
#include "gateway/client/wb_carrier.h"
#include "gateway/net/net.h"
#include "gateway/port.h"
#include "gateway/session/map.h"

#define CONNS_MAX_BYPASS 16384u
#define IN_BYTES         (64u * 1024u)
#define LINK_WAIT_NS     (10 * NS_PER_SEC)
#define CLOSE_NS         (100 * NS_PER_MS)
#define NAP_NS           (20 * NS_PER_US)

enum state {
    FREE,
    CONNECTING,
    OPEN,
    AT_EOF, /* the peer finished; what is in the buffer can still be read */
    FAILED,
};

struct conn {
    enum state state;
    u64 name; /* the endpoint's */
    u8 *in;   /* IN_BYTES, kept for the next one */
    u32 head; /* first unread byte */
    u32 tail;
};

static struct {
    struct mem mem;
    struct port *port;
    struct net *net;
    bool owns_port;
    struct conn conns[CONNS_MAX_BYPASS];
    struct map by_name; /* places in conns */
    u64 turned_ns;      /* time of the last turn */
    bool driven;        /* the carrier's user turns it: nobody else has to */
    bool news;          /* something came for a connection since the last such turn */
} self;

static struct conn *find(u64 name)
{
    u32 i = map_get(&self.by_name, name);

    return i == MAP_NONE ? NULL : &self.conns[i];
}

/* ---- up-calls of the endpoint ---- */

static bool up_opened(void *ctx, u64 name, const struct net_peer *peer)
{
    struct conn *c = find(name);

    (void)ctx, (void)peer;
    if (c != NULL)
        c->state = OPEN;
    self.news = true;
    return c != NULL;
}

static u32 up_data(void *ctx, u64 name, const u8 *bytes, u32 n)
{
    struct conn *c = find(name);

    (void)ctx;
    if (c == NULL)
        return n;
    if (c->head > 0 && c->tail + n > IN_BYTES) {
        memmove(c->in, c->in + c->head, c->tail - c->head);
        c->tail -= c->head;
        c->head = 0;
    }
    n = min_u32(n, IN_BYTES - c->tail);
    memcpy(c->in + c->tail, bytes, n);
    c->tail += n;
    self.news = true;
    return n;
}

static void up_writable(void *ctx, u64 name)
{
    (void)ctx, (void)name; /* who wants to write tries at every turn */
}

static void up_closed(void *ctx, u64 name, enum net_closed why)
{
    struct conn *c = find(name);

    (void)ctx;
    if (c != NULL)
        c->state = why == NET_EOF ? AT_EOF : FAILED;
    self.news = true;
}

static const struct net_up net_up = {
    .opened = up_opened,
    .data = up_data,
    .writable = up_writable,
    .closed = up_closed,
};

static const struct packet_ops packet_ops = {
    .alloc = port_alloc,
    .transmit = port_transmit,
};

/* ---- the carrier ---- */

static int bypass_turn(u64 now_ns)
{
    struct packet in[PORT_RX_BURST];
    int work = 0;

    self.turned_ns = now_ns;
    for (u32 q = 0; q < port_queues(self.port); q++) {
        struct port_queue *queue = port_queue(self.port, q);
        u32 n = port_receive(queue, in);
        for (u32 i = 0; i < n; i++)
            net_input(self.net, &in[i], now_ns);
        port_release(queue);
        work += (int)n;
    }
    work += net_poll(self.net, now_ns);
    work += net_flush(self.net, now_ns);
    port_flush(port_queue(self.port, 0));
    return work;
}

static int bypass_open(const char *host, u16 port, const char **why)
{
    struct in_addr ip;
    int i = 0;

    if (inet_pton(AF_INET, host, &ip) != 1) {
        *why = "past the kernel a host is an IPv4 address";
        return -1;
    }
    while (i < (int)CONNS_MAX_BYPASS && self.conns[i].state != FREE)
        i++;
    struct conn *c = &self.conns[i];
    u64 name =
        i < (int)CONNS_MAX_BYPASS ? net_connect(self.net, ip.s_addr, port, 0, clock_now_ns()) : 0;
    if (name == 0) {
        *why = "no connection is free, or there is no way to that address";
        return -1;
    }
    if (c->in == NULL)
        c->in = malloc(IN_BYTES);
    ASSERT(c->in != NULL);
    c->name = name;
    map_put(&self.by_name, name, (u32)i);
    c->state = CONNECTING;
    c->head = c->tail = 0;
    return i;
}

static int bypass_ready(int conn)
{
    const struct conn *c = &self.conns[conn];

    if (c->state == CONNECTING)
        bypass_turn(clock_now_ns());
    errno = ECONNREFUSED;
    return c->state == CONNECTING ? 0 : c->state == FAILED ? -1 : 1;
}

/* Who turns all the time has just done so: its time is as good as another look at the clock. */
static ssize_t bypass_send(int conn, const void *bytes, u32 n)
{
    const struct conn *c = &self.conns[conn];
    u32 room = net_room(self.net, c->name);
    u64 now_ns = self.driven ? self.turned_ns : clock_now_ns();

    if (c->state != OPEN || room == 0) {
        errno = c->state == OPEN ? EAGAIN : EPIPE;
        return -1;
    }
    n = min_u32(n, room);
    net_send(self.net, c->name, bytes, n);
    net_flush(self.net, now_ns);
    port_flush(port_queue(self.port, 0));
    return n;
}

static ssize_t bypass_recv(int conn, void *to, u32 max)
{
    struct conn *c = &self.conns[conn];

    if (c->head == c->tail && c->state == OPEN && !self.driven)
        bypass_turn(clock_now_ns());
    u32 n = min_u32(max, c->tail - c->head);
    if (n > 0) {
        memcpy(to, c->in + c->head, n);
        c->head += n;
        if (c->head == c->tail)
            c->head = c->tail = 0;
        return n;
    }
    if (c->state == AT_EOF)
        return 0;
    errno = c->state == FAILED ? ECONNRESET : EAGAIN;
    return -1;
}

static void bypass_close(int conn)
{
    struct conn *c = &self.conns[conn];
    u64 now_ns = clock_now_ns();

    net_close(self.net, c->name, NET_FINISH);
    map_remove(&self.by_name, c->name);
    c->state = FREE;
    net_flush(self.net, now_ns);
    port_flush(port_queue(self.port, 0));
}

static bool something(int conn, bool write, int other_fd)
{
    struct pollfd p = {.fd = other_fd, .events = POLLIN};

    if (conn >= 0) {
        const struct conn *c = &self.conns[conn];
        if (c->head < c->tail || c->state == AT_EOF || c->state == FAILED ||
            (write && c->state == OPEN && net_room(self.net, c->name) > 0))
            return true;
    }
    return other_fd >= 0 && poll(&p, 1, 0) == 1;
}

static void bypass_wait(int conn, bool write, int other_fd, u64 timeout_ns)
{
    u64 now_ns = clock_now_ns();
    u64 end_ns = now_ns + timeout_ns;

    bypass_turn(now_ns);
    while (!something(conn, write, other_fd) && now_ns < end_ns) {
        clock_sleep_ns(NAP_NS);
        now_ns = clock_now_ns();
        bypass_turn(now_ns);
    }
}

/*
 * Waiting for one connection turns the endpoint, which may bring something for another one that was
 * asked before: whoever sleeps when a turn did nothing must hear of it.
 */
static int bypass_turn_told(u64 now_ns)
{
    int work = bypass_turn(now_ns) + self.news;

    self.driven = true;
    self.news = false;
    return work;
}

static const struct wb_carrier carrier = {
    .open = bypass_open,
    .ready = bypass_ready,
    .send = bypass_send,
    .recv = bypass_recv,
    .close = bypass_close,
    .wait = bypass_wait,
    .turn = bypass_turn_told,
};

/* ---- begin and end ---- */

void wb_bypass_attach(struct port *port, u32 ipv4, u32 netmask)
{
    struct net_conf conf;

    ASSERT(self.net == NULL);
    mem_init(&self.mem, 0);
    net_conf_defaults(&conf);
    conf.conns_max = CONNS_MAX_BYPASS;
    map_init(&self.by_name, &self.mem, CONNS_MAX_BYPASS, 0); /* the keys are our endpoint's own */
    memcpy(conf.mac, port_mac(port), sizeof conf.mac);
    ssize_t n = getrandom(conf.secret, sizeof conf.secret, 0);
    ASSERT_EQ(n, (ssize_t)sizeof conf.secret);
    conf.ipv4 = ipv4;
    conf.netmask = netmask;
    conf.mtu = port_mtu(port);
    conf.tx_cksum = port_tx_cksum(port);
    self.port = port;
    self.net =
        net_new(&self.mem, &conf, &packet_ops, port_queue(port, 0), &net_up, NULL, clock_now_ns());
    wb_carrier_use(&carrier);
}

static bool parse_address(const char *text, u32 *ipv4, u32 *netmask)
{
    char host[32];
    size_t n = strcspn(text, "/");
    char *end = NULL;
    unsigned long bits = text[n] == '/' ? strtoul(text + n + 1, &end, 10) : 24;
    struct in_addr ip;

    if (n >= sizeof host || (end != NULL && *end != '\0') || bits < 1 || bits > 32)
        return false;
    memcpy(host, text, n);
    host[n] = '\0';
    if (inet_pton(AF_INET, host, &ip) != 1)
        return false;
    *ipv4 = ip.s_addr;
    *netmask = htonl(UINT32_MAX << (32 - bits));
    return true;
}

static bool wait_for_link(struct port *p)
{
    u64 now_ns = clock_now_ns();
    u64 end_ns = now_ns + LINK_WAIT_NS;

    for (;;) {
        port_tick(p, now_ns);
        if (port_link_up(p))
            return true;
        if (now_ns >= end_ns)
            return false;
        clock_sleep_ns(10 * NS_PER_MS);
        now_ns = clock_now_ns();
    }
}

bool wb_bypass_start(const struct wb_bypass_conf *conf, char *error, u32 error_bytes)
{
    struct port_env env = {.memory = PORT_MEMORY_ORDINARY};
    struct port_conf port = {.device = conf->device, .queues = 1};
    u32 ipv4, netmask;

    if (!parse_address(conf->address, &ipv4, &netmask)) {
        snprintf(error, error_bytes, "%s: not an address like 10.9.0.2/24", conf->address);
        return false;
    }
    if (port_is_pci(conf->device))
        env.pci[env.pci_used++] = conf->device;
    if (!port_start(&env, error, error_bytes))
        return false;
    static struct mem mem;
    mem_init(&mem, 0);
    struct port *p = port_open(&port, &mem, error, error_bytes);
    if (p == NULL)
        return false;
    if (!wait_for_link(p)) {
        snprintf(error, error_bytes, "%s: the link stays down", port_name(p));
        port_close(p);
        return false;
    }
    wb_bypass_attach(p, ipv4, netmask);
    self.owns_port = true;
    return true;
}

void wb_bypass_stop(void)
{
    if (self.net == NULL)
        return;
    u64 now_ns = clock_now_ns();
    u64 end_ns = now_ns + CLOSE_NS; /* the last ACKs */
    while (now_ns < end_ns) {
        bypass_turn(now_ns);
        clock_sleep_ns(NS_PER_MS);
        now_ns = clock_now_ns();
    }
    wb_carrier_use(NULL);
    for (u32 i = 0; i < CONNS_MAX_BYPASS; i++)
        free(self.conns[i].in);
    if (self.owns_port) {
        port_close(self.port);
        port_stop();
    }
    mem_free_all(&self.mem);
    memset(&self, 0, sizeof self);
}
