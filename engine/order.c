/*
 * order.c - the slab of orders. Engine thread. Pure memory: no order is ever searched here.
 *
 * Invariant: `hot`, `info` and `terms` of one id are one order; a free id's level and open shares
 * are 0.
 */
#include "engine/order.h"

void orders_init(struct orders *o, struct mem *m, u32 max)
{
    ASSERT(max >= 1 && max <= ORDERS_MAX);
    o->hot = pool_init(&o->pool, m, max, sizeof *o->hot, CACHE_LINE);
    o->info = mem_alloc(m, ((u64)max + 1) * sizeof *o->info, CACHE_LINE);
    o->reserve = mem_alloc(m, ((u64)max + 1) * sizeof *o->reserve, CACHE_LINE);
    o->terms = mem_alloc(m, ((u64)max + 1) * sizeof *o->terms, CACHE_LINE);
}

/* enum order_special of an order that is not plain. */
COLD static u8 special_closely(const struct msg_order *ev)
{
    const struct order_terms *t = &ev->terms;
    bool aiq = t->aiq_strategy == AIQ_NONE || t->aiq_strategy == AIQ_FIRM_OLDEST;

    bool peg = price_type_pegged(t->price_type);
    bool dark = peg || (t->min_qty && ev->tif != TIF_IOC);

    return (u8)((peg ? SPECIAL_PEG : 0) | (dark ? SPECIAL_DARK : 0) |
                (t->yes & YES_POST_ONLY ? SPECIAL_POST_ONLY : 0) |
                (t->min_qty ? SPECIAL_MIN_QTY : 0) | (aiq ? SPECIAL_AIQ : 0) |
                (ev->tif == TIF_GTT ? SPECIAL_TIMED : 0) | (t->max_floor ? SPECIAL_RESERVE : 0) |
                (ev->cross_type != 'N' ? SPECIAL_CROSS : 0));
}

u8 order_special(const struct msg_order *ev)
{
    bool plain = terms_plain(&ev->terms) && ev->tif != TIF_GTT && ev->cross_type == 'N';

    return LIKELY(plain) ? 0 : special_closely(ev);
}
