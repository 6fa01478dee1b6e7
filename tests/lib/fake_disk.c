/* fake_disk.c - see fake_disk.h. One thread. */
#include "tests/lib/fake_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/crc32c.h"
#include "engine/base/hash.h"
#include "engine/base/limits.h"

#define SECTOR 512u

static struct fake_disk *self(struct disk *d)
{
    return CONTAINER_OF(d, struct fake_disk, disk);
}

/* ---- writes ---- */

static bool fake_write(struct disk *d, int file, u64 offset, const void *data, u32 bytes, u64 tag)
{
    struct fake_disk *f = self(d);
    struct fake_pending *p = f->pending;

    ASSERT((uintptr_t)data % BLOCK_BYTES == 0 && bytes % BLOCK_BYTES == 0 && bytes > 0);
    ASSERT(offset + bytes <= f->files[file].bytes && f->files[file].opens > 0);
    for (u32 i = 0; i < bytes && !f->recycles; i++)
        ASSERT_EQ(f->files[file].data[offset + i], 0); /* nothing is written twice */
    if (f->pending_used >= f->queue_max)
        return false;
    while (p->busy)
        p++;
    *p = (struct fake_pending){data, offset, tag,  bytes, crc32c(0, data, bytes),
                               file, 0,      true, false};
    f->pending_used++;
    f->writes++;
    f->bytes_written += bytes;
    f->in_flight_max = max_u32(f->in_flight_max, f->pending_used);
    f->blocks_max = max_u32(f->blocks_max, bytes / BLOCK_BYTES);
    return true;
}

/* The i-th by age: tags rise. */
static struct fake_pending *by_age(struct fake_disk *f, u32 i)
{
    u64 above = 0;
    struct fake_pending *best = NULL;

    for (u32 n = 0; n <= i; n++) {
        best = NULL;
        for (struct fake_pending *p = f->pending; p < f->pending + FAKE_PENDING; p++) {
            if (p->busy && !p->ended && (n == 0 || p->tag > above) && (!best || p->tag < best->tag))
                best = p;
        }
        if (!best)
            return NULL;
        above = best->tag;
    }
    return best;
}

void fake_disk_end(struct fake_disk *f, u32 i, int error)
{
    struct fake_pending *p = by_age(f, i);

    ASSERT(p != NULL);
    ASSERT_EQ(crc32c(0, p->data, p->bytes), p->sum); /* untouched since it was submitted */
    if (!error)
        memcpy(f->files[p->file].data + p->offset, p->data, p->bytes);
    p->ended = true;
    p->error = error;
}

u32 fake_disk_under_way(const struct fake_disk *f)
{
    u32 n = 0;

    for (u32 i = 0; i < FAKE_PENDING; i++)
        n += f->pending[i].busy && !f->pending[i].ended;
    return n;
}

static u32 fake_reap(struct disk *d, struct disk_done *done, u32 max)
{
    struct fake_disk *f = self(d);
    u32 n = 0;

    while (f->automatic && fake_disk_under_way(f) > 0)
        fake_disk_end(f, 0, 0);
    for (struct fake_pending *p = f->pending; p < f->pending + FAKE_PENDING && n < max; p++) {
        if (!p->busy || !p->ended)
            continue;
        done[n++] = (struct disk_done){.tag = p->tag, .error = p->error};
        p->busy = false;
        f->pending_used--;
    }
    return n;
}

void fake_disk_cut(struct fake_disk *f, u64 random)
{
    for (u32 i = 0; i < FAKE_PENDING; i++) {
        struct fake_pending *p = &f->pending[i];
        if (p->busy && !p->ended) {
            for (u32 at = 0; at < p->bytes; at += SECTOR) {
                bool stays = random == UINT64_MAX ||
                             (random != 0 && (hash_2u64(random, p->tag, at) & 1) != 0);
                if (stays)
                    memcpy(f->files[p->file].data + p->offset + at, p->data + at, SECTOR);
            }
        }
        p->busy = false;
    }
    for (u32 i = 0; i < FAKE_FILES; i++)
        f->files[i].opens = 0;
    f->pending_used = 0;
    f->locked = false;
}

/* ---- files ---- */

struct fake_file *fake_disk_file(struct fake_disk *f, const char *name)
{
    for (u32 i = 0; i < FAKE_FILES; i++) {
        if (f->files[i].name[0] && strcmp(f->files[i].name, name) == 0)
            return &f->files[i];
    }
    return NULL;
}

u32 fake_disk_files(const struct fake_disk *f)
{
    u32 n = 0;

    for (u32 i = 0; i < FAKE_FILES; i++)
        n += f->files[i].name[0] != 0;
    return n;
}

static int fake_list(struct disk *d, void (*each)(void *, const struct disk_entry *), void *ctx)
{
    struct fake_disk *f = self(d);

    for (u32 i = 0; i < FAKE_FILES; i++) {
        struct disk_entry e = {.bytes = f->files[i].bytes};
        memcpy(e.name, f->files[i].name, sizeof e.name);
        if (e.name[0])
            each(ctx, &e);
    }
    return 0;
}

static int fake_create(struct disk *d, const char *name, u64 bytes)
{
    struct fake_disk *f = self(d);
    struct fake_file *file = f->files;

    if (f->create_error)
        return f->create_error;
    if (fake_disk_file(f, name))
        return -EEXIST;
    while (file->name[0] || file->opens > 0)
        ASSERT_LT(++file - f->files, FAKE_FILES);
    free(file->data);
    *file = (struct fake_file){.bytes = bytes, .data = calloc(1, bytes + 1)};
    memcpy(file->name, name, strlen(name) + 1);
    return 0;
}

static int fake_open(struct disk *d, const char *name, enum disk_open how)
{
    struct fake_disk *f = self(d);
    struct fake_file *file = fake_disk_file(f, name);

    if (!file)
        return -ENOENT;
    if (file->read_only && how != DISK_READ)
        return -EACCES;
    file->opens++;
    file->fill = how == DISK_FILL;
    return (int)(file - f->files);
}

static void fake_close(struct disk *d, int file)
{
    ASSERT_GT(self(d)->files[file].opens, 0);
    self(d)->files[file].opens--;
}

static i64 fake_read(struct disk *d, int file, u64 offset, void *to, u64 bytes)
{
    struct fake_disk *f = self(d);
    const struct fake_file *from = &f->files[file];

    if (f->reads++ >= f->reads_good && f->read_error)
        return f->read_error;
    ASSERT(offset % BLOCK_BYTES == 0 && bytes % BLOCK_BYTES == 0 && from->opens > 0);
    if (offset >= from->bytes)
        return 0;
    u64 n = min_u64(bytes, from->bytes - offset);
    memcpy(to, from->data + offset, n);
    return (i64)n;
}

static int fake_put(struct disk *d, int file, u64 offset, const void *data, u64 bytes)
{
    struct fake_disk *f = self(d);
    struct fake_file *to = &f->files[file];

    ASSERT(offset % BLOCK_BYTES == 0 && bytes % BLOCK_BYTES == 0 && to->opens > 0);
    if (to->fill && f->fills++ >= f->fills_good && f->fill_error)
        return f->fill_error;
    if (!to->fill && f->puts++ >= f->puts_good && f->put_error)
        return f->put_error;
    if (offset + bytes > to->bytes) {
        to->data = realloc(to->data, offset + bytes);
        to->bytes = offset + bytes;
    }
    memcpy(to->data + offset, data, bytes);
    return 0;
}

static int fake_reserve(struct disk *d, int file, u64 bytes)
{
    struct fake_file *f = &self(d)->files[file];

    ASSERT(f->opens > 0 && f->bytes == 0);
    f->data = realloc(f->data, bytes);
    memset(f->data, 0, bytes);
    f->bytes = bytes;
    return 0;
}

static int fake_sync(struct disk *d, int file)
{
    (void)file;
    self(d)->syncs++;
    return self(d)->fsync_error;
}

static int fake_rename(struct disk *d, const char *from, const char *to)
{
    struct fake_file *file = fake_disk_file(self(d), from);
    struct fake_file *over = fake_disk_file(self(d), to);

    if (!file)
        return -ENOENT;
    if (over)
        over->name[0] = '\0';
    memcpy(file->name, to, strlen(to) + 1);
    return 0;
}

static int fake_unlink(struct disk *d, const char *name)
{
    struct fake_file *file = fake_disk_file(self(d), name);

    if (!file)
        return -ENOENT;
    file->name[0] = '\0';
    return 0;
}

static int fake_sync_dir(struct disk *d)
{
    self(d)->dir_syncs++;
    return self(d)->sync_error;
}

static i64 fake_free_bytes(struct disk *d)
{
    return self(d)->free_bytes;
}

static int fake_lock(struct disk *d)
{
    struct fake_disk *f = self(d);

    if (f->locked)
        return -EWOULDBLOCK;
    f->locked = true;
    return 0;
}

static const struct disk_ops fake_ops = {
    .write = fake_write,
    .reap = fake_reap,
    .list = fake_list,
    .create = fake_create,
    .open = fake_open,
    .close = fake_close,
    .read = fake_read,
    .put = fake_put,
    .reserve = fake_reserve,
    .sync = fake_sync,
    .rename = fake_rename,
    .unlink = fake_unlink,
    .sync_dir = fake_sync_dir,
    .free_bytes = fake_free_bytes,
    .lock = fake_lock,
};

struct fake_disk *fake_disk_new(void)
{
    struct fake_disk *f = calloc(1, sizeof *f);

    f->disk = (struct disk){.ops = &fake_ops, .where = "fake"};
    f->automatic = true;
    f->queue_max = FAKE_PENDING;
    f->free_bytes = 1ll << 40;
    return f;
}

void fake_disk_free(struct fake_disk *f)
{
    for (u32 i = 0; i < FAKE_FILES; i++)
        free(f->files[i].data);
    free(f);
}

struct fake_disk *fake_disk_copy(const struct fake_disk *f)
{
    struct fake_disk *copy = fake_disk_new();

    for (u32 i = 0; i < FAKE_FILES; i++) {
        if (!f->files[i].name[0])
            continue;
        copy->files[i] = f->files[i];
        copy->files[i].opens = 0;
        copy->files[i].data = malloc(f->files[i].bytes);
        memcpy(copy->files[i].data, f->files[i].data, f->files[i].bytes);
    }
    return copy;
}
