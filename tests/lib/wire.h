/*
 * wire.h - a transport together with the clients' ends of its connections, for suites that must run
 * unchanged over every transport. A client is an index from 0 in the order of connecting.
 */
#ifndef WIREBOOK_TESTS_WIRE_H
#define WIREBOOK_TESTS_WIRE_H

#include "gateway/transport.h"

enum wire_end {
    WIRE_OPEN,
    WIRE_EOF,   /* the server finished, and everything before was read */
    WIRE_RESET, /* the server cut it */
};

#define WIRE_CLIENTS_MAX 64u

struct wire {
    struct transport *transport;
    /* A new client; it may take some turns until the server has it. */
    u32 (*connect)(struct wire *w);
    /* Sends; returns how many bytes were taken. */
    u32 (*write)(struct wire *w, u32 client, const void *bytes, u32 n);
    /* Takes what has arrived. */
    u32 (*read)(struct wire *w, u32 client, void *to, u32 max);
    enum wire_end (*end)(struct wire *w, u32 client);
    /* The client hangs up: FIN behind what it sent, or a reset at once. */
    void (*hang_up)(struct wire *w, u32 client, enum transport_close how);
    /* Lets what is under way arrive (a moment of real time, or nothing). */
    void (*settle)(struct wire *w);
    void (*free)(struct wire *w);
};

#endif
