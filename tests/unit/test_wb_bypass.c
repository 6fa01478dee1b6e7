/*
 * test_wb_bypass.c - the client library's connections past the kernel against an echo on the
 * gateway's transport, at the other end of one shared memory interface.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "gateway/bypass.h"
#include "gateway/client/wb_bypass.h"
#include "gateway/client/wb_carrier.h"
#include "tests/lib/bypass_wire.h"

#define HOST    "10.78.0.1"
#define PORT    9000
#define WAIT_NS (10 * NS_PER_SEC)

static struct mem mem;
static struct transport *t;
static u64 server_conn;
static u32 server_closed;

static bool up_opened(void *ctx, u64 conn, const struct transport_peer *peer)
{
    (void)ctx, (void)peer;
    server_conn = conn;
    return true;
}

/* Echoes what it has room for. */
static u32 up_data(void *ctx, u64 conn, const u8 *bytes, u32 n)
{
    (void)ctx;
    n = min_u32(n, t->ops->room(t, conn));
    t->ops->send(t, conn, bytes, n);
    return n;
}

static void up_writable(void *ctx, u64 conn)
{
    (void)ctx, (void)conn;
}

static void up_closed(void *ctx, u64 conn, enum transport_closed why)
{
    (void)ctx, (void)conn, (void)why;
    server_closed++;
}

static const struct transport_up up = {
    .opened = up_opened,
    .data = up_data,
    .writable = up_writable,
    .closed = up_closed,
};

static void server_turn(void)
{
    u64 now_ns = clock_now_ns();

    t->ops->poll(t, now_ns);
    t->ops->flush(t, now_ns);
}

#define TURN_UNTIL(condition)                       \
    do {                                            \
        u64 end_ns = clock_now_ns() + WAIT_NS;      \
        while (!(condition)) {                      \
            server_turn();                          \
            if (clock_now_ns() >= end_ns)           \
                fail_msg("waited for " #condition); \
        }                                           \
    } while (0)

static int open_conn(u16 port)
{
    const char *why = NULL;
    server_conn = 0;
    int conn = wb_carrier()->open(HOST, port, &why);

    if (conn < 0)
        fail_msg("%s", why);
    return conn;
}

static void echo_and_close(void **state)
{
    const struct wb_carrier *c = wb_carrier();
    static u8 out[300000], in[300000];
    u32 sent = 0, got = 0;
    int conn = open_conn(PORT);

    (void)state;
    TURN_UNTIL(c->ready(conn) != 0);
    assert_int_equal(c->ready(conn), 1);
    assert_int_equal(c->recv(conn, in, sizeof in), -1);
    assert_int_equal(errno, EAGAIN);
    for (u32 i = 0; i < sizeof out; i++)
        out[i] = (u8)(i * 7 + i / 251);
    while (got < sizeof in) {
        ssize_t n = c->send(conn, out + sent, (u32)sizeof out - sent);
        sent += n > 0 ? (u32)n : 0;
        server_turn();
        n = c->recv(conn, in + got, (u32)sizeof in - got);
        got += n > 0 ? (u32)n : 0;
    }
    assert_memory_equal(in, out, sizeof out);
    c->close(conn);
    TURN_UNTIL((c->turn(clock_now_ns()), server_closed == 1));
}

static void the_server_finishes(void **state)
{
    const struct wb_carrier *c = wb_carrier();
    u8 in[8];
    int conn = open_conn(PORT);

    (void)state;
    TURN_UNTIL(c->ready(conn) == 1);
    TURN_UNTIL(server_conn != 0);
    t->ops->send(t, server_conn, "bye", 3);
    t->ops->close(t, server_conn, TRANSPORT_FINISH);
    server_turn();
    c->wait(conn, false, -1, WAIT_NS);
    assert_int_equal(c->recv(conn, in, sizeof in), 3);
    TURN_UNTIL((c->turn(clock_now_ns()), c->recv(conn, in, sizeof in) == 0));
    c->close(conn);
}

/* What comes for one connection while another one is asked is told by the next turn. */
static void news_of_others_are_told(void **state)
{
    const struct wb_carrier *c = wb_carrier();
    u8 in[8];
    int first = open_conn(PORT);

    (void)state;
    TURN_UNTIL(c->ready(first) == 1 && server_conn != 0);
    u64 server_first = server_conn;
    int second = open_conn(PORT);
    TURN_UNTIL(c->ready(second) == 1 && server_conn != 0);
    for (u32 i = 0; i < 50; i++) {
        while (c->turn(clock_now_ns()) != 0)
            server_turn();
        t->ops->send(t, server_first, "x", 1);
        server_turn();
        assert_int_equal(c->recv(second, in, sizeof in), -1); /* turns the endpoint */
        assert_true(c->turn(clock_now_ns()) > 0);
        assert_int_equal(c->recv(first, in, sizeof in), 1);
    }
    u32 before = server_closed;
    c->close(first);
    c->close(second);
    TURN_UNTIL((c->turn(clock_now_ns()), server_closed == before + 2));
}

static void refused_and_unknown(void **state)
{
    const struct wb_carrier *c = wb_carrier();
    const char *why = NULL;
    int conn = open_conn(PORT + 1);

    (void)state;
    TURN_UNTIL(c->ready(conn) != 0);
    assert_int_equal(c->ready(conn), -1);
    assert_int_equal(errno, ECONNREFUSED);
    c->close(conn);
    assert_int_equal(c->open("localhost", PORT, &why), -1);
    assert_string_equal(why, "past the kernel a host is an IPv4 address");
}

/* Waiting ends with the time, and with the other descriptor. */
static void waiting_ends(void **state)
{
    const struct wb_carrier *c = wb_carrier();
    int fds[2];
    u64 begun_ns = clock_now_ns();

    (void)state;
    assert_int_equal(pipe(fds), 0);
    c->wait(-1, false, fds[0], 5 * NS_PER_MS);
    assert_true(clock_now_ns() - begun_ns >= 5 * NS_PER_MS);
    assert_int_equal(write(fds[1], "x", 1), 1);
    begun_ns = clock_now_ns();
    c->wait(-1, false, fds[0], WAIT_NS);
    assert_true(clock_now_ns() - begun_ns < WAIT_NS);
    close(fds[0]);
    close(fds[1]);
}

static void wrong_addresses_are_said(void **state)
{
    static const char *const wrong[] = {"10.9.0.2/33", "10.9.0/24", "x", "10.9.0.2/",
                                        "10.9.0.2/2x"};
    char error[128];

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(wrong); i++) {
        struct wb_bypass_conf conf = {.device = "net_ring9", .address = wrong[i]};
        assert_false(wb_bypass_start(&conf, error, sizeof error));
        assert_non_null(strstr(error, "not an address like 10.9.0.2/24"));
    }
}

static int start(void **state)
{
    struct bypass_conf conf = {.listen = {PORT}, .listen_used = 1, .connections_max = 8};

    (void)state;
    clock_init();
    mem_init(&mem, 0);
    if (!bypass_wire_start(1))
        return 1;
    memset(conf.secret, 3, sizeof conf.secret);
    conf.links[0] = (struct bypass_link){
        .port = bypass_wire_port(0), .queues = 1, .ipv4 = inet_addr(HOST), .prefix_bits = 24};
    conf.links_used = 1;
    t = bypass_new(&conf, &mem, clock_now_ns());
    t->up = &up;
    t->ops->accept(t, TRANSPORT_ALL);
    assert_null(wb_carrier()->turn); /* kernel sockets */
    wb_bypass_attach(bypass_wire_port(1), inet_addr("10.78.0.2"), inet_addr("255.255.255.0"));
    return 0;
}

static int end(void **state)
{
    (void)state;
    wb_bypass_stop();
    assert_null(wb_carrier()->turn);
    bypass_wire_stop();
    mem_free_all(&mem);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo_and_close),
        cmocka_unit_test(the_server_finishes),
        cmocka_unit_test(news_of_others_are_told),
        cmocka_unit_test(refused_and_unknown),
        cmocka_unit_test(waiting_ends),
        cmocka_unit_test(wrong_addresses_are_said),
    };
    return cmocka_run_group_tests(tests, start, end);
}
