/* sim_course.h - operators that lead the simulated venue through its phases. */
#ifndef WIREBOOK_SIM_SIM_COURSE_H
#define WIREBOOK_SIM_SIM_COURSE_H

#include "engine/base/ring.h"

/* Once a step: now and then a change of phase by `cmds`, the admin agent's ring to the engine. */
void sim_course_turn(struct ring *cmds);

#endif
