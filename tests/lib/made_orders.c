/* made_orders.c - see made_journal.h. Orders that rest, trade, end, and a model of what is open. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/made_impl.h"

static void put_terms(struct made_journal *j, struct order_terms *t)
{
    snprintf(t->clordid, sizeof t->clordid, "C%-12u", (u32)made_below(j, 1000000));
    t->clordid[13] = ' ';
    if (made_below(j, 4) == 0) {
        t->tags = TAG_BIT(2) | TAG_BIT(3);
        memcpy(t->firm, "HOUS", 4);
        t->min_qty = 100;
    }
}

/* Accepted or Replaced for a fresh order, which the model then has as open. */
static struct made_order *put_order(struct made_journal *j, u8 event, u32 orig_user_ref,
                                    const struct made_order *like, const struct order_terms *terms)
{
    if (j->open_used == j->open_room) {
        j->open_room = (j->open_room + 1) * 2;
        j->open = made_grown(j->open, j->open_room * sizeof j->open[0]);
    }
    union msg *m = made_put(j, event, 2, like->account);
    m->order.order_ref = like->order_ref;
    m->order.user_ref = like->user_ref;
    m->order.orig_user_ref = orig_user_ref;
    m->order.qty = like->leaves;
    m->order.price = like->price;
    m->order.instrument = like->instrument;
    m->order.side = like->side;
    m->order.tif = '0';
    m->order.display = 'Y';
    m->order.capacity = 'A';
    m->order.cross_type = 'N';
    m->order.terms = *terms;
    j->order_events++;
    struct made_order *o = &j->open[j->open_used++];
    *o = *like;
    return o;
}

static void put_executed(struct made_journal *j, struct made_order *o, u32 qty, u32 price,
                         bool taker)
{
    union msg *m = made_put(j, EV_EXECUTED, 1, o->account);

    o->leaves -= qty;
    m->executed.order_ref = o->order_ref;
    m->executed.match = j->matches;
    m->executed.user_ref = o->user_ref;
    m->executed.qty = qty;
    m->executed.price = price;
    m->executed.instrument = o->instrument;
    m->executed.liquidity = taker ? 'R' : 'A';
    m->ev.flags |= (u16)((o->side == 'B' ? 0 : MSG_SELL) | (taker ? MSG_TAKER : 0));
    j->executions++;
    j->shares += qty;
}

void made_drop_dead(struct made_journal *j)
{
    for (u32 i = 0; i < j->open_used;)
        if (j->open[i].leaves == 0)
            j->open[i] = j->open[--j->open_used];
        else
            i++;
}

static struct made_order fresh_order(struct made_journal *j, u32 account)
{
    struct made_order o = {
        .order_ref = ++j->order_refs,
        .account = account,
        .user_ref = ++j->user_refs[account],
    };

    o.leaves = (u32)(1 + made_below(j, 9)) * 100;
    o.price = (u32)(1000000 + made_below(j, 100) * 100);
    o.instrument = (u16)(1 + made_below(j, MADE_INSTRUMENTS));
    o.side = made_below(j, 2) == 0 ? 'B' : 'S';
    return o;
}

static void put_enter(struct made_journal *j, const struct made_order *o, struct order_terms *terms)
{
    union msg *m = made_put(j, CMD_ENTER, 2, o->account);

    memset(terms, 0, sizeof *terms);
    put_terms(j, terms);
    m->enter.user_ref = o->user_ref;
    m->enter.qty = o->leaves;
    m->enter.price = o->price;
    m->enter.instrument = o->instrument;
    m->enter.side = o->side;
    m->enter.tif = '0';
    made_symbol(m->enter.symbol, o->instrument);
    m->enter.terms = *terms;
}

/* An order that rests, after trading with up to 8 open ones if `trades`. */
static void step_enter(struct made_journal *j, bool trades)
{
    struct made_order o = fresh_order(j, (u32)(1 + made_below(j, MADE_ACCOUNTS)));
    struct order_terms terms;

    put_enter(j, &o, &terms);
    u32 mine = (u32)(put_order(j, EV_ACCEPTED, 0, &o, &terms) - j->open);
    for (u32 i = 0, fills = 0; trades && i < mine && fills < 8 && j->open[mine].leaves > 0; i++) {
        struct made_order *rest = &j->open[i];
        if (rest->instrument != o.instrument || rest->side == o.side)
            continue;
        u32 qty = min_u32(rest->leaves, j->open[mine].leaves);
        j->matches++;
        put_executed(j, &j->open[mine], qty, rest->price, true);
        put_executed(j, rest, qty, rest->price, false);
        fills++;
    }
    made_drop_dead(j);
}

static void step_cancel(struct made_journal *j, bool all)
{
    struct made_order *o = &j->open[made_below(j, j->open_used)];
    u32 qty = all || o->leaves == 100 ? o->leaves : 100;

    made_put(j, CMD_CANCEL, 1, o->account)->cancel.user_ref = o->user_ref;
    made_cancelled(j, o, qty, 'U');
    made_drop_dead(j);
}

static void step_replace(struct made_journal *j)
{
    u32 at = (u32)made_below(j, j->open_used);
    struct made_order old = j->open[at];
    struct made_order o = old;
    struct order_terms terms;

    o.order_ref = ++j->order_refs;
    o.user_ref = ++j->user_refs[o.account];
    o.price += 100;
    memset(&terms, 0, sizeof terms);
    put_terms(j, &terms);
    union msg *m = made_put(j, CMD_REPLACE, 2, o.account);
    m->replace.orig_user_ref = old.user_ref;
    m->replace.user_ref = o.user_ref;
    m->replace.qty = o.leaves;
    m->replace.price = o.price;
    m->replace.terms = terms;
    put_order(j, EV_REPLACED, old.user_ref, &o, &terms);
    j->open[at].leaves = 0;
    made_drop_dead(j);
}

static void step_reject(struct made_journal *j)
{
    struct made_order o = fresh_order(j, (u32)(1 + made_below(j, MADE_ACCOUNTS)));
    struct order_terms terms;

    put_enter(j, &o, &terms);
    union msg *m = made_put(j, EV_REJECTED, 1, o.account);
    m->rejected.user_ref = o.user_ref;
    m->rejected.reason = 0x0031;
    m->rejected.instrument = o.instrument;
    memcpy(m->rejected.clordid, terms.clordid, sizeof terms.clordid);
    j->rejects++;
}

static void step_query(struct made_journal *j)
{
    u32 account = (u32)(1 + made_below(j, MADE_ACCOUNTS));

    made_put(j, CMD_QUERY, 1, account);
    made_put(j, EV_QUERIED, 1, account)->query.next_user_ref = j->user_refs[account] + 1;
}

void made_journal_trade(struct made_journal *j, u64 txs)
{
    for (u64 i = 0; i < txs; i++) {
        u64 dice = made_below(j, 100);
        made_tx_begin(j);
        if (dice < 40 || j->open_used < 8)
            step_enter(j, false);
        else if (dice < 75)
            step_enter(j, true);
        else if (dice < 85)
            step_cancel(j, dice < 82);
        else if (dice < 92)
            step_replace(j);
        else if (dice < 96)
            step_reject(j);
        else if (dice < 97)
            step_query(j);
        else
            made_step_rare(j);
        made_tx_end(j);
    }
}
