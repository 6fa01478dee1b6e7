/*
 * net.c - the endpoint as its owner sees it; net.h tells the turn.
 *
 * Thread: the endpoint's. What enters: frames of any content, and the application's calls. What
 * leaves: frames by packet_ops.transmit, calls up. All memory is taken in net_new; nothing here
 * walks all connections but net_check.
 */
#include "gateway/net/net.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "gateway/net/ip.h"
#include "gateway/net/net_state.h"
#include "gateway/net/siphash.h"

#define CONNS_LIMIT 1000000u
_Static_assert(CONNS_LIMIT < 1u << TCP_NAME_INDEX_BITS, "index + 1 fits the name");

void net_conf_defaults(struct net_conf *conf)
{
    *conf = (struct net_conf){
        .netmask = be32(0xffffff00),
        .mtu = 1500,
        .ttl = IP_TTL,
        .conns_max = 4096,
        .half_open_max = 1024,
        .time_wait_max = 1024,
        .chunks = 16384,
        .rto_min_ns = 50 * NS_PER_MS,
        .rto_max_ns = 60 * NS_PER_SEC,
        .tlp_min_ns = 2 * NS_PER_MS,
        .delayed_ack_ns = 1 * NS_PER_MS,
        .user_timeout_ns = 100 * NS_PER_SEC,
        .keepalive_idle_ns = 60 * NS_PER_SEC,
        .keepalive_interval_ns = 10 * NS_PER_SEC,
        .keepalive_probes = 6,
        .orphan_ns = 60 * NS_PER_SEC,
        .time_wait_ns = 60 * NS_PER_SEC,
    };
}

static u32 pow2_from(u32 n)
{
    u32 pow2 = 1;

    while (pow2 < n)
        pow2 *= 2;
    return pow2;
}

/* Twice the connections, so that probes stay short. */
static u32 slots_of(u32 conns)
{
    return pow2_from(2 * conns);
}

u64 net_bytes(const struct net_conf *conf)
{
    u64 conns =
        (u64)conf->conns_max * (sizeof(struct tcp_conn) + sizeof(struct tcp_links) + sizeof(u32));
    u64 slots = (u64)slots_of(conf->conns_max) * sizeof(struct net_slot);
    u64 queues = (u64)pow2_from(conf->conns_max) * (sizeof(u32) + sizeof(struct net_soon));
    u64 chunks = (u64)conf->chunks * (NET_CHUNK_BYTES + sizeof(u32));

    return sizeof(struct net) + conns + slots + queues + chunks + 16ull * CACHE_LINE; /* gaps */
}

static void check_conf(const struct net_conf *conf)
{
    ASSERT_GE(conf->mtu, PACKET_MTU_MIN);
    ASSERT_LE(conf->mtu, 9001);
    ASSERT_GE(conf->ttl, 1);
    ASSERT_LE(conf->dscp, 63);
    ASSERT_GE(conf->conns_max, 1);
    ASSERT_LE(conf->conns_max, CONNS_LIMIT);
    ASSERT_GE(conf->chunks, NET_CHUNKS_MIN);
    ASSERT_LE(conf->chunks_kept, conf->chunks / 2);
    ASSERT(ip_unicast(conf->ipv4));
    ASSERT_EQ(conf->mac[0] & 1, 0);
    ASSERT_GT(conf->rto_min_ns, 0);
    ASSERT_GE(conf->rto_max_ns, conf->rto_min_ns);
    ASSERT_GT(conf->user_timeout_ns, 0);
    ASSERT_GT(conf->orphan_ns, 0);
    ASSERT_GT(conf->time_wait_ns, 0);
    ASSERT(conf->keepalive_idle_ns == 0 || conf->keepalive_interval_ns > 0);
}

static void init_lists(struct net *net)
{
    list_init(&net->held);
    list_init(&net->starved);
    list_init(&net->time_wait);
    list_init(&net->orphans);
    list_init(&net->arp_wait);
}

static void init_conns(struct net *net, struct mem *m, u32 conns)
{
    net->conns = mem_alloc(m, (u64)conns * sizeof *net->conns, TCP_CONN_ALIGN);
    net->links = mem_alloc(m, (u64)conns * sizeof *net->links, CACHE_LINE);
    net->free = mem_alloc(m, (u64)conns * sizeof *net->free, CACHE_LINE);
    for (u32 i = 0; i < conns; i++)
        net->free[i] = conns - 1 - i;
    net->free_used = conns;
    net->slots_mask = slots_of(conns) - 1;
    net->slots = mem_alloc(m, (u64)(net->slots_mask + 1) * sizeof *net->slots, CACHE_LINE);
    net->queue_mask = pow2_from(conns) - 1;
    net->out = mem_alloc(m, (u64)(net->queue_mask + 1) * sizeof *net->out, CACHE_LINE);
    net->soon = mem_alloc(m, (u64)(net->queue_mask + 1) * sizeof *net->soon, CACHE_LINE);
}

struct net *net_new(struct mem *m, const struct net_conf *conf, const struct packet_ops *ops,
                    void *ops_ctx, const struct net_up *up, void *up_ctx, u64 now_ns)
{
    u64 words[4];
    struct net *net = mem_alloc(m, sizeof *net, CACHE_LINE);

    check_conf(conf);
    net->conf = *conf;
    net->ops = ops;
    net->ops_ctx = ops_ctx;
    net->up = up;
    net->up_ctx = up_ctx;
    net->now_ns = now_ns;
    net->polled_ns = now_ns;
    memcpy(words, conf->secret, sizeof words);
    net->isn_key[0] = words[0];
    net->isn_key[1] = words[1];
    net->hash_seed = hash_2u64(words[2], words[3], 0);
    net->port_salt = (u32)hash_2u64(words[3], words[2], 1);

    init_conns(net, m, conf->conns_max);
    u32 rcv_chunks = conf->chunks / NET_RCV_SHARE;
    chunk_pool_init(&net->rcv_pool, m, rcv_chunks);
    chunk_pool_init(&net->snd_pool, m, conf->chunks - rcv_chunks);
    net->snd_pool.kept = conf->chunks_kept;
    net->rcv_pool.kept = min_u32(conf->chunks_kept, rcv_chunks) / 2;
    wheel_init(&net->wheel, NET_TICK_NS, now_ns);
    init_lists(net);
    tcp_headers_init(net);
    return net;
}

void net_register_metrics(struct net *net, const char *labels)
{
#define NET_STAT_ROW(id, name, reason, help) {"wirebook_net_" name, reason, help},
    static const struct {
        const char *name;
        const char *reason;
        const char *help;
    } rows[] = {NET_STATS(NET_STAT_ROW)};
    char text[128];

    _Static_assert(ARRAY_LEN(rows) == NET_STAT_COUNT, "each counter has its name");
    for (u32 i = 0; i < NET_STAT_COUNT; i++) {
        const char *comma = labels[0] != 0 ? "," : "";
        if (rows[i].reason[0] != 0)
            snprintf(text, sizeof text, "%s%sreason=\"%s\"", labels, comma, rows[i].reason);
        else
            snprintf(text, sizeof text, "%s", labels);
        metrics_register(rows[i].name, text, rows[i].help, METRIC_COUNTER, &net->stats[i]);
    }
    metrics_register("wirebook_net_tcp_connections", labels, "TCP connections in all states",
                     METRIC_GAUGE, &net->conns_used);
    metrics_register("wirebook_net_chunks_used", labels, "Pooled chunks of 2 KiB that hold data",
                     METRIC_GAUGE, &net->chunks_used);
}

bool net_listen(struct net *net, u16 port)
{
    ASSERT_NE(port, 0);
    net_unlisten(net, port); /* once is enough */
    if (net->listen_used == NET_LISTEN_MAX)
        return false;
    net->listen[net->listen_used++] = port;
    return true;
}

void net_unlisten(struct net *net, u16 port)
{
    for (u32 i = 0; i < net->listen_used; i++) {
        if (net->listen[i] == port) {
            net->listen[i] = net->listen[--net->listen_used];
            return;
        }
    }
}

void net_accept(struct net *net, bool on)
{
    net->accepting = on;
}

/* Time never goes back. */
static void see_time(struct net *net, u64 now_ns)
{
    if (now_ns > net->now_ns)
        net->now_ns = now_ns;
}

void net_announce(struct net *net, u64 now_ns)
{
    see_time(net, now_ns);
    arp_announce(net);
    if (net->conf.gateway != 0)
        arp_lookup(net, net->conf.gateway);
}

void net_learn(struct net *net, u32 ipv4, const u8 *mac, u64 now_ns)
{
    see_time(net, now_ns);
    arp_learn(net, ipv4, mac);
}

/* ---- a turn ---- */

void net_input(struct net *net, const struct packet *p, u64 now_ns)
{
    const struct eth_hdr *eth = (const void *)p->data;

    see_time(net, now_ns);
    net->frames_in++;
    net_count(net, NET_RX_PACKETS);
    if (UNLIKELY(p->len < sizeof *eth))
        net_count(net, NET_DROP_SHORT);
    else if (LIKELY(eth->type == be16(ETH_TYPE_IPV4)))
        ip_input(net, p);
    else if (eth->type == be16(ETH_TYPE_ARP))
        arp_input(net, p);
    else
        net_count(net, NET_DROP_ETHER_TYPE);
}

/* Tells the application which of its connections will have data, before it has. */
static void expect_data(struct net *net, const struct packet *p, struct tcp_conn *const *conns,
                        u32 n)
{
    u64 names[NET_BURST];
    u32 used = 0;

    for (u32 i = 0; i < n; i++)
        if (conns[i] != NULL && tcp_carries_data(&p[i]))
            names[used++] = conns[i]->name;
    if (used > 0)
        net->up->expect(net->up_ctx, names, used);
}

void net_input_burst(struct net *net, const struct packet *packets, u32 n, u64 now_ns)
{
    u64 hashes[NET_BURST];
    struct tcp_conn *conns[NET_BURST];

    for (u32 done = 0; done < n; done += NET_BURST) {
        const struct packet *p = packets + done;
        u32 count = min_u32(n - done, NET_BURST);
        for (u32 i = 0; i < count; i++)
            __builtin_prefetch(p[i].data);
        for (u32 i = 0; i < count; i++)
            hashes[i] = tcp_prefetch_slot(net, &p[i]);
        for (u32 i = 0; i < count; i++)
            conns[i] = tcp_prefetch_conn(net, hashes[i]);
        for (u32 i = 0; i < count; i++)
            tcp_prefetch_data(net, conns[i]);
        if (net->up->expect != NULL)
            expect_data(net, p, conns, count);
        for (u32 i = 0; i < count; i++) {
            net->likely = conns[i];
            net_input(net, &p[i], now_ns);
        }
    }
}

/*
 * Each connection that holds data once; those that still do come back at the end of the list. An
 * offer of which nothing is taken is no work: else a reader that takes nothing would keep the
 * thread from sleeping, and whoever turns until there is nothing to do from ending.
 */
static int offer_held(struct net *net)
{
    struct list todo;
    struct list *node;
    int work = 0;

    list_init(&todo);
    while ((node = list_first(&net->held)) != NULL)
        list_move_tail(&todo, node);
    while ((node = list_first(&todo)) != NULL) {
        struct tcp_conn *c = CONTAINER_OF(node, struct tcp_conn, node);
        list_move_tail(&net->held, node);
        u32 read = c->rcv_read;
        if (!tcp_offer(net, c) || c->rcv_read != read)
            work++;
    }
    return work;
}

/*
 * Those that found too little in the pool hear of it when there is more, the first ones first;
 * those for whom there is not yet go to the end, some of them in a turn.
 */
static int feed_starved(struct net *net)
{
    struct list *node;
    u32 looks = 0;
    int work = 0;

    while (looks < NET_STARVED_TURN && net->snd_pool.free > 0 &&
           (node = list_first(&net->starved)) != NULL) {
        struct tcp_conn *c = CONTAINER_OF(node, struct tcp_conn, starve_node);
        list_move_tail(&net->starved, node);
        if (tcp_room(net, c) <= c->room_seen) {
            looks++;
            continue;
        }
        list_del(node);
        tcp_wake_writer(net, c);
        work++;
        if (list_is_linked(node)) /* looked again and still wants more: next turn */
            break;
    }
    return work;
}

/*
 * After a turn that was held up, the acknowledgements that would stop a timer may still wait in the
 * device behind what was taken in: timers wait until a turn brings no more frames, for a bounded
 * number of turns. Where all turns are late and all bring frames the timers have one in so many.
 */
static bool must_catch_up(struct net *net)
{
    bool late = net->now_ns - net->polled_ns > NET_STALL_NS;

    if (net->frames_in == 0)
        net->catch_up = 0;
    else if (net->catch_up > 0)
        net->catch_up--;
    else if (late)
        net->catch_up = NET_CATCH_UP;
    net->polled_ns = net->now_ns;
    net->frames_in = 0;
    return net->catch_up > 0;
}

/* The looks that are due, at most NET_TIMERS_TURN. */
static int run_soon(struct net *net)
{
    int work = 0;

    while (work < NET_TIMERS_TURN && net->soon_head != net->soon_tail) {
        const struct net_soon *look = &net->soon[net->soon_head & net->queue_mask];
        if (look->at_ns > net->now_ns)
            break;
        u32 ahead = (net->soon_head + NET_AHEAD) & net->queue_mask; /* any entry will do */
        tcp_prefetch_look(&net->conns[net->soon[ahead].conn]);
        net->soon_head++;
        tcp_soon(net, &net->conns[look->conn], look->at_ns);
        work++;
    }
    return work;
}

static int run_timers(struct net *net)
{
    struct wheel_timer *t;
    int work = 0;

    wheel_advance(&net->wheel, net->now_ns);
    while (work < NET_TIMERS_TURN && (t = wheel_pop(&net->wheel)) != NULL) {
        tcp_timer(net, t);
        work++;
    }
    return work + run_soon(net);
}

int net_poll(struct net *net, u64 now_ns)
{
    int work = 0;

    see_time(net, now_ns);
    if (!must_catch_up(net))
        work = run_timers(net);
    work += offer_held(net);
    work += feed_starved(net);
    return work;
}

int net_flush(struct net *net, u64 now_ns)
{
    u32 end = net->out_tail; /* what is put back meanwhile waits for the next flush */
    int packets = 0;

    see_time(net, now_ns);
    while (net->out_head != end) {
        struct tcp_conn *c = &net->conns[net->out[net->out_head++ & net->queue_mask]];
        c->out_queued = false;
        if (c->name != 0)
            packets += tcp_output(net, c);
    }
    metric_set(&net->conns_used, net_conns(net));
    metric_set(&net->chunks_used, net_chunks_used(net));
    return packets;
}

/* ---- looks ---- */

u32 net_conns(const struct net *net)
{
    return net->conf.conns_max - net->free_used;
}

u32 net_chunks_used(const struct net *net)
{
    return net->snd_pool.total - net->snd_pool.free + net->rcv_pool.total - net->rcv_pool.free;
}
