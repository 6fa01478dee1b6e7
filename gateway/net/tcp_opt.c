/*
 * tcp_opt.c - TCP options in and out (RFC 9293 3.1, 7323, 2018).
 *
 * Thread: the endpoint's. What enters: up to 40 bytes of anything. An option's length is believed
 * only between 2 and what is left of the header; anything else ends parsing at once, so each step
 * goes forward by at least one byte.
 */
#include <string.h>

#include "gateway/net/net_state.h"
#include "gateway/net/tcp.h"

static u16 get16(const u8 *p)
{
    return (u16)(p[0] << 8 | p[1]);
}

static u32 get32(const u8 *p)
{
    return (u32)get16(p) << 16 | get16(p + 2);
}

static void put16(u8 *p, u16 x)
{
    x = be16(x);
    memcpy(p, &x, 2);
}

static void put32(u8 *p, u32 x)
{
    x = be32(x);
    memcpy(p, &x, 4);
}

static void take_sacks(const u8 *body, u32 bytes, struct tcp_segment *seg)
{
    u32 n = min_u32(bytes / 8, (u32)ARRAY_LEN(seg->sacks));

    for (u32 i = 0; i < n; i++)
        seg->sacks[i] =
            (struct tcp_range){.start = get32(body + 8 * i), .end = get32(body + 8 * i + 4)};
    seg->sacks_used = (u8)n;
}

/* One option of `len` bytes, kind and length included; a known one of a wrong length is ignored. */
static void take_option(const u8 *opt, u32 len, struct tcp_segment *seg)
{
    switch (opt[0]) {
    case TCP_OPT_MSS:
        if (len == 4)
            seg->mss = get16(opt + 2);
        break;
    case TCP_OPT_WSCALE:
        if (len == 3) {
            seg->has_wscale = true;
            seg->wscale = opt[2] > TCP_WSCALE_MAX ? TCP_WSCALE_MAX : opt[2];
        }
        break;
    case TCP_OPT_SACK_OK:
        if (len == 2)
            seg->sack_ok = true;
        break;
    case TCP_OPT_SACK:
        if (len % 8 == 2)
            take_sacks(opt + 2, len - 2, seg);
        break;
    case TCP_OPT_TIMESTAMP:
        if (len == 10) {
            seg->has_ts = true;
            seg->ts_val = get32(opt + 2);
            seg->ts_ecr = get32(opt + 6);
        }
        break;
    default: /* unknown ones are skipped by their length: RFC 9293, MUST-6 */
        break;
    }
}

bool tcp_options_parse(const u8 *bytes, u32 n, struct tcp_segment *seg)
{
    u32 at = 0;

    ASSERT_LE(n, TCP_OPTS_MAX);
    while (at < n && bytes[at] != TCP_OPT_END) {
        if (bytes[at] == TCP_OPT_NOP) {
            at++;
            continue;
        }
        if (n - at < 2 || bytes[at + 1] < 2 || bytes[at + 1] > n - at)
            return false;
        take_option(bytes + at, bytes[at + 1], seg);
        at += bytes[at + 1];
    }
    return true;
}

u32 tcp_ts_now(const struct net *net, u32 ts_offset)
{
    return (u32)(net->now_ns / NS_PER_MS) + ts_offset;
}

static u32 write_timestamp(const struct net *net, const struct tcp_conn *c, u8 *out)
{
    out[0] = TCP_OPT_NOP;
    out[1] = TCP_OPT_NOP;
    out[2] = TCP_OPT_TIMESTAMP;
    out[3] = 10;
    put32(out + 4, tcp_ts_now(net, c->ts_offset));
    put32(out + 8, c->ts_recent);
    return TCP_TS_BYTES;
}

/* A SYN offers everything; a SYN|ACK only what the peer offered (the _ok flags say which). */
static u32 write_syn(const struct net *net, const struct tcp_conn *c, u8 flags, u8 *out)
{
    bool offer = (flags & TCP_ACK) == 0;
    u32 n = 4;

    out[0] = TCP_OPT_MSS;
    out[1] = 4;
    put16(out + 2, (u16)(net->conf.mtu - sizeof(struct ipv4_hdr) - sizeof(struct tcp_hdr)));
    if (offer || c->ts_ok)
        n += write_timestamp(net, c, out + n);
    if (offer || c->sack_ok) {
        memcpy(out + n, (u8[]){TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_SACK_OK, 2}, 4);
        n += 4;
    }
    if (offer || c->wscale_ok) {
        memcpy(out + n, (u8[]){TCP_OPT_NOP, TCP_OPT_WSCALE, 3, TCP_WSCALE_OURS}, 4);
        n += 4;
    }
    return n;
}

/* Blocks that fit beside the timestamps: 3 with them, 4 without. */
static u32 sack_blocks(const struct tcp_conn *c)
{
    return c->sack_ok ? min_u32(c->owes_dsack + c->ranges_used, c->ts_ok ? 3 : 4) : 0;
}

u32 tcp_options_bytes(const struct tcp_conn *c)
{
    u32 blocks = sack_blocks(c);

    return (c->ts_ok ? TCP_TS_BYTES : 0) + (blocks > 0 ? 4 + 8 * blocks : 0);
}

/*
 * First what came twice (RFC 2883 section 4), then the block with the newest segment (RFC 2018
 * section 4), then the others.
 */
static u32 write_sacks(const struct tcp_conn *c, u32 blocks, u8 *out)
{
    struct tcp_range twice = {.start = c->dsack_start, .end = c->dsack_end};
    u32 first = c->owes_dsack;

    out[0] = TCP_OPT_NOP;
    out[1] = TCP_OPT_NOP;
    out[2] = TCP_OPT_SACK;
    out[3] = (u8)(2 + 8 * blocks);
    for (u32 i = 0; i < blocks; i++) {
        const struct tcp_range *r =
            i < first ? &twice : &c->ranges[(c->range_newest + i - first) % c->ranges_used];
        put32(out + 4 + 8 * i, r->start);
        put32(out + 8 + 8 * i, r->end);
    }
    return 4 + 8 * blocks;
}

u32 tcp_options_write(const struct net *net, const struct tcp_conn *c, u8 flags, u8 *out)
{
    u32 blocks = sack_blocks(c);
    u32 n = 0;

    if ((flags & TCP_SYN) != 0)
        return write_syn(net, c, flags, out);
    if (c->ts_ok)
        n += write_timestamp(net, c, out);
    if (blocks > 0)
        n += write_sacks(c, blocks, out + n);
    ASSERT_LE(n, TCP_OPTS_MAX);
    return n;
}
