/*
 * tcp_ack.c - what the peer acknowledges: round trips, congestion window, recovery, send space.
 *
 * Thread: the endpoint's. What enters: the ACK of a segment that passed the sequence and ACK
 * checks. Congestion control is New Reno: RFC 5681 with byte counting (3465) and an initial window
 * of ten segments (6928), recovery by RFC 6582. Where the peer speaks SACK, a duplicate ACK is one
 * whose SACK blocks say something new (RFC 6675 section 2), so neither data nor window updates hide
 * it and answers to our probes do not count.
 */
#include "gateway/net/net_state.h"
#include "gateway/net/tcp.h"

void tcp_rtt_sample(const struct net *net, struct tcp_conn *c, u64 rtt_ns)
{
    u64 rtt = max_u64(rtt_ns, 1);

    if (c->srtt_ns == 0) { /* RFC 6298 (2.2) */
        c->srtt_ns = rtt;
        c->rttvar_ns = rtt / 2;
    } else { /* (2.3) */
        u64 delta = rtt > c->srtt_ns ? rtt - c->srtt_ns : c->srtt_ns - rtt;
        c->rttvar_ns = (3 * c->rttvar_ns + delta) / 4;
        c->srtt_ns = max_u64((7 * c->srtt_ns + rtt) / 8, 1);
    }
    u64 rto = c->srtt_ns + max_u64(net->wheel.tick_ns, 4 * c->rttvar_ns);
    c->rto_ns = min_u64(max_u64(rto, net->conf.rto_min_ns), net->conf.rto_max_ns);
}

/* RFC 5681 3.1 and RFC 3465: only while the window is what limits us. */
static void grow_cwnd(struct tcp_conn *c, u32 acked, u32 flight_before)
{
    u32 step;

    if (flight_before + c->mss <= c->cwnd / 2)
        return; /* the application does not fill even half of it */
    if (c->cwnd < c->ssthresh)
        step = min_u32(acked, 2u * c->mss);
    else
        step = max_u32((u32)((u64)acked * c->mss / c->cwnd), 1);
    c->cwnd = min_u32(c->cwnd + step, TCP_CWND_MAX);
}

/* RFC 6582 3.2 step 2: half the flight, the first lost segment at once. */
static void begin_recovery(struct net *net, struct tcp_conn *c)
{
    net_count(net, NET_RTX_FAST);
    c->ssthresh = max_u32(tcp_outstanding(c) / 2, 2u * c->mss);
    c->cwnd = c->ssthresh + TCP_DUPACKS * c->mss;
    c->recover = c->snd_max;
    c->recovering = true;
    tcp_retransmit(net, c);
    tcp_rtx_restart(net, c);
}

/* Step 3, second half: more was lost; the next hole goes out at once, the window deflates. */
static void partial_ack(struct net *net, struct tcp_conn *c, u32 acked)
{
    c->cwnd = c->cwnd > acked ? c->cwnd - acked : 0;
    if (acked >= c->mss)
        c->cwnd += c->mss;
    c->cwnd = max_u32(c->cwnd, c->mss);
    tcp_retransmit(net, c);
}

static void end_recovery(struct tcp_conn *c)
{
    u32 flight = tcp_outstanding(c);

    c->cwnd = min_u32(c->ssthresh, max_u32(flight, c->mss) + c->mss);
    c->recovering = false;
}

/* The first SACK block tells of bytes that came twice, RFC 2883. */
static bool has_dsack(const struct tcp_segment *seg)
{
    return seg->sacks_used > 0 && seq_lt(seg->sacks[0].start, seg->ack);
}

/*
 * By our own clock where the segment was sent once; where it was sent again, Karn's rule forbids
 * that, but the echoed timestamp tells which one was meant, to the millisecond (RFC 7323 4.1): only
 * one that left with or after the last retransmission is believed, because a receiver whose ACK was
 * lost answers a repeated segment with the old echo. Without this one long outage would keep the
 * RTO at seconds as long as losses go on. With a sample the back-off ends, and not before (RFC 6298
 * 5.7).
 *
 * A tail-loss probe makes an ACK ambiguous too. If it reports the probe as a duplicate, the peer
 * was only slow to acknowledge, and that is no round trip; if not, it answers the first
 * transmission and tells that the path has become longer.
 */
static void take_rtt(const struct net *net, struct tcp_conn *c, const struct tcp_segment *seg)
{
    if (c->rtt_timing) {
        if (seq_lt(seg->ack, c->rtt_seq))
            return;
        c->rtt_timing = false;
        if (!c->rtt_probed || (c->sack_ok && !has_dsack(seg))) {
            tcp_rtt_sample(net, c, net->now_ns - c->rtt_ns);
            c->backoff = 0;
        }
    } else if (c->ts_ok && seg->has_ts && seg->ts_ecr != 0) {
        u32 ms = (u32)(net->now_ns / NS_PER_MS) + c->ts_offset - seg->ts_ecr;
        if (ms <= (net->now_ns - c->rtx_sent_ns) / NS_PER_MS + 1) {
            tcp_rtt_sample(net, c, ms * NS_PER_MS + NS_PER_MS / 2);
            c->backoff = 0;
        }
    }
}

/* Something new was acknowledged. */
static void new_ack(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg)
{
    u32 ack = seg->ack;
    u32 acked = ack - c->snd_una;
    u32 flight = tcp_outstanding(c);
    u32 data_end = seq_min(ack, c->snd_end);

    take_rtt(net, c, seg);
    space_release(&c->snd, &net->snd_pool, c->snd_una, data_end, data_end == c->snd_end);
    c->snd_una = ack;
    c->snd_nxt = seq_max(c->snd_nxt, ack);
    c->dupacks = 0;
    c->progress_ns = net->now_ns;
    tcp_mtu_acked(c);
    if (UNLIKELY(c->urg_out) && seq_ge(ack, c->snd_up))
        c->urg_out = false;
    if (c->probed && seq_ge(ack, c->probe_end))
        c->probed = false;
    if (!c->recovering)
        grow_cwnd(c, acked, flight);
    else if (seq_ge(ack, c->recover))
        end_recovery(c);
    else
        partial_ack(net, c, acked);
    tcp_rtx_restart(net, c);
}

/* True when the SACK blocks tell of bytes that they did not tell of before. DSACKs do not. */
static bool sack_news(struct tcp_conn *c, const struct tcp_segment *seg)
{
    u32 high = c->snd_una;
    u32 bytes = 0;

    for (u32 i = 0; i < seg->sacks_used; i++) {
        const struct tcp_range *r = &seg->sacks[i];
        if (!seq_lt(r->start, r->end) || seq_le(r->start, seg->ack) || seq_gt(r->end, c->snd_max))
            continue;
        high = seq_max(high, r->end);
        bytes += r->end - r->start;
    }
    bool news = bytes > 0 && (high != c->sack_high || bytes != c->sack_bytes);
    c->sack_high = high;
    c->sack_bytes = bytes;
    return news;
}

/* Nothing new was acknowledged: does the segment say that another one arrived out of order? */
static bool is_duplicate(struct tcp_conn *c, const struct tcp_segment *seg, bool window_same)
{
    if (seg->ack != c->snd_una || tcp_outstanding(c) == 0)
        return false;
    if (c->sack_ok)
        return sack_news(c, seg);
    return seg->len == 0 && (seg->flags & TCP_FIN) == 0 && window_same;
}

/* Lost, as sure as can be: three later ones arrived, or the probe at the very end did. */
static bool loss_is_certain(const struct tcp_conn *c)
{
    if (c->recovering)
        return false;
    /*
     * After a timeout, ACKs of what was sent again needlessly look the same: RFC 6582 3.2 step 1.
     */
    if (c->sack_ok ? seq_lt(c->snd_una, c->recover) : seq_le(c->snd_una, c->recover))
        return false;
    return c->dupacks >= TCP_DUPACKS || (c->probed && c->sack_ok && c->sack_high == c->probe_end);
}

static void duplicate_ack(struct net *net, struct tcp_conn *c)
{
    if (c->dupacks < UINT8_MAX)
        c->dupacks++;
    if (c->recovering)
        c->cwnd = min_u32(c->cwnd + c->mss, TCP_CWND_MAX);
    else if (loss_is_certain(c))
        begin_recovery(net, c);
    tcp_want_output(net, c);
}

/* RFC 9293 3.10.7.4: only from segments that are not older than the last one that set it. */
static bool window_is_newer(const struct tcp_conn *c, const struct tcp_segment *seg)
{
    return seq_lt(c->snd_wl1, seg->seq) || (c->snd_wl1 == seg->seq && seq_le(c->snd_wl2, seg->ack));
}

static void take_window(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg)
{
    u32 window = seg->window << c->snd_wscale;

    if (!window_is_newer(c, seg))
        return;
    c->snd_wl1 = seg->seq;
    c->snd_wl2 = seg->ack;
    if (window == c->snd_wnd)
        return;
    c->snd_wnd = window;
    c->snd_wnd_max = max_u32(c->snd_wnd_max, window);
    if (c->snd_nxt != tcp_snd_limit(c))
        tcp_want_output(net, c);
}

bool tcp_wake_writer(struct net *net, struct tcp_conn *c)
{
    if (!c->app || !c->want_write || tcp_room(net, c) <= c->room_seen)
        return true;
    c->want_write = false;
    list_del(&c->starve_node);
    tcp_pin(c);
    net->up->writable(net->up_ctx, c->name);
    return tcp_unpin(net, c);
}

bool tcp_ack_in(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg)
{
    bool window_same = seg->window << c->snd_wscale == c->snd_wnd;

    take_window(net, c, seg);
    if (seq_gt(seg->ack, c->snd_una)) {
        new_ack(net, c, seg);
        if (c->sack_ok)
            sack_news(c, seg); /* the state that the next one is compared with */
        if (c->snd_nxt != tcp_snd_limit(c))
            tcp_want_output(net, c);
        if (c->fin_queued && c->snd_una == c->snd_end + 1 && !tcp_fin_acked(net, c))
            return false;
        return tcp_wake_writer(net, c);
    }
    if (is_duplicate(c, seg, window_same))
        duplicate_ack(net, c);
    return true;
}
