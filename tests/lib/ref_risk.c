/*
 * ref_risk.c - what the reference's accounts and firms have at stake: all orders summed up each
 * time. For tests only.
 */
#include "tests/lib/ref_state.h"

static u32 firm_number(const struct ref *r, const char *name)
{
    for (u32 i = 1; i <= r->firms_used; i++)
        if (memcmp(r->firm_names[i], name, 4) == 0)
            return i;
    return 0;
}

static bool is_market(u32 price)
{
    return price == PRICE_MARKET || price == 2000000000;
}

/* What a share of it is worth. */
static u32 worth(const struct ref *r, u32 instrument, u32 price)
{
    u32 last = r->markets[instrument].last_price;

    if (!is_market(price))
        return price;
    return last ? last : r->instruments[instrument].reference_price;
}

static bool watched(const struct ref_party *p)
{
    return p->money || p->shares;
}

/* ---- orders and trades ---- */

void ref_risk_open(struct ref *r, struct ref_order *o)
{
    u32 account = o->o.head.account;

    o->for_account = o->for_firm = false;
    o->counted_firm = 0;
    if (!r->risk_on)
        return;
    o->counted_price = worth(r, o->o.instrument, o->o.price);
    o->counted_firm = firm_number(r, ref_firm_meant(r, account, o->o.terms.firm));
    o->for_account = watched(&r->accounts[account].party);
    o->for_firm = o->counted_firm && watched(&r->firms[o->counted_firm]);
}

static void trade(struct ref_party *p, const struct msg_order *o, u32 qty, u32 price)
{
    if (p->money)
        p->traded += (u64)qty * price;
    if (p->shares)
        p->net[o->instrument] += o->side == 'B' ? (i64)qty : -(i64)qty;
}

void ref_risk_traded(struct ref *r, const struct ref_order *o, u32 qty, u32 price)
{
    trade(&r->accounts[o->o.head.account].party, &o->o, qty, price);
    if (o->counted_firm)
        trade(&r->firms[o->counted_firm], &o->o, qty, price);
}

static void untrade(struct ref_party *p, const struct msg_break *c, bool sold)
{
    u64 value = (u64)c->qty * c->price;

    if (p->money && c->match >= p->money_match)
        p->traded = p->traded > value ? p->traded - value : 0;
    if (p->shares && c->match >= p->shares_match)
        p->net[c->instrument] += sold ? (i64)c->qty : -(i64)c->qty;
}

void ref_risk_untraded(struct ref *r, const struct msg_break *c)
{
    if (c->qty == 0 || !r->risk_on)
        return;
    union msg *m = ref_add(r, EV_UNTRADED, 2, 0);
    m->untraded.match = c->match;
    m->untraded.qty = c->qty;
    m->untraded.price = c->price;
    m->untraded.instrument = c->instrument;
    for (u32 i = 0; i < 2; i++) {
        u32 account = c->side[i].account, sold = c->side[i].sold;
        u32 firm = firm_number(r, ref_firm_meant(r, account, c->firm[i]));
        m->untraded.account[sold] = account;
        memcpy(m->untraded.firm[sold], c->firm[i], 4);
        untrade(&r->accounts[account].party, c, sold);
        if (firm)
            untrade(&r->firms[firm], c, sold);
    }
}

void ref_risk_day(struct ref *r)
{
    for (u32 i = 1; i <= r->accounts_used + r->firms_used; i++) {
        struct ref_party *p =
            i <= r->accounts_used ? &r->accounts[i].party : &r->firms[i - r->accounts_used];
        p->traded = 0;
        memset(p->net, 0, sizeof p->net);
    }
}

/* ---- the checks ---- */

/* All that the party has open, but for `old`. */
static u64 open_money(const struct ref *r, u32 account, u32 firm, const struct ref_order *old)
{
    u64 sum = 0;

    for (u32 i = 0; i < r->conf.orders_max; i++) {
        const struct ref_order *o = &r->orders[i];
        if (o->open && o != old && (firm ? o->counted_firm == firm : o->o.head.account == account))
            sum += (u64)o->o.qty * o->counted_price;
    }
    return sum;
}

static u64 open_shares(const struct ref *r, u32 account, u32 firm, const struct ref_order *old,
                       const struct msg_order *like)
{
    u64 sum = 0;

    for (u32 i = 0; i < r->conf.orders_max; i++) {
        const struct ref_order *o = &r->orders[i];
        if (o->open && o != old && o->o.instrument == like->instrument &&
            (o->o.side == 'B') == (like->side == 'B') &&
            (firm ? o->counted_firm == firm : o->o.head.account == account))
            sum += o->o.qty;
    }
    return sum;
}

static u16 party_reason(const struct ref *r, const struct ref_party *p, u32 firm,
                        const struct msg_order *o, const struct ref_order *old)
{
    u32 account = o->head.account, last = r->markets[o->instrument].last_price;
    u32 qty = o->qty - (old ? old->executed : 0);
    bool before = old && (firm ? old->counted_firm == firm : true);
    u64 value = (u64)qty * worth(r, o->instrument, o->price);
    i64 away = (i64)o->price - last;

    if (p->collar_bps && last && !is_market(o->price) &&
        (away < 0 ? -away : away) * 10000 > (i64)last * p->collar_bps)
        return 0x0026;
    if (p->money && value > (before ? (u64)old->o.qty * old->counted_price : 0)) {
        u64 open = open_money(r, account, firm, old) + value;
        if ((p->exposure_max && open > p->exposure_max) ||
            (p->daily_max && open + p->traded > p->daily_max))
            return 0x0020;
    }
    if (!p->shares || !p->position_max || (before && qty <= old->o.qty))
        return 0;
    i64 open = (i64)(open_shares(r, account, firm, old, o) + qty);
    i64 net = p->net[o->instrument];
    return (o->side == 'B' ? open + net : open - net) > (i64)p->position_max ? 0x0020 : 0;
}

u16 ref_risk_reason(const struct ref *r, const struct msg_order *o, const struct ref_order *old)
{
    u32 account = o->head.account;
    u32 firm = firm_number(r, ref_firm_meant(r, account, o->terms.firm));
    u16 reason = party_reason(r, &r->accounts[account].party, 0, o, old);

    return reason || !firm ? reason : party_reason(r, &r->firms[firm], firm, o, old);
}

/* ---- limits ---- */

static void count_account(struct ref *r, struct ref_order *o)
{
    if (!o->for_account && !o->for_firm)
        o->counted_price = worth(r, o->o.instrument, o->o.price);
    o->for_account = true;
}

static void count_firm(struct ref *r, struct ref_order *o, u32 firm)
{
    u32 now = firm_number(r, ref_firm_meant(r, o->o.head.account, o->o.terms.firm));

    if ((o->counted_firm ? o->counted_firm : now) != firm)
        return;
    if (!o->for_account && !o->for_firm)
        o->counted_price = worth(r, o->o.instrument, o->o.price);
    o->counted_firm = firm;
    o->for_firm = true;
}

/* The account behind `account` whose orders are looked at; 0: none. */
static u32 next_account(const struct ref *r, u32 account)
{
    while (++account <= r->accounts_used)
        if (r->counting || r->accounts[account].party.begun)
            return account;
    return 0;
}

void ref_go_on_count(struct ref *r)
{
    u32 budget = r->chunk_cancels;
    struct ref_order *o;

    for (;;) {
        for (; (o = ref_first_from(r, r->mass.ev.account, r->mass_idx, r->mass_number)) != NULL;
             budget--, r->mass_number++) {
            r->mass_idx = o->o.user_ref_idx;
            r->mass_number = o->o.user_ref;
            if (budget == 0) {
                ref_work(r, WORK_COUNT);
                ((union msg *)(void *)&r->tx->slots[r->last])->work.order_ref = o->o.order_ref;
                return;
            }
        }
        u32 next = next_account(r, r->mass.ev.account);
        if (!next)
            break;
        r->mass.ev.account = next;
        r->mass_idx = 0;
        r->mass_number = 0;
        if (budget < 2) {
            ref_work(r, WORK_COUNT);
            return;
        }
        budget--;
    }
    ref_work(r, WORK_NONE);
}

/* All orders that are open count from now on; what is said of it comes in pieces. */
void ref_count_begin(struct ref *r, u32 firm)
{
    bool any = false;

    for (u32 i = 0; i < r->conf.orders_max; i++) {
        struct ref_order *o = &r->orders[i];
        any |= o->open;
        if (o->open && firm)
            count_firm(r, o, firm);
        else if (o->open && r->accounts[o->o.head.account].party.begun)
            count_account(r, o);
    }
    r->counting = firm;
    r->mass.ev.account = next_account(r, 0);
    r->mass_idx = 0;
    r->mass_number = 0;
    if (any && r->mass.ev.account)
        ref_go_on_count(r);
}

static struct ref_party *party_of(struct ref *r, const struct msg_limit *c, u32 account, u32 *firm)
{
    *firm = 0;
    if (c->scope == LIMIT_ACCOUNT)
        return &r->accounts[account].party;
    *firm = firm_number(r, c->firm);
    if (!*firm) {
        *firm = ++r->firms_used;
        memcpy(r->firm_names[*firm], c->firm, 4);
    }
    return &r->firms[*firm];
}

static bool sound(const struct msg_limit *c, u32 account)
{
    if (c->exposure_max > 1000000000000000 || c->daily_max > 1000000000000000 ||
        c->position_max > 1000000000000 || c->collar_bps > 10000 || c->source > 1 ||
        c->inherits & ~0xF80 || c->open_max > 16777216)
        return false;
    if ((c->inherits & 0x80 && c->exposure_max) || (c->inherits & 0x100 && c->daily_max) ||
        (c->inherits & 0x200 && c->position_max) || (c->inherits & 0x400 && c->collar_bps) ||
        (c->inherits & 0x800 && c->open_max))
        return false;
    if (c->scope == LIMIT_ACCOUNT)
        return account != 0;
    return c->scope == LIMIT_FIRM && c->firm[0] && c->firm[0] != ' ' && c->inherits == 0 &&
           c->open_max == 0;
}

void ref_limit(struct ref *r, const struct msg_limit *c)
{
    u32 account = r->accounts_used, firm;

    while (account && memcmp(r->accounts[account].terms.user, c->user, 6) != 0)
        account--;
    if (!sound(c, account))
        return;
    static const struct ref_party none;
    u32 known = firm_number(r, c->firm);
    const struct ref_party *was = c->scope == LIMIT_ACCOUNT ? &r->accounts[account].party
                                  : known                   ? &r->firms[known]
                                                            : &none;
    if (was->own.exposure_max == c->exposure_max && was->own.daily_max == c->daily_max &&
        was->own.position_max == c->position_max && was->own.last_bps == c->collar_bps &&
        was->own.inherits == c->inherits && was->own.open_max == c->open_max &&
        was->source == c->source)
        return;
    struct ref_party *p = party_of(r, c, account, &firm);
    union msg *m = ref_add(r, EV_LIMIT, 2, 0);
    p->own.exposure_max = m->limit.exposure_max = c->exposure_max;
    p->own.daily_max = m->limit.daily_max = c->daily_max;
    p->own.position_max = m->limit.position_max = c->position_max;
    p->own.last_bps = m->limit.collar_bps = c->collar_bps;
    p->own.inherits = m->limit.inherits = c->inherits;
    p->own.open_max = m->limit.open_max = c->open_max;
    p->source = m->limit.source = c->source;
    m->limit.scope = c->scope;
    m->limit.account = firm ? 0 : account;
    memcpy(firm ? m->limit.firm : m->limit.user, firm ? c->firm : c->user, firm ? 4 : 6);
    if (!firm) {
        ref_limits_follow(r);
        return;
    }
    ref_party_limits(r, p, c->exposure_max, c->daily_max, c->position_max, c->collar_bps);
    if (p->begun)
        ref_count_begin(r, firm);
}
