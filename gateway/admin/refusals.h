/*
 * refusals.h - requests that were refused before the engine was asked: into the journal all the
 * same, with who, why, what and the refusal (NOTE_REFUSED), and to the log.
 *
 *   refusal ─▶ its caller's place ─▶ has he notes left, is there room? ─▶ CMD_OPERATOR: CMD_NOTE
 *                 ╰─ no: the newest waits, those before it are counted in it
 *
 * A caller has REFUSALS_BURST notes at once and one in REFUSALS_EVERY_NS after that, so that a
 * script gone wrong fills no disk: 8,640 notes a day, 4.5 MB. All who have no role share a place.
 * Looks are not noted, refused or not. Thread: admin (cold).
 */
#ifndef WIREBOOK_GATEWAY_ADMIN_REFUSALS_H
#define WIREBOOK_GATEWAY_ADMIN_REFUSALS_H

#include "engine/base/metrics.h"
#include "engine/base/ring.h"
#include "gateway/admin/request.h"

#define REFUSALS_BURST    100u
#define REFUSALS_EVERY_NS (10 * NS_PER_SEC)
#define REFUSALS_CALLERS  32u /* then the one whose last note is the oldest makes room */

struct refusal {
    const struct peer *peer;
    const struct request *request; /* NULL: a connection, no request */
    u8 why;                        /* enum operated_why, not WHY_NONE */
    const char *text;              /* as he was answered */
};

struct refusals_caller {
    bool used;
    u32 uid;     /* of who has a role */
    u64 full_ns; /* when all his notes are there again */
    u32 waiting; /* refusals that no note has yet; `last` is the newest */
    union msg last;
};

struct refusals {
    struct ring *cmds;                /* to the engine */
    struct refusals_caller strangers; /* who has no role */
    struct refusals_caller callers[REFUSALS_CALLERS];
    u64 *numbers; /* of requests, given out last */
    struct metric noted;
    struct metric unnoted; /* known only by how many they were */
};

/* `numbers` is counted up for each note. Both must outlive it. */
void refusals_init(struct refusals *r, struct ring *cmds, u64 *numbers);
void refusals_register_metrics(const struct refusals *r);

/* Tells the log and the journal. */
void refusals_add(struct refusals *r, const struct refusal *f, u64 now_ns);

/* What waits goes, as far as it may. Returns the number of notes. */
int refusals_step(struct refusals *r, u64 now_ns);

#endif
