/*
 * step_end.c - the end of a day for accounts: first System Event E, then what of their orders is
 * left goes, then their streams end. Engine thread.
 *
 * An account hears E when the venue closes (a change of all instruments to phase Z), at the latest
 * when the day ends, and once: late cancels and broken trades follow in its stream until
 * CMD_DAY_END (CONFORMANCE.md section 2.6). Both walk over the accounts as long work; an account
 * that is looked at is one of e->chunk_cancels, so is a message.
 */
#include "engine/apply.h"
#include "engine/event.h"

/* The account hears it, unless it has. False: there is no budget for it. */
static bool account_tell(struct engine *e, u32 id, u32 *budget)
{
    const struct account *a = &e->accounts.at[id];

    if (!a->stream || a->told)
        return true;
    if (*budget == 0)
        return false;
    --*budget;
    apply_system(e, event_system(e, id, 'E', 0));
    return true;
}

bool accounts_tell(struct engine *e, u32 from, u32 *budget)
{
    for (u32 id = from; id <= e->accounts.names.used; id++) {
        if (*budget < 2) {
            apply_work(e, event_work(e, WORK_TELL, id));
            return false;
        }
        --*budget;
        account_tell(e, id, budget);
    }
    return true;
}

/* Cancels what the channel has open, oldest first, within the budget. True when nothing is left. */
static bool channel_expire(struct engine *e, const struct channel *c, u32 *budget)
{
    for (u32 id = refs_first(&e->refs, c); id; id = refs_first(&e->refs, c)) {
        if (*budget == 0)
            return false;
        (*budget)--;
        apply_cancelled(e, event_cancelled(e, id, order_left(&e->orders, id), 'E'), id);
    }
    return true;
}

static bool account_expire(struct engine *e, u32 id, u32 *budget)
{
    const struct account *a = &e->accounts.at[id];

    if (!channel_expire(e, &a->base, budget))
        return false;
    for (u32 b = 0; b < CHANNEL_BLOCKS; b++) {
        for (u32 i = 0; a->blocks[b] && i < CHANNEL_GROUP; i++) {
            if (!channel_expire(e, &e->accounts.blocks[a->blocks[b]].at[i], budget))
                return false;
        }
    }
    return true;
}

/* One account: E, its orders, then the end of its stream. False: the budget did not suffice. */
static bool account_end(struct engine *e, u32 id, u32 *budget)
{
    if (!account_tell(e, id, budget) || !account_expire(e, id, budget) || *budget == 0)
        return false;
    --*budget;
    if (e->accounts.at[id].bind_id)
        apply_unbound(e, event_unbound(e, id, UNBIND_SHUTDOWN));
    return true;
}

static const struct msg_day *event_day_ended(struct engine *e)
{
    union msg *m = event_room(e, 1);

    m->day = (struct msg_day){
        .ev = event_head(e, EV_DAY_ENDED, 1, 0),
        .midnight_ns = e->midnight_ns,
        .day = e->day,
    };
    return &m->day;
}

void work_day_end(struct engine *e)
{
    bool resumed = e->work.kind == WORK_DAY_END;
    u32 budget = e->chunk_cancels;
    u32 id = resumed ? e->work.cursor : 1;

    ASSERT_GE(budget, 2);
    while (id <= e->accounts.names.used && account_end(e, id, &budget))
        id++;
    if (id <= e->accounts.names.used) {
        apply_work(e, event_work(e, WORK_DAY_END, id));
        return;
    }
    if (resumed)
        apply_work(e, event_work(e, WORK_NONE, 0));
    apply_day_ended(e, event_day_ended(e));
}

void step_day_end(struct engine *e, const struct msg_day *c)
{
    if (!e->day || (c->day && c->day != e->day)) {
        request_refuse(e, WHY_DAY);
        return;
    }
    work_day_end(e);
}
