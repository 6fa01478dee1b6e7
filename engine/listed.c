/*
 * listed.c - see listed.h. Engine thread; no decisions, no output; apply_listed is the one change.
 *
 * Keys are numbers that say all of an entry, so one table of names finds it. The table grows by
 * what is new; when it is full, what says nothing is left out of it.
 */
#include "engine/listed.h"

#include "engine/apply.h"
#include "engine/base/hash.h"
#include "engine/rules.h"
#include "engine/state.h"

void listed_init(struct engine *e, struct mem *m)
{
    struct listed *l = &e->listed;

    names_init(&l->keys, m, LISTED_MAX, e->conf.hash_key[1] ^ 6);
    l->state = mem_alloc(m, LISTED_MAX + 1ull, CACHE_LINE);
}

/* `whose` is an account's id, a firm as one number, or 0. */
static u64 key_of(u16 instrument, u8 kind, u8 scope, u32 whose)
{
    return (u64)instrument << 48 | (u64)kind << 40 | (u64)scope << 32 | whose;
}

static u64 key_named(const struct engine *e, const struct msg_listed *c)
{
    u32 instrument = names_find(&e->instruments.names, names_key(c->symbol, sizeof c->symbol));
    u32 whose = 0;

    if (c->scope == LIST_ACCOUNT)
        whose = names_find(&e->accounts.names, names_key(c->user, sizeof c->user));
    else if (c->scope == LIST_FIRM)
        memcpy(&whose, c->firm, sizeof whose);
    return key_of((u16)instrument, c->kind, c->scope, whose);
}

static bool on_list(const struct engine *e, u16 instrument, u8 kind, u32 account, u32 firm)
{
    const struct listed *l = &e->listed;
    u32 ids[] = {
        names_find(&l->keys, key_of(instrument, kind, LIST_VENUE, 0)),
        names_find(&l->keys, key_of(instrument, kind, LIST_FIRM, firm)),
        names_find(&l->keys, key_of(instrument, kind, LIST_ACCOUNT, account)),
    };

    return (l->state[ids[0]] | l->state[ids[1]] | l->state[ids[2]]) & LISTED_ON; /* [0] is 0 */
}

u16 listed_refuses(const struct engine *e, u16 instrument, u32 account, u32 firm, u8 side)
{
    if (on_list(e, instrument, LIST_RESTRICTED, account, firm))
        return REJECT_RESTRICTED;
    if (side == 'T' && on_list(e, instrument, LIST_SHORT, account, firm))
        return REJECT_SHORT_LIST;
    return REJECT_NONE;
}

u8 listed_state(const struct engine *e, const struct msg_listed *c)
{
    return e->listed.state[names_find(&e->listed.keys, key_named(e, c))];
}

void listed_entry(const struct engine *e, u32 id, struct msg_listed *out)
{
    u64 key = e->listed.keys.keys[id];
    u16 instrument = (u16)(key >> 48);
    u32 whose = (u32)key;

    memset(out, 0, sizeof *out);
    if (!e->listed.state[id])
        return;
    out->kind = (u8)(key >> 40);
    out->scope = (u8)(key >> 32);
    out->listed = e->listed.state[id] & LISTED_ON;
    out->source = e->listed.state[id] & LISTED_HELD ? CHECKS_OF_OPERATOR : CHECKS_OF_FILES;
    out->instrument = instrument;
    memcpy(out->symbol, e->instruments.terms[instrument].symbol, sizeof out->symbol);
    if (out->scope == LIST_FIRM)
        memcpy(out->firm, &whose, sizeof out->firm);
    if (out->scope != LIST_ACCOUNT)
        return;
    out->account = whose;
    memcpy(out->user, e->accounts.at[whose].terms.user, sizeof out->user);
}

/* Leaves out what says nothing. Keys move down, never up, so each is read before it is written. */
static void forget(struct listed *l)
{
    u32 all = l->keys.used;

    names_clear(&l->keys);
    for (u32 id = 1; id <= all; id++) {
        u8 state = l->state[id];
        l->state[id] = 0;
        if (state)
            l->state[names_add(&l->keys, l->keys.keys[id])] = state;
    }
    ASSERT_EQ(l->keys.used, l->used);
}

void apply_listed(struct engine *e, const struct msg_listed *ev)
{
    struct listed *l = &e->listed;
    u64 key = key_named(e, ev);
    u32 id = names_find(&l->keys, key);
    u8 state = (u8)((ev->listed ? LISTED_ON : 0) | (ev->source ? LISTED_HELD : 0));

    if (!id && l->keys.used == l->keys.max)
        forget(l);
    if (!id)
        id = names_add(&l->keys, key);
    u8 old = l->state[id];
    l->state[id] = state;
    l->used += (state != 0) - (old != 0);
    e->markets[ev->instrument].listed += (state & LISTED_ON) - (old & LISTED_ON);
    market_flags(e, ev->instrument);
}

u64 listed_hash(const struct engine *e)
{
    const struct listed *l = &e->listed;
    u64 h = l->used;

    for (u32 id = 1; id <= l->keys.used; id++)
        h += l->state[id] ? hash_2u64(0x6C697374ull, l->keys.keys[id], l->state[id]) : 0;
    return h;
}
