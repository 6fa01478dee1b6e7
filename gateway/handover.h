/*
 * handover.h - frames that came to one gateway agent and concern a connection of another one.
 *
 * Where a port's queues belong to several agents, the owner of a flow is a pure function of its
 * addresses and ports (port_owner). A device with our key and table delivers accordingly; all
 * others do as they like, and no device steers ICMP errors or ARP. What comes to the wrong agent
 * goes on by a ring: one for each ordered pair of agents, each slot a frame or a neighbour.
 *
 *     agent 0 ── staged while it polls, published at the end ══ ring 0 -> 1 ══▶ agent 1
 *
 * A frame's buffer belongs to the receiver once it is published: it gives it back to where it came
 * from (port_give_back), whatever thread that is. A ring that is full drops and counts: TCP
 * repairs it, and the agent that polls never waits for another one. Neighbours take at most half of
 * a ring, so that ARP cannot push segments out.
 */
#ifndef WIREBOOK_GATEWAY_HANDOVER_H
#define WIREBOOK_GATEWAY_HANDOVER_H

#include "engine/base/limits.h"
#include "engine/base/mem.h"
#include "engine/base/metrics.h"
#include "engine/base/ring.h"
#include "gateway/net/packet.h"

enum handed_kind {
    HANDED_FRAME = 1,
    HANDED_NEIGHBOUR,
};

/* One slot of a ring. */
struct handed {
    u32 kind; /* enum handed_kind */
    u32 link; /* the receiver's number of the port */
    struct packet packet;
    u32 ipv4;  /* of a neighbour, network order */
    u8 mac[6]; /* its Ethernet address now */
    u8 unused[SLOT_BYTES - 8 - sizeof(struct packet) - 10];
};
_Static_assert(sizeof(struct handed) == SLOT_BYTES, "a frame is one slot");

/* One agent's ends of its rings. Used by its thread alone. */
struct handover {
    u32 joined; /* agents, this one included; 0: it stands alone */
    u32 self;
    struct ring *to[GATEWAYS_MAX];   /* by number of the agent; NULL: no way there */
    struct ring *from[GATEWAYS_MAX]; /* NULL: none */
    u32 staged;                      /* bits: rings with something to publish */
    struct metric frames_out;
    struct metric frames_in;
    struct metric neighbours_out;
    struct metric dropped; /* the ring was full */
};
_Static_assert(GATEWAYS_MAX <= 32, "a bit for each ring");

/*
 * Joins agents `a` and `b` by a ring each way. Memory from `m`; before the threads start. Each has
 * its number in `self`, and `joined` of both counts all.
 */
void handover_join(struct handover *a, struct handover *b, struct mem *m);

/* Registers the metrics of one agent and of the rings that it fills. `index` is the gateway's. */
void handover_metrics(const struct handover *h, u32 index);

/*
 * Stages a frame for agent `to`, which is joined; `link` is its number of the port. False: the ring
 * is full, the frame is counted as dropped and stays the caller's.
 */
bool handover_frame(struct handover *h, u32 to, u32 link, const struct packet *p);

/* Stages what was learned about a neighbour for agent `to`, or drops it when the ring is half full.
 */
void handover_neighbour(struct handover *h, u32 to, u32 link, u32 ipv4, const u8 *mac);

/* Makes what was staged visible to the others: at the end of a poll. */
void handover_publish(struct handover *h);

/*
 * The next thing from agent `from`, NULL: nothing more. Valid until the next call, which gives the
 * slot back.
 */
const struct handed *handover_next(struct handover *h, u32 from);

/* Gives the slot of the last handover_next back. */
void handover_done(struct handover *h, u32 from);

#endif
