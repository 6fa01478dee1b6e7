/*
 * ops_cmds.h - the common workload as the engine's commands.
 *
 * Translation comes before any clock: bench-engine times what is made here.
 */
#ifndef WIREBOOK_TESTS_OPS_CMDS_H
#define WIREBOOK_TESTS_OPS_CMDS_H

#include "engine/state.h"
#include "tests/lib/ops_gen.h"

/* A workload and its commands, one behind the other. */
struct ops_cmds {
    struct ops ops;
    struct slot *cmds;
    u64 cmds_used; /* slots */
    u64 warm_end;  /* slots of the commands that only build the books */
    u32 open_max;  /* orders open at once */
};

/* Makes the commands of b->ops; false when the engine misses a golden value. */
bool ops_cmds_make(struct ops_cmds *b);

/* An engine for them: a day is open, the instruments are there, the accounts logged in. */
struct engine *ops_engine_new(struct mem *m, u32 symbols, u32 orders_max);

#endif
