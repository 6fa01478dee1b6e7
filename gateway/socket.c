/*
 * socket.c - kernel sockets behind transport.h: epoll, non-blocking, one thread.
 *
 * What enters: connections and bytes; what leaves: bytes. Epoll is edge-triggered and each socket
 * is registered once: an edge puts the connection on the readable list, where it stays, one bounded
 * read a turn, until a read empties it, so no connection keeps others waiting and stopping to read
 * costs no system call. Writing is tried at the end of the turn; only when the kernel's buffer was
 * full does the connection wait for the edge that says it has room.
 *
 * Bytes that the gateway did not take are held here (at most one read's worth) and offered again
 * each turn before anything more is read. A connection that finishes sends what is queued, then its
 * FIN, and throws away what still comes until the peer's FIN or FINISH_NS: closing at once would
 * make the kernel reset the connection and the peer might lose our last bytes.
 *
 * Failure modes: no descriptors left: the spare one is used to accept and reset, so that the peer
 * is told and the listener does not stay ready for ever. A peer's reset shows at the next read or
 * write.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "gateway/socket_impl.h"

#define EVENTS_PER_TURN  256u
#define ACCEPTS_PER_TURN 8u /* to come, say a word and go costs as much as ten orders */
#define READS_PER_TURN   512u
#define FINISH_NS        (5 * NS_PER_SEC)
#define BACKLOG          1024

static struct socket_transport *self_of(struct transport *t)
{
    return (struct socket_transport *)(void *)t;
}

/* The open or finishing connection of that name; NULL: it is gone. */
static struct conn *find(struct socket_transport *t, u64 id)
{
    struct conn *c = &t->conns[(u32)id];

    ASSERT_LT((u32)id, t->conns_max);
    return c->id == id && c->state != CONN_FREE ? c : NULL;
}

/* ---- end of a connection ---- */

static void reset_fd(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

/* Gives everything back; `reset` cuts, else the kernel sends what it has. Calls nobody. */
void socket_destroy(struct socket_transport *t, struct conn *c, bool reset)
{
    ASSERT_NE(c->state, CONN_FREE);
    if (reset)
        reset_fd(c->fd);
    else
        close(c->fd);
    queue_drop(&t->pool, &c->queue, c->queue.used);
    list_del(&c->readable);
    list_del(&c->dirty);
    list_del(&c->notify);
    list_del(&c->finishing);
    c->state = CONN_FREE;
    c->fd = -1;
    t->free[t->free_used++] = (u32)(c - t->conns);
    metric_set(&t->metrics.open, t->conns_max - t->free_used);
}

/* Ends a connection that the gateway has not closed, and tells it. */
static void gone(struct socket_transport *t, struct conn *c, enum transport_closed why)
{
    u64 id = c->id;
    bool open = c->state == CONN_OPEN;

    metric_add(&t->metrics.errors, why == TRANSPORT_ERROR);
    socket_destroy(t, c, why == TRANSPORT_ERROR);
    if (open)
        t->head.up->closed(t->head.up_ctx, id, why);
}

/* ---- writing ---- */

static bool would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

/* After our last byte: our FIN. With the peer's, that is all. */
static void finish_if_empty(struct socket_transport *t, struct conn *c)
{
    if (c->state != CONN_FINISHING || c->queue.used > 0)
        return;
    if (!c->shut)
        shutdown(c->fd, SHUT_WR);
    c->shut = true;
    if (c->eof)
        socket_destroy(t, c, false);
}

/* Writes what the kernel takes. Never calls up: what there is to tell waits for the next poll. */
static void write_out(struct socket_transport *t, struct conn *c)
{
    struct iovec iov[SOCKET_QUEUE_CHUNKS + 1];
    struct msghdr message = {.msg_iov = iov};

    list_del(&c->dirty);
    message.msg_iovlen = queue_describe(&t->pool, &c->queue, iov);
    ssize_t n = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    metric_add(&t->metrics.writes, 1);
    if (n > 0) {
        queue_drop(&t->pool, &c->queue, (u32)n);
        c->sent += (u64)n;
        metric_add(&t->metrics.out_bytes, (u64)n);
    } else if (n < 0 && (errno == EINTR || errno == ENOBUFS)) {
        list_add_tail(&t->dirty, &c->dirty); /* no edge will come: again next turn */
        return;
    } else if (n < 0 && !would_block(errno)) {
        c->broken = true;
        list_move_tail(&t->notify, &c->notify);
        return;
    }
    c->full = c->queue.used > 0;
    metric_add(&t->metrics.full, c->full);
    if (c->asked && c->queue.used <= SOCKET_QUEUE_MAX / 2)
        list_move_tail(&t->notify, &c->notify);
    finish_if_empty(t, c);
}

static u32 op_room(struct transport *head, u64 id)
{
    struct socket_transport *t = self_of(head);
    struct conn *c = find(t, id);

    if (c == NULL || c->state != CONN_OPEN || c->broken)
        return 0;
    u32 room = queue_room(&t->pool, &c->queue);
    if (room < SOCKET_QUEUE_MAX / 2)
        c->asked = true;
    return room;
}

static void op_send(struct transport *head, u64 id, const void *bytes, u32 n)
{
    struct socket_transport *t = self_of(head);
    struct conn *c = find(t, id);

    ASSERT(c != NULL && c->state == CONN_OPEN);
    queue_put(&t->pool, &c->queue, bytes, n);
    if (!c->full && !list_is_linked(&c->dirty))
        list_add_tail(&t->dirty, &c->dirty);
}

static int op_flush(struct transport *head, u64 now_ns)
{
    struct socket_transport *t = self_of(head);
    struct list *last = t->dirty.prev;
    struct list *node;
    int work = 0;

    t->now_ns = now_ns;
    while ((node = list_first(&t->dirty)) != NULL) {
        write_out(t, CONTAINER_OF(node, struct conn, dirty));
        work++;
        if (node == last)
            break; /* one that must be tried again waits for the next turn */
    }
    metric_set(&t->metrics.pool_free, t->pool.free_count);
    return work;
}

/* ---- reading ---- */

/*
 * Hands bytes up and holds what is not taken. The gateway may close the connection meanwhile. False
 * when nothing came of it, which is no work: the gateway may rest while bytes wait for it.
 */
static bool deliver(struct socket_transport *t, struct conn *c, const u8 *bytes, u32 n)
{
    u64 id = c->id;

    if (c->state != CONN_OPEN)
        return true; /* finishing: nobody wants it */
    u32 taken = t->head.up->data(t->head.up_ctx, id, bytes, n);
    ASSERT_LE(taken, n);
    if (c->id != id || c->state != CONN_OPEN)
        return true;
    c->held = (u16)(n - taken);
    memmove(c->input, bytes + taken, c->held);
    return taken > 0;
}

/* The peer has finished its side. */
static void at_eof(struct socket_transport *t, struct conn *c)
{
    c->eof = true;
    if (c->state == CONN_OPEN)
        gone(t, c, TRANSPORT_EOF);
    else
        finish_if_empty(t, c);
}

/* One turn of one readable connection, which stays on the list while there is more. */
static bool read_in(struct socket_transport *t, struct conn *c)
{
    list_del(&c->readable);
    if (c->held > 0) {
        bool worked = deliver(t, c, c->input, c->held);
        if (c->state != CONN_FREE)
            list_add_tail(&t->readable, &c->readable);
        return worked;
    }
    ssize_t n = recv(c->fd, t->buffer, sizeof t->buffer, MSG_DONTWAIT);
    metric_add(&t->metrics.reads, 1);
    if (n == 0) {
        at_eof(t, c);
    } else if (n < 0 && !would_block(errno) && errno != EINTR) {
        gone(t, c, TRANSPORT_ERROR);
    } else if (n > 0) {
        bool drained = (size_t)n < sizeof t->buffer && !c->hangup;
        metric_add(&t->metrics.in_bytes, (u64)n);
        deliver(t, c, t->buffer, (u32)n);
        if (c->state != CONN_FREE && (c->held > 0 || !drained))
            list_add_tail(&t->readable, &c->readable);
    } else if (errno == EINTR) {
        list_add_tail(&t->readable, &c->readable);
    }
    return true;
}

static int read_all(struct socket_transport *t)
{
    struct list *last = t->readable.prev;
    struct list *node;
    int work = 0;

    for (u32 i = 0; i < READS_PER_TURN && (node = list_first(&t->readable)) != NULL; i++) {
        bool end = node == last;
        work += read_in(t, CONTAINER_OF(node, struct conn, readable));
        if (end)
            break;
    }
    return work;
}

/* ---- connections ---- */

/* Cuts the oldest of those whose peers do not let them finish, if it is due by `at_ns`. */
static bool cut_finishing(struct socket_transport *t, u64 at_ns)
{
    struct list *node = list_first(&t->finishing); /* they are in the order of their times */

    if (node == NULL || CONTAINER_OF(node, struct conn, finishing)->finish_ns > at_ns)
        return false;
    metric_add(&t->metrics.finish_cut, 1);
    socket_destroy(t, CONTAINER_OF(node, struct conn, finishing), true);
    return true;
}

/* Makes a connection of an accepted socket and asks the gateway whether it wants it. */
static void adopt(struct socket_transport *t, int fd, const struct sockaddr_in *from,
                  const struct listener *l)
{
    if (t->free_used == 0 && !cut_finishing(t, UINT64_MAX)) {
        metric_add(&t->metrics.refused, 1);
        reset_fd(fd);
        return;
    }
    struct conn *c = &t->conns[t->free[--t->free_used]];
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
    struct transport_peer peer = {
        .ipv4 = from->sin_addr.s_addr,
        .port = ntohs(from->sin_port),
        .local_port = l->port,
        .listener = (u32)(l - t->listeners),
    };
    c->id += 1ull << 32;
    c->state = CONN_OPEN;
    c->fd = fd;
    c->hangup = c->broken = c->full = c->asked = c->shut = c->eof = false;
    c->held = 0;
    c->sent = c->acked = c->progress_ns = 0;
    ev.data.u64 = c->id;
    bool ok = epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &ev) == 0;
    if (!ok || !t->head.up->opened(t->head.up_ctx, c->id, &peer)) {
        metric_add(&t->metrics.refused, 1);
        socket_destroy(t, c, true);
        return;
    }
    metric_add(&t->metrics.accepted, 1);
    metric_set(&t->metrics.open, t->conns_max - t->free_used);
}

/* No descriptor is free: gives the spare one up for a moment, so that the peer is told. */
static void refuse_with_spare(struct socket_transport *t, int listener)
{
    metric_add(&t->metrics.no_descriptor, 1);
    close(t->spare);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        reset_fd(fd);
    t->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int accept_some(struct socket_transport *t, const struct listener *l)
{
    int work = 0;

    while (work < (int)ACCEPTS_PER_TURN) {
        struct sockaddr_in from = {0};
        socklen_t n = sizeof from;
        int fd = accept4(l->fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            adopt(t, fd, &from, l);
        else if (errno == EMFILE || errno == ENFILE)
            refuse_with_spare(t, l->fd);
        else if (errno != ECONNABORTED && errno != EINTR)
            break; /* none is left, or none can be had now */
        work++;
    }
    return work;
}

static void conn_event(struct socket_transport *t, u64 id, u32 events)
{
    struct conn *c = find(t, id);

    if (c == NULL)
        return; /* closed earlier in this turn */
    if ((events & EPOLLERR) != 0) {
        gone(t, c, TRANSPORT_ERROR);
        return;
    }
    if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0)
        c->hangup = true;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0 && !list_is_linked(&c->readable))
        list_add_tail(&t->readable, &c->readable);
    if ((events & EPOLLOUT) != 0 && c->full) {
        c->full = false;
        list_move_tail(&t->dirty, &c->dirty);
    }
}

static int take_events(struct socket_transport *t)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int n = epoll_wait(t->epoll, events, EVENTS_PER_TURN, 0);
    int work = 0;

    transport_stamp(&t->head); /* all of this turn's bytes are one burst: who is read last, waits */
    for (int i = 0; i < n; i++) {
        u64 key = events[i].data.u64;
        if ((key & LISTENER_KEY) != 0)
            work += accept_some(t, &t->listeners[key & ~LISTENER_KEY]);
        else
            conn_event(t, key, events[i].events);
    }
    return work;
}

/* Tells what could not be told when it was found. */
static int notify_all(struct socket_transport *t)
{
    struct list *node;
    int work = 0;

    while ((node = list_first(&t->notify)) != NULL) {
        struct conn *c = CONTAINER_OF(node, struct conn, notify);
        list_del(node);
        work++;
        if (c->broken) {
            gone(t, c, TRANSPORT_ERROR);
        } else if (c->state == CONN_OPEN) {
            c->asked = false;
            t->head.up->writable(t->head.up_ctx, c->id);
        }
    }
    return work;
}

static int op_poll(struct transport *head, u64 now_ns)
{
    struct socket_transport *t = self_of(head);
    int work;

    t->now_ns = now_ns;
    work = take_events(t);
    work += notify_all(t);
    work += read_all(t);
    while (cut_finishing(t, now_ns)) {
    }
    return work;
}

static void op_close(struct transport *head, u64 id, enum transport_close how)
{
    struct socket_transport *t = self_of(head);
    struct conn *c = find(t, id);

    if (c == NULL || c->state != CONN_OPEN)
        return;
    if (how == TRANSPORT_RESET || c->broken) {
        socket_destroy(t, c, true);
        return;
    }
    c->state = CONN_FINISHING;
    c->held = 0;
    c->finish_ns = t->now_ns + FINISH_NS;
    list_add_tail(&t->finishing, &c->finishing);
    if (!list_is_linked(&c->readable))
        list_add_tail(&t->readable, &c->readable);
    finish_if_empty(t, c);
}

static u64 op_stalled_ns(struct transport *head, u64 id, u64 now_ns)
{
    struct socket_transport *t = self_of(head);
    struct conn *c = find(t, id);
    int in_kernel = 0;

    if (c == NULL || ioctl(c->fd, SIOCOUTQ, &in_kernel) != 0)
        return 0;
    u64 acked = c->sent - min_u64(c->sent, (u64)in_kernel);
    bool waits = in_kernel > 0 || c->queue.used > 0;
    if (!waits || acked > c->acked || c->progress_ns == 0)
        c->progress_ns = now_ns;
    c->acked = acked;
    return waits ? now_ns - min_u64(now_ns, c->progress_ns) : 0;
}

/* Nobody has begun to listen on a shared address since it was bound. */
static bool still_free(const struct socket_transport *t, const struct listener *l)
{
    struct sockaddr_in address;
    socklen_t n = sizeof address;

    return !t->first || (getsockname(l->fd, (struct sockaddr *)&address, &n) == 0 &&
                         socket_address_free(&address));
}

/*
 * A bound socket that nobody listens on answers nothing: the kernel refuses in our place, and a
 * balancer that looks sees that we are not there. Its address stays ours meanwhile.
 */
static bool listener_set(struct socket_transport *t, struct listener *l, bool on)
{
    struct epoll_event ev = {
        .events = EPOLLIN,
        .data.u64 = LISTENER_KEY | (u64)(l - t->listeners),
    };

    if (on == l->listening)
        return true;
    l->listening = on;
    if (!on) {
        epoll_ctl(t->epoll, EPOLL_CTL_DEL, l->fd, NULL);
        shutdown(l->fd, SHUT_RD);
        return true;
    }
    if (still_free(t, l) && listen(l->fd, BACKLOG) == 0 &&
        epoll_ctl(t->epoll, EPOLL_CTL_ADD, l->fd, &ev) == 0)
        return true;
    log_error("cannot listen on port %u: %s", l->port, strerror(errno));
    l->listening = false;
    return false;
}

static bool op_accept(struct transport *head, u32 listeners)
{
    struct socket_transport *t = self_of(head);
    bool ok = true;

    for (u32 i = 0; i < t->listeners_used; i++)
        ok = listener_set(t, &t->listeners[i], (listeners & 1u << i) != 0) && ok;
    return ok;
}

const struct transport_ops socket_ops = {
    .poll = op_poll,
    .room = op_room,
    .send = op_send,
    .close = op_close,
    .stalled_ns = op_stalled_ns,
    .flush = op_flush,
    .accept = op_accept,
};
