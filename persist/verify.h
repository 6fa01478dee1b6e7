/*
 * verify.h - a journal's whole truth: every block is looked at, every command is run again.
 *
 * Does what recovery does (replay.h) and, beside it, runs each command through a second, fresh
 * engine: the events must come out byte for byte, and both engines must end in the same state.
 * Cold; one thread; memory from an arena of its own.
 */
#ifndef WIREBOOK_PERSIST_VERIFY_H
#define WIREBOOK_PERSIST_VERIFY_H

#include <stdio.h>

#include "engine/engine.h"
#include "persist/disk.h"
#include "persist/why.h"

/*
 * The sizes of the pools that a journal needs to `sizes`: the largest ones that any process says it
 * had (CMD_START, with which it begins); 1 where none says anything.
 */
void verify_sizes(struct disk *d, u32 shard, struct engine_conf *sizes);

/*
 * Reads the journal in `d` from its beginning. True: it is whole, and what it holds was written to
 * `report` (two engines' memory is taken meanwhile). False: `why`; a command that gives other
 * events now is in `report`, both versions.
 */
bool verify_run(struct disk *d, u32 shard, FILE *report, struct why *why);

#endif
