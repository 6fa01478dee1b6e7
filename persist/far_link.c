/*
 * far_link.c - see far_link.h. Cold thread. A link that goes wrong says why once, and is then only
 * to be closed: what was under way is the caller's to find out.
 */
#include "persist/far_link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/assert.h"

void far_link_init(struct far_link *l)
{
    memset(l, 0, sizeof *l);
    l->fd = -1;
}

static enum link_status lost(struct far_link *l, const char *what)
{
    snprintf(l->error, sizeof l->error, "%s", what);
    return LINK_LOST;
}

static void begin(struct far_link *l, int family, const struct sockaddr *to, socklen_t bytes)
{
    l->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0 || (connect(l->fd, to, bytes) < 0 && errno != EINPROGRESS))
        lost(l, strerror(errno));
}

static void begin_unix(struct far_link *l, const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof to.sun_path) {
        lost(l, "the socket's path is too long");
        return;
    }
    memcpy(to.sun_path, path, strlen(path));
    begin(l, AF_UNIX, (const struct sockaddr *)&to, sizeof to);
}

/* The `turn`-th of a list, around its end. */
static const struct addrinfo *nth(const struct addrinfo *list, u32 turn)
{
    const struct addrinfo *a = list;

    for (; turn > 0; turn--)
        a = a->ai_next ? a->ai_next : list;
    return a;
}

static void begin_tcp(struct far_link *l, const char *host, u16 port, u32 turn)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const int on = 1, idle_s = 5, every_s = 2, probes = 3;
    struct addrinfo *found = NULL;
    char service[8];

    snprintf(service, sizeof service, "%u", port);
    int rc = getaddrinfo(host, service, &hints, &found);
    if (rc != 0) {
        lost(l, gai_strerror(rc));
        return;
    }
    const struct addrinfo *a = nth(found, turn);
    begin(l, a->ai_family, a->ai_addr, a->ai_addrlen);
    freeaddrinfo(found);
    if (l->fd < 0)
        return;
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(l->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(l->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(l->fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof every_s);
    setsockopt(l->fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

void far_link_open(struct far_link *l, const char *host, u16 port, const char *path,
                   const struct tls_conf *tls, u32 turn)
{
    ASSERT(l->fd < 0);
    ASSERT(l->tls == NULL);
    l->tls_conf = tls;
    snprintf(l->host, sizeof l->host, "%s", host ? host : "");
    if (path)
        begin_unix(l, path);
    else
        begin_tcp(l, host, port, turn);
}

static enum link_status of_tls(struct far_link *l, enum tls_status status)
{
    if (status == TLS_LOST)
        return lost(l, tls_error(l->tls));
    return status == TLS_OK ? LINK_OK : LINK_BUSY;
}

static enum link_status connected(struct far_link *l)
{
    struct pollfd fd = {.fd = l->fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;

    if (poll(&fd, 1, 0) <= 0)
        return LINK_BUSY;
    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0)
        return lost(l, strerror(error ? error : errno));
    l->ready = true;
    if (!l->tls_conf)
        return LINK_OK;
    l->tls = tls_new(l->tls_conf, l->fd, l->host, l->error);
    return l->tls ? LINK_OK : LINK_LOST;
}

enum link_status far_link_ready(struct far_link *l)
{
    if (l->error[0] != '\0')
        return LINK_LOST;
    if (!l->ready) {
        enum link_status status = connected(l);
        if (status != LINK_OK)
            return status;
    }
    return l->tls ? of_tls(l, tls_handshake(l->tls)) : LINK_OK;
}

static enum link_status of_errno(struct far_link *l)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return LINK_BUSY;
    return lost(l, strerror(errno));
}

enum link_status far_link_write(struct far_link *l, const void *bytes, u32 n, u32 *done)
{
    *done = 0;
    if (n == 0)
        return LINK_OK;
    if (l->tls)
        return of_tls(l, tls_write(l->tls, bytes, n, done));
    ssize_t sent = send(l->fd, bytes, n, MSG_NOSIGNAL);
    if (sent < 0)
        return of_errno(l);
    *done = (u32)sent;
    return LINK_OK;
}

enum link_status far_link_read(struct far_link *l, void *bytes, u32 n, u32 *done)
{
    *done = 0;
    if (l->tls)
        return of_tls(l, tls_read(l->tls, bytes, n, done));
    ssize_t got = recv(l->fd, bytes, n, 0);
    if (got < 0)
        return of_errno(l);
    *done = (u32)got;
    return got > 0 ? LINK_OK : lost(l, "the server has closed");
}

void far_link_close(struct far_link *l)
{
    tls_free(l->tls);
    if (l->fd >= 0)
        close(l->fd);
    far_link_init(l);
}
