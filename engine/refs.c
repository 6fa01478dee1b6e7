/*
 * refs.c - the index of open orders by their owner's numbers. Engine thread.
 *
 * Invariants: a page in the table has at least one line, a line at least one order; the pages of a
 * channel ascend; at most half of the table is used, so that a probe ends soon. Deleting shifts
 * back what follows, so there are no tombstones and the table never ages. A page and a line per
 * order suffice even for the worst numbers.
 */
#include "engine/refs.h"

void refs_init(struct refs *r, struct mem *m, u32 orders, const u64 key[2])
{
    u64 slots = 8;

    ASSERT(orders >= 1 && orders <= ORDERS_MAX);
    while (slots < 2ull * orders)
        slots *= 2;
    r->pages = pool_init(&r->page_pool, m, orders, sizeof *r->pages, CACHE_LINE);
    r->lines = pool_init(&r->line_pool, m, orders, sizeof *r->lines, CACHE_LINE);
    r->line_of = mem_alloc(m, ((u64)orders + 1) * sizeof *r->line_of, CACHE_LINE);
    r->table = mem_alloc(m, slots * sizeof *r->table, CACHE_LINE);
    r->mask = slots - 1;
    for (u32 i = 0; i < ARRAY_LEN(r->key); i++)
        r->key[i] = hash_2u64(key[0], key[1], i);
}

/* The place of the page in the table, or of the empty entry that ends the search. */
static inline u64 place_find(const struct refs *r, u32 owner, u32 base)
{
    u32 hash = refs_hash(r, owner, base);
    u64 at = hash & r->mask;

    for (;; at = (at + 1) & r->mask) {
        u64 entry = r->table[at];
        if (!entry)
            return at;
        if ((u32)(entry >> 32) != hash)
            continue;
        const struct ref_page *p = &r->pages[(u32)entry];
        if (LIKELY(p->owner == owner && p->base == base))
            return at;
    }
}

u32 refs_find(const struct refs *r, u32 owner, u32 user_ref)
{
    u32 base = user_ref / PAGE_REFS;
    u32 in_page = user_ref - base * PAGE_REFS;
    u64 entry = r->table[place_find(r, owner, base)];

    if (!entry)
        return 0;
    /* line 0 is never used and stays all zero */
    return r->lines[r->pages[(u32)entry].lines[in_page / LINE_REFS]].ids[in_page % LINE_REFS];
}

/* ---- pages come and go ---- */

static u32 page_append(struct refs *r, struct channel *c, u32 owner, u32 base)
{
    u32 page = pool_take(&r->page_pool);
    u64 at = place_find(r, owner, base);

    ASSERT_NE(page, 0);
    ASSERT_EQ(r->table[at], 0);
    r->table[at] = (u64)refs_hash(r, owner, base) << 32 | page;
    r->pages[page] = (struct ref_page){.prev = c->tail, .owner = owner, .base = base};
    if (c->tail)
        r->pages[c->tail].next = page;
    else
        c->head = page;
    c->tail = page;
    return page;
}

/* Empties a place of the table and closes the gap: what probed past it moves up. */
static void place_clear(struct refs *r, u64 hole)
{
    for (u64 at = (hole + 1) & r->mask; r->table[at]; at = (at + 1) & r->mask) {
        u64 home = (r->table[at] >> 32) & r->mask;
        if (((at - home) & r->mask) < ((at - hole) & r->mask))
            continue; /* its home lies behind the hole */
        r->table[hole] = r->table[at];
        hole = at;
    }
    r->table[hole] = 0;
}

static void page_drop(struct refs *r, struct channel *c, u64 at)
{
    u32 page = (u32)r->table[at];
    struct ref_page *p = &r->pages[page];

    if (p->next)
        r->pages[p->next].prev = p->prev;
    else
        c->tail = p->prev;
    if (p->prev)
        r->pages[p->prev].next = p->next;
    else
        c->head = p->next;
    place_clear(r, at);
    pool_give(&r->page_pool, page);
}

static inline bool all_zero(const u32 *words, u32 n)
{
    u32 any = 0;
    for (u32 i = 0; i < n; i++)
        any |= words[i];
    return any == 0;
}

/* ---- orders come and go ---- */

u32 refs_page_new(struct refs *r, struct channel *c, u32 owner, u32 base)
{
    ASSERT(!c->tail || r->pages[c->tail].base < base);
    return page_append(r, c, owner, base);
}

u32 refs_line_new(struct refs *r)
{
    u32 line = pool_take(&r->line_pool);

    ASSERT_NE(line, 0);
    r->lines[line] = (struct ref_line){0};
    return line;
}

void refs_line_drop(struct refs *r, struct channel *c, u32 owner, u32 user_ref, u32 gone)
{
    u32 base = user_ref / PAGE_REFS;
    u64 at = place_find(r, owner, base);

    ASSERT_NE(r->table[at], 0);
    struct ref_page *p = &r->pages[(u32)r->table[at]];
    u32 *line = &p->lines[(user_ref - base * PAGE_REFS) / LINE_REFS];
    ASSERT_EQ(*line, gone);
    pool_give(&r->line_pool, gone);
    *line = 0;
    if (all_zero(p->lines, PAGE_LINES))
        page_drop(r, c, at);
}

/* ---- in the order of numbers ---- */

/* The first order at or after place `in_page` of the page or of those behind it. */
static u32 first_from(const struct refs *r, u32 page, u32 in_page)
{
    for (; page; page = r->pages[page].next, in_page = 0) {
        for (; in_page < PAGE_REFS; in_page++) {
            u32 line = r->pages[page].lines[in_page / LINE_REFS];
            u32 id = r->lines[line].ids[in_page % LINE_REFS];
            if (id)
                return id;
            if (!line)
                in_page |= LINE_REFS - 1; /* the whole line is empty */
        }
    }
    return 0;
}

u32 refs_first(const struct refs *r, const struct channel *c)
{
    return first_from(r, c->head, 0);
}

u32 refs_after(const struct refs *r, u32 owner, u32 user_ref)
{
    u32 base = user_ref / PAGE_REFS;
    u64 entry = r->table[place_find(r, owner, base)];

    ASSERT_NE(entry, 0);
    return first_from(r, (u32)entry, user_ref - base * PAGE_REFS + 1);
}

static u32 page_check(const struct refs *r, u32 page, u32 last)
{
    const struct ref_page *p = &r->pages[page];
    u32 open = 0;

    ASSERT(!all_zero(p->lines, PAGE_LINES));
    for (u32 i = 0; i < PAGE_REFS; i++) {
        u32 line = p->lines[i / LINE_REFS];
        ASSERT(!line || !all_zero(r->lines[line].ids, LINE_REFS));
        if (!r->lines[line].ids[i % LINE_REFS])
            continue;
        ASSERT_LE(p->base * PAGE_REFS + i, last);
        ASSERT_EQ(r->line_of[r->lines[line].ids[i % LINE_REFS]], line);
        open++;
    }
    return open;
}

void refs_check(const struct refs *r, const struct channel *c, u32 owner)
{
    u32 open = 0;
    u32 prev = 0;

    for (u32 page = c->head; page; page = r->pages[page].next) {
        const struct ref_page *p = &r->pages[page];
        ASSERT_EQ(p->owner, owner);
        ASSERT_EQ(p->prev, prev);
        ASSERT(!prev || p->base > r->pages[prev].base);
        ASSERT_EQ((u32)r->table[place_find(r, owner, p->base)], page);
        open += page_check(r, page, c->last);
        prev = page;
    }
    ASSERT_EQ(c->tail, prev);
    ASSERT_EQ(c->open, open);
}
