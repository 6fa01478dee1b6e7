/*
 * order.c - the slab of orders. Engine thread. Pure memory: no order is ever searched here.
 *
 * Invariant: `hot`, `info` and `terms` of one id are one order; a free id's level is 0.
 */
#include "engine/order.h"

void orders_init(struct orders *o, struct mem *m, u32 max)
{
    ASSERT(max >= 1 && max <= ORDERS_MAX);
    o->hot = pool_init(&o->pool, m, max, sizeof *o->hot, CACHE_LINE);
    o->info = mem_alloc(m, ((u64)max + 1) * sizeof *o->info, CACHE_LINE);
    o->terms = mem_alloc(m, ((u64)max + 1) * sizeof *o->terms, CACHE_LINE);
}

void orders_fill(struct orders *o, u32 id, const struct msg_order *ev)
{
    ASSERT(id != 0 && id <= o->pool.fresh);
    ASSERT(ev->qty >= 1 && ev->qty <= QTY_MAX);
    ASSERT_LE(ev->order_ref, ORDER_REF_MAX);
    o->hot[id] = (struct order){
        .open = ev->qty,
        .user_ref = ev->user_ref,
        .owner = owner_of(ev->head.account, ev->user_ref_idx),
        .order_ref = ev->order_ref,
        .timed = ev->tif == TIF_GTT,
        .sell = side_is_sell(ev->side),
        .hidden = ev->display == 'N',
        .instrument = ev->instrument,
    };
    o->info[id] = (struct order_info){
        .price = ev->price,
        .side = ev->side,
        .tif = ev->tif,
        .display = ev->display,
        .capacity = ev->capacity,
        .cross_type = ev->cross_type,
        .iso = (ev->head.flags & MSG_ISO) != 0,
        .special =
            (u8)((ev->terms.yes & YES_POST_ONLY ? SPECIAL_POST_ONLY : 0) |
                 (ev->terms.min_qty ? SPECIAL_MIN_QTY : 0) |
                 (ev->terms.aiq_strategy == AIQ_NONE || ev->terms.aiq_strategy == AIQ_FIRM_OLDEST
                      ? SPECIAL_AIQ
                      : 0)),
    };
    o->terms[id] = ev->terms;
}
