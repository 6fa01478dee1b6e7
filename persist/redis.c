/*
 * redis.c - see redis.h. The sink: what is said to a server and what its answers mean. Cold thread;
 * nothing blocks but the look-up of a name.
 *
 *   CLOSED -> CONNECTING -> CLAIMING -> IDLE <-> SENDING
 *
 * CLAIMING sends, in one go: AUTH if there is a password, SCRIPT LOAD of the two scripts, EVAL of
 * the claim's. A batch is one EVALSHA: the server checks that epoch and claim are still ours, adds
 * the entries - their ids make it refuse by itself what it has - publishes, and moves the mark. The
 * tops of books that have changed go behind a batch, or alone when there is none.
 *
 * A cluster: all keys are in one slot (a hash tag in the prefix), so one node has them, and MOVED
 * or ASK say where. That is the end of the connection and the host of the next one.
 *
 * Failure modes: see redis_text_status; anything that ends the connection is SINK_LOST.
 */
#include "persist/redis.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/sm.h"
#include "persist/plant.h"
#include "persist/redis_batch.h"
#include "persist/redis_claim.h"
#include "persist/redis_conn.h"
#include "persist/redis_tops.h"

#define CLAIM_BYTES 16384u /* of all commands of a claim */

enum redis_state { RS_CLOSED, RS_CONNECTING, RS_CLAIMING, RS_IDLE, RS_SENDING };

#define TO(x) (1u << RS_##x)
static const struct sm_state states[] = {
    [RS_CLOSED] = {"closed", TO(CLOSED) | TO(CONNECTING)},
    [RS_CONNECTING] = {"connecting", TO(CLOSED) | TO(CLAIMING)},
    [RS_CLAIMING] = {"claiming", TO(CLOSED) | TO(IDLE)},
    [RS_IDLE] = {"idle", TO(CLOSED) | TO(SENDING)},
    [RS_SENDING] = {"sending", TO(CLOSED) | TO(IDLE)},
};

struct redis {
    struct sink sink;
    struct redis_conf conf;
    struct redis_claim claim;
    struct redis_conn conn;
    u8 state; /* enum redis_state */
    u64 deadline_ns;
    u32 answers_due;     /* replies that are still to come */
    u32 scripts_named;   /* CLAIMING: SCRIPT LOADs that were answered */
    bool batch_due;      /* SENDING: one of them is the batch's */
    struct sink_mark to; /* what the batch under way moves the mark to */
    struct redis_batch batches[2];
    u32 filling; /* index of the batch being filled; the other one is under way */
    struct redis_tops tops;
    struct resp command;
    struct mem mem; /* of this struct and all above */
};

static struct redis *redis_of(struct sink *s)
{
    return CONTAINER_OF(s, struct redis, sink);
}

static enum sink_status fail(struct redis *r, enum sink_status status, const char *what,
                             const char *text)
{
    snprintf(r->sink.error, sizeof r->sink.error, "%s%s%s", what, text[0] ? ": " : "", text);
    return status;
}

static enum sink_status fail_conn(struct redis *r, const char *what)
{
    char why[SINK_ERROR_BYTES - 40];

    redis_conn_why(&r->conn, why, sizeof why);
    return fail(r, SINK_LOST, what, why);
}

static enum sink_status fail_deadline(struct redis *r)
{
    char what[64];

    snprintf(what, sizeof what, "no answer in time while %s", states[r->state].name);
    return fail(r, SINK_LOST, what, "");
}

static enum sink_status fail_reply(struct redis *r, const redisReply *reply)
{
    const char *what;
    enum sink_status status = redis_text_status(reply->str, &what);

    redis_conn_redirect(&r->conn, reply->str);
    /* "unknown command 'AUTH', with args beginning with: 'the password'": not into a log. */
    char *args = strstr(reply->str, ", with args");
    if (args)
        *args = '\0';
    return fail(r, status, what, reply->str);
}

static void progress(struct redis *r, u64 now_ns)
{
    r->deadline_ns = now_ns + r->conf.commit_timeout_ns;
    r->sink.steps++;
}

/* ---- connecting ---- */

static void redis_open(struct sink *s, u64 now_ns)
{
    struct redis *r = redis_of(s);

    ASSERT_EQ(r->state, RS_CLOSED);
    ASSERT_GT(s->epoch, 0);
    ASSERT(s->process_id > 0 && s->journal_id > 0);
    r->claim.epoch = s->epoch;
    redis_conn_open(&r->conn);
    r->deadline_ns = now_ns + r->conf.connect_timeout_ns;
    sm_move(states, &r->state, RS_CONNECTING);
}

/* Queues the command that stands in r->command. */
static void queue_command(struct redis *r, bool has_keys)
{
    r->answers_due += redis_conn_queue(&r->conn, &r->command, has_keys);
}

static void queue_load(struct redis *r, const char *script)
{
    r->command.used = r->command.args = 0;
    resp_head(&r->command, 3);
    resp_text(&r->command, "SCRIPT");
    resp_text(&r->command, "LOAD");
    resp_text(&r->command, script);
    queue_command(r, false);
}

static void queue_claim(struct redis *r)
{
    queue_load(r, redis_script_batch);
    queue_load(r, redis_script_tops);
    r->command.used = r->command.args = 0;
    redis_claim_command(&r->command, r->conf.prefix, &r->claim, &r->sink);
    queue_command(r, true);
}

static enum sink_status poll_connecting(struct redis *r, u64 now_ns)
{
    switch (redis_conn_ready(&r->conn)) {
    case LINK_OK:
        break;
    case LINK_BUSY:
        return now_ns > r->deadline_ns ? fail_deadline(r) : SINK_BUSY;
    case LINK_LOST:
        return fail_conn(r, "cannot connect");
    }
    r->answers_due = r->scripts_named = 0;
    if (!redis_conn_auth(&r->conn, &r->command, &r->answers_due))
        return fail(r, SINK_REFUSED, "cannot read the password file", r->conf.password_file);
    queue_claim(r);
    progress(r, now_ns);
    sm_move(states, &r->state, RS_CLAIMING);
    return SINK_BUSY;
}

/* ---- talking ---- */

/*
 * Moves bytes out and in. Returns SINK_OK with one reply (to be freed), SINK_BUSY with none, or a
 * failure.
 */
static enum sink_status next_reply(struct redis *r, u64 now_ns, redisReply **reply)
{
    u32 sent = r->conn.sent;
    enum link_status status = redis_conn_reply(&r->conn, reply);

    if (r->conn.sent != sent) /* a slow line is no silence */
        progress(r, now_ns);
    switch (status) {
    case LINK_BUSY:
        return now_ns > r->deadline_ns ? fail_deadline(r) : SINK_BUSY;
    case LINK_LOST:
        return fail_conn(r, "lost while waiting");
    case LINK_OK:
        break;
    }
    progress(r, now_ns);
    ASSERT_GT(r->answers_due, 0);
    r->answers_due--;
    return SINK_OK;
}

/* SCRIPT LOAD was answered with the script's name. */
static enum sink_status take_script(struct redis *r, const redisReply *reply)
{
    char *sha = r->scripts_named++ == 0 ? r->claim.sha : r->claim.sha_tops;

    if (reply->type != REDIS_REPLY_STRING || reply->len != sizeof r->claim.sha - 1 ||
        r->scripts_named > 2)
        return fail(r, SINK_REFUSED, "SCRIPT LOAD had no digest for an answer", "");
    memcpy(sha, reply->str, sizeof r->claim.sha);
    return SINK_BUSY;
}

/* The replies come in the order of the commands: [AUTH], SCRIPT LOAD twice, [ASKING], EVAL. */
static enum sink_status take_claim_reply(struct redis *r, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR)
        return fail_reply(r, reply);
    if (r->answers_due > 0)
        return reply->type == REDIS_REPLY_STATUS ? SINK_BUSY : take_script(r, reply);
    enum sink_status status =
        redis_claim_take(&r->claim, &r->sink, r->conf.prefix, r->conf.shard, reply);
    if (status != SINK_OK)
        return status;
    redis_tops_restart(&r->tops);
    sm_move(states, &r->state, RS_IDLE);
    return SINK_OK;
}

static enum sink_status poll_claiming(struct redis *r, u64 now_ns)
{
    redisReply *reply;
    enum sink_status status;

    do {
        status = next_reply(r, now_ns, &reply);
        if (status == SINK_OK)
            status = take_claim_reply(r, reply);
        else if (status == SINK_BUSY)
            break;
        if (reply)
            freeReplyObject(reply);
    } while (status == SINK_BUSY);
    return status;
}

static void batch_done(struct redis *r, u64 duplicates)
{
    struct redis_batch *b = &r->batches[!r->filling];

    CRASH_POINT("fills-answered");
    r->batch_due = false;
    r->sink.mark = r->to;
    r->sink.duplicates += duplicates;
    r->sink.rows_committed += b->entries_used - duplicates;
    redis_batch_clear(b);
}

/* Replies: [ASKING], the batch if there is one, [ASKING], the tops if there are some. */
static enum sink_status take_sent_reply(struct redis *r, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR)
        return fail_reply(r, reply);
    if (reply->type != REDIS_REPLY_INTEGER && reply->type != REDIS_REPLY_STATUS)
        return fail(r, SINK_LOST, "a batch had no answer that we know", "");
    if (reply->type == REDIS_REPLY_INTEGER && r->batch_due)
        batch_done(r, (u64)reply->integer);
    if (r->answers_due > 0)
        return SINK_BUSY;
    sm_move(states, &r->state, RS_IDLE);
    return SINK_OK;
}

static enum sink_status poll_sending(struct redis *r, u64 now_ns)
{
    redisReply *reply;
    enum sink_status status;

    do {
        status = next_reply(r, now_ns, &reply);
        CRASH_POINT("fills-sent");
        if (status != SINK_OK)
            return status;
        status = take_sent_reply(r, reply);
        freeReplyObject(reply);
    } while (status == SINK_BUSY);
    return status;
}

/* Queues the tops of books that have changed, if there are any. */
static bool queue_tops(struct redis *r)
{
    r->command.used = r->command.args = 0;
    if (!redis_tops_due(&r->tops) ||
        !redis_tops_command(&r->tops, &r->claim, r->conf.prefix, r->conf.shard, &r->command))
        return false;
    queue_command(r, true);
    return true;
}

/* Nobody speaks to us while we are silent: what comes is the end of the connection. */
static enum sink_status poll_idle(struct redis *r, u64 now_ns)
{
    redisReply *reply;
    enum link_status status = redis_conn_reply(&r->conn, &reply);

    if (reply)
        freeReplyObject(reply);
    if (status == LINK_LOST)
        return fail_conn(r, "lost while idle");
    if (status == LINK_OK)
        return fail(r, SINK_LOST, "the server speaks without being asked", "");
    if (!queue_tops(r))
        return SINK_OK;
    progress(r, now_ns);
    sm_move(states, &r->state, RS_SENDING);
    return SINK_BUSY;
}

/* ---- the sink ---- */

static enum sink_status redis_poll(struct sink *s, u64 now_ns)
{
    struct redis *r = redis_of(s);

    switch ((enum redis_state)r->state) {
    case RS_CONNECTING:
        return poll_connecting(r, now_ns);
    case RS_CLAIMING:
        return poll_claiming(r, now_ns);
    case RS_SENDING:
        return poll_sending(r, now_ns);
    case RS_IDLE:
        return poll_idle(r, now_ns);
    case RS_CLOSED:
        break;
    }
    return fail(r, SINK_LOST, "not connected", "");
}

static bool redis_add(struct sink *s, const struct sink_tx *tx, u64 now_ns)
{
    struct redis *r = redis_of(s);
    struct redis_batch *b = &r->batches[r->filling];

    if (b->entries_used >= r->conf.batch_rows || !redis_batch_add(b, tx, now_ns))
        return false;
    s->batch_rows = b->entries_used;
    return true;
}

static void redis_commit(struct sink *s, const struct sink_mark *to, u64 now_ns)
{
    struct redis *r = redis_of(s);

    ASSERT_EQ(r->state, RS_IDLE);
    ASSERT_GT(to->seq, s->mark.seq);
    r->command.used = r->command.args = 0;
    redis_batch_command(&r->batches[r->filling], &r->claim, to, &r->command);
    r->answers_due = 0;
    queue_command(r, true);
    queue_tops(r);
    r->batch_due = true;
    r->filling = !r->filling;
    r->to = *to;
    s->batch_rows = 0;
    progress(r, now_ns);
    CRASH_POINT("fills-queued");
    sm_move(states, &r->state, RS_SENDING);
}

static void redis_close(struct sink *s)
{
    struct redis *r = redis_of(s);

    redis_conn_close(&r->conn);
    r->answers_due = 0;
    r->batch_due = false;
    for (u32 i = 0; i < 2; i++)
        redis_batch_clear(&r->batches[i]);
    s->batch_rows = 0;
    sm_move(states, &r->state, RS_CLOSED);
}

static const struct sink_ops redis_ops = {
    .open = redis_open,
    .poll = redis_poll,
    .add = redis_add,
    .commit = redis_commit,
    .close = redis_close,
};

void redis_conf_defaults(struct redis_conf *conf)
{
    *conf = (struct redis_conf){
        .host = "127.0.0.1",
        .port = 6379,
        .prefix = "wirebook",
        .stream_max_len = 1000000,
        .batch_rows = 512,
        .connect_timeout_ns = 5 * NS_PER_SEC,
        .commit_timeout_ns = 5 * NS_PER_SEC,
    };
}

struct sink *redis_new(const struct redis_conf *conf)
{
    struct mem m;

    ASSERT(conf->batch_rows >= 1 && conf->commit_timeout_ns > 0);
    mem_init(&m, 0);
    struct redis *r = mem_alloc(&m, sizeof *r, CACHE_LINE);
    r->sink.ops = &redis_ops;
    r->sink.is_window = true; /* the stream is capped anyway; PostgreSQL has all */
    r->conf = *conf;
    r->claim.stream_max_len = conf->stream_max_len;
    for (u32 i = 0; i < 2; i++)
        redis_batch_init(&r->batches[i], &m, conf->prefix, conf->shard);
    r->tops.tops = conf->tops;
    r->command.room = max_u32(redis_batch_command_max(), redis_tops_command_max());
    r->command.bytes = mem_alloc(&m, r->command.room, CACHE_LINE);
    redis_conn_init(&r->conn, &r->conf, &m,
                    redis_batch_command_max() + redis_tops_command_max() + CLAIM_BYTES);
    r->mem = m;
    return &r->sink;
}

void redis_free(struct sink *s)
{
    if (!s)
        return;
    redis_close(s);
    struct mem m = redis_of(s)->mem; /* which holds the sink itself */
    mem_free_all(&m);
}
