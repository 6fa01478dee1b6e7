/*
 * tcp_timer.c - what time does to a connection.
 *
 * Thread: the endpoint's. The deadlines in the connection are the truth. A timer on the wheel is at
 * or before them; when it fires and the deadline has moved away, it is set again and nothing else
 * happens: so a busy connection touches the wheel once in a timeout and not with each segment.
 *
 *   fast   rtx_at_ns   RTO (RFC 6298), before it a probe or RACK's reordering timer (8985);
 *                      persist if nothing is in flight
 *          ack_at_ns   the delayed ACK
 *   slow   slow_at_ns  keepalive while the application has it; after that its limit as an orphan;
 *                      TIME_WAIT
 *
 * Failure: no packet for a probe or an ACK counts as a packet that was lost; the timer runs again.
 */
#include "gateway/net/net_state.h"
#include "gateway/net/tcp.h"

/* Puts the wheel's timer at or before `at_ns`. */
static void cover(struct net *net, struct wheel_timer *t, u64 at_ns)
{
    if (!wheel_armed(t) || t->tick > at_ns / net->wheel.tick_ns)
        wheel_start(&net->wheel, t, at_ns);
}

/*
 * A look at or before `at_ns`: by the queue, where it is not earlier than what is asked for there
 * now and not much later, else by the wheel.
 */
static void cover_fast(struct net *net, struct tcp_conn *c, u64 at_ns)
{
    u64 soon_ns = net->now_ns + net->conf.delayed_ack_ns;

    if (c->look_ns != 0 && c->look_ns <= at_ns)
        return;
    if (at_ns < soon_ns || at_ns > soon_ns + TCP_SOON_NS || c->soon_queued) {
        c->look_ns = at_ns;
        wheel_start(&net->wheel, &net_links(net, c)->fast, at_ns);
        return;
    }
    c->look_ns = soon_ns;
    c->soon_queued = true;
    net->soon[net->soon_tail++ & net->queue_mask] =
        (struct net_soon){.at_ns = soon_ns, .conn = net_index(net, c)};
}

static u64 timeout_ns(const struct net *net, const struct tcp_conn *c)
{
    u64 rto = c->rto_ns << min_u32(c->backoff, TCP_BACKOFF_MAX);

    return min_u64(rto, net->conf.rto_max_ns);
}

/* A tail-loss probe comes first where its answer can be told from recovery: RFC 8985 7.2. */
static bool may_probe(const struct net *net, const struct tcp_conn *c)
{
    return net->conf.tlp_min_ns != 0 && c->srtt_ns != 0 && c->ca == TCP_CA_OPEN && !c->probed &&
           c->backoff == 0 && c->sent.sacked == 0 && tcp_synchronized(c);
}

/*
 * Something waits that could not be sent, and nothing is in flight: only the peer's window can be
 * why.
 */
static bool must_persist(const struct tcp_conn *c)
{
    return tcp_outstanding(c) == 0 && c->snd_max != tcp_snd_limit(c) && tcp_synchronized(c) &&
           !c->out_queued;
}

void tcp_rtx_arm(struct net *net, struct tcp_conn *c)
{
    if (tcp_outstanding(c) > 0 || c->arp_wait) {
        if (c->rtx == TCP_RTX_PERSIST)
            c->backoff = 0; /* what it counted were questions, not losses */
        c->rtx_at_ns = c->rto_base_ns + timeout_ns(net, c);
        c->rtx = TCP_RTX_RTO;
        if (may_probe(net, c)) {
            u64 pto = net->now_ns + max_u64(2 * c->srtt_ns, net->conf.tlp_min_ns);
            if (pto < c->rtx_at_ns) {
                c->rtx_at_ns = pto;
                c->rtx = TCP_RTX_PROBE;
            }
        }
        if (c->reo_at_ns != 0 && c->reo_at_ns < c->rtx_at_ns) {
            c->rtx_at_ns = c->reo_at_ns;
            c->rtx = TCP_RTX_REORDER;
        }
    } else if (must_persist(c)) {
        if (c->rtx_at_ns == 0 || c->rtx != TCP_RTX_PERSIST)
            c->rtx_at_ns = net->now_ns + timeout_ns(net, c);
        c->rtx = TCP_RTX_PERSIST;
    } else {
        c->rtx_at_ns = 0;
        return;
    }
    cover_fast(net, c, c->rtx_at_ns);
}

void tcp_rtx_restart(struct net *net, struct tcp_conn *c)
{
    c->rto_base_ns = net->now_ns;
    tcp_rtx_arm(net, c);
}

void tcp_ack_arm(struct net *net, struct tcp_conn *c)
{
    if (c->ack_at_ns != 0)
        return;
    c->ack_at_ns = net->now_ns + net->conf.delayed_ack_ns;
    cover_fast(net, c, c->ack_at_ns);
}

void tcp_slow_arm(struct net *net, struct tcp_conn *c, u64 at_ns)
{
    c->slow_at_ns = at_ns;
    if (at_ns != 0)
        cover(net, &c->slow, at_ns);
}

static void give_up(struct net *net, struct tcp_conn *c)
{
    net_count(net, NET_TIMED_OUT);
    if (tcp_synchronized(c))
        tcp_send_rst(net, c);
    tcp_drop(net, c);
}

/*
 * While more than half of the queue of SYNs is in use, a SYN|ACK is sent only twice: who is honest
 * asks again, and a flood does not have thousands of ours sent again at the same moments.
 */
static u32 syn_retries_max(const struct net *net, const struct tcp_conn *c)
{
    if (c->active)
        return TCP_SYN_RETRIES;
    return net->half_open > net->conf.half_open_max / 2 ? TCP_SYN_ACK_PRESSED : TCP_SYN_ACK_RETRIES;
}

/* SYN or SYN|ACK without an answer, or the question for the peer's Ethernet address. */
static void syn_timeout(struct net *net, struct tcp_conn *c)
{
    if (c->syn_retries >= syn_retries_max(net, c)) {
        net_count(net, NET_TIMED_OUT);
        tcp_drop(net, c);
        return;
    }
    c->syn_retries++;
    c->backoff++;
    c->rtt_timing = false; /* Karn, even if no packet can be had now */
    net_count(net, NET_RTX_SYN);
    c->rto_base_ns = net->now_ns;
    if (c->state == TCP_SYN_SENT) /* perhaps the address has moved */
        arp_forget(net, arp_next_hop(net, c->remote_ipv4));
    tcp_send_syn(net, c);
    tcp_rtx_arm(net, c);
}

/*
 * RFC 9293 3.8.3, at R1: perhaps the router that the peer's segments came through is gone. Who
 * leads there is asked anew, and from the next timeout on the answer is believed.
 */
static void doubt_route(struct net *net, struct tcp_conn *c)
{
    u32 hop = arp_next_hop(net, c->remote_ipv4);

    if (hop == 0 || c->backoff < TCP_R1)
        return;
    if (c->backoff == TCP_R1)
        arp_forget(net, hop);
    const u8 *mac = arp_lookup(net, hop);
    if (mac != NULL)
        tcp_set_peer_mac(c, mac);
}

/* RFC 6298 (5.4) to (5.6): what is lost goes out again with the flush of this turn. */
static void rto_expired(struct net *net, struct tcp_conn *c)
{
    u64 last_ns = c->snd_wnd > 0 ? c->progress_ns : max_u64(c->progress_ns, c->heard_ns);

    if (net->now_ns - last_ns >= net->conf.user_timeout_ns) { /* a shrunken window may stay shut */
        give_up(net, c);
        return;
    }
    net_count(net, NET_RTX_RTO);
    tcp_mtu_timeout(c);
    tcp_recover_timeout(net, c);
    if (c->backoff < TCP_BACKOFF_MAX)
        c->backoff++;
    doubt_route(net, c);
    tcp_rtx_restart(net, c);
}

/* RFC 8985 7.3: one probe for each flight, then the RTO. The congestion window stays. */
static void probe_expired(struct net *net, struct tcp_conn *c)
{
    net_count(net, NET_RTX_PROBE);
    u32 end = c->snd_max;
    if (tcp_send_probe(net, c))
        c->probe_open = c->snd_max == end;
    c->probed = true;
    c->probe_end = c->snd_max;
    tcp_rtx_restart(net, c);
}

/* What the reordering window still spared has not come: RFC 8985 6.3. */
static void reorder_expired(struct net *net, struct tcp_conn *c)
{
    tcp_recover_detect(net, c);
    tcp_rtx_arm(net, c);
}

/* RFC 9293 3.8.6.1: the peer is asked for its window, ever more seldom, as long as it answers. */
static void persist_expired(struct net *net, struct tcp_conn *c)
{
    if (net->now_ns - c->heard_ns >= net->conf.user_timeout_ns &&
        net->now_ns - c->progress_ns >= net->conf.user_timeout_ns) {
        give_up(net, c);
        return;
    }
    net_count(net, NET_PERSIST_PROBES);
    if (c->backoff < TCP_BACKOFF_MAX)
        c->backoff++;
    tcp_send_persist(net, c);
    c->rtx_at_ns = 0;
    tcp_rtx_arm(net, c);
}

static void rtx_expired(struct net *net, struct tcp_conn *c)
{
    c->rtx_at_ns = 0;
    if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RCVD)
        syn_timeout(net, c);
    else if (c->rtx == TCP_RTX_PERSIST)
        persist_expired(net, c);
    else if (c->rtx == TCP_RTX_PROBE)
        probe_expired(net, c);
    else if (c->rtx == TCP_RTX_REORDER)
        reorder_expired(net, c);
    else
        rto_expired(net, c);
}

static bool is_due(const struct net *net, u64 at_ns)
{
    return at_ns != 0 && at_ns <= net->now_ns;
}

static void cover_both(struct net *net, struct tcp_conn *c)
{
    if (c->ack_at_ns != 0)
        cover_fast(net, c, c->ack_at_ns);
    if (c->rtx_at_ns != 0)
        cover_fast(net, c, c->rtx_at_ns);
}

static void fast_timer(struct net *net, struct tcp_conn *c)
{
    c->look_ns = 0;
    if (!is_due(net, c->ack_at_ns) && !is_due(net, c->rtx_at_ns)) {
        cover_both(net, c); /* it moved away: nothing else of the connection is touched */
        return;
    }
    if (is_due(net, c->ack_at_ns)) {
        net_count(net, NET_ACKS_DELAYED);
        c->ack_at_ns = 0;
        tcp_send_ack(net, c);
    }
    if (is_due(net, c->rtx_at_ns)) {
        u64 name = c->name;
        rtx_expired(net, c);
        if (c->name != name)
            return;
    }
    cover_both(net, c);
    tcp_invariant(net, c);
}

void tcp_soon(struct net *net, struct tcp_conn *c, u64 at_ns)
{
    c->soon_queued = false;
    if (c->look_ns == at_ns) /* the wheel is not earlier */
        fast_timer(net, c);
}

/* RFC 9293 3.8.4. Unanswered data and closed windows have their own timers: only into silence. */
static void keepalive(struct net *net, struct tcp_conn *c)
{
    const struct net_conf *conf = &net->conf;
    u64 due = c->heard_ns + conf->keepalive_idle_ns + c->keep_probes * conf->keepalive_interval_ns;

    if (net->now_ns >= due && c->rtx_at_ns == 0) {
        if (c->keep_probes >= conf->keepalive_probes) {
            give_up(net, c);
            return;
        }
        c->keep_probes++;
        net_count(net, NET_KEEPALIVES);
        tcp_send_nudge(net, c);
    }
    if (net->now_ns >= due) /* what is heard till then moves it on */
        due = net->now_ns + min_u64(conf->keepalive_interval_ns, conf->keepalive_idle_ns);
    tcp_slow_arm(net, c, due);
}

static void slow_timer(struct net *net, struct tcp_conn *c)
{
    if (c->slow_at_ns == 0)
        return;
    if (c->slow_at_ns > net->now_ns) {
        cover(net, &c->slow, c->slow_at_ns);
        return;
    }
    if (c->state == TCP_TIME_WAIT) {
        tcp_free(net, c);
    } else if (c->app) {
        keepalive(net, c);
    } else { /* an orphan whose peer does not let it go */
        net_count(net, NET_TIMED_OUT);
        tcp_abort(net, c);
    }
}

void tcp_timer(struct net *net, struct wheel_timer *t)
{
    if (t->kind == TCP_TIMER_FAST)
        fast_timer(net, &net->conns[CONTAINER_OF(t, struct tcp_links, fast) - net->links]);
    else
        slow_timer(net, CONTAINER_OF(t, struct tcp_conn, slow));
}
