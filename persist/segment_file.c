/*
 * segment_file.c - see segment_file.h.
 *
 * The heads of used segments rise with their numbers (a later segment begins with a later block, or
 * with the same one as what it replaces), and prepared ones stand behind them: so both searches are
 * binary and look at few files, however long the journal is.
 */
#include "persist/segment_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"

/* Blocks in which a segment's first transaction must begin, unless the segment has none. */
#define HEAD_BLOCKS (TX_SLOTS_MAX / BLOCK_SLOTS + 2)
#define FIND_TRIES  16u /* segments that go one after the other while one is looked for */

bool segment_file_init(struct segment_file *f, struct disk *disk)
{
    memset(f, 0, sizeof *f);
    f->disk = disk;
    f->file = -1;
    f->buf = aligned_alloc(BLOCK_BYTES, SEGMENT_READ_BLOCKS * BLOCK_BYTES);
    return f->buf != NULL;
}

void segment_file_free(struct segment_file *f)
{
    segment_file_close(f);
    free(f->buf);
    f->buf = NULL;
}

void segment_file_close(struct segment_file *f)
{
    if (f->file >= 0)
        f->disk->ops->close(f->disk, f->file);
    f->file = -1;
    f->buf_blocks = 0;
}

int segment_file_open(struct segment_file *f, u64 segment, u64 bytes)
{
    char name[DISK_NAME_MAX];

    segment_file_close(f);
    segment_name(segment, name);
    int fd = f->disk->ops->open(f->disk, name, DISK_READ);
    if (fd < 0)
        return fd;
    f->file = fd;
    f->segment = segment;
    f->blocks = bytes / BLOCK_BYTES;
    return 0;
}

int segment_file_block(struct segment_file *f, u64 index, bool fresh, const struct block **out)
{
    ASSERT_GE(f->file, 0);
    if (index >= f->blocks)
        return -ENODATA;
    if (fresh || index < f->buf_at || index >= f->buf_at + f->buf_blocks) {
        u64 want = min_u64(SEGMENT_READ_BLOCKS, f->blocks - index);
        f->buf_blocks = 0;
        i64 got =
            f->disk->ops->read(f->disk, f->file, index * BLOCK_BYTES, f->buf, want * BLOCK_BYTES);
        if (got < 0)
            return (int)got;
        f->buf_at = index;
        f->buf_blocks = (u64)got / BLOCK_BYTES;
        if (f->buf_blocks == 0)
            return -ENODATA; /* the file is shorter than it was */
    }
    *out = &f->buf[index - f->buf_at];
    return 0;
}

/* ---- catalog ---- */

bool catalog_init(struct catalog *c, struct disk *disk, u32 shard)
{
    memset(c, 0, sizeof *c);
    c->disk = disk;
    c->shard = shard;
    return segment_file_init(&c->peek, disk);
}

void catalog_free(struct catalog *c)
{
    segment_file_free(&c->peek);
    free(c->entries);
    c->entries = NULL;
    c->used = 0;
    c->room = 0;
}

static int by_segment(const void *a, const void *b)
{
    u64 x = ((const struct segment_entry *)a)->segment;
    u64 y = ((const struct segment_entry *)b)->segment;

    return x < y ? -1 : x > y;
}

struct listing {
    struct catalog fresh;
    const struct catalog *old;
    int error;
};

static void listed(void *ctx, const struct disk_entry *e)
{
    struct listing *l = ctx;
    struct catalog *c = &l->fresh;
    struct segment_entry entry = {.segment = segment_parse(e->name), .bytes = e->bytes};

    if (entry.segment == 0 || l->error)
        return;
    if (c->used == c->room) {
        u32 room = c->room ? 2 * c->room : 64;
        void *p = realloc(c->entries, room * sizeof *c->entries);
        if (!p) {
            l->error = -ENOMEM;
            return;
        }
        c->entries = p;
        c->room = room;
    }
    if (l->old->used > 0) {
        const struct segment_entry *known =
            bsearch(&entry, l->old->entries, l->old->used, sizeof entry, by_segment);
        if (known && known->state == SEGMENT_USED)
            entry = *known; /* an empty one may have been used meanwhile */
    }
    c->entries[c->used++] = entry;
}

int catalog_load(struct catalog *c)
{
    struct listing l = {.old = c};
    int error = c->disk->ops->list(c->disk, listed, &l);

    if (!error)
        error = l.error;
    if (error) {
        free(l.fresh.entries);
        return error;
    }
    if (l.fresh.used > 0)
        qsort(l.fresh.entries, l.fresh.used, sizeof *l.fresh.entries, by_segment);
    free(c->entries);
    c->entries = l.fresh.entries;
    c->used = l.fresh.used;
    c->room = l.fresh.room;
    return 0;
}

/* Reads the first blocks of an open segment into its entry. */
static int look(struct catalog *c, struct segment_entry *e)
{
    const struct block *b;
    int error = 0;

    e->state = SEGMENT_EMPTY;
    for (u64 i = 0; i < HEAD_BLOCKS && e->first_seq == 0; i++) {
        error = segment_file_block(&c->peek, i, false, &b);
        if (error == -ENODATA)
            return 0;
        if (error)
            break;
        if (block_foreign(b))
            c->foreign = block_foreign(b);
        if (block_check(b, c->shard) || b->head.segment != e->segment)
            return 0;
        if (i == 0) {
            e->state = SEGMENT_USED;
            e->head = b->head;
        } else if (b->head.block != e->head.block + i) {
            return 0;
        }
        e->first_seq = b->head.first_seq;
    }
    if (error)
        e->state = SEGMENT_UNKNOWN;
    return error;
}

int catalog_entry(struct catalog *c, u32 i, struct segment_entry **out)
{
    ASSERT_LT(i, c->used);
    struct segment_entry *e = &c->entries[i];
    int error = 0;

    *out = e;
    if (e->state == SEGMENT_UNKNOWN || (e->state == SEGMENT_USED && e->first_seq == 0)) {
        error = segment_file_open(&c->peek, e->segment, e->bytes);
        if (!error)
            error = look(c, e);
        segment_file_close(&c->peek);
    }
    return error;
}

/* Does entry `i` begin at or before the key? 1, 0, or a negative errno. */
typedef int before_fn(struct catalog *c, u32 i, u64 key);

static int before_block(struct catalog *c, u32 i, u64 block)
{
    struct segment_entry *e;
    int error = catalog_entry(c, i, &e);

    return error ? error : e->state == SEGMENT_USED && e->head.block <= block;
}

/* A segment without a beginning of its own is judged by the next one that has one. */
static int before_seq(struct catalog *c, u32 i, u64 seq)
{
    for (; i < c->used; i++) {
        struct segment_entry *e;
        int error = catalog_entry(c, i, &e);
        if (error || e->state != SEGMENT_USED)
            return error;
        if (e->first_seq != 0)
            return e->first_seq <= seq;
    }
    return 0;
}

static int halve(struct catalog *c, before_fn *before, u64 key, u32 *out)
{
    u32 lo = 0; /* all before it begin at or before the key */
    u32 hi = c->used;

    while (lo < hi) {
        u32 mid = lo + (hi - lo) / 2;
        int yes = before(c, mid, key);
        if (yes < 0)
            return yes;
        if (yes)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == 0)
        return -ENODATA;
    *out = lo - 1;
    return 0;
}

/* A segment that was used again since the listing is not what is looked for: lists anew. */
static int find(struct catalog *c, before_fn *before, u64 key, u32 *out)
{
    int error = halve(c, before, key, out);

    for (u32 i = 0; i < FIND_TRIES && error == -ENOENT; i++) {
        error = catalog_load(c);
        if (!error)
            error = halve(c, before, key, out);
    }
    return error;
}

int catalog_find_block(struct catalog *c, u64 block, u32 *i)
{
    return find(c, before_block, block, i);
}

int catalog_find_seq(struct catalog *c, u64 seq, u32 *i)
{
    return find(c, before_seq, seq, i);
}
