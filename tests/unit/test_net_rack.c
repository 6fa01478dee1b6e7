/*
 * test_net_rack.c - scripts: SACK recovery, RACK's patience and timer, lost repetitions, DSACK and
 * Eifel undo, what a tail-loss probe was good for, peers that renege.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "gateway/net/net_state.h"
#include "gateway/net/tcp.h"
#include "gateway/net/tcp_out.h"
#include "tests/lib/net_script.h"

#define RTT_NS (8 * NS_PER_MS)

static const u8 with_sack[] = {2, 4, 0x03, 0xe8, 1, 1, 4, 2};
static const u8 with_ts[] = {2, 4, 0x03, 0xf4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0};

struct rig {
    struct script s;
    struct tcp_conn *c;
    u32 una; /* the first byte of the stream */
};

static u64 stat(const struct rig *r, enum net_stat which)
{
    return metric_get(&r->s.net->stats[which]);
}

/* An open connection with segments of 1,000 bytes over a path of 8 ms. */
static void open_path(struct rig *r, u64 tlp_min_ns, bool ts)
{
    struct net_conf conf;

    script_conf(&conf);
    conf.tlp_min_ns = tlp_min_ns;
    script_init(&r->s, &conf);
    script_open(&r->s, ts ? with_ts : with_sack, ts ? sizeof with_ts : sizeof with_sack);
    script_clear(&r->s);
    r->c = tcp_by_name(r->s.net, r->s.conn);
    r->c->srtt_ns = RTT_NS;
    r->c->rttvar_ns = RTT_NS / 8;
    r->c->min_rtt_us = RTT_NS / NS_PER_US;
    r->c->min_rtt_at_s = (u32)(r->s.now_ns / NS_PER_SEC);
    r->una = r->s.peer_ack;
}

/* `n` segments, one each 100 us. */
static void send_paced(struct rig *r, u32 n)
{
    static const u8 zeroes[1000];

    for (u32 i = 0; i < n; i++) {
        net_send(r->s.net, r->s.conn, zeroes, sizeof zeroes);
        net_flush(r->s.net, r->s.now_ns);
        script_run(&r->s, 100 * NS_PER_US);
    }
}

/* An ACK of `acked` thousands with SACK blocks in thousands; `echo` of a timestamp, 0: without. */
static void ack_in(struct rig *r, u32 acked, u32 blocks, const u32 (*block)[2], u32 echo)
{
    struct script_seg seg = {
        .flags = TCP_ACK, .seq = r->s.peer_seq, .ack = r->una + 1000 * acked, .window = 65535};
    u8 *o = seg.options;
    u32 n = 0;

    if (echo != 0) {
        memcpy(o, (u8[]){1, 1, 8, 10, 0, 0, 0, 99}, 8);
        for (u32 k = 0; k < 4; k++)
            o[8 + k] = (u8)(echo >> (24 - 8 * k));
        n = 12;
    }
    if (blocks > 0) {
        memcpy(o + n, (u8[]){1, 1, 5, (u8)(2 + 8 * blocks)}, 4);
        n += 4;
    }
    for (u32 i = 0; i < 2 * blocks; i++, n += 4)
        for (u32 k = 0; k < 4; k++)
            o[n + k] = (u8)((r->una + 1000 * block[i / 2][i % 2]) >> (24 - 8 * k));
    seg.options_len = n;
    script_in(&r->s, &seg);
}

#define SACK(r, acked, ...)                                                \
    ack_in((r), (acked), sizeof((u32[][2]){__VA_ARGS__}) / sizeof(u32[2]), \
           (const u32[][2]){__VA_ARGS__}, 0)

/* Exactly these segments left, by the number of their first thousand. */
static void expect(struct rig *r, u32 n, const u32 *which)
{
    struct script_seg a;

    for (u32 i = 0; i < n; i++) {
        assert_true(script_out(&r->s, &a));
        assert_int_equal(a.seq - r->una, 1000 * which[i]);
        assert_int_equal(a.len, 1000);
    }
    assert_false(script_out(&r->s, &a));
}

#define EXPECT(r, ...) \
    expect((r), sizeof((u32[]){__VA_ARGS__}) / sizeof(u32), (const u32[]){__VA_ARGS__})
#define NOTHING(r) expect((r), 0, NULL)

/* Two holes, three later ones arrived: the holes alone are filled, and no timeout is needed. */
static void only_what_is_lost(void **state)
{
    struct rig r;

    (void)state;
    open_path(&r, 0, false);
    send_paced(&r, 8);
    script_clear(&r.s);
    script_run(&r.s, RTT_NS);
    SACK(&r, 0, {1, 2});
    SACK(&r, 0, {1, 3});
    NOTHING(&r);
    SACK(&r, 0, {5, 6}, {1, 4}); /* the third: no more patience, RFC 8985 6.2 step 4 */
    EXPECT(&r, 0, 4);
    assert_int_equal(stat(&r, NET_RTX_FAST), 1);
    assert_int_equal(r.c->ssthresh, 4000);
    SACK(&r, 0, {5, 7}, {1, 4});
    SACK(&r, 0, {5, 8}, {1, 4});
    NOTHING(&r);
    script_run(&r.s, RTT_NS);
    SACK(&r, 4, {5, 8});
    SACK(&r, 8, {0, 0});
    NOTHING(&r);
    assert_int_equal(r.c->ca, TCP_CA_OPEN);
    assert_int_equal(stat(&r, NET_RTX_RTO), 0);
    assert_int_equal(stat(&r, NET_RTX_SEGMENTS), 2);
    assert_int_equal(net_chunks_used(r.s.net), 0);
    script_free(&r.s);
}

/* One later segment arrived: a quarter of the round trip may be reordering, then it is lost. */
static void patience_of_a_quarter(void **state)
{
    struct rig r;
    struct script_seg a;

    (void)state;
    open_path(&r, 0, false);
    send_paced(&r, 2);
    script_clear(&r.s);
    script_run(&r.s, RTT_NS - 100 * NS_PER_US); /* the second one's round trip is 8 ms */
    u64 heard = r.s.now_ns;
    SACK(&r, 0, {1, 2});
    NOTHING(&r);
    script_run(&r.s, 5 * NS_PER_MS);
    assert_true(script_out(&r.s, &a));
    assert_int_equal(a.seq, r.una);
    /* Sent 100 us before the second one, so it has 100 us less. */
    assert_true(a.at_ns - heard >= RTT_NS / 4 - 150 * NS_PER_US);
    assert_true(a.at_ns - heard <= RTT_NS / 4);
    assert_int_equal(stat(&r, NET_RTX_FAST), 1);
    assert_int_equal(stat(&r, NET_RTX_RTO), 0);
    script_free(&r.s);
}

/* A path that reorders: nothing is sent again, and from then on three duplicates do not hurry. */
static void reordering_is_learned(void **state)
{
    struct rig r;

    (void)state;
    open_path(&r, 0, false);
    send_paced(&r, 3);
    script_run(&r.s, RTT_NS);
    SACK(&r, 0, {1, 3});
    ack_in(&r, 3, 0, NULL, 0);
    assert_true(r.c->rack.reordered);
    send_paced(&r, 6);
    script_clear(&r.s);
    script_run(&r.s, RTT_NS - 600 * NS_PER_US);
    SACK(&r, 3, {4, 5});
    SACK(&r, 3, {4, 7});
    SACK(&r, 3, {4, 9});
    NOTHING(&r);
    ack_in(&r, 9, 0, NULL, 0);
    script_run(&r.s, 100 * NS_PER_MS);
    NOTHING(&r);
    assert_int_equal(stat(&r, NET_RTX_FAST), 0);
    script_free(&r.s);
}

/* What was sent again is lost too: later segments tell, long before the timeout. */
static void lost_again(void **state)
{
    struct rig r;

    (void)state;
    open_path(&r, 0, false);
    send_paced(&r, 6);
    script_clear(&r.s);
    script_run(&r.s, RTT_NS);
    SACK(&r, 0, {1, 6});
    EXPECT(&r, 0);
    send_paced(&r, 2); /* new data behind it */
    EXPECT(&r, 6, 7);
    script_run(&r.s, RTT_NS);
    SACK(&r, 0, {1, 8});
    EXPECT(&r, 0);
    script_run(&r.s, RTT_NS);
    ack_in(&r, 8, 0, NULL, 0);
    assert_int_equal(stat(&r, NET_RTX_RTO), 0);
    assert_int_equal(r.c->ca, TCP_CA_OPEN);
    script_free(&r.s);
}

/* The segment was only late: the DSACK for its repetition gives the window back. */
static void dsack_undoes(void **state)
{
    struct rig r;

    (void)state;
    open_path(&r, 0, false);
    send_paced(&r, 8);
    script_clear(&r.s);
    u32 cwnd = r.c->cwnd;
    u32 ssthresh = r.c->ssthresh;
    script_run(&r.s, RTT_NS);
    SACK(&r, 0, {1, 5});
    EXPECT(&r, 0);
    assert_true(r.c->cwnd < cwnd);
    ack_in(&r, 8, 0, NULL, 0); /* the first one came after all */
    assert_int_equal(r.c->ca, TCP_CA_OPEN);
    assert_int_equal(stat(&r, NET_UNDONE), 0);
    SACK(&r, 8, {0, 1}); /* and its repetition */
    assert_int_equal(stat(&r, NET_UNDONE), 1);
    assert_int_equal(stat(&r, NET_DSACKS_IN), 1);
    assert_true(r.c->cwnd >= cwnd);
    assert_int_equal(r.c->ssthresh, ssthresh);
    assert_true(r.c->rack.reordered);
    assert_int_equal(r.c->rack.mult, 1); /* twice the patience, for sixteen recoveries */
    assert_int_equal(r.c->rack.persist, TCP_REO_PERSIST);
    SACK(&r, 8, {0, 1}); /* said again: nothing more to give back */
    assert_int_equal(stat(&r, NET_UNDONE), 1);
    script_free(&r.s);
}

/* Half of what was sent again was lost: the recovery stands. */
static void half_a_dsack_does_not(void **state)
{
    struct rig r;

    (void)state;
    open_path(&r, 0, false);
    send_paced(&r, 8);
    script_clear(&r.s);
    script_run(&r.s, RTT_NS);
    SACK(&r, 0, {2, 6});
    EXPECT(&r, 0, 1);
    SACK(&r, 6, {1, 2});
    ack_in(&r, 8, 0, NULL, 0);
    assert_int_equal(stat(&r, NET_UNDONE), 0);
    assert_int_equal(r.c->ssthresh, 4000);
    script_free(&r.s);
}

/* RFC 3522: after a timeout the answer echoes the first transmission: everything as before. */
static void eifel_undoes_a_timeout(void **state)
{
    struct rig r;
    struct script_seg first;

    (void)state;
    open_path(&r, 0, true);
    u32 cwnd = r.c->cwnd;
    send_paced(&r, 5);
    assert_true(script_out(&r.s, &first));
    assert_true(first.has_ts);
    script_run(&r.s, 51 * NS_PER_MS);
    assert_int_equal(stat(&r, NET_RTX_RTO), 1);
    assert_int_equal(r.c->cwnd, r.c->mss);
    script_clear(&r.s);
    script_run(&r.s, 10 * NS_PER_MS);
    ack_in(&r, 1, 0, NULL, first.ts_val);
    assert_int_equal(stat(&r, NET_UNDONE), 1);
    assert_int_equal(r.c->backoff, 0);
    assert_true(r.c->cwnd >= cwnd);
    assert_int_equal(r.c->ssthresh, UINT32_MAX);
    assert_int_equal(r.c->sent.lost, 0);
    NOTHING(&r);                               /* the other four are not sent again */
    assert_true(r.c->rto_ns > 50 * NS_PER_MS); /* it learned that the path is longer */
    script_free(&r.s);
}

/*
 * Without a loss only our own clock counts: an echo tells no more than the millisecond, and the
 * path is of 20 us.
 */
static void echoes_are_no_round_trips(void **state)
{
    static const u8 zeroes[1000];
    struct rig r;
    struct script_seg last;

    (void)state;
    open_path(&r, 0, true);
    r.c->srtt_ns = 20 * NS_PER_US;
    r.c->rttvar_ns = 5 * NS_PER_US;
    for (u32 i = 0; i < 4; i++) {
        net_send(r.s.net, r.s.conn, zeroes, sizeof zeroes);
        net_flush(r.s.net, r.s.now_ns);
        assert_true(script_out(&r.s, &last));
    }
    r.s.now_ns += 20 * NS_PER_US;
    for (u32 i = 1; i <= 4; i++)
        ack_in(&r, i, 0, NULL, last.ts_val);
    assert_in_range(r.c->srtt_ns, 19 * NS_PER_US, 21 * NS_PER_US);
    script_free(&r.s);
}

/* The same ACK with the repetition's timestamp: it was lost. */
static void eifel_knows_a_loss(void **state)
{
    struct rig r;
    struct script_seg a, last = {0};

    (void)state;
    open_path(&r, 0, true);
    send_paced(&r, 5);
    script_run(&r.s, 51 * NS_PER_MS);
    while (script_out(&r.s, &a))
        last = a;
    assert_int_equal(last.seq, r.una);
    script_run(&r.s, 8 * NS_PER_MS);
    ack_in(&r, 1, 0, NULL, last.ts_val);
    assert_int_equal(stat(&r, NET_UNDONE), 0);
    assert_int_equal(r.c->ca, TCP_CA_RTO);
    assert_true(script_out(&r.s, &a)); /* slow start goes on with the next ones */
    assert_int_equal(a.seq, r.una + 1000);
    script_free(&r.s);
}

/* SACKed and then not there: RFC 2018 section 8. */
static void reneging(void **state)
{
    struct rig r;

    (void)state;
    open_path(&r, 0, false);
    send_paced(&r, 4);
    script_clear(&r.s);
    script_run(&r.s, RTT_NS);
    SACK(&r, 0, {1, 4});
    EXPECT(&r, 0);
    script_run(&r.s, RTT_NS);
    ack_in(&r, 1, 0, NULL, 0); /* it has thrown the others away */
    NOTHING(&r);
    script_run(&r.s, 51 * NS_PER_MS);
    assert_int_equal(stat(&r, NET_RENEGED), 1);
    EXPECT(&r, 1);
    ack_in(&r, 2, 0, NULL, 0);
    EXPECT(&r, 2, 3);
    ack_in(&r, 4, 0, NULL, 0);
    assert_int_equal(net_chunks_used(r.s.net), 0);
    script_free(&r.s);
}

/* RFC 8985 7.4: the probe was the one that arrived: a loss, and half the window. */
static void probe_that_mended(void **state)
{
    struct rig r;

    (void)state;
    open_path(&r, 2 * NS_PER_MS, false);
    send_paced(&r, 2);
    script_clear(&r.s);
    script_run(&r.s, 18 * NS_PER_MS);
    EXPECT(&r, 1);
    u32 cwnd = r.c->cwnd;
    ack_in(&r, 2, 0, NULL, 0);
    assert_true(r.c->cwnd >= cwnd);
    send_paced(&r, 1);
    script_run(&r.s, RTT_NS);
    cwnd = r.c->cwnd;
    ack_in(&r, 3, 0, NULL, 0);
    assert_int_equal(r.c->ssthresh, cwnd / 2);
    script_free(&r.s);
}

/* The probe came twice: the peer was slow to acknowledge, and nothing was lost. */
static void probe_that_was_needless(void **state)
{
    struct rig r;

    (void)state;
    open_path(&r, 2 * NS_PER_MS, false);
    send_paced(&r, 2);
    script_clear(&r.s);
    script_run(&r.s, 18 * NS_PER_MS);
    EXPECT(&r, 1);
    SACK(&r, 2, {1, 2});
    send_paced(&r, 1);
    script_run(&r.s, RTT_NS);
    ack_in(&r, 3, 0, NULL, 0);
    assert_int_equal(r.c->ssthresh, UINT32_MAX);
    script_free(&r.s);
}

/* What we receive twice is reported once, first of all blocks: RFC 2883 section 4. */
static void we_report_duplicates(void **state)
{
    struct rig r;
    struct script_seg a;

    (void)state;
    open_path(&r, 0, false);
    script_seg(&r.s, TCP_ACK, r.s.peer_seq, r.una, "abcdef", 6);
    script_run(&r.s, 2 * NS_PER_MS);
    script_clear(&r.s);
    script_seg(&r.s, TCP_ACK, r.s.peer_seq + 2, r.una, "cd", 2);
    assert_true(script_out(&r.s, &a));
    assert_int_equal(a.ack, r.s.peer_seq + 6);
    assert_int_equal(a.sacks, 1);
    assert_int_equal(a.sack[0][0], r.s.peer_seq + 2);
    assert_int_equal(a.sack[0][1], r.s.peer_seq + 4);
    script_seg(&r.s, TCP_ACK, r.s.peer_seq + 10, r.una, "k", 1); /* not told again */
    assert_true(script_out(&r.s, &a));
    assert_int_equal(a.sacks, 1);
    assert_int_equal(a.sack[0][0], r.s.peer_seq + 10);
    script_seg(&r.s, TCP_ACK, r.s.peer_seq + 4, r.una, "efg", 3); /* partly */
    script_run(&r.s, 2 * NS_PER_MS);
    assert_true(script_out(&r.s, &a));
    assert_int_equal(a.ack, r.s.peer_seq + 7);
    assert_int_equal(a.sack[0][0], r.s.peer_seq + 4);
    assert_int_equal(a.sack[0][1], r.s.peer_seq + 6);
    assert_int_equal(stat(&r, NET_DSACKS_OUT), 2);
    script_free(&r.s);
}

/* SACK blocks that cannot be: ignored, and nothing is marked. */
static void impossible_blocks(void **state)
{
    struct rig r;

    (void)state;
    open_path(&r, 0, false);
    send_paced(&r, 3);
    script_clear(&r.s);
    SACK(&r, 0, {2, 9}, {3, 4}, {2, 1});
    SACK(&r, 0, {0, 2}, {2, 2});
    assert_int_equal(r.c->sent.sacked, 0);
    assert_int_equal(r.c->dupacks, 0);
    NOTHING(&r);
    net_check(r.s.net, r.s.now_ns);
    script_free(&r.s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_lost),      cmocka_unit_test(patience_of_a_quarter),
        cmocka_unit_test(reordering_is_learned),  cmocka_unit_test(lost_again),
        cmocka_unit_test(dsack_undoes),           cmocka_unit_test(half_a_dsack_does_not),
        cmocka_unit_test(eifel_undoes_a_timeout), cmocka_unit_test(echoes_are_no_round_trips),
        cmocka_unit_test(eifel_knows_a_loss),     cmocka_unit_test(reneging),
        cmocka_unit_test(probe_that_mended),      cmocka_unit_test(probe_that_was_needless),
        cmocka_unit_test(we_report_duplicates),   cmocka_unit_test(impossible_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
