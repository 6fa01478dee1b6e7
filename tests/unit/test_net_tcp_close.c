/* test_net_tcp_close.c - scripts: ends in every order, TIME_WAIT, orphans, keepalive. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "gateway/net/net_state.h"
#include "gateway/net/tcp.h"
#include "tests/lib/net_script.h"

static u64 stat(const struct script *s, enum net_stat which)
{
    return metric_get(&s->net->stats[which]);
}

static void open_plain(struct script *s)
{
    script_init(s, NULL);
    script_open(s, NULL, 0);
    script_clear(s);
}

static u8 state_of(struct script *s)
{
    struct tcp_conn *c = tcp_find(s->net, be32(SCRIPT_PEER_IP), SCRIPT_PEER_PORT, SCRIPT_PORT);

    return c != NULL ? c->state : TCP_CLOSED;
}

/* The next segment that left has these flags; returns it. */
static struct script_seg expect(struct script *s, u8 flags)
{
    struct script_seg a;

    assert_true(script_out(s, &a));
    assert_int_equal(a.flags, flags);
    return a;
}

/* We finish first: data, FIN with it, FIN_WAIT_1, FIN_WAIT_2, TIME_WAIT, gone. */
static void we_close_first(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    open_plain(&s);
    net_send(s.net, s.conn, "bye", 3);
    net_close(s.net, s.conn, NET_FINISH);
    net_flush(s.net, s.now_ns);
    a = expect(&s, TCP_FIN | TCP_ACK | TCP_PSH);
    assert_int_equal(a.len, 3);
    assert_int_equal(state_of(&s), TCP_FIN_WAIT_1);
    assert_int_equal(net_room(s.net, s.conn), 0);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 3, NULL, 0); /* not yet the FIN */
    assert_int_equal(state_of(&s), TCP_FIN_WAIT_1);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 4, "heartbeat", 9); /* crossed: swallowed */
    assert_int_equal(state_of(&s), TCP_FIN_WAIT_2);
    assert_int_equal(s.app_len, 0);
    script_seg(&s, TCP_FIN | TCP_ACK, s.peer_seq + 9, s.peer_ack + 4, NULL, 0);
    assert_int_equal(state_of(&s), TCP_TIME_WAIT);
    a = expect(&s, TCP_ACK);
    assert_int_equal(a.ack, s.peer_seq + 10);
    assert_int_equal(net_chunks_used(s.net), 0);
    script_run_steps(&s, 40 * NS_PER_SEC, NS_PER_MS);
    script_seg(&s, TCP_FIN | TCP_ACK, s.peer_seq + 9, s.peer_ack + 4, NULL, 0); /* ours was lost */
    a = expect(&s, TCP_ACK);
    assert_int_equal(a.ack, s.peer_seq + 10);
    script_run_steps(&s, 40 * NS_PER_SEC, NS_PER_MS);
    assert_int_equal(state_of(&s), TCP_TIME_WAIT);        /* it began anew */
    script_seg(&s, TCP_RST, s.peer_seq + 10, 0, NULL, 0); /* RFC 1337 */
    assert_int_equal(state_of(&s), TCP_TIME_WAIT);
    script_run_steps(&s, 21 * NS_PER_SEC, NS_PER_MS);
    assert_int_equal(net_conns(s.net), 0);
    assert_int_equal(s.closes, 0);
    script_free(&s);
}

/* The peer finishes first: told once, what is queued still goes out with our FIN behind it. */
static void peer_closes_first(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    open_plain(&s);
    net_send(s.net, s.conn, "reply", 5);
    script_seg(&s, TCP_FIN | TCP_ACK, s.peer_seq, s.peer_ack, "last", 4);
    assert_int_equal(s.closes, 1);
    assert_int_equal(s.why, NET_EOF);
    assert_int_equal(s.app_len, 4);
    a = expect(&s, TCP_FIN | TCP_ACK | TCP_PSH);
    assert_int_equal(a.len, 5);
    assert_int_equal(a.ack, s.peer_seq + 5);
    assert_int_equal(state_of(&s), TCP_LAST_ACK);
    script_run(&s, 300 * NS_PER_MS); /* ours was lost: again, FIN and all */
    a = expect(&s, TCP_FIN | TCP_ACK | TCP_PSH);
    assert_int_equal(a.len, 5);
    script_seg(&s, TCP_ACK, s.peer_seq + 5, s.peer_ack + 6, NULL, 0);
    assert_int_equal(net_conns(s.net), 0);
    assert_int_equal(s.closes, 1);
    script_free(&s);
}

/* FINs cross: CLOSING, then TIME_WAIT. */
static void both_close_at_once(void **state)
{
    struct script s;

    (void)state;
    open_plain(&s);
    net_close(s.net, s.conn, NET_FINISH);
    net_flush(s.net, s.now_ns);
    expect(&s, TCP_FIN | TCP_ACK);
    script_seg(&s, TCP_FIN | TCP_ACK, s.peer_seq, s.peer_ack, NULL, 0);
    assert_int_equal(state_of(&s), TCP_CLOSING);
    struct script_seg a = expect(&s, TCP_ACK);
    assert_int_equal(a.ack, s.peer_seq + 1);
    assert_int_equal(a.seq, s.peer_ack + 1);
    script_seg(&s, TCP_ACK, s.peer_seq + 1, s.peer_ack + 1, NULL, 0);
    assert_int_equal(state_of(&s), TCP_TIME_WAIT);
    script_free(&s);
}

/* FIN with the ACK of ours: straight into TIME_WAIT. */
static void fin_and_ack_together(void **state)
{
    struct script s;

    (void)state;
    open_plain(&s);
    net_close(s.net, s.conn, NET_FINISH);
    net_flush(s.net, s.now_ns);
    script_seg(&s, TCP_FIN | TCP_ACK, s.peer_seq, s.peer_ack + 1, NULL, 0);
    assert_int_equal(state_of(&s), TCP_TIME_WAIT);
    script_free(&s);
}

/* The FIN overtakes data: told only when all is there and taken. */
static void fin_out_of_order(void **state)
{
    struct script s;

    (void)state;
    open_plain(&s);
    s.take = 0;
    script_seg(&s, TCP_FIN | TCP_ACK, s.peer_seq + 3, s.peer_ack, "def", 3);
    assert_int_equal(s.closes, 0);
    assert_int_equal(state_of(&s), TCP_ESTABLISHED);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, "abc", 3);
    assert_int_equal(state_of(&s), TCP_CLOSE_WAIT);
    assert_int_equal(s.closes, 0); /* not taken yet */
    s.take = 4;
    net_poll(s.net, s.now_ns);
    assert_int_equal(s.closes, 0);
    net_poll(s.net, s.now_ns);
    assert_int_equal(s.closes, 1);
    assert_memory_equal(s.app, "abcdef", 6);
    script_free(&s);
}

/* With `finished` the connection stays open for sending. */
static void half_close(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    script_init_up(&s, NULL, true);
    script_open(&s, NULL, 0);
    script_clear(&s);
    script_seg(&s, TCP_FIN | TCP_ACK, s.peer_seq, s.peer_ack, NULL, 0);
    assert_int_equal(s.finishes, 1);
    assert_int_equal(s.closes, 0);
    a = expect(&s, TCP_ACK);
    assert_int_equal(a.ack, s.peer_seq + 1);
    net_send(s.net, s.conn, "more", 4);
    net_flush(s.net, s.now_ns);
    a = expect(&s, TCP_ACK | TCP_PSH);
    assert_int_equal(a.len, 4);
    script_seg(&s, TCP_ACK, s.peer_seq + 1, s.peer_ack + 4, NULL, 0);
    net_close(s.net, s.conn, NET_FINISH);
    net_flush(s.net, s.now_ns);
    expect(&s, TCP_FIN | TCP_ACK);
    script_seg(&s, TCP_ACK, s.peer_seq + 1, s.peer_ack + 5, NULL, 0);
    assert_int_equal(net_conns(s.net), 0);
    assert_int_equal(s.finishes, 1);
    script_free(&s);
}

static void we_reset(void **state)
{
    struct script s;

    (void)state;
    open_plain(&s);
    net_send(s.net, s.conn, "never", 5);
    net_close(s.net, s.conn, NET_RESET);
    struct script_seg a = expect(&s, TCP_RST | TCP_ACK);
    assert_int_equal(a.seq, s.peer_ack);
    assert_int_equal(net_conns(s.net), 0);
    assert_int_equal(net_chunks_used(s.net), 0);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, "late", 4);
    expect(&s, TCP_RST);
    script_free(&s);
}

/* A peer that never finishes its side holds nothing for ever. */
static void orphans_end(void **state)
{
    struct script s;

    (void)state;
    open_plain(&s);
    net_close(s.net, s.conn, NET_FINISH);
    net_flush(s.net, s.now_ns);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 1, NULL, 0);
    assert_int_equal(state_of(&s), TCP_FIN_WAIT_2);
    script_run_steps(&s, 59 * NS_PER_SEC, NS_PER_MS);
    assert_int_equal(net_conns(s.net), 1);
    script_run_steps(&s, 2 * NS_PER_SEC, NS_PER_MS);
    assert_int_equal(net_conns(s.net), 0);
    script_free(&s);
}

/*
 * Nor does one whose window stays closed: it answers our probes, and gets its limit all the same.
 */
static void orphans_with_closed_windows_end(void **state)
{
    struct net_conf conf;
    struct script s;
    struct script_seg a;
    u32 gone_after_ms = 0;

    (void)state;
    script_conf(&conf);
    conf.orphan_ns = 5 * NS_PER_SEC;
    script_init(&s, &conf);
    script_open(&s, NULL, 0);
    script_clear(&s);
    struct script_seg shut = {.flags = TCP_ACK, .seq = s.peer_seq, .ack = s.peer_ack};
    script_in(&s, &shut);
    net_send(s.net, s.conn, "stuck", 5);
    net_close(s.net, s.conn, NET_FINISH);
    for (; net_conns(s.net) > 0 && gone_after_ms < 10000; gone_after_ms++) {
        script_run_steps(&s, NS_PER_MS, NS_PER_MS);
        if (script_out(&s, &a) && net_conns(s.net) > 0)
            script_in(&s, &shut);
    }
    assert_true(gone_after_ms >= 4999 && gone_after_ms <= 5002);
    assert_int_equal(net_chunks_used(s.net), 0);
    assert_int_equal(s.closes, 0);
    script_free(&s);
}

/* What comes behind the peer's FIN is nobody's. */
static void data_behind_the_fin(void **state)
{
    struct script s;

    (void)state;
    script_init_up(&s, NULL, true);
    script_open(&s, NULL, 0);
    script_seg(&s, TCP_FIN | TCP_ACK, s.peer_seq, s.peer_ack, "end", 3);
    script_seg(&s, TCP_ACK, s.peer_seq + 4, s.peer_ack, "more", 4);
    script_seg(&s, TCP_ACK, s.peer_seq + 8, s.peer_ack, "hole", 4);
    script_seg(&s, TCP_FIN | TCP_ACK, s.peer_seq + 4, s.peer_ack, "end", 3);
    assert_int_equal(s.app_len, 3);
    assert_int_equal(s.finishes, 1);
    assert_int_equal(net_chunks_used(s.net), 0);
    script_free(&s);
}

/* ---- TIME_WAIT ---- */

static void into_time_wait(struct script *s)
{
    net_close(s->net, s->conn, NET_FINISH);
    net_flush(s->net, s->now_ns);
    script_seg(s, TCP_FIN | TCP_ACK, s->peer_seq, s->peer_ack + 1, NULL, 0);
    assert_int_equal(state_of(s), TCP_TIME_WAIT);
    script_clear(s);
}

static void time_wait_reuse(void **state)
{
    struct script s;
    struct script_seg syn = {.flags = TCP_SYN, .window = 1000};

    (void)state;
    open_plain(&s);
    into_time_wait(&s);
    syn.seq = s.peer_seq; /* not newer */
    script_in(&s, &syn);
    expect(&s, TCP_ACK);
    assert_int_equal(state_of(&s), TCP_TIME_WAIT);
    syn.seq = s.peer_seq + 100;
    script_in(&s, &syn);
    expect(&s, TCP_SYN | TCP_ACK);
    assert_int_equal(state_of(&s), TCP_SYN_RCVD);
    assert_int_equal(stat(&s, NET_TIME_WAIT_CUT), 1);
    assert_int_equal(s.net->time_waits, 0);
    script_free(&s);
}

/* RFC 6191: a newer timestamp suffices, whatever the sequence number. */
static void time_wait_reuse_by_timestamp(void **state)
{
    struct script s;
    struct script_seg syn = {
        .flags = TCP_SYN, .window = 1000, .options_len = 12, .options = {1, 1, 8, 10, 0, 0, 0, 5}};

    (void)state;
    script_init(&s, NULL);
    script_open(&s, syn.options, 12);
    into_time_wait(&s);
    syn.seq = s.peer_seq - 1000;
    script_in(&s, &syn);
    expect(&s, TCP_ACK);
    syn.options[7] = (u8)(s.peer_ts + 1);
    script_in(&s, &syn);
    expect(&s, TCP_SYN | TCP_ACK);
    script_free(&s);
}

/* At most time_wait_max of them (4 here); the oldest give way, also when no connection is free. */
static void time_wait_is_bounded(void **state)
{
    struct script s;

    (void)state;
    script_init(&s, NULL);
    for (u32 i = 0; i < 12; i++) {
        struct script_seg seg = {.src_port = (u16)(1000 + i), .flags = TCP_SYN, .window = 1000};
        struct script_seg a;
        script_clear(&s);
        script_in(&s, &seg);
        assert_true(script_out(&s, &a));
        seg = (struct script_seg){
            .src_port = seg.src_port, .flags = TCP_ACK, .seq = 1, .ack = a.seq + 1, .window = 1000};
        script_in(&s, &seg);
        net_close(s.net, s.conn, NET_FINISH);
        net_flush(s.net, s.now_ns);
        seg.flags = TCP_FIN | TCP_ACK;
        seg.ack++;
        script_in(&s, &seg);
        assert_true(s.net->time_waits <= 4);
        assert_true(net_conns(s.net) <= 4);
    }
    assert_int_equal(stat(&s, NET_TIME_WAIT_CUT), 8);
    assert_null(tcp_find(s.net, be32(SCRIPT_PEER_IP), 1007, SCRIPT_PORT));
    assert_non_null(tcp_find(s.net, be32(SCRIPT_PEER_IP), 1008, SCRIPT_PORT));
    script_free(&s);
}

/* Opens one from `port` through the handshake. False: no answer to its SYN. */
static bool open_from(struct script *s, u16 port)
{
    struct script_seg seg = {.src_port = port, .flags = TCP_SYN, .window = 1000};
    struct script_seg a;

    script_clear(s);
    script_in(s, &seg);
    while (script_out(s, &a))
        if (a.dst_port == port) {
            seg.flags = TCP_ACK;
            seg.seq = 1;
            seg.ack = a.seq + 1;
            script_in(s, &seg);
            s->peer_ack = seg.ack;
            return true;
        }
    return false;
}

/*
 * Peers that never finish their side, as many as there are connections (16 here), lock nobody out:
 * the oldest is reset. Who is open does not give way.
 */
static void orphans_give_way(void **state)
{
    struct script s;

    (void)state;
    script_init(&s, NULL);
    for (u16 i = 0; i < 20; i++) {
        assert_true(open_from(&s, (u16)(1000 + i)));
        assert_int_equal(s.opens, i + 1);
        net_close(s.net, s.conn, NET_FINISH);
        net_flush(s.net, s.now_ns);
        struct script_seg acked = {
            .src_port = (u16)(1000 + i), .flags = TCP_ACK, .seq = 1, .ack = s.peer_ack + 1};
        script_in(&s, &acked); /* FIN_WAIT_2, for ever */
    }
    assert_int_equal(net_conns(s.net), 16);
    assert_int_equal(stat(&s, NET_ORPHANS_CUT), 4);
    assert_null(tcp_find(s.net, be32(SCRIPT_PEER_IP), 1003, SCRIPT_PORT));
    assert_non_null(tcp_find(s.net, be32(SCRIPT_PEER_IP), 1004, SCRIPT_PORT));
    for (u16 i = 0; i < 16; i++)
        assert_true(open_from(&s, (u16)(2000 + i)));
    assert_false(open_from(&s, 3000));
    assert_int_equal(s.opens, 36);
    assert_int_equal(stat(&s, NET_DROP_SYN_FULL), 1);
    script_free(&s);
}

/* ---- keepalive ---- */

static void keepalive_answered(void **state)
{
    struct script s;

    (void)state;
    open_plain(&s);
    for (u32 i = 0; i < 5; i++) {
        script_run_steps(&s, 59 * NS_PER_SEC, NS_PER_MS);
        struct script_seg a;
        assert_false(script_out(&s, &a));
        script_run_steps(&s, 2 * NS_PER_SEC, NS_PER_MS);
        a = expect(&s, TCP_ACK);
        assert_int_equal(a.seq, s.peer_ack - 1);
        assert_int_equal(a.len, 0);
        script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, NULL, 0);
    }
    assert_int_equal(s.closes, 0);
    script_free(&s);
}

static void keepalive_unanswered(void **state)
{
    struct script s;

    (void)state;
    open_plain(&s);
    script_run_steps(&s, 119 * NS_PER_SEC, NS_PER_MS);
    assert_int_equal(s.closes, 0);
    script_run_steps(&s, 2 * NS_PER_SEC, NS_PER_MS);
    assert_int_equal(s.closes, 1);
    assert_int_equal(s.why, NET_ERROR);
    for (u32 i = 0; i < 6; i++)
        expect(&s, TCP_ACK);
    expect(&s, TCP_RST | TCP_ACK);
    assert_int_equal(net_conns(s.net), 0);
    script_free(&s);
}

/* The peer's own probes are answered. */
static void keepalive_of_the_peer(void **state)
{
    struct script s;

    (void)state;
    open_plain(&s);
    script_seg(&s, TCP_ACK, s.peer_seq - 1, s.peer_ack, NULL, 0);
    struct script_seg a = expect(&s, TCP_ACK);
    assert_int_equal(a.ack, s.peer_seq);
    script_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(we_close_first),
        cmocka_unit_test(peer_closes_first),
        cmocka_unit_test(both_close_at_once),
        cmocka_unit_test(fin_and_ack_together),
        cmocka_unit_test(fin_out_of_order),
        cmocka_unit_test(half_close),
        cmocka_unit_test(we_reset),
        cmocka_unit_test(orphans_end),
        cmocka_unit_test(orphans_with_closed_windows_end),
        cmocka_unit_test(data_behind_the_fin),
        cmocka_unit_test(time_wait_reuse),
        cmocka_unit_test(time_wait_reuse_by_timestamp),
        cmocka_unit_test(time_wait_is_bounded),
        cmocka_unit_test(orphans_give_way),
        cmocka_unit_test(keepalive_answered),
        cmocka_unit_test(keepalive_unanswered),
        cmocka_unit_test(keepalive_of_the_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
