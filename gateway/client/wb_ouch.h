/*
 * wb_ouch.h - OUCH 5.0 as a client needs it: requests out, answers in.
 *
 * Pure functions on bytes: no I/O, no clock, no memory of their own. Field layouts are those of the
 * OUCH 5.0 specification; the letters in the structs are the protocol's own. Prices are integers in
 * 1/10,000 of the currency. Text in these structs is trimmed and ended by NUL.
 *
 * Decoding is strict about what it knows (lengths, the appendage's structure, sides, states) and
 * tolerant about what it does not: an unknown type or option tag is passed on, never an error.
 */
#ifndef WIREBOOK_CLIENT_WB_OUCH_H
#define WIREBOOK_CLIENT_WB_OUCH_H

#include "engine/base/types.h"

#define WB_PRICE_ONE    10000ull      /* 1.0000 */
#define WB_PRICE_MAX    1999999900ull /* highest limit price, 199,999.9900 */
#define WB_PRICE_MARKET 0x7FFFFFFFull /* a market order */
#define WB_QTY_MAX      999999u       /* shares of one order or chain of replacements */
#define WB_TAG_MAX      30u           /* highest option tag */
#define WB_REQUEST_MAX  384u          /* bytes of the longest request with every tag, rounded up */

/*
 * Option tags of an appendage. `value[t]` counts when bit t of `present` is set: the value's bytes
 * as a big-endian integer (alpha tags too: wb_tag_set_text), of the size that wb_tag_bytes tells.
 */
struct wb_tags {
    u32 present;
    u64 value[WB_TAG_MAX + 1];
};

/* Size of the value of option tag `tag` in bytes; 0 for a tag that OUCH 5.0 does not have. */
u32 wb_tag_bytes(u32 tag);

/* Sets tag `tag`, which must exist, to an integer or to text padded with spaces. */
void wb_tag_set(struct wb_tags *tags, u32 tag, u64 value);
void wb_tag_set_text(struct wb_tags *tags, u32 tag, const char *text);

/* Enter Order, `O`. */
struct wb_enter {
    u32 user_ref; /* from 1, strictly increasing per account and day */
    u32 qty;      /* shares, 1..WB_QTY_MAX */
    u64 price;
    char side;                  /* B buy, S sell, T sell short, E sell short exempt */
    char tif;                   /* 0 day, 3 IOC, ... */
    char display;               /* Y N A */
    char capacity;              /* A P R O */
    char iso;                   /* Y N */
    char cross;                 /* N continuous, ... */
    char symbol[9];             /* up to 8 letters */
    char clordid[15];           /* up to 14; may be empty */
    const struct wb_tags *tags; /* NULL: none */
};

/* A plain day order: visible, agency, continuous, no ISO, no ClOrdID, no tags. */
void wb_enter_init(struct wb_enter *e, u32 user_ref, char side, u32 qty, const char *symbol,
                   u64 price);

/* Replace Order, `U`. */
struct wb_replace {
    u32 orig_ref; /* the order, or its last replacement */
    u32 user_ref; /* the new number */
    u32 qty;      /* total liability of the chain, executed shares included */
    u64 price;
    char tif;
    char display;
    char iso;
    char clordid[15];
    const struct wb_tags *tags;
};

void wb_replace_init(struct wb_replace *r, u32 orig_ref, u32 user_ref, u32 qty, u64 price);

/*
 * Requests to bytes: write at most WB_REQUEST_MAX bytes to `out` and return how many. Values are
 * put as they are; it is the host's part to judge them.
 */
u32 wb_encode_enter(u8 *out, const struct wb_enter *e);
u32 wb_encode_replace(u8 *out, const struct wb_replace *r);
/* `qty`: intended total size, 0 cancels all. `tags` may be NULL (only 28 is legal here). */
u32 wb_encode_cancel(u8 *out, u32 user_ref, u32 qty, const struct wb_tags *tags);
/* `qty`: intended total size, not above what it is; tags 25, 26, 28. */
u32 wb_encode_modify(u8 *out, u32 user_ref, char side, u32 qty, const struct wb_tags *tags);
/* `firm`, `symbol`: "" is the account's own firm, and all symbols; tags 24, 27, 28. */
u32 wb_encode_mass_cancel(u8 *out, u32 user_ref, const char *firm, const char *symbol,
                          const struct wb_tags *tags);
/* Disable or enable order entry of a firm; tag 28. */
u32 wb_encode_order_entry(u8 *out, bool enable, u32 user_ref, const char *firm,
                          const struct wb_tags *tags);
u32 wb_encode_query(u8 *out, const struct wb_tags *tags);

/* What a message of the host says. Fields that its type does not have are zero or empty. */
struct wb_msg {
    u8 type;          /* outbound types are decoded; unknown ones have only this and raw */
    bool known;       /* the type is one of those */
    u64 time_ns;      /* since midnight of the venue */
    u32 user_ref;     /* Q: the next number that may be used */
    u32 orig_ref;     /* U: the number that was replaced */
    u32 qty;          /* A accepted, U and M open, C D taken off, E filled */
    u32 prevented;    /* D: shares that would have been filled */
    u64 price;        /* A U T limit, E of the fill, D of the one prevented */
    u64 order_ref;    /* A U, T the new one */
    u64 match;        /* E B: the same number on both sides */
    u16 reject;       /* J: reason, see wb_reject_text */
    char event;       /* S: S start, E end of day */
    char reason;      /* C D: see wb_cancel_text; B R: a letter of the protocol */
    char liquidity;   /* E D: see wb_liquidity_text */
    char strategy;    /* D: of self-match prevention, as tag 29 */
    char state;       /* A U: L live, D dead */
    char side;        /* A U M */
    char tif;         /* A U */
    char display;     /* A U T */
    char capacity;    /* A U */
    char iso;         /* A U */
    char cross;       /* A U */
    char symbol[9];   /* A U X */
    char firm[5];     /* X G K */
    char clordid[15]; /* A U J B */
    u32 unknown_tags; /* option tags that were passed over */
    struct wb_tags tags;
    const u8 *raw; /* the message itself; lives as long as the bytes given to wb_decode */
    u32 raw_bytes;
};

/*
 * Decodes the payload of one sequenced packet. Returns NULL, or what is wrong with it; then only
 * type, raw and raw_bytes of `m` count.
 */
const char *wb_decode(struct wb_msg *m, const u8 *bytes, u32 n);

#endif
