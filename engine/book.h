/*
 * book.h - the resting orders of all instruments: price levels in order, orders in a queue at each.
 *
 * A price becomes a number of ticks, and the ticks of a side are folded so that a lower index is
 * always the better price: one code for both sides. Sixteen neighbouring indices make a line: its
 * levels lie together, a bitmap says which of them have orders, and links lead to the next better
 * and worse line that exists. So the next best level is a bit scan, or one step along a link.
 *
 *   side ──▶ best level                     (touch, cached with its price)
 *        ──▶ ladder: a binary trie over the lines' keys with its paths compressed (ladder.h)
 *        ──▶ a cache by side and key, so that the ladder is rarely walked
 *   line ──▶ better, worse line; bitmap; 16 levels ──▶ head, tail of the queue, shares
 *
 * Any price of the protocol has its place; memory goes with the number of lines that have orders; a
 * level is found in at most 27 steps whatever the prices are. One thread. No system calls.
 */
#ifndef WIREBOOK_ENGINE_BOOK_H
#define WIREBOOK_ENGINE_BOOK_H

#include "engine/order.h"

#define LINE_LEVELS 16u
#define LINE_BITS   4u
#define INDEX_MAX   0x7FFFFFFFu /* indices have 31 bits, keys of lines 27 */
#define KEY_BITS    27u

/* An entry of the cache of lines has 18 bits of side, the key but its last 6 bits, and a line. */
#define CACHE_BITS   6u
#define LINE_ID_BITS 25u
_Static_assert(18 + KEY_BITS - CACHE_BITS + LINE_ID_BITS <= 64, "in one word");
_Static_assert(ORDERS_MAX < 1u << LINE_ID_BITS, "a line for each order");

/* Orders that are not displayed have sides of their own: they rank behind at the same price. */
enum side_index {
    BUY = 0,
    SELL = 1,
    BUY_HIDDEN = 2,
    SELL_HIDDEN = 3,
};

#define BOOK_SIDES 4u
#define SIDE_BITS  2u

struct level {
    u32 head; /* the order that is filled first; 0: none */
    u32 tail;
    u64 qty; /* open shares of all its orders */
};
_Static_assert(sizeof(struct level) == 16, "four to a cache line");

struct line {
    u32 key;    /*  0 index / 16; free list link */
    u32 side;   /*  4 instrument * 4 + enum side_index */
    u32 better; /*  8 the next line towards the touch; 0: none */
    u32 worse;  /* 12 the next line away from it */
    u32 bits;   /* 16 bit i: level i has orders; never 0 while the line is in use */
    u32 zero[3];
};
_Static_assert(sizeof(struct line) == 32, "two to a cache line");

/* One place of the ladder where two groups of lines part. */
struct fork {
    u32 child[2]; /* ladder references; child[0] is also the free list's link */
    u32 bit;      /* of the key, by which they part */
};

struct book {
    u32 best_level[BOOK_SIDES]; /* by enum side_index; 0: the side is empty */
    u32 best_price[BOOK_SIDES]; /* 0: the side is empty */
    u32 root[BOOK_SIDES];       /* ladder references */
    u32 step;                   /* price units per index; fixed while there are orders */
    u32 tick;                   /* the instrument's, a multiple of step */
    u32 orders;                 /* resting at levels */
    union {
        u32 unusual; /* both of these at one look, the first one below the second */
        struct {
            u32 special : 5; /* enum book_special (market.h); 0: plain continuous trading */
            u32 dark : 27;   /* resting and not displayed: at hidden levels or conditional */
        };
    };
} CACHE_ALIGNED;
_Static_assert(sizeof(struct book) == CACHE_LINE, "one cache line");
_Static_assert(ORDERS_MAX < 1u << 27, "dark counts them all");

/* Instruments that somebody has to look at, in two steps: a bit for each, a bit for each word. */
struct marks {
    u64 words[1024];
    u64 top[16];
};
_Static_assert(INSTRUMENTS_MAX < 1024 * 64, "a bit for each");

struct books {
    struct book *at;               /* by instrument, from 1 */
    struct order *hot;             /* the slab's hot part, shared with orders */
    const struct reserve *reserve; /* also theirs */
    struct line *lines;
    struct level *levels; /* level id = line * 16 + index % 16, from 16 */
    struct fork *forks;
    u64 *cache; /* lines by side and key, see book_cache_at */
    u64 cache_mask;
    struct pool line_pool;
    struct pool fork_pool;
    struct marks *marks; /* the touch or a conditional order of the instrument has changed */
    u32 marked;          /* 0: none is marked */
};

static inline void books_mark(struct books *b, u16 instrument)
{
    struct marks *m = b->marks;

    m->words[instrument / 64] |= 1ull << instrument % 64;
    m->top[instrument / 4096] |= 1ull << instrument / 64 % 64;
    b->marked = 1;
}

/* The marked instrument with the lowest id; 0: none is. */
u16 books_marked(struct books *b);

void books_unmark(struct books *b, u16 instrument);
void books_unmark_all(struct books *b);

/* Empty books for `instruments` instruments and the orders of `o`, from `m`. */
void books_init(struct books *b, struct mem *m, u32 instruments, const struct orders *o);

/* True when prices of the instrument may become multiples of `tick` (nothing rests in between). */
bool book_tick_fits(const struct books *b, u16 instrument, u32 tick);

/* Sets the tick; book_tick_fits. */
void book_tick_set(struct books *b, u16 instrument, u32 tick);

/* Takes `qty` shares off a resting order, less than are open, which keeps its place. */
void book_reduce(struct books *b, u32 id, u32 qty);

/* All that a resting order shows is gone; book_refill follows before anything else. */
void book_exhaust(struct books *b, u32 id);

/* An exhausted order shows `qty` shares at the end of its queue. */
void book_refill(struct books *b, u32 id, u32 qty);

/* The next worse level of the same side; 0: there is none. */
u32 book_level_worse(const struct books *b, u32 level);

/*
 * Where the line of `key` is remembered, of side instrument * 4 + enum side_index: one table for
 * all, in which neighbouring keys are neighbours and each place holds the last line that was looked
 * for there.
 */
static inline u64 book_cache_place(const struct books *b, u32 side, u32 key)
{
    return (key + (u64)side * 0x9E3779B1u) & b->cache_mask;
}

static inline u64 *book_cache_at(const struct books *b, u32 side, u32 key)
{
    return &b->cache[book_cache_place(b, side, key)];
}

/*
 * What stands there: side and key without the key's last bits, which the place tells, and the line.
 */
static inline u64 book_cache_entry(u32 side, u32 key, u32 line)
{
    return ((u64)side << KEY_BITS | key) >> CACHE_BITS << LINE_ID_BITS | line;
}

/* The line that is remembered for `key`, 0: none. */
static inline u32 book_cached(const struct books *b, u32 side, u32 key)
{
    u64 entry = *book_cache_at(b, side, key);
    u64 differ = entry ^ book_cache_entry(side, key, 0);

    return differ < 1ull << LINE_ID_BITS ? (u32)differ : 0;
}

/* The side of its book that an order rests on. */
static inline enum side_index side_of(const struct order *o)
{
    return (enum side_index)(o->sell | (u32)o->hidden << 1);
}

/* ---- orders come and go: here what most of them need, in book.c the rest ---- */

/* The line of `key` that the cache does not have, made if there is none. Never fails. */
u32 book_line_get(struct books *b, u32 *root, u32 side, u32 key);

/* The first order of `level` is there, the last one gone: bitmap and best level follow. */
void book_level_begin(struct books *b, u32 level, u32 price);
void book_level_end(struct books *b, u32 level);

/* The level of `price`, a multiple of the step, on that side of the instrument's book. */
static inline u32 book_level_at(struct books *b, u16 instrument, enum side_index side, u32 price)
{
    struct book *k = &b->at[instrument];
    u32 ticks = price / k->step;
    u32 index = side & SELL ? ticks : ticks ^ INDEX_MAX;
    u32 key = index >> LINE_BITS;
    u32 line = book_cached(b, instrument * BOOK_SIDES + side, key);

    ASSERT_EQ(ticks * k->step, price);
    if (UNLIKELY(line == 0))
        line = book_line_get(b, &k->root[side], instrument * BOOK_SIDES + side, key);
    return line * LINE_LEVELS + index % LINE_LEVELS;
}

/* As book_insert, for who knows what side and instrument order `id` has, and need not ask it. */
static inline void book_insert_on(struct books *b, u32 id, u16 instrument, enum side_index side,
                                  u32 price)
{
    struct order *o = &b->hot[id];
    struct book *k = &b->at[instrument];

    ASSERT_EQ(o->level, 0);
    if (k->orders == 0)
        k->step = k->tick;
    u32 level = book_level_at(b, instrument, side, price);
    struct level *v = &b->levels[level];
    u32 last = v->tail;
    o->level = level;
    o->next = 0;
    o->prev = last;
    v->tail = id;
    v->qty += o->open;
    k->orders++;
    if (UNLIKELY(side >= BUY_HIDDEN))
        k->dark++;
    if (LIKELY(last != 0)) {
        b->hot[last].next = id;
    } else {
        v->head = id;
        book_level_begin(b, level, price);
    }
}

/*
 * Order `id` goes to the end of the queue at `price`, a multiple of the tick, on its side of its
 * instrument's book. Never fails: there are as many lines as orders.
 */
static inline void book_insert(struct books *b, u32 id, u32 price)
{
    const struct order *o = &b->hot[id];

    book_insert_on(b, id, o->instrument, side_of(o), price);
}

/*
 * Takes a resting order out of its queue in book `k`, and the level or line that becomes empty with
 * it. Where it stands in the queue is not worth a branch: nobody foresees it.
 */
static inline void book_remove_from(struct books *b, struct book *k, struct order *o)
{
    u32 level = o->level;
    u32 next = o->next;
    u32 prev = o->prev;
    struct level *v = &b->levels[level];

    ASSERT_NE(level, 0);
    ASSERT_GE(v->qty, o->open);
    v->qty -= o->open;
    *(prev ? &b->hot[prev].next : &v->head) = next;
    *(next ? &b->hot[next].prev : &v->tail) = prev;
    o->level = 0;
    k->orders--;
    if (UNLIKELY(o->hidden))
        k->dark--;
    if (!(prev | next))
        book_level_end(b, level);
}

/* ... of its instrument's book. */
static inline void book_remove(struct books *b, u32 id)
{
    struct order *o = &b->hot[id];

    book_remove_from(b, &b->at[o->instrument], o);
}

/*
 * An order at `price`, not 0, trades with one of the other side at `best`; 0: nobody is there. In
 * one comparison, because a branch on the side of an order is missed every other time.
 */
static inline bool price_meets(bool sell, u32 price, u32 best)
{
    u32 differ = (price ^ best) & (0u - sell);

    return (best ^ differ) - 1 < (price ^ differ);
}

/* Where a level is. */
u32 book_level_price(const struct books *b, u32 level);

static inline u16 book_level_instrument(const struct books *b, u32 level)
{
    return (u16)(b->lines[level / LINE_LEVELS].side >> SIDE_BITS);
}

static inline enum side_index book_level_side(const struct books *b, u32 level)
{
    return (enum side_index)(b->lines[level / LINE_LEVELS].side % BOOK_SIDES);
}

/* A buyer pays what a seller asks: legal only while nothing trades. */
bool book_crossed(const struct books *b, u16 instrument);

/* Asserts every invariant of one instrument's book. Returns its resting orders. */
u32 book_check(const struct books *b, u16 instrument);

#endif
