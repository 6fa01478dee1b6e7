/*
 * wb_pipe.c - pipes as a carrier (wb_pipe.h): errors in the manner of sockets.
 */
#include "gateway/client/wb_pipe.h"

#include <errno.h>
#include <poll.h>

#include "engine/base/clock.h"
#include "gateway/client/wb_carrier.h"
#include "gateway/pipe.h"

#define NAP_NS (20 * NS_PER_US)

static struct pipes *pipes;

static int carrier_open(const char *host, u16 port, const char **why)
{
    int conn = pipe_connect(pipes);

    (void)host, (void)port;
    if (conn < 0)
        *why = "all connections that the process has were used";
    return conn;
}

static int carrier_ready(int conn)
{
    enum pipe_state state = pipe_state(pipes, conn);

    errno = ECONNREFUSED;
    return state == PIPE_OPENING ? 0 : state == PIPE_BROKEN ? -1 : 1;
}

static ssize_t carrier_send(int conn, const void *bytes, u32 n)
{
    if (pipe_state(pipes, conn) != PIPE_OPEN) {
        errno = EPIPE;
        return -1;
    }
    u32 sent = pipe_write(pipes, conn, bytes, n);
    errno = EAGAIN;
    return sent > 0 ? (ssize_t)sent : -1;
}

static ssize_t carrier_recv(int conn, void *to, u32 max)
{
    enum pipe_state state = pipe_state(pipes, conn); /* first: what was sent before it is there */
    u32 n = state == PIPE_BROKEN ? 0 : pipe_read(pipes, conn, to, max);

    if (n > 0 || state == PIPE_FINISHED)
        return n;
    errno = state == PIPE_BROKEN ? ECONNRESET : EAGAIN;
    return -1;
}

static void carrier_close(int conn)
{
    pipe_hang_up(pipes, conn);
}

static int carrier_turn(u64 now_ns)
{
    (void)now_ns;
    return (int)pipe_news(pipes);
}

/* The benchmark never waits for one connection; who does looks again and again. */
static void carrier_wait(int conn, bool write, int other_fd, u64 timeout_ns)
{
    struct pollfd p = {.fd = other_fd, .events = POLLIN};
    u64 end_ns = clock_now_ns() + timeout_ns;

    (void)conn, (void)write;
    while (pipe_news(pipes) == 0 && (other_fd < 0 || poll(&p, 1, 0) != 1) &&
           clock_now_ns() < end_ns)
        clock_sleep_ns(NAP_NS);
}

static const struct wb_carrier carrier = {
    .open = carrier_open,
    .ready = carrier_ready,
    .send = carrier_send,
    .recv = carrier_recv,
    .close = carrier_close,
    .wait = carrier_wait,
    .turn = carrier_turn,
};

void wb_pipe_use(struct pipes *p)
{
    pipes = p;
    wb_carrier_use(p != NULL ? &carrier : NULL);
}
