/*
 * sources.c - see sources.h. Thread: auth's. An address lies in one set of SOURCE_WAYS, chosen by a
 * keyed hash; a new one takes the place of the set's oldest, so an attacker with many addresses
 * forgets himself and nobody's limit grows.
 */
#include "gateway/session/sources.h"

#include "engine/base/hash.h"

static struct source *set_of(struct sources *t, u32 ipv4)
{
    return t->sets[hash_2u64(t->seed, ipv4, 0) % SOURCE_SETS];
}

/* The address' entry; NULL: it has none. */
static struct source *find(struct sources *t, u32 ipv4)
{
    struct source *set = set_of(t, ipv4);

    for (u32 i = 0; i < SOURCE_WAYS; i++) {
        if (set[i].ipv4 == ipv4 && set[i].failures > 0)
            return &set[i];
    }
    return NULL;
}

/* An entry for a new address: a free one or its set's oldest. */
static struct source *make(struct sources *t, u32 ipv4, u64 now_ns)
{
    struct source *set = set_of(t, ipv4);
    struct source *oldest = &set[0];

    for (u32 i = 1; i < SOURCE_WAYS; i++) {
        if (set[i].since_ns < oldest->since_ns)
            oldest = &set[i];
    }
    *oldest = (struct source){.ipv4 = ipv4, .since_ns = now_ns};
    return oldest;
}

static bool window_over(const struct sources *t, const struct source *s, u64 now_ns)
{
    return now_ns >= s->since_ns + t->window_ns;
}

bool sources_limited(struct sources *t, u32 ipv4, u64 now_ns)
{
    const struct source *s = find(t, ipv4);

    return t->failures_max != 0 && s != NULL && !window_over(t, s, now_ns) &&
           s->failures >= t->failures_max;
}

bool sources_has(struct sources *t, u32 ipv4, u64 now_ns)
{
    const struct source *s = find(t, ipv4);

    return s != NULL && !window_over(t, s, now_ns);
}

void sources_failed(struct sources *t, u32 ipv4, u64 now_ns)
{
    struct source *s = find(t, ipv4);

    if (s == NULL)
        s = make(t, ipv4, now_ns);
    if (window_over(t, s, now_ns)) {
        s->failures = 0;
        s->since_ns = now_ns;
    }
    s->failures++;
}
