/*
 * test_socket.c - the socket transport on real loopback, first alone with an echo of a user above
 * it, then with the whole session suite over it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "gateway/socket_impl.h"
#include "gateway/socket_queue.h"
#include "tests/lib/seed.h"
#include "tests/lib/session_suite.h"
#include "tests/lib/socket_wire.h"

/* ---- the queue against plain bytes ---- */

static void test_queue(void **state)
{
    static u8 model[3][SOCKET_QUEUE_MAX];
    static u8 bytes[SOCKET_QUEUE_MAX];
    struct iovec iov[SOCKET_QUEUE_CHUNKS + 1];
    struct mem mem;
    struct queue_pool p;
    struct queue q[3];
    struct rng rng = {.seed = test_seed()};
    (void)state;

    mem_init(&mem, 0);
    queue_pool_init(&p, &mem, 3, 20); /* not enough for all to be full */
    for (u32 i = 0; i < 3; i++)
        queue_init(&q[i]);
    for (u32 step = 0; step < 30000; step++) {
        u32 i = (u32)rng_below(&rng, 3);
        u32 room = queue_room(&p, &q[i]);
        u32 used = q[i].used;
        assert_true(used + room <= SOCKET_QUEUE_MAX);
        assert_true(used > 0 || room >= SOCKET_CHUNK_BYTES); /* nobody starves */
        if (rng_below(&rng, 4) != 0 && step % 2000 < 1500) { /* mostly full */
            u32 n = min_u32(room, (u32)rng_below(&rng, 9000));
            for (u32 j = 0; j < n; j++)
                bytes[j] = (u8)rng_next(&rng);
            memcpy(model[i] + used, bytes, n);
            queue_put(&p, &q[i], bytes, n);
        } else {
            u32 n = (u32)rng_below(&rng, used + 1ull);
            queue_drop(&p, &q[i], n);
            memmove(model[i], model[i] + n, used - n);
        }
        u32 at = 0;
        for (u32 j = 0, k = queue_describe(&p, &q[i], iov); j < k; j++) {
            assert_true(iov[j].iov_len > 0);
            assert_memory_equal(iov[j].iov_base, model[i] + at, iov[j].iov_len);
            at += (u32)iov[j].iov_len;
        }
        assert_int_equal(at, q[i].used);
    }
    for (u32 i = 0; i < 3; i++)
        queue_drop(&p, &q[i], q[i].used);
    assert_int_equal(p.free_count, 23);
    mem_free_all(&mem);
}

/* ---- a user of the transport that sends back what it takes ---- */

#define CONNS 1200u

struct echo {
    struct wire *wire;
    struct transport *t;
    u64 now_ns;
    u64 conns[CONNS]; /* in the order of opening */
    u32 opened, closed, errors, writable;
    u64 taken;
    u32 take_max; /* bytes taken in one call; 0: all */
    bool refuse;
    bool silent; /* takes and does not answer */
    bool deaf;   /* takes nothing */
};

static bool echo_opened(void *ctx, u64 conn, const struct transport_peer *peer)
{
    struct echo *e = ctx;

    assert_int_equal(peer->ipv4, htonl(INADDR_LOOPBACK));
    assert_int_equal(peer->local_port, socket_wire_port(e->wire));
    if (e->refuse)
        return false;
    for (u32 i = 0; i < e->opened && i < 50; i++)
        assert_true(e->conns[i] != conn); /* never again */
    e->conns[e->opened++ % CONNS] = conn;
    return true;
}

static u32 echo_data(void *ctx, u64 conn, const u8 *bytes, u32 n)
{
    struct echo *e = ctx;

    if (e->deaf)
        return 0;
    if (e->take_max != 0)
        n = min_u32(n, e->take_max);
    if (!e->silent) {
        n = min_u32(n, e->t->ops->room(e->t, conn));
        if (n > 0)
            e->t->ops->send(e->t, conn, bytes, n);
    }
    e->taken += n;
    return n;
}

static void echo_writable(void *ctx, u64 conn)
{
    struct echo *e = ctx;

    assert_true(e->t->ops->room(e->t, conn) >= SOCKET_QUEUE_MAX / 2);
    e->writable++;
}

static void echo_closed(void *ctx, u64 conn, enum transport_closed why)
{
    struct echo *e = ctx;

    assert_int_equal(e->t->ops->room(e->t, conn), 0);
    e->closed++;
    e->errors += why == TRANSPORT_ERROR;
}

static const struct transport_up echo_up = {
    .opened = echo_opened,
    .data = echo_data,
    .writable = echo_writable,
    .closed = echo_closed,
};

static struct echo echo;

static struct echo *echo_new(const struct socket_conf *conf)
{
    memset(&echo, 0, sizeof echo);
    echo.wire = socket_wire_new(conf);
    echo.t = echo.wire->transport;
    echo.t->up = &echo_up;
    echo.t->up_ctx = &echo;
    echo.now_ns = NS_PER_SEC;
    echo.t->ops->accept(echo.t, TRANSPORT_ALL);
    return &echo;
}

static void turn(struct echo *e, u64 ns)
{
    e->now_ns += ns;
    e->t->ops->poll(e->t, e->now_ns);
    e->t->ops->flush(e->t, e->now_ns);
}

/* Turns until `done` or a second of real time has passed. */
#define TURN_UNTIL(e, done)                            \
    do {                                               \
        bool done_ = false;                            \
        for (u32 n_ = 0; n_ < 20000 && !done_; n_++) { \
            turn(e, 1000);                             \
            usleep(50);                                \
            done_ = (done);                            \
        }                                              \
        assert_true(done_);                            \
    } while (0)

/* Random amounts each way, taken up in small bites: the bytes come back exactly. */
static void test_bytes_are_exact(void **state)
{
    static u8 sent[400000];
    static u8 back[400000];
    struct echo *e = echo_new(NULL);
    struct rng rng = {.seed = test_seed()};
    u32 client = e->wire->connect(e->wire);
    u32 out = 0;
    u32 in = 0;
    (void)state;

    for (u32 i = 0; i < sizeof sent; i++)
        sent[i] = (u8)rng_next(&rng);
    e->take_max = 700;
    for (u32 i = 0; i < 200000 && in < sizeof sent; i++) {
        u32 n = min_u32((u32)rng_below(&rng, 3000), (u32)sizeof sent - out);
        out += e->wire->write(e->wire, client, sent + out, n);
        if (rng_below(&rng, 3) == 0)
            in += e->wire->read(e->wire, client, back + in,
                                min_u32((u32)rng_below(&rng, 5000), (u32)sizeof back - in));
        turn(e, 1000);
    }
    assert_int_equal(in, sizeof sent);
    assert_memory_equal(back, sent, sizeof sent);
    e->wire->hang_up(e->wire, client, TRANSPORT_FINISH);
    TURN_UNTIL(e, e->closed == 1);
    assert_int_equal(e->errors, 0);
    e->wire->free(e->wire);
}

/* What is not taken is offered again, all of it before the end of file is told. */
static void test_end_of_file_waits_for_held_bytes(void **state)
{
    struct echo *e = echo_new(NULL);
    u32 client = e->wire->connect(e->wire);
    u8 bytes[3000] = {0};
    (void)state;

    e->take_max = 1;
    e->silent = true;
    e->deaf = true;
    TURN_UNTIL(e, e->opened == 1);
    e->wire->write(e->wire, client, bytes, sizeof bytes);
    e->wire->hang_up(e->wire, client, TRANSPORT_FINISH);
    TURN_UNTIL(e, e->t->ops->poll(e->t, e->now_ns) == 0); /* it waits for us: that is no work */
    e->deaf = false;
    TURN_UNTIL(e, e->closed == 1);
    assert_int_equal(e->taken, sizeof bytes);
    assert_int_equal(e->errors, 0);
    e->wire->free(e->wire);
}

static void test_reset_by_the_peer(void **state)
{
    struct echo *e = echo_new(NULL);
    u32 client = e->wire->connect(e->wire);
    (void)state;

    TURN_UNTIL(e, e->opened == 1);
    e->wire->hang_up(e->wire, client, TRANSPORT_RESET);
    TURN_UNTIL(e, e->closed == 1);
    assert_int_equal(e->errors, 1);
    e->wire->free(e->wire);
}

/* Fills the connection until its room is used up and the kernel takes nothing. */
static u64 stuff(struct echo *e, u64 conn)
{
    static const u8 bytes[4096];
    u64 sent = 0;

    for (u32 i = 0; i < 100000; i++) {
        u32 n = min_u32(e->t->ops->room(e->t, conn), sizeof bytes);
        if (n == 0 && i > 100)
            return sent;
        sent += n;
        if (n > 0)
            e->t->ops->send(e->t, conn, bytes, n);
        turn(e, 1000);
    }
    fail();
    return 0;
}

static struct socket_conf small_buffers(void)
{
    return (struct socket_conf){.connections_max = WIRE_CLIENTS_MAX, .kernel_send_bytes = 4096};
}

/* One that does not read: its own room is used up, the clock of the stall runs, others go on. */
static void test_slow_reader(void **state)
{
    struct socket_conf conf = small_buffers();
    struct echo *e = echo_new(&conf);
    u32 slow = e->wire->connect(e->wire);
    static u8 junk[1 << 20];
    (void)state;

    TURN_UNTIL(e, e->opened == 1);
    turn(e, 20 * NS_PER_SEC); /* he is told nothing: that is no stall */
    e->t->ops->send(e->t, e->conns[0], "", 1);
    assert_int_equal(e->t->ops->stalled_ns(e->t, e->conns[0], e->now_ns), 0);
    u64 sent = 1 + stuff(e, e->conns[0]);
    e->t->ops->stalled_ns(e->t, e->conns[0], e->now_ns);
    u64 before = e->t->ops->stalled_ns(e->t, e->conns[0], e->now_ns);
    turn(e, 5 * NS_PER_SEC);
    assert_in_range(e->t->ops->stalled_ns(e->t, e->conns[0], e->now_ns), before + 4 * NS_PER_SEC,
                    before + 6 * NS_PER_SEC);

    u32 good = e->wire->connect(e->wire);
    u8 back[5] = {0};
    e->wire->write(e->wire, good, "hello", 5);
    TURN_UNTIL(e, e->wire->read(e->wire, good, back, 5) == 5);
    assert_memory_equal(back, "hello", 5);

    u64 got = 0; /* it reads after all */
    TURN_UNTIL(e, (got += e->wire->read(e->wire, slow, junk, sizeof junk)) == sent);
    assert_true(e->writable > 0);
    turn(e, 1000);
    assert_true(e->t->ops->stalled_ns(e->t, e->conns[0], e->now_ns) < NS_PER_SEC);
    e->wire->free(e->wire);
}

/* FINISH: everything queued arrives, then the end, although the client went on sending. */
static void test_finish_delivers_everything(void **state)
{
    struct socket_conf conf = small_buffers();
    struct echo *e = echo_new(&conf);
    u32 client = e->wire->connect(e->wire);
    static u8 junk[1 << 20];
    u8 more[100] = {0};
    u64 sent = 0;
    u64 got = 0;
    (void)state;

    TURN_UNTIL(e, e->opened == 1);
    u32 room = e->t->ops->room(e->t, e->conns[0]);
    assert_int_equal(room, SOCKET_QUEUE_MAX);
    e->t->ops->send(e->t, e->conns[0], junk, room);
    sent += room;
    e->wire->write(e->wire, client, more, sizeof more); /* nobody will read this */
    e->t->ops->close(e->t, e->conns[0], TRANSPORT_FINISH);
    assert_int_equal(e->t->ops->room(e->t, e->conns[0]), 0);
    e->wire->write(e->wire, client, more, sizeof more);
    for (u32 i = 0; i < 5000 && e->wire->end(e->wire, client) == WIRE_OPEN; i++) {
        turn(e, 1000);
        got += e->wire->read(e->wire, client, junk, 3000);
    }
    assert_int_equal(e->wire->end(e->wire, client), WIRE_EOF);
    assert_int_equal(got, sent);
    assert_int_equal(e->closed, 0); /* we closed it: nothing is told */
    e->wire->free(e->wire);
}

/* A peer that does not let go is cut, and its place is free again. */
static void test_finish_is_cut_at_last(void **state)
{
    struct socket_conf conf = {.connections_max = 1};
    struct echo *e = echo_new(&conf);
    u32 client = e->wire->connect(e->wire);
    u8 byte;
    (void)state;

    TURN_UNTIL(e, e->opened == 1);
    e->t->ops->close(e->t, e->conns[0], TRANSPORT_FINISH);
    turn(e, NS_PER_SEC);
    e->wire->read(e->wire, client, &byte, 1);
    assert_int_equal(e->wire->end(e->wire, client), WIRE_EOF); /* and does not close */
    e->wire->connect(e->wire);                                 /* somebody needs the place */
    TURN_UNTIL(e, e->opened == 2);
    assert_true(e->conns[0] != e->conns[1]);
    u32 third = e->wire->connect(e->wire); /* who is open keeps it */
    TURN_UNTIL(
        e, (e->wire->read(e->wire, third, &byte, 1), e->wire->end(e->wire, third) == WIRE_RESET));
    e->t->ops->close(e->t, e->conns[1], TRANSPORT_FINISH);
    turn(e, NS_PER_SEC);
    assert_int_equal(((struct socket_transport *)(void *)e->t)->free_used, 0);
    turn(e, 4 * NS_PER_SEC); /* late he is cut in any case */
    assert_int_equal(((struct socket_transport *)(void *)e->t)->free_used, 1);
    e->wire->free(e->wire);
}

static void test_reset_throws_away(void **state)
{
    struct socket_conf conf = small_buffers();
    struct echo *e = echo_new(&conf);
    u32 client = e->wire->connect(e->wire);
    static u8 junk[1 << 20];
    (void)state;

    TURN_UNTIL(e, e->opened == 1);
    stuff(e, e->conns[0]);
    e->t->ops->close(e->t, e->conns[0], TRANSPORT_RESET);
    e->t->ops->close(e->t, e->conns[0], TRANSPORT_RESET); /* harmless */
    TURN_UNTIL(e, (e->wire->read(e->wire, client, junk, sizeof junk),
                   e->wire->end(e->wire, client) == WIRE_RESET));
    assert_int_equal(e->closed, 0);
    e->wire->free(e->wire);
}

static void test_refused(void **state)
{
    struct echo *e = echo_new(NULL);
    u8 byte;
    (void)state;

    e->refuse = true;
    u32 a = e->wire->connect(e->wire);
    TURN_UNTIL(e, (e->wire->read(e->wire, a, &byte, 1), e->wire->end(e->wire, a) == WIRE_RESET));
    e->refuse = false;
    e->t->ops->accept(e->t, 0); /* starting, draining: nobody listens */
    u32 b = e->wire->connect(e->wire);
    assert_int_equal(e->wire->end(e->wire, b), WIRE_RESET);
    assert_int_equal(e->opened + e->closed, 0);
    e->t->ops->accept(e->t, TRANSPORT_ALL);
    e->wire->connect(e->wire);
    TURN_UNTIL(e, e->opened == 1);
    e->wire->free(e->wire);
}

/* No descriptor is left: the newcomer is told, and later ones are served again. */
static void test_no_descriptor(void **state)
{
    struct echo *e = echo_new(NULL);
    struct rlimit old;
    u8 byte;
    (void)state;

    u32 a = e->wire->connect(e->wire);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    int probe = dup(0);
    struct rlimit none = {.rlim_cur = (rlim_t)probe, .rlim_max = old.rlim_max};
    close(probe);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    TURN_UNTIL(e, (e->wire->read(e->wire, a, &byte, 1), e->wire->end(e->wire, a) == WIRE_RESET));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(e->opened, 0);
    e->wire->connect(e->wire);
    TURN_UNTIL(e, e->opened == 1);
    e->wire->free(e->wire);
}

static void test_a_thousand_connections(void **state)
{
    struct socket_conf conf = {.connections_max = 1000};
    struct echo *e = echo_new(&conf);
    static int fds[1000];
    u32 answered = 0;
    (void)state;

    for (u32 i = 0; i < 1000; i++) {
        fds[i] = socket_wire_dial(e->wire);
        assert_true(fds[i] >= 0);
        if (i % 50 == 0)
            turn(e, 1000);
    }
    TURN_UNTIL(e, e->opened == 1000);
    for (u32 round = 0; round < 3; round++) {
        for (u32 i = 0; i < 1000; i++)
            assert_int_equal(send(fds[i], &i, sizeof i, MSG_NOSIGNAL), sizeof i);
        for (u32 i = 0; i < 1000; i++) {
            u32 back = 0;
            ssize_t n;
            for (u32 tries = 0; tries < 10000; tries++) {
                turn(e, 1000);
                n = recv(fds[i], &back, sizeof back, 0);
                if (n > 0)
                    break;
            }
            assert_int_equal(n, sizeof back);
            assert_int_equal(back, i);
            answered++;
        }
    }
    assert_int_equal(answered, 3000);
    for (u32 i = 0; i < 1000; i++)
        close(fds[i]);
    TURN_UNTIL(e, e->closed == 1000);
    e->wire->free(e->wire);
}

static void test_port_in_use(void **state)
{
    struct echo *e = echo_new(NULL);
    struct socket_conf conf = {.connections_max = 1, .listen_used = 1};
    struct mem mem;
    char error[256] = "";
    (void)state;

    mem_init(&mem, 0);
    conf.listen[0].ipv4 = htonl(INADDR_LOOPBACK);
    conf.listen[0].port = socket_wire_port(e->wire);
    assert_null(socket_new(&conf, &mem, error, sizeof error));
    assert_non_null(strstr(error, "cannot listen on 127.0.0.1:"));
    assert_non_null(strstr(error, "in use"));
    mem_free_all(&mem);
    e->wire->free(e->wire);
}

static struct wire *sockets(void)
{
    return socket_wire_new(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_bytes_are_exact),
        cmocka_unit_test(test_end_of_file_waits_for_held_bytes),
        cmocka_unit_test(test_reset_by_the_peer),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_finish_delivers_everything),
        cmocka_unit_test(test_finish_is_cut_at_last),
        cmocka_unit_test(test_reset_throws_away),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_descriptor),
        cmocka_unit_test(test_a_thousand_connections),
        cmocka_unit_test(test_port_in_use),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    return failed + session_suite_run("sessions over kernel sockets", sockets);
}
