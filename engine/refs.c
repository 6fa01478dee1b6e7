/*
 * refs.c - the index of open orders by their owner's numbers. Engine thread.
 *
 * Invariants: a line in the table has at least one order; the lines of a channel ascend; at most
 * half of the table is used, so that a probe ends soon. Deleting shifts back what follows, so there
 * are no tombstones and the table never ages. A line per order suffices even for the worst numbers,
 * plus one while a replacement's new number is entered before the old one is taken out.
 */
#include "engine/refs.h"

#include "engine/base/hash.h"
#include "engine/base/limits.h"

void refs_init(struct refs *r, struct mem *m, u32 orders, u64 seed)
{
    u32 lines = orders + 1;
    u64 slots = 8;

    ASSERT(orders >= 1 && orders <= ORDERS_MAX);
    while (slots < 2ull * lines)
        slots *= 2;
    r->lines = pool_init(&r->pool, m, lines, sizeof *r->lines, CACHE_LINE);
    r->table = mem_alloc(m, slots * sizeof *r->table, CACHE_LINE);
    r->mask = slots - 1;
    r->seed = hash_u64(seed ^ 0x7265667300000000ull);
}

/* The upper half of a table entry. It may be 0: a line is not, so no entry looks empty. */
static inline u32 line_hash(const struct refs *r, u32 owner, u32 base)
{
    return (u32)hash_u64(r->seed ^ ((u64)owner << 32 | base));
}

static inline u64 entry_of(u32 hash, u32 line)
{
    return (u64)hash << 32 | line;
}

/* The place of the line in the table, or of the empty entry that ends the search. */
static inline u64 place_find(const struct refs *r, u32 owner, u32 base)
{
    u32 hash = line_hash(r, owner, base);
    u64 at = hash & r->mask;

    for (;; at = (at + 1) & r->mask) {
        u64 entry = r->table[at];
        if (!entry)
            return at;
        if ((u32)(entry >> 32) != hash)
            continue;
        const struct ref_line *l = &r->lines[(u32)entry];
        if (LIKELY(l->owner == owner && l->base == base))
            return at;
    }
}

u32 refs_find(const struct refs *r, u32 owner, u32 user_ref)
{
    u32 base = user_ref / REF_LINE_IDS;
    u64 entry = r->table[place_find(r, owner, base)];

    return entry ? r->lines[(u32)entry].ids[user_ref - base * REF_LINE_IDS] : 0;
}

/* A new last line of the channel. */
static u32 line_append(struct refs *r, struct channel *c, u32 owner, u32 base)
{
    u32 line = pool_take(&r->pool);
    u64 at = place_find(r, owner, base);

    ASSERT_NE(line, 0);
    ASSERT_EQ(r->table[at], 0);
    r->table[at] = entry_of(line_hash(r, owner, base), line);
    r->lines[line] = (struct ref_line){.prev = c->tail, .owner = owner, .base = base};
    if (c->tail)
        r->lines[c->tail].next = line;
    else
        c->head = line;
    c->tail = line;
    return line;
}

void refs_add(struct refs *r, struct channel *c, u32 owner, u32 user_ref, u32 id)
{
    u32 base = user_ref / REF_LINE_IDS;
    u32 line = c->tail;

    ASSERT(id != 0 && user_ref != 0);
    if (!line || r->lines[line].base != base) {
        ASSERT(!line || r->lines[line].base < base);
        line = line_append(r, c, owner, base);
    }
    u32 *place = &r->lines[line].ids[user_ref - base * REF_LINE_IDS];
    ASSERT_EQ(*place, 0);
    *place = id;
    c->open++;
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

static inline bool line_empty(const struct ref_line *l)
{
    u32 any = 0;
    for (u32 i = 0; i < REF_LINE_IDS; i++)
        any |= l->ids[i];
    return any == 0;
}

static void line_drop(struct refs *r, struct channel *c, u64 at)
{
    u32 line = (u32)r->table[at];
    struct ref_line *l = &r->lines[line];

    if (l->next)
        r->lines[l->next].prev = l->prev;
    else
        c->tail = l->prev;
    if (l->prev)
        r->lines[l->prev].next = l->next;
    else
        c->head = l->next;
    place_clear(r, at);
    pool_give(&r->pool, line);
}

void refs_del(struct refs *r, struct channel *c, u32 owner, u32 user_ref)
{
    u32 base = user_ref / REF_LINE_IDS;
    u64 at = place_find(r, owner, base);
    u64 entry = r->table[at];

    ASSERT_NE(entry, 0);
    ASSERT_GT(c->open, 0);
    struct ref_line *l = &r->lines[(u32)entry];
    ASSERT_NE(l->ids[user_ref - base * REF_LINE_IDS], 0);
    l->ids[user_ref - base * REF_LINE_IDS] = 0;
    c->open--;
    if (line_empty(l))
        line_drop(r, c, at);
}

u32 refs_first(const struct refs *r, const struct channel *c)
{
    if (!c->head)
        return 0;
    const struct ref_line *l = &r->lines[c->head];
    for (u32 i = 0; i < REF_LINE_IDS; i++) {
        if (l->ids[i])
            return l->ids[i];
    }
    ASSERT(!"a line without orders");
    return 0;
}

void refs_check(const struct refs *r, const struct channel *c, u32 owner)
{
    u32 open = 0;
    u32 prev = 0;

    for (u32 line = c->head; line; line = r->lines[line].next) {
        const struct ref_line *l = &r->lines[line];
        ASSERT_EQ(l->owner, owner);
        ASSERT_EQ(l->prev, prev);
        ASSERT(!prev || l->base > r->lines[prev].base);
        ASSERT_EQ((u32)r->table[place_find(r, owner, l->base)], line);
        ASSERT(!line_empty(l));
        for (u32 i = 0; i < REF_LINE_IDS; i++) {
            open += l->ids[i] != 0;
            ASSERT(!l->ids[i] || l->base * REF_LINE_IDS + i <= c->last);
        }
        prev = line;
    }
    ASSERT_EQ(c->tail, prev);
    ASSERT_EQ(c->open, open);
}
