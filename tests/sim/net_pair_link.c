/*
 * net_pair_link.c - frames under way: lost, delayed, overtaken, doubled, damaged; see net_pair.h.
 *
 * A frame is in the heap, ordered by the time of its arrival. The last events are kept as text, for
 * the moment in which an invariant breaks.
 */
#include "tests/sim/net_pair_link.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "gateway/net/cksum.h"
#include "gateway/net/tcp_seq.h"
#include "gateway/net/wire.h"

static struct pair *current; /* for the trace of a crash */

/* ---- trace ---- */

static void note(struct pair *p, const char *what, u32 end, const u8 *frame, u32 len)
{
    char *line = p->trace[p->traced++ % TRACE_LINES];
    const struct ipv4_hdr *ip = (const void *)(frame + 14);
    const struct tcp_hdr *t = (const void *)(frame + 34);
    u32 off = len >= 54 ? (u32)(t->data_off >> 4) * 4 : 0;
    u64 us = (p->now_ns - p->start_ns) / 1000;

    if (len < 54)
        snprintf(line, TRACE_COLUMNS, "%9llu.%06llu %s end %u, %u bytes",
                 (unsigned long long)us / 1000000, (unsigned long long)us % 1000000, what, end,
                 len);
    else
        snprintf(line, TRACE_COLUMNS,
                 "%9llu.%06llu %s end %u, %u>%u flags %02x seq %u ack %u win %u len %u",
                 (unsigned long long)us / 1000000, (unsigned long long)us % 1000000, what, end,
                 be16(t->src_port), be16(t->dst_port), t->flags, be32(t->seq), be32(t->ack),
                 be16(t->window), be16(ip->total_len) - 20 - off);
    if (p->conf.trace)
        puts(line);
}

static void on_abort(int signal_number)
{
    char text[160];
    struct pair *p = current;

    (void)signal_number;
    if (p == NULL)
        return;
    for (u64 i = p->traced > TRACE_LINES ? p->traced - TRACE_LINES : 0; i < p->traced; i++)
        fprintf(stderr, "%s\n", p->trace[i % TRACE_LINES]);
    snprintf(text, sizeof text, "net_pair: failed; replay: WB_SEED=%llu WB_TRACE=1 test_net_pair\n",
             (unsigned long long)p->conf.seed);
    fputs(text, stderr);
}

/* ---- the network ---- */

static bool earlier(const struct pair *p, u32 a, u32 b)
{
    const struct flight *x = &p->pool[a];
    const struct flight *y = &p->pool[b];

    return x->due_ns != y->due_ns ? x->due_ns < y->due_ns : x->order < y->order;
}

static void heap_push(struct pair *p, u32 index)
{
    u32 i = p->heap_used++;

    for (; i > 0 && earlier(p, index, p->heap[(i - 1) / 2]); i = (i - 1) / 2)
        p->heap[i] = p->heap[(i - 1) / 2];
    p->heap[i] = index;
}

static u32 heap_pop(struct pair *p)
{
    u32 top = p->heap[0];
    u32 last = p->heap[--p->heap_used];
    u32 i = 0;

    for (u32 child; (child = 2 * i + 1) < p->heap_used; i = child) {
        if (child + 1 < p->heap_used && earlier(p, p->heap[child + 1], p->heap[child]))
            child++;
        if (!earlier(p, p->heap[child], last))
            break;
        p->heap[i] = p->heap[child];
    }
    p->heap[i] = last;
    return top;
}

static struct flight *flight_new(struct pair *p)
{
    ASSERT_GT(p->free_used, 0);
    return &p->pool[p->free[--p->free_used]];
}

static void flight_free(struct pair *p, const struct flight *f)
{
    p->free[p->free_used++] = (u32)(f - p->pool);
}

/* What the device's own check lets through: of ARP nothing, for it has no other. */
static void launch(struct pair *p, struct flight *f)
{
    f->due_ns = p->now_ns + p->delay_ns + (p->jitter_ns > 0 ? pair_rnd(p) % p->jitter_ns : 0);
    if (pair_chance(p, p->reorder))
        f->due_ns += 1 + pair_rnd(p) % (4 * p->delay_ns + NS_PER_MS);
    if (f->due_ns < p->last_due_ns[f->to])
        p->stats.reordered++;
    p->last_due_ns[f->to] = max_u64(p->last_due_ns[f->to], f->due_ns);
    f->order = p->order++;
    if (pair_chance(p, p->corrupt) && f->bytes[12] == 0x08 && f->bytes[13] == 0) {
        u32 bit = pair_below(p, (f->len - 14) * 8);
        p->stats.corrupted++;
        f->bytes[14 + bit / 8] ^= (u8)(1 << bit % 8);
    }
    heap_push(p, (u32)(f - p->pool));
}

/*
 * A router drops a frame that does not fit the path and tells its sender: RFC 1191. That message
 * can get lost like any other.
 */
static void tell_too_big(struct pair *p, const struct flight *f)
{
    struct flight *told = flight_new(p);
    struct eth_hdr *eth = (void *)told->bytes;
    struct ipv4_hdr *ip = (void *)(told->bytes + sizeof *eth);
    struct icmp_hdr *icmp = (void *)(ip + 1);
    const u32 quote = sizeof *ip + ICMP_UNREACH_QUOTED_TCP;

    memset(told->bytes, 0, sizeof *eth + sizeof *ip + sizeof *icmp + quote);
    memcpy(eth->dst, f->bytes + 6, 6);
    eth->src[0] = 2;
    eth->src[5] = 9;
    eth->type = be16(ETH_TYPE_IPV4);
    *ip = (struct ipv4_hdr){.version_ihl = IP_VERSION_IHL,
                            .total_len = be16((u16)(sizeof *ip + sizeof *icmp + quote)),
                            .ttl = 64,
                            .proto = IP_PROTO_ICMP,
                            .src = be32(0x0a0000fe)};
    memcpy(&ip->dst, f->bytes + 26, 4);
    ip->cksum = cksum_fold(cksum_add(0, ip, sizeof *ip));
    icmp->type = ICMP_UNREACHABLE;
    icmp->code = ICMP_UNREACH_FRAG;
    icmp->seq = be16((u16)p->path_mtu);
    memcpy(icmp + 1, f->bytes + 14, quote);
    icmp->cksum = cksum_fold(cksum_add(0, icmp, sizeof *icmp + quote));
    told->len = (u32)(sizeof *eth + sizeof *ip + sizeof *icmp) + quote;
    told->to = !f->to;
    launch(p, told);
}

static bool too_big(const struct pair *p, const struct flight *f)
{
    return p->path_mtu != 0 && p->now_ns >= p->shrinks_at_ns && f->len > 14 + p->path_mtu;
}

static bool dark(const struct pair *p)
{
    return p->now_ns >= p->dark_from_ns && p->now_ns < p->dark_to_ns;
}

static bool packet_alloc(void *ctx, struct packet *packet)
{
    struct end *e = ctx;
    struct pair *p = e->pair;

    if (pair_chance(p, p->refuse) || p->free_used < 2) {
        p->stats.refused++;
        return false;
    }
    ASSERT(e->writing == NULL);
    e->writing = flight_new(p);
    packet->handle = e->writing;
    packet->data = e->writing->bytes;
    packet->room = FRAME_BYTES;
    return true;
}

/* What leaves of ours never goes beyond the farthest window that was ever told, lost or not. */
static void check_window(struct end *e, const u8 *frame, u32 len)
{
    const struct ipv4_hdr *ip = (const void *)(frame + 14);
    const struct tcp_hdr *t = (const void *)(frame + 34);

    if (len < 54 || ip->proto != IP_PROTO_TCP)
        return;
    struct end *peer = &e->pair->ends[!e->index];
    u32 k = (e->index == 0 ? be16(t->src_port) : be16(t->dst_port)) - 20000u;
    u32 bytes = be16(ip->total_len) - 20u - (u32)(t->data_off >> 4) * 4;
    u32 end = be32(t->seq) + bytes + ((t->flags & TCP_FIN) != 0);
    u32 edge = be32(t->ack) + be16(t->window); /* nobody here scales */
    ASSERT_LT(k, CONNS);
    if (e->net != NULL && end != be32(t->seq))
        ASSERT(peer->told[k] && seq_le(end, peer->edge[k]));
    if ((t->flags & TCP_SYN) != 0) { /* a new connection, or the old one's SYN again */
        e->told[k] &= e->isn[k] == be32(t->seq);
        e->isn[k] = be32(t->seq);
    }
    if ((t->flags & TCP_ACK) == 0)
        return;
    e->edge[k] = e->told[k] ? seq_max(e->edge[k], edge) : edge;
    e->told[k] = true;
}

static void packet_transmit(void *ctx, struct packet *packet)
{
    struct end *e = ctx;
    struct pair *p = e->pair;
    struct flight *f = packet->handle;

    ASSERT(f == e->writing);
    e->writing = NULL;
    f->len = packet->len;
    f->to = !e->index;
    p->stats.frames++;
    check_window(e, f->bytes, f->len);
    if (dark(p) || pair_chance(p, p->loss)) {
        note(p, "LOST", e->index, f->bytes, f->len);
        dark(p) ? p->stats.blacked_out++ : p->stats.lost++;
        flight_free(p, f);
        return;
    }
    if (too_big(p, f)) {
        note(p, "BIG ", e->index, f->bytes, f->len);
        p->stats.too_big++;
        tell_too_big(p, f);
        flight_free(p, f);
        return;
    }
    note(p, "sent", e->index, f->bytes, f->len);
    if (pair_chance(p, p->dup)) {
        struct flight *twin = flight_new(p);
        *twin = *f;
        p->stats.duplicated++;
        launch(p, twin);
    }
    launch(p, f);
}

const struct packet_ops pair_link_ops = {.alloc = packet_alloc, .transmit = packet_transmit};

/* ---- for net_pair.c ---- */

void pair_link_init(struct pair *p)
{
    p->pool = calloc(FRAMES_MAX, sizeof *p->pool);
    for (u32 i = 0; i < FRAMES_MAX; i++)
        p->free[p->free_used++] = i;
    current = p;
    signal(SIGABRT, on_abort);
    if (p->conf.trace)
        setvbuf(stdout, NULL, _IOLBF, 0);
}

void pair_link_free(struct pair *p)
{
    current = NULL;
    free(p->pool);
}

u64 pair_link_next_ns(const struct pair *p)
{
    return p->heap_used > 0 ? p->pool[p->heap[0]].due_ns : UINT64_MAX;
}

u8 *pair_link_take(struct pair *p, u32 *len, u8 *to)
{
    struct flight *f = &p->pool[heap_pop(p)];
    u8 *copy = malloc(f->len); /* exactly as long as it is: ASan sees any step beyond */

    p->now_ns = max_u64(p->now_ns, f->due_ns);
    note(p, "  in", f->to, f->bytes, f->len);
    memcpy(copy, f->bytes, f->len);
    *len = f->len;
    *to = f->to;
    flight_free(p, f);
    return copy;
}
