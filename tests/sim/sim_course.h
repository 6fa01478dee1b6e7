/* sim_course.h - operators that lead the simulated venue through its phases, and change firms. */
#ifndef WIREBOOK_SIM_SIM_COURSE_H
#define WIREBOOK_SIM_SIM_COURSE_H

#include "engine/base/ring.h"
#include "engine/engine.h"

/*
 * Once a step: now and then a change of phase, or of a firm that an account of `e` has, by `cmds`,
 * the admin agent's ring to the engine.
 */
void sim_course_turn(struct ring *cmds, const struct engine *e);

#endif
