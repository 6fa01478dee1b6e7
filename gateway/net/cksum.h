/*
 * cksum.h - the Internet checksum, RFC 1071: ones' complement sums of 16-bit words. Pure.
 *
 * Sums are kept wide and in the byte order of the memory; folding at the end gives the field's
 * value as it lies in the packet. A sum over bytes that contain a correct checksum folds to 0.
 */
#ifndef WIREBOOK_NET_CKSUM_H
#define WIREBOOK_NET_CKSUM_H

#include <string.h>

#include "engine/base/types.h"
#include "gateway/net/wire.h"

/* Adds `bytes` bytes to `sum`. Only the last piece of a message may have an odd length. */
static inline u64 cksum_add(u64 sum, const void *data, size_t bytes)
{
    const u8 *p = data;
    u32 word;
    u16 half;

    for (; bytes >= 4; p += 4, bytes -= 4) {
        memcpy(&word, p, 4);
        sum += word;
    }
    if (bytes >= 2) {
        memcpy(&half, p, 2);
        sum += half;
        p += 2;
        bytes -= 2;
    }
    if (bytes == 1)
        sum += *p; /* as if a zero byte followed: little-endian memory order */
    return sum;
}

/* Sixteen bits out of a wide sum, not complemented. */
static inline u16 cksum_partial(u64 sum)
{
    sum = (sum & 0xffffffffull) + (sum >> 32);
    sum = (sum & 0xffffffffull) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (u16)sum;
}

/* The checksum field for a message whose sum, with that field as zero, is `sum`. */
static inline u16 cksum_fold(u64 sum)
{
    return (u16)~cksum_partial(sum);
}

/* The sum of TCP's pseudo header. Addresses in network order, `bytes` of header and data. */
static inline u64 cksum_pseudo(u32 src, u32 dst, u32 bytes)
{
    return (u64)src + dst + be16(IP_PROTO_TCP) + be16((u16)bytes);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "cksum_add's odd byte, be16 and be32");

#endif
