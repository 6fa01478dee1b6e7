/*
 * draw.h - the shape of the process that a configuration leads to, drawn before anything starts:
 * `wirebook --print-topology`. Cold.
 */
#ifndef WIREBOOK_GATEWAY_DRAW_H
#define WIREBOOK_GATEWAY_DRAW_H

#include <stdio.h>

#include "gateway/conf.h"

/* Ports with their queues, threads with their cores and agents, rings with their ends and sizes. */
void draw_topology(const struct conf *c, FILE *out);

#endif
