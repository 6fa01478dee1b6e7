/*
 * socket_open.c - the socket transport's beginning (listeners, memory, metrics) and end. Cold.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "gateway/socket_impl.h"

#define DRAIN_MAX_NS (500 * NS_PER_MS)

/* Chunks that all connections share, unless the config says: half of them may fill their queues a
 * quarter, and a few may fill them in any case. */
static u32 default_chunks(u32 connections)
{
    return connections * 2 + 16 * SOCKET_QUEUE_CHUNKS;
}

/* Raises the limit of open files if it can and must. */
static bool enough_descriptors(const struct socket_conf *conf, char *error, u32 error_bytes)
{
    u32 connections = conf->connections_max * max_u32(conf->sharers, 1);
    struct rlimit limit;
    rlim_t want = (rlim_t)connections + SPARE_DESCRIPTORS;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want)
        return true;
    limit.rlim_cur = want;
    if (limit.rlim_max < want)
        limit.rlim_max = want; /* root may */
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return true;
    snprintf(error, error_bytes,
             "%u connections need %llu open files and the limit is lower: raise it (ulimit -n, "
             "LimitNOFILE=) or lower gateway.connections_max",
             connections, (unsigned long long)want);
    return false;
}

/* What an accepted socket inherits from its listener is set here once, not per connection. */
static bool set_options(int fd, u32 kernel_send_bytes)
{
    int on = 1;
    int bytes = (int)kernel_send_bytes;

    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
           (bytes == 0 || setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) == 0);
}

/*
 * A free port of the kernel's choice, so that the listener can be bound to it by number: only such
 * an address stays with a socket on which nobody listens for a while.
 */
static bool choose_port(struct sockaddr_in *address)
{
    socklen_t n = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, (const struct sockaddr *)address, n) == 0 &&
              getsockname(fd, (struct sockaddr *)address, &n) == 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

/*
 * SO_REUSEPORT would also let a second process in that was started by mistake, and half of the
 * clients would reach the wrong venue. A socket without it is refused while anybody listens there.
 */
bool socket_address_free(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && set_options(fd, 0) &&
              bind(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    int why = errno;

    if (fd >= 0)
        close(fd);
    errno = why;
    return ok;
}

/* Lets the sharers listen on one address; the kernel deals the connections out among them. */
static bool share_address(int fd, const struct socket_conf *conf, const struct sockaddr_in *address)
{
    int on = 1;

    if (conf->sharers <= 1)
        return true;
    return (conf->joins || socket_address_free(address)) &&
           setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0;
}

static bool open_listener(struct socket_transport *t, const struct socket_listen *l,
                          const struct socket_conf *conf)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(l->port),
        .sin_addr.s_addr = l->ipv4,
    };
    u32 index = t->listeners_used;
    int fd;

    if (l->port == 0 && !choose_port(&address))
        return false;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    t->listeners[index].fd = fd;
    t->listeners_used++; /* from here on socket_free closes it */
    t->listeners[index].port = ntohs(address.sin_port);
    return set_options(fd, conf->kernel_send_bytes) && share_address(fd, conf, &address) &&
           bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
}

static void init_conns(struct socket_transport *t, struct mem *m, u32 connections)
{
    u8 *input = mem_alloc(m, (u64)connections * READ_BYTES, CACHE_LINE);

    t->conns = mem_alloc(m, connections * sizeof t->conns[0], CACHE_LINE);
    t->free = mem_alloc(m, connections * sizeof t->free[0], CACHE_LINE);
    t->conns_max = connections;
    for (u32 i = 0; i < connections; i++) {
        struct conn *c = &t->conns[i];
        c->id = i;
        c->fd = -1;
        c->input = input + (u64)i * READ_BYTES;
        queue_init(&c->queue);
        list_init(&c->readable);
        list_init(&c->dirty);
        list_init(&c->notify);
        list_init(&c->finishing);
        t->free[connections - 1 - i] = i;
    }
    t->free_used = connections;
}

struct transport *socket_new(const struct socket_conf *conf, struct mem *m, char *error,
                             u32 error_bytes)
{
    if (!enough_descriptors(conf, error, error_bytes))
        return NULL;
    struct socket_transport *t = mem_alloc(m, sizeof *t, CACHE_LINE);
    u32 shared = conf->send_chunks != 0 ? conf->send_chunks : default_chunks(conf->connections_max);

    ASSERT(conf->connections_max >= 1 && conf->connections_max <= CONNS_MAX);
    ASSERT(conf->listen_used <= TRANSPORT_LISTENERS_MAX);
    t->head.ops = &socket_ops;
    t->first = conf->sharers > 1 && !conf->joins;
    t->epoll = epoll_create1(EPOLL_CLOEXEC);
    t->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    list_init(&t->readable);
    list_init(&t->dirty);
    list_init(&t->notify);
    list_init(&t->finishing);
    init_conns(t, m, conf->connections_max);
    queue_pool_init(&t->pool, m, conf->connections_max, shared);
    for (u32 i = 0; i < conf->listen_used; i++) {
        const struct socket_listen *l = &conf->listen[i];
        struct in_addr ip = {.s_addr = l->ipv4};
        if (open_listener(t, l, conf))
            continue;
        snprintf(error, error_bytes, "cannot listen on %s:%u: %s", inet_ntoa(ip), l->port,
                 strerror(errno));
        socket_free(&t->head);
        return NULL;
    }
    return &t->head;
}

u16 socket_port(const struct transport *head, u32 i)
{
    const struct socket_transport *t = (const struct socket_transport *)(const void *)head;

    ASSERT_LT(i, t->listeners_used);
    return t->listeners[i].port;
}

void socket_metrics(struct transport *head, const char *labels)
{
    struct socket_metrics *m = &((struct socket_transport *)(void *)head)->metrics;

    metrics_register("wirebook_socket_open", labels, "Open sockets of clients.", METRIC_GAUGE,
                     &m->open);
    metrics_register("wirebook_socket_accepted_total", labels, "Connections accepted.",
                     METRIC_COUNTER, &m->accepted);
    metrics_register("wirebook_socket_refused_total", labels, "Connections reset at once.",
                     METRIC_COUNTER, &m->refused);
    metrics_register("wirebook_socket_no_descriptor_total", labels,
                     "Connections reset for want of a file descriptor.", METRIC_COUNTER,
                     &m->no_descriptor);
    metrics_register("wirebook_socket_errors_total", labels, "Connections that ended in an error.",
                     METRIC_COUNTER, &m->errors);
    metrics_register("wirebook_socket_finish_cut_total", labels,
                     "Connections cut because the peer did not let them finish.", METRIC_COUNTER,
                     &m->finish_cut);
    metrics_register("wirebook_socket_in_bytes_total", labels, "Bytes read.", METRIC_COUNTER,
                     &m->in_bytes);
    metrics_register("wirebook_socket_out_bytes_total", labels, "Bytes written.", METRIC_COUNTER,
                     &m->out_bytes);
    metrics_register("wirebook_socket_reads_total", labels, "Calls to read.", METRIC_COUNTER,
                     &m->reads);
    metrics_register("wirebook_socket_writes_total", labels, "Calls to write.", METRIC_COUNTER,
                     &m->writes);
    metrics_register("wirebook_socket_full_total", labels,
                     "Writes that filled the kernel's buffer.", METRIC_COUNTER, &m->full);
    metrics_register("wirebook_socket_pool_free", labels, "Free chunks of the send pool.",
                     METRIC_GAUGE, &m->pool_free);
}

/* The gateway has closed all connections, so nothing can come up any more. */
static const struct transport_up nobody;

void socket_drain(struct transport *head)
{
    struct socket_transport *t = (struct socket_transport *)(void *)head;
    u64 now_ns = clock_now_ns();
    u64 end_ns = now_ns + DRAIN_MAX_NS;

    head->up = &nobody;
    head->ops->accept(head, 0);
    for (u32 i = 0; i < t->conns_max; i++)
        if (t->conns[i].state == CONN_OPEN)
            socket_destroy(t, &t->conns[i], true);
    while (t->free_used < t->conns_max && now_ns < end_ns) {
        head->ops->poll(head, now_ns);
        head->ops->flush(head, now_ns);
        clock_sleep_ns(NS_PER_MS);
        now_ns = clock_now_ns();
    }
}

void socket_free(struct transport *head)
{
    struct socket_transport *t = (struct socket_transport *)(void *)head;

    for (u32 i = 0; i < t->conns_max; i++) {
        if (t->conns[i].state != CONN_FREE)
            socket_destroy(t, &t->conns[i], true);
    }
    for (u32 i = 0; i < t->listeners_used; i++)
        close(t->listeners[i].fd);
    close(t->spare);
    close(t->epoll);
}
