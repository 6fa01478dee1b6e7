/*
 * phase.c - which orders a phase takes, and what becomes of a cancel that comes too late. Engine
 * thread.
 *
 * The table is in README.md. A halted instrument is answered with 0x0007 whatever else is wrong
 * with its phase, a closed one with 0x0002; an order for a cross that is not to come with 0x0014.
 */
#include "engine/phase.h"

#include "engine/apply.h"
#include "engine/event.h"

static enum reject_reason continuous_takes(u8 phase, u8 tif)
{
    switch (phase) {
    case PHASE_HALTED:
        return REJECT_HALTED;
    case PHASE_CLOSED:
        return REJECT_CLOSED;
    case PHASE_EXTENDED:
        return tif == TIF_DAY ? REJECT_CLOSED : REJECT_NONE;
    default:
        return tif == TIF_AFTER ? REJECT_CLOSED : REJECT_NONE;
    }
}

/* A cross of the type is still to come. */
static bool cross_expected(u8 phase, u8 cross)
{
    switch (cross) {
    case 'O':
        return phase == PHASE_PRE_OPEN;
    case 'C':
        return phase == PHASE_PRE_OPEN || phase == PHASE_TRADING || phase == PHASE_PAUSED;
    case 'H':
        return phase == PHASE_HALTED || phase == PHASE_PAUSED;
    default:
        return false;
    }
}

enum reject_reason phase_takes(const struct engine *e, u16 instrument, u8 tif, u8 cross,
                               const struct order_terms *t)
{
    const struct market *m = &e->markets[instrument];

    if (cross == 'N')
        return continuous_takes(m->phase, tif);
    if (cross_expected(m->phase, cross))
        return market_late(m, cross) && t->handle_inst != 'I' ? REJECT_CROSS : REJECT_NONE;
    if (m->phase == PHASE_CLOSED)
        return REJECT_CLOSED;
    return m->phase == PHASE_HALTED ? REJECT_HALTED : REJECT_CROSS;
}

enum reject_reason cross_takes(u8 tif, u32 price, const struct order_terms *t)
{
    if (tif != TIF_DAY && tif != TIF_IOC)
        return REJECT_CROSS;
    if (t->min_qty || t->max_floor || t->peg_offset || (t->yes & YES_POST_ONLY) ||
        (t->price_type && t->price_type != 'L'))
        return REJECT_CROSS;
    return t->handle_inst == 'I' && price_is_market(price) ? REJECT_PRICE : REJECT_NONE;
}

enum reject_reason phase_keeps(const struct engine *e, u32 id)
{
    u8 phase = e->markets[e->orders.hot[id].instrument].phase;

    if (order_late(e, id))
        return REJECT_CANCEL;
    if (phase == PHASE_HALTED && e->orders.info[id].cross_type != 'H')
        return REJECT_HALTED;
    return phase == PHASE_CLOSED ? REJECT_CLOSED : REJECT_NONE;
}

bool market_tick_fits(const struct engine *e, u16 instrument, u32 tick)
{
    if (!book_tick_fits(&e->books, instrument, tick))
        return false;
    return !e->markets[instrument].queued || tick == e->instruments.terms[instrument].tick;
}

/* Each of the two answers is given once. */
void late_cancel(struct engine *e, u32 id, u32 leaves)
{
    const struct order *o = &e->orders.hot[id];
    u8 said = leaves ? PENDING_REJECTED : PENDING_CANCEL;

    ASSERT_LT(leaves, o->open);
    if (e->orders.info[id].pending & (said | PENDING_CANCEL)) {
        metric_add(&e->metrics.superfluous, 1);
        return;
    }
    union msg *m = event_room(e, 1);
    u8 type = leaves ? EV_CANCEL_REJECTED : EV_CANCEL_PENDING;
    m->late = (struct msg_late){
        .head = event_head_seq(e, type, 1, owner_account(o->owner), 0),
        .order_ref = o->order_ref,
        .user_ref = o->user_ref,
        .instrument = o->instrument,
        .user_ref_idx = owner_idx(o->owner),
    };
    apply_late(e, &m->late, id);
}
