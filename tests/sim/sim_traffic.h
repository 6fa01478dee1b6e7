/* sim_traffic.h - the requests that simulated clients make up. */
#ifndef WIREBOOK_SIM_SIM_TRAFFIC_H
#define WIREBOOK_SIM_SIM_TRAFFIC_H

#include "tests/sim/sim_client.h"

/* Adds one new request to the account's list of the current day. */
void sim_traffic_make(struct sim_client *cl);

#endif
