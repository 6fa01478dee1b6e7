/*
 * transaction.c - the frame around each step: a command, its events, and the moment they count.
 *
 * Engine thread. Invariants: numbers have no gaps, time never goes back, a transaction without an
 * event leaves no trace, and only the last message of one carries MSG_TX_END.
 */
#include "engine/transaction.h"

#include "engine/apply.h"
#include "engine/band.h"
#include "engine/event.h"
#include "engine/peg.h"
#include "engine/rules.h"

/* A reserve order that begins to rest shows as much as it may. */
static void reserve_begin(struct engine *e, u32 id)
{
    struct order *o = &e->orders.hot[id];
    u32 shown = min_u32(o->open, e->orders.terms[id].max_floor);

    e->orders.reserve[id] = (struct reserve){.left = o->open - shown};
    o->open = shown;
    kept_join(e, id);
}

void tx_rest(struct engine *e)
{
    const struct order *o = &e->orders.hot[e->taker];
    const struct order_info *info = &e->orders.info[e->taker];

    if (LIKELY(!(o->rare | e->books.at[o->instrument].special))) {
        ASSERT_NE(info->tif, TIF_IOC);
        book_insert(&e->books, e->taker, info->price);
        e->taker = 0;
        return;
    }
    ASSERT(info->tif != TIF_IOC || (info->special & SPECIAL_CROSS));
    if (UNLIKELY(info->special & SPECIAL_RESERVE))
        reserve_begin(e, e->taker);
    order_rest(e, e->taker);
    e->taker = 0;
}

void tx_end_closely(struct engine *e)
{
    if (e->taker && e->work.kind != WORK_MATCH)
        tx_rest(e);
    if (e->books.marked && e->work.kind == WORK_NONE)
        work_pegs(e);
    if (e->request.id && e->work.kind == WORK_NONE)
        operator_end(e);
    if (e->touched)
        bands_settle(e, e->tx_time_ns);
}

void tx_settle(struct engine *e, u64 seq, u64 time_ns)
{
    ASSERT_EQ(seq, e->seq + 1);
    ASSERT_GE(time_ns, e->time_ns);
    if (e->taker && e->work.kind != WORK_MATCH)
        tx_rest(e);
    if (e->books.marked && e->work.kind == WORK_NONE)
        books_unmark_all(&e->books); /* what pegs have traded stands in the transaction */
    if (e->touched)
        bands_settle(e, time_ns);
    e->seq = seq;
    e->time_ns = time_ns;
}
