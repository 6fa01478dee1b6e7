/*
 * bypass_wire.h - our own TCP on both ends of a shared memory interface (DPDK's net_memif) as a
 * wire: the gateway's transport on one, clients by gateway/net on the other. One process, one
 * thread.
 */
#ifndef WIREBOOK_TESTS_BYPASS_WIRE_H
#define WIREBOOK_TESTS_BYPASS_WIRE_H

#include "gateway/port.h"
#include "tests/lib/wire.h"

/*
 * Starts DPDK and opens both ends with so many queue pairs; once in a process. Queue i of one end
 * leads to queue i of the other. Prints what is wrong and returns false.
 */
bool bypass_wire_start(u16 queues);

/* The port of one end: 0 the server's, 1 the clients'. For tests that bring their own endpoints. */
struct port *bypass_wire_port(u32 end);

/* Closes them. */
void bypass_wire_stop(void);

/* A new transport and a new endpoint of clients on queue 0 of the two ends. One at a time. */
struct wire *bypass_wire_new(void);

/* The listener, 0 to 2, that the wire's next clients connect to. */
void bypass_wire_listener(struct wire *w, u32 listener);

#endif
