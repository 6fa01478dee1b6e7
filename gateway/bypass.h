/*
 * bypass.h - a transport past the kernel: our own TCP (gateway/net) over DPDK ports (port.h).
 *
 * One transport belongs to one gateway agent and is used by its thread alone. It polls its own
 * queue pairs of every port and has an endpoint on each. Where several transports share a port,
 * their endpoints have one address, and each connection belongs to the one whose queue its flow
 * belongs to (port_owner): bypass_join makes what comes to another one go there.
 */
#ifndef WIREBOOK_GATEWAY_BYPASS_H
#define WIREBOOK_GATEWAY_BYPASS_H

#include "engine/base/mem.h"
#include "gateway/port.h"
#include "gateway/transport.h"

/* One port as this transport uses it. */
struct bypass_link {
    struct port *port; /* open; must outlive the transport */
    u32 first_queue;   /* the queue pairs that are ours; frames leave by the first */
    u32 queues;        /* at least 1 */
    u32 ipv4;          /* our address there, network order */
    u32 prefix_bits;   /* of the network, 1..32 */
    u32 gateway;       /* network order; 0: none. For connections that we open ourselves */
};

struct bypass_conf {
    struct bypass_link links[PORTS_MAX];
    u32 links_used;
    u16 listen[TRANSPORT_LISTENERS_MAX]; /* ports in host order, on every link */
    u32 listen_used;
    u32 connections_max; /* open ones of all links together; what is closing comes on top */
    u64 rto_min_ns;      /* floor of the retransmission timeout; 0: the default */
    u64 tlp_min_ns;      /* floor of the tail-loss probe; 0: the default */
    u64 keepalive_ns;    /* silence before the client's kernel is probed; 0: the default */
    u8 ttl;              /* of what we send; 0: the default */
    u8 dscp;             /* Diffserv code point of what we send */
    u8 secret[32];       /* fresh random bytes */
};

/* A transport that refuses connections until accept. All memory from `m`. Never NULL. */
struct transport *bypass_new(const struct bypass_conf *conf, struct mem *m, u64 now_ns);

/*
 * Joins the `n` <= GATEWAYS_MAX transports of a process by rings (handover.h): a frame that comes
 * to one and concerns a flow of another one is handed over, and what one learns about neighbours
 * all know. Each queue pair of a port that one of them uses belongs to exactly one of them, and a
 * port has the same address in all (asserted). Memory from `m`. Once, before the threads start;
 * a transport that has its ports for itself needs no joining.
 */
void bypass_join(struct transport *const *all, u32 n, struct mem *m);

/*
 * Registers the metrics of its endpoints and rings. `index` is the gateway's. After bypass_join,
 * before the threads start.
 */
void bypass_metrics(struct transport *t, u32 index);

/*
 * Lets what `n` transports sent last get through after their gateways have ended: runs turns of all
 * until nothing has happened for 50 ms, at most 500 ms. Sleeps; after the agents' threads have
 * ended. All that are joined at once: the last ACKs of one may come to another.
 */
void bypass_drain(struct transport *const *t, u32 n);

#endif
