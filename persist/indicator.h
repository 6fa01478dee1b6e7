/*
 * indicator.h - each second before a cross, what it would give: of every instrument that is near
 * one, from the shadow's engine to the tops of books (tops.h), and so to Redis.
 *
 * Nothing of it is journalled and nothing depends on it: what is lost comes again a second later.
 * It speaks of durable transactions only, because the shadow knows no others.
 */
#ifndef WIREBOOK_PERSIST_INDICATOR_H
#define WIREBOOK_PERSIST_INDICATOR_H

#include "engine/base/metrics.h"
#include "persist/tops.h"

#define INDICATION_PERIOD_NS NS_PER_SEC

/* A turn stops behind the instrument with which it has done so much: one for each instrument, one
 * for each price looked at. */
#define INDICATOR_UNITS_PER_TURN 4096u

/* ... of which one instrument may have this many: beyond it nothing is said, and counted. */
#define INDICATOR_PRICES_MAX 65536u

struct indicator {
    struct tops *tops;
    u64 next_ns;               /* when the next round begins */
    u64 began_ns;              /* this one, or the last one */
    u32 at;                    /* the next instrument of the round; 0: at rest */
    u32 near;                  /* of this round: instruments that are near a cross */
    struct metric made;        /* indications */
    struct metric large;       /* ... that would have been too much work */
    struct metric instruments; /* near a cross when it was last looked */
    struct metric round_ns;    /* what the last round has taken */
};

/* For `tops`, which outlives it. Makes its metrics known. */
void indicator_init(struct indicator *i, struct tops *tops);

/* Goes on with the round of this second with the instruments of `e`; returns units of work. */
int indicator_turn(struct indicator *i, const struct engine *e, u64 now_ns);

#endif
