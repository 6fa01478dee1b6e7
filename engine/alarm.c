/*
 * alarm.c - a binary heap of instruments by time. Engine thread, no clock, no allocation.
 *
 * Invariants: no alarm goes off before its parent; of[heap[i]].at is i; one that is not in the heap
 * has at = 0 and ns = 0.
 */
#include "engine/alarm.h"

#include "engine/base/assert.h"

void alarms_init(struct alarms *a, struct mem *m, u32 instruments)
{
    a->heap = mem_alloc(m, ((u64)instruments + 1) * sizeof *a->heap, CACHE_LINE);
    a->of = mem_alloc(m, ((u64)instruments + 1) * sizeof *a->of, CACHE_LINE);
    a->used = 0;
}

static bool before(const struct alarms *a, u32 x, u32 y)
{
    return a->of[x].ns != a->of[y].ns ? a->of[x].ns < a->of[y].ns : x < y;
}

static void place(struct alarms *a, u32 at, u32 id)
{
    a->heap[at] = id;
    a->of[id].at = at;
}

/* `id` finds its place from the hole `at`, upwards or downwards. */
static void sift(struct alarms *a, u32 at, u32 id)
{
    for (; at > 1 && before(a, id, a->heap[at / 2]); at /= 2)
        place(a, at, a->heap[at / 2]);
    for (u32 child; (child = at * 2) <= a->used; at = child) {
        if (child < a->used && before(a, a->heap[child + 1], a->heap[child]))
            child++;
        if (!before(a, a->heap[child], id))
            break;
        place(a, at, a->heap[child]);
    }
    place(a, at, id);
}

void alarm_set(struct alarms *a, u32 instrument, u64 ns)
{
    struct alarm *x = &a->of[instrument];
    u32 hole = x->at;

    if (x->ns == ns)
        return;
    x->ns = ns;
    if (ns) {
        sift(a, hole ? hole : ++a->used, instrument);
        return;
    }
    u32 last = a->heap[a->used--];
    x->at = 0;
    if (last != instrument)
        sift(a, hole, last);
}

void alarms_check(const struct alarms *a)
{
    for (u32 i = 1; i <= a->used; i++) {
        u32 id = a->heap[i];
        ASSERT_EQ(a->of[id].at, i);
        ASSERT_NE(a->of[id].ns, 0);
        ASSERT(i == 1 || !before(a, id, a->heap[i / 2]));
    }
}
