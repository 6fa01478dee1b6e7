/*
 * snapshot.c - see snapshot.h. Cold.
 *
 *   pages of the arena ─▶ groups ─put─▶ new.snapshot ─sync, rename, sync_dir─▶ NNN.snapshot
 *
 * Nobody waits for a snapshot: whatever fails costs that one alone, and the next start more time.
 * Reading believes nothing: every checksum, every number and at the end the hash of the state must
 * be right. Failure modes: no space, a write or a sync fails (reported; the half-made file goes);
 * damage, another program, other pools (reported, the caller takes an older one or the journal).
 */
#include "persist/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/crc32c.h"
#include "engine/base/limits.h"
#include "engine/image.h"
#include "persist/plant.h"

#define HEAD_MAGIC       0x48534257u /* "WBSH" */
#define GROUP_MAGIC      0x47534257u /* "WBSG" */
#define SNAPSHOT_VERSION 1u
#define GROUP_PAGES      64u
#define CRC_FROM         8u
#define HEX_DIGITS       16u

_Static_assert(IMAGE_PAGE_BYTES == BLOCK_BYTES, "a page is a block of the file");

struct head {
    u32 magic;         /*  0 HEAD_MAGIC */
    u32 crc;           /*  4 CRC-32C of bytes 8..4095 */
    u32 version;       /*  8 SNAPSHOT_VERSION */
    u32 zero;          /* 12 */
    u64 program;       /* 16 engine_program() */
    u64 arena_pages;   /* 24 of the arena, zero ones included */
    u64 pages;         /* 32 in the file */
    struct snapshot s; /* 40 */
};

struct group {
    u32 magic; /*  0 GROUP_MAGIC */
    u32 crc;   /*  4 CRC-32C of bytes 8.. of this block and of its pages */
    u64 seq;   /*  8 of the snapshot */
    u32 index; /* 16 from 0 */
    u32 pages; /* 20 that follow, 1..GROUP_PAGES */
    u64 page[GROUP_PAGES];
};
_Static_assert(sizeof(struct head) <= BLOCK_BYTES && sizeof(struct group) <= BLOCK_BYTES,
               "a block each");

#define BUFFER_BYTES ((1 + GROUP_PAGES) * BLOCK_BYTES)

/* ---- names ---- */

static void name_of(u64 seq, char *name)
{
    snprintf(name, DISK_NAME_MAX, "%016" PRIx64 "%s", seq, SNAPSHOT_SUFFIX);
}

u64 snapshot_parse(const char *name)
{
    char canonical[DISK_NAME_MAX];

    if (strlen(name) != HEX_DIGITS + sizeof SNAPSHOT_SUFFIX - 1)
        return 0;
    u64 seq = strtoull(name, NULL, 16);
    name_of(seq, canonical);
    return strcmp(name, canonical) == 0 ? seq : 0;
}

static void listed(void *ctx, const struct disk_entry *e)
{
    struct snapshot_list *l = ctx;
    u64 seq = snapshot_parse(e->name);
    u32 i = 0;

    while (i < l->used && l->seq[i] > seq)
        i++;
    if (seq == 0 || i == SNAPSHOTS_LISTED)
        return;
    u32 moved = min_u32(l->used, SNAPSHOTS_LISTED - 1) - i;
    memmove(&l->seq[i + 1], &l->seq[i], moved * sizeof l->seq[0]);
    memmove(&l->bytes[i + 1], &l->bytes[i], moved * sizeof l->bytes[0]);
    l->seq[i] = seq;
    l->bytes[i] = e->bytes;
    l->used = i + moved + 1;
}

int snapshot_list(struct disk *d, struct snapshot_list *list)
{
    list->used = 0;
    return d->ops->list(d, listed, list);
}

int snapshot_remove(struct disk *d, u64 keep, u64 keep_too)
{
    struct snapshot_list list;
    int error = snapshot_list(d, &list);
    int gone = d->ops->unlink(d, SNAPSHOT_NEW);
    char name[DISK_NAME_MAX];

    for (u32 i = 0; i < list.used && !error; i++) {
        if (list.seq[i] == keep || list.seq[i] == keep_too)
            continue;
        name_of(list.seq[i], name);
        error = d->ops->unlink(d, name);
        CRASH_POINT("snapshot-removed");
        gone = 0;
    }
    return !error && gone == 0 ? d->ops->sync_dir(d) : error;
}

/* ---- writing ---- */

struct writer {
    struct disk *disk;
    int file;
    u8 *buffer;
    u64 at;    /* bytes of the file */
    u32 index; /* of the group in the buffer */
    u64 seq;
    u64 pages;
    int error;
};

static struct group *group_of(u8 *buffer)
{
    return (struct group *)(void *)buffer;
}

static void group_flush(struct writer *w)
{
    struct group *g = group_of(w->buffer);
    u64 bytes = (1 + (u64)g->pages) * BLOCK_BYTES;

    if (g->pages == 0 || w->error)
        return;
    g->magic = GROUP_MAGIC;
    g->seq = w->seq;
    g->index = w->index++;
    g->crc = crc32c(0, w->buffer + CRC_FROM, bytes - CRC_FROM);
    w->error = w->disk->ops->put(w->disk, w->file, w->at, w->buffer, bytes);
    w->at += bytes;
    CRASH_POINT("snapshot-begun");
    memset(w->buffer, 0, BLOCK_BYTES);
}

static void page_add(struct writer *w, u64 page, const u8 *bytes)
{
    struct group *g = group_of(w->buffer);

    memcpy(w->buffer + (1 + (u64)g->pages) * BLOCK_BYTES, bytes, BLOCK_BYTES);
    g->page[g->pages++] = page;
    w->pages++;
    if (g->pages == GROUP_PAGES)
        group_flush(w);
}

/* The head comes last, so that a file without its end has no beginning either. */
static void head_write(struct writer *w, const struct snapshot *s, const struct mem *m)
{
    struct head *h = (struct head *)(void *)w->buffer;

    memset(w->buffer, 0, BLOCK_BYTES);
    h->magic = HEAD_MAGIC;
    h->version = SNAPSHOT_VERSION;
    h->program = engine_program();
    h->arena_pages = engine_pages(m);
    h->pages = w->pages;
    h->s = *s;
    h->crc = crc32c(0, w->buffer + CRC_FROM, BLOCK_BYTES - CRC_FROM);
    if (!w->error)
        w->error = w->disk->ops->put(w->disk, w->file, 0, w->buffer, BLOCK_BYTES);
}

static int fill(struct writer *w, const struct snapshot *s, const struct mem *m)
{
    u64 pages = engine_pages(m);

    w->at = BLOCK_BYTES;
    for (u64 page = 0; page < pages && !w->error; page++) {
        const u8 *bytes = engine_page(m, page);
        if (bytes)
            page_add(w, page, bytes);
    }
    group_flush(w);
    head_write(w, s, m);
    return w->error ? w->error : w->disk->ops->sync(w->disk, w->file);
}

static int create(struct disk *d)
{
    int error = d->ops->create(d, SNAPSHOT_NEW, 0);

    if (error == -EEXIST) { /* left by a try that failed */
        error = d->ops->unlink(d, SNAPSHOT_NEW);
        if (!error)
            error = d->ops->create(d, SNAPSHOT_NEW, 0);
    }
    return error ? error : d->ops->open(d, SNAPSHOT_NEW, DISK_WRITE);
}

bool snapshot_write(struct disk *d, const struct snapshot *s, const struct mem *m, struct why *why)
{
    struct writer w = {.disk = d, .seq = s->seq};
    char name[DISK_NAME_MAX];
    int error = -ENOMEM;

    ASSERT(s->seq > 0 && s->block > 0);
    w.buffer = aligned_alloc(BLOCK_BYTES, BUFFER_BYTES);
    if (w.buffer) {
        memset(w.buffer, 0, BLOCK_BYTES);
        w.file = create(d);
        error = w.file < 0 ? w.file : fill(&w, s, m);
        if (w.file >= 0)
            d->ops->close(d, w.file);
    }
    free(w.buffer);
    name_of(s->seq, name);
    CRASH_POINT("snapshot-synced");
    if (!error)
        error = d->ops->rename(d, SNAPSHOT_NEW, name);
    else
        d->ops->unlink(d, SNAPSHOT_NEW);
    CRASH_POINT("snapshot-named");
    if (!error)
        error = d->ops->sync_dir(d);
    return !error || why_set(why, "snapshot %s/%s: %s; the journal is not concerned", d->where,
                             name, strerror(-error));
}

/* ---- reading ---- */

/* What was read of it at `offset` is not right. */
static bool bad(const struct disk *d, u64 seq, u64 offset, const char *what, struct why *why)
{
    char name[DISK_NAME_MAX];

    name_of(seq, name);
    return why_set(why, "snapshot %s/%s, offset %" PRIu64 ": %s", d->where, name, offset, what);
}

/* Reads exactly `bytes`. NULL or what is wrong. */
static const char *read_exactly(struct disk *d, int file, u64 at, u8 *to, u64 bytes)
{
    i64 got = d->ops->read(d, file, at, to, bytes);

    if (got < 0)
        return strerror((int)-got);
    return (u64)got < bytes ? "cut short" : NULL;
}

static int open_listed(struct disk *d, u64 seq)
{
    char name[DISK_NAME_MAX];

    name_of(seq, name);
    return d->ops->open(d, name, DISK_READ);
}

static const char another_build[] = "made by another build of this program";

static const char *head_check(const u8 *buffer, u64 seq, u64 bytes)
{
    const struct head *h = (const struct head *)(const void *)buffer;

    if (h->magic != HEAD_MAGIC || h->crc != crc32c(0, buffer + CRC_FROM, BLOCK_BYTES - CRC_FROM))
        return "its head is damaged";
    if (h->version != SNAPSHOT_VERSION || h->program != engine_program())
        return another_build;
    if (h->s.seq != seq)
        return "the number of another one";
    u64 groups = (h->pages + GROUP_PAGES - 1) / GROUP_PAGES;
    return bytes != (1 + groups + h->pages) * BLOCK_BYTES ? "not of its length" : NULL;
}

/* The head's block of the i-th. NULL or what is wrong with it. */
static const char *head_read(struct disk *d, const struct snapshot_list *list, u32 i, u8 *buffer)
{
    int file = open_listed(d, list->seq[i]);
    const char *what = file < 0 ? strerror(-file) : NULL;

    if (!what)
        what = read_exactly(d, file, 0, buffer, BLOCK_BYTES);
    if (file >= 0)
        d->ops->close(d, file);
    return what ? what : head_check(buffer, list->seq[i], list->bytes[i]);
}

bool snapshot_head(struct disk *d, const struct snapshot_list *list, u32 i, struct snapshot *s,
                   struct why *why)
{
    u8 *buffer = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);
    const char *what = buffer ? head_read(d, list, i, buffer) : "no memory";

    if (!what)
        *s = ((const struct head *)(const void *)buffer)->s;
    free(buffer);
    return what ? bad(d, list->seq[i], 0, what, why) : true;
}

u64 snapshot_foreign(struct disk *d)
{
    u8 *buffer = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);
    struct snapshot_list list = {.used = 0};
    u64 seq = 0;

    if (buffer && snapshot_list(d, &list) == 0)
        for (u32 i = 0; i < list.used && seq == 0; i++)
            seq = head_read(d, &list, i, buffer) == another_build ? list.seq[i] : 0;
    free(buffer);
    return seq;
}

/* One group of `pages` pages at `at` into the arena. NULL or what is wrong. */
static const char *group_load(struct disk *d, int file, u64 at, u8 *buffer, u64 seq, u32 index,
                              u32 pages, struct mem *m)
{
    u64 bytes = (1 + (u64)pages) * BLOCK_BYTES;
    const char *what = read_exactly(d, file, at, buffer, bytes);
    const struct group *g = group_of(buffer);

    if (what)
        return what;
    if (g->magic != GROUP_MAGIC || g->pages != pages || g->index != index || g->seq != seq ||
        g->crc != crc32c(0, buffer + CRC_FROM, bytes - CRC_FROM))
        return "damaged";
    for (u32 i = 0; i < pages; i++) {
        if (!engine_page_put(m, g->page[i], buffer + (1 + (u64)i) * BLOCK_BYTES))
            return "a page of nowhere";
    }
    return NULL;
}

/* All groups. NULL or what is wrong, and with which one: where it begins, to `*at`. */
static const char *load(struct disk *d, int file, u64 bytes, u64 seq, u8 *buffer, struct mem *m,
                        u64 *at)
{
    *at = BLOCK_BYTES;
    for (u32 index = 0; *at < bytes; index++) {
        u64 left = (bytes - *at) / BLOCK_BYTES - 1;
        u32 pages = (u32)min_u64(left, GROUP_PAGES);
        const char *what = group_load(d, file, *at, buffer, seq, index, pages, m);
        if (what)
            return what;
        *at += (1 + (u64)pages) * BLOCK_BYTES;
    }
    *at = 0; /* no place alone */
    return NULL;
}

bool snapshot_load(struct disk *d, const struct snapshot_list *list, u32 i,
                   const struct snapshot *s, struct mem *m, struct engine *e, struct why *why)
{
    u8 *buffer = aligned_alloc(BLOCK_BYTES, BUFFER_BYTES);
    int file = open_listed(d, list->seq[i]);
    const char *what = !buffer ? "no memory" : file < 0 ? strerror(-file) : NULL;
    u64 at = 0;

    ASSERT_EQ((u64)e, (u64)m->regions[0].base);
    if (!what)
        what = load(d, file, list->bytes[i], s->seq, buffer, m, &at);
    if (!what && (engine_seq(e) != s->seq || engine_journal_id(e) != s->journal_id ||
                  engine_state_hash(e) != s->state_hash))
        what = "not the state that it was made of (a bug of the program)";
    if (file >= 0)
        d->ops->close(d, file);
    free(buffer);
    return what ? bad(d, list->seq[i], at, what, why) : true;
}
