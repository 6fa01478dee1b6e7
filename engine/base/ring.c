/* ring.c - construction of the SPSC ring; everything that runs hot is inline in ring.h. */
#include "engine/base/ring.h"

#include "engine/base/mem.h"

void ring_init(struct ring *r, struct mem *m, const char *name, u64 slots)
{
    ASSERT(is_pow2(slots));
    memset(r, 0, sizeof *r);
    r->slots = mem_alloc(m, slots * sizeof(struct slot), CACHE_LINE);
    r->mask = slots - 1;
    r->name = name;
    metric_set(&r->size, slots);
}
