/*
 * repair_files.c - see repair_impl.h: the directories of a repair. Cold.
 *
 * Files are never copied but for the one that is mended: a name more (a hard link) keeps the
 * original, whatever happens to the name that it had. Segments of a process that is over are never
 * written again, only removed.
 *
 * The order of repair_commit: whatever a power cut leaves of it is still damage to a start, never a
 * journal that only looks torn. So new files take their names from the lowest on, then what is too
 * much goes from the highest on, snapshots last.
 * The journal that is made has a durable.mark of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "persist/directory.h"
#include "persist/durable_mark.h"
#include "persist/repair_impl.h"
#include "persist/snapshot.h"

#define LEDGER   "archive.ledger" /* of the archive: says of names what is no longer so */
#define DIR_MODE 0750

/* ---- names ---- */

static bool path_make(char *path, const char *dir, const char *name)
{
    int n = snprintf(path, REPAIR_PATH_MAX, "%s/%s", dir, name);

    return n > 0 && n < REPAIR_PATH_MAX;
}

static bool fails(struct repair *r, const char *doing, const char *path, int error)
{
    return why_set(r->why, "%s %.200s: %s", doing, path, strerror(error));
}

static bool is_journal_file(const char *name)
{
    return segment_parse(name) != 0 || snapshot_parse(name) != 0 ||
           strcmp(name, DURABLE_MARK_FILE) == 0;
}

struct names {
    char (*at)[DISK_NAME_MAX];
    u32 used;
    u32 room;
    bool failed;
};

static void names_add(void *ctx, const struct disk_entry *e)
{
    struct names *n = ctx;

    if (!is_journal_file(e->name) || n->failed)
        return;
    if (n->used == n->room) {
        void *more = realloc(n->at, (n->room + 64) * sizeof *n->at);
        n->failed = more == NULL;
        if (n->failed)
            return;
        n->at = more;
        n->room += 64;
    }
    memcpy(n->at[n->used++], e->name, DISK_NAME_MAX);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Segments and snapshots of `d`; by name, so segments rise. The caller frees n->at. */
static bool names_list(struct repair *r, struct disk *d, struct names *n)
{
    memset(n, 0, sizeof *n);
    int error = d->ops->list(d, names_add, n);

    if (n->used > 0)
        qsort(n->at, n->used, sizeof *n->at, by_name);
    if (!error && !n->failed)
        return true;
    return fails(r, "listing", d->where, n->failed ? ENOMEM : -error);
}

static bool link_to(struct repair *r, const char *dir, const char *name)
{
    char from[REPAIR_PATH_MAX];
    char to[REPAIR_PATH_MAX];

    if (!path_make(from, r->conf->dir, name) || !path_make(to, dir, name))
        return fails(r, "linking", name, ENAMETOOLONG);
    return link(from, to) == 0 || fails(r, "linking", to, errno);
}

static bool sync_path(struct repair *r, const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 || fsync(fd) < 0 ? errno : 0;

    if (fd >= 0)
        close(fd);
    return !error || fails(r, "syncing", dir, error);
}

bool repair_own(struct repair *r, const char *path)
{
    struct stat st;

    if (geteuid() != 0)
        return true;
    if (stat(r->conf->dir, &st) == 0 && chown(path, st.st_uid, st.st_gid) == 0)
        return true;
    return fails(r, "giving away", path, errno);
}

/* ---- DIR/repairing ---- */

/* Everything in it is a link or was made here. */
static void empty(const char *dir, struct disk *d)
{
    struct names n = {0};
    char path[REPAIR_PATH_MAX];

    d->ops->list(d, names_add, &n);
    for (u32 i = 0; i < n.used; i++)
        if (path_make(path, dir, n.at[i]))
            unlink(path);
    free(n.at);
    if (path_make(path, dir, SEGMENT_NEW))
        unlink(path);
}

void repair_work_remove(struct repair *r)
{
    struct why why;
    struct disk *d = r->work_path[0] ? directory_new(r->work_path, &why) : NULL;

    if (!d)
        return;
    empty(r->work_path, d);
    d->ops->free(d);
    rmdir(r->work_path);
}

bool repair_work_make(struct repair *r)
{
    struct names n;

    if (!path_make(r->work_path, r->conf->dir, REPAIR_WORK))
        return fails(r, "making", r->conf->dir, ENAMETOOLONG);
    repair_work_remove(r); /* of a repair that died */
    if (mkdir(r->work_path, DIR_MODE) < 0)
        return fails(r, "making", r->work_path, errno);
    bool ok = names_list(r, r->disk, &n);
    for (u32 i = 0; ok && i < n.used; i++) /* the mark speaks of what is cut: a new one is made */
        ok = strcmp(n.at[i], DURABLE_MARK_FILE) == 0 || link_to(r, r->work_path, n.at[i]);
    free(n.at);
    return ok;
}

/* ---- what is done in it ---- */

static int copy_blocks(struct disk *d, const char *name, u64 blocks)
{
    void *buffer = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);
    int from = d->ops->open(d, name, DISK_READ);
    int to = d->ops->open(d, SEGMENT_NEW, DISK_WRITE);
    int error = !buffer ? -ENOMEM : from < 0 ? from : to < 0 ? to : 0;

    for (u64 i = 0; !error && i < blocks; i++) {
        i64 got = d->ops->read(d, from, i * BLOCK_BYTES, buffer, BLOCK_BYTES);
        if (got < (i64)BLOCK_BYTES) { /* shorter than it says: zeros */
            error = got < 0 ? (int)got : 0;
            break;
        }
        error = d->ops->put(d, to, i * BLOCK_BYTES, buffer, BLOCK_BYTES);
    }
    if (!error)
        error = d->ops->sync(d, to);
    if (from >= 0)
        d->ops->close(d, from);
    if (to >= 0)
        d->ops->close(d, to);
    free(buffer);
    return error;
}

bool repair_mend(struct repair *r, u64 segment, u64 blocks, u64 total)
{
    char name[DISK_NAME_MAX];
    struct disk *d = r->work;
    int error = d->ops->create(d, SEGMENT_NEW, total * BLOCK_BYTES);

    segment_name(segment, name);
    if (!error)
        error = copy_blocks(d, name, blocks);
    if (!error)
        error = d->ops->rename(d, SEGMENT_NEW, name);
    return !error || fails(r, "mending", name, -error);
}

/* Blocks of the segment's file, as its own head says. */
static u64 blocks_of(struct repair *r, u64 segment)
{
    struct catalog c;
    struct segment_entry *e;
    u64 blocks = 0;

    if (!catalog_init(&c, r->work, r->conf->shard))
        return 0;
    u32 used = catalog_load(&c) == 0 ? c.used : 0;
    for (u32 i = 0; i < used; i++)
        if (c.entries[i].segment == segment && catalog_entry(&c, i, &e) == 0 &&
            e->state == SEGMENT_USED)
            blocks = e->head.segment_blocks;
    catalog_free(&c);
    return blocks;
}

bool repair_cut(struct repair *r, u64 segment, u64 blocks)
{
    struct names n;
    bool ok = names_list(r, r->work, &n);
    struct disk *d = r->work;
    u64 total = blocks > 0 ? blocks_of(r, segment) : 0;

    if (ok && blocks > 0 && total == 0)
        ok = fails(r, "cutting", "a segment whose first block cannot be read", EIO);
    for (u32 i = 0; ok && i < n.used; i++) {
        u64 number = segment_parse(n.at[i]);
        if (number == 0 || number < segment + (blocks > 0))
            continue;
        int error = d->ops->unlink(d, n.at[i]);
        ok = !error || fails(r, "removing", n.at[i], -error);
    }
    free(n.at);
    return ok && (blocks == 0 || repair_mend(r, segment, blocks, total));
}

bool repair_drop_snapshot(struct repair *r, u64 seq)
{
    struct names n;
    struct disk *d = r->work;
    bool ok = names_list(r, d, &n);
    u32 gone = 0;

    for (u32 i = 0; ok && i < n.used; i++) {
        if (seq == 0 || snapshot_parse(n.at[i]) != seq)
            continue;
        int error = d->ops->unlink(d, n.at[i]);
        ok = !error || fails(r, "removing", n.at[i], -error);
        gone++;
    }
    free(n.at);
    return ok && (gone > 0 || fails(r, "removing", "a snapshot", ENOENT));
}

/* ---- DIR/damaged.N, and the exchange ---- */

bool repair_keep_make(struct repair *r)
{
    char name[32];

    for (u32 n = 1; n < 10000; n++) {
        snprintf(name, sizeof name, REPAIR_KEEP "%u", n);
        if (!path_make(r->keep_path, r->conf->dir, name))
            return fails(r, "making", r->conf->dir, ENAMETOOLONG);
        if (mkdir(r->keep_path, DIR_MODE) == 0)
            return repair_own(r, r->keep_path);
        if (errno != EEXIST)
            break;
    }
    return fails(r, "making", r->keep_path, errno);
}

/* Is DIR/name the same file as work/name? */
static bool same_file(const struct repair *r, const char *name)
{
    char a[REPAIR_PATH_MAX];
    char b[REPAIR_PATH_MAX];
    struct stat x, y;

    return path_make(a, r->conf->dir, name) && path_make(b, r->work_path, name) &&
           stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

/* All that will lose its name gets one in DIR/damaged.N. */
static bool keep(struct repair *r, const struct names *old)
{
    char path[REPAIR_PATH_MAX];
    bool ok = true;

    fprintf(r->conf->report, "originals   %s:", r->keep_path);
    for (u32 i = 0; ok && i < old->used; i++) {
        if (same_file(r, old->at[i]))
            continue;
        fprintf(r->conf->report, " %s", old->at[i]);
        ok = link_to(r, r->keep_path, old->at[i]);
    }
    if (ok && path_make(path, r->conf->dir, LEDGER) && access(path, F_OK) == 0) {
        fprintf(r->conf->report, " %s", LEDGER);
        ok = link_to(r, r->keep_path, LEDGER);
    }
    fputc('\n', r->conf->report);
    return ok && sync_path(r, r->keep_path) && sync_path(r, r->conf->dir);
}

static bool move_in(struct repair *r, const char *name)
{
    char from[REPAIR_PATH_MAX];
    char to[REPAIR_PATH_MAX];

    if (same_file(r, name))
        return true;
    if (!path_make(from, r->work_path, name) || !path_make(to, r->conf->dir, name))
        return fails(r, "renaming", name, ENAMETOOLONG);
    return repair_own(r, from) && (rename(from, to) == 0 || fails(r, "renaming", from, errno));
}

static bool has(const struct names *n, const char *name)
{
    return n->used > 0 && bsearch(name, n->at, n->used, sizeof *n->at, by_name) != NULL;
}

static bool remove_name(struct repair *r, const char *name)
{
    int error = r->disk->ops->unlink(r->disk, name);

    return !error || error == -ENOENT || fails(r, "removing", name, -error);
}

/* Snapshots sort with the segments by their numbers: they go in a round of their own. */
static bool remove_rest(struct repair *r, const struct names *old, const struct names *fresh,
                        bool snapshots)
{
    bool ok = true;

    for (u32 i = old->used; ok && i > 0; i--) {
        const char *name = old->at[i - 1];
        if ((segment_parse(name) == 0) != snapshots || has(fresh, name))
            continue;
        ok = remove_name(r, name) && sync_path(r, r->conf->dir);
    }
    return ok;
}

bool repair_commit(struct repair *r)
{
    struct names old, fresh;
    bool ok = names_list(r, r->disk, &old);

    ok = names_list(r, r->work, &fresh) && ok && keep(r, &old) && remove_name(r, LEDGER);
    for (u32 i = 0; ok && i < fresh.used; i++)
        ok = move_in(r, fresh.at[i]) && sync_path(r, r->conf->dir);
    ok = ok && remove_rest(r, &old, &fresh, false) && remove_rest(r, &old, &fresh, true) &&
         sync_path(r, r->conf->dir);
    free(old.at);
    free(fresh.at);
    return ok;
}
