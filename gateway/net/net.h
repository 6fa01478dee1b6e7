/*
 * net.h - our own TCP/IP endpoint: packets and now_ns in, packets out.
 *
 * No I/O, no clock, no system call, no memory after net_new. One endpoint has one IPv4 address and
 * one Ethernet address, belongs to one gateway agent (one RX/TX queue pair) and is used by its
 * thread alone. The shape is that of gateway/transport.h, so that its glue is thin. A turn:
 *
 *   net_input  for each received frame: checks, answers (ARP, ICMP, RST), and calls up: opened,
 *              data, writable, closed
 *   net_poll   timers that are due (retransmits, probes, delayed ACKs, keepalive), and data that
 *              the application did not take is offered again
 *   ...        the application calls net_send and net_close, within up-calls or between
 *   net_flush  what was sent goes out, small sends together in one segment; ACKs ride on it
 *
 * Inward flow control: `data` returns the bytes it took; the rest stays in the connection's receive
 * space, the window that the peer sees shrinks by it, and net_poll offers it again. Outward flow
 * control: never more than net_room; after a room below NET_ROOM_LOW (or a pool that is used up),
 * `writable` comes once there is more.
 *
 * Names of connections are never used twice. Calls with the name of a connection that is gone are
 * harmless: room 0, send of 0 bytes, close and stalled do nothing.
 *
 * now_ns: nanoseconds since 1970 UTC, the same one for all calls of a turn; a step back is ignored.
 * Calls without one happen at the latest time that was given.
 */
#ifndef WIREBOOK_NET_NET_H
#define WIREBOOK_NET_NET_H

#include "engine/base/types.h"
#include "gateway/net/packet.h"

struct mem;
struct net;

#define NET_LISTEN_MAX 16u /* ports that one endpoint listens on */

/* Memory of one connection beyond its ~1 KiB: chunks from the pool, only while data is there. */
#define NET_CHUNK_BYTES 2048u
#define NET_CONN_CHUNKS 32u /* each way: 64 KiB of pool at most */
/* Usable of these wherever the data begins in its first chunk: send space and receive window. */
#define NET_SPACE_BYTES ((NET_CONN_CHUNKS - 1) * NET_CHUNK_BYTES)

/* Of the pool, one in so many chunks is for what arrives and cannot be taken at once. */
#define NET_RCV_SHARE  4u
#define NET_CHUNKS_MIN 16u

/* A net_room below this counts as too small: `writable` follows when it has grown. */
#define NET_ROOM_LOW (NET_SPACE_BYTES / 2)

/* ---- upward; the same calls as struct transport_up ---- */

struct net_peer {
    u32 ipv4;       /* network order */
    u16 port;       /* host order */
    u16 local_port; /* host order */
};

enum net_close {
    NET_FINISH, /* what was sent still goes out, then FIN */
    NET_RESET,  /* at once; what was not yet sent is thrown away */
};

enum net_closed {
    NET_EOF,   /* the peer finished its side; all its data was taken before */
    NET_ERROR, /* reset by the peer, refused, timed out */
};

struct net_up {
    /*
     * A connection is open: accepted, or net_connect's. False: it is reset, nothing more follows.
     */
    bool (*opened)(void *ctx, u64 conn, const struct net_peer *peer);
    /*
     * `n` > 0 bytes arrived in order, readable during the call. Returns how many were taken, 0..n.
     */
    u32 (*data)(void *ctx, u64 conn, const u8 *bytes, u32 n);
    /* There is send space again. */
    void (*writable)(void *ctx, u64 conn);
    /*
     * The connection is gone for the application: the last call for it; not made after net_close.
     * After NET_EOF the endpoint still sends what was given to it, then its own FIN.
     */
    void (*closed)(void *ctx, u64 conn, enum net_closed why);
    /*
     * Optional, NULL in the gateway: the peer finished its side, and instead of closed(NET_EOF) the
     * connection stays half-open for sending until net_close.
     */
    void (*finished)(void *ctx, u64 conn);
    /*
     * Optional, NULL in the gateway: the peer says that the bytes up to some point are urgent, and
     * none were before, or that the point has moved on; net_look tells how many are ahead. They
     * come with the others, in order, by `data` (RFC 9293 3.8.5, RFC 6093).
     */
    void (*urgent)(void *ctx, u64 conn);
    /*
     * Optional: the link said that the neighbour `ipv4` (network order) has the Ethernet address
     * `mac`, in answer to a question or as news. For owners of several endpoints with one address,
     * of which only one gets the answer: net_learn tells the others.
     */
    void (*neighbour)(void *ctx, u32 ipv4, const u8 *mac);
    /*
     * Optional: `n` <= NET_BURST connections for which the frames at hand probably have data, once
     * for each frame. Called before the first of them is looked at, so that the memory that the
     * data will need can be asked for; the connections may not be touched.
     */
    void (*expect)(void *ctx, const u64 *conns, u32 n);
};

#define NET_BURST 32u /* frames whose memory is asked for together */

/* ---- what can be chosen ---- */

struct net_conf {
    u8 mac[6];     /* ours */
    u32 ipv4;      /* ours, network order */
    u32 netmask;   /* network order; for its broadcast address, and our own connects */
    u32 gateway;   /* network order, 0: none; only used for our own connects */
    u16 mtu;       /* bytes of an IPv4 packet, 576..9001 */
    u8 ttl;        /* of what we send, 1..255 */
    u8 dscp;       /* Diffserv code point of what we send, 0..63; net_set_dscp for one of them */
    u32 tx_cksum;  /* enum packet_tx_cksum: what the device computes; the rest is done here */
    u8 secret[32]; /* fresh random bytes at each start: sequence numbers and hash tables */
    u32 conns_max; /* connections in all states, 1..1,000,000 */
    u32 half_open_max; /* of these, not yet through the handshake; more SYNs get SYN cookies */
    u32 time_wait_max; /* of these, in TIME_WAIT; the oldest give way */
    u32 chunks;        /* chunks of NET_CHUNK_BYTES in the pool, for all connections together */
    u32 chunks_kept;   /* of those for sending, for connections that have none; receiving: half */

    u64 rto_min_ns;      /* floor of the retransmission timeout */
    u64 rto_max_ns;      /* its ceiling, back-off included */
    u64 tlp_min_ns;      /* floor of the tail-loss probe's timeout, which is 2*SRTT; 0: no probes */
    u64 delayed_ack_ns;  /* a pure ACK waits at most this long for data to ride on */
    u64 user_timeout_ns; /* data unacknowledged for this long ends the connection */
    u64 keepalive_idle_ns;     /* silence before the first probe; 0: no keepalive */
    u64 keepalive_interval_ns; /* between probes */
    u32 keepalive_probes;      /* unanswered ones that end the connection */
    u64 orphan_ns;             /* a closed connection may take this long until its FIN is through */
    u64 time_wait_ns;          /* 2*MSL */
};

/* Fills in what has a sensible default; addresses, secret and sizes remain to be looked at. */
void net_conf_defaults(struct net_conf *conf);

/* Bytes that net_new takes from the arena for `conf`. */
u64 net_bytes(const struct net_conf *conf);

/*
 * Makes an endpoint with all its memory from `m`. `conf` is copied and must be within its ranges
 * (asserted); `ops`, `up` and the contexts must outlive it. It refuses connections until
 * net_accept.
 */
struct net *net_new(struct mem *m, const struct net_conf *conf, const struct packet_ops *ops,
                    void *ops_ctx, const struct net_up *up, void *up_ctx, u64 now_ns);

/* Registers all counters and gauges with `labels`, like `gateway="0"`. Before the threads start. */
void net_register_metrics(struct net *net, const char *labels);

/* Listens on `port` (host order). False: NET_LISTEN_MAX are in use. At start, or later. */
bool net_listen(struct net *net, u16 port);

/* Listens on it no more: a SYN is answered with RST. What is open stays. At any time. */
void net_unlisten(struct net *net, u16 port);

/* Takes new connections (true), or answers SYNs with RST (false: starting, draining). */
void net_accept(struct net *net, bool on);

/* Tells the link our addresses (a gratuitous ARP), and asks for the gateway's if there is one. */
void net_announce(struct net *net, u64 now_ns);

/*
 * The neighbour `ipv4` (network order) has the Ethernet address `mac`: told by another endpoint of
 * the same address. Connections that waited for it go on. Not told on.
 */
void net_learn(struct net *net, u32 ipv4, const u8 *mac, u64 now_ns);

/* ---- a turn ---- */

/*
 * One received frame; borrowed, see packet.h. Frames that are not for us are dropped and counted.
 */
void net_input(struct net *net, const struct packet *p, u64 now_ns);

/*
 * `n` received frames, in their order: the same as net_input for each, but the memory of all of
 * them is asked for before the first is looked at. With many connections that is most of the time.
 */
void net_input_burst(struct net *net, const struct packet *packets, u32 n, u64 now_ns);

/*
 * Timers, and data offered again. Returns how much it did. Before it, give net_input what the
 * device has. After a turn that came late (more than a millisecond) timers wait until a turn finds
 * no frames: what would stop them may still be in the device.
 */
int net_poll(struct net *net, u64 now_ns);

/* Sends what there is to send and may be sent now. Returns the packets that went out. */
int net_flush(struct net *net, u64 now_ns);

/* ---- connections ---- */

/*
 * Opens a connection to `ipv4` (network order), `port` from `local_port` (host order; 0: one is
 * chosen by RFC 6056). Returns its name, or 0 when no connection or port is free, or there is no
 * way to that address. `opened` or `closed` (NET_ERROR) follows, never within this call.
 */
u64 net_connect(struct net *net, u32 ipv4, u16 port, u16 local_port, u64 now_ns);

/* Bytes that net_send would take now; 0 for a connection that is gone, closing or not yet open. */
u32 net_room(struct net *net, u64 conn);

/* Queues `n` <= net_room() bytes, copied. net_flush sends them. */
void net_send(struct net *net, u64 conn, const void *bytes, u32 n);

/* Ends the connection from our side; nothing more is called up for it. Within up-calls too. */
void net_close(struct net *net, u64 conn, enum net_close how);

/*
 * Ends our side only: what was sent still goes out, then FIN; `data` goes on until the peer ends
 * its side too, which brings closed(NET_EOF). Before the connection is open: as NET_FINISH.
 */
void net_shut(struct net *net, u64 conn);

/* All that was sent up to now is urgent: its segments say so until it is acknowledged. */
void net_urgent(struct net *net, u64 conn);

/* The Diffserv code point (0..63) of the connection's segments from now on. */
void net_set_dscp(struct net *net, u64 conn, u8 dscp);

/* What can be said about a connection, for whoever judges its health. */
struct net_look {
    const char *state; /* its name in RFC 9293 */
    u64 srtt_ns;       /* 0: not measured yet */
    u64 rto_ns;
    u64 stalled_ns;  /* as net_stalled_ns: data waits and nothing is acknowledged */
    u64 silent_ns;   /* since the peer's last acceptable segment */
    u32 queued;      /* bytes given to us and not acknowledged */
    u32 in_flight;   /* of these, sent */
    u32 unread;      /* bytes that arrived in order and were not taken */
    u32 urgent;      /* bytes from the first one not taken to the end of the urgent ones */
    u32 mss;         /* of payload, options not yet taken off */
    u32 timeouts;    /* retransmission timeouts in a row: RFC 9293's R1 is 3 */
    u32 keep_probes; /* unanswered keepalive probes */
    u32 icmp_errors; /* that fitted the connection, all soft: it goes on */
    u8 icmp_type;    /* of the last one */
    u8 icmp_code;
};

/* Fills in `out`. False: the connection is gone. */
bool net_look(struct net *net, u64 conn, u64 now_ns, struct net_look *out);

/* How long the peer has acknowledged nothing although something waits; 0: nothing waits. */
u64 net_stalled_ns(struct net *net, u64 conn, u64 now_ns);

/* ---- for tests and operators ---- */

/* Connections in any state, TIME_WAIT included. */
u32 net_conns(const struct net *net);

/* Chunks of the pool that are in use. */
u32 net_chunks_used(const struct net *net);

/* Asserts the invariants of all connections, tables and pools. Walks everything: tests only. */
void net_check(const struct net *net, u64 now_ns);

#endif
