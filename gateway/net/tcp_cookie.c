/*
 * tcp_cookie.c - SYN cookies (RFC 4987 3.6): answering SYNs without remembering them.
 *
 * Thread: the endpoint's. When half_open_max connections wait for the end of their handshake, a SYN
 * is answered by a SYN|ACK whose sequence number is a keyed hash of everything that must not be
 * forgotten; whoever acknowledges it has seen it, and gets a connection then. So a flood of SYNs
 * from invented addresses costs a hash and a packet each and locks nobody out.
 *
 *   sequence number = SipHash(4-tuple, the peer's own number, 64 s slice, index of its MSS)
 *   timestamp       = ours, its lowest five bits replaced: window scale (15: none), SACK permitted
 *
 * The MSS is found by trying the few of its table; a random ACK hits one of 8 of 2^32 numbers.
 * Without timestamps there is no place for the other options, and none is offered. A cookie lives
 * for 64 to 128 seconds, and ACKs are looked at only that long after the last one left.
 *
 * What it costs the peer: no SYN|ACK comes again when one is lost (its SYN does), and until the
 * first round trip is measured the RTO is the initial one.
 */
#include <string.h>

#include "gateway/net/net_state.h"
#include "gateway/net/siphash.h"
#include "gateway/net/tcp.h"

#define COOKIE_SLICE_NS    (64 * NS_PER_SEC)
#define COOKIE_OPT_BITS    31u
#define COOKIE_WSCALE_BITS 15u
#define COOKIE_NO_WSCALE   15u
#define COOKIE_SACK        16u

/* What a peer's MSS is rounded down to. */
static const u16 mss_table[] = {TCP_MSS_MIN, TCP_MSS_DEFAULT, 1220, 1460};

static u32 mss_index(u16 mss)
{
    u32 i = ARRAY_LEN(mss_table) - 1;

    while (i > 0 && mss_table[i] > mss)
        i--;
    return i;
}

static u32 cookie_of(const struct net *net, const struct tcp_segment *seg, u32 peer_isn, u64 slice,
                     u32 index)
{
    u32 kind = index << 1 | seg->has_ts;
    u64 words[3] = {(u64)net->conf.ipv4 << 32 | seg->src_ipv4,
                    (u64)seg->src_port << 48 | (u64)seg->dst_port << 32 | peer_isn,
                    slice << 8 | kind};

    return (u32)siphash_words(net->isn_key, words, ARRAY_LEN(words));
}

/* The newest timestamp that is not ahead of ours and tells these options. */
static u32 stamp(const struct net *net, const struct tcp_segment *syn)
{
    u32 now = tcp_ts_now(net, tcp_ts_offset(net, syn->src_ipv4, syn->src_port, syn->dst_port));
    u32 opts =
        (syn->has_wscale ? syn->wscale : COOKIE_NO_WSCALE) | (syn->sack_ok ? COOKIE_SACK : 0);
    u32 ts = (now & ~COOKIE_OPT_BITS) | opts;

    return seq_gt(ts, now) ? ts - (COOKIE_OPT_BITS + 1) : ts;
}

void tcp_cookie_send(struct net *net, const struct tcp_segment *syn)
{
    u8 options[TCP_OPTS_MAX];
    u32 mss = syn->mss != 0 ? syn->mss : TCP_MSS_DEFAULT;
    u32 seq = cookie_of(net, syn, syn->seq, net->now_ns / COOKIE_SLICE_NS, mss_index((u16)mss));
    const struct tcp_conn as = {
        .ts_ok = syn->has_ts,
        .sack_ok = syn->has_ts && syn->sack_ok,
        .wscale_ok = syn->has_ts && syn->has_wscale,
        .ts_recent = syn->ts_val,
        .ts_offset = stamp(net, syn) - tcp_ts_now(net, 0),
    };

    net->cookies_until_ns = net->now_ns + 2 * COOKIE_SLICE_NS;
    net_count(net, NET_COOKIES_SENT);
    tcp_answer(net, syn, seq, syn->seq + 1, TCP_SYN | TCP_ACK, options,
               tcp_options_write(net, &as, TCP_SYN | TCP_ACK, options));
}

/* The SYN that `ack` stands for, once the cookie was found to be ours with this MSS. */
static void rebuild(const struct tcp_segment *ack, u32 index, struct tcp_segment *syn)
{
    *syn = *ack;
    syn->seq--;
    syn->ack = 0;
    syn->mss = mss_table[index];
    syn->sack_ok = false;
    syn->has_wscale = false;
    if (!ack->has_ts)
        return;
    u32 wscale = ack->ts_ecr & COOKIE_WSCALE_BITS;
    syn->sack_ok = (ack->ts_ecr & COOKIE_SACK) != 0;
    syn->has_wscale = wscale != COOKIE_NO_WSCALE;
    syn->wscale = (u8)(syn->has_wscale ? wscale : 0);
}

bool tcp_cookie_check(const struct net *net, const struct tcp_segment *ack, struct tcp_segment *syn)
{
    u64 slice = net->now_ns / COOKIE_SLICE_NS;

    if (net->now_ns >= net->cookies_until_ns)
        return false;
    for (u32 age = 0; age < 2; age++) {
        for (u32 i = 0; i < ARRAY_LEN(mss_table); i++) {
            if (cookie_of(net, ack, ack->seq - 1, slice - age, i) == ack->ack - 1) {
                rebuild(ack, i, syn);
                return true;
            }
        }
    }
    return false;
}
