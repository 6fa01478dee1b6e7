/*
 * expiry.h - the good-till-time orders, soonest to end first (CONFORMANCE.md section 5, tag 15).
 *
 * A binary heap of order ids by (time, order_ref): what ends at one time ends in the order of
 * arrival, so the order of events does not depend on what lay in the heap before. An order knows
 * its place, so that it can leave from the middle. One thread; memory is there for every order.
 */
#ifndef WIREBOOK_ENGINE_EXPIRY_H
#define WIREBOOK_ENGINE_EXPIRY_H

#include "engine/order.h"

struct due {
    u64 ns; /* when the order ends, ns since 1970 UTC */
    u32 at; /* its place in the heap; 0: it is not there */
    u32 zero;
};

struct expiry {
    u32 *heap; /* order ids, from 1 */
    u32 used;
    struct due *due; /* by order id */
    const struct order *hot;
};

/* No timed orders yet, room for all of `o`, from `m`. */
void expiry_init(struct expiry *x, struct mem *m, const struct orders *o);

/* Order `id`, which is not in it, ends at `ns`. */
void expiry_add(struct expiry *x, u32 id, u64 ns);

/* Order `id`, which is in it, does not end by time any more. */
void expiry_del(struct expiry *x, u32 id);

/* The order that ends first if it does by `now_ns`; 0: none does. */
static inline u32 expiry_first(const struct expiry *x, u64 now_ns)
{
    u32 id = x->used ? x->heap[1] : 0;
    return id && x->due[id].ns <= now_ns ? id : 0;
}

/* Asserts the heap's order and each order's place in it. */
void expiry_check(const struct expiry *x);

#endif
