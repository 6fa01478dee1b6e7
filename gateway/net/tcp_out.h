/*
 * tcp_out.h - what leaves, and what time does. Local to gateway/net, a part of tcp.h: include that.
 */
#ifndef WIREBOOK_NET_TCP_OUT_H
#define WIREBOOK_NET_TCP_OUT_H

#include "engine/base/types.h"

struct net;
struct tcp_conn;
struct tcp_segment;
struct wheel_timer;

/* ---- tcp_out.c: what leaves ---- */

/* The part of all segments' headers that depends on our addresses alone. At start. */
void tcp_headers_init(struct net *net);

/* Sends all that may be sent now, at least an ACK if one is due. Returns packets. */
int tcp_output(struct net *net, struct tcp_conn *c);

/* The connection has something for the next flush. */
void tcp_want_output(struct net *net, struct tcp_conn *c);

/* Sends a pure ACK at once. */
void tcp_send_ack(struct net *net, struct tcp_conn *c);

/* An ACK in answer to something suspicious, at most one in TCP_CHALLENGE_NS (RFC 5961). */
void tcp_challenge(struct net *net, struct tcp_conn *c);

/* The tail-loss probe: new data if there is some, else the last segment again. */
bool tcp_send_probe(struct net *net, struct tcp_conn *c);

/* An empty segment with an old sequence number: makes the peer answer with its window. */
bool tcp_send_nudge(struct net *net, struct tcp_conn *c);

/* What fits a window that was too small to be worth sending into, or a nudge if it is closed. */
bool tcp_send_persist(struct net *net, struct tcp_conn *c);

/* Sends SYN or SYN|ACK. False: no packet. */
bool tcp_send_syn(struct net *net, struct tcp_conn *c);

/* Sends RST for a connection, or in answer to a segment that belongs to none. */
void tcp_send_rst(struct net *net, struct tcp_conn *c);
void tcp_refuse(struct net *net, const struct tcp_segment *seg);

/*
 * Sends a segment of no connection in answer to `to`, with `n` bytes of options, a multiple of
 * four. Our whole window is told in a SYN|ACK and none in anything else.
 */
void tcp_answer(struct net *net, const struct tcp_segment *to, u32 seq, u32 ack, u8 flags,
                const u8 *options, u32 n);

/* The headers of `c` go to this Ethernet address from now on. */
void tcp_set_peer_mac(struct tcp_conn *c, const u8 *mac);

/* The headers of `c` carry this Diffserv code point from now on. */
void tcp_set_dscp(struct tcp_conn *c, u8 dscp);

/* Bytes of payload that a full segment carries now. */
u32 tcp_payload_max(const struct tcp_conn *c);

/* ---- icmp.c ---- */

/* What was sent was acknowledged: it fitted the path. */
void tcp_mtu_acked(struct tcp_conn *c);

/* A timeout, too, says that the segment is lost that an ICMP message called too large. */
void tcp_mtu_timeout(struct tcp_conn *c);

/* ---- tcp_timer.c ---- */

/*
 * Arms what must be armed for what is in flight or waits, or disarms it. After each change of
 * these.
 */
void tcp_rtx_arm(struct net *net, struct tcp_conn *c);

/*
 * The same, and the RTO runs anew from now: the peer acknowledged something, or a first byte left.
 */
void tcp_rtx_restart(struct net *net, struct tcp_conn *c);

/* An ACK is due within the delay. */
void tcp_ack_arm(struct net *net, struct tcp_conn *c);

/* The entry of `c` in net.soon, made for a look at `at_ns`, was taken out. */
void tcp_soon(struct net *net, struct tcp_conn *c, u64 at_ns);

/* The slow deadline is `at_ns`; 0: none. */
void tcp_slow_arm(struct net *net, struct tcp_conn *c, u64 at_ns);

/* A timer fired. */
void tcp_timer(struct net *net, struct wheel_timer *t);

#endif
