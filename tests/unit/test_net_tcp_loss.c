/* test_net_tcp_loss.c - scripts: timeouts, fast retransmit, New Reno, tail-loss probes, SACK. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "gateway/net/net_state.h"
#include "gateway/net/tcp.h"
#include "tests/lib/net_script.h"

static const u8 mss_1000[] = {2, 4, 0x03, 0xe8};
static const u8 mss_1000_sack[] = {2, 4, 0x03, 0xe8, 1, 1, 4, 2};

static u64 stat(const struct script *s, enum net_stat which)
{
    return metric_get(&s->net->stats[which]);
}

/* An open connection without probes (unless asked), segments of 1,000 bytes. */
static void open_1000(struct script *s, u64 tlp_min_ns, bool sack)
{
    struct net_conf conf;

    script_conf(&conf);
    conf.tlp_min_ns = tlp_min_ns;
    script_init(s, &conf);
    if (sack)
        script_open(s, mss_1000_sack, sizeof mss_1000_sack);
    else
        script_open(s, mss_1000, sizeof mss_1000);
    script_clear(s);
}

static void send_zeroes(struct script *s, u32 n)
{
    static const u8 zeroes[NET_SPACE_BYTES];

    net_send(s->net, s->conn, zeroes, n);
    net_flush(s->net, s->now_ns);
}

/* `n` segments of `len` bytes left, from `seq` on. */
static void expect_data(struct script *s, u32 n, u32 seq, u32 len)
{
    struct script_seg a;

    for (u32 i = 0; i < n; i++) {
        assert_true(script_out(s, &a));
        assert_int_equal(a.seq, seq + i * len);
        assert_int_equal(a.len, len);
    }
    assert_false(script_out(s, &a));
}

/* An ACK with one SACK block. */
static void sack_in(struct script *s, u32 ack, u32 start, u32 end)
{
    struct script_seg seg = {.flags = TCP_ACK,
                             .seq = s->peer_seq,
                             .ack = ack,
                             .window = 65535,
                             .options = {1, 1, 5, 10},
                             .options_len = 12};
    for (u32 i = 0; i < 4; i++) {
        seg.options[4 + i] = (u8)(start >> (24 - 8 * i));
        seg.options[8 + i] = (u8)(end >> (24 - 8 * i));
    }
    script_in(s, &seg);
}

/* RFC 6298: the floor first (the handshake took no time), then twice as long each time. */
static void rto_backs_off(void **state)
{
    struct script s;
    struct script_seg a;
    u64 sent;

    (void)state;
    open_1000(&s, 0, false);
    send_zeroes(&s, 100);
    assert_true(script_out(&s, &a));
    sent = a.at_ns;
    script_run(&s, 7 * NS_PER_SEC);
    for (u32 i = 0; i < 7; i++) { /* 50, 100, 200, .. 3,200 ms */
        assert_true(script_out(&s, &a));
        assert_int_equal(a.seq, s.peer_ack);
        assert_int_equal(a.len, 100);
        u64 waited = a.at_ns - sent;
        assert_true(waited >= (50 * NS_PER_MS << i));
        assert_true(waited <= (50 * NS_PER_MS << i) + NS_PER_MS);
        sent = a.at_ns;
    }
    assert_false(script_out(&s, &a));
    assert_true(net_stalled_ns(s.net, s.conn, s.now_ns) >= 7 * NS_PER_SEC);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 100, NULL, 0);
    assert_int_equal(net_stalled_ns(s.net, s.conn, s.now_ns), 0);
    script_run(&s, 10 * NS_PER_SEC);
    assert_false(script_out(&s, &a)); /* nothing is in flight: no timer */
    script_free(&s);
}

static void rto_gives_up(void **state)
{
    struct script s;
    struct script_seg a;
    u8 last = 0;

    (void)state;
    open_1000(&s, 0, false);
    send_zeroes(&s, 100);
    script_run_steps(&s, 200 * NS_PER_SEC, NS_PER_MS);
    assert_int_equal(s.closes, 1);
    assert_int_equal(s.why, NET_ERROR);
    assert_int_equal(net_conns(s.net), 0);
    assert_int_equal(net_chunks_used(s.net), 0);
    while (script_out(&s, &a))
        last = a.flags;
    assert_int_equal(last, TCP_RST | TCP_ACK);
    script_free(&s);
}

/* After a timeout: one segment, then slow start from the first that is missing. */
static void rto_goes_back(void **state)
{
    struct script s;

    (void)state;
    open_1000(&s, 0, false);
    send_zeroes(&s, 5000);
    expect_data(&s, 5, s.peer_ack, 1000);
    script_run(&s, 51 * NS_PER_MS);
    expect_data(&s, 1, s.peer_ack, 1000);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 1000, NULL, 0);
    expect_data(&s, 2, s.peer_ack + 1000, 1000);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 5000, NULL, 0); /* it had the others */
    expect_data(&s, 0, 0, 0);
    send_zeroes(&s, 1000);
    expect_data(&s, 1, s.peer_ack + 5000, 1000);
    script_free(&s);
}

static void rtt_sets_rto(void **state)
{
    struct script s;

    (void)state;
    open_1000(&s, 0, false);
    for (u32 i = 0; i < 40; i++) { /* RTTs of 100 ms, exactly */
        send_zeroes(&s, 10);
        script_run(&s, 49 * NS_PER_MS);
        script_run(&s, 51 * NS_PER_MS);
        script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 10 * (i + 1), NULL, 0);
    }
    const struct tcp_conn *c = tcp_by_name(s.net, s.conn);
    assert_true(c->srtt_ns > 95 * NS_PER_MS && c->srtt_ns < 101 * NS_PER_MS);
    assert_true(c->rto_ns >= c->srtt_ns && c->rto_ns < 150 * NS_PER_MS);
    script_free(&s);
}

/* An ACK that answers a repeated segment with the echo of the first one is no round trip. */
static void stale_echo_is_no_sample(void **state)
{
    struct net_conf conf;
    struct script s;
    struct script_seg first, other;

    (void)state;
    script_conf(&conf);
    conf.tlp_min_ns = 0;
    script_init(&s, &conf);
    script_open(&s, (u8[]){1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0}, 12);
    script_clear(&s);
    send_zeroes(&s, 100);
    assert_true(script_out(&s, &first));
    script_run(&s, 7 * NS_PER_SEC);
    assert_true(script_out(&s, &other));
    struct script_seg ack = {.flags = TCP_ACK,
                             .seq = s.peer_seq,
                             .ack = s.peer_ack + 100,
                             .window = 65535,
                             .options = {1, 1, 8, 10, 0, 0, 0, 99},
                             .options_len = 12};
    for (u32 i = 0; i < 4; i++)
        ack.options[8 + i] = (u8)(first.ts_val >> (24 - 8 * i));
    script_in(&s, &ack);
    const struct tcp_conn *c = tcp_by_name(s.net, s.conn);
    assert_int_equal(c->snd_una, s.peer_ack + 100);
    assert_true(c->srtt_ns < NS_PER_MS);
    script_free(&s);
}

/*
 * Three duplicates: at once, half the window, and New Reno mends a second hole by the partial ACK.
 */
static void fast_retransmit(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    open_1000(&s, 0, false);
    send_zeroes(&s, 10000);
    expect_data(&s, 10, s.peer_ack, 1000);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, NULL, 0);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, NULL, 0);
    expect_data(&s, 0, 0, 0);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, NULL, 0);
    expect_data(&s, 1, s.peer_ack, 1000);
    assert_int_equal(stat(&s, NET_RTX_FAST), 1);
    const struct tcp_conn *c = tcp_by_name(s.net, s.conn);
    assert_int_equal(c->ssthresh, 5000);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 4000, NULL, 0); /* a second hole at 4000 */
    assert_true(script_out(&s, &a));
    assert_int_equal(a.seq, s.peer_ack + 4000);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 10000, NULL, 0);
    assert_false(c->ca == TCP_CA_FAST);
    assert_true(c->cwnd <= 5000);
    assert_int_equal(stat(&s, NET_RTX_FAST), 1);
    assert_int_equal(stat(&s, NET_RTX_RTO), 0);
    script_free(&s);
}

/* Limited transmit, RFC 3042: the first two duplicates let new data out. */
static void limited_transmit(void **state)
{
    struct script s;

    (void)state;
    open_1000(&s, 0, false);
    send_zeroes(&s, 20000); /* the initial window is ten segments */
    expect_data(&s, 10, s.peer_ack, 1000);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, NULL, 0);
    expect_data(&s, 1, s.peer_ack + 10000, 1000);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, NULL, 0);
    expect_data(&s, 1, s.peer_ack + 11000, 1000);
    script_free(&s);
}

/* With SACK a duplicate is what tells something new, whether it carries data or not. */
static void sack_counts_news(void **state)
{
    struct script s;

    (void)state;
    open_1000(&s, 0, true);
    struct tcp_conn *c = tcp_by_name(s.net, s.conn); /* a path of 8 ms: 2 ms may be reordering */
    c->srtt_ns = 8 * NS_PER_MS;
    c->min_rtt_us = 8000;
    send_zeroes(&s, 6000);
    expect_data(&s, 6, s.peer_ack, 1000);
    for (u32 i = 0; i < 5; i++) /* bare repetitions: answers to something else */
        script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, NULL, 0);
    sack_in(&s, s.peer_ack, s.peer_ack + 1000, s.peer_ack + 2000);
    sack_in(&s, s.peer_ack, s.peer_ack + 1000, s.peer_ack + 2000); /* nothing new */
    sack_in(&s, s.peer_ack, s.peer_ack + 1000, s.peer_ack + 3000);
    expect_data(&s, 0, 0, 0);
    sack_in(&s, s.peer_ack, s.peer_ack + 1000, s.peer_ack + 4000);
    expect_data(&s, 1, s.peer_ack, 1000);
    script_free(&s);
}

/* The last segment of a burst is lost: the probe after 2 ms repeats it, and the window stays. */
static void tail_loss_probe(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    open_1000(&s, 2 * NS_PER_MS, false);
    send_zeroes(&s, 3500);
    script_clear(&s);
    u64 sent = s.now_ns;
    u32 cwnd = tcp_by_name(s.net, s.conn)->cwnd;
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 2000, NULL, 0);
    script_run(&s, 40 * NS_PER_MS);
    assert_true(script_out(&s, &a));
    assert_int_equal(a.seq, s.peer_ack + 2500);
    assert_int_equal(a.len, 1000);
    assert_true(a.at_ns - sent >= 2 * NS_PER_MS && a.at_ns - sent < 3 * NS_PER_MS);
    assert_false(script_out(&s, &a)); /* one probe, then the RTO */
    assert_true(tcp_by_name(s.net, s.conn)->cwnd >= cwnd);
    assert_int_equal(stat(&s, NET_RTX_PROBE), 1);
    script_run(&s, 20 * NS_PER_MS);
    assert_int_equal(stat(&s, NET_RTX_RTO), 1);
    script_free(&s);
}

/* With a slower path the probe waits for two round trips. */
static void probe_waits_for_the_path(void **state)
{
    struct script s;
    struct script_seg a;
    u64 sent;

    (void)state;
    open_1000(&s, 2 * NS_PER_MS, true);
    for (u32 i = 1; i <= 60; i++) { /* RTT of 20 ms; probes go out meanwhile, at first */
        send_zeroes(&s, 10);
        script_run(&s, 20 * NS_PER_MS);
        script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 10 * i, NULL, 0);
    }
    script_clear(&s);
    u64 srtt = tcp_by_name(s.net, s.conn)->srtt_ns;
    sent = s.now_ns;
    send_zeroes(&s, 10);
    assert_true(script_out(&s, &a));
    script_run(&s, 80 * NS_PER_MS);
    assert_true(script_out(&s, &a));
    assert_true(a.at_ns - sent >= 2 * srtt && a.at_ns - sent <= 2 * srtt + NS_PER_MS);
    script_free(&s);
}

/* The probe arrived and what is before it did not: no need to wait for more. */
static void probe_reveals_a_hole(void **state)
{
    struct script s;

    (void)state;
    open_1000(&s, 2 * NS_PER_MS, true);
    send_zeroes(&s, 3000);
    expect_data(&s, 3, s.peer_ack, 1000);
    script_run(&s, 3 * NS_PER_MS);
    expect_data(&s, 1, s.peer_ack + 2000, 1000);
    sack_in(&s, s.peer_ack, s.peer_ack + 2000, s.peer_ack + 3000);
    expect_data(&s, 2, s.peer_ack, 1000); /* both left before what has arrived */
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 1000, NULL, 0);
    expect_data(&s, 0, 0, 0);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 3000, NULL, 0);
    assert_int_equal(stat(&s, NET_RTX_RTO), 0);
    assert_int_equal(net_chunks_used(s.net), 0);
    script_free(&s);
}

/* No packet can be had for a while: nothing is lost, nothing stands still afterwards. */
static void device_has_no_packets(void **state)
{
    struct script s;

    (void)state;
    open_1000(&s, 0, false);
    s.no_packets = true;
    send_zeroes(&s, 3000);
    script_run(&s, 300 * NS_PER_MS);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, "abc", 3);
    s.no_packets = false;
    net_flush(s.net, s.now_ns);
    expect_data(&s, 3, s.peer_ack, 1000);
    s.no_packets = true; /* and while retransmitting */
    script_run(&s, 60 * NS_PER_MS);
    s.no_packets = false;
    script_run(&s, 400 * NS_PER_MS);
    struct script_seg a;
    assert_true(script_out(&s, &a));
    assert_int_equal(a.seq, s.peer_ack);
    assert_true(stat(&s, NET_TX_NO_PACKET) > 0);
    script_free(&s);
}

/* A turn that came 60 ms late: the ACK may still be in the device, so no timeout yet. */
static void our_own_stall_is_no_loss(void **state)
{
    struct script s;
    u32 ack;

    (void)state;
    open_1000(&s, 0, false);
    send_zeroes(&s, 500);
    expect_data(&s, 1, s.peer_ack, 500);
    ack = s.peer_ack;
    script_run(&s, NS_PER_MS);
    s.now_ns += 60 * NS_PER_MS;
    script_seg(&s, TCP_ACK, s.peer_seq, ack, "a", 1); /* what this turn found */
    net_poll(s.net, s.now_ns);
    script_seg(&s, TCP_ACK, s.peer_seq + 1, ack + 500, NULL, 0); /* and the next */
    net_poll(s.net, s.now_ns);
    net_poll(s.net, s.now_ns);
    assert_int_equal(stat(&s, NET_RTX_RTO), 0);
    send_zeroes(&s, 500);
    s.now_ns += 400 * NS_PER_MS; /* late again, and nothing came: it is lost */
    net_poll(s.net, s.now_ns);
    assert_int_equal(stat(&s, NET_RTX_RTO), 1);
    send_zeroes(&s, 500);
    for (u32 i = 0; i < 3 * NET_CATCH_UP; i++) { /* frames without end do not stop timers */
        s.now_ns += i == 0 ? 900 * NS_PER_MS : NS_PER_US;
        script_seg(&s, TCP_ACK, s.peer_seq, ack, "a", 1);
        net_poll(s.net, s.now_ns);
    }
    assert_int_equal(stat(&s, NET_RTX_RTO), 2);
    for (u32 i = 0; i < 4 * NET_CATCH_UP; i++) { /* nor does lateness without end */
        s.now_ns += 2 * NET_STALL_NS;
        script_seg(&s, TCP_ACK, s.peer_seq, ack, "a", 1);
        net_poll(s.net, s.now_ns);
    }
    assert_int_equal(stat(&s, NET_RTX_RTO), 3);
    script_free(&s);
}

/* ---- what arrives with holes ---- */

static void out_of_order_is_kept(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    open_1000(&s, 0, true);
    script_seg(&s, TCP_ACK, s.peer_seq + 3, s.peer_ack, "def", 3);
    assert_true(script_out(&s, &a)); /* at once, with the block */
    assert_int_equal(a.ack, s.peer_seq);
    assert_int_equal(a.sacks, 1);
    assert_int_equal(a.sack[0][0], s.peer_seq + 3);
    assert_int_equal(a.sack[0][1], s.peer_seq + 6);
    script_seg(&s, TCP_ACK, s.peer_seq + 9, s.peer_ack, "jkl", 3);
    assert_true(script_out(&s, &a)); /* the newest block first */
    assert_int_equal(a.sacks, 2);
    assert_int_equal(a.sack[0][0], s.peer_seq + 9);
    script_seg(&s, TCP_ACK, s.peer_seq + 5, s.peer_ack, "fghij", 5); /* overlaps both: one range */
    assert_true(script_out(&s, &a));
    assert_int_equal(a.sacks, 2);
    assert_int_equal(a.sack[0][0], s.peer_seq + 5); /* RFC 2883: "f" came twice */
    assert_int_equal(a.sack[0][1], s.peer_seq + 6);
    assert_int_equal(a.sack[1][0], s.peer_seq + 3);
    assert_int_equal(a.sack[1][1], s.peer_seq + 12);
    assert_int_equal(s.app_len, 0);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, "abc", 3);
    assert_true(script_out(&s, &a)); /* the hole closed: at once */
    assert_int_equal(a.ack, s.peer_seq + 12);
    assert_int_equal(s.app_len, 12);
    assert_memory_equal(s.app, "abcdefghijkl", 12);
    assert_int_equal(net_chunks_used(s.net), 0);
    script_free(&s);
}

static void too_many_holes(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    open_1000(&s, 0, true);
    for (u32 i = 1; i <= TCP_RANGES_MAX + 3; i++)
        script_seg(&s, TCP_ACK, s.peer_seq + 10 * i, s.peer_ack, "x", 1);
    assert_int_equal(stat(&s, NET_DROP_TCP_RANGES), 3);
    while (script_out(&s, &a))
        assert_true(a.sacks <= 4);
    script_free(&s);
}

static void duplicates_and_overlaps(void **state)
{
    struct script s;

    (void)state;
    open_1000(&s, 0, false);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, "abcd", 4);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, "abcd", 4);
    script_seg(&s, TCP_ACK, s.peer_seq + 2, s.peer_ack, "cdef", 4);
    script_seg(&s, TCP_ACK, s.peer_seq + 60000, s.peer_ack, "far", 3);
    script_seg(&s, TCP_ACK, s.peer_seq + 80000, s.peer_ack, "out", 3);
    assert_int_equal(s.app_len, 6);
    assert_memory_equal(s.app, "abcdef", 6);
    script_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rto_backs_off),
        cmocka_unit_test(rto_gives_up),
        cmocka_unit_test(rto_goes_back),
        cmocka_unit_test(rtt_sets_rto),
        cmocka_unit_test(stale_echo_is_no_sample),
        cmocka_unit_test(fast_retransmit),
        cmocka_unit_test(limited_transmit),
        cmocka_unit_test(sack_counts_news),
        cmocka_unit_test(tail_loss_probe),
        cmocka_unit_test(probe_waits_for_the_path),
        cmocka_unit_test(probe_reveals_a_hole),
        cmocka_unit_test(device_has_no_packets),
        cmocka_unit_test(our_own_stall_is_no_loss),
        cmocka_unit_test(out_of_order_is_kept),
        cmocka_unit_test(too_many_holes),
        cmocka_unit_test(duplicates_and_overlaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
