/*
 * ops_gen.h - the common workload for matching engines: its file format and its generator.
 *
 * Zero-intelligence order flow over any number of symbols, made against a simple price-time matcher
 * of its own, which also yields the golden values that every engine must reproduce: traded shares,
 * trades, a hash over all fills, resting orders, cancels of orders that are gone. The format and
 * every random choice are fixed: the same arguments make the same bytes as the other
 * implementations of it.
 */
#ifndef WIREBOOK_TESTS_OPS_GEN_H
#define WIREBOOK_TESTS_OPS_GEN_H

#include "engine/base/types.h"

#define OPS_MAGIC 0x3130535045454d21ull

/* The header of a file, followed by nwarm + nops records. Little-endian. */
struct ops_header {
    u64 magic;
    u32 version;   /* 1 */
    u32 rec_bytes; /* 24 */
    u32 symbols;
    u32 max_price; /* prices are ticks in 1..max_price */
    u64 nwarm;     /* records that build the books and never trade */
    u64 nops;      /* records that are timed */
    u64 seed;
    u64 max_id; /* ids are 1..max_id unless sparse */
    u64 sparse; /* 1: ids are scattered over 64 bits */
    /* golden, of the timed records */
    u64 traded_qty;
    u64 trades;
    u64 fill_hash;
    u64 resting;
    u64 rejects;
    u64 zero[3];
};
_Static_assert(sizeof(struct ops_header) == 128, "as in the files of others");

enum ops_type {
    OPS_ADD = 0,
    OPS_CANCEL = 1,
    OPS_REPLACE = 2,
    OPS_IOC = 3,
};

enum ops_kind {
    OPS_PASSIVE = 0,
    OPS_CANCELLED = 1,
    OPS_REPLACED = 2,
    OPS_AGGRESSIVE_IOC = 3,
    OPS_AGGRESSIVE = 4,
    OPS_DEAD_CANCEL = 5,
    OPS_KINDS = 6,
};

struct ops_record {
    u64 id;
    u32 symbol; /* from 0 */
    u32 price;  /* ticks; 0 for cancel */
    u32 qty;    /* 0 for cancel */
    u8 type;    /* enum ops_type */
    u8 side;    /* 0 buy, 1 sell */
    u8 kind;    /* enum ops_kind, informational */
    u8 zero;
};
_Static_assert(sizeof(struct ops_record) == 24, "as in the files of others");

struct ops {
    struct ops_header header;
    struct ops_record *records; /* malloc'd */
};

/* Makes a workload. Free `out->records`. */
void ops_generate(struct ops *out, u32 symbols, u64 nwarm, u64 nops, u64 seed, bool sparse);

/* Reads a file. Returns NULL, or what is wrong with it. Free `out->records`. */
const char *ops_read(struct ops *out, const char *path);

/* Writes a file. Returns NULL, or what went wrong. */
const char *ops_write(const struct ops *ops, const char *path);

/* The fill hash, one fill further. */
static inline u64 ops_mix(u64 h, u64 taker, u64 maker, u64 price, u64 qty)
{
    h ^= taker * 0x9E3779B97F4A7C15ull;
    h = (h << 27 | h >> 37) * 0xD6E8FEB86659FD93ull;
    h ^= maker * 0xC2B2AE3D27D4EB4Full;
    h = (h << 31 | h >> 33) * 0x9E3779B97F4A7C15ull;
    h ^= price << 32 | qty;
    return (h << 29 | h >> 35) * 0xFF51AFD7ED558CCDull;
}

#endif
