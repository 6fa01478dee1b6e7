/*
 * net_pair.h - two endpoints of gateway/net back to back, over a bad network, in virtual time; or
 * one endpoint and a naive peer (naive_peer.h), a second TCP that shares no code with it.
 *
 * Everything follows from the seed: the network's faults (loss, delay, reordering, duplication,
 * corruption, blackouts, a path that shrinks, frames that the device refuses), clocks that jump,
 * the sizes of pools, segments and writes, who reads slowly, who resets, and whether sequence
 * numbers wrap in the middle of the stream. net_pair_run steps from event to event and after each
 * one checks the invariants of both endpoints; at the end both byte streams were exact and all
 * memory is back.
 *
 * A broken invariant stops the process; the last events and the seed are printed first.
 */
#ifndef WIREBOOK_TESTS_NET_PAIR_H
#define WIREBOOK_TESTS_NET_PAIR_H

#include "engine/base/types.h"

struct net_pair_stats {
    u64 frames, lost, duplicated, reordered, corrupted, blacked_out, refused;
    u64 pool_drops;   /* segments that a receiver had no chunk or no range for */
    u64 bytes;        /* delivered, both ways */
    u64 rtx_segments; /* sent again, both ends */
    u64 rto, fast, probe, persist, syn_rtx;
    u64 undone;               /* recoveries that turned out to be needless */
    u64 too_big;              /* frames that did not fit the path: dropped, and told by ICMP */
    u64 resets;               /* runs that ended by a reset */
    u64 wraps, jumps, shrunk; /* runs whose sequence numbers wrapped, clock jumped, path shrank */
    u64 virtual_ns;
};

struct net_pair_conf {
    u64 seed;
    u32 bytes;    /* each way on each connection */
    bool perfect; /* no faults at all */
    bool naive;   /* the second end is a naive peer */
    bool trace;   /* each event on stdout */
};

/* One run. Adds to `stats`. Aborts on any broken promise. */
void net_pair_run(const struct net_pair_conf *conf, struct net_pair_stats *stats);

/* One line for people. */
void net_pair_print(const char *title, u64 runs, const struct net_pair_stats *stats);

#endif
