/*
 * siphash.h - SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash that an outsider cannot
 * guess.
 *
 * Used for initial sequence numbers (RFC 6528), timestamp offsets and port choice, where the input
 * is public and the output must not be. Pure.
 */
#ifndef WIREBOOK_NET_SIPHASH_H
#define WIREBOOK_NET_SIPHASH_H

#include "engine/base/types.h"

static inline u64 siphash_rotl(u64 x, u32 bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void siphash_rounds(u64 v[4], u32 rounds)
{
    for (u32 i = 0; i < rounds; i++) {
        v[0] += v[1];
        v[1] = siphash_rotl(v[1], 13) ^ v[0];
        v[0] = siphash_rotl(v[0], 32);
        v[2] += v[3];
        v[3] = siphash_rotl(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = siphash_rotl(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = siphash_rotl(v[1], 17) ^ v[2];
        v[2] = siphash_rotl(v[2], 32);
    }
}

/* The hash of `n` little-endian 64-bit words under a 128-bit key. */
static inline u64 siphash_words(const u64 key[2], const u64 *words, u32 n)
{
    u64 v[4] = {key[0] ^ 0x736f6d6570736575ull, key[1] ^ 0x646f72616e646f6dull,
                key[0] ^ 0x6c7967656e657261ull, key[1] ^ 0x7465646279746573ull};
    u64 last = (u64)(n * 8) << 56;

    for (u32 i = 0; i < n; i++) {
        v[3] ^= words[i];
        siphash_rounds(v, 2);
        v[0] ^= words[i];
    }
    v[3] ^= last;
    siphash_rounds(v, 2);
    v[0] ^= last;
    v[2] ^= 0xff;
    siphash_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
