/*
 * ops_book.c - the generator's books. For tests; the heap is its own.
 *
 * A level is found in a hash of (symbol, side, price) and is never removed, a bitmap over the
 * 65,600 prices tells which have orders, orders are in a list.
 */
#include "tests/lib/ops_book.h"

#include <stdlib.h>

#include "engine/base/assert.h"

static struct gen_level *level_of(struct gen *g, u32 symbol, u32 side, u32 price)
{
    u64 key = ((u64)symbol * 2 + side) << 20 | price;
    u64 at = (key * 0x9E3779B97F4A7C15ull) >> g->level_shift;

    ASSERT_NE(key, 0);
    while (g->levels[at].key && g->levels[at].key != key)
        at = (at + 1) & g->level_mask;
    g->levels[at].key = key;
    return &g->levels[at];
}

static void mark(struct gen_side *s, u32 price, bool on)
{
    u32 w = price / 64;

    if (on)
        s->words[w] |= 1ull << price % 64;
    else
        s->words[w] &= ~(1ull << price % 64);
    if (s->words[w])
        s->summary[w / 64] |= 1ull << w % 64;
    else
        s->summary[w / 64] &= ~(1ull << w % 64);
}

static u32 highest(const struct gen_side *s)
{
    for (u32 i = ARRAY_LEN(s->summary); i-- > 0;) {
        if (!s->summary[i])
            continue;
        u32 w = i * 64 + 63 - (u32)__builtin_clzll(s->summary[i]);
        return w * 64 + 63 - (u32)__builtin_clzll(s->words[w]);
    }
    return 0;
}

static u32 lowest(const struct gen_side *s)
{
    for (u32 i = 0; i < ARRAY_LEN(s->summary); i++) {
        if (!s->summary[i])
            continue;
        u32 w = i * 64 + (u32)__builtin_ctzll(s->summary[i]);
        return w * 64 + (u32)__builtin_ctzll(s->words[w]);
    }
    return 0;
}

u32 ops_best(const struct gen_book *k, u32 side)
{
    return side ? lowest(&k->side[1]) : highest(&k->side[0]);
}

void ops_rest(struct gen *g, u32 seq)
{
    struct gen_order *o = &g->orders[seq];
    struct gen_level *l = level_of(g, o->symbol, o->side, o->price);

    o->next = 0;
    o->prev = l->tail;
    if (l->tail)
        g->orders[l->tail].next = seq;
    else
        l->head = seq;
    l->tail = seq;
    mark(&g->books[o->symbol].side[o->side], o->price, true);
}

void ops_unrest(struct gen *g, u32 seq)
{
    struct gen_order *o = &g->orders[seq];
    struct gen_level *l = level_of(g, o->symbol, o->side, o->price);

    if (o->prev)
        g->orders[o->prev].next = o->next;
    else
        l->head = o->next;
    if (o->next)
        g->orders[o->next].prev = o->prev;
    else
        l->tail = o->prev;
    if (!l->head)
        mark(&g->books[o->symbol].side[o->side], o->price, false);
}

void ops_live_add(struct gen *g, u32 seq)
{
    g->orders[seq].live_at = g->live_used;
    g->live[g->live_used++] = seq;
    g->recent[g->recent_at++ % RECENT] = seq;
    g->alive[seq] = true;
}

void ops_live_del(struct gen *g, u32 seq)
{
    u32 last = g->live[--g->live_used];

    g->live[g->orders[seq].live_at] = last;
    g->orders[last].live_at = g->orders[seq].live_at;
    g->alive[seq] = false;
}

u64 ops_id(const struct gen *g, u64 seq)
{
    if (!g->out->header.sparse)
        return seq;
    u64 z = seq * 0x9E3779B97F4A7C15ull;
    z ^= z >> 29;
    return z ? z : 1;
}

u32 ops_match(struct gen *g, u32 symbol, u64 taker, u32 side, u32 price, u32 qty)
{
    struct ops_header *h = &g->out->header;

    while (qty) {
        u32 at = ops_best(&g->books[symbol], !side);
        if (!at || (side ? at < price : at > price))
            break;
        u32 seq = level_of(g, symbol, !side, at)->head;
        struct gen_order *o = &g->orders[seq];
        u32 fill = min_u32(qty, o->qty);
        qty -= fill;
        o->qty -= fill;
        h->traded_qty += fill;
        h->trades++;
        h->fill_hash = ops_mix(h->fill_hash, ops_id(g, taker), ops_id(g, seq), at, fill);
        if (!o->qty) {
            ops_unrest(g, seq);
            ops_live_del(g, seq);
        }
    }
    return qty;
}

void ops_gen_init(struct gen *g, struct ops *out, u32 symbols, u64 records)
{
    u64 slots = 1024;

    while (slots < 2 * records && slots < 2ull * 2 * 65600 * symbols)
        slots *= 2;
    g->out = out;
    g->books = calloc(symbols, sizeof *g->books);
    g->levels = calloc(slots, sizeof *g->levels);
    g->level_mask = slots - 1;
    g->level_shift = 64 - (u32)__builtin_ctzll(slots);
    g->orders = calloc(records + 2, sizeof *g->orders);
    g->alive = calloc(records + 2, sizeof *g->alive);
    g->live = calloc(records + 2, sizeof *g->live);
    g->cumulated = calloc(symbols, sizeof *g->cumulated);
    g->symbols = calloc(symbols, sizeof *g->symbols);
    g->symbols_used = symbols;
}

void ops_gen_free(struct gen *g)
{
    free(g->books);
    free(g->levels);
    free(g->orders);
    free(g->alive);
    free(g->live);
    free(g->cumulated);
    free(g->symbols);
    free(g);
}
