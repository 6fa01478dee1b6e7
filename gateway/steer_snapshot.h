/*
 * steer_snapshot.h - main's helper: what the operators' control socket needs to have the state's
 * snapshots made.
 */
#ifndef WIREBOOK_GATEWAY_STEER_SNAPSHOT_H
#define WIREBOOK_GATEWAY_STEER_SNAPSHOT_H

#include "gateway/admin/operate.h"
#include "gateway/topology.h"

/* The calls for operate_conf.snapshots; `t`, which is open, outlives their use. Admin's thread. */
struct operate_snapshots steer_snapshots(struct topology *t);

#endif
