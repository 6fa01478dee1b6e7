/*
 * packet.h - one Ethernet frame, wherever its bytes lie: a DPDK mbuf, or plain memory in tests.
 *
 * A packet is a small descriptor on the stack; the bytes and the handle belong to whoever owns the
 * device (port.c, a test). Two directions, two rules:
 *
 *   in   The owner fills a descriptor and calls net_input. The bytes are borrowed: they are read
 *        during the call, never written and never kept - what must outlive the call (data that
 *        arrived out of order, or that the application did not take yet) is copied into the
 *        endpoint's own bounded pool. So the owner may free a whole burst right after the calls,
 *        and a slow reader can never starve a receive queue of buffers.
 *   out  The endpoint asks alloc for an empty packet, writes the frame from `data` on, sets `len`
 *        and `tx_cksum`, and gives it away with transmit. It never looks at it again: what may have
 *        to be sent once more is kept elsewhere and is sent in a new packet.
 *
 * Thread: the one that runs the endpoint.
 */
#ifndef WIREBOOK_NET_PACKET_H
#define WIREBOOK_NET_PACKET_H

#include "engine/base/types.h"

/* What the device says about a checksum of a received packet. */
enum packet_rx_cksum {
    PACKET_CKSUM_UNKNOWN, /* not looked at: verified in software */
    PACKET_CKSUM_GOOD,
    PACKET_CKSUM_BAD, /* the packet is dropped and counted */
};

/* What a device can compute when sending; also: what a packet asks it to compute. Bits. */
enum packet_tx_cksum {
    PACKET_TX_CKSUM_IP = 1,  /* the IPv4 header's */
    PACKET_TX_CKSUM_TCP = 2, /* TCP's; its field then holds the sum of the pseudo header */
};

#define PACKET_MTU_MIN 576u /* every IPv4 network takes so much, RFC 791 */

/* Bytes of the largest frame for a given MTU: Ethernet header, no VLAN tag, no FCS. */
#define PACKET_ETH_BYTES        14u
#define PACKET_FRAME_BYTES(mtu) (PACKET_ETH_BYTES + (mtu))

struct packet {
    void *handle; /* the owner's: its mbuf, or whatever it wants; not touched by net/ */
    u8 *data;     /* the Ethernet header's first byte; the whole frame is contiguous from there */
    u32 len;      /* bytes of the frame, without FCS */
    u32 room; /* out: bytes that may be written from `data` on; at least PACKET_FRAME_BYTES(mtu) */
    u8 ip_cksum; /* in: enum packet_rx_cksum of the IPv4 header */
    u8 l4_cksum; /* in: enum packet_rx_cksum of TCP (of ICMP it is ignored) */
    u8 tx_cksum; /* out: enum packet_tx_cksum, what the device must fill in */
    /* out, for the device's offloads: where the headers end. l2 is always PACKET_ETH_BYTES. */
    u8 l3_bytes; /* IPv4 header; 0 when the packet is not IPv4 */
    u8 l4_bytes; /* TCP header with options; 0 when the packet is not TCP */
};

/* What the owner of the device does for the endpoint. `ctx` is the one given to net_new. */
struct packet_ops {
    /*
     * Fills `p` (handle, data, room) with an empty packet for sending. False: there is none now;
     * the endpoint counts that and tries again at its next flush or timer.
     */
    bool (*alloc)(void *ctx, struct packet *p);
    /*
     * Takes `p`, filled by alloc and then written. May gather packets until the owner's own flush
     * at the end of the turn; what cannot be sent may be dropped (TCP repairs it). Called from
     * within net_input, net_poll, net_flush, net_connect, net_close and net_announce.
     */
    void (*transmit)(void *ctx, struct packet *p);
};

#endif
