/* bytes.h - big-endian integers in byte streams, at any alignment. Pure. */
#ifndef WIREBOOK_GATEWAY_SESSION_BYTES_H
#define WIREBOOK_GATEWAY_SESSION_BYTES_H

#include <string.h>

#include "engine/base/types.h"

static inline u16 get_be16(const u8 *p)
{
    return (u16)(p[0] << 8 | p[1]);
}

static inline u32 get_be32(const u8 *p)
{
    u32 v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

static inline u64 get_be64(const u8 *p)
{
    u64 v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

static inline void put_be16(u8 *p, u16 v)
{
    p[0] = (u8)(v >> 8);
    p[1] = (u8)v;
}

static inline void put_be32(u8 *p, u32 v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, sizeof v);
}

static inline void put_be64(u8 *p, u64 v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, sizeof v);
}

#endif
