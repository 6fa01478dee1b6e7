/*
 * risk.c - see risk.h. Engine thread, no clock, no allocation. The common path comes here only
 * while e->risk_on.
 *
 * Failure mode: the pool of positions is full. Then an order that needs a new one is rejected by
 * its step; where that cannot be (a party begins to be watched, a replacement under a changed
 * default firm) the order's shares are not counted for that party.
 */
#include "engine/risk.h"

#include "engine/msg/collar.h"
#include "engine/risk_party.h"
#include "engine/rules.h"

/* A quarter of the orders may be in places of their own. */
static u32 positions_wanted(u32 orders)
{
    return orders / 4 + 4096;
}

void risk_init(struct engine *e, struct mem *m)
{
    struct risk *r = &e->risk;
    u32 positions = positions_wanted(e->conf.orders_max);

    r->accounts = mem_alloc(m, ((u64)e->conf.accounts_max + 1) * sizeof *r->accounts, CACHE_LINE);
    r->firms = mem_alloc(m, (FIRMS_MAX + 1ull) * sizeof *r->firms, CACHE_LINE);
    r->stakes = mem_alloc(m, ((u64)e->conf.orders_max + 1) * sizeof *r->stakes, CACHE_LINE);
    r->positions = mem_alloc(m, ((u64)positions + 1) * sizeof *r->positions, CACHE_LINE);
    r->profiles = mem_alloc(m, (PROFILES_MAX + 1ull) * sizeof *r->profiles, CACHE_LINE);
    names_init(&r->profile_names, m, PROFILES_MAX, e->conf.hash_key[0] ^ 5);
    names_init(&r->firm_names, m, FIRMS_MAX, e->conf.hash_key[0] ^ 3);
    names_init(&r->keys, m, positions, e->conf.hash_key[1] ^ 4);
    e->risk.positions_led = positions;
}

void risk_limit(struct engine *e, u32 orders_max)
{
    e->risk.positions_led = positions_wanted(orders_max);
    names_limit(&e->risk.keys, e->risk.positions_led);
}

bool risk_short(const struct engine *e)
{
    const struct names *n = &e->risk.keys;

    return e->risk_on && n->used + 2 > n->max && e->risk.positions_led > n->max;
}

/* ---- positions ---- */

static const struct position *position_find(const struct engine *e, u32 party, u16 instrument)
{
    return &e->risk.positions[names_find(&e->risk.keys, position_key(party, instrument))];
}

struct position *position_get(struct engine *e, u32 party, u16 instrument)
{
    struct names *n = &e->risk.keys;
    u64 key = position_key(party, instrument);
    u32 id = names_find(n, key);

    if (!id && n->used == n->max)
        return NULL;
    if (!id)
        id = names_add(n, key);
    return &e->risk.positions[id];
}

/* ---- counting ---- */

u32 stake_price(const struct engine *e, u32 id)
{
    u32 price = e->orders.info[id].price;
    u16 i = e->orders.hot[id].instrument;

    if (!price_is_market(price))
        return price;
    u32 last = e->markets[i].last_price;
    return last ? last : e->instruments.terms[i].reference_price;
}

u8 stake_add(struct engine *e, u32 party, u8 what, u32 id)
{
    const struct order *o = &e->orders.hot[id];
    u32 left = order_left(&e->orders, id);
    struct position *q;

    if (what & COUNT_MONEY)
        party_at(e, party)->exposure += (money)left * e->risk.stakes[id].price;
    if (!(what & COUNT_SHARES))
        return what;
    q = position_get(e, party, o->instrument);
    if (!q)
        return what & (u8)~COUNT_SHARES;
    *(o->sell ? &q->sell : &q->buy) += left;
    return what;
}

void risk_open(struct engine *e, u32 id)
{
    u32 account = owner_account(e->orders.hot[id].owner);
    u32 firm = account_firm(&e->accounts.at[account], e->orders.terms[id].firm);
    struct stake *s = &e->risk.stakes[id];

    *s = (struct stake){
        .price = stake_price(e, id),
        .firm = (u16)names_find(&e->risk.firm_names, firm),
    };
    s->account = stake_add(e, account, e->risk.accounts[account].watched, id);
    if (s->firm)
        s->of_firm = stake_add(e, FIRM_PARTY | s->firm, e->risk.firms[s->firm].watched, id);
}

static void stake_less(struct engine *e, u32 party, u8 what, u32 id, u32 qty)
{
    const struct order *o = &e->orders.hot[id];
    money worth = (money)qty * e->risk.stakes[id].price;
    struct party *p = party_at(e, party);

    if (what & COUNT_MONEY) {
        ASSERT(p->exposure >= worth);
        p->exposure -= worth;
    }
    if (what & COUNT_SHARES) {
        struct position *q = position_get(e, party, o->instrument);
        u64 *open = o->sell ? &q->sell : &q->buy;
        ASSERT_GE(*open, qty);
        *open -= qty;
    }
}

void risk_less(struct engine *e, u32 id, u32 qty)
{
    const struct stake *s = &e->risk.stakes[id];

    if (s->account)
        stake_less(e, owner_account(e->orders.hot[id].owner), s->account, id, qty);
    if (s->of_firm)
        stake_less(e, FIRM_PARTY | s->firm, s->of_firm, id, qty);
}

static void stake_traded(struct engine *e, u32 party, u8 what, u32 id, u32 qty, u32 price)
{
    const struct order *o = &e->orders.hot[id];

    if (what & COUNT_MONEY)
        party_at(e, party)->traded += (money)qty * price;
    if (what & COUNT_SHARES)
        position_get(e, party, o->instrument)->net += o->sell ? -(i64)qty : (i64)qty;
}

void risk_traded(struct engine *e, u32 id, u32 qty, u32 price)
{
    const struct stake *s = &e->risk.stakes[id];

    risk_less(e, id, qty);
    if (s->account)
        stake_traded(e, owner_account(e->orders.hot[id].owner), s->account, id, qty, price);
    if (s->of_firm)
        stake_traded(e, FIRM_PARTY | s->firm, s->of_firm, id, qty, price);
}

void risk_day(struct engine *e)
{
    struct risk *r = &e->risk;

    for (u32 i = 1; i <= e->accounts.names.used; i++) {
        ASSERT(r->accounts[i].exposure == 0);
        r->accounts[i].traded = 0;
    }
    for (u32 i = 1; i <= r->firm_names.used; i++) {
        ASSERT(r->firms[i].exposure == 0);
        r->firms[i].traded = 0;
    }
    memset(r->positions + 1, 0, r->keys.used * sizeof *r->positions);
    names_clear(&r->keys);
}

/* ---- the checks ---- */

/* What the order that is replaced is counted as for the party. */
static u8 old_counted(const struct engine *e, const struct wish *w, u32 party)
{
    const struct stake *s = &e->risk.stakes[w->old];

    if (!w->old)
        return 0;
    if (!(party & FIRM_PARTY))
        return s->account;
    return (FIRM_PARTY | s->firm) == party ? s->of_firm : 0;
}

/* True when the party has more at stake with it than it may, and than it has without. */
static bool too_much_money(const struct engine *e, const struct wish *w, u32 party, u8 old)
{
    const struct party *p = party_at(e, party);
    u16 i = w->instrument;
    u32 each = w->price;
    money had = 0;

    if (price_is_market(each)) {
        u32 last = e->markets[i].last_price;
        each = last ? last : e->instruments.terms[i].reference_price;
    }
    money worth = (money)w->qty * each;
    if (old & COUNT_MONEY)
        had = (money)order_left(&e->orders, w->old) * e->risk.stakes[w->old].price;
    if (worth <= had)
        return false;
    money open = p->exposure - had + worth;
    if (p->exposure_max && open > p->exposure_max)
        return true;
    return p->daily_max && p->traded + open > p->daily_max;
}

/* True when everything that is open to its side being filled would be more than it may hold. */
static bool too_many_shares(const struct engine *e, const struct wish *w, u32 party, u8 old)
{
    const struct party *p = party_at(e, party);
    const struct position *q = position_find(e, party, w->instrument);
    u32 had = old & COUNT_SHARES ? order_left(&e->orders, w->old) : 0;

    if (!p->position_max || w->qty <= had)
        return false;
    i64 open = (i64)(w->sell ? q->sell : q->buy) - had + w->qty;
    return open + (w->sell ? -q->net : q->net) > (i64)p->position_max;
}

static enum reject_reason party_refuses(const struct engine *e, const struct wish *w, u32 party)
{
    const struct party *p = party_at(e, party);
    u8 old = old_counted(e, w, party);

    if (collar_breached(w->price, e->markets[w->instrument].last_price, p->collar_bps))
        return REJECT_COLLAR;
    if (p->watched && (too_much_money(e, w, party, old) || too_many_shares(e, w, party, old)))
        return REJECT_EXPOSURE;
    return REJECT_NONE;
}

u16 risk_refuses(const struct engine *e, const struct wish *w)
{
    u32 firm = names_find(&e->risk.firm_names, w->firm);
    u16 reason = party_refuses(e, w, w->account);

    if (reason || !firm)
        return reason;
    return party_refuses(e, w, FIRM_PARTY | firm);
}

static u32 lacks_position(const struct engine *e, const struct wish *w, u32 party)
{
    const struct party *p = party_at(e, party);

    return (p->watched & COUNT_SHARES) &&
           !names_find(&e->risk.keys, position_key(party, w->instrument));
}

bool risk_has_room(const struct engine *e, const struct wish *w)
{
    u32 firm = names_find(&e->risk.firm_names, w->firm);
    u32 lacks = lacks_position(e, w, w->account);

    if (firm)
        lacks += lacks_position(e, w, FIRM_PARTY | firm);
    return e->risk.keys.used + lacks <= e->risk.keys.max;
}
