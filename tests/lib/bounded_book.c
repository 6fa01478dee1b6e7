/*
 * bounded_book.c - see bounded_book.h.
 *
 * Prices of a side are folded so that the lower one is the better one. 32 neighbouring ones make a
 * line with a bitmap; a hash finds a line by its key, and a tree of 64 children at each of five
 * storeys, made only where there are lines, finds the first one. Ids are found by a hash, too; what
 * has the same hash is chained through the orders and lines themselves. All from pools.
 */
#include "tests/lib/bounded_book.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "engine/base/assert.h"

#define LINE    32u
#define STOREYS 5u /* of 6 bits: more than the 27 of a key */

struct resting {
    u64 id;
    u32 next, prev; /* in its queue; 0: none */
    u32 qty;
    u32 level;
    u32 chain; /* the next one with the same hash, or the next free one */
};

struct queue {
    u32 head, tail; /* 0: none */
};

struct line {
    struct queue levels[LINE];
    u32 bits; /* which of them have orders */
    u32 key;  /* folded price / 32 */
    u32 side; /* symbol * 2 + 1 for sellers */
    u32 chain;
};

struct node {
    u64 bits;
    u32 child[64]; /* nodes, in the last storey lines */
};

struct side {
    u32 root;
    u32 best_level; /* line * 32 + its place there; 0: the side is empty */
    u32 best_price; /* folded */
};

/* Items of one size from 1 on; who is given back is taken first. */
struct items {
    u32 *freed; /* a stack */
    u32 freed_n;
    u32 fresh;
};

struct bounded_book {
    struct resting *orders;
    struct line *lines;
    struct node *nodes;
    struct side *sides;
    u32 *by_id, *by_key; /* the first of those with the same hash */
    u32 shift;           /* of a hash */
    struct items order_items, line_items, node_items;
    u64 bytes;
};

static void *part(u8 *base, u64 *at, u64 n, u64 bytes)
{
    u8 *p = base + *at;

    *at += round_up(n * bytes, 64);
    return p;
}

/* The parts of a book one behind the other from `base` on. Returns how many bytes they take. */
static u64 lay_out(struct bounded_book *b, u8 *base, u32 symbols, u32 max)
{
    u64 places = 1ull << (64 - b->shift);
    u64 at = 0;

    b->orders = part(base, &at, max + 1ull, sizeof *b->orders);
    b->lines = part(base, &at, max + 1ull, sizeof *b->lines);
    b->nodes = part(base, &at, max * (u64)STOREYS + 1, sizeof *b->nodes);
    b->sides = part(base, &at, symbols * 2ull, sizeof *b->sides);
    b->by_id = part(base, &at, places, sizeof *b->by_id);
    b->by_key = part(base, &at, places, sizeof *b->by_key);
    b->order_items.freed = part(base, &at, max, sizeof(u32));
    b->line_items.freed = part(base, &at, max, sizeof(u32));
    b->node_items.freed = part(base, &at, max * (u64)STOREYS, sizeof(u32));
    return at;
}

struct bounded_book *bounded_book_new(u32 symbols, u32 open_max)
{
    struct bounded_book *b = calloc(1, sizeof *b);

    ASSERT(b != NULL && open_max >= 1 && open_max < 1u << 27);
    b->shift = 63 - (32 - (u32)__builtin_clz(open_max)); /* two places an order, or more */
    b->bytes = lay_out(b, NULL, symbols, open_max);
    u8 *base = mmap(NULL, b->bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT(base != MAP_FAILED);
    madvise(base, b->bytes, MADV_HUGEPAGE);
    lay_out(b, base, symbols, open_max);
    return b;
}

void bounded_book_free(struct bounded_book *b)
{
    munmap(b->orders, b->bytes);
    free(b);
}

static inline u32 take(struct items *i)
{
    return i->freed_n ? i->freed[--i->freed_n] : ++i->fresh;
}

static inline void give(struct items *i, u32 item)
{
    i->freed[i->freed_n++] = item;
}

static inline u32 fold(u32 price, u32 sell)
{
    return price ^ (sell - 1);
}

/* Numbers that follow each other share a cache line. */
static inline u32 *id_place(const struct bounded_book *b, u64 id)
{
    return &b->by_id[(id / 16 * 0x9E3779B97F4A7C15ull >> b->shift & ~15ull) | id % 16];
}

static inline u32 *key_place(const struct bounded_book *b, u32 side, u32 key)
{
    return &b->by_key[((u64)side << 32 | key) * 0x9E3779B97F4A7C15ull >> b->shift];
}

/* Where the order's number stands: in the table or in the chain; 0 there: it is not open. */
static inline u32 *id_find(const struct bounded_book *b, u64 id)
{
    u32 *at = id_place(b, id);

    while (*at && b->orders[*at].id != id)
        at = &b->orders[*at].chain;
    return at;
}

/* ---- lines ---- */

static void tree_add(struct bounded_book *b, u32 *root, u32 key, u32 line)
{
    u32 *at = root;

    for (u32 storey = STOREYS; storey--;) {
        if (!*at)
            *at = take(&b->node_items);
        struct node *n = &b->nodes[*at];
        u32 i = key >> storey * 6 & 63;
        n->bits |= 1ull << i;
        at = &n->child[i];
    }
    *at = line;
}

static void tree_del(struct bounded_book *b, u32 *root, u32 key)
{
    u32 *way[STOREYS + 1] = {root};
    u32 depth = 0;

    for (; depth < STOREYS; depth++)
        way[depth + 1] = &b->nodes[*way[depth]].child[key >> (STOREYS - 1 - depth) * 6 & 63];
    for (bool empty = true; empty && depth--;) {
        struct node *n = &b->nodes[*way[depth]];
        *way[depth + 1] = 0;
        n->bits &= ~(1ull << (key >> (STOREYS - 1 - depth) * 6 & 63));
        empty = !n->bits;
        if (empty)
            give(&b->node_items, *way[depth]);
        if (empty && depth == 0)
            *root = 0;
    }
}

static u32 tree_first(const struct bounded_book *b, u32 at)
{
    for (u32 storey = 0; at && storey < STOREYS; storey++)
        at = b->nodes[at].child[__builtin_ctzll(b->nodes[at].bits)];
    return at;
}

static u32 line_new(struct bounded_book *b, u32 side, u32 key)
{
    u32 *place = key_place(b, side, key);
    u32 line = take(&b->line_items);

    b->lines[line] = (struct line){.key = key, .side = side, .chain = *place};
    *place = line;
    tree_add(b, &b->sides[side].root, key, line);
    return line;
}

static inline u32 line_get(struct bounded_book *b, u32 side, u32 key)
{
    u32 line = *key_place(b, side, key);

    while (line && (b->lines[line].key != key || b->lines[line].side != side))
        line = b->lines[line].chain;
    return line ? line : line_new(b, side, key);
}

static void line_drop(struct bounded_book *b, u32 line)
{
    const struct line *l = &b->lines[line];
    u32 *at = key_place(b, l->side, l->key);

    while (*at != line)
        at = &b->lines[*at].chain;
    *at = l->chain;
    tree_del(b, &b->sides[l->side].root, l->key);
    give(&b->line_items, line);
}

/* The last order of `level` is gone. */
static void level_end(struct bounded_book *b, u32 level)
{
    u32 line = level / LINE;
    struct line *l = &b->lines[line];
    struct side *s = &b->sides[l->side];

    l->bits &= ~(1u << level % LINE);
    if (!l->bits)
        line_drop(b, line);
    if (s->best_level != level)
        return;
    if (!l->bits)
        line = tree_first(b, s->root);
    l = &b->lines[line];
    s->best_level = line ? line * LINE + (u32)__builtin_ctz(l->bits) : 0;
    s->best_price = l->key * LINE + s->best_level % LINE;
}

/* ---- orders ---- */

static inline struct queue *queue_of(const struct bounded_book *b, u32 level)
{
    return &b->lines[level / LINE].levels[level % LINE];
}

static void rest(struct bounded_book *b, const struct ops_record *rec, u32 qty)
{
    u32 price = fold(rec->price, rec->side);
    u32 side = rec->symbol * 2 + rec->side;
    u32 level = line_get(b, side, price / LINE) * LINE + price % LINE;
    struct queue *q = queue_of(b, level);
    u32 order = take(&b->order_items);
    u32 *place = id_place(b, rec->id);

    b->orders[order] = (struct resting){
        .id = rec->id, .prev = q->tail, .qty = qty, .level = level, .chain = *place};
    *place = order;
    if (q->tail) {
        b->orders[q->tail].next = order;
    } else {
        struct side *s = &b->sides[side];
        q->head = order;
        b->lines[level / LINE].bits |= 1u << level % LINE;
        if (!s->best_level || price < s->best_price)
            *s = (struct side){s->root, level, price};
    }
    q->tail = order;
}

/* The order whose number stands at `at` is gone. */
static void unrest(struct bounded_book *b, u32 *at)
{
    u32 order = *at;
    const struct resting *o = &b->orders[order];
    struct queue *q = queue_of(b, o->level);

    *(o->prev ? &b->orders[o->prev].next : &q->head) = o->next;
    *(o->next ? &b->orders[o->next].prev : &q->tail) = o->prev;
    *at = o->chain;
    give(&b->order_items, order);
    if (!(o->prev | o->next))
        level_end(b, o->level);
}

/* What is left of an order that takes what the other side has for it. */
static u32 match(struct bounded_book *b, const struct ops_record *rec, struct bare_result *r)
{
    const struct side *s = &b->sides[rec->symbol * 2 + !rec->side];
    u32 limit = fold(rec->price, !rec->side);
    u32 left = rec->qty;

    while (left && s->best_level && s->best_price <= limit) {
        struct resting *maker = &b->orders[queue_of(b, s->best_level)->head];
        u32 qty = min_u32(left, maker->qty);
        r->traded_qty += qty;
        r->trades++;
        r->fill_hash =
            ops_mix(r->fill_hash, rec->id, maker->id, fold(s->best_price, !rec->side), qty);
        left -= qty;
        maker->qty -= qty;
        if (!maker->qty) {
            unrest(b, id_find(b, maker->id));
            r->resting--;
        }
    }
    return left;
}

void bounded_book_run(struct bounded_book *b, const struct ops_record *records, u64 n,
                      struct bare_result *r)
{
    for (const struct ops_record *rec = records; rec < records + n; rec++) {
        if (rec->type == OPS_CANCEL || rec->type == OPS_REPLACE) {
            u32 *at = id_find(b, rec->id);
            if (!*at) {
                r->rejects++;
                continue;
            }
            unrest(b, at);
            r->resting--;
        }
        u32 left = rec->type == OPS_CANCEL ? 0 : match(b, rec, r);
        if (!left || rec->type == OPS_IOC)
            continue;
        rest(b, rec, left);
        r->resting++;
    }
}
