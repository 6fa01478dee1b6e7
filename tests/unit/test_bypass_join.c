/*
 * test_bypass_join.c - transports that share a port: each connection must live where its flow
 * belongs, by whatever queue its frames come.
 */
#include <string.h>

#include "engine/base/metrics.h"
#include "gateway/bypass.h"
#include "gateway/handover.h"
#include "gateway/net/cksum.h"
#include "gateway/net/wire.h"
#include "tests/lib/join_rig.h"

#define DATA_BYTES 20000u

static u64 handed_out(void)
{
    return metrics_sum("wirebook_handover_frames_out_total");
}

static u64 handed_in(void)
{
    return metrics_sum("wirebook_handover_frames_in_total");
}

/* Buffers of the server's port that are free; all but what the driver keeps when all is quiet. */
static u64 buffers_free(void)
{
    static u64 tick_ns;

    tick_ns = max_u64(tick_ns, clock_now_ns()) + NS_PER_SEC; /* it looks once a second */
    port_tick(join.ports[0], tick_ns);
    return metrics_sum("wirebook_port_buffers_free");
}

/* ---- cases ---- */

/* A device that delivers all by one queue, as TAP does: two thirds of the flows are handed over. */
static void all_by_one_queue(void **state)
{
    u32 at[JOIN_AGENTS] = {0};

    (void)state;
    for (join.way = 0; join.way < JOIN_AGENTS; join.way++) {
        for (u32 i = 0; i < JOIN_CLIENTS / JOIN_AGENTS; i++)
            at[join.pairs[join_open()].agent]++;
        join_talk(DATA_BYTES / JOIN_AGENTS);
    }
    join.way = 0;
    for (u32 i = 0; i < JOIN_AGENTS; i++)
        assert_true(at[i] > JOIN_CLIENTS / 10);
    assert_true(handed_out() > 100);
    JOIN_UNTIL(handed_in() == handed_out());
    assert_int_equal(metrics_sum("wirebook_handover_dropped_total"), 0);
    assert_int_equal(metrics_sum("wirebook_port_rx_misrouted_total"), handed_out());
    assert_int_equal(metrics_sum("wirebook_net_tcp_refused_total"), 0);
    join_close_all();
}

/* A device that delivers each frame by another queue. Nothing is lost, but the order is. */
static void each_frame_by_another_queue(void **state)
{
    (void)state;
    join.way = JOIN_ANY_WAY;
    for (u32 i = 0; i < JOIN_CLIENTS; i++)
        join_open();
    join_talk(DATA_BYTES);
    assert_int_equal(metrics_sum("wirebook_net_tcp_refused_total"), 0);
    join_close_all();
}

/* A device that delivers by our hash: nothing is handed over. */
static void the_right_queue_needs_no_ring(void **state)
{
    (void)state;
    struct join_pair *p = join_open_at(1);
    u64 before = handed_out();

    join.way = 1;
    while (p->server.in < DATA_BYTES || p->client.in < DATA_BYTES) {
        join_client_write(p, 1000);
        join_server_write(p, 1000);
        join_turn();
    }
    JOIN_UNTIL(p->client.sent == p->server.in && p->server.sent == p->client.in);
    assert_int_equal(handed_out(), before);
    join.way = 0;
    join_close_all();
}

/*
 * An agent that does not run for a while: what its ring cannot hold is dropped and counted, again
 * and again; no buffer gets lost by it, the others go on, and TCP brings all of it in the end.
 */
static void a_sleeping_agent_costs_only_its_own(void **state)
{
    (void)state;
    struct join_pair *mine = join_open_at(0), *theirs = join_open_at(2);
    u64 dropped = 0, out = handed_out(), buffers = buffers_free();

    join.asleep[2] = true;
    for (u32 i = 0; i < 20 * HANDOVER_RING_SLOTS; i++) {
        struct packet p;
        assert_true(join_alloc(NULL, &p)); /* a segment of that flow that is not acceptable */
        struct eth_hdr *eth = (void *)p.data;
        struct ipv4_hdr *ip = (void *)(p.data + 14);
        struct tcp_hdr *tcp = (void *)(p.data + 34);
        u16 port = be16(1024);
        while (join_owner(be16(port)) != 2)
            port = be16((u16)(be16(port) + 1));
        memset(p.data, 0, 54);
        memcpy(eth->dst, port_mac(join.ports[0]), 6);
        memcpy(eth->src, port_mac(join.ports[1]), 6);
        eth->type = be16(ETH_TYPE_IPV4);
        *ip = (struct ipv4_hdr){.version_ihl = IP_VERSION_IHL,
                                .total_len = be16(40),
                                .ttl = 64,
                                .proto = IP_PROTO_TCP,
                                .src = JOIN_CLIENT_IP,
                                .dst = JOIN_SERVER_IP};
        *tcp = (struct tcp_hdr){.src_port = port, .dst_port = be16(JOIN_PORT)};
        p.len = 54;
        join_transmit(NULL, &p);
        if (i % 32 == 31)
            join_turn();
    }
    dropped = metrics_sum("wirebook_handover_dropped_total");
    JOIN_UNTIL(handed_out() - out + metrics_sum("wirebook_handover_dropped_total") >=
               20 * HANDOVER_RING_SLOTS);
    assert_int_equal(handed_out() - out, HANDOVER_RING_SLOTS);
    assert_true(dropped > 18 * HANDOVER_RING_SLOTS);
    join_client_write(theirs, 500);
    join_client_write(mine, 500);
    JOIN_UNTIL(mine->server.in == 500);
    assert_int_equal(theirs->server.in, 0);
    join.asleep[2] = false;
    JOIN_UNTIL(theirs->server.in == 500);
    assert_int_equal(metrics_sum("wirebook_port_tx_no_buffer_total"), 0);
    join_talk(DATA_BYTES);
    assert_int_equal(buffers_free(), buffers);
    join_close_all();
}

/* A frame that waits in a ring is nobody else's until it was taken. */
static void what_waits_stays_as_it_is(void **state)
{
    const u64 dropped = metrics_sum("wirebook_net_rx_dropped_total");

    (void)state;
    struct join_pair *mine = join_open_at(0), *theirs = join_open_at(2);
    join.asleep[2] = true;
    join_client_write(theirs, 1000);
    while (mine->server.in < 200 * DATA_BYTES) { /* every free buffer is used again */
        join_client_write(mine, 4000);
        join_turn();
    }
    assert_int_equal(theirs->server.in, 0);
    join.asleep[2] = false;
    JOIN_UNTIL(theirs->server.in == 1000);
    JOIN_UNTIL(mine->server.in == mine->client.sent);
    assert_int_equal(metrics_sum("wirebook_net_rx_dropped_total"), dropped);
    join_close_all();
}

/* What a router says about a segment that is too large, by a queue that is not the flow's. */
static void send_too_big(const u8 *segment, u16 mtu)
{
    struct packet p;
    assert_true(join_alloc(NULL, &p));
    struct eth_hdr *eth = (void *)p.data;
    struct ipv4_hdr *ip = (void *)(p.data + 14);
    struct icmp_hdr *icmp = (void *)(p.data + 34);
    const u32 quote = 28;

    memset(p.data, 0, 42 + quote);
    memcpy(eth->dst, port_mac(join.ports[0]), 6);
    memcpy(eth->src, port_mac(join.ports[1]), 6);
    eth->type = be16(ETH_TYPE_IPV4);
    *ip = (struct ipv4_hdr){.version_ihl = IP_VERSION_IHL,
                            .total_len = be16((u16)(28 + quote)),
                            .ttl = 64,
                            .proto = IP_PROTO_ICMP,
                            .src = JOIN_CLIENT_IP,
                            .dst = JOIN_SERVER_IP};
    ip->cksum = cksum_fold(cksum_add(0, ip, sizeof *ip));
    icmp->type = ICMP_UNREACHABLE;
    icmp->code = ICMP_UNREACH_FRAG;
    icmp->seq = be16(mtu);
    memcpy(icmp + 1, segment + 14, quote);
    icmp->cksum = cksum_fold(cksum_add(0, icmp, 8 + quote));
    p.len = 42 + quote;
    join_transmit(NULL, &p);
    for (u32 q = 0; q < JOIN_AGENTS; q++)
        port_flush(port_queue(join.ports[1], q));
}

/* Frames to the client are looked at instead of taken. Returns the longest; `copy` gets it. */
static u32 intercept(u8 *copy)
{
    struct packet in[PORT_RX_BURST];
    u32 longest = 0;

    for (u32 q = 0; q < JOIN_AGENTS; q++) {
        u32 n = port_receive(port_queue(join.ports[1], q), in);
        for (u32 i = 0; i < n; i++) {
            if (in[i].len <= longest)
                continue;
            longest = in[i].len;
            memcpy(copy, in[i].data, longest);
        }
        port_release(port_queue(join.ports[1], q));
    }
    return longest;
}

static void errors_reach_the_flow(void **state)
{
    static u8 frame[2048];
    const u64 before = metrics_sum("wirebook_net_icmp_errors_total");
    u64 end_ns;
    u32 longest;

    (void)state;
    struct join_pair *p = join_open_at(2);
    join_server_write(p, 4000);
    join_server_turn();
    assert_int_equal(intercept(frame), 1514);
    send_too_big(frame, 700);
    end_ns = clock_now_ns() + JOIN_WAIT_NS;
    do { /* what was on its way goes out again, smaller */
        join_server_turn();
        longest = intercept(frame);
        assert_true(clock_now_ns() < end_ns);
    } while (longest == 0 || metrics_sum("wirebook_net_icmp_errors_total") == before);
    assert_int_equal(metrics_sum("wirebook_net_icmp_errors_total"), before + 1);
    JOIN_UNTIL(p->client.in == 4000);
    join_server_write(p, 4000);
    do { /* perhaps the last acknowledgement is still on its way, and the window small */
        join_server_turn();
        longest = intercept(frame);
        assert_true(clock_now_ns() < end_ns);
    } while (longest == 0);
    assert_true(longest > 600 && longest <= 714);
    JOIN_UNTIL(p->client.in == 8000);
    join_close_all();
}

static void send_arp(u32 ipv4, u16 op, u8 last)
{
    struct packet p;

    assert_true(join_alloc(NULL, &p));
    struct eth_hdr *eth = (void *)p.data;
    struct arp_hdr *arp = (void *)(p.data + 14);
    memset(p.data, 0, 60);
    memcpy(eth->dst, port_mac(join.ports[0]), 6);
    memcpy(eth->src, port_mac(join.ports[1]), 6);
    eth->type = be16(ETH_TYPE_ARP);
    *arp = (struct arp_hdr){
        .hw_type = be16(ARP_HW_ETHERNET),
        .proto_type = be16(ETH_TYPE_IPV4),
        .hw_bytes = 6,
        .proto_bytes = 4,
        .op = be16(op),
        .sender_mac = {2, 0, 0, 0, 0, last},
        .sender_ipv4 = ipv4,
        .target_ipv4 = JOIN_SERVER_IP,
    };
    p.len = 60;
    join_transmit(NULL, &p);
}

/* Whoever hears of a neighbour, all know it; the question is answered once. */
static void neighbours_are_known_to_all(void **state)
{
    const u64 learned = metrics_sum("wirebook_net_arp_learned_total");
    const u64 answered = metrics_sum("wirebook_net_arp_answers_total");

    (void)state;
    for (join.way = 0; join.way < JOIN_AGENTS; join.way++)
        send_arp(__builtin_bswap32(0x0a4e0010 + join.way), ARP_REQUEST, (u8)join.way);
    join.way = 0;
    JOIN_UNTIL(metrics_sum("wirebook_net_arp_learned_total") ==
               learned + JOIN_AGENTS * JOIN_AGENTS);
    assert_int_equal(metrics_sum("wirebook_net_arp_answers_total"), answered + JOIN_AGENTS);
    for (u32 i = 0; i < 20; i++)
        join_turn();
    assert_int_equal(metrics_sum("wirebook_net_arp_learned_total"),
                     learned + JOIN_AGENTS * JOIN_AGENTS);
}

/* The last bytes of each get through, whatever way the ACKs come. */
static void the_last_bytes_get_through(void **state)
{
    struct join_pair *last[JOIN_AGENTS];

    (void)state;
    for (u32 i = 0; i < JOIN_AGENTS; i++)
        last[i] = join_open_at(i);
    for (u32 i = 0; i < JOIN_AGENTS; i++) {
        join_server_write(last[i], 100);
        join_client_write(last[i], 100); /* by queue 0 */
        join.t[i]->up = NULL;            /* must not be used any more */
    }
    join_client_turn();
    bypass_drain(join.t, JOIN_AGENTS);
    for (u32 i = 0; i < 100; i++)
        join_client_turn();
    for (u32 i = 0; i < JOIN_AGENTS; i++)
        assert_int_equal(last[i]->client.in, 100);
    assert_int_equal(handed_in(), handed_out());
}

static int start(void **state)
{
    (void)state;
    clock_init();
    return join_start() ? 0 : 1;
}

static int end(void **state)
{
    (void)state;
    join_end();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_by_one_queue),
        cmocka_unit_test(each_frame_by_another_queue),
        cmocka_unit_test(the_right_queue_needs_no_ring),
        cmocka_unit_test(a_sleeping_agent_costs_only_its_own),
        cmocka_unit_test(what_waits_stays_as_it_is),
        cmocka_unit_test(errors_reach_the_flow),
        cmocka_unit_test(neighbours_are_known_to_all),
        cmocka_unit_test(the_last_bytes_get_through),
    };
    return cmocka_run_group_tests(tests, start, end);
}
