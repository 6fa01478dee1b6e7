/*
 * expiry.c - a binary heap of orders that end by time. Engine thread, no clock, no allocation.
 *
 * Invariants: no order ends before its parent; due[heap[i]].at is i; an order that is not in the
 * heap has at = 0.
 */
#include "engine/expiry.h"

void expiry_init(struct expiry *x, struct mem *m, const struct orders *o)
{
    x->heap = mem_alloc(m, ((u64)o->pool.max + 1) * sizeof *x->heap, CACHE_LINE);
    x->due = mem_alloc(m, ((u64)o->pool.max + 1) * sizeof *x->due, CACHE_LINE);
    x->used = 0;
    x->hot = o->hot;
}

static bool before(const struct expiry *x, u32 a, u32 b)
{
    if (x->due[a].ns != x->due[b].ns)
        return x->due[a].ns < x->due[b].ns;
    return x->hot[a].order_ref < x->hot[b].order_ref;
}

static void place(struct expiry *x, u32 at, u32 id)
{
    x->heap[at] = id;
    x->due[id].at = at;
}

/* Finds the place of `id` from the hole `at` upwards. */
static void sift_up(struct expiry *x, u32 at, u32 id)
{
    while (at > 1 && before(x, id, x->heap[at / 2])) {
        place(x, at, x->heap[at / 2]);
        at /= 2;
    }
    place(x, at, id);
}

static void sift_down(struct expiry *x, u32 at, u32 id)
{
    for (u32 child; (child = at * 2) <= x->used; at = child) {
        if (child < x->used && before(x, x->heap[child + 1], x->heap[child]))
            child++;
        if (!before(x, x->heap[child], id))
            break;
        place(x, at, x->heap[child]);
    }
    place(x, at, id);
}

void expiry_add(struct expiry *x, u32 id, u64 ns)
{
    ASSERT_NE(id, 0);
    ASSERT_EQ(x->due[id].at, 0);
    x->due[id].ns = ns;
    sift_up(x, ++x->used, id);
}

void expiry_del(struct expiry *x, u32 id)
{
    u32 hole = x->due[id].at;
    u32 last = x->heap[x->used];

    ASSERT_NE(hole, 0);
    ASSERT_EQ(x->heap[hole], id);
    x->used--;
    x->due[id].at = 0;
    if (last == id)
        return;
    if (hole > 1 && before(x, last, x->heap[hole / 2]))
        sift_up(x, hole, last);
    else
        sift_down(x, hole, last);
}

void expiry_check(const struct expiry *x)
{
    for (u32 i = 1; i <= x->used; i++) {
        u32 id = x->heap[i];
        ASSERT_EQ(x->due[id].at, i);
        ASSERT_EQ(x->hot[id].rare, 1);
        ASSERT(i == 1 || !before(x, id, x->heap[i / 2]));
    }
}
