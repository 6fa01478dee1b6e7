/*
 * port_impl.h - the struct behind port.h; local to gateway/port*.c.
 *
 * Fields are grouped by the thread that writes them: cold is the one that opens, ticks and closes;
 * agent is the one that polls the queue.
 */
#ifndef WIREBOOK_GATEWAY_PORT_IMPL_H
#define WIREBOOK_GATEWAY_PORT_IMPL_H

#include <stdatomic.h>

#include "engine/base/assert.h"
#include "engine/base/metrics.h"
#include "gateway/port.h"
#include "gateway/port_rss.h"

struct rte_mbuf;
struct rte_mempool;

#define PORT_XSTATS_MAX 128u

/*
 * Who may use a queue of the device:
 *
 *   RUNNING --cold: the device must be reset--> ASKED --agent: seen, hands off--> QUIET
 *      ^                                                                           |
 *      '------------------- cold: the device runs again ---------------------------'
 */
enum port_queue_state {
    PORT_RUNNING,
    PORT_ASKED,
    PORT_QUIET,
};

struct port_queue {
    struct port *port;
    u16 device; /* DPDK's number of the port */
    u16 index;
    bool tx_prepare; /* some packet has an offload: the driver must see the batch first */
    struct rte_mempool *pool;
    _Atomic u32 state; /* enum port_queue_state */

    /* owner: agent */
    struct rte_mbuf *rx[PORT_RX_BURST] __attribute__((aligned(CACHE_LINE)));
    u32 rx_used;
    u32 tx_used;
    struct rte_mbuf *tx[PORT_TX_BATCH];
    struct metric rx_frames;
    struct metric rx_scattered; /* in several pieces, dropped */
    struct metric rx_misrouted; /* not the queue of their flow */
    struct metric tx_frames;
    struct metric tx_dropped; /* the device took nothing for a whole batch, or refused the frame */
    struct metric tx_no_buffer;

    /* owner: cold */
    struct metric buffers_free CACHE_ALIGNED;
};

struct port {
    char name[PORT_DEVICE_CHARS]; /* the device's, without arguments */
    u16 device;
    u16 mtu;
    u16 queues_used;
    u16 rx_frames;
    u16 tx_frames;
    u8 mac[6];
    u32 tx_cksum;    /* enum packet_tx_cksum */
    bool mtu_chosen; /* by the config: the device must take it */
    bool no_offloads;
    bool rss;    /* the device hashes by our key */
    bool steers; /* and spreads by our table */
    bool started;
    u16 rss_table_used;           /* fixed once it is open: flows keep their owner */
    u16 rss_table[RSS_TABLE_MAX]; /* hash modulo its size -> queue */
    struct port_queue *queues;

    /* owner: cold, but for the two flags that DPDK's interrupt thread raises */
    _Atomic bool link_changed;
    _Atomic bool reset_wanted;
    bool resetting;
    bool link_up;
    u64 retry_ns;  /* no reset before */
    u64 looked_ns; /* last look at counters and timers */
    struct metric link;
    struct metric link_changes;
    struct metric resets;
    struct metric rx_missed; /* the device had no descriptor */
    struct metric rx_errors;
    struct metric rx_no_buffer;
    struct metric tx_errors;
    u32 xstats_used;
    u64 xstat_ids[PORT_XSTATS_MAX];
    struct metric xstats[PORT_XSTATS_MAX];
};

/* Configures queues and starts the device of `p`, at the start and after a reset. 0 or -errno. */
int port_configure(struct port *p);

/* DPDK's lines are held from here on. */
void port_log_hold(void);

/* Tells them at level debug; returns the first, which explains a failure; until the next hold. */
const char *port_log_release(void);

#endif
