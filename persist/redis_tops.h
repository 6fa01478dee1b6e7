/*
 * redis_tops.h - the tops of books that have changed, as one call of redis_script_tops.
 *
 * Local to redis.c; no hiredis. At most REDIS_TOPS_MAX at a time: the rest stays marked as changed.
 */
#ifndef WIREBOOK_PERSIST_REDIS_TOPS_H
#define WIREBOOK_PERSIST_REDIS_TOPS_H

#include "persist/redis_batch.h"
#include "persist/tops.h"

#define REDIS_TOPS_MAX 256u

struct redis_tops {
    struct tops *tops; /* NULL: nobody wants them */
    u64 seen;          /* tops_changes when last looked, with nothing left over */
    u16 after;         /* where to go on looking, so that a busy instrument starves no other */
    bool again;        /* more than one call had room for */
    struct top taken[REDIS_TOPS_MAX];
};

/* Every top is to be sent, as after each new connection. */
void redis_tops_restart(struct redis_tops *r);

/* True when something has changed since it was last sent. */
bool redis_tops_due(const struct redis_tops *r);

/* Bytes that redis_tops_command may need. */
u32 redis_tops_command_max(void);

/* Takes what has changed, and writes the whole command EVALSHA to `out` (empty). False: nothing. */
bool redis_tops_command(struct redis_tops *r, const struct redis_claim *c, const char *prefix,
                        u32 shard, struct resp *out);

#endif
