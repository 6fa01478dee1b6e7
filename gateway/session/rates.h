/*
 * rates.h - how often an account has done something lately: orders in all, orders of one symbol,
 * orders that are alike.
 *
 * Each account has memory of its own for `each` things that it is watched doing, so nobody's orders
 * touch what is known of another's. A thing is forgotten when its time is over and never before: an
 * account that has `each` of them going on at once is told RATES_FULL for one more, and what is
 * known stays.
 *
 *   key ─hash─▶ buckets ─▶ entry ─▶ entry      queues: of symbols and of orders alike, the entry
 *                                               that is over earliest first
 *
 * A step costs a few entries, whatever the keys are: a bucket's chain is short because the hash has
 * a secret key, and the queues are in the order in which entries come, but for the time after an
 * operator has made a window shorter. A symbol is watched for two seconds after its last order:
 * by then its bucket is empty at any rate.
 *
 * Moving. The memory is the process', by account, and goes from gateway to gateway with its logins,
 * so that nobody begins anew elsewhere, in the manner of a store's cell (store.h):
 *
 *   R1 the gateway that lets go  store-release left = N  pairs with R2
 *   R2 the gateway that takes    compare-exchange left N -> 0, acquire, pairs with R1: all that is
 *                                known of the account is seen before it is touched
 *
 * N is the bind_id of the login that made the old gateway let go; who has seen this login or a
 * later one may take. A gateway lets go when it is told, with nothing to wait for; until then the
 * new one reads no messages of the account. So at most one gateway has it. At first gateway 0.
 */
#ifndef WIREBOOK_GATEWAY_SESSION_RATES_H
#define WIREBOOK_GATEWAY_SESSION_RATES_H

#include <stdatomic.h>

#include "engine/base/limits.h"
#include "engine/base/mem.h"
#include "engine/base/types.h"

struct rate {
    u64 key;      /* keyed hash of what it is */
    u64 over_ns;  /* when it may be forgotten; alike: the window's end */
    u64 until_ns; /* symbol: when all so far is through at the rate */
    u16 next;     /* index + 1 of the next one in the bucket, or the next free one; 0: none */
    u16 before;   /* index + 1 of the one that is over before it; 0: none */
    u16 behind;   /* ... after it */
    u16 count;    /* alike: how many in the window */
};
_Static_assert(sizeof(struct rate) == 32, "two of them fill a cache line");

/* Entries by over_ns: index + 1 of the first and the last one; 0: none. */
struct rates_queue {
    u16 first, last;
};

/* One account's. Owner: the thread of the gateway that has it. */
struct rates {
    _Atomic u32 left; /* bind_id of the login that made a gateway let go; 0: a gateway has it */
    u32 each;
    u64 seed;      /* secret: clients choose what their orders look like */
    u64 orders_ns; /* when the orders so far would be through at the reject rate */
    u64 flow_ns;   /* the same of all messages at the stop rate */
    struct rates_queue symbols, alike;
    u16 free; /* index + 1; 0: all are used */
    struct rate *all;
    u16 *buckets; /* index + 1; 0: none */
} CACHE_ALIGNED;

/* The accounts of a process. */
struct rates_memory {
    struct rates *accounts; /* by id, from 1 */
    u32 accounts_max;
};

enum rates_answer {
    RATES_PASS,
    RATES_TOO_MANY,
    RATES_FULL, /* no room to watch one more thing */
};

/* Memory for accounts 1..`accounts`, `each` (RATES_EACH_MIN.._MAX) things of each, from `m`. */
void rates_memory_init(struct rates_memory *rm, struct mem *m, u32 accounts, u32 each, u64 seed);

/* The account's rates, for gateway 0 at the start. */
struct rates *rates_first(struct rates_memory *rm, u32 account);

/* Takes the account's rates because of the login `bind_id`; NULL: another gateway has them. */
struct rates *rates_take(struct rates_memory *rm, u32 account, u32 bind_id);

/* Lets go of them, because of the login `bind_id` elsewhere; they are not touched any more. */
void rates_let_go(struct rates *t, u32 bind_id);

/*
 * One more order in `instrument`, of which `per_s` (> 0) a second may come, a burst of one second's
 * worth included. What is not to pass is not counted.
 */
enum rates_answer rates_symbol(struct rates *t, u16 instrument, u32 per_s, u64 now_ns);

/*
 * One more order in `instrument` that looks like `like` (any number that says all of it), of which
 * `max` (> 0) may come within `window_ns` (> 0) of the first.
 */
enum rates_answer rates_alike(struct rates *t, u16 instrument, u64 like, u32 max, u64 window_ns,
                              u64 now_ns);

/* Asserts the invariants of one account's. Slow. */
void rates_check(const struct rates *t);

#endif
