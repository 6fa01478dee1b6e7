/*
 * bench_hlog.c - a histogram log of format 1.3. The only user of zlib.
 *
 * Enters: histograms. Leaves: lines with HdrHistogram's compressed V2 encoding in base64. Cold.
 * Its layout has 1,024 steps to each power of two, ours 512, so each of our buckets falls into one
 * of its own and nothing is lost.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "engine/base/assert.h"
#include "gateway/client/bench_files.h"

#define V2_COOKIE       0x1C849313u
#define V2_DEFLATED     0x1C849314u
#define V2_HEAD_BYTES   40u
#define HALF_BITS       10u /* three significant digits: 2 * 1,024 sub-buckets */
#define COUNT_BYTES_MAX 9u  /* of one number */
#define HDR_INDEXES     ((HISTOGRAM_VALUE_BITS - HALF_BITS + 1) << HALF_BITS)
_Static_assert(HALF_BITS >= HISTOGRAM_SUB_BITS, "its steps are no wider than ours");

struct bytes {
    u8 *at;
    size_t used;
};

static void put_be(struct bytes *b, u64 value, u32 n)
{
    for (u32 i = n; i-- > 0;)
        b->at[b->used++] = (u8)(value >> (8 * i));
}

/* ZigZag, then seven bits a byte, low ones first; a ninth byte has eight. */
static void put_number(struct bytes *b, i64 value)
{
    u64 v = (u64)value << 1 ^ (u64)(value >> 63);

    for (u32 i = 0; i + 1 < COUNT_BYTES_MAX && v >= 0x80; i++, v >>= 7)
        b->at[b->used++] = (u8)(v | 0x80);
    b->at[b->used++] = (u8)v;
}

static u32 hdr_index(u64 value)
{
    u32 top = 64 - (u32)__builtin_clzll(value | ((2u << HALF_BITS) - 1));
    u32 bucket = top - (HALF_BITS + 1);

    return ((bucket + 1) << HALF_BITS) + (u32)(value >> bucket) - (1u << HALF_BITS);
}

/* The counts up to the greatest value; a run of empty ones is one negative number. */
static void put_counts(struct bytes *b, const struct histogram *h)
{
    u32 next = 0;

    for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (h->buckets[i] == 0)
            continue;
        u32 index = hdr_index(min_u64(histogram_bucket_top(i), h->max));
        ASSERT(index >= next && index < HDR_INDEXES);
        if (index > next)
            put_number(b, -(i64)(index - next));
        put_number(b, (i64)h->buckets[i]);
        next = index + 1;
    }
}

static void encode(struct bytes *b, const struct histogram *h)
{
    put_be(b, V2_COOKIE, 4);
    put_be(b, 0, 4); /* the counts' length: below */
    put_be(b, 0, 4); /* not shifted */
    put_be(b, 3, 4); /* significant digits */
    put_be(b, 1, 8); /* lowest value that can be told apart */
    put_be(b, (1ull << HISTOGRAM_VALUE_BITS) - 1, 8);
    put_be(b, 0x3FF0000000000000ull, 8); /* 1.0: values are as they are */
    ASSERT_EQ(b->used, V2_HEAD_BYTES);
    put_counts(b, h);
    struct bytes length = {b->at, 4};
    put_be(&length, b->used - V2_HEAD_BYTES, 4);
}

static void write_base64(FILE *out, const u8 *in, size_t n)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < n; i += 3) {
        u32 left = (u32)(n - i < 3 ? n - i : 3);
        u32 v =
            (u32)in[i] << 16 | (left > 1 ? (u32)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
        for (u32 c = 0; c < 4; c++)
            fputc(c <= left ? set[v >> (18 - 6 * c) & 63] : '=', out);
    }
}

static bool write_histogram(FILE *out, const struct histogram *h)
{
    size_t room = V2_HEAD_BYTES + (size_t)HISTOGRAM_BUCKETS * 2 * COUNT_BYTES_MAX;
    uLongf deflated = compressBound(room);
    struct bytes plain = {malloc(room), 0};
    struct bytes packed = {malloc(8 + deflated), 0};
    bool good = plain.at && packed.at;

    if (good) {
        encode(&plain, h);
        good =
            compress2(packed.at + 8, &deflated, plain.at, plain.used, Z_BEST_COMPRESSION) == Z_OK;
    }
    if (good) {
        put_be(&packed, V2_DEFLATED, 4);
        put_be(&packed, deflated, 4);
        write_base64(out, packed.at, 8 + deflated);
    }
    free(plain.at);
    free(packed.at);
    return good;
}

bool bench_hlog_write(FILE *out, const struct bench_tagged *tagged, u32 n, u64 start_ns, u64 ns)
{
    fprintf(out,
            "#[Histogram log format version 1.3]\n"
            "#[StartTime: %.3f (seconds since epoch)]\n"
            "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
            "\"Interval_Compressed_Histogram\"\n",
            (double)start_ns / NS_PER_SEC);
    for (u32 t = 0; t < n; t++) {
        const struct histogram *h = tagged[t].histogram;
        fprintf(out, "Tag=%s,0.000,%.3f,%.3f,", tagged[t].tag, (double)ns / NS_PER_SEC,
                (double)h->max / NS_PER_MS);
        if (!write_histogram(out, h))
            return false;
        fputc('\n', out);
    }
    return true;
}
