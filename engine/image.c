/*
 * image.c - see image.h. Cold.
 *
 * An arena's regions one behind the other are the address space of an image. struct engine lies at
 * its beginning. Failure modes: none of its own; a page of nowhere is refused.
 */
#include "engine/image.h"

#include "engine/base/crc32c.h"
#include "engine/state.h"

_Static_assert(sizeof(struct engine) % sizeof(u64) == 0, "looked at word by word");

/* From the linker: where this program's headers begin, its instructions and its data end. */
extern const u8 __executable_start[];
extern const u8 __etext[];
extern const u8 _end[];

u64 engine_program(void)
{
    u64 bytes = (u64)(__etext - __executable_start);

    return bytes << 32 | crc32c(0, __executable_start, bytes);
}

u64 engine_pages(const struct mem *m)
{
    u64 bytes = 0;

    for (u32 i = 0; i < m->regions_used; i++)
        bytes += m->regions[i].bytes;
    return bytes / IMAGE_PAGE_BYTES;
}

/* Where page `page` lies; NULL when there is no such page. */
static u8 *find(const struct mem *m, u64 page)
{
    for (u32 i = 0; i < m->regions_used; i++) {
        u64 pages = m->regions[i].bytes / IMAGE_PAGE_BYTES;
        if (page < pages)
            return m->regions[i].base + page * IMAGE_PAGE_BYTES;
        page -= pages;
    }
    return NULL;
}

const u8 *engine_page(const struct mem *m, u64 page)
{
    const u8 *at = find(m, page);
    const u64 *w = (const u64 *)(const void *)at;
    u64 any = 0;

    ASSERT(at != NULL);
    for (u32 i = 0; i < IMAGE_PAGE_BYTES / sizeof *w && !any; i += 8)
        any = w[i] | w[i + 1] | w[i + 2] | w[i + 3] | w[i + 4] | w[i + 5] | w[i + 6] | w[i + 7];
    return any ? at : NULL;
}

/* True for an address that another process, or another arena, has elsewhere. */
static bool is_own(const struct mem *m, u64 word)
{
    if (word >= (u64)__executable_start && word < (u64)_end)
        return true;
    for (u32 i = 0; i < m->regions_used; i++) {
        u64 base = (u64)m->regions[i].base;
        if (word >= base && word < base + m->regions[i].bytes)
            return true;
    }
    return false;
}

bool engine_page_put(struct mem *m, u64 page, const u8 *bytes)
{
    u8 *to = find(m, page);
    u64 at = page * IMAGE_PAGE_BYTES;
    u64 i = 0;

    if (!to)
        return false;
    for (; i < IMAGE_PAGE_BYTES && at + i < sizeof(struct engine); i += sizeof(u64)) {
        u64 own;
        memcpy(&own, to + i, sizeof own);
        if (!is_own(m, own))
            memcpy(to + i, bytes + i, sizeof own);
    }
    memcpy(to + i, bytes + i, IMAGE_PAGE_BYTES - i);
    return true;
}

void engine_copy(struct mem *to, const struct mem *from)
{
    u64 pages = engine_pages(from);

    ASSERT_EQ(engine_pages(to), pages);
    for (u64 page = 0; page < pages; page++) {
        const u8 *bytes = engine_page(from, page);
        if (bytes)
            engine_page_put(to, page, bytes);
    }
}
