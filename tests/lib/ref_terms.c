/* ref_terms.c - what a replacement keeps of the original's terms. For tests only. */
#include "tests/lib/ref_state.h"

/* Given terms, else the original's, but for tags 25 and 26, and 15 unless it is GTT. */
struct order_terms ref_merged(const struct order_terms *n, const struct order_terms *old, u8 tif)
{
    static const struct {
        u8 tag, at, bytes;
    } fields[] = {
        {2, offsetof(struct order_terms, firm), 4},
        {3, offsetof(struct order_terms, min_qty), 4},
        {4, offsetof(struct order_terms, customer_type), 1},
        {5, offsetof(struct order_terms, max_floor), 4},
        {6, offsetof(struct order_terms, price_type), 1},
        {7, offsetof(struct order_terms, peg_offset), 4},
        {9, offsetof(struct order_terms, discretion_price), 4},
        {10, offsetof(struct order_terms, discretion_price_type), 1},
        {11, offsetof(struct order_terms, discretion_peg_offset), 4},
        {13, offsetof(struct order_terms, random_reserves), 4},
        {15, offsetof(struct order_terms, expire_s), 4},
        {17, offsetof(struct order_terms, handle_inst), 1},
        {24, offsetof(struct order_terms, group_id), 2},
        {28, 0, 0}, /* in the order itself */
        {29, offsetof(struct order_terms, aiq_strategy), 1},
        {30, offsetof(struct order_terms, aiq_group), 2},
    };
    struct order_terms t = *n;

    for (u32 i = 0; i < ARRAY_LEN(fields); i++) {
        u32 bit = TAG_BIT(fields[i].tag);
        if (n->tags & bit || !(old->tags & bit) || (fields[i].tag == 15 && tif != '6'))
            continue;
        memcpy((char *)&t + fields[i].at, (const char *)old + fields[i].at, fields[i].bytes);
        t.tags |= bit;
    }
    if (!(n->tags & TAG_BIT(12)) && old->tags & TAG_BIT(12)) {
        t.tags |= TAG_BIT(12);
        t.yes |= old->yes & YES_POST_ONLY;
    }
    if (!(n->tags & TAG_BIT(16)) && old->tags & TAG_BIT(16)) {
        t.tags |= TAG_BIT(16);
        t.yes |= old->yes & YES_TRADE_NOW;
    }
    t.tags &= ~TAG_BIT(27); /* replace only; the side is in the order itself */
    return t;
}
