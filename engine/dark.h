/*
 * dark.h - resting orders that can be met only under a condition: pegs, which stand nowhere while
 * the touch is beyond their limit, and orders with a minimum quantity, pegged or not.
 *
 * A peg is kept by its offset and never moved: its price is the reference plus the offset, whatever
 * the reference is. All orders of one kind on one side of one instrument are a search tree in the
 * order in which they are met (key, then order_ref), and each knows how far it reaches: an order
 * can be met when its reach is at least what is asked. Every subtree knows the most that anyone in
 * it reaches, so the first that can be met is found in one walk down. The tree is a treap: its
 * shape depends on a secret, no event depends on its shape. One thread. No system calls.
 */
#ifndef WIREBOOK_ENGINE_DARK_H
#define WIREBOOK_ENGINE_DARK_H

#include "engine/order.h"

enum dark_kind {
    DARK_PRIMARY = 0, /* pegged to its own side of the touch */
    DARK_MARKET = 1,  /* ... to the other side */
    DARK_MIDPOINT = 2,
    DARK_MIN_QTY = 3, /* not pegged; it wants so much at once */
    DARK_PICKY = 4,   /* pegs that want so much at once: this and what they follow */
    DARK_KINDS = 7,
};

struct twig {
    u32 child[2];
    i64 key;   /* lower is met first */
    i64 reach; /* it can be met when asked for no more */
    i64 most;  /* the highest reach below it, its own included */
};
_Static_assert(sizeof(struct twig) == 32, "two to a cache line");

/* One instrument's trees. */
struct thicket {
    u32 root[DARK_KINDS][2]; /* by kind and side: 0 buy, 1 sell */
    u32 orders;
    u32 picky; /* of them, pegs with a minimum */
};
_Static_assert(sizeof(struct thicket) == CACHE_LINE, "one cache line");

struct dark {
    struct thicket *at; /* by instrument, from 1 */
    struct twig *twigs; /* by order id */
    const struct order *hot;
    u64 secret;
};

/* No such orders yet on `instruments` instruments, room for all of `o`, from `m`. */
void dark_init(struct dark *d, struct mem *m, u32 instruments, const struct orders *o, u64 secret);

/* Order `id`, in no tree, comes to its instrument's and side's tree of `kind`. */
void dark_add(struct dark *d, enum dark_kind kind, u32 id, i64 key, i64 reach);

/* Takes it out again. */
void dark_del(struct dark *d, enum dark_kind kind, u32 id);

/* The first order whose key is at least `from` and whose reach `want`; 0: there is none. */
u32 dark_first(const struct dark *d, u16 instrument, enum dark_kind kind, bool sell, i64 from,
               i64 want);

/* The first order behind `id`, in its tree of `kind`, whose reach is `want`; 0: there is none. */
u32 dark_next(const struct dark *d, enum dark_kind kind, u32 id, i64 want);

/* The order that stands behind `id` in its tree of `kind`, whoever can be met; 0: there is none. */
u32 dark_after(const struct dark *d, enum dark_kind kind, u32 id);

/* Asserts every invariant of one instrument's trees. Returns its orders. */
u32 dark_check(const struct dark *d, u16 instrument);

#endif
