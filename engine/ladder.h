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

/* The line of `key` below `root`, 0 when there is none. */
u32 ladder_find(const struct books *b, u32 root, u32 key);

/* Enters `line`, whose key is new below *root, and links it between its neighbours. */
void ladder_add(struct books *b, u32 *root, u32 line);

/* Takes `line` out of the ladder and of its neighbours' links. */
void ladder_del(struct books *b, u32 *root, u32 line);

/* Asserts the shape of the ladder below `root`; returns the number of its lines. */
u32 ladder_check(const struct books *b, u32 root);

#endif
