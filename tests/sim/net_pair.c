/*
 * net_pair.c - the two endpoints, their network and their applications; see net_pair.h.
 *
 * An event is a frame that arrives or a tick of 200 us. At an event the endpoint concerned (at a
 * tick both) has its turn as a gateway has: input, poll, application, flush.
 */
#include "tests/sim/net_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "gateway/net/net_state.h"
#include "tests/sim/naive_peer.h"
#include "tests/sim/net_pair_link.h"

u8 pair_stream_byte(const struct pair *p, u32 from, u32 k, u32 at)
{
    u64 word = hash_2u64(p->conf.seed, from << 8 | k, at / 8);

    return (u8)(word >> at % 8 * 8);
}

/* An end's own clock: it may jump once, by some seconds, to either side. */
static u64 end_now(const struct pair *p, const struct end *e)
{
    return p->now_ns + (p->now_ns >= e->jump_at_ns ? (u64)e->jump_ns : 0);
}

/* ---- the applications ---- */

static u32 flow_of(const struct end *e, u64 conn)
{
    for (u32 k = 0; k < e->pair->conns; k++)
        if (e->flows[k].conn == conn)
            return k;
    ASSERT(false); /* a call for a connection that we do not have */
    return 0;
}

static bool up_opened(void *ctx, u64 conn, const struct net_peer *peer)
{
    struct end *e = ctx;
    u32 k = e->index == 0 ? flow_of(e, conn) : peer->port - 20000u;

    ASSERT_LT(k, e->pair->conns);
    ASSERT(!e->flows[k].open);
    e->flows[k].conn = conn;
    e->flows[k].open = true;
    e->opened++;
    return true;
}

static u32 up_data(void *ctx, u64 conn, const u8 *bytes, u32 n)
{
    struct end *e = ctx;
    struct pair *p = e->pair;
    u32 k = flow_of(e, conn);
    struct flow *f = &e->flows[k];
    u32 take = n;

    ASSERT(f->open && !f->done);
    ASSERT_GT(n, 0);
    if (p->now_ns < p->deaf_to_ns || pair_chance(p, p->take_none))
        return 0;
    if (!pair_chance(p, p->take_all))
        take = 1 + pair_below(p, n);
    for (u32 i = 0; i < take; i++)
        ASSERT_EQ(bytes[i], pair_stream_byte(p, !e->index, k, f->got + i));
    f->got += take;
    ASSERT_LE(f->got, p->conf.bytes);
    p->stats.bytes += take;
    return take;
}

static void up_writable(void *ctx, u64 conn)
{
    struct end *e = ctx;

    ASSERT(e->flows[flow_of(e, conn)].open);
}

static void up_closed(void *ctx, u64 conn, enum net_closed why)
{
    struct end *e = ctx;
    struct pair *p = e->pair;
    struct flow *f = &e->flows[flow_of(e, conn)];

    ASSERT(!f->done);
    if (!f->open && !p->reset_run) { /* our SYN was lost too often: once more */
        ASSERT_EQ(e->index, 0);
        f->conn = 0;
        return;
    }
    f->done = true;
    if (!p->reset_run) {
        ASSERT_EQ(why, NET_EOF);
        ASSERT_EQ(f->got, p->conf.bytes);
        ASSERT_EQ(f->sent, p->conf.bytes);
    }
}

static const struct net_up up = {
    .opened = up_opened,
    .data = up_data,
    .writable = up_writable,
    .closed = up_closed,
};

static void app_write(struct end *e, u32 k)
{
    struct pair *p = e->pair;
    struct flow *f = &e->flows[k];
    u8 bytes[4096];
    u32 n = min_u32(p->conf.bytes - f->sent, 1 + pair_below(p, p->write_max));

    n = min_u32(n, net_room(e->net, f->conn));
    for (u32 i = 0; i < n; i++)
        bytes[i] = pair_stream_byte(p, e->index, k, f->sent + i);
    net_send(e->net, f->conn, bytes, n);
    f->sent += n;
}

static void app_turn(struct end *e)
{
    struct pair *p = e->pair;

    for (u32 k = 0; k < p->conns; k++) {
        struct flow *f = &e->flows[k];
        if (e->index == 0 && f->conn == 0 && !f->done)
            f->conn = net_connect(e->net, be32(0x0a000002), PORT, (u16)(20000 + k), end_now(p, e));
        if (!f->open || f->done)
            continue;
        if (f->sent < p->conf.bytes)
            app_write(e, k);
        if (p->reset_run && e->index == 1 && f->got >= p->reset_at) {
            net_close(e->net, f->conn, NET_RESET);
            f->done = true;
        } else if (f->sent == p->conf.bytes && f->got == p->conf.bytes) {
            net_close(e->net, f->conn, NET_FINISH);
            f->done = true;
        }
    }
}

/* ---- a run ---- */

static void choose_faults(struct pair *p)
{
    static const u32 delays_us[] = {20, 100, 500, 2000, 20000, 60000};
    u64 dark_ns = pair_below(p, 4) == 0 ? pair_rnd(p) % (3 * NS_PER_SEC) : 0;

    p->conns = 1 + pair_below(p, CONNS);
    p->delay_ns = delays_us[pair_below(p, ARRAY_LEN(delays_us))] * NS_PER_US;
    p->take_all = 1000;
    p->write_max = 4096;
    if (p->conf.perfect)
        return;
    p->jitter_ns = pair_below(p, 2);
    p->jitter_ns *= pair_rnd(p) % (p->delay_ns + 1);
    p->loss = pair_below(p, 3) == 0 ? 0 : pair_below(p, 150);
    p->dup = pair_below(p, 2);
    p->dup *= pair_below(p, 100);
    p->reorder = pair_below(p, 2);
    p->reorder *= pair_below(p, 200);
    p->corrupt = pair_below(p, 2);
    p->corrupt *= pair_below(p, 60);
    p->refuse = pair_below(p, 3) == 0 ? pair_below(p, 100) : 0;
    p->dark_from_ns = p->start_ns + pair_rnd(p) % NS_PER_SEC;
    p->dark_to_ns = p->dark_from_ns + dark_ns;
    p->take_all = pair_below(p, 2) == 0 ? 1000 : pair_below(p, 1000);
    p->take_none = pair_below(p, 2) == 0 ? 0 : pair_below(p, 950);
    p->write_max = pair_below(p, 2) == 0 ? 4096 : 1 + pair_below(p, 200);
    if (p->write_max < 64)
        p->write_max = 64;
    if (pair_below(p, 8) == 0) /* nobody reads for a while: windows close */
        p->deaf_to_ns = p->start_ns + pair_rnd(p) % (5 * NS_PER_SEC);
    if (pair_below(p, 4) == 0) {
        p->path_mtu = 576 + pair_below(p, 600);
        p->shrinks_at_ns = p->start_ns + pair_rnd(p) % (4 * p->delay_ns + NS_PER_SEC / 4);
        p->stats.shrunk = 1;
    }
    for (u32 i = 0; i < 2 && pair_below(p, 6) == 0; i++) {
        p->ends[i].jump_at_ns = p->start_ns + pair_rnd(p) % NS_PER_SEC;
        p->ends[i].jump_ns = (i64)(pair_rnd(p) % (22 * NS_PER_SEC)) - (i64)(2 * NS_PER_SEC);
        p->stats.jumps = 1;
    }
    p->reset_run = !p->conf.naive && pair_below(p, 10) == 0;
    p->reset_at = pair_below(p, p->conf.bytes + 1);
}

/* Waits until the first connection's sequence numbers will wrap within the first 64 KiB. */
static void choose_wrap(struct pair *p)
{
    u32 isn = tcp_isn(p->ends[0].net, be32(0x0a000002), PORT, 20000);
    u32 wait = 0u - pair_below(p, 65536) - isn;

    if (p->conf.perfect || pair_below(p, 2) == 0)
        return;
    p->start_ns += wait * 4 * NS_PER_US;
    p->now_ns = p->start_ns;
    p->stats.wraps = 1;
}

static void make_end(struct pair *p, u32 index)
{
    struct end *e = &p->ends[index];
    struct net_conf conf;

    net_conf_defaults(&conf);
    conf.mac[0] = 2;
    conf.mac[5] = (u8)(index + 1);
    conf.ipv4 = be32(0x0a000001 + index);
    conf.mtu = (u16)(p->conf.perfect || pair_below(p, 2) == 0 ? 1500 : 576 + pair_below(p, 925));
    conf.conns_max = 8;
    conf.half_open_max = 8;
    conf.chunks = p->conf.perfect || pair_below(p, 3) > 0 ? 256 : 16 + pair_below(p, 60);
    conf.time_wait_ns = 2 * NS_PER_SEC;
    conf.orphan_ns = 1000 * NS_PER_SEC; /* the worst of these networks need many minutes */
    conf.user_timeout_ns = 1000 * NS_PER_SEC;
    if (p->conf.naive) /* without timestamps back-off lasts until a loss-free round trip: Karn */
        conf.rto_max_ns = 4 * NS_PER_SEC;
    if (pair_below(p, 4) == 0)
        conf.tlp_min_ns = 0;
    for (u32 i = 0; i < sizeof conf.secret; i++)
        conf.secret[i] = (u8)pair_rnd(p);
    e->pair = p;
    e->index = (u8)index;
    mem_init(&e->mem, 0);
    e->net = net_new(&e->mem, &conf, &pair_link_ops, e, &up, e, p->now_ns);
    net_listen(e->net, PORT);
    net_accept(e->net, true);
}

static void turn(struct pair *p, struct end *e)
{
    if (e->net == NULL) {
        naive_turn(p);
        return;
    }
    net_poll(e->net, end_now(p, e));
    app_turn(e);
    net_flush(e->net, end_now(p, e));
    net_check(e->net, end_now(p, e));
}

static void arrive(struct pair *p)
{
    struct packet packet = {0};
    u8 to;

    packet.data = pair_link_take(p, &packet.len, &to);
    if (p->ends[to].net == NULL)
        naive_input(p, packet.data, packet.len);
    else
        net_input(p->ends[to].net, &packet, end_now(p, &p->ends[to]));
    free(packet.data);
    turn(p, &p->ends[to]);
}

static bool finished(const struct pair *p)
{
    for (u32 i = 0; i < 2; i++)
        if (p->ends[i].net != NULL && net_conns(p->ends[i].net) != 0)
            return false;
    if (p->naive != NULL)
        return naive_done(p) && p->stats.bytes > 0;
    for (u32 k = 0; k < p->conns; k++)
        if (!p->ends[0].flows[k].done && !(p->reset_run && p->ends[1].flows[k].done))
            return false;
    return true;
}

static void add_counts(struct pair *p, const struct net *net)
{
    const struct metric *s = net->stats;

    p->stats.rtx_segments += metric_get(&s[NET_RTX_SEGMENTS]);
    p->stats.rto += metric_get(&s[NET_RTX_RTO]);
    p->stats.fast += metric_get(&s[NET_RTX_FAST]);
    p->stats.probe += metric_get(&s[NET_RTX_PROBE]);
    p->stats.syn_rtx += metric_get(&s[NET_RTX_SYN]);
    p->stats.undone += metric_get(&s[NET_UNDONE]);
    p->stats.persist += metric_get(&s[NET_PERSIST_PROBES]);
    p->stats.pool_drops += metric_get(&s[NET_DROP_TCP_POOL]) + metric_get(&s[NET_DROP_TCP_RANGES]);
}

/* What must hold at the end, besides what every step checked. */
static void judge(struct pair *p)
{
    const struct net_pair_stats *s = &p->stats;

    for (u32 i = 0; i < 2; i++) {
        const struct net *net = p->ends[i].net;
        if (net == NULL)
            continue;
        ASSERT_EQ(net_conns(net), 0);
        ASSERT_EQ(net_chunks_used(net), 0);
        ASSERT_EQ(net->half_open, 0);
        ASSERT_EQ(net->time_waits, 0);
        ASSERT_EQ(net->wheel.armed, 0);
        ASSERT(net->out_head == net->out_tail && list_empty(&net->held) &&
               list_empty(&net->starved));
        add_counts(p, net);
    }
    for (u32 k = 0; k < p->conns && !p->reset_run; k++)
        for (u32 i = 0; i < 2; i++)
            ASSERT(p->ends[i].net == NULL || p->ends[i].flows[k].got == p->conf.bytes);
    if (p->conf.perfect)
        ASSERT_EQ(s->rtx_segments + s->rto + s->fast + s->syn_rtx, 0);
    /* A fault costs a few segments sent again; delays and reordering at most all of them, twice. */
    u64 faults = s->pool_drops + s->lost + s->corrupted + s->blacked_out + s->refused + s->too_big;
    u64 segments = 2ull * p->conns * (p->conf.bytes / TCP_MSS_MIN);
    ASSERT_LE(s->rtx_segments, s->probe + s->rto + 400 + 4 * faults + 2 * segments);
}

static void add_stats(struct net_pair_stats *to, const struct net_pair_stats *from)
{
    u64 *t = (u64 *)to;
    const u64 *f = (const u64 *)from;

    for (u32 i = 0; i < sizeof *to / sizeof *t; i++)
        t[i] += f[i];
}

void net_pair_run(const struct net_pair_conf *conf, struct net_pair_stats *stats)
{
    struct pair *p = calloc(1, sizeof *p);
    u64 tick_ns;

    p->conf = *conf;
    p->random = conf->seed;
    p->start_ns = START_NS;
    p->now_ns = START_NS;
    pair_link_init(p);
    make_end(p, 0);
    if (!conf->naive)
        make_end(p, 1);
    choose_wrap(p);
    choose_faults(p);
    if (conf->naive)
        naive_init(p);
    tick_ns = p->start_ns;
    while (!finished(p)) {
        ASSERT_LT(p->now_ns, p->start_ns + VIRTUAL_MAX);
        if (pair_link_next_ns(p) <= tick_ns) {
            arrive(p);
            continue;
        }
        p->now_ns = tick_ns;
        turn(p, &p->ends[0]);
        turn(p, &p->ends[1]);
        tick_ns += TICK_NS;
    }
    p->stats.virtual_ns = p->now_ns - p->start_ns;
    p->stats.resets = p->reset_run;
    judge(p);
    add_stats(stats, &p->stats);
    pair_link_free(p);
    for (u32 i = 0; i < 2; i++)
        if (p->ends[i].net != NULL)
            mem_free_all(&p->ends[i].mem);
    free(p->naive);
    free(p);
}

void net_pair_print(const char *title, u64 runs, const struct net_pair_stats *s)
{
    printf("%s: %llu runs, %.1f MB exact, %.0f s virtual\n", title, (unsigned long long)runs,
           (double)s->bytes / 1e6, (double)s->virtual_ns / 1e9);
    printf("  faults: of %llu frames lost %llu, dark %llu, duplicated %llu, reordered %llu, "
           "corrupted %llu, too big %llu, refused %llu\n",
           (unsigned long long)s->frames, (unsigned long long)s->lost,
           (unsigned long long)s->blacked_out, (unsigned long long)s->duplicated,
           (unsigned long long)s->reordered, (unsigned long long)s->corrupted,
           (unsigned long long)s->too_big, (unsigned long long)s->refused);
    printf(
        "  runs: reset %llu, sequence numbers wrapped %llu, clock jumped %llu, path shrank %llu\n",
        (unsigned long long)s->resets, (unsigned long long)s->wraps, (unsigned long long)s->jumps,
        (unsigned long long)s->shrunk);
    printf("  repairs: segments again %llu; rto %llu, fast %llu, tail-loss probes %llu, "
           "persist probes %llu, syn %llu; undone %llu\n",
           (unsigned long long)s->rtx_segments, (unsigned long long)s->rto,
           (unsigned long long)s->fast, (unsigned long long)s->probe,
           (unsigned long long)s->persist, (unsigned long long)s->syn_rtx,
           (unsigned long long)s->undone);
}
