/*
 * replay.c - see replay.h. Which bad block ends the journal, and which one stops the start.
 *
 * Segments are read in order, each block must be whole and follow the one before it. The first one
 * that does not is judged by what stands behind it in its segment and in later ones:
 *   1. A later segment begins, under a higher epoch, at or before the bad block: that process has
 *      already cut here. What stands behind the cut in the older segment is void; go on there.
 *   2. No later whole block says (durable_block) that the bad one was durable once: a torn tail.
 *      Writes were under way when the process or the machine died, and none of them was reported as
 *      done. Cut: the journal ends before the bad block.
 *   3. Else it was durable, and is not readable now: damage. So is a segment that is missing in the
 *      middle or has lost its length, a broken chain of checksums, and a transaction that the state
 *      does not take.
 * What a whole block says is true wherever it is found: numbers of durable blocks are never given
 * again, so a claim cannot grow old. The very last durable blocks have no block behind them:
 * durable.mark (durable_mark.h) and snapshots, which say up to which transaction the journal was
 * durable, are their witnesses. A journal that ends before that is damaged. What became durable in
 * the last second before a power cut, and then rots, still looks like a torn tail. A second copy
 * (quorum) is the answer to that.
 *
 * What has another format version, or is another shard's, is neither torn nor damaged: refused.
 *
 * A transaction for which the state has no room (a pool was configured smaller) is not damage: the
 * start is refused as well, but with another remedy (REPLAY_UNFIT).
 *
 * A transaction that is incomplete at a cut is dropped: no part of it has been released.
 *
 * What a dead process had written without a sync is readable and yet not stable; every file is
 * therefore synced before it is read. Nothing else touches the disk here.
 */
#include "persist/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "persist/durable_mark.h"
#include "persist/plant.h"
#include "persist/replay_tail.h"
#include "persist/segment_file.h"
#include "persist/tx_builder.h"

struct replay {
    const struct replay_conf *conf;
    struct replay_result *r;
    struct why *why;
    struct catalog catalog;
    struct segment_file file;
    struct tx_builder builder;
    u32 i;           /* the segment that is being read, index into the catalog */
    u64 epoch;       /* its epoch */
    bool chained;    /* last_crc is known: not at the oldest segment's first block */
    bool full;       /* the segment before was read to its last block */
    bool begun;      /* a segment was read before this one */
    u64 progress_ns; /* when the next line is due */
    u64 started_ns;
};

/* ---- reports ---- */

static enum replay_status damaged(struct replay *p, u64 index, u64 block, const char *what)
{
    char name[DISK_NAME_MAX];

    if (p->i < p->catalog.used)
        p->r->damaged_segment = p->catalog.entries[p->i].segment;
    segment_name(p->i < p->catalog.used ? p->r->damaged_segment : p->r->next_segment, name);
    p->r->damaged_index = index;
    why_set(
        p->why,
        "journal damaged: %s/%s, offset %" PRIu64 ", block %" PRIu64
        ": %s; nothing was changed: restore the file from a copy, or see wirebook-journal repair",
        p->conf->disk->where, name, index * BLOCK_BYTES, block, what);
    return REPLAY_DAMAGED;
}

static enum replay_status failed(struct replay *p, int error, const char *doing)
{
    why_set(p->why, "journal %s: %s: %s", p->conf->disk->where, doing, strerror(-error));
    return REPLAY_FAILED;
}

static enum replay_status foreign(struct replay *p)
{
    char name[DISK_NAME_MAX];

    segment_name(p->catalog.entries[p->i].segment, name);
    why_set(p->why,
            "journal %s/%s has format version %u, this program knows version %u only; nothing was "
            "changed: start the program that wrote it, or move the directory away",
            p->conf->disk->where, name, p->catalog.foreign, JOURNAL_VERSION);
    return REPLAY_FAILED;
}

/* The state does not take a transaction of the block: is it the journal's fault, or ours? */
static enum replay_status refused(struct replay *p, u64 index, const char *what)
{
    const struct replay_conf *c = p->conf;

    if (c->unfit && c->unfit(c->ctx, p->why))
        return REPLAY_UNFIT;
    return damaged(p, index, p->r->next_block, what);
}

bool replay_unfit_engine(void *engine, struct why *why)
{
    const struct engine_unfit *u = engine_unfit(engine);

    if (!u->pool)
        return false;
    why_set(why,
            "engine.%s is %u, too small for what the journal holds: raise it to at least %u, or to "
            "what it was before; the journal is whole and nothing was changed",
            u->pool, u->max, u->need);
    return true;
}

static void progress(struct replay *p)
{
    u64 now_ns = clock_now_ns();

    if (p->conf->quiet || now_ns < p->progress_ns)
        return;
    p->progress_ns = now_ns + NS_PER_SEC;
    log_info("journal: replayed %" PRIu64 " transactions, segment %u of %u, %.0f s",
             p->r->transactions, p->i + 1, p->catalog.used,
             (double)(now_ns - p->started_ns) / NS_PER_SEC);
}

/* ---- transactions ---- */

static const char *check_messages(const struct slot *slots, u32 used)
{
    for (u32 at = 0; at < used; at += msg_slots(&slots[at])) {
        const char *what = msg_check(&slots[at], used - at);
        if (what)
            return what;
    }
    return NULL;
}

/* One whole transaction of the builder's: NULL, or why it cannot be. */
static const char *take(struct replay *p)
{
    const struct tx_builder *b = &p->builder;
    u64 seq = tx_builder_seq(b);
    const char *what = check_messages(b->slots, b->used);

    if (what)
        return what;
    if (p->r->last_seq != 0 ? seq != p->r->last_seq + 1
                            : seq != 1 && p->r->first_segment == 1 && !p->conf->from.seq)
        return "the number of its transaction does not follow";
    p->r->damaged_snapshot = p->r->last_seq == 0 && p->conf->from.seq && seq > p->conf->from.seq;
    if (p->r->damaged_snapshot)
        return "behind the transaction that the snapshot ends with";
    if (seq <= p->conf->from.seq) { /* known */
        p->r->last_seq = seq;
        return NULL;
    }
    what = p->conf->apply ? p->conf->apply(p->conf->ctx, b->slots, b->used) : NULL;
    if (what)
        return what;
    for (u32 at = 0; at < b->used; at += msg_slots(&b->slots[at])) {
        if (((const u8 *)&b->slots[at])[0] == EV_DAY_OPENED)
            p->r->day_seq = seq;
    }
    p->r->last_seq = seq;
    p->r->transactions++;
    p->r->slots += b->used;
    return NULL;
}

/* All transactions that end in `block`. NULL, or what is wrong. */
static const char *take_block(struct replay *p, const struct block *block)
{
    const char *what = NULL;

    tx_builder_block(&p->builder, block);
    for (;;) {
        switch (tx_builder_next(&p->builder, &what)) {
        case TX_BUILDER_TX:
            what = take(p);
            if (what)
                return what;
            break;
        case TX_BUILDER_BLOCK:
            return NULL;
        case TX_BUILDER_BAD:
            return what;
        }
    }
}

/* ---- blocks ---- */

/* Does `b` stand where it belongs and follow the last one? NULL or what is wrong. */
static const char *follows(const struct replay *p, const struct block *b)
{
    const char *what = block_check(b, p->conf->shard);

    if (what)
        return what;
    if (b->head.segment != p->catalog.entries[p->i].segment)
        return "the number of another segment";
    if (b->head.block != p->r->next_block)
        return "the number of another block";
    if (b->head.epoch != p->epoch)
        return "another epoch than its segment's first block";
    if (p->chained && b->head.prev_crc != p->r->last_crc)
        return "does not follow the block before (checksum chain)";
    return NULL;
}

/* The journal would end here, before what durable.mark calls durable. */
static enum replay_status ends_early(struct replay *p, u64 index, const char *what)
{
    char text[160];

    p->r->damaged_mark = true;
    snprintf(text, sizeof text,
             "%s, but " DURABLE_MARK_FILE " says that transaction %" PRIu64
             " was durable, and %" PRIu64 " is the last one left",
             what, p->r->mark_seq, p->r->last_seq);
    return damaged(p, index, p->r->next_block, text);
}

/*
 * Beside a live venue a block may have been written since it was found bad, and those that speak of
 * it read after that. True: it is whole now, and next to be read.
 */
static bool came_late(struct replay *p, u64 index)
{
    const struct segment_entry *e = &p->catalog.entries[p->i];
    const struct block *b;

    return segment_file_open(&p->file, e->segment, e->bytes) == 0 &&
           segment_file_block(&p->file, index, true, &b) == 0 && !follows(p, b);
}

/* Block `index` of the segment being read is bad and no later process has cut here. `*ended`: the
 * journal ends before it; else it is good, looked at again. */
static enum replay_status end_here(struct replay *p, u64 index, const char *what, bool *ended)
{
    struct replay_result *r = p->r;
    struct replay_tail t = {0};
    char text[160];
    int error = replay_tail_look(&p->file, &p->catalog, p->i, index, &t);

    if (error)
        return failed(p, error, "reading the tail (or was a segment used again meanwhile?)");
    r->max_epoch = max_u64(r->max_epoch, t.max_epoch);
    if (t.durable >= r->next_block && !PLANTED(PLANT_IGNORE_WITNESS)) {
        if (came_late(p, index))
            return REPLAY_OK;
        snprintf(text, sizeof text, "%s, but block %" PRIu64 " says that it was durable", what,
                 t.durable_at);
        return damaged(p, index, r->next_block, text);
    }
    if (replay_tail_strange(&t, p->conf->disk, p->conf->shard, p->why))
        return REPLAY_FAILED;
    if (r->last_seq < r->mark_seq)
        return ends_early(p, index, what);
    *ended = true;
    r->next_segment = p->catalog.entries[p->i].segment + (index > 0 ? 1 : 0);
    r->cut_slots = tx_builder_reset(&p->builder);
    r->cut = t.written > 0 || r->cut_slots > 0;
    r->cut_segment = p->catalog.entries[p->i].segment;
    r->cut_block = r->next_block;
    r->cut_bytes = t.written * BLOCK_BYTES;
    r->cut_what = what;
    return REPLAY_OK;
}

/* ---- segments ---- */

/* Where segment p->i ends because the next one begins there; UINT64_MAX when it is the last. */
static u64 segment_limit(const struct replay *p)
{
    const struct segment_entry *next = &p->catalog.entries[p->i + 1];

    if (PLANTED(PLANT_OLD_EPOCH))
        return UINT64_MAX;
    return p->i + 1 < p->catalog.used && next->state == SEGMENT_USED ? next->head.block
                                                                     : UINT64_MAX;
}

/* The block of the first segment to be read with which reading begins. */
static u64 first_block(const struct replay *p, const struct segment_entry *e)
{
    return p->conf->from.block ? p->conf->from.block : e->head.block;
}

/* May segment p->i begin like this? NULL or what is wrong with it. */
static const char *segment_begins(struct replay *p)
{
    const struct segment_entry *e = &p->catalog.entries[p->i];
    bool first = !p->begun;

    if (e->state != SEGMENT_USED)
        return NULL; /* its first block will be found bad, and judged */
    if (e->bytes != (u64)e->head.segment_blocks * BLOCK_BYTES)
        return "the file has not the length that its header says";
    if (first) {
        if (e->segment == 1 && e->head.block != 1)
            return "the first segment does not begin with block 1";
        p->r->next_block = first_block(p, e);
        p->chained = p->r->next_block == 1;
    } else if (e->head.epoch < p->epoch) {
        return "an epoch that was over";
    } else if (e->head.epoch == p->epoch && !p->full) {
        return "begins before the one before it is full";
    }
    p->r->segments++;
    if (e->head.epoch != p->epoch) {
        p->r->epochs++;
        u32 dropped = PLANTED(PLANT_KEEP_PARTIAL) ? 0 : tx_builder_reset(&p->builder);
        p->r->dropped_partial_tx += dropped > 0;
        p->epoch = e->head.epoch;
        p->r->max_epoch = max_u64(p->r->max_epoch, p->epoch);
    }
    return NULL;
}

/* Reads segment p->i. `*ended` is set when the journal ends in it. */
static enum replay_status read_segment(struct replay *p, bool *ended)
{
    struct replay_result *r = p->r;
    const struct segment_entry *e = &p->catalog.entries[p->i];
    u64 limit = segment_limit(p);
    int error = segment_file_open(&p->file, e->segment, e->bytes);

    if (!error && !PLANTED(PLANT_FORGET_SYNC))
        error = p->conf->disk->ops->sync(p->conf->disk, p->file.file);
    if (error)
        return failed(p, error, "opening and syncing a segment");
    const char *what = segment_begins(p);
    if (what)
        return damaged(p, 0, r->next_block, what);
    u64 index = p->begun || e->state != SEGMENT_USED ? 0 : r->next_block - e->head.block;
    p->begun = true;
    while (r->next_block < limit && index < p->file.blocks) {
        const struct block *b;
        error = segment_file_block(&p->file, index, false, &b);
        if (error && error != -ENODATA)
            return failed(p, error, "reading a segment");
        what = error ? "the file is cut short" : follows(p, b);
        if (what) {
            enum replay_status s = end_here(p, index, what, ended);
            if (*ended || s != REPLAY_OK)
                return s;
            continue;
        }
        what = take_block(p, b);
        if (what)
            return refused(p, index, what);
        r->last_crc = b->head.crc;
        p->chained = true;
        r->next_block++;
        r->blocks++;
        index++;
    }
    p->full = index == p->file.blocks;
    progress(p);
    if (limit != UINT64_MAX && r->next_block != limit)
        return damaged(p, index, r->next_block, "the next segment begins with another block");
    return REPLAY_OK;
}

/* Looks at the heads of all segments. REPLAY_OK when they follow each other. */
static enum replay_status read_heads(struct replay *p)
{
    struct replay_result *r = p->r;

    for (u32 i = 0; i < p->catalog.used; i++) {
        struct segment_entry *e;
        int error = catalog_entry(&p->catalog, i, &e);
        if (error)
            return failed(p, error, "reading a segment's head");
        p->i = i;
        if (p->catalog.foreign)
            return foreign(p);
        if (e->state == SEGMENT_USED)
            r->max_epoch = max_u64(r->max_epoch, e->head.epoch);
        if (i > 0 && e->segment != e[-1].segment + 1)
            return damaged(p, 0, e->head.block, "the segment before this one is missing");
    }
    if (p->catalog.used == 0)
        return REPLAY_OK;
    r->first_segment = p->catalog.entries[0].segment;
    p->i = 0;
    if (r->first_segment != 1 && p->catalog.entries[0].state != SEGMENT_USED)
        return damaged(p, 0, 0, "the oldest segment that is left begins with a bad block");
    if (r->first_segment != 1 && p->conf->whole && !p->conf->from.seq) {
        why_set(p->why,
                "journal %s begins with segment %" PRIx64 ", and no snapshot can be used: copy the "
                "segments before it back from the archive, or take the program and the pool sizes "
                "that the snapshots were made with",
                p->conf->disk->where, r->first_segment);
        return REPLAY_FAILED;
    }
    return REPLAY_OK;
}

/* The index of the segment with which reading begins. */
static enum replay_status find_first(struct replay *p, u32 *first)
{
    u64 block = p->conf->from.block;
    int error = block ? catalog_find_block(&p->catalog, block, first) : 0;

    p->r->damaged_snapshot = error == -ENODATA;
    if (error == -ENODATA)
        return damaged(p, 0, block, "the segment that the snapshot goes on with is missing");
    return error ? failed(p, error, "looking for the snapshot's block") : REPLAY_OK;
}

static enum replay_status read_all(struct replay *p)
{
    struct replay_result *r = p->r;
    u32 first = 0;
    bool ended = false;
    enum replay_status s = read_heads(p);

    if (s == REPLAY_OK)
        s = find_first(p, &first);
    if (s != REPLAY_OK)
        return s;
    for (p->i = first; p->i < p->catalog.used && !ended && s == REPLAY_OK; p->i++) {
        s = read_segment(p, &ended);
        if (!ended)
            r->next_segment = p->catalog.entries[p->i].segment + 1;
    }
    if (s == REPLAY_OK && !ended) {
        r->cut_slots = tx_builder_reset(&p->builder); /* the last segment is full */
        r->cut = r->cut_slots > 0;
        r->cut_block = r->next_block;
        r->cut_segment = r->next_segment;
        r->cut_what = "its end was never written";
    }
    if (s == REPLAY_OK && r->last_seq < p->conf->from.seq) {
        p->i -= p->i > 0; /* it stands behind the last one that was read */
        r->damaged_snapshot = true;
        return damaged(p, 0, r->next_block, "a snapshot has seen more than is left");
    }
    if (s == REPLAY_OK && r->last_seq < r->mark_seq)
        return ends_early(p, 0, "not there");
    return s;
}

static void report(const struct replay *p)
{
    const struct replay_result *r = p->r;

    if (r->cut)
        log_warn("journal: torn tail cut at segment %" PRIx64 ", block %" PRIu64 " (%s): %" PRIu64
                 " bytes and %u slots of an incomplete transaction dropped, none of it was "
                 "acknowledged",
                 r->cut_segment, r->cut_block, r->cut_what, r->cut_bytes, r->cut_slots);
    if (!p->conf->quiet)
        log_info("journal: %" PRIu64 " transactions in %" PRIu64 " blocks replayed, last %" PRIu64
                 ", highest epoch %" PRIu64,
                 r->transactions, r->blocks, r->last_seq, r->max_epoch);
}

enum replay_status replay_run(const struct replay_conf *conf, struct replay_result *result,
                              struct why *why)
{
    struct replay p = {.conf = conf, .r = result, .why = why};
    enum replay_status s = REPLAY_FAILED;

    memset(result, 0, sizeof *result);
    why->text[0] = '\0';
    result->next_segment = 1;
    result->next_block = 1;
    result->first_segment = 1;
    result->day_seq = conf->from.day_seq;
    result->from_seq = conf->from.seq;
    result->from_day_seq = conf->from.day_seq;
    p.chained = true;                /* block 1 follows "0" */
    if (!PLANTED(PLANT_IGNORE_MARK)) /* before the journal: a live venue may be writing both */
        result->mark_seq = durable_mark_read(conf->disk, conf->shard);
    p.started_ns = clock_now_ns();
    p.progress_ns = p.started_ns + NS_PER_SEC;
    bool ok = catalog_init(&p.catalog, conf->disk, conf->shard);
    ok = segment_file_init(&p.file, conf->disk) && ok;
    int error = ok ? catalog_load(&p.catalog) : -ENOMEM;
    s = error ? failed(&p, error, "listing the directory") : read_all(&p);
    if (s == REPLAY_OK)
        report(&p);
    if (PLANTED(PLANT_KEEP_EPOCH) && result->max_epoch > 0)
        result->max_epoch--;
    segment_file_free(&p.file);
    catalog_free(&p.catalog);
    return s;
}
