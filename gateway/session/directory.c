/*
 * directory.c - two tables of the same kind: entries in the order of their coming, a map from the
 * name, an array from the engine's id. An id never changes its meaning, so neither do its entries.
 */
#include "gateway/session/directory.h"

#include <string.h>

#include "engine/base/assert.h"

static u64 key_of(const char *text, u32 n)
{
    u64 key = 0;
    memcpy(&key, text, n);
    return key;
}

void directory_init(struct directory *d, struct mem *m, u32 accounts_max, u32 instruments_max,
                    u64 seed)
{
    d->accounts = mem_alloc(m, accounts_max * sizeof d->accounts[0], CACHE_LINE);
    d->accounts_used = 0;
    d->accounts_max = accounts_max;
    d->account_by_id = mem_alloc(m, (accounts_max + 1ull) * sizeof(u32), CACHE_LINE);
    map_init(&d->users, m, accounts_max, seed);

    d->instruments = mem_alloc(m, instruments_max * sizeof d->instruments[0], CACHE_LINE);
    d->instruments_used = 0;
    d->instruments_max = instruments_max;
    d->instrument_by_id = mem_alloc(m, (instruments_max + 1ull) * sizeof(u32), CACHE_LINE);
    map_init(&d->symbols, m, instruments_max, seed + 1);
}

struct account *directory_account_add(struct directory *d, u32 id, const char user[6])
{
    u64 key = key_of(user, 6);
    u32 index = map_get(&d->users, key);

    ASSERT_LE(id, d->accounts_max);
    if (index == MAP_NONE) {
        index = d->accounts_used++;
        map_put(&d->users, key, index); /* asserts the limit */
        memcpy(d->accounts[index].user, user, 6);
        store_init(&d->accounts[index].store, 0);
        list_init(&d->accounts[index].moving);
    }
    struct account *a = &d->accounts[index];
    if (id != 0) {
        ASSERT(a->id == 0 || a->id == id);
        a->id = id;
        d->account_by_id[id] = index + 1;
    }
    return a;
}

struct account *directory_account_of_user(const struct directory *d, const char user[6])
{
    u32 index = map_get(&d->users, key_of(user, 6));

    if (index == MAP_NONE || d->accounts[index].id == 0)
        return NULL;
    return &d->accounts[index];
}

struct account *directory_account(const struct directory *d, u32 id)
{
    if (id > d->accounts_max || d->account_by_id[id] == 0)
        return NULL;
    return &d->accounts[d->account_by_id[id] - 1];
}

struct instrument *directory_instrument_add(struct directory *d, u16 id, const char symbol[8])
{
    u64 key = key_of(symbol, 8);
    u32 index = map_get(&d->symbols, key);

    ASSERT_LE(id, d->instruments_max);
    if (index == MAP_NONE) {
        index = d->instruments_used++;
        map_put(&d->symbols, key, index); /* asserts the limit */
        memcpy(d->instruments[index].symbol, symbol, 8);
    }
    struct instrument *i = &d->instruments[index];
    if (id != 0) {
        ASSERT(i->id == 0 || i->id == id);
        i->id = id;
        d->instrument_by_id[id] = index + 1;
    }
    return i;
}

const struct instrument *directory_instrument_of_symbol(const struct directory *d,
                                                        const char symbol[8])
{
    u32 index = map_get(&d->symbols, key_of(symbol, 8));

    if (index == MAP_NONE || d->instruments[index].id == 0)
        return NULL;
    return &d->instruments[index];
}

const struct instrument *directory_instrument(const struct directory *d, u16 id)
{
    if (id > d->instruments_max || d->instrument_by_id[id] == 0)
        return NULL;
    return &d->instruments[d->instrument_by_id[id] - 1];
}

bool account_may_come_from(const struct account *a, u32 ipv4)
{
    for (u32 i = 0; i < a->networks.used; i++) {
        if ((ipv4 & a->networks.at[i].mask) == a->networks.at[i].ipv4)
            return true;
    }
    return a->networks.used == 0;
}

bool account_may_come_by(const struct account *a, u16 port)
{
    for (u32 i = 0; i < a->ports.used; i++) {
        if (a->ports.at[i] == port)
            return true;
    }
    return a->ports.used == 0;
}
