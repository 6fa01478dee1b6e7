/*
 * icmp.c - ICMP in, and echo replies out.
 *
 * Thread: the endpoint's. What enters: ICMP messages of any content behind a checked IPv4 header.
 * Errors are attacks until proven otherwise: one counts only if it quotes a segment that is in
 * flight on one of our connections (RFC 5927 4.1), a hard one ends a connection only before it is
 * established (5.2), and "fragmentation needed" only makes segments smaller, and only if the quoted
 * packet was really larger than the MTU that it tells (7.2).
 */
#include "gateway/net/icmp.h"

#include <string.h>

#include "gateway/net/cksum.h"
#include "gateway/net/ip.h"
#include "gateway/net/net_state.h"
#include "gateway/net/wire.h"

/* What an error quotes: the head of a packet of ours. */
struct quote {
    struct ipv4_hdr ip;
    u16 src_port;
    u16 dst_port;
    u32 seq;
} PACKED;
_Static_assert(sizeof(struct quote) == sizeof(struct ipv4_hdr) + ICMP_UNREACH_QUOTED_TCP,
               "RFC 792: header and 64 bits");

static void answer_echo(struct net *net, const struct packet *in, const struct icmp_hdr *icmp,
                        u32 bytes)
{
    const struct eth_hdr *eth = (const void *)in->data;
    const struct ipv4_hdr *ip = (const void *)(in->data + sizeof *eth);
    struct packet p;

    if (sizeof *ip + bytes > net->conf.mtu) { /* we do not fragment */
        net_count(net, NET_DROP_ICMP);
        return;
    }
    if (!net_alloc(net, &p))
        return;
    ip_write(net, &p, eth->src, ip->src, IP_PROTO_ICMP, bytes);
    struct icmp_hdr *out = (void *)(p.data + sizeof *eth + sizeof *ip);
    memcpy(out, icmp, bytes);
    out->type = ICMP_ECHO_REPLY;
    out->cksum = 0;
    out->cksum = cksum_fold(cksum_add(0, out, bytes));
    net_count(net, NET_ECHO_ANSWERED);
    net_transmit(net, &p);
}

/* ---- path MTU: RFC 1191, with the care of RFC 5927 section 7 ---- */

/* Segments of at most that from now on. */
static void believe_mtu(struct tcp_conn *c, u32 mtu)
{
    const u32 headers = sizeof(struct ipv4_hdr) + sizeof(struct tcp_hdr);

    c->mss = (u16)max_u32(mtu > headers ? mtu - headers : 0, TCP_MSS_MIN);
    c->held_mtu = 0;
    c->big_sent = 0;
    c->big_acked = 0;
    c->mtu_open = false;
}

void tcp_mtu_acked(struct tcp_conn *c)
{
    if (c->big_acked != c->big_sent && seq_ge(c->snd_una, c->big_end))
        c->big_acked = c->big_sent;
    if (c->held_mtu != 0 && seq_gt(c->snd_una, c->held_seq))
        c->held_mtu = 0; /* it arrived: the message was a lie, or of another path */
    c->mtu_open = c->held_mtu != 0 || c->big_acked != c->big_sent;
}

void tcp_mtu_timeout(struct tcp_conn *c)
{
    if (c->held_mtu != 0 && seq_le(c->snd_una, c->held_seq))
        believe_mtu(c, c->held_mtu);
}

/*
 * "Fragmentation needed" counts only against a packet that was really larger. While nothing larger
 * than the MTU that it tells was ever acknowledged, it is believed at once, and what is in flight
 * goes out again in that size. After that the path must confirm it, by a timeout of the segment
 * that it quotes: who guesses sequence numbers cannot make segments small.
 */
static void shrink_mtu(struct net *net, struct tcp_conn *c, const struct quote *q, u32 mtu)
{
    const u32 headers = sizeof(struct ipv4_hdr) + sizeof(struct tcp_hdr);

    if (be16(q->ip.total_len) <= mtu || mtu >= c->mss + headers || c->mss <= TCP_MSS_MIN)
        return;
    if (mtu < c->big_acked) {
        net_count(net, NET_ICMP_HELD);
        c->held_mtu = (u16)max_u32(mtu, 1);
        c->held_seq = be32(q->seq);
        c->mtu_open = true;
        return;
    }
    believe_mtu(c, mtu);
    if (!tcp_synchronized(c))
        return;
    tcp_recover_resize(net, c);
}

/* ---- errors ---- */

/* RFC 792: host, net and so on; RFC 1122 4.2.3.9 says of which TCP must hear. */
static bool is_error(const struct icmp_hdr *icmp)
{
    return icmp->type == ICMP_UNREACHABLE || icmp->type == ICMP_TIME_EXCEEDED ||
           icmp->type == ICMP_PARAMETER;
}

static void take_error(struct net *net, const struct icmp_hdr *icmp, const struct quote *q)
{
    struct tcp_conn *c = NULL;

    if (q->ip.version_ihl == IP_VERSION_IHL && q->ip.proto == IP_PROTO_TCP &&
        q->ip.src == net->conf.ipv4)
        c = tcp_find(net, q->ip.dst, be16(q->dst_port), be16(q->src_port));
    if (c == NULL || seq_lt(be32(q->seq), c->snd_una) || seq_ge(be32(q->seq), c->snd_max)) {
        net_count(net, NET_DROP_ICMP_STRANGER);
        return;
    }
    net_count(net, NET_ICMP_ERRORS);
    c->icmp_errors++;
    c->icmp_type = icmp->type;
    c->icmp_code = icmp->code;
    if (icmp->type != ICMP_UNREACHABLE)
        return; /* soft: the application may look at it, nothing ends */
    if (icmp->code == ICMP_UNREACH_FRAG)
        shrink_mtu(net, c, q, be16(icmp->seq));
    else if ((icmp->code == ICMP_UNREACH_PROTO || icmp->code == ICMP_UNREACH_PORT) &&
             !tcp_synchronized(c))
        tcp_drop(net, c);
}

void icmp_input(struct net *net, const struct packet *p, u32 bytes)
{
    const struct icmp_hdr *icmp =
        (const void *)(p->data + sizeof(struct eth_hdr) + sizeof(struct ipv4_hdr));
    struct quote q;

    if (bytes < sizeof *icmp || cksum_fold(cksum_add(0, icmp, bytes)) != 0) {
        net_count(net, NET_DROP_ICMP);
        return;
    }
    if (icmp->type == ICMP_ECHO && icmp->code == 0) {
        answer_echo(net, p, icmp, bytes);
        return;
    }
    if (!is_error(icmp)) { /* source quench among them: RFC 9293 MUST-55 */
        net_count(net, NET_DROP_ICMP_TYPE);
        return;
    }
    if (bytes < sizeof *icmp + sizeof q) {
        net_count(net, NET_DROP_ICMP);
        return;
    }
    memcpy(&q, icmp + 1, sizeof q);
    take_error(net, icmp, &q);
}
