/*
 * ring.h - lock-free ring of 64-byte slots between exactly one producer and one consumer thread.
 *
 * What enters: whole messages of one or more slots, staged with ring_put and made visible together
 * by ring_publish (or both at once by ring_push). What leaves: slots in the same order, read in
 * place with ring_at and given back with ring_take.
 *
 * Indices run freely over 2^64 and are masked on access only, so `tail - head` is always the number
 * of used slots. Each side keeps a copy of the other's index and refreshes it only when the copy is
 * not enough: in the steady state a push touches no cache line that the other side writes.
 *
 * Four atomics, each with its partner:
 *   P1 producer store-release tail   pairs with C1
 *   C1 consumer load-acquire  tail   pairs with P1: the slots are seen before the index
 *   C2 consumer store-release head   pairs with P2
 *   P2 producer load-acquire  head   pairs with C2: the slots were read before they are reused
 */
#ifndef WIREBOOK_BASE_RING_H
#define WIREBOOK_BASE_RING_H

#include <stdatomic.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/limits.h"
#include "engine/base/metrics.h"
#include "engine/base/types.h"

struct slot {
    u64 w[8];
} CACHE_ALIGNED;
_Static_assert(sizeof(struct slot) == SLOT_BYTES, "a slot is a cache line");

struct mem;

struct ring {
    /* fixed after ring_init */
    struct slot *slots;
    u64 mask; /* capacity in slots less one */
    const char *name;
    struct metric size; /* the capacity, a metric */

    /* owner: producer */
    CACHE_ALIGNED _Atomic u64 tail; /* published end; read by the consumer */
    u64 staged;                     /* end of what is put but not yet published */
    u64 head_seen;                  /* the consumer's index, as last looked up */
    struct metric used_max;         /* high-water mark in slots, a metric; see ring_used_measure */

    /* owner: consumer */
    CACHE_ALIGNED _Atomic u64 head; /* everything before it may be overwritten; read by producer */
    u64 head_own;                   /* the same, without the atomic */
    u64 tail_seen;                  /* the producer's index, as last looked up */
} CACHE_ALIGNED;

/*
 * Makes an empty ring of `slots` slots (a power of two) with memory from `m`. Before the threads
 * start. `name` must outlive the ring; it is the metric's label.
 */
void ring_init(struct ring *r, struct mem *m, const char *name, u64 slots);

static inline u64 ring_capacity(const struct ring *r)
{
    return r->mask + 1;
}

_Static_assert(sizeof(struct metric) == sizeof(_Atomic u64), "an index can be shown as a metric");

/* Its published end, its begin and its capacity as metrics: what lies between is in use. */
static inline const struct metric *ring_end(const struct ring *r)
{
    return (const struct metric *)(const void *)&r->tail;
}
static inline const struct metric *ring_begin(const struct ring *r)
{
    return (const struct metric *)(const void *)&r->head;
}
static inline const struct metric *ring_size(const struct ring *r)
{
    return &r->size;
}

/* True when the consumer has passed place `at` of all that was ever put. Producer. */
static inline bool ring_passed(const struct ring *r, u64 at)
{
    return atomic_load_explicit(&r->head, memory_order_relaxed) >= at;
}

/* ---- producer ---- */

/* Free slots, at least; looks at the consumer's index only when fewer than `want` are known. */
static inline u64 ring_room(struct ring *r, u64 want)
{
    u64 room = r->mask + 1 - (r->staged - r->head_seen);
    if (room < want) {
        r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire); /* P2, with C2 */
        room = r->mask + 1 - (r->staged - r->head_seen);
    }
    return room;
}

/* Copies `n` slots behind what is staged. The caller has seen ring_room(r, n) >= n. */
static inline void ring_put(struct ring *r, const void *slots, u32 n)
{
    const u8 *from = slots; /* messages on a stack need not be aligned as slots are */
    ASSERT_LE(r->staged + n - r->head_seen, r->mask + 1);
    for (u32 i = 0; i < n; i++)
        memcpy(&r->slots[(r->staged + i) & r->mask], from + (size_t)i * SLOT_BYTES, SLOT_BYTES);
    r->staged += n;
}

/* Keeps used_max. head_seen is old on purpose, so what it suggests is looked up before it counts,
 * and only when a 16th of the ring may be in use: the consumer's cache line stays its own. */
static inline void ring_used_measure(struct ring *r)
{
    u64 used = r->staged - r->head_seen;
    if (LIKELY(used <= metric_get(&r->used_max) || used <= (r->mask + 1) / 16))
        return;
    r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire); /* P2, with C2 */
    used = r->staged - r->head_seen;
    metric_max(&r->used_max, used);
}

/* Makes all that is staged visible to the consumer. */
static inline void ring_publish(struct ring *r)
{
    ring_used_measure(r);
    atomic_store_explicit(&r->tail, r->staged, memory_order_release); /* P1, with C1 */
}

/* Puts and publishes `n` slots, all or none. Returns false when the ring has no room for them. */
static inline bool ring_push(struct ring *r, const void *slots, u32 n)
{
    if (ring_room(r, n) < n)
        return false;
    ring_put(r, slots, n);
    ring_publish(r);
    return true;
}

/* ---- consumer ---- */

/* Readable slots, at least; looks at the producer's index only when fewer than `want` are known. */
static inline u64 ring_avail(struct ring *r, u64 want)
{
    u64 avail = r->tail_seen - r->head_own;
    if (avail < want) {
        r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire); /* C1, with P1 */
        avail = r->tail_seen - r->head_own;
    }
    return avail;
}

/* The i-th unread slot, i < ring_avail. Valid until ring_take passes it. */
static inline const struct slot *ring_at(const struct ring *r, u64 i)
{
    return &r->slots[(r->head_own + i) & r->mask];
}

/* Gives the first `n` unread slots back to the producer. */
static inline void ring_take(struct ring *r, u64 n)
{
    ASSERT_LE(n, r->tail_seen - r->head_own);
    r->head_own += n;
    atomic_store_explicit(&r->head, r->head_own, memory_order_release); /* C2, with P2 */
}

#endif
