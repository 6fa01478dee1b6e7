/* reader_index.c - see reader_index.h. */
#include "persist/reader_index.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/limits.h"

static void stream_clear(struct reader_stream *s)
{
    free(s->places);
    memset(s, 0, sizeof *s);
}

void reader_index_clear(struct reader_index *x)
{
    for (u32 i = 0; i < x->room; i++) {
        stream_clear(&x->accounts[i].own);
        x->accounts[i].firm = 0;
    }
    for (u32 i = 0; i < x->firms_used; i++)
        stream_clear(&x->firms[i].stream);
    x->firms_used = 0;
    stream_clear(&x->all);
}

void reader_index_free(struct reader_index *x)
{
    reader_index_clear(x);
    free(x->accounts);
    free(x->firms);
    memset(x, 0, sizeof *x);
}

/* Makes room for item `index` of an array; new items are zero. False: no memory. */
static bool grow(void **array, u32 *room, u32 index, u32 first, size_t item)
{
    u32 want = max_u32(*room, first);

    while (want <= index)
        want *= 2;
    if (want == *room)
        return true;
    u8 *p = realloc(*array, want * item);
    if (!p)
        return false;
    memset(p + *room * item, 0, (want - *room) * item);
    *array = p;
    *room = want;
    return true;
}

/* The account's entry, made if it is new; NULL: no memory, or no such id. */
static struct reader_account *account_of(struct reader_index *x, u32 account)
{
    void *accounts = x->accounts;
    bool ok =
        account <= ACCOUNTS_MAX && grow(&accounts, &x->room, account, 64, sizeof x->accounts[0]);

    x->accounts = accounts;
    return ok ? &x->accounts[account] : NULL;
}

/* Index of a firm + 1, made if it is new; 0: no memory. */
static u32 firm_of(struct reader_index *x, const char name[4])
{
    void *firms = x->firms;

    for (u32 i = 0; i < x->firms_used; i++)
        if (memcmp(x->firms[i].name, name, sizeof x->firms[i].name) == 0)
            return i + 1;
    bool ok = grow(&firms, &x->firms_room, x->firms_used, 8, sizeof x->firms[0]);
    x->firms = firms;
    if (!ok)
        return 0;
    memcpy(x->firms[x->firms_used].name, name, sizeof x->firms[0].name);
    return ++x->firms_used;
}

bool reader_index_begin(struct reader_index *x, u32 account, const char firm[4])
{
    struct reader_account *a = account_of(x, account);

    if (a)
        a->firm = firm_of(x, firm);
    return a && a->firm != 0;
}

/* Message `number` of the stream stands in `block`. */
static bool stream_add(struct reader_stream *s, u64 number, u64 block)
{
    const struct reader_place *last = s->used > 0 ? &s->places[s->used - 1] : NULL;
    void *places = s->places;

    if (s->next != 0 && number != s->next)
        return false;
    s->next = number + 1;
    if (last && last->block / READER_GROUP_BLOCKS == block / READER_GROUP_BLOCKS)
        return true;
    ASSERT(!last || last->block < block);
    bool ok = grow(&places, &s->room, s->used, 8, sizeof s->places[0]);
    s->places = places;
    if (ok)
        s->places[s->used++] = (struct reader_place){.number = number, .block = block};
    return ok;
}

bool reader_index_add(struct reader_index *x, u32 account, u64 session_seq, u64 block)
{
    struct reader_account *a = account_of(x, account);

    if (!a || !stream_add(&a->own, session_seq, block))
        return false;
    if (a->firm != 0) {
        struct reader_stream *firm = &x->firms[a->firm - 1].stream;
        if (!stream_add(firm, max_u64(1, firm->next), block))
            return false;
    }
    return stream_add(&x->all, max_u64(1, x->all.next), block);
}

const struct reader_stream *reader_index_stream(const struct reader_index *x, u32 account,
                                                enum reader_scope scope)
{
    const struct reader_account *a = account < x->room ? &x->accounts[account] : NULL;

    if (!a || a->own.next == 0)
        return NULL;
    switch (scope) {
    case READER_ACCOUNT:
        return &a->own;
    case READER_FIRM:
        return a->firm != 0 ? &x->firms[a->firm - 1].stream : NULL;
    case READER_ALL:
        return &x->all;
    }
    return NULL;
}

bool reader_index_has(const struct reader_index *x, u32 account, enum reader_scope scope, u32 of)
{
    ASSERT(account < x->room && of < x->room);
    switch (scope) {
    case READER_ACCOUNT:
        return of == account;
    case READER_FIRM:
        return x->accounts[of].firm == x->accounts[account].firm;
    case READER_ALL:
        return true;
    }
    return false;
}

const struct reader_place *reader_stream_find(const struct reader_stream *s, u64 number)
{
    u32 lo = 0;

    for (u32 hi = s->used; lo < hi;) {
        u32 mid = lo + (hi - lo) / 2;
        if (s->places[mid].number <= number)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo > 0 ? &s->places[lo - 1] : NULL;
}
