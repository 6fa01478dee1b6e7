/*
 * port_tick.c - housekeeping of a port while agents poll it (port.h): link, reset, watchdog,
 * counters.
 *
 * Thread: the cold one that opened the port, because DPDK runs a driver's timers on the thread that
 * started the device. It shares with the agents only the state of each queue: a reset first asks
 * all of them to keep off and goes on at a later tick, when they have said that they do.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <rte_timer.h>

#include "engine/base/log.h"
#include "gateway/port_impl.h"

#define LOOK_INTERVAL_NS NS_PER_SEC

/* ---- link ---- */

static void look_at_link(struct port *p)
{
    struct rte_eth_link link = {0};

    if (rte_eth_link_get_nowait(p->device, &link) != 0)
        return;
    bool up = link.link_status == RTE_ETH_LINK_UP;
    if (up == p->link_up)
        return;
    p->link_up = up;
    metric_set(&p->link, up);
    metric_add(&p->link_changes, 1);
    if (up)
        log_info("%s: the link is up, %u Mbit/s", p->name, link.link_speed);
    else
        log_warn("%s: the link is down", p->name);
}

/* ---- reset ---- */

static void ask_queues(struct port *p)
{
    log_warn("%s: the device asks to be reset", p->name);
    for (u16 i = 0; i < p->queues_used; i++)
        atomic_store_explicit(&p->queues[i].state, PORT_ASKED, memory_order_relaxed);
    p->resetting = true;
}

static bool all_quiet(struct port *p)
{
    for (u16 i = 0; i < p->queues_used; i++) {
        /* Acquire pairs with the agent's release in port.c: it has let go of the device. */
        if (atomic_load_explicit(&p->queues[i].state, memory_order_acquire) != PORT_QUIET)
            return false;
    }
    return true;
}

/* A driver without a reset of its own is stopped, configured and started again. */
static void reset(struct port *p, u64 now_ns)
{
    int rc;

    rte_eth_dev_stop(p->device);
    rc = rte_eth_dev_reset(p->device);
    if (rc == 0 || rc == -ENOTSUP)
        rc = port_configure(p);
    if (rc != 0) {
        p->retry_ns = now_ns + LOOK_INTERVAL_NS;
        log_error("%s: the device cannot be reset: %s; trying again", p->name, rte_strerror(-rc));
        return;
    }
    metric_add(&p->resets, 1);
    p->resetting = false;
    for (u16 i = 0; i < p->queues_used; i++) {
        /* Release pairs with the acquire in port.c: the agent finds the device ready. */
        atomic_store_explicit(&p->queues[i].state, PORT_RUNNING, memory_order_release);
    }
    log_info("%s: the device was reset and runs", p->name);
}

static int reset_step(struct port *p, u64 now_ns)
{
    if (!p->resetting && atomic_exchange_explicit(&p->reset_wanted, false, memory_order_relaxed))
        ask_queues(p);
    else if (p->resetting && now_ns >= p->retry_ns && all_quiet(p))
        reset(p, now_ns);
    else
        return 0;
    return 1;
}

/* ---- counters ---- */

static void look_at_counters(struct port *p)
{
    struct rte_eth_stats stats;
    u64 values[PORT_XSTATS_MAX];

    if (rte_eth_stats_get(p->device, &stats) == 0) {
        metric_set(&p->rx_missed, stats.imissed);
        metric_set(&p->rx_errors, stats.ierrors);
        metric_set(&p->rx_no_buffer, stats.rx_nombuf);
        metric_set(&p->tx_errors, stats.oerrors);
    }
    for (u16 i = 0; i < p->queues_used; i++)
        metric_set(&p->queues[i].buffers_free, rte_mempool_avail_count(p->queues[i].pool));
    int n = rte_eth_xstats_get_by_id(p->device, p->xstat_ids, values, p->xstats_used);
    for (int i = 0; i < n && i < (int)p->xstats_used; i++)
        metric_set(&p->xstats[i], values[i]);
}

int port_tick(struct port *p, u64 now_ns)
{
    int work = reset_step(p, now_ns);

    if (p->resetting)
        return work;
    if (atomic_exchange_explicit(&p->link_changed, false, memory_order_relaxed)) {
        look_at_link(p);
        work++;
    }
    if (now_ns - p->looked_ns < LOOK_INTERVAL_NS)
        return work;
    p->looked_ns = now_ns;
    rte_timer_manage();
    look_at_link(p);
    look_at_counters(p);
    return work + 1;
}

/* ---- registration ---- */

/* The driver's own counters by name; those of single queues and over-long names are left out. */
static void xstats_register(struct port *p, u32 index)
{
    static struct rte_eth_xstat_name names[1024];
    char labels[sizeof names[0].name + 32];
    int n = rte_eth_xstats_get_names(p->device, names, ARRAY_LEN(names));

    for (int i = 0; i < n && i < (int)ARRAY_LEN(names) && p->xstats_used < PORT_XSTATS_MAX; i++) {
        snprintf(labels, sizeof labels, "port=\"%u\",name=\"%s\"", index, names[i].name);
        if (strlen(labels) >= 96 || strncmp(names[i].name, "rx_q", 4) == 0 ||
            strncmp(names[i].name, "tx_q", 4) == 0)
            continue;
        p->xstat_ids[p->xstats_used] = (u64)i;
        metrics_register("wirebook_port_driver", labels, "The driver's own counter of that name.",
                         METRIC_GAUGE, &p->xstats[p->xstats_used++]);
    }
}

static void queue_register(struct port_queue *q, u32 index)
{
    char labels[48];

    snprintf(labels, sizeof labels, "port=\"%u\",queue=\"%u\"", index, q->index);
    metrics_register("wirebook_port_rx_frames_total", labels, "Frames received.", METRIC_COUNTER,
                     &q->rx_frames);
    metrics_register("wirebook_port_rx_scattered_total", labels,
                     "Frames dropped because they came in several pieces.", METRIC_COUNTER,
                     &q->rx_scattered);
    metrics_register("wirebook_port_rx_misrouted_total", labels,
                     "Segments that came by another queue than their flow's.", METRIC_COUNTER,
                     &q->rx_misrouted);
    metrics_register("wirebook_port_tx_frames_total", labels, "Frames sent.", METRIC_COUNTER,
                     &q->tx_frames);
    metrics_register("wirebook_port_tx_dropped_total", labels,
                     "Frames that the device did not take.", METRIC_COUNTER, &q->tx_dropped);
    metrics_register("wirebook_port_tx_no_buffer_total", labels,
                     "Times that no buffer was free for a frame to send.", METRIC_COUNTER,
                     &q->tx_no_buffer);
    metrics_register("wirebook_port_buffers_free", labels,
                     "Buffers that neither the device nor a gateway holds.", METRIC_GAUGE,
                     &q->buffers_free);
}

void port_metrics(struct port *p, u32 index)
{
    char labels[48];

    snprintf(labels, sizeof labels, "port=\"%u\"", index);
    metrics_register("wirebook_port_link_up", labels, "1 while the link is up.", METRIC_GAUGE,
                     &p->link);
    metrics_register("wirebook_port_link_changes_total", labels, "Times the link came or went.",
                     METRIC_COUNTER, &p->link_changes);
    metrics_register("wirebook_port_resets_total", labels, "Times the device was reset.",
                     METRIC_COUNTER, &p->resets);
    metrics_register("wirebook_port_rx_missed_total", labels,
                     "Frames lost because all descriptors were full.", METRIC_COUNTER,
                     &p->rx_missed);
    metrics_register("wirebook_port_rx_errors_total", labels, "Damaged frames.", METRIC_COUNTER,
                     &p->rx_errors);
    metrics_register("wirebook_port_rx_no_buffer_total", labels,
                     "Frames lost for want of a buffer.", METRIC_COUNTER, &p->rx_no_buffer);
    metrics_register("wirebook_port_tx_errors_total", labels, "Frames that could not be sent.",
                     METRIC_COUNTER, &p->tx_errors);
    for (u16 i = 0; i < p->queues_used; i++)
        queue_register(&p->queues[i], index);
    xstats_register(p, index);
}
