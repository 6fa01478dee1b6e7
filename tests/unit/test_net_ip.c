/* test_net_ip.c - frames that are not TCP: ARP, ICMP, and what IPv4 refuses and counts. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "gateway/net/arp.h"
#include "gateway/net/icmp.h"
#include "gateway/net/ip.h"
#include "gateway/net/net_state.h"
#include "tests/lib/net_script.h"

static u64 stat(const struct script *s, enum net_stat which)
{
    return metric_get(&s->net->stats[which]);
}

/* ---- ARP ---- */

static const u8 arp_request[] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0, 0, 0, 2, 0x08, 0x06, /* Ethernet */
    0,    1,    0x08, 0,    6,    4,    0,  1,                         /* request */
    2,    0,    0,    0,    0,    2,    10, 0, 0, 2,                   /* from 10.0.0.2 */
    0,    0,    0,    0,    0,    0,    10, 0, 0, 1,                   /* for 10.0.0.1 */
    0,    0,    0,    0,    0,    0,    0,  0,                         /* padding */
};

static void arp_answers(void **state)
{
    struct script s;
    static const u8 expected[] = {
        2, 0, 0, 0, 0, 2, 2, 0,  0, 0, 0, 1, 0x08, 0x06, 0, 1, 0x08, 0,  6, 4, 0,
        2, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 2, 0,    0,    0, 0, 2,    10, 0, 0, 2,
    };

    (void)state;
    script_init(&s, NULL);
    script_frame_in(&s, arp_request, sizeof arp_request);
    const struct script_frame *f = script_out_frame(&s);
    assert_non_null(f);
    assert_int_equal(f->len, sizeof expected);
    assert_memory_equal(f->bytes, expected, sizeof expected);
    assert_null(script_out_frame(&s));
    assert_int_equal(stat(&s, NET_ARP_ANSWERED), 1);
    script_free(&s);
}

static void arp_refuses(void **state)
{
    struct script s;
    u8 frame[sizeof arp_request];

    (void)state;
    script_init(&s, NULL);
    script_frame_in(&s, arp_request, 41); /* one byte short */
    assert_int_equal(stat(&s, NET_DROP_SHORT), 1);
    for (u32 at = 14; at < 20; at++) { /* hardware, protocol, lengths */
        memcpy(frame, arp_request, sizeof frame);
        frame[at] ^= 1;
        script_frame_in(&s, frame, sizeof frame);
    }
    memcpy(frame, arp_request, sizeof frame);
    frame[22] |= 1; /* sender's address is a multicast one */
    script_frame_in(&s, frame, sizeof frame);
    frame[21] = 9; /* operation */
    script_frame_in(&s, frame, sizeof frame);
    assert_int_equal(stat(&s, NET_DROP_ARP), 8);
    memcpy(frame, arp_request, sizeof frame);
    frame[41] = 9; /* for somebody else */
    script_frame_in(&s, frame, sizeof frame);
    assert_int_equal(stat(&s, NET_DROP_NOT_OURS), 1);
    assert_null(script_out_frame(&s));
    script_free(&s);
}

static u32 neighbours_told;
static u8 neighbour_mac[6];

static void neighbour(void *ctx, u32 ipv4, const u8 *mac)
{
    (void)ctx;
    assert_int_equal(ipv4, be32(SCRIPT_PEER_IP));
    memcpy(neighbour_mac, mac, 6);
    neighbours_told++;
}

/* What an endpoint tells the others of its address: news, and every answer. */
static void neighbours_are_told_on(void **state)
{
    struct script s;
    struct net_up up;
    u8 frame[sizeof arp_request];

    (void)state;
    script_init(&s, NULL);
    up = *s.net->up;
    up.neighbour = neighbour;
    s.net->up = &up;
    neighbours_told = 0;
    memcpy(frame, arp_request, sizeof frame);
    script_frame_in(&s, frame, sizeof frame);
    assert_int_equal(neighbours_told, 1);
    assert_memory_equal(neighbour_mac, frame + 22, 6);
    script_frame_in(&s, frame, sizeof frame); /* a question again: nothing new */
    assert_int_equal(neighbours_told, 1);
    frame[21] = 2;
    script_frame_in(&s, frame, sizeof frame); /* perhaps another one's answer */
    assert_int_equal(neighbours_told, 2);
    frame[21] = 1;
    frame[27] = 9; /* it has another card now */
    script_frame_in(&s, frame, sizeof frame);
    assert_int_equal(neighbours_told, 3);
    assert_memory_equal(neighbour_mac, frame + 22, 6);
    memset(frame + 28, 0, 4); /* a probe, RFC 5227 */
    script_frame_in(&s, frame, sizeof frame);
    assert_int_equal(neighbours_told, 3);
    assert_int_equal(stat(&s, NET_ARP_LEARNED), 2);
    script_free(&s);
}

/* Another endpoint heard the answer to our question. */
static void what_others_learn_ends_the_wait(void **state)
{
    static const u8 mac[6] = {2, 0, 0, 0, 0, 7};
    struct script s;

    (void)state;
    script_init(&s, NULL);
    assert_true(net_connect(s.net, be32(SCRIPT_PEER_IP), 80, 0, s.now_ns) != 0);
    net_flush(s.net, s.now_ns);
    assert_int_equal(script_out_frame(&s)->bytes[13], 0x06);
    net_learn(s.net, be32(SCRIPT_PEER_IP), mac, s.now_ns);
    net_flush(s.net, s.now_ns);
    const struct script_frame *f = script_out_frame(&s);
    assert_non_null(f);
    assert_memory_equal(f->bytes, mac, 6);
    assert_int_equal(f->bytes[13], 0);
    script_free(&s);
}

static void announce_tells_and_asks(void **state)
{
    struct script s;

    (void)state;
    script_init(&s, NULL);
    net_announce(s.net, s.now_ns);
    const struct script_frame *f = script_out_frame(&s); /* gratuitous: sender and target are us */
    assert_memory_equal(f->bytes + 28, ((u8[]){10, 0, 0, 1}), 4);
    assert_memory_equal(f->bytes + 38, ((u8[]){10, 0, 0, 1}), 4);
    f = script_out_frame(&s);
    assert_memory_equal(f->bytes + 38, ((u8[]){10, 0, 0, 0xfe}), 4);
    assert_null(script_out_frame(&s));
    script_free(&s);
}

/* ---- our own connect finds its way ---- */

static void connect_waits_for_arp(void **state)
{
    struct script s;
    struct script_seg syn;
    u8 reply[sizeof arp_request];

    (void)state;
    script_init(&s, NULL);
    assert_true(net_connect(s.net, be32(SCRIPT_PEER_IP), 80, 0, s.now_ns) != 0);
    net_flush(s.net, s.now_ns);
    const struct script_frame *f = script_out_frame(&s);
    assert_int_equal(f->bytes[13], 0x06); /* a question, not a SYN */
    assert_null(script_out_frame(&s));
    script_run(&s, 1100 * NS_PER_MS); /* asked again */
    assert_non_null(script_out_frame(&s));
    memcpy(reply, arp_request, sizeof reply);
    reply[21] = 2;
    script_frame_in(&s, reply, sizeof reply);
    net_flush(s.net, s.now_ns);
    assert_true(script_out(&s, &syn));
    assert_int_equal(syn.flags, TCP_SYN);
    assert_int_equal(syn.dst_port, 80);
    assert_true(syn.src_port >= 32768);
    script_free(&s);
}

static void connect_gives_up_without_arp(void **state)
{
    struct script s;

    (void)state;
    script_init(&s, NULL);
    assert_true(net_connect(s.net, be32(SCRIPT_PEER_IP), 80, 0, s.now_ns) != 0);
    script_run_steps(&s, 200 * NS_PER_SEC, NS_PER_MS);
    assert_int_equal(s.closes, 1);
    assert_int_equal(s.why, NET_ERROR);
    assert_int_equal(net_conns(s.net), 0);
    script_free(&s);
}

static void connect_without_a_way(void **state)
{
    struct net_conf conf;
    struct script s;

    (void)state;
    script_conf(&conf);
    conf.gateway = 0;
    script_init(&s, &conf);
    assert_true(net_connect(s.net, be32(0x08080808), 80, 0, s.now_ns) == 0);
    assert_true(net_connect(s.net, be32(SCRIPT_OUR_IP), 80, 0, s.now_ns) == 0);
    assert_true(net_connect(s.net, 0, 80, 0, s.now_ns) == 0);
    script_free(&s);
}

/* ---- ICMP ---- */

static u32 icmp_frame(u8 *b, const u8 *icmp, u32 n)
{
    static const u8 head[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};

    memset(b, 0, 34);
    memcpy(b, head, 14);
    b[14] = 0x45;
    b[16] = (u8)((20 + n) >> 8);
    b[17] = (u8)(20 + n);
    b[22] = 64;
    b[23] = 1;
    memcpy(b + 26, ((u8[]){10, 0, 0, 2, 10, 0, 0, 1}), 8);
    u16 sum = script_cksum(b + 14, 20, 0);
    b[24] = (u8)(sum >> 8);
    b[25] = (u8)sum;
    memcpy(b + 34, icmp, n);
    b[36] = 0;
    b[37] = 0;
    sum = script_cksum(b + 34, n, 0);
    b[36] = (u8)(sum >> 8);
    b[37] = (u8)sum;
    return 34 + n;
}

static void icmp_echo(void **state)
{
    struct script s;
    u8 frame[200];
    u8 echo[57] = {8, 0, 0, 0, 0x12, 0x34, 0, 1, 'h', 'e', 'l', 'l', 'o'};

    (void)state;
    script_init(&s, NULL);
    u32 n = icmp_frame(frame, echo, sizeof echo);
    script_frame_in(&s, frame, n);
    const struct script_frame *f = script_out_frame(&s);
    assert_non_null(f);
    assert_int_equal(f->len, n);
    assert_int_equal(f->bytes[34], 0);
    assert_memory_equal(f->bytes + 38, frame + 38, sizeof echo - 4);
    assert_int_equal(script_cksum(f->bytes + 34, sizeof echo, 0), 0);
    assert_int_equal(script_cksum(f->bytes + 14, 20, 0), 0);
    assert_memory_equal(f->bytes + 30, ((u8[]){10, 0, 0, 2}), 4);
    frame[40] ^= 1; /* checksum */
    script_frame_in(&s, frame, n);
    assert_int_equal(stat(&s, NET_DROP_ICMP), 1);
    assert_null(script_out_frame(&s));
    script_free(&s);
}

/* "Destination unreachable" with `code` that quotes a segment with `seq` of the open connection. */
static void unreachable_in(struct script *s, u8 code, u16 mtu, u32 seq, u16 quoted_len, u16 port)
{
    u8 frame[200];
    u8 icmp[36] = {3, code, 0, 0, 0, 0, (u8)(mtu >> 8), (u8)mtu, 0x45, 0};

    icmp[10] = (u8)(quoted_len >> 8);
    icmp[11] = (u8)quoted_len;
    icmp[17] = IP_PROTO_TCP;
    memcpy(icmp + 20, ((u8[]){10, 0, 0, 1, 10, 0, 0, 2}), 8);
    icmp[28] = SCRIPT_PORT >> 8;
    icmp[29] = SCRIPT_PORT & 255;
    icmp[30] = (u8)(port >> 8);
    icmp[31] = (u8)port;
    for (u32 i = 0; i < 4; i++)
        icmp[32 + i] = (u8)(seq >> (24 - 8 * i));
    script_frame_in(s, frame, icmp_frame(frame, icmp, sizeof icmp));
    net_flush(s->net, s->now_ns);
}

static void icmp_shrinks_segments(void **state)
{
    struct script s;
    struct script_seg seg;
    u8 bytes[4000] = {0};

    (void)state;
    script_init(&s, NULL);
    script_open(&s, (u8[]){2, 4, 5, 0xb4}, 4);
    script_clear(&s);
    net_send(s.net, s.conn, bytes, 1460);
    net_flush(s.net, s.now_ns);
    assert_true(script_out(&s, &seg));
    assert_int_equal(seg.len, 1460);
    unreachable_in(&s, 4, 1000, seg.seq - 5000, 1500, SCRIPT_PEER_PORT); /* not in flight */
    unreachable_in(&s, 4, 1000, seg.seq, 900, SCRIPT_PEER_PORT);         /* would have fitted */
    unreachable_in(&s, 4, 1000, seg.seq, 1500, 1234);                    /* no connection of ours */
    assert_int_equal(stat(&s, NET_DROP_ICMP_STRANGER), 2);
    assert_false(script_out(&s, &seg));
    unreachable_in(&s, 4, 1000, s.peer_ack, 1500, SCRIPT_PEER_PORT);
    assert_true(script_out(&s, &seg)); /* again, in 960 and 500 bytes */
    assert_int_equal(seg.seq, s.peer_ack);
    assert_int_equal(seg.len, 960);
    assert_true(script_out(&s, &seg));
    assert_int_equal(seg.len, 500);
    script_free(&s);
}

/* RFC 5927 5.2: a hard error does not end an established connection. */
static void icmp_does_not_reset(void **state)
{
    struct script s;

    (void)state;
    script_init(&s, NULL);
    script_open(&s, NULL, 0);
    net_send(s.net, s.conn, "x", 1);
    net_flush(s.net, s.now_ns);
    unreachable_in(&s, 3, 0, s.peer_ack, 41, SCRIPT_PEER_PORT);
    assert_int_equal(stat(&s, NET_ICMP_ERRORS), 1);
    assert_int_equal(s.closes, 0);
    assert_int_equal(net_conns(s.net), 1);
    script_free(&s);
}

/* ---- IPv4 ---- */

static void fix_ip(u8 *frame)
{
    frame[24] = 0;
    frame[25] = 0;
    u16 sum = script_cksum(frame + 14, 20, 0);
    frame[24] = (u8)(sum >> 8);
    frame[25] = (u8)sum;
}

struct bad_ip {
    u32 at;
    u8 value;
    bool fix;
    enum net_stat why;
};

static void ip_refuses(void **state)
{
    static const struct bad_ip cases[] = {
        {14, 0x65, true, NET_DROP_IP_VERSION},  {14, 0x44, true, NET_DROP_IP_VERSION},
        {14, 0x46, true, NET_DROP_IP_OPTIONS},  {17, 19, true, NET_DROP_IP_LENGTH},
        {16, 0xff, true, NET_DROP_IP_LENGTH},   {22, 63, false, NET_DROP_IP_CKSUM},
        {20, 0x20, true, NET_DROP_IP_FRAGMENT}, {21, 1, true, NET_DROP_IP_FRAGMENT},
        {33, 9, true, NET_DROP_NOT_OURS},       {26, 0, true, NET_DROP_IP_SOURCE},
        {26, 127, true, NET_DROP_IP_SOURCE},    {26, 224, true, NET_DROP_IP_SOURCE},
        {29, 1, true, NET_DROP_IP_SOURCE},      {29, 255, true, NET_DROP_IP_SOURCE},
        {23, 17, true, NET_DROP_IP_PROTO},      {12, 0x86, false, NET_DROP_ETHER_TYPE},
        {5, 9, false, NET_DROP_NOT_OURS},
    };
    struct script s;
    u8 good[SCRIPT_FRAME_MAX];
    u8 frame[SCRIPT_FRAME_MAX];
    struct script_seg syn = {.flags = TCP_SYN, .seq = 1, .window = 100};
    u32 n = script_build(&syn, good);

    (void)state;
    script_init(&s, NULL);
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        u64 before = stat(&s, cases[i].why);
        memcpy(frame, good, n);
        frame[cases[i].at] = cases[i].value;
        if (cases[i].fix)
            fix_ip(frame);
        script_frame_in(&s, frame, n);
        assert_int_equal(stat(&s, cases[i].why), before + 1);
    }
    for (u32 len = 0; len < 34; len++)
        script_frame_in(&s, good, len);
    assert_int_equal(stat(&s, NET_DROP_SHORT), 34);
    script_frame_in(&s, good, n - 1);
    net_flush(s.net, s.now_ns);
    assert_null(script_out_frame(&s));
    assert_int_equal(net_conns(s.net), 0);
    script_free(&s);
}

/* What the device says about checksums is believed, and what it does not say is verified. */
static void device_status(void **state)
{
    struct script s;
    u8 frame[SCRIPT_FRAME_MAX];
    struct script_seg syn = {.flags = TCP_SYN, .seq = 1, .window = 100};
    struct packet p = {.data = frame, .len = script_build(&syn, frame)};

    (void)state;
    script_init(&s, NULL);
    p.ip_cksum = PACKET_CKSUM_BAD;
    net_input(s.net, &p, s.now_ns);
    assert_int_equal(stat(&s, NET_DROP_IP_CKSUM), 1);
    p.ip_cksum = PACKET_CKSUM_GOOD;
    p.l4_cksum = PACKET_CKSUM_BAD;
    net_input(s.net, &p, s.now_ns);
    assert_int_equal(stat(&s, NET_DROP_TCP_CKSUM), 1);
    frame[50] ^= 1; /* wrong sum, unknown: looked at */
    p.l4_cksum = PACKET_CKSUM_UNKNOWN;
    net_input(s.net, &p, s.now_ns);
    assert_int_equal(stat(&s, NET_DROP_TCP_CKSUM), 2);
    p.l4_cksum = PACKET_CKSUM_GOOD;
    net_input(s.net, &p, s.now_ns);
    assert_int_equal(net_conns(s.net), 1);
    script_free(&s);
}

/* With a device that computes checksums the fields hold what it needs, and it is asked. */
static void device_offloads(void **state)
{
    struct net_conf conf;
    struct script s;
    struct script_seg syn = {.flags = TCP_SYN, .seq = 1, .window = 100};

    (void)state;
    script_conf(&conf);
    conf.tx_cksum = PACKET_TX_CKSUM_IP | PACKET_TX_CKSUM_TCP;
    script_init(&s, &conf);
    script_in(&s, &syn);
    const struct script_frame *f = script_out_frame(&s);
    assert_int_equal(f->tx_cksum, PACKET_TX_CKSUM_IP | PACKET_TX_CKSUM_TCP);
    assert_int_equal(f->bytes[24] << 8 | f->bytes[25], 0);
    u32 bytes = f->len - 34;
    u32 pseudo = 0x0a00 + 1 + 0x0a00 + 2 + 6 + bytes;
    assert_int_equal(f->bytes[50] << 8 | f->bytes[51], pseudo);
    script_free(&s);
}

static void metrics_have_names(void **state)
{
    struct script s;

    (void)state;
    script_init(&s, NULL);
    metrics_reset();
    net_register_metrics(s.net, "gateway=\"0\"");
    script_frame_in(&s, arp_request, 20);
    script_frame_in(&s, arp_request, sizeof arp_request);
    assert_int_equal(metrics_sum("wirebook_net_rx_packets_total"), 2);
    assert_int_equal(metrics_sum("wirebook_net_rx_dropped_total"), 1);
    metrics_reset();
    script_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arp_answers),
        cmocka_unit_test(arp_refuses),
        cmocka_unit_test(neighbours_are_told_on),
        cmocka_unit_test(what_others_learn_ends_the_wait),
        cmocka_unit_test(announce_tells_and_asks),
        cmocka_unit_test(connect_waits_for_arp),
        cmocka_unit_test(connect_gives_up_without_arp),
        cmocka_unit_test(connect_without_a_way),
        cmocka_unit_test(icmp_echo),
        cmocka_unit_test(icmp_shrinks_segments),
        cmocka_unit_test(icmp_does_not_reset),
        cmocka_unit_test(ip_refuses),
        cmocka_unit_test(device_status),
        cmocka_unit_test(device_offloads),
        cmocka_unit_test(metrics_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
