/*
 * risk_recount.c - what accounts and firms have at stake, counted anew, and a hash of it. Slow; for
 * tests, the simulator and recovery. See engine_check.c.
 */
#include "engine/base/hash.h"
#include "engine/risk_party.h"

/* What the open orders of a party come to; `instrument` 0: all. */
struct sum {
    money exposure;
    u64 buy, sell;
};

static void sum_order(const struct engine *e, u32 party, u16 instrument, u32 id, struct sum *s)
{
    const struct stake *k = &e->risk.stakes[id];
    const struct order *o = &e->orders.hot[id];
    u32 left = order_left(&e->orders, id);
    u8 what = party & FIRM_PARTY ? k->of_firm : k->account;

    if (party & FIRM_PARTY ? (FIRM_PARTY | k->firm) != party : owner_account(o->owner) != party)
        return;
    if (what & COUNT_MONEY)
        s->exposure += (money)left * k->price;
    if (!(what & COUNT_SHARES) || o->instrument != instrument)
        return;
    *(o->sell ? &s->sell : &s->buy) += left;
}

static struct sum sum_of(const struct engine *e, u32 party, u16 instrument)
{
    struct sum s = {0};

    for (u32 a = 1; a <= e->accounts.names.used; a++) {
        for (u32 id = account_first_order(e, a, 0); id;
             id = account_next_order(e, e->orders.hot[id].owner, e->orders.hot[id].user_ref))
            sum_order(e, party, instrument, id, &s);
    }
    return s;
}

static void check_party(const struct engine *e, u32 party)
{
    const struct party *p = party_at(e, party);

    if (p->watched & COUNT_MONEY)
        ASSERT(sum_of(e, party, 0).exposure == p->exposure);
    else
        ASSERT(p->exposure == 0 && p->traded == 0);
}

void risk_recount(const struct engine *e)
{
    const struct risk *r = &e->risk;

    if (!e->risk_on || e->work.kind == WORK_COUNT)
        return;
    for (u32 i = 1; i <= e->accounts.names.used; i++)
        check_party(e, i);
    for (u32 i = 1; i <= r->firm_names.used; i++)
        check_party(e, FIRM_PARTY | i);
    for (u32 i = 1; i <= r->keys.used; i++) {
        struct sum s = sum_of(e, (u32)(r->keys.keys[i] >> 16), (u16)r->keys.keys[i]);
        ASSERT_EQ(s.buy, r->positions[i].buy);
        ASSERT_EQ(s.sell, r->positions[i].sell);
    }
}

static u64 hash_words(u64 h, const void *words, u32 bytes)
{
    for (u32 i = 0; i < bytes; i += sizeof(u64)) {
        u64 word;
        memcpy(&word, (const u8 *)words + i, sizeof word);
        h = hash_2u64(h, i, word);
    }
    return h;
}

static u64 hash_stakes(const struct engine *e)
{
    u64 h = 0;

    for (u32 a = 1; a <= e->accounts.names.used; a++) {
        for (u32 id = account_first_order(e, a, 0); id;
             id = account_next_order(e, e->orders.hot[id].owner, e->orders.hot[id].user_ref))
            h += hash_words(e->orders.hot[id].order_ref, &e->risk.stakes[id], sizeof(struct stake));
    }
    return h;
}

u64 risk_hash(const struct engine *e)
{
    const struct risk *r = &e->risk;
    u64 h = e->risk_on;

    for (u32 i = 1; i <= r->profile_names.used; i++)
        h += hash_words(i ^ 0x70726F66ull, &r->profiles[i].values,
                        sizeof r->profiles[i] - offsetof(struct msg_profile, values));
    for (u32 i = 1; i <= e->accounts.names.used; i++)
        h += hash_words(i, &r->accounts[i], sizeof(struct party));
    for (u32 i = 1; i <= r->firm_names.used; i++)
        h += hash_words(hash_u64(r->firm_names.keys[i]), &r->firms[i], sizeof(struct party));
    for (u32 i = 1; i <= r->keys.used; i++)
        h += hash_words(~r->keys.keys[i], &r->positions[i], sizeof(struct position));
    if (e->work.kind == WORK_COUNT)
        h += hash_2u64(e->risk.party, e->work.owner, e->work.cursor);
    return e->risk_on ? h + hash_stakes(e) : h;
}
