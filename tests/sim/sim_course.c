/*
 * sim_course.c - see sim_course.h. All agents of the simulator take turns in one thread, so the
 * admin agent's ring may have a second producer here. Each course begins somewhere and leads back
 * to continuous trading, so that clients trade most of the time.
 */
#include "tests/sim/sim_course.h"

#include <string.h>

#include "engine/msg/msg.h"
#include "tests/sim/sim.h"

#define CHANGES_PER_MILLION 2500u /* of steps */

static void lead(struct ring *cmds, u16 instrument, char phase, bool late, bool closing)
{
    union msg m;

    memset(&m, 0, sizeof m);
    m.cmd.type = CMD_PHASE;
    m.cmd.slots = 1;
    m.course.instrument = instrument;
    m.course.phase = (u8)phase;
    m.course.late = late;
    m.course.closing = closing;
    m.course.reason = COURSE_OPERATOR;
    if (ring_push(cmds, &m, 1))
        sim.counts.phases++;
}

void sim_course_turn(struct ring *cmds)
{
    if (!sim_chance(CHANGES_PER_MILLION))
        return;
    u16 one = (u16)sim_between(1, 2);
    switch (sim_below(8)) {
    case 0:
        lead(cmds, 0, 'P', false, false);
        break;
    case 1:
        lead(cmds, 0, 'P', true, false); /* too late to cancel */
        break;
    case 2:
        lead(cmds, one, 'H', false, false);
        break;
    case 3:
        lead(cmds, 0, 'T', true, false);
        break;
    case 4:
        lead(cmds, 0, 'X', false, true); /* a closing cross, and day orders end */
        break;
    default:
        lead(cmds, 0, 'T', false, false); /* an opening or a halt cross, if one was due */
        break;
    }
}
