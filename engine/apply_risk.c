/*
 * apply_risk.c - limits, profiles and broken trades, as apply.c does the rest. Engine thread; no
 * decisions, no output.
 *
 * A party that gets its first limit has orders already: they are counted as long work
 * (WORK_COUNT), account by account, by channel and number. What an event of it says is how far that
 * is; the counting itself happens here, so recovery does it too. Nothing else happens meanwhile.
 */
#include "engine/apply.h"
#include "engine/msg/profile.h"
#include "engine/risk_party.h"

static u32 limit_firm(const struct msg_limit *c)
{
    u32 key;

    memcpy(&key, c->firm, sizeof key);
    return key;
}

static bool limit_named(const struct engine *e, const struct msg_limit *c)
{
    const struct names *firms = &e->risk.firm_names;

    if (c->scope == LIMIT_ACCOUNT)
        return names_find(&e->accounts.names, names_key(c->user, sizeof c->user)) != 0;
    return c->scope == LIMIT_FIRM && c->firm[0] && memcmp(c->firm, "    ", 4) != 0 &&
           (names_find(firms, limit_firm(c)) || firms->used < firms->max);
}

bool limit_sound(const struct engine *e, const struct msg_limit *c)
{
    struct risk_values v = limit_values(c);

    return risk_values_sound(&v) && !(v.inherits & ~FIELDS_OF_LIMITS) &&
           c->source <= CHECKS_OF_OPERATOR && limit_named(e, c) &&
           (c->scope == LIMIT_ACCOUNT || !(v.inherits || v.open_max));
}

static u32 limit_party(struct engine *e, const struct msg_limit *ev)
{
    struct names *firms = &e->risk.firm_names;
    u32 id;

    if (ev->scope == LIMIT_ACCOUNT)
        return ev->account;
    id = names_find(firms, limit_firm(ev));
    return FIRM_PARTY | (id ? id : names_add(firms, limit_firm(ev)));
}

/* These limits hold for the party from now on. */
static void party_limits(struct engine *e, struct party *p, const struct risk_values *v)
{
    u8 watch =
        (v->exposure_max || v->daily_max ? COUNT_MONEY : 0) | (v->position_max ? COUNT_SHARES : 0);
    u8 begun = watch & (u8)~p->watched;

    p->exposure_max = v->exposure_max;
    p->daily_max = v->daily_max;
    p->position_max = v->position_max;
    p->collar_bps = v->last_bps;
    p->watched |= watch;
    if (begun & COUNT_MONEY)
        p->money_match = e->next_match;
    if (begun & COUNT_SHARES)
        p->shares_match = e->next_match;
    e->risk_on |= watch || v->last_bps;
    p->begun = e->orders.pool.used ? begun : 0;
}

void risk_account(struct engine *e, u32 account)
{
    struct risk_values v = e->risk.accounts[account].own;
    u32 profile = e->checks[account].profile_id;

    profile_fill(&v, e->risk.profiles, profile ? profile : e->accounts.at[account].port_profile);
    e->accounts.at[account].open_max = v.open_max ? v.open_max : UINT32_MAX;
    party_limits(e, &e->risk.accounts[account], &v);
}

u32 risk_next_account(const struct engine *e, u32 account)
{
    bool firm = e->risk.party != 0;

    for (account++; account <= e->accounts.names.used; account++) {
        if (firm || e->risk.accounts[account].begun)
            return account;
    }
    return 0;
}

void risk_begin(struct engine *e, u32 party)
{
    e->risk.party = party;
    if (party && !party_at(e, party)->begun)
        return;
    u32 first = risk_next_account(e, 0);
    if (first)
        e->work = (struct work){.kind = WORK_COUNT, .owner = owner_of(first, 0)};
}

void risk_begin_account(struct engine *e, u32 account)
{
    e->risk.party = 0;
    if (e->risk.accounts[account].begun)
        e->work = (struct work){.kind = WORK_COUNT, .owner = owner_of(account, 0)};
}

void apply_limit(struct engine *e, const struct msg_limit *ev)
{
    u32 party = limit_party(e, ev);
    struct party *p = party_at(e, party);

    p->own = limit_values(ev);
    p->source = ev->source;
    if (party & FIRM_PARTY) {
        party_limits(e, p, &p->own);
        risk_begin(e, party);
    } else {
        risk_account(e, party);
        risk_begin_account(e, party);
    }
}

/* ---- profiles ---- */

u16 profile_find(const struct engine *e, const char name[8])
{
    return (u16)names_find(&e->risk.profile_names, names_key(name, PROFILE_NAME_BYTES));
}

void apply_checks(struct engine *e, const struct msg_checks *ev)
{
    struct msg_checks *c = &e->checks[ev->account];
    bool other = c->profile_id != ev->profile_id;

    *c = *ev;
    c->ev.flags = 0;
    if (!other)
        return;
    risk_account(e, ev->account);
    risk_begin_account(e, ev->account);
}

void apply_profile(struct engine *e, const struct msg_profile *ev)
{
    struct names *names = &e->risk.profile_names;
    u64 key = names_key(ev->name, PROFILE_NAME_BYTES);
    u32 id = names_find(names, key);

    if (!id)
        id = names_add(names, key);
    ASSERT_EQ(id, ev->id);
    e->risk.profiles[id] = *ev;
    e->risk.profiles[id].ev.flags = 0;
    for (u32 account = 1; account <= e->accounts.names.used; account++)
        risk_account(e, account);
    risk_begin(e, 0);
}

/* ---- the orders that are open already ---- */

static void count_account(struct engine *e, u32 account, u32 id)
{
    struct stake *s = &e->risk.stakes[id];
    u8 begun = e->risk.accounts[account].begun;

    if (!s->account && !s->of_firm)
        s->price = stake_price(e, id);
    s->account |= stake_add(e, account, begun & (u8)~s->account, id);
}

/*
 * An order whose firm had no limits when it came is asked for its firm now: the account's default
 * one may be another one by now, with limits of old, and then the order counts for all of them.
 */
static void count_firm(struct engine *e, u32 id)
{
    struct stake *s = &e->risk.stakes[id];
    const struct account *a = &e->accounts.at[owner_account(e->orders.hot[id].owner)];
    u32 key = account_firm(a, e->orders.terms[id].firm);
    u32 firm = s->firm ? s->firm : names_find(&e->risk.firm_names, key);

    if ((FIRM_PARTY | firm) != e->risk.party)
        return;
    if (!s->account && !s->of_firm)
        s->price = stake_price(e, id);
    u8 what = s->firm ? e->risk.firms[firm].begun : e->risk.firms[firm].watched;
    s->firm = (u16)firm;
    s->of_firm |= stake_add(e, e->risk.party, what & (u8)~s->of_firm, id);
}

/* `ev` says that the counting stands before this order. */
static bool stands_before(const struct engine *e, const struct msg_work *ev, u32 id)
{
    const struct order *o = &e->orders.hot[id];

    return ev->kind == WORK_COUNT && o->owner == owner_of(ev->account, ev->phase) &&
           o->user_ref == ev->cursor;
}

/* The account's orders from `id` on. False: `ev` says that it stands before one of them. */
static bool count_orders(struct engine *e, const struct msg_work *ev, u32 account, u32 id)
{
    for (; id; id = account_next_order(e, e->orders.hot[id].owner, e->orders.hot[id].user_ref)) {
        if (stands_before(e, ev, id))
            return false;
        if (e->risk.party)
            count_firm(e, id);
        else
            count_account(e, account, id);
    }
    return true;
}

void risk_count(struct engine *e, const struct msg_work *ev)
{
    u32 account = owner_account(e->work.owner);
    u32 id = e->work.cursor ? refs_find(&e->refs, e->work.owner, e->work.cursor)
                            : account_first_order(e, account, 0);

    while (count_orders(e, ev, account, id)) {
        if (!e->risk.party)
            e->risk.accounts[account].begun = 0;
        account = risk_next_account(e, account);
        if (!account) {
            if (e->risk.party)
                party_at(e, e->risk.party)->begun = 0;
            return;
        }
        if (ev->kind == WORK_COUNT && account == ev->account && !ev->cursor)
            return;
        id = account_first_order(e, account, 0);
    }
}

/* ---- broken trades ---- */

static void party_untraded(struct engine *e, u32 party, const struct msg_untraded *ev, bool sell)
{
    struct party *p = party_at(e, party);
    money worth = (money)ev->qty * ev->price;
    struct position *q;

    if ((p->watched & COUNT_MONEY) && ev->match >= p->money_match)
        p->traded -= p->traded < worth ? p->traded : worth;
    if (!(p->watched & COUNT_SHARES) || ev->match < p->shares_match)
        return;
    q = position_get(e, party, ev->instrument);
    if (q)
        q->net -= sell ? -(i64)ev->qty : (i64)ev->qty;
}

void apply_untraded(struct engine *e, const struct msg_untraded *ev)
{
    for (u32 sell = 0; sell < 2; sell++) {
        u32 firm = account_firm(&e->accounts.at[ev->account[sell]], ev->firm[sell]);
        u32 id = names_find(&e->risk.firm_names, firm);
        party_untraded(e, ev->account[sell], ev, sell);
        if (id)
            party_untraded(e, FIRM_PARTY | id, ev, sell);
    }
}
