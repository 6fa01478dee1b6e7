/*
 * bench_tcp_path.c - a piece of wire with a length, and with losses: joins two network interfaces.
 *
 *   bench-tcp-path FROM TO DELAY_US ONE_IN
 *
 * Each frame that comes in at one of them leaves by the other DELAY_US later, or a bit more: in
 * order, as it is. Of the frames of FROM that carry more than MIN_PAYLOAD bytes of TCP payload one
 * in ONE_IN (0: none) is dropped, by chance from a fixed seed, and a line on the standard output
 * tells when it came: nanoseconds of CLOCK_MONOTONIC. The kernel here has no netem. One thread,
 * until SIGTERM; as root. A full queue drops silently: it is larger than any window here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/hash.h"
#include "engine/base/types.h"
#include "gateway/net/wire.h"

#define FRAMES      4096u /* under way, each direction */
#define FRAME_BYTES 2048u
#define MIN_PAYLOAD 20u /* more than a heartbeat or an empty message has */

struct flight {
    u64 due_ns;
    u32 len;
    u8 bytes[FRAME_BYTES];
};

struct way {
    int in, out; /* packet sockets */
    u32 one_in;
    u32 head, tail;
    struct flight flights[FRAMES];
};

static u64 monotonic_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
}

static int open_link(const char *name)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = (int)if_nametoindex(name)};
    int one = 1;
    int s = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);

    if (s < 0 || to.sll_ifindex == 0 ||
        setsockopt(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) != 0 ||
        setsockopt(s, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one) != 0 ||
        bind(s, (struct sockaddr *)&to, sizeof to) != 0) {
        perror(name);
        exit(1);
    }
    return s;
}

static u32 payload(const u8 *frame, u32 len)
{
    const struct eth_hdr *eth = (const void *)frame;
    const struct ipv4_hdr *ip = (const void *)(frame + sizeof *eth);
    const struct tcp_hdr *tcp = (const void *)(ip + 1);

    if (len < sizeof *eth + sizeof *ip + sizeof *tcp || eth->type != be16(ETH_TYPE_IPV4) ||
        ip->proto != IP_PROTO_TCP)
        return 0;
    u32 headers = (u32)sizeof *ip + (u32)(tcp->data_off >> 4) * 4;
    return be16(ip->total_len) > headers ? be16(ip->total_len) - headers : 0;
}

static bool is_lost(const struct way *w, const struct flight *f)
{
    static u64 random;

    if (w->one_in == 0 || payload(f->bytes, f->len) <= MIN_PAYLOAD)
        return false;
    random += 0x9E3779B97F4A7C15ull;
    return hash_u64(random) % w->one_in == 0;
}

static void take(struct way *w, u64 delay_ns)
{
    while (w->tail - w->head < FRAMES) {
        struct flight *f = &w->flights[w->tail % FRAMES];
        ssize_t n = recv(w->in, f->bytes, sizeof f->bytes, 0);
        if (n <= 0)
            return;
        u64 now_ns = monotonic_ns();
        f->len = (u32)n;
        f->due_ns = now_ns + delay_ns;
        if (is_lost(w, f))
            printf("%llu\n", (unsigned long long)now_ns);
        else
            w->tail++;
    }
}

/* Returns when the next one is due; UINT64_MAX: none is under way. */
static u64 let_go(struct way *w)
{
    for (; w->head != w->tail; w->head++) {
        const struct flight *f = &w->flights[w->head % FRAMES];
        if (f->due_ns > monotonic_ns())
            return f->due_ns;
        if (send(w->out, f->bytes, f->len, 0) < 0 && errno != ENOBUFS && errno != EAGAIN)
            perror("send");
    }
    return UINT64_MAX;
}

int main(int argc, char **argv)
{
    static struct way ways[2];

    if (argc != 5) {
        fputs("usage: bench-tcp-path FROM TO DELAY_US ONE_IN\n", stderr);
        return 2;
    }
    u64 delay_ns = strtoull(argv[3], NULL, 10) * NS_PER_US;
    int a = open_link(argv[1]);
    int b = open_link(argv[2]);
    ways[0].in = ways[1].out = a;
    ways[0].out = ways[1].in = b;
    ways[0].one_in = (u32)strtoul(argv[4], NULL, 10);
    prctl(PR_SET_TIMERSLACK, 1ul);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("ready\n");
    for (;;) {
        struct pollfd fds[2] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
        u64 due_ns = min_u64(let_go(&ways[0]), let_go(&ways[1]));
        u64 now_ns = monotonic_ns();
        u64 wait_ns = due_ns <= now_ns ? 0 : min_u64(due_ns - now_ns, NS_PER_SEC);
        struct timespec wait = {.tv_sec = (time_t)(wait_ns / NS_PER_SEC),
                                .tv_nsec = (long)(wait_ns % NS_PER_SEC)};
        if (ppoll(fds, 2, &wait, NULL) < 0 && errno != EINTR)
            return 1;
        take(&ways[0], delay_ns);
        take(&ways[1], delay_ns);
    }
}
