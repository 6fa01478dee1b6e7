/*
 * ip.h - IPv4 as far as an endpoint behind a balancer needs it: no options, no fragments, no
 * routing.
 */
#ifndef WIREBOOK_NET_IP_H
#define WIREBOOK_NET_IP_H

#include "engine/base/types.h"

struct net;
struct packet;

#define IP_TTL 64u

/* An IPv4 frame whose Ethernet header is there: checked, then given to ICMP or TCP, or counted. */
void ip_input(struct net *net, const struct packet *p);

/*
 * Writes Ethernet and IPv4 headers for `payload` bytes of `proto` to `dst` (network order) into an
 * empty packet. The IPv4 checksum is filled in, or left to the device if it can.
 */
void ip_write(const struct net *net, struct packet *p, const u8 *dst_mac, u32 dst, u8 proto,
              u32 payload);

/* True for an address that one machine can have: not 0, loopback, multicast or broadcast. */
bool ip_unicast(u32 ipv4);

/* Whether it is the broadcast address of our network, which one of two addresses has not. */
bool ip_broadcast(const struct net *net, u32 ipv4);

#endif
