/*
 * tokens.c - see tokens.h. Thread: the gateway's. Two hash tables over one array of entries. An
 * entry that gets another number leaves a dead place among the numbers: once when it is confirmed
 * under another one than it was sent by, and whenever its request was ignored and its token is used
 * again, which is therefore allowed as often as there are entries. So four places for each entry
 * always leave a quarter free.
 */
#include "gateway/session/tokens.h"

#include <string.h>

#include "engine/base/hash.h"

void tokens_init(struct tokens *t, struct mem *m, u32 max, u32 quota, u64 seed)
{
    u64 places = 4;

    memset(t, 0, sizeof *t);
    while (places < 4ull * max)
        places *= 2;
    t->max = max;
    t->quota = quota;
    t->mask = places - 1;
    t->seed = seed;
    t->entries = mem_alloc(m, (u64)(max + 1) * sizeof t->entries[0], CACHE_LINE);
    t->by_token = mem_alloc(m, places * sizeof t->by_token[0], CACHE_LINE);
    t->by_ref = mem_alloc(m, places * sizeof t->by_ref[0], CACHE_LINE);
}

void tokens_clear(struct tokens *t)
{
    if (t->used == 0)
        return;
    memset(t->by_token, 0, (t->mask + 1) * sizeof t->by_token[0]);
    memset(t->by_ref, 0, (t->mask + 1) * sizeof t->by_ref[0]);
    t->used = 0;
    t->moved = 0;
}

static u64 token_hash(const struct tokens *t, u32 account, const char token[TOKEN_BYTES])
{
    u64 head;
    u64 tail = account;

    memcpy(&head, token, 8);
    tail <<= 32;
    u64 middle = 0;
    memcpy(&middle, token + 8, TOKEN_BYTES - 8);
    return hash_2u64(t->seed ^ hash_u64(tail + 1), head, middle);
}

static struct token_entry *find_token(const struct tokens *t, u32 account,
                                      const char token[TOKEN_BYTES])
{
    for (u64 at = token_hash(t, account, token);; at++) {
        u32 index = t->by_token[at & t->mask];
        if (index == 0)
            return NULL;
        struct token_entry *e = &t->entries[index - 1];
        if (e->account == account && memcmp(e->token, token, TOKEN_BYTES) == 0)
            return e;
    }
}

static u64 ref_hash(const struct tokens *t, u32 account, u32 ref)
{
    return hash_2u64(t->seed, account, ref);
}

static struct token_entry *find_ref(const struct tokens *t, u32 account, u32 ref)
{
    for (u64 at = ref_hash(t, account, ref);; at++) {
        u32 index = t->by_ref[at & t->mask];
        if (index == 0)
            return NULL;
        struct token_entry *e = &t->entries[index - 1];
        if (e->account == account && e->ref == ref && e->confirmed)
            return e;
    }
}

static void put(u32 *table, u64 mask, u64 at, u32 index)
{
    while (table[at & mask] != 0)
        at++;
    table[at & mask] = index + 1;
}

static void set_ref(struct tokens *t, struct token_entry *e, u32 ref)
{
    if (e->ref == ref)
        return;
    e->ref = ref;
    put(t->by_ref, t->mask, ref_hash(t, e->account, ref), (u32)(e - t->entries));
}

/* A new entry; NULL: no room. */
static struct token_entry *add(struct tokens *t, struct token_book *b, u32 account,
                               const char token[TOKEN_BYTES])
{
    if (t->used == t->max || b->used >= t->quota)
        return NULL;
    struct token_entry *e = &t->entries[t->used];
    *e = (struct token_entry){.account = account};
    memcpy(e->token, token, TOKEN_BYTES);
    put(t->by_token, t->mask, token_hash(t, account, token), t->used);
    t->used++;
    b->used++;
    return e;
}

/* The entry's request was passed by without an answer. */
static bool dead(const struct token_book *b, const struct token_entry *e)
{
    return !e->confirmed && (e->ref <= b->last || e->ref < b->floor);
}

static u32 next_ref(struct token_book *b)
{
    u32 next = max_u32(b->next, b->last + 1);

    b->next = next + 1;
    return next;
}

enum token_use tokens_use(struct tokens *t, struct token_book *b, u32 account,
                          const char token[TOKEN_BYTES], u32 *ref)
{
    struct token_entry *e = find_token(t, account, token);

    if (e != NULL && e->confirmed)
        return TOKEN_REPEATED;
    if (e != NULL && !dead(b, e)) {
        *ref = e->ref;
        return TOKEN_AGAIN;
    }
    *ref = next_ref(b);
    if (e == NULL)
        e = add(t, b, account, token);
    else if (t->moved++ >= t->max || b->moved++ >= t->quota)
        e = NULL;
    if (e == NULL)
        return TOKEN_FULL;
    set_ref(t, e, *ref);
    return TOKEN_NEW;
}

u32 tokens_ref(const struct tokens *t, const struct token_book *b, u32 account,
               const char token[TOKEN_BYTES])
{
    const struct token_entry *e = find_token(t, account, token);

    return e == NULL || dead(b, e) ? 0 : e->ref;
}

const char *tokens_name(const struct tokens *t, u32 account, u32 ref)
{
    const struct token_entry *e = find_ref(t, account, ref);

    return e == NULL ? NULL : e->token;
}

bool tokens_note(struct tokens *t, struct token_book *b, u32 account, u32 ref,
                 const char token[TOKEN_BYTES])
{
    struct token_entry *e = find_token(t, account, token);

    b->last = max_u32(b->last, ref);
    if (e == NULL)
        e = add(t, b, account, token);
    if (e == NULL)
        return false;
    set_ref(t, e, ref);
    e->confirmed = true;
    return true;
}

void tokens_bound(struct token_book *b)
{
    b->floor = max_u32(b->next, b->last + 1);
}
