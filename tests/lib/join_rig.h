/*
 * join_rig.h - three joined transports on the three queue pairs of one port, and a client at the
 * other end of the wire who sends by whatever queue pair a case says. One thread turns all of them.
 */
#ifndef WIREBOOK_TESTS_JOIN_RIG_H
#define WIREBOOK_TESTS_JOIN_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/base/clock.h"
#include "engine/base/mem.h"
#include "gateway/net/net.h"
#include "gateway/port.h"
#include "gateway/transport.h"
#include "tests/lib/seed.h"

#define JOIN_WAIT_NS   (10 * NS_PER_SEC)
#define JOIN_AGENTS    3u
#define JOIN_CLIENTS   60u
#define JOIN_SERVER_IP __builtin_bswap32(0x0a4e0001)
#define JOIN_CLIENT_IP __builtin_bswap32(0x0a4e0002)
#define JOIN_PORT      9000
#define JOIN_ANY_WAY   JOIN_AGENTS /* each frame by another queue */

struct join_side {
    u64 conn;
    u32 opened, closed;
    u64 sent, in; /* bytes; each follows from its place and the pair's number */
};

/* A connection as both sides see it. */
struct join_pair {
    u32 agent; /* the transport that it opened at: the one that the hash says */
    struct join_side server, client;
};

struct join_rig {
    struct mem mem;
    struct port *ports[2]; /* the server's end and the client's */
    struct port *other;    /* one that transport 1 has alone, before the shared one */
    struct transport *t[JOIN_AGENTS];
    struct net *net; /* the client's endpoint */
    struct join_pair pairs[JOIN_CLIENTS];
    u32 used;
    u32 way;                  /* queue of the client's frames, or JOIN_ANY_WAY */
    bool asleep[JOIN_AGENTS]; /* their agents do not run */
    struct rng rng;
};

extern struct join_rig join;

/* Opens everything, once in a process; false: it has been said why. */
bool join_start(void);
void join_end(void);

/* The owner by the published hash over the whole flow, as a network card would have it. */
u32 join_owner(u32 port);

/* A frame of the client's, to be written and sent. */
bool join_alloc(void *ctx, struct packet *p);
void join_transmit(void *ctx, struct packet *p);

/* Turns of the client, of the transports that are awake, of both. */
void join_client_turn(void);
void join_server_turn(void);
void join_turn(void);

/* A client more; returns its number in join.pairs. Or one whose connection belongs to `agent`. */
u32 join_open(void);
struct join_pair *join_open_at(u32 agent);

/* Up to `n` bytes into one side; what arrives is compared. */
void join_client_write(struct join_pair *p, u32 n);
void join_server_write(struct join_pair *p, u32 n);

/* So many bytes each way on all connections, in pieces; exact. */
void join_talk(u32 bytes);

/* Ends all connections, by FIN and by RST; frames go by queue 0 again. */
void join_close_all(void);

#define JOIN_UNTIL(condition)                        \
    do {                                             \
        u64 wait_ns = clock_now_ns() + JOIN_WAIT_NS; \
        while (!(condition)) {                       \
            join_turn();                             \
            if (clock_now_ns() >= wait_ns)           \
                fail_msg("waited for " #condition);  \
        }                                            \
    } while (0)

#endif
