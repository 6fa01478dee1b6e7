/*
 * port_open.c - the opening and closing of ports (port.h). Cold.
 *
 * Thread: the one that starts the process. Failure modes: whatever DPDK or a driver refuses becomes
 * one line for the operator, and everything taken so far is given back.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "engine/base/limits.h"
#include "gateway/port_impl.h"

#define FRAMES_DEFAULT 1024u
#define CACHE_FRAMES   256u  /* of a thread's cache of free buffers */
#define POOL_SLACK     4096u /* what a driver keeps: AF_XDP fills its ring with so many */
#define DATA_ROOM_MIN  2048u

static u64 offloads_rx(const struct port *p, const struct rte_eth_dev_info *info)
{
    u64 wanted = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;

    return p->no_offloads ? 0 : info->rx_offload_capa & wanted;
}

static u64 offloads_tx(struct port *p, const struct rte_eth_dev_info *info)
{
    u64 wanted = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
    u64 got = p->no_offloads ? 0 : info->tx_offload_capa & wanted;

    p->tx_cksum = 0;
    if ((got & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0)
        p->tx_cksum |= PACKET_TX_CKSUM_IP;
    if ((got & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) != 0)
        p->tx_cksum |= PACKET_TX_CKSUM_TCP;
    return got;
}

/*
 * Asks for hashing over the 4-tuple where there is something to spread and the device can. Not all
 * drivers say how long their key is (0); what goes by another key after all is handed over.
 */
static void ask_for_rss(struct port *p, const struct rte_eth_dev_info *info,
                        struct rte_eth_conf *conf)
{
    u64 flows = info->flow_type_rss_offloads & RTE_ETH_RSS_NONFRAG_IPV4_TCP;

    p->rss = p->queues_used > 1 && flows != 0 &&
             (info->hash_key_size == RSS_KEY_BYTES || info->hash_key_size == 0);
    if (!p->rss)
        return;
    conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf->rx_adv_conf.rss_conf.rss_hf = flows;
    conf->rx_adv_conf.rss_conf.rss_key = (u8 *)(uintptr_t)rss_key; /* only read */
    conf->rx_adv_conf.rss_conf.rss_key_len = RSS_KEY_BYTES;
}

/* The device's table, in groups of 64, each with a mask of the entries that are meant. */
struct reta {
    struct rte_eth_rss_reta_entry64 group[RSS_TABLE_MAX / RTE_ETH_RETA_GROUP_SIZE];
};

static u16 *reta_entry(struct reta *t, u32 i)
{
    struct rte_eth_rss_reta_entry64 *group = &t->group[i / RTE_ETH_RETA_GROUP_SIZE];

    group->mask |= 1ull << i % RTE_ETH_RETA_GROUP_SIZE;
    return &group->reta[i % RTE_ETH_RETA_GROUP_SIZE];
}

/* The queues in turn, in as many entries as the device has; 128 if it has none of its own. */
static void table_settle(struct port *p)
{
    struct rte_eth_dev_info info;
    u32 n = RSS_TABLE;

    if (p->rss && rte_eth_dev_info_get(p->device, &info) == 0 && info.reta_size > 0 &&
        info.reta_size <= RSS_TABLE_MAX)
        n = info.reta_size;
    for (u32 i = 0; i < n; i++)
        p->rss_table[i] = (u16)(i % p->queues_used);
    p->rss_table_used = (u16)n;
}

/* Whether the device spreads by our table: it was told to, or it does so anyway. */
static bool reta_ours(struct port *p)
{
    struct reta told = {0}, kept = {0};

    for (u32 i = 0; i < p->rss_table_used; i++) {
        *reta_entry(&told, i) = p->rss_table[i];
        *reta_entry(&kept, i) = UINT16_MAX;
    }
    rte_eth_dev_rss_reta_update(p->device, told.group, p->rss_table_used);
    if (rte_eth_dev_rss_reta_query(p->device, kept.group, p->rss_table_used) != 0)
        return false;
    for (u32 i = 0; i < p->rss_table_used; i++)
        if (*reta_entry(&kept, i) != p->rss_table[i])
            return false;
    return true;
}

/*
 * Settles the table from hash to queue, once in the port's life, and has the device spread flows by
 * it, at the start and after a reset, if it can.
 */
static void rss_spread(struct port *p)
{
    if (p->rss_table_used == 0)
        table_settle(p);
    p->steers = p->rss && reta_ours(p);
}

static int queues_setup(struct port *p, const struct rte_eth_dev_info *info)
{
    int socket = rte_eth_dev_socket_id(p->device);
    int rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->device, &p->rx_frames, &p->tx_frames);

    if (rc == -ENOTSUP)
        rc = 0;
    for (u16 i = 0; i < p->queues_used && rc == 0; i++) {
        rc = rte_eth_rx_queue_setup(p->device, i, p->rx_frames, (unsigned)socket,
                                    &info->default_rxconf, p->queues[i].pool);
        if (rc == 0)
            rc = rte_eth_tx_queue_setup(p->device, i, p->tx_frames, (unsigned)socket,
                                        &info->default_txconf);
    }
    return rc;
}

int port_configure(struct port *p)
{
    struct rte_eth_dev_info info;
    struct rte_eth_conf conf = {0};
    int rc = rte_eth_dev_info_get(p->device, &info);

    if (rc != 0)
        return rc;
    conf.rxmode.offloads = offloads_rx(p, &info);
    conf.txmode.offloads = offloads_tx(p, &info);
    info.default_rxconf.offloads = 0;
    info.default_txconf.offloads = 0;
    conf.intr_conf.lsc = (*info.dev_flags & RTE_ETH_DEV_INTR_LSC) != 0;
    ask_for_rss(p, &info, &conf);
    conf.rxmode.mtu = p->mtu;
    rc = rte_eth_dev_configure(p->device, p->queues_used, p->queues_used, &conf);
    if (rc == 0 && p->mtu_chosen)
        rc = rte_eth_dev_set_mtu(p->device, p->mtu);
    if (rc == 0)
        rc = queues_setup(p, &info);
    if (rc == 0)
        rc = rte_eth_dev_start(p->device);
    if (rc == 0)
        rss_spread(p);
    p->started = rc == 0;
    return rc;
}

/* DPDK's number of the device that was just probed; false: the driver made none. */
static bool find_device(struct port *p)
{
    return rte_eth_dev_get_port_by_name(p->name, &p->device) == 0;
}

static bool probe(struct port *p, const char *device, char *error, u32 error_bytes)
{
    size_t n = strcspn(device, ",");

    if (n == 0 || n >= sizeof p->name) {
        snprintf(error, error_bytes, "%s: not the name of a DPDK device", device);
        return false;
    }
    memcpy(p->name, device, n);
    p->name[n] = '\0';
    if (find_device(p)) /* a PCI device: the environment has taken it */
        return true;
    int rc = rte_dev_probe(device);
    if (rc == 0 && find_device(p))
        return true;
    snprintf(error, error_bytes, "%s: DPDK cannot open this device: %s", device,
             rc < 0 ? rte_strerror(-rc) : "no driver for it");
    return false;
}

static bool pools_make(struct port *p, struct mem *m)
{
    u32 room = RTE_PKTMBUF_HEADROOM + PACKET_FRAME_BYTES(p->mtu) + 4; /* with a VLAN tag */
    u32 handed = (p->queues_used - 1u) * HANDOVER_RING_SLOTS; /* on their way to other agents */
    u32 frames = p->rx_frames + p->tx_frames + 2 * CACHE_FRAMES + POOL_SLACK + handed;
    int socket = rte_eth_dev_socket_id(p->device);
    char name[RTE_MEMPOOL_NAMESIZE];

    room = room < DATA_ROOM_MIN + RTE_PKTMBUF_HEADROOM ? DATA_ROOM_MIN + RTE_PKTMBUF_HEADROOM
                                                       : (room + 63) & ~63u;
    p->queues = mem_alloc(m, p->queues_used * sizeof p->queues[0], CACHE_LINE);
    for (u16 i = 0; i < p->queues_used; i++) {
        struct port_queue *q = &p->queues[i];
        q->port = p;
        q->device = p->device;
        q->index = i;
        snprintf(name, sizeof name, "frames_%u_%u", p->device, i);
        q->pool = rte_pktmbuf_pool_create(name, frames, CACHE_FRAMES, 0, (u16)room, socket);
        if (q->pool == NULL)
            return false;
    }
    return true;
}

static int on_event(u16 device, enum rte_eth_event_type event, void *arg_port, void *result)
{
    struct port *p = arg_port;

    (void)device;
    (void)result;
    /* Any thread of DPDK's: port_tick looks at the flags. They order nothing else: relaxed. */
    if (event == RTE_ETH_EVENT_INTR_LSC)
        atomic_store_explicit(&p->link_changed, true, memory_order_relaxed);
    else
        atomic_store_explicit(&p->reset_wanted, true, memory_order_relaxed);
    return 0;
}

/* The MTU of the kernel's interface under a virtual device, whose driver says 1500 whatever it is.
 * 0: there is no such interface. */
static u32 kernel_mtu(u32 if_index)
{
    struct ifreq request = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool known = fd >= 0 && if_index != 0 && if_indextoname(if_index, request.ifr_name) != NULL &&
                 ioctl(fd, SIOCGIFMTU, &request) == 0;

    if (fd >= 0)
        close(fd);
    return known ? (u32)request.ifr_mtu : 0;
}

/* What the device says about itself once it is probed. */
static int learn(struct port *p, const struct port_conf *conf)
{
    struct rte_eth_dev_info info;
    struct rte_ether_addr mac;
    int rc = rte_eth_dev_info_get(p->device, &info);

    if (rc == 0)
        rc = rte_eth_macaddr_get(p->device, &mac);
    if (rc == 0 && conf->mtu == 0)
        rc = rte_eth_dev_get_mtu(p->device, &p->mtu);
    if (rc != 0)
        return rc;
    memcpy(p->mac, mac.addr_bytes, sizeof p->mac);
    p->mtu_chosen = conf->mtu != 0;
    if (p->mtu_chosen)
        p->mtu = conf->mtu;
    u32 under = p->mtu_chosen ? 0 : kernel_mtu(info.if_index);
    if (under != 0 && under < p->mtu)
        p->mtu = (u16)under;
    if (p->mtu > 9001)
        p->mtu = 9001;
    if (p->mtu < PACKET_MTU_MIN)
        return -EINVAL;
    if (conf->queues > info.max_rx_queues || conf->queues > info.max_tx_queues)
        return -ERANGE;
    return 0;
}

static struct port *open_quietly(const struct port_conf *conf, struct mem *m, char *error,
                                 u32 error_bytes)
{
    struct port *p = mem_alloc(m, sizeof *p, CACHE_LINE);

    ASSERT(conf->queues >= 1 && conf->queues <= PORT_QUEUES_MAX);
    p->queues_used = conf->queues;
    p->rx_frames = conf->rx_frames != 0 ? conf->rx_frames : FRAMES_DEFAULT;
    p->tx_frames = conf->tx_frames != 0 ? conf->tx_frames : FRAMES_DEFAULT;
    p->no_offloads = conf->no_offloads;
    if (!probe(p, conf->device, error, error_bytes))
        return NULL;
    int rc = learn(p, conf);
    if (rc == 0 && !pools_make(p, m))
        rc = -ENOMEM;
    if (rc == 0)
        rc = port_configure(p);
    if (rc != 0) {
        snprintf(error, error_bytes, "%s: cannot be started with %u queue%s and MTU %u: %s",
                 conf->device, p->queues_used, p->queues_used == 1 ? "" : "s", p->mtu,
                 rc == -ERANGE ? "it has fewer queues" : rte_strerror(-rc));
        port_close(p);
        return NULL;
    }
    for (u16 i = 0; i < p->queues_used; i++)
        p->queues[i].tx_prepare = p->tx_cksum != 0;
    rte_eth_dev_callback_register(p->device, RTE_ETH_EVENT_INTR_LSC, on_event, p);
    rte_eth_dev_callback_register(p->device, RTE_ETH_EVENT_INTR_RESET, on_event, p);
    atomic_store_explicit(&p->link_changed, true, memory_order_relaxed);
    return p;
}

struct port *port_open(const struct port_conf *conf, struct mem *m, char *error, u32 error_bytes)
{
    port_log_hold();
    struct port *p = open_quietly(conf, m, error, error_bytes);
    const char *said = port_log_release();
    size_t used = strlen(error);
    if (p == NULL && used < error_bytes)
        snprintf(error + used, error_bytes - used, " (%s)", said);
    return p;
}

void port_close(struct port *p)
{
    struct rte_eth_dev_info info;

    rte_eth_dev_callback_unregister(p->device, RTE_ETH_EVENT_INTR_LSC, on_event, p);
    rte_eth_dev_callback_unregister(p->device, RTE_ETH_EVENT_INTR_RESET, on_event, p);
    if (p->started)
        rte_eth_dev_stop(p->device);
    if (rte_eth_dev_info_get(p->device, &info) == 0) {
        rte_eth_dev_close(p->device);
        rte_dev_remove(info.device);
    }
    for (u16 i = 0; p->queues != NULL && i < p->queues_used; i++) {
        struct port_queue *q = &p->queues[i];
        rte_pktmbuf_free_bulk(q->tx, q->tx_used);
        rte_pktmbuf_free_bulk(q->rx, q->rx_used);
        rte_mempool_free(q->pool);
    }
    p->started = false;
}

/* ---- questions ---- */

const char *port_name(const struct port *p)
{
    return p->name;
}

const u8 *port_mac(const struct port *p)
{
    return p->mac;
}

u16 port_mtu(const struct port *p)
{
    return p->mtu;
}

u16 port_queues(const struct port *p)
{
    return p->queues_used;
}

u32 port_tx_cksum(const struct port *p)
{
    return p->tx_cksum;
}

bool port_link_up(const struct port *p)
{
    return p->link_up;
}

bool port_steers(const struct port *p)
{
    return p->steers;
}

struct port_queue *port_queue(struct port *p, u32 i)
{
    ASSERT_LT(i, p->queues_used);
    return &p->queues[i];
}
