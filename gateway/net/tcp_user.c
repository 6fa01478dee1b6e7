/*
 * tcp_user.c - what the application asks of its connections: net.h's lower half.
 *
 * Thread: the endpoint's; within calls up or between them. What enters: names of connections, which
 * may be gone. Nothing here calls up and nothing sends at once but a reset: data and FIN leave with
 * the next net_flush.
 */
#include "gateway/net/net_state.h"
#include "gateway/net/siphash.h"
#include "gateway/net/ip.h"
#include "gateway/net/tcp.h"

#define PORT_FIRST 32768u /* of our own connects: RFC 6056 asks for many, Linux uses these */
#define PORT_COUNT 28232u
#define PORT_TRIES 256u

/* RFC 6056 algorithm 3: a keyed offset for each peer, then one after the other. 0: none found. */
static u16 choose_port(struct net *net, u32 ipv4, u16 port)
{
    u64 words[2] = {ipv4, port};
    u32 offset = (u32)siphash_words(net->isn_key, words, 2);

    for (u32 i = 0; i < PORT_TRIES; i++) {
        u16 local = (u16)(PORT_FIRST + (offset + net->port_salt++) % PORT_COUNT);
        if (tcp_find(net, ipv4, port, local) == NULL)
            return local;
    }
    return 0;
}

u64 net_connect(struct net *net, u32 ipv4, u16 port, u16 local_port, u64 now_ns)
{
    if (now_ns > net->now_ns)
        net->now_ns = now_ns;
    if (!ip_unicast(ipv4) || ipv4 == net->conf.ipv4 || ip_broadcast(net, ipv4) ||
        arp_next_hop(net, ipv4) == 0)
        return 0;
    if (local_port == 0)
        local_port = choose_port(net, ipv4, port);
    if (local_port == 0 || tcp_find(net, ipv4, port, local_port) != NULL)
        return 0;
    struct tcp_conn *c = tcp_new(net, ipv4, port, local_port);
    if (c == NULL)
        return 0;
    c->app = true;
    c->active = true;
    tcp_move(net, c, TCP_SYN_SENT);
    tcp_want_output(net, c);
    return c->name;
}

/* ---- sending ---- */

u32 tcp_room(const struct net *net, const struct tcp_conn *c)
{
    u32 queued = c->snd_end - c->snd_una;

    if (!c->app || c->fin_queued || (c->state != TCP_ESTABLISHED && c->state != TCP_CLOSE_WAIT))
        return 0;
    return (u32)min_u64(NET_SPACE_BYTES - queued, space_room(&c->snd, &net->snd_pool, c->snd_end));
}

u32 net_room(struct net *net, u64 conn)
{
    struct tcp_conn *c = tcp_by_name(net, conn);

    if (c == NULL)
        return 0;
    u32 room = tcp_room(net, c);
    if (room < NET_ROOM_LOW && c->app) {
        c->want_write = true;
        c->room_seen = room;
        bool by_pool = room < NET_SPACE_BYTES - (c->snd_end - c->snd_una);
        if (by_pool && !list_is_linked(&c->starve_node)) /* others' ACKs make room, not only its */
            list_add_tail(&net->starved, &c->starve_node);
    }
    return room;
}

void net_send(struct net *net, u64 conn, const void *bytes, u32 n)
{
    struct tcp_conn *c = tcp_by_name(net, conn);

    if (c == NULL || n == 0)
        return;
    ASSERT_LE(n, tcp_room(net, c));
    if (c->snd_una == c->snd_end)
        c->progress_ns = net->now_ns;
    u32 stored = space_write(&c->snd, &net->snd_pool, c->snd_end, bytes, n);
    ASSERT_EQ(stored, n);
    c->snd_end += n;
    tcp_want_output(net, c);
}

void net_urgent(struct net *net, u64 conn)
{
    struct tcp_conn *c = tcp_by_name(net, conn);

    if (c == NULL || c->snd_una == c->snd_end)
        return;
    c->urg_out = true;
    c->snd_up = c->snd_end;
}

void net_set_dscp(struct net *net, u64 conn, u8 dscp)
{
    struct tcp_conn *c = tcp_by_name(net, conn);

    ASSERT_LE(dscp, 63);
    if (c != NULL)
        tcp_set_dscp(c, dscp);
}

/* ---- looking ---- */

static u64 stalled_ns(const struct tcp_conn *c, u64 now_ns)
{
    if (c->snd_una == c->snd_end || now_ns < c->progress_ns)
        return 0;
    return now_ns - c->progress_ns;
}

u64 net_stalled_ns(struct net *net, u64 conn, u64 now_ns)
{
    const struct tcp_conn *c = tcp_by_name(net, conn);

    return c != NULL ? stalled_ns(c, now_ns) : 0;
}

bool net_look(struct net *net, u64 conn, u64 now_ns, struct net_look *out)
{
    const struct tcp_conn *c = tcp_by_name(net, conn);

    if (c == NULL)
        return false;
    bool open = tcp_synchronized(c);
    *out = (struct net_look){
        .state = tcp_states[c->state].name,
        .srtt_ns = c->srtt_ns,
        .rto_ns = c->rto_ns,
        .stalled_ns = stalled_ns(c, now_ns),
        .silent_ns = now_ns > c->heard_ns ? now_ns - c->heard_ns : 0,
        .queued = open && seq_lt(c->snd_una, c->snd_end) ? c->snd_end - c->snd_una : 0,
        .in_flight = tcp_outstanding(c),
        .unread = c->rcv_nxt - c->rcv_read - tcp_fin_reached(c) * (c->rcv_nxt != c->rcv_read),
        .urgent = c->urg_in && seq_gt(c->rcv_up, c->rcv_read) ? c->rcv_up - c->rcv_read : 0,
        .mss = c->mss,
        .timeouts = c->backoff,
        .keep_probes = c->keep_probes,
        .icmp_errors = c->icmp_errors,
        .icmp_type = c->icmp_type,
        .icmp_code = c->icmp_code,
    };
    return true;
}

/* ---- closing ---- */

bool tcp_end_if_over(struct net *net, struct tcp_conn *c)
{
    u64 name = c->name;

    if (c->app || !c->fin_queued || c->snd_una != c->snd_end + 1 || !tcp_fin_reached(c))
        return true;
    if (c->state == TCP_LAST_ACK)
        tcp_free(net, c);
    else
        tcp_time_wait(net, c);
    return c->name == name;
}

/* Our FIN follows what is queued. */
static void queue_fin(struct net *net, struct tcp_conn *c)
{
    if (c->snd_una == c->snd_end)
        c->progress_ns = net->now_ns;
    c->fin_queued = true;
    tcp_move(net, c, c->state == TCP_ESTABLISHED ? TCP_FIN_WAIT_1 : TCP_LAST_ACK);
    tcp_want_output(net, c);
}

void tcp_finish(struct net *net, struct tcp_conn *c)
{
    c->app = false;
    c->want_write = false;
    list_del(&c->starve_node);
    if (!tcp_synchronized(c)) {
        tcp_free(net, c);
        return;
    }
    tcp_forget_received(net, c);
    if (!c->fin_queued)
        queue_fin(net, c);
    tcp_slow_arm(net, c, net->now_ns + net->conf.orphan_ns);
    list_move_tail(&net->orphans, &c->node);
    tcp_end_if_over(net, c);
}

bool tcp_fin_acked(struct net *net, struct tcp_conn *c)
{
    if (c->state == TCP_FIN_WAIT_1) {
        tcp_move(net, c, TCP_FIN_WAIT_2);
        if (!c->app)
            tcp_slow_arm(net, c, net->now_ns + net->conf.orphan_ns);
        return true;
    }
    return tcp_end_if_over(net, c);
}

void net_shut(struct net *net, u64 conn)
{
    struct tcp_conn *c = tcp_by_name(net, conn);

    if (c == NULL || !c->app || c->fin_queued)
        return;
    c->want_write = false;
    list_del(&c->starve_node);
    if (!tcp_synchronized(c) || c->fin_told)
        tcp_finish(net, c); /* not open yet, or there is nothing left to read */
    else
        queue_fin(net, c);
}

void net_close(struct net *net, u64 conn, enum net_close how)
{
    struct tcp_conn *c = tcp_by_name(net, conn);

    if (c == NULL || !c->app)
        return;
    if (how == NET_RESET)
        tcp_abort(net, c);
    else
        tcp_finish(net, c);
}
