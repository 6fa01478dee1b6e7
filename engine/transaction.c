/*
 * transaction.c - the frame around each step: a command, its events, and the moment they count.
 *
 * Engine thread. Invariants: numbers have no gaps, time never goes back, a transaction without an
 * event leaves no trace, and only the last message of one carries MSG_TX_END.
 */
#include "engine/apply.h"
#include "engine/band.h"
#include "engine/event.h"
#include "engine/peg.h"
#include "engine/rules.h"

void tx_begin(struct engine *e, struct tx *out, const union msg *cmd, u64 now_ns)
{
    u32 n = cmd->cmd.slots;

    ASSERT(n >= 1 && n <= MSG_SLOTS_MAX);
    ASSERT_EQ(e->taker != 0, e->work.kind == WORK_MATCH);
    e->tx = out;
    e->tx_last = 0;
    e->tx_seq = e->seq + 1;
    e->tx_time_ns = max_u64(e->time_ns, now_ns);
    out->slots[0] = cmd->slots[0];
    if (n > 1)
        out->slots[1] = cmd->slots[1];
    for (u32 i = 2; i < n; i++)
        out->slots[i] = cmd->slots[i];
    union msg *m = (union msg *)(void *)out->slots;
    m->cmd.seq = e->tx_seq;
    m->cmd.time_ns = e->tx_time_ns;
    out->used = n;
}

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

/* The transaction counts from here on. */
static inline void commit(struct engine *e, u64 seq, u64 time_ns)
{
    ASSERT_EQ(seq, e->seq + 1);
    ASSERT_GE(time_ns, e->time_ns);
    if (UNLIKELY(e->touched))
        bands_settle(e, time_ns);
    e->seq = seq;
    e->time_ns = time_ns;
}

bool tx_end(struct engine *e)
{
    if (e->tx_last == 0)
        return false;
    if (e->taker && e->work.kind != WORK_MATCH)
        tx_rest(e);
    if (UNLIKELY(e->books.marks->used) && e->work.kind == WORK_NONE)
        work_pegs(e);
    if (UNLIKELY(e->request.id) && e->work.kind == WORK_NONE)
        operator_end(e);
    union msg *last = (union msg *)(void *)&e->tx->slots[e->tx_last];
    ASSERT(!msg_is_command(last->ev.type));
    last->ev.flags |= MSG_TX_END;
    metric_add(&e->metrics.transactions, 1);
    commit(e, e->tx_seq, e->tx_time_ns);
    return true;
}

void tx_settle(struct engine *e, u64 seq, u64 time_ns)
{
    if (e->taker && e->work.kind != WORK_MATCH)
        tx_rest(e);
    if (e->books.marks->used && e->work.kind == WORK_NONE)
        books_unmark_all(&e->books); /* what pegs have traded stands in the transaction */
    commit(e, seq, time_ns);
}
