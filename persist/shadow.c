/*
 * shadow.c - see shadow.h. Cold thread.
 *
 *   files ─cursor─▶ engine_apply on an engine of its own ─every N─▶ snapshot_write ─▶ two are kept
 *
 * It rests until `every` transactions are durable that it has not seen, then applies them a bite a
 * turn, writes, and rests again: behind by up to `every` transactions, which is also what a start
 * has to replay. When somebody wants the tops of the books it does not rest, stands still only
 * while it writes, and makes indications before crosses (indicator.c). Session streams are in the
 * state as cursors, messages are not.
 *
 * Failure modes: a snapshot cannot be written: said, the next one is tried after as many
 * transactions again. The journal cannot be read or does not fit: said, no more snapshots by this
 * process. Trading does not notice either.
 */
#include "persist/shadow.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/metrics.h"
#include "engine/image.h"
#include "persist/indicator.h"
#include "persist/snapshot.h"
#include "persist/tops.h"

#define TXS_PER_TURN 1024u

struct shadow {
    struct shadow_conf conf;
    struct mem mem; /* the engine's, nothing else */
    struct engine *engine;
    struct cursor *cursor;
    u64 target;      /* a snapshot is made when the engine is there; 0: at rest */
    u64 last;        /* transaction of the last snapshot, or of the last try */
    u64 good[2];     /* the newest known good ones, newest first; 0: none */
    u64 good_day[2]; /* their day_seq */
    u64 block;       /* in which the engine's last transaction begins */
    u64 epoch;       /* of it */
    u64 day_seq;
    bool stopped;

    struct indicator indicator; /* when tops are wanted */
    struct durable passed;
    _Atomic u64 asked;         /* snapshots that somebody wanted; owner: who asks */
    _Atomic u64 served;        /* ... that were made, or tried; owner: the agent */
    struct shadow_taken taken; /* what came of the last of them; guarded by `served` */
    struct metric seq;
    struct metric made;
    struct metric failed;
};

static void register_metrics(struct shadow *s)
{
    metrics_register("wirebook_snapshot_seq", "", "Transaction of the last snapshot.", METRIC_GAUGE,
                     &s->seq);
    metrics_register("wirebook_snapshots_total", "", "Snapshots written.", METRIC_COUNTER,
                     &s->made);
    metrics_register("wirebook_snapshots_failed_total", "", "Snapshots that could not be written.",
                     METRIC_COUNTER, &s->failed);
}

struct shadow *shadow_new(const struct shadow_conf *conf, const struct mem *engine,
                          const struct replay_result *at)
{
    struct shadow *s = aligned_alloc(CACHE_LINE, round_up(sizeof *s, CACHE_LINE));

    ASSERT(s != NULL && (conf->every >= 1 || conf->tops));
    memset(s, 0, sizeof *s);
    s->conf = *conf;
    mem_init(&s->mem, 0);
    s->engine = engine_new(&conf->engine, &s->mem);
    engine_copy(&s->mem, engine);
    ASSERT_EQ(engine_seq(s->engine), at->last_seq);
    s->cursor = cursor_new(&conf->cursor, at->last_seq + 1);
    s->last = at->from_seq;
    s->good[0] = at->from_seq;
    s->good_day[0] = at->from_day_seq;
    s->day_seq = at->day_seq;
    metric_set(&s->seq, at->from_seq);
    if (conf->tops) {
        tops_note_all(conf->tops, s->engine);
        indicator_init(&s->indicator, conf->tops);
    }
    register_metrics(s);
    return s;
}

void shadow_free(struct shadow *s)
{
    cursor_free(s->cursor);
    mem_free_all(&s->mem);
    free(s);
}

const struct durable *shadow_passed(const struct shadow *s)
{
    return &s->passed;
}

u64 shadow_ask(struct shadow *s)
{
    /* pairs with shadow_do_work; nothing else is handed over */
    return atomic_fetch_add_explicit(&s->asked, 1, memory_order_relaxed) + 1;
}

bool shadow_answer(const struct shadow *s, u64 asked, struct shadow_taken *taken)
{
    /* pairs with serve: what is in `taken` stays until the next one is asked for */
    bool done = atomic_load_explicit(&s->served, memory_order_acquire) >= asked;

    if (done)
        *taken = s->taken;
    return done;
}

/* All that was asked for up to `asked` has its answer. */
static void serve(struct shadow *s, u64 asked, const struct shadow_taken *taken)
{
    if (asked == atomic_load_explicit(&s->served, memory_order_relaxed))
        return;
    s->taken = *taken;
    atomic_store_explicit(&s->served, asked, memory_order_release); /* pairs with shadow_answer */
}

/* Nothing more can be read; snapshots that exist stay good. */
static int stop(struct shadow *s, const char *what)
{
    log_error("snapshots: none any more until the next start: %s", what);
    s->stopped = true;
    return 0;
}

static void note_day(struct shadow *s, const struct cursor_tx *tx)
{
    for (u32 at = 0; at < tx->used; at += msg_slots(&tx->slots[at])) {
        if (((const u8 *)&tx->slots[at])[0] == EV_DAY_OPENED)
            s->day_seq = tx->seq;
    }
}

/* Applies what there is up to the target, a bite of it. */
static int follow(struct shadow *s)
{
    struct cursor_tx tx;
    int n = 0;

    while (n < (int)TXS_PER_TURN && engine_seq(s->engine) < s->target) {
        enum cursor_status status = cursor_next(s->cursor, &tx);
        if (status != CURSOR_TX)
            return stop(s, cursor_why(s->cursor));
        const char *what = engine_apply(s->engine, tx.slots, tx.used);
        if (what)
            return stop(s, what);
        if (s->conf.tops)
            tops_note(s->conf.tops, s->engine, tx.slots, tx.used);
        s->block = tx.block;
        s->epoch = tx.epoch;
        note_day(s, &tx);
        n++;
    }
    return n;
}

static u64 bytes_of(struct disk *d, u64 seq)
{
    struct snapshot_list list = {.used = 0};

    if (snapshot_list(d, &list) == 0)
        for (u32 i = 0; i < list.used; i++)
            if (list.seq[i] == seq)
                return list.bytes[i];
    return 0;
}

static void take(struct shadow *s, struct shadow_taken *taken)
{
    u64 began_ns = clock_now_ns();
    struct snapshot snap = {
        .shard = s->conf.cursor.shard,
        .journal_id = engine_journal_id(s->engine),
        .epoch = s->epoch,
        .seq = engine_seq(s->engine),
        .block = s->block,
        .day_seq = s->day_seq,
        .state_hash = engine_state_hash(s->engine),
        .engine = s->conf.engine,
    };
    struct disk *d = s->conf.cursor.disk;

    s->last = snap.seq;
    s->target = 0;
    *taken = (struct shadow_taken){.seq = snap.seq};
    if (!snapshot_write(d, &snap, &s->mem, &taken->why)) {
        log_error("%s", taken->why.text);
        metric_add(&s->failed, 1);
        return;
    }
    taken->bytes = bytes_of(d, snap.seq);
    taken->took_ns = clock_now_ns() - began_ns;
    log_info("journal: snapshot of transaction %" PRIu64 " written, state %016" PRIx64, snap.seq,
             snap.state_hash);
    s->good[1] = s->good[0];
    s->good[0] = snap.seq;
    s->good_day[1] = s->good_day[0];
    s->good_day[0] = snap.day_seq;
    metric_add(&s->made, 1);
    metric_set(&s->seq, snap.seq);
    if (s->good[1]) /* a start reads from where that transaction begins; streams, from the day's */
        durable_move(&s->passed, min_u64(s->good[1], max_u64(s->good_day[1], 1)) - 1);
    int error = snapshot_remove(d, s->good[0], s->good[1]);
    if (error)
        log_warn("journal %s: removing old snapshots: %s", d->where, strerror(-error));
}

static int journal_turn(struct shadow *s)
{
    u64 stored = durable_get(s->conf.cursor.stored);
    struct shadow_taken taken = {.seq = 0};
    u64 asked = atomic_load_explicit(&s->asked, memory_order_relaxed);

    if (s->stopped) {
        why_set(&taken.why, "no snapshots any more until the next start; the log says why");
        serve(s, asked, &taken);
        return 0;
    }
    bool wanted = asked != atomic_load_explicit(&s->served, memory_order_relaxed);
    bool due = wanted || (s->conf.every > 0 && stored >= s->last + s->conf.every);
    if (s->target == 0) {
        bool behind = stored > engine_seq(s->engine);
        /* After a start: where its last transaction stands is not known. */
        bool followed = s->epoch > 0 && engine_seq(s->engine) > s->last;
        if (!(behind && (due || s->conf.tops)) && !(due && followed))
            return 0;
        s->target = stored;
    }
    if (engine_seq(s->engine) < s->target)
        return follow(s);
    if (due) {
        take(s, &taken);
        serve(s, asked, &taken);
        return 1;
    }
    s->target = 0;
    return 0;
}

int shadow_do_work(void *shadow, u64 now_ns)
{
    struct shadow *s = shadow;
    int done = journal_turn(s);

    if (!s->stopped && s->conf.tops)
        done += indicator_turn(&s->indicator, s->engine, now_ns);
    return done;
}
