/* engine_terms.c - random option tags. For tests: any thread, no I/O. */
#include "tests/lib/engine_terms.h"

static bool one_in(struct stream *s, u32 n)
{
    return stream_below(s, n) == 0;
}

void stream_terms(struct stream *s, struct order_terms *t, bool replace, u8 idx)
{
    memcpy(t->clordid, "ORDER         ", sizeof t->clordid);
    t->clordid[6] = (char)('A' + stream_below(s, 26));
    if (idx)
        t->tags |= TAG_BIT(28);
    if (!one_in(s, 4))
        return;
    u32 tag = one_in(s, 2) ? stream_below(s, 31) : one_in(s, 2) ? 12 : 3;
    if (tag == 8 || (tag >= 18 && tag <= 23) || tag == 14 || tag < 2 || (replace && tag == 2))
        return;
    t->tags |= TAG_BIT(tag);
    bool plain = stream_below(s, 4) != 0;
    memcpy(t->firm, tag == 2 ? "FIRM" : "\0\0\0\0", 4);
    t->min_qty = tag == 3 && !plain ? stream_below(s, 5) * 100 : 0;
    t->min_qty += tag == 3 && !plain && one_in(s, 8);
    t->customer_type = tag == 4 ? 'R' : 0;
    t->price_type = (u8)(tag == 6 ? (plain ? 'L' : 'Q') : 0);
    t->peg_offset = tag == 7 && !plain ? -100 : 0; /* without a peg */
    t->discretion_price = tag == 9 && !plain ? 100 : 0;
    t->discretion_price_type = tag == 10 ? (plain ? 'L' : 'P') : 0;
    t->discretion_peg_offset = tag == 11 && !plain ? 5 : 0;
    t->random_reserves = tag == 13 && !plain ? 100 : 0; /* without a reserve */
    t->expire_s = tag == 15 && !plain ? stream_below(s, 4) : 0;
    t->handle_inst = tag == 17 ? (plain ? ' ' : 'I') : 0;
    t->group_id = tag == 24 ? 9 : 0;
    t->aiq_strategy = (u8)(tag == 29 ? "N*OOOX"[stream_below(s, 6)] : 0);
    memcpy(t->locate_broker, tag == 26 ? "BRKR" : "\0\0\0\0", 4);
    memcpy(t->aiq_group, tag == 30 ? "G1" : "\0\0", 2);
    t->yes = tag == 12 && !plain ? YES_POST_ONLY : 0;
    t->yes |= tag == 16 ? YES_TRADE_NOW : 0;
    t->yes |= tag == 25 ? YES_SHARES_LOCATED : 0;
}

void stream_reserve(struct stream *s, struct order_terms *t)
{
    if (!one_in(s, 8))
        return;
    t->tags |= TAG_BIT(5);
    t->max_floor = (1 + stream_below(s, 4)) * 100;
    t->max_floor += one_in(s, 20) ? 1 : 0;
    if (one_in(s, 2))
        return;
    t->tags |= TAG_BIT(13);
    t->random_reserves = stream_below(s, 4) * 100;
    t->random_reserves += one_in(s, 20) ? 50 : 0;
}

void stream_condition(struct stream *s, u32 *price, u8 *tif, u8 *display, struct order_terms *t)
{
    if (one_in(s, 18)) {
        t->tags |= TAG_BIT(3);
        t->min_qty = (1 + stream_below(s, 8)) * 100;
        *display = (u8)(one_in(s, 10) ? 'Y' : 'N');
        *tif = (u8)(one_in(s, 4) ? '3' : '0');
        return;
    }
    if (!one_in(s, 8))
        return;
    t->tags |= TAG_BIT(6);
    t->price_type = (u8) "RRRPPMMm"[stream_below(s, 8)];
    t->max_floor = one_in(s, 20) ? t->max_floor : 0;
    t->min_qty = one_in(s, 4) ? (1 + stream_below(s, 3)) * 100 : 0;
    t->tags |= t->min_qty ? TAG_BIT(3) : 0;
    if (one_in(s, 3)) {
        t->tags |= TAG_BIT(12);
        t->yes |= YES_POST_ONLY;
        *tif = (u8)(*tif == '3' && !one_in(s, 10) ? '0' : *tif);
    }
    if (one_in(s, 3))
        *price = PRICE_MARKET;
    if (one_in(s, 10) || t->price_type == 'R' || t->price_type == 'P') {
        t->tags |= TAG_BIT(7);
        t->peg_offset = (i32)stream_below(s, 15) - 7;
        t->peg_offset *= one_in(s, 20) ? 50 : 100;
        t->peg_offset = one_in(s, 40) ? (i32)0x80000000 : t->peg_offset;
    }
}
