/*
 * recover.h - what the two halves of recovery ask of each other. Cold; see recover.c.
 *
 * Each function checks that the event can be and applies it; it returns NULL, or what is wrong.
 */
#ifndef WIREBOOK_ENGINE_RECOVER_H
#define WIREBOOK_ENGINE_RECOVER_H

#include "engine/state.h"

/* EV_COURSE, EV_PHASE, EV_CROSS, EV_BANDS. */
const char *recover_course_event(struct engine *e, const union msg *m);

/* An EV_WORK of WORK_COURSE and beyond; does not apply it. */
const char *recover_course_work(const struct engine *e, const struct msg_work *ev);

/* EV_CANCEL_PENDING and EV_CANCEL_REJECTED of order `id`; 0: it is not open. */
const char *recover_late(struct engine *e, const struct msg_late *ev, u32 id);

/* EV_KILLED, EV_RESTORED. */
const char *recover_killed(struct engine *e, const struct msg_kill *ev);

/* EV_LIMIT, EV_CHECKS, EV_PROFILE, EV_LISTED, EV_UNTRADED. */
const char *recover_risk_event(struct engine *e, const union msg *m);

/* EV_BARRED, EV_UNBARRED, EV_OPERATOR, EV_OPERATED. */
const char *recover_operator_event(struct engine *e, const union msg *m);

/* EV_SYSTEM. */
const char *recover_system(struct engine *e, const struct msg_system *ev);

/* EV_BROKEN. */
const char *recover_broken(struct engine *e, const struct msg_broken *ev);

/* EV_PRIORITY of order `id`; 0: it is not open. */
const char *recover_priority(struct engine *e, const struct msg_priority *ev, u32 id);

#endif
