/*
 * shadow.h - the cold agent that makes snapshots, and knows the top of each book, without the
 * engine's doing anything for them.
 *
 * It has an engine of its own, which follows the journal by the same engine_apply as recovery does.
 * When enough transactions have come since the last snapshot it reads up to the mark and writes its
 * engine's memory. The hot agents do not know of it; its costs are a second set of pools, and about
 * a microsecond of a cold core a transaction.
 */
#ifndef WIREBOOK_PERSIST_SHADOW_H
#define WIREBOOK_PERSIST_SHADOW_H

#include <stdatomic.h>

#include "engine/engine.h"
#include "persist/cursor.h"
#include "persist/replay.h"

struct shadow;
struct tops;

struct shadow_conf {
    struct cursor_conf cursor; /* without a tap: it reads the files */
    struct engine_conf engine; /* the recovered engine's, hash key included */
    u64 every;                 /* transactions between two snapshots; 0: none are made */
    struct tops *tops;         /* told of every transaction as it becomes durable; NULL: nobody */
};

/*
 * A shadow of the engine in arena `engine`, which recovery has brought to `at` and which has not
 * been attached to any ring. Memory from malloc and an arena of its own.
 */
struct shadow *shadow_new(const struct shadow_conf *conf, const struct mem *engine,
                          const struct replay_result *at);
void shadow_free(struct shadow *s);

/* The agent's turn: some transactions, or one snapshot. Blocks. */
int shadow_do_work(void *shadow, u64 now_ns);

/* What came of a snapshot that was asked for. */
struct shadow_taken {
    u64 seq;   /* its last transaction */
    u64 bytes; /* of its file */
    u64 took_ns;
    struct why why; /* empty: it is there, and durable */
};

/*
 * A snapshot is wanted now, whatever `every` says: of what is durable when it looks, or, when that
 * is nothing new, of the next transaction. Returns the number to wait for by shadow_answer. One
 * thread at a time asks, and not again before it has its answer.
 */
u64 shadow_ask(struct shadow *s);

/* True when the snapshot `asked` has been made, or could not be, and `*taken` says it. The thread
 * that has asked. */
bool shadow_answer(const struct shadow *s, u64 asked, struct shadow_taken *taken);

/*
 * The last transaction that neither a start from one of the last two snapshots needs, nor a stream
 * of the day that was open in the older one. 0: there are not two. Any thread.
 */
const struct durable *shadow_passed(const struct shadow *s);

#endif
