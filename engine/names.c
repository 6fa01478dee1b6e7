/*
 * names.c - names to ids. Engine thread; cold: reference data and the questions of main at start.
 */
#include "engine/names.h"

#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/hash.h"

void names_init(struct names *n, struct mem *m, u32 max, u64 seed)
{
    u64 slots = 8;

    ASSERT_GE(max, 1);
    while (slots < 2ull * max)
        slots *= 2;
    n->keys = mem_alloc(m, ((u64)max + 1) * sizeof *n->keys, sizeof *n->keys);
    n->table = mem_alloc(m, slots * sizeof *n->table, CACHE_LINE);
    n->mask = slots - 1;
    n->seed = hash_u64(seed ^ 0x6E616D6573000000ull);
    n->used = 0;
    n->max = max;
    n->room = max;
}

void names_limit(struct names *n, u32 max)
{
    n->max = max_u32(min_u32(max, n->room), n->used);
}

u64 names_key(const char *text, u32 len)
{
    u64 key = 0;

    ASSERT_LE(len, sizeof key);
    memcpy(&key, text, len);
    return key;
}

static u64 place_find(const struct names *n, u64 key)
{
    u64 at = hash_u64(n->seed ^ key) & n->mask;

    while (n->table[at] && n->keys[n->table[at]] != key)
        at = (at + 1) & n->mask;
    return at;
}

u32 names_find(const struct names *n, u64 key)
{
    return n->table[place_find(n, key)];
}

u32 names_add(struct names *n, u64 key)
{
    u64 at = place_find(n, key);

    ASSERT_EQ(n->table[at], 0);
    ASSERT_LT(n->used, n->max);
    n->used++;
    n->table[at] = n->used;
    n->keys[n->used] = key;
    return n->used;
}

void names_clear(struct names *n)
{
    if (n->used == 0)
        return;
    memset(n->table, 0, (n->mask + 1) * sizeof *n->table);
    n->used = 0;
}
