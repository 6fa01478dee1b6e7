/*
 * bare_book.c - see bare_book.h.
 *
 * Levels are an array by price for each symbol, a bitmap of three storeys finds the best one,
 * orders are an array by id, queues are linked through it.
 */
#include "tests/lib/bare_book.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/base/assert.h"

#define PRICES (17u * 4096) /* more than the generator has */
#define WORDS  (PRICES / 64)

struct bare_order {
    u32 next, prev; /* in its queue; 0: none */
    u32 qty;        /* 0: not open */
    u32 price;
    u32 symbol;
    u32 sell;
};

struct bare_level {
    u32 head, tail; /* ids; 0: none */
};

/* Which prices of one side have orders. */
struct bare_side {
    u64 words[WORDS];
    u64 upper[WORDS / 64];
    u64 top;
};

struct bare_book {
    struct bare_order *orders;
    struct bare_level *levels; /* [symbol][price]: a price is one side's at a time */
    struct bare_side *sides;   /* [symbol][side] */
    u64 orders_bytes, levels_bytes, sides_bytes;
};

static void *pages(u64 bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    ASSERT(p != MAP_FAILED);
    madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

struct bare_book *bare_book_new(const struct ops_header *h)
{
    struct bare_book *b = calloc(1, sizeof *b);

    ASSERT(b != NULL);
    ASSERT_LT(h->max_price, PRICES);
    ASSERT_LT(h->max_id, UINT32_MAX);
    b->orders_bytes = (h->max_id + 1) * sizeof *b->orders;
    b->levels_bytes = (u64)h->symbols * PRICES * sizeof *b->levels;
    b->sides_bytes = (u64)h->symbols * 2 * sizeof *b->sides;
    b->orders = pages(b->orders_bytes);
    b->levels = pages(b->levels_bytes);
    b->sides = pages(b->sides_bytes);
    return b;
}

void bare_book_free(struct bare_book *b)
{
    munmap(b->orders, b->orders_bytes);
    munmap(b->levels, b->levels_bytes);
    munmap(b->sides, b->sides_bytes);
    free(b);
}

static inline void price_on(struct bare_side *s, u32 price)
{
    s->words[price / 64] |= 1ull << price % 64;
    s->upper[price / 4096] |= 1ull << price / 64 % 64;
    s->top |= 1ull << price / 4096;
}

static inline void price_off(struct bare_side *s, u32 price)
{
    if ((s->words[price / 64] &= ~(1ull << price % 64)) == 0 &&
        (s->upper[price / 4096] &= ~(1ull << price / 64 % 64)) == 0)
        s->top &= ~(1ull << price / 4096);
}

static inline u32 high_bit(u64 x)
{
    return 63 - (u32)__builtin_clzll(x);
}

static inline u32 low_bit(u64 x)
{
    return (u32)__builtin_ctzll(x);
}

/* The best price to trade with: the highest bid or the lowest offer; 0: none. */
static inline u32 best_of(const struct bare_side *s, u32 sell)
{
    if (s->top == 0)
        return 0;
    u32 i = sell ? low_bit(s->top) : high_bit(s->top);
    u32 j = i * 64 + (sell ? low_bit(s->upper[i]) : high_bit(s->upper[i]));
    return j * 64 + (sell ? low_bit(s->words[j]) : high_bit(s->words[j]));
}

static inline struct bare_level *level_of(struct bare_book *b, const struct bare_order *o)
{
    return &b->levels[(u64)o->symbol * PRICES + o->price];
}

static void rest(struct bare_book *b, u32 id)
{
    struct bare_order *o = &b->orders[id];
    struct bare_level *l = level_of(b, o);

    o->next = 0;
    o->prev = l->tail;
    if (l->tail != 0) {
        b->orders[l->tail].next = id;
    } else {
        l->head = id;
        price_on(&b->sides[o->symbol * 2 + o->sell], o->price);
    }
    l->tail = id;
}

static void unrest(struct bare_book *b, u32 id)
{
    struct bare_order *o = &b->orders[id];
    struct bare_level *l = level_of(b, o);

    if (o->prev != 0)
        b->orders[o->prev].next = o->next;
    else
        l->head = o->next;
    if (o->next != 0)
        b->orders[o->next].prev = o->prev;
    else
        l->tail = o->prev;
    if (l->head == 0)
        price_off(&b->sides[o->symbol * 2 + o->sell], o->price);
}

/* Fills order `id` as far as the other side reaches its price. */
static void match(struct bare_book *b, u32 id, struct bare_result *r)
{
    struct bare_order *o = &b->orders[id];
    struct bare_side *other = &b->sides[o->symbol * 2 + !o->sell];

    while (o->qty > 0) {
        u32 price = best_of(other, !o->sell);
        if (price == 0 || (o->sell ? price < o->price : price > o->price))
            break;
        u32 maker = b->levels[(u64)o->symbol * PRICES + price].head;
        u32 qty = min_u32(o->qty, b->orders[maker].qty);
        r->traded_qty += qty;
        r->trades++;
        r->fill_hash = ops_mix(r->fill_hash, id, maker, price, qty);
        o->qty -= qty;
        b->orders[maker].qty -= qty;
        if (b->orders[maker].qty == 0) {
            unrest(b, maker);
            r->resting--;
        }
    }
}

static void enter(struct bare_book *b, u32 id, const struct ops_record *rec, struct bare_result *r)
{
    b->orders[id] = (struct bare_order){
        .qty = rec->qty, .price = rec->price, .symbol = rec->symbol, .sell = rec->side};
    match(b, id, r);
    if (b->orders[id].qty == 0)
        return;
    if (rec->type == OPS_IOC) {
        b->orders[id].qty = 0;
        return;
    }
    rest(b, id);
    r->resting++;
}

void bare_book_run(struct bare_book *b, const struct ops_record *records, u64 n,
                   struct bare_result *r)
{
    for (u64 i = 0; i < n; i++) {
        const struct ops_record *rec = &records[i];
        u32 id = (u32)rec->id;
        if (rec->type == OPS_CANCEL || rec->type == OPS_REPLACE) {
            if (b->orders[id].qty == 0) {
                r->rejects++;
                continue;
            }
            unrest(b, id);
            r->resting--;
            b->orders[id].qty = 0;
        }
        if (rec->type != OPS_CANCEL)
            enter(b, id, rec, r);
    }
}
