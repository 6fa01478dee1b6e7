/* crc32c.c - see crc32c.h. Pure; the table is built at compile time by the nibble method. */
#include "engine/base/crc32c.h"

#include <string.h>

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

/* Remainders of the 16 nibbles for the reflected polynomial. */
static const u32 nibble_table[16] = {
    0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
    0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9, 0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
};

u32 crc32c_table(u32 crc, const void *data, size_t bytes)
{
    const u8 *p = data;

    crc = ~crc;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= p[i];
        crc = (crc >> 4) ^ nibble_table[crc & 15];
        crc = (crc >> 4) ^ nibble_table[crc & 15];
    }
    return ~crc;
}

u32 crc32c(u32 crc, const void *data, size_t bytes)
{
#ifdef __SSE4_2__
    const u8 *p = data;
    u64 c = ~crc;

    for (; bytes >= 8; bytes -= 8, p += 8) {
        u64 w;
        memcpy(&w, p, 8);
        c = _mm_crc32_u64(c, w);
    }
    for (; bytes > 0; bytes--, p++)
        c = _mm_crc32_u8((u32)c, *p);
    return ~(u32)c;
#else
    return crc32c_table(crc, data, bytes);
#endif
}
