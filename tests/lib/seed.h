/* seed.h - a test's randomness: one seed (WB_SEED or a fixed one), printed, and a generator. */
#ifndef WIREBOOK_TESTS_SEED_H
#define WIREBOOK_TESTS_SEED_H

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/hash.h"

static inline u64 test_seed(void)
{
    const char *text = getenv("WB_SEED");
    u64 seed = text != NULL ? strtoull(text, NULL, 0) : 1;

    printf("           WB_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* A count that an environment variable may change. */
static inline u64 test_count(const char *name, u64 usual)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 0) : usual;
}

struct rng {
    u64 seed;
    u64 step;
};

static inline u64 rng_next(struct rng *r)
{
    return hash_2u64(r->seed, 0x77, r->step++);
}

/* 0 .. n-1 */
static inline u64 rng_below(struct rng *r, u64 n)
{
    return (rng_next(r) >> 8) % n;
}

#endif
