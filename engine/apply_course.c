/*
 * apply_course.c - what the venue's course does to the state. Engine thread; no decisions, no
 * output. See apply.c, whose words hold here too.
 */
#include "engine/apply.h"
#include "engine/auction.h"

static void market_enter(struct engine *e, u32 instrument, u8 phase, u8 wide, u8 late)
{
    struct market *m = &e->markets[instrument];

    m->phase = phase;
    m->wide = wide;
    m->late = late;
    e->books.at[instrument].special =
        (phase == PHASE_TRADING ? 0 : BOOK_PHASED) | (phase_trades(phase) ? 0 : BOOK_STILL);
}

void market_begin(struct engine *e, u32 instrument)
{
    market_enter(e, instrument, e->venue.phase, e->venue.wide, e->venue.late);
}

void apply_course(struct engine *e, const struct msg_course *ev)
{
    e->course = (struct course){
        .phase = ev->phase,
        .wide = ev->wide,
        .late = ev->late,
        .closing = ev->closing,
        .reason = ev->reason,
        .instrument = ev->instrument,
        .at = ev->instrument ? ev->instrument : 1,
    };
    if (ev->instrument)
        return;
    e->venue.phase = ev->phase;
    e->venue.wide = ev->wide;
    e->venue.late = ev->late;
    if (ev->due_ns)
        e->course_due_ns = ev->due_ns;
    metric_set(&e->metrics.phase, ev->phase);
    metric_set(&e->metrics.course_due, e->course_due_ns);
}

/* K: it is opened again; H: for the first time. */
static u8 cross_liquidity(const struct engine *e, const struct msg_phase *ev)
{
    if (ev->cross == 'H')
        return e->markets[ev->instrument].last_price ? 'K' : 'H';
    return ev->cross;
}

void apply_phase(struct engine *e, const struct msg_phase *ev)
{
    ASSERT(ev->instrument && ev->instrument <= e->instruments.names.used);
    market_enter(e, ev->instrument, ev->phase, ev->wide, ev->late);
    e->course.at = ev->instrument;
    e->scan = (struct scan){0};
    e->cross = (struct crossing){0};
    if (ev->next)
        e->cross = (struct crossing){
            .instrument = ev->instrument,
            .cross = ev->cross,
            .next = ev->next,
            .liquidity = cross_liquidity(e, ev),
        };
}

void apply_cross(struct engine *e, const struct msg_cross *ev)
{
    ASSERT_EQ(ev->instrument, e->cross.instrument);
    e->cross.price = ev->price;
    e->scan = (struct scan){0};
}

void apply_scan(struct engine *e, u32 prices)
{
    if (!e->scan.begun)
        auction_scan_begin(e, &e->scan, e->cross.instrument, e->cross.cross);
    auction_scan(e, &e->scan, &prices);
}

void apply_late(struct engine *e, const struct msg_late *ev, u32 id)
{
    ASSERT_EQ(e->orders.hot[id].order_ref, ev->order_ref);
    stream_advance(e, &ev->head);
    e->orders.info[id].pending |=
        ev->head.type == EV_CANCEL_PENDING ? PENDING_CANCEL : PENDING_REJECTED;
}

void order_rest(struct engine *e, u32 id)
{
    struct order *o = &e->orders.hot[id];
    struct market *m = &e->markets[o->instrument];
    u32 q;

    if (LIKELY(!(e->orders.info[id].special & SPECIAL_CROSS))) {
        book_insert(&e->books, id, e->orders.info[id].price);
        return;
    }
    q = queue_of(&e->orders.info[id], &e->orders.terms[id]);
    ASSERT_EQ(o->level, 0);
    o->level = LEVEL_QUEUED | q;
    queue_add(&e->queues, &m->queue[q], id);
    m->queued++;
}

void queued_remove(struct engine *e, u32 id)
{
    struct order *o = &e->orders.hot[id];
    struct market *m = &e->markets[o->instrument];

    queue_del(&e->queues, &m->queue[o->level & ~LEVEL_QUEUED], id);
    o->level = 0;
    m->queued--;
}

void queued_reduce(struct engine *e, u32 id, u32 qty)
{
    struct order *o = &e->orders.hot[id];

    queue_reduce(&e->queues, e->markets[o->instrument].queue[o->level & ~LEVEL_QUEUED], id, qty);
    o->open -= qty;
}
