/*
 * arp.h - who has which Ethernet address (RFC 826): answers for us, asks for our own connects.
 *
 * Connections that others open never need it: they are answered to the address that their segments
 * came from. The cache is small and direct-mapped, because only our own clients and the gateway's
 * entry use it; a collision costs one more request.
 */
#ifndef WIREBOOK_NET_ARP_H
#define WIREBOOK_NET_ARP_H

#include "engine/base/types.h"

struct net;
struct packet;

#define ARP_ENTRIES 64u

struct arp_entry {
    u32 ipv4; /* network order; 0: empty */
    u8 mac[6];
};

struct arp_cache {
    struct arp_entry entries[ARP_ENTRIES];
};

/* An ARP frame whose Ethernet header is there. Answers requests for us, learns from replies. */
void arp_input(struct net *net, const struct packet *p);

/*
 * `ipv4` (network order) has that Ethernet address; connections that waited for one are tried
 * again. True: it was not known, or was another one.
 */
bool arp_learn(struct net *net, u32 ipv4, const u8 *mac);

/*
 * The Ethernet address of `ipv4` (network order). NULL: not known yet; a request went out, and
 * connections in net.arp_wait are tried again when the answer comes.
 */
const u8 *arp_lookup(struct net *net, u32 ipv4);

/* What is known of `ipv4` brought no answer: it is asked for again at the next lookup. */
void arp_forget(struct net *net, u32 ipv4);

/* Tells everybody our own address. */
void arp_announce(struct net *net);

/* The address that frames for `ipv4` go through: itself, or the gateway. 0: there is no way. */
u32 arp_next_hop(const struct net *net, u32 ipv4);

#endif
