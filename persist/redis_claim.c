/*
 * redis_claim.c - see redis_claim.h. Cold thread.
 *
 * Which mark to believe: the stream is the truth. The mark beside it moves with transactions that
 * have no fill, too, so it is used while it belongs to the stream's newest entry. If it does not
 * (somebody removed the stream, or restored another) the export goes on at the newest entry's own
 * transaction, whose entries the stream refuses as far as it has them; with no stream, at the
 * first. A newest entry that is no fill of ours tells nothing, and ids below it can be added no
 * more: that needs a person.
 */
#include "persist/redis_claim.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "persist/fill_codec.h"

void redis_claim_command(struct resp *out, const char *prefix, const struct redis_claim *c,
                         const struct sink *s)
{
    char key[REDIS_KEY_BYTES];

    resp_head(out, 8);
    resp_text(out, "EVAL");
    resp_text(out, redis_script_claim);
    resp_text(out, "2");
    snprintf(key, sizeof key, "%s:mark", prefix);
    resp_text(out, key);
    snprintf(key, sizeof key, "%s:fills", prefix);
    resp_text(out, key);
    resp_u64(out, c->epoch);
    resp_id(out, s->process_id);
    resp_id(out, s->journal_id);
    ASSERT_EQ(out->args, 8);
}

static u64 number(const redisReply *text)
{
    return strtoull(text->str, NULL, 10);
}

static enum sink_status not_a_fill(struct sink *s, const char *prefix, u32 shard, const char *top)
{
    snprintf(
        s->error, sizeof s->error,
        "%s:fills ends at %s with what is no fill of shard %u: find out who writes there, then "
        "DEL it, it is filled again (config/sql/README.md)",
        prefix, top, shard);
    return SINK_REFUSED;
}

/* `e` is {"ours", claim, seq, day, top, payload, time_ns}. */
static enum sink_status take_mark(struct redis_claim *c, struct sink *s, const char *prefix,
                                  u32 shard, redisReply *const *e)
{
    struct fill newest = {0};
    u64 top_seq = number(e[4]); /* up to its dash */

    c->claim = number(e[1]);
    s->mark =
        (struct sink_mark){.seq = number(e[2]), .day = (u32)number(e[3]), .time_ns = number(e[6])};
    if (e[2]->len > 0)
        return SINK_OK;
    s->mark.time_ns = 0; /* that of the stream's own mark, which is gone */
    s->mark.seq = top_seq > 0 ? top_seq - 1 : 0;
    if (top_seq == 0)
        s->mark.day = 0;
    if (top_seq == 0 || e[5]->len == 0) /* no stream, or one trimmed to nothing */
        return SINK_OK;
    if (fill_decode((const u8 *)e[5]->str, (u32)e[5]->len, &newest) || newest.shard != shard)
        return not_a_fill(s, prefix, shard, e[4]->str);
    s->mark.day = newest.day;
    return SINK_OK;
}

static bool is_claim(const redisReply *reply, size_t elements)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != elements)
        return false;
    for (size_t i = 0; i < elements; i++)
        if (reply->element[i]->type != REDIS_REPLY_STRING)
            return false;
    return true;
}

/* The claim has touched nothing: somebody else's journal or epoch is there. */
static enum sink_status not_ours(const struct redis_claim *c, struct sink *s, const char *prefix,
                                 const char *why, const char *theirs)
{
    if (strcmp(why, "foreign") == 0) {
        snprintf(s->error, sizeof s->error,
                 "%s:mark is of journal %s, ours is %016" PRIx64 ": restore that data_dir, take "
                 "another export.redis.prefix, or DEL its :mark and :fills (config/sql/README.md); "
                 "restart",
                 prefix, theirs, s->journal_id);
        return SINK_FOREIGN;
    }
    snprintf(s->error, sizeof s->error,
             "another process with epoch %s has %s:mark, ours is %" PRIu64
             ": is a copy of data_dir in use?",
             theirs, prefix, c->epoch);
    return SINK_FENCED;
}

enum sink_status redis_claim_take(struct redis_claim *c, struct sink *s, const char *prefix,
                                  u32 shard, const redisReply *reply)
{
    if (is_claim(reply, 2))
        return not_ours(c, s, prefix, reply->element[0]->str, reply->element[1]->str);
    if (is_claim(reply, 7))
        return take_mark(c, s, prefix, shard, reply->element);
    snprintf(s->error, sizeof s->error, "the claim had no answer that we know");
    return SINK_REFUSED;
}
