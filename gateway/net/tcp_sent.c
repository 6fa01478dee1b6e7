/*
 * tcp_sent.c - the sender's scoreboard; tcp_sent.h tells what a run is and where the runs lie.
 *
 * Thread: the endpoint's. What enters: what was sent, acknowledged, SACKed, taken for lost. All of
 * it costs at most one walk over SENT_RUNS runs; the ordinary case, everything acknowledged at
 * once, costs none.
 */
#include "gateway/net/tcp_sent.h"

#include <string.h>

#include "engine/base/assert.h"
#include "gateway/net/tcp_seq.h"

#define KIND (SENT_SACKED | SENT_LOST) /* 0: in flight */

static u32 start_of(const struct sent_run *runs, u32 una, u32 i)
{
    return i == 0 ? una : runs[i - 1].end;
}

static u32 bytes_of(const struct sent_run *runs, u32 una, u32 i)
{
    return runs[i].end - start_of(runs, una, i);
}

static void set_kind(struct sent *s, struct sent_run *runs, u32 una, u32 i, u32 kind)
{
    u32 bytes = bytes_of(runs, una, i);

    if ((runs[i].flags & SENT_SACKED) != 0)
        s->sacked -= bytes;
    if ((runs[i].flags & SENT_LOST) != 0)
        s->lost -= bytes;
    runs[i].flags = (runs[i].flags & ~(u32)KIND) | kind;
    if ((kind & SENT_SACKED) != 0)
        s->sacked += bytes;
    if ((kind & SENT_LOST) != 0)
        s->lost += bytes;
}

/* ---- room ---- */

static void to_chunk(struct sent *s, struct chunk_pool *pool)
{
    u32 chunk = chunk_take_more(pool);

    if (chunk == 0)
        return;
    memcpy(chunk_bytes(pool, chunk), s->few, sizeof s->few);
    s->chunk = chunk;
}

static void leave_chunk(struct sent *s, struct chunk_pool *pool)
{
    memcpy(s->few, chunk_bytes(pool, s->chunk), s->used * sizeof s->few[0]);
    chunk_put(pool, s->chunk);
    s->chunk = 0;
}

/* Makes runs i and i + 1, of one kind, one. */
static void join(struct sent *s, struct sent_run *runs, u32 i)
{
    struct sent_run *to = &runs[i];
    const struct sent_run *from = &runs[i + 1];

    ASSERT_EQ(to->flags & KIND, from->flags & KIND);
    if (to->us != from->us)
        to->flags |= SENT_BLUR;
    to->flags |= from->flags;
    to->us = (i32)(from->us - to->us) > 0 ? from->us : to->us;
    to->end = from->end;
    s->used--;
    memmove(to + 1, to + 2, (s->used - i - 1) * sizeof *runs);
}

/* Joins two neighbours of one kind of which neither is `keep`. False: there are none. */
static bool squeeze(struct sent *s, struct sent_run *runs, u32 *keep)
{
    for (u32 i = 0; i + 1 < s->used; i++) {
        if (i == *keep || i + 1 == *keep || (runs[i].flags & KIND) != (runs[i + 1].flags & KIND))
            continue;
        join(s, runs, i);
        if (i < *keep)
            (*keep)--;
        return true;
    }
    return false;
}

/*
 * Room for one more run, with `spare` left after it. Run `*keep` stays as it is but may move. NULL:
 * there is none that would not cost what is known.
 */
static struct sent_run *make_room(struct sent *s, struct chunk_pool *pool, u32 *keep, u32 spare)
{
    if (s->chunk == 0 && s->used + spare >= SENT_FEW)
        to_chunk(s, pool);
    struct sent_run *runs = sent_runs(s, pool);
    u32 max = s->chunk == 0 ? SENT_FEW : SENT_RUNS;
    return s->used + spare < max || squeeze(s, runs, keep) ? runs : NULL;
}

/* Cuts the run that holds `at` in its inside, if there is room. */
static void cut(struct sent *s, struct chunk_pool *pool, u32 una, u32 at, u32 spare)
{
    struct sent_run *runs = sent_runs(s, pool);
    u32 i = 0;

    while (i < s->used && seq_le(runs[i].end, at))
        i++;
    if (i == s->used || start_of(runs, una, i) == at)
        return;
    runs = make_room(s, pool, &i, spare);
    if (runs == NULL)
        return;
    memmove(&runs[i + 1], &runs[i], (s->used - i) * sizeof *runs);
    s->used++;
    runs[i].end = at;
}

/* Joins neighbours that say the same. */
static void tidy(struct sent *s, struct sent_run *runs)
{
    u32 to = 0;

    for (u32 i = 1; i < s->used; i++) {
        bool same = runs[to].flags == runs[i].flags && runs[to].us == runs[i].us;
        if (same || (runs[to].flags & runs[i].flags & SENT_SACKED) != 0) {
            runs[to].flags |= runs[i].flags | (same ? 0 : SENT_BLUR);
            runs[to].us = runs[i].us;
            runs[to].end = runs[i].end;
        } else {
            runs[++to] = runs[i];
        }
    }
    s->used = s->used == 0 ? 0 : (u16)(to + 1);
}

/* ---- sent ---- */

void sent_new(struct sent *s, struct chunk_pool *pool, u32 una, u32 end, u32 us)
{
    struct sent_run *runs = sent_runs(s, pool);
    u32 last = s->used - 1u;

    ASSERT(seq_gt(end, s->used == 0 ? una : runs[last].end));
    if (s->used > 0 && runs[last].us == us && runs[last].flags == 0) {
        runs[last].end = end;
        return;
    }
    u32 none = s->used;
    runs = make_room(s, pool, &none, 0);
    if (runs != NULL) {
        runs[s->used++] = (struct sent_run){.end = end, .us = us};
        return;
    }
    runs = sent_runs(s, pool); /* the last run grows, and forgets what was said of it */
    set_kind(s, runs, una, last, runs[last].flags & SENT_LOST);
    s->lost += (runs[last].flags & SENT_LOST) != 0 ? end - runs[last].end : 0;
    runs[last].flags |= SENT_BLUR;
    runs[last].us = us;
    runs[last].end = end;
}

void sent_resent(struct sent *s, struct chunk_pool *pool, u32 una, u32 start, u32 end, u32 us)
{
    cut(s, pool, una, start, 0);
    cut(s, pool, una, end, 0);
    struct sent_run *runs = sent_runs(s, pool);
    for (u32 i = 0; i < s->used; i++) { /* what could not be cut counts as a whole */
        if (seq_ge(start_of(runs, una, i), end) || seq_le(runs[i].end, start))
            continue;
        if ((runs[i].flags & SENT_SACKED) == 0)
            set_kind(s, runs, una, i, 0);
        runs[i].flags = (runs[i].flags | SENT_AGAIN) & ~(u32)SENT_BLUR;
        runs[i].us = us;
    }
    tidy(s, runs);
}

/* ---- arrived ---- */

/* A run, or a part of it that ends at `end`, has arrived. */
static void deliver(struct sent_news *news, const struct sent_run *run, u32 end, u32 bytes)
{
    bool again = (run->flags & SENT_AGAIN) != 0;
    bool *has = again ? &news->has_again : &news->has_once;
    struct sent_run *newest = again ? &news->newest_again : &news->newest_once;

    if (news->bytes == 0 || seq_gt(end, news->high))
        news->high = end;
    news->bytes += bytes;
    news->again += again ? bytes : 0;
    if (!again && (!news->has_once || seq_lt(end, news->low_once)))
        news->low_once = end;
    if (!*has || sent_after(run->us, end, newest->us, newest->end))
        *newest = (struct sent_run){.end = end, .us = run->us, .flags = run->flags};
    *has = true;
}

void sent_ack(struct sent *s, struct chunk_pool *pool, u32 una, u32 ack, struct sent_news *news)
{
    struct sent_run *runs = sent_runs(s, pool);
    u32 gone = 0;

    for (u32 from = una; gone < s->used && from != ack; gone++) {
        u32 end = seq_min(runs[gone].end, ack);
        u32 bytes = end - from;
        if ((runs[gone].flags & SENT_SACKED) != 0)
            s->sacked -= bytes;
        else
            deliver(news, &runs[gone], end, bytes);
        if ((runs[gone].flags & SENT_LOST) != 0)
            s->lost -= bytes;
        from = end;
        if (end != runs[gone].end)
            break;
    }
    s->used = (u16)(s->used - gone);
    memmove(runs, runs + gone, s->used * sizeof *runs);
    ASSERT(s->used == 0 || seq_gt(runs[0].end, ack));
    if (s->chunk != 0 && s->used <= SENT_FEW / 2)
        leave_chunk(s, pool);
}

void sent_sack(struct sent *s, struct chunk_pool *pool, u32 una, u32 start, u32 end,
               struct sent_news *news)
{
    struct sent_run *runs = sent_runs(s, pool);

    if (s->used == 0 || seq_le(start, una) || seq_le(end, start) ||
        seq_gt(end, runs[s->used - 1].end))
        return;
    cut(s, pool, una, start, 1); /* what is known must not fall to what is said anew: the peer */
    cut(s, pool, una, end, 1);   /* would have us forget and repeat in turns, as fast as it asks */
    runs = sent_runs(s, pool);
    for (u32 i = 0; i < s->used && seq_lt(start_of(runs, una, i), end); i++) {
        if (seq_lt(start_of(runs, una, i), start) || seq_gt(runs[i].end, end) ||
            (runs[i].flags & SENT_SACKED) != 0)
            continue;
        deliver(news, &runs[i], runs[i].end, bytes_of(runs, una, i));
        set_kind(s, runs, una, i, SENT_SACKED);
    }
    tidy(s, runs);
}

/* ---- lost ---- */

void sent_lose_run(struct sent *s, const struct chunk_pool *pool, u32 una, u32 i)
{
    struct sent_run *runs = sent_runs(s, pool);

    ASSERT_LT(i, s->used);
    ASSERT_EQ(runs[i].flags & KIND, 0);
    set_kind(s, runs, una, i, SENT_LOST);
}

void sent_lose_first(struct sent *s, struct chunk_pool *pool, u32 una, u32 n)
{
    struct sent_run *runs = sent_runs(s, pool);

    ASSERT_GT(n, 0);
    if (s->used == 0 || (runs[0].flags & KIND) != 0)
        return;
    if (runs[0].end - una > n)
        cut(s, pool, una, una + n, 0);
    set_kind(s, sent_runs(s, pool), una, 0, SENT_LOST);
}

void sent_lose_none(struct sent *s, const struct chunk_pool *pool)
{
    struct sent_run *runs = sent_runs(s, pool);

    for (u32 i = 0; i < s->used; i++)
        runs[i].flags &= ~(u32)SENT_LOST;
    s->lost = 0;
    tidy(s, runs);
}

void sent_unsack(struct sent *s, const struct chunk_pool *pool)
{
    struct sent_run *runs = sent_runs(s, pool);

    for (u32 i = 0; i < s->used; i++)
        runs[i].flags &= ~(u32)SENT_SACKED;
    s->sacked = 0;
    tidy(s, runs);
}

bool sent_first_lost(struct sent *s, const struct chunk_pool *pool, u32 una, u32 *start, u32 *end)
{
    const struct sent_run *runs = sent_runs(s, pool);
    u32 i = 0;

    if (s->lost == 0)
        return false;
    while ((runs[i].flags & SENT_LOST) == 0)
        i++;
    *start = start_of(runs, una, i);
    while (i < s->used && (runs[i].flags & SENT_LOST) != 0)
        *end = runs[i++].end;
    return true;
}

/* ---- as a whole ---- */

void sent_clear(struct sent *s, struct chunk_pool *pool)
{
    if (s->chunk != 0)
        chunk_put(pool, s->chunk);
    *s = (struct sent){0};
}

void sent_check(const struct sent *s, const struct chunk_pool *pool, u32 una, u32 end)
{
    const struct sent_run *runs = s->chunk == 0 ? s->few : chunk_bytes(pool, s->chunk);
    u32 sacked = 0;
    u32 lost = 0;

    ASSERT_LE(s->used, s->chunk == 0 ? SENT_FEW : SENT_RUNS);
    for (u32 i = 0; i < s->used; i++) {
        u32 bytes = bytes_of(runs, una, i);
        ASSERT_GT((i32)bytes, 0);
        ASSERT_NE(runs[i].flags & KIND, KIND);
        sacked += (runs[i].flags & SENT_SACKED) != 0 ? bytes : 0;
        lost += (runs[i].flags & SENT_LOST) != 0 ? bytes : 0;
    }
    ASSERT_EQ(s->used == 0 ? una : runs[s->used - 1].end, end);
    ASSERT_EQ(sacked, s->sacked);
    ASSERT_EQ(lost, s->lost);
}
