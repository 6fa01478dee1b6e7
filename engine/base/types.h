/*
 * types.h - the integer names and small helpers that every file uses.
 *
 * Knows nothing. All widths are explicit because most structs of this project are formats: they lie
 * in rings, in session stores and on the disk.
 */
#ifndef WIREBOOK_BASE_TYPES_H
#define WIREBOOK_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t i32;
typedef int64_t i64;

#define CACHE_LINE    64
#define CACHE_ALIGNED __attribute__((aligned(CACHE_LINE)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The struct that holds `member` at address `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* A function off the common path: it is kept out of those that call it, and away from them. */
#define COLD __attribute__((cold, noinline))

#define NS_PER_US  1000ull
#define NS_PER_MS  1000000ull
#define NS_PER_SEC 1000000000ull

static inline u32 min_u32(u32 a, u32 b)
{
    return a < b ? a : b;
}

static inline u64 min_u64(u64 a, u64 b)
{
    return a < b ? a : b;
}

static inline u32 max_u32(u32 a, u32 b)
{
    return a > b ? a : b;
}

static inline u64 max_u64(u64 a, u64 b)
{
    return a > b ? a : b;
}

static inline bool is_pow2(u64 x)
{
    return x != 0 && (x & (x - 1)) == 0;
}

/* `x` rounded up to a multiple of `align`, a power of two. */
static inline u64 round_up(u64 x, u64 align)
{
    return (x + align - 1) & ~(align - 1);
}

#endif
