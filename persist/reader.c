/*
 * reader.c - see reader.h. Cold thread. One turn:
 *
 *   index what has become durable (bounded) -> for each gateway: push the answer that waits for
 *   room, or make the next one
 *
 * In: the journal by two cursors, one that follows it and fills the index, one that jumps to what
 * is asked for; requests. Out: answers, each published whole, in the order of a gateway's requests.
 *
 * Invariants: an answer's messages are the journal's bytes, with numbers from the one asked for and
 * without gaps; READER_NONE is said only after all has been indexed that was durable when the
 * request came. A request of an account's own messages waits for that; one of a drop copy, which
 * may ask before there is anything, is told READER_NOT_YET and keeps nobody waiting.
 *
 * Failure modes: a full answer ring: that gateway's next requests wait, the others' do not. A
 * cursor that ends in an error: logged once, then every answer is READER_NONE and the gateway's
 * sessions see a stream that goes no further back than their stores.
 */
#include "persist/reader.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/log.h"
#include "engine/msg/msg.h"
#include "persist/reader_index.h"

#define INDEX_TXS_PER_TURN 4096u
#define ANSWER_SLOTS_MAX   (1 + READER_COUNT_MAX * MSG_SLOTS_MAX)

struct reader_gateway {
    struct ring *requests;
    struct ring *answers;
    bool seen;   /* the request at the ring's head was there before the last indexing */
    u32 waiting; /* slots of the answer that has found no room yet; 0: none */
    struct slot answer[ANSWER_SLOTS_MAX];
};

struct reader {
    struct cursor *follow;
    struct cursor *fetch;
    struct reader_index index;
    u32 day;        /* that the index is of; 0: none yet */
    u64 day_seq;    /* transaction that began it */
    bool caught_up; /* the last indexing ended because nothing more was durable */
    bool broken;
    struct why why;
    struct reader_gateway gateways[GATEWAYS_MAX];
};

struct reader *reader_new(const struct cursor_conf *conf, u64 day_seq, u64 last_seq)
{
    struct reader *r = aligned_alloc(CACHE_LINE, round_up(sizeof *r, CACHE_LINE));
    struct cursor_conf fetch = *conf;

    if (!r)
        assert_fail(__FILE__, __LINE__, "out of memory for the reader", 0, 0);
    memset(r, 0, sizeof *r);
    fetch.tap = NULL; /* it goes back and forth */
    r->follow = cursor_new(conf, day_seq ? day_seq : last_seq + 1);
    r->fetch = cursor_new(&fetch, 1);
    return r;
}

void reader_free(struct reader *r)
{
    cursor_free(r->follow);
    cursor_free(r->fetch);
    reader_index_free(&r->index);
    free(r);
}

void reader_attach(struct reader *r, u32 index, struct ring *requests, struct ring *answers)
{
    ASSERT_LT(index, GATEWAYS_MAX);
    ASSERT_GE(ring_capacity(answers), ANSWER_SLOTS_MAX);
    r->gateways[index].requests = requests;
    r->gateways[index].answers = answers;
}

const char *reader_why(const struct reader *r)
{
    return r->broken ? r->why.text : NULL;
}

static void give_up(struct reader *r, const char *text)
{
    if (!r->broken)
        log_error("reader: %s; old messages cannot be replayed until a restart", text);
    why_set(&r->why, "%s", text);
    r->broken = true;
}

/* ---- the index ---- */

static bool index_message(struct reader *r, const union msg *m, u64 block)
{
    if (msg_is_command(m->ev.type) || m->ev.session_seq == 0)
        return true;
    if (m->ev.type == EV_SYSTEM && m->system.code == 'S' &&
        !reader_index_begin(&r->index, m->ev.account, m->system.firm))
        return false;
    return reader_index_add(&r->index, m->ev.account, m->ev.session_seq, block);
}

static bool index_tx(struct reader *r, const struct cursor_tx *tx)
{
    for (u32 at = 0; at < tx->used; at += msg_slots(&tx->slots[at])) {
        const union msg *m = (const union msg *)(const void *)&tx->slots[at];
        if (m->ev.type == EV_DAY_OPENED) {
            reader_index_clear(&r->index);
            r->day = m->day.day;
            r->day_seq = tx->seq;
        } else if (!index_message(r, m, tx->block)) {
            return false;
        }
    }
    return true;
}

static int index_more(struct reader *r)
{
    struct cursor_tx tx;

    r->caught_up = false;
    for (int n = 0; n < (int)INDEX_TXS_PER_TURN; n++) {
        switch (cursor_next(r->follow, &tx)) {
        case CURSOR_TX:
            if (!index_tx(r, &tx)) {
                give_up(r, "the index has no memory, or a stream of messages has a gap");
                return n;
            }
            break;
        case CURSOR_WAIT:
            r->caught_up = true;
            return n;
        case CURSOR_GONE:
        case CURSOR_ERROR:
            give_up(r, cursor_why(r->follow));
            return n;
        }
    }
    return (int)INDEX_TXS_PER_TURN;
}

/* ---- answers ---- */

/* Appends what `tx` has for the answer; `*number` is that of the stream's next message. */
static void collect_tx(const struct reader *r, struct reader_gateway *g, const struct cursor_tx *tx,
                       u64 *number, u32 count)
{
    struct reader_answer *a = (struct reader_answer *)(void *)g->answer;
    enum reader_scope scope = (enum reader_scope)a->scope;

    for (u32 at = 0; at < tx->used && a->count < count; at += msg_slots(&tx->slots[at])) {
        const struct event_head *ev = (const struct event_head *)(const void *)&tx->slots[at];
        if (msg_is_command(ev->type) || ev->session_seq == 0 ||
            !reader_index_has(&r->index, a->account, scope, ev->account))
            continue;
        ASSERT(scope != READER_ACCOUNT || ev->session_seq == *number);
        if ((*number)++ < a->from_seq)
            continue;
        ASSERT_LE(1 + a->slots + ev->slots, ANSWER_SLOTS_MAX);
        memcpy(&g->answer[1 + a->slots], ev, ev->slots * SLOT_BYTES);
        a->slots += ev->slots;
        a->count++;
    }
}

/* All that stands in the group of blocks of `place`. False: the journal could not be read. */
static bool collect_place(struct reader *r, struct reader_gateway *g,
                          const struct reader_place *place, u32 count)
{
    const struct reader_answer *a = (const struct reader_answer *)(const void *)g->answer;
    u64 group = place->block / READER_GROUP_BLOCKS;
    u64 number = place->number;
    struct cursor_tx tx;

    cursor_seek_block(r->fetch, place->block);
    while (a->count < count) {
        enum cursor_status s = cursor_next(r->fetch, &tx);
        if (s == CURSOR_ERROR)
            give_up(r, cursor_why(r->fetch));
        if (s == CURSOR_ERROR || s == CURSOR_GONE)
            return false;
        if (s == CURSOR_WAIT || tx.block / READER_GROUP_BLOCKS != group ||
            tx.seq >= cursor_seq(r->follow))
            break; /* the index knows no further */
        if (tx.seq >= r->day_seq)
            collect_tx(r, g, &tx, &number, count);
    }
    return true;
}

/* What to say of an answer without messages. */
static enum reader_status none_status(const struct reader *r, const struct reader_answer *a,
                                      bool readable)
{
    if (a->day != r->day || (!readable && !r->broken))
        return READER_WRONG_DAY;
    if (a->scope == READER_ACCOUNT)
        return READER_NONE;
    if (r->broken)
        return READER_WRONG_DAY;
    return r->caught_up ? READER_NONE : READER_NOT_YET;
}

/* Makes the answer to `q` in g->answer. */
static void answer(struct reader *r, struct reader_gateway *g, const struct reader_request *q)
{
    struct reader_answer *a = (struct reader_answer *)(void *)g->answer;
    const struct reader_stream *stream = NULL;
    const struct reader_place *place = NULL;
    u32 count = min_u32(q->count, READER_COUNT_MAX);
    bool readable = true;

    memset(a, 0, sizeof *a);
    a->conn = q->conn;
    a->from_seq = q->from_seq;
    a->account = q->account;
    a->day = q->day;
    a->gateway = q->gateway;
    a->scope = q->scope;
    if (q->day == r->day && !r->broken)
        stream = reader_index_stream(&r->index, q->account, (enum reader_scope)q->scope);
    if (stream) {
        a->next_seq = stream->next;
        place = reader_stream_find(stream, q->from_seq);
    }
    for (; place && place < stream->places + stream->used && readable && a->count < count; place++)
        readable = collect_place(r, g, place, count);
    a->status = a->count > 0 ? READER_OK : (u8)none_status(r, a, readable);
    g->waiting = 1 + a->slots;
}

/* May the request be answered now, or can the index still learn of what it asks for? */
static bool ripe(const struct reader *r, const struct reader_gateway *g,
                 const struct reader_request *q)
{
    const struct reader_stream *stream;

    if (r->broken || (g->seen && (r->caught_up || q->scope != READER_ACCOUNT)))
        return true;
    stream = reader_index_stream(&r->index, q->account, (enum reader_scope)q->scope);
    return q->day == r->day && q->count > 0 && stream && q->from_seq < stream->next;
}

static int serve(struct reader *r, struct reader_gateway *g)
{
    int work = 0;

    if (g->waiting == 0 && ring_avail(g->requests, 1) > 0) {
        const struct reader_request *q =
            (const struct reader_request *)(const void *)ring_at(g->requests, 0);
        if (!ripe(r, g, q)) {
            g->seen = true;
            return 1;
        }
        answer(r, g, q);
        ring_take(g->requests, 1);
        g->seen = false;
        work = 1;
    }
    if (g->waiting > 0 && ring_push(g->answers, g->answer, g->waiting)) {
        g->waiting = 0;
        work = 1;
    }
    return work;
}

int reader_do_work(void *reader, u64 now_ns)
{
    struct reader *r = reader;
    int work = r->broken ? 0 : index_more(r);

    (void)now_ns;
    for (u32 i = 0; i < GATEWAYS_MAX; i++) {
        if (r->gateways[i].requests)
            work += serve(r, &r->gateways[i]);
    }
    return work;
}
