/*
 * match.c - the sweep. Engine thread, no system calls, no clock, no allocation.
 *
 * Invariant: the taker is in no book while it sweeps, so the book is never crossed. Each fill
 * leaves through apply_executed, so a stop between any two fills is a state that recovery can be
 * in.
 */
#include "engine/match.h"

#include "engine/apply.h"
#include "engine/band.h"
#include "engine/base/hash.h"
#include "engine/event.h"
#include "engine/peg.h"
#include "engine/rules.h"
#include "engine/scout.h"

struct sweep {
    u16 instrument;
    u16 flags;  /* of the taker's events; MSG_SELL changes for the maker's */
    u8 stp;     /* enum stp, of the taker */
    u8 level;   /* enum stp_level, of the taker */
    u8 special; /* enum order_special, of the taker */
    enum side_index other;
    u32 limit; /* worst price that is taken */
};

/* What prevents the order from meeting its own party: its account's terms, unless tag 29 says. */
static void order_stp(const struct engine *e, u32 id, u8 *stp, u8 *level)
{
    const struct account *a = &e->accounts.at[owner_account(e->orders.hot[id].owner)];
    u8 aiq = e->orders.terms[id].aiq_strategy;

    *stp = aiq == AIQ_NONE ? STP_OFF : aiq == AIQ_FIRM_OLDEST ? STP_CANCEL_OLDEST : account_stp(a);
    *level = aiq == AIQ_FIRM_OLDEST ? STP_FIRM : account_stp_level(a);
}

static inline struct sweep sweep_of(const struct engine *e, u32 taker)
{
    const struct order *o = &e->orders.hot[taker];
    const struct order_info *info = &e->orders.info[taker];
    bool sell = o->sell;
    struct sweep s = {
        .instrument = o->instrument,
        .flags = sell ? MSG_SELL : 0,
        .stp = STP_OFF,
        .special = info->special,
        .other = sell ? BUY : SELL,
        .limit = info->price,
    };

    if (UNLIKELY(price_is_market(info->price)))
        s.limit = sweep_limit(e, o->instrument, sell);
    if (UNLIKELY((e->accounts.at[owner_account(o->owner)].watch & WATCH_STP) ||
                 (info->special & SPECIAL_AIQ)))
        order_stp(e, taker, &s.stp, &s.level);
    return s;
}

static inline bool price_crosses(u32 price, const struct sweep *s)
{
    return price && (s->other == SELL ? price <= s->limit : price >= s->limit);
}

static struct offer level_offer(const struct engine *e, const struct book *k, u32 side)
{
    u32 level = k->best_level[side];

    return (struct offer){level ? e->books.levels[level].head : 0, k->best_price[side]};
}

/*
 * As next_offer where not everything is displayed. An order with a minimum meets none that has one,
 * and pegs only if it is a midpoint: there they stand still while it looks for its minimum.
 */
static struct offer next_of_all(const struct engine *e, const struct sweep *s, u32 taker)
{
    const struct book *k = &e->books.at[s->instrument];
    bool sell = s->other == SELL;
    struct offer best = level_offer(e, k, s->other);
    struct offer other = level_offer(e, k, s->other | BUY_HIDDEN);

    if (other.id && offer_first(e, other, best))
        best = other;
    bool picky = s->special & SPECIAL_MIN_QTY;
    if ((picky && !order_midpoint(e, taker)) || !e->dark.at[s->instrument].orders)
        return best;
    other = peg_best(e, s->instrument, sell);
    if (other.id && offer_first(e, other, best))
        best = other;
    if (picky)
        return best;
    other = min_qty_best(e, s->instrument, sell, e->orders.hot[taker].open);
    if (other.id && offer_first(e, other, best))
        best = other;
    other = picky_best(e, s->instrument, sell, e->orders.hot[taker].open, s->limit);
    if (other.id && offer_first(e, other, best))
        best = other;
    return best;
}

/* What the taker meets next: the best price, displayed orders before others, oldest first. */
static inline struct offer next_offer(const struct engine *e, const struct sweep *s, u32 taker)
{
    const struct book *k = &e->books.at[s->instrument];

    if (UNLIKELY(k->dark))
        return next_of_all(e, s, taker);
    u32 level = k->best_level[s->other];
    return (struct offer){e->books.levels[level].head, k->best_price[s->other]};
}

/* A peg takes at what it is worth now, if it is worth anything. */
static bool peg_limit(const struct engine *e, struct sweep *s, u32 taker)
{
    s->limit = peg_price(e, taker);
    return s->limit != 0;
}

static u32 order_firm(const struct engine *e, u32 id)
{
    const struct account *a = &e->accounts.at[owner_account(e->orders.hot[id].owner)];

    return account_firm(a, e->orders.terms[id].firm);
}

/*
 * Taker and maker are of one party and must not trade: both look for their party on the same level,
 * and there they are one. The taker's way of preventing it decides.
 */
static bool own_party(const struct engine *e, const struct sweep *s, u32 taker, u32 maker)
{
    u8 stp, level;

    order_stp(e, maker, &stp, &level);
    if (stp == STP_OFF || level != s->level)
        return false;
    if (level == STP_FIRM)
        return order_firm(e, taker) == order_firm(e, maker);
    return owner_account(e->orders.hot[taker].owner) == owner_account(e->orders.hot[maker].owner);
}

/* ---- before the sweep ---- */

/* How much a taker of `want` shares may still get of what it meets, and has got so far. */
struct probe {
    u32 want, left, got;
    u32 looked;
};

/* The taker gets `qty` shares or what it still wants, from its own party in vain. */
static void probe_take(struct probe *p, u32 qty, bool own)
{
    qty = min_u32(p->left, qty);
    p->left -= qty;
    p->got += own ? 0 : qty;
}

/* There is no need to look further, or no leave to. */
static bool probe_over(struct probe *p)
{
    return p->got >= p->want || p->left == 0 || ++p->looked > MIN_QTY_ORDERS_MAX;
}

/* What others at the level keep back is met when all that is shown there is gone. */
static bool probe_reserves(const struct engine *e, const struct sweep *s, u32 level,
                           struct probe *p)
{
    for (u32 id = e->books.levels[level].head; id; id = e->orders.hot[id].next) {
        if (probe_over(p))
            return false;
        if (e->orders.hot[id].rare && !(s->stp != STP_OFF && own_party(e, s, e->taker, id)))
            probe_take(p, e->orders.reserve[id].left, false);
    }
    return true;
}

/* The taker meets the orders of a level in thought. False: no need to look further. */
static bool probe_level(const struct engine *e, const struct sweep *s, u32 level, struct probe *p)
{
    bool rare = false;

    for (u32 id = e->books.levels[level].head; id; id = e->orders.hot[id].next) {
        const struct order *maker = &e->orders.hot[id];
        bool own = s->stp != STP_OFF && own_party(e, s, e->taker, id);
        rare |= maker->rare;
        if (probe_over(p))
            return false;
        if (own && (s->stp == STP_CANCEL_NEWEST || s->stp == STP_CANCEL_BOTH))
            return false;
        if (own && s->stp == STP_CANCEL_OLDEST)
            continue;
        probe_take(p, own ? order_left(&e->orders, id) : maker->open, own);
    }
    return !rare || probe_reserves(e, s, level, p);
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

/* Behind hidden order `id` of a level: the next one of its side, as an offer. */
static struct offer hidden_behind(const struct engine *e, u32 id)
{
    u32 next = e->orders.hot[id].next;
    u32 level = e->orders.hot[id].level;

    if (!next) {
        level = book_level_worse(&e->books, level);
        next = level ? e->books.levels[level].head : 0;
    }
    return (struct offer){next, next ? book_level_price(&e->books, level) : 0};
}

/* As min_qty_is_there for a midpoint: hidden orders and pegs, which it meets in turn. */
static bool midpoint_is_there(const struct engine *e, const struct sweep *s, u32 want)
{
    const struct book *k = &e->books.at[s->instrument];
    bool sell = s->other == SELL;
    struct offer from[DARK_MIDPOINT + 2]; /* by kind of peg; the last are hidden ones */
    struct probe p = {.want = want, .left = e->orders.hot[e->taker].open};
    u32 hidden = DARK_MIDPOINT + 1;

    for (u32 kind = 0; kind <= DARK_MIDPOINT; kind++)
        from[kind] = peg_behind(e, s->instrument, (enum dark_kind)kind, sell, 0);
    from[hidden] = level_offer(e, k, s->other | BUY_HIDDEN);
    for (;;) {
        u32 first = hidden;
        for (u32 kind = 0; kind <= DARK_MIDPOINT; kind++)
            first = from[kind].id && offer_first(e, from[kind], from[first]) ? kind : first;
        u32 id = from[first].id;
        if (!price_crosses(from[first].price, s) || probe_over(&p))
            return p.got >= want;
        bool own = s->stp != STP_OFF && own_party(e, s, e->taker, id);
        if (own && (s->stp == STP_CANCEL_NEWEST || s->stp == STP_CANCEL_BOTH))
            return p.got >= want;
        if (!own || s->stp != STP_CANCEL_OLDEST)
            probe_take(&p, e->orders.hot[id].open, own);
        from[first] = first == hidden
                          ? hidden_behind(e, id)
                          : peg_behind(e, s->instrument, (enum dark_kind)first, sell, id);
    }
}

static bool enough_is_there(const struct engine *e, const struct sweep *s, u32 want)
{
    return order_midpoint(e, e->taker) ? midpoint_is_there(e, s, want)
                                       : min_qty_is_there(e, s, want);
}

enum match_leave match_leave(const struct engine *e)
{
    u8 special = e->orders.info[e->taker].special;

    if (LIKELY(!special))
        return MATCH_SWEEPS;
    struct sweep s = sweep_of(e, e->taker);
    if ((special & SPECIAL_PEG) && !peg_limit(e, &s, e->taker))
        return MATCH_SWEEPS; /* it finds nothing */
    if ((special & SPECIAL_POST_ONLY) && price_crosses(next_offer(e, &s, e->taker).price, &s))
        return MATCH_WOULD_TAKE;
    if ((special & SPECIAL_MIN_QTY) && !enough_is_there(e, &s, e->orders.terms[e->taker].min_qty))
        return MATCH_TOO_LITTLE;
    return MATCH_SWEEPS;
}

/* ---- the sweep ---- */

/* `qty` shares of an order go; its own account decides how much it is told of it. */
static void prevented(struct engine *e, u32 id, u32 qty, const struct aiq *aiq, u16 flags)
{
    const struct account *a = &e->accounts.at[owner_account(e->orders.hot[id].owner)];

    if (a->terms.stp_details)
        apply_aiq_cancelled(e, event_aiq_cancelled(e, id, qty, aiq, flags), id);
    else
        apply_cancelled(e, event_cancelled(e, id, qty, 'Q'), id);
}

/* Tag 29's letter of what is done: capitals for the firm, as far as we know them, else our own. */
static u8 aiq_letter(u8 stp, u8 level)
{
    static const char firm[] = "NWODX";
    static const char account[] = "Nwodx";

    _Static_assert(sizeof firm == STP_MAX + 2 && sizeof account == STP_MAX + 2, "by enum stp");
    return (u8)(level == STP_FIRM ? firm : account)[stp];
}

/* The taker meets an order of its own party at `price`. */
static void prevent(struct engine *e, const struct sweep *s, u32 taker, u32 maker, u32 price)
{
    u32 t = order_left(&e->orders, taker);
    u32 m = order_left(&e->orders, maker);
    u32 less = min_u32(e->orders.hot[taker].open, e->orders.hot[maker].open);
    struct aiq aiq = {less, price, aiq_letter(s->stp, s->level)};

    switch ((enum stp)s->stp) {
    case STP_CANCEL_NEWEST:
        prevented(e, taker, t, &aiq, MSG_TAKER);
        return;
    case STP_CANCEL_OLDEST:
        prevented(e, maker, m, &aiq, 0);
        return;
    case STP_DECREMENT:
        prevented(e, taker, less, &aiq, MSG_TAKER);
        prevented(e, maker, less, &aiq, 0);
        return;
    default:
        ASSERT_EQ(s->stp, STP_CANCEL_BOTH);
        prevented(e, taker, t, &aiq, MSG_TAKER);
        prevented(e, maker, m, &aiq, 0);
    }
}

/* ---- reserve orders ---- */

/*
 * How much a reserve order shows next: its MaxFloor, give or take its RandomReserves in round lots.
 * The draw depends on the journal's name, which is secret and random, and on the number that the
 * shown part gets, so running the commands again draws the same.
 */
static u32 reserve_draw(const struct engine *e, u32 id)
{
    const struct order_terms *t = &e->orders.terms[id];
    u32 left = e->orders.reserve[id].left;
    u32 lot = e->instruments.terms[e->orders.hot[id].instrument].lot;
    u32 lots = t->random_reserves / lot; /* the lot may have changed since it came */
    u64 draw = hash_2u64(e->journal_id, e->next_order_ref, t->random_reserves);

    if (lots == 0)
        return min_u32(left, t->max_floor);
    return min_u32(left, t->max_floor - lots * lot + (u32)(draw % (2 * lots + 1)) * lot);
}

void match_refresh(struct engine *e)
{
    u32 id = e->exhausted;

    if (id)
        apply_restated(e, event_restated(e, id, reserve_draw(e, id)), id);
}

static inline u8 maker_liquidity(const struct engine *e, u32 id)
{
    const struct order *o = &e->orders.hot[id];

    if (UNLIKELY(o->rare) && e->orders.reserve[id].again)
        return 'u';
    if (UNLIKELY(o->rare) && order_midpoint(e, id))
        return 'k';
    return o->hidden ? 'J' : 'A';
}

#define SCOUT_LEAD 3u /* orders that a scout is ahead of a sweep that meets several */

/* The taker meets `maker`, and will want more than he has. */
static void scout_on(const struct engine *e, struct scout *c, u32 maker)
{
    if (!c->id)
        *c = scout_from(e, maker, e->orders.hot[e->taker].open);
    else
        c->lead -= c->lead > 0;
    for (u32 i = 0; i < 2 && scout_wants(c, SCOUT_LEAD); i++)
        scout_step(e, c);
}

/* `c`: NULL, nobody goes ahead. `resting`: the taker rests too, so it may be a reserve order. */
static inline void meet(struct engine *e, const struct sweep *s, struct scout *c, u32 taker_id,
                        struct offer o, bool resting)
{
    u32 maker_id = o.id;
    const struct order *taker = &e->orders.hot[taker_id];
    const struct order *maker = &e->orders.hot[maker_id];
    u32 qty = min_u32(taker->open, maker->open);
    u16 flags = s->flags;
    const struct msg_executed *ev;

    ASSERT_NE(maker_id, 0);
    ASSERT_GT(qty, 0);
    if (UNLIKELY(s->stp) && own_party(e, s, taker_id, maker_id)) {
        prevent(e, s, taker_id, maker_id, o.price);
        return;
    }
    bool rare = maker->rare;

    if (c && taker->open > maker->open && maker->level < LEVEL_DARK)
        scout_on(e, c, maker_id);
    u8 added = maker_liquidity(e, maker_id);
    ev = event_executed(e, taker, qty, o.price, s->instrument, flags | MSG_TAKER,
                        UNLIKELY(added == 'k') ? 'm' : 'R');
    apply_executed(e, ev, taker_id);
    if (resting)
        match_refresh(e);
    ev = event_executed(e, maker, qty, o.price, s->instrument, flags ^ MSG_SELL, added);
    apply_executed(e, ev, maker_id);
    if (UNLIKELY(rare))
        match_refresh(e);
}

void match_pair(struct engine *e, u32 taker, u32 maker, u32 price)
{
    struct sweep s = sweep_of(e, taker);
    u64 first = e->next_match;

    meet(e, &s, NULL, taker, (struct offer){maker, price}, true);
    metric_add(&e->metrics.fills, e->next_match - first);
}

bool match_sweep(struct engine *e)
{
    u32 taker = e->taker;
    struct sweep s = sweep_of(e, taker);
    u64 first = e->next_match;
    struct scout c = {0};
    bool done = true;
    u32 met = 0;

    ASSERT_NE(taker, 0);
    ASSERT_EQ(e->orders.hot[taker].level, 0);
    while (e->taker) {
        if (UNLIKELY(s.special & SPECIAL_PEG) && !peg_limit(e, &s, taker))
            break;
        struct offer o = next_offer(e, &s, taker);
        if (!price_crosses(o.price, &s))
            break;
        done = met++ < e->chunk_fills;
        if (!done)
            break;
        meet(e, &s, &c, taker, o, false);
    }
    metric_add(&e->metrics.fills, e->next_match - first);
    return done;
}
