/*
 * wb_bytes.h - big-endian integers and padded text, as SoupBinTCP and OUCH lay them out.
 *
 * Pure. The caller has checked the lengths.
 */
#ifndef WIREBOOK_CLIENT_WB_BYTES_H
#define WIREBOOK_CLIENT_WB_BYTES_H

#include <string.h>

#include "engine/base/types.h"

/* The `n` bytes (1..8) at `p` as a big-endian integer. */
static inline u64 wb_get(const u8 *p, u32 n)
{
    u64 value = 0;
    for (u32 i = 0; i < n; i++)
        value = value << 8 | p[i];
    return value;
}

static inline u16 wb_get16(const u8 *p)
{
    return (u16)wb_get(p, 2);
}

static inline u32 wb_get32(const u8 *p)
{
    return (u32)wb_get(p, 4);
}

static inline u64 wb_get64(const u8 *p)
{
    return wb_get(p, 8);
}

/* Writes the low `n` bytes (1..8) of `value` big-endian; returns the byte after them. */
static inline u8 *wb_put(u8 *p, u64 value, u32 n)
{
    for (u32 i = n; i > 0; i--) {
        p[i - 1] = (u8)value;
        value >>= 8;
    }
    return p + n;
}

/* Writes `text` left-justified into `n` bytes, padded with spaces, cut when longer. */
static inline u8 *wb_put_text(u8 *p, const char *text, u32 n)
{
    size_t used = strnlen(text, n);
    memcpy(p, text, used);
    memset(p + used, ' ', n - used);
    return p + n;
}

/* Copies `n` padded bytes to `out` (n + 1 bytes) without the spaces around them, ended by NUL. */
static inline void wb_get_text(char *out, const u8 *p, u32 n)
{
    u32 from = 0;
    while (n > from && (p[n - 1] == ' ' || p[n - 1] == 0))
        n--;
    while (from < n && p[from] == ' ')
        from++;
    memcpy(out, p + from, n - from);
    out[n - from] = 0;
}

#endif
