/*
 * draw.h - the shape of the process that a configuration leads to, drawn before anything starts:
 * `wirebook --print-topology`. Cold.
 */
#ifndef WIREBOOK_GATEWAY_DRAW_H
#define WIREBOOK_GATEWAY_DRAW_H

#include <stdio.h>

#include "gateway/conf.h"

/*
 * Ports with their queues, threads with their cores and agents, rings with their ends and sizes;
 * and hints about spinning threads whose cores the kernel has not been told to leave alone.
 */
void draw_topology(const struct conf *c, FILE *out);

/*
 * Whether a list of cores as the kernel writes it, like `2-3,6`, has `cpu`. For the hints; tests.
 */
bool draw_cpu_in_list(const char *list, i64 cpu);

#endif
