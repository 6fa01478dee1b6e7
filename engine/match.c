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
    u8 stp;    /* enum stp, of the taker's account */
    enum side_index other;
    u32 limit; /* worst price that is taken */
};

static inline struct sweep sweep_of(const struct engine *e)
{
    const struct order *o = &e->orders.hot[e->taker];
    bool sell = o->sell;
    u32 limit = e->orders.info[e->taker].price;

    if (price_is_market(limit))
        limit = sell ? 0 : PRICE_LIMIT_MAX;
    return (struct sweep){
        .instrument = o->instrument,
        .flags = sell ? MSG_SELL : 0,
        .stp = e->accounts.at[owner_account(o->owner)].terms.stp,
        .other = sell ? BUY : SELL,
        .limit = limit,
    };
}

/* Where the next order to be met rests: a displayed one unless a hidden price is better. */
static inline enum side_index best_side(const struct book *k, const struct sweep *s)
{
    u32 hidden = k->best_price[s->other | BUY_HIDDEN];
    u32 shown = k->best_price[s->other];

    if (LIKELY(!hidden) || (shown && (s->other == SELL ? hidden >= shown : hidden <= shown)))
        return s->other;
    return (enum side_index)(s->other | BUY_HIDDEN);
}

static inline bool price_crosses(u32 price, const struct sweep *s)
{
    return price && (s->other == SELL ? price <= s->limit : price >= s->limit);
}

static inline bool crosses(const struct book *k, const struct sweep *s)
{
    return price_crosses(k->best_price[best_side(k, s)], s);
}

static inline bool same_party(const struct order *a, const struct order *b)
{
    return owner_account(a->owner) == owner_account(b->owner);
}

/* ---- before the sweep ---- */

/* How much a taker of `want` shares may still get of what it meets, and has got so far. */
struct probe {
    u32 want, left, got;
    u32 looked;
};

/* The taker meets the orders of a level in thought. False: no need to look further. */
static bool probe_level(const struct engine *e, const struct sweep *s, u32 level, struct probe *p)
{
    const struct order *taker = &e->orders.hot[e->taker];

    for (u32 id = e->books.levels[level].head; id; id = e->orders.hot[id].next) {
        const struct order *maker = &e->orders.hot[id];
        bool own = s->stp != STP_OFF && same_party(taker, maker);
        if (p->got >= p->want || p->left == 0 || ++p->looked > MIN_QTY_ORDERS_MAX)
            return false;
        if (own && (s->stp == STP_CANCEL_NEWEST || s->stp == STP_CANCEL_BOTH))
            return false;
        if (own && s->stp == STP_CANCEL_OLDEST)
            continue;
        u32 qty = min_u32(p->left, maker->open);
        p->left -= qty;
        p->got += own ? 0 : qty;
    }
    return true;
}

static bool min_qty_is_there(const struct engine *e, const struct sweep *s, u32 want)
{
    const struct book *k = &e->books.at[s->instrument];
    u32 shown = k->best_level[s->other];
    u32 hidden = k->best_level[s->other | BUY_HIDDEN];
    struct probe p = {.want = want, .left = e->orders.hot[e->taker].open};
    bool more = true;

    while (more && (shown || hidden)) {
        u32 ps = shown ? book_level_price(&e->books, shown) : 0;
        u32 ph = hidden ? book_level_price(&e->books, hidden) : 0;
        bool take_hidden = ph && (!ps || (s->other == SELL ? ph < ps : ph > ps));
        u32 *level = take_hidden ? &hidden : &shown;
        if (!price_crosses(take_hidden ? ph : ps, s))
            break;
        more = probe_level(e, s, *level, &p);
        *level = book_level_worse(&e->books, *level);
    }
    return p.got >= want;
}

u8 match_forbids(const struct engine *e)
{
    u8 special = e->orders.info[e->taker].special;

    if (LIKELY(!special))
        return 0;
    struct sweep s = sweep_of(e);
    if ((special & SPECIAL_POST_ONLY) && crosses(&e->books.at[s.instrument], &s))
        return 'G';
    if ((special & SPECIAL_MIN_QTY) && !min_qty_is_there(e, &s, e->orders.terms[e->taker].min_qty))
        return 'I';
    return 0;
}

/* ---- the sweep ---- */

static void prevented(struct engine *e, u32 id, u32 qty)
{
    apply_cancelled(e, event_cancelled(e, id, qty, 'Q'), id);
}

/* The taker meets an order of its own account. */
static void prevent(struct engine *e, u8 stp, u32 taker, u32 maker)
{
    u32 t = e->orders.hot[taker].open;
    u32 m = e->orders.hot[maker].open;
    u32 less = min_u32(t, m);

    switch ((enum stp)stp) {
    case STP_CANCEL_NEWEST:
        prevented(e, taker, t);
        return;
    case STP_CANCEL_OLDEST:
        prevented(e, maker, m);
        return;
    case STP_DECREMENT:
        prevented(e, taker, less);
        prevented(e, maker, less);
        return;
    default:
        ASSERT_EQ(stp, STP_CANCEL_BOTH);
        prevented(e, taker, t);
        prevented(e, maker, m);
    }
}

/* The taker against the first order of the best level of `side`. */
static inline void meet(struct engine *e, const struct sweep *s, const struct book *k,
                        enum side_index side)
{
    u32 price = k->best_price[side];
    u32 taker_id = e->taker;
    u32 maker_id = e->books.levels[k->best_level[side]].head;
    const struct order *taker = &e->orders.hot[taker_id];
    const struct order *maker = &e->orders.hot[maker_id];
    u32 qty = min_u32(taker->open, maker->open);
    u16 flags = s->flags;
    const struct msg_executed *ev;

    ASSERT_NE(maker_id, 0);
    ASSERT_GT(qty, 0);
    if (UNLIKELY(s->stp) && same_party(taker, maker)) {
        prevent(e, s->stp, taker_id, maker_id);
        return;
    }
    ev = event_executed(e, taker, qty, price, s->instrument, flags | MSG_TAKER);
    apply_executed(e, ev, taker_id);
    ev = event_executed(e, maker, qty, price, s->instrument, flags ^ MSG_SELL);
    apply_executed(e, ev, maker_id);
}

bool match_sweep(struct engine *e)
{
    struct sweep s = sweep_of(e);
    const struct book *k = &e->books.at[s.instrument];
    u64 first = e->next_match;
    bool done = true;
    u32 met = 0;

    ASSERT_NE(e->taker, 0);
    ASSERT_EQ(e->orders.hot[e->taker].level, 0);
    while (e->taker) {
        enum side_index side = best_side(k, &s);
        if (!price_crosses(k->best_price[side], &s))
            break;
        done = met++ < e->chunk_fills;
        if (!done)
            break;
        meet(e, &s, k, side);
    }
    metric_add(&e->metrics.fills, e->next_match - first);
    return done;
}
