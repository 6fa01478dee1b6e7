/* reader_index.c - see reader_index.h. */
#include "persist/reader_index.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/limits.h"

void reader_index_clear(struct reader_index *x)
{
    for (u32 i = 0; i < x->room; i++)
        free(x->accounts[i].places);
    if (x->room > 0)
        memset(x->accounts, 0, x->room * sizeof *x->accounts);
}

void reader_index_free(struct reader_index *x)
{
    reader_index_clear(x);
    free(x->accounts);
    memset(x, 0, sizeof *x);
}

static bool grow_accounts(struct reader_index *x, u32 account)
{
    u32 room = max_u32(x->room, 64);

    while (room <= account)
        room *= 2;
    void *p = realloc(x->accounts, room * sizeof *x->accounts);
    if (!p)
        return false;
    x->accounts = p;
    memset(x->accounts + x->room, 0, (room - x->room) * sizeof *x->accounts);
    x->room = room;
    return true;
}

static bool grow_places(struct reader_account *a)
{
    u32 room = a->room ? 2 * a->room : 8;
    void *p = realloc(a->places, room * sizeof *a->places);

    if (!p)
        return false;
    a->places = p;
    a->room = room;
    return true;
}

bool reader_index_add(struct reader_index *x, u32 account, u64 session_seq, u64 block)
{
    if (account > ACCOUNTS_MAX || (account >= x->room && !grow_accounts(x, account)))
        return false;
    struct reader_account *a = &x->accounts[account];
    const struct reader_place *last = a->used > 0 ? &a->places[a->used - 1] : NULL;

    if (a->next_seq != 0 && session_seq != a->next_seq)
        return false;
    if (!last || last->block / READER_GROUP_BLOCKS != block / READER_GROUP_BLOCKS) {
        ASSERT(!last || last->block < block);
        if (a->used == a->room && !grow_places(a))
            return false;
        a->places[a->used++] = (struct reader_place){.session_seq = session_seq, .block = block};
    }
    a->next_seq = session_seq + 1;
    return true;
}

u64 reader_index_next(const struct reader_index *x, u32 account)
{
    return account < x->room ? x->accounts[account].next_seq : 0;
}

const struct reader_place *reader_index_find(const struct reader_index *x, u32 account,
                                             u64 session_seq, const struct reader_place **end)
{
    u32 lo = 0;

    if (account >= x->room || x->accounts[account].used == 0)
        return NULL;
    const struct reader_account *a = &x->accounts[account];
    for (u32 hi = a->used; lo < hi;) {
        u32 mid = lo + (hi - lo) / 2;
        if (a->places[mid].session_seq <= session_seq)
            lo = mid + 1;
        else
            hi = mid;
    }
    *end = a->places + a->used;
    return lo > 0 ? &a->places[lo - 1] : NULL;
}
