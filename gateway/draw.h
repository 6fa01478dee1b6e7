/*
 * draw.h - the shape of the process that a configuration leads to, drawn before anything starts:
 * `wirebook --print-topology`. Cold.
 */
#ifndef WIREBOOK_GATEWAY_DRAW_H
#define WIREBOOK_GATEWAY_DRAW_H

#include <stdio.h>

#include "gateway/conf.h"
#include "gateway/placement.h"

/*
 * Ports with their queues, threads with their cores and agents, what lies on which node of the
 * machine `m`, rings with their ends and sizes; and hints about what costs latency there.
 */
void draw_topology(const struct conf *c, const struct machine *m, FILE *out);

#endif
