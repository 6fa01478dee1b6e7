/* test_net_tcp_flow.c - scripts: windows both ways, persist, delayed ACKs, coalescing, pools. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "gateway/net/net_state.h"
#include "gateway/net/tcp.h"
#include "tests/lib/net_script.h"

static const u8 mss_1000[] = {2, 4, 0x03, 0xe8};
static u8 zeroes[NET_SPACE_BYTES];

static u64 stat(const struct script *s, enum net_stat which)
{
    return metric_get(&s->net->stats[which]);
}

static void open_1000(struct script *s, struct net_conf *conf)
{
    struct net_conf own;

    if (conf == NULL) {
        script_conf(&own);
        own.tlp_min_ns = 0;
        conf = &own;
    }
    script_init(s, conf);
    script_open(s, mss_1000, sizeof mss_1000);
    script_clear(s);
}

static void ack_window(struct script *s, u32 ack, u16 window)
{
    struct script_seg seg = {.flags = TCP_ACK, .seq = s->peer_seq, .ack = ack, .window = window};

    script_in(s, &seg);
}

/* Small sends of a turn leave in one segment; the ACK of what came rides on it. */
static void small_sends_coalesce(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    open_1000(&s, NULL);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, "order", 5);
    assert_false(script_out(&s, &a)); /* the ACK waits for company */
    net_send(s.net, s.conn, "one", 3);
    net_send(s.net, s.conn, "two", 3);
    net_send(s.net, s.conn, "three", 5);
    assert_int_equal(net_flush(s.net, s.now_ns), 1);
    assert_true(script_out(&s, &a));
    assert_int_equal(a.len, 11);
    assert_memory_equal(a.data, "onetwothree", 11);
    assert_int_equal(a.ack, s.peer_seq + 5);
    assert_int_equal(a.flags, TCP_ACK | TCP_PSH);
    script_run(&s, 10 * NS_PER_MS);
    assert_false(script_out(&s, &a)); /* no ACK of its own */
    /* Nagle is off: the next small one does not wait for the ACK of the first. */
    net_send(s.net, s.conn, "four", 4);
    net_flush(s.net, s.now_ns);
    assert_true(script_out(&s, &a));
    assert_int_equal(a.len, 4);
    script_free(&s);
}

static void delayed_ack(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    open_1000(&s, NULL);
    u64 came = s.now_ns;
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, "abc", 3);
    script_run(&s, 5 * NS_PER_MS);
    assert_true(script_out(&s, &a));
    assert_int_equal(a.ack, s.peer_seq + 3);
    assert_int_equal(a.len, 0);
    assert_true(a.at_ns - came <= NS_PER_MS + 50 * NS_PER_US);
    assert_false(script_out(&s, &a));
    assert_int_equal(stat(&s, NET_ACKS_DELAYED), 1);
    script_seg(&s, TCP_ACK, s.peer_seq + 3, s.peer_ack, zeroes, 1000);
    assert_false(script_out(&s, &a));
    script_seg(&s, TCP_ACK, s.peer_seq + 1003, s.peer_ack, zeroes, 1000);
    assert_true(script_out(&s, &a)); /* every second full segment, at once */
    assert_int_equal(a.ack, s.peer_seq + 2003);
    script_free(&s);
}

/* What the application leaves closes the window by itself, is offered again, and opens it again. */
static void slow_reader(void **state)
{
    struct script s;
    struct script_seg a;
    u8 pattern[1000];
    u32 sent = 0;
    u16 window = 65535;

    (void)state;
    open_1000(&s, NULL);
    s.take = 0;
    while (window > 0 && sent < 100000) {
        u32 n = min_u32(window, sizeof pattern);
        for (u32 i = 0; i < n; i++)
            pattern[i] = (u8)((sent + i) * 7 + (sent + i) / 251);
        script_seg(&s, TCP_ACK, s.peer_seq + sent, s.peer_ack, pattern, n);
        sent += n;
        script_run(&s, 2 * NS_PER_MS);
        while (script_out(&s, &a))
            window = a.window;
    }
    assert_int_equal(sent, NET_SPACE_BYTES);
    assert_int_equal(s.app_len, 0);
    script_seg(&s, TCP_ACK, s.peer_seq + sent, s.peer_ack, "z", 1); /* into the closed window */
    assert_true(script_out(&s, &a));
    assert_int_equal(a.window, 0);
    assert_int_equal(a.ack, s.peer_seq + sent);
    script_run(&s, 200 * NS_PER_US);
    assert_int_equal(net_poll(s.net, s.now_ns), 0); /* offered in vain: that is no work */
    s.take = 100;
    assert_int_equal(net_poll(s.net, s.now_ns), 1);
    script_run(&s, 200 * NS_PER_US); /* a little: not worth telling */
    assert_false(script_out(&s, &a));
    s.take = UINT32_MAX;
    script_run(&s, 200 * NS_PER_US);
    assert_int_equal(s.app_len, sent);
    for (u32 i = 0; i < sent; i++)
        assert_int_equal(s.app[i], (u8)(i * 7 + i / 251));
    assert_true(script_out(&s, &a)); /* the window is open: told at once */
    assert_int_equal(a.window, NET_SPACE_BYTES);
    assert_int_equal(net_chunks_used(s.net), 0);
    script_free(&s);
}

/* RFC 9293 3.8.6.1: probes into a zero window, ever more seldom, as long as they are answered. */
static void zero_window_probes(void **state)
{
    struct script s;
    struct script_seg a;
    u32 probes = 0;
    u64 last = 0;
    u64 gap = 0;

    (void)state;
    open_1000(&s, NULL);
    ack_window(&s, s.peer_ack, 0);
    net_send(s.net, s.conn, zeroes, 500);
    net_flush(s.net, s.now_ns);
    assert_false(script_out(&s, &a));
    for (u32 i = 0; i < 3000; i++) { /* five minutes: far beyond the user timeout */
        script_run_steps(&s, 100 * NS_PER_MS, NS_PER_MS);
        while (script_out(&s, &a)) {
            assert_int_equal(a.len, 0);
            assert_int_equal(a.seq, s.peer_ack - 1);
            assert_true(last == 0 || a.at_ns - last + NS_PER_SEC >= gap);
            gap = last == 0 ? 0 : a.at_ns - last;
            last = a.at_ns;
            probes++;
            ack_window(&s, s.peer_ack, 0);
        }
    }
    assert_true(probes >= 10 && probes < 30);
    assert_int_equal(s.closes, 0);
    ack_window(&s, s.peer_ack, 1000);
    assert_true(script_out(&s, &a));
    assert_int_equal(a.len, 500);
    u64 sent = a.at_ns;
    script_run(&s, 60 * NS_PER_MS); /* lost: the RTO is the ordinary one again */
    assert_true(script_out(&s, &a));
    assert_true(a.at_ns - sent < 60 * NS_PER_MS);
    script_free(&s);
}

static void zero_window_unanswered(void **state)
{
    struct script s;

    (void)state;
    open_1000(&s, NULL);
    ack_window(&s, s.peer_ack, 0);
    net_send(s.net, s.conn, zeroes, 500);
    script_run_steps(&s, 400 * NS_PER_SEC, NS_PER_MS);
    assert_int_equal(s.closes, 1);
    assert_int_equal(net_chunks_used(s.net), 0);
    script_free(&s);
}

/* Silly windows: not worth a segment, until the persist timer says that it has to be. */
static void small_window(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    open_1000(&s, NULL);
    ack_window(&s, s.peer_ack, 100);
    net_send(s.net, s.conn, zeroes, 5000);
    net_flush(s.net, s.now_ns);
    assert_false(script_out(&s, &a));
    script_run(&s, 100 * NS_PER_MS);
    assert_true(script_out(&s, &a));
    assert_int_equal(a.len, 100);
    script_free(&s);
}

static void windows_are_scaled(void **state)
{
    struct script s;
    struct script_seg a;
    u32 bytes = 0;

    (void)state;
    script_init(&s, NULL);
    script_open(&s, (u8[]){2, 4, 0x03, 0xe8, 1, 3, 3, 8}, 8);
    script_clear(&s);
    ack_window(&s, s.peer_ack, 20); /* 5,120 bytes */
    net_send(s.net, s.conn, zeroes, 20000);
    net_flush(s.net, s.now_ns);
    while (script_out(&s, &a))
        bytes += a.len;
    assert_int_equal(bytes, 5000);
    script_free(&s);
}

/* room and writable: a full space says so, and hears when there is more. */
static void room_and_writable(void **state)
{
    struct script s;

    (void)state;
    open_1000(&s, NULL);
    assert_int_equal(net_room(s.net, s.conn), NET_SPACE_BYTES);
    net_send(s.net, s.conn, zeroes, NET_SPACE_BYTES);
    assert_int_equal(net_room(s.net, s.conn), 0);
    net_flush(s.net, s.now_ns);
    assert_int_equal(s.writables, 0);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 3000, NULL, 0);
    assert_int_equal(s.writables, 1);
    assert_int_equal(net_room(s.net, s.conn), 3000);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 4000, NULL, 0);
    assert_int_equal(s.writables, 2);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 5000, NULL, 0); /* nobody looked since */
    assert_int_equal(s.writables, 2);
    assert_int_equal(net_room(s.net, 4711), 0); /* no such connection */
    script_free(&s);
}

/* A pool that is used up: less room, and writable when somebody else gives back. */
static void pool_runs_empty(void **state)
{
    struct net_conf conf;
    struct script s;

    (void)state;
    script_conf(&conf);
    conf.chunks = 16; /* 12 for sending */
    conf.tlp_min_ns = 0;
    open_1000(&s, &conf);
    u64 first = s.conn;
    struct script_seg syn = {.src_port = 9, .flags = TCP_SYN, .seq = 7, .window = 1000};
    struct script_seg a;
    script_in(&s, &syn);
    assert_true(script_out(&s, &a));
    syn = (struct script_seg){.src_port = 9, .flags = TCP_ACK, .seq = 8, .ack = a.seq + 1};
    script_in(&s, &syn);
    u64 second = s.conn;
    assert_true(first != second);
    u32 room = net_room(s.net, first);
    assert_true(room <= 12 * NET_CHUNK_BYTES && room > 11 * NET_CHUNK_BYTES);
    net_send(s.net, first, zeroes, room);
    net_flush(s.net, s.now_ns);
    assert_int_equal(net_room(s.net, second), SPACE_FEW); /* needs none */
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack + 10000, NULL, 0);
    net_poll(s.net, s.now_ns);
    assert_int_equal(s.writables, 1);
    assert_true(net_room(s.net, second) > 0);
    net_close(s.net, first, NET_RESET);
    net_close(s.net, second, NET_RESET);
    assert_int_equal(net_chunks_used(s.net), 0);
    script_free(&s);
}

/* Too little room because others have the pool: told when they give it back. */
static void room_that_others_took(void **state)
{
    struct script_seg syn = {.src_port = 7, .flags = TCP_SYN, .seq = 1, .window = 65535};
    struct net_conf conf;
    struct script s;
    struct script_seg a;

    (void)state;
    script_conf(&conf);
    conf.chunks = 16; /* 12 for sending */
    open_1000(&s, &conf);
    u64 first = s.conn;
    net_send(s.net, first, zeroes, 9 * NET_CHUNK_BYTES);
    net_flush(s.net, s.now_ns);
    u32 base = s.peer_ack;
    script_clear(&s);
    script_in(&s, &syn);
    assert_true(script_out(&s, &a));
    script_in(&s, &(struct script_seg){
                      .src_port = 7, .flags = TCP_ACK, .seq = 2, .ack = a.seq + 1, .window = 9});
    assert_true(s.conn != first);
    u32 room = net_room(s.net, s.conn);
    assert_in_range(room, NET_CHUNK_BYTES, NET_ROOM_LOW - 1);
    script_run(&s, NS_PER_MS);
    assert_int_equal(s.writables, 0);
    script_seg(&s, TCP_ACK, s.peer_seq, base + 4 * NET_CHUNK_BYTES, NULL, 0);
    script_run(&s, NS_PER_MS);
    assert_int_equal(s.writables, 1);
    assert_true(net_room(s.net, s.conn) >= room + 3 * NET_CHUNK_BYTES);
    script_free(&s);
}

/*
 * Those who send with holes can use up half of the receive chunks, not all, and nobody's in-order.
 */
static void holes_do_not_starve(void **state)
{
    struct net_conf conf;
    struct script s;

    (void)state;
    script_conf(&conf);
    conf.chunks = 16; /* 4 for receiving */
    open_1000(&s, &conf);
    for (u32 i = 1; i < 20; i++)
        script_seg(&s, TCP_ACK, s.peer_seq + 3000 * i, s.peer_ack, "x", 1);
    assert_true(net_chunks_used(s.net) <= 2);
    assert_true(stat(&s, NET_DROP_TCP_POOL) > 0);
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, "abc", 3);
    assert_int_equal(s.app_len, 3);
    script_free(&s);
}

/*
 * Who is not read from can use up half of them, too; what others send has a place all the same.
 */
static void unread_bytes_do_not_starve(void **state)
{
    struct script_seg syn = {.src_port = 9, .flags = TCP_SYN, .seq = 7, .window = 1000};
    struct net_conf conf;
    struct script s;
    struct script_seg a;

    (void)state;
    script_conf(&conf);
    conf.chunks = 64; /* 16 for receiving */
    conf.chunks_kept = 16;
    open_1000(&s, &conf);
    s.take = 0;
    for (u32 i = 0; i < 60; i++)
        script_seg(&s, TCP_ACK, s.peer_seq + 1000 * i, s.peer_ack, zeroes, 1000);
    assert_in_range(net_chunks_used(s.net), 1, 8);
    script_clear(&s);
    script_in(&s, &syn);
    assert_true(script_out(&s, &a));
    syn = (struct script_seg){
        .src_port = 9, .flags = TCP_ACK, .seq = 8, .ack = a.seq + 1, .data = zeroes, .len = 1000};
    script_in(&s, &syn);
    script_clear(&s);
    syn.seq += 1000;
    script_in(&s, &syn);
    assert_true(script_out(&s, &a)); /* the second full segment's */
    assert_int_equal(a.ack, 8 + 2000);
    script_free(&s);
}

static void reset_within_data(void **state)
{
    struct script s;
    struct script_seg a;

    (void)state;
    open_1000(&s, NULL);
    s.close_in_data = true;
    script_seg(&s, TCP_ACK, s.peer_seq, s.peer_ack, "bad", 3);
    assert_true(script_out(&s, &a));
    assert_int_equal(a.flags & TCP_RST, TCP_RST);
    assert_int_equal(net_conns(s.net), 0);
    assert_int_equal(s.closes, 0);
    net_close(s.net, s.conn, NET_FINISH); /* harmless */
    net_send(s.net, s.conn, NULL, 0);
    script_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_sends_coalesce),
        cmocka_unit_test(delayed_ack),
        cmocka_unit_test(slow_reader),
        cmocka_unit_test(zero_window_probes),
        cmocka_unit_test(zero_window_unanswered),
        cmocka_unit_test(small_window),
        cmocka_unit_test(windows_are_scaled),
        cmocka_unit_test(room_and_writable),
        cmocka_unit_test(pool_runs_empty),
        cmocka_unit_test(room_that_others_took),
        cmocka_unit_test(holes_do_not_starve),
        cmocka_unit_test(unread_bytes_do_not_starve),
        cmocka_unit_test(reset_within_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
