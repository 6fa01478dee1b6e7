/*
 * fake_sink.c - see fake_sink.h.
 *
 * The far end obeys the contract of sink.h and nothing else: a claim raises a counter, a batch
 * takes effect only under the epoch, claim and mark it was made for. Everything else is unkind.
 */
#include "tests/lib/fake_sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "persist/export_names.h"

#define FAKE(s) ((struct fake_sink *)(s))

static u64 random_below(struct fake_far *f, u64 n)
{
    f->random = hash_u64(f->random + 1);
    return f->random % n;
}

static bool fault(struct fake_far *f)
{
    bool yes = random_below(f, 1000) < f->faults_per_mille;
    f->faults += yes;
    return yes;
}

void fake_far_init(struct fake_far *f, u64 seed)
{
    memset(f, 0, sizeof *f);
    f->random = seed;
}

static void batch_free(struct fake_batch *b)
{
    free(b->rows);
    memset(b, 0, sizeof *b);
}

void fake_far_free(struct fake_far *f)
{
    for (u32 i = 0; i < f->flight_used; i++)
        batch_free(&f->flight[i]);
    free(f->rows);
    memset(f, 0, sizeof *f);
}

void fake_far_empty(struct fake_far *f)
{
    f->used = 0;
    f->journal_id = 0;
    f->epoch = 0;
    f->claim = 0;
    f->mark = (struct sink_mark){0};
}

static void land(struct fake_far *f, struct fake_batch *b)
{
    bool ours = b->epoch == f->epoch && b->from.seq == f->mark.seq && b->claim == f->claim;

    if (!ours) {
        b->refused = true;
        return;
    }
    if (f->used + b->used > f->room) {
        f->room = (f->used + b->used) * 2;
        f->rows = realloc(f->rows, f->room * sizeof f->rows[0]);
        ASSERT(f->rows != NULL);
    }
    if (b->used > 0)
        memcpy(&f->rows[f->used], b->rows, b->used * sizeof b->rows[0]);
    f->used += b->used;
    f->mark = b->to;
    b->landed = true;
}

/* Lets everything land whose time has come. */
static void fake_far_step(struct fake_far *f, u64 now_ns)
{
    for (u32 i = 0; i < f->flight_used;) {
        struct fake_batch *b = &f->flight[i];
        if (now_ns < b->lands_ns && b->lands_ns != UINT64_MAX) {
            i++;
            continue;
        }
        if (b->lands_ns != UINT64_MAX)
            land(f, b);
        f->late_landings += b->landed;
        f->late_refusals += b->refused;
        batch_free(b);
        f->flight[i] = f->flight[--f->flight_used];
    }
}

static void fake_open(struct sink *s, u64 now_ns)
{
    struct fake_sink *k = FAKE(s);

    ASSERT(!k->connected && !k->opening && !k->committing);
    k->opening = true;
    k->opens_ns = now_ns + random_below(k->far, k->far->latency_max_ns + 1);
}

static enum sink_status say(struct sink *s, enum sink_status status, const char *why)
{
    snprintf(s->error, sizeof s->error, "%s", why);
    return status;
}

static enum sink_status poll_opening(struct fake_sink *k, u64 now_ns)
{
    struct fake_far *f = k->far;

    if (now_ns < k->opens_ns)
        return SINK_BUSY;
    if (f->refuses)
        return say(&k->sink, SINK_REFUSED, "the schema is missing");
    if (fault(f))
        return say(&k->sink, SINK_LOST, "lost before the claim");
    if (f->journal_id > 0 && f->journal_id != k->sink.journal_id)
        return say(&k->sink, SINK_FOREIGN, "another journal has the far end");
    if (f->epoch > k->sink.epoch)
        return say(&k->sink, SINK_FENCED, "a higher epoch has the far end");
    if (f->epoch == k->sink.epoch && f->process_id != k->sink.process_id)
        return say(&k->sink, SINK_FENCED, "another process with this epoch has the far end");
    f->journal_id = k->sink.journal_id;
    f->epoch = k->sink.epoch;
    f->process_id = k->sink.process_id;
    k->claim = ++f->claim;
    if (fault(f))
        return say(&k->sink, SINK_LOST, "lost after the claim");
    k->sink.mark = f->mark;
    k->opening = false;
    k->connected = true;
    return SINK_OK;
}

static enum sink_status fake_poll(struct sink *s, u64 now_ns)
{
    struct fake_sink *k = FAKE(s);

    fake_far_step(k->far, now_ns);
    if (k->far->down || fault(k->far))
        return say(s, SINK_LOST, "the far end is away");
    if (k->opening)
        return poll_opening(k, now_ns);
    if (!k->committing)
        return SINK_OK;
    if (k->sent.lands_ns == UINT64_MAX)
        return say(s, SINK_LOST, "the batch was lost on its way");
    if (now_ns < k->sent.lands_ns)
        return SINK_BUSY;
    if (!k->sent.landed && !k->sent.refused)
        land(k->far, &k->sent);
    if (k->sent.refused)
        return say(s, SINK_LOST, "the mark is not ours any more");
    if (fault(k->far))
        return say(s, SINK_LOST, "lost after the commit, before its answer");
    s->mark = k->sent.to;
    s->rows_committed += k->sent.used;
    k->sent.used = 0;
    k->committing = false;
    return SINK_OK;
}

static bool fake_add(struct sink *s, const struct sink_tx *tx, u64 now_ns)
{
    struct fake_batch *b = &FAKE(s)->filling;
    u32 idx = 0;

    (void)now_ns;
    if (b->used > 0 && b->used + tx->used > FAKE(s)->batch_rows_max)
        return false;
    if (b->used + tx->used > b->room) {
        b->room = (b->used + tx->used) * 2;
        b->rows = realloc(b->rows, b->room * sizeof b->rows[0]);
        ASSERT(b->rows != NULL);
    }
    for (u32 i = 0; i < tx->used; i += msg_slots(&tx->slots[i]), idx++) {
        if (msg_is_command(((const u8 *)&tx->slots[i])[0]))
            continue;
        const struct event_head *ev = (const struct event_head *)(const void *)&tx->slots[i];
        struct fake_row *row = &b->rows[b->used++];
        *row = (struct fake_row){.seq = tx->seq, .idx = idx, .day = tx->day, .first = tx->slots[i]};
        memcpy(row->firm, export_names_account(tx->names, ev->account)->firm, sizeof row->firm);
    }
    s->batch_rows = b->used;
    return true;
}

static void fake_commit(struct sink *s, const struct sink_mark *to, u64 now_ns)
{
    struct fake_sink *k = FAKE(s);
    struct fake_batch old = k->sent;

    ASSERT(k->connected && !k->committing);
    k->sent = k->filling;
    k->filling = (struct fake_batch){.rows = old.rows, .room = old.room};
    k->sent.from = s->mark;
    k->sent.to = *to;
    k->sent.epoch = s->epoch;
    k->sent.claim = k->claim;
    k->sent.landed = false;
    k->sent.refused = false;
    k->sent.lands_ns = now_ns + random_below(k->far, k->far->latency_max_ns + 1);
    if (fault(k->far))
        k->sent.lands_ns = UINT64_MAX;
    k->committing = true;
    s->batch_rows = 0;
}

/* A batch that has not landed goes on without us, and lands up to ten times later. */
static void fake_close(struct sink *s)
{
    struct fake_sink *k = FAKE(s);
    struct fake_far *f = k->far;

    if (k->committing && !k->sent.landed && !k->sent.refused && f->flight_used < FAKE_FLIGHT_MAX) {
        if (k->sent.lands_ns != UINT64_MAX)
            k->sent.lands_ns += random_below(f, 10 * f->latency_max_ns + 1);
        f->flight[f->flight_used++] = k->sent;
        memset(&k->sent, 0, sizeof k->sent);
    }
    k->filling.used = 0;
    k->sent.used = 0;
    k->connected = false;
    k->opening = false;
    k->committing = false;
    s->batch_rows = 0;
}

static const struct sink_ops fake_ops = {
    .open = fake_open,
    .poll = fake_poll,
    .add = fake_add,
    .commit = fake_commit,
    .close = fake_close,
};

void fake_sink_init(struct fake_sink *s, struct fake_far *far, u64 epoch, u32 batch_rows_max)
{
    memset(s, 0, sizeof *s);
    s->sink.ops = &fake_ops;
    s->far = far;
    s->sink.epoch = s->sink.process_id = epoch;
    s->sink.journal_id = 1;
    s->batch_rows_max = batch_rows_max;
}

void fake_sink_free(struct fake_sink *s)
{
    fake_close(&s->sink);
    batch_free(&s->filling);
    batch_free(&s->sent);
}
