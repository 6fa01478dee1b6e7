/*
 * sim_disk.c - files in memory with the fates of writes decided by the seed; see sim_disk.h.
 *
 * Two views of the directory: `names` is what the process sees, `stable` what a power cut leaves.
 * They meet in sync_dir. A file's content is one buffer: writes reach it when they end, and at a
 * cut those in flight reach it wholly, partly or not at all. What create and sync promise (content
 * synced) is therefore given.
 */
#include "tests/sim/sim_disk_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/crc32c.h"
#include "tests/sim/sim.h"

/* ---- hot ---- */

static struct sim_disk *self(struct disk *d)
{
    return CONTAINER_OF(d, struct sim_disk, head);
}

/* Before a cold operation that changes something: this may be where the power goes. */
static void may_cut(struct sim_disk *s)
{
    bool counts = s->hook_in > 0 && (!s->hook_beside || sim_dir_find(&s->seen, s->hook_beside));

    if (counts && --s->hook_in == 0)
        s->hook();
}

static struct node *handle_node(struct sim_disk *s, int file)
{
    SIM_CHECK(file >= 0 && file < (int)HANDLES_MAX && s->handles[file],
              "a file handle (%d) that is not open", file);
    return s->handles[file];
}

static void check_write(struct sim_disk *s, int file, u64 offset, const void *data, u32 bytes)
{
    struct node *n = handle_node(s, file);

    SIM_CHECK(s->handle_how[file] == DISK_WRITE, "a write to a file opened for reading");
    SIM_CHECK(bytes > 0 && bytes % BLOCK_BYTES == 0 && offset % BLOCK_BYTES == 0 &&
                  (uintptr_t)data % BLOCK_BYTES == 0,
              "a write of %u bytes at %llu is not aligned", bytes, (unsigned long long)offset);
    SIM_CHECK(offset + bytes <= n->bytes, "a write beyond the end of a preallocated file");
}

static bool disk_write(struct disk *d, int file, u64 offset, const void *data, u32 bytes, u64 tag)
{
    struct sim_disk *s = self(d);
    u64 took = sim_delay(s->conf.write_min_ns, s->conf.write_max_ns);

    check_write(s, file, offset, data, bytes);
    if (s->off || s->flights_used == INFLIGHT_MAX || (!sim.calm && sim_chance(2000)))
        return false;
    if (!sim.calm && sim_chance(s->conf.stall_per_million)) {
        took = sim_between(s->conf.write_max_ns, s->conf.stall_max_ns);
        sim.counts.disk_stalls++;
        sim_trace("disk", "stalls for %llu us", (unsigned long long)(took / NS_PER_US));
    }
    struct flight *f = &s->flights[s->flights_used++];
    *f = (struct flight){.node = handle_node(s, file),
                         .offset = offset,
                         .data = data,
                         .bytes = bytes,
                         .data_sum = crc32c(0, data, bytes),
                         .tag = tag,
                         .due_ns = sim.now_ns + took};
    f->fails = s->fail_next || (!sim.calm && sim_chance(s->conf.eio_per_million));
    s->fail_next = false;
    f->lies = f->node == s->last_failed.node && offset == s->last_failed.offset;
    f->node->links++;
    sim.counts.writes++;
    sim_trace("disk", "write tag %llu: %u bytes at %llu, due in %llu us", (unsigned long long)tag,
              bytes, (unsigned long long)offset, (unsigned long long)(took / NS_PER_US));
    return true;
}

static u32 disk_reap(struct disk *d, struct disk_done *done, u32 max)
{
    struct sim_disk *s = self(d);
    u32 n = 0;

    for (u32 i = 0; i < s->flights_used && n < max;) {
        struct flight *f = &s->flights[i];
        if (f->due_ns > sim.now_ns) {
            i++;
            continue;
        }
        sim_flight_check_data(f);
        if (f->fails) {
            sim_flight_tear(f);
            s->last_failed = (struct failed){f->node, f->offset};
            sim.counts.writes_failed++;
        } else if (!f->lies) {
            memcpy(f->node->data + f->offset, f->data, f->bytes);
        }
        done[n++] = (struct disk_done){.tag = f->tag, .error = f->fails ? EIO : 0};
        sim_trace("disk", "write tag %llu %s", (unsigned long long)f->tag,
                  f->fails ? "FAILED" : "is stable");
        sim_node_drop(f->node);
        *f = s->flights[--s->flights_used];
    }
    return n;
}

/* ---- cold ---- */

static int disk_list(struct disk *d, void (*each)(void *ctx, const struct disk_entry *e), void *ctx)
{
    struct sim_disk *s = self(d);

    for (u32 i = 0; i < s->seen.used; i++) {
        struct disk_entry e = {.bytes = s->seen.names[i].node->bytes};
        memcpy(e.name, s->seen.names[i].text, sizeof e.name);
        each(ctx, &e);
    }
    return 0;
}

static u64 free_now(const struct sim_disk *s)
{
    return s->full || s->used_bytes >= s->conf.capacity_bytes
               ? 0
               : s->conf.capacity_bytes - s->used_bytes;
}

static int disk_create(struct disk *d, const char *name, u64 bytes)
{
    struct sim_disk *s = self(d);

    may_cut(s);
    if (s->off || sim_dir_find(&s->seen, name))
        return s->off ? -EIO : -EEXIST;
    if (bytes > free_now(s))
        return -ENOSPC;
    struct node *n = sim_alloc(sizeof *n);
    n->data = sim_alloc(bytes + 1);
    n->bytes = bytes;
    s->used_bytes += bytes;
    sim_dir_set(&s->seen, name, n);
    sim_change_note(s, CHANGE_CREATE, "", name, n);
    return 0;
}

static int disk_open(struct disk *d, const char *name, enum disk_open how)
{
    struct sim_disk *s = self(d);
    struct name *n = sim_dir_find(&s->seen, name);

    if (!n)
        return -ENOENT;
    for (int i = 0; i < (int)HANDLES_MAX; i++)
        if (!s->handles[i]) {
            s->handles[i] = n->node;
            s->handle_how[i] = how;
            n->node->links++;
            return i;
        }
    return -EMFILE;
}

static void disk_close(struct disk *d, int file)
{
    struct sim_disk *s = self(d);

    if (s->off)
        return; /* the power took it */
    sim_node_drop(handle_node(s, file));
    s->handles[file] = NULL;
}

static i64 disk_read(struct disk *d, int file, u64 offset, void *to, u64 bytes)
{
    struct node *n = handle_node(self(d), file);

    SIM_CHECK(offset % BLOCK_BYTES == 0 && bytes % BLOCK_BYTES == 0, "a read is not aligned");
    if (offset >= n->bytes)
        return 0;
    u64 got = min_u64(bytes, n->bytes - offset);
    memcpy(to, n->data + offset, got);
    return (i64)got;
}

/* Room for a file of `bytes`, the new part zero. False: there is none. */
static bool node_grow(struct sim_disk *s, struct node *n, u64 bytes)
{
    if (bytes <= n->bytes)
        return true;
    if (bytes - n->bytes > free_now(s))
        return false;
    u8 *data = sim_alloc(bytes + 1);
    memcpy(data, n->data, n->bytes);
    free(n->data);
    s->used_bytes += bytes - n->bytes;
    n->data = data;
    n->bytes = bytes;
    return true;
}

/* What was put can be read at once; until the file is synced a cut may take any of it back. */
static int disk_put(struct disk *d, int file, u64 offset, const void *data, u64 bytes)
{
    struct sim_disk *s = self(d);

    if (s->off)
        return -EIO; /* it has closed all files as well */
    struct node *n = handle_node(s, file);
    u64 old_bytes = n->bytes;
    SIM_CHECK(s->handle_how[file] != DISK_READ && bytes > 0 && bytes % BLOCK_BYTES == 0 &&
                  offset % BLOCK_BYTES == 0 && (uintptr_t)data % BLOCK_BYTES == 0,
              "a put of %llu bytes at %llu is not allowed", (unsigned long long)bytes,
              (unsigned long long)offset);
    may_cut(s);
    bool fails = s->handle_how[file] == DISK_WRITE && !sim.calm &&
                 sim_chance(s->conf.put_eio_per_million); /* a start that fails is no news */
    if (s->off || fails)
        return -EIO;
    if (!node_grow(s, n, offset + bytes))
        return -ENOSPC;
    SIM_CHECK(s->undos_used < UNDO_MAX, "%u puts without a sync", UNDO_MAX);
    struct undo *u = &s->undos[s->undos_used++];
    *u = (struct undo){.node = n,
                       .offset = offset,
                       .bytes = (u32)bytes,
                       .file_bytes = old_bytes,
                       .grew = n->bytes > old_bytes};
    u->before = sim_alloc(bytes);
    memcpy(u->before, n->data + offset, bytes);
    n->links++;
    memcpy(n->data + offset, data, bytes);
    sim.counts.puts++;
    return 0;
}

static int disk_reserve(struct disk *d, int file, u64 bytes)
{
    struct sim_disk *s = self(d);

    if (s->off)
        return -EIO;
    struct node *n = handle_node(s, file);
    SIM_CHECK(s->handle_how[file] == DISK_FILL && n->bytes == 0, "space is for a new file");
    return node_grow(s, n, bytes) ? 0 : -ENOSPC;
}

static int disk_sync(struct disk *d, int file)
{
    struct sim_disk *s = self(d);

    may_cut(s);
    if (s->off)
        return -EIO;
    struct node *n = handle_node(s, file);
    for (u32 i = s->undos_used; i > 0; i--)
        if (s->undos[i - 1].node == n)
            sim_undo_drop(s, i - 1);
    return 0;
}

static int disk_rename(struct disk *d, const char *from, const char *to)
{
    struct sim_disk *s = self(d);
    may_cut(s);
    struct name *n = sim_dir_find(&s->seen, from);
    if (s->off || !n)
        return s->off ? -EIO : -ENOENT;
    struct node *node = n->node;
    sim_change_note(s, CHANGE_RENAME, from, to, node);
    sim_change_apply(&s->seen, &s->changes[s->changes_used - 1]);
    return 0;
}

static int disk_unlink(struct disk *d, const char *name)
{
    struct sim_disk *s = self(d);
    may_cut(s);
    struct name *n = sim_dir_find(&s->seen, name);
    if (s->off || !n)
        return s->off ? -EIO : -ENOENT;
    s->used_bytes -= min_u64(s->used_bytes, n->node->bytes);
    sim_change_note(s, CHANGE_UNLINK, name, "", n->node);
    sim_dir_remove(&s->seen, name);
    return 0;
}

static int disk_sync_dir(struct disk *d)
{
    struct sim_disk *s = self(d);

    may_cut(s);
    if (s->off)
        return -EIO;
    sim_dir_copy(&s->stable, &s->seen);
    sim_changes_forget(s);
    sim_trace("disk", "sync_dir: %u files", s->seen.used);
    return 0;
}

static i64 disk_free_bytes(struct disk *d)
{
    return (i64)free_now(self(d));
}

static int disk_lock(struct disk *d)
{
    struct sim_disk *s = self(d);

    if (s->locked)
        return -EWOULDBLOCK;
    s->locked = true;
    return 0;
}

const struct disk_ops sim_disk_ops = {
    .write = disk_write,
    .reap = disk_reap,
    .list = disk_list,
    .create = disk_create,
    .open = disk_open,
    .close = disk_close,
    .read = disk_read,
    .put = disk_put,
    .reserve = disk_reserve,
    .sync = disk_sync,
    .rename = disk_rename,
    .unlink = disk_unlink,
    .sync_dir = disk_sync_dir,
    .free_bytes = disk_free_bytes,
    .lock = disk_lock,
};
