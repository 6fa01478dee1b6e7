/* sim_redis.c - see sim_redis.h. All luck is the seed's. */
#include "tests/sim/sim_redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/crc32c.h"
#include "persist/export_names.h"
#include "tests/sim/sim.h"

#define BATCH_ENTRIES_MAX 64u
#define LATENCY_MIN_NS    (50 * NS_PER_US)
#define LATENCY_MAX_NS    (5 * NS_PER_MS)

struct sim_entry sim_redis_entry(const struct sink_tx *tx)
{
    struct sim_entry e = {.seq = tx->seq, .day = tx->day};

    for (u32 i = 0; i < tx->used; i += msg_slots(&tx->slots[i])) {
        const union msg *m = (const void *)&tx->slots[i];
        if (m->ev.type != EV_EXECUTED)
            continue;
        const struct export_account *a = export_names_account(tx->names, m->ev.account);
        e.executions++;
        e.sum = crc32c(e.sum, m, SLOT_BYTES);
        e.sum = crc32c(e.sum, a->user, sizeof a->user);
        e.sum = crc32c(e.sum, export_names_symbol(tx->names, m->executed.instrument), 8);
    }
    return e;
}

static struct sim_redis_sink *self(struct sink *s)
{
    return CONTAINER_OF(s, struct sim_redis_sink, sink);
}

static enum sink_status say(struct sink *s, enum sink_status status, const char *text)
{
    snprintf(s->error, sizeof s->error, "%s", text);
    sim_trace("redis", "%s", text);
    return status;
}

static bool unlucky(u32 per_million)
{
    return !sim.calm && sim_chance(per_million);
}

static void redis_open(struct sink *s, u64 now_ns)
{
    struct sim_redis_sink *k = self(s);

    SIM_CHECK(!k->connected && !k->opening, "redis: open without close");
    k->opening = true;
    k->due_ns = now_ns + sim_delay(LATENCY_MIN_NS, LATENCY_MAX_NS);
}

static enum sink_status open_done(struct sim_redis_sink *k)
{
    const struct sink *s = &k->sink;

    SIM_CHECK(k->far->journal_id == 0 || k->far->journal_id == s->journal_id,
              "redis: the journal has lost its name");
    if (k->far->epoch > s->epoch ||
        (k->far->epoch == s->epoch && k->far->process_id != s->process_id)) {
        sim.counts.sink_fenced++;
        return say(&k->sink, SINK_FENCED, "fenced by a higher epoch or another process");
    }
    k->far->journal_id = s->journal_id;
    k->far->epoch = s->epoch;
    k->far->process_id = s->process_id;
    k->claim = ++k->far->claim;
    if (unlucky(50000))
        return say(&k->sink, SINK_LOST, "lost after the claim");
    k->opening = false;
    k->connected = true;
    k->sink.mark = k->far->mark;
    return SINK_OK;
}

static void add_entry(struct sim_redis_sink *k, const struct sim_entry *e)
{
    struct sim_redis *far = k->far;

    if (far->used > 0 && e->seq <= far->entries[far->used - 1].seq) {
        sim.counts.sink_duplicates++;
        k->sink.duplicates++;
        return;
    }
    far->entries = sim_grow(far->entries, &far->room, far->used + 1, sizeof *far->entries);
    far->entries[far->used++] = *e;
}

static enum sink_status commit_done(struct sim_redis_sink *k)
{
    u64 upto = unlucky(60000) ? sim_below(k->sent.used + 1) : UINT64_MAX;

    if (k->far->claim != k->claim)
        return say(&k->sink, SINK_LOST, "another claim");
    for (u64 i = 0; i < k->sent.used && i < upto; i++)
        add_entry(k, &k->sent.entries[i]);
    if (upto != UINT64_MAX) {
        sim.counts.sink_lost_before++;
        return say(&k->sink, SINK_LOST, "lost in the middle of a batch");
    }
    SIM_CHECK(k->to.seq >= k->far->mark.seq, "redis: the mark goes back");
    k->far->mark = k->to;
    if (unlucky(40000)) {
        sim.counts.sink_lost_after++;
        return say(&k->sink, SINK_LOST, "lost before the answer");
    }
    sim.counts.sink_commits++;
    k->sink.mark = k->to;
    k->sink.rows_committed += k->sent.used;
    k->sent.used = 0;
    k->committing = false;
    return SINK_OK;
}

static enum sink_status redis_poll(struct sink *s, u64 now_ns)
{
    struct sim_redis_sink *k = self(s);

    if (unlucky(200)) {
        k->far->away_until_ns = now_ns + sim_delay(NS_PER_MS, 200 * NS_PER_MS);
        sim.counts.sink_away++;
    }
    if (!sim.calm && k->far->away_until_ns > now_ns)
        return say(s, SINK_LOST, "away");
    if (!k->opening && !k->committing)
        return SINK_OK;
    if (k->due_ns > now_ns)
        return SINK_BUSY;
    return k->opening ? open_done(k) : commit_done(k);
}

static bool redis_add(struct sink *s, const struct sink_tx *tx, u64 now_ns)
{
    struct sim_batch *b = &self(s)->filling;
    struct sim_entry e = sim_redis_entry(tx);

    (void)now_ns;
    if (b->used >= BATCH_ENTRIES_MAX)
        return false;
    if (e.executions == 0)
        return true;
    b->entries = sim_grow(b->entries, &b->room, b->used + 1, sizeof *b->entries);
    b->entries[b->used++] = e;
    s->batch_rows = (u32)b->used;
    return true;
}

static void redis_commit(struct sink *s, const struct sink_mark *to, u64 now_ns)
{
    struct sim_redis_sink *k = self(s);
    struct sim_batch old = k->sent;

    SIM_CHECK(k->connected && !k->committing, "redis: commit while busy");
    SIM_CHECK(to->seq > s->mark.seq, "redis: a batch that moves the mark nowhere");
    k->sent = k->filling;
    k->filling = (struct sim_batch){.entries = old.entries, .room = old.room};
    k->to = *to;
    k->committing = true;
    k->due_ns = now_ns + sim_delay(LATENCY_MIN_NS, LATENCY_MAX_NS);
    s->batch_rows = 0;
}

/* A batch under way meets its fate now: later it would meet another claim. */
static void redis_close(struct sink *s)
{
    struct sim_redis_sink *k = self(s);

    if (k->committing && k->connected && sim_chance(500000))
        (void)commit_done(k);
    k->opening = k->connected = k->committing = false;
    k->filling.used = k->sent.used = 0;
    s->batch_rows = 0;
}

static const struct sink_ops redis_ops = {
    .open = redis_open,
    .poll = redis_poll,
    .add = redis_add,
    .commit = redis_commit,
    .close = redis_close,
};

void sim_redis_sink_init(struct sim_redis_sink *s, struct sim_redis *far)
{
    memset(s, 0, sizeof *s);
    s->sink.ops = &redis_ops;
    s->far = far;
}

void sim_redis_sink_free(struct sim_redis_sink *s)
{
    redis_close(&s->sink);
    free(s->filling.entries);
    free(s->sent.entries);
}
