/*
 * tcp_loss.h - how losses are found and mended: RACK-TLP (RFC 8985), SACK (6675), New Reno (6582)
 * for peers without SACK, and the undoing of what was needless (2883, 3522, 4015). Local to
 * gateway/net.
 *
 *   an ACK ──▶ scoreboard (tcp_sent) ──▶ undo? ──▶ over? ──▶ RACK: what is LOST now? when to look
 *                                                   again? ──▶ begin recovery ──▶ tcp_output
 *   RTO    ──▶ what must be LOST ────────────────────────────────────────────────────╯
 *
 *           loss found                    RTO
 *    OPEN ─────────────▶ FAST ────────────────────▶ RTO      back to OPEN: everything that was in
 *      ▲                  │ snd_una >= recover,      │       flight when it began is acknowledged,
 *      ╰──────────────────┴────────── or undone ─────╯       or the recovery was needless
 */
#ifndef WIREBOOK_NET_TCP_LOSS_H
#define WIREBOOK_NET_TCP_LOSS_H

#include "engine/base/types.h"
#include "gateway/net/tcp_sent.h"

struct net;
struct tcp_conn;
struct tcp_segment;

#define TCP_DUPACKS      3u  /* RFC 5681 */
#define TCP_REO_PERSIST  16u /* recoveries for which a wider window stays, RFC 8985 6.2 */
#define TCP_REO_MULT_MAX 20u /* times a quarter of the shortest round trip; SRTT ends it before */
#define TCP_MIN_RTT_S    60u /* the shortest round trip is that of this many seconds */

enum tcp_ca {
    TCP_CA_OPEN,
    TCP_CA_FAST, /* fast recovery: loss found by what the peer said */
    TCP_CA_RTO,  /* recovery after a timeout */
};

/* RFC 8985's variables. The first four mean something while tcp_conn.rack_valid. */
struct tcp_rack {
    u32 us;     /* RACK.xmit_ts: when the last sent of what was delivered left */
    u32 end;    /* RACK.end_seq */
    u32 rtt_us; /* RACK.rtt */
    u32 fack;   /* the highest sequence number that was delivered */
    u32 dsack_round;
    u8 mult; /* RACK.reo_wnd_mult - 1 */
    u8 persist;
    bool reordered : 1; /* RACK.reordering_seen */
    bool in_round : 1;  /* dsack_round says something */
};

/* What one acceptable ACK said. */
struct tcp_acked {
    u32 bytes;      /* by which snd_una moved */
    u32 flight;     /* what was in flight before */
    bool duplicate; /* it says that another segment arrived out of order */
    bool dsack;     /* and that the bytes [dup_start, dup_end) came twice */
    u32 dup_start;
    u32 dup_end;
    struct sent_news news;
};

/* ---- tcp_rack.c ---- */

/* Takes what `ack` delivered and reported: RFC 8985 6.2 steps 1 to 3 and half of 4. */
void tcp_rack_take(const struct net *net, struct tcp_conn *c, const struct tcp_segment *seg,
                   const struct tcp_acked *ack);

/* Marks what is LOST by now. Returns after how many microseconds to look again; 0: not at all. */
u32 tcp_rack_detect(const struct net *net, struct tcp_conn *c);

/* A timeout: marks the first run, and what must be LOST too (RFC 8985 6.3). */
void tcp_rack_timeout(const struct net *net, struct tcp_conn *c);

/* A recovery is over: a wider reordering window lasts for so many. */
void tcp_rack_recovered(struct tcp_conn *c);

/* A round trip of `rtt_us` > 0 was measured. */
void tcp_rack_min_rtt(const struct net *net, struct tcp_conn *c, u32 rtt_us);

/* ---- tcp_recover.c ---- */

/* What follows from an ACK for losses. snd_una and the scoreboard have taken it. */
void tcp_recover_ack(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg,
                     const struct tcp_acked *ack);

/* Looks for losses anew, and begins recovery or arms the next look. */
void tcp_recover_detect(struct net *net, struct tcp_conn *c);

/* The RTO has expired with something in flight. The next flush sends. */
void tcp_recover_timeout(struct net *net, struct tcp_conn *c);

/* Everything in flight is to go out again, in smaller segments; no congestion: RFC 1191 6.4. */
void tcp_recover_resize(struct net *net, struct tcp_conn *c);

#endif
