/*
 * redis_claim.h - taking the shard in Redis: the command, and what its answer means.
 *
 * Local to redis.c. redis_script_claim decides on the server; here its answer becomes a mark.
 */
#ifndef WIREBOOK_PERSIST_REDIS_CLAIM_H
#define WIREBOOK_PERSIST_REDIS_CLAIM_H

#include "persist/redis_batch.h"

struct redisReply;

/* Writes EVAL of redis_script_claim for `s` under `c->epoch` to `out` (empty). */
void redis_claim_command(struct resp *out, const char *prefix, const struct redis_claim *c,
                         const struct sink *s);

/*
 * The answer of redis_script_claim. SINK_OK: `c->claim` and the mark of `s` are set. Else `s` says
 * why: SINK_FENCED, SINK_FOREIGN, or SINK_REFUSED (the stream ends with what is no fill of ours).
 */
enum sink_status redis_claim_take(struct redis_claim *c, struct sink *s, const char *prefix,
                                  u32 shard, const struct redisReply *reply);

#endif
