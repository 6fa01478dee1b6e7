/*
 * ref_band.c - the reference's price bands: every trade remembered, every instrument looked at
 * after each transaction. For tests only.
 */
#include <stdlib.h>

#include "tests/lib/ref_state.h"

#define HALF_MINUTE (30 * NS_PER_SEC)

static struct ref_bands around(const struct ref *r, u32 i, u32 reference, bool wide)
{
    u8 tier = r->instruments[i].tier;
    i64 width = reference > 30000   ? (i64)reference * (tier == 1 ? 5 : 10) / 100
                : reference >= 7500 ? (i64)reference * 20 / 100
                                    : (i64)reference * 75 / 100;
    struct ref_bands none = {0};

    if (!tier || !reference)
        return none;
    if (reference < 7500 && width > 1500)
        width = 1500;
    width *= wide ? 2 : 1;
    i64 low = reference - width, high = reference + width;
    return (struct ref_bands){reference, low < 1 ? 1 : (u32)low,
                              high > 1999999900 ? 1999999900 : (u32)high};
}

struct ref_bands ref_bands_begin(const struct ref *r, u32 i, bool wide)
{
    const struct ref_market *m = &r->markets[i];
    u32 from = m->phase == 'T' && m->bands.reference ? m->bands.reference : m->last_price;
    return around(r, i, from ? from : r->instruments[i].reference_price, wide);
}

/* The highest price of buyers or the lowest of sellers; 0: any. */
static u32 limit(const struct ref *r, u32 i, bool sell)
{
    const struct ref_market *m = &r->markets[i];
    u32 tick = r->instruments[i].tick, top = 1999999900 / tick * tick;

    if (m->phase != 'T' || !m->bands.upper)
        return 0;
    u32 low = (m->bands.lower + tick - 1) / tick * tick, high = m->bands.upper / tick * tick;
    return sell ? (low < top ? low : top) : high ? high : tick;
}

u32 ref_band_price(const struct ref *r, const struct msg_order *o)
{
    bool sell = o->side != 'B', market = o->price == PRICE_MARKET || o->price == 2000000000;
    u32 to = limit(r, o->instrument, sell);

    if (o->cross_type != 'N' || market || !to)
        return o->price;
    return sell ? (o->price < to ? to : o->price) : o->price > to ? to : o->price;
}

bool ref_collar_refuses(const struct ref *r, u32 i, u32 price)
{
    const struct msg_instrument *t = &r->instruments[i];
    i64 width = (i64)t->reference_price * t->collar_bps / 10000;
    i64 away = (i64)price - t->reference_price;

    return t->collar_bps && t->reference_price && price != PRICE_MARKET && price != 2000000000 &&
           (away > width || -away > width);
}

u32 ref_sweep_limit(const struct ref *r, u32 i, bool sell)
{
    const struct msg_instrument *t = &r->instruments[i];
    i64 width = (i64)t->reference_price * t->collar_bps / 10000;
    bool collar = t->collar_bps && t->reference_price;
    i64 edge = sell ? (collar ? t->reference_price - width : 0)
                    : (collar ? t->reference_price + width : 1999999900);
    i64 band = limit(r, i, sell);

    if (edge > 1999999900)
        edge = 1999999900;
    if (band && (sell ? band > edge : band < edge))
        edge = band;
    return (u32)edge;
}

/* ---- trades ---- */

/* The mean of the trades of this half minute and the nine before. */
static u32 mean(const struct ref *r, u32 i)
{
    u64 sum = 0, n = 0;
    for (u32 t = 0; t < r->trades_used; t++) {
        if (r->trades[t].instrument != i ||
            r->trades[t].ns / HALF_MINUTE + 10 <= r->time / HALF_MINUTE)
            continue;
        sum += r->trades[t].price;
        n++;
    }
    return n ? (u32)(sum / n) : 0;
}

void ref_traded(struct ref *r, u32 i, u32 price)
{
    struct ref_market *m = &r->markets[i];

    m->last_price = price;
    if (!r->instruments[i].tier || m->phase != 'T')
        return;
    r->trades = realloc(r->trades, (r->trades_used + 1) * sizeof *r->trades);
    r->trades[r->trades_used++] = (struct ref_trade){i, price, r->time};
    if (m->move_ns || r->time < m->look_ns)
        return;
    m->look_ns = r->time + HALF_MINUTE;
    i64 away = (i64)mean(r, i) - m->bands.reference;
    if ((away < 0 ? -away : away) * 100 >= m->bands.reference)
        m->move_ns = r->time;
}

/* ---- limit states and alarms ---- */

static bool at_limit(const struct ref *r, u32 i)
{
    u32 high = limit(r, i, false), low = limit(r, i, true);

    for (u32 n = 0; high && n < r->conf.orders_max; n++) {
        const struct ref_order *o = &r->orders[n];
        if (!o->open || !o->resting || o->o.cross_type != 'N' || ref_conditional(o) ||
            o->o.instrument != i || ref_hidden(o))
            continue;
        if (o->o.side == 'B' ? o->o.price >= high : o->o.price <= low)
            return true;
    }
    return false;
}

void ref_bands_settle(struct ref *r)
{
    for (u32 i = 1; i <= r->instruments_used; i++) {
        struct ref_market *m = &r->markets[i];
        if (!at_limit(r, i))
            m->limit_ns = 0;
        else if (!m->limit_ns)
            m->limit_ns = r->time;
    }
}

static u64 alarm_of(const struct ref_market *m)
{
    if (m->move_ns)
        return m->move_ns;
    return m->limit_ns ? m->limit_ns + 15 * NS_PER_SEC : m->until_ns;
}

/* The instrument whose alarm went off first; 0: none. */
static u32 first_alarm(const struct ref *r)
{
    u32 first = 0;
    for (u32 i = 1; i <= r->instruments_used; i++) {
        u64 ns = alarm_of(&r->markets[i]);
        if (ns && ns <= r->time && (!first || ns < alarm_of(&r->markets[first])))
            first = i;
    }
    return first;
}

static void set_bands(struct ref *r, u32 i, struct ref_bands b)
{
    r->markets[i].bands = b;
    r->markets[i].move_ns = 0;
    union msg *ev = ref_add(r, EV_BANDS, 1, 0);
    ev->bands.instrument = (u16)i;
    ev->bands.reference = b.reference;
    ev->bands.lower = b.lower;
    ev->bands.upper = b.upper;
    r->course = (struct msg_course){.instrument = (u16)i, .phase = 'T'};
    r->at = i;
}

void ref_bands_new(struct ref *r, u32 i)
{
    struct ref_bands b = ref_bands_begin(r, i, r->markets[i].wide);

    if (b.reference)
        set_bands(r, i, b);
}

void ref_alarm(struct ref *r)
{
    u32 i = first_alarm(r);
    struct ref_market *m = &r->markets[i];

    if (!i)
        return;
    if (!m->move_ns) {
        bool over = m->phase == 'V';
        const struct ref_market *to = over ? &r->venue : m;
        u8 phase = over ? (r->venue.phase == 'V' ? 'T' : r->venue.phase) : 'V';
        ref_course_begin(r, (struct msg_course){.instrument = (u16)i,
                                                .phase = phase,
                                                .wide = to->wide,
                                                .late = to->late,
                                                .reason = over ? 'P' : 'L'});
        return;
    }
    u32 to = mean(r, i);
    set_bands(r, i, around(r, i, to ? to : m->last_price, m->wide));
    ref_go_on_course(r, WORK_SLIDE);
}

/* ---- orders that the bands have passed ---- */

static struct ref_order *passed(struct ref *r)
{
    struct ref_order *first = NULL;
    for (u32 n = 0; n < r->conf.orders_max; n++) {
        struct ref_order *o = &r->orders[n];
        if (!o->open || !o->resting || o->o.cross_type != 'N' || ref_conditional(o) ||
            o->o.instrument != r->at)
            continue;
        bool sell = o->o.side != 'B';
        u32 to = limit(r, r->at, sell);
        if (!to || (sell ? o->o.price >= to : o->o.price <= to))
            continue;
        if (!first || ref_stands_before(o, first))
            first = o;
    }
    return first;
}

bool ref_slide(struct ref *r, u32 *budget)
{
    struct ref_order *o;

    while ((o = passed(r)) != NULL) {
        if (*budget == 0)
            return ref_stop(r, WORK_SLIDE, r->at);
        --*budget;
        union msg *m = ref_add(r, EV_PRIORITY, 1, o->o.head.account);
        m->priority.old_order_ref = o->o.order_ref;
        m->priority.user_ref = o->o.user_ref;
        m->priority.user_ref_idx = o->o.user_ref_idx;
        m->priority.instrument = o->o.instrument;
        m->priority.display = o->o.display;
        m->priority.price = o->o.price = limit(r, r->at, o->o.side != 'B');
        m->priority.order_ref = o->o.order_ref = o->rank = r->order_ref++;
        if (ref_resting_on(r, r->at) == 1) /* it was alone: it begins the book anew */
            r->steps[r->at] = r->instruments[r->at].tick;
    }
    return true;
}
