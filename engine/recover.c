/*
 * recover.c - engine_apply: a journalled transaction changes the state without being matched again.
 *
 * Cold. What enters comes from a disk whose checksums were right, and yet may not fit this state
 * (another shard's journal, pools configured smaller, a bug): everything is looked at before
 * apply.c may assert it. A first refusal ends recovery; the state is then not to be used.
 */
#include "engine/recover.h"

#include "engine/apply.h"
#include "engine/phase.h"

/* The transaction is sound, but one of our pools is too small for it. */
static const char *unfit(struct engine *e, const char *pool, u32 max)
{
    ASSERT(!e->unfit.pool); /* a first refusal ends recovery */
    e->unfit = (struct engine_unfit){.pool = pool, .max = max, .need = max + 1};
    return "does not fit the configured pools";
}

/* Items beyond the limit `led` of the process that wrote them cannot be; beyond ours they can. */
static const char *full(struct engine *e, const char *pool, u32 led, u32 max)
{
    return led < max ? "more than its process had room for" : unfit(e, pool, max);
}

const struct engine_unfit *engine_unfit(const struct engine *e)
{
    return &e->unfit;
}

/* The order of an event by its owner's numbers, 0 when there is none with that order_ref. */
static u32 order_find(const struct engine *e, u32 account, u8 idx, u32 user_ref, u64 order_ref)
{
    u32 id = refs_find(&e->refs, owner_of(account, idx), user_ref);
    return id && e->orders.hot[id].order_ref == order_ref ? id : 0;
}

static const char *recover_order_terms(const struct engine *e, const struct msg_order *ev)
{
    u32 tick;

    if (ev->instrument == 0 || ev->instrument > e->instruments.names.used)
        return "an order of an unknown instrument";
    tick = e->books.at[ev->instrument].tick;
    if (ev->qty == 0 || ev->qty > QTY_MAX)
        return "an order with an impossible quantity";
    bool peg = price_type_pegged(ev->terms.price_type);
    bool market = (ev->cross_type != 'N' || peg) && price_is_market(ev->price);
    if (!ev->cross_type || !strchr("NOCH", ev->cross_type))
        return "an order for an unknown cross";
    if (ev->cross_type != 'N' && (peg || ev->terms.min_qty))
        return "a conditional order for a cross";
    if (ev->tif != '3' && !market &&
        (ev->price == 0 || ev->price > PRICE_LIMIT_MAX || ev->price % tick))
        return "an order with an impossible price";
    if ((peg || (ev->terms.min_qty && ev->tif != '3')) && ev->display != 'N')
        return "a conditional order that is displayed";
    if (ev->order_ref > ORDER_REF_MAX)
        return "an order number out of range";
    if (e->taker)
        return "a new order while another one is being matched";
    if (ev->order_ref < e->next_order_ref)
        return "an order number that was used before";
    if (ev->user_ref <= account_last_ref(&e->accounts, ev->head.account, ev->user_ref_idx))
        return "a UserRefNum that was used before";
    return NULL;
}

static const char *recover_accepted(struct engine *e, const struct msg_order *ev)
{
    const char *wrong = recover_order_terms(e, ev);

    if (wrong)
        return wrong;
    if (pool_full(&e->orders.pool))
        return full(e, "orders_max", e->orders.pool.max, e->conf.orders_max);
    struct channel *c = account_channel_get(&e->accounts, ev->head.account, ev->user_ref_idx);
    if (!c)
        return e->accounts.blocks_led <= e->accounts.block_pool.max
                   ? "a channel for which its process had no room"
                   : unfit(e, "accounts_max", e->conf.accounts_max);
    apply_accepted(e, ev, &e->accounts.at[ev->head.account], c, order_special(ev));
    return NULL;
}

static const char *recover_replaced(struct engine *e, const struct msg_order *ev)
{
    u32 owner = owner_of(ev->head.account, ev->user_ref_idx);
    u32 id = refs_find(&e->refs, owner, ev->orig_user_ref);
    const char *wrong = recover_order_terms(e, ev);

    if (wrong)
        return wrong;
    if (!id || e->orders.hot[id].instrument != ev->instrument)
        return "a replacement of an order that is not open";
    apply_replaced(e, ev, id, order_special(ev));
    return NULL;
}

static const char *recover_cancelled(struct engine *e, const struct msg_cancelled *ev)
{
    u32 id = order_find(e, ev->head.account, ev->user_ref_idx, ev->user_ref, ev->order_ref);

    if (!id)
        return "a cancel of an order that is not open";
    if (ev->qty == 0 || (u64)ev->qty + ev->leaves != order_left(&e->orders, id))
        return "a cancel of more shares than are open";
    if (ev->leaves && id == e->taker && ev->reason != 'Q')
        return "a reduction of an order that is being matched";
    apply_cancelled(e, ev, id);
    return NULL;
}

static const char *recover_aiq_cancelled(struct engine *e, const struct msg_aiq_cancelled *ev)
{
    u32 id = order_find(e, ev->head.account, ev->user_ref_idx, ev->user_ref, ev->order_ref);

    if (!id)
        return "a prevented trade of an order that is not open";
    if (ev->qty == 0 || (u64)ev->qty + ev->leaves != order_left(&e->orders, id))
        return "a prevented trade of more shares than are open";
    apply_aiq_cancelled(e, ev, id);
    return NULL;
}

static const char *recover_restated(struct engine *e, const struct msg_restated *ev)
{
    u32 id = order_find(e, ev->head.account, ev->user_ref_idx, ev->user_ref, ev->order_ref);

    if (!id || id != e->exhausted)
        return "a restatement of an order that still shows something";
    if (ev->qty == 0 || ev->qty > e->orders.reserve[id].left)
        return "a restatement of more shares than were kept back";
    if (ev->secondary < e->next_order_ref || ev->secondary > ORDER_REF_MAX)
        return "an order number that was used before";
    apply_restated(e, ev, id);
    return NULL;
}

static const char *recover_modified(struct engine *e, const struct msg_modified *ev)
{
    u32 id = order_find(e, ev->head.account, ev->user_ref_idx, ev->user_ref, ev->order_ref);

    if (!id || id == e->taker)
        return "a modification of an order that does not rest";
    if (ev->leaves == 0 || (u64)ev->qty + ev->leaves != order_left(&e->orders, id))
        return "a modification of more shares than are open";
    if (side_is_sell(ev->side) != (e->orders.hot[id].sell != 0))
        return "a modification to another side";
    apply_modified(e, ev, id);
    return NULL;
}

/* A number of the account's is new and there is a channel for it. */
static const char *recover_number(struct engine *e, u32 account, u8 idx, u32 user_ref)
{
    if (user_ref <= account_last_ref(&e->accounts, account, idx))
        return "a UserRefNum that was used before";
    if (!account_channel_get(&e->accounts, account, idx))
        return "more channels than there is room for: raise accounts_max in the config";
    return NULL;
}

static const char *recover_mass(struct engine *e, const struct msg_mass *ev)
{
    const char *wrong = recover_number(e, ev->ev.account, ev->user_ref_idx, ev->user_ref);

    if (wrong)
        return wrong;
    if (engine_busy(e) || e->taker)
        return "a mass cancel in the midst of other work";
    apply_mass(e, ev);
    return NULL;
}

static const char *recover_firm(struct engine *e, const struct msg_firm *ev)
{
    const struct account *a = &e->accounts.at[ev->ev.account];
    const char *wrong = recover_number(e, ev->ev.account, ev->user_ref_idx, ev->user_ref);

    if (wrong)
        return wrong;
    if (ev->ev.type == EV_DISABLED && a->blocked_used == BLOCKED_FIRMS_MAX &&
        !account_blocks(a, account_firm(a, ev->firm)))
        return "more disabled firms than an account can have";
    apply_firm(e, ev);
    return NULL;
}

static const char *recover_executed(struct engine *e, const struct msg_executed *ev)
{
    u32 id = order_find(e, ev->head.account, ev->user_ref_idx, ev->user_ref, ev->order_ref);

    if (!id)
        return "a fill of an order that is not open";
    if (ev->qty == 0 || ev->qty > e->orders.hot[id].open)
        return "a fill of more shares than are open";
    if (ev->instrument != e->orders.hot[id].instrument)
        return "a fill of another instrument";
    if (ev->match != e->next_match)
        return "a gap in the match numbers";
    if (e->work.kind != WORK_PEGS && ((ev->head.flags & MSG_TAKER) != 0) != (id == e->taker))
        return "a fill that names the wrong aggressor";
    apply_executed(e, ev, id);
    return NULL;
}

static const char *recover_work(struct engine *e, const struct msg_work *ev)
{
    u32 id;

    switch (ev->kind) {
    case WORK_NONE:
        break;
    case WORK_DAY_END:
        if (!e->day || ev->cursor == 0 || ev->cursor > e->accounts.names.used)
            return "a day's end that stands nowhere";
        break;
    case WORK_KILL:
    case WORK_DROP:
    case WORK_COUNT:
        if (!account_known(&e->accounts, ev->account) || e->taker)
            return "a drop of an unknown account, or amid other work";
        if (ev->cursor && !order_find(e, ev->account, ev->phase, ev->cursor, ev->order_ref))
            return "a drop that stands nowhere";
        break;
    case WORK_PEGS:
        if (engine_busy(e) || (e->taker && e->orders.info[e->taker].tif == '3'))
            return "pegs that move in the midst of other work";
        break;
    case WORK_MATCH:
        if (!account_known(&e->accounts, ev->account))
            return "long work of an unknown account";
        id = order_find(e, ev->account, ev->phase, ev->cursor, ev->order_ref);
        if (!id || id != e->taker)
            return "long work of an order that is not being matched";
        break;
    case WORK_MASS:
        if (!account_known(&e->accounts, ev->account) || e->mass.ev.account != ev->account)
            return "a mass cancel that nobody asked for";
        if (!order_find(e, ev->account, ev->phase, ev->cursor, ev->order_ref))
            return "a mass cancel that stands nowhere";
        break;
    case WORK_COURSE:
    case WORK_SCAN:
    case WORK_CROSS:
    case WORK_EXPIRE:
    case WORK_TELL:
    case WORK_SLIDE: {
        const char *wrong = recover_course_work(e, ev);
        if (wrong)
            return wrong;
        break;
    }
    default:
        return "long work of an unknown kind";
    }
    apply_work(e, ev);
    return NULL;
}

static const char *recover_instrument(struct engine *e, const struct msg_instrument *ev)
{
    const struct names *names = &e->instruments.names;
    u32 id = names_find(names, names_key(ev->symbol, sizeof ev->symbol));

    if (ev->instrument != (id ? id : names->used + 1) || !instrument_terms_sound(ev))
        return "an instrument under a wrong number, or with impossible terms";
    if (!id && names->used == names->max)
        return full(e, "instruments_max", names->max, names->room);
    if (!market_tick_fits(e, ev->instrument, ev->tick))
        return "a tick that does not fit the resting orders";
    apply_instrument(e, ev);
    return NULL;
}

static const char *recover_account(struct engine *e, const struct msg_account *ev)
{
    const struct names *names = &e->accounts.names;
    u32 id = names_find(names, names_key(ev->user, sizeof ev->user));

    if (ev->ev.account != (id ? id : names->used + 1))
        return "an account under a wrong number";
    if (!id && names->used == names->max)
        return full(e, "accounts_max", names->max, names->room);
    if (!account_terms_sound(ev))
        return "an account with unknown terms";
    apply_account(e, ev);
    return NULL;
}

static const char *recover_binding(struct engine *e, const union msg *m)
{
    const struct account *a = &e->accounts.at[m->ev.account];

    if (m->ev.type == EV_BOUND) {
        if (!e->day || a->bind_id || m->bound.bind_id < e->next_bind_id ||
            m->bound.from != a->gateway || m->bound.gateway >= GATEWAYS_MAX ||
            m->bound.port.stp > STP_MAX || m->bound.port.stp_level > STP_FIRM ||
            m->bound.port.drop > 1 || m->bound.profile_id != profile_find(e, m->bound.port.profile))
            return "a binding that cannot be";
        apply_bound(e, &m->bound);
        return NULL;
    }
    if (!a->bind_id || a->bind_id != m->unbind.bind_id)
        return "the end of a binding that does not exist";
    apply_unbound(e, &m->unbind);
    return NULL;
}

static const char *recover_course(struct engine *e, const union msg *m)
{
    switch (m->ev.type) {
    case EV_STARTED:
        if (m->start.epoch <= e->epoch)
            return "an epoch that does not grow";
        if (e->journal_id && m->start.journal_id != e->journal_id)
            return "a start of another journal";
        apply_started(e, &m->start);
        return NULL;
    case EV_DAY_OPENED:
        if (e->day || m->day.day <= e->day_last)
            return "a day that cannot be opened";
        apply_day_opened(e, &m->day);
        return NULL;
    case EV_DAY_ENDED:
        if (!e->day || m->day.day != e->day || e->orders.pool.used)
            return "a day that cannot be ended";
        apply_day_ended(e, &m->day);
        return NULL;
    case EV_INSTRUMENT:
        return recover_instrument(e, &m->instrument);
    case EV_ACCOUNT:
        return recover_account(e, &m->account);
    case EV_WORK:
        return recover_work(e, &m->work);
    case EV_COURSE:
    case EV_PHASE:
    case EV_CROSS:
    case EV_BANDS:
        return recover_course_event(e, m);
    case EV_KILLED:
    case EV_RESTORED:
        return recover_killed(e, &m->kill);
    case EV_LIMIT:
    case EV_CHECKS:
    case EV_PROFILE:
    case EV_LISTED:
    case EV_UNTRADED:
        return recover_risk_event(e, m);
    case EV_LOGIN_REJECTED:
        return NULL;
    default:
        return "an event of an unknown type";
    }
}

/*
 * A number is consumed even by a rejected order, unless its channel was new and the process that
 * led had no room for one. With less room than it had we could not tell.
 */
static const char *recover_rejected(struct engine *e, const struct msg_rejected *ev)
{
    const struct accounts *a = &e->accounts;

    if (pool_full(&a->block_pool) && a->blocks_led > a->blocks_room &&
        !account_channel(a, ev->head.account, ev->user_ref_idx))
        return unfit(e, "accounts_max", e->conf.accounts_max);
    apply_rejected(e, ev);
    return NULL;
}

static const char *recover_client(struct engine *e, const union msg *m)
{
    const struct account *a = &e->accounts.at[m->ev.account];

    if (m->ev.session_seq != a->next_session_seq)
        return "a gap in an account's stream";
    if (m->ev.type != EV_SYSTEM && !a->stream)
        return "a message before the stream of its account began";
    switch (m->ev.type) {
    case EV_SYSTEM:
        return recover_system(e, &m->system);
    case EV_ACCEPTED:
        return recover_accepted(e, &m->order);
    case EV_REPLACED:
        return recover_replaced(e, &m->order);
    case EV_CANCELLED:
        return recover_cancelled(e, &m->cancelled);
    case EV_AIQ_CANCELLED:
        return recover_aiq_cancelled(e, &m->aiq);
    case EV_RESTATED:
        return recover_restated(e, &m->restated);
    case EV_EXECUTED:
        return recover_executed(e, &m->executed);
    case EV_REJECTED:
        return recover_rejected(e, &m->rejected);
    case EV_MODIFIED:
        return recover_modified(e, &m->modified);
    case EV_MASS_CANCELLED:
        return recover_mass(e, &m->mass);
    case EV_DISABLED:
    case EV_ENABLED:
        return recover_firm(e, &m->firm);
    case EV_BROKEN:
        return recover_broken(e, &m->broken);
    case EV_PRIORITY:
        return recover_priority(e, &m->priority,
                                order_find(e, m->ev.account, m->priority.user_ref_idx,
                                           m->priority.user_ref, m->priority.old_order_ref));
    case EV_CANCEL_PENDING:
    case EV_CANCEL_REJECTED:
        return recover_late(e, &m->late,
                            order_find(e, m->ev.account, m->late.user_ref_idx, m->late.user_ref,
                                       m->late.order_ref));
    default:
        apply_queried(e, &m->query);
        return NULL;
    }
}

static const char *recover_event(struct engine *e, const union msg *m)
{
    u8 type = m->ev.type;
    bool client = type >= EV_SYSTEM && type < EV_KILLED;

    if (e->exhausted && type != EV_RESTATED)
        return "an order that shows nothing";
    if (risk_short(e))
        return unfit(e, "orders_max", e->conf.orders_max);
    if (type >= EV_OPERATOR && type <= EV_UNBARRED)
        return recover_operator_event(e, m);
    if (!client && type != EV_BOUND && type != EV_UNBOUND)
        return recover_course(e, m);
    if (!account_known(&e->accounts, m->ev.account))
        return "an event of an unknown account";
    return client ? recover_client(e, m) : recover_binding(e, m);
}

static const char *recover_command(const struct engine *e, const union msg *m)
{
    if (!msg_is_command(m->cmd.type))
        return "a transaction that does not begin with a command";
    if (m->cmd.seq != e->seq + 1)
        return "a gap in the numbers of transactions";
    if (m->cmd.time_ns < e->time_ns)
        return "a transaction from before the last one";
    if ((m->cmd.type == CMD_CONTINUE) != engine_busy(e))
        return "long work that was not under way, or was left";
    return NULL;
}

/* What the transaction has left behind is a state between transactions. */
static const char *recover_end(const struct engine *e)
{
    if (e->request.id && e->work.kind == WORK_NONE)
        return "an operator's request without its end";
    if (e->exhausted)
        return "an order that shows nothing";
    if (e->cross.instrument && e->work.kind < WORK_COURSE)
        return "a change of phase that was left in the midst";
    if (!e->taker)
        return e->work.kind == WORK_MATCH ? "long work without an order" : NULL;
    if (e->work.kind != WORK_MATCH && e->orders.info[e->taker].tif == '3' &&
        !(e->orders.info[e->taker].special & SPECIAL_CROSS))
        return "an immediate order that would rest";
    return NULL;
}

const char *engine_apply(struct engine *e, const struct slot *tx, u32 slots)
{
    const union msg *cmd = (const union msg *)(const void *)tx;
    const char *wrong = recover_command(e, cmd);
    u32 at = msg_slots(tx);
    bool ended = false;

    while (!wrong && at < slots) {
        const union msg *m = (const union msg *)(const void *)&tx[at];
        u32 n = msg_slots(m);
        if (n == 0 || n != msg_type_slots(m->ev.type) || at + n > slots || ended)
            return "a message of a wrong length";
        if (msg_is_command(m->ev.type) || m->ev.seq != cmd->cmd.seq)
            return "a message of another transaction";
        ended = (m->ev.flags & MSG_TX_END) != 0;
        wrong = recover_event(e, m);
        at += n;
    }
    if (!wrong && !ended)
        wrong = "a transaction without its end";
    if (!wrong)
        wrong = recover_end(e);
    if (!wrong)
        tx_settle(e, cmd->cmd.seq, cmd->cmd.time_ns);
    return wrong;
}
