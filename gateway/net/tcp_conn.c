/*
 * tcp_conn.c - a connection's life: made, found, moved through its states, given back.
 *
 * Thread: the endpoint's. Connections lie in one array taken at start; an index is free or is in
 * the hash table, exactly once. The table is open addressing with linear probes and backward-shift
 * deletion under a secret seed, at most half full: O(1) whatever the peers choose as ports.
 *
 * Failure: when no connection is free, the oldest in TIME_WAIT gives way, then the oldest of those
 * that we have closed and the peer has not; after that new ones are refused by the caller and
 * counted.
 */
#include <string.h>

#include "engine/base/hash.h"
#include "gateway/net/cksum.h"
#include "gateway/net/ip.h"
#include "gateway/net/net_state.h"
#include "gateway/net/siphash.h"
#include "gateway/net/tcp.h"

#define TO(state) (1u << TCP_##state)

const struct sm_state tcp_states[TCP_STATES] = {
    [TCP_CLOSED] = {"CLOSED", TO(SYN_SENT) | TO(SYN_RCVD)},
    [TCP_SYN_SENT] = {"SYN_SENT", TO(SYN_RCVD) | TO(ESTABLISHED) | TO(CLOSED)},
    [TCP_SYN_RCVD] = {"SYN_RCVD", TO(ESTABLISHED) | TO(CLOSED)},
    [TCP_ESTABLISHED] = {"ESTABLISHED", TO(FIN_WAIT_1) | TO(CLOSE_WAIT) | TO(CLOSED)},
    [TCP_FIN_WAIT_1] = {"FIN_WAIT_1", TO(FIN_WAIT_2) | TO(CLOSING) | TO(TIME_WAIT) | TO(CLOSED)},
    [TCP_FIN_WAIT_2] = {"FIN_WAIT_2", TO(TIME_WAIT) | TO(CLOSED)},
    [TCP_CLOSING] = {"CLOSING", TO(TIME_WAIT) | TO(CLOSED)},
    [TCP_TIME_WAIT] = {"TIME_WAIT", TO(CLOSED)},
    [TCP_CLOSE_WAIT] = {"CLOSE_WAIT", TO(LAST_ACK) | TO(CLOSED)},
    [TCP_LAST_ACK] = {"LAST_ACK", TO(CLOSED)},
};

/* ---- the hash table ---- */

static u64 hash_of(const struct net *net, u32 remote_ipv4, u16 remote_port, u16 local_port)
{
    return hash_2u64(net->hash_seed, remote_ipv4, (u64)remote_port << 16 | local_port);
}

static u64 conn_hash(const struct net *net, const struct tcp_conn *c)
{
    return hash_of(net, c->remote_ipv4, c->remote_port, c->local_port);
}

static bool is(const struct tcp_conn *c, u32 remote_ipv4, u16 remote_port, u16 local_port)
{
    return c->remote_ipv4 == remote_ipv4 && c->remote_port == remote_port &&
           c->local_port == local_port;
}

struct tcp_conn *tcp_find(struct net *net, u32 remote_ipv4, u16 remote_port, u16 local_port)
{
    struct tcp_conn *likely = net->likely;

    if (likely != NULL && likely->name != 0 && is(likely, remote_ipv4, remote_port, local_port))
        return likely;
    u64 hash = hash_of(net, remote_ipv4, remote_port, local_port);

    for (u32 i = (u32)hash;; i++) {
        const struct net_slot *slot = &net->slots[i & net->slots_mask];
        if (slot->conn == 0)
            return NULL;
        struct tcp_conn *c = &net->conns[slot->conn - 1];
        if (slot->tag == net_tag(hash) && is(c, remote_ipv4, remote_port, local_port))
            return c;
    }
}

u64 tcp_prefetch_slot(const struct net *net, const struct packet *p)
{
    const struct eth_hdr *eth = (const void *)p->data;
    const struct ipv4_hdr *ip = (const void *)(p->data + sizeof *eth);
    const struct tcp_hdr *tcp = (const void *)(p->data + sizeof *eth + sizeof *ip);

    if (p->len < TCP_HEADERS_BYTES || eth->type != be16(ETH_TYPE_IPV4) ||
        ip->version_ihl != IP_VERSION_IHL || ip->proto != IP_PROTO_TCP)
        return 0;
    u64 hash = hash_of(net, ip->src, be16(tcp->src_port), be16(tcp->dst_port));
    __builtin_prefetch(&net->slots[hash & net->slots_mask]);
    return hash;
}

bool tcp_carries_data(const struct packet *p)
{
    const struct ipv4_hdr *ip = (const void *)(p->data + sizeof(struct eth_hdr));
    const struct tcp_hdr *tcp = (const void *)(ip + 1);

    return be16(ip->total_len) > sizeof *ip + (u32)(tcp->data_off >> 4) * 4;
}

/*
 * The connection of that hash by the tag alone, or NULL: not sure enough for anything but a
 * prefetch.
 */
static struct tcp_conn *likely_conn(const struct net *net, u64 hash)
{
    if (hash == 0)
        return NULL;
    for (u32 i = (u32)hash;; i++) {
        const struct net_slot *slot = &net->slots[i & net->slots_mask];
        if (slot->conn == 0)
            return NULL;
        if (slot->tag == net_tag(hash))
            return &net->conns[slot->conn - 1];
    }
}

struct tcp_conn *tcp_prefetch_conn(const struct net *net, u64 hash)
{
    struct tcp_conn *c = likely_conn(net, hash);

    if (c != NULL)
        tcp_prefetch(c);
    return c;
}

void tcp_prefetch_data(const struct net *net, const struct tcp_conn *c)
{
    if (c != NULL)
        space_prefetch(&c->snd, &net->snd_pool, c->snd_end, CACHE_LINE);
}

static void table_add(struct net *net, const struct tcp_conn *c)
{
    u64 hash = conn_hash(net, c);
    u32 i = (u32)hash & net->slots_mask;

    while (net->slots[i].conn != 0)
        i = (i + 1) & net->slots_mask;
    net->slots[i] = (struct net_slot){.tag = net_tag(hash), .conn = net_index(net, c) + 1};
}

/* Fills the hole at `hole` with later entries of the same run that may lie there. */
static void table_close_up(struct net *net, u32 hole)
{
    for (u32 i = (hole + 1) & net->slots_mask; net->slots[i].conn != 0;
         i = (i + 1) & net->slots_mask) {
        u32 home = (u32)conn_hash(net, &net->conns[net->slots[i].conn - 1]) & net->slots_mask;
        if (((i - home) & net->slots_mask) >= ((i - hole) & net->slots_mask)) {
            net->slots[hole] = net->slots[i];
            hole = i;
        }
    }
    net->slots[hole].conn = 0;
}

static void table_remove(struct net *net, const struct tcp_conn *c)
{
    u32 i = (u32)conn_hash(net, c) & net->slots_mask;

    while (net->slots[i].conn != net_index(net, c) + 1) {
        ASSERT_NE(net->slots[i].conn, 0);
        i = (i + 1) & net->slots_mask;
    }
    table_close_up(net, i);
}

struct tcp_conn *tcp_by_name(struct net *net, u64 name)
{
    u32 index = (u32)(name & ((1u << TCP_NAME_INDEX_BITS) - 1)) - 1;

    if (name == 0 || index >= net->conf.conns_max || net->conns[index].name != name)
        return NULL;
    return &net->conns[index];
}

/* ---- made and given back ---- */

u32 tcp_isn(const struct net *net, u32 remote_ipv4, u16 remote_port, u16 local_port)
{
    u64 words[2] = {(u64)net->conf.ipv4 << 32 | remote_ipv4, (u64)remote_port << 16 | local_port};

    return (u32)(net->now_ns / (4 * NS_PER_US)) + (u32)siphash_words(net->isn_key, words, 2);
}

u32 tcp_ts_offset(const struct net *net, u32 remote_ipv4, u16 remote_port, u16 local_port)
{
    u64 words[1] = {(u64)remote_ipv4 << 32 | (u64)remote_port << 16 | local_port};

    return (u32)(siphash_words(net->isn_key, words, 1) >> 32);
}

void tcp_set_peer_mac(struct tcp_conn *c, const u8 *mac)
{
    memcpy(c->peer_mac, mac, 6);
}

void tcp_set_dscp(struct tcp_conn *c, u8 dscp)
{
    c->tos = (u8)(dscp << 2);
}

void tcp_set_iss(struct tcp_conn *c, u32 iss)
{
    c->iss = iss;
    c->snd_una = iss;
    c->snd_max = iss;
    c->snd_end = iss + 1;
    space_start(&c->snd, c->snd_end);
}

static void init_conn(struct net *net, struct tcp_conn *c)
{
    tcp_set_iss(c, tcp_isn(net, c->remote_ipv4, c->remote_port, c->local_port));
    c->ts_offset = tcp_ts_offset(net, c->remote_ipv4, c->remote_port, c->local_port);
    c->mss = TCP_MSS_DEFAULT;
    tcp_set_dscp(c, net->conf.dscp);
    c->rto_ns = TCP_RTO_INITIAL_NS;
    c->ssthresh = UINT32_MAX;
    c->heard_ns = net->now_ns;
    c->progress_ns = net->now_ns;
    list_init(&c->node);
    list_init(&c->starve_node);
    wheel_timer_init(&net_links(net, c)->fast, TCP_TIMER_FAST);
    wheel_timer_init(&c->slow, TCP_TIMER_SLOW);
}

/* The oldest TIME_WAIT gives its place. False: there is none. */
static bool cut_time_wait(struct net *net)
{
    struct list *node = list_first(&net->time_wait);

    if (node == NULL)
        return false;
    net_count(net, NET_TIME_WAIT_CUT);
    tcp_free(net, CONTAINER_OF(node, struct tcp_conn, node));
    return true;
}

/*
 * The same of those that we have closed: else peers that never finish their side, as many in a
 * minute as there are connections, would lock everybody out. False: there is none.
 */
static bool cut_orphan(struct net *net)
{
    struct list *node = list_first(&net->orphans);

    if (node == NULL)
        return false;
    struct tcp_conn *c = CONTAINER_OF(node, struct tcp_conn, node);
    if (c->pinned) /* amid a call up: its place would not be free yet */
        return false;
    net_count(net, NET_ORPHANS_CUT);
    tcp_abort(net, c);
    return true;
}

struct tcp_conn *tcp_new(struct net *net, u32 remote_ipv4, u16 remote_port, u16 local_port)
{
    if (net->free_used == 0 && !cut_time_wait(net) && !cut_orphan(net))
        return NULL;
    ASSERT(tcp_find(net, remote_ipv4, remote_port, local_port) == NULL);
    u32 index = net->free[--net->free_used];
    struct tcp_conn *c = &net->conns[index];
    bool out_queued = c->out_queued, soon_queued = c->soon_queued;
    memset(c, 0, sizeof *c);
    c->out_queued = out_queued;
    c->soon_queued = soon_queued;
    net->next_generation++;
    c->name = net->next_generation << TCP_NAME_INDEX_BITS | (index + 1);
    c->remote_ipv4 = remote_ipv4;
    c->remote_port = remote_port;
    c->local_port = local_port;
    init_conn(net, c);
    table_add(net, c);
    return c;
}

/* Nothing of it may be found, fire or be sent from now on. */
static void detach(struct net *net, struct tcp_conn *c)
{
    table_remove(net, c);
    wheel_stop(&net->wheel, &net_links(net, c)->fast);
    c->look_ns = 0;
    c->ack_at_ns = 0;
    wheel_stop(&net->wheel, &c->slow);
    list_del(&c->node);
    list_del(&c->starve_node);
    space_clear(&c->snd, &net->snd_pool);
    space_clear(&c->rcv, &net->rcv_pool);
    sent_clear(&c->sent, &net->snd_pool);
    c->app = false;
    c->name = 0;
}

static void give_back(struct net *net, struct tcp_conn *c)
{
    ASSERT_LT(net->free_used, net->conf.conns_max);
    net->free[net->free_used++] = net_index(net, c);
}

void tcp_free(struct net *net, struct tcp_conn *c)
{
    if (c->name == 0)
        return; /* already, while pinned */
    if (c->state != TCP_CLOSED)
        tcp_move(net, c, TCP_CLOSED);
    detach(net, c);
    if (!c->pinned)
        give_back(net, c);
}

void tcp_pin(struct tcp_conn *c)
{
    ASSERT(!c->pinned);
    ASSERT_NE(c->name, 0);
    c->pinned = true;
}

bool tcp_unpin(struct net *net, struct tcp_conn *c)
{
    ASSERT(c->pinned);
    c->pinned = false;
    if (c->name != 0)
        return true;
    give_back(net, c);
    return false;
}

/* ---- states ---- */

void tcp_move(struct net *net, struct tcp_conn *c, enum tcp_state state)
{
    if (c->state == TCP_SYN_RCVD)
        net->half_open--;
    if (c->state == TCP_TIME_WAIT)
        net->time_waits--;
    sm_move(tcp_states, &c->state, (u8)state);
    if (state == TCP_SYN_RCVD)
        net->half_open++;
    if (state == TCP_TIME_WAIT)
        net->time_waits++;
}

void tcp_drop(struct net *net, struct tcp_conn *c)
{
    bool tell = c->app;
    u64 name = c->name;

    tcp_free(net, c);
    if (tell)
        net->up->closed(net->up_ctx, name, NET_ERROR);
}

void tcp_abort(struct net *net, struct tcp_conn *c)
{
    if (c->state != TCP_SYN_SENT && c->state != TCP_TIME_WAIT)
        tcp_send_rst(net, c);
    tcp_free(net, c);
}

void tcp_time_wait(struct net *net, struct tcp_conn *c)
{
    ASSERT(!c->app);
    if (net->time_waits >= net->conf.time_wait_max && !cut_time_wait(net)) {
        tcp_free(net, c); /* time_wait_max is 0 */
        return;
    }
    tcp_move(net, c, TCP_TIME_WAIT);
    c->rtx_at_ns = 0;
    list_del(&c->starve_node);
    list_move_tail(&net->time_wait, &c->node);
    tcp_slow_arm(net, c, net->now_ns + net->conf.time_wait_ns);
    tcp_invariant(net, c);
}

static void check_ranges(const struct tcp_conn *c)
{
    u32 edge = c->rcv_nxt;

    ASSERT_LE(c->ranges_used, TCP_RANGES_MAX);
    for (u32 i = 0; i < c->ranges_used; i++) {
        ASSERT(seq_gt(c->ranges[i].start, edge)); /* a hole before each */
        ASSERT(seq_gt(c->ranges[i].end, c->ranges[i].start));
        edge = c->ranges[i].end;
    }
    ASSERT(seq_le(edge, tcp_rcv_edge(c)));
}

/* A deadline has a timer on the wheel at or before it. */
static void check_timer(const struct net *net, const struct wheel_timer *t, u64 at_ns)
{
    if (at_ns == 0)
        return;
    ASSERT(wheel_armed(t));
    ASSERT(t->tick <= at_ns / net->wheel.tick_ns + 1 || t->tick <= net->wheel.now + 1);
}

static void check_timers(const struct net *net, const struct tcp_conn *c)
{
    const struct wheel_timer *fast = &net_links(net, c)->fast;

    ASSERT(c->look_ns == 0 || c->soon_queued || wheel_armed(fast));
    if (!c->soon_queued)
        check_timer(net, fast, c->look_ns);
    ASSERT(c->rtx_at_ns == 0 || (c->look_ns != 0 && c->look_ns <= c->rtx_at_ns));
    ASSERT(c->ack_at_ns == 0 || (c->look_ns != 0 && c->look_ns <= c->ack_at_ns));
    check_timer(net, &c->slow, c->slow_at_ns);
}

void tcp_invariant(const struct net *net, const struct tcp_conn *c)
{
    ASSERT_NE(c->name, 0);
    ASSERT_LT(c->state, TCP_STATES);
    ASSERT(seq_le(c->snd_una, c->snd_max));
    if (tcp_synchronized(c))
        sent_check(&c->sent, &net->snd_pool, c->snd_una, c->snd_max);
    ASSERT(seq_le(c->snd_max, tcp_snd_limit(c)));
    ASSERT(seq_le(c->rcv_read, c->rcv_nxt));
    ASSERT_LE(c->rcv_nxt - c->rcv_read, NET_SPACE_BYTES + 1); /* the FIN comes on top */
    ASSERT(!c->app || c->state != TCP_TIME_WAIT);
    check_ranges(c);
    check_timers(net, c);
    if (tcp_outstanding(c) > 0 && c->state != TCP_TIME_WAIT && !c->arp_wait)
        ASSERT_NE(c->rtx_at_ns, 0);
    if (c->state == TCP_TIME_WAIT)
        ASSERT_NE(c->slow_at_ns, 0);
    ASSERT(!c->held || list_is_linked(&c->node));
}

/* ---- tests ---- */

/* Each entry is that of a connection that knows of it, and there are no two of the same. */
static void check_queues(const struct net *net)
{
    u32 out = net->out_tail - net->out_head;
    u32 soon = net->soon_tail - net->soon_head;

    for (u32 i = net->out_head; i != net->out_tail; i++)
        ASSERT(net->conns[net->out[i & net->queue_mask]].out_queued);
    for (u32 i = net->soon_head; i != net->soon_tail; i++)
        ASSERT(net->conns[net->soon[i & net->queue_mask].conn].soon_queued);
    for (u32 i = 0; i < net->conf.conns_max; i++) {
        out -= net->conns[i].out_queued;
        soon -= net->conns[i].soon_queued;
    }
    ASSERT_EQ(out, 0);
    ASSERT_EQ(soon, 0);
}

void net_check(const struct net *net, u64 now_ns)
{
    u32 used = 0;
    u32 chunks = 0;

    ASSERT_GE(net->now_ns, now_ns);
    for (u32 i = 0; i <= net->slots_mask; i++) {
        if (net->slots[i].conn == 0)
            continue;
        const struct tcp_conn *c = &net->conns[net->slots[i].conn - 1];
        used++;
        tcp_invariant(net, c);
        ASSERT_EQ(net->slots[i].tag, net_tag(conn_hash(net, c)));
        chunks += space_chunks(&c->snd) + space_chunks(&c->rcv) + (c->sent.chunk != 0);
        ASSERT(tcp_snd_limit(c) == c->snd_max || tcp_outstanding(c) > 0 || c->rtx_at_ns != 0 ||
               c->out_queued || c->arp_wait);
    }
    check_queues(net);
    ASSERT_EQ(used, net_conns(net));
    ASSERT_EQ(chunks, net_chunks_used(net));
}
