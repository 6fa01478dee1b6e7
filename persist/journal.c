/*
 * journal.c - see journal.h.
 *
 *   ... durable │ in flight (writes of 1..64 blocks) │ full, waiting │ forming
 *               ▲                                    ▲               ▲
 *            durable                            unsubmitted       forming
 *
 * Happy path: slots fill the forming block; a full one waits. A submission takes the full blocks
 * that lie side by side in memory and in the segment, seals their headers, and begins one write.
 * When nothing is in flight, the forming block is padded and goes along: an idle disk never waits
 * for more slots, a busy one gathers full blocks meanwhile. That is the whole group commit; there
 * is no timer.
 *
 * Invariants: a block is sealed once, when it is first offered to the disk, and never touched again
 * before it is durable; blocks become durable in order of their numbers, whatever the order in
 * which writes end; durable_block in a header was true when the header was sealed.
 *
 * Failure modes: no segment ready: submission waits, room runs out, the ring fills. Disk queue
 * full: the same blocks are offered again. A write fails: final; what was durable stays so, nothing
 * is added to it.
 */
#include "persist/journal.h"

#include <inttypes.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/log.h"
#include "engine/base/sm.h"
#include "persist/plant.h"

_Static_assert((JOURNAL_INFLIGHT_MAX & (JOURNAL_INFLIGHT_MAX - 1)) == 0, "masked, not divided");

static const struct sm_state states[] = {
    [JOURNAL_OPEN] = {"journal open", 1u << JOURNAL_FAILED},
    [JOURNAL_FAILED] = {"journal failed", 0},
};

static struct block *block_at(struct journal *j, u64 block)
{
    return &j->blocks[block & j->buffer_mask];
}

static struct journal_write *write_at(struct journal *j, u64 number)
{
    return &j->writes[number & (JOURNAL_INFLIGHT_MAX - 1)];
}

static u32 in_flight(const struct journal *j)
{
    return (u32)(j->write_next - j->write_oldest);
}

void journal_invariant(const struct journal *j)
{
    ASSERT_LT(j->durable, j->unsubmitted);
    ASSERT_LE(j->unsubmitted, j->forming);
    ASSERT_LE(j->forming - j->durable, j->buffer_mask + 1);
    ASSERT_LE(in_flight(j), JOURNAL_INFLIGHT_MAX);
    ASSERT_LE(j->segment_next - j->segment_oldest, JOURNAL_SEGMENTS_MAX);
    ASSERT_LT(j->fill, BLOCK_SLOTS);
}

/* ---- forming ---- */

/* Makes the forming block an empty one that ends nothing new. */
static void form(struct journal *j, u64 seq_end)
{
    memset(&block_at(j, j->forming)->head, 0, sizeof(struct block_head));
    j->seq_end[j->forming & j->buffer_mask] = seq_end;
    j->fill = 0;
}

void journal_init(struct journal *j, struct disk *disk, u32 shard, u64 epoch,
                  const struct journal_at *at, u32 buffer_blocks, struct ring *ready,
                  struct ring *retired, struct mem *m)
{
    ASSERT(at->block >= 1 && epoch >= 1);
    ASSERT_GE(buffer_blocks, JOURNAL_BUFFER_BLOCKS_MIN);
    ASSERT_EQ(buffer_blocks & (buffer_blocks - 1), 0); /* masked, not divided */
    memset(j, 0, sizeof *j);
    j->disk = disk;
    j->shard = shard;
    j->epoch = epoch;
    j->ready = ready;
    j->retired = retired;
    j->buffer_mask = buffer_blocks - 1;
    j->blocks = mem_alloc(m, buffer_blocks * sizeof *j->blocks, BLOCK_BYTES);
    j->seq_end = mem_alloc(m, buffer_blocks * sizeof *j->seq_end, CACHE_LINE);
    j->durable = at->block - 1;
    j->unsubmitted = at->block;
    j->forming = at->block;
    j->crc = at->last_crc;
    j->seq_end[j->durable & j->buffer_mask] = at->last_seq;
    form(j, at->last_seq);
    journal_invariant(j);
}

u64 journal_room(const struct journal *j)
{
    u64 blocks = j->buffer_mask + 1 - (j->forming - j->durable);

    return blocks * BLOCK_SLOTS; /* beside the forming one, which must be able to move on */
}

/* The forming block takes no more. */
static void form_next(struct journal *j)
{
    struct block *b = block_at(j, j->forming);
    u64 seq_end = journal_seq_end(j, j->forming);

    ASSERT(j->fill >= 1 && j->fill <= BLOCK_SLOTS);
    b->head.slots_used = (u8)j->fill;
    memset(&b->slots[j->fill], 0, (BLOCK_SLOTS - j->fill) * sizeof b->slots[0]);
    j->forming++;
    form(j, seq_end);
}

void journal_tx_begin(struct journal *j, u64 seq)
{
    struct block_head *h = &block_at(j, j->forming)->head;

    ASSERT(!j->in_tx && j->state == JOURNAL_OPEN);
    ASSERT_EQ(seq, journal_seq_end(j, j->forming) + 1);
    j->in_tx = true;
    if (h->first_seq == 0) {
        h->first_seq = seq;
        h->first_tx_slot = (u8)j->fill;
    }
}

void journal_put(struct journal *j, const struct slot *slots, u64 n)
{
    ASSERT(j->in_tx);
    while (n > 0) {
        u64 run = min_u64(n, BLOCK_SLOTS - j->fill);
        memcpy(&block_at(j, j->forming)->slots[j->fill], slots, run * sizeof *slots);
        j->fill += (u32)run;
        slots += run;
        n -= run;
        if (j->fill == BLOCK_SLOTS)
            form_next(j);
    }
}

void journal_tx_end(struct journal *j, u64 seq)
{
    ASSERT(j->in_tx);
    j->in_tx = false;
    /* when its last slot filled a block, that block ended it and the forming one is empty */
    if (j->fill == 0)
        j->seq_end[(j->forming - 1) & j->buffer_mask] = seq;
    j->seq_end[j->forming & j->buffer_mask] = seq;
    journal_invariant(j);
}

/* ---- writing ---- */

/* The segment that block `block` goes into; takes a ready one when needed. NULL: none is ready. */
static struct journal_segment *segment_for(struct journal *j, u64 block)
{
    struct journal_segment *s = &j->segments[(j->segment_next - 1) % JOURNAL_SEGMENTS_MAX];

    if (j->segment_next > j->segment_oldest && block < s->first_block + s->blocks)
        return s;
    if (j->segment_next - j->segment_oldest == JOURNAL_SEGMENTS_MAX ||
        ring_avail(j->ready, 1) == 0) {
        j->waits_segment++;
        return NULL;
    }
    const struct segment *fresh = (const struct segment *)(const void *)ring_at(j->ready, 0);
    s = &j->segments[j->segment_next++ % JOURNAL_SEGMENTS_MAX];
    *s = (struct journal_segment){.segment = fresh->segment,
                                  .first_block = block,
                                  .blocks = fresh->blocks,
                                  .file = fresh->file};
    ring_take(j->ready, 1);
    return s;
}

static void seal(struct journal *j, u64 block, const struct journal_segment *s)
{
    struct block *b = block_at(j, block);
    struct block_head *h = &b->head;

    ASSERT(h->magic == 0 && h->slots_used > 0); /* formed, and not sealed before */
    h->magic = JOURNAL_MAGIC;
    h->version = JOURNAL_VERSION;
    h->prev_crc = j->crc;
    h->epoch = j->epoch;
    h->segment = s->segment;
    h->block = block;
    h->durable_block = j->durable;
    h->shard = j->shard;
    h->segment_blocks = s->blocks;
    h->crc = block_crc(b);
    j->crc = h->crc;
}

/* The fault PLANT_REWRITE_BLOCK: the last durable block gets a new header and end, in place. */
static bool bring_up_to_date(struct journal *j, const struct journal_segment *s)
{
    struct block *b = block_at(j, j->unsubmitted - 1);

    if (in_flight(j) > 0 || j->unsubmitted == s->first_block ||
        (j->unsubmitted & j->buffer_mask) == 0 || b->head.slots_used == BLOCK_SLOTS)
        return false;
    b->slots[BLOCK_SLOTS - 1].w[0] = j->durable;
    b->head.crc = block_crc(b);
    j->crc = b->head.crc;
    return true;
}

/* Offers write `number` to the disk. Returns whether it has begun. */
static bool offer(struct journal *j, u64 number)
{
    struct journal_write *w = write_at(j, number);
    u32 i = 0;

    while (i < j->segment_next - j->segment_oldest) { /* the newest one that begins before it */
        const struct journal_segment *s =
            &j->segments[(j->segment_next - 1 - i++) % JOURNAL_SEGMENTS_MAX];
        if (w->first < s->first_block)
            continue;
        ASSERT_LE(w->first + w->blocks, s->first_block + s->blocks);
        u64 first = w->first - w->again;
        CRASH_POINT("write-due");
        w->begun =
            j->disk->ops->write(j->disk, s->file, (first - s->first_block) * BLOCK_BYTES,
                                block_at(j, first), (w->blocks + w->again) * BLOCK_BYTES, number);
        CRASH_POINT("write-begun");
        return w->begun;
    }
    ASSERT(false); /* its segment is held until it is durable */
    return false;
}

/* Seals and offers one write of the first blocks that wait. Returns whether it has begun. */
static bool submit_one(struct journal *j)
{
    u64 full = j->forming - j->unsubmitted;

    if (j->write_next > j->write_oldest && !write_at(j, j->write_next - 1)->begun)
        return offer(j, j->write_next - 1);
    if (in_flight(j) == JOURNAL_INFLIGHT_MAX)
        return false;
    bool pad = in_flight(j) == 0 && j->fill > 0 && full < JOURNAL_WRITE_BLOCKS;
    if (full == 0 && !pad)
        return false;
    struct journal_segment *s = segment_for(j, j->unsubmitted);
    if (!s)
        return false;
    if (pad && journal_room(j) >= BLOCK_SLOTS) {
        form_next(j);
        j->blocks_padded++;
        full++;
    }
    u64 n = min_u64(full, JOURNAL_WRITE_BLOCKS);
    n = min_u64(n, s->first_block + s->blocks - j->unsubmitted);
    n = min_u64(n, j->buffer_mask + 1 - (j->unsubmitted & j->buffer_mask));
    if (n == 0)
        return false;
    bool again = PLANTED(PLANT_REWRITE_BLOCK) && bring_up_to_date(j, s);
    for (u64 i = 0; i < n; i++)
        seal(j, j->unsubmitted + i, s);
    *write_at(j, j->write_next) =
        (struct journal_write){.first = j->unsubmitted, .blocks = (u32)n, .again = again};
    j->unsubmitted += n;
    j->write_next++;
    return offer(j, j->write_next - 1);
}

int journal_submit(struct journal *j)
{
    int begun = 0;

    ASSERT(!j->in_tx);
    while (j->state == JOURNAL_OPEN && submit_one(j))
        begun++;
    journal_invariant(j);
    return begun;
}

/* ---- completion ---- */

static void fail(struct journal *j, const struct journal_write *w, int error)
{
    if (j->state == JOURNAL_FAILED)
        return;
    sm_move(states, &j->state, JOURNAL_FAILED);
    log_error("journal %s: writing blocks %" PRIu64 "..%" PRIu64
              " failed: %s; this is final: nothing after block %" PRIu64
              " is released; check the disk, then start again",
              j->disk->where, w->first, w->first + w->blocks - 1, strerror(error), j->durable);
}

/* Gives back the segments of which the last block is durable. */
static void retire(struct journal *j)
{
    while (j->segment_oldest < j->segment_next) {
        const struct journal_segment *s = &j->segments[j->segment_oldest % JOURNAL_SEGMENTS_MAX];
        struct segment out = {.segment = s->segment, .file = s->file, .blocks = s->blocks};
        if (s->first_block + s->blocks - 1 > j->durable || !ring_push(j->retired, &out, 1))
            return;
        j->segment_oldest++;
    }
}

u64 journal_reap(struct journal *j)
{
    struct disk_done done[JOURNAL_INFLIGHT_MAX];
    u64 before = j->durable;
    u32 n = in_flight(j) > 0 ? j->disk->ops->reap(j->disk, done, JOURNAL_INFLIGHT_MAX) : 0;

    for (u32 i = 0; i < n; i++) {
        struct journal_write *w = write_at(j, done[i].tag);
        ASSERT(done[i].tag >= j->write_oldest && done[i].tag < j->write_next);
        ASSERT(w->begun && !w->done);
        w->done = true;
        if (done[i].error && PLANTED(PLANT_RETRY_FAILED_WRITE)) {
            w->done = false;
            offer(j, done[i].tag);
            continue;
        }
        if (done[i].error)
            fail(j, w, done[i].error);
        j->writes_done++;
        j->blocks_written += w->blocks;
    }
    if (n == 0 || j->state == JOURNAL_FAILED)
        return 0;
    while (j->write_oldest < j->write_next && write_at(j, j->write_oldest)->done) {
        const struct journal_write *w = write_at(j, j->write_oldest++);
        ASSERT_EQ(w->first, j->durable + 1);
        j->durable += w->blocks;
    }
    CRASH_POINT("write-ended");
    retire(j);
    journal_invariant(j);
    return j->durable - before;
}

void journal_close(struct journal *j)
{
    for (; j->segment_oldest < j->segment_next; j->segment_oldest++)
        j->disk->ops->close(j->disk, j->segments[j->segment_oldest % JOURNAL_SEGMENTS_MAX].file);
}
