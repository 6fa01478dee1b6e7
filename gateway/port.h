/*
 * port.h - NIC ports by DPDK: devices, queue pairs, and frames in and out of them.
 *
 * The only files that know DPDK are gateway/port*.c. A port is a device of any driver, named as
 * DPDK does: a PCI address (`0000:00:06.0`) or a virtual device with its arguments
 * (`net_tap0,iface=wirebook0`). Each of its queue pairs belongs to one gateway agent and has its
 * own pool of packet buffers.
 *
 * Threads: port_start, port_open, port_close and port_stop by the one that starts the process;
 * port_tick by that one too, about every 50 ms, while the agents run; a queue's calls by the agent
 * that polls it. The two meet in one atomic per queue, which keeps the agent away from a device
 * that is being reset.
 */
#ifndef WIREBOOK_GATEWAY_PORT_H
#define WIREBOOK_GATEWAY_PORT_H

#include "engine/base/mem.h"
#include "gateway/net/packet.h"

#define PORTS_MAX         8u  /* of one process */
#define PORT_QUEUES_MAX   16u /* queue pairs of one port */
#define PORT_RX_BURST     64u /* frames of one port_receive at most */
#define PORT_TX_BATCH     64u /* frames gathered before the device gets them */
#define PORT_DEVICE_CHARS 256u

/* ---- the process' one DPDK environment ---- */

enum port_memory {
    PORT_MEMORY_ORDINARY, /* no huge pages needed: virtual devices, tests */
    PORT_MEMORY_HUGE,     /* 2 MB pages; real devices want them */
};

struct port_env {
    enum port_memory memory;
    u32 memory_mb;              /* of ordinary memory; 0: 256. Huge pages are taken as needed */
    const char *pci[PORTS_MAX]; /* devices that DPDK may take, with arguments; no others are seen */
    u32 pci_used;
};

/*
 * Starts DPDK's environment; once in a process' life. It writes its warnings to our log, opens no
 * telemetry socket, leaves the affinity of the calling thread as it was and shares no file with
 * other processes, so any number of them can run. Returns false with one line in `error`.
 */
bool port_start(const struct port_env *env, char *error, u32 error_bytes);

/* Ends it and gives its memory back. After every port was closed. Harmless without port_start. */
void port_stop(void);

/*
 * Whether `device` is named by a PCI address, perhaps with arguments for its driver
 * (`0000:00:06.0,large_llq_hdr=1`), and so must be in port_env.pci, too.
 */
bool port_is_pci(const char *device);

/* ---- a port ---- */

struct port_conf {
    const char *device; /* PCI address or name of a virtual device, with its arguments */
    u16 queues;         /* queue pairs, 1..PORT_QUEUES_MAX */
    u16 mtu;            /* bytes of an IPv4 packet; 0: as the device is set */
    u16 rx_frames;      /* descriptors of a receive queue; 0: 1024 */
    u16 tx_frames;      /* ... of a send queue; 0: 1024 */
    bool no_offloads;   /* checksums are left to gateway/net altogether */
};

struct port;
struct port_queue;

/*
 * Opens and starts a device: as many queue pairs as asked for, or an error; receive-side scaling
 * and checksum offloads where it has them. Which queue pair a flow belongs to is settled here for
 * the port's life, by our key and table; a device that can is told to deliver accordingly. Memory
 * from `m`, packet buffers from DPDK. Returns NULL with one line in `error`.
 */
struct port *port_open(const struct port_conf *conf, struct mem *m, char *error, u32 error_bytes);

/* Stops the device and removes it. After the agents that poll it have ended. */
void port_close(struct port *p);

/* Registers metrics of the port and its queues. `index` is its label. Before the threads start. */
void port_metrics(struct port *p, u32 index);

/*
 * Housekeeping: link changes, the driver's watchdog timers, a device that asks to be reset, and
 * once a second the driver's own counters. Cold: may take milliseconds. Returns how much it did.
 */
int port_tick(struct port *p, u64 now_ns);

const char *port_name(const struct port *p); /* the device's name without arguments */
const u8 *port_mac(const struct port *p);    /* six bytes */
u16 port_mtu(const struct port *p);
u16 port_queues(const struct port *p);
u32 port_tx_cksum(const struct port *p); /* enum packet_tx_cksum that the device computes */
bool port_link_up(const struct port *p); /* as of the last tick */
bool port_steers(const struct port *p);  /* the device itself delivers segments to their queue */

/* Queue pair `i` < port_queues(). */
struct port_queue *port_queue(struct port *p, u32 i);

/* ---- one queue pair, by the agent that owns it ---- */

/*
 * Takes up to PORT_RX_BURST frames; `out` has room for so many. They are lent until port_release,
 * which comes before the next call. Frames in several pieces are counted and dropped.
 */
u32 port_receive(struct port_queue *q, struct packet *out);

/* Gives back what the last port_receive lent, but for what was kept. */
void port_release(struct port_queue *q);

/*
 * The queue pair that the flow belongs to which `p` concerns: the same for all frames of a flow and
 * for ICMP errors about it, on whatever queue they come. Frames that concern no flow belong to `q`,
 * where they came. A segment that came by another queue than its own is counted.
 */
u32 port_owner(struct port_queue *q, const struct packet *p);

/*
 * Frame `i` of the last port_receive is kept: it stays valid, on any thread, until port_give_back.
 */
void port_keep(struct port_queue *q, u32 i);

/* Gives back a frame that was kept, whatever queue it came by. Any agent's thread. */
void port_give_back(const struct packet *p);

/* `alloc` and `transmit` of struct packet_ops; `queue` is a struct port_queue. */
bool port_alloc(void *queue, struct packet *p);
void port_transmit(void *queue, struct packet *p);

/* Gives what was gathered to the device; what it does not take waits. Returns the frames taken. */
int port_flush(struct port_queue *q);

#endif
