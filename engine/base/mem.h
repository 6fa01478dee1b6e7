/*
 * mem.h - all memory of the hot agents, taken at the start and never again.
 *
 * An arena hands out zeroed memory until mem_seal; after that an allocation is a broken invariant
 * and stops the process. Big arenas come from 2 MB huge pages where the machine has them and from
 * ordinary pages (with the hint for transparent huge ones) where it has not. One thread, at start.
 */
#ifndef WIREBOOK_BASE_MEM_H
#define WIREBOOK_BASE_MEM_H

#include "engine/base/types.h"

enum mem_flags {
    MEM_HUGE = 1,     /* try huge pages first */
    MEM_POPULATE = 2, /* touch every page now, so that no page fault comes later */
};

#define MEM_REGIONS_MAX 256u

struct mem_region {
    u8 *base;
    u64 bytes;
    bool huge;
};

struct mem {
    struct mem_region regions[MEM_REGIONS_MAX];
    u32 regions_used;
    u32 flags;
    i32 node;       /* whose memory new regions get; -1: wherever */
    u64 offset;     /* first free byte of the newest region */
    u64 used_bytes; /* handed out, padding included */
    bool sealed;
};

/* An empty arena; `flags` of enum mem_flags. Takes no memory yet. */
void mem_init(struct mem *m, u32 flags);

/*
 * From here on memory comes from that node of the machine, if it has some left; -1, as after
 * mem_init: from wherever the kernel likes. On a change a new region begins.
 */
void mem_node(struct mem *m, i32 node);

/*
 * `bytes` of zeroed memory at a multiple of `align` (a power of two up to 4096). Never NULL: when
 * the machine has no more memory, a clear line is printed and the process ends with status 1.
 */
void *mem_alloc(struct mem *m, u64 bytes, u64 align);

/* From here on mem_alloc on this arena aborts. */
void mem_seal(struct mem *m);

/* Gives everything back; the arena is as after mem_init. */
void mem_free_all(struct mem *m);

/* Bytes of the arena that lie on huge pages. */
u64 mem_huge_bytes(const struct mem *m);

#endif
