/*
 * durable_mark.c - see durable_mark.h. Cold.
 *
 * In: the last transaction on stable storage. Out: a record of it, synced.
 *
 * Invariants: a record is written only of what is durable already; the other record stays whole
 * meanwhile, so a tear costs a second of the witness.
 *
 * Failure modes: whatever fails costs the witness and a line of the log, never a start or trading:
 * what was noted before stays true.
 */
#include "persist/durable_mark.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/crc32c.h"
#include "engine/base/log.h"
#include "persist/plant.h"

#define RECORDS  2u
#define CRC_FROM 8u
#define FILE_NEW "new.mark" /* while it is made */

static u32 record_crc(const struct durable_record *r)
{
    return crc32c(0, (const u8 *)r + CRC_FROM, BLOCK_BYTES - CRC_FROM);
}

const char *durable_record_check(const struct durable_record *r, u32 shard)
{
    if (r->magic != DURABLE_MARK_MAGIC)
        return "magic";
    if (r->crc != record_crc(r))
        return "checksum";
    if (r->version != DURABLE_MARK_VERSION)
        return "format version";
    return r->shard != shard ? "shard" : NULL;
}

/* ---- reading ---- */

/* Record `i` to `r`. NULL or what is wrong. */
static const char *record_read(struct disk *d, int file, u32 i, u32 shard, struct durable_record *r)
{
    i64 n = d->ops->read(d, file, (u64)i * BLOCK_BYTES, r, BLOCK_BYTES);

    if (n < 0)
        return strerror((int)-n);
    if (n < (i64)BLOCK_BYTES)
        return "cut short";
    const char *what = durable_record_check(r, shard);
    return what ? what : r->number % RECORDS != i ? "the number of another record" : NULL;
}

u64 durable_mark_read(struct disk *d, u32 shard)
{
    struct durable_record *r = aligned_alloc(BLOCK_BYTES, RECORDS * BLOCK_BYTES);
    int file = r ? d->ops->open(d, DURABLE_MARK_FILE, DISK_READ) : -ENOMEM;
    const char *what[RECORDS] = {NULL, NULL};
    u64 seq = 0;

    if (file < 0 && file != -ENOENT)
        log_warn("journal %s/%s: %s: it is no witness of the journal's end", d->where,
                 DURABLE_MARK_FILE, strerror(-file));
    for (u32 i = 0; i < RECORDS && file >= 0; i++) {
        what[i] = record_read(d, file, i, shard, &r[i]);
        if (!what[i])
            seq = max_u64(seq, r[i].seq);
    }
    if (file >= 0 && !what[0] && !what[1] && r[0].number + 1 != r[1].number &&
        r[1].number + 1 != r[0].number)
        what[r[0].number > r[1].number] = "older than it should be";
    for (u32 i = 0; i < RECORDS; i++)
        if (what[i])
            log_warn("journal %s/%s, offset %u: damaged: %s; what the other record says, up to "
                     "transaction %" PRIu64 ", holds",
                     d->where, DURABLE_MARK_FILE, i * BLOCK_BYTES, what[i], seq);
    if (file >= 0)
        d->ops->close(d, file);
    free(r);
    return seq;
}

/* ---- writing ---- */

static void give_up(struct durable_mark *m, int error)
{
    log_warn("journal %s/%s: %s; from now on nothing but a snapshot would miss the last blocks if "
             "they rotted away",
             m->disk->where, DURABLE_MARK_FILE, strerror(-error));
    if (m->file >= 0)
        m->disk->ops->close(m->disk, m->file);
    m->file = -1;
}

/* The next record, of transaction `seq`. 0 or a negative errno. */
static int note(struct durable_mark *m, u64 seq)
{
    struct durable_record *r = m->block;
    struct disk *d = m->disk;

    *r = (struct durable_record){.magic = DURABLE_MARK_MAGIC,
                                 .version = DURABLE_MARK_VERSION,
                                 .shard = m->shard,
                                 .number = ++m->number,
                                 .seq = seq};
    r->crc = record_crc(r);
    m->seq = seq;
    int error = d->ops->put(d, m->file, m->number % RECORDS * BLOCK_BYTES, r, BLOCK_BYTES);
    CRASH_POINT("durable-noted");
    return error ? error : d->ops->sync(d, m->file);
}

/* The file aside, both records in it. 0 or a negative errno. */
static int make(struct durable_mark *m, u64 seq)
{
    struct disk *d = m->disk;
    int error = d->ops->unlink(d, FILE_NEW);

    if (!error || error == -ENOENT)
        error = d->ops->create(d, FILE_NEW, RECORDS * BLOCK_BYTES);
    if (!error)
        m->file = error = d->ops->open(d, FILE_NEW, DISK_WRITE);
    for (u32 i = 0; i < RECORDS && error >= 0; i++)
        error = note(m, seq);
    if (error >= 0)
        error = d->ops->rename(d, FILE_NEW, DURABLE_MARK_FILE);
    return error < 0 ? error : d->ops->sync_dir(d);
}

void durable_mark_open(struct durable_mark *m, struct disk *d, u32 shard, u64 seq, u64 every_ns,
                       struct mem *mem)
{
    *m = (struct durable_mark){.disk = d, .shard = shard, .every_ns = every_ns, .file = -1};
    m->block = mem_alloc(mem, BLOCK_BYTES, BLOCK_BYTES);
    int error = make(m, seq);
    if (error)
        give_up(m, error);
}

int durable_mark_turn(struct durable_mark *m, u64 seq, u64 now_ns)
{
    if (m->file < 0 || seq <= m->seq || now_ns < m->due_ns)
        return 0;
    m->due_ns = now_ns + m->every_ns;
    int error = note(m, seq);
    if (error)
        give_up(m, error);
    return 1;
}

void durable_mark_close(struct durable_mark *m, u64 seq)
{
    durable_mark_turn(m, seq, UINT64_MAX);
    if (m->file >= 0)
        m->disk->ops->close(m->disk, m->file);
    m->file = -1;
}
