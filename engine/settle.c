/*
 * settle.c - pegs that the touch has moved trade with what they now cross. Engine thread.
 *
 * Books mark an instrument when its touch or one of its conditional orders changes; what is marked
 * is looked at when the transaction's own work is done. Two resting orders meet: the younger one
 * takes, at the older one's price, but a post-only order never takes: of two of them the younger
 * one goes (C reason G). Nothing is crossed and able to trade when no work is under way;
 * engine_check asserts it.
 */
#include "engine/apply.h"
#include "engine/event.h"
#include "engine/match.h"
#include "engine/peg.h"

/* The first order of a level's queue as an offer. */
static struct offer level_offer(const struct engine *e, u16 instrument, enum side_index side)
{
    const struct book *k = &e->books.at[instrument];
    u32 level = k->best_level[side];

    return (struct offer){level ? e->books.levels[level].head : 0, k->best_price[side]};
}

/* Of one side, the order that is met first by anybody: no minimum is among them. */
static struct offer side_best(const struct engine *e, u16 instrument, bool sell)
{
    struct offer best = level_offer(e, instrument, sell ? SELL : BUY);
    struct offer hidden = level_offer(e, instrument, sell ? SELL_HIDDEN : BUY_HIDDEN);
    struct offer peg = peg_best(e, instrument, sell);

    if (hidden.id && offer_first(e, hidden, best))
        best = hidden;
    if (peg.id && offer_first(e, peg, best))
        best = peg;
    return best;
}

/* Which of the two takes, and at which price. */
static struct pair pair_of(const struct engine *e, struct offer a, struct offer b)
{
    bool a_takes = e->orders.hot[a.id].order_ref > e->orders.hot[b.id].order_ref;
    u32 younger = a_takes ? a.id : b.id;
    u8 posts = e->orders.info[a.id].special & e->orders.info[b.id].special & SPECIAL_POST_ONLY;

    if (posts)
        return (struct pair){younger, 0, 0};
    if (e->orders.info[younger].special & SPECIAL_POST_ONLY)
        a_takes = !a_takes;
    return a_takes ? (struct pair){a.id, b.id, b.price} : (struct pair){b.id, a.id, a.price};
}

/* An order of one side, 1 sells, would trade with one of the other, if both are there. */
static bool crosses(u32 side, struct offer own, struct offer other)
{
    return own.id && other.id && (side ? other.price >= own.price : other.price <= own.price);
}

struct pair settle_pair(const struct engine *e, u16 instrument)
{
    struct offer buy = side_best(e, instrument, false);
    struct offer sell = side_best(e, instrument, true);

    if (buy.id && sell.id && buy.price >= sell.price)
        return pair_of(e, buy, sell);
    for (u32 side = 0; side < 2; side++) { /* the best peg of a side and a minimum */
        struct offer peg = peg_best(e, instrument, side);
        if (!peg.id)
            continue;
        struct offer other = min_qty_best(e, instrument, !side, e->orders.hot[peg.id].open);
        if (crosses(side, peg, other))
            return pair_of(e, peg, other);
    }
    for (u32 side = 0; side < 2; side++) { /* a peg with a minimum and the best of the other side */
        struct offer other = side ? buy : sell;
        if (!other.id)
            continue;
        struct offer peg =
            picky_best(e, instrument, side, e->orders.hot[other.id].open, other.price);
        if (peg.id)
            return pair_of(e, peg, other);
    }
    return (struct pair){0, 0, 0};
}

/* Room for one more meeting and the events behind it. */
static bool have_room(const struct engine *e)
{
    return e->tx->used + MATCH_PAIR_SLOTS + TX_EVENTS_TAIL_MAX <= TX_SLOTS_MAX;
}

static void announce(struct engine *e)
{
    if (e->work.kind != WORK_PEGS)
        apply_work(e, event_work(e, WORK_PEGS, 0));
}

/* All that can trade on the instrument. False: there is more than fits. */
static bool settle(struct engine *e, u16 instrument, u32 *met)
{
    for (;;) {
        struct pair p = settle_pair(e, instrument);
        if (!p.taker)
            return true;
        announce(e);
        if (*met == e->chunk_fills || !have_room(e))
            return false;
        (*met)++;
        if (p.maker)
            match_pair(e, p.taker, p.maker, p.price);
        else
            apply_cancelled(e, event_cancelled(e, p.taker, order_left(&e->orders, p.taker), 'G'),
                            p.taker);
    }
}

void work_pegs(struct engine *e)
{
    bool resumed = e->work.kind == WORK_PEGS;
    u32 met = 0;
    u16 instrument;

    ASSERT_EQ(e->taker, 0);
    while ((instrument = books_marked(&e->books)) != 0) {
        if (instrument_settles(e, instrument) && !settle(e, instrument, &met))
            return;
        books_unmark(&e->books, instrument);
    }
    if (resumed || e->work.kind == WORK_PEGS)
        apply_work(e, event_work(e, WORK_NONE, 0));
}
