/*
 * persist.c - see persist.h. One turn of the hot agent:
 *
 *   reap ended writes -> blocks to the taps -> move the mark -> take transactions -> begin writes
 *
 * In: the transaction ring. Out: blocks on the disk and in the taps; `stored`, the last transaction
 * on stable storage; `released`, what gateways may send, the same but under DURABILITY_NONE.
 *
 * Invariants: a block is in the taps (or was skipped there for lack of room) before the mark covers
 * it, so that a cursor which sees the mark and not the block knows where to look. The mark never
 * covers a transaction of which a slot lies in a block that is not durable.
 *
 * Failure modes: a failed write or segment: `failed`, the mark stands still for ever, nothing more
 * is taken. No segment ready, or a disk that stands still: the buffer (conf.buffer_blocks) fills,
 * then the ring, then what stands before it waits.
 */
#include "persist/persist.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/log.h"
#include "engine/base/metrics.h"
#include "engine/msg/msg.h"
#include "persist/durable_mark.h"
#include "persist/journal.h"
#include "persist/plant.h"
#include "persist/segments.h"

#define LAZY_NS         (10 * NS_PER_MS) /* DURABILITY_NONE: until less than a whole write goes */
#define TAP_BLOCK_SLOTS (BLOCK_BYTES / SLOT_BYTES)

struct tap {
    struct ring *ring;
    struct metric skipped; /* blocks that found no room */
};

struct persist {
    struct persist_conf conf;
    u64 live_segment;
    u64 live_block;
    struct ring *tx;
    struct tap taps[PERSIST_TAPS_MAX];
    u32 taps_used;
    struct journal journal;
    struct stamps *stamps; /* NULL: none are wanted */
    u64 write_ns; /* DURABILITY_NONE: from when on what is not yet written is; 0: nothing is left */
    bool answers; /* ... the last turn has let some out */

    struct durable released;
    struct durable stored;
    CACHE_ALIGNED _Atomic bool failed;

    struct metric durable_seq;
    struct metric transactions;
    struct metric writes;
    struct metric blocks;
    struct metric padded;
    struct metric waits_segment;
    struct metric waits_buffer;

    CACHE_ALIGNED struct segments segments; /* the cold agent's */
    struct durable_mark mark;               /* ... too */
};

void persist_conf_defaults(struct persist_conf *conf)
{
    *conf = (struct persist_conf){
        .durability = DURABILITY_DISK,
        .segment_bytes = 64ull << 20,
        .segments_ahead = 2,
        .buffer_blocks = JOURNAL_BUFFER_BLOCKS_MIN,
        .space_low_bytes = 1ull << 30,
        .space_hard_bytes = 256ull << 20,
        .mark_ns = NS_PER_SEC,
    };
}

static void register_metrics(struct persist *p)
{
    metrics_register("wirebook_journal_durable_seq", "", "Last transaction on stable storage.",
                     METRIC_GAUGE, &p->durable_seq);
    metrics_register("wirebook_journal_transactions_total", "", "Transactions taken.",
                     METRIC_COUNTER, &p->transactions);
    metrics_register("wirebook_journal_writes_total", "", "Writes that have ended.", METRIC_COUNTER,
                     &p->writes);
    metrics_register("wirebook_journal_blocks_total", "", "Blocks of 4 KiB written.",
                     METRIC_COUNTER, &p->blocks);
    metrics_register("wirebook_journal_blocks_padded_total", "",
                     "Blocks that went out partly full.", METRIC_COUNTER, &p->padded);
    metrics_register("wirebook_journal_segment_waits_total", "",
                     "Times that a write had to wait for a prepared segment.", METRIC_COUNTER,
                     &p->waits_segment);
    metrics_register("wirebook_journal_buffer_waits_total", "",
                     "Turns in which transactions found the buffer full (journal.buffer_mb).",
                     METRIC_COUNTER, &p->waits_buffer);
    metrics_register("wirebook_journal_free_bytes", "", "Free bytes of the journal's file system.",
                     METRIC_GAUGE, &p->segments.free_bytes);
    metrics_register("wirebook_journal_segments_recycled_total", "",
                     "Old segments that were used again.", METRIC_COUNTER, &p->segments.recycled);
    metrics_register("wirebook_journal_segments_removed_total", "",
                     "Old segments that were not fit for it.", METRIC_COUNTER,
                     &p->segments.removed);
    metrics_register("wirebook_journal_space_level", "",
                     "0: enough; 1: low, new orders are rejected; 2: nothing more is taken.",
                     METRIC_GAUGE, &p->segments.level_seen);
}

struct persist *persist_new(const struct persist_conf *conf, struct disk *disk, struct ring *tx,
                            const struct replay_result *at, u64 epoch, struct mem *m,
                            struct why *why)
{
    ASSERT_GT(epoch, at->max_epoch);
    if (!segments_remove(disk, at->next_segment, why))
        return NULL;
    struct persist *p = mem_alloc(m, sizeof *p, CACHE_LINE);
    p->conf = *conf;
    p->tx = tx;
    p->live_segment = at->next_segment;
    p->live_block = at->next_block;
    segments_init(&p->segments, disk, conf->segment_bytes, conf->segments_ahead, at->next_segment,
                  m);
    p->segments.space_low_bytes = conf->space_low_bytes;
    p->segments.space_hard_bytes = conf->space_hard_bytes;
    while (segments_do_work(&p->segments, 0) > 0 && ring_avail(&p->segments.ready, 1) == 0)
        ; /* one to begin with; the cold agent makes the others */
    if (ring_avail(&p->segments.ready, 1) == 0) {
        why_set(why, "journal %s: no segment of %llu MiB could be prepared (the log says why)",
                disk->where, (unsigned long long)(conf->segment_bytes >> 20));
        return NULL;
    }
    durable_mark_open(&p->mark, disk, conf->shard, at->last_seq, conf->mark_ns, m);
    struct journal_at from = {at->next_block, at->last_crc, at->last_seq};
    journal_init(&p->journal, disk, conf->shard, epoch, &from, conf->buffer_blocks,
                 &p->segments.ready, &p->segments.retired, m);
    durable_move(&p->released, at->last_seq);
    durable_move(&p->stored, at->last_seq);
    register_metrics(p);
    return p;
}

void persist_recycle(struct persist *p, u32 keep, u64 (*passed)(void *ctx), void *ctx)
{
    struct recycle *r = &p->segments.recycle;
    bool ok = recycle_init(r, p->segments.disk, p->conf.shard);

    ASSERT(ok && passed); /* memory for one catalog, at the start */
    r->keep = keep;
    r->ctx = ctx;
    r->passed = passed;
}

void persist_free(struct persist *p)
{
    durable_mark_close(&p->mark, durable_get(&p->stored));
    journal_close(&p->journal);
    segments_close(&p->segments);
}

void persist_stamp(struct persist *p, struct stamps *stamps)
{
    p->stamps = stamps;
}

void persist_tap_add(struct persist *p, struct ring *tap)
{
    static const char *const labels[PERSIST_TAPS_MAX] = {"tap=\"0\"", "tap=\"1\"", "tap=\"2\"",
                                                         "tap=\"3\""};

    ASSERT_LT(p->taps_used, PERSIST_TAPS_MAX);
    ASSERT_EQ(ring_capacity(tap) % TAP_BLOCK_SLOTS, 0);
    metrics_register("wirebook_journal_tap_skipped_total", labels[p->taps_used],
                     "Blocks that a slow consumer has to read from the files.", METRIC_COUNTER,
                     &p->taps[p->taps_used].skipped);
    p->taps[p->taps_used++].ring = tap;
}

/* Transactions first..last are about to be covered by the mark. */
static void stamp(struct persist *p, u64 first, u64 last)
{
    u64 now = clock_ticks();

    for (u64 seq = first; seq <= last; seq++)
        stamps_journalled(p->stamps, seq, now);
}

/* Blocks first..last have become durable: to the taps, then the mark. */
static void publish(struct persist *p, u64 first, u64 last)
{
    for (u32 i = 0; i < p->taps_used; i++) {
        struct tap *t = &p->taps[i];
        for (u64 block = first; block <= last; block++) {
            if (!ring_push(t->ring, journal_block(&p->journal, block), TAP_BLOCK_SLOTS))
                metric_add(&t->skipped, 1);
        }
    }
    u64 seq = journal_seq_end(&p->journal, last);
    if (PLANTED(PLANT_RELEASE_ABOVE_MARK))
        durable_move(&p->released, journal_seq_end(&p->journal, p->journal.forming));
    ASSERT_GE(seq, durable_get(&p->stored));
    durable_move(&p->stored, seq);
    if (seq > durable_get(&p->released)) {
        if (UNLIKELY(p->stamps != NULL))
            stamp(p, durable_get(&p->released) + 1, seq);
        durable_move(&p->released, seq);
        CRASH_POINT("mark-moved");
    }
    metric_set(&p->durable_seq, seq);
}

/* The slot behind the transaction that begins at slot `i` of the ring. */
static u64 tx_end(const struct ring *tx, u64 i, u64 avail)
{
    const struct cmd_head *head;

    do {
        ASSERT_LT(i, avail); /* transactions are published whole */
        head = (const struct cmd_head *)(const void *)ring_at(tx, i);
        i += head->slots;
    } while ((head->flags & MSG_TX_END) == 0);
    return i;
}

/* Copies one transaction that begins at slot `i` of the ring. Returns the slot behind it. */
static u64 take_tx(struct persist *p, u64 i, u64 avail)
{
    const struct slot *first = ring_at(p->tx, i);
    const struct cmd_head *head = (const struct cmd_head *)(const void *)first;
    u64 end = tx_end(p->tx, i, avail);
    u64 seq = head->seq;

    ASSERT(msg_is_command(head->type));
    ASSERT_LE(end - i, TX_SLOTS_MAX);
    u64 run = min_u64(end - i, (u64)(p->tx->slots + ring_capacity(p->tx) - first));
    journal_tx_begin(&p->journal, seq);
    journal_put(&p->journal, first, run);
    if (run < end - i) /* the rest lies at the ring's beginning */
        journal_put(&p->journal, p->tx->slots, end - i - run);
    journal_tx_end(&p->journal, seq);
    if (p->conf.durability == DURABILITY_NONE) {
        if (UNLIKELY(p->stamps != NULL))
            stamp(p, seq, seq);
        durable_move(&p->released, seq);
    }
    return end;
}

/* Takes whole transactions while there are any, room and budget. Returns how many. */
static int take(struct persist *p)
{
    u64 avail = ring_avail(p->tx, PERSIST_SLOTS_PER_TURN);
    u64 i = 0;
    int n = 0;

    while (i < avail && i < PERSIST_SLOTS_PER_TURN) {
        if (journal_room(&p->journal) < TX_SLOTS_MAX) {
            metric_add(&p->waits_buffer, 1);
            break;
        }
        i = take_tx(p, i, avail);
        n++;
    }
    if (i > 0)
        ring_take(p->tx, i);
    return n;
}

static void fail(struct persist *p)
{
    if (!atomic_load_explicit(&p->failed, memory_order_relaxed))
        log_error("journal: stopped for good; the last durable transaction is %llu",
                  (unsigned long long)durable_get(&p->stored));
    atomic_store_explicit(&p->failed, true, memory_order_release); /* pairs with persist_failed */
}

/*
 * Where nobody waits for the disk a write costs who comes while the kernel is being asked for it:
 * 10 to 20 us. So a whole one goes at once, less only after LAZY_NS, and then in the turn behind
 * one that let answers out: the gateway that may share the thread has sent them, and the next order
 * is as far away as it will be. Without any such turn it goes LAZY_NS later.
 */
static int write_lazily(struct persist *p, u64 now_ns)
{
    struct journal *j = &p->journal;
    bool whole = j->forming - j->unsubmitted >= JOURNAL_WRITE_BLOCKS;
    bool due = p->write_ns != 0 && now_ns >= p->write_ns;
    bool late = due && now_ns - p->write_ns >= LAZY_NS;
    bool behind = p->answers && ring_avail(p->tx, 1) == 0;
    int begun = 0;

    if (whole || late || (due && behind)) {
        begun = journal_submit(j);
        if (j->forming == j->unsubmitted && j->fill == 0)
            p->write_ns = 0;
    }
    return begun;
}

int persist_do_work(void *persist, u64 now_ns)
{
    struct persist *p = persist;
    struct journal *j = &p->journal;

    if (j->state == JOURNAL_FAILED)
        return 0;
    u64 blocks = journal_reap(j);
    if (blocks > 0)
        publish(p, j->durable - blocks + 1, j->durable);
    if (j->state == JOURNAL_FAILED ||
        atomic_load_explicit(&p->segments.failed, memory_order_acquire)) {
        fail(p);
        return 0;
    }
    bool lazy = p->conf.durability == DURABILITY_NONE;
    int begun = lazy ? write_lazily(p, now_ns) : 0;
    int taken = take(p);
    p->answers = taken > 0;
    if (!lazy)
        begun = journal_submit(j);
    else if (taken > 0 && p->write_ns == 0)
        p->write_ns = now_ns + LAZY_NS;
    if (begun > 0 && PLANTED(PLANT_ACK_BEFORE_SYNC))
        durable_move(&p->released, journal_seq_end(j, j->unsubmitted - 1));
    metric_add(&p->transactions, (u64)taken);
    metric_set(&p->writes, j->writes_done);
    metric_set(&p->blocks, j->blocks_written);
    metric_set(&p->padded, j->blocks_padded);
    metric_set(&p->waits_segment, j->waits_segment);
    return (int)blocks + taken + begun;
}

int persist_segments_do_work(void *persist, u64 now_ns)
{
    struct persist *p = persist;

    u64 seq = durable_get(&p->stored);
    if (PLANTED(PLANT_MARK_AHEAD))
        seq = journal_seq_end(&p->journal, p->journal.forming);
    int work = segments_do_work(&p->segments, now_ns);
    return work + durable_mark_turn(&p->mark, seq, now_ns);
}

const struct durable *persist_durable(const struct persist *p)
{
    return &p->released;
}

const struct durable *persist_stored(const struct persist *p)
{
    return &p->stored;
}

u64 persist_live_segment(const struct persist *p)
{
    return p->live_segment;
}

u64 persist_live_block(const struct persist *p)
{
    return p->live_block;
}

bool persist_failed(const struct persist *p)
{
    return atomic_load_explicit(&p->failed, memory_order_acquire);
}

bool persist_idle(const struct persist *p)
{
    return journal_idle(&p->journal) && ring_avail(p->tx, 1) == 0;
}

enum space_level persist_space(const struct persist *p)
{
    return atomic_load_explicit(&p->segments.level, memory_order_relaxed);
}

const _Atomic u32 *persist_space_level(const struct persist *p)
{
    return &p->segments.level;
}
