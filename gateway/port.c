/*
 * port.c - frames in and out of a queue pair (port.h): the hot part.
 *
 * Thread: the agent that owns the queue. Enters: bursts of the driver, lent to the endpoint as
 * packet descriptors that point into the driver's buffers. Leaves: packets written by the endpoint
 * into fresh buffers of the queue's own pool, gathered and handed to the driver once a turn.
 *
 * Invariants: a buffer is either in the pool, with the device, in rx (lent), kept by an agent that
 * it was handed to, in tx (gathered) or in the one descriptor that the endpoint is filling. A sent
 * buffer is never touched again.
 *
 * Failure modes: the pool is empty: alloc says no, the endpoint tries again later. The device takes
 * nothing: the batch waits; when it is full and still nothing is taken it is dropped and counted,
 * and TCP repairs it. The device is being reset: nothing is received, what is sent is dropped.
 */
#include "gateway/port.h"

#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "engine/base/log.h"
#include "gateway/port_impl.h"

/*
 * DPDK's per-thread caches of free buffers belong to threads that it knows. An agent's turns run on
 * the starting thread first, which is known, and on the agent's own later.
 */
static void know_this_thread(void)
{
    static _Thread_local bool tried;

    if (LIKELY(rte_lcore_id() != LCORE_ID_ANY) || tried)
        return;
    tried = true;
    if (rte_thread_register() != 0)
        log_warn("DPDK does not take this thread as one of its own: buffers go without a cache");
}

/* ---- in ---- */

static u8 checksum_said(u64 flags, u64 mask, u64 good, u64 bad, u64 none)
{
    u64 said = flags & mask;

    if (said == good || said == none) /* none: the field is wrong, but the data was checked */
        return PACKET_CKSUM_GOOD;
    return said == bad ? PACKET_CKSUM_BAD : PACKET_CKSUM_UNKNOWN;
}

static void describe(struct rte_mbuf *m, struct packet *p)
{
    *p = (struct packet){
        .handle = m,
        .data = rte_pktmbuf_mtod(m, u8 *),
        .len = m->data_len,
        .ip_cksum =
            checksum_said(m->ol_flags, RTE_MBUF_F_RX_IP_CKSUM_MASK, RTE_MBUF_F_RX_IP_CKSUM_GOOD,
                          RTE_MBUF_F_RX_IP_CKSUM_BAD, RTE_MBUF_F_RX_IP_CKSUM_NONE),
        .l4_cksum =
            checksum_said(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_MASK, RTE_MBUF_F_RX_L4_CKSUM_GOOD,
                          RTE_MBUF_F_RX_L4_CKSUM_BAD, RTE_MBUF_F_RX_L4_CKSUM_NONE),
    };
}

u32 port_owner(struct port_queue *q, const struct packet *p)
{
    const struct port *port = q->port;
    u32 hash;

    if (!rss_flow_hash(p->data, p->len, &hash))
        return q->index;
    u32 owner = port->rss_table[hash % port->rss_table_used];
    metric_add(&q->rx_misrouted, owner != q->index);
    return owner;
}

/* True while the agent may use the device. Answers a request to keep off. */
static bool may_use(struct port_queue *q)
{
    /* Acquire pairs with the release of RUNNING after a reset: the device is ready by then. */
    u32 state = atomic_load_explicit(&q->state, memory_order_acquire);

    if (LIKELY(state == PORT_RUNNING))
        return true;
    if (state == PORT_ASKED) {
        rte_pktmbuf_free_bulk(q->tx, q->tx_used);
        metric_add(&q->tx_dropped, q->tx_used);
        q->tx_used = 0;
        /* Release pairs with the acquire in port_tick: our last use of the device is over. */
        atomic_store_explicit(&q->state, PORT_QUIET, memory_order_release);
    }
    return false;
}

u32 port_receive(struct port_queue *q, struct packet *out)
{
    struct rte_mbuf *burst[PORT_RX_BURST];
    u32 n = 0;

    ASSERT_EQ(q->rx_used, 0);
    know_this_thread();
    if (UNLIKELY(!may_use(q)))
        return 0;
    u16 got = rte_eth_rx_burst(q->device, q->index, burst, PORT_RX_BURST);
    for (u16 i = 0; i < got; i++) {
        if (UNLIKELY(burst[i]->nb_segs != 1)) {
            metric_add(&q->rx_scattered, 1);
            rte_pktmbuf_free(burst[i]);
            continue;
        }
        describe(burst[i], &out[n]);
        q->rx[n++] = burst[i];
    }
    q->rx_used = n;
    metric_add(&q->rx_frames, n);
    return n;
}

void port_release(struct port_queue *q)
{
    if (q->rx_used == 0)
        return;
    rte_pktmbuf_free_bulk(q->rx, q->rx_used); /* passes over what was kept */
    q->rx_used = 0;
}

void port_keep(struct port_queue *q, u32 i)
{
    ASSERT_LT(i, q->rx_used);
    ASSERT(q->rx[i] != NULL);
    q->rx[i] = NULL;
}

/*
 * Straight into the pool, which takes buffers from any thread: in this thread's cache they would be
 * lost to the queue that needs them.
 */
void port_give_back(const struct packet *p)
{
    struct rte_mbuf *m = rte_pktmbuf_prefree_seg(p->handle);

    if (m != NULL)
        rte_mempool_generic_put(m->pool, (void **)&m, 1, NULL);
}

/* ---- out ---- */

bool port_alloc(void *queue, struct packet *p)
{
    struct port_queue *q = queue;
    struct rte_mbuf *m = rte_pktmbuf_alloc(q->pool);

    if (UNLIKELY(m == NULL)) {
        metric_add(&q->tx_no_buffer, 1);
        return false;
    }
    p->handle = m;
    p->data = rte_pktmbuf_mtod(m, u8 *);
    p->room = rte_pktmbuf_tailroom(m);
    return true;
}

static void set_offloads(struct rte_mbuf *m, const struct packet *p)
{
    m->l2_len = PACKET_ETH_BYTES;
    m->l3_len = p->l3_bytes;
    m->l4_len = p->l4_bytes;
    m->ol_flags |= RTE_MBUF_F_TX_IPV4;
    if ((p->tx_cksum & PACKET_TX_CKSUM_IP) != 0)
        m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
    if ((p->tx_cksum & PACKET_TX_CKSUM_TCP) != 0)
        m->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
}

/* Drops the first of the batch: the driver will never take it. */
static void drop_first(struct port_queue *q)
{
    rte_pktmbuf_free(q->tx[0]);
    q->tx_used--;
    memmove(q->tx, q->tx + 1, q->tx_used * sizeof q->tx[0]);
    metric_add(&q->tx_dropped, 1);
}

/* Frames at the batch's beginning that the driver says it can send. */
static u16 prepare(struct port_queue *q)
{
    while (q->tx_used > 0) {
        u16 good = rte_eth_tx_prepare(q->device, q->index, q->tx, (u16)q->tx_used);
        if (good > 0)
            return good;
        drop_first(q);
    }
    return 0;
}

int port_flush(struct port_queue *q)
{
    if (q->tx_used == 0 || UNLIKELY(!may_use(q)))
        return 0;
    u16 ready = q->tx_prepare ? prepare(q) : (u16)q->tx_used;
    u16 sent = rte_eth_tx_burst(q->device, q->index, q->tx, ready);

    ASSERT_LE(sent, q->tx_used);
    q->tx_used -= sent;
    memmove(q->tx, q->tx + sent, q->tx_used * sizeof q->tx[0]);
    metric_add(&q->tx_frames, sent);
    return sent;
}

void port_transmit(void *queue, struct packet *p)
{
    struct port_queue *q = queue;
    struct rte_mbuf *m = p->handle;

    ASSERT_LE(p->len, rte_pktmbuf_tailroom(m));
    m->data_len = (u16)p->len;
    m->pkt_len = p->len;
    if (p->tx_cksum != 0)
        set_offloads(m, p);
    if (UNLIKELY(q->tx_used == PORT_TX_BATCH) && port_flush(q) == 0) {
        rte_pktmbuf_free_bulk(q->tx, q->tx_used);
        metric_add(&q->tx_dropped, q->tx_used);
        q->tx_used = 0;
    }
    q->tx[q->tx_used++] = m;
}
