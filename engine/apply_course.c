/*
 * apply_course.c - what the venue's course does to the state. Engine thread; no decisions, no
 * output. See apply.c, whose words hold here too.
 */
#include "engine/apply.h"
#include "engine/auction.h"
#include "engine/band.h"
#include "engine/peg.h"

void market_flags(struct engine *e, u32 instrument)
{
    const struct market *m = &e->markets[instrument];
    const struct msg_instrument *t = &e->instruments.terms[instrument];
    bool guarded = t->tier || t->collar_bps || m->upper;

    e->books.at[instrument].special = (m->phase == PHASE_TRADING ? 0 : BOOK_PHASED) |
                                      (phase_trades(m->phase) ? 0 : BOOK_STILL) |
                                      (guarded ? BOOK_GUARDED : 0) | (t->halted ? BOOK_HALTED : 0) |
                                      (m->listed ? BOOK_LISTED : 0);
    if (e->books.at[instrument].dark)
        books_mark(&e->books, (u16)instrument); /* pegs may go on, or go elsewhere */
}

static void market_enter(struct engine *e, u32 instrument, u8 phase, u8 wide, u8 late)
{
    struct market *m = &e->markets[instrument];

    m->phase = phase;
    m->wide = wide;
    m->late = late;
    market_flags(e, instrument);
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

/* A phase has the bands that its event says; the reference is left alone for a while. */
static void bands_enter(struct engine *e, const struct msg_phase *ev)
{
    struct market *m = &e->markets[ev->instrument];

    if (m->phase != PHASE_TRADING || ev->phase != PHASE_TRADING)
        m->look_ns = ev->reference ? ev->head.time_ns + BAND_LOOK_NS : 0;
    m->reference = ev->reference;
    m->lower = ev->lower;
    m->upper = ev->upper;
    m->move_ns = 0;
    m->until_ns = ev->until_ns;
    band_touch(e, ev->instrument);
}

void apply_bands(struct engine *e, const struct msg_bands *ev)
{
    struct market *m = &e->markets[ev->instrument];

    m->reference = ev->reference;
    m->lower = ev->lower;
    m->upper = ev->upper;
    m->move_ns = 0;
    market_flags(e, ev->instrument);
    band_alarm(e, ev->instrument);
    band_touch(e, ev->instrument);
    e->course =
        (struct course){.phase = m->phase, .instrument = ev->instrument, .at = ev->instrument};
}

/* The order gets the number and the price that a new one would have. */
void apply_priority(struct engine *e, const struct msg_priority *ev, u32 id)
{
    struct order *o = &e->orders.hot[id];
    bool timed = o->rare && (e->orders.info[id].special & SPECIAL_TIMED);
    u64 due_ns = timed ? e->expiry.due[id].ns : 0;

    ASSERT_EQ(o->order_ref, ev->old_order_ref);
    stream_advance(e, &ev->head);
    book_remove(&e->books, id);
    if (timed)
        expiry_del(&e->expiry, id); /* which looks at the number */
    kept_leave(e, id);
    o->order_ref = ev->order_ref;
    if (timed)
        expiry_add(&e->expiry, id, due_ns);
    if (o->rare)
        e->orders.reserve[id].priority = 0;
    e->orders.info[id].price = ev->price;
    kept_join(e, id);
    e->next_order_ref = ev->order_ref + 1;
    book_insert(&e->books, id, ev->price);
    band_touch(e, o->instrument);
}

void apply_phase(struct engine *e, const struct msg_phase *ev)
{
    ASSERT(ev->instrument && ev->instrument <= e->instruments.names.used);
    bands_enter(e, ev);
    market_enter(e, ev->instrument, ev->phase, ev->wide, ev->late);
    band_alarm(e, ev->instrument);
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

/* The first half of a trade that is broken says which it is. */
void apply_broken(struct engine *e, const struct msg_broken *ev)
{
    u32 n = e->broken_used;

    stream_advance(e, &ev->head);
    if (n && e->broken[n - 1] == ev->match)
        return;
    ASSERT_LT(n, BROKEN_MAX);
    e->broken[e->broken_used++] = ev->match;
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

    if (UNLIKELY(e->orders.info[id].special & SPECIAL_DARK)) {
        peg_rest(e, id);
        return;
    }
    if (LIKELY(!(e->orders.info[id].special & SPECIAL_CROSS))) {
        book_insert(&e->books, id, e->orders.info[id].price);
        if (UNLIKELY(e->books.at[o->instrument].special & BOOK_GUARDED))
            band_touch(e, o->instrument);
        return;
    }
    q = queue_of(&e->orders.info[id], &e->orders.terms[id]);
    ASSERT_EQ(o->level, 0);
    o->level = LEVEL_QUEUED | q;
    queue_add(&e->queues, &m->queue[q], id);
    m->queued++;
}

static u32 *kept_root(struct engine *e, u32 id)
{
    const struct order *o = &e->orders.hot[id];

    return &e->markets[o->instrument].kept[o->sell];
}

void kept_join(struct engine *e, u32 id)
{
    if (e->orders.hot[id].rare && e->orders.reserve[id].left)
        queue_add(&e->queues, kept_root(e, id), id);
}

void kept_leave(struct engine *e, u32 id)
{
    if (e->orders.hot[id].rare && e->orders.reserve[id].left)
        queue_del(&e->queues, kept_root(e, id), id);
}

void kept_reduce(struct engine *e, u32 id, u32 qty)
{
    if (qty == e->orders.reserve[id].left)
        kept_leave(e, id);
    else
        queue_reduce(&e->queues, *kept_root(e, id), id, qty);
    e->orders.reserve[id].left -= qty;
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
