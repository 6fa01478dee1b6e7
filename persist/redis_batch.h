/*
 * redis_batch.h - the executions of transactions as one call of redis_script_batch.
 *
 * Local to redis.c and its tests; no hiredis. An entry of the stream is one EV_EXECUTED event: a
 * fill has two, one for each side, each with the id <seq>-<idx of the event in its transaction>.
 * What is published and kept as last trade is one for each fill.
 */
#ifndef WIREBOOK_PERSIST_REDIS_BATCH_H
#define WIREBOOK_PERSIST_REDIS_BATCH_H

#include "engine/base/mem.h"
#include "persist/redis_text.h"

#define REDIS_PREFIX_BYTES   64u
#define REDIS_KEY_BYTES      128u
#define REDIS_TRADE_FRESH_NS (5 * NS_PER_SEC)

/* The newest trade of an instrument in a batch. */
struct redis_last {
    u16 instrument;
    u32 price;
    u32 qty;
    u32 day;
    u64 match;
    u64 seq;
    u64 time_ns;
    char symbol[9];
};

struct redis_batch {
    const char *prefix;
    u32 shard;
    struct resp entries; /* id and payload of each */
    struct resp trades;  /* channel and payload of each */
    u32 entries_used;
    u32 trades_used;
    struct redis_last *lasts;
    u32 lasts_used;
    u16 *last_of; /* by instrument: index in `lasts` + 1; 0: none */
};

/* Under what a connection may write. */
struct redis_claim {
    u64 epoch;
    u64 claim;
    u64 stream_max_len;
    char sha[41]; /* of redis_script_batch, as the server named it */
    char sha_tops[41];
};

/* An empty batch with memory from `m` (2 MiB); `prefix` outlives it. */
void redis_batch_init(struct redis_batch *b, struct mem *m, const char *prefix, u32 shard);

void redis_batch_clear(struct redis_batch *b);

/*
 * Adds the executions of one transaction; false: no room, nothing was added. A trade older than
 * REDIS_TRADE_FRESH_NS is not published: what catches up is no news.
 */
bool redis_batch_add(struct redis_batch *b, const struct sink_tx *tx, u64 now_ns);

/* The bytes that redis_batch_command may need. */
u32 redis_batch_command_max(void);

/* The whole command EVALSHA to `out` (empty, redis_batch_command_max bytes). */
void redis_batch_command(const struct redis_batch *b, const struct redis_claim *c,
                         const struct sink_mark *to, struct resp *out);

#endif
