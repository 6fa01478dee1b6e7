/*
 * names.h - from a symbol or user name of up to 8 characters to its id: a small open hash.
 *
 * Names are added one by one and forgotten all at once. Seeded, because users are not chosen by us.
 * One thread.
 */
#ifndef WIREBOOK_ENGINE_NAMES_H
#define WIREBOOK_ENGINE_NAMES_H

#include "engine/base/mem.h"
#include "engine/base/types.h"

struct names {
    u64 *keys;  /* by id, from 1 */
    u32 *table; /* ids; 0: empty. Linear probing, at most half full */
    u64 mask;
    u64 seed;
    u32 used;
    u32 max;  /* may be used, at most room */
    u32 room; /* of names_init */
};

/* No names yet, room for `max`, from `m`. */
void names_init(struct names *n, struct mem *m, u32 max, u64 seed);

/* Takes no more than `max` names from now on, as far as there is room; those it has stay. */
void names_limit(struct names *n, u32 max);

/* `len` characters (at most 8) as a key. */
u64 names_key(const char *text, u32 len);

/* The id of `key`, 0 when it is not known. */
u32 names_find(const struct names *n, u64 key);

/* Forgets all of them; ids begin anew. */
void names_clear(struct names *n);

/* Gives the next id to `key`, which is new; there is room. */
u32 names_add(struct names *n, u64 key);

#endif
