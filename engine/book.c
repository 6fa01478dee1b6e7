/*
 * book.c - lines and levels of resting orders. Engine thread, no system calls, no clock.
 *
 * Invariants: a level's `qty` is the sum of its orders' open shares; a line's bit is set exactly
 * when its level has orders; a line in use has a bit set; the best level of a side is the first bit
 * of its first line; the queue of a level ascends by priority; a line that the cache names is in
 * use, under that side and key.
 */
#include "engine/book.h"

#include "engine/ladder.h"

void books_init(struct books *b, struct mem *m, u32 instruments, const struct orders *o)
{
    u32 lines = o->pool.max;

    ASSERT(instruments >= 1 && instruments <= INSTRUMENTS_MAX);
    b->at = mem_alloc(m, ((u64)instruments + 1) * sizeof *b->at, CACHE_LINE);
    b->hot = o->hot;
    b->reserve = o->reserve;
    b->lines = pool_init(&b->line_pool, m, lines, sizeof *b->lines, CACHE_LINE);
    b->levels = mem_alloc(m, ((u64)lines + 1) * LINE_LEVELS * sizeof *b->levels, CACHE_LINE);
    b->forks = pool_init(&b->fork_pool, m, lines, sizeof *b->forks, CACHE_LINE);
    b->marks = mem_alloc(m, sizeof *b->marks, CACHE_LINE);
    u64 places = 1ull << CACHE_BITS;
    while (places < lines)
        places *= 2;
    b->cache = mem_alloc(m, places * sizeof *b->cache, CACHE_LINE);
    b->cache_mask = places - 1;
}

bool book_tick_fits(const struct books *b, u16 instrument, u32 tick)
{
    const struct book *k = &b->at[instrument];
    return k->orders == 0 || tick % k->step == 0;
}

void book_tick_set(struct books *b, u16 instrument, u32 tick)
{
    struct book *k = &b->at[instrument];

    ASSERT_GT(tick, 0);
    ASSERT(book_tick_fits(b, instrument, tick));
    k->tick = tick;
    if (k->orders == 0)
        k->step = tick;
}

/* A lower index is a better price on either side. */
u32 book_level_price(const struct books *b, u32 level)
{
    const struct line *l = &b->lines[level / LINE_LEVELS];
    u32 index = l->key << LINE_BITS | level % LINE_LEVELS;
    return (l->side & 1 ? index : index ^ INDEX_MAX) * b->at[l->side >> SIDE_BITS].step;
}

u32 book_level_worse(const struct books *b, u32 level)
{
    u32 line = level / LINE_LEVELS;
    u32 bits = b->lines[line].bits & ~((2u << level % LINE_LEVELS) - 1);

    if (!bits) {
        line = b->lines[line].worse;
        bits = b->lines[line].bits; /* line 0 is never used and stays all zero */
    }
    return bits ? line * LINE_LEVELS + (u32)__builtin_ctz(bits) : 0;
}

static u32 line_new(struct books *b, u32 *root, u32 side, u32 key)
{
    u32 line = pool_take(&b->line_pool);

    ASSERT_NE(line, 0);
    b->lines[line] = (struct line){.key = key, .side = side};
    ladder_add(b, root, line);
    return line;
}

u32 book_line_get(struct books *b, u32 *root, u32 side, u32 key)
{
    u32 line = ladder_find(b, *root, key);

    if (!line)
        line = line_new(b, root, side, key);
    *book_cache_at(b, side, key) = book_cache_entry(side, key, line);
    return line;
}

u16 books_marked(struct books *b)
{
    struct marks *m = b->marks;

    for (u32 i = 0; b->marked && i < ARRAY_LEN(m->top); i++) {
        if (!m->top[i])
            continue;
        u32 word = i * 64 + (u32)__builtin_ctzll(m->top[i]);
        return (u16)(word * 64 + (u32)__builtin_ctzll(m->words[word]));
    }
    b->marked = 0;
    return 0;
}

void books_unmark(struct books *b, u16 instrument)
{
    struct marks *m = b->marks;
    u32 word = instrument / 64;

    m->words[word] &= ~(1ull << instrument % 64);
    if (!m->words[word])
        m->top[word / 64] &= ~(1ull << word % 64);
}

void books_unmark_all(struct books *b)
{
    for (u16 instrument = books_marked(b); instrument; instrument = books_marked(b))
        books_unmark(b, instrument);
}

/* The touch has moved; pegs may follow it. */
static inline void touch_moved(struct books *b, const struct book *k, enum side_index side)
{
    if (UNLIKELY(k->dark) && side <= SELL)
        books_mark(b, (u16)(k - b->at));
}

void book_level_begin(struct books *b, u32 level, u32 price)
{
    struct line *l = &b->lines[level / LINE_LEVELS];
    struct book *k = &b->at[l->side >> SIDE_BITS];
    enum side_index side = (enum side_index)(l->side % BOOK_SIDES);
    u32 best = k->best_price[side];

    l->bits |= 1u << level % LINE_LEVELS;
    if (!best || (side & SELL ? price < best : price > best)) {
        k->best_price[side] = price;
        k->best_level[side] = level;
        touch_moved(b, k, side);
    }
}

static void line_drop(struct books *b, u32 *root, u32 line)
{
    const struct line *l = &b->lines[line];

    ASSERT_EQ(l->bits, 0);
    if (book_cached(b, l->side, l->key) == line)
        *book_cache_at(b, l->side, l->key) = 0;
    ladder_del(b, root, line);
    pool_give(&b->line_pool, line);
}

/* The best level of the side after `level`, which was it, is gone. */
static void best_advance(struct books *b, struct book *k, enum side_index side, u32 level)
{
    u32 line = level / LINE_LEVELS;

    if (!b->lines[line].bits)
        line = b->lines[line].worse;
    u32 best = 0;
    if (line)
        best = line * LINE_LEVELS + (u32)__builtin_ctz(b->lines[line].bits);
    k->best_level[side] = best;
    k->best_price[side] = best ? book_level_price(b, best) : 0;
    touch_moved(b, k, side);
}

void book_level_end(struct books *b, u32 level)
{
    struct line *l = &b->lines[level / LINE_LEVELS];
    struct book *k = &b->at[l->side >> SIDE_BITS];
    enum side_index side = (enum side_index)(l->side % BOOK_SIDES);

    ASSERT_EQ(b->levels[level].qty, 0);
    l->bits &= ~(1u << level % LINE_LEVELS);
    if (k->best_level[side] == level)
        best_advance(b, k, side, level);
    if (!l->bits)
        line_drop(b, &k->root[side], level / LINE_LEVELS);
}

void book_reduce(struct books *b, u32 id, u32 qty)
{
    struct order *o = &b->hot[id];
    struct level *v = &b->levels[o->level];

    ASSERT_NE(o->level, 0);
    ASSERT_LT(qty, o->open);
    o->open -= qty;
    v->qty -= qty;
}

void book_exhaust(struct books *b, u32 id)
{
    struct order *o = &b->hot[id];

    ASSERT_NE(o->level, 0);
    b->levels[o->level].qty -= o->open;
    o->open = 0;
}

void book_refill(struct books *b, u32 id, u32 qty)
{
    struct order *o = &b->hot[id];
    struct level *v = &b->levels[o->level];

    ASSERT_EQ(o->open, 0);
    o->open = qty;
    v->qty += qty;
    if (!o->next)
        return;
    b->hot[o->next].prev = o->prev;
    if (o->prev)
        b->hot[o->prev].next = o->next;
    else
        v->head = o->next;
    b->hot[v->tail].next = id;
    o->prev = v->tail;
    o->next = 0;
    v->tail = id;
}

/* The number by which an order stands in its queue. */
static u64 priority_of(const struct books *b, u32 id)
{
    u64 own = b->hot[id].rare ? b->reserve[id].priority : 0;

    return own ? own : b->hot[id].order_ref;
}

static u32 level_check(const struct books *b, u32 level)
{
    const struct level *v = &b->levels[level];
    u64 qty = 0;
    u32 orders = 0;
    u32 prev = 0;

    for (u32 id = v->head; id; id = b->hot[id].next) {
        const struct order *o = &b->hot[id];
        ASSERT_EQ(o->level, level);
        ASSERT_EQ(o->prev, prev);
        ASSERT(o->open >= 1 && o->open <= QTY_MAX);
        ASSERT(!prev || priority_of(b, id) > priority_of(b, prev));
        qty += o->open;
        orders++;
        prev = id;
    }
    ASSERT_EQ(v->tail, prev);
    ASSERT_EQ(v->qty, qty);
    return orders;
}

static u32 line_check(const struct books *b, u32 line)
{
    u32 orders = 0;

    ASSERT_NE(b->lines[line].bits, 0);
    for (u32 i = 0; i < LINE_LEVELS; i++) {
        u32 here = level_check(b, line * LINE_LEVELS + i);
        ASSERT_EQ(here != 0, b->lines[line].bits >> i & 1);
        orders += here;
    }
    return orders;
}

static u32 side_check(const struct books *b, u16 instrument, enum side_index side)
{
    const struct book *k = &b->at[instrument];
    u32 best = k->best_level[side];
    u32 lines = 0;
    u32 orders = 0;
    u32 prev = 0;

    ASSERT_EQ(best != 0, k->root[side] != 0);
    ASSERT_EQ(k->best_price[side], best ? book_level_price(b, best) : 0);
    for (u32 line = best / LINE_LEVELS; line; line = b->lines[line].worse) {
        const struct line *l = &b->lines[line];
        ASSERT_EQ(l->side, instrument * BOOK_SIDES + side);
        ASSERT_EQ(l->better, prev);
        ASSERT(!prev || l->key > b->lines[prev].key);
        ASSERT_EQ(ladder_find(b, k->root[side], l->key), line);
        orders += line_check(b, line);
        lines++;
        prev = line;
    }
    ASSERT(!best || best % LINE_LEVELS == (u32)__builtin_ctz(b->lines[best / LINE_LEVELS].bits));
    ASSERT_EQ(ladder_check(b, k->root[side]), lines);
    return orders;
}

bool book_crossed(const struct books *b, u16 instrument)
{
    const struct book *k = &b->at[instrument];

    for (u32 buy = BUY; buy < BOOK_SIDES; buy += 2) {
        for (u32 sell = SELL; sell < BOOK_SIDES; sell += 2)
            if (k->best_price[buy] && k->best_price[sell] &&
                k->best_price[buy] >= k->best_price[sell])
                return true;
    }
    return false;
}

u32 book_check(const struct books *b, u16 instrument)
{
    const struct book *k = &b->at[instrument];
    u32 orders = 0;

    for (u32 side = BUY; side < BOOK_SIDES; side++)
        orders += side_check(b, instrument, (enum side_index)side);
    ASSERT_EQ(orders, k->orders);
    ASSERT(k->orders == 0 || k->tick % k->step == 0);
    return orders;
}
