/*
 * recycle.c - see recycle.h.
 *
 * A segment may go when the one behind it begins with a transaction that is not needed yet, or is
 * the first that is: then none that is needed begins in it. Segments go from the oldest on, one by
 * one, so what is left is always one piece. Failure modes: what cannot be read stays.
 */
#include "persist/recycle.h"

#include <string.h>

#include "persist/plant.h"

bool recycle_init(struct recycle *r, struct disk *disk, u32 shard)
{
    memset(r, 0, sizeof *r);
    return catalog_init(&r->catalog, disk, shard);
}

void recycle_free(struct recycle *r)
{
    if (r->passed)
        catalog_free(&r->catalog);
    r->passed = NULL;
}

/* Nothing that is needed begins in entry `i`, nor before it. */
static bool free_to_go(struct recycle *r, u32 i, u64 passed)
{
    struct segment_entry *next;

    if (i + 1 >= r->catalog.used || catalog_entry(&r->catalog, i + 1, &next) != 0)
        return false;
    return next->state == SEGMENT_USED && next->first_seq != 0 && next->first_seq <= passed + 1;
}

u64 recycle_find(struct recycle *r, u64 *bytes)
{
    u64 passed = r->passed ? r->passed(r->ctx) : 0;

    if (PLANTED(PLANT_RECYCLE_EARLY) && r->passed)
        passed = UINT64_MAX - 1;
    if (passed == 0 || catalog_load(&r->catalog) != 0 || !free_to_go(r, r->keep, passed))
        return 0;
    *bytes = r->catalog.entries[0].bytes;
    return r->catalog.entries[0].segment;
}
