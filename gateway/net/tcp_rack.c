/*
 * tcp_rack.c - RACK, RFC 8985: a segment is lost when one that left after it has arrived and there
 * was time for it to arrive too.
 *
 * Thread: the endpoint's. What enters: what an ACK delivered, and now. What leaves: marks on the
 * scoreboard, and when to look again. The time allowed for reordering is nothing until the path was
 * seen to reorder and three segments arrived, else a quarter of the shortest round trip; each round
 * in which the peer reports a duplicate (DSACK) adds a quarter, up to SRTT, for 16 recoveries.
 *
 * Needs SACK. For other peers tcp_recover.c counts duplicate ACKs.
 */
#include "gateway/net/net_state.h"
#include "gateway/net/tcp.h"

static u32 now_us(const struct net *net)
{
    return (u32)(net->now_ns / NS_PER_US);
}

void tcp_rack_min_rtt(const struct net *net, struct tcp_conn *c, u32 rtt_us)
{
    u32 now_s = (u32)(net->now_ns / NS_PER_SEC);

    if (c->min_rtt_us == 0 || rtt_us <= c->min_rtt_us || now_s - c->min_rtt_at_s > TCP_MIN_RTT_S) {
        c->min_rtt_us = rtt_us;
        c->min_rtt_at_s = now_s;
    }
}

/*
 * Whether it can be that what was sent again has arrived, and not what was sent before: step 2.
 */
static bool answers_again(const struct net *net, const struct tcp_conn *c,
                          const struct tcp_segment *seg, const struct sent_run *run)
{
    u32 age_us = now_us(net) - run->us;

    if (c->ts_ok && seg->has_ts && seg->ts_ecr != 0) {
        u32 echo_age_ms = tcp_ts_now(net, c->ts_offset) - seg->ts_ecr;
        if (echo_age_ms > age_us / 1000 + 1)
            return false;
    }
    return age_us >= c->min_rtt_us;
}

/* Steps 1 and 2 for one run: is it the last sent of all that was delivered? */
static void newest(const struct net *net, struct tcp_conn *c, const struct sent_run *run)
{
    struct tcp_rack *r = &c->rack;

    if ((run->flags & SENT_BLUR) == 0)
        r->rtt_us = now_us(net) - run->us;
    if (c->rack_valid && !sent_after(run->us, run->end, r->us, r->end))
        return;
    r->us = run->us;
    r->end = run->end;
    c->rack_valid = true;
}

/* Step 4, first half: each round trip with a duplicate makes the window wider. */
static void take_dsack(struct tcp_conn *c, const struct tcp_acked *ack)
{
    struct tcp_rack *r = &c->rack;

    if (r->in_round && seq_ge(c->snd_una, r->dsack_round))
        r->in_round = false;
    if (!ack->dsack || r->in_round)
        return;
    r->in_round = true;
    r->dsack_round = c->snd_max;
    r->persist = TCP_REO_PERSIST;
    if (r->mult + 1u < TCP_REO_MULT_MAX)
        r->mult++;
}

void tcp_rack_take(const struct net *net, struct tcp_conn *c, const struct tcp_segment *seg,
                   const struct tcp_acked *ack)
{
    const struct sent_news *news = &ack->news;
    struct tcp_rack *r = &c->rack;

    take_dsack(c, ack);
    if (news->bytes == 0)
        return;
    if (c->rack_valid && news->has_once && seq_lt(news->low_once, r->fack))
        r->reordered = true; /* step 3: it left once, and later ones were quicker */
    if (!c->rack_valid || seq_gt(news->high, r->fack))
        r->fack = news->high;
    if (news->has_once)
        newest(net, c, &news->newest_once);
    if (news->has_again && answers_again(net, c, seg, &news->newest_again))
        newest(net, c, &news->newest_again);
    c->rack_valid &= tcp_outstanding(c) > 0;
}

static u32 reorder_window_us(const struct tcp_conn *c)
{
    const struct tcp_rack *r = &c->rack;

    if (!r->reordered && (c->ca != TCP_CA_OPEN || c->dupacks >= TCP_DUPACKS ||
                          c->sent.sacked > (TCP_DUPACKS - 1) * c->mss))
        return 0;
    return min_u32((r->mult + 1) * (c->min_rtt_us / 4), (u32)(c->srtt_ns / NS_PER_US));
}

u32 tcp_rack_detect(const struct net *net, struct tcp_conn *c)
{
    struct sent_run *runs = sent_runs(&c->sent, &net->snd_pool);
    const struct tcp_rack *r = &c->rack;
    u32 patience_us = r->rtt_us + reorder_window_us(c);
    u32 again_us = 0;

    if (!c->rack_valid)
        return 0;
    for (u32 i = 0; i < c->sent.used; i++) {
        if ((runs[i].flags & (SENT_SACKED | SENT_LOST)) != 0 ||
            !sent_after(r->us, r->end, runs[i].us, runs[i].end))
            continue;
        i32 left = (i32)(runs[i].us + patience_us - now_us(net));
        if (left <= 0)
            sent_lose_run(&c->sent, &net->snd_pool, c->snd_una, i);
        else
            again_us = max_u32(again_us, (u32)left);
    }
    return again_us;
}

void tcp_rack_timeout(const struct net *net, struct tcp_conn *c)
{
    struct sent_run *runs = sent_runs(&c->sent, &net->snd_pool);
    u32 patience_us =
        c->rack_valid ? c->rack.rtt_us + reorder_window_us(c) : (u32)(c->srtt_ns / NS_PER_US);

    for (u32 i = 0; i < c->sent.used; i++) {
        if ((runs[i].flags & (SENT_SACKED | SENT_LOST)) != 0)
            continue;
        if (i == 0 || !c->sack_ok || now_us(net) - runs[i].us >= patience_us)
            sent_lose_run(&c->sent, &net->snd_pool, c->snd_una, i);
    }
}

void tcp_rack_recovered(struct tcp_conn *c)
{
    struct tcp_rack *r = &c->rack;

    if (r->persist > 0 && --r->persist == 0)
        r->mult = 0;
}
