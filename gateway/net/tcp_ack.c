/*
 * tcp_ack.c - what the peer acknowledges: round trips, congestion window, scoreboard, send space.
 *
 * Thread: the endpoint's. What enters: the ACK of a segment that passed the sequence and ACK
 * checks. Round trips (RFC 6298), the send space and the scoreboard take it here, and the window
 * grows: RFC 5681 with byte counting (3465) and an initial window of ten segments (6928). What it
 * says about losses is for tcp_recover.c; an ACK that ends a flight without any doubt never gets
 * there.
 */
#include "gateway/net/net_state.h"
#include "gateway/net/tcp.h"

void tcp_rtt_sample(const struct net *net, struct tcp_conn *c, u64 rtt_ns)
{
    u64 rtt = max_u64(rtt_ns, 1);

    tcp_rack_min_rtt(net, c, (u32)max_u64(rtt / NS_PER_US, 1));
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

/*
 * The first SACK block tells of bytes that came twice, RFC 2883 section 4: it lies below the ACK or
 * within the second block.
 */
static bool has_dsack(const struct tcp_segment *seg)
{
    const struct tcp_range *r = seg->sacks;

    if (seg->sacks_used == 0 || !seq_lt(r[0].start, r[0].end))
        return false;
    return seq_le(r[0].end, seg->ack) ||
           (seg->sacks_used > 1 && seq_ge(r[0].start, r[1].start) && seq_le(r[0].end, r[1].end));
}

/*
 * By our own clock where the segment was sent once; where it was sent again, Karn's rule forbids
 * that, but the echoed timestamp tells which one was meant, to the millisecond (RFC 7323 4.1): only
 * one that left with or after the last retransmission is believed, because a receiver whose ACK was
 * lost answers a repeated segment with the old echo. Without this one long outage would keep the
 * RTO at seconds as long as losses go on; while there are none an echo is not asked: it knows only
 * milliseconds. With a sample the back-off ends, and not before (RFC 6298 5.7).
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
    } else if ((c->ca != TCP_CA_OPEN || c->backoff > 0) && c->ts_ok && seg->has_ts &&
               seg->ts_ecr != 0) {
        u32 ms = tcp_ts_now(net, c->ts_offset) - seg->ts_ecr;
        if (ms <= (net->now_ns - c->rtx_sent_ns) / NS_PER_MS + 1) {
            tcp_rtt_sample(net, c, ms * NS_PER_MS + NS_PER_MS / 2);
            c->backoff = 0;
        }
    }
}

/* Something new was acknowledged. */
static void new_ack(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg,
                    struct tcp_acked *ack)
{
    u32 data_end = seq_min(seg->ack, c->snd_end);

    ack->bytes = seg->ack - c->snd_una;
    take_rtt(net, c, seg);
    space_release(&c->snd, &net->snd_pool, c->snd_una, data_end, data_end == c->snd_end);
    sent_ack(&c->sent, &net->snd_pool, c->snd_una, seg->ack, &ack->news);
    c->snd_una = seg->ack;
    c->progress_ns = net->now_ns;
    if (UNLIKELY(c->mtu_open))
        tcp_mtu_acked(c);
    if (UNLIKELY(c->urg_out) && seq_ge(seg->ack, c->snd_up))
        c->urg_out = false;
    if (c->ca != TCP_CA_FAST || c->sack_ok)
        c->dupacks = 0;
    if (c->ca != TCP_CA_FAST)
        grow_cwnd(c, ack->bytes, ack->flight);
}

/* What the SACK blocks say. */
static void take_sacks(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg,
                       struct tcp_acked *ack)
{
    u32 first = has_dsack(seg);

    if (first == 1) {
        net_count(net, NET_DSACKS_IN);
        ack->dsack = true;
        ack->dup_start = seg->sacks[0].start;
        ack->dup_end = seg->sacks[0].end;
    }
    for (u32 i = first; i < seg->sacks_used; i++)
        sent_sack(&c->sent, &net->snd_pool, c->snd_una, seg->sacks[i].start, seg->sacks[i].end,
                  &ack->news);
}

/*
 * Nothing new was acknowledged: does the segment say that another one arrived out of order? With
 * SACK it does when it tells of bytes that were not known to be there (RFC 6675 section 2).
 */
static bool is_duplicate(const struct tcp_conn *c, const struct tcp_segment *seg, bool window_same,
                         const struct tcp_acked *ack)
{
    if (ack->flight == 0)
        return false;
    if (c->sack_ok)
        return ack->news.bytes > 0;
    return seg->len == 0 && (seg->flags & TCP_FIN) == 0 && window_same;
}

/*
 * Only from segments that are not older than the last one that set it. Unlike RFC 9293 3.10.7.4 the
 * ACK decides first, for it never goes back: data that is sent again has the newest window in spite
 * of its old sequence number, and what it acknowledges would else move an old window on.
 */
static bool window_is_newer(const struct tcp_conn *c, const struct tcp_segment *seg)
{
    return seq_lt(c->snd_wl2, seg->ack) || (c->snd_wl2 == seg->ack && seq_le(c->snd_wl1, seg->seq));
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
    if (c->snd_max != tcp_snd_limit(c))
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

/* Nothing is known, suspected or undecided: what everything acknowledged ends with. */
static bool nothing_amiss(const struct tcp_conn *c)
{
    return c->snd_una == c->snd_max && c->ca == TCP_CA_OPEN && !c->rack_valid && !c->undo_ok &&
           !c->probed && !c->probe_open;
}

/* The acknowledgement of bytes from snd_una on. False: `c` is gone. */
static bool take_ack(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg,
                     bool window_same)
{
    struct tcp_acked ack = {.flight = tcp_outstanding(c)};

    if (seg->ack != c->snd_una)
        new_ack(net, c, seg, &ack);
    if (seg->sacks_used > 0 && c->sack_ok)
        take_sacks(net, c, seg, &ack);
    ack.duplicate = ack.bytes == 0 && is_duplicate(c, seg, window_same, &ack);
    if (ack.duplicate && c->dupacks < UINT8_MAX)
        c->dupacks++;
    if (!nothing_amiss(c) && (ack.bytes > 0 || ack.duplicate || ack.dsack))
        tcp_recover_ack(net, c, seg, &ack);
    if (ack.bytes == 0) {
        if (ack.duplicate) {
            tcp_rtx_arm(net, c);
            tcp_want_output(net, c);
        }
        return true;
    }
    tcp_rtx_restart(net, c);
    if (c->snd_max != tcp_snd_limit(c) || c->sent.lost > 0)
        tcp_want_output(net, c);
    if (c->fin_queued && c->snd_una == c->snd_end + 1 && !tcp_fin_acked(net, c))
        return false;
    return tcp_wake_writer(net, c);
}

bool tcp_ack_in(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg)
{
    bool window_same = seg->window << c->snd_wscale == c->snd_wnd;

    take_window(net, c, seg);
    return seq_lt(seg->ack, c->snd_una) || take_ack(net, c, seg, window_same);
}
