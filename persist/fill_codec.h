/*
 * fill_codec.h - what consumers get on Redis: fills, trades and tops of books as msgpack maps.
 *
 * The schema stands in config/sql/README.md. Keys are short and stable: none is ever given another
 * meaning. A reader ignores keys that it does not know, so new ones may come at any time; the
 * version goes up only when a reader must change. tests/data holds golden bytes of each version.
 */
#ifndef WIREBOOK_PERSIST_FILL_CODEC_H
#define WIREBOOK_PERSIST_FILL_CODEC_H

#include "engine/base/types.h"

#define TOP_VERSION    1u
#define TOP_BYTES_MAX  192u /* an encoded top is never longer */
#define FILL_VERSION   1u
#define FILL_BYTES_MAX 256u /* an encoded fill or trade is never longer */

/* One side of one fill. Texts are NUL-terminated, without padding. */
struct fill {
    u32 version;    /* "v" from a decoder: of the writer; 0 for encoding means FILL_VERSION */
    u64 seq;        /* "s" number of the transaction */
    u32 idx;        /* "n" of the event within it */
    u32 shard;      /* "h" */
    u32 day;        /* "d" trading day, yyyymmdd */
    u64 time_ns;    /* "t" the engine's time, ns since 1970 UTC */
    u64 match;      /* "m" match number, the same on both sides */
    char symbol[9]; /* "y" */
    u32 qty;        /* "q" shares */
    u32 price;      /* "p" in 1/10,000 of the currency */
    char side;      /* "b" 'B' or 'S': of this side; in a trade, of the aggressor */
    bool taker;     /* "g" this side is the aggressor */
    /* not in a trade: who traded is nobody else's business */
    u32 account;      /* "a" */
    char user[7];     /* "u" */
    char firm[5];     /* "f" */
    u64 order_ref;    /* "o" */
    u32 user_ref;     /* "r" */
    u32 user_ref_idx; /* "x" */
    u64 session_seq;  /* "k" number of the message in the account's stream of the day */
    char liquidity;   /* "l" OUCH liquidity flag */
};

/* Encodes all of `f` to `out` (FILL_BYTES_MAX bytes). Returns the length. */
u32 fill_encode(const struct fill *f, u8 *out);

/* The same for everybody: the keys v s n h d t m y q p b g. */
u32 fill_encode_trade(const struct fill *f, u8 *out);

/*
 * Decodes a fill or a trade of any version. Returns NULL, or what is wrong with the bytes: not one
 * map, a known key with a value of another kind or out of range, or one of v s n t y q p missing.
 * Keys that are missing beyond those are 0. Unknown keys are ignored. Takes memory from malloc
 * while it runs: cold code.
 */
const char *fill_decode(const u8 *bytes, u32 n, struct fill *out);

/* An instrument's best bid and offer as published: the newest known, never all of them. */
struct top_news {
    u32 version;    /* "v" from a decoder: of the writer; 0 for encoding means TOP_VERSION */
    u64 seq;        /* "s" the transaction that it is as of */
    u32 shard;      /* "h" */
    u64 time_ns;    /* "t" its engine time, ns since 1970 UTC */
    char symbol[9]; /* "y" */
    u32 bid_price;  /* "i" in 1/10,000; 0: nobody buys */
    u64 bid_qty;    /* "j" displayed shares at it */
    u32 ask_price;  /* "w" 0: nobody sells */
    u64 ask_qty;    /* "z" */
    char phase;     /* "e" P O T C X Z H V: where nothing trades, bid and offer may cross */
    /* before a cross, what it would give; all of it is missing when none is near */
    char cross;       /* "c" O C H; 0: none is near */
    u32 cross_price;  /* "p" in 1/10,000; 0: nothing would trade */
    u64 paired;       /* "q" shares that would trade */
    u64 imbalance;    /* "r" shares that the other side lacks */
    char cross_side;  /* "b" B S: of which there are too many; N: none */
    u64 indicated_ns; /* "k" when it was looked at, ns since 1970 UTC */
};

/* Encodes `top` to `out` (TOP_BYTES_MAX bytes). Returns the length. */
u32 top_encode(const struct top_news *top, u8 *out);

/* As fill_decode; v s y i j w z are required. */
const char *top_decode(const u8 *bytes, u32 n, struct top_news *out);

#endif
