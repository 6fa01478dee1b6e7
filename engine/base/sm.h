/*
 * sm.h - a state machine is a table: each state's name and the states it may go to.
 *
 * sm_move asserts that the move is in the table, so an illegal one stops the process where it
 * happens. The invariant of the object is asserted by its owner right after a move.
 */
#ifndef WIREBOOK_BASE_SM_H
#define WIREBOOK_BASE_SM_H

#include "engine/base/assert.h"
#include "engine/base/types.h"

struct sm_state {
    const char *name;
    u32 allowed; /* bit n set: a move to state n is legal */
};

/* Moves `*state` to `next` by table `table`; anything else than a legal move aborts. */
static inline void sm_move(const struct sm_state *table, u8 *state, u8 next)
{
    if (UNLIKELY((table[*state].allowed & (1u << next)) == 0))
        assert_fail(table[*state].name, *state, table[next].name, *state, next);
    *state = next;
}

#endif
