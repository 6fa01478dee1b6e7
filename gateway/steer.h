/*
 * steer.h - main's helper: joins the operators' control socket to a topology.
 */
#ifndef WIREBOOK_GATEWAY_STEER_H
#define WIREBOOK_GATEWAY_STEER_H

#include "gateway/conf.h"
#include "gateway/topology.h"

struct steer;

/*
 * Listens on control.socket of `conf` and gives the admin agent of `t` the requests to serve. To be
 * called once the topology is open and before its threads start; both must outlive it. Returns 0
 * with NULL in `*out` where no socket is configured, 1 after one log line when it cannot.
 */
int steer_open(const struct conf *conf, struct topology *t, struct steer **out);

/* After the threads have ended. NULL is legal. */
void steer_close(struct steer *s);

#endif
