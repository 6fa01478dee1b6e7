/*
 * tcp_recover.c - congestion state: recovery begins, ends, or is taken back. tcp_loss.h draws it.
 *
 * Thread: the endpoint's. What enters: ACKs that the scoreboard has taken, timeouts. What leaves:
 * cwnd and ssthresh, LOST marks that tcp_output repairs in the same turn, the next time to look.
 * A recovery halves the window once, whatever is lost while it lasts. It is undone when the peer
 * proves it needless: its timestamp answers the first transmission (Eifel), or DSACKs report all
 * that was sent again as duplicates.
 *
 * A probe that mended a tail loss halves the window too, when a later ACK shows that there was one
 * (RFC 8985 7.4). For peers without SACK three duplicate ACKs mark the first segment, each partial
 * ACK the next (RFC 6582), and duplicates stand for segments that have left the network.
 */
#include "gateway/net/net_state.h"
#include "gateway/net/tcp.h"

/* ---- begin ---- */

/* What an undo gives back. A timeout amid a fast recovery keeps what was before both. */
static void remember(struct tcp_conn *c)
{
    if (c->ca != TCP_CA_OPEN)
        return;
    c->undo_ok = true;
    c->undo_stamped = false;
    c->undo_bytes = 0;
    c->prior_cwnd = c->cwnd;
    c->prior_ssthresh = c->ssthresh;
}

static u32 half(const struct tcp_conn *c, u32 bytes)
{
    return max_u32(bytes / 2, 2u * c->mss);
}

/* RFC 6675 5 step 4: half the flight; the first lost segment goes whatever the window says. */
static void begin(struct net *net, struct tcp_conn *c)
{
    net_count(net, NET_RTX_FAST);
    remember(c);
    c->ssthresh = half(c, tcp_outstanding(c));
    c->cwnd = c->ssthresh;
    c->recover = c->snd_max;
    c->ca = TCP_CA_FAST;
    c->force_again = true;
    tcp_rtx_restart(net, c);
}

void tcp_recover_detect(struct net *net, struct tcp_conn *c)
{
    c->reo_at_ns = 0;
    if (c->sack_ok) {
        u32 us = tcp_rack_detect(net, c);
        if (us > 0)
            c->reo_at_ns = net->now_ns + us * NS_PER_US;
    } else if (c->dupacks >= TCP_DUPACKS && c->ca == TCP_CA_OPEN) {
        sent_lose_first(&c->sent, &net->snd_pool, c->snd_una, tcp_payload_max(c));
    }
    if (c->sent.lost == 0)
        return;
    if (c->ca == TCP_CA_OPEN)
        begin(net, c);
    tcp_want_output(net, c);
}

/* RFC 6298 (5.4) to (5.6), RFC 5681 (4): a window of one segment, the first one again. */
void tcp_recover_timeout(struct net *net, struct tcp_conn *c)
{
    const struct sent_run *first = sent_runs(&c->sent, &net->snd_pool);

    remember(c);
    if (c->backoff == 0)
        c->ssthresh = half(c, tcp_outstanding(c));
    if ((first->flags & SENT_SACKED) != 0) { /* it had it and does not acknowledge it: reneged */
        net_count(net, NET_RENEGED);
        sent_unsack(&c->sent, &net->snd_pool);
    }
    tcp_rack_timeout(net, c);
    c->cwnd = c->mss;
    c->recover = c->snd_max;
    c->ca = TCP_CA_RTO;
    c->dupacks = 0;
    c->probed = false;
    c->probe_open = false;
    c->rtt_timing = false; /* Karn, even if no packet can be had now */
    c->force_again = true;
    c->reo_at_ns = 0;
    tcp_want_output(net, c);
}

void tcp_recover_resize(struct net *net, struct tcp_conn *c)
{
    struct sent_run *runs = sent_runs(&c->sent, &net->snd_pool);

    c->rtt_timing = false;
    if (c->sent.used == 0)
        return;
    for (u32 i = 0; i < c->sent.used; i++)
        if ((runs[i].flags & (SENT_SACKED | SENT_LOST)) == 0)
            sent_lose_run(&c->sent, &net->snd_pool, c->snd_una, i);
    if (c->ca == TCP_CA_OPEN) {
        c->undo_ok = false;
        c->recover = c->snd_max;
        c->ca = TCP_CA_FAST;
        c->ssthresh = max_u32(c->cwnd, 2u * c->mss);
    }
    c->force_again = true;
    tcp_want_output(net, c);
}

/* ---- undo ---- */

/*
 * Eifel, RFC 3522: something that was sent again is acknowledged, and the echoed timestamp is older
 * than the first segment sent again: the answer is to the original.
 */
static bool undo_by_echo(const struct tcp_conn *c, const struct tcp_segment *seg,
                         const struct tcp_acked *ack)
{
    return c->ca != TCP_CA_OPEN && c->undo_stamped && ack->bytes > 0 && ack->news.again > 0 &&
           c->ts_ok && seg->has_ts && seg->ts_ecr != 0 && seq_lt(seg->ts_ecr, c->undo_ts);
}

/* RFC 2883, 3708: everything that was sent again in this recovery has come twice. */
static bool undo_by_dsack(struct tcp_conn *c, const struct tcp_acked *ack)
{
    u32 bytes = ack->dup_end - ack->dup_start;

    if (!ack->dsack || c->undo_bytes == 0 || seq_gt(ack->dup_end, c->recover))
        return false;
    c->undo_bytes = c->undo_bytes > bytes ? c->undo_bytes - bytes : 0;
    return c->undo_bytes == 0;
}

/* RFC 4015: the windows as they were; what was marked is in flight after all. */
static void undo(struct net *net, struct tcp_conn *c)
{
    net_count(net, NET_UNDONE);
    c->cwnd = max_u32(c->cwnd, c->prior_cwnd);
    c->ssthresh = max_u32(c->ssthresh, c->prior_ssthresh);
    c->undo_ok = false;
    if (c->ca == TCP_CA_OPEN)
        return;
    sent_lose_none(&c->sent, &net->snd_pool);
    c->ca = TCP_CA_OPEN;
    c->backoff = 0;
    c->force_again = false;
    c->dupacks = 0;
    tcp_rack_recovered(c);
}

static void maybe_undo(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg,
                       const struct tcp_acked *ack)
{
    if (!c->undo_ok)
        return;
    if (undo_by_echo(c, seg, ack)) {
        u32 ms = tcp_ts_now(net, c->ts_offset) - seg->ts_ecr;
        bool longer = c->backoff <= 1; /* more is an outage, or ACKs were lost */
        undo(net, c);
        if (longer) /* the path: RFC 4015 step 5 */
            tcp_rtt_sample(net, c, ms * NS_PER_MS);
    } else if (undo_by_dsack(c, ack)) {
        undo(net, c);
        c->rack.reordered = true; /* or we would not have been wrong */
    } else if (c->ca == TCP_CA_OPEN && c->snd_una - c->recover > TCP_CWND_MAX) {
        c->undo_ok = false; /* no answer can come any more */
    }
}

/* ---- end ---- */

static void end(struct tcp_conn *c)
{
    if (c->ca == TCP_CA_FAST) /* no burst: RFC 6582 3.2 step 3 */
        c->cwnd = min_u32(c->ssthresh, max_u32(tcp_pipe(c), c->mss) + c->mss);
    c->ca = TCP_CA_OPEN;
    c->force_again = false;
    tcp_rack_recovered(c);
}

/* Without SACK, duplicates of needless repeats after a timeout must not count: RFC 6582 3.2. */
static bool is_over(const struct tcp_conn *c)
{
    if (c->ca == TCP_CA_RTO && !c->sack_ok)
        return seq_gt(c->snd_una, c->recover);
    return seq_ge(c->snd_una, c->recover);
}

/* RFC 6582 3.2 step 3: the next hole; some duplicates stood for what is acknowledged now. */
static void partial_ack(struct net *net, struct tcp_conn *c, u32 bytes)
{
    u32 segments = bytes / c->mss;
    u32 fewer = segments > 0 ? segments - 1 : 0;

    c->dupacks = c->dupacks > fewer ? (u8)(c->dupacks - fewer) : 0;
    sent_lose_first(&c->sent, &net->snd_pool, c->snd_una, tcp_payload_max(c));
    c->force_again = true;
}

/* ---- probes ---- */

/* RFC 8985 7.4: did the probe mend a loss? Then the network is congested. */
static void judge_probe(struct tcp_conn *c, const struct tcp_acked *ack)
{
    if (!c->probe_open)
        return;
    if (ack->dsack && ack->dup_end == c->probe_end) {
        c->probe_open = false;
    } else if (seq_gt(c->snd_una, c->probe_end)) {
        c->probe_open = false;
        if (c->ca == TCP_CA_OPEN && c->sack_ok) {
            c->ssthresh = half(c, c->cwnd);
            c->cwnd = min_u32(c->cwnd, c->ssthresh);
        }
    }
}

void tcp_recover_ack(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg,
                     const struct tcp_acked *ack)
{
    if (c->sack_ok)
        tcp_rack_take(net, c, seg, ack);
    maybe_undo(net, c, seg, ack);
    judge_probe(c, ack);
    if (c->probed && seq_ge(c->snd_una, c->probe_end))
        c->probed = false;
    if (c->ca != TCP_CA_OPEN && is_over(c))
        end(c);
    else if (c->ca == TCP_CA_FAST && !c->sack_ok && ack->bytes > 0)
        partial_ack(net, c, ack->bytes);
    tcp_recover_detect(net, c);
}
