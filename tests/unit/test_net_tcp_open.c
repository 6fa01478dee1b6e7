/*
 * test_net_tcp_open.c - scripts: handshakes, their options, and segments that must not open or end.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "gateway/net/net_state.h"
#include "gateway/net/tcp.h"
#include "tests/lib/net_script.h"

static const u8 all_options[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7};

static u64 stat(const struct script *s, enum net_stat which)
{
    return metric_get(&s->net->stats[which]);
}

static void syn_without_options(void **state)
{
    struct script s;
    struct script_seg syn = {.flags = TCP_SYN, .seq = 77, .window = 1000};
    struct script_seg a;

    (void)state;
    script_init(&s, NULL);
    script_in(&s, &syn);
    assert_true(script_out(&s, &a));
    assert_int_equal(a.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(a.ack, 78);
    assert_true(a.has_mss && !a.has_ts && !a.has_sack_ok && !a.has_wscale);
    assert_int_equal(a.mss, 1460);
    assert_int_equal(s.opens, 0);
    script_seg(&s, TCP_ACK, 78, a.seq + 1, NULL, 0);
    assert_int_equal(s.opens, 1);
    assert_false(script_out(&s, &a));
    /* RFC 9293 3.7.1: no MSS option means 536 */
    net_send(s.net, s.conn, all_options, sizeof all_options);
    assert_int_equal(net_room(s.net, s.conn), NET_SPACE_BYTES - sizeof all_options);
    script_free(&s);
}

static void syn_with_all_options(void **state)
{
    struct script s;
    struct script_seg syn = {.flags = TCP_SYN, .seq = 77, .window = 1000};
    struct script_seg a;

    (void)state;
    script_init(&s, NULL);
    memcpy(syn.options, all_options, sizeof all_options);
    syn.options_len = sizeof all_options;
    script_in(&s, &syn);
    assert_true(script_out(&s, &a));
    assert_true(a.has_mss && a.has_ts && a.has_sack_ok && a.has_wscale);
    assert_int_equal(a.ts_ecr, 9);
    assert_int_equal(a.wscale, 0);
    script_free(&s);
}

/* script_init, and our call of the peer's port 80 from 5555: its SYN is `syn`. */
static void init_connecting(struct script *s, struct script_seg *syn)
{
    script_init(s, NULL);
    s->net->arp.entries[2] =
        (struct arp_entry){.ipv4 = be32(SCRIPT_PEER_IP), .mac = {2, 0, 0, 0, 0, 2}};
    assert_true(net_connect(s->net, be32(SCRIPT_PEER_IP), 80, 5555, s->now_ns) != 0);
    net_flush(s->net, s->now_ns);
    assert_true(script_out(s, syn));
}

static void connect_offers_all(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    init_connecting(&s, &a);
    assert_true(net_connect(s.net, be32(SCRIPT_PEER_IP), 80, 5555, s.now_ns) == 0); /* in use */
    assert_int_equal(a.flags, TCP_SYN);
    assert_true(a.has_mss && a.has_ts && a.has_sack_ok && a.has_wscale);
    assert_int_equal(a.ts_ecr, 0);
    struct script_seg answer = {.src_port = 80,
                                .dst_port = 5555,
                                .flags = TCP_SYN | TCP_ACK,
                                .seq = 500,
                                .ack = a.seq + 2,
                                .window = 9};
    script_in(&s, &answer); /* acknowledges what was not sent */
    assert_true(script_out(&s, &a));
    assert_int_equal(a.flags, TCP_RST);
    answer.ack--;
    script_in(&s, &answer);
    assert_int_equal(s.opens, 1);
    assert_true(script_out(&s, &a));
    assert_int_equal(a.flags, TCP_ACK);
    assert_int_equal(a.ack, 501);
    script_free(&s);
}

static void connect_refused(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    init_connecting(&s, &a);
    struct script_seg rst = {
        .src_port = 80, .dst_port = 5555, .flags = TCP_RST | TCP_ACK, .ack = a.seq + 2};
    script_in(&s, &rst); /* blind */
    assert_int_equal(s.closes, 0);
    rst.ack--;
    script_in(&s, &rst);
    assert_int_equal(s.closes, 1);
    assert_int_equal(s.why, NET_ERROR);
    assert_int_equal(net_conns(s.net), 0);
    script_free(&s);
}

/* RFC 9293 figure 8. */
static void simultaneous_open(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    init_connecting(&s, &a);
    struct script_seg seg = {
        .src_port = 80, .dst_port = 5555, .flags = TCP_SYN, .seq = 300, .window = 1000};
    script_in(&s, &seg);
    assert_true(script_out(&s, &a));
    assert_int_equal(a.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(a.ack, 301);
    assert_int_equal(s.opens, 0);
    seg.flags = TCP_SYN | TCP_ACK;
    seg.ack = a.seq + 1;
    script_in(&s, &seg);
    assert_int_equal(s.opens, 1);
    assert_int_equal(s.net->half_open, 0);
    script_free(&s);
}

static void closed_ports_reset(void **state)
{
    struct script s;
    struct script_seg seg = {.dst_port = 81, .flags = TCP_SYN, .seq = 10, .window = 1};
    struct script_seg a;

    (void)state;
    script_init(&s, NULL);
    script_in(&s, &seg);
    assert_true(script_out(&s, &a));
    assert_int_equal(a.flags, TCP_RST | TCP_ACK);
    assert_int_equal(a.seq, 0);
    assert_int_equal(a.ack, 11);
    seg.flags = TCP_ACK;
    seg.ack = 4711;
    script_in(&s, &seg);
    assert_true(script_out(&s, &a));
    assert_int_equal(a.flags, TCP_RST);
    assert_int_equal(a.seq, 4711);
    seg.flags = TCP_RST;
    script_in(&s, &seg);
    assert_false(script_out(&s, &a)); /* a reset is never answered */
    net_accept(s.net, false);
    seg = (struct script_seg){.flags = TCP_SYN, .seq = 10, .window = 1};
    script_in(&s, &seg); /* drained */
    assert_true(script_out(&s, &a));
    assert_int_equal(a.flags, TCP_RST | TCP_ACK);
    script_free(&s);
}

static void application_refuses(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    script_init(&s, NULL);
    s.refuse = true;
    script_open(&s, NULL, 0);
    assert_true(script_out(&s, &a));
    assert_int_equal(a.flags, TCP_RST | TCP_ACK);
    assert_int_equal(net_conns(s.net), 0);
    assert_int_equal(s.closes, 0);
    script_free(&s);
}

/* SYN|ACK again after 1, 2, 4, 8, 16 s, then silence; the half-open connection is gone. */
static void syn_ack_backs_off(void **state)
{
    struct script s;
    struct script_seg syn = {.flags = TCP_SYN, .seq = 77, .window = 1000};
    struct script_seg a;
    u64 expected = SCRIPT_START_NS;

    (void)state;
    script_init(&s, NULL);
    script_in(&s, &syn);
    assert_true(script_out(&s, &a));
    script_run_steps(&s, 100 * NS_PER_SEC, NS_PER_MS);
    for (u32 i = 0; i < 5; i++) {
        expected += NS_PER_SEC << i;
        assert_true(script_out(&s, &a));
        assert_int_equal(a.flags, TCP_SYN | TCP_ACK);
        assert_true(a.at_ns >= expected && a.at_ns <= expected + 10 * NS_PER_MS);
        expected = a.at_ns;
    }
    assert_false(script_out(&s, &a));
    assert_int_equal(net_conns(s.net), 0);
    assert_int_equal(s.opens + s.closes, 0);
    script_free(&s);
}

static void syn_again_is_answered_again(void **state)
{
    struct script s;
    struct script_seg syn = {.flags = TCP_SYN, .seq = 77, .window = 1000};
    struct script_seg a, b;

    (void)state;
    script_init(&s, NULL);
    script_in(&s, &syn);
    assert_true(script_out(&s, &a));
    script_in(&s, &syn);
    assert_true(script_out(&s, &b));
    assert_int_equal(b.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(a.seq, b.seq);
    assert_int_equal(net_conns(s.net), 1);
    script_seg(&s, TCP_ACK, 78, a.seq + 9, NULL, 0); /* a wrong ACK in SYN_RCVD */
    assert_true(script_out(&s, &b));
    assert_int_equal(b.flags, TCP_RST);
    assert_int_equal(b.seq, a.seq + 9);
    assert_int_equal(s.opens, 0);
    script_seg(&s, TCP_RST, 78, 0, NULL, 0);
    assert_int_equal(net_conns(s.net), 0);
    script_free(&s);
}

static void limits_hold(void **state)
{
    struct script s;

    (void)state;
    script_init(&s, NULL); /* 16 connections, 8 of them half open */
    for (u32 i = 0; i < 20; i++) {
        struct script_seg syn = {
            .src_port = (u16)(1000 + i), .flags = TCP_SYN, .seq = 77, .window = 1000};
        script_in(&s, &syn);
    }
    assert_int_equal(net_conns(s.net), 8);
    assert_int_equal(stat(&s, NET_COOKIES_SENT), 12); /* see test_net_cookie.c */
    for (u32 port = 1; port < NET_LISTEN_MAX; port++)
        assert_true(net_listen(s.net, (u16)port));
    assert_false(net_listen(s.net, 999));
    script_free(&s);
}

/* RFC 6528: a function of time and of the 4-tuple under a secret. */
static void sequence_numbers_start_apart(void **state)
{
    struct net_conf conf;
    struct script s, other;

    (void)state;
    script_conf(&conf);
    script_init(&s, &conf);
    conf.secret[3] ^= 1;
    script_init(&other, &conf);
    u32 isn = tcp_isn(s.net, 1, 2, 3);
    assert_int_equal(tcp_isn(s.net, 1, 2, 3), isn);
    assert_int_not_equal(tcp_isn(s.net, 1, 2, 4), isn);
    assert_int_not_equal(tcp_isn(other.net, 1, 2, 3), isn);
    script_run(&s, 4 * NS_PER_MS);
    assert_int_equal(tcp_isn(s.net, 1, 2, 3), isn + 1000);
    script_free(&s);
    script_free(&other);
}

/* ---- who cannot see the traffic cannot touch the connection: RFC 5961 ---- */

static void blind_resets(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    script_init(&s, NULL);
    script_open(&s, NULL, 0);
    script_seg(&s, TCP_RST, s.peer_seq + 1, 0, NULL, 0); /* in the window, not exact */
    assert_true(script_out(&s, &a));
    assert_int_equal(a.flags, TCP_ACK);
    assert_int_equal(a.ack, s.peer_seq);
    script_seg(&s, TCP_RST, s.peer_seq + 2, 0, NULL, 0); /* at once again: held back */
    assert_false(script_out(&s, &a));
    assert_int_equal(stat(&s, NET_CHALLENGES_HELD), 1);
    script_seg(&s, TCP_RST, s.peer_seq - 1, 0, NULL, 0); /* outside */
    script_seg(&s, TCP_RST, s.peer_seq + 70000, 0, NULL, 0);
    assert_false(script_out(&s, &a));
    assert_int_equal(s.closes, 0);
    script_seg(&s, TCP_RST, s.peer_seq, 0, NULL, 0);
    assert_int_equal(s.closes, 1);
    assert_int_equal(s.why, NET_ERROR);
    assert_int_equal(net_conns(s.net), 0);
    script_free(&s);
}

static void blind_syns_and_data(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    script_init(&s, NULL);
    script_open(&s, NULL, 0);
    script_seg(&s, TCP_SYN, s.peer_seq, 0, NULL, 0);
    assert_true(script_out(&s, &a));
    assert_int_equal(a.flags, TCP_ACK);
    script_run(&s, 200 * NS_PER_MS);
    script_seg(&s, TCP_SYN, 5, 0, NULL, 0); /* the duplicate 4-tuple of a balancer */
    assert_true(script_out(&s, &a));
    assert_int_equal(a.flags, TCP_ACK);
    script_run(&s, 200 * NS_PER_MS);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 1, "evil", 4); /* acknowledges the future */
    assert_true(script_out(&s, &a));
    assert_int_equal(a.ack, s.peer_seq);
    script_run(&s, 200 * NS_PER_MS);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack - 70000, "evil", 4); /* and the deep past */
    assert_true(script_out(&s, &a));
    assert_int_equal(a.ack, s.peer_seq);
    script_seg(&s, 0, s.peer_seq, 0, "evil", 4); /* no ACK at all */
    assert_int_equal(s.app_len, 0);
    assert_int_equal(s.closes, 0);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack - 100, "good", 4); /* an old ACK is fine */
    assert_int_equal(s.app_len, 4);
    script_free(&s);
}

static void bad_flags(void **state)
{
    static const u8 flags[] = {0,
                               TCP_SYN | TCP_FIN,
                               TCP_SYN | TCP_RST,
                               TCP_RST | TCP_FIN,
                               TCP_FIN,
                               TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK,
                               TCP_PSH | TCP_URG};
    struct script s;
    struct script_seg a;

    (void)state;
    script_init(&s, NULL);
    for (u32 i = 0; i < ARRAY_LEN(flags); i++)
        script_seg(&s, flags[i], 1, 1, NULL, 0);
    assert_int_equal(stat(&s, NET_DROP_TCP_FLAGS), ARRAY_LEN(flags));
    assert_false(script_out(&s, &a));
    script_free(&s);
}

static void bad_lengths(void **state)
{
    struct script s;
    u8 frame[SCRIPT_FRAME_MAX];
    struct script_seg syn = {
        .flags = TCP_SYN, .seq = 1, .window = 1, .options = {99, 0, 1, 1}, .options_len = 4};
    u32 n = script_build(&syn, frame);
    struct packet p = {.data = frame, .len = n, .l4_cksum = PACKET_CKSUM_GOOD};

    (void)state;
    script_init(&s, NULL);
    net_input(s.net, &p, s.now_ns); /* an option of length 0 ends parsing; the SYN counts */
    assert_int_equal(stat(&s, NET_BAD_OPTION), 1);
    assert_int_equal(net_conns(s.net), 1);
    frame[46] = 0x40; /* header shorter than a header */
    net_input(s.net, &p, s.now_ns);
    frame[46] = 0x70; /* longer than the segment */
    net_input(s.net, &p, s.now_ns);
    assert_int_equal(stat(&s, NET_DROP_TCP_LENGTH), 2);
    script_free(&s);
}

/* RFC 7323 5: a segment with an old timestamp, or with none, does not count. */
static void paws(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    script_init(&s, NULL);
    script_open(&s, all_options, sizeof all_options);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, "abc", 3);
    assert_int_equal(s.app_len, 3);
    u32 ts = s.peer_ts;
    s.peer_ts = ts - 5;
    script_clear(&s);
    script_seg(&s, TCP_ACK, s.peer_seq + 3, s.peer_ack, "old", 3);
    assert_int_equal(s.app_len, 3);
    assert_true(script_out(&s, &a));
    assert_int_equal(a.ack, s.peer_seq + 3);
    assert_int_equal(a.ts_ecr, ts);
    s.peer_ts = 0;
    script_seg(&s, TCP_ACK, s.peer_seq + 3, s.peer_ack, "non", 3);
    assert_int_equal(s.app_len, 3);
    s.peer_ts = ts;
    script_seg(&s, TCP_ACK, s.peer_seq + 3, s.peer_ack, "def", 3);
    assert_int_equal(s.app_len, 6);
    script_free(&s);
}

/* Answers follow the address that a flow's segments come from. */
static void answers_to_the_senders_mac(void **state)
{
    struct script s;
    u8 frame[SCRIPT_FRAME_MAX];

    (void)state;
    script_init(&s, NULL);
    script_open(&s, NULL, 0);
    struct script_seg seg = {.flags = TCP_ACK,
                             .seq = s.peer_seq,
                             .ack = s.peer_ack,
                             .window = 100,
                             .data = "x",
                             .len = 1};
    u32 n = script_build(&seg, frame);
    frame[11] = 77;
    script_frame_in(&s, frame, n);
    net_send(s.net, s.conn, "y", 1);
    net_flush(s.net, s.now_ns);
    const struct script_frame *f = script_out_frame(&s);
    assert_int_equal(f->bytes[5], 77);
    script_free(&s);
}

/* 2,000 connections come and go in a table for 300: found, not confused, names never again. */
static void table_holds(void **state)
{
    struct net_conf conf;
    struct script s;
    static u64 names[2000];

    (void)state;
    script_conf(&conf);
    conf.conns_max = 300;
    conf.half_open_max = 300;
    script_init(&s, &conf);
    for (u32 i = 0; i < 2000; i++) {
        struct tcp_conn *c = tcp_new(s.net, be32(0x0a000100 + i % 7), (u16)(1 + i), 80);
        assert_non_null(c);
        names[i] = c->name;
        if (i >= 290) {
            struct tcp_conn *old =
                tcp_find(s.net, be32(0x0a000100 + (i - 290) % 7), (u16)(1 + i - 290), 80);
            assert_non_null(old);
            assert_true(old->name == names[i - 290]);
            tcp_free(s.net, old);
            assert_null(tcp_by_name(s.net, names[i - 290]));
            assert_null(tcp_find(s.net, be32(0x0a000100 + (i - 290) % 7), (u16)(1 + i - 290), 80));
        }
        assert_ptr_equal(tcp_by_name(s.net, names[i]), c);
    }
    assert_int_equal(net_conns(s.net), 290);
    for (u32 i = 0; i < 2000; i++)
        if (tcp_by_name(s.net, names[i]) != NULL)
            tcp_free(s.net, tcp_by_name(s.net, names[i]));
    script_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syn_without_options),
        cmocka_unit_test(syn_with_all_options),
        cmocka_unit_test(connect_offers_all),
        cmocka_unit_test(connect_refused),
        cmocka_unit_test(simultaneous_open),
        cmocka_unit_test(closed_ports_reset),
        cmocka_unit_test(application_refuses),
        cmocka_unit_test(syn_ack_backs_off),
        cmocka_unit_test(syn_again_is_answered_again),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(sequence_numbers_start_apart),
        cmocka_unit_test(blind_resets),
        cmocka_unit_test(blind_syns_and_data),
        cmocka_unit_test(bad_flags),
        cmocka_unit_test(bad_lengths),
        cmocka_unit_test(paws),
        cmocka_unit_test(answers_to_the_senders_mac),
        cmocka_unit_test(table_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
