/*
 * map.c - linear probing with backward shift.
 *
 * Invariant: between an entry's home place and its place there is no free one.
 */
#include "gateway/session/map.h"

#include "engine/base/assert.h"
#include "engine/base/hash.h"

static u64 home(const struct map *map, u64 key)
{
    return hash_2u64(map->seed, key, 0) & map->mask;
}

void map_init(struct map *map, struct mem *m, u32 max, u64 seed)
{
    u64 places = 8;

    ASSERT_GT(max, 0);
    while (places < 2ull * max)
        places *= 2;
    map->entries = mem_alloc(m, places * sizeof map->entries[0], CACHE_LINE);
    map->mask = places - 1;
    map->seed = seed;
    map->used = 0;
    map->max = max;
    for (u64 i = 0; i < places; i++)
        map->entries[i].value = MAP_NONE;
}

u32 map_get(const struct map *map, u64 key)
{
    u64 i = home(map, key);

    while (map->entries[i].value != MAP_NONE && map->entries[i].key != key)
        i = (i + 1) & map->mask;
    return map->entries[i].value;
}

void map_expect(const struct map *map, u64 key)
{
    __builtin_prefetch(&map->entries[home(map, key)]);
}

void map_put(struct map *map, u64 key, u32 value)
{
    u64 i = home(map, key);

    ASSERT_LT(map->used, map->max);
    ASSERT_NE(value, MAP_NONE);
    while (map->entries[i].value != MAP_NONE) {
        ASSERT_NE(map->entries[i].key, key);
        i = (i + 1) & map->mask;
    }
    map->entries[i].key = key;
    map->entries[i].value = value;
    map->used++;
}

void map_remove(struct map *map, u64 key)
{
    u64 gap = home(map, key);

    while (map->entries[gap].key != key || map->entries[gap].value == MAP_NONE) {
        ASSERT_NE(map->entries[gap].value, MAP_NONE);
        gap = (gap + 1) & map->mask;
    }
    for (u64 i = (gap + 1) & map->mask; map->entries[i].value != MAP_NONE;
         i = (i + 1) & map->mask) {
        u64 from_home = (i - home(map, map->entries[i].key)) & map->mask;
        if (from_home < ((i - gap) & map->mask))
            continue; /* its home lies behind the gap: it may not move there */
        map->entries[gap] = map->entries[i];
        gap = i;
    }
    map->entries[gap].value = MAP_NONE;
    map->used--;
}
