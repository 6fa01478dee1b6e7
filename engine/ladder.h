/*
 * ladder.h - which line of a side has a key, and between which two a new one belongs.
 *
 * A binary trie over 27-bit keys whose paths are compressed (a crit-bit tree): a fork for each
 * place where keys part, so one fork less than lines, and at most 27 steps whatever the keys are.
 * It has nothing to balance and nothing random. The lines themselves are linked in the order of
 * their keys; the ladder is walked only when a line comes, goes, or is in no cache. One thread.
 *
 * A reference is 0 (nothing), a line with the top bit set, or a fork.
 */
#ifndef WIREBOOK_ENGINE_LADDER_H
#define WIREBOOK_ENGINE_LADDER_H

#include "engine/book.h"

#define LADDER_LEAF 0x80000000u /* set in a reference to a line, clear in one to a fork */
_Static_assert(ORDERS_MAX < LADDER_LEAF, "line and fork ids leave the top bit free");

/* One step from a fork towards `key`; 0 when `ref` is none. For ahead.h: `ref` may be outdated. */
static inline u32 ladder_step(const struct books *b, u32 ref, u32 key)
{
    const struct fork *f = &b->forks[ref < LADDER_LEAF ? ref : 0]; /* fork 0 is all zero */

    return f->child[key >> f->bit & 1];
}

/* The line of `key` below `root`, 0 when there is none. */
u32 ladder_find(const struct books *b, u32 root, u32 key);

/* Enters `line`, whose key is new below *root, and links it between its neighbours. */
void ladder_add(struct books *b, u32 *root, u32 line);

/* Takes `line` out of the ladder and of its neighbours' links. */
void ladder_del(struct books *b, u32 *root, u32 line);

/* Asserts the shape of the ladder below `root`; returns the number of its lines. */
u32 ladder_check(const struct books *b, u32 root);

#endif
