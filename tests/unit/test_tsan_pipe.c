/*
 * test_tsan_pipe.c - connections inside a process: every mood of the two ends in one thread, then
 * two threads that send as much as they can.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/clock.h"
#include "gateway/client/wb_carrier.h"
#include "gateway/client/wb_pipe.h"
#include "gateway/pipe.h"
#include "tests/lib/seed.h"

#define BYTES 4096u
#define CONNS 8u

/* A gateway that echoes, or what a test makes of it. */
static struct mem mem;
static struct pipes *pipes;
static struct transport *t;
static u64 opened, closed, wrote, writable;
static bool wanted = true;
static u32 takes = UINT32_MAX; /* at most so much of each piece */
static bool echo;
static u8 got[1u << 16];
static u32 got_used;

static bool up_opened(void *ctx, u64 conn, const struct transport_peer *peer)
{
    (void)ctx, (void)peer;
    opened = conn;
    return wanted;
}

static u32 up_data(void *ctx, u64 conn, const u8 *bytes, u32 n)
{
    (void)ctx;
    n = min_u32(n, takes);
    if (echo) {
        n = min_u32(n, t->ops->room(t, conn));
        if (n > 0)
            t->ops->send(t, conn, bytes, n);
        wrote += n;
        return n;
    }
    assert_true(got_used + n <= sizeof got);
    memcpy(got + got_used, bytes, n);
    got_used += n;
    return n;
}

static void up_writable(void *ctx, u64 conn)
{
    (void)ctx;
    writable = conn;
}

static void up_closed(void *ctx, u64 conn, enum transport_closed why)
{
    (void)ctx;
    assert_int_equal(why, TRANSPORT_EOF);
    closed = conn;
}

static const struct transport_up up = {
    .opened = up_opened,
    .data = up_data,
    .writable = up_writable,
    .closed = up_closed,
};

static int setup(void **state)
{
    struct pipe_conf conf = {.conns_max = CONNS, .bytes = BYTES};

    (void)state;
    mem_init(&mem, 0);
    pipes = pipes_new(&mem, &conf);
    t = pipes_transport(pipes);
    t->up = &up;
    t->ops->accept(t, TRANSPORT_ALL);
    opened = closed = wrote = writable = 0;
    wanted = true;
    echo = false;
    takes = UINT32_MAX;
    got_used = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mem_free_all(&mem);
    return 0;
}

static void turn(void)
{
    t->ops->poll(t, 0);
    t->ops->flush(t, 0);
}

static int connected(void)
{
    int c = pipe_connect(pipes);

    assert_true(c >= 0);
    assert_int_equal(pipe_state(pipes, c), PIPE_OPENING);
    turn();
    return c;
}

static void opens_and_refuses(void **state)
{
    (void)state;
    int a = connected();
    assert_int_equal(opened, a + 1);
    assert_int_equal(pipe_state(pipes, a), PIPE_OPEN);
    assert_int_equal(pipe_news(pipes), 1);
    wanted = false;
    assert_int_equal(pipe_state(pipes, connected()), PIPE_BROKEN);
    wanted = true;
    t->ops->accept(t, 0);
    opened = 0;
    assert_int_equal(pipe_state(pipes, connected()), PIPE_BROKEN);
    assert_int_equal(opened, 0);
    while (pipe_connect(pipes) >= 0)
        ;
    assert_int_equal(pipe_connect(pipes), -1);
}

static void what_is_not_taken_is_offered_again(void **state)
{
    u8 bytes[100];

    (void)state;
    memset(bytes, 7, sizeof bytes);
    int c = connected();
    takes = 0;
    assert_int_equal(pipe_write(pipes, c, bytes, 100), 100);
    turn();
    assert_int_equal(got_used, 0);
    takes = 30;
    for (u32 i = 1; i <= 3; i++) {
        turn();
        assert_int_equal(got_used, 30 * i);
    }
    pipe_hang_up(pipes, c);
    turn();
    assert_int_equal(got_used, 100);
    assert_memory_equal(got, bytes, 100);
    turn();
    assert_int_equal(closed, c + 1);
    assert_int_equal(pipe_state(pipes, c), PIPE_FINISHED);
}

static void writable_comes_when_the_client_has_read(void **state)
{
    u8 bytes[BYTES] = {1};

    (void)state;
    int c = connected();
    assert_int_equal(t->ops->room(t, (u64)c + 1), BYTES);
    t->ops->send(t, (u64)c + 1, bytes, BYTES);
    assert_int_equal(pipe_read(pipes, c, bytes, BYTES), 0); /* not before the flush */
    turn();
    assert_int_equal(t->ops->stalled_ns(t, (u64)c + 1, 5), 0);
    assert_int_equal(t->ops->stalled_ns(t, (u64)c + 1, 25), 20);
    assert_int_equal(t->ops->room(t, (u64)c + 1), 0);
    assert_int_equal(pipe_read(pipes, c, bytes, BYTES / 2 - 1), BYTES / 2 - 1);
    turn();
    assert_int_equal(writable, 0);
    assert_int_equal(pipe_read(pipes, c, bytes, 10), 10);
    turn();
    assert_int_equal(writable, c + 1);
    assert_int_equal(t->ops->stalled_ns(t, (u64)c + 1, 50), 0);
    assert_int_equal(pipe_read(pipes, c, bytes, BYTES), BYTES / 2 - 9);
    assert_int_equal(t->ops->stalled_ns(t, (u64)c + 1, 90), 0);
}

static void ends(void **state)
{
    u8 bytes[16] = "last words";

    (void)state;
    int a = connected(), b = connected();
    t->ops->send(t, (u64)a + 1, bytes, 10);
    t->ops->close(t, (u64)a + 1, TRANSPORT_FINISH);
    assert_int_equal(pipe_state(pipes, a), PIPE_FINISHED);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(pipe_read(pipes, a, bytes, 16), 10);
    assert_string_equal((const char *)bytes, "last words");
    t->ops->close(t, (u64)b + 1, TRANSPORT_RESET);
    assert_int_equal(pipe_state(pipes, b), PIPE_BROKEN);
    assert_int_equal(t->ops->room(t, (u64)b + 1), 0);
    pipe_write(pipes, b, bytes, 10); /* nobody is there: no call up */
    turn();
    assert_int_equal(got_used, 0);
}

/* The client library's view: errors in the manner of sockets. */
static void as_a_carrier(void **state)
{
    u8 bytes[BYTES] = "hello";
    const char *why;

    (void)state;
    wb_pipe_use(pipes);
    const struct wb_carrier *carrier = wb_carrier();
    int c = carrier->open("anywhere", 1, &why);
    assert_int_equal(carrier->ready(c), 0);
    turn();
    assert_int_equal(carrier->ready(c), 1);
    assert_int_equal(carrier->turn(0), 1);
    assert_int_equal(carrier->turn(0), 0);
    assert_int_equal(carrier->send(c, bytes, 5), 5);
    turn();
    assert_memory_equal(got, "hello", 5);
    takes = 0;
    assert_int_equal(carrier->send(c, bytes, BYTES), BYTES);
    assert_int_equal(carrier->send(c, bytes, 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(carrier->recv(c, bytes, 5), -1);
    assert_int_equal(errno, EAGAIN);
    t->ops->close(t, (u64)c + 1, TRANSPORT_FINISH);
    assert_int_equal(carrier->recv(c, bytes, 5), 0);
    assert_int_equal(carrier->send(c, bytes, 1), -1);
    assert_int_equal(errno, EPIPE);
    wanted = false;
    c = carrier->open("anywhere", 1, &why);
    turn();
    assert_int_equal(carrier->ready(c), -1);
    assert_int_equal(errno, ECONNREFUSED);
    while (carrier->open("anywhere", 1, &why) >= 0)
        ;
    assert_non_null(strstr(why, "were used"));
    wb_pipe_use(NULL);
}

/* ---- two threads ---- */

static _Atomic bool stop;

static void *gateway(void *arg)
{
    (void)arg;
    while (!atomic_load_explicit(&stop, memory_order_acquire)) {
        if (t->ops->poll(t, 0) + t->ops->flush(t, 0) == 0)
            clock_sleep_ns(1000);
    }
    return NULL;
}

struct talk {
    struct rng out, in; /* the same numbers, sent and expected */
    u64 sent, back;
};

static void fill(struct rng *r, u8 *bytes, u32 n)
{
    for (u32 i = 0; i < n; i++)
        bytes[i] = (u8)rng_below(r, 256);
}

static void talk_on(struct talk *k, int c, struct rng *sizes, u64 total)
{
    static u8 ahead[CONNS][BYTES];
    static u32 ahead_used[CONNS];
    u8 bytes[BYTES], expected[BYTES];

    if (k->sent < total && ahead_used[c] == 0) {
        ahead_used[c] = min_u32(1 + (u32)rng_below(sizes, BYTES), (u32)(total - k->sent));
        fill(&k->out, ahead[c], ahead_used[c]);
    }
    u32 n = pipe_write(pipes, c, ahead[c], ahead_used[c]);
    memmove(ahead[c], ahead[c] + n, ahead_used[c] - n);
    ahead_used[c] -= n;
    k->sent += n;
    n = pipe_read(pipes, c, bytes, 1 + (u32)rng_below(sizes, BYTES));
    fill(&k->in, expected, n);
    assert_memory_equal(bytes, expected, n);
    k->back += n;
}

static void two_threads_lose_nothing(void **state)
{
    u64 seed = test_seed(), total = 1u << 18, end_ns = clock_now_ns() + 30 * NS_PER_SEC;
    struct talk talks[CONNS] = {0};
    struct rng sizes;
    pthread_t thread;
    u32 done = 0;

    (void)state;
    echo = true;
    atomic_store(&stop, false);
    sizes = (struct rng){.seed = seed + CONNS};
    assert_int_equal(pthread_create(&thread, NULL, gateway, NULL), 0);
    for (u32 i = 0; i < CONNS; i++) {
        assert_int_equal(pipe_connect(pipes), i);
        talks[i].out = (struct rng){.seed = seed + i};
        talks[i].in = (struct rng){.seed = seed + i};
    }
    while (done < CONNS && clock_now_ns() < end_ns) {
        done = 0;
        for (u32 i = 0; i < CONNS; i++) {
            if (pipe_state(pipes, (int)i) == PIPE_OPEN)
                talk_on(&talks[i], (int)i, &sizes, total);
            done += talks[i].back == total;
        }
        if (pipe_news(pipes) == 0)
            clock_sleep_ns(1000);
    }
    atomic_store_explicit(&stop, true, memory_order_release);
    pthread_join(thread, NULL);
    for (u32 i = 0; i < CONNS; i++)
        assert_int_equal(talks[i].back, total);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(opens_and_refuses),
        T(what_is_not_taken_is_offered_again),
        T(writable_comes_when_the_client_has_read),
        T(ends),
        T(as_a_carrier),
        T(two_threads_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
