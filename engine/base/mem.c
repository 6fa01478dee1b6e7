/*
 * mem.c - arenas by mmap. Small requests share 2 MB regions, large ones get a region of their own.
 *
 * Failure modes: no huge pages left (falls back to ordinary ones), no memory (message and exit).
 */
#include "engine/base/mem.h"

#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/base/assert.h"

#define REGION_BYTES (2ull << 20)

void mem_init(struct mem *m, u32 flags)
{
    memset(m, 0, sizeof *m);
    m->flags = flags;
    m->node = -1;
}

void mem_node(struct mem *m, i32 node)
{
    ASSERT(!m->sealed);
    ASSERT(node >= -1 && node < 64);
    if (node != m->node && m->regions_used > 0)
        m->offset = m->regions[m->regions_used - 1].bytes;
    m->node = node;
}

static void *map_pages(u64 bytes, int flags)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Before the first touch: it decides on the node. The C library has no call for it. */
static void prefer_node(const struct mem_region *r, i32 node)
{
    unsigned long mask = 1ul << node;

    /* A kernel without nodes says no: there is one kind of memory then. */
    syscall(SYS_mbind, r->base, r->bytes, MPOL_PREFERRED, &mask, 65ul, 0u);
}

/* A write to each page, so that no page fault comes later. */
static void touch_pages(struct mem_region *r)
{
    for (u64 i = 0; i < r->bytes; i += 4096)
        ((volatile u8 *)r->base)[i] = 0;
}

static _Noreturn void out_of_memory(u64 bytes)
{
    fprintf(stderr,
            "wirebook: out of memory: %llu MiB more wanted; lower the pools in the config or give "
            "the machine more memory\n",
            (unsigned long long)(bytes >> 20));
    exit(1);
}

static void region_add(struct mem *m, u64 bytes)
{
    struct mem_region *r = &m->regions[m->regions_used];

    ASSERT_LT(m->regions_used, MEM_REGIONS_MAX);
    r->bytes = round_up(bytes, REGION_BYTES);
    r->base = NULL;
    if (m->flags & MEM_HUGE)
        r->base = map_pages(r->bytes, MAP_HUGETLB); /* reserved: the first touch finds them */
    r->huge = r->base != NULL;
    if (!r->huge) {
        r->base = map_pages(r->bytes, 0);
        if (!r->base)
            out_of_memory(r->bytes);
        if (m->flags & MEM_HUGE) /* before the first touch: it decides on the page's size */
            madvise(r->base, r->bytes, MADV_HUGEPAGE);
    }
    if (m->node >= 0)
        prefer_node(r, m->node);
    if (m->flags & MEM_POPULATE)
        touch_pages(r);
    m->regions_used++;
    m->offset = 0;
}

void *mem_alloc(struct mem *m, u64 bytes, u64 align)
{
    ASSERT(!m->sealed);
    ASSERT(is_pow2(align) && align <= 4096);
    ASSERT_GT(bytes, 0);

    u64 at = round_up(m->offset, align);
    struct mem_region *r = m->regions_used ? &m->regions[m->regions_used - 1] : NULL;
    if (!r || at + bytes > r->bytes) {
        region_add(m, bytes);
        r = &m->regions[m->regions_used - 1];
        at = 0;
    }
    m->used_bytes += at + bytes - m->offset;
    m->offset = at + bytes;
    return r->base + at;
}

void mem_seal(struct mem *m)
{
    m->sealed = true;
}

void mem_free_all(struct mem *m)
{
    for (u32 i = 0; i < m->regions_used; i++)
        munmap(m->regions[i].base, m->regions[i].bytes);
    mem_init(m, m->flags);
}

u64 mem_huge_bytes(const struct mem *m)
{
    u64 bytes = 0;
    for (u32 i = 0; i < m->regions_used; i++)
        bytes += m->regions[i].huge ? m->regions[i].bytes : 0;
    return bytes;
}
