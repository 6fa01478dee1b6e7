/*
 * archive_record.h - the bytes of the archive's ledger: one record a file that is in the archive,
 * each under a checksum of its own. Local to archive.c and its test.
 */
#ifndef WIREBOOK_PERSIST_ARCHIVE_RECORD_H
#define WIREBOOK_PERSIST_ARCHIVE_RECORD_H

#include <string.h>

#include "engine/base/crc32c.h"
#include "engine/base/limits.h"
#include "persist/archive.h"

/* What the ledger says of one file: a line of a manifest, and zeros. */
struct record {
    char sum[ARCHIVE_SUM_CHARS];
    char blanks[2];
    char name[58];
    u32 crc; /* CRC-32C of the bytes before it */
};
_Static_assert(sizeof(struct record) == 128 && BLOCK_BYTES % sizeof(struct record) == 0, "whole");
#define RECORD_SUMMED     offsetof(struct record, crc)
#define RECORDS_PER_BLOCK (BLOCK_BYTES / sizeof(struct record))

static inline bool record_good(const struct record *r)
{
    return r->crc == crc32c(0, r, RECORD_SUMMED) &&
           strspn(r->sum, "0123456789abcdef") == ARCHIVE_SUM_CHARS && r->blanks[0] == ' ' &&
           r->name[0] != '\0' && memchr(r->name, '\0', sizeof r->name) != NULL;
}

static inline bool is_manifest(const struct record *r)
{
    return strstr(r->name, ".manifest") != NULL;
}

#endif
