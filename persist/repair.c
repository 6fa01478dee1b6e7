/*
 * repair.c - see repair.h: the order of things.
 *
 * Enters: a directory whose journal a start refuses. Leaves: one that it takes, and a report. Cold.
 * Each round asks recovery what is wrong and does the one thing about it, in DIR/repairing.
 *
 * Failure modes: everything that cannot be done is a sentence in `why`, and DIR/repairing is
 * removed; only repair_commit changes what was there.
 */
#include "persist/repair.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "engine/base/log.h"
#include "persist/directory.h"
#include "persist/persist.h"
#include "persist/pwrite.h"
#include "persist/recovery.h"
#include "persist/repair_impl.h"
#include "persist/snapshot.h"
#include "persist/verify.h"

/* ---- what is wrong ---- */

/* The pools of the newest snapshot that this program can read, else what the journal says. */
static void sizes(struct disk *d, u32 shard, struct engine_conf *conf)
{
    struct snapshot_list list = {.used = 0};
    struct snapshot s;
    struct why why;

    *conf = (struct engine_conf){.gateways = GATEWAYS_MAX};
    verify_sizes(d, shard, conf);
    if (snapshot_list(d, &list) != 0)
        return;
    for (u32 i = 0; i < list.used; i++) {
        if (!snapshot_head(d, &list, i, &s, &why))
            continue;
        *conf = s.engine;
        conf->gateways = GATEWAYS_MAX;
        return;
    }
}

/* A start, as far as it only reads. */
static enum replay_status look(struct repair *r, struct disk *d)
{
    struct recovery_conf conf = {.disk = d, .shard = r->conf->shard, .quiet = true};

    sizes(d, r->conf->shard, &conf.engine);
    mem_free_all(&r->mem);
    mem_init(&r->mem, 0);
    enum replay_status s = recovery_run(&conf, &r->mem, &r->engine, &r->at, r->why);
    r->max_epoch = max_u64(r->max_epoch, r->at.max_epoch);
    if (s == REPLAY_OK)
        r->max_epoch = max_u64(r->max_epoch, engine_epoch(r->engine));
    return s;
}

/* A start goes through; what stands before its snapshot may be damaged all the same. */
static enum repair_outcome nothing(struct repair *r)
{
    struct replay_conf conf = {.disk = r->disk, .shard = r->conf->shard, .quiet = true};
    struct replay_result at;
    FILE *f = r->conf->report;

    if (r->at.from_seq > 0 && replay_run(&conf, &at, r->why) != REPLAY_OK) {
        char text[sizeof r->why->text];
        snprintf(text, sizeof text, "%.250s", r->why->text);
        why_set(r->why,
                "a start goes on from the snapshot of transaction %" PRIu64
                " and needs nothing before it, so nothing is cut; %s",
                r->at.from_seq, text);
        return REPAIR_REFUSED;
    }
    fprintf(f, "whole       transactions up to %" PRIu64 "; nothing to repair\n", r->at.last_seq);
    if (r->at.cut)
        fprintf(f,
                "torn tail   %" PRIu64 " bytes at block %" PRIu64
                ", none of it acknowledged: the next start cuts it\n",
                r->at.cut_bytes, r->at.cut_block);
    return REPAIR_NOTHING;
}

/* The length that the segment's own first block says; 0: it says what the file has, or nothing. */
static u64 wrong_length(struct repair *r, struct disk *d, u64 segment)
{
    struct catalog c;
    u64 blocks = 0;

    if (!catalog_init(&c, d, r->conf->shard))
        return 0;
    u32 used = catalog_load(&c) == 0 ? c.used : 0;
    for (u32 i = 0; i < used; i++) {
        struct segment_entry *e;
        if (c.entries[i].segment == segment && catalog_entry(&c, i, &e) == 0 &&
            e->state == SEGMENT_USED && e->bytes != (u64)e->head.segment_blocks * BLOCK_BYTES)
            blocks = e->head.segment_blocks;
    }
    catalog_free(&c);
    return blocks;
}

static void say(struct repair *r, const char *verb)
{
    fprintf(r->conf->report, "damaged     %s\n", r->why->text);
    u64 length = r->at.damaged_index == 0
                     ? wrong_length(r, r->work ? r->work : r->disk, r->at.damaged_segment)
                     : 0;
    if (r->at.damaged_mark)
        fprintf(r->conf->report,
                "%-11s nothing, and transactions %" PRIu64 " to %" PRIu64
                " are given up: there is no trace of them here\n",
                verb, r->at.last_seq + 1, r->at.mark_seq);
    else if (r->at.damaged_snapshot)
        fprintf(r->conf->report,
                "%-11s snapshot of transaction %" PRIu64 ": the journal does not "
                "reach it any more\n",
                verb, r->at.from_seq);
    else if (length)
        fprintf(r->conf->report,
                "%-11s segment %016" PRIx64 " to its length of %" PRIu64
                " blocks, whatever it lacks as zeros\n",
                verb, r->at.damaged_segment, length);
    else
        fprintf(r->conf->report,
                "%-11s all from block %" PRIu64 " on, number %" PRIu64 " of segment %016" PRIx64
                "; the last transaction left is %" PRIu64 "\n",
                verb, r->at.next_block, r->at.damaged_index, r->at.damaged_segment, r->at.last_seq);
}

/* Does the one thing about what the last look has found. */
static bool act(struct repair *r)
{
    say(r, "cut");
    if (r->at.damaged_snapshot)
        return repair_drop_snapshot(r, r->at.from_seq);
    u64 segment = r->at.damaged_segment;
    if (segment == 0)
        return false; /* r->why says it */
    u64 length = r->at.damaged_index == 0 ? wrong_length(r, r->work, segment) : 0;
    return length ? repair_mend(r, segment, length, length)
                  : repair_cut(r, segment, r->at.damaged_index);
}

#define ROUNDS_MAX 64u /* each takes away a cause of damage */

/* Until a start goes through. */
static bool mend(struct repair *r)
{
    if (r->at.damaged_mark)
        say(r, "cut"); /* the mark is not in `work`, which is whole without it */
    enum replay_status s = look(r, r->work);

    for (u32 i = 0; i < ROUNDS_MAX && s == REPLAY_DAMAGED; i++) {
        if (!act(r))
            return false;
        s = look(r, r->work);
    }
    r->last_left = r->at.last_seq;
    r->blocks_left = r->at.next_block;
    return s == REPLAY_OK &&
           (r->at.last_seq > 0 || why_set(r->why, "nothing of the journal would be left: move the "
                                                  "directory away and begin with an empty one"));
}

/* ---- the journalled note ---- */

/* A process of two commands. */
struct leader {
    struct repair *r;
    struct ring tx;
    struct persist *persist;
    struct tx out;
};

static bool journal_it(struct leader *l)
{
    bool ok = ring_push(&l->tx, l->out.slots, l->out.used);

    ASSERT(ok); /* it is drained after each */
    while (!persist_idle(l->persist) && !persist_failed(l->persist))
        persist_do_work(l->persist, l->r->now_ns);
    return !persist_failed(l->persist) || why_set(l->r->why,
                                                  "journal %s could not be written; the "
                                                  "log says why",
                                                  l->r->work->where);
}

static bool step(struct leader *l, const union msg *m)
{
    l->out.used = 0;
    bool made = engine_step(l->r->engine, m, l->r->now_ns, &l->out);

    ASSERT(made);
    return journal_it(l);
}

/* Long work that a crash has left goes on under the old epoch's command, as in a start. */
static bool finish_work(struct leader *l)
{
    while (engine_busy(l->r->engine)) {
        l->out.used = 0;
        engine_continue(l->r->engine, l->r->now_ns, &l->out);
        if (!journal_it(l))
            return false;
    }
    return true;
}

static union msg start_of(const struct repair *r)
{
    const struct engine_conf *sizes = engine_conf(r->engine);
    union msg m;

    memset(&m, 0, sizeof m);
    m.cmd.type = CMD_START;
    m.cmd.slots = 1;
    m.start.epoch = r->max_epoch + 1;
    m.start.shard = r->conf->shard;
    m.start.journal_id = engine_journal_id(r->engine);
    m.start.accounts_max = sizes->accounts_max;
    m.start.instruments_max = sizes->instruments_max;
    m.start.orders_max = sizes->orders_max;
    return m;
}

static union msg note_of(const struct repair *r)
{
    union msg m;

    memset(&m, 0, sizeof m);
    m.cmd.type = CMD_OPERATOR;
    m.cmd.slots = (u8)msg_type_slots(CMD_OPERATOR);
    m.operator.request = r->now_ns / NS_PER_MS * 1000; /* as the control socket numbers them */
    m.operator.uid = r->conf->uid;
    m.operator.type = CMD_NOTE;
    m.operator.role = 3;
    m.operator.body[0] = NOTE_REPAIR;
    memcpy(m.operator.user, r->conf->user, strnlen(r->conf->user, OPERATOR_USER_BYTES));
    memcpy(m.operator.reason, r->conf->reason, strnlen(r->conf->reason, OPERATOR_REASON_BYTES));
    return m;
}

/* As large as the journal's others. */
static u64 segment_bytes(struct repair *r)
{
    struct catalog c;
    struct segment_entry *e;
    u64 bytes = 64ull << 20;

    if (!catalog_init(&c, r->work, r->conf->shard))
        return bytes;
    if (catalog_load(&c) == 0 && c.used > 0 && catalog_entry(&c, 0, &e) == 0 &&
        e->state == SEGMENT_USED)
        bytes = (u64)e->head.segment_blocks * BLOCK_BYTES;
    catalog_free(&c);
    return bytes;
}

/* The journal goes on under an epoch that nobody has had, and says who has cut it and why. */
static bool lead(struct repair *r)
{
    struct leader l = {.r = r};
    struct persist_conf conf;
    struct mem mem;

    mem_init(&mem, 0);
    persist_conf_defaults(&conf);
    conf.shard = r->conf->shard;
    conf.segment_bytes = segment_bytes(r);
    conf.segments_ahead = 1;
    ring_init(&l.tx, &mem, "repair", TX_RING_SLOTS);
    l.persist = persist_new(&conf, r->work, &l.tx, &r->at, r->max_epoch + 1, &mem, r->why);
    union msg start = start_of(r);
    union msg note = note_of(r);
    bool ok = l.persist && finish_work(&l) && step(&l, &start) && step(&l, &note);
    if (l.persist)
        persist_free(l.persist);
    mem_free_all(&mem);
    if (ok)
        fprintf(r->conf->report,
                "noted       transaction %" PRIu64 ", epoch %" PRIu64 ", by %s: %s\n",
                engine_seq(r->engine), r->max_epoch + 1, r->conf->user, r->conf->reason);
    return ok;
}

/* What was made is read again as a start would, and from its beginning where that is there. */
static bool check(struct repair *r)
{
    u64 hash = engine_state_hash(r->engine);

    if (look(r, r->work) != REPLAY_OK)
        return false;
    if (engine_state_hash(r->engine) != hash)
        return why_set(r->why, "what was written does not give the state that it was made of");
    if (r->at.first_segment == 1)
        return verify_run(r->work, r->conf->shard, r->conf->report, r->why);
    fprintf(r->conf->report, "state hash   %016" PRIx64 "\n", hash);
    return true;
}

/* ---- all of it ---- */

static enum repair_outcome refuse(struct repair *r, const char *what, int error)
{
    why_set(r->why, "journal %s: %s%s%s", r->conf->dir, what, error ? ": " : "",
            error ? strerror(error) : "");
    return REPAIR_REFUSED;
}

static enum repair_outcome repair(struct repair *r)
{
    if (!repair_work_make(r))
        return REPAIR_REFUSED;
    r->work = pwrite_new(r->work_path, r->why);
    bool ok = r->work && mend(r) && lead(r) && check(r) && repair_keep_make(r) && repair_lost(r) &&
              repair_commit(r);
    if (r->work)
        r->work->ops->free(r->work);
    repair_work_remove(r);
    return ok ? REPAIR_DONE : REPAIR_REFUSED;
}

/*
 * The venue's own snapshots mean nothing to this program. One that has seen more than what is left
 * is either where its start goes on, behind the damage and with nothing lost, or a witness that
 * something is missing: a cut would be wrong, and no start would take what it leaves.
 */
static bool snapshot_speaks(struct repair *r)
{
    u64 seq = snapshot_foreign(r->disk);

    if (seq <= r->at.last_seq)
        return false;
    if (r->why->text[0])
        fprintf(r->conf->report, "damaged     %s\n", r->why->text);
    why_set(r->why,
            "the snapshot of transaction %" PRIu64 ", which only the program that made it can read,"
            " has seen more than the %" PRIu64 " that can be read here: start the venue, which may "
            "go on from it; where it cannot, move the snapshot away and repair again",
            seq, r->at.last_seq);
    return true;
}

static enum repair_outcome locked(struct repair *r)
{
    char path[REPAIR_PATH_MAX];

    snprintf(path, sizeof path, "%s/lock", r->conf->dir); /* it may be new */
    if (!repair_own(r, path))
        return REPAIR_REFUSED;
    enum replay_status s = look(r, r->disk);
    if ((s != REPLAY_OK && s != REPLAY_DAMAGED) || snapshot_speaks(r))
        return REPAIR_REFUSED;
    if (s == REPLAY_OK)
        return nothing(r);
    if (r->conf->yes)
        return repair(r);
    say(r, "would cut");
    return REPAIR_WANTED;
}

enum repair_outcome repair_run(const struct repair_conf *conf, u64 now_ns, struct why *why)
{
    struct repair r = {.conf = conf, .why = why, .now_ns = now_ns};
    enum repair_outcome outcome;

    log_level_set(LOG_ERROR); /* the report says all */
    mem_init(&r.mem, 0);
    r.disk = directory_new(conf->dir, why);
    if (!r.disk)
        return REPAIR_REFUSED;
    int error = r.disk->ops->lock(r.disk);
    if (error == -EWOULDBLOCK)
        outcome = refuse(&r, "a process leads it: stop the venue first", 0);
    else if (error)
        outcome = refuse(&r, "taking its lock", -error);
    else
        outcome = locked(&r);
    r.disk->ops->free(r.disk);
    mem_free_all(&r.mem);
    return outcome;
}
