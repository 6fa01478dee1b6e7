/*
 * icmp.h - ICMP (RFC 792): answers pings, and believes errors only as far as RFC 5927 advises.
 */
#ifndef WIREBOOK_NET_ICMP_H
#define WIREBOOK_NET_ICMP_H

#include "engine/base/types.h"

struct net;
struct packet;

/* An ICMP message of `bytes` bytes behind a checked IPv4 header. */
void icmp_input(struct net *net, const struct packet *p, u32 bytes);

#endif
