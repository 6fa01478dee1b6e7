/*
 * bench_tcp.c - gateway/net alone: one in-order 64-byte segment in and its reply out.
 *
 *   bench-tcp [SEGMENTS [CONNECTIONS]]
 *
 * 10, 1,000 and 50,000 open connections; each segment is for a random one, acknowledges the last
 * reply, and is answered in the same turn with 64 bytes of its own. A turn is what a gateway's is:
 * a burst of up to 32 frames (each for another connection, so that nothing coalesces), the timers,
 * the flush. Frames are made outside the timed part, a burst at a time, and lie in buffers that
 * stay in the cache, as a device's do. With `single` in the name a turn has one frame: then nothing
 * else can be done while the segment's memory comes, which is the price of one order at a time on
 * an idle core, not that of a core that is busy. Counted is the thread's CPU time, the best of
 * WB_ROUNDS (5) rounds. First with checksums by the device, as on ENA, then in software both ways.
 *
 * Prints lines `tcp.segment.CONNECTIONS[.single][.software].ns VALUE ns`, before them the frames of
 * a turn (`tcp.segment.burst`, fewer with fewer connections; `single`: 1), and how much of the
 * endpoint's memory lies on huge pages if that is not all of it: elsewhere each segment costs a
 * walk of the page table on top.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/assert.h"
#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "gateway/net/cksum.h"
#include "gateway/net/net.h"
#include "gateway/net/net_state.h"

#define BURST       32u
#define TURNS       16u /* timed together */
#define BATCH       (BURST * TURNS)
#define PAYLOAD     64u
#define FRAME_BYTES 256u
#define STEP_NS     5u /* virtual time for each segment: connections are heard of before timers */
#define TS_BYTES    12u

struct peer {
    u32 ipv4;
    u16 port;
    u32 seq;
    u32 ack;
};

struct bench {
    struct mem mem;
    struct net *net;
    struct peer *peers;
    u32 conns;
    u64 now_ns;
    u64 random;
    u8 frames[BATCH][FRAME_BYTES];
    u8 out[FRAME_BYTES * 8];
    u64 sent;
    u32 syn_ack_seq;
    u32 opened;
    bool software;
};

static u32 below(struct bench *b, u32 n)
{
    b->random += 0x9E3779B97F4A7C15ull;
    return (u32)(hash_u64(b->random) % n);
}

static bool packet_alloc(void *ctx, struct packet *p)
{
    struct bench *b = ctx;

    p->data = b->out;
    p->room = sizeof b->out;
    return true;
}

static void packet_transmit(void *ctx, struct packet *p)
{
    struct bench *b = ctx;
    const struct tcp_hdr *tcp = (const void *)(p->data + 34);

    b->sent++;
    b->syn_ack_seq = be32(tcp->seq);
}

static const struct packet_ops ops = {.alloc = packet_alloc, .transmit = packet_transmit};

static bool up_opened(void *ctx, u64 conn, const struct net_peer *peer)
{
    struct bench *b = ctx;

    (void)conn;
    (void)peer;
    b->opened++;
    return true;
}

static u32 up_data(void *ctx, u64 conn, const u8 *bytes, u32 n)
{
    struct bench *b = ctx;

    ASSERT_EQ(n, PAYLOAD);
    net_send(b->net, conn, bytes, n);
    return n;
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
    ASSERT(false);
}

static const struct net_up up = {
    .opened = up_opened,
    .data = up_data,
    .writable = up_writable,
    .closed = up_closed,
};

/* A segment of `peer` with timestamps and `len` bytes. Returns the frame's length. */
static u32 make_frame(const struct bench *b, const struct peer *peer, u8 flags, u32 len, u8 *f)
{
    static const u8 macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    struct eth_hdr *eth = (void *)f;
    struct ipv4_hdr *ip = (void *)(f + sizeof *eth);
    struct tcp_hdr *tcp = (void *)(f + sizeof *eth + sizeof *ip);
    u8 *opt = (u8 *)(tcp + 1);
    u32 bytes = (u32)sizeof *tcp + TS_BYTES + len;

    memcpy(f, macs, 12);
    eth->type = be16(ETH_TYPE_IPV4);
    *ip = (struct ipv4_hdr){.version_ihl = IP_VERSION_IHL,
                            .total_len = be16((u16)(sizeof *ip + bytes)),
                            .frag = be16(IP_DF),
                            .ttl = 64,
                            .proto = IP_PROTO_TCP,
                            .src = peer->ipv4,
                            .dst = be32(0x0a000001)};
    ip->cksum = cksum_fold(cksum_add(0, ip, sizeof *ip));
    *tcp = (struct tcp_hdr){.src_port = be16(peer->port),
                            .dst_port = be16(4000),
                            .seq = be32(peer->seq),
                            .ack = be32(peer->ack),
                            .data_off = (20 + TS_BYTES) / 4 << 4,
                            .flags = flags,
                            .window = be16(60000)};
    memcpy(opt, (u8[TS_BYTES]){1, 1, 8, 10, 0, 0, 0, 9}, TS_BYTES);
    memset(opt + TS_BYTES, 'x', len);
    if (b->software)
        tcp->cksum = cksum_fold(cksum_add(cksum_pseudo(ip->src, ip->dst, bytes), tcp, bytes));
    return (u32)(sizeof *eth + sizeof *ip) + bytes;
}

static void give(struct bench *b, u8 *frame, u32 len)
{
    u8 status = b->software ? PACKET_CKSUM_UNKNOWN : PACKET_CKSUM_GOOD;
    struct packet p = {.data = frame, .len = len, .ip_cksum = status, .l4_cksum = status};

    b->now_ns += STEP_NS;
    net_input(b->net, &p, b->now_ns);
    net_flush(b->net, b->now_ns);
}

static void open_all(struct bench *b)
{
    for (u32 i = 0; i < b->conns; i++) {
        struct peer *peer = &b->peers[i];
        *peer = (struct peer){
            .ipv4 = be32(0x0a010000 + i / 20000), .port = (u16)(1024 + i % 20000), .seq = 1000};
        give(b, b->frames[0], make_frame(b, peer, TCP_SYN, 0, b->frames[0]));
        peer->seq++;
        peer->ack = b->syn_ack_seq + 1;
        give(b, b->frames[0], make_frame(b, peer, TCP_ACK, 0, b->frames[0]));
    }
    ASSERT_EQ(b->opened, b->conns);
}

/* The `i`-th connection of a burst that starts anywhere: random, and no two of them the same. */
static u32 choose(struct bench *b, u32 *used, u32 n)
{
    for (;;) {
        u32 k = below(b, b->conns);
        bool again = false;
        for (u32 i = 0; i < n; i++)
            again |= used[i] == k;
        if (!again)
            return k;
    }
}

/* Fills the frames of one batch, in turns of `burst`. Returns the length of each. */
static u32 make_batch(struct bench *b, u32 burst)
{
    u32 used[BURST];
    u32 len = 0;

    for (u32 i = 0; i < BATCH; i++) {
        u32 k = choose(b, used, i % burst);
        struct peer *peer = &b->peers[k];
        used[i % burst] = k;
        len = make_frame(b, peer, TCP_ACK | TCP_PSH, PAYLOAD, b->frames[i]);
        peer->seq += PAYLOAD;
        peer->ack += PAYLOAD; /* of the reply that follows: the next segment acknowledges it */
    }
    return len;
}

static void turn(struct bench *b, u32 first, u32 n, u32 len)
{
    u8 status = b->software ? PACKET_CKSUM_UNKNOWN : PACKET_CKSUM_GOOD;
    struct packet packets[BURST];

    for (u32 i = 0; i < n; i++)
        packets[i] = (struct packet){
            .data = b->frames[first + i], .len = len, .ip_cksum = status, .l4_cksum = status};
    b->now_ns += n * STEP_NS;
    net_input_burst(b->net, packets, n, b->now_ns);
    net_poll(b->net, b->now_ns);
    net_flush(b->net, b->now_ns);
}

/* One batch; returns the CPU time of the endpoint's part. */
static u64 batch(struct bench *b, u32 burst)
{
    struct timespec t0, t1;
    u32 len = make_batch(b, burst);

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t0);
    for (u32 i = 0; i < BATCH; i += burst)
        turn(b, i, min_u32(burst, BATCH - i), len);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t1);
    return (u64)(t1.tv_sec - t0.tv_sec) * NS_PER_SEC + (u64)t1.tv_nsec - (u64)t0.tv_nsec;
}

static void run(u32 conns, u32 burst, bool software, u64 segments, u32 rounds)
{
    struct bench *b = calloc(1, sizeof *b);
    struct net_conf conf;
    double best = 1e18;

    net_conf_defaults(&conf);
    conf.mac[0] = 2;
    conf.mac[5] = 1;
    conf.ipv4 = be32(0x0a000001);
    conf.conns_max = conns;
    conf.half_open_max = conns;
    conf.chunks = 2 * conns + 64;
    conf.tx_cksum = software ? 0 : PACKET_TX_CKSUM_IP | PACKET_TX_CKSUM_TCP;
    b->software = software;
    b->conns = conns;
    b->now_ns = 1700000000 * NS_PER_SEC;
    b->peers = calloc(conns, sizeof *b->peers);
    mem_init(&b->mem, MEM_HUGE | MEM_POPULATE);
    b->net = net_new(&b->mem, &conf, &ops, b, &up, b, b->now_ns);
    net_listen(b->net, 4000);
    net_accept(b->net, true);
    open_all(b);
    for (u32 round = 0; round <= rounds; round++) { /* the first one warms */
        u64 sent = b->sent;
        u64 took = 0;
        for (u64 i = 0; i < segments; i += BATCH)
            took += batch(b, burst);
        u64 done = (segments + BATCH - 1) / BATCH * BATCH;
        ASSERT_GE(b->sent - sent, done); /* a reply to each, and few probes */
        ASSERT_LE(b->sent - sent, done + done / 8);
        if (round > 0 && (double)took / (double)done < best)
            best = (double)took / (double)done;
    }
    if (mem_huge_bytes(&b->mem) < b->mem.used_bytes) /* else ordinary pages are what is measured */
        printf("tcp.segment.%u.huge_pages %.0f percent\n", conns,
               100.0 * (double)mem_huge_bytes(&b->mem) / (double)b->mem.used_bytes);
    printf("tcp.segment.%u%s%s.ns %.1f ns\n", conns, burst == 1 ? ".single" : "",
           software ? ".software" : "", best);
    mem_free_all(&b->mem);
    free(b->peers);
    free(b);
}

int main(int argc, char **argv)
{
    static const u32 conns[] = {10, 1000, 50000};
    u64 only = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    u64 segments = argc > 1 ? strtoull(argv[1], NULL, 10) : 400000;
    const char *text = getenv("WB_ROUNDS");
    u32 rounds = text != NULL ? (u32)strtoul(text, NULL, 10) : 5;

    printf("tcp.segment.burst %u frames\n", BURST);
    for (u32 kind = 0; kind < 3; kind++)
        for (u32 i = 0; i < ARRAY_LEN(conns); i++)
            if (only == 0 || only == conns[i])
                run(conns[i], kind == 2 ? 1 : min_u32(BURST, conns[i]), kind == 1, segments,
                    rounds);
    return 0;
}
