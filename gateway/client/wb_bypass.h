/*
 * wb_bypass.h - a carrier past the kernel: our own TCP (gateway/net) over a DPDK port.
 *
 * For venues that are reached by a device of our own: over shared memory on the same machine
 * (net_memif), or a NIC. The only part of the client folder that knows the rest of the gateway. One
 * per process, one thread.
 */
#ifndef WIREBOOK_CLIENT_WB_BYPASS_H
#define WIREBOOK_CLIENT_WB_BYPASS_H

#include "engine/base/types.h"

struct port;

struct wb_bypass_conf {
    const char *device;  /* DPDK's: net_memif0,role=client,socket=..., a PCI address, ... */
    const char *address; /* ours on it, A.B.C.D/BITS */
};

/*
 * Starts DPDK, opens the device, waits for its link (at most 10 s) and becomes the carrier of all
 * clients. Returns false with one line in `error`.
 */
bool wb_bypass_start(const struct wb_bypass_conf *conf, char *error, u32 error_bytes);

/*
 * The same over a port that the caller has opened and keeps. `ipv4` and `netmask` in network order.
 */
void wb_bypass_attach(struct port *port, u32 ipv4, u32 netmask);

/* Lets what was closed get through, closes the device that wb_bypass_start opened. Idempotent. */
void wb_bypass_stop(void);

#endif
