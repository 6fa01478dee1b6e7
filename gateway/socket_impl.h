/*
 * socket_impl.h - the insides of the socket transport, shared by socket.c (its turns) and
 * socket_open.c (its beginning and end) and by nobody else.
 */
#ifndef WIREBOOK_GATEWAY_SOCKET_IMPL_H
#define WIREBOOK_GATEWAY_SOCKET_IMPL_H

#include <netinet/in.h>

#include "engine/base/limits.h"
#include "engine/base/list.h"
#include "engine/base/metrics.h"
#include "gateway/socket.h"
#include "gateway/socket_queue.h"

#define READ_BYTES        GATEWAY_CONN_READ_BYTES
#define SPARE_DESCRIPTORS 64u          /* of the process, for all that is no connection */
#define LISTENER_KEY      (1ull << 63) /* in epoll's data: a listener's index, not a connection */

_Static_assert(READ_BYTES <= SOCKET_CHUNK_BYTES, "what is held of one read fits one chunk");

enum conn_state {
    CONN_FREE,
    CONN_OPEN,
    CONN_FINISHING, /* we have closed it: queued bytes go out, then FIN, then the peer's FIN */
};

struct conn {
    u64 id; /* round << 32 | index: never used again */
    int fd;
    u8 state;
    bool hangup;     /* the peer has finished its side: read until 0 */
    bool broken;     /* a write failed: to be told at the next poll */
    bool full;       /* the kernel's buffer is full: an edge will come */
    bool asked;      /* room() was small: writable() is owed */
    bool shut;       /* our FIN is sent */
    bool eof;        /* FINISHING: the peer's FIN has come */
    u16 held;        /* bytes in `input` that the gateway has not taken */
    u8 *input;       /* READ_BYTES of its own */
    u64 sent;        /* bytes given to the kernel in all */
    u64 acked;       /* of them acknowledged, as last looked up */
    u64 progress_ns; /* when that last grew, or nothing waited; 0: never looked up */
    u64 finish_ns;   /* FINISHING: when it is cut */
    struct queue queue;
    struct list readable;
    struct list dirty;  /* has bytes to write and the kernel may take them */
    struct list notify; /* broken, or writable() is due */
    struct list finishing;
};

struct listener {
    int fd;
    u16 port;
    bool listening; /* the kernel takes connections and epoll tells */
};

struct socket_metrics {
    struct metric open, accepted, refused, no_descriptor, errors, finish_cut;
    struct metric in_bytes, out_bytes, reads, writes, full, pool_free;
};

struct socket_transport {
    struct transport head; /* first: a transport is one of these */
    int epoll;
    bool first; /* of those that share its addresses: it looks that nobody else listens there */
    int spare;  /* a descriptor to be given up when there are no others */
    struct listener listeners[TRANSPORT_LISTENERS_MAX];
    u32 listeners_used;
    struct conn *conns;
    u32 conns_max;
    u32 *free; /* stack of free indexes */
    u32 free_used;
    struct queue_pool pool;
    struct list readable, dirty, notify, finishing;
    u64 now_ns;
    struct socket_metrics metrics;
    u8 buffer[READ_BYTES]; /* where reads go; what is not taken moves to the connection */
};

/*
 * Whether nobody listens on the address. Sharers of one set SO_REUSEPORT, which would also let a
 * second process in that was started by mistake; the bare socket that is tried here is refused.
 */
bool socket_address_free(const struct sockaddr_in *address);

/* The operations, for the head of the transport. */
extern const struct transport_ops socket_ops;

/* Gives back all that a connection holds; `reset` cuts it, else the kernel sends what it has. */
void socket_destroy(struct socket_transport *t, struct conn *c, bool reset);

#endif
