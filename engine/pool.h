/*
 * pool.h - the bookkeeping of a fixed array whose items are taken and given back one by one.
 *
 * Items have ids 1..max; id 0 means none and its place in the array is never used. An item never
 * used before comes from a water mark, so that a big pool costs no memory until it is needed; one
 * that was given back is reused first and is likely still in the cache. While an item is free its
 * first four bytes link it to the next free one. One thread. A full pool answers 0, never fails.
 */
#ifndef WIREBOOK_ENGINE_POOL_H
#define WIREBOOK_ENGINE_POOL_H

#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/mem.h"

struct pool {
    u8 *items;  /* the array, item 0 included */
    u32 stride; /* bytes of an item */
    u32 max;    /* items that may be taken at once; ids are 1..the largest it ever was */
    u32 fresh;  /* ids up to here have been used before */
    u32 free;   /* the first that was given back; 0: none */
    u32 used;   /* taken and not given back */
};

/* A pool of `max` zeroed items of `stride` bytes from `m`; returns the array for typed use. */
static inline void *pool_init(struct pool *p, struct mem *m, u32 max, u32 stride, u32 align)
{
    ASSERT_GT(max, 0);
    ASSERT_GE(stride, sizeof(u32));
    memset(p, 0, sizeof *p);
    p->items = mem_alloc(m, ((u64)max + 1) * stride, align);
    p->stride = stride;
    p->max = max;
    return p->items;
}

static inline bool pool_full(const struct pool *p)
{
    return p->used == p->max;
}

/* Takes no more than `max` items from now on (those that are taken stay); at most pool_init's. */
static inline void pool_limit(struct pool *p, u32 max)
{
    p->max = max_u32(max, p->used);
}

/* An id, or 0 when the pool is full. The item's bytes are what its last user left. */
static inline u32 pool_take(struct pool *p)
{
    u32 id = p->free;
    if (UNLIKELY(p->used >= p->max))
        return 0;
    if (id) {
        memcpy(&p->free, p->items + (u64)id * p->stride, sizeof p->free);
        __builtin_prefetch(p->items + (u64)p->free * p->stride, 1); /* for the next one */
    } else {
        id = ++p->fresh; /* nothing is free, so as many are used as are fresh */
    }
    p->used++;
    return id;
}

/* Gives back an id that pool_take returned. */
static inline void pool_give(struct pool *p, u32 id)
{
    ASSERT(id != 0 && id <= p->fresh);
    ASSERT_GT(p->used, 0);
    memcpy(p->items + (u64)id * p->stride, &p->free, sizeof p->free);
    p->free = id;
    p->used--;
}

#endif
