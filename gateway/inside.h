/*
 * inside.h - a whole venue inside a process that is not wirebook: from a config to running threads,
 * its clients connected by pipes (pipe.h). For the benchmark.
 *
 * It has all of a venue but what lies outside: no listener, no management port, no control socket,
 * no exports; gateway.transport and listen of the config say nothing. Thread: the one that starts
 * it; it must be stopped before the process ends, or the journal is what a crash would leave.
 */
#ifndef WIREBOOK_GATEWAY_INSIDE_H
#define WIREBOOK_GATEWAY_INSIDE_H

#include "engine/base/types.h"

struct inside;
struct pipes;

/*
 * Once a process: starts the venue of the config file `path`, for clients that connect `conns_max`
 * times in all.
 * Returns NULL after lines on stderr that say what is wrong.
 */
struct inside *inside_start(const char *path, u32 conns_max);

/* Where its clients connect. */
struct pipes *inside_pipes(struct inside *v);

/*
 * Ends all sessions, makes everything durable, gives everything back, and writes the report of the
 * stages where the config asks for one. Returns false when not all was durable. NULL is nothing.
 */
bool inside_stop(struct inside *v);

#endif
