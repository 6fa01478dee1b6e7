/*
 * fake_transport.h - a transport in memory whose every mood a test can choose. Bytes move at once;
 * what the clients wrote is offered in the next poll, in pieces of chosen or random sizes.
 */
#ifndef WIREBOOK_TESTS_FAKE_TRANSPORT_H
#define WIREBOOK_TESTS_FAKE_TRANSPORT_H

#include "engine/base/limits.h"
#include "engine/base/types.h"
#include "tests/lib/seed.h"
#include "tests/lib/wire.h"

#define FAKE_PIPE_BYTES 65536u

struct fake_pipe {
    u8 bytes[FAKE_PIPE_BYTES];
    u32 used;
};

struct fake_conn {
    u64 id;
    bool used;                     /* this index was connected */
    u32 listener;                  /* to this listener */
    bool pending;                  /* the server has not heard of it yet */
    bool server_up;                /* the server has it */
    bool client_fin, client_reset; /* the client hung up */
    bool server_fin, server_reset; /* the server did */
    bool asked;                    /* room() was small */
    bool stuck;                    /* the client acknowledges nothing: a test may choose */
    u64 stalled_since_ns;          /* 0: nothing waits */
    struct fake_pipe in, out;
};

struct fake_transport {
    struct transport head; /* first */
    struct wire wire;
    struct fake_conn conns[WIRE_CLIENTS_MAX];
    u32 conns_used;
    u32 accepting; /* listeners */
    u64 now_ns;
    struct rng rng;
    /* what a test may choose */
    u32 piece;     /* bytes of one data call: at most so many, chosen at random; 0: all */
    u32 room_max;  /* send space of a connection */
    u32 listener;  /* that the next connections come to */
    u32 peer_ipv4; /* that they come from, network order */
    u32 refused;   /* connections that opened() did not want */
    bool busy;     /* each poll finds something to do */
};

/* One that behaves well. fake_free gives it back. */
struct fake_transport *fake_new(u64 seed);
void fake_free(struct fake_transport *f);

#endif
