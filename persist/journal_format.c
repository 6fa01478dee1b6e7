/* journal_format.c - see journal_format.h. Pure. */
#include "persist/journal_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/crc32c.h"
#include "persist/disk.h"
#include "persist/plant.h"

#define CRC_FROM   8u
#define HEX_DIGITS 16u

_Static_assert(HEX_DIGITS + sizeof SEGMENT_SUFFIX <= DISK_NAME_MAX, "a segment's name fits");

u32 block_crc(const struct block *b)
{
    return crc32c(0, (const u8 *)b + CRC_FROM, BLOCK_BYTES - CRC_FROM);
}

const char *block_check(const struct block *b, u32 shard)
{
    const struct block_head *h = &b->head;

    if (h->magic != JOURNAL_MAGIC)
        return block_is_zero(b) ? "never written" : "magic";
    if (h->version != JOURNAL_VERSION)
        return "format version";
    if (h->crc != block_crc(b) && !PLANTED(PLANT_SKIP_CRC))
        return "checksum";
    if (h->shard != shard)
        return "shard";
    if (h->slots_used < 1 || h->slots_used > BLOCK_SLOTS || h->epoch == 0 || h->segment == 0 ||
        h->block == 0 || h->durable_block >= h->block || h->segment_blocks == 0)
        return "header";
    if (h->first_seq == 0 ? h->first_tx_slot != 0 : h->first_tx_slot >= h->slots_used)
        return "header";
    return NULL;
}

u32 block_foreign(const struct block *b)
{
    bool whole = b->head.magic == JOURNAL_MAGIC && b->head.crc == block_crc(b);

    return whole && b->head.version != JOURNAL_VERSION ? b->head.version : 0;
}

bool block_is_zero(const struct block *b)
{
    const u64 *w = (const u64 *)(const void *)b;
    u64 any = 0;

    for (u32 i = 0; i < BLOCK_BYTES / sizeof *w; i++)
        any |= w[i];
    return any == 0;
}

void segment_name(u64 segment, char *name)
{
    ASSERT_GT(segment, 0);
    int n = snprintf(name, DISK_NAME_MAX, "%016" PRIx64 "%s", segment, SEGMENT_SUFFIX);
    ASSERT_LT((u32)n, DISK_NAME_MAX);
}

u64 segment_parse(const char *name)
{
    char canonical[DISK_NAME_MAX];

    if (strlen(name) != HEX_DIGITS + sizeof SEGMENT_SUFFIX - 1)
        return 0;
    u64 segment = strtoull(name, NULL, 16);
    if (segment == 0)
        return 0;
    segment_name(segment, canonical); /* one spelling only: no signs, blanks, capitals */
    return strcmp(name, canonical) == 0 ? segment : 0;
}
