/*
 * ahead.c - see ahead.h. Engine thread, no system calls; reads the state, writes only its notes.
 *
 * Invariant: an id, page, line or level in a note was read from where the engine keeps it, so its
 * place in the array exists whatever has become of it. A command that waits has been checked by
 * nobody: its account and instrument are compared with what there is.
 */
#include "engine/ladder.h"
#include "engine/state.h"

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
static void walks_on(struct engine *e)
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

/* ---- a price ---- */

static inline void price_index(struct engine *e, struct ahead_price *p)
{
    const struct book *k = &e->books.at[p->instrument];
    u32 side = p->sell ? SELL : BUY;
    u32 ticks = k->step ? p->price / k->step : 0;

    p->index = (p->sell ? ticks : ticks ^ INDEX_MAX) & INDEX_MAX;
    fetch(book_cache_at(&e->books, p->instrument * BOOK_SIDES + side, p->index >> LINE_BITS));
    fetch(&e->books.levels[k->best_level[!p->sell]]);
}

static inline void price_level(struct engine *e, struct ahead_price *p)
{
    const struct book *k = &e->books.at[p->instrument];
    u32 key = p->index >> LINE_BITS;
    u32 side = p->instrument * BOOK_SIDES + (p->sell ? SELL : BUY);
    u32 line = book_cached(&e->books, side, key);
    bool meets = price_meets(p->sell, p->price, k->best_price[!p->sell]);
    u32 head = e->books.levels[k->best_level[!p->sell]].head;

    p->level = line * LINE_LEVELS + p->index % LINE_LEVELS;
    p->meets = meets ? head : 0;
    if (UNLIKELY(!line) && !p->meets)
        walk_begin(e, p->instrument, p->sell, key);
    fetch(&e->books.levels[p->level]);
    fetch(&e->books.lines[line]);
    fetch(&e->orders.hot[p->meets]);
    fetch(&e->orders.info[p->meets]);
    fetch(&e->refs.line_of[p->meets]);
}

static inline void price_queue(struct engine *e, const struct ahead_price *p)
{
    fetch(&e->orders.hot[e->books.levels[p->level].tail]);
    fetch(&e->refs.lines[e->refs.line_of[p->meets]]);
}

static void ahead_price(struct engine *e, u32 instrument, u32 sell, u32 price)
{
    struct ahead *a = &e->ahead;
    u32 at = a->prices_at++;

    a->prices[at % AHEAD_NOTES] =
        (struct ahead_price){.instrument = instrument, .sell = sell, .price = price};
    fetch(&e->books.at[instrument]);
    fetch(&e->instruments.terms[instrument]);
    price_index(e, &a->prices[(at - AHEAD_STEP) % AHEAD_NOTES]);
    price_level(e, &a->prices[(at - 2 * AHEAD_STEP) % AHEAD_NOTES]);
    price_queue(e, &a->prices[(at - 3 * AHEAD_STEP) % AHEAD_NOTES]);
}

/* ---- an order ---- */

static inline void order_found(struct engine *e, struct ahead_order *o)
{
    o->id = refs_line_get(&e->refs, o->line, o->user_ref);
    e->ahead.found[o->user_ref % AHEAD_FOUND] = o->id;
    fetch(&e->orders.hot[o->id]);
    fetch(&e->refs.line_of[o->id]);
    if (o->price) {
        fetch(&e->orders.info[o->id]);
        fetch(&e->orders.terms[o->id]);
    }
}

static inline void order_queue(struct engine *e, struct ahead_order *o)
{
    const struct order *h = &e->orders.hot[o->id];
    u32 level = h->level < LEVEL_DARK ? h->level : 0;

    o->last = h->prev | h->next ? 0 : level;
    fetch(&e->books.levels[level]);
    fetch(&e->books.lines[level / LINE_LEVELS]);
    fetch(&e->orders.hot[h->prev]);
    fetch(&e->orders.hot[h->next]);
    if (o->price && o->id)
        ahead_price(e, h->instrument, h->sell, o->price);
}

/* The last order of its line takes it along: its place in the ladder, its neighbours. */
static inline void order_line(struct engine *e, const struct ahead_order *o)
{
    const struct line *l = &e->books.lines[o->last / LINE_LEVELS];

    if (LIKELY(!o->last || (l->bits & (l->bits - 1))))
        return;
    walk_begin(e, l->side >> SIDE_BITS, l->side % BOOK_SIDES, l->key);
    fetch(&e->books.lines[l->better]);
    fetch(&e->books.lines[l->worse]);
}

static void ahead_order(struct engine *e, u32 owner, u32 user_ref, u32 price)
{
    struct ahead *a = &e->ahead;
    u32 n = a->orders_at++;
    struct ahead_order *o = &a->orders[n % AHEAD_NOTES];

    *o = (struct ahead_order){.owner = owner, .user_ref = user_ref, .price = price};
    o->at = refs_at(&e->refs, owner, user_ref);
    fetch(&e->refs.table[o->at]);
    o = &a->orders[(n - AHEAD_STEP) % AHEAD_NOTES];
    o->page = (u32)e->refs.table[o->at];
    fetch(&e->refs.pages[o->page]);
    o = &a->orders[(n - 2 * AHEAD_STEP) % AHEAD_NOTES];
    o->line = refs_page_get(&e->refs, o->page, o->user_ref);
    fetch(&e->refs.lines[o->line]);
    order_found(e, &a->orders[(n - 3 * AHEAD_STEP) % AHEAD_NOTES]);
    order_queue(e, &a->orders[(n - 4 * AHEAD_STEP) % AHEAD_NOTES]);
    order_line(e, &a->orders[(n - 5 * AHEAD_STEP) % AHEAD_NOTES]);
}

void engine_ahead(struct engine *e, const union msg *cmd)
{
    __builtin_prefetch(&cmd->slots[1]);
    if (UNLIKELY(e->ahead.walking))
        walks_on(e);
    u32 account = account_known(&e->accounts, cmd->cmd.account) ? cmd->cmd.account : 0;

    if (cmd->cmd.type == CMD_ENTER) {
        u32 instrument = cmd->enter.instrument;
        fetch(&e->accounts.at[account]);
        ahead_price(e, instrument <= e->instruments.names.used ? instrument : 0,
                    side_is_sell(cmd->enter.side), cmd->enter.price);
    } else if (cmd->cmd.type == CMD_CANCEL) {
        fetch(&e->accounts.at[account]);
        ahead_order(e, owner_of(account, cmd->cancel.user_ref_idx), cmd->cancel.user_ref, 0);
    } else if (cmd->cmd.type == CMD_REPLACE) {
        fetch(&e->accounts.at[account]);
        ahead_order(e, owner_of(account, cmd->replace.user_ref_idx), cmd->replace.orig_user_ref,
                    cmd->replace.price);
    }
}
