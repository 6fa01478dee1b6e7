/*
 * wb_carrier.c - the carrier in use, and the default one: non-blocking kernel sockets.
 */
#include "gateway/client/wb_carrier.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int open_socket(const struct addrinfo *a)
{
    int one = 1;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int socket_open(const char *host, u16 port, const char **why)
{
    static char text[96];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    int error = getaddrinfo(host, service, &hints, &found);
    if (error != 0) {
        *why = gai_strerror(error);
        return -1;
    }
    int fd = open_socket(found);
    error = errno;
    freeaddrinfo(found);
    if (fd < 0) {
        snprintf(text, sizeof(text), "connect: %s", strerror(error));
        *why = text;
    }
    return fd;
}

static int socket_ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    if (poll(&p, 1, 0) != 1)
        return 0;
    int error = 0;
    socklen_t n = sizeof(error);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n);
    errno = error;
    return error == 0 ? 1 : -1;
}

static ssize_t socket_send(int fd, const void *bytes, u32 n)
{
    return send(fd, bytes, n, MSG_NOSIGNAL);
}

static ssize_t socket_recv(int fd, void *to, u32 max)
{
    return recv(fd, to, max, 0);
}

static void socket_close(int fd)
{
    close(fd);
}

static void socket_wait(int fd, bool write, int other_fd, u64 timeout_ns)
{
    struct pollfd fds[2] = {
        {.fd = fd, .events = (short)(POLLIN | (write ? POLLOUT : 0))},
        {.fd = other_fd, .events = POLLIN},
    };
    struct timespec ts = {
        .tv_sec = (time_t)(timeout_ns / NS_PER_SEC),
        .tv_nsec = (long)(timeout_ns % NS_PER_SEC),
    };
    ppoll(fds, 2, &ts, NULL); /* a signal or an error ends the sleep: the next poll finds out why */
}

static const struct wb_carrier sockets = {
    .open = socket_open,
    .ready = socket_ready,
    .send = socket_send,
    .recv = socket_recv,
    .close = socket_close,
    .wait = socket_wait,
};

static const struct wb_carrier *in_use = &sockets;

const struct wb_carrier *wb_carrier(void)
{
    return in_use;
}

void wb_carrier_use(const struct wb_carrier *carrier)
{
    in_use = carrier != NULL ? carrier : &sockets;
}
