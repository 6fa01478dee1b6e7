/* hash.h - mixing of integers for hash tables. Pure. Seed it where an adversary picks the keys. */
#ifndef WIREBOOK_BASE_HASH_H
#define WIREBOOK_BASE_HASH_H

#include "engine/base/types.h"

/* A bijection of 64 bits: each input bit reaches each output bit (splitmix64's finalizer). */
static inline u64 hash_u64(u64 x)
{
    x ^= x >> 30;
    x *= 0xBF58476D1CE4E5B9ull;
    x ^= x >> 27;
    x *= 0x94D049BB133111EBull;
    x ^= x >> 31;
    return x;
}

/* Two words under a seed. */
static inline u64 hash_2u64(u64 seed, u64 a, u64 b)
{
    return hash_u64(hash_u64(seed + 0x9E3779B97F4A7C15ull + a) ^ b);
}

#endif
