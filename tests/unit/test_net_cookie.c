/* test_net_cookie.c - SYN cookies: nothing kept of a SYN, and all there when its ACK comes. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "gateway/net/net_state.h"
#include "gateway/net/tcp.h"
#include "tests/lib/net_script.h"
#include "tests/lib/seed.h"

static u64 stat(const struct script *s, enum net_stat which)
{
    return metric_get(&s->net->stats[which]);
}

/* An endpoint of 16 connections, 8 of which wait for the end of a handshake that never comes. */
static void start_full(struct script *s)
{
    script_init(s, NULL);
    for (u32 i = 0; i < s->conf.half_open_max; i++) {
        struct script_seg syn = {
            .src_port = (u16)(1000 + i), .flags = TCP_SYN, .seq = 77, .window = 1000};
        script_in(s, &syn);
    }
    assert_int_equal(s->net->half_open, s->conf.half_open_max);
    script_clear(s);
}

static struct tcp_conn *found(struct script *s, u16 port)
{
    return tcp_find(s->net, be32(SCRIPT_PEER_IP), port, SCRIPT_PORT);
}

/* A SYN with these options is answered and forgotten; returns the answer. */
static struct script_seg ask(struct script *s, u16 port, u32 seq, const u8 *options, u32 n)
{
    struct script_seg syn = {
        .src_port = port, .flags = TCP_SYN, .seq = seq, .window = 1000, .options_len = n};
    struct script_seg a;
    u32 conns = net_conns(s->net);

    if (n > 0)
        memcpy(syn.options, options, n);
    script_in(s, &syn);
    assert_true(script_out(s, &a));
    assert_int_equal(a.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(a.ack, seq + 1);
    assert_int_equal(a.dst_port, port);
    assert_int_equal(net_conns(s->net), conns);
    assert_null(found(s, port));
    return a;
}

/* The ACK of `a`; with timestamps if the answer had some. */
static void acknowledge(struct script *s, const struct script_seg *a, const void *data, u32 len)
{
    struct script_seg ack = {.src_port = a->dst_port,
                             .flags = TCP_ACK,
                             .seq = a->ack,
                             .ack = a->seq + 1,
                             .window = 1000,
                             .data = data,
                             .len = len};

    if (a->has_ts) {
        u32 val = a->ts_ecr + 5;
        u8 ts[12] = {1, 1, 8, 10, (u8)(val >> 24), (u8)(val >> 16), (u8)(val >> 8), (u8)val};
        for (u32 i = 0; i < 4; i++)
            ts[8 + i] = (u8)(a->ts_val >> (24 - 8 * i));
        memcpy(ack.options, ts, sizeof ts);
        ack.options_len = sizeof ts;
    }
    script_in(s, &ack);
}

static const u8 all_options[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7};

static void opens_with_all_options(void **state)
{
    struct script s;

    (void)state;
    start_full(&s);
    script_run(&s, 7 * NS_PER_MS);
    struct script_seg a = ask(&s, 5000, 300, all_options, sizeof all_options);
    assert_true(a.has_mss && a.has_ts && a.has_sack_ok && a.has_wscale);
    assert_int_equal(a.ts_ecr, 9);
    acknowledge(&s, &a, "hello", 5);
    assert_int_equal(s.opens, 1);
    assert_int_equal(s.app_len, 5);
    assert_int_equal(stat(&s, NET_COOKIES_SENT), 1);
    assert_int_equal(stat(&s, NET_COOKIES_TAKEN), 1);
    const struct tcp_conn *c = found(&s, 5000);
    assert_int_equal(c->state, TCP_ESTABLISHED);
    assert_true(c->ts_ok && c->sack_ok && c->wscale_ok);
    assert_int_equal(c->mss, 1460);
    assert_int_equal(c->snd_wscale, 7);
    assert_int_equal(c->snd_wnd, 1000 << 7);
    /* timestamps do not go back behind the cookie's, data follows its number */
    net_send(s.net, s.conn, "x", 1);
    net_flush(s.net, s.now_ns);
    struct script_seg b;
    assert_true(script_out(&s, &b));
    assert_int_equal(b.seq, a.seq + 1);
    assert_true((i32)(b.ts_val - a.ts_val) >= 0 && b.ts_val - a.ts_val < 64);
    script_run(&s, 1001 * NS_PER_MS); /* the initial RTO */
    do                                /* the SYN|ACKs of the others */
        assert_true(script_out(&s, &b));
    while (b.dst_port != 5000);
    assert_int_equal(b.len, 1);
    script_free(&s);
}

static void opens_without_options(void **state)
{
    struct script s;

    (void)state;
    start_full(&s);
    struct script_seg a = ask(&s, 5000, 300, NULL, 0);
    assert_true(a.has_mss && !a.has_ts && !a.has_sack_ok && !a.has_wscale);
    acknowledge(&s, &a, NULL, 0);
    const struct tcp_conn *c = found(&s, 5000);
    assert_false(c->ts_ok || c->sack_ok || c->wscale_ok);
    assert_int_equal(c->mss, TCP_MSS_DEFAULT);
    assert_int_equal(c->snd_wnd, 1000);
    /* without timestamps nothing else can be remembered: so it is not offered */
    static const u8 no_ts[] = {2, 4, 5, 0xb4, 4, 2, 1, 1, 1, 3, 3, 7};
    a = ask(&s, 5001, 300, no_ts, sizeof no_ts);
    assert_true(!a.has_ts && !a.has_sack_ok && !a.has_wscale);
    acknowledge(&s, &a, NULL, 0);
    c = found(&s, 5001);
    assert_false(c->sack_ok || c->wscale_ok);
    assert_int_equal(c->mss, 1460);
    script_free(&s);
}

/* Whatever was offered: the MSS is never larger, the other options are as they were. */
static void options_survive(void **state)
{
    struct script s;
    struct rng rng = {.seed = test_seed()};

    (void)state;
    start_full(&s);
    for (u32 i = 0; i < 2000; i++) {
        u32 x = (u32)rng_next(&rng);
        u16 mss = (u16)(200 + x % 9000);
        u8 wscale = (u8)(x >> 16 & 15);
        bool sack = (x >> 20 & 1) != 0, scaled = wscale < 15;
        u8 o[20] = {2, 4, (u8)(mss >> 8), (u8)mss, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0};
        memcpy(o + 14, (u8[]){scaled ? 3 : 1, scaled ? 3 : 1, scaled ? wscale : 1}, 3);
        memcpy(o + 17, sack ? (u8[]){4, 2, 1} : (u8[]){1, 1, 1}, 3);
        s.now_ns += x % (3 * NS_PER_SEC);
        struct script_seg a = ask(&s, (u16)(2000 + i), x, o, sizeof o);
        acknowledge(&s, &a, NULL, 0);
        struct tcp_conn *c = found(&s, (u16)(2000 + i));
        assert_non_null(c);
        assert_true(c->mss <= max_u32(mss, TCP_MSS_MIN));
        assert_true(mss < 1460 || c->mss == 1460);
        assert_int_equal(c->sack_ok, sack);
        assert_int_equal(c->wscale_ok, scaled);
        assert_int_equal(c->snd_wscale, scaled ? wscale : 0);
        assert_int_equal(c->ts_recent, 0x100 + 5);
        net_close(s.net, c->name, NET_RESET);
        script_clear(&s);
    }
    script_free(&s);
}

static void expect_refused(struct script *s, const struct script_seg *a)
{
    struct script_seg rst;
    u32 conns = net_conns(s->net);

    acknowledge(s, a, NULL, 0);
    assert_true(script_out(s, &rst));
    assert_int_equal(rst.flags, TCP_RST);
    assert_int_equal(rst.seq, a->seq + 1);
    assert_int_equal(net_conns(s->net), conns);
    assert_int_equal(stat(s, NET_COOKIES_TAKEN), 0);
}

/* Everything that the cookie covers. */
static void forged_ones_are_refused(void **state)
{
    struct script s;
    struct script_seg a, b;

    (void)state;
    start_full(&s);
    a = ask(&s, 5000, 300, all_options, sizeof all_options);
    b = a;
    b.seq += 1;
    expect_refused(&s, &b);
    b = a;
    b.ack += 1; /* the peer's number */
    expect_refused(&s, &b);
    b = a;
    b.dst_port++;
    expect_refused(&s, &b);
    b = a;
    b.has_ts = false;
    expect_refused(&s, &b);
    struct rng rng = {.seed = test_seed()};
    for (u32 i = 0; i < 10000; i++) {
        b = a;
        b.seq = (u32)rng_next(&rng);
        expect_refused(&s, &b);
    }
    net_accept(s.net, false); /* drained */
    expect_refused(&s, &a);
    net_accept(s.net, true);
    acknowledge(&s, &a, NULL, 0);
    assert_int_equal(s.opens, 1);
    script_free(&s);
}

static void lives_for_a_minute_at_least(void **state)
{
    struct script s;

    (void)state;
    for (u32 second = 0; second <= 64; second += 8) {
        start_full(&s);
        s.now_ns += second * NS_PER_SEC;
        struct script_seg a = ask(&s, 5000, 300, NULL, 0);
        s.now_ns += 64 * NS_PER_SEC;
        acknowledge(&s, &a, NULL, 0);
        assert_int_equal(s.opens, 1);
        script_free(&s);
    }
    start_full(&s);
    struct script_seg a = ask(&s, 5000, 300, NULL, 0);
    s.now_ns += 128 * NS_PER_SEC;
    expect_refused(&s, &a);
    script_free(&s);
}

/* Two endpoints with different keys do not take each other's; nor does one after a restart. */
static void keys_differ(void **state)
{
    struct script s, other;

    (void)state;
    start_full(&s);
    struct script_seg a = ask(&s, 5000, 300, NULL, 0);
    struct net_conf conf = s.conf;
    script_free(&s);
    conf.secret[0] ^= 1;
    script_init(&other, &conf);
    other.net->cookies_until_ns = UINT64_MAX;
    expect_refused(&other, &a);
    script_free(&other);
}

/* No connection is free: its data is not acknowledged, so it comes again. */
static void no_room_for_it(void **state)
{
    struct script s;
    struct script_seg a[10];

    (void)state;
    start_full(&s); /* 8 of 16 are left */
    for (u32 i = 0; i < 9; i++)
        a[i] = ask(&s, (u16)(5000 + i), 300, NULL, 0);
    for (u32 i = 0; i < 9; i++)
        acknowledge(&s, &a[i], "x", 1);
    assert_int_equal(s.opens, 8);
    assert_int_equal(stat(&s, NET_DROP_SYN_FULL), 1);
    net_close(s.net, s.conn, NET_RESET);
    acknowledge(&s, &a[8], "x", 1);
    assert_int_equal(s.opens, 9);
    script_free(&s);
}

/* In a flood, too, a SYN for what is in TIME_WAIT gets a connection, with numbers beyond. */
static void time_wait_reuse_needs_no_cookie(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    script_init(&s, NULL);
    script_open(&s, NULL, 0);
    net_close(s.net, s.conn, NET_FINISH);
    net_flush(s.net, s.now_ns);
    script_seg(&s, TCP_FIN | TCP_ACK, s.peer_seq, s.peer_ack + 1, NULL, 0);
    for (u32 i = 0; i < 20; i++) {
        struct script_seg syn = {
            .src_port = (u16)(1000 + i), .flags = TCP_SYN, .seq = 77, .window = 1000};
        script_in(&s, &syn);
    }
    script_clear(&s);
    struct script_seg syn = {.flags = TCP_SYN, .seq = s.peer_seq + 1000, .window = 1000};
    script_in(&s, &syn);
    assert_true(script_out(&s, &a));
    assert_int_equal(found(&s, SCRIPT_PEER_PORT)->state, TCP_SYN_RCVD);
    assert_true((i32)(a.seq - (s.peer_ack + 1)) >= (i32)TCP_REUSE_GAP);
    script_free(&s);
}

static u32 frames_left(struct script *s)
{
    u32 n = 0;

    while (script_out_frame(s) != NULL)
        n++;
    return n;
}

/* Pressed: the SYN|ACKs of a full queue go out once more and are then forgotten, not six times. */
static void a_full_queue_is_impatient(void **state)
{
    struct script s;

    (void)state;
    start_full(&s);
    script_run(&s, 1100 * NS_PER_MS);
    assert_int_equal(frames_left(&s), 8);
    script_run(&s, 1800 * NS_PER_MS);
    assert_int_equal(net_conns(s.net), 8);
    script_run(&s, 200 * NS_PER_MS);
    /* the last ones are few enough for patience */
    assert_int_equal(net_conns(s.net), 4);
    assert_int_equal(frames_left(&s), 4);
    script_free(&s);
}

/* What is due at one moment does not hold up a turn. */
static void timers_of_a_turn_are_bounded(void **state)
{
    struct net_conf conf;
    struct script s;

    (void)state;
    script_conf(&conf);
    conf.conns_max = 600;
    conf.half_open_max = 600;
    script_init(&s, &conf);
    for (u32 i = 0; i < 250; i++) {
        struct script_seg syn = {
            .src_port = (u16)(1000 + i), .flags = TCP_SYN, .seq = 77, .window = 1000};
        script_in(&s, &syn);
    }
    script_clear(&s);
    net_poll(s.net, s.now_ns);
    s.now_ns += 1100 * NS_PER_MS;
    for (u32 left = 250; left > 0;) {
        u32 now = min_u32(left, NET_TIMERS_TURN);
        net_poll(s.net, s.now_ns);
        net_check(s.net, s.now_ns);
        assert_int_equal(frames_left(&s), now);
        left -= now;
    }
    net_poll(s.net, s.now_ns);
    assert_int_equal(frames_left(&s), 0);
    script_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_with_all_options),
        cmocka_unit_test(opens_without_options),
        cmocka_unit_test(options_survive),
        cmocka_unit_test(forged_ones_are_refused),
        cmocka_unit_test(lives_for_a_minute_at_least),
        cmocka_unit_test(keys_differ),
        cmocka_unit_test(no_room_for_it),
        cmocka_unit_test(a_full_queue_is_impatient),
        cmocka_unit_test(timers_of_a_turn_are_bounded),
        cmocka_unit_test(time_wait_reuse_needs_no_cookie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
