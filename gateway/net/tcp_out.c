/*
 * tcp_out.c - segments leave.
 *
 * Thread: the endpoint's. What enters: a connection with something to send, from net_flush, a timer
 * or an arriving segment. What leaves: packets, each built from the connection's ready headers, the
 * options of the moment and bytes copied out of the send space, so that nothing sent is ever
 * touched again. Each segment carries the newest ACK and window.
 *
 * Failure: when the device has no packet, nothing has changed; the connection stays on the list for
 * the next flush, and what is in flight still has its timer.
 */
#include <string.h>

#include "gateway/net/cksum.h"
#include "gateway/net/ip.h"
#include "gateway/net/net_state.h"
#include "gateway/net/tcp.h"

void tcp_want_output(struct net *net, struct tcp_conn *c)
{
    if (c->out_queued)
        return;
    c->out_queued = true;
    net->out[net->out_tail++ & net->queue_mask] = net_index(net, c);
}

u32 tcp_payload_max(const struct tcp_conn *c)
{
    u32 options = tcp_options_bytes(c);

    ASSERT_GT(c->mss, options);
    return c->mss - options;
}

/*
 * The window to tell: its right edge moves by a full segment or half the space at once, so that the
 * peer is not led into small segments (RFC 9293 3.8.6.2.2), and never back.
 */
static u16 window_to_tell(struct tcp_conn *c)
{
    u32 edge = tcp_rcv_edge(c);

    if (seq_lt(c->rcv_adv, c->rcv_nxt) || edge - c->rcv_adv >= min_u32(c->mss, NET_SPACE_BYTES / 2))
        c->rcv_adv = edge;
    return (u16)min_u32(c->rcv_adv - c->rcv_nxt, 65535);
}

/* The checksum of a segment whose field is zero, or what the device needs to compute it. */
static void fill_cksum(const struct net *net, struct packet *p, struct tcp_hdr *tcp, u32 src,
                       u32 dst, u32 bytes)
{
    u64 sum = cksum_pseudo(src, dst, bytes);

    tcp->cksum = 0;
    if ((net->conf.tx_cksum & PACKET_TX_CKSUM_TCP) != 0) {
        tcp->cksum = cksum_partial(sum);
        p->tx_cksum |= PACKET_TX_CKSUM_TCP;
    } else {
        tcp->cksum = cksum_fold(cksum_add(sum, tcp, bytes));
    }
}

void tcp_headers_init(struct net *net)
{
    struct eth_hdr *eth = (void *)net->tcp_headers;
    struct ipv4_hdr *ip = (void *)(net->tcp_headers + sizeof *eth);

    memcpy(eth->src, net->conf.mac, 6);
    eth->type = be16(ETH_TYPE_IPV4);
    *ip = (struct ipv4_hdr){.version_ihl = IP_VERSION_IHL,
                            .frag = be16(IP_DF),
                            .ttl = net->conf.ttl,
                            .proto = IP_PROTO_TCP,
                            .src = net->conf.ipv4};
    net->ip_sum = cksum_add(0, ip, sizeof *ip);
}

/* Everything that the headers of a connection's segments have in common. */
static void fill_headers(const struct net *net, const struct tcp_conn *c, struct packet *p)
{
    struct eth_hdr *eth = (void *)p->data;
    struct ipv4_hdr *ip = (void *)(p->data + sizeof *eth);
    struct tcp_hdr *tcp = (void *)(p->data + sizeof *eth + sizeof *ip);

    memcpy(p->data, net->tcp_headers, sizeof net->tcp_headers);
    memcpy(eth->dst, c->peer_mac, 6);
    ip->tos = c->tos;
    ip->dst = c->remote_ipv4;
    tcp->src_port = be16(c->local_port);
    tcp->dst_port = be16(c->remote_port);
}

static void fill_ip(const struct net *net, const struct tcp_conn *c, struct packet *p, u32 bytes)
{
    struct ipv4_hdr *ip = (void *)(p->data + sizeof(struct eth_hdr));

    ip->total_len = be16((u16)(sizeof *ip + bytes));
    if ((net->conf.tx_cksum & PACKET_TX_CKSUM_IP) != 0)
        p->tx_cksum |= PACKET_TX_CKSUM_IP;
    else
        ip->cksum = cksum_fold(net->ip_sum + c->remote_ipv4 + ((u32)c->tos << 8) + ip->total_len);
    p->l3_bytes = sizeof *ip;
}

/* With each ACK that leaves, none is owed any more, and what came twice was told once. */
static void note_ack_sent(struct net *net, struct tcp_conn *c)
{
    if (UNLIKELY(c->owes_dsack)) {
        net_count(net, NET_DSACKS_OUT);
        c->owes_dsack = false;
    }
    c->ack_sent = c->rcv_nxt;
    c->ack_now = false;
    c->ack_at_ns = 0;
}

/* One segment: `len` bytes of the send space from `seq`. False: no packet, nothing has changed. */
static bool send_segment(struct net *net, struct tcp_conn *c, u32 seq, u32 len, u8 flags)
{
    struct packet p;

    if (!net_alloc(net, &p))
        return false;
    fill_headers(net, c, &p);
    struct tcp_hdr *tcp = (void *)(p.data + sizeof(struct eth_hdr) + sizeof(struct ipv4_hdr));
    u32 header = (u32)sizeof *tcp + tcp_options_write(net, c, flags, (u8 *)(tcp + 1));
    u32 bytes = header + len;
    ASSERT_LE(sizeof(struct ipv4_hdr) + bytes, net->conf.mtu);
    space_read(&c->snd, &net->snd_pool, seq, (u8 *)tcp + header, len);
    tcp->seq = be32(seq);
    tcp->ack = (flags & TCP_ACK) != 0 ? be32(c->rcv_nxt) : 0;
    tcp->data_off = (u8)(header / 4 << 4);
    tcp->flags = flags;
    tcp->window = be16(window_to_tell(c));
    if (UNLIKELY(c->urg_out) && seq_gt(c->snd_up, seq)) {
        tcp->flags |= TCP_URG;
        tcp->urgent = be16((u16)min_u32(c->snd_up - seq, UINT16_MAX));
    }
    fill_ip(net, c, &p, bytes);
    fill_cksum(net, &p, tcp, net->conf.ipv4, c->remote_ipv4, bytes);
    p.l4_bytes = (u8)header;
    p.len = (u32)(sizeof(struct eth_hdr) + sizeof(struct ipv4_hdr)) + bytes;
    if ((flags & TCP_ACK) != 0)
        note_ack_sent(net, c);
    if (UNLIKELY(sizeof(struct ipv4_hdr) + bytes > c->big_sent) && len > 0) {
        c->big_sent = (u16)(sizeof(struct ipv4_hdr) + bytes);
        c->big_end = seq + len;
        c->mtu_open = true;
    }
    metric_add(&net->stats[NET_TX_BYTES], len);
    net_transmit(net, &p);
    return true;
}

/*
 * The sequence number of a segment without data: never behind what the peer may have, or it would
 * find the segment old and drop the ACK with it. And not beyond the peer's window, should that have
 * shrunk.
 */
static u32 bare_seq(const struct tcp_conn *c)
{
    return seq_min(c->snd_max, c->snd_una + c->snd_wnd);
}

void tcp_send_ack(struct net *net, struct tcp_conn *c)
{
    if (!send_segment(net, c, bare_seq(c), 0, TCP_ACK)) {
        c->ack_now = true;
        tcp_want_output(net, c);
    }
}

void tcp_challenge(struct net *net, struct tcp_conn *c)
{
    if (c->challenge_ns != 0 && net->now_ns - c->challenge_ns < TCP_CHALLENGE_NS) {
        net_count(net, NET_CHALLENGES_HELD);
        return;
    }
    c->challenge_ns = net->now_ns;
    net_count(net, NET_CHALLENGES);
    tcp_send_ack(net, c);
}

void tcp_send_rst(struct net *net, struct tcp_conn *c)
{
    send_segment(net, c, bare_seq(c), 0, TCP_RST | TCP_ACK);
}

void tcp_answer(struct net *net, const struct tcp_segment *to, u32 seq, u32 ack, u8 flags,
                const u8 *options, u32 n)
{
    u32 bytes = (u32)sizeof(struct tcp_hdr) + n;
    struct packet p;

    if (!net_alloc(net, &p))
        return;
    ip_write(net, &p, to->src_mac, to->src_ipv4, IP_PROTO_TCP, bytes);
    struct tcp_hdr *tcp = (void *)(p.data + sizeof(struct eth_hdr) + sizeof(struct ipv4_hdr));
    *tcp = (struct tcp_hdr){
        .src_port = be16(to->dst_port),
        .dst_port = be16(to->src_port),
        .seq = be32(seq),
        .ack = (flags & TCP_ACK) != 0 ? be32(ack) : 0,
        .data_off = (u8)(bytes / 4 << 4),
        .flags = flags,
        .window = (flags & TCP_SYN) != 0 ? be16(NET_SPACE_BYTES) : 0,
    };
    if (n > 0)
        memcpy(tcp + 1, options, n);
    fill_cksum(net, &p, tcp, net->conf.ipv4, to->src_ipv4, bytes);
    p.l4_bytes = (u8)bytes;
    net_transmit(net, &p);
}

void tcp_refuse(struct net *net, const struct tcp_segment *seg)
{
    u32 syn = (seg->flags & TCP_SYN) != 0;
    u32 fin = (seg->flags & TCP_FIN) != 0;

    net_count(net, NET_REFUSED);
    if ((seg->flags & TCP_ACK) != 0) /* RFC 9293 3.10.7.1 */
        tcp_answer(net, seg, seg->ack, 0, TCP_RST, NULL, 0);
    else
        tcp_answer(net, seg, 0, seg->seq + seg->len + syn + fin, TCP_RST | TCP_ACK, NULL, 0);
}

/* ---- opening ---- */

/* The peer's Ethernet address for our own connect. False: asked for, wait. */
static bool resolve(struct net *net, struct tcp_conn *c)
{
    const u8 *mac = arp_lookup(net, arp_next_hop(net, c->remote_ipv4));

    c->arp_wait = mac == NULL;
    if (mac == NULL) {
        list_move_tail(&net->arp_wait, &c->node);
        return false;
    }
    list_del(&c->node);
    tcp_set_peer_mac(c, mac);
    return true;
}

bool tcp_send_syn(struct net *net, struct tcp_conn *c)
{
    bool first = c->snd_max == c->iss;
    u8 flags = c->state == TCP_SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK;

    if (first)
        c->rto_base_ns = net->now_ns;
    if (c->state == TCP_SYN_SENT && !resolve(net, c)) {
        tcp_rtx_arm(net, c);
        return false;
    }
    if (!send_segment(net, c, c->iss, 0, flags)) {
        tcp_want_output(net, c);
        return false;
    }
    c->snd_max = c->iss + 1;
    c->rtt_timing = first;
    c->rtt_seq = c->snd_max;
    c->rtt_ns = net->now_ns;
    tcp_rtx_arm(net, c);
    return true;
}

/* ---- data ---- */

static u32 now_us(const struct net *net)
{
    return (u32)(net->now_ns / NS_PER_US);
}

/* Data bytes that were never sent. */
static u32 unsent(const struct tcp_conn *c)
{
    return seq_lt(c->snd_max, c->snd_end) ? c->snd_end - c->snd_max : 0;
}

/* Bytes that the windows still admit behind snd_max. What has left the network makes room. */
static u32 usable(const struct tcp_conn *c)
{
    u32 flight = tcp_outstanding(c);
    u32 pipe = tcp_pipe(c);
    u32 told = c->snd_wnd > flight ? c->snd_wnd - flight : 0;

    return min_u32(told, c->cwnd > pipe ? c->cwnd - pipe : 0);
}

/*
 * Silly window avoidance, RFC 9293 3.8.6.2.1, with Nagle off: all that there is, a full segment, or
 * half of the largest window that the peer ever had.
 */
static bool worth_sending(const struct tcp_conn *c, u32 len, u32 avail)
{
    return len > 0 && (len == avail || len == tcp_payload_max(c) || len >= c->snd_wnd_max / 2);
}

/* Whether the FIN goes with the segment that ends at `end`. */
static bool fin_fits(const struct tcp_conn *c, u32 end)
{
    return c->fin_queued && end == c->snd_end &&
           (seq_lt(end, c->snd_max) || c->snd_wnd > end - c->snd_una);
}

/*
 * Something before snd_max may be lost: the ACK of what leaves now would wait for its repair too.
 */
static bool hole_suspected(const struct tcp_conn *c)
{
    return c->dupacks > 0 || c->sent.sacked > 0 ||
           (c->ca != TCP_CA_OPEN && seq_lt(c->snd_una, c->recover));
}

/* [seq, end), or the part of it before snd_max, left again. */
static void note_again(struct net *net, struct tcp_conn *c, u32 seq, u32 end)
{
    end = seq_min(end, c->snd_max);
    net_count(net, NET_RTX_SEGMENTS);
    c->rtx_sent_ns = net->now_ns;
    c->rtt_timing = false; /* Karn: whose ACK it will be is not known */
    c->rtt_probed = false;
    sent_resent(&c->sent, &net->snd_pool, c->snd_una, seq, end, now_us(net));
    if (c->ca == TCP_CA_OPEN)
        return;
    c->undo_bytes += end - seq;
    if (!c->undo_stamped)
        c->undo_ts = tcp_ts_now(net, c->ts_offset);
    c->undo_stamped = true;
}

/* Bookkeeping after [seq, end) left. */
static void note_sent(struct net *net, struct tcp_conn *c, u32 seq, u32 end)
{
    if (seq_lt(seq, c->snd_max)) {
        note_again(net, c, seq, end);
    } else if (!c->rtt_timing && !hole_suspected(c)) {
        c->rtt_timing = true;
        c->rtt_probed = false;
        c->rtt_seq = end;
        c->rtt_ns = net->now_ns;
    }
    if (tcp_outstanding(c) == 0)
        c->rto_base_ns = net->now_ns;
    if (seq_gt(end, c->snd_max)) {
        sent_new(&c->sent, &net->snd_pool, c->snd_una, end, now_us(net));
        c->snd_max = end;
    }
    c->sent_ns = net->now_ns;
}

/* Sends `len` bytes from `seq` and the FIN if it belongs there. False: no packet. */
static bool send_data(struct net *net, struct tcp_conn *c, u32 seq, u32 len)
{
    u32 end = seq + len;
    bool fin = fin_fits(c, end);
    u8 flags = TCP_ACK;

    if (len > 0 && end == c->snd_end)
        flags |= TCP_PSH;
    if (fin) {
        flags |= TCP_FIN;
        end++;
    }
    if (!send_segment(net, c, seq, len, flags))
        return false;
    note_sent(net, c, seq, end);
    return true;
}

/* After a silence longer than the RTO the old window says nothing about the path: RFC 5681 4.1. */
static void restart_idle(const struct net *net, struct tcp_conn *c)
{
    if (tcp_outstanding(c) == 0 && c->sent_ns != 0 && net->now_ns - c->sent_ns > c->rto_ns)
        c->cwnd = min_u32(c->cwnd, TCP_IW_SEGMENTS * c->mss);
}

/* The next segment in order. False: nothing may go, or there was no packet (`*blocked`). */
static bool send_next(struct net *net, struct tcp_conn *c, bool *blocked)
{
    u32 avail = unsent(c);
    u32 len = min_u32(min_u32(avail, usable(c)), tcp_payload_max(c));

    if (!worth_sending(c, len, avail)) {
        bool fin_only = avail == 0 && c->snd_max == c->snd_end && fin_fits(c, c->snd_max);
        if (!fin_only)
            return false;
        len = 0;
    }
    *blocked = !send_data(net, c, c->snd_max, len);
    return !*blocked;
}

/* The first LOST segment. False: nothing is lost or may go, or there was no packet (`*blocked`). */
static bool send_again(struct net *net, struct tcp_conn *c, bool *blocked)
{
    u32 start, end;

    if (!sent_first_lost(&c->sent, &net->snd_pool, c->snd_una, &start, &end))
        return false;
    u32 len = min_u32(seq_min(end, c->snd_end) - start, tcp_payload_max(c));
    bool fits = tcp_pipe(c) + len <= c->cwnd && start + len - c->snd_una <= c->snd_wnd;
    if (!fits && !c->force_again)
        return false;
    *blocked = !send_data(net, c, start, len);
    c->force_again &= *blocked;
    return !*blocked;
}

int tcp_output(struct net *net, struct tcp_conn *c)
{
    bool blocked = false;
    int packets = 0;

    if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RCVD)
        return (c->snd_max == c->iss || c->arp_wait) && tcp_send_syn(net, c);
    if (c->snd_max != tcp_snd_limit(c) || c->sent.lost > 0) {
        restart_idle(net, c);
        while (send_again(net, c, &blocked))
            packets++;
        while (!blocked && send_next(net, c, &blocked))
            packets++;
        tcp_rtx_arm(net, c);
    }
    if (c->ack_now && !blocked) {
        blocked = !send_segment(net, c, bare_seq(c), 0, TCP_ACK);
        packets += !blocked;
    }
    if (blocked)
        tcp_want_output(net, c);
    return packets;
}

/* ---- what a timer sends ---- */

bool tcp_send_probe(struct net *net, struct tcp_conn *c)
{
    u32 window = c->snd_wnd > tcp_outstanding(c) ? c->snd_wnd - tcp_outstanding(c) : 0;
    u32 len = min_u32(min_u32(unsent(c), window), tcp_payload_max(c));

    ASSERT_GT(tcp_outstanding(c), 0);
    if (len > 0)
        return send_data(net, c, c->snd_max, len);
    u32 data_end = seq_min(c->snd_max, c->snd_end);
    len = min_u32(data_end - c->snd_una, tcp_payload_max(c));
    bool timing = c->rtt_timing;
    bool sent = send_data(net, c, data_end - len, len);
    c->rtt_timing = timing; /* take_rtt tells whose ACK it is */
    c->rtt_probed = timing;
    return sent;
}

bool tcp_send_nudge(struct net *net, struct tcp_conn *c)
{
    return send_segment(net, c, c->snd_una - 1, 0, TCP_ACK);
}

bool tcp_send_persist(struct net *net, struct tcp_conn *c)
{
    u32 len = min_u32(min_u32(unsent(c), c->snd_wnd), tcp_payload_max(c));

    ASSERT_EQ(tcp_outstanding(c), 0);
    return c->snd_wnd == 0 ? tcp_send_nudge(net, c) : send_data(net, c, c->snd_max, len);
}
