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
#define FIRMS_PER_MILLION   300u

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

/* An account's firm is another one from here on; a start brings its own back. */
static void change_firm(struct ring *cmds, const struct engine *e)
{
    u32 known = engine_accounts(e);
    union msg m;

    if (known == 0)
        return;
    memset(&m, 0, sizeof m);
    m.account = *engine_account(e, (u32)sim_between(1, known));
    memset(&m.account.cmd, 0, sizeof m.account.cmd);
    m.cmd.type = CMD_ACCOUNT;
    m.cmd.slots = msg_type_slots(CMD_ACCOUNT);
    memcpy(m.account.firm, sim_chance(500000) ? "TREE" : "FOUR", 4);
    if (ring_push(cmds, &m, m.cmd.slots))
        sim.counts.firms++;
}

void sim_course_turn(struct ring *cmds, const struct engine *e)
{
    if (sim_chance(FIRMS_PER_MILLION))
        change_firm(cmds, e);
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
