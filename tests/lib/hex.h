/* hex.h - bytes from and as hexadecimal text, for golden vectors. */
#ifndef WIREBOOK_TESTS_HEX_H
#define WIREBOOK_TESTS_HEX_H

#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/types.h"

static inline u32 hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = strchr(digits, c);

    ASSERT(c != 0 && at != NULL);
    return (u32)(at - digits);
}

/* Reads hex up to its end or a blank; returns the number of bytes, at most `max`. */
static inline u32 hex_read(u8 *out, u32 max, const char *text)
{
    u32 n = 0;

    for (; text[0] > ' '; text += 2) {
        ASSERT_LT(n, max);
        out[n++] = (u8)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
    }
    return n;
}

/* Writes `n` bytes as text with its final zero; `out` has room for 2n + 1. */
static inline void hex_write(char *out, const u8 *bytes, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        out[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    out[2 * n] = 0;
}

#endif
