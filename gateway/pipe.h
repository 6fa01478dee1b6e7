/*
 * pipe.h - connections inside one process: a client's thread on one end, a gateway agent on the
 * other, and nothing between them but memory.
 *
 *   client: pipe_write ─▶ bytes in  ─▶ gateway: data        each end rings the other's bell when
 *   client: pipe_read  ◀─ bytes out ◀─ gateway: send        there is something new: no end walks
 *                                                           all connections
 *
 * For the benchmark (wirebook-bench --in-process): what an order costs without any network. The
 * gateway's end is a transport (transport.h); the client's end is one thread's, any one. A
 * connection's place is not used again, so pipe_conf.conns_max counts all that ever connect.
 */
#ifndef WIREBOOK_GATEWAY_PIPE_H
#define WIREBOOK_GATEWAY_PIPE_H

#include "engine/base/mem.h"
#include "gateway/transport.h"

struct pipes;

struct pipe_conf {
    u32 conns_max; /* 1..65,536 */
    u32 bytes;     /* of each direction of a connection; a power of two, 4 KiB at least */
};

/* The ends' common memory, from `m`, before the threads start. Lives as long as `m`. */
struct pipes *pipes_new(struct mem *m, const struct pipe_conf *conf);

/* The gateway's end. */
struct transport *pipes_transport(struct pipes *p);

/* ---- the client's end: one thread ---- */

enum pipe_state {
    PIPE_OPENING, /* the gateway has not seen it yet */
    PIPE_OPEN,
    PIPE_FINISHED, /* the gateway has ended it: what it sent before can still be read */
    PIPE_BROKEN,   /* ... without care for that, or it never wanted it */
};

/* Begins to connect. Returns the connection, 0..conns_max-1, or -1: all places were used. */
int pipe_connect(struct pipes *p);

enum pipe_state pipe_state(const struct pipes *p, int conn);

/* Copies as much of the `n` bytes as there is room for: 0..n. The gateway sees them at once. */
u32 pipe_write(struct pipes *p, int conn, const void *bytes, u32 n);

/* Takes what has come, at most `max`: 0..max. */
u32 pipe_read(struct pipes *p, int conn, void *to, u32 max);

/* Finishes the client's side. Nothing of it is to be called for the connection after. */
void pipe_hang_up(struct pipes *p, int conn);

/* How often the gateway rang since the last call; 0: no connection has anything new. */
u32 pipe_news(struct pipes *p);

#endif
