/*
 * rates.h - how often something has happened lately, for many things in little memory: orders of an
 * account in one symbol, orders that are alike.
 *
 * A table of RATES_SETS sets of RATES_WAYS; a new thing takes the place of the one in its set that
 * is through earliest. So a forgotten thing errs on the side of letting an order pass, and only
 * when more than a set's worth of things are busy at once. Owner: the gateway's thread.
 */
#ifndef WIREBOOK_GATEWAY_SESSION_RATES_H
#define WIREBOOK_GATEWAY_SESSION_RATES_H

#include "engine/base/mem.h"
#include "engine/base/types.h"

#define RATES_SETS 4096u
#define RATES_WAYS 4u

struct rate {
    u64 key;      /* 0: free */
    u64 until_ns; /* symbol: when all so far is through at the rate; alike: the window's end */
    u64 count;    /* alike: how many in the window */
};

struct rates {
    u64 seed; /* secret: clients choose what their orders look like */
    struct rate (*sets)[RATES_WAYS];
};

/* An empty table, with memory from `m`. */
void rates_init(struct rates *t, struct mem *m, u64 seed);

/*
 * One more of `key` (any number that names it), of which `per_s` a second may come, a burst of one
 * second's worth included. False: it is too many, and was not counted.
 */
bool rates_pass(struct rates *t, u64 key, u32 per_s, u64 now_ns);

/* One more of `key`, of which `max` may come within `window_ns` of the first. False: too many. */
bool rates_repeat(struct rates *t, u64 key, u32 max, u64 window_ns, u64 now_ns);

#endif
