/*
 * event.h - writing an event into the transaction under way.
 *
 * Each function adds one whole message behind what is there and returns it, so that the caller can
 * have it applied. Nothing else in the engine changes by it. Inline: this is the hot path.
 */
#ifndef WIREBOOK_ENGINE_EVENT_H
#define WIREBOOK_ENGINE_EVENT_H

#include "engine/state.h"

/*
 * Where the next message will be, of `slots` slots: it may be written there before it is known
 * whether it counts. It does from event_room on.
 */
static inline union msg *event_draft(struct engine *e, u32 slots)
{
    ASSERT_LE(e->tx->used + slots, TX_SLOTS_MAX);
    return (union msg *)(void *)&e->tx->slots[e->tx->used];
}

/* Room for a message of `slots` slots at the end of the transaction. */
static inline union msg *event_room(struct engine *e, u32 slots)
{
    struct tx *tx = e->tx;
    u32 at = tx->used;

    ASSERT_LE(at + slots, TX_SLOTS_MAX);
    e->tx_last = at;
    tx->used = at + slots;
    return (union msg *)(void *)&tx->slots[at];
}

/* The head of an event of nobody's stream. */
static inline struct event_head event_head(const struct engine *e, u8 type, u8 slots, u32 account)
{
    return (struct event_head){
        .type = type,
        .slots = slots,
        .account = account,
        .seq = e->tx_seq,
        .time_ns = e->tx_time_ns,
    };
}

/* The head of the next event of the stream of `account`, which is `a`. */
static inline struct event_head event_head_of(const struct engine *e, const struct account *a,
                                              u8 type, u8 slots, u32 account, u16 flags)
{
    struct event_head head = event_head(e, type, slots, account);

    head.flags = flags;
    head.session_seq = a->next_session_seq;
    return head;
}

/* ... of an account known by its id. */
static inline struct event_head event_head_seq(const struct engine *e, u8 type, u8 slots,
                                               u32 account, u16 flags)
{
    return event_head_of(e, &e->accounts.at[account], type, slots, account, flags);
}

/*
 * A fill of `qty` at `price` of order `o`; `flags` of MSG_SELL and MSG_TAKER, `liquidity` of
 * CONFORMANCE.md section 6.2.
 */
static inline const struct msg_executed *event_executed(struct engine *e, const struct order *o,
                                                        u32 qty, u32 price, u16 instrument,
                                                        u16 flags, u8 liquidity)
{
    union msg *m = event_room(e, 1);
    u32 account = owner_account(o->owner);

    m->executed = (struct msg_executed){
        .head = event_head_seq(e, EV_EXECUTED, 1, account, flags),
        .order_ref = o->order_ref,
        .match = e->next_match,
        .user_ref = o->user_ref,
        .qty = qty,
        .price = price,
        .instrument = instrument,
        .liquidity = liquidity,
        .user_ref_idx = owner_idx(o->owner),
    };
    return &m->executed;
}

/*
 * `qty` of the `left` shares of order `id` of account `a` are taken off for `reason`
 * (CONFORMANCE.md section 6.1).
 */
static inline const struct msg_cancelled *event_cancelled_of(struct engine *e,
                                                             const struct account *a, u32 id,
                                                             u32 qty, u32 left, u8 reason)
{
    const struct order *o = &e->orders.hot[id];
    union msg *m = event_room(e, 1);

    ASSERT(qty >= 1 && qty <= left);
    m->cancelled = (struct msg_cancelled){
        .head = event_head_of(e, a, EV_CANCELLED, 1, owner_account(o->owner),
                              (u16)(o->sell * MSG_SELL)),
        .order_ref = o->order_ref,
        .user_ref = o->user_ref,
        .qty = qty,
        .leaves = left - qty,
        .instrument = o->instrument,
        .reason = reason,
        .user_ref_idx = owner_idx(o->owner),
    };
    return &m->cancelled;
}

/* ... of an order of which no more is known yet. */
static inline const struct msg_cancelled *event_cancelled(struct engine *e, u32 id, u32 qty,
                                                          u8 reason)
{
    const struct account *a = &e->accounts.at[owner_account(e->orders.hot[id].owner)];

    return event_cancelled_of(e, a, id, qty, order_left(&e->orders, id), reason);
}

/* What did not happen because two orders are of one party. */
struct aiq {
    u32 prevented; /* shares */
    u32 price;
    u8 strategy; /* tag 29's letter */
};

/*
 * As event_cancelled for reason Q, with details: `prevented` shares were not executed at `price`;
 * `flags` has MSG_TAKER for the incoming side, `strategy` is tag 29's letter.
 */
const struct msg_aiq_cancelled *event_aiq_cancelled(struct engine *e, u32 id, u32 qty,
                                                    const struct aiq *aiq, u16 flags);

/* The exhausted order `id` shows `qty` shares of what it has kept back. */
const struct msg_restated *event_restated(struct engine *e, u32 id, u32 qty);

/* An order is refused for `reason` (CONFORMANCE.md section 7). */
const struct msg_rejected *event_rejected(struct engine *e, u32 account, u8 idx, u32 user_ref,
                                          u16 instrument, u16 reason, const char clordid[14]);

/* System Event `code` in the account's stream. */
const struct msg_system *event_system(struct engine *e, u32 account, u8 code, u8 dialect);

/* The account's binding ends for `reason` of enum unbind_reason. */
const struct msg_unbind *event_unbound(struct engine *e, u32 account, u8 reason);

/* Long work of `kind` stands at order `id`. */
const struct msg_work *event_work_order(struct engine *e, u8 kind, u32 id);

/* Long work of `kind` stands before the account's first order. */
const struct msg_work *event_work_account(struct engine *e, u8 kind, u32 account);

/* Where long work stands; WORK_NONE: it is done. */
const struct msg_work *event_work(struct engine *e, u8 kind, u32 cursor);

#endif
