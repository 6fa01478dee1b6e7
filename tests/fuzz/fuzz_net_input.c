/*
 * fuzz_net_input.c - an endpoint with open connections under frames of any content.
 *
 * The input is a program: each step is an operation and its bytes. Some frames are raw, others are
 * segments that hit the open connection with sequence numbers near the right ones, SACK blocks and
 * ICMP errors that nearly fit, floods of SYNs and ACKs of the cookies that answered them: so the
 * fuzzer gets behind the checks. Time passes, the application writes, closes either way, reads
 * slowly. After each step all invariants are checked; at the end everything ends and all memory
 * must be back.
 */
#include <string.h>

#include "engine/base/assert.h"
#include "gateway/net/net_state.h"
#include "tests/lib/net_script.h"

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n);

struct input {
    const u8 *at;
    size_t left;
};

static u8 take8(struct input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

static u16 take16(struct input *in)
{
    u8 high = take8(in);

    return (u16)(high << 8 | take8(in));
}

/* Up to `max` bytes of the input. */
static u32 take_bytes(struct input *in, u8 *out, u32 max)
{
    u32 n = min_u32(take8(in), max);

    n = (u32)min_u64(n, in->left);
    memcpy(out, in->at, n);
    in->at += n;
    in->left -= n;
    return n;
}

/* The connection that is open now, for sequence numbers that hit. */
static struct tcp_conn *target(struct script *s)
{
    return tcp_find(s->net, be32(SCRIPT_PEER_IP), SCRIPT_PEER_PORT, SCRIPT_PORT);
}

/* A segment whose numbers are relative to what the connection expects. */
static void near_segment(struct script *s, struct input *in)
{
    struct tcp_conn *c = target(s);
    struct script_seg seg = {0};
    u8 data[256];
    u8 mode = take8(in);

    seg.flags = take8(in) & 0x3f;
    seg.seq = (c != NULL ? c->rcv_nxt : 0) + (u32)(i32)(int16_t)take16(in) * (1u + mode % 3 * 7);
    seg.ack = (c != NULL ? c->snd_una : 0) + (u32)(i32)(int16_t)take16(in);
    seg.window = take16(in);
    seg.urgent = take8(in);
    if ((mode & 4) != 0 && c != NULL)
        seg.ack = c->snd_max;
    if ((mode & 8) != 0 && c != NULL && c->ts_ok) {
        u32 ts = c->ts_recent + take8(in);
        memcpy(seg.options,
               (u8[]){1, 1, 8, 10, (u8)(ts >> 24), (u8)(ts >> 16), (u8)(ts >> 8), (u8)ts}, 8);
        seg.options_len = 12;
    } else if ((mode & 48) == 48 && c != NULL) { /* a SACK that may fit */
        memcpy(seg.options, (u8[]){1, 1, 5, 18}, 4);
        for (u32 i = 0; i < 4; i++) {
            u32 edge = c->snd_una + (u32)(i32)(int16_t)take16(in);
            memcpy(seg.options + 4 + 4 * i,
                   (u8[]){(u8)(edge >> 24), (u8)(edge >> 16), (u8)(edge >> 8), (u8)edge}, 4);
        }
        seg.options_len = 20;
    } else if ((mode & 16) != 0) {
        seg.options_len = take_bytes(in, seg.options, 40) & ~3u;
    }
    seg.len = take_bytes(in, data, sizeof data);
    seg.data = data;
    script_in(s, &seg);
}

/* An error that quotes a segment near what is in flight. */
static void icmp_error(struct script *s, struct input *in)
{
    struct tcp_conn *c = target(s);
    u32 seq = (c != NULL ? c->snd_una : 0) + (u32)(i32)(int16_t)take16(in);
    u8 type = take8(in) % 16;
    u8 icmp[36] = {type, take8(in) % 8, 0, 0, 0, 0, take8(in), take8(in), 0x45, 0};
    u8 frame[70] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 56};

    icmp[10] = take8(in);
    icmp[17] = IP_PROTO_TCP;
    memcpy(icmp + 20, (u8[]){10, 0, 0, 1, 10, 0, 0, 2}, 8);
    memcpy(icmp + 28, (u8[]){SCRIPT_PORT >> 8, SCRIPT_PORT & 255}, 2);
    memcpy(icmp + 30, (u8[]){SCRIPT_PEER_PORT >> 8, SCRIPT_PEER_PORT & 255}, 2);
    for (u32 i = 0; i < 4; i++)
        icmp[32 + i] = (u8)(seq >> (24 - 8 * i));
    u16 sum = script_cksum(icmp, sizeof icmp, 0);
    icmp[2] = (u8)(sum >> 8);
    icmp[3] = (u8)sum;
    frame[22] = 64;
    frame[23] = IP_PROTO_ICMP;
    memcpy(frame + 26, (u8[]){10, 0, 0, 2, 10, 0, 0, 1}, 8);
    memcpy(frame + 34, icmp, sizeof icmp);
    struct packet p = {.data = frame, .len = sizeof frame, .ip_cksum = PACKET_CKSUM_GOOD};
    net_input(s->net, &p, s->now_ns);
    net_flush(s->net, s->now_ns);
}

/* SYNs from as many ports; the last answer, cookie or not, may be acknowledged, nearly or not. */
static void flood(struct script *s, struct input *in)
{
    struct script_seg syn = {.flags = TCP_SYN, .seq = take16(in), .window = 1000};
    struct script_seg answer, ack = {.flags = TCP_ACK, .window = take16(in)};
    u32 n = take8(in) % 24;
    bool any = false;

    syn.options_len = take_bytes(in, syn.options, 40) & ~3u;
    script_clear(s);
    for (u32 i = 0; i < n; i++) {
        syn.src_port = (u16)(3000 + (take8(in) + i) % 40);
        script_in(s, &syn);
    }
    while (script_out(s, &answer))
        if (answer.flags == (TCP_SYN | TCP_ACK)) {
            any = true;
            ack.src_port = answer.dst_port;
            ack.seq = answer.ack;
            ack.ack = answer.seq + 1;
        }
    u8 off = take8(in);
    ack.ack += off < 200 ? 0 : off;
    ack.options_len = take_bytes(in, ack.options, 12) & ~3u;
    if (any)
        script_in(s, &ack);
}

static void raw_frame(struct script *s, struct input *in, bool valid_ip)
{
    u8 frame[300] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
    u32 n = 14 + take_bytes(in, frame + 14, 255);

    if (take8(in) % 4 == 0)
        frame[13] = 6;         /* ARP */
    if (valid_ip && n >= 34) { /* so that ICMP and TCP get something to chew */
        frame[14] = 0x45;
        frame[16] = 0;
        frame[17] = (u8)(n - 14);
        frame[20] &= 0x40;
        frame[21] = 0;
        frame[23] = frame[23] % 2 != 0 ? IP_PROTO_ICMP : IP_PROTO_TCP;
        memcpy(frame + 26, (u8[]){10, 0, 0, 2, 10, 0, 0, 1}, 8);
        frame[24] = 0;
        frame[25] = 0;
        u16 sum = script_cksum(frame + 14, 20, 0);
        frame[24] = (u8)(sum >> 8);
        frame[25] = (u8)sum;
        if (frame[23] == IP_PROTO_ICMP && n >= 42) {
            frame[36] = 0;
            frame[37] = 0;
            sum = script_cksum(frame + 34, n - 34, 0);
            frame[36] = (u8)(sum >> 8);
            frame[37] = (u8)sum;
        }
    }
    struct packet p = {.data = frame, .len = n, .l4_cksum = PACKET_CKSUM_GOOD};
    net_input(s->net, &p, s->now_ns);
    net_flush(s->net, s->now_ns);
}

static void app_step(struct script *s, struct input *in)
{
    static const u8 zeroes[4096];
    u8 what = take8(in);

    if (what < 128)
        net_send(s->net, s->conn, zeroes, min_u32(what * 32u, net_room(s->net, s->conn)));
    else if (what < 160)
        s->take = what % 8;
    else if (what < 200)
        s->take = UINT32_MAX;
    else if (what < 230)
        net_connect(s->net, be32(SCRIPT_PEER_IP), SCRIPT_PEER_PORT, SCRIPT_PORT, s->now_ns);
    else if (what < 234)
        s->no_packets = !s->no_packets;
    else if (what < 240)
        net_shut(s->net, s->conn);
    else if (what < 244)
        net_urgent(s->net, s->conn);
    else
        net_close(s->net, s->conn, what % 2 != 0 ? NET_RESET : NET_FINISH);
    net_flush(s->net, s->now_ns);
}

static void pass_time(struct script *s, u8 how_long)
{
    static const u64 steps[] = {NS_PER_US,       100 * NS_PER_US, NS_PER_MS,      20 * NS_PER_MS,
                                300 * NS_PER_MS, 5 * NS_PER_SEC,  70 * NS_PER_SEC};

    s->now_ns += steps[how_long % ARRAY_LEN(steps)] * (1 + how_long / 32);
    net_poll(s->net, s->now_ns);
    net_flush(s->net, s->now_ns);
}

/* Everything ends by time alone. */
static void wind_up(struct script *s)
{
    s->no_packets = false;
    s->take = UINT32_MAX;
    for (u32 i = 0; i < 3000 && net_conns(s->net) > 0; i++) {
        net_close(s->net, s->conn, NET_RESET);
        s->now_ns += NS_PER_SEC;
        net_poll(s->net, s->now_ns);
        net_flush(s->net, s->now_ns);
        script_clear(s);
        s->app_len = 0;
    }
    ASSERT_EQ(net_conns(s->net), 0);
    ASSERT_EQ(net_chunks_used(s->net), 0);
    ASSERT_EQ(s->net->wheel.armed, 0);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n)
{
    static const u8 options[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7};
    struct input in = {.at = bytes, .left = n};
    struct script s;

    script_init_up(&s, NULL, n % 2 != 0);
    script_open(&s, options, n % 3 != 0 ? sizeof options : 0);
    while (in.left > 0) {
        u8 op = take8(&in);
        if (op < 130)
            near_segment(&s, &in);
        else if (op < 142)
            icmp_error(&s, &in);
        else if (op < 150)
            flood(&s, &in);
        else if (op < 190)
            app_step(&s, &in);
        else if (op < 220)
            pass_time(&s, take8(&in));
        else
            raw_frame(&s, &in, op % 4 != 0);
        net_check(s.net, s.now_ns);
        script_clear(&s);
        s.app_len = 0;
    }
    wind_up(&s);
    script_free(&s);
    return 0;
}
