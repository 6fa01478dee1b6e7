/*
 * transaction.h - the frame around each step: a command, its events, and the moment they count.
 *
 * Inline, because every command goes through it. What few of them need is in transaction.c.
 */
#ifndef WIREBOOK_ENGINE_TRANSACTION_H
#define WIREBOOK_ENGINE_TRANSACTION_H

#include "engine/state.h"

/*
 * What is left to do at the end of the transaction: the order under way rests, pegs follow, an
 * operator's request ends, bands look at what has changed.
 */
COLD void tx_end_closely(struct engine *e);

/* Begins a transaction in `out` with a copy of `cmd`, numbered and stamped. */
static inline void tx_begin(struct engine *e, struct tx *out, const union msg *cmd, u64 now_ns)
{
    u32 n = cmd->cmd.slots;
    union msg *m = (union msg *)(void *)out->slots;

    ASSERT(n >= 1 && n <= MSG_SLOTS_MAX);
    e->tx = out;
    e->tx_last = 0;
    e->tx_seq = e->seq + 1;
    e->tx_time_ns = max_u64(e->time_ns, now_ns);
    out->used = n;
    out->slots[0] = cmd->slots[0];
    m->cmd.seq = e->tx_seq;
    m->cmd.time_ns = e->tx_time_ns;
    if (n > 1)
        out->slots[1] = cmd->slots[1];
    for (u32 i = 2; UNLIKELY(i < n); i++)
        out->slots[i] = cmd->slots[i];
}

/*
 * Ends it: marks the last event, and from here on the transaction counts. False, and nothing
 * changed, when it has no event.
 */
static inline bool tx_end(struct engine *e)
{
    if (UNLIKELY(e->tx_last == 0))
        return false;
    if (UNLIKELY(e->taker | e->books.marked | e->touched | (e->request.id != 0)))
        tx_end_closely(e);
    union msg *last = (union msg *)(void *)&e->tx->slots[e->tx_last];
    ASSERT(!msg_is_command(last->ev.type));
    last->ev.flags |= MSG_TX_END;
    metric_add(&e->metrics.transactions, 1);
    e->seq = e->tx_seq; /* one more, and no earlier: tx_begin */
    e->time_ns = e->tx_time_ns;
    return true;
}

#endif
