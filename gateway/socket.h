/*
 * socket.h - a transport over the kernel's TCP sockets: no root, any machine.
 *
 * The fallback where there is no DPDK device, the oracle that our own TCP is compared with, and the
 * baseline that it is measured against. Non-blocking, epoll, one thread: the gateway's.
 */
#ifndef WIREBOOK_GATEWAY_SOCKET_H
#define WIREBOOK_GATEWAY_SOCKET_H

#include "engine/base/mem.h"
#include "gateway/transport.h"

struct socket_listen {
    u32 ipv4; /* address to listen on, network order; 0: any */
    u16 port; /* host order; 0: the kernel chooses, see socket_port */
};

struct socket_conf {
    struct socket_listen listen[TRANSPORT_LISTENERS_MAX];
    u32 listen_used;
    u32 connections_max;   /* 1..CONNS_MAX; more are refused with a reset */
    u32 send_chunks;       /* pool of SOCKET_CHUNK_BYTES for all send spaces; 0: the default */
    u32 kernel_send_bytes; /* SO_SNDBUF of a connection; 0: the kernel's own choice */
    u32 sharers;           /* transports of this process that listen on the same addresses; 0: 1 */
    bool joins;            /* another of them has been opened already */
};

/*
 * Binds the listeners; memory from `m`. The kernel takes connections for them once accept says so.
 * Returns NULL with one line in `error` (of `error_bytes`) when an address cannot be listened on or
 * the process may not have enough descriptors. SIGPIPE is never raised.
 */
struct transport *socket_new(const struct socket_conf *conf, struct mem *m, char *error,
                             u32 error_bytes);

/* The port of the i-th listener, host order. */
u16 socket_port(const struct transport *t, u32 i);

/* Registers its metrics; `labels` as for metrics_register. Before the threads start. */
void socket_metrics(struct transport *t, const char *labels);

/*
 * Lets what was sent last get through after the gateway has ended: runs turns until no connection
 * is left, at most 500 ms. Sleeps; after the agent's thread has ended.
 */
void socket_drain(struct transport *t);

/* Closes every descriptor, connections with a reset. After the thread has ended. */
void socket_free(struct transport *t);

#endif
