/* rates.c - see rates.h. No clock: the time is given. Never fails, never allocates after init. */
#include "gateway/session/rates.h"

#include "engine/base/hash.h"

void rates_init(struct rates *t, struct mem *m, u64 seed)
{
    t->seed = seed;
    t->sets = mem_alloc(m, RATES_SETS * sizeof t->sets[0], CACHE_LINE);
}

/* The entry of `key`, made in the place of the one that is through earliest if it has none. */
static struct rate *rate_of(struct rates *t, u64 key)
{
    u64 name = hash_2u64(t->seed, key, 1) | 1; /* never 0 */
    struct rate *set = t->sets[(name >> 32) % RATES_SETS];
    struct rate *oldest = &set[0];

    for (u32 i = 0; i < RATES_WAYS; i++) {
        if (set[i].key == name)
            return &set[i];
        if (set[i].until_ns < oldest->until_ns)
            oldest = &set[i];
    }
    *oldest = (struct rate){.key = name};
    return oldest;
}

bool rates_pass(struct rates *t, u64 key, u32 per_s, u64 now_ns)
{
    struct rate *r = rate_of(t, key);

    if (r->until_ns >= now_ns + NS_PER_SEC)
        return false;
    r->until_ns = max_u64(r->until_ns, now_ns) + NS_PER_SEC / per_s;
    return true;
}

bool rates_repeat(struct rates *t, u64 key, u32 max, u64 window_ns, u64 now_ns)
{
    struct rate *r = rate_of(t, key);

    if (r->until_ns <= now_ns)
        *r = (struct rate){.key = r->key, .until_ns = now_ns + window_ns};
    r->count++;
    return r->count <= max;
}
