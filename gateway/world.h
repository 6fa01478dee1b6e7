/*
 * world.h - the real machine around a topology: the journal's directory, sockets, databases, the
 * password check. The simulator has a world of its own instead.
 */
#ifndef WIREBOOK_GATEWAY_WORLD_H
#define WIREBOOK_GATEWAY_WORLD_H

#include "gateway/conf.h"
#include "gateway/edge.h"
#include "gateway/placement.h"
#include "gateway/refdata.h"
#include "gateway/topology.h"

struct world {
    struct topology_world topology; /* what topology_build takes */
    struct mem mem;                 /* of the transport */
    struct disk *disk;
    struct edge edge;
    struct sink *postgres; /* NULL: not configured */
    struct sink *redis;    /* NULL: not configured */
    struct auth *auth;
    struct archive_program *archive; /* NULL: not configured */
};

/* The day's course as the config has it; its calendar file is still to be read. */
void world_schedule(struct schedule *to, const struct conf_schedule *c);

/*
 * Opens everything, in the memory that `place` says: locks the data directory, listens (accepting
 * nothing yet), readies the sinks and the password check. Returns 0, or the process' exit code
 * after one log line; then world_close.
 */
int world_open(struct world *w, const struct conf *conf, const struct refdata *refs,
               const struct placement *place);

/* The same for a venue inside another process: clients come by `transport`, the caller's; nothing
 * listens and nothing is exported. */
int world_open_inside(struct world *w, const struct conf *conf, const struct refdata *refs,
                      struct transport *transport);

/* Closes what world_open opened, also after it failed half-way. After topology_free. */
void world_close(struct world *w);

#endif
