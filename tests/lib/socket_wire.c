/* socket_wire.c - clients as non-blocking sockets. Settling is a moment of real time. */
#include "tests/lib/socket_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/assert.h"

struct socket_client {
    int fd;
    enum wire_end end;
};

struct socket_wire {
    struct wire wire;
    struct mem mem;
    struct socket_client clients[WIRE_CLIENTS_MAX];
    u32 used;
};

static struct socket_wire *of(struct wire *w)
{
    return (struct socket_wire *)(void *)w;
}

u16 socket_wire_port(const struct wire *w)
{
    return socket_port(w->transport, 0);
}

int socket_wire_dial(const struct wire *w)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(socket_wire_port(w)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ASSERT(fd >= 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static u32 wire_connect(struct wire *w)
{
    struct socket_wire *s = of(w);
    struct socket_client *c = &s->clients[s->used];

    ASSERT_LT(s->used, WIRE_CLIENTS_MAX);
    c->fd = socket_wire_dial(w);
    c->end = c->fd < 0 ? WIRE_RESET : WIRE_OPEN;
    return s->used++;
}

static u32 wire_write(struct wire *w, u32 client, const void *bytes, u32 n)
{
    struct socket_client *c = &of(w)->clients[client];

    if (c->end != WIRE_OPEN)
        return n; /* nobody is there */
    ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        return n; /* the next read tells */
    return sent < 0 ? 0 : (u32)sent;
}

static u32 wire_read(struct wire *w, u32 client, void *to, u32 max)
{
    struct socket_client *c = &of(w)->clients[client];

    if (c->end != WIRE_OPEN)
        return 0;
    ssize_t n = recv(c->fd, to, max, 0);
    if (n == 0)
        c->end = WIRE_EOF;
    else if (n < 0 && errno != EAGAIN)
        c->end = WIRE_RESET;
    return n > 0 ? (u32)n : 0;
}

static enum wire_end wire_end(struct wire *w, u32 client)
{
    return of(w)->clients[client].end;
}

static void wire_hang_up(struct wire *w, u32 client, enum transport_close how)
{
    struct socket_client *c = &of(w)->clients[client];
    struct linger now = {.l_onoff = 1};

    if (how == TRANSPORT_FINISH) {
        shutdown(c->fd, SHUT_WR);
        return;
    }
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(c->fd);
    c->fd = -1;
    c->end = WIRE_RESET;
}

static void wire_settle(struct wire *w)
{
    (void)w;
    usleep(50); /* loopback delivers within the sender's call; this is for the timers' sake */
}

static void wire_free(struct wire *w)
{
    struct socket_wire *s = of(w);

    for (u32 i = 0; i < s->used; i++) {
        if (s->clients[i].fd >= 0)
            close(s->clients[i].fd);
    }
    socket_free(w->transport);
    mem_free_all(&s->mem);
    free(s);
}

struct wire *socket_wire_new(const struct socket_conf *conf)
{
    struct socket_wire *s = calloc(1, sizeof *s);
    struct socket_conf usual = {.connections_max = WIRE_CLIENTS_MAX};
    struct socket_conf c = conf != NULL ? *conf : usual;
    char error[256];

    ASSERT(s != NULL);
    mem_init(&s->mem, 0);
    c.listen_used = 1;
    c.listen[0] = (struct socket_listen){.ipv4 = htonl(INADDR_LOOPBACK), .port = 0};
    struct transport *t = socket_new(&c, &s->mem, error, sizeof error);
    if (t == NULL) {
        fprintf(stderr, "%s\n", error);
        abort();
    }
    s->wire = (struct wire){
        .transport = t,
        .connect = wire_connect,
        .write = wire_write,
        .read = wire_read,
        .end = wire_end,
        .hang_up = wire_hang_up,
        .settle = wire_settle,
        .free = wire_free,
    };
    return &s->wire;
}
