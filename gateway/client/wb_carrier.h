/*
 * wb_carrier.h - what carries a client's bytes: kernel sockets, or our own TCP past the kernel.
 *
 * One carrier serves all clients of a process; kernel sockets are the default. A connection is
 * named by a small number, with sockets the descriptor. Nothing blocks but `open` (the look-up of
 * a name) and `wait`. One thread.
 */
#ifndef WIREBOOK_CLIENT_WB_CARRIER_H
#define WIREBOOK_CLIENT_WB_CARRIER_H

#include <sys/types.h>

#include "engine/base/types.h"

struct wb_carrier {
    /* Begins to connect. Returns the connection, or -1 with a text in *why. */
    int (*open)(const char *host, u16 port, const char **why);
    /* 1: the connection stands; 0: not yet; -1 with errno: it failed. */
    int (*ready)(int conn);
    /* As send(2) and recv(2) without blocking: bytes, or -1 with errno; recv: 0 at the end. */
    ssize_t (*send)(int conn, const void *bytes, u32 n);
    ssize_t (*recv)(int conn, void *to, u32 max);
    void (*close)(int conn);
    /*
     * Sleeps until the connection (-1: none) has something to read, or room if `write`, or
     * `other_fd` (-1: none) is readable, or `timeout_ns` is over.
     */
    void (*wait)(int conn, bool write, int other_fd, u64 timeout_ns);
    /*
     * NULL with sockets. Otherwise the carrier has no descriptors to sleep on: it moves only when
     * it is turned, and says how much it did, what other calls brought since included: after 0
     * no connection has anything new.
     */
    int (*turn)(u64 now_ns);
};

/* The one in use. */
const struct wb_carrier *wb_carrier(void);

/* Changes it, before any client connects. NULL: kernel sockets. */
void wb_carrier_use(const struct wb_carrier *carrier);

#endif
