/*
 * placement.h - where things go on the machine: which node's memory an agent gets, which cores are
 * left to the cold threads, and what keeps a spinning thread from having its core to itself.
 *
 * A core reaches the memory of its own node faster than that of another, and a card's DMA goes to
 * the card's. So an agent's memory lies on the node of its core, a port's packet buffers on that of
 * the port (port.h), and a gateway belongs on a core of its port's node. Cold; pure but for
 * machine_read and placement_settle.
 */
#ifndef WIREBOOK_GATEWAY_PLACEMENT_H
#define WIREBOOK_GATEWAY_PLACEMENT_H

#include "gateway/conf.h"

#define MACHINE_CORES_MAX 1024u
#define MACHINE_NODES_MAX 64u

/* The machine, as far as placing needs it. */
struct machine {
    u32 cores; /* their numbers are below this */
    u32 nodes; /* 1 where the kernel knows of none */
    struct machine_core {
        bool there;     /* online, and this process may use it */
        bool isolated;  /* the kernel's scheduler keeps off it: isolcpus */
        bool tickless;  /* no timer tick while one thread runs: nohz_full */
        u16 interrupts; /* of devices that it serves */
        u16 node;
    } core[MACHINE_CORES_MAX];
    i32 port_node[CONF_PORTS_MAX]; /* of dpdk.ports; -1: virtual, or not said */
};

struct placement {
    i32 agent_node[CONF_AGENTS];    /* by bit of enum conf_agent: its memory's; -1: wherever */
    bool shared[MACHINE_CORES_MAX]; /* cores for all threads that are not pinned */
    u32 shared_used;                /* 0: every core has a thread that spins */
};

/*
 * Looks at the machine; `root` is "" (tests: a directory with a made-up sys and proc). What the
 * kernel does not say is taken as not there; it never fails.
 */
void machine_read(struct machine *m, const struct conf *c, const char *root);

/* Whether a list of cores as the kernel writes it, like `2-3,6`, has `core`. */
bool machine_list_has(const char *list, i64 core);

/* Chooses. */
void placement_choose(const struct conf *c, const struct machine *m, struct placement *p);

/* Calls `say` with a line for each thing that costs latency and that an operator can mend. */
void placement_hints(const struct conf *c, const struct machine *m, const struct placement *p,
                     void (*say)(void *ctx, const char *line), void *ctx);

/*
 * Keeps the calling thread, and so those that it starts without a core of their own, off the cores
 * that are spun on. Nothing is done where no other is left. Returns 0 or an errno value.
 */
int placement_settle(const struct placement *p);

#endif
