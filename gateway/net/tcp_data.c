/*
 * tcp_data.c - bytes and FIN that arrive: in order straight to the application, the rest kept.
 *
 * Thread: the endpoint's. What enters: the payload of an acceptable segment, trimmed to the window.
 * In-order bytes are offered to the application where they lie in the packet; what it does not
 * take, and what arrives ahead of a hole, is copied to its place in the receive space, so tiny
 * segments cost no more memory than large ones and the window is the bound.
 *
 * Failure: no chunk in the pool, or more holes than TCP_RANGES_MAX: the bytes are dropped, counted
 * and not acknowledged; the peer sends them again.
 */
#include "gateway/net/net_state.h"
#include "gateway/net/tcp.h"

/* Where the bytes end that arrived in order. */
static u32 data_end(const struct tcp_conn *c)
{
    return tcp_fin_reached(c) ? c->fin_seq : c->rcv_nxt;
}

/* Held data waits in net.held exactly while there is some. */
static void hold(struct net *net, struct tcp_conn *c, bool held)
{
    if (held == c->held)
        return;
    c->held = held;
    if (held)
        list_add_tail(&net->held, &c->node);
    else
        list_del(&c->node);
}

void tcp_forget_received(struct net *net, struct tcp_conn *c)
{
    space_clear(&c->rcv, &net->rcv_pool);
    c->rcv_stored = false;
    c->ranges_used = 0;
    c->rcv_read = c->rcv_nxt;
    hold(net, c, false);
}

/* ---- to the application ---- */

/* The application hears that the peer is done. False: `c` is gone. */
static bool tell_fin(struct net *net, struct tcp_conn *c)
{
    u64 name = c->name;

    if (!c->app || c->fin_told || !tcp_fin_reached(c) || c->rcv_read != c->fin_seq)
        return true;
    c->fin_told = true;
    c->rcv_read = c->rcv_nxt;
    tcp_pin(c);
    if (net->up->finished != NULL && !c->fin_queued) {
        net->up->finished(net->up_ctx, name);
    } else {
        tcp_finish(net, c);
        net->up->closed(net->up_ctx, name, NET_EOF);
    }
    return tcp_unpin(net, c);
}

/* Offers `n` bytes. Returns how many were taken; `*gone`: the connection is. */
static u32 offer_bytes(struct net *net, struct tcp_conn *c, const u8 *bytes, u32 n, bool *gone)
{
    tcp_pin(c);
    u32 taken = net->up->data(net->up_ctx, c->name, bytes, n);
    *gone = !tcp_unpin(net, c);
    ASSERT_LE(taken, n);
    return taken;
}

/* After the application took something: a window that opened much is told. */
static void tell_window(struct net *net, struct tcp_conn *c)
{
    u32 opened = tcp_rcv_edge(c) - c->rcv_adv;

    if (opened >= NET_SPACE_BYTES / 2 || (c->rcv_adv - c->rcv_nxt < c->mss && opened >= c->mss)) {
        c->ack_now = true;
        tcp_want_output(net, c);
    }
}

bool tcp_offer(struct net *net, struct tcp_conn *c)
{
    bool gone;

    while (c->app && !c->fin_told && c->rcv_read != data_end(c)) {
        u32 piece;
        const u8 *at =
            space_at(&c->rcv, &net->rcv_pool, c->rcv_read, data_end(c) - c->rcv_read, &piece);
        u32 taken = offer_bytes(net, c, at, piece, &gone);
        if (gone)
            return false;
        if (!c->app) /* closed meanwhile: everything is forgotten already */
            return true;
        u32 from = c->rcv_read;
        c->rcv_read += taken;
        space_release(&c->rcv, &net->rcv_pool, from, c->rcv_read, false);
        if (taken < piece)
            break;
    }
    if (c->rcv_stored && c->rcv_read == data_end(c) && c->ranges_used == 0) {
        space_clear(&c->rcv,
                    &net->rcv_pool); /* the last chunk, and those of bytes that came twice */
        c->rcv_stored = false;
    }
    hold(net, c, c->app && c->rcv_read != data_end(c) && !c->fin_told);
    tell_window(net, c);
    return tell_fin(net, c);
}

bool tcp_urgent_in(struct net *net, struct tcp_conn *c, u32 up)
{
    if (!c->app || c->fin_seen || seq_le(up, c->rcv_read) || (c->urg_in && seq_le(up, c->rcv_up)))
        return true;
    c->urg_in = true;
    c->rcv_up = up;
    if (net->up->urgent == NULL)
        return true;
    tcp_pin(c);
    net->up->urgent(net->up_ctx, c->name);
    return tcp_unpin(net, c);
}

/* ---- out of order ---- */

static void remove_range(struct tcp_conn *c, u32 at)
{
    c->ranges_used--;
    for (u32 i = at; i < c->ranges_used; i++)
        c->ranges[i] = c->ranges[i + 1];
}

/* Makes [start, end) part of the ranges. False: it would be one too many. */
static bool add_range(struct tcp_conn *c, u32 start, u32 end)
{
    u32 i = 0;

    while (i < c->ranges_used && seq_lt(c->ranges[i].end, start))
        i++;
    while (i < c->ranges_used && seq_le(c->ranges[i].start, end)) { /* touches: grows */
        start = seq_min(start, c->ranges[i].start);
        end = seq_max(end, c->ranges[i].end);
        remove_range(c, i);
    }
    if (c->ranges_used == TCP_RANGES_MAX)
        return false;
    for (u32 k = c->ranges_used; k > i; k--)
        c->ranges[k] = c->ranges[k - 1];
    c->ranges[i] = (struct tcp_range){.start = start, .end = end};
    c->ranges_used++;
    c->range_newest = (u8)i;
    return true;
}

void tcp_note_twice(struct tcp_conn *c, u32 start, u32 end)
{
    if (!c->sack_ok || !seq_lt(start, end))
        return;
    c->owes_dsack = true;
    c->dsack_start = start;
    c->dsack_end = end;
}

static void keep_out_of_order(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg)
{
    net_count(net, NET_OUT_OF_ORDER);
    if (!c->app)
        return;
    /* A place for it first: a range that touches, or a free one. Then the bytes. */
    bool touches = false;
    for (u32 i = c->ranges_used; i-- > 0;) { /* of several overlaps the first is told */
        const struct tcp_range *r = &c->ranges[i];
        touches |= seq_le(r->start, seg->seq + seg->len) && seq_le(seg->seq, r->end);
        tcp_note_twice(c, seq_max(r->start, seg->seq), seq_min(r->end, seg->seq + seg->len));
    }
    if (!touches && c->ranges_used == TCP_RANGES_MAX) {
        net_count(net, NET_DROP_TCP_RANGES);
        return;
    }
    if (net->rcv_pool.free <= net->rcv_pool.total / 2) { /* the rest is for what is in order */
        net_count(net, NET_DROP_TCP_POOL);
        return;
    }
    u32 stored = space_write(&c->rcv, &net->rcv_pool, seg->seq, seg->data, seg->len);
    if (stored < seg->len)
        net_count(net, NET_DROP_TCP_POOL);
    if (stored == 0)
        return;
    c->rcv_stored = true;
    bool added = add_range(c, seg->seq, seg->seq + stored);
    ASSERT(added || !touches || stored < seg->len);
}

/* The hole before the first range may have closed. True: it had. */
static bool join_ranges(struct tcp_conn *c)
{
    bool joined = false;

    while (c->ranges_used > 0 && seq_le(c->ranges[0].start, c->rcv_nxt)) {
        c->rcv_nxt = seq_max(c->rcv_nxt, c->ranges[0].end);
        remove_range(c, 0);
        c->range_newest = 0;
        joined = true;
    }
    return joined;
}

/* ---- in order ---- */

/* Takes the bytes at rcv_nxt, or as many as there is room for. False: `c` is gone. */
static bool take_in_order(struct net *net, struct tcp_conn *c, const struct tcp_segment *seg)
{
    u32 taken = seg->len; /* an orphan's bytes are thrown away */
    u32 stored = 0;
    bool gone;

    if (c->app && c->rcv_read == c->rcv_nxt) {
        taken = offer_bytes(net, c, seg->data, seg->len, &gone);
        if (gone)
            return false;
        if (!c->app) /* closed meanwhile */
            taken = seg->len;
    } else if (c->app) {
        taken = 0;
    }
    if (taken > 0) {
        if (c->rcv_stored)
            space_release(&c->rcv, &net->rcv_pool, c->rcv_nxt, c->rcv_nxt + taken, false);
        c->rcv_read = c->rcv_nxt + taken;
    }
    if (taken < seg->len) {
        stored = space_write(&c->rcv, &net->rcv_pool, c->rcv_nxt + taken, seg->data + taken,
                             seg->len - taken);
        c->rcv_stored |= stored > 0;
        if (taken + stored < seg->len)
            net_count(net, NET_DROP_TCP_POOL);
    }
    c->rcv_nxt += taken + stored;
    metric_add(&net->stats[NET_RX_BYTES], taken + stored);
    return true;
}

/*
 * An ACK is owed: at once for the second full segment or a gap that closed, else within the delay.
 */
static void owe_ack(struct net *net, struct tcp_conn *c, bool at_once)
{
    if (at_once || c->rcv_nxt - c->ack_sent >= 2u * c->mss) {
        c->ack_now = true;
        tcp_want_output(net, c);
    } else {
        tcp_ack_arm(net, c);
    }
}

/* The FIN is the next thing in order: RFC 9293 3.10.7.4, eighth. */
static void take_fin(struct net *net, struct tcp_conn *c)
{
    c->rcv_nxt = c->fin_seq + 1;
    c->ranges_used = 0;
    if (!c->app)
        c->rcv_read = c->rcv_nxt;
    owe_ack(net, c, true);
    if (c->state == TCP_ESTABLISHED)
        tcp_move(net, c, TCP_CLOSE_WAIT);
    else if (c->state == TCP_FIN_WAIT_1)
        tcp_move(net, c, TCP_CLOSING);
    else
        tcp_end_if_over(net, c);
}

/* The peer says that its stream ends at `seq`; believed once, and not against bytes beyond it. */
static void see_fin(struct tcp_conn *c, u32 seq)
{
    if (c->fin_seen || (c->ranges_used > 0 && seq_gt(c->ranges[c->ranges_used - 1].end, seq)))
        return;
    c->fin_seen = true;
    c->fin_seq = seq;
}

bool tcp_data_in(struct net *net, struct tcp_conn *c, struct tcp_segment *seg)
{
    u64 name = c->name;

    if (tcp_fin_reached(c)) /* nothing can follow a FIN */
        return true;
    if ((seg->flags & TCP_FIN) != 0)
        see_fin(c, seg->seq + seg->len);
    if (c->fin_seen && seq_gt(seg->seq + seg->len, c->fin_seq))
        seg->len = seq_lt(seg->seq, c->fin_seq) ? c->fin_seq - seg->seq : 0;
    if (seg->seq != c->rcv_nxt) {
        if (seg->len > 0)
            keep_out_of_order(net, c, seg);
        tcp_send_ack(net, c); /* a duplicate ACK, at once: RFC 5681 4.2 */
        return true;
    }
    if (seg->len > 0) {
        bool holes = c->ranges_used > 0;
        if (!take_in_order(net, c, seg))
            return false;
        join_ranges(c);
        owe_ack(net, c, holes || seg->seq + seg->len != c->rcv_nxt);
    }
    if (c->fin_seen && c->rcv_nxt == c->fin_seq)
        take_fin(net, c);
    if (c->name != name) /* TIME_WAIT without room */
        return false;
    return tcp_offer(net, c);
}
