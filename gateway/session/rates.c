/*
 * rates.c - see rates.h. No clock: the time is given. Never fails, never allocates after init.
 *
 * Invariants: an entry is free, or in its key's bucket and in one queue, once each; no entry of a
 * queue is over before the one in front of it.
 */
#include "gateway/session/rates.h"

#include "engine/base/assert.h"
#include "engine/base/hash.h"

enum { KIND_SYMBOL = 1, KIND_ALIKE = 2 };

/* A bucket holds less than a second's worth, and one order more, which is a second at most. */
#define SYMBOL_NS (2 * NS_PER_SEC)

void rates_memory_init(struct rates_memory *rm, struct mem *m, u32 accounts, u32 each, u64 seed)
{
    ASSERT(each >= RATES_EACH_MIN && each <= RATES_EACH_MAX);
    rm->accounts_max = accounts;
    rm->accounts = mem_alloc(m, (accounts + 1ull) * sizeof rm->accounts[0], CACHE_LINE);
    u64 entries = (u64)accounts * each;
    struct rate *all = mem_alloc(m, entries * sizeof *all, CACHE_LINE);
    u16 *buckets = mem_alloc(m, entries * sizeof *buckets, CACHE_LINE);

    for (u32 id = 1; id <= accounts; id++) {
        struct rates *t = &rm->accounts[id];
        u64 at = (id - 1ull) * each;
        *t = (struct rates){.each = each,
                            .seed = hash_2u64(seed, id, 0),
                            .free = 1,
                            .all = all + at,
                            .buckets = buckets + at};
        for (u32 i = 0; i + 1 < each; i++)
            t->all[i].next = (u16)(i + 2);
    }
}

/* ---- who has them ---- */

static struct rates *of(struct rates_memory *rm, u32 account)
{
    ASSERT(account >= 1 && account <= rm->accounts_max);
    return &rm->accounts[account];
}

struct rates *rates_first(struct rates_memory *rm, u32 account)
{
    return of(rm, account);
}

struct rates *rates_take(struct rates_memory *rm, u32 account, u32 bind_id)
{
    struct rates *t = of(rm, account);
    u32 left = atomic_load_explicit(&t->left, memory_order_relaxed);

    /* acquire: R2, pairs with R1 in rates_let_go */
    if (left != 0 && left <= bind_id &&
        atomic_compare_exchange_strong_explicit(&t->left, &left, 0, memory_order_acquire,
                                                memory_order_relaxed))
        return t;
    return NULL;
}

void rates_let_go(struct rates *t, u32 bind_id)
{
    ASSERT_NE(bind_id, 0);
    ASSERT_EQ(atomic_load_explicit(&t->left, memory_order_relaxed), 0);
    atomic_store_explicit(&t->left, bind_id, memory_order_release); /* R1, pairs with R2 */
}

/* ---- the queues ---- */

static void take_out(struct rates *t, struct rates_queue *q, struct rate *r)
{
    *(r->before ? &t->all[r->before - 1].behind : &q->first) = r->behind;
    *(r->behind ? &t->all[r->behind - 1].before : &q->last) = r->before;
}

/* Behind all that are over before it: the last ones, but for clocks and windows that changed. */
static void put_in(struct rates *t, struct rates_queue *q, struct rate *r, u64 over_ns)
{
    u16 place = (u16)(r - t->all + 1);

    r->over_ns = over_ns;
    r->before = q->last;
    while (r->before && t->all[r->before - 1].over_ns > over_ns)
        r->before = t->all[r->before - 1].before;
    u16 *ahead = r->before ? &t->all[r->before - 1].behind : &q->first;
    r->behind = *ahead;
    *ahead = place;
    *(r->behind ? &t->all[r->behind - 1].before : &q->last) = place;
}

static void prolong(struct rates *t, struct rates_queue *q, struct rate *r, u64 over_ns)
{
    take_out(t, q, r);
    put_in(t, q, r, over_ns);
}

/* ---- entries ---- */

static u16 *bucket_of(const struct rates *t, u64 key)
{
    return &t->buckets[((key >> 32) * t->each) >> 32];
}

static struct rate *find(const struct rates *t, u64 key)
{
    for (u32 i = *bucket_of(t, key); i != 0; i = t->all[i - 1].next) {
        if (t->all[i - 1].key == key)
            return &t->all[i - 1];
    }
    return NULL;
}

/* The first entry of the queue is free again, if it is over. */
static bool forget(struct rates *t, struct rates_queue *q, u64 now_ns)
{
    u16 place = q->first;

    if (!place || t->all[place - 1].over_ns > now_ns)
        return false;
    struct rate *r = &t->all[place - 1];
    u16 *link = bucket_of(t, r->key);
    while (*link != place)
        link = &t->all[*link - 1].next;
    *link = r->next;
    take_out(t, q, r);
    r->next = t->free;
    t->free = place;
    return true;
}

/* A new entry for `key`, over at `over_ns`; NULL: there is no room. */
static struct rate *make(struct rates *t, struct rates_queue *q, u64 key, u64 over_ns, u64 now_ns)
{
    if (!t->free && !forget(t, &t->alike, now_ns) && !forget(t, &t->symbols, now_ns))
        return NULL;
    u16 place = t->free;
    u16 *bucket = bucket_of(t, key);
    struct rate *r = &t->all[place - 1];
    t->free = r->next;
    *r = (struct rate){.key = key, .next = *bucket};
    *bucket = place;
    put_in(t, q, r, over_ns);
    return r;
}

enum rates_answer rates_symbol(struct rates *t, u16 instrument, u32 per_s, u64 now_ns)
{
    u64 key = hash_2u64(t->seed, (u64)KIND_SYMBOL << 32 | instrument, 0);
    u64 over_ns = now_ns + SYMBOL_NS;
    struct rate *r = find(t, key);

    if (r == NULL)
        r = make(t, &t->symbols, key, over_ns, now_ns);
    else if (r->until_ns >= now_ns + NS_PER_SEC)
        return RATES_TOO_MANY;
    else
        prolong(t, &t->symbols, r, over_ns);
    if (r == NULL)
        return RATES_FULL;
    r->until_ns = max_u64(r->until_ns, now_ns) + NS_PER_SEC / per_s;
    return RATES_PASS;
}

enum rates_answer rates_alike(struct rates *t, u16 instrument, u64 like, u32 max, u64 window_ns,
                              u64 now_ns)
{
    u64 key = hash_2u64(t->seed, (u64)KIND_ALIKE << 32 | instrument, like);
    struct rate *r = find(t, key);

    if (r == NULL) {
        r = make(t, &t->alike, key, now_ns + window_ns, now_ns);
        if (r == NULL)
            return RATES_FULL;
    } else if (r->over_ns <= now_ns) {
        prolong(t, &t->alike, r, now_ns + window_ns);
        r->count = 0;
    }
    if (r->count >= max)
        return RATES_TOO_MANY;
    r->count++;
    return RATES_PASS;
}

/* Returns how many there are. */
static u32 queue_check(const struct rates *t, const struct rates_queue *q)
{
    u32 n = 0;
    u16 before = 0;

    for (u16 place = q->first; place; before = place, place = t->all[place - 1].behind, n++) {
        const struct rate *r = &t->all[place - 1];
        ASSERT_EQ(r->before, before);
        ASSERT(!before || t->all[before - 1].over_ns <= r->over_ns);
        ASSERT(find(t, r->key) == r);
    }
    ASSERT_EQ(q->last, before);
    return n;
}

void rates_check(const struct rates *t)
{
    u32 n = queue_check(t, &t->alike) + queue_check(t, &t->symbols);

    for (u16 place = t->free; place; place = t->all[place - 1].next)
        n++;
    ASSERT_EQ(n, t->each);
}
