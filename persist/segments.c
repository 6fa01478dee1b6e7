/*
 * segments.c - see segments.h. Cold thread, but for the hot ends of the two rings.
 *
 *      create, fill, ..., sync         rename, sync_dir, open         ring            ring
 *   (no file) ──────────▶ new.segment ─────────────────▶ NNN.journal ─────▶ journal ─────▶ close
 *
 * A segment has its final name only when it is whole and zero, or one that nobody needs any more
 * (recycle.h) is given the name, with its old blocks: they carry the old number under their
 * checksums and pass for nothing. It is handed over only when that name is on stable storage:
 * otherwise a power cut could take acknowledged blocks with the file.
 *
 * A turn fills one step. As long as half of what is to be ready is, the steps are spread over most
 * of the time that the last segment has lasted, so that a burst of filling disturbs nobody who
 * shares the disk or the core; when less is ready, and before the first one was used, they follow
 * each other at once.
 *
 * Failure modes: no space (or quota): said once, tried again every second; meanwhile the hot agent
 * uses up what is ready, then takes nothing more from its ring, and all that stands before it
 * waits. Any other error, above all of a sync, is final: the second try would lie.
 */
#include "persist/segments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/log.h"
#include "persist/journal_format.h"
#include "persist/plant.h"

#define RETRY_NS    NS_PER_SEC
#define SPACE_NS    (NS_PER_SEC / 2)
#define PACE_MAX_NS (10 * NS_PER_MS) /* 64 MiB in 2.6 s, however long the last one has lasted */

void segments_init(struct segments *s, struct disk *disk, u64 bytes, u32 ahead, u64 next,
                   struct mem *m)
{
    ASSERT(bytes % BLOCK_BYTES == 0 && bytes >= SEGMENT_BLOCKS_MIN * BLOCK_BYTES);
    ASSERT(ahead >= 1 && ahead < SEGMENT_RING_SLOTS && next >= 1);
    memset(s, 0, sizeof *s);
    s->disk = disk;
    s->bytes = bytes;
    s->ahead = ahead;
    s->next = next;
    s->live = next;
    s->filling = -1;
    s->zeros = mem_alloc(m, SEGMENT_FILL_BYTES, BLOCK_BYTES);
    memset(s->zeros, 0, SEGMENT_FILL_BYTES);
    ring_init(&s->ready, m, "segments_ready", SEGMENT_RING_SLOTS);
    ring_init(&s->retired, m, "segments_retired", SEGMENT_RING_SLOTS);
}

/* ---- leftovers ---- */

struct highest {
    u64 from;
    u64 segment; /* 0: none found */
};

static void find_highest(void *ctx, const struct disk_entry *e)
{
    struct highest *h = ctx;
    u64 segment = segment_parse(e->name);

    if (segment >= h->from && segment > h->segment)
        h->segment = segment;
}

bool segments_remove(struct disk *disk, u64 from, struct why *why)
{
    int error = disk->ops->unlink(disk, SEGMENT_NEW);
    char name[DISK_NAME_MAX] = SEGMENT_NEW;

    if (error == -ENOENT)
        error = 0;
    while (!error) {
        struct highest h = {.from = from};
        error = disk->ops->list(disk, find_highest, &h);
        if (error || h.segment == 0)
            break;
        /* From the end and one by one: of unlinks that no sync_dir covers a power cut may undo any,
         * and a segment behind a hole would look like damage. */
        segment_name(h.segment, name);
        error = disk->ops->unlink(disk, name);
        CRASH_POINT("leftover-removed");
        if (!error)
            error = disk->ops->sync_dir(disk);
    }
    if (!error)
        error = disk->ops->sync_dir(disk);
    return !error || why_set(why, "journal %s: removing %s, a leftover: %s", disk->where, name,
                             strerror(-error));
}

/* ---- preparing ---- */

#define REMOVED_MAX 4u /* old segments removed for one that is made */

/* What was brought back from the archive is often for reading only, or somebody else's. */
static bool is_ours(struct disk *d, const char *name)
{
    int file = d->ops->open(d, name, DISK_WRITE);

    if (file >= 0)
        d->ops->close(d, file);
    return file >= 0;
}

/*
 * Gives an old segment the name `name`, or removes old ones that are not fit for it: of another
 * size, not to be written, or of a process before this one, of which a last write might still be on
 * its way. Returns 0, -ENOENT when there is none, or another error.
 */
static int use_again(struct segments *s, const char *name)
{
    struct disk *d = s->disk;
    char old[DISK_NAME_MAX];
    int error = -ENOENT;
    u64 bytes;

    for (u32 i = 0; i < REMOVED_MAX; i++) {
        u64 segment = recycle_find(&s->recycle, &bytes);
        if (segment == 0)
            return -ENOENT;
        segment_name(segment, old);
        if (segment >= s->live && bytes == s->bytes && is_ours(d, old)) {
            metric_add(&s->recycled, 1);
            error = d->ops->rename(d, old, name);
            CRASH_POINT("segment-recycled");
            return error;
        }
        error = d->ops->unlink(d, old);
        CRASH_POINT("segment-removed");
        if (!error) /* before the next one goes: else a cut could leave a hole */
            error = d->ops->sync_dir(d);
        if (error)
            return error;
        metric_add(&s->removed, 1);
    }
    return -ENOENT;
}

/* 0 or a negative errno. */
static int fill_begin(struct segments *s, u64 now_ns)
{
    struct disk *d = s->disk;
    int error = d->ops->create(d, SEGMENT_NEW, 0);

    if (error == -EEXIST) { /* left by a try that failed */
        error = d->ops->unlink(d, SEGMENT_NEW);
        if (!error)
            error = d->ops->create(d, SEGMENT_NEW, 0);
    }
    if (!error)
        s->filling = error = d->ops->open(d, SEGMENT_NEW, DISK_FILL);
    s->filled = 0;
    s->fill_ns = now_ns;
    return error < 0 ? error : d->ops->reserve(d, s->filling, s->bytes);
}

/* After the last step, or an error, which is returned. */
static int fill_end(struct segments *s, int error)
{
    struct disk *d = s->disk;

    if (!error)
        error = d->ops->sync(d, s->filling);
    if (s->filling >= 0)
        d->ops->close(d, s->filling);
    s->filling = -1;
    CRASH_POINT("segment-filled");
    if (error)
        d->ops->unlink(d, SEGMENT_NEW); /* it has space that others need */
    return error;
}

/* One step. Returns 0 when the file is whole and synced, -EAGAIN, or another error. */
static int fill_step(struct segments *s, u64 now_ns)
{
    struct disk *d = s->disk;
    int error = s->filling < 0 ? fill_begin(s, now_ns) : 0;

    if (!error) {
        u64 bytes = min_u64(s->bytes - s->filled, SEGMENT_FILL_BYTES);
        error = d->ops->put(d, s->filling, s->filled, s->zeros, bytes);
        s->filled += bytes;
        s->fill_ns += s->pace_ns;
    }
    return !error && s->filled < s->bytes ? -EAGAIN : fill_end(s, error);
}

/*
 * Makes segment `segment` up to its open file. Returns the handle or a negative errno, -EAGAIN
 * while it is not yet filled.
 */
static int make(struct segments *s, u64 segment, u64 now_ns)
{
    struct disk *d = s->disk;
    char name[DISK_NAME_MAX];

    segment_name(segment, name);
    int error = s->filling < 0 ? use_again(s, name) : -ENOENT;
    if (error == -ENOENT) {
        error = fill_step(s, now_ns);
        if (!error)
            error = d->ops->rename(d, SEGMENT_NEW, name);
    }
    if (error == -EAGAIN)
        return error;
    CRASH_POINT("segment-named");
    if (!error && !PLANTED(PLANT_FORGET_DIR_SYNC))
        error = d->ops->sync_dir(d);
    CRASH_POINT("segment-synced");
    return error ? error : d->ops->open(d, name, DISK_WRITE);
}

/* Is it too early for the next step? `ready` segments are. */
static bool in_time(struct segments *s, u64 ready, u64 now_ns)
{
    u64 steps = (s->bytes + SEGMENT_FILL_BYTES - 1) / SEGMENT_FILL_BYTES;

    if (ready < s->ready_seen) {
        u64 lasted_ns = now_ns - s->taken_ns;
        s->pace_ns = min_u64(lasted_ns / 4 * 3 / steps, PACE_MAX_NS);
        s->taken_ns = now_ns;
    }
    s->ready_seen = ready;
    return s->filling >= 0 && 2 * ready >= s->ahead && now_ns < s->fill_ns;
}

static void complain(struct segments *s, int error)
{
    s->no_space = error == -ENOSPC || error == -EDQUOT;
    if (!s->no_space) {
        log_error("journal %s: preparing a segment: %s; this is final: nothing more is prepared",
                  s->disk->where, strerror(-error));
        atomic_store_explicit(&s->failed, true, memory_order_release);
    } else if (!s->complained) {
        log_error("journal %s: no space for the next segment; make some: tried every second",
                  s->disk->where);
    }
    s->complained = true;
}

static int prepare(struct segments *s, u64 now_ns)
{
    u64 ready = ring_capacity(&s->ready) - ring_room(&s->ready, ring_capacity(&s->ready));

    if (in_time(s, ready, now_ns) || ready >= s->ahead || now_ns < s->retry_ns ||
        atomic_load_explicit(&s->failed, memory_order_relaxed))
        return 0;
    int file = make(s, s->next, now_ns);
    if (file == -EAGAIN)
        return 1;
    if (file < 0) {
        s->retry_ns = now_ns + RETRY_NS;
        complain(s, file);
        return 0;
    }
    struct segment made = {
        .segment = s->next,
        .file = file,
        .blocks = (u32)(s->bytes / BLOCK_BYTES),
    };
    bool pushed = ring_push(&s->ready, &made, 1);
    ASSERT(pushed); /* ahead is less than the ring */
    s->next++;
    s->ready_seen = ready + 1;
    s->complained = false;
    s->no_space = false;
    return 1;
}

static void watch_space(struct segments *s, u64 now_ns)
{
    static const char *const names[] = {"enough", "low: new orders are rejected",
                                        "at the hard mark: nothing more is taken"};

    if (now_ns < s->space_ns)
        return;
    s->space_ns = now_ns + SPACE_NS;
    i64 bytes = s->disk->ops->free_bytes(s->disk);
    if (bytes < 0)
        return; /* the marks stay as they were; writes will say more */
    metric_set(&s->free_bytes, (u64)bytes);
    u32 level = SPACE_OK;
    if (s->no_space || (u64)bytes < s->space_hard_bytes)
        level = SPACE_HARD;
    else if ((u64)bytes < s->space_low_bytes)
        level = SPACE_LOW;
    if (level != atomic_load_explicit(&s->level, memory_order_relaxed))
        log_line(level == SPACE_OK ? LOG_INFO : LOG_ERROR, "journal %s: %lld MiB free, %s",
                 s->disk->where, (long long)(bytes >> 20), names[level]);
    atomic_store_explicit(&s->level, level, memory_order_relaxed);
    metric_set(&s->level_seen, level);
}

static int close_ring(struct segments *s, struct ring *r)
{
    int n = 0;

    while (ring_avail(r, 1) > 0) {
        const struct segment *old = (const struct segment *)(const void *)ring_at(r, 0);
        s->disk->ops->close(s->disk, old->file);
        ring_take(r, 1);
        n++;
    }
    return n;
}

int segments_do_work(struct segments *s, u64 now_ns)
{
    int work = close_ring(s, &s->retired);

    work += prepare(s, now_ns);
    watch_space(s, now_ns);
    return work;
}

void segments_close(struct segments *s)
{
    close_ring(s, &s->retired);
    close_ring(s, &s->ready);
    if (s->filling >= 0)
        s->disk->ops->close(s->disk, s->filling); /* the next process removes what it is */
    s->filling = -1;
    recycle_free(&s->recycle);
}
