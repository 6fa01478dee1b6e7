/*
 * rates.c - see rates.h. No clock: the time is given. Never fails, never allocates after init.
 *
 * Invariants: heap[0 .. used) are the watched entries, no parent over later than its children, and
 * each says its place; the others are free; each watched entry is in its key's bucket, once.
 */
#include "gateway/session/rates.h"

#include "engine/base/assert.h"
#include "engine/base/hash.h"

enum { KIND_SYMBOL = 1, KIND_ALIKE = 2 };

void rates_memory_init(struct rates_memory *rm, struct mem *m, u32 accounts, u32 each, u64 seed)
{
    ASSERT(each >= RATES_EACH_MIN && each <= RATES_EACH_MAX);
    rm->accounts_max = accounts;
    rm->accounts = mem_alloc(m, (accounts + 1ull) * sizeof rm->accounts[0], CACHE_LINE);
    u64 entries = (u64)accounts * each;
    struct rate *all = mem_alloc(m, entries * sizeof *all, CACHE_LINE);
    u16 *heaps = mem_alloc(m, entries * sizeof *heaps, CACHE_LINE);
    u16 *buckets = mem_alloc(m, entries * sizeof *buckets, CACHE_LINE);

    for (u32 id = 1; id <= accounts; id++) {
        struct rates *t = &rm->accounts[id];
        u64 at = (id - 1ull) * each;
        *t = (struct rates){
            .each = each,
            .seed = hash_2u64(seed, id, 0),
            .all = all + at,
            .heap = heaps + at,
            .buckets = buckets + at,
        };
        for (u32 i = 0; i < each; i++)
            t->heap[i] = (u16)i;
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

/* ---- the heap ---- */

static u64 until_at(const struct rates *t, u32 place)
{
    return t->all[t->heap[place]].until_ns;
}

static void put_at(struct rates *t, u32 place, u16 index)
{
    t->heap[place] = index;
    t->all[index].place = (u16)place;
}

/* The entry at `place` may be over earlier than its parents. */
static void sift_up(struct rates *t, u32 place)
{
    u16 index = t->heap[place];
    u64 until_ns = t->all[index].until_ns;

    while (place > 0 && until_at(t, (place - 1) / 2) > until_ns) {
        put_at(t, place, t->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put_at(t, place, index);
}

/* ... or later than its children. */
static void sift_down(struct rates *t, u32 place)
{
    u16 index = t->heap[place];
    u64 until_ns = t->all[index].until_ns;

    for (u32 child; (child = 2 * place + 1) < t->used; place = child) {
        child += child + 1 < t->used && until_at(t, child + 1) < until_at(t, child);
        if (until_at(t, child) >= until_ns)
            break;
        put_at(t, place, t->heap[child]);
    }
    put_at(t, place, index);
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

/* The entry that is over first is free again. */
static void forget_first(struct rates *t)
{
    u16 index = t->heap[0];
    u16 *link = bucket_of(t, t->all[index].key);

    while (*link != index + 1)
        link = &t->all[*link - 1].next;
    *link = t->all[index].next;
    t->used--;
    put_at(t, 0, t->heap[t->used]);
    t->heap[t->used] = index;
    if (t->used > 0)
        sift_down(t, 0);
}

/* A new entry for `key`, over at `until_ns`; NULL: there is no room. */
static struct rate *make(struct rates *t, u64 key, u64 until_ns, u64 now_ns)
{
    u16 *bucket;

    if (t->used == t->each) {
        if (until_at(t, 0) > now_ns)
            return NULL;
        forget_first(t);
    }
    u32 place = t->used++;
    u16 index = t->heap[place];
    bucket = bucket_of(t, key);
    t->all[index] = (struct rate){.key = key, .until_ns = until_ns, .next = *bucket};
    *bucket = (u16)(index + 1);
    sift_up(t, place);
    return &t->all[index];
}

/* A known entry is over later than it was. */
static void prolong(struct rates *t, struct rate *r, u64 until_ns)
{
    r->until_ns = until_ns;
    sift_down(t, r->place);
}

enum rates_answer rates_symbol(struct rates *t, u16 instrument, u32 per_s, u64 now_ns)
{
    u64 key = hash_2u64(t->seed, (u64)KIND_SYMBOL << 32 | instrument, 0);
    struct rate *r = find(t, key);

    if (r == NULL)
        return make(t, key, now_ns + NS_PER_SEC / per_s, now_ns) ? RATES_PASS : RATES_FULL;
    if (r->until_ns >= now_ns + NS_PER_SEC)
        return RATES_TOO_MANY;
    prolong(t, r, max_u64(r->until_ns, now_ns) + NS_PER_SEC / per_s);
    return RATES_PASS;
}

enum rates_answer rates_alike(struct rates *t, u16 instrument, u64 like, u32 max, u64 window_ns,
                              u64 now_ns)
{
    u64 key = hash_2u64(t->seed, (u64)KIND_ALIKE << 32 | instrument, like);
    struct rate *r = find(t, key);

    if (r == NULL) {
        r = make(t, key, now_ns + window_ns, now_ns);
        if (r == NULL)
            return RATES_FULL;
    } else if (r->until_ns <= now_ns) {
        prolong(t, r, now_ns + window_ns);
        r->count = 0;
    }
    if (r->count >= max)
        return RATES_TOO_MANY;
    r->count++;
    return RATES_PASS;
}

void rates_check(const struct rates *t)
{
    ASSERT_LE(t->used, t->each);
    for (u32 place = 0; place < t->used; place++) {
        const struct rate *r = &t->all[t->heap[place]];
        ASSERT_EQ(r->place, place);
        ASSERT(place == 0 || until_at(t, (place - 1) / 2) <= r->until_ns);
        ASSERT(find(t, r->key) == r);
    }
}
