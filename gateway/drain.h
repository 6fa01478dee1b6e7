/*
 * drain.h - how a process that serves leaves: noticed first, then in order, or at once.
 *
 *   SIGTERM ──▶ health ports shut, trading goes on ── gateway.drain_notice_ms ──▶ all ports shut
 *           ──▶ topology_close: what was asked is done and told, connections end, export ──▶ exit
 *   a second signal from then on: exit at once. An operator's drain begins the same; the first
 *   signal behind it asks for what is under way, and cuts nothing either
 */
#ifndef WIREBOOK_GATEWAY_DRAIN_H
#define WIREBOOK_GATEWAY_DRAIN_H

#include <signal.h>

#include "gateway/topology.h"

#define DRAIN_EXIT_AT_ONCE 1 /* the process' exit code after a second signal */

/*
 * While the agents run: shuts the health ports, lets `notice_ns` pass and shuts all ports. Calls
 * `tick` every 50 ms. From its beginning on, another one of `signals` - the second one unless
 * `asked_by_signal` -, which all threads keep blocked, ends the process at once: what was
 * acknowledged is durable all the same. Returns early when `tick` returns false. Main thread, once.
 */
void drain_notice(struct topology *t, const sigset_t *signals, bool asked_by_signal, u64 notice_ns,
                  bool (*tick)(u64 now_ns));

#endif
