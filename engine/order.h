/*
 * order.h - the slab of orders, under the engine's own 32-bit ids.
 *
 * What matching and cancelling touch is 32 bytes; what is only echoed or inherited lies apart.
 * One thread.
 */
#ifndef WIREBOOK_ENGINE_ORDER_H
#define WIREBOOK_ENGINE_ORDER_H

#include "engine/msg/msg.h"
#include "engine/pool.h"

/* 2^45 orders are a year at a million a second. */
#define ORDER_REF_MAX ((1ull << 45) - 1)

#define LEVEL_DARK 0x40000000u /* levels of the book are below, those of queue.h above */

/* The hot part: two orders to a cache line. */
struct order {
    u32 next;     /*  0 the next later order of its level; in the free list: the next free one */
    u32 prev;     /*  4 the next earlier one */
    u32 level;    /*  8 where it rests; 0: nowhere, LEVEL_DARK: in a tree of dark.h */
    u32 open;     /* 12 open shares, never 0 while the order lives, 0 when it is gone */
    u32 user_ref; /* 16 */
    u32 owner;    /* 20 account << 8 | user_ref_idx */
    union {
        u64 packed; /* 24 the fields below, see order_pack */
        struct {
            u64 order_ref : 45; /* the venue's number of the order, never used twice */
            u64 rare : 1;       /* it has something special: look at its order_info */
            u64 sell : 1;
            u64 hidden : 1; /* ranks behind all displayed ones of its price */
            u64 instrument : 16;
        };
    };
};
_Static_assert(sizeof(struct order) == 32, "two orders to a cache line");

/*
 * The fields in one store: written one by one, the next read of order_ref would have to wait until
 * all of them are in the cache.
 */
static inline u64 order_pack(u64 order_ref, bool rare, bool sell, bool hidden, u16 instrument)
{
    return order_ref | (u64)rare << 45 | (u64)sell << 46 | (u64)hidden << 47 |
           (u64)instrument << 48;
}

/* What an order has that most have not. */
enum order_special {
    SPECIAL_POST_ONLY = 1,
    SPECIAL_MIN_QTY = 2,
    SPECIAL_AIQ = 4,      /* its self-trade prevention is its own, not the account's */
    SPECIAL_TIMED = 8,    /* it ends by time: it is in the heap of expiry.h */
    SPECIAL_RESERVE = 16, /* it shows a part of itself at a time: struct reserve */
    SPECIAL_PEG = 32,     /* its price follows the touch */
    SPECIAL_DARK = 64,    /* it rests among the conditional orders of dark.h */
    SPECIAL_CROSS = 0x80, /* it waits for a cross, in a queue (queue.h) */
};

/* What was said to cancels that came too late for the cross (CONFORMANCE.md section 6, rule 9). */
enum pending {
    PENDING_CANCEL = 1,   /* P: it is cancelled after the cross */
    PENDING_REJECTED = 2, /* I */
};

/* The cold part, beside its terms. */
struct order_info {
    u32 executed;  /*  0 shares of the replace chain that are filled, or met their own party's */
    u32 price;     /*  4 */
    u8 side;       /*  8 B S T E */
    u8 tif;        /*  9 */
    u8 display;    /* 10 */
    u8 capacity;   /* 11 */
    u8 cross_type; /* 12 */
    u8 iso;        /* 13 0 or 1 */
    u8 special;    /* 14 enum order_special */
    u8 pending;    /* 15 enum pending */
};
_Static_assert(sizeof(struct order_info) == 16, "four to a cache line");

/*
 * What an order that shows only a part of itself keeps back: then `open` is the part that is shown.
 * While it sweeps it keeps nothing back. Valid for rare orders; `left` is 0 for those of other
 * kinds.
 */
struct reserve {
    u64 priority; /* the number by which the shown part stands in its queue; 0: order_ref */
    u32 left;     /* shares kept back */
    u32 again;    /* 1: what is shown now was kept back once */
};

struct orders {
    struct order *hot;
    struct order_info *info;
    struct reserve *reserve;
    struct order_terms *terms;
    struct pool pool;
};

/* enum order_special of what `ev` (Accepted or Replaced) describes; 0: a plain order. */
u8 order_special(const struct msg_order *ev);

/* Room for `max` orders, 1..ORDERS_MAX, from `m`. */
void orders_init(struct orders *o, struct mem *m, u32 max);

/* The place that the next order will have comes into the cache. */
static inline void orders_expect(const struct orders *o)
{
    __builtin_prefetch(&o->info[o->pool.free], 1);
    __builtin_prefetch(&o->terms[o->pool.free], 1);
}

/* Tag 6 beside the plain limit order L. */
#define PEG_PRIMARY        'R'
#define PEG_MARKET         'P'
#define PEG_MIDPOINT       'M'
#define PEG_MIDPOINT_SMALL 'm'

static inline bool price_type_pegged(u8 type)
{
    return type == PEG_PRIMARY || type == PEG_MARKET || type == PEG_MIDPOINT ||
           type == PEG_MIDPOINT_SMALL;
}

/* Tag 29 as far as it is known (CONFORMANCE.md section 5). */
#define AIQ_PORT        '*' /* what the account has */
#define AIQ_NONE        'N'
#define AIQ_FIRM_OLDEST 'O'

#define TIF_DAY   '0'
#define TIF_IOC   '3'
#define TIF_GTX   '5'
#define TIF_GTT   '6'
#define TIF_AFTER 'E'

/* The number by which the order stands in its queue. */
static inline u64 order_priority(const struct orders *o, u32 id)
{
    u64 shown = o->hot[id].rare ? o->reserve[id].priority : 0;
    return shown ? shown : o->hot[id].order_ref;
}

/* Open shares of the order, shown or not. */
static inline u32 order_left(const struct orders *o, u32 id)
{
    return o->hot[id].open + (UNLIKELY(o->hot[id].rare) ? o->reserve[id].left : 0);
}

/*
 * True when no tag asks for anything that changes how the order is executed. Some harmless ones
 * (an explicit `L` for a limit order) are not plain either: then the long way says so. All at one
 * look, so not for terms that have just been written field by field: it would wait for them.
 */
static inline bool terms_plain(const struct order_terms *t)
{
    static const struct order_terms conditions = {
        .tags = TAG_BIT(30),
        .min_qty = UINT32_MAX,
        .max_floor = UINT32_MAX,
        .peg_offset = -1,
        .discretion_price = UINT32_MAX,
        .discretion_peg_offset = -1,
        .random_reserves = UINT32_MAX,
        .expire_s = UINT32_MAX,
        .price_type = UINT8_MAX,
        .discretion_price_type = UINT8_MAX,
        .yes = YES_POST_ONLY,
        .handle_inst = UINT8_MAX,
        .aiq_strategy = UINT8_MAX,
    };
    u64 any = 0;

    for (u32 at = 0; at < sizeof *t; at += sizeof any) {
        u64 word, mask;
        memcpy(&word, (const u8 *)t + at, sizeof word);
        memcpy(&mask, (const u8 *)&conditions + at, sizeof mask);
        any |= word & mask;
    }
    return any == 0;
}

static inline u32 owner_of(u32 account, u8 user_ref_idx)
{
    return account << 8 | user_ref_idx;
}

static inline u32 owner_account(u32 owner)
{
    return owner >> 8;
}

static inline u8 owner_idx(u32 owner)
{
    return (u8)owner;
}

static inline bool side_is_sell(u8 side)
{
    return side != 'B';
}

/*
 * The order that `ev` (Accepted or Replaced) describes goes into the slab under `id`, in no book;
 * `special` is order_special(ev).
 */
static inline void orders_fill(struct orders *o, u32 id, const struct msg_order *ev, u8 special)
{
    ASSERT(id != 0 && id <= o->pool.fresh);
    ASSERT(ev->qty >= 1 && ev->qty <= QTY_MAX);
    ASSERT_LE(ev->order_ref, ORDER_REF_MAX);
    o->hot[id] = (struct order){
        .open = ev->qty,
        .user_ref = ev->user_ref,
        .owner = owner_of(ev->head.account, ev->user_ref_idx),
        .packed = order_pack(ev->order_ref, special != 0, side_is_sell(ev->side),
                             ev->display == 'N', ev->instrument),
    };
    o->info[id] = (struct order_info){
        .price = ev->price,
        .side = ev->side,
        .tif = ev->tif,
        .display = ev->display,
        .capacity = ev->capacity,
        .cross_type = ev->cross_type,
        .iso = (ev->head.flags & MSG_ISO) != 0,
        .special = special,
    };
    o->terms[id] = ev->terms;
    if (UNLIKELY(special))
        o->reserve[id] = (struct reserve){0};
}

#endif
