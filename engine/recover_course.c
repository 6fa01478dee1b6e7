/*
 * recover_course.c - the venue's course in recovery: checked, then applied. Cold; see recover.c.
 */
#include "engine/recover.h"

#include "engine/apply.h"

static bool phase_known(u8 phase)
{
    return phase && strchr("POTCXZHV", phase);
}

static bool instrument_known(const struct engine *e, u32 id)
{
    return id && id <= e->instruments.names.used;
}

static const char *recover_target(struct engine *e, const struct msg_course *ev)
{
    if (engine_busy(e) || e->taker)
        return "a change of phase in the midst of other work";
    if (ev->instrument && !instrument_known(e, ev->instrument))
        return "a change of phase of an unknown instrument";
    if (!phase_known(ev->phase))
        return "a change to an unknown phase";
    apply_course(e, ev);
    return NULL;
}

static const char *recover_phase(struct engine *e, const struct msg_phase *ev)
{
    if (!instrument_known(e, ev->instrument) ||
        (e->cross.instrument && e->cross.instrument != ev->instrument))
        return "a phase of another instrument";
    if (!phase_known(ev->phase) || (ev->next && !phase_known(ev->next)))
        return "an unknown phase";
    if (ev->lower > ev->upper || ev->upper > PRICE_LIMIT_MAX)
        return "impossible bands";
    if (ev->cross && (!ev->next || !strchr("OCH", ev->cross)))
        return "a cross that leads nowhere";
    if (!ev->next && phase_trades(ev->phase) && book_crossed(&e->books, ev->instrument))
        return "trading in a crossed book";
    apply_phase(e, ev);
    return NULL;
}

static const char *recover_cross(struct engine *e, const struct msg_cross *ev)
{
    if (!e->cross.cross || ev->instrument != e->cross.instrument || ev->cross != e->cross.cross)
        return "the price of a cross that is not held";
    if (ev->price > PRICE_LIMIT_MAX)
        return "an impossible price of a cross";
    apply_cross(e, ev);
    return NULL;
}

static const char *recover_bands(struct engine *e, const struct msg_bands *ev)
{
    if (!instrument_known(e, ev->instrument) || engine_busy(e) || e->cross.instrument)
        return "bands of an unknown instrument, or in the midst of other work";
    if (ev->lower > ev->upper || ev->upper > PRICE_LIMIT_MAX)
        return "impossible bands";
    apply_bands(e, ev);
    return NULL;
}

const char *recover_priority(struct engine *e, const struct msg_priority *ev, u32 id)
{
    if (!id || id == e->taker || (e->orders.hot[id].level & LEVEL_QUEUED) ||
        e->orders.hot[id].instrument != ev->instrument)
        return "a new price of an order that does not rest";
    if (ev->order_ref < e->next_order_ref || ev->order_ref > ORDER_REF_MAX)
        return "an order number that was used before";
    if (ev->price == 0 || ev->price > PRICE_LIMIT_MAX ||
        ev->price % e->books.at[ev->instrument].step)
        return "an order with an impossible price";
    apply_priority(e, ev, id);
    return NULL;
}

const char *recover_course_event(struct engine *e, const union msg *m)
{
    switch (m->ev.type) {
    case EV_COURSE:
        return recover_target(e, &m->course);
    case EV_PHASE:
        return recover_phase(e, &m->phase);
    case EV_BANDS:
        return recover_bands(e, &m->bands);
    default:
        ASSERT_EQ(m->ev.type, EV_CROSS);
        return recover_cross(e, &m->cross);
    }
}

const char *recover_course_work(const struct engine *e, const struct msg_work *ev)
{
    if (!phase_known(e->course.phase))
        return "a change of phase that nobody asked for";
    if (ev->kind == WORK_TELL)
        return e->cross.instrument || !account_known(&e->accounts, ev->cursor)
                   ? "accounts that are told and stand nowhere"
                   : NULL;
    if (ev->kind == WORK_COURSE)
        return e->cross.instrument || !instrument_known(e, ev->cursor)
                   ? "a change of phase that stands nowhere"
                   : NULL;
    if (ev->kind == WORK_SLIDE)
        return e->cross.instrument || ev->cursor != e->course.at
                   ? "orders that follow bands of another instrument"
                   : NULL;
    if (!e->cross.instrument)
        return "a change of phase of no instrument";
    if (ev->kind == WORK_SCAN)
        return e->cross.cross ? NULL : "a search for the price of no cross";
    if (ev->kind == WORK_CROSS)
        return NULL;
    if (!account_known(&e->accounts, ev->account))
        return "long work of an unknown account";
    u32 id = refs_find(&e->refs, owner_of(ev->account, ev->phase), ev->cursor);
    if (!id || e->orders.hot[id].order_ref != ev->order_ref || id == e->taker ||
        (e->orders.hot[id].level & LEVEL_QUEUED) ||
        e->orders.hot[id].instrument != e->cross.instrument)
        return "orders that end and stand nowhere";
    return NULL;
}

const char *recover_broken(struct engine *e, const struct msg_broken *ev)
{
    u32 n = e->broken_used;

    if (ev->match < e->day_match || ev->match >= e->next_match)
        return "a broken trade of another day";
    if (n == BROKEN_MAX && e->broken[n - 1] != ev->match)
        return "more broken trades than a day can have";
    apply_broken(e, ev);
    return NULL;
}

const char *recover_late(struct engine *e, const struct msg_late *ev, u32 id)
{
    if (!id || !(e->orders.hot[id].level & LEVEL_QUEUED))
        return "a late cancel of an order that does not wait for a cross";
    apply_late(e, ev, id);
    return NULL;
}

const char *recover_system(struct engine *e, const struct msg_system *ev)
{
    const struct account *a = &e->accounts.at[ev->head.account];

    if ((ev->code == 'S' ? a->stream != 0 : !a->stream || a->told) || ev->dialect > DIALECT_MAX)
        return "a System Event out of its turn";
    apply_system(e, ev);
    return NULL;
}
