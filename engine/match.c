/*
 * match.c - the sweep. Engine thread, no system calls, no clock, no allocation.
 *
 * Invariant: the taker is in no book while it sweeps, so the book is never crossed. Each fill
 * leaves through apply_executed, so a stop between any two fills is a state that recovery can be
 * in.
 */
#include "engine/match.h"

#include "engine/apply.h"
#include "engine/event.h"
#include "engine/rules.h"

struct sweep {
    u16 instrument;
    u16 flags; /* of the taker's events; MSG_SELL changes for the maker's */
    enum side_index other;
    u32 limit; /* worst price that is taken */
};

static struct sweep sweep_of(const struct engine *e)
{
    const struct order *o = &e->orders.hot[e->taker];
    bool sell = o->sell;
    u32 limit = e->orders.info[e->taker].price;

    if (price_is_market(limit))
        limit = sell ? 0 : PRICE_LIMIT_MAX;
    return (struct sweep){
        .instrument = o->instrument,
        .flags = sell ? MSG_SELL : 0,
        .other = sell ? BUY : SELL,
        .limit = limit,
    };
}

static inline bool crosses(const struct book *k, const struct sweep *s)
{
    u32 best = k->best_price[s->other];
    return best && (s->other == SELL ? best <= s->limit : best >= s->limit);
}

/* The taker against the first order of the best level. */
static inline void fill(struct engine *e, const struct sweep *s, const struct book *k)
{
    u32 price = k->best_price[s->other];
    u32 taker_id = e->taker;
    u32 maker_id = e->books.levels[k->best_level[s->other]].head;
    const struct order *taker = &e->orders.hot[taker_id];
    const struct order *maker = &e->orders.hot[maker_id];
    u32 qty = min_u32(taker->open, maker->open);
    u16 flags = s->flags;
    const struct msg_executed *ev;

    ASSERT_NE(maker_id, 0);
    ASSERT_GT(qty, 0);
    ev = event_executed(e, taker, qty, price, s->instrument, flags | MSG_TAKER);
    apply_executed(e, ev, taker_id);
    ev = event_executed(e, maker, qty, price, s->instrument, flags ^ MSG_SELL);
    apply_executed(e, ev, maker_id);
}

bool match_sweep(struct engine *e)
{
    struct sweep s = sweep_of(e);
    const struct book *k = &e->books.at[s.instrument];
    u32 fills = 0;

    ASSERT_NE(e->taker, 0);
    ASSERT_EQ(e->orders.hot[e->taker].level, 0);
    while (e->taker && fills < e->chunk_fills && crosses(k, &s)) {
        fill(e, &s, k);
        fills++;
    }
    metric_add(&e->metrics.fills, fills);
    return !e->taker || !crosses(k, &s);
}
