/*
 * tcp.h - one TCP connection, and what the files of TCP tell each other. Local to gateway/net.
 *
 * The names are RFC 9293's. Sent data lies in `snd` from snd_una to snd_end:
 *
 *        acknowledged | in flight, SACKED or LOST: the scoreboard | queued    |
 *                     |                                           |           |
 *                  snd_una                                     snd_max      snd_end (+1: our FIN)
 *
 * snd_max is RFC 9293's SND.NXT: what is LOST is sent again from the scoreboard (tcp_sent.h) and
 * moves nothing back. Received data:
 *
 *    taken by the  | held: arrived, not   | hole | ranges[0] | hole | ...   |
 *    application   | taken yet            |      |           |      |       |
 *               rcv_read               rcv_nxt                           rcv_read + NET_SPACE_BYTES
 *
 * Timers: a connection has two. `fast` serves retransmission (rtx_at_ns) and the delayed ACK
 * (ack_at_ns), `slow` keepalive, TIME_WAIT and orphans (slow_at_ns). The deadlines are the truth;
 * the timer is set at or before them and, when it fires too early, only set again. So a segment
 * that moves a deadline away does not touch it. Most deadlines of `fast` are gone within the time
 * of a delayed ACK: so it waits for that time in a queue, net.soon, which is in order by itself,
 * and goes to the wheel only for what is still there then.
 */
#ifndef WIREBOOK_NET_TCP_H
#define WIREBOOK_NET_TCP_H

#include "engine/base/list.h"
#include "engine/base/sm.h"
#include "engine/base/types.h"
#include "engine/base/wheel.h"
#include "gateway/net/packet.h"
#include "gateway/net/space.h"
#include "gateway/net/tcp_loss.h"
#include "gateway/net/tcp_sent.h"
#include "gateway/net/tcp_seq.h"
#include "gateway/net/wire.h"

struct net;

#define TCP_RANGES_MAX       4u   /* pieces that may arrive out of order and be kept */
#define TCP_MSS_DEFAULT      536u /* RFC 9293 3.7.1 */
#define TCP_MSS_MIN          256u /* smaller ones from SYN or ICMP are taken as this */
#define TCP_TS_BYTES         12u  /* timestamps option with its two NOPs */
#define TCP_CWND_MAX         (2 * NET_SPACE_BYTES) /* more than the send space is never needed */
#define TCP_IW_SEGMENTS      10u                   /* initial congestion window, RFC 6928 */
#define TCP_SYN_ACK_RETRIES  5u                    /* 1+2+4+8+16+32 s */
#define TCP_SYN_ACK_PRESSED  1u                    /* when many handshakes are open */
#define TCP_SYN_RETRIES      7u                /* and 60+60 s: RFC 9293 MUST-23, three minutes */
#define TCP_R1               3u                /* timeouts in a row: is the way still good? */
#define TCP_BACKOFF_MAX      16u               /* doublings; rto_max_ns ends it before */
#define TCP_RTO_INITIAL_NS   (1 * NS_PER_SEC)  /* RFC 6298 (2.1) */
#define TCP_RTO_AFTER_SYN_NS (3 * NS_PER_SEC)  /* (5.7): when the SYN had to be sent again */
#define TCP_CHALLENGE_NS     (100 * NS_PER_MS) /* at most one challenge ACK a connection */
#define TCP_SOON_NS          (3 * NS_PER_MS)   /* so much later it is worth looking again */
#define TCP_REUSE_GAP        65536u /* a connection's numbers begin so far beyond its last life's */
#define TCP_NAME_INDEX_BITS  20u    /* up to 1,000,000 connections; 2^44 generations never wrap */
#define TCP_WSCALE_MAX       14u    /* RFC 7323 2.3 */
#define TCP_WSCALE_OURS      0u     /* our window never exceeds 16 bits */
#define TCP_CONN_HOT         128u   /* of struct tcp_conn: where the hot lines begin, */
#define TCP_CONN_COLD        384u   /* and end */
#define TCP_CONN_ALIGN       128u   /* two lines: processors fetch the other one of a pair, too */
_Static_assert(NET_SPACE_BYTES <= 65535, "our window fits the field without scaling");

/*
 * The states of RFC 9293 figure 5. LISTEN is not one of them here: a listening port is an entry of
 * a small table and a connection begins with its SYN.
 *
 *                      passive               active
 *            SYN  +------------- CLOSED -------------+ net_connect
 *                 v                                  v
 *             SYN_RCVD <---- SYN (both opened) ---- SYN_SENT
 *                 | ACK                              | SYN|ACK
 *                 +----------> ESTABLISHED <---------+
 *         net_close |                        | FIN
 *                   v                        v
 *              FIN_WAIT_1                CLOSE_WAIT
 *     ACK |      FIN | FIN and ACK |          | net_close, or at once after closed(NET_EOF)
 *         v          v             |          v
 *    FIN_WAIT_2   CLOSING          |       LAST_ACK
 *     FIN |      ACK |             |          | ACK
 *         v          v             v          v
 *         +------> TIME_WAIT <-----+        CLOSED        any state: reset, timeout -> CLOSED
 */
enum tcp_state {
    TCP_CLOSED,
    TCP_SYN_SENT,
    TCP_SYN_RCVD,
    TCP_ESTABLISHED,
    TCP_FIN_WAIT_1,
    TCP_FIN_WAIT_2,
    TCP_CLOSING,
    TCP_TIME_WAIT,
    TCP_CLOSE_WAIT,
    TCP_LAST_ACK,
    TCP_STATES,
};

extern const struct sm_state tcp_states[TCP_STATES];

enum tcp_timer_kind {
    TCP_TIMER_FAST,
    TCP_TIMER_SLOW,
};

/* What rtx_at_ns is armed for. */
enum tcp_rtx {
    TCP_RTX_RTO,     /* something is in flight */
    TCP_RTX_PROBE,   /* the same, but first a tail-loss probe */
    TCP_RTX_REORDER, /* the same, but first a look at what may be lost by then (RACK) */
    TCP_RTX_PERSIST, /* nothing is in flight, something waits, the peer's window is too small */
};

struct tcp_range {
    u32 start;
    u32 end;
};

/*
 * A connection. What a segment in order and its reply touch lies in four cache lines, and in no
 * others but those of the bytes: with tens of thousands of connections each line that is touched is
 * fetched from memory. So the order of the fields is by use, not by theme; flags among the hot
 * fields say when a look at the others is due. What links the wheel is apart in struct tcp_links,
 * so that walking a slot does not walk these.
 */
struct tcp_conn {
    /* a short message in the first line, else two cold ones; and the first eight bytes of line 0 */
    struct space snd;

    /* line 0: found by and judged by */
    u64 name; /* generation << TCP_NAME_INDEX_BITS | index + 1; 0: free */
    u32 remote_ipv4;
    u16 remote_port; /* both in host order */
    u16 local_port;
    u8 state;      /* enum tcp_state */
    u8 ca;         /* enum tcp_ca */
    u8 dupacks;    /* ACKs in a row that told of segments out of order */
    u8 backoff;    /* retransmission timeouts in a row */
    u8 rtx;        /* enum tcp_rtx */
    u8 snd_wscale; /* shift of the peer's windows */
    u8 ranges_used;
    u8 keep_probes;      /* unanswered ones */
    bool app : 1;        /* the application knows it and hears about it */
    bool fin_queued : 1; /* our FIN follows snd_end */
    bool fin_seen : 1;   /* the peer's FIN is at fin_seq, which may not be reached yet */
    bool fin_told : 1;   /* the application has heard of it */
    bool ack_now : 1;    /* the next flush sends an ACK, with data or without */
    bool ts_ok : 1;      /* timestamps on each segment, RFC 7323 */
    bool sack_ok : 1;    /* the peer understands SACK, RFC 2018 */
    bool wscale_ok : 1;
    bool probed : 1;       /* a tail-loss probe is out, up to probe_end */
    bool probe_open : 1;   /* it was a repetition, and it is not known yet what it was good for */
    bool force_again : 1;  /* the first LOST segment goes out whatever cwnd says */
    bool undo_ok : 1;      /* the last recovery can still turn out to be needless */
    bool undo_stamped : 1; /* undo_ts says something */
    bool rtt_timing : 1;   /* the segment that ends at rtt_seq was sent at rtt_ns */
    bool rtt_probed : 1;   /* and since then a probe repeated the last one */
    bool want_write : 1;   /* the application saw too little room */
    bool active : 1;       /* opened by net_connect */
    bool pinned : 1;       /* on the stack of a function up there: freed only when that returns */
    bool arp_wait : 1;     /* its SYN waits for the peer's Ethernet address */
    bool held : 1;         /* in net.held: data waits for the application */
    bool rcv_stored : 1;   /* `rcv` may have chunks */
    bool urg_out : 1;      /* what lies before snd_up is urgent */
    bool urg_in : 1;       /* the peer said so of what lies before rcv_up */
    bool rack_valid : 1;   /* rack's us, end and fack say something */
    bool owes_dsack : 1;   /* the bytes from dsack_start to dsack_end came twice, to be told */
    bool mtu_open : 1;     /* tcp_mtu_acked has something to find out */
    bool out_queued : 1;   /* its index is in net.out: something to send at the next flush; */
    bool soon_queued : 1;  /* in net.soon. Both outlive the connection and are the next one's */
    u8 tos;                /* of our IPv4 headers: the DSCP, shifted */
    u16 mss;               /* bytes of payload in a full segment, options not yet taken off */
    u32 rcv_nxt;
    u32 snd_una;
    u32 snd_max;
    u32 snd_end;
    u32 snd_wnd;
    u32 snd_wl1;

    /* line 1 */
    u32 snd_wl2;
    u32 rcv_read;
    u32 rcv_adv;  /* right edge of the window that the peer knows */
    u32 ack_sent; /* last ACK number that went out */
    u32 ts_recent;
    u32 ts_offset; /* added to our milliseconds */
    u32 cwnd;
    u32 rtt_seq;
    u8 peer_mac[6];
    u16 big_sent;  /* bytes of the largest packet sent */
    u64 rtx_at_ns; /* 0: not armed */
    u64 ack_at_ns; /* 0: not armed */
    u64 look_ns;   /* when fast_timer looks at both, at the latest; 0: not */

    /* line 2: times */
    u64 rto_base_ns;  /* the RTO runs from here: last progress, or first byte in flight */
    u32 min_rtt_us;   /* the shortest round trip of late, for RACK; 0: none yet */
    u32 min_rtt_at_s; /* when it was measured */
    u64 srtt_ns;      /* 0: no sample yet */
    u64 rttvar_ns;
    u64 rto_ns;
    u64 rtt_ns;
    u64 progress_ns; /* when the peer last acknowledged something, or the first byte was queued */
    u64 heard_ns;    /* when its last acceptable segment came */

    /* line 3, and a part of line 4 that only more than two runs of data in flight need */
    u64 sent_ns;      /* when we last sent data */
    u64 reo_at_ns;    /* when RACK looks again; 0: not */
    struct sent sent; /* the scoreboard */

    /* seldom */
    u32 ssthresh;
    u32 snd_wnd_max;
    u32 dsack_start;
    u32 dsack_end;
    u32 big_end;   /* where the largest packet sent ends */
    u16 big_acked; /* bytes of the largest packet acknowledged */
    u16 held_mtu;  /* what an ICMP message told that is not believed yet; 0: nothing */
    struct tcp_rack rack;
    u32 probe_end;
    u32 recover; /* snd_max when recovery began */
    u32 room_seen;
    u32 fin_seq;
    struct space rcv;
    struct tcp_range ranges[TCP_RANGES_MAX]; /* arrived beyond rcv_nxt, in order, apart */
    struct list node;                        /* in net.held, .time_wait, .orphans or .arp_wait */
    struct list starve_node; /* in net.starved: wants to write, but the pool was empty */
    struct wheel_timer slow;
    u64 slow_at_ns;
    u64 rtx_sent_ns; /* when we last sent data again */
    u32 undo_ts;     /* timestamp of the first segment that this recovery sent again */
    u32 undo_bytes;  /* sent again and not yet reported as duplicate */
    u32 prior_cwnd;  /* what an undo gives back */
    u32 prior_ssthresh;
    u64 challenge_ns; /* when we last sent a challenge ACK */
    u32 iss;
    u32 irs;
    u32 snd_up;
    u32 rcv_up;
    u32 held_seq; /* the segment that the ICMP message quoted */
    u32 icmp_errors;
    u8 icmp_type; /* the last error that fitted */
    u8 icmp_code;
    u8 syn_retries;
    u8 range_newest; /* the range that grew last */
} __attribute__((aligned(TCP_CONN_ALIGN)));
_Static_assert(offsetof(struct tcp_conn, snd.near) == TCP_CONN_HOT, "line 0");
_Static_assert(offsetof(struct tcp_conn, snd_wl2) == TCP_CONN_HOT + 64, "line 1");
_Static_assert(offsetof(struct tcp_conn, rto_base_ns) == TCP_CONN_HOT + 128, "line 2");
_Static_assert(offsetof(struct tcp_conn, sent_ns) == TCP_CONN_HOT + 192, "line 3");
_Static_assert(offsetof(struct tcp_conn, sent.few[2]) <= TCP_CONN_COLD, "two runs in line 3");
_Static_assert(sizeof(struct tcp_conn) <= 896, "below 1 KiB in all when idle, tables included");

/* The part of a connection that its neighbours in the wheel touch: of the same index. */
struct tcp_links {
    struct wheel_timer fast;
} CACHE_ALIGNED;

/* A segment as it came, checked by tcp_input for length and checksum; host order. */
struct tcp_segment {
    u32 src_ipv4; /* network order */
    u16 src_port;
    u16 dst_port;
    u32 seq;
    u32 ack;
    u32 window; /* not yet scaled */
    u16 urgent; /* 0: no URG */
    u8 flags;
    const u8 *src_mac;
    const u8 *data;
    u32 len; /* of data, without SYN and FIN */

    /* options */
    u16 mss; /* 0: none */
    u8 wscale;
    bool has_wscale;
    bool sack_ok;
    bool has_ts;
    u32 ts_val;
    u32 ts_ecr;
    u8 sacks_used;
    struct tcp_range sacks[4];
};

/* ---- tcp_conn.c: a connection's life ---- */

/*
 * A new connection in state CLOSED with its headers ready and found by tcp_find from now on. NULL:
 * there is none free, even after the oldest in TIME_WAIT or the oldest orphan gave way. The 4-tuple
 * is not in use.
 */
struct tcp_conn *tcp_new(struct net *net, u32 remote_ipv4, u16 remote_port, u16 local_port);

/* Our stream begins at `iss`; before anything was sent. */
void tcp_set_iss(struct tcp_conn *c, u32 iss);

/* Takes it out of all tables and gives all its memory back (when pinned: as soon as it is not). */
void tcp_free(struct net *net, struct tcp_conn *c);

/* Protects `c` from being freed during calls up; tcp_unpin returns false when it is gone. */
void tcp_pin(struct tcp_conn *c);
bool tcp_unpin(struct net *net, struct tcp_conn *c);

/*
 * The connection of a 4-tuple, or NULL. Hash table under a secret seed, O(1); net.likely comes
 * first.
 */
struct tcp_conn *tcp_find(struct net *net, u32 remote_ipv4, u16 remote_port, u16 local_port);

/*
 * The way of a segment to its connection, in three steps that only ask for memory: the hash of its
 * 4-tuple (0: not TCP) and its slot, then the connection (NULL: none likely), then the bytes where
 * its send space ends. Any frame will do.
 */
u64 tcp_prefetch_slot(const struct net *net, const struct packet *p);
struct tcp_conn *tcp_prefetch_conn(const struct net *net, u64 hash);
void tcp_prefetch_data(const struct net *net, const struct tcp_conn *c);

/* Whether a frame for which there is a likely connection says that it has data. */
bool tcp_carries_data(const struct packet *p);

/*
 * Asks for what a segment in order and its reply touch of `c`. Always inline: gcc takes a function
 * of nothing but prefetches for one without effect, and drops the calls.
 */
__attribute__((always_inline)) static inline void tcp_prefetch(const struct tcp_conn *c)
{
    __builtin_prefetch(c->snd.few, 1); /* a short reply goes there */
    for (size_t at = TCP_CONN_HOT; at < TCP_CONN_COLD; at += CACHE_LINE)
        __builtin_prefetch((const u8 *)c + at, 1);
}

/* The same for a look at its timers. */
__attribute__((always_inline)) static inline void tcp_prefetch_look(const struct tcp_conn *c)
{
    __builtin_prefetch(&c->name, 1);
    __builtin_prefetch(&c->look_ns, 1);
}

/* The connection of that name, or NULL when it is gone. */
struct tcp_conn *tcp_by_name(struct net *net, u64 name);

/* Moves to `state` and checks the invariant. */
void tcp_move(struct net *net, struct tcp_conn *c, enum tcp_state state);

/* Ends it because of the network: tells the application, if it knows it, and frees. */
void tcp_drop(struct net *net, struct tcp_conn *c);

/* Sends RST if the state asks for it, and frees. The application is not told. */
void tcp_abort(struct net *net, struct tcp_conn *c);

/* Enters TIME_WAIT: nothing but the headers is kept. */
void tcp_time_wait(struct net *net, struct tcp_conn *c);

/* Asserts all that must hold for `c` between two calls. */
void tcp_invariant(const struct net *net, const struct tcp_conn *c);

/* Sequence number of a new connection: RFC 6528, a 4 us clock plus a keyed hash of the 4-tuple. */
u32 tcp_isn(const struct net *net, u32 remote_ipv4, u16 remote_port, u16 local_port);

/* What is added to our milliseconds for the timestamps of a 4-tuple: a keyed hash, RFC 7323 7.1. */
u32 tcp_ts_offset(const struct net *net, u32 remote_ipv4, u16 remote_port, u16 local_port);

/* The timestamp of now, in milliseconds, with that offset. */
u32 tcp_ts_now(const struct net *net, u32 ts_offset);

/* True while the peer may still need an acknowledgement or data from us, i.e. synchronized. */
static inline bool tcp_synchronized(const struct tcp_conn *c)
{
    return c->state >= TCP_ESTABLISHED;
}

/* Sequence number behind everything that is to be sent, our FIN included. */
static inline u32 tcp_snd_limit(const struct tcp_conn *c)
{
    return c->snd_end + (c->fin_queued ? 1 : 0);
}

/* Bytes (SYN and FIN count as one) that were sent and not acknowledged. */
static inline u32 tcp_outstanding(const struct tcp_conn *c)
{
    return c->snd_max - c->snd_una;
}

/* RFC 6675's pipe: bytes that are in the network, as far as we know. */
static inline u32 tcp_pipe(const struct tcp_conn *c)
{
    u32 pipe = tcp_outstanding(c) - c->sent.sacked - c->sent.lost;
    u32 gone = c->ca == TCP_CA_FAST ? c->dupacks : min_u32(c->dupacks, TCP_DUPACKS - 1);

    if (c->sack_ok || c->dupacks == 0 || c->ca == TCP_CA_RTO)
        return pipe;
    return pipe > gone * c->mss ? pipe - gone * c->mss : 0; /* RFC 3042, RFC 6582 */
}

/* Right edge of what we would accept. */
static inline u32 tcp_rcv_edge(const struct tcp_conn *c)
{
    return c->rcv_read + NET_SPACE_BYTES;
}

/* ---- tcp_opt.c ---- */

/*
 * Reads the options of a SYN or other segment into `seg`, whose option fields are zero. False: an
 * option had a length of 0, 1, or one that passes the header's end; parsing ended there, what came
 * before is kept, and the caller counts it.
 */
bool tcp_options_parse(const u8 *bytes, u32 n, struct tcp_segment *seg);

/* Writes the options of a segment of `c` with `flags`. Returns their bytes, a multiple of four. */
u32 tcp_options_write(const struct net *net, const struct tcp_conn *c, u8 flags, u8 *out);

/* The bytes that tcp_options_write would write for a segment without SYN. */
u32 tcp_options_bytes(const struct tcp_conn *c);

/* ---- tcp_cookie.c ---- */

/* Answers a SYN for which there is no room by a SYN|ACK whose number says what to remember. */
void tcp_cookie_send(struct net *net, const struct tcp_segment *syn);

/*
 * Whether `ack`, which belongs to no connection, acknowledges a cookie of the last two minutes.
 * True: `syn` is the peer's SYN as far as it was remembered, fit for tcp_cookie_send's connection.
 */
bool tcp_cookie_check(const struct net *net, const struct tcp_segment *ack,
                      struct tcp_segment *syn);

/* ---- tcp_in.c, tcp_ack.c, tcp_data.c: what arrives ---- */

/* One TCP segment: `p` begins at the Ethernet header, its IPv4 header has been checked. */
void tcp_input(struct net *net, const struct packet *p, u32 ip_payload);

/* Takes the acknowledgement, window and SACK of an acceptable segment. False: `c` is gone. */
bool tcp_ack_in(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg);

/* Takes the round trip's time, RFC 6298. */
void tcp_rtt_sample(const struct net *net, struct tcp_conn *c, u64 rtt_ns);

/* Takes data and FIN of a segment that was trimmed to the window. False: `c` is gone. */
bool tcp_data_in(struct net *net, struct tcp_conn *c, struct tcp_segment *seg);

/* Offers held data to the application, then what follows from it. False: `c` is gone. */
bool tcp_offer(struct net *net, struct tcp_conn *c);

/* The peer's urgent pointer is `up`. False: `c` is gone. */
bool tcp_urgent_in(struct net *net, struct tcp_conn *c, u32 up);

/* The peer's FIN is behind everything that arrived. */
static inline bool tcp_fin_reached(const struct tcp_conn *c)
{
    return c->fin_seen && seq_gt(c->rcv_nxt, c->fin_seq);
}

/* Forgets what arrived and was not taken: the application is gone. */
void tcp_forget_received(struct net *net, struct tcp_conn *c);

/* Ends it as both FINs ask, once both are through and nobody reads any more. False: gone. */
bool tcp_end_if_over(struct net *net, struct tcp_conn *c);

/* The peer's bytes [start, end), if there are any, came twice: the next ACK tells, RFC 2883. */
void tcp_note_twice(struct tcp_conn *c, u32 start, u32 end);

/* Moves as the acknowledgement of our FIN asks. False: `c` is gone. */
bool tcp_fin_acked(struct net *net, struct tcp_conn *c);

/* ---- tcp_user.c: what the application asks for ---- */

/* The application is gone; our FIN follows what is queued. Before it is established: frees. */
void tcp_finish(struct net *net, struct tcp_conn *c);

/* Calls up `writable` when there is more room than the application saw. False: `c` is gone. */
bool tcp_wake_writer(struct net *net, struct tcp_conn *c);

/* Bytes that may be queued now. */
u32 tcp_room(const struct net *net, const struct tcp_conn *c);

#include "gateway/net/tcp_out.h"

#endif
