/*
 * edge.h - the transports that the config asks for, opened, one for each gateway agent: kernel
 * sockets, or DPDK ports with our TCP.
 *
 * Thread: the one that starts the process, before, while (edge_tick) and after the agents run.
 */
#ifndef WIREBOOK_GATEWAY_EDGE_H
#define WIREBOOK_GATEWAY_EDGE_H

#include "engine/base/limits.h"
#include "engine/base/mem.h"
#include "gateway/conf.h"
#include "gateway/gateway.h"
#include "gateway/placement.h"
#include "gateway/port.h"
#include "gateway/transport.h"

struct edge {
    struct transport *transports[GATEWAYS_MAX]; /* of gateway 0, 1, ... */
    u32 transports_used;                        /* gateway.count, or 0: not open */
    bool dpdk;                                  /* what they are */
    struct port *ports[PORTS_MAX];
    u32 ports_used;
    char address[32]; /* where clients connect, for people */
};

/*
 * Opens what `conf` asks for, each gateway's part in the memory that `place` says, and registers
 * its metrics; nothing is accepted yet. With gateway.transport auto one line of log says why it
 * fell back to sockets. Returns false after one line that says what is wrong; then edge_close.
 */
bool edge_open(struct edge *e, const struct conf *conf, const struct placement *place,
               struct mem *m, u64 now_ns);

/* What the config says of listeners, their dialects and logins: the gateways' part of it. */
void edge_listeners(struct gateway_conf *g, const struct conf_gateway *c);

/* Housekeeping of the ports, about every 50 ms while the agents run. */
void edge_tick(struct edge *e, u64 now_ns);

/*
 * The listeners (bit i: the i-th) on which every gateway takes connections from now on, see
 * transport.h. While no agent runs. False after a line of log: the system refused one.
 */
bool edge_accept(struct edge *e, u32 listeners);

/* Lets the last bytes get through, then closes everything. After the agents have ended. */
void edge_close(struct edge *e);

#endif
