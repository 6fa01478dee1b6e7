/*
 * tcp_seq.h - sequence numbers: 32 bits that wrap, compared within half the circle (RFC 9293 3.4).
 */
#ifndef WIREBOOK_NET_TCP_SEQ_H
#define WIREBOOK_NET_TCP_SEQ_H

#include "engine/base/types.h"

static inline bool seq_lt(u32 a, u32 b)
{
    return (i32)(a - b) < 0;
}

static inline bool seq_le(u32 a, u32 b)
{
    return (i32)(a - b) <= 0;
}

static inline bool seq_gt(u32 a, u32 b)
{
    return (i32)(a - b) > 0;
}

static inline bool seq_ge(u32 a, u32 b)
{
    return (i32)(a - b) >= 0;
}

static inline u32 seq_max(u32 a, u32 b)
{
    return seq_lt(a, b) ? b : a;
}

static inline u32 seq_min(u32 a, u32 b)
{
    return seq_lt(a, b) ? a : b;
}

#endif
