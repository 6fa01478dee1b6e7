/*
 * test_sim_net.c - the simulator's network keeps the transport's contract: the session suite over
 * it, whole and in pieces; and what the suite cannot see: loss at the server's death, bounds,
 * order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/session_suite.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_net.h"

/* ---- the suite's wire over sim_net ---- */

struct sim_wire {
    struct wire wire;
    struct sim_net *net;
    int conns[WIRE_CLIENTS_MAX];
    enum wire_end ends[WIRE_CLIENTS_MAX]; /* as last seen: still asked for after hanging up */
    bool gone[WIRE_CLIENTS_MAX];
    u32 used;
};

static struct sim_wire *self(struct wire *w)
{
    return CONTAINER_OF(w, struct sim_wire, wire);
}

static u32 wire_connect(struct wire *w)
{
    struct transport_peer peer = {.ipv4 = 0x0100007f, .port = 4242, .local_port = 7001};
    struct sim_wire *s = self(w);

    s->conns[s->used] = sim_net_connect(s->net, &peer);
    assert_true(s->conns[s->used] >= 0);
    return s->used++;
}

static enum wire_end wire_look(struct wire *w, u32 client)
{
    struct sim_wire *s = self(w);

    if (s->gone[client])
        return s->ends[client];
    switch (sim_net_state(s->net, s->conns[client])) {
    case SIM_CONN_OPEN:
        return s->ends[client] = WIRE_OPEN;
    case SIM_CONN_EOF:
        return s->ends[client] = WIRE_EOF;
    case SIM_CONN_RESET:
        return s->ends[client] = WIRE_RESET;
    }
    return WIRE_RESET;
}

static u32 wire_write(struct wire *w, u32 client, const void *bytes, u32 n)
{
    if (wire_look(w, client) != WIRE_OPEN)
        return n; /* nobody is there */
    return sim_net_send(self(w)->net, self(w)->conns[client], bytes, n);
}

static u32 wire_read(struct wire *w, u32 client, void *to, u32 max)
{
    if (self(w)->gone[client])
        return 0;
    return sim_net_receive(self(w)->net, self(w)->conns[client], to, max);
}

static void wire_hang_up(struct wire *w, u32 client, enum transport_close how)
{
    (void)wire_look(w, client);
    self(w)->gone[client] = true;
    sim_net_hang_up(self(w)->net, self(w)->conns[client], how);
}

static void wire_settle(struct wire *w)
{
    (void)w;
}

static void wire_free(struct wire *w)
{
    sim_net_free(self(w)->net);
    free(self(w));
}

static struct wire *wire_over(bool whole)
{
    struct sim_net_conf conf = {
        .delay_max_ns = 300, .space_bytes = 1 << 16, .whole = whole, .leads_time = true};
    struct sim_wire *s = sim_alloc(sizeof *s);

    sim_begin(1, 1, false);
    s->net = sim_net_new(&conf);
    s->wire = (struct wire){.transport = sim_net_listen(s->net),
                            .connect = wire_connect,
                            .write = wire_write,
                            .read = wire_read,
                            .end = wire_look,
                            .hang_up = wire_hang_up,
                            .settle = wire_settle,
                            .free = wire_free};
    return &s->wire;
}

static struct wire *in_whole_pieces(void)
{
    return wire_over(true);
}

static struct wire *in_any_pieces(void)
{
    return wire_over(false);
}

/* ---- what the suite cannot see ---- */

struct server {
    u64 conn;
    u8 got[65536];
    u32 got_used;
    bool refuses;
    bool takes_nothing;
    u32 closed;
    u32 writable;
};

static bool opened(void *ctx, u64 conn, const struct transport_peer *peer)
{
    struct server *s = ctx;

    assert_int_equal(peer->local_port, 7001);
    s->conn = conn;
    return !s->refuses;
}

static u32 data(void *ctx, u64 conn, const u8 *bytes, u32 n)
{
    struct server *s = ctx;

    assert_int_equal(conn, s->conn);
    if (s->takes_nothing)
        return 0;
    assert_true(s->got_used + n <= sizeof s->got);
    memcpy(s->got + s->got_used, bytes, n);
    s->got_used += n;
    return n;
}

static void writable(void *ctx, u64 conn)
{
    struct server *s = ctx;

    assert_int_equal(conn, s->conn);
    s->writable++;
}

static void closed(void *ctx, u64 conn, enum transport_closed why)
{
    struct server *s = ctx;

    (void)why;
    assert_int_equal(conn, s->conn);
    s->closed++;
}

static const struct transport_up up = {
    .opened = opened,
    .data = data,
    .writable = writable,
    .closed = closed,
};

struct bench {
    struct sim_net *net;
    struct transport *t;
    struct server server;
    int c;
};

static void bench_open(struct bench *b, u64 seed)
{
    struct sim_net_conf conf = {.delay_min_ns = 1000, .delay_max_ns = 50000, .space_bytes = 1024};
    struct transport_peer peer = {.local_port = 7001};

    memset(b, 0, sizeof *b);
    sim_begin(seed, NS_PER_SEC, false);
    b->net = sim_net_new(&conf);
    b->t = sim_net_listen(b->net);
    b->t->up = &up;
    b->t->up_ctx = &b->server;
    b->t->ops->accept(b->t, TRANSPORT_ALL);
    b->c = sim_net_connect(b->net, &peer);
}

static void bench_turns(struct bench *b, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        sim.now_ns += 10000;
        b->t->ops->poll(b->t, sim.now_ns);
        b->t->ops->flush(b->t, sim.now_ns);
    }
}

static void bytes_arrive_in_order_and_bounded(void **state)
{
    struct bench b;
    u8 next = 0, back = 0, buffer[256];
    u32 sent = 0;

    (void)state;
    bench_open(&b, 3);
    bench_turns(&b, 20);
    b.server.takes_nothing = true;
    for (u32 i = 0; i < 300; i++, next++)
        sent += sim_net_send(b.net, b.c, &next, 1);
    bench_turns(&b, 20);
    assert_int_equal(sent, 300);
    assert_int_equal(b.server.got_used, 0);
    b.server.takes_nothing = false;
    bench_turns(&b, 50);
    assert_int_equal(b.server.got_used, 300);
    for (u32 i = 0; i < 300; i++)
        assert_int_equal(b.server.got[i], (u8)i);

    assert_int_equal(b.t->ops->room(b.t, b.server.conn), 1024);
    memset(buffer, 7, sizeof buffer);
    for (u32 i = 0; i < 4; i++)
        b.t->ops->send(b.t, b.server.conn, buffer, 256);
    assert_int_equal(b.t->ops->room(b.t, b.server.conn), 0);
    bench_turns(&b, 100);
    assert_true(b.t->ops->stalled_ns(b.t, b.server.conn, sim.now_ns) > 0);
    assert_int_equal(b.server.writable, 0);
    while (sim_net_receive(b.net, b.c, &back, 1) == 1)
        assert_int_equal(back, 7);
    bench_turns(&b, 2);
    assert_int_equal(b.server.writable, 1);
    sim_net_free(b.net);
}

/* What was flushed may still come, what was not never does, and then there is a reset. */
static void a_dead_server_leaves_only_what_it_flushed(void **state)
{
    bool came = false;

    (void)state;
    for (u64 seed = 1; seed <= 30; seed++) {
        struct bench b;
        u8 got[64];
        bench_open(&b, seed);
        bench_turns(&b, 20);
        b.t->ops->send(b.t, b.server.conn, "flushed.", 8);
        b.t->ops->flush(b.t, sim.now_ns);
        for (u32 i = 0; i < 4; i++)
            b.t->ops->send(b.t, b.server.conn, "x", 0);
        sim_net_server_dies(b.net);
        sim.now_ns += sim_between(0, 200000);
        u32 n = sim_net_receive(b.net, b.c, got, sizeof got);
        assert_true(n <= 8 && memcmp(got, "flushed.", n) == 0);
        came |= n > 0;
        sim.now_ns += NS_PER_MS;
        assert_int_equal(sim_net_state(b.net, b.c), SIM_CONN_RESET);
        assert_int_equal(b.server.closed, 0); /* the dead hear nothing */
        sim_net_free(b.net);
    }
    assert_true(came);
}

static void refused_and_hung_up_ones_are_heard_of_once(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, 5);
    b.server.refuses = true;
    bench_turns(&b, 20);
    sim.now_ns += NS_PER_MS;
    assert_int_equal(sim_net_state(b.net, b.c), SIM_CONN_RESET);
    assert_int_equal(b.server.closed, 0);
    sim_net_free(b.net);

    bench_open(&b, 6);
    bench_turns(&b, 20);
    assert_int_equal(sim_net_send(b.net, b.c, "last", 4), 4);
    sim_net_hang_up(b.net, b.c, TRANSPORT_FINISH);
    bench_turns(&b, 60);
    assert_int_equal(b.server.got_used, 4); /* what stands before the end arrives */
    assert_int_equal(b.server.closed, 1);
    assert_int_equal(b.t->ops->room(b.t, b.server.conn), 0);
    sim_net_free(b.net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_in_order_and_bounded),
        cmocka_unit_test(a_dead_server_leaves_only_what_it_flushed),
        cmocka_unit_test(refused_and_hung_up_ones_are_heard_of_once),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += session_suite_run("sessions over the simulated network", in_whole_pieces);
    return failed + session_suite_run("the same in pieces of any size", in_any_pieces);
}
