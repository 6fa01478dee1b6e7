/*
 * event.c - the less frequent events. Engine thread. What enters is state, what leaves is a
 * message.
 */
#include "engine/event.h"

const struct msg_aiq_cancelled *event_aiq_cancelled(struct engine *e, u32 id, u32 qty,
                                                    const struct aiq *aiq, u16 flags)
{
    const struct order *o = &e->orders.hot[id];
    union msg *m = event_room(e, 1);

    u32 left = order_left(&e->orders, id);

    ASSERT(qty >= 1 && qty <= left);
    flags |= (o->sell ? MSG_SELL : 0) | (o->hidden ? MSG_HIDDEN : 0);
    m->aiq = (struct msg_aiq_cancelled){
        .head = event_head_seq(e, EV_AIQ_CANCELLED, 1, owner_account(o->owner), flags),
        .order_ref = o->order_ref,
        .user_ref = o->user_ref,
        .qty = qty,
        .leaves = left - qty,
        .prevented = aiq->prevented,
        .price = aiq->price,
        .instrument = o->instrument,
        .user_ref_idx = owner_idx(o->owner),
        .strategy = aiq->strategy,
    };
    return &m->aiq;
}

const struct msg_restated *event_restated(struct engine *e, u32 id, u32 qty)
{
    const struct order *o = &e->orders.hot[id];
    union msg *m = event_room(e, 1);

    m->restated = (struct msg_restated){
        .head = event_head_seq(e, EV_RESTATED, 1, owner_account(o->owner), o->sell ? MSG_SELL : 0),
        .order_ref = o->order_ref,
        .secondary = e->next_order_ref,
        .user_ref = o->user_ref,
        .qty = qty,
        .price = e->orders.info[id].price,
        .instrument = o->instrument,
        .reason = 'R',
        .user_ref_idx = owner_idx(o->owner),
    };
    return &m->restated;
}

const struct msg_rejected *event_rejected(struct engine *e, u32 account, u8 idx, u32 user_ref,
                                          u16 instrument, u16 reason, const char clordid[14])
{
    union msg *m = event_room(e, 1);

    ASSERT_NE(reason, 0);
    m->rejected = (struct msg_rejected){
        .head = event_head_seq(e, EV_REJECTED, 1, account, 0),
        .user_ref = user_ref,
        .reason = reason,
        .instrument = instrument,
        .user_ref_idx = idx,
    };
    memcpy(m->rejected.clordid, clordid, sizeof m->rejected.clordid);
    return &m->rejected;
}

const struct msg_system *event_system(struct engine *e, u32 account, u8 code, u8 dialect)
{
    union msg *m = event_room(e, 1);

    ASSERT(code == 'S' || code == 'E');
    m->system = (struct msg_system){
        .head = event_head_seq(e, EV_SYSTEM, 1, account, 0),
        .code = code,
        .dialect = dialect,
    };
    if (code == 'S')
        memcpy(m->system.firm, e->accounts.at[account].terms.firm, sizeof m->system.firm);
    return &m->system;
}

const struct msg_unbind *event_unbound(struct engine *e, u32 account, u8 reason)
{
    const struct account *a = &e->accounts.at[account];
    union msg *m = event_room(e, 1);

    ASSERT_NE(a->bind_id, 0);
    m->unbind = (struct msg_unbind){
        .ev = event_head(e, EV_UNBOUND, 1, account),
        .conn = a->conn,
        .bind_id = a->bind_id,
        .gateway = a->gateway,
        .reason = reason,
    };
    return &m->unbind;
}

const struct msg_work *event_work_order(struct engine *e, u8 kind, u32 id)
{
    const struct order *o = &e->orders.hot[id];
    union msg *m = event_room(e, 1);

    m->work = (struct msg_work){
        .head = event_head(e, EV_WORK, 1, 0),
        .order_ref = o->order_ref,
        .cursor = o->user_ref,
        .account = owner_account(o->owner),
        .kind = kind,
        .phase = owner_idx(o->owner),
    };
    return &m->work;
}

const struct msg_work *event_work(struct engine *e, u8 kind, u32 cursor)
{
    union msg *m = event_room(e, 1);

    m->work =
        (struct msg_work){.head = event_head(e, EV_WORK, 1, 0), .cursor = cursor, .kind = kind};
    return &m->work;
}

const struct msg_work *event_work_account(struct engine *e, u8 kind, u32 account)
{
    union msg *m = event_room(e, 1);

    m->work =
        (struct msg_work){.head = event_head(e, EV_WORK, 1, 0), .account = account, .kind = kind};
    return &m->work;
}
