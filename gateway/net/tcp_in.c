/*
 * tcp_in.c - a TCP segment arrives: RFC 9293 section 3.10.7, in its order.
 *
 * Thread: the endpoint's. What enters: a segment of any content behind a checked IPv4 header.
 * Lengths first, then the checksum, then options, then the connection is found, then the state
 * decides. What leaves: calls up, segments in answer, counters.
 *
 * A segment counts as the peer's only when its sequence number is in the window and its ACK is in
 * the range of RFC 5961; RST and SYN must be exact or are answered by a challenge ACK. So who
 * cannot see the traffic cannot end, open or fill a connection.
 */
#include <string.h>

#include "gateway/net/cksum.h"
#include "gateway/net/net_state.h"
#include "gateway/net/tcp.h"

/* ---- a segment's form ---- */

static bool cksum_good(const struct packet *p, const struct ipv4_hdr *ip, const struct tcp_hdr *tcp,
                       u32 bytes)
{
    if (p->l4_cksum != PACKET_CKSUM_UNKNOWN)
        return p->l4_cksum == PACKET_CKSUM_GOOD;
    return cksum_fold(cksum_add(cksum_pseudo(ip->src, ip->dst, bytes), tcp, bytes)) == 0;
}

/* Flags that no honest peer combines. */
static bool flags_good(u8 flags)
{
    u8 kinds = flags & (TCP_SYN | TCP_RST | TCP_FIN);

    if ((kinds & (kinds - 1)) != 0) /* more than one of them */
        return false;
    if (kinds == TCP_FIN)
        return (flags & TCP_ACK) != 0;
    return kinds != 0 || (flags & TCP_ACK) != 0;
}

/* Reads `bytes` of header and data into `seg`. Returns why not, or NET_STAT_COUNT. */
static enum net_stat read_segment(struct net *net, const struct packet *p, u32 bytes,
                                  struct tcp_segment *seg)
{
    const struct eth_hdr *eth = (const void *)p->data;
    const struct ipv4_hdr *ip = (const void *)(p->data + sizeof *eth);
    const struct tcp_hdr *tcp = (const void *)(p->data + sizeof *eth + sizeof *ip);

    if (bytes < sizeof *tcp)
        return NET_DROP_TCP_LENGTH;
    u32 header = (u32)(tcp->data_off >> 4) * 4;
    if (header < sizeof *tcp || header > bytes)
        return NET_DROP_TCP_LENGTH;
    if (!cksum_good(p, ip, tcp, bytes))
        return NET_DROP_TCP_CKSUM;
    seg->src_ipv4 = ip->src;
    seg->src_mac = eth->src;
    seg->src_port = be16(tcp->src_port);
    seg->dst_port = be16(tcp->dst_port);
    seg->seq = be32(tcp->seq);
    seg->ack = be32(tcp->ack);
    seg->window = be16(tcp->window);
    seg->urgent = (tcp->flags & TCP_URG) != 0 ? be16(tcp->urgent) : 0;
    seg->flags = tcp->flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH | TCP_ACK);
    seg->data = (const u8 *)tcp + header;
    seg->len = bytes - header;
    if (!flags_good(seg->flags))
        return NET_DROP_TCP_FLAGS;
    if (seg->src_port == 0)
        return NET_DROP_TCP_PORT;
    if (!tcp_options_parse((const u8 *)(tcp + 1), header - (u32)sizeof *tcp, seg))
        net_count(net, NET_BAD_OPTION);
    return NET_STAT_COUNT;
}

/* ---- opening ---- */

/* What the options of a peer's SYN allow us; `offered`: we sent a SYN with all of them. */
static void take_syn(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg)
{
    const u32 headers = sizeof(struct ipv4_hdr) + sizeof(struct tcp_hdr);
    u32 mss = seg->mss != 0 ? seg->mss : TCP_MSS_DEFAULT;

    c->mss = (u16)min_u32(max_u32(mss, TCP_MSS_MIN), net->conf.mtu - headers);
    c->sack_ok = seg->sack_ok;
    c->ts_ok = seg->has_ts;
    c->ts_recent = seg->has_ts ? seg->ts_val : 0;
    c->wscale_ok = seg->has_wscale;
    c->snd_wscale = seg->has_wscale ? seg->wscale : 0;
    c->irs = seg->seq;
    c->rcv_nxt = seg->seq + 1;
    c->rcv_read = c->rcv_nxt;
    c->rcv_adv = c->rcv_nxt;
    c->ack_sent = c->rcv_nxt;
    c->snd_wnd = seg->window; /* never scaled in a SYN */
    c->snd_wnd_max = seg->window;
    c->snd_wl1 = seg->seq;
    c->snd_wl2 = c->iss;
    c->cwnd = TCP_IW_SEGMENTS * c->mss;
    c->heard_ns = net->now_ns;
    tcp_set_peer_mac(c, seg->src_mac);
    c->arp_wait = false; /* an earlier SYN of ours was answered while we asked again */
    list_del(&c->node);
}

static bool listens(const struct net *net, u16 port)
{
    for (u32 i = 0; i < net->listen_used; i++)
        if (net->listen[i] == port)
            return true;
    return false;
}

static void in_synchronized(struct net *net, struct tcp_conn *c, struct tcp_segment *seg);

/*
 * A SYN for us. `after`, unless NULL, is the highest sequence number that we used on a connection
 * of the same 4-tuple: ours begins well beyond it (RFC 9293 3.6.1, MAY-2).
 */
static void passive_open(struct net *net, const struct tcp_segment *syn, const u32 *after)
{
    if (after == NULL && net->half_open >= net->conf.half_open_max) {
        tcp_cookie_send(net, syn);
        return;
    }
    struct tcp_conn *c = tcp_new(net, syn->src_ipv4, syn->src_port, syn->dst_port);
    if (c == NULL) {
        net_count(net, NET_DROP_SYN_FULL);
        return;
    }
    if (after != NULL)
        tcp_set_iss(c, seq_max(c->iss, *after + TCP_REUSE_GAP));
    take_syn(net, c, syn);
    tcp_move(net, c, TCP_SYN_RCVD);
    tcp_want_output(net, c);
}

/* The end of a handshake whose SYN was not kept: `seg` acknowledged a cookie. */
static void open_by_cookie(struct net *net, const struct tcp_segment *syn, struct tcp_segment *seg)
{
    struct tcp_conn *c = tcp_new(net, seg->src_ipv4, seg->src_port, seg->dst_port);

    if (c == NULL) { /* its data comes again, perhaps there is room then */
        net_count(net, NET_DROP_SYN_FULL);
        return;
    }
    net_count(net, NET_COOKIES_TAKEN);
    tcp_set_iss(c, seg->ack - 1);
    take_syn(net, c, syn);
    tcp_move(net, c, TCP_SYN_RCVD);
    c->snd_max = c->iss + 1;
    c->rcv_adv = tcp_rcv_edge(c); /* the cookie told of it */
    tcp_rtx_restart(net, c);
    in_synchronized(net, c, seg);
}

/* A segment for which there is no connection. */
static void no_connection(struct net *net, struct tcp_segment *seg)
{
    bool wanted = net->accepting && listens(net, seg->dst_port);
    struct tcp_segment syn;

    if ((seg->flags & TCP_RST) != 0)
        return;
    if (wanted && (seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
        passive_open(net, seg, NULL);
    else if (wanted && (seg->flags & (TCP_SYN | TCP_ACK)) == TCP_ACK &&
             tcp_cookie_check(net, seg, &syn))
        open_by_cookie(net, &syn, seg);
    else
        tcp_refuse(net, seg);
}

/* The handshake is through. False: `c` is gone. */
static bool establish(struct net *net, struct tcp_conn *c)
{
    struct net_peer peer = {
        .ipv4 = c->remote_ipv4, .port = c->remote_port, .local_port = c->local_port};

    c->snd_una = c->iss + 1;
    if (c->snd_max == c->iss) { /* both opened at once, and our SYN|ACK is not needed any more */
        c->snd_max = c->snd_una;
        c->ack_now = true;
    }
    c->rtx_at_ns = 0;
    c->backoff = 0;
    c->rto_ns = TCP_RTO_INITIAL_NS;
    c->progress_ns = net->now_ns;
    if (c->rtt_timing)
        tcp_rtt_sample(net, c, net->now_ns - c->rtt_ns);
    else if (c->syn_retries > 0)
        c->rto_ns = TCP_RTO_AFTER_SYN_NS; /* RFC 6298 (5.7) */
    c->rtt_timing = false;
    tcp_move(net, c, TCP_ESTABLISHED);
    net_count(net, c->active ? NET_CONNECTED : NET_ACCEPTED);
    c->app = true;
    if (net->conf.keepalive_idle_ns != 0)
        tcp_slow_arm(net, c, net->now_ns + net->conf.keepalive_idle_ns);
    tcp_pin(c);
    bool wanted = net->up->opened(net->up_ctx, c->name, &peer);
    if (!tcp_unpin(net, c))
        return false;
    if (!wanted) {
        tcp_abort(net, c);
        return false;
    }
    tcp_invariant(net, c);
    return true;
}

/* RFC 9293 3.10.7.3. */
static void in_syn_sent(struct net *net, struct tcp_conn *c, struct tcp_segment *seg)
{
    bool acks = (seg->flags & TCP_ACK) != 0;

    if (acks && (c->snd_max == c->iss || seg->ack != c->snd_max)) {
        net_count(net, NET_DROP_TCP_ACK);
        if ((seg->flags & TCP_RST) == 0)
            tcp_refuse(net, seg);
        return;
    }
    if ((seg->flags & TCP_RST) != 0) {
        if (acks) {
            net_count(net, NET_RESET_IN);
            tcp_drop(net, c);
        }
        return;
    }
    if ((seg->flags & TCP_SYN) == 0)
        return;
    take_syn(net, c, seg);
    if (!acks) { /* both opened at once */
        tcp_move(net, c, TCP_SYN_RCVD);
        c->snd_max = c->iss; /* our SYN goes out again, as SYN|ACK */
        tcp_want_output(net, c);
        return;
    }
    c->ack_now = true;
    tcp_want_output(net, c);
    establish(net, c);
}

/* ---- RFC 9293 3.10.7.4, the checks in their order ---- */

/* First check: some of it lies in the window. */
static bool acceptable(const struct tcp_conn *c, const struct tcp_segment *seg, u32 seg_len)
{
    u32 edge = tcp_rcv_edge(c);
    u32 last = seg->seq + seg_len - (seg_len > 0);

    if (edge == c->rcv_nxt || seq_lt(edge, c->rcv_nxt)) /* closed; behind its edge lies a FIN */
        return seg->seq == c->rcv_nxt && seg_len == 0;
    return (seq_ge(seg->seq, c->rcv_nxt) && seq_lt(seg->seq, edge)) ||
           (seg_len > 0 && seq_ge(last, c->rcv_nxt) && seq_lt(last, edge)) ||
           (seg_len > 0 && seq_lt(seg->seq, c->rcv_nxt) && seq_ge(last, edge));
}

/*
 * RFC 7323 5.3 with 3.2: true if the timestamps forbid the segment. A SYN is never believed here,
 * and whoever sent it must hear that somebody is there, with whatever options he came.
 */
static bool paws_rejects(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg)
{
    if (!c->ts_ok || (seg->flags & (TCP_RST | TCP_SYN)) != 0)
        return false;
    if (!seg->has_ts) {
        net_count(net, NET_DROP_TCP_NO_TS);
        return true;
    }
    if (seq_lt(seg->ts_val, c->ts_recent)) {
        net_count(net, NET_DROP_TCP_PAWS);
        tcp_challenge(net, c);
        return true;
    }
    return false;
}

/*
 * Not acceptable: told so, unless it is a reset. What has no data is answered seldom: no ACK loops.
 */
static void not_acceptable(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg)
{
    tcp_note_twice(c, seg->seq, seq_min(seg->seq + seg->len, c->rcv_nxt));
    if (seq_lt(seg->seq, c->rcv_nxt))
        net_count(net, NET_DUPLICATES);
    else
        net_count(net, NET_DROP_TCP_WINDOW);
    if ((seg->flags & TCP_RST) != 0)
        return;
    if (c->state == TCP_SYN_RCVD && (seg->flags & TCP_SYN) != 0 && seg->seq == c->irs)
        tcp_send_syn(net, c); /* our SYN|ACK was lost */
    else if ((seg->flags & TCP_SYN) == 0 && (seg->len > 0 || (seg->flags & TCP_FIN) != 0))
        tcp_send_ack(net, c);
    else
        tcp_challenge(net, c);
}

/* Second check, with RFC 5961 3.2: exact or challenged. */
static void reset_in(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg)
{
    if (seg->seq != c->rcv_nxt) {
        net_count(net, NET_DROP_TCP_RST);
        tcp_challenge(net, c);
        return;
    }
    net_count(net, NET_RESET_IN);
    tcp_drop(net, c);
}

/* Fifth check: the ACK. False: the segment is answered or dropped. */
static bool ack_valid(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg)
{
    if ((seg->flags & TCP_ACK) == 0) {
        net_count(net, NET_DROP_TCP_FLAGS);
        return false;
    }
    if (c->state == TCP_SYN_RCVD && seg->ack != c->iss + 1) {
        net_count(net, NET_DROP_TCP_ACK);
        tcp_refuse(net, seg);
        return false;
    }
    if (UNLIKELY(seg->ack - c->snd_una > tcp_outstanding(c)) && /* neither new nor the last one */
        (seq_gt(seg->ack, c->snd_max) ||
         seq_lt(seg->ack, c->snd_una - max_u32(c->snd_wnd_max, 1)))) { /* RFC 5961 5.2 */
        net_count(net, NET_DROP_TCP_ACK);
        tcp_challenge(net, c);
        return false;
    }
    return true;
}

/* Cuts what lies before rcv_nxt and behind the window. */
static void trim(struct tcp_conn *c, struct tcp_segment *seg)
{
    if (seq_lt(seg->seq, c->rcv_nxt)) {
        u32 cut = min_u32(c->rcv_nxt - seg->seq, seg->len);
        tcp_note_twice(c, seg->seq, seg->seq + cut);
        seg->seq += cut;
        seg->data += cut;
        seg->len -= cut;
    }
    u32 edge = tcp_rcv_edge(c);
    u32 room = seq_lt(seg->seq, edge) ? edge - seg->seq : 0;
    if (seg->len >= room)
        seg->flags &= (u8)~TCP_FIN; /* it would lie behind the edge */
    seg->len = min_u32(seg->len, room);
}

/* What every acceptable segment leaves behind. */
static void note_heard(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg)
{
    c->heard_ns = net->now_ns;
    c->keep_probes = 0;
    if (seg->has_ts && c->ts_ok && seq_le(seg->seq, c->ack_sent))
        c->ts_recent = seg->ts_val; /* RFC 7323 4.3; that it is not older was checked */
    if (UNLIKELY(memcmp(c->peer_mac, seg->src_mac, 6) != 0))
        tcp_set_peer_mac(c, seg->src_mac);
}

/* A SYN|ACK in SYN_RCVD, when both opened at once, counts as the ACK that it holds. */
static void strip_known_syn(const struct tcp_conn *c, struct tcp_segment *seg)
{
    if (c->state == TCP_SYN_RCVD && seg->flags == (TCP_SYN | TCP_ACK) && seg->seq == c->irs &&
        seg->ack == c->snd_max) {
        seg->flags = TCP_ACK;
        seg->seq++;
    }
}

/* The checks that come before the ACK is taken. False: the segment is done with. */
static bool pass_checks(struct net *net, struct tcp_conn *c, struct tcp_segment *seg)
{
    strip_known_syn(c, seg);
    u32 ctl = ((seg->flags & TCP_SYN) != 0) + ((seg->flags & TCP_FIN) != 0);
    if (paws_rejects(net, c, seg))
        return false;
    if (tcp_rcv_edge(c) == c->rcv_nxt && seg->seq == c->rcv_nxt && seg->len > 0) {
        seg->len = 0; /* a closed window still takes ACKs */
        seg->flags &= (u8)~TCP_FIN;
        ctl = 0;
        c->ack_now = true;
        tcp_want_output(net, c);
    }
    if (!acceptable(c, seg, seg->len + ctl)) {
        not_acceptable(net, c, seg);
        return false;
    }
    if ((seg->flags & TCP_RST) != 0) {
        reset_in(net, c, seg);
        return false;
    }
    if ((seg->flags & TCP_SYN) != 0) { /* RFC 5961 4.2 */
        tcp_challenge(net, c);
        return false;
    }
    return ack_valid(net, c, seg);
}

static void in_synchronized(struct net *net, struct tcp_conn *c, struct tcp_segment *seg)
{
    if (!pass_checks(net, c, seg))
        return;
    note_heard(net, c, seg);
    if (c->state == TCP_SYN_RCVD) {
        c->snd_wnd = seg->window << c->snd_wscale;
        c->snd_wnd_max = max_u32(c->snd_wnd_max, c->snd_wnd);
        if (!establish(net, c))
            return;
    }
    if (!tcp_ack_in(net, c, seg))
        return;
    if (UNLIKELY(seg->urgent != 0) && !tcp_urgent_in(net, c, seg->seq + seg->urgent))
        return;
    if (seg->len > 0 || (seg->flags & TCP_FIN) != 0) {
        trim(c, seg);
        if (seg->len > 0 || (seg->flags & TCP_FIN) != 0) {
            tcp_data_in(net, c, seg);
            return;
        }
        tcp_send_ack(net, c);
    }
}

/* RFC 6191 section 2: whether a SYN of the same 4-tuple is certainly newer than what has been. */
static bool is_newer(const struct tcp_conn *c, const struct tcp_segment *syn)
{
    if (syn->has_ts && !c->ts_ok)
        return true;
    if (syn->has_ts && syn->ts_val != c->ts_recent)
        return seq_gt(syn->ts_val, c->ts_recent);
    return seq_gt(syn->seq, c->rcv_nxt);
}

/* RFC 9293 3.10.7.4 and RFC 6191: a new SYN may end it; a FIN that comes again starts it anew. */
static void in_time_wait(struct net *net, struct tcp_conn *c, struct tcp_segment *seg)
{
    if ((seg->flags & (TCP_SYN | TCP_RST | TCP_ACK)) == TCP_SYN && is_newer(c, seg) &&
        net->accepting && listens(net, seg->dst_port)) {
        u32 after = c->snd_max;
        net_count(net, NET_TIME_WAIT_CUT);
        tcp_free(net, c);
        passive_open(net, seg, &after);
        return;
    }
    if ((seg->flags & TCP_RST) != 0) /* RFC 1337: ignored */
        return;
    if ((seg->flags & TCP_FIN) != 0 && seg->seq + seg->len + 1 == c->rcv_nxt) {
        list_move_tail(&net->time_wait, &c->node);
        tcp_slow_arm(net, c, net->now_ns + net->conf.time_wait_ns);
        tcp_send_ack(net, c);
        return;
    }
    tcp_challenge(net, c);
}

void tcp_input(struct net *net, const struct packet *p, u32 ip_payload)
{
    struct tcp_segment seg = {0};
    enum net_stat why = read_segment(net, p, ip_payload, &seg);

    if (UNLIKELY(why != NET_STAT_COUNT)) {
        net_count(net, why);
        return;
    }
    net_count(net, NET_RX_SEGMENTS);
    struct tcp_conn *c = tcp_find(net, seg.src_ipv4, seg.src_port, seg.dst_port);
    if (c == NULL)
        no_connection(net, &seg);
    else if (LIKELY(c->state >= TCP_SYN_RCVD && c->state != TCP_TIME_WAIT))
        in_synchronized(net, c, &seg);
    else if (c->state == TCP_SYN_SENT)
        in_syn_sent(net, c, &seg);
    else
        in_time_wait(net, c, &seg);
}
