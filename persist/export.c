/*
 * export.c - see export.h. The cold thread's own; no I/O of its own, no clock, no library.
 *
 * A turn of a RUNNING lane: look at the batch under way; take transactions from the source into the
 * batch being filled; send that off when nothing is under way and it is full or old enough. Both
 * batches exist at once, so rows are made while the far end commits.
 *
 * Invariants of a lane:
 *   - sink->mark is what the far end is known to have; `filled` >= it; the source's next
 *     transaction is filled.seq + 1, or `next` holds that one.
 *   - Only poll() answering SINK_OK to a commit moves the mark forward.
 *   - A transaction enters a batch in order and without a gap (asserted; a gap is a broken cursor).
 *
 * Failure modes: SINK_LOST is ordinary - back-off with jitter, open, read the mark, go on behind
 * it. SINK_REFUSED and a journal that cannot be read need a person: said once a minute, retried
 * slowly. SINK_FENCED and SINK_FOREIGN end the lane, and so does a mark that is not in this
 * journal: it would fit one day, when the journal has grown, and then two histories would stand in
 * the same tables.
 */
#include "persist/export.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/log.h"
#include "engine/base/sm.h"
#include "persist/export_learn.h"

#define TXS_PER_TURN      512u              /* of one lane before the next has its turn */
#define COMPLAIN_EVERY_NS (60 * NS_PER_SEC) /* the same line is not logged more often */
#define LANE_STATES_TO(x) (1u << LANE_##x)

static const struct sm_state lane_states[] = {
    [LANE_DOWN] = {"down", LANE_STATES_TO(OPENING)},
    [LANE_OPENING] = {"opening", LANE_STATES_TO(DOWN) | LANE_STATES_TO(RUNNING) |
                                     LANE_STATES_TO(FENCED) | LANE_STATES_TO(FOREIGN)},
    [LANE_RUNNING] = {"running", LANE_STATES_TO(DOWN) | LANE_STATES_TO(FOREIGN)},
    [LANE_FENCED] = {"fenced", 0},
    [LANE_FOREIGN] = {"foreign", 0},
};

void export_init(struct exporter *x, const struct export_conf *conf, struct mem *m)
{
    ASSERT(conf->retry_min_ns > 0);
    ASSERT_LE(conf->retry_min_ns, conf->retry_max_ns);
    memset(x, 0, sizeof *x);
    x->conf = *conf;
    x->random = conf->seed;
    x->mem = m;
}

void export_add(struct exporter *x, const char *name, struct sink *sink,
                const struct export_source *source, const struct export_names *names,
                u64 batch_age_ns)
{
    ASSERT_LT(x->lanes_used, EXPORT_LANES_MAX);
    struct export_lane *l = &x->lanes[x->lanes_used++];
    l->name = name;
    l->sink = sink;
    l->source = *source;
    l->batch_age_ns = batch_age_ns;
    l->state = LANE_DOWN;
    l->retry_ns = x->conf.retry_min_ns;
    export_names_init(&l->names, x->mem, names->accounts_max, names->instruments_max);
    export_names_copy(&l->names, names);
}

/* True when that was logged less than a minute ago; else notes that it is now. */
static bool just_said(struct export_lane *l, const char *text, u64 now_ns)
{
    u32 at = l->said_next % EXPORT_SAID_MAX; /* in place of the oldest, if it is new */
    u64 hash = 0;

    for (; *text; text++)
        hash = hash_2u64(hash, (u8)*text, 0);
    for (u32 i = 0; i < EXPORT_SAID_MAX; i++)
        if (l->said[i].hash == hash)
            at = i;
    if (l->said[at].hash == hash && now_ns < l->said[at].logged_ns + COMPLAIN_EVERY_NS)
        return true;
    l->said_next += l->said[at].hash != hash;
    l->said[at].hash = hash;
    l->said[at].logged_ns = now_ns;
    return false;
}

/*
 * Says what is wrong, the same thing at most once a minute: an outage is two lines, not thousands.
 */
static void __attribute__((format(printf, 4, 5)))
complain(struct export_lane *l, enum log_level level, u64 now_ns, const char *format, ...)
{
    char text[SINK_ERROR_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(l->complaint, text, sizeof text);
    if (just_said(l, text, now_ns))
        return;
    log_line(level, "export %s: %s", l->name, text);
}

/* ---- the way down ---- */

static void lane_down(struct exporter *x, struct export_lane *l, u64 now_ns, u64 wait_ns)
{
    l->sink->ops->close(l->sink);
    l->sink->batch_rows = 0;
    l->committing = false;
    l->has_next = false;
    l->learning = false;
    l->unproven = false;
    l->skipping = false;
    l->batch_txs = 0;
    sm_move(lane_states, &l->state, LANE_DOWN);
    metric_add(&l->m_reconnects, 1);

    /* Half fixed, half random: exporters that lost the same database do not return in step. */
    x->random = hash_u64(x->random + 1);
    l->retry_at_ns = now_ns + wait_ns / 2 + x->random % (wait_ns / 2 + 1);
}

static void lane_lost(struct exporter *x, struct export_lane *l, u64 now_ns)
{
    metric_add(&l->m_errors[EXPORT_ERROR_LOST], 1);
    complain(l, LOG_WARN, now_ns, "connection lost: %s", l->sink->error);
    lane_down(x, l, now_ns, l->retry_ns);
    l->retry_ns = min_u64(l->retry_ns * 2, x->conf.retry_max_ns);
}

static void lane_refused(struct exporter *x, struct export_lane *l, u64 now_ns)
{
    metric_add(&l->m_errors[EXPORT_ERROR_REFUSED], 1);
    complain(l, LOG_ERROR, now_ns, "%s", l->sink->error);
    lane_down(x, l, now_ns, x->conf.refused_retry_ns);
}

/* FENCED or FOREIGN: only a person and a restart help. */
static void lane_stop(struct export_lane *l, enum lane_state state)
{
    metric_add(&l->m_errors[EXPORT_ERROR_STOPPED], 1);
    log_error("export %s: stopped for good: %s", l->name, l->sink->error);
    l->sink->ops->close(l->sink);
    sm_move(lane_states, &l->state, state);
}

/* The far end's mark is not in our journal, although it is called the same. */
static void lane_forked(struct export_lane *l, const char *what)
{
    snprintf(l->sink->error, sizeof l->sink->error,
             "%s seq %" PRIu64 " that was exported (a copy that went on alone, an older backup?): "
             "restore the data_dir it came from, or see config/sql/README.md, Another journal",
             what, l->sink->mark.seq);
    lane_stop(l, LANE_FOREIGN);
}

/* ---- opening ---- */

/* Behind the mark, after a look at its transaction. */
static void lane_seek(struct export_lane *l)
{
    l->source.seek(l->source.ctx, l->unproven ? l->filled.seq : l->filled.seq + 1);
}

/* The sink is open and its mark is read: the source goes on behind it, after a look at it. */
static void lane_opened(struct export_lane *l)
{
    u64 mark = l->sink->mark.seq;

    if (mark > l->source.durable_seq(l->source.ctx)) {
        lane_forked(l, "the journal ends before");
        return;
    }
    l->unproven = mark > 0 && l->sink->mark.time_ns > 0;
    l->filled = l->sink->mark;
    l->skipping = l->sink->is_window && mark > 0 && l->filled.day == 0;
    if (!export_learn_begin(l))
        lane_seek(l);
    sm_move(lane_states, &l->state, LANE_RUNNING);
    metric_set(&l->m_mark_seq, mark);
    log_info("export %s: goes on from seq %" PRIu64, l->name, mark + 1);
}

static int lane_opening(struct exporter *x, struct export_lane *l, u64 now_ns)
{
    switch (l->sink->ops->poll(l->sink, now_ns)) {
    case SINK_BUSY:
        return 0;
    case SINK_OK:
        lane_opened(l);
        break;
    case SINK_LOST:
        lane_lost(x, l, now_ns);
        break;
    case SINK_FENCED:
        lane_stop(l, LANE_FENCED);
        break;
    case SINK_FOREIGN:
        lane_stop(l, LANE_FOREIGN);
        break;
    case SINK_REFUSED:
        lane_refused(x, l, now_ns);
        break;
    }
    return 1;
}

/* ---- running ---- */

static void lane_unreadable(struct exporter *x, struct export_lane *l, u64 now_ns, u64 seq)
{
    metric_add(&l->m_errors[EXPORT_ERROR_JOURNAL], 1);
    complain(l, LOG_ERROR, now_ns, "cannot read seq %" PRIu64 " of the journal: %s", seq,
             l->source.why(l->source.ctx));
    lane_down(x, l, now_ns, x->conf.refused_retry_ns);
}

/*
 * The source has `wanted` no more. A far end that is a window begins anew with the oldest day that
 * is left; false: this one must have all, or nothing younger is known to be there.
 */
static bool lane_skip(struct export_lane *l, u64 wanted)
{
    u64 oldest = l->source.oldest(l->source.ctx);

    if (!l->sink->is_window || l->batch_txs > 0 || oldest <= wanted)
        return false;
    log_warn("export %s: seq %" PRIu64 " to %" PRIu64 " have left the journal and are not in it "
             "again: consumers take them from PostgreSQL",
             l->name, wanted, oldest - 1);
    l->filled = (struct sink_mark){.seq = oldest - 1};
    l->unproven = false;
    l->skipping = true;
    l->source.seek(l->source.ctx, oldest);
    return true;
}

/*
 * Two histories of the same journal have different times at the same number. Returns true when the
 * mark's transaction is ours; it has come then, and the source gives what follows it.
 */
static bool lane_prove(struct exporter *x, struct export_lane *l, u64 now_ns)
{
    struct cursor_tx tx;
    enum cursor_status got = l->source.next(l->source.ctx, &tx);

    if (got == CURSOR_GONE && lane_skip(l, l->filled.seq))
        return true;
    if (got == CURSOR_GONE || got == CURSOR_ERROR) {
        lane_unreadable(x, l, now_ns, l->filled.seq);
        return false;
    }
    if (got == CURSOR_WAIT)
        return false;
    const union msg *command = (const union msg *)(const void *)tx.slots;
    ASSERT_EQ(tx.seq, l->filled.seq);
    l->unproven = command->cmd.time_ns != l->filled.time_ns;
    if (l->unproven)
        lane_forked(l, "the journal has something else at");
    return !l->unproven;
}

/* What the lane itself must know of a transaction: names, and which day it belongs to. */
static u32 lane_note(struct export_lane *l, const struct cursor_tx *tx)
{
    u32 day = l->filled.day;

    for (u32 i = 0; i < tx->used; i += msg_slots(&tx->slots[i])) {
        const union msg *m = (const union msg *)(const void *)&tx->slots[i];
        ASSERT(msg_slots(m) >= 1 && i + msg_slots(m) <= tx->used);
        if (m->ev.type == EV_DAY_OPENED)
            day = m->day.day;
        export_names_note(&l->names, m);
    }
    return day;
}

/* Adds `l->next`; false when the batch has no room for it. */
static bool lane_add(struct export_lane *l, u64 now_ns)
{
    const union msg *command = (const union msg *)(const void *)l->next.slots;

    ASSERT_EQ(l->next.seq, l->filled.seq + 1);
    ASSERT(l->next.used >= 2 && msg_is_command(command->cmd.type));
    struct sink_tx tx = {
        .seq = l->next.seq,
        .time_ns = command->cmd.time_ns,
        .day = lane_note(l, &l->next),
        .used = l->next.used,
        .slots = l->next.slots,
        .names = &l->names,
    };
    l->skipping = l->skipping && tx.day == 0;
    if (!l->skipping && !l->sink->ops->add(l->sink, &tx, now_ns)) {
        ASSERT_GT(l->batch_txs, 0);
        return false;
    }
    if (l->batch_txs++ == 0)
        l->batch_since_ns = now_ns;
    l->filled.seq = tx.seq;
    l->filled.day = tx.day;
    l->filled.time_ns = tx.time_ns;
    l->has_next = false;
    return true;
}

/*
 * Fills the batch from the source. Returns transactions added, -1 when the journal is unreadable.
 */
static int lane_fill(struct export_lane *l, u64 now_ns)
{
    int added = 0;

    while (added < (int)TXS_PER_TURN) {
        if (!l->has_next) {
            enum cursor_status got = l->source.next(l->source.ctx, &l->next);
            if (got == CURSOR_GONE && lane_skip(l, l->filled.seq + 1))
                continue;
            if (got == CURSOR_GONE || got == CURSOR_ERROR)
                return -1;
            if (got == CURSOR_WAIT)
                break;
            l->has_next = true;
        }
        if (!lane_add(l, now_ns))
            break;
        added++;
    }
    return added;
}

static void lane_committed(struct exporter *x, struct export_lane *l)
{
    l->committing = false;
    l->retry_ns = x->conf.retry_min_ns;
    l->fresh_ns = max_u64(l->fresh_ns, l->sent_time_ns);
    metric_add(&l->m_batches, 1);
    metric_set(&l->m_rows, l->sink->rows_committed);
    metric_set(&l->m_duplicates, l->sink->duplicates);
    metric_set(&l->m_mark_seq, l->sink->mark.seq);
}

/* Sends the batch off when it is due and the sink idle. Without room it is due at any age. */
static bool lane_commit(struct export_lane *l, bool idle, u64 now_ns)
{
    bool due = l->has_next || now_ns >= l->batch_since_ns + l->batch_age_ns;

    if (!idle || l->committing || l->batch_txs == 0 || !due)
        return false;
    ASSERT_GT(l->filled.seq, l->sink->mark.seq);
    l->sink->ops->commit(l->sink, &l->filled, now_ns);
    l->sent_time_ns = l->filled.time_ns;
    l->committing = true;
    l->batch_txs = 0;
    return true;
}

static int lane_running(struct exporter *x, struct export_lane *l, u64 now_ns)
{
    u64 steps = l->sink->steps;
    enum sink_status status = l->sink->ops->poll(l->sink, now_ns);
    int work = l->sink->steps != steps;

    ASSERT(status != SINK_FENCED && status != SINK_FOREIGN);
    if (status == SINK_LOST) {
        lane_lost(x, l, now_ns);
        return 1;
    }
    if (status == SINK_REFUSED) {
        lane_refused(x, l, now_ns);
        return 1;
    }
    if (status == SINK_OK && l->committing) {
        lane_committed(x, l);
        work++;
    }
    if (l->learning) {
        work += export_learn(l);
        if (!l->learning)
            lane_seek(l);
        return work;
    }
    if (l->unproven && !lane_prove(x, l, now_ns))
        return work;
    int added = lane_fill(l, now_ns);
    if (added < 0 && l->batch_txs == 0 && !l->committing) {
        lane_unreadable(x, l, now_ns, l->filled.seq + 1);
        return 1;
    }
    return work + (added > 0 ? added : 0) + lane_commit(l, status == SINK_OK, now_ns);
}

static void lane_measure(struct export_lane *l, u64 now_ns)
{
    u64 durable = l->source.durable_seq(l->source.ctx);
    u64 mark = metric_get(&l->m_mark_seq);
    u64 lag = durable > mark ? durable - mark : 0;

    if (lag == 0 || l->fresh_ns == 0)
        l->fresh_ns = now_ns;
    metric_set(&l->m_lag_seq, lag);
    metric_set(&l->m_lag_ns, lag > 0 && now_ns > l->fresh_ns ? now_ns - l->fresh_ns : 0);
    metric_set(&l->m_state, l->state);
}

static int lane_turn(struct exporter *x, struct export_lane *l, u64 now_ns)
{
    int work = 0;

    switch (l->state) {
    case LANE_DOWN:
        if (now_ns >= l->retry_at_ns) {
            l->sink->error[0] = '\0';
            sm_move(lane_states, &l->state, LANE_OPENING);
            l->sink->ops->open(l->sink, now_ns);
            work = 1;
        }
        break;
    case LANE_OPENING:
        work = lane_opening(x, l, now_ns);
        break;
    case LANE_RUNNING:
        work = lane_running(x, l, now_ns);
        break;
    case LANE_FENCED:
    case LANE_FOREIGN:
        break;
    }
    lane_measure(l, now_ns);
    return work;
}

int export_do_work(void *exporter, u64 now_ns)
{
    struct exporter *x = exporter;
    int work = 0;

    for (u32 i = 0; i < x->lanes_used; i++)
        work += lane_turn(x, &x->lanes[i], now_ns);
    return work;
}

/* Transactions up to `seq` that a lane has not got and may still get. */
static u64 lane_lacks(const struct export_lane *l, u64 seq)
{
    bool ended = l->state == LANE_FENCED || l->state == LANE_FOREIGN;
    u64 mark = metric_get(&l->m_mark_seq);

    return ended || mark >= seq ? 0 : seq - mark;
}

bool export_has_passed(const struct exporter *x, u64 seq)
{
    for (u32 i = 0; i < x->lanes_used; i++)
        if (lane_lacks(&x->lanes[i], seq) > 0)
            return false;
    return true;
}

bool export_awaits(struct exporter *x, u64 seq, u64 now_ns)
{
    if (x->ending_ns == 0)
        x->ending_ns = now_ns;
    bool patient = now_ns < x->ending_ns + EXPORT_GRACE_NS;

    for (u32 i = 0; i < x->lanes_used; i++)
        if (lane_lacks(&x->lanes[i], seq) > 0 && (patient || x->lanes[i].state == LANE_RUNNING))
            return true;
    return false;
}

void export_say_behind(const struct exporter *x, u64 seq)
{
    for (u32 i = 0; i < x->lanes_used; i++) {
        u64 lacks = lane_lacks(&x->lanes[i], seq);
        if (lacks > 0)
            log_warn("export %s: %" PRIu64 " transactions behind at the end; the next start goes "
                     "on with them",
                     x->lanes[i].name, lacks);
    }
}

void export_close(struct exporter *x)
{
    for (u32 i = 0; i < x->lanes_used; i++)
        x->lanes[i].sink->ops->close(x->lanes[i].sink);
}
