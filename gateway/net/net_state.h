/*
 * net_state.h - the endpoint's own state, shared by the files of gateway/net. Local.
 *
 * Everything here belongs to the one thread that runs the endpoint.
 */
#ifndef WIREBOOK_NET_STATE_H
#define WIREBOOK_NET_STATE_H

#include "engine/base/assert.h"
#include "engine/base/list.h"
#include "engine/base/metrics.h"
#include "engine/base/types.h"
#include "engine/base/wheel.h"
#include "gateway/net/arp.h"
#include "gateway/net/net.h"
#include "gateway/net/space.h"
#include "gateway/net/tcp.h"

#define NET_TICK_NS  NS_PER_US /* of the timer wheel */
#define NET_STALL_NS NS_PER_MS /* a turn that comes later than this was held up, not the peers */
#define NET_CATCH_UP 64u       /* polls that timers wait at most while frames still come in */
/* Timers of one poll; the others come with the next. A flood's SYN|ACKs are due all at once. */
#define NET_TIMERS_TURN 64

#define NET_STARVED_TURN 8u /* of those that wait for the pool, looked at in vain in one poll */

#define NET_AHEAD    8u /* looks ahead whose memory is asked for */
#define NET_TAG_BITS (32 - TCP_NAME_INDEX_BITS)

/*
 * What is counted: name in code, metric without prefix, reason label ("" for none), help. Each kind
 * of bad input has its own reason.
 */
#define NET_STATS(X)                                                                               \
    X(RX_PACKETS, "rx_packets_total", "", "Frames given to the endpoint")                          \
    X(RX_SEGMENTS, "tcp_rx_segments_total", "", "Valid TCP segments received")                     \
    X(RX_BYTES, "tcp_rx_bytes_total", "", "Bytes of TCP payload taken in order")                   \
    X(TX_PACKETS, "tx_packets_total", "", "Frames sent")                                           \
    X(TX_BYTES, "tcp_tx_bytes_total", "", "Bytes of TCP payload sent, again or not")               \
    X(TX_NO_PACKET, "tx_no_packet_total", "", "Times the device had no free packet")               \
    X(DROP_SHORT, "rx_dropped_total", "short", "Frames dropped")                                   \
    X(DROP_ETHER_TYPE, "rx_dropped_total", "ether_type", "Frames dropped")                         \
    X(DROP_NOT_OURS, "rx_dropped_total", "not_ours", "Frames dropped")                             \
    X(DROP_ARP, "rx_dropped_total", "arp_malformed", "Frames dropped")                             \
    X(DROP_IP_VERSION, "rx_dropped_total", "ip_version", "Frames dropped")                         \
    X(DROP_IP_OPTIONS, "rx_dropped_total", "ip_options", "Frames dropped")                         \
    X(DROP_IP_LENGTH, "rx_dropped_total", "ip_length", "Frames dropped")                           \
    X(DROP_IP_CKSUM, "rx_dropped_total", "ip_checksum", "Frames dropped")                          \
    X(DROP_IP_FRAGMENT, "rx_dropped_total", "ip_fragment", "Frames dropped")                       \
    X(DROP_IP_SOURCE, "rx_dropped_total", "ip_source", "Frames dropped")                           \
    X(DROP_IP_PROTO, "rx_dropped_total", "ip_protocol", "Frames dropped")                          \
    X(DROP_ICMP, "rx_dropped_total", "icmp_malformed", "Frames dropped")                           \
    X(DROP_ICMP_TYPE, "rx_dropped_total", "icmp_type", "Frames dropped")                           \
    X(DROP_ICMP_STRANGER, "rx_dropped_total", "icmp_no_match", "Frames dropped")                   \
    X(DROP_TCP_LENGTH, "rx_dropped_total", "tcp_length", "Frames dropped")                         \
    X(DROP_TCP_CKSUM, "rx_dropped_total", "tcp_checksum", "Frames dropped")                        \
    X(DROP_TCP_FLAGS, "rx_dropped_total", "tcp_flags", "Frames dropped")                           \
    X(DROP_TCP_PORT, "rx_dropped_total", "tcp_port_zero", "Frames dropped")                        \
    X(DROP_TCP_WINDOW, "rx_dropped_total", "tcp_out_of_window", "Frames dropped")                  \
    X(DROP_TCP_ACK, "rx_dropped_total", "tcp_ack_range", "Frames dropped")                         \
    X(DROP_TCP_PAWS, "rx_dropped_total", "tcp_paws", "Frames dropped")                             \
    X(DROP_TCP_NO_TS, "rx_dropped_total", "tcp_no_timestamp", "Frames dropped")                    \
    X(DROP_TCP_RST, "rx_dropped_total", "tcp_rst_range", "Frames dropped")                         \
    X(DROP_TCP_RANGES, "rx_dropped_total", "tcp_too_many_holes", "Frames dropped")                 \
    X(DROP_TCP_POOL, "rx_dropped_total", "tcp_pool_empty", "Frames dropped")                       \
    X(DROP_SYN_FULL, "rx_dropped_total", "syn_full", "Frames dropped")                             \
    X(BAD_OPTION, "tcp_bad_options_total", "", "Segments whose options ended in a bad length")     \
    X(ARP_ANSWERED, "arp_answers_total", "", "ARP requests answered")                              \
    X(ARP_LEARNED, "arp_learned_total", "", "Ethernet addresses learned, or changed")              \
    X(ECHO_ANSWERED, "icmp_echo_answers_total", "", "Pings answered")                              \
    X(ICMP_ERRORS, "icmp_errors_total", "", "ICMP errors that fitted a connection")                \
    X(ICMP_HELD, "icmp_mtu_held_total", "",                                                        \
      "Smaller path MTUs told, not believed before a timeout")                                     \
    X(ACCEPTED, "tcp_accepted_total", "", "Connections accepted")                                  \
    X(CONNECTED, "tcp_connected_total", "", "Connections that we opened")                          \
    X(COOKIES_SENT, "tcp_syn_cookies_total", "sent", "SYN cookies: the queue of SYNs was full")    \
    X(COOKIES_TAKEN, "tcp_syn_cookies_total", "taken", "SYN cookies: the queue of SYNs was full")  \
    X(REFUSED, "tcp_refused_total", "", "Segments answered with RST")                              \
    X(RESET_IN, "tcp_resets_in_total", "", "Connections reset by the peer")                        \
    X(TIMED_OUT, "tcp_timed_out_total", "", "Connections given up for lack of an answer")          \
    X(RTX_RTO, "tcp_retransmits_total", "rto", "Recoveries begun, by cause")                       \
    X(RTX_FAST, "tcp_retransmits_total", "fast", "Recoveries begun, by cause")                     \
    X(RTX_PROBE, "tcp_retransmits_total", "probe", "Recoveries begun, by cause")                   \
    X(RTX_SYN, "tcp_retransmits_total", "syn", "Recoveries begun, by cause")                       \
    X(UNDONE, "tcp_recoveries_undone_total", "", "Recoveries that turned out to be needless")      \
    X(RENEGED, "tcp_reneged_total", "", "Times a peer did not stand by its SACKs")                 \
    X(DSACKS_IN, "tcp_dsacks_in_total", "", "Reports that something we sent came twice")           \
    X(DSACKS_OUT, "tcp_dsacks_out_total", "", "Reports of ours that something came twice")         \
    X(RTX_SEGMENTS, "tcp_rtx_segments_total", "", "Segments sent again")                           \
    X(PERSIST_PROBES, "tcp_persist_probes_total", "", "Probes into closed windows")                \
    X(KEEPALIVES, "tcp_keepalives_total", "", "Keepalive probes")                                  \
    X(CHALLENGES, "tcp_challenge_acks_total", "", "Challenge ACKs sent")                           \
    X(CHALLENGES_HELD, "tcp_challenge_acks_held_total", "", "Challenge ACKs not sent: rate limit") \
    X(ACKS_DELAYED, "tcp_delayed_acks_total", "", "Pure ACKs sent by the delay timer")             \
    X(OUT_OF_ORDER, "tcp_out_of_order_total", "", "Segments that arrived ahead of a hole")         \
    X(DUPLICATES, "tcp_duplicates_total", "", "Segments with nothing new")                         \
    X(TIME_WAIT_CUT, "tcp_time_wait_cut_total", "", "TIME_WAITs ended early for room or reuse")    \
    X(ORPHANS_CUT, "tcp_orphans_cut_total", "", "Closed connections reset for room")

#define NET_STAT_ENUM(id, name, reason, help) NET_##id,
enum net_stat {
    NET_STATS(NET_STAT_ENUM) NET_STAT_COUNT,
};

/* An entry of the hash table: as small as can be, for all of them are looked at all the time. */
struct net_slot {
    u32 conn : TCP_NAME_INDEX_BITS; /* index + 1; 0: free */
    u32 tag : NET_TAG_BITS;         /* the hash's upper bits */
};
_Static_assert(sizeof(struct net_slot) == 4, "sixteen in a line");

static inline u32 net_tag(u64 hash)
{
    return (u32)(hash >> (64 - NET_TAG_BITS));
}

/* At `at_ns` something of a connection may be due. */
struct net_soon {
    u64 at_ns;
    u32 conn; /* index */
};

struct net {
    struct net_conf conf;
    const struct packet_ops *ops;
    void *ops_ctx;
    const struct net_up *up;
    void *up_ctx;

    u64 now_ns;
    u64 polled_ns;
    u32 frames_in; /* since the last poll */
    u32 catch_up;  /* polls that timers still wait for frames to be through */
    u64 isn_key[2];
    u64 hash_seed;
    bool accepting;
    u32 listen_used;
    u16 listen[NET_LISTEN_MAX];

    u8 tcp_headers[TCP_HEADERS_BYTES]; /* Ethernet, IPv4, TCP: what is the same in all segments */
    u64 ip_sum;                        /* sum of that IPv4 header, RFC 1071 */

    struct tcp_conn *conns;
    struct tcp_conn *likely; /* whose segment probably comes next; NULL: no idea */
    struct tcp_links *links;
    u32 *free; /* stack of indices */
    u32 free_used;
    u32 half_open;
    u32 time_waits;
    struct net_slot *slots;
    u32 slots_mask;

    struct chunk_pool snd_pool; /* apart, so that neither those who do not read */
    struct chunk_pool rcv_pool; /* nor those who send with holes stop the others' other way */
    struct wheel wheel;
    u32 *out; /* queue of the indices of those that have something to send */
    u32 out_head, out_tail;
    struct net_soon *soon; /* queue of looks, all conf.delayed_ack_ns after they were asked for */
    u32 soon_head, soon_tail;
    u32 queue_mask;        /* of both: each has room for all connections, and each is in it once */
    struct list held;      /* have data that was not taken */
    struct list starved;   /* want to write and found the pool empty */
    struct list time_wait; /* the oldest first */
    struct list orphans;   /* closed by us and not through yet; the oldest first */
    struct list arp_wait;  /* SYNs that wait for an Ethernet address */
    struct arp_cache arp;
    u64 cookies_until_ns; /* a SYN cookie that is still good may be out until then */
    u32 port_salt;        /* counts our own connects, RFC 6056 algorithm 3 */
    u64 next_generation;

    struct metric stats[NET_STAT_COUNT];
    struct metric conns_used;
    struct metric chunks_used;
};

static inline void net_count(struct net *net, enum net_stat stat)
{
    metric_add(&net->stats[stat], 1);
}

static inline u32 net_index(const struct net *net, const struct tcp_conn *c)
{
    return (u32)(c - net->conns);
}

static inline struct tcp_links *net_links(const struct net *net, const struct tcp_conn *c)
{
    return &net->links[c - net->conns];
}

/* An empty packet with room for a full frame; false is counted. */
static inline bool net_alloc(struct net *net, struct packet *p)
{
    *p = (struct packet){0};
    if (UNLIKELY(!net->ops->alloc(net->ops_ctx, p))) {
        net_count(net, NET_TX_NO_PACKET);
        return false;
    }
    ASSERT_GE(p->room, PACKET_FRAME_BYTES(net->conf.mtu));
    return true;
}

static inline void net_transmit(struct net *net, struct packet *p)
{
    ASSERT_LE(p->len, PACKET_FRAME_BYTES(net->conf.mtu));
    net_count(net, NET_TX_PACKETS);
    net->ops->transmit(net->ops_ctx, p);
}

#endif
