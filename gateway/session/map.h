/*
 * map.h - a hash map from u64 keys to u32 values with a fixed number of places.
 *
 * Open addressing with linear probing at most half full; a removal closes the gap by moving its
 * successors back, so there are no tombstones and a lookup never walks far. Seeded: an adversary
 * who picks the keys (symbols in orders) cannot pile them up. One thread.
 */
#ifndef WIREBOOK_GATEWAY_SESSION_MAP_H
#define WIREBOOK_GATEWAY_SESSION_MAP_H

#include "engine/base/mem.h"
#include "engine/base/types.h"

#define MAP_NONE 0xFFFFFFFFu /* no value */

struct map_entry {
    u64 key;
    u32 value; /* MAP_NONE: the place is free */
    u32 zero;
};

struct map {
    struct map_entry *entries;
    u64 mask;
    u64 seed;
    u32 used;
    u32 max;
};

/* An empty map for up to `max` > 0 keys, with memory from `m`. */
void map_init(struct map *map, struct mem *m, u32 max, u64 seed);

/* The value of `key`, MAP_NONE when it is not there. */
u32 map_get(const struct map *map, u64 key);

/* `key` will be looked up: asks for the memory where that begins. */
void map_expect(const struct map *map, u64 key);

/* Adds `key`, which must not be there, with `value` != MAP_NONE. More than `max` keys aborts. */
void map_put(struct map *map, u64 key, u32 value);

/* Removes `key`, which must be there. */
void map_remove(struct map *map, u64 key);

#endif
