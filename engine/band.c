/*
 * band.c - see band.h. Engine thread, no clock, no allocation. What changes state here is called by
 * apply_*.c and tx_settle alone, so recovery has the same bands, windows and alarms.
 *
 * Invariants: in continuous trading no buyer rests above the upper band and no seller below the
 * lower one once the work of a change is over; so no fill is outside.
 */
#include "engine/band.h"

static bool bands_hold(const struct market *m)
{
    return m->phase == PHASE_TRADING && m->upper != 0;
}

/* Half the width of the bands around `price`. */
static u64 band_width(u8 tier, u64 price)
{
    if (price > 30000)
        return price * (tier == 1 ? 5 : 10) / 100;
    if (price >= 7500)
        return price * 20 / 100;
    return min_u64(1500, price * 75 / 100);
}

struct bands bands_around(const struct engine *e, u32 instrument, u32 reference, bool wide)
{
    u8 tier = e->instruments.terms[instrument].tier;
    u64 width = band_width(tier, reference) << wide;

    if (!tier || !reference)
        return (struct bands){0};
    return (struct bands){
        .reference = reference,
        .lower = reference > width ? reference - (u32)width : 1,
        .upper = (u32)min_u64(reference + width, PRICE_LIMIT_MAX),
    };
}

struct bands bands_begin(const struct engine *e, u32 instrument, bool wide)
{
    const struct market *m = &e->markets[instrument];
    u32 reference = m->phase == PHASE_TRADING ? m->reference : m->last_price;

    if (!reference)
        reference = m->last_price;
    if (!reference)
        reference = e->instruments.terms[instrument].reference_price;
    return bands_around(e, instrument, reference, wide);
}

/* ---- prices ---- */

u32 band_limit(const struct engine *e, u32 instrument, bool sell)
{
    const struct market *m = &e->markets[instrument];
    u32 tick = e->books.at[instrument].tick;

    if (!bands_hold(m))
        return 0;
    if (!sell)
        return max_u32(m->upper / tick * tick, tick);
    return min_u32((m->lower + tick - 1) / tick * tick, PRICE_LIMIT_MAX / tick * tick);
}

static u32 collar_edge(const struct engine *e, u32 instrument, bool sell)
{
    const struct msg_instrument *t = &e->instruments.terms[instrument];
    u64 width = (u64)t->reference_price * t->collar_bps / 10000;

    if (!t->reference_price || !t->collar_bps)
        return sell ? 0 : PRICE_LIMIT_MAX;
    return (u32)(sell ? t->reference_price - width
                      : min_u64(t->reference_price + width, PRICE_LIMIT_MAX));
}

u32 sweep_limit(const struct engine *e, u32 instrument, bool sell)
{
    u32 edge = collar_edge(e, instrument, sell);
    u32 band = band_limit(e, instrument, sell);

    if (!band)
        return edge;
    return sell ? max_u32(edge, band) : min_u32(edge, band);
}

bool collar_refuses(const struct engine *e, u32 instrument, u32 price)
{
    return !price_is_market(price) &&
           (price < collar_edge(e, instrument, true) || price > collar_edge(e, instrument, false));
}

u32 band_passed(const struct engine *e, u32 instrument)
{
    const struct book *k = &e->books.at[instrument];

    for (u32 side = BUY; side <= SELL_HIDDEN; side++) {
        u32 limit = band_limit(e, instrument, side & SELL);
        u32 best = k->best_price[side];
        if (limit && best && (side & SELL ? best < limit : best > limit))
            return e->books.levels[k->best_level[side]].head;
    }
    return 0;
}

/* ---- the reference ---- */

static struct bucket *bucket_at(const struct engine *e, u32 instrument, u64 number)
{
    return &e->windows[instrument].at[number % WINDOW_BUCKETS];
}

u32 window_mean(const struct engine *e, u32 instrument, u64 now_ns)
{
    u64 now = now_ns / BAND_LOOK_NS;
    u64 sum = 0, trades = 0;

    for (u32 i = 0; i < WINDOW_BUCKETS && i <= now; i++) {
        const struct bucket *b = bucket_at(e, instrument, now - i);
        if (b->number == (u32)(now - i)) {
            sum += b->sum;
            trades += b->trades;
        }
    }
    return trades ? (u32)(sum / trades) : 0;
}

static void window_add(struct engine *e, u32 instrument, u32 price, u64 now_ns)
{
    u64 now = now_ns / BAND_LOOK_NS;
    struct bucket *b = bucket_at(e, instrument, now);

    if (b->number != (u32)now)
        *b = (struct bucket){.number = (u32)now};
    b->sum += price;
    b->trades++;
}

void band_trade(struct engine *e, u32 instrument, u32 price, u64 now_ns)
{
    struct market *m = &e->markets[instrument];

    if (!e->instruments.terms[instrument].tier || m->phase != PHASE_TRADING)
        return;
    window_add(e, instrument, price, now_ns);
    if (m->move_ns || now_ns < m->look_ns)
        return;
    m->look_ns = now_ns + BAND_LOOK_NS;
    u64 mean = window_mean(e, instrument, now_ns);
    u64 away = mean > m->reference ? mean - m->reference : m->reference - mean;
    if (away * 100 < m->reference)
        return;
    m->move_ns = now_ns;
    band_alarm(e, instrument);
}

/* ---- limit states ---- */

void band_touch(struct engine *e, u32 instrument)
{
    struct market *m = &e->markets[instrument];

    if (m->touched)
        return;
    m->touched = 1;
    m->touched_next = e->touched;
    e->touched = instrument;
}

static bool at_limit(const struct engine *e, u32 instrument)
{
    const struct book *k = &e->books.at[instrument];
    u32 upper = band_limit(e, instrument, false);
    u32 lower = band_limit(e, instrument, true);

    if (!upper)
        return false;
    return k->best_price[BUY] >= upper || (k->best_price[SELL] && k->best_price[SELL] <= lower);
}

void bands_settle(struct engine *e, u64 now_ns)
{
    while (e->touched) {
        u32 i = e->touched;
        struct market *m = &e->markets[i];
        e->touched = m->touched_next;
        m->touched = 0;
        bool limit = at_limit(e, i);
        if (limit != (m->limit_ns != 0)) {
            m->limit_ns = limit ? now_ns : 0;
            band_alarm(e, i);
        }
    }
}

void band_alarm(struct engine *e, u32 instrument)
{
    const struct market *m = &e->markets[instrument];
    u64 ns = m->until_ns;

    if (m->limit_ns)
        ns = m->limit_ns + BAND_LIMIT_NS;
    if (m->move_ns)
        ns = m->move_ns;
    alarm_set(&e->alarms, instrument, ns);
}
