/* net_script.c - see net_script.h. Frames are written and read byte by byte, on purpose. */
#include "tests/lib/net_script.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"

static const u8 our_mac[6] = {2, 0, 0, 0, 0, 1};
static const u8 peer_mac[6] = {2, 0, 0, 0, 0, 2};

static u16 get16(const u8 *p)
{
    return (u16)(p[0] << 8 | p[1]);
}

static u32 get32(const u8 *p)
{
    return (u32)get16(p) << 16 | get16(p + 2);
}

static void put16(u8 *p, u32 x)
{
    p[0] = (u8)(x >> 8);
    p[1] = (u8)x;
}

static void put32(u8 *p, u32 x)
{
    put16(p, x >> 16);
    put16(p + 2, x);
}

u16 script_cksum(const u8 *bytes, u32 n, u32 start)
{
    u64 sum = start;

    for (u32 i = 0; i < n; i++)
        sum += (i & 1) != 0 ? bytes[i] : (u32)bytes[i] << 8;
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (u16)~sum;
}

/* ---- the world of the endpoint ---- */

static bool packet_alloc(void *ctx, struct packet *p)
{
    struct script *s = ctx;

    if (s->no_packets)
        return false;
    ASSERT_LT(s->out_tail - s->out_head, SCRIPT_OUT_MAX);
    struct script_frame *f = &s->out[s->out_tail % SCRIPT_OUT_MAX];
    memset(f->bytes, 0xee, sizeof f->bytes); /* no header may rely on zeroes */
    p->handle = f;
    p->data = f->bytes;
    p->room = SCRIPT_FRAME_MAX;
    return true;
}

static void packet_transmit(void *ctx, struct packet *p)
{
    struct script *s = ctx;
    struct script_frame *f = p->handle;

    f->len = p->len;
    f->tx_cksum = p->tx_cksum;
    f->at_ns = s->now_ns;
    s->out_tail++;
    s->arp_asked |= get16(f->bytes + 12) == ETH_TYPE_ARP;
}

static const struct packet_ops ops = {.alloc = packet_alloc, .transmit = packet_transmit};

static bool up_opened(void *ctx, u64 conn, const struct net_peer *peer)
{
    struct script *s = ctx;

    ASSERT_NE(peer->port, 0);
    s->opens++;
    s->conn = conn;
    s->app_base = s->app_len;
    return !s->refuse;
}

static u32 up_data(void *ctx, u64 conn, const u8 *bytes, u32 n)
{
    struct script *s = ctx;
    u32 taken = min_u32(n, s->take);

    ASSERT_GT(n, 0);
    ASSERT_LE(s->app_len + taken, SCRIPT_APP_MAX);
    memcpy(s->app + s->app_len, bytes, taken);
    s->app_len += taken;
    if (s->close_in_data)
        net_close(s->net, conn, NET_RESET);
    return taken;
}

static void up_writable(void *ctx, u64 conn)
{
    struct script *s = ctx;

    (void)conn;
    s->writables++;
}

static void up_closed(void *ctx, u64 conn, enum net_closed why)
{
    struct script *s = ctx;

    (void)conn;
    s->closes++;
    s->why = why;
}

static void up_finished(void *ctx, u64 conn)
{
    struct script *s = ctx;

    (void)conn;
    s->finishes++;
}

static void up_urgent(void *ctx, u64 conn)
{
    struct script *s = ctx;

    (void)conn;
    s->urgents++;
}

static const struct net_up up = {
    .opened = up_opened,
    .data = up_data,
    .writable = up_writable,
    .closed = up_closed,
    .urgent = up_urgent,
};
static const struct net_up up_half = {
    .opened = up_opened,
    .data = up_data,
    .writable = up_writable,
    .closed = up_closed,
    .urgent = up_urgent,
    .finished = up_finished,
};

void script_conf(struct net_conf *conf)
{
    net_conf_defaults(conf);
    memcpy(conf->mac, our_mac, 6);
    conf->ipv4 = be32(SCRIPT_OUR_IP);
    conf->gateway = be32(0x0a0000feu);
    conf->conns_max = 16;
    conf->half_open_max = 8;
    conf->time_wait_max = 4;
    conf->chunks = 256;
    for (u32 i = 0; i < sizeof conf->secret; i++)
        conf->secret[i] = (u8)(i * 7 + 1);
}

void script_init_up(struct script *s, const struct net_conf *conf, bool half_close)
{
    memset(s, 0, sizeof *s);
    mem_init(&s->mem, 0);
    if (conf != NULL)
        s->conf = *conf;
    else
        script_conf(&s->conf);
    s->out = calloc(SCRIPT_OUT_MAX, sizeof *s->out);
    s->app = calloc(1, SCRIPT_APP_MAX);
    s->take = UINT32_MAX;
    s->now_ns = SCRIPT_START_NS;
    s->net = net_new(&s->mem, &s->conf, &ops, s, half_close ? &up_half : &up, s, s->now_ns);
    net_listen(s->net, SCRIPT_PORT);
    net_accept(s->net, true);
}

void script_init(struct script *s, const struct net_conf *conf)
{
    script_init_up(s, conf, false);
}

void script_free(struct script *s)
{
    net_check(s->net, s->now_ns);
    free(s->out);
    free(s->app);
    mem_free_all(&s->mem);
}

void script_arp(struct script *s)
{
    u8 answer[] = {2, 0, 0, 0, 0, 1, 2, 0,  0, 0, 0, 2, 8, 6, 0, 1, 8, 0,  6, 4, 0,
                   2, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1};

    s->arp_asked = false;
    script_frame_in(s, answer, sizeof answer);
    net_flush(s->net, s->now_ns);
}

static void check(const struct script *s)
{
    if (!s->no_check)
        net_check(s->net, s->now_ns);
}

void script_run_steps(struct script *s, u64 ns, u64 step_ns)
{
    u64 end = s->now_ns + ns;

    while (s->now_ns < end) {
        s->now_ns = min_u64(s->now_ns + step_ns, end);
        net_poll(s->net, s->now_ns);
        net_flush(s->net, s->now_ns);
        if (s->answer_arp && s->arp_asked)
            script_arp(s);
    }
    check(s);
}

void script_run(struct script *s, u64 ns)
{
    script_run_steps(s, ns, 50 * NS_PER_US);
}

/* ---- frames ---- */

static u32 pseudo_sum(u32 src, u32 dst, u32 bytes)
{
    return (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff) + IP_PROTO_TCP + bytes;
}

u32 script_build(const struct script_seg *seg, u8 *b)
{
    u8 *ip = b + 14;
    u8 *tcp = ip + 20;
    u32 header = 20 + seg->options_len;
    u32 bytes = header + seg->len;

    memset(b, 0, 14 + 20 + header);
    memcpy(b, our_mac, 6);
    memcpy(b + 6, peer_mac, 6);
    put16(b + 12, ETH_TYPE_IPV4);
    ip[0] = 0x45;
    put16(ip + 2, 20 + bytes);
    put16(ip + 4, 0x1234);
    put16(ip + 6, IP_DF);
    ip[8] = 64;
    ip[9] = IP_PROTO_TCP;
    put32(ip + 12, SCRIPT_PEER_IP);
    put32(ip + 16, SCRIPT_OUR_IP);
    put16(ip + 10, script_cksum(ip, 20, 0));
    put16(tcp, seg->src_port != 0 ? seg->src_port : SCRIPT_PEER_PORT);
    put16(tcp + 2, seg->dst_port != 0 ? seg->dst_port : SCRIPT_PORT);
    put32(tcp + 4, seg->seq);
    put32(tcp + 8, seg->ack);
    tcp[12] = (u8)(header / 4 << 4);
    tcp[13] = seg->flags;
    put16(tcp + 14, seg->window);
    put16(tcp + 18, seg->urgent);
    memcpy(tcp + 20, seg->options, seg->options_len);
    if (seg->len > 0)
        memcpy(tcp + header, seg->data, seg->len);
    put16(tcp + 16, script_cksum(tcp, bytes, pseudo_sum(SCRIPT_PEER_IP, SCRIPT_OUR_IP, bytes)));
    return 14 + 20 + bytes;
}

void script_frame_in(struct script *s, const void *bytes, u32 len)
{
    u8 *copy = malloc(len + (len == 0)); /* exactly as long as it is: ASan sees any step beyond */
    memcpy(copy, bytes, len);
    struct packet p = {.data = copy, .len = len};

    net_input(s->net, &p, s->now_ns);
    free(copy);
}

void script_in(struct script *s, const struct script_seg *seg)
{
    u8 frame[SCRIPT_FRAME_MAX];

    script_frame_in(s, frame, script_build(seg, frame));
    net_flush(s->net, s->now_ns);
    check(s);
}

void script_seg(struct script *s, u8 flags, u32 seq, u32 ack, const void *data, u32 len)
{
    struct script_seg seg = {
        .flags = flags, .seq = seq, .ack = ack, .window = 65535, .data = data, .len = len};

    if (s->peer_ts != 0) {
        s->peer_ts++;
        seg.options[0] = TCP_OPT_NOP;
        seg.options[1] = TCP_OPT_NOP;
        seg.options[2] = TCP_OPT_TIMESTAMP;
        seg.options[3] = 10;
        put32(seg.options + 4, s->peer_ts);
        seg.options_len = 12;
    }
    script_in(s, &seg);
}

static void read_options(struct script_seg *seg, const u8 *o, u32 n)
{
    for (u32 i = 0; i < n && o[i] != TCP_OPT_END;) {
        if (o[i] == TCP_OPT_NOP) {
            i++;
            continue;
        }
        ASSERT_LE(i + o[i + 1], n);
        if (o[i] == TCP_OPT_MSS) {
            seg->has_mss = true;
            seg->mss = get16(o + i + 2);
        } else if (o[i] == TCP_OPT_WSCALE) {
            seg->has_wscale = true;
            seg->wscale = o[i + 2];
        } else if (o[i] == TCP_OPT_SACK_OK) {
            seg->has_sack_ok = true;
        } else if (o[i] == TCP_OPT_TIMESTAMP) {
            seg->has_ts = true;
            seg->ts_val = get32(o + i + 2);
            seg->ts_ecr = get32(o + i + 6);
        } else if (o[i] == TCP_OPT_SACK) {
            seg->sacks = (o[i + 1] - 2u) / 8;
            for (u32 k = 0; k < seg->sacks; k++) {
                seg->sack[k][0] = get32(o + i + 2 + 8 * k);
                seg->sack[k][1] = get32(o + i + 6 + 8 * k);
            }
        }
        i += o[i + 1];
    }
}

const struct script_frame *script_out_frame(struct script *s)
{
    if (s->out_head == s->out_tail)
        return NULL;
    return &s->out[s->out_head++ % SCRIPT_OUT_MAX];
}

bool script_out(struct script *s, struct script_seg *seg)
{
    const struct script_frame *f;

    memset(seg, 0, sizeof *seg);
    do {
        f = script_out_frame(s);
        if (f == NULL)
            return false;
    } while (get16(f->bytes + 12) == ETH_TYPE_ARP);
    const u8 *ip = f->bytes + 14;
    const u8 *tcp = ip + 20;
    ASSERT_EQ(get16(f->bytes + 12), ETH_TYPE_IPV4);
    ASSERT_EQ(ip[0], 0x45);
    ASSERT_EQ(ip[9], IP_PROTO_TCP);
    ASSERT_EQ(get16(ip + 2) + 14u, f->len);
    ASSERT_EQ(script_cksum(ip, 20, 0), 0);
    u32 bytes = get16(ip + 2) - 20u;
    ASSERT_EQ(script_cksum(tcp, bytes, pseudo_sum(get32(ip + 12), get32(ip + 16), bytes)), 0);
    u32 header = (tcp[12] >> 4) * 4u;
    seg->src_port = get16(tcp);
    seg->dst_port = get16(tcp + 2);
    seg->seq = get32(tcp + 4);
    seg->ack = get32(tcp + 8);
    seg->flags = tcp[13];
    seg->window = get16(tcp + 14);
    seg->urgent = get16(tcp + 18);
    seg->data = tcp + header;
    seg->len = bytes - header;
    seg->at_ns = f->at_ns;
    seg->options_len = header - 20;
    memcpy(seg->options, tcp + 20, seg->options_len);
    read_options(seg, seg->options, seg->options_len);
    return true;
}

void script_clear(struct script *s)
{
    s->out_head = s->out_tail;
}

void script_open(struct script *s, const void *options, u32 options_len)
{
    struct script_seg syn = {
        .flags = TCP_SYN, .seq = 1000, .window = 65535, .options_len = options_len};
    struct script_seg answer;

    script_clear(s);
    if (options_len > 0)
        memcpy(syn.options, options, options_len);
    script_in(s, &syn);
    ASSERT(script_out(s, &answer));
    ASSERT_EQ(answer.flags, TCP_SYN | TCP_ACK);
    s->peer_ts = answer.has_ts ? answer.ts_ecr : 0;
    s->peer_seq = 1001;
    s->peer_ack = answer.seq + 1;
    script_seg(s, TCP_ACK, s->peer_seq, s->peer_ack, NULL, 0);
}
