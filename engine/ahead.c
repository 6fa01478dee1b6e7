/*
 * ahead.c - see ahead.h. Engine thread, no system calls; reads the state, writes only its notes.
 *
 * Invariant: an id, page, line or level in a note was read from where the engine keeps it, so its
 * place in the array exists whatever has become of it. A command that waits has been checked by
 * nobody: its account and instrument are compared with what there is.
 */
#include "engine/ladder.h"
#include "engine/scout.h"

static inline void fetch(const void *p)
{
    __builtin_prefetch(p, 1);
}

/* ---- a ladder ---- */

#define WALK_STEPS 12u /* as deep as ladders mostly are */

static void walk_begin(struct engine *e, u32 instrument, u32 side, u32 key)
{
    struct ahead *a = &e->ahead;
    u32 root = e->books.at[instrument].root[side];

    if (!root)
        return;
    a->walks[a->walks_at++ % AHEAD_WALKS] = (struct ahead_walk){.ref = root, .key = key};
    a->walking = WALK_STEPS;
    fetch(&e->books.forks[root < LADDER_LEAF ? root : 0]);
}

/* All of them a step: whether each is over is not worth a branch. */
static __attribute__((noinline)) void walks_on(struct engine *e)
{
    struct ahead *a = &e->ahead;

    a->walking--;
    for (u32 i = 0; i < AHEAD_WALKS; i++) {
        struct ahead_walk *w = &a->walks[i];
        w->ref = ladder_step(&e->books, w->ref, w->key);
        bool leaf = w->ref >= LADDER_LEAF;
        fetch(leaf ? (const void *)&e->books.lines[w->ref - LADDER_LEAF]
                   : (const void *)&e->books.forks[w->ref]);
    }
}

/* A line that is about to go takes its place in the ladder and what is remembered of it along. */
static void line_goes(struct engine *e, u32 line)
{
    const struct line *l = &e->books.lines[line];

    walk_begin(e, l->side >> SIDE_BITS, l->side % BOOK_SIDES, l->key);
    fetch(book_cache_at(&e->books, l->side, l->key));
}

/* ---- a sweep ---- */

static void scout_begin(struct engine *e, u32 id, u32 wants)
{
    e->ahead.scout = scout_from(e, id, wants);
    e->ahead.scouting = true;
}

static __attribute__((noinline)) void scout_on(struct engine *e)
{
    struct scout *c = &e->ahead.scout;
    u32 line = c->level / LINE_LEVELS;

    scout_step(e, c);
    if (UNLIKELY(c->level / LINE_LEVELS != line))
        line_goes(e, line);
    e->ahead.scouting = scout_wants(c, AHEAD_LEAD);
}

/* ---- a price ---- */

/* Where its line is remembered, and the best level of the other side if it trades there. */
static inline void price_index(struct engine *e, struct ahead_price *p)
{
    const struct book *k = &e->books.at[p->side / BOOK_SIDES];
    u32 sell = p->side & SELL;
    u32 ticks = k->step ? p->price / k->step : 0;
    u32 index = (sell ? ticks : ticks ^ INDEX_MAX) & INDEX_MAX;
    u32 best = k->best_level[sell ^ SELL];

    p->place = book_cache_place(&e->books, p->side, index >> LINE_BITS);
    p->entry = book_cache_entry(p->side, index >> LINE_BITS, 0);
    p->index = index;
    p->index_side = p->side;
    u32 meets = 0u - price_meets(sell, p->price, k->best_price[sell ^ SELL]);
    p->touch = best & meets;
    p->index_wants = p->qty & meets;
    fetch(&e->books.cache[p->place]);
    fetch(&e->books.levels[best]);
}

/* Its line is not there: the place in the ladder, and what will probably be that line. */
static void line_comes(struct engine *e, const struct ahead_price *p)
{
    struct books *b = &e->books;

    walk_begin(e, p->index_side / BOOK_SIDES, p->index_side & SELL, p->index >> LINE_BITS);
    fetch(&b->levels[b->line_pool.free * LINE_LEVELS + p->index % LINE_LEVELS]);
}

/* Its level, and whom it trades with. */
static inline void price_level(struct engine *e, struct ahead_price *p)
{
    u64 differ = e->books.cache[p->place] ^ p->entry;
    u32 line = differ < 1ull << LINE_ID_BITS ? (u32)differ : 0;

    p->level = line * LINE_LEVELS + p->index % LINE_LEVELS;
    p->meets = e->books.levels[p->touch].head;
    p->level_wants = p->index_wants;
    if (UNLIKELY(!line))
        line_comes(e, p);
    fetch(&e->books.levels[p->level]);
    fetch(&e->books.lines[line]);
    fetch(&e->orders.hot[p->meets]);
    fetch(&e->refs.line_of[p->meets]);
}

/* The end of the level's queue, where the other one's number stands, and whom it meets then. */
static inline void price_queue(struct engine *e, const struct ahead_price *p)
{
    if (UNLIKELY(p->level_wants > e->orders.hot[p->meets].open))
        scout_begin(e, p->meets, p->level_wants);
    fetch(&e->orders.hot[e->books.levels[p->level].tail]);
    fetch(&e->refs.lines[e->refs.line_of[p->meets]]);
}

void ahead_price(struct engine *e, u32 side, u32 price, u32 qty)
{
    struct ahead_price *p = &e->ahead.prices[e->ahead.prices_at ^= 1];

    price_queue(e, p);
    price_level(e, p);
    price_index(e, p);
    p->side = side;
    p->price = price;
    p->qty = qty;
    fetch(&e->books.at[side / BOOK_SIDES]);
}

/* ---- an order ---- */

/* The last order of its line takes it along: its place in the ladder, its neighbours. */
static inline void order_line(struct engine *e, const struct ahead_order *o)
{
    const struct line *l = &e->books.lines[o->last / LINE_LEVELS];

    if (LIKELY(!o->last || (l->bits & (l->bits - 1))))
        return;
    line_goes(e, o->last / LINE_LEVELS);
    fetch(&e->books.lines[l->better]);
    fetch(&e->books.lines[l->worse]);
}

/* Its level and neighbours, and what its new price needs. */
static inline void order_queue(struct engine *e, struct ahead_order *o)
{
    const struct order *h = &e->orders.hot[o->id];
    u32 level = h->level < LEVEL_DARK ? h->level : 0;

    o->last = h->prev | h->next ? 0 : level;
    fetch(&e->books.levels[level]);
    fetch(&e->books.lines[level / LINE_LEVELS]);
    fetch(&e->orders.hot[h->prev]);
    fetch(&e->orders.hot[h->next]);
    if (o->id_price && o->id) {
        fetch(&e->instruments.terms[h->instrument]);
        ahead_price(e, h->instrument * BOOK_SIDES + h->sell, o->id_price, h->open);
    }
}

static inline void order_found(struct engine *e, struct ahead_order *o)
{
    o->id = refs_line_get(&e->refs, o->line, o->line_wish.user_ref);
    o->id_price = o->line_wish.price;
    e->ahead.found[o->line_wish.user_ref % AHEAD_FOUND] = o->id;
    fetch(&e->orders.hot[o->id]);
    fetch(&e->refs.line_of[o->id]);
    u32 replaced = o->id_price ? o->id : 0; /* one in five, which nobody foresees: no branch */
    fetch(&e->orders.info[replaced]);
    fetch(&e->orders.terms[replaced]);
}

void ahead_order(struct engine *e, u32 owner, struct ahead_wish wish)
{
    struct ahead_order *o = &e->ahead.orders[e->ahead.orders_at ^= 1];

    order_line(e, o);
    order_queue(e, o);
    order_found(e, o);
    o->line = refs_page_get(&e->refs, o->page, o->page_wish.user_ref);
    o->line_wish = o->page_wish;
    fetch(&e->refs.lines[o->line]);
    o->page = (u32)e->refs.table[o->at];
    o->page_wish = o->at_wish;
    fetch(&e->refs.pages[o->page]);
    o->at = refs_at(&e->refs, owner, wish.user_ref);
    o->at_wish = wish;
    fetch(&e->refs.table[o->at]);
}

inline void ahead_on(struct engine *e)
{
    if (UNLIKELY(e->ahead.walking))
        walks_on(e);
    if (UNLIKELY(e->ahead.scouting))
        scout_on(e);
}

void engine_ahead(struct engine *e, const union msg *cmd)
{
    u32 account = cmd->cmd.account;

    __builtin_prefetch(&cmd->slots[1]);
    fetch(&e->accounts.at[account]); /* if there is none, there is nothing to fetch */
    ahead_on(e);
    if (cmd->cmd.type == CMD_ENTER) {
        u32 instrument = cmd->enter.instrument;
        instrument = instrument <= e->instruments.names.used ? instrument : 0;
        ahead_price(e, instrument * BOOK_SIDES + side_is_sell(cmd->enter.side), cmd->enter.price,
                    cmd->enter.qty);
    } else if (cmd->cmd.type == CMD_CANCEL) {
        ahead_order(e, owner_of(account, cmd->cancel.user_ref_idx),
                    (struct ahead_wish){cmd->cancel.user_ref, 0});
    } else if (cmd->cmd.type == CMD_REPLACE) {
        ahead_order(e, owner_of(account, cmd->replace.user_ref_idx),
                    (struct ahead_wish){cmd->replace.orig_user_ref, cmd->replace.price});
    }
}
