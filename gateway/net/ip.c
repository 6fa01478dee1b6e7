/*
 * ip.c - IPv4 in and out; ip.h tells how little of it there is.
 *
 * Thread: the endpoint's. What enters: frames of type 0x0800 of any length and content. Lengths are
 * checked first, then values; each kind of refusal has its counter. Options and fragments are
 * refused: no client of ours sends them, and both are roads for attacks (RFC 7126, RFC 8900).
 */
#include "gateway/net/ip.h"

#include <string.h>

#include "gateway/net/cksum.h"
#include "gateway/net/icmp.h"
#include "gateway/net/net_state.h"
#include "gateway/net/wire.h"

bool ip_unicast(u32 ipv4)
{
    u8 first = (u8)(be32(ipv4) >> 24);

    return first != 0 && first != 127 && first < 224;
}

bool ip_broadcast(const struct net *net, u32 ipv4)
{
    u32 hosts = ~net->conf.netmask;

    return be32(hosts) > 1 && ipv4 == (net->conf.ipv4 | hosts);
}

/* Good by the device's word, or by our own sum. */
static bool cksum_good(const struct packet *p, const struct ipv4_hdr *ip)
{
    if (p->ip_cksum != PACKET_CKSUM_UNKNOWN)
        return p->ip_cksum == PACKET_CKSUM_GOOD;
    return cksum_fold(cksum_add(0, ip, sizeof *ip)) == 0;
}

/* Why a header is refused; NET_STAT_COUNT: it is fine. `room` bytes follow the Ethernet header. */
static enum net_stat refuse_reason(const struct net *net, const struct packet *p,
                                   const struct ipv4_hdr *ip, u32 room)
{
    u32 total = be16(ip->total_len);

    if (ip->version_ihl >> 4 != 4 || (ip->version_ihl & 15) < 5)
        return NET_DROP_IP_VERSION;
    if (ip->version_ihl != IP_VERSION_IHL)
        return NET_DROP_IP_OPTIONS;
    if (total < sizeof *ip || total > room)
        return NET_DROP_IP_LENGTH;
    if (!cksum_good(p, ip))
        return NET_DROP_IP_CKSUM;
    if ((be16(ip->frag) & (IP_MF | IP_OFFSET_MASK)) != 0)
        return NET_DROP_IP_FRAGMENT;
    if (ip->dst != net->conf.ipv4)
        return NET_DROP_NOT_OURS;
    if (!ip_unicast(ip->src) || ip->src == net->conf.ipv4 || ip_broadcast(net, ip->src))
        return NET_DROP_IP_SOURCE;
    return NET_STAT_COUNT;
}

void ip_input(struct net *net, const struct packet *p)
{
    const struct eth_hdr *eth = (const void *)p->data;
    const struct ipv4_hdr *ip = (const void *)(p->data + sizeof *eth);

    if (p->len < sizeof *eth + sizeof *ip) {
        net_count(net, NET_DROP_SHORT);
        return;
    }
    if (memcmp(eth->dst, net->conf.mac, 6) != 0) { /* RFC 1122 3.3.6: nothing by broadcast */
        net_count(net, NET_DROP_NOT_OURS);
        return;
    }
    enum net_stat why = refuse_reason(net, p, ip, p->len - (u32)sizeof *eth);
    if (UNLIKELY(why != NET_STAT_COUNT)) {
        net_count(net, why);
        return;
    }
    u32 payload = be16(ip->total_len) - (u32)sizeof *ip;
    if (LIKELY(ip->proto == IP_PROTO_TCP))
        tcp_input(net, p, payload);
    else if (ip->proto == IP_PROTO_ICMP)
        icmp_input(net, p, payload);
    else
        net_count(net, NET_DROP_IP_PROTO);
}

void ip_write(const struct net *net, struct packet *p, const u8 *dst_mac, u32 dst, u8 proto,
              u32 payload)
{
    struct eth_hdr *eth = (void *)p->data;
    struct ipv4_hdr *ip = (void *)(p->data + sizeof *eth);

    ASSERT_LE(sizeof *ip + payload, net->conf.mtu);
    memcpy(eth->dst, dst_mac, 6);
    memcpy(eth->src, net->conf.mac, 6);
    eth->type = be16(ETH_TYPE_IPV4);
    *ip = (struct ipv4_hdr){
        .version_ihl = IP_VERSION_IHL,
        .total_len = be16((u16)(sizeof *ip + payload)),
        .frag = be16(IP_DF), /* never fragmented, so the id may be 0: RFC 6864 */
        .tos = (u8)(net->conf.dscp << 2),
        .ttl = net->conf.ttl,
        .proto = proto,
        .src = net->conf.ipv4,
        .dst = dst,
    };
    p->len = (u32)(sizeof *eth + sizeof *ip) + payload;
    p->l3_bytes = sizeof *ip;
    if ((net->conf.tx_cksum & PACKET_TX_CKSUM_IP) != 0)
        p->tx_cksum |= PACKET_TX_CKSUM_IP;
    else
        ip->cksum = cksum_fold(cksum_add(0, ip, sizeof *ip));
}
