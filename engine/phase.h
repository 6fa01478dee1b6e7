/*
 * phase.h - what each phase takes: CONFORMANCE.md sections 3 (time in force, cross type) and 6
 * (rules 6c and 9). Pure: state and terms in, a reason out.
 */
#ifndef WIREBOOK_ENGINE_PHASE_H
#define WIREBOOK_ENGINE_PHASE_H

#include "engine/rules.h"

/* Why the phase does not take an order with this time in force and cross; 0: it does. */
enum reject_reason phase_takes(const struct engine *e, u16 instrument, u8 tif, u8 cross,
                               const struct order_terms *t);

/* Why an order for a cross cannot have these terms; REJECT_NONE: it can. */
enum reject_reason cross_takes(u8 tif, u32 price, const struct order_terms *t);

/* Why order `id` cannot be replaced now, and stays as it is (rule 6c); REJECT_NONE: it can. */
enum reject_reason phase_keeps(const struct engine *e, u32 id);

/* The instrument may have that tick: no order is off it, nor will one be that waits for a cross. */
bool market_tick_fits(const struct engine *e, u16 instrument, u32 tick);

/* A cancel of order `id` that comes too late for its cross, down to `leaves` shares (rule 9). */
void late_cancel(struct engine *e, u32 id, u32 leaves);

/* Order `id` waits for a cross and cannot be cancelled any more. */
static inline bool order_late(const struct engine *e, u32 id)
{
    const struct order *o = &e->orders.hot[id];

    return UNLIKELY(o->level & LEVEL_QUEUED) &&
           market_late(&e->markets[o->instrument], e->orders.info[id].cross_type);
}

#endif
