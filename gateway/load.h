/*
 * load.h - main's helper: the files that an operator writes, read and checked as a whole, and what
 * they mean for the parts of the process.
 */
#ifndef WIREBOOK_GATEWAY_LOAD_H
#define WIREBOOK_GATEWAY_LOAD_H

#include "gateway/conf.h"
#include "gateway/placement.h"
#include "gateway/topology.h"

/*
 * Reads the config `path` (NULL: the defaults) and the reference data and the calendar that it
 * names. Each thing that is wrong is a line of `errors`. With `running` the pools are as large as
 * they are there, whatever the file says of them. Returns the number of errors; only after 0 are
 * `conf`, `schedule` and `refs` to be used. refdata_free is right in any case.
 */
int load_files(const char *path, const struct conf *running, struct conf *conf,
               struct schedule *schedule, struct refdata *refs, FILE *errors);

/* A gateway's part of the config: all but its seed. */
void load_gateway(struct gateway_conf *g, const struct conf *conf);

/* The whole process' part. Draws its ids and the seeds of its tables. */
void load_topology(struct topology_conf *t, const struct conf *conf,
                   const struct schedule *schedule, const struct placement *place);

#endif
