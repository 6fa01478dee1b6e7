/*
 * ladder.c - a crit-bit tree over the lines of one side of a book. Engine thread, no system calls.
 *
 * Invariants: bits decrease on every path down; all keys below child[0] have the fork's bit 0,
 * below child[1] have it 1, and agree above it; a root with n lines has n - 1 forks. In the order
 * of keys the lines are linked by `worse`, backwards by `better`.
 */
#include "engine/ladder.h"

#define LEAF      LADDER_LEAF
#define KEY_STEPS 27u

static inline u32 bit_of(u32 key, u32 bit)
{
    return key >> bit & 1;
}

/* The only line below `ref` that can have `key`. */
static u32 walk(const struct books *b, u32 ref, u32 key)
{
    u32 steps = 0;
    while (!(ref & LEAF)) {
        const struct fork *f = &b->forks[ref];
        ref = f->child[bit_of(key, f->bit)];
        steps++;
    }
    ASSERT_LE(steps, KEY_STEPS);
    return ref & ~LEAF;
}

u32 ladder_find(const struct books *b, u32 root, u32 key)
{
    if (!root)
        return 0;
    u32 line = walk(b, root, key);
    return b->lines[line].key == key ? line : 0;
}

/* The line with the lowest (`dir` 0) or highest key below `ref`. */
static u32 outermost(const struct books *b, u32 ref, u32 dir)
{
    while (!(ref & LEAF))
        ref = b->forks[ref].child[dir];
    return ref & ~LEAF;
}

/* Puts `line` between two neighbours, either of which may be 0. */
static void link_between(struct books *b, u32 better, u32 line, u32 worse)
{
    b->lines[line].better = better;
    b->lines[line].worse = worse;
    if (better)
        b->lines[better].worse = line;
    if (worse)
        b->lines[worse].better = line;
}

void ladder_add(struct books *b, u32 *root, u32 line)
{
    u32 key = b->lines[line].key;
    u32 *at = root;

    if (!*root) {
        *root = line | LEAF;
        link_between(b, 0, line, 0);
        return;
    }
    u32 differ = key ^ b->lines[walk(b, *root, key)].key;
    ASSERT_NE(differ, 0);
    u32 bit = 31 - (u32)__builtin_clz(differ);
    while (!(*at & LEAF) && b->forks[*at].bit > bit)
        at = &b->forks[*at].child[bit_of(key, b->forks[*at].bit)];

    u32 dir = bit_of(key, bit);
    u32 near = outermost(b, *at, dir);
    if (dir)
        link_between(b, near, line, b->lines[near].worse);
    else
        link_between(b, b->lines[near].better, line, near);

    u32 fork = pool_take(&b->fork_pool);
    ASSERT_NE(fork, 0);
    b->forks[fork].bit = bit;
    b->forks[fork].child[dir] = line | LEAF;
    b->forks[fork].child[!dir] = *at;
    *at = fork;
}

void ladder_del(struct books *b, u32 *root, u32 line)
{
    const struct line *l = &b->lines[line];
    u32 *at = root;
    u32 *up = NULL;
    u32 dir = 0;

    ASSERT_NE(*root, 0);
    while (!(*at & LEAF)) {
        struct fork *f = &b->forks[*at];
        up = at;
        dir = bit_of(l->key, f->bit);
        at = &f->child[dir];
    }
    ASSERT_EQ(*at, line | LEAF);
    if (up) {
        u32 fork = *up;
        *up = b->forks[fork].child[!dir];
        pool_give(&b->fork_pool, fork);
    } else {
        *root = 0;
    }
    if (l->better)
        b->lines[l->better].worse = l->worse;
    if (l->worse)
        b->lines[l->worse].better = l->better;
}

/* Lines below `ref`, all of whose keys are `prefix` in the bits above `above`. */
static u32 check_below(const struct books *b, u32 ref, u32 above, u32 prefix)
{
    if (ref & LEAF) {
        ASSERT_EQ(above < 32 ? b->lines[ref & ~LEAF].key >> above : 0, prefix);
        return 1;
    }
    const struct fork *f = &b->forks[ref];
    ASSERT_LT(f->bit, above);
    u32 key = b->lines[outermost(b, ref, 0)].key;
    ASSERT_EQ(above < 32 ? key >> above : 0, prefix);
    u32 high = (key >> f->bit) & ~1u;
    return check_below(b, f->child[0], f->bit, high) +
           check_below(b, f->child[1], f->bit, high | 1);
}

u32 ladder_check(const struct books *b, u32 root)
{
    return root ? check_below(b, root, 32, 0) : 0;
}
