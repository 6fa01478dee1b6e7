/*
 * crc32c.h - CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as in RFC 3720 appendix B.4.
 *
 * By the SSE4.2 instruction where the compiler targets it, else by a table.
 */
#ifndef WIREBOOK_BASE_CRC32C_H
#define WIREBOOK_BASE_CRC32C_H

#include "engine/base/types.h"

/* The checksum of `bytes` bytes, going on from `crc` (0 to begin). Any thread. */
u32 crc32c(u32 crc, const void *data, size_t bytes);

/* The same, always by table: the reference that the tests hold the fast one against. */
u32 crc32c_table(u32 crc, const void *data, size_t bytes);

#endif
