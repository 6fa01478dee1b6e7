/*
 * step_drop.c - cancel on disconnect (CONFORMANCE.md section 6, rule 16). Engine thread.
 *
 * When the connection of an account with that setting is lost its orders are cancelled, at once or
 * in a TICK behind its grace, unless it has come back by then. It is long work: the orders are
 * visited by channel and number, at most e->chunk_cancels in a transaction. Orders for a cross that
 * cannot be cancelled any more stay.
 */
#include "engine/apply.h"
#include "engine/event.h"
#include "engine/phase.h"

void work_drop(struct engine *e)
{
    u32 account = owner_account(e->work.owner);
    u32 id = e->work.cursor ? refs_find(&e->refs, e->work.owner, e->work.cursor)
                            : account_first_order(e, account, 0);

    for (u32 budget = e->chunk_cancels; id && budget; budget--) {
        const struct order *o = &e->orders.hot[id];
        u32 next = account_next_order(e, o->owner, o->user_ref);
        ASSERT_EQ(owner_account(o->owner), account);
        if (!order_late(e, id))
            apply_cancelled(e, event_cancelled(e, id, order_left(&e->orders, id), 'Z'), id);
        id = next;
    }
    apply_work(e, id ? event_work_order(e, WORK_DROP, id) : event_work(e, WORK_NONE, 0));
}

void drop_begin(struct engine *e, u32 account)
{
    apply_work(e, event_work_account(e, WORK_DROP, account));
    work_drop(e);
}

void step_drop(struct engine *e)
{
    u32 account = alarm_first(&e->drops, e->tx_time_ns);

    if (account)
        drop_begin(e, account);
}
