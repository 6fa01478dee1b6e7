/*
 * rules.c - what is taken and what is not. Engine thread. Pure: state and a command in, a reason
 * out.
 *
 * A term whose behaviour this engine does not have is rejected with the fitting reason, never taken
 * and silently ignored; a term that changes no execution is taken, stored and echoed.
 */
#include "engine/rules.h"

#include "engine/band.h"
#include "engine/msg/collar.h"
#include "engine/phase.h"

const u8 rules_letters[256] = {
    ['B'] = PLAIN_SIDE,    ['S'] = PLAIN_SIDE,    ['T'] = PLAIN_SIDE,
    ['E'] = PLAIN_SIDE,    [TIF_DAY] = PLAIN_TIF, [TIF_IOC] = PLAIN_TIF,
    ['Y'] = PLAIN_DISPLAY, ['A'] = PLAIN_DISPLAY, ['N'] = PLAIN_DISPLAY | PLAIN_CROSS,
};

/* What an order for a cross, or one outside plain continuous trading, must heed besides. */
static enum reject_reason check_phase(const struct engine *e, u16 instrument, u8 tif, u8 cross,
                                      const struct order_terms *t)
{
    bool plain = tif == TIF_DAY || tif == TIF_IOC || tif == TIF_GTT;

    if (LIKELY(plain && cross == 'N' && !e->books.at[instrument].special))
        return REJECT_NONE;
    return phase_takes(e, instrument, tif, cross, t);
}

/* A minimum is of round lots; who shows himself cannot have one; a time to live is for GTT. */
static enum reject_reason check_limits(const struct order_terms *t, u8 tif, u8 display, u32 qty,
                                       u32 lot)
{
    if (t->min_qty && ((tif != TIF_IOC && display != 'N') || t->min_qty > qty || t->min_qty % lot))
        return REJECT_MIN_QTY;
    if ((t->yes & YES_POST_ONLY) && tif == TIF_IOC)
        return REJECT_OTHER;
    return (tif == TIF_GTT) == (t->expire_s != 0) ? REJECT_NONE : REJECT_OTHER;
}

/* A reserve shows whole round lots, which needs an order that rests and shows something. */
static enum reject_reason check_reserve(const struct order_terms *t, u8 tif, u8 display, u32 lot)
{
    if (t->max_floor == 0)
        return t->random_reserves ? REJECT_MAX_FLOOR : REJECT_NONE;
    if (tif == TIF_IOC || display == 'N' || t->max_floor % lot)
        return REJECT_MAX_FLOOR;
    if (t->random_reserves % lot || t->random_reserves >= t->max_floor)
        return REJECT_MAX_FLOOR;
    return REJECT_NONE;
}

/*
 * A peg's offset is a multiple of the tick; a midpoint has none. A reserve shows a part of itself,
 * and nothing of a peg is shown.
 */
static enum reject_reason check_peg(const struct order_terms *t, u32 tick)
{
    bool midpoint = t->price_type == PEG_MIDPOINT || t->price_type == PEG_MIDPOINT_SMALL;

    if (!price_type_pegged(t->price_type)) {
        if (t->price_type && t->price_type != 'L')
            return REJECT_PEG_TYPE;
        return t->peg_offset ? REJECT_PEGGING : REJECT_NONE;
    }
    if (t->peg_offset % (i64)tick || (midpoint && t->peg_offset))
        return REJECT_PEGGING;
    return t->max_floor ? REJECT_MAX_FLOOR : REJECT_NONE;
}

/* Terms that would change an execution in a way we do not do. An absent tag's field is zero. */
static enum reject_reason check_terms(const struct order_terms *t)
{
    if (t->discretion_price || t->discretion_peg_offset)
        return REJECT_OTHER;
    if (t->discretion_price_type && t->discretion_price_type != 'L')
        return REJECT_OTHER;
    bool aiq_known = t->aiq_strategy == 0 || t->aiq_strategy == AIQ_PORT ||
                     t->aiq_strategy == AIQ_NONE || t->aiq_strategy == AIQ_FIRM_OLDEST;
    if (!aiq_known || (t->tags & TAG_BIT(30)))
        return REJECT_AIQ;
    return REJECT_NONE;
}

/* What the tags make of the order, of which `qty` shares are open. */
static enum reject_reason check_kind(const struct engine *e, u16 instrument,
                                     const struct order_terms *t, u8 tif, u8 display, u32 qty)
{
    const struct msg_instrument *i = &e->instruments.terms[instrument];
    u8 shown = price_type_pegged(t->price_type) ? 'N' : display;
    enum reject_reason reason = check_peg(t, i->tick);

    if (!reason)
        reason = check_limits(t, tif, shown, qty, i->lot);
    if (!reason)
        reason = check_reserve(t, tif, shown, i->lot);
    return reason ? reason : check_terms(t);
}

/*
 * A market order is an IOC that sweeps, is for a cross, or is a peg without a limit; a limit is a
 * multiple of the tick.
 */
static enum reject_reason check_price(const struct engine *e, u16 instrument, u32 price, u8 tif,
                                      u8 cross, u8 price_type)
{
    if (price_is_market(price))
        return tif == TIF_IOC || cross != 'N' || price_type_pegged(price_type) ? REJECT_NONE
                                                                               : REJECT_PRICE;
    if (price == 0 || price > PRICE_LIMIT_MAX || price % e->books.at[instrument].tick)
        return REJECT_PRICE;
    if (UNLIKELY(e->books.at[instrument].special & BOOK_GUARDED) &&
        collar_refuses(e, instrument, price))
        return REJECT_FAT_FINGER;
    return REJECT_NONE;
}

static bool tif_known(u8 tif)
{
    return tif == TIF_DAY || tif == TIF_IOC || tif == TIF_GTX || tif == TIF_GTT || tif == TIF_AFTER;
}

/* Letters, and how an order for a cross is to be handled: imbalance only, or like any other. */
static enum reject_reason check_letters(u8 tif, u8 display, u8 cross, u32 price,
                                        const struct order_terms *t)
{
    bool offset = t->handle_inst == 'I' && (cross == 'O' || cross == 'C');

    if (!display_known(display))
        return REJECT_DISPLAY;
    if (!tif_known(tif))
        return REJECT_OTHER;
    if (t->handle_inst && t->handle_inst != ' ' && !offset)
        return REJECT_CROSS;
    return LIKELY(cross == 'N') ? REJECT_NONE : cross_takes(tif, price, t);
}

static bool side_known(u8 side)
{
    return side == 'B' || side == 'S' || side == 'T' || side == 'E';
}

/* The pool of orders is everybody's: nobody may fill it alone. An IOC does not stay in it. */
static enum reject_reason check_exposure(const struct engine *e, const struct msg_enter *c)
{
    const struct account *a = &e->accounts.at[c->head.account];

    bool stays = c->tif != TIF_IOC || c->cross_type != 'N';

    if (!stays || a->open < a->open_max)
        return REJECT_NONE;
    return REJECT_EXPOSURE;
}

/* The order as a wish of its account and firm. */
static struct wish wish_of(const struct engine *e, const struct msg_enter *c)
{
    return (struct wish){
        .account = c->head.account,
        .firm = account_firm(&e->accounts.at[c->head.account], c->terms.firm),
        .qty = c->qty,
        .price = c->price,
        .instrument = c->instrument,
        .sell = side_is_sell(c->side),
    };
}

bool rules_room(const struct engine *e, const struct msg_enter *c)
{
    struct wish w = wish_of(e, c);

    return risk_has_room(e, &w);
}

/* What its account or its firm would have at stake. */
static enum reject_reason check_risk(const struct engine *e, const struct msg_enter *c)
{
    struct wish w = wish_of(e, c);

    return risk_refuses(e, &w);
}

bool rules_barred(const struct engine *e, u32 account, const char firm[4])
{
    const struct account *a = &e->accounts.at[account];

    u32 key = account_firm(a, firm);

    return a->terms.disabled || a->killed || a->barred || e->kills.venue ||
           account_blocks(a, key) || kills_firm(e, key);
}

/* A list of the account, its firm or the venue has the instrument. */
static enum reject_reason check_listed(const struct engine *e, u16 instrument, u32 account,
                                       const char firm[4], u8 side)
{
    if (LIKELY(!(e->books.at[instrument].special & BOOK_LISTED)))
        return REJECT_NONE;
    u32 key = account_firm(&e->accounts.at[account], firm);
    return listed_refuses(e, instrument, account, key, side);
}

enum reject_reason rules_enter(const struct engine *e, const struct msg_enter *c)
{
    if (c->instrument == 0 || c->instrument > e->instruments.names.used)
        return REJECT_SYMBOL;
    if (e->instruments.terms[c->instrument].halted)
        return REJECT_HALTED;
    enum reject_reason reason = check_phase(e, c->instrument, c->tif, c->cross_type, &c->terms);
    if (reason)
        return reason;
    if (UNLIKELY(rules_bar(e, c->head.account)) && rules_barred(e, c->head.account, c->terms.firm))
        return REJECT_FIRM;
    reason = check_listed(e, c->instrument, c->head.account, c->terms.firm, c->side);
    if (reason)
        return reason;
    if (!side_known(c->side))
        return REJECT_SIDE;
    if (c->qty == 0 || c->qty > QTY_MAX)
        return REJECT_QTY;
    reason = check_price(e, c->instrument, c->price, c->tif, c->cross_type, c->terms.price_type);
    if (!reason)
        reason = check_letters(c->tif, c->display, c->cross_type, c->price, &c->terms);
    if (!reason)
        reason = check_kind(e, c->instrument, &c->terms, c->tif, c->display, c->qty);
    if (!reason)
        reason = check_exposure(e, c);
    if (LIKELY(!e->risk_on) || reason)
        return reason;
    return check_risk(e, c);
}

/* As check_risk, for what takes the place of order `id`. */
static enum reject_reason replace_risk(const struct engine *e, const struct msg_order *next, u32 id)
{
    struct wish w = {
        .account = next->head.account,
        .firm = account_firm(&e->accounts.at[next->head.account], next->terms.firm),
        .qty = next->qty - e->orders.info[id].executed,
        .price = next->price,
        .old = id,
        .instrument = next->instrument,
        .sell = side_is_sell(next->side),
    };

    return risk_refuses(e, &w);
}

/* What rules_replace looks at besides if the order is not plain. */
COLD static enum reject_reason replace_closely(const struct engine *e, const struct msg_order *next,
                                               u32 id)
{
    const struct order_info *info = &e->orders.info[id];
    enum reject_reason reason =
        check_phase(e, next->instrument, next->tif, next->cross_type, &next->terms);
    if (!reason)
        reason =
            check_listed(e, next->instrument, next->head.account, next->terms.firm, next->side);
    if (!reason)
        reason = check_price(e, next->instrument, next->price, next->tif, next->cross_type,
                             next->terms.price_type);
    if (!reason)
        reason =
            check_letters(next->tif, next->display, next->cross_type, next->price, &next->terms);
    if (!reason)
        reason = check_kind(e, next->instrument, &next->terms, next->tif, next->display,
                            next->qty - info->executed);
    if (LIKELY(!e->risk_on) || reason)
        return reason;
    return replace_risk(e, next, id);
}

enum reject_reason rules_replace(const struct engine *e, const struct msg_order *next, u32 id,
                                 const struct msg_replace *c, bool plain)
{
    const struct order_info *info = &e->orders.info[id];

    ASSERT_EQ(next->instrument, e->orders.hot[id].instrument);
    if (!side_known(next->side) || side_is_sell(next->side) != side_is_sell(info->side))
        return REJECT_SIDE;
    if (next->qty > QTY_MAX || next->qty <= info->executed)
        return REJECT_QTY;
    u32 reference = e->instruments.terms[next->instrument].reference_price;
    if (collar_breached(next->price, reference, c->collar_bps))
        return REJECT_COLLAR;
    if (notional_breached(next->price, reference, next->qty, c->notional_max))
        return REJECT_NOTIONAL;
    return LIKELY(plain) ? REJECT_NONE : replace_closely(e, next, id);
}

const struct rules_risk rules_risks[RULES_RISKS] = {
    {REJECT_FAT_FINGER, "reason=\"instrument_collar\""},
    {REJECT_FIRM, "reason=\"not_allowed\""}, /* killed, barred, disabled */
    {REJECT_EXPOSURE, "reason=\"exposure\""},
    {REJECT_RESTRICTED, "reason=\"restricted\""},
    {REJECT_SHORT_LIST, "reason=\"short_restricted\""},
    {REJECT_COLLAR, "reason=\"collar\""},
};

bool rules_may_short(const struct engine *e, u32 id)
{
    const struct order *o = &e->orders.hot[id];

    return !check_listed(e, o->instrument, owner_account(o->owner), e->orders.terms[id].firm, 'T');
}

bool rules_spares_original(u16 reason)
{
    switch (reason) {
    case REJECT_HALTED:
    case REJECT_PROCESSING:
    case REJECT_FIRM:
    case REJECT_OTHER:
    case REJECT_REPLACE:
    case REJECT_SYMBOL_RATE:
    case REJECT_PORT_RATE:
    case REJECT_DUPLICATE_RATE:
        return true;
    default:
        return false;
    }
}
