/*
 * apply.h - what each event does to the state: the only code that changes it, live and in recovery.
 *
 * The live path hands over the order that it has at hand; recovery finds it first by its numbers
 * (recover.c), after having checked that the event can be. So everything here may assert.
 */
#ifndef WIREBOOK_ENGINE_APPLY_H
#define WIREBOOK_ENGINE_APPLY_H

#include "engine/state.h"

/* The stream of account `a` has got its next message. */
static inline void stream_advance_of(struct account *a, const struct event_head *head)
{
    ASSERT_EQ(head->session_seq, a->next_session_seq);
    a->next_session_seq++;
}

/* ... of the account that it names. */
static inline void stream_advance(struct engine *e, const struct event_head *head)
{
    stream_advance_of(&e->accounts.at[head->account], head);
}

void apply_started(struct engine *e, const struct msg_start *ev);
void apply_day_opened(struct engine *e, const struct msg_day *ev);
void apply_day_ended(struct engine *e, const struct msg_day *ev);
void apply_instrument(struct engine *e, const struct msg_instrument *ev);
void apply_account(struct engine *e, const struct msg_account *ev);
void apply_work(struct engine *e, const struct msg_work *ev);
void apply_bound(struct engine *e, const struct msg_bound *ev);
void apply_unbound(struct engine *e, const struct msg_unbind *ev);
void apply_system(struct engine *e, const struct msg_system *ev);
void apply_queried(struct engine *e, const struct msg_query *ev);
void apply_mass(struct engine *e, const struct msg_mass *ev);
void apply_firm(struct engine *e, const struct msg_firm *ev);
void apply_rejected(struct engine *e, const struct msg_rejected *ev);

/* What a new order and a replacement have in common: the order is in the slab and under way. */
static inline void order_begin(struct engine *e, u32 id, struct account *a, struct channel *c,
                               const struct msg_order *ev, u8 special)
{
    ASSERT_EQ(e->taker, 0);
    ASSERT_GT(ev->user_ref, c->last);
    refs_add(&e->refs, c, owner_of(ev->head.account, ev->user_ref_idx), ev->user_ref, id);
    c->last = ev->user_ref;
    e->next_order_ref = ev->order_ref + 1;
    e->taker = id;
    stream_advance_of(a, &ev->head);
    if (UNLIKELY(special & SPECIAL_TIMED)) /* so many seconds after the event that made it */
        expiry_add(&e->expiry, id, ev->head.time_ns + ev->terms.expire_s * NS_PER_SEC);
    if (UNLIKELY(e->risk_on))
        risk_open(e, id);
}

/*
 * A new order on channel `c` of its account `a`; there is room for it. It is the one under way:
 * e->taker. `special` is order_special(ev), which the live path mostly knows. Returns its id.
 */
static inline u32 apply_accepted(struct engine *e, const struct msg_order *ev, struct account *a,
                                 struct channel *c, u8 special)
{
    u32 id = pool_take(&e->orders.pool);

    orders_expect(&e->orders);
    ASSERT_NE(id, 0);
    orders_fill(&e->orders, id, ev, special);
    a->open++;
    order_begin(e, id, a, c, ev, special);
    return id;
}

/*
 * Order `id` lives on under new numbers and terms and is the one under way: e->taker. `special` as
 * above.
 */
void apply_replaced(struct engine *e, const struct msg_order *ev, u32 id, u8 special);

void apply_cancelled(struct engine *e, const struct msg_cancelled *ev, u32 id);
void apply_aiq_cancelled(struct engine *e, const struct msg_aiq_cancelled *ev, u32 id);

/* Order `id`, e->exhausted, shows its next part, behind all that rest at its price. */
void apply_restated(struct engine *e, const struct msg_restated *ev, u32 id);

void apply_modified(struct engine *e, const struct msg_modified *ev, u32 id);
void apply_executed(struct engine *e, const struct msg_executed *ev, u32 id);

/* ---- apply_operator.c ---- */

void apply_killed(struct engine *e, const struct msg_kill *ev);
void apply_barred(struct engine *e, const struct msg_bar *ev);

/* The request begins: e->request; and is over. */
void apply_operator(struct engine *e, const struct msg_operated *ev);
void apply_operated(struct engine *e, const struct msg_operated *ev);

/* ---- apply_course.c ---- */

void apply_course(struct engine *e, const struct msg_course *ev);
void apply_phase(struct engine *e, const struct msg_phase *ev);
void apply_cross(struct engine *e, const struct msg_cross *ev);

/* The bands have moved; orders that they have passed follow, as the work of e->course. */
void apply_bands(struct engine *e, const struct msg_bands *ev);
void apply_priority(struct engine *e, const struct msg_priority *ev, u32 id);
void apply_broken(struct engine *e, const struct msg_broken *ev);
void apply_late(struct engine *e, const struct msg_late *ev, u32 id);

/* The search for the price of the cross under way goes on by so many prices. */
void apply_scan(struct engine *e, u32 prices);

/* What the common path must not pass by follows phase, terms and bands. */
void market_flags(struct engine *e, u32 instrument);

/* A new instrument is where the venue is. */
void market_begin(struct engine *e, u32 instrument);

/* Order `id`, which is nowhere, goes to its place in the book, or in the queue of its cross. */
void order_rest(struct engine *e, u32 id);

/*
 * What a reserve order of the book keeps back, if anything, joins what crosses count, leaves it, or
 * becomes `qty` shares less.
 */
void kept_join(struct engine *e, u32 id);
void kept_leave(struct engine *e, u32 id);
void kept_reduce(struct engine *e, u32 id, u32 qty);

/* Order `id`, which is in a queue, leaves it, or `qty` of its shares do. */
void queued_remove(struct engine *e, u32 id);
void queued_reduce(struct engine *e, u32 id, u32 qty);

#endif
