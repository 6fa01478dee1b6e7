/* durable.h - the mark that persist moves and others wait for. On a cache line of its own. */
#ifndef WIREBOOK_PERSIST_DURABLE_H
#define WIREBOOK_PERSIST_DURABLE_H

#include <stdatomic.h>

#include "engine/base/types.h"

struct durable {
    CACHE_ALIGNED _Atomic u64 seq; /* last transaction that it covers; owner: persist */
};

/* Pairs with durable_move: what the mark covers can be read from taps or files by now. Any
 * thread. */
static inline u64 durable_get(const struct durable *d)
{
    return atomic_load_explicit(&d->seq, memory_order_acquire);
}

/* Pairs with durable_get. The persist agent only. */
static inline void durable_move(struct durable *d, u64 seq)
{
    atomic_store_explicit(&d->seq, seq, memory_order_release);
}

#endif
