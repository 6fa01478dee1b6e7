/*
 * bench_tcp_echo.c - gateway/net on a packet socket: every stream that comes is given back.
 *
 *   bench-tcp-echo INTERFACE IPV4 PORT
 *
 * The far end for Linux's TCP where that is the judge (tests/integ/test_linux_judge.py): no DPDK,
 * no session, only the endpoint, a turn as a gateway has it, and AF_PACKET. When the standard input
 * ends it prints its counters as lines `NAME VALUE` and ends. As root, one thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/assert.h"
#include "engine/base/mem.h"
#include "gateway/net/net_state.h"

#define FRAMES      32u
#define FRAME_BYTES 2048u
#define RCVBUF      (64 << 20)

struct echo {
    int s;
    struct net *net;
    u64 refused;        /* frames that the socket did not take */
    u64 turned_ns;      /* the last turn */
    u64 longest_gap_ns; /* between two turns */
    u8 out[FRAME_BYTES];
    u8 in[FRAMES][FRAME_BYTES];
};

static u64 now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
}

/* ---- the device ---- */

static void open_link(struct echo *e, const char *name)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = (int)if_nametoindex(name)};
    int one = 1, bytes = RCVBUF;

    e->s = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
    if (e->s < 0 || to.sll_ifindex == 0 ||
        setsockopt(e->s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) != 0 ||
        setsockopt(e->s, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0 ||
        bind(e->s, (struct sockaddr *)&to, sizeof to) != 0) {
        perror(name);
        exit(1);
    }
}

static bool packet_alloc(void *ctx, struct packet *p)
{
    struct echo *e = ctx;

    p->data = e->out;
    p->room = sizeof e->out;
    return true;
}

static void packet_transmit(void *ctx, struct packet *p)
{
    struct echo *e = ctx;

    if (send(e->s, p->data, p->len, 0) < 0)
        e->refused++;
}

static const struct packet_ops ops = {.alloc = packet_alloc, .transmit = packet_transmit};

/* ---- the application ---- */

static bool up_opened(void *ctx, u64 conn, const struct net_peer *peer)
{
    (void)ctx;
    (void)conn;
    (void)peer;
    return true;
}

static u32 up_data(void *ctx, u64 conn, const u8 *bytes, u32 n)
{
    struct echo *e = ctx;
    u32 take = min_u32(n, net_room(e->net, conn)); /* the rest is offered again */

    net_send(e->net, conn, bytes, take);
    return take;
}

static void up_writable(void *ctx, u64 conn)
{
    (void)ctx;
    (void)conn;
}

static void up_closed(void *ctx, u64 conn, enum net_closed why)
{
    (void)ctx;
    (void)conn;
    (void)why;
}

static const struct net_up up = {
    .opened = up_opened,
    .data = up_data,
    .writable = up_writable,
    .closed = up_closed,
};

static void make_net(struct echo *e, struct mem *m, const char *ipv4, const char *port)
{
    struct net_conf conf;

    net_conf_defaults(&conf);
    conf.mac[0] = 2;
    conf.mac[5] = 1;
    conf.ipv4 = inet_addr(ipv4);
    if (getrandom(conf.secret, sizeof conf.secret, 0) != (ssize_t)sizeof conf.secret)
        exit(1);
    mem_init(m, MEM_POPULATE);
    e->net = net_new(m, &conf, &ops, e, &up, e, now_ns());
    net_listen(e->net, (u16)strtoul(port, NULL, 10));
    net_accept(e->net, true);
    net_announce(e->net, now_ns());
}

/* ---- turns ---- */

/* How long the machine lets it wait: nobody acknowledges anything meanwhile. */
static void measure_gap(struct echo *e)
{
    u64 now = now_ns();

    if (e->turned_ns != 0)
        e->longest_gap_ns = max_u64(e->longest_gap_ns, now - e->turned_ns);
    e->turned_ns = now;
}

static void turn(struct echo *e)
{
    measure_gap(e);
    struct packet packets[FRAMES];
    u32 n = 0;

    for (; n < FRAMES; n++) {
        ssize_t len = recv(e->s, e->in[n], FRAME_BYTES, 0);
        if (len <= 0)
            break;
        packets[n] = (struct packet){.data = e->in[n], .len = (u32)len};
    }
    net_input_burst(e->net, packets, n, now_ns());
    net_poll(e->net, now_ns());
    net_flush(e->net, now_ns());
}

static void print_counters(const struct echo *e)
{
#define NET_STAT_NAME(id, name, reason, help) #id,
    static const char *const names[] = {NET_STATS(NET_STAT_NAME)};
    struct tpacket_stats stats = {0};
    socklen_t bytes = sizeof stats;

    for (u32 i = 0; i < NET_STAT_COUNT; i++)
        printf("%s %llu\n", names[i], (unsigned long long)metric_get(&e->net->stats[i]));
    getsockopt(e->s, SOL_PACKET, PACKET_STATISTICS, &stats, &bytes);
    printf("DEVICE_REFUSED %llu\n", (unsigned long long)e->refused);
    printf("DEVICE_DROPPED %u\n", stats.tp_drops);
    printf("LONGEST_GAP_MS %llu\n", (unsigned long long)(e->longest_gap_ns / NS_PER_MS));
    printf("CONNS %u\nCHUNKS %u\n", net_conns(e->net), net_chunks_used(e->net));
}

int main(int argc, char **argv)
{
    static struct echo echo;
    struct mem mem;

    if (argc != 4) {
        fputs("usage: bench-tcp-echo INTERFACE IPV4 PORT\n", stderr);
        return 2;
    }
    open_link(&echo, argv[1]);
    make_net(&echo, &mem, argv[2], argv[3]);
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct pollfd fds[2] = {{.fd = echo.s, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
        struct timespec wait = {.tv_nsec = 200 * (long)NS_PER_US};
        if (ppoll(fds, 2, &wait, NULL) < 0 && errno != EINTR)
            return 1;
        if (fds[1].revents != 0)
            break;
        turn(&echo);
    }
    print_counters(&echo);
    mem_free_all(&mem);
    return 0;
}
