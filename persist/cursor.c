/*
 * cursor.c - see cursor.h.
 *
 * The next block is taken from the tap when the tap has it, else from the files. The tap is behind
 * by nothing when it is not full: the persist agent puts a block there before it moves the mark, so
 * a block that the mark covers and the tap does not begin with was skipped, and stands in a file.
 * While the cursor catches up there, older blocks of the tap are dropped, until both meet.
 *
 * Where a block lies in the files: in the last segment that begins at or before it (catalog). At a
 * cut, what stands behind it in the older segment is void. Beside a live process there is one more
 * fence: writes of the process that died may land in its segments at any time, so from the live
 * process' first block on nothing is believed but its own segments.
 *
 * Invariants: no transaction above `stored` is handed out; the mark is read before the disk, so
 * what it covers must be readable; numbers of transactions handed out have no gap.
 *
 * Failure modes: a segment was removed (GONE), the disk fails or a block that must be there is not
 * right (ERROR). Both are final until a seek.
 */
#include "persist/cursor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "persist/segment_file.h"
#include "persist/tx_builder.h"

#define TAP_BLOCK_SLOTS (BLOCK_BYTES / SLOT_BYTES)
_Static_assert(TAP_RING_SLOTS % TAP_BLOCK_SLOTS == 0, "a block in a tap never wraps");

struct cursor {
    struct cursor_conf conf;
    u64 seq;                   /* wanted; 0: whatever begins first */
    u64 block;                 /* number of the next block; 0: to be found by seq */
    u64 epoch;                 /* of the last block */
    u32 crc;                   /* of the last block */
    bool chained;              /* the next block must name that crc */
    bool held;                 /* the builder has a transaction that is not durable yet */
    u64 file_first;            /* number of the first block of the open file */
    u64 file_end;              /* its blocks reach up to, not including, this number */
    u64 durable;               /* the mark, read at the beginning of the call */
    enum cursor_status broken; /* CURSOR_TX: it is not */
    struct catalog catalog;
    struct segment_file file;
    struct tx_builder builder;
    struct block *copy; /* of a tap's block */
    struct why why;
};

struct cursor *cursor_new(const struct cursor_conf *conf, u64 seq)
{
    struct cursor *c = calloc(1, sizeof *c);
    bool ok = c != NULL;

    if (ok) {
        c->conf = *conf;
        c->copy = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);
        ok = segment_file_init(&c->file, conf->disk);
        ok = catalog_init(&c->catalog, conf->disk, conf->shard) && ok && c->copy;
    }
    if (!ok)
        assert_fail(__FILE__, __LINE__, "out of memory for a journal cursor", 0, 0);
    cursor_seek(c, seq);
    return c;
}

void cursor_free(struct cursor *c)
{
    segment_file_free(&c->file);
    catalog_free(&c->catalog);
    free(c->copy);
    free(c);
}

static void position(struct cursor *c, u64 seq, u64 block)
{
    tx_builder_reset(&c->builder);
    c->seq = seq; /* the open file stays: the next block may well be in it */
    c->block = block;
    c->epoch = 0;
    c->chained = false;
    c->held = false;
    c->broken = CURSOR_TX;
    c->why.text[0] = '\0';
}

void cursor_seek(struct cursor *c, u64 seq)
{
    ASSERT_GT(seq, 0);
    position(c, seq, 0);
}

void cursor_seek_block(struct cursor *c, u64 block)
{
    ASSERT_GT(block, 0);
    position(c, 0, block);
}

u64 cursor_seq(const struct cursor *c)
{
    return c->seq;
}

u64 cursor_oldest(struct cursor *c)
{
    struct segment_entry *e;

    if (catalog_load(&c->catalog) != 0 || c->catalog.used == 0 ||
        catalog_entry(&c->catalog, 0, &e) != 0 || e->state != SEGMENT_USED)
        return 0;
    return e->first_seq;
}

const char *cursor_why(const struct cursor *c)
{
    return c->why.text;
}

/* ---- failures ---- */

static enum cursor_status disk_error(struct cursor *c, int error, const char *doing)
{
    why_set(&c->why, "journal %s: %s: %s", c->conf.disk->where, doing, strerror(-error));
    c->broken = CURSOR_ERROR;
    return CURSOR_ERROR;
}

static enum cursor_status gone(struct cursor *c)
{
    why_set(&c->why,
            "journal %s: transaction %" PRIu64 " (block %" PRIu64
            ") is older than the oldest segment that is left",
            c->conf.disk->where, c->seq, c->block);
    c->broken = CURSOR_GONE;
    return CURSOR_GONE;
}

/* The block that is wanted is not right, or not there: offline the end, else damage. */
static enum cursor_status no_block(struct cursor *c, const char *what)
{
    why_set(&c->why, "journal %s: segment %" PRIx64 ", block %" PRIu64 ": %s", c->conf.disk->where,
            c->file.file >= 0 ? c->file.segment : 0, c->block, what);
    if (!c->conf.stored)
        return CURSOR_WAIT;
    c->broken = CURSOR_ERROR;
    return CURSOR_ERROR;
}

/* ---- the tap ---- */

/* The head of the oldest block in the tap that is not behind `block`; NULL when there is none. */
static const struct block *tap_head(struct cursor *c)
{
    struct ring *tap = c->conf.tap;

    while (tap && ring_avail(tap, TAP_BLOCK_SLOTS) >= TAP_BLOCK_SLOTS) {
        const struct block *b = (const struct block *)(const void *)ring_at(tap, 0);
        ASSERT_EQ(b->head.magic, JOURNAL_MAGIC);
        if (b->head.block >= c->block)
            return b;
        ring_take(tap, TAP_BLOCK_SLOTS);
    }
    return NULL;
}

static bool from_tap(struct cursor *c)
{
    const struct block *b = tap_head(c);

    if (!b || b->head.block != c->block)
        return false;
    memcpy(c->copy, b, BLOCK_BYTES);
    ring_take(c->conf.tap, TAP_BLOCK_SLOTS);
    return true;
}

/* ---- the files ---- */

/* First segment of the live process by index into the catalog; `used` when it is not listed. */
static u32 live_index(const struct cursor *c)
{
    u32 i = 0;

    if (c->conf.live.segment == 0)
        return c->catalog.used;
    while (i < c->catalog.used && c->catalog.entries[i].segment < c->conf.live.segment)
        i++;
    return i;
}

/* Opens entry `i` and notes which blocks are to be looked for in it. 0 or a negative errno. */
static int open_entry(struct cursor *c, u32 i)
{
    struct segment_entry *e;
    int error = catalog_entry(&c->catalog, i, &e);

    if (!error)
        error = segment_file_open(&c->file, e->segment, e->bytes);
    if (error)
        return error;
    c->file_first = e->head.block;
    c->file_end = e->head.block + c->file.blocks;
    if (i < live_index(c) && c->conf.live.block != 0)
        c->file_end = min_u64(c->file_end, c->conf.live.block);
    if (i + 1 < c->catalog.used) {
        error = catalog_entry(&c->catalog, i + 1, &e);
        if (!error && e->state == SEGMENT_USED)
            c->file_end = min_u64(c->file_end, e->head.block);
    }
    return error;
}

/* Opens the segment that holds block c->block. CURSOR_TX when it is open. */
static enum cursor_status find_file(struct cursor *c)
{
    u32 i;
    int error = catalog_load(&c->catalog);

    if (!error)
        error = catalog_find_block(&c->catalog, c->block, &i);
    if (error == -ENODATA) {
        struct segment_entry *e = c->catalog.entries;
        if (c->catalog.used > 0 && e->state == SEGMENT_USED)
            return gone(c);
        return no_block(c, "there is no segment that holds it");
    }
    if (!error && c->conf.live.block != 0 && c->block >= c->conf.live.block && i < live_index(c))
        return no_block(c, "the live segment that holds it is not there");
    if (!error)
        error = open_entry(c, i);
    if (error == -ENOENT)
        return gone(c);
    if (error)
        return disk_error(c, error, "opening a segment");
    return CURSOR_TX;
}

/* Does `b` follow what was read before it, in the file that is open? NULL or what is wrong. */
static const char *follows(const struct cursor *c, const struct block *b)
{
    const char *what = block_check(b, c->conf.shard);

    if (what)
        return what;
    if (b->head.segment != c->file.segment)
        return "the number of another segment";
    if (b->head.block != c->block)
        return "the number of another block";
    if (b->head.epoch < c->epoch)
        return "an epoch that is over";
    if (c->chained && b->head.prev_crc != c->crc)
        return "does not follow the block before (checksum chain)";
    return NULL;
}

/* Block c->block out of the open file to `*out`; anything but NULL says why not. */
static const char *in_file(struct cursor *c, bool fresh, const struct block **out, int *error)
{
    *error = 0;
    if (c->file.file < 0 || c->block < c->file_first || c->block >= c->file_end)
        return "behind the end of its segment";
    *error = segment_file_block(&c->file, c->block - c->file_first, fresh, out);
    if (*error == -ENODATA) {
        *error = 0;
        return "the file is cut short";
    }
    return *error ? "" : follows(c, *out);
}

static enum cursor_status from_file(struct cursor *c, const struct block **out)
{
    int error;
    const char *what = in_file(c, false, out, &error);

    if (what && !error)
        what = in_file(c, true, out, &error); /* it may have been written since the last read */
    if (what && !error) {
        enum cursor_status s = find_file(c); /* or stand in a newer segment */
        if (s != CURSOR_TX)
            return s;
        what = in_file(c, true, out, &error);
    }
    if (error)
        return disk_error(c, error, "reading a segment");
    return what ? no_block(c, what) : CURSOR_TX;
}

/* The segment's block, found by halving, from which to read on to reach c->seq. */
static int halve(struct cursor *c, u64 *block)
{
    u64 lo = 0;
    u64 hi = c->file_end - c->file_first;
    const struct block *b;

    while (hi - lo > 1) {
        u64 mid = lo + (hi - lo) / 2;
        int error = segment_file_block(&c->file, mid, true, &b);
        if (error && error != -ENODATA)
            return error;
        if (!error && !block_check(b, c->conf.shard) && b->head.block == c->file_first + mid &&
            b->head.first_seq != 0 && b->head.first_seq <= c->seq)
            lo = mid;
        else
            hi = mid;
    }
    *block = c->file_first + lo;
    return 0;
}

/* Finds the block from which to read on to reach c->seq. CURSOR_TX when c->block is set. */
static enum cursor_status locate(struct cursor *c)
{
    const struct block *b = tap_head(c); /* c->block is 0: the oldest there is */
    u32 i = 0;

    if (b && b->head.first_seq != 0 && b->head.first_seq <= c->seq) {
        c->block = b->head.block;
        return CURSOR_TX;
    }
    int error = catalog_load(&c->catalog);
    if (!error)
        error = catalog_find_seq(&c->catalog, c->seq, &i);
    if (error == -ENODATA) {
        struct segment_entry *e = c->catalog.entries;
        if (c->catalog.used > 0 && e->state == SEGMENT_USED)
            return gone(c);
        return no_block(c, "the journal is empty");
    }
    if (!error)
        error = open_entry(c, i);
    if (!error)
        error = halve(c, &c->block);
    if (error == -ENOENT)
        return gone(c);
    return error ? disk_error(c, error, "looking for a transaction") : CURSOR_TX;
}

/* ---- forward ---- */

/* Gives the builder its next block. CURSOR_TX when it has one. */
static enum cursor_status feed(struct cursor *c)
{
    const struct block *b = c->copy;
    enum cursor_status s = CURSOR_TX;

    if (c->block == 0)
        s = locate(c);
    if (s == CURSOR_TX && !from_tap(c))
        s = from_file(c, &b);
    if (s != CURSOR_TX)
        return s;
    if (c->epoch != 0 && b->head.epoch != c->epoch)
        tx_builder_reset(&c->builder); /* what was incomplete at the cut never happened */
    c->epoch = b->head.epoch;
    c->crc = b->head.crc;
    c->chained = true;
    c->block++;
    tx_builder_block(&c->builder, b);
    return CURSOR_TX;
}

/* The builder has a whole transaction: is it wanted, and may it be handed out? */
static enum cursor_status offer(struct cursor *c, struct cursor_tx *tx, bool *wanted)
{
    u64 seq = tx_builder_seq(&c->builder);

    *wanted = c->seq == 0 || seq >= c->seq;
    if (!*wanted)
        return CURSOR_WAIT;
    if (c->seq != 0 && seq != c->seq) {
        why_set(&c->why, "journal %s: transaction %" PRIu64 " is missing, %" PRIu64 " follows",
                c->conf.disk->where, c->seq, seq);
        c->broken = CURSOR_ERROR;
        return CURSOR_ERROR;
    }
    c->seq = seq;
    c->held = seq > c->durable;
    if (c->held)
        return CURSOR_WAIT;
    *tx = (struct cursor_tx){
        .seq = seq,
        .slots = c->builder.slots,
        .used = c->builder.used,
        .epoch = c->builder.begin_epoch,
        .block = c->builder.begin_block,
        .end_block = c->block - 1, /* the last one that the builder was given */
    };
    c->seq = seq + 1;
    return CURSOR_TX;
}

enum cursor_status cursor_next(struct cursor *c, struct cursor_tx *tx)
{
    bool wanted;

    if (c->broken != CURSOR_TX)
        return c->broken;
    c->durable = c->conf.stored ? durable_get(c->conf.stored) : UINT64_MAX;
    if (c->seq > c->durable)
        return CURSOR_WAIT;
    if (c->held)
        return offer(c, tx, &wanted);
    for (;;) {
        const char *what = NULL;
        enum cursor_status s;
        switch (tx_builder_next(&c->builder, &what)) {
        case TX_BUILDER_TX:
            s = offer(c, tx, &wanted);
            if (wanted)
                return s;
            break;
        case TX_BUILDER_BLOCK:
            s = feed(c);
            if (s != CURSOR_TX)
                return s;
            break;
        case TX_BUILDER_BAD:
            c->block--;
            s = no_block(c, what);
            c->broken = CURSOR_ERROR;
            return CURSOR_ERROR;
        }
    }
}
