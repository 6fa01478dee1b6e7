/*
 * arp.c - address resolution; arp.h tells the idea.
 *
 * Thread: the endpoint's. What enters: ARP frames, checked here for length and kind. What leaves:
 * replies to requests for our address, requests for addresses that our own connects need. We learn
 * from replies that were sent to us and from requests for us; never from what others tell each
 * other.
 */
#include "gateway/net/arp.h"

#include <string.h>

#include "gateway/net/net_state.h"
#include "gateway/net/wire.h"

static const u8 broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static struct arp_entry *entry_of(struct net *net, u32 ipv4)
{
    return &net->arp.entries[(be32(ipv4) ^ be32(ipv4) >> 8) % ARP_ENTRIES];
}

static void send(struct net *net, u16 op, const u8 *eth_dst, const u8 *target_mac, u32 target_ipv4)
{
    struct packet p;

    if (!net_alloc(net, &p))
        return;
    struct eth_hdr *eth = (void *)p.data;
    struct arp_hdr *arp = (void *)(p.data + sizeof *eth);
    memcpy(eth->dst, eth_dst, 6);
    memcpy(eth->src, net->conf.mac, 6);
    eth->type = be16(ETH_TYPE_ARP);
    *arp = (struct arp_hdr){
        .hw_type = be16(ARP_HW_ETHERNET),
        .proto_type = be16(ETH_TYPE_IPV4),
        .hw_bytes = 6,
        .proto_bytes = 4,
        .op = be16(op),
        .sender_ipv4 = net->conf.ipv4,
        .target_ipv4 = target_ipv4,
    };
    memcpy(arp->sender_mac, net->conf.mac, 6);
    memcpy(arp->target_mac, target_mac, 6);
    p.len = sizeof *eth + sizeof *arp;
    net_transmit(net, &p);
}

/* SYNs that waited go out with the next flush, if it was their address. */
static void wake_waiting(struct net *net)
{
    struct list *node;

    while ((node = list_first(&net->arp_wait)) != NULL) {
        struct tcp_conn *c = CONTAINER_OF(node, struct tcp_conn, node);
        list_del(node);
        tcp_want_output(net, c);
    }
}

bool arp_learn(struct net *net, u32 ipv4, const u8 *mac)
{
    struct arp_entry *e = entry_of(net, ipv4);
    bool news = e->ipv4 != ipv4 || memcmp(e->mac, mac, 6) != 0;

    metric_add(&net->stats[NET_ARP_LEARNED], news);
    e->ipv4 = ipv4;
    memcpy(e->mac, mac, 6);
    wake_waiting(net);
    return news;
}

/*
 * An answer is told even if it is not news here: another endpoint may have asked, whose answer this
 * is.
 */
static void take(struct net *net, const struct arp_hdr *arp)
{
    bool news = arp_learn(net, arp->sender_ipv4, arp->sender_mac);

    if (net->up->neighbour != NULL && (news || arp->op == be16(ARP_REPLY)))
        net->up->neighbour(net->up_ctx, arp->sender_ipv4, arp->sender_mac);
}

/* An address that one machine can have. */
static bool unicast(const u8 *mac)
{
    static const u8 zero[6];

    return (mac[0] & 1) == 0 && memcmp(mac, zero, 6) != 0;
}

void arp_input(struct net *net, const struct packet *p)
{
    struct arp_hdr arp;

    if (p->len < sizeof(struct eth_hdr) + sizeof arp) {
        net_count(net, NET_DROP_SHORT);
        return;
    }
    memcpy(&arp, p->data + sizeof(struct eth_hdr), sizeof arp);
    if (arp.hw_type != be16(ARP_HW_ETHERNET) || arp.proto_type != be16(ETH_TYPE_IPV4) ||
        arp.hw_bytes != 6 || arp.proto_bytes != 4 || !unicast(arp.sender_mac) ||
        (arp.op != be16(ARP_REQUEST) && arp.op != be16(ARP_REPLY))) {
        net_count(net, NET_DROP_ARP);
        return;
    }
    if (arp.target_ipv4 != net->conf.ipv4 || arp.sender_ipv4 == net->conf.ipv4) {
        net_count(net, NET_DROP_NOT_OURS);
        return;
    }
    if (arp.sender_ipv4 != 0) /* 0: a probe for a duplicate address, RFC 5227 */
        take(net, &arp);
    if (arp.op == be16(ARP_REQUEST)) {
        net_count(net, NET_ARP_ANSWERED);
        send(net, ARP_REPLY, arp.sender_mac, arp.sender_mac, arp.sender_ipv4);
    }
}

const u8 *arp_lookup(struct net *net, u32 ipv4)
{
    static const u8 unknown[6];
    const struct arp_entry *e = entry_of(net, ipv4);

    ASSERT_NE(ipv4, 0);
    if (e->ipv4 == ipv4)
        return e->mac;
    send(net, ARP_REQUEST, broadcast, unknown, ipv4);
    return NULL;
}

void arp_forget(struct net *net, u32 ipv4)
{
    struct arp_entry *e = entry_of(net, ipv4);

    if (e->ipv4 == ipv4)
        e->ipv4 = 0;
}

void arp_announce(struct net *net)
{
    static const u8 unknown[6];

    send(net, ARP_REQUEST, broadcast, unknown, net->conf.ipv4);
}

u32 arp_next_hop(const struct net *net, u32 ipv4)
{
    if (((ipv4 ^ net->conf.ipv4) & net->conf.netmask) == 0)
        return ipv4;
    return net->conf.gateway;
}
