/*
 * transport.h - what carries bytes between clients and a gateway agent: the interface.
 *
 * Two ways to do it for real: socket.c (kernel sockets) and port.c with net/ (DPDK and our own
 * TCP); a third, in-memory pipes in virtual time, belongs to the simulator. One transport belongs
 * to one gateway agent and is used by its thread alone. Nothing here blocks.
 *
 * Data flows like this: poll() takes in what has arrived and calls up: opened, data, writable,
 * closed. The gateway answers with send() into the connection's bounded send space, and flush() at
 * the end of the turn pushes out what was sent.
 *
 * Flow control, inward: `data` returns how many bytes it took. When it takes fewer than it was
 * given, the transport keeps the rest (a bounded amount), stops reading that connection - the
 * peer's window closes by itself - and offers the rest again at each poll until it is taken.
 * Flow control, outward: never send more than room(); after a room() that was too small, `writable`
 * comes once there is more of it.
 */
#ifndef WIREBOOK_GATEWAY_TRANSPORT_H
#define WIREBOOK_GATEWAY_TRANSPORT_H

#include "engine/base/clock.h"
#include "engine/base/types.h"

struct transport;

/* Where a connection comes from. */
struct transport_peer {
    u32 ipv4;       /* network order */
    u16 port;       /* host order */
    u16 local_port; /* the listening port that it came to, host order */
    u32 listener;   /* that port's place in the transport's list of listeners, from 0 */
};

#define TRANSPORT_LISTENERS_MAX 16u
#define TRANSPORT_ALL           ((1u << TRANSPORT_LISTENERS_MAX) - 1) /* every listener */

enum transport_close {
    TRANSPORT_FINISH, /* what was sent still goes out, then FIN */
    TRANSPORT_RESET,  /* at once; what was not yet sent is thrown away */
};

enum transport_closed {
    TRANSPORT_EOF,   /* the peer finished its side */
    TRANSPORT_ERROR, /* reset by the peer, timed out, device gone */
};

#define TRANSPORT_EXPECTED 32u

/*
 * The calls up. `conn` names a connection and is never used for another one during the life of the
 * transport. `ctx` is transport.up_ctx.
 */
struct transport_up {
    /* A connection is open. False refuses it: it is reset and nothing more is heard of it. */
    bool (*opened)(void *ctx, u64 conn, const struct transport_peer *peer);
    /* `bytes` arrived in order. Returns how many were taken, 0..n. */
    u32 (*data)(void *ctx, u64 conn, const u8 *bytes, u32 n);
    /* There is send space again. */
    void (*writable)(void *ctx, u64 conn);
    /* The connection is gone; the last call for it. Not made for one that close() ended. */
    void (*closed)(void *ctx, u64 conn, enum transport_closed why);
    /*
     * Optional: bytes of these `n` <= TRANSPORT_EXPECTED connections will probably be handed up in
     * this poll. It changes nothing; whoever is called can ask for the memory that they will need.
     */
    void (*expect)(void *ctx, const u64 *conns, u32 n);
};

struct transport_ops {
    /* Takes in what has arrived, runs timers, calls up. Returns how much it did. */
    int (*poll)(struct transport *t, u64 now_ns);
    /* Bytes that send() would take now; 0 for a connection that is gone or closing. */
    u32 (*room)(struct transport *t, u64 conn);
    /* Queues `n` <= room() bytes, copied. They go out by flush() at the latest. */
    void (*send)(struct transport *t, u64 conn, const void *bytes, u32 n);
    /* Ends the connection from our side; nothing more is called up for it. */
    void (*close)(struct transport *t, u64 conn, enum transport_close how);
    /* How long the peer has acknowledged nothing although something waits; 0: nothing waits. */
    u64 (*stalled_ns)(struct transport *t, u64 conn, u64 now_ns);
    /* Pushes out what was sent in this turn. Returns how much it did. */
    int (*flush)(struct transport *t, u64 now_ns);
    /*
     * The listeners (bit i: the i-th) that take new connections from now on; at the others nobody
     * listens, so that whoever looks sees it at once: while starting (0) and draining. Not on a hot
     * path. False, with a line of log: the system refused one of them.
     */
    bool (*accept)(struct transport *t, u32 listeners);
};

/* The head of every transport; the implementation's own struct begins with it. */
struct transport {
    const struct transport_ops *ops;
    const struct transport_up *up; /* set by gateway_new */
    void *up_ctx;
    bool stamped; /* set by gateway_new: rx_ticks is wanted */
    u64 rx_ticks; /* clock_ticks when the bytes that are handed up were taken from the network */
};

/* Bytes have just been taken from the network. For the implementations. */
static inline void transport_stamp(struct transport *t)
{
    if (UNLIKELY(t->stamped))
        t->rx_ticks = clock_ticks();
}

#endif
