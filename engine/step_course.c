/*
 * step_course.c - changes of phase: one instrument or all of them, each with what it brings along.
 *
 * Engine thread. A change is long work. Instrument after instrument: the phase in the meantime; if
 * a cross is held its price, its fills, then what of its queue is left over and what of other
 * queues will not be crossed any more goes; orders that end with the phase go; the new phase. A
 * transaction does so much as e->chunk_cancels units pay for: an instrument costs two, a price
 * looked at or an order visited or cancelled one, a fill two, and one for each order that shows
 * its next part by it.
 *
 * Failure modes: a change that cannot be is counted (refused), one to where the instrument is
 * already too (superfluous); neither makes an event.
 */
#include "engine/peg.h"
#include "engine/apply.h"
#include "engine/auction.h"
#include "engine/band.h"
#include "engine/event.h"
#include "engine/match.h"

static bool spend(u32 *budget, u32 units)
{
    if (*budget < units)
        return false;
    *budget -= units;
    return true;
}

/* The work stops here for now. */
static bool stop(struct engine *e, u8 kind, u32 cursor)
{
    apply_work(e, event_work(e, kind, cursor));
    return false;
}

/* ---- where an instrument goes ---- */

/*
 * The phase that the course leads instrument `i` to. One that its reference data halts does not
 * begin to trade, not even by a cross.
 */
static u8 destination(const struct engine *e, u32 i)
{
    u8 phase = e->markets[i].phase;
    u8 to = e->course.phase;

    if (!e->course.instrument && e->course.reason == COURSE_SCHEDULE) {
        bool pause_ends = to == PHASE_TRADING || to == PHASE_PRE_OPEN;
        if (phase == PHASE_HALTED || (phase == PHASE_PAUSED && pause_ends))
            return phase;
    }
    bool begins = phase_trades(to) && !phase_trades(phase);
    return begins && e->instruments.terms[i].halted ? PHASE_HALTED : to;
}

/*
 * The cross of instrument `i` on the way from `from` to `to`; 0: none. A book that may be crossed
 * is never opened.
 */
static u8 cross_between(const struct engine *e, u32 i, u8 from, u8 to)
{
    if (phase_trades(to) && from == PHASE_PRE_OPEN)
        return 'O';
    if (phase_trades(to) && (from == PHASE_HALTED || from == PHASE_PAUSED))
        return 'H';
    bool ends = to == PHASE_EXTENDED || to == PHASE_CLOSED;
    bool closing = e->course.closing && !e->instruments.terms[i].halted;
    return closing && from == PHASE_TRADING && ends ? 'C' : 0;
}

/* Orders of the queue can never be crossed any more, when the instrument has come to `to`. */
static bool queue_dead(const struct engine *e, u32 queue, u8 to)
{
    u8 course = e->course.phase;

    if (queue >= QUEUE_HALT)
        return to != PHASE_HALTED && to != PHASE_PAUSED;
    if (course == PHASE_EXTENDED || course == PHASE_CLOSED)
        return true;
    return queue < QUEUE_CLOSE && course == PHASE_TRADING;
}

static bool queues_dead(const struct engine *e, u32 i, u8 to)
{
    for (u32 q = 0; e->markets[i].queued && q < QUEUES; q++) {
        if (e->markets[i].queue[q] && queue_dead(e, q, to))
            return true;
    }
    return false;
}

/* An instrument in `from` that goes to `to` has orders that end with that. */
static bool orders_end(const struct engine *e, u32 i, u8 from, u8 to)
{
    bool ends = to == PHASE_CLOSED || (to == PHASE_EXTENDED && from != PHASE_EXTENDED);
    return ends && (e->books.at[i].orders || e->dark.at[i].orders);
}

/* When a pause that begins, or goes on, ends. */
static u64 pause_end(const struct engine *e, u32 i)
{
    const struct market *m = &e->markets[i];

    return m->phase == PHASE_PAUSED ? m->until_ns : e->tx_time_ns + BAND_PAUSE_NS;
}

static void phase_event(struct engine *e, u32 i, u8 phase, u8 next, u8 cross)
{
    union msg *m = event_room(e, 1);
    struct bands b = {0};

    if (phase == PHASE_TRADING && !next)
        b = bands_begin(e, i, e->course.wide);

    m->phase = (struct msg_phase){
        .head = event_head(e, EV_PHASE, 1, 0),
        .instrument = (u16)i,
        .phase = phase,
        .next = next,
        .cross = cross,
        .wide = e->course.wide,
        .late = e->course.late,
        .reason = e->course.reason,
        .until_ns = phase == PHASE_PAUSED && !next ? pause_end(e, i) : 0,
        .reference = b.reference,
        .lower = b.lower,
        .upper = b.upper,
    };
    apply_phase(e, &m->phase);
}

/* Nothing would change: neither phase nor flags nor any order. */
static bool stays(const struct engine *e, u32 i)
{
    const struct market *m = &e->markets[i];
    u8 to = destination(e, i);

    return m->phase == to && m->wide == e->course.wide && m->late == e->course.late &&
           !queues_dead(e, i, to);
}

/* The instrument's change begins, and ends at once when there is nothing to do on the way. */
static void leave(struct engine *e, u32 i)
{
    u8 from = e->markets[i].phase;
    u8 to = destination(e, i);
    u8 cross = cross_between(e, i, from, to);
    u8 meanwhile = cross == 'O' ? PHASE_OPENING : cross == 'C' ? PHASE_CLOSING : from;

    if (!cross && !queues_dead(e, i, to) && !orders_end(e, i, from, to))
        phase_event(e, i, to, 0, 0);
    else
        phase_event(e, i, cross ? meanwhile : to, to, cross);
}

/* ---- the cross ---- */

static bool cross_price(struct engine *e, u32 *budget)
{
    struct scan s = e->scan;
    u32 before = *budget;

    if (!s.begun)
        auction_scan_begin(e, &s, e->cross.instrument, e->cross.cross);
    bool over = auction_scan(e, &s, budget);
    u32 prices = before - *budget;
    if (!over || !spend(budget, 1))
        return stop(e, WORK_SCAN, prices);
    struct cross_price p = auction_price(e, &s, e->cross.instrument, e->cross.cross);
    union msg *m = event_room(e, 1);
    m->cross = (struct msg_cross){
        .head = event_head(e, EV_CROSS, 1, 0),
        .paired = p.paired,
        .imbalance = p.imbalance,
        .price = p.price,
        .instrument = e->cross.instrument,
        .cross = e->cross.cross,
        .side = p.side,
    };
    apply_cross(e, &m->cross);
    return true;
}

/* Imbalance-only orders have flags of their own (CONFORMANCE.md section 6.2). */
static u8 liquidity_of(const struct engine *e, u32 id)
{
    bool offset =
        e->orders.terms[id].handle_inst == 'I' && e->orders.info[id].cross_type == e->cross.cross;

    if (!offset)
        return e->cross.liquidity;
    return e->cross.cross == 'O' ? 'M' : 'L';
}

static void cross_half(struct engine *e, u32 id, u32 qty, u16 flags)
{
    const struct order *o = &e->orders.hot[id];
    union msg *m = event_room(e, 1);

    m->executed = (struct msg_executed){
        .head = event_head_seq(e, EV_EXECUTED, 1, owner_account(o->owner), flags),
        .order_ref = o->order_ref,
        .match = e->next_match,
        .user_ref = o->user_ref,
        .qty = qty,
        .price = e->cross.price,
        .instrument = e->cross.instrument,
        .liquidity = liquidity_of(e, id),
        .user_ref_idx = owner_idx(o->owner),
    };
    apply_executed(e, &m->executed, id);
    match_refresh(e);
}

/* A fill of `qty` shares makes the order show its next part. */
static bool refreshes(const struct engine *e, u32 id, u32 qty)
{
    return order_left(&e->orders, id) > qty && e->orders.hot[id].open == qty;
}

/* All pairs at the price. A transaction has room for one, whatever it makes. */
static bool cross_pairs(struct engine *e, u32 *budget)
{
    u32 buyer, seller;

    while (auction_pair(e, &buyer, &seller)) {
        u32 qty = min_u32(e->orders.hot[buyer].open, e->orders.hot[seller].open);
        u32 units = 2u + refreshes(e, buyer, qty) + refreshes(e, seller, qty);
        if (!spend(budget, min_u32(units, e->chunk_cancels)))
            return stop(e, WORK_CROSS, 0);
        cross_half(e, buyer, qty, MSG_FIRST);
        cross_half(e, seller, qty, MSG_SELL);
        metric_add(&e->metrics.fills, 1);
    }
    return true;
}

/* From where work of `kind` had stopped. */
static bool cross_go_on(struct engine *e, u8 kind, u32 *budget)
{
    if (kind != WORK_CROSS && !cross_price(e, budget))
        return false;
    return !e->cross.price || cross_pairs(e, budget);
}

/* ---- orders that end ---- */

/* Why an order for a cross goes that did not trade, or not all of it. */
static u8 drop_reason(const struct engine *e, u32 id)
{
    u8 to = e->cross.next;

    if (e->orders.info[id].pending & PENDING_CANCEL)
        return 'U';
    if (e->orders.info[id].cross_type == e->cross.cross)
        return 'I';
    if (to == PHASE_HALTED || to == PHASE_PAUSED)
        return 'H';
    return e->course.phase == PHASE_TRADING ? 'I' : 'E';
}

static bool queues_drop(struct engine *e, u32 *budget)
{
    const struct market *m = &e->markets[e->cross.instrument];

    for (u32 q = 0; q < QUEUES; q++) {
        while (m->queue[q] && queue_dead(e, q, e->cross.next)) {
            if (!spend(budget, 1))
                return stop(e, WORK_CROSS, 0);
            u32 id = queue_first(&e->queues, m->queue[q]);
            u32 left = order_left(&e->orders, id);
            apply_cancelled(e, event_cancelled(e, id, left, drop_reason(e, id)), id);
        }
    }
    return true;
}

static u32 side_first(const struct engine *e, u32 side)
{
    const struct book *k = &e->books.at[e->cross.instrument];

    for (; side < BOOK_SIDES; side++) {
        if (k->best_level[side])
            return e->books.levels[k->best_level[side]].head;
    }
    return peg_next(e, e->cross.instrument, 0);
}

static u32 book_next(const struct engine *e, u32 id)
{
    const struct order *o = &e->orders.hot[id];

    if (o->level == LEVEL_DARK)
        return peg_next(e, e->cross.instrument, id);
    if (o->next)
        return o->next;
    u32 level = book_level_worse(&e->books, o->level);
    return level ? e->books.levels[level].head : side_first(e, side_of(o) + 1u);
}

/* At the end of market hours day orders end, at the end of the day all. */
static bool orders_expire(struct engine *e, u8 kind, u32 *budget)
{
    u32 id;

    if (e->cross.next != PHASE_EXTENDED && e->cross.next != PHASE_CLOSED)
        return true;
    id =
        kind == WORK_EXPIRE ? refs_find(&e->refs, e->work.owner, e->work.cursor) : side_first(e, 0);
    while (id) {
        u32 next = book_next(e, id);
        if (!spend(budget, 1)) {
            apply_work(e, event_work_order(e, WORK_EXPIRE, id));
            return false;
        }
        if (e->cross.next == PHASE_CLOSED || e->orders.info[id].tif == TIF_DAY)
            apply_cancelled(e, event_cancelled(e, id, order_left(&e->orders, id), 'E'), id);
        id = next;
    }
    return true;
}

/* ---- the work ---- */

/* The instrument whose change has begun. False: more is to come. */
static bool instrument_go_on(struct engine *e, u8 kind, u32 *budget)
{
    if (kind != WORK_EXPIRE) {
        if (e->cross.cross && !cross_go_on(e, kind, budget))
            return false;
        if (!queues_drop(e, budget))
            return false;
    }
    if (!orders_expire(e, kind, budget))
        return false;
    phase_event(e, e->cross.instrument, e->cross.next, 0, 0);
    return true;
}

/* Orders that the bands have moved past get their price. False: more is to come. */
static bool orders_slide(struct engine *e, u32 i, u32 *budget)
{
    u32 id;

    while ((id = band_passed(e, i)) != 0) {
        const struct order *o = &e->orders.hot[id];
        if (!spend(budget, 1))
            return stop(e, WORK_SLIDE, i);
        union msg *m = event_room(e, 1);
        m->priority = (struct msg_priority){
            .head = event_head_seq(e, EV_PRIORITY, 1, owner_account(o->owner), 0),
            .order_ref = e->next_order_ref,
            .old_order_ref = o->order_ref,
            .user_ref = o->user_ref,
            .price = band_limit(e, i, o->sell),
            .instrument = (u16)i,
            .display = e->orders.info[id].display,
            .user_ref_idx = owner_idx(o->owner),
        };
        apply_priority(e, &m->priority, id);
    }
    return true;
}

/* One instrument: its change begins. False: there is no budget for it. */
static bool instrument_begin(struct engine *e, u32 i, u32 *budget)
{
    if (!spend(budget, 2))
        return stop(e, WORK_COURSE, i);
    if (!stays(e, i))
        leave(e, i);
    return true;
}

/* From where work of `kind` had stopped, or from the beginning. */
static void course_go_on(struct engine *e, u8 kind)
{
    u32 budget = e->chunk_cancels;
    u32 last = e->course.instrument ? e->course.instrument : e->instruments.names.used;

    ASSERT_GE(budget, 2);
    for (; kind != WORK_TELL && e->course.at <= last; e->course.at++) {
        if (kind != WORK_SLIDE) {
            if (!e->cross.instrument && !instrument_begin(e, e->course.at, &budget))
                return;
            if (e->cross.instrument && !instrument_go_on(e, kind, &budget))
                return;
        }
        if (!orders_slide(e, e->course.at, &budget))
            return;
        kind = WORK_NONE;
    }
    bool closes = !e->course.instrument && e->course.phase == PHASE_CLOSED;
    if (closes && !accounts_tell(e, kind == WORK_TELL ? e->work.cursor : 1, &budget))
        return;
    if (e->work.kind != WORK_NONE)
        apply_work(e, event_work(e, WORK_NONE, 0));
}

void work_course(struct engine *e)
{
    course_go_on(e, e->work.kind);
}

/* ---- alarms ---- */

/* The bands follow the mean of the last trades. */
static void bands_move(struct engine *e, u32 i)
{
    const struct market *m = &e->markets[i];
    u32 mean = window_mean(e, i, e->tx_time_ns);
    struct bands b = bands_around(e, i, mean ? mean : m->last_price, m->wide);
    union msg *ev = event_room(e, 1);

    ev->bands = (struct msg_bands){
        .head = event_head(e, EV_BANDS, 1, 0),
        .reference = b.reference,
        .lower = b.lower,
        .upper = b.upper,
        .instrument = (u16)i,
    };
    apply_bands(e, &ev->bands);
    course_go_on(e, WORK_SLIDE);
}

/* A change of phase of `instrument`, or of all when it is 0, begins: to where `to` says. */
static void course_begin(struct engine *e, u16 instrument, const struct msg_course *to)
{
    union msg *m = event_room(e, 1);

    m->course = *to;
    m->course.ev = event_head(e, EV_COURSE, 1, 0);
    m->course.instrument = instrument;
    apply_course(e, &m->course);
    course_go_on(e, WORK_NONE);
}

void step_alarm(struct engine *e)
{
    u32 i = alarm_first(&e->alarms, e->tx_time_ns);
    const struct market *m = &e->markets[i];
    struct msg_course to = {.phase = PHASE_PAUSED, .wide = m->wide, .late = m->late};

    if (!i)
        return;
    if (m->move_ns) {
        bands_move(e, i);
        return;
    }
    to.reason = m->phase == PHASE_PAUSED ? COURSE_OVER : COURSE_LIMIT;
    if (m->phase == PHASE_PAUSED) {
        bool also = e->venue.phase == PHASE_PAUSED; /* all were, by an operator */
        to.phase = also ? PHASE_TRADING : e->venue.phase;
        to.wide = e->venue.wide;
        to.late = e->venue.late;
    }
    course_begin(e, (u16)i, &to);
}

/* ---- the command ---- */

static bool phase_known(u8 phase)
{
    return phase && strchr("PTXZHV", phase);
}

void step_phase(struct engine *e, const struct msg_course *c)
{
    struct msg_course to = *c;
    u32 i = c->instrument;

    if (!to.phase && i) {
        to.phase = e->venue.phase;
        to.wide = e->venue.wide;
        to.late = e->venue.late;
    }
    bool there = i <= e->instruments.names.used;
    if (!there || !phase_known(to.phase) || to.wide > 1 || to.late > 1 || to.closing > 1 ||
        (to.due_ns && (i || to.reason != COURSE_SCHEDULE)) || !to.reason ||
        !strchr("SO", to.reason)) {
        request_refuse(e, there ? WHY_TERMS : WHY_INSTRUMENT);
        return;
    }
    bool scheduled = !i && to.due_ns;
    const struct market *m = i ? &e->markets[i] : &e->venue;
    bool same = m->phase == to.phase && m->wide == to.wide && m->late == to.late &&
                (i || to.reason == COURSE_SCHEDULE);
    if (scheduled ? to.due_ns <= e->course_due_ns : same) {
        request_superfluous(e);
        return;
    }
    course_begin(e, (u16)i, &to);
}
