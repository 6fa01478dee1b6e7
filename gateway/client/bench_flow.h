/*
 * bench_flow.h - the order flow of the benchmark: which request comes next, and its bytes.
 *
 * A seeded generator chooses by the mix; the same seed and the same answers give the same flow.
 * Adds rest 1 to 20 ticks behind the reference price and never cross; aggressive orders are
 * immediate-or- cancel and cross by 25 ticks. So the book stays about as deep as it is, and the
 * venue always has something to match. Pure but for its state.
 */
#ifndef WIREBOOK_CLIENT_BENCH_FLOW_H
#define WIREBOOK_CLIENT_BENCH_FLOW_H

#include "gateway/client/bench_ledger.h"

#define BENCH_SYMBOLS_MAX 256u
#define BENCH_QTY_LOTS    2u /* orders have 1 to so many lots of 100 shares */
#define BENCH_REST_TICKS  20u
#define BENCH_CROSS_TICKS 25u
_Static_assert(BENCH_CROSS_TICKS > BENCH_REST_TICKS, "an aggressive order reaches every price");

struct bench_symbols {
    u32 n;
    char names[BENCH_SYMBOLS_MAX][9];
    const char *name_list[BENCH_SYMBOLS_MAX]; /* the same, for the ledger */
    u32 prices[BENCH_SYMBOLS_MAX];            /* reference, in 1/10,000; a multiple of the tick */
    u32 ticks[BENCH_SYMBOLS_MAX];
};

struct bench_flow {
    const struct bench_symbols *symbols;
    u32 percent[BENCH_KINDS]; /* sums to 100 */
    u32 open_max;             /* with so many open orders, a cancel comes instead of an add */
    u64 random;               /* the generator's state */
};

/* Eight liquid names at the reference prices of config/instruments.csv. */
void bench_symbols_default(struct bench_symbols *s);

/*
 * "AAPL:225.50,MSFT:417.20" or the path of a CSV file with the columns symbol, tick, lot and
 * reference_price (restricted ones and those of 1,000 and above are left out). Returns NULL, or
 * what is wrong.
 */
const char *bench_symbols_parse(struct bench_symbols *s, const char *text);

/*
 * "45,40,10,5": add, cancel, replace, aggressive; or the path of a file with a line `add 45` and so
 * on for each (an absent one is 0; # begins a comment). They must sum to 100.
 */
bool bench_mix_parse(u32 percent[BENCH_KINDS], const char *text);

void bench_flow_init(struct bench_flow *f, const struct bench_symbols *symbols,
                     const u32 percent[BENCH_KINDS], u32 open_max, u64 seed);

/*
 * Makes the next request, due at `due_ns`: enters it in `l` and writes its bytes (at most
 * WB_REQUEST_MAX) to `out`. Returns how many; 0 when the ledger's window is full of unanswered
 * ones.
 */
u32 bench_flow_next(struct bench_flow *f, struct ledger *l, u64 due_ns, bool measured, u8 *out);

/* The bytes of the request that made `o` (its Enter or Replace), to be sent again. */
u32 bench_flow_again(const struct bench_flow *f, const struct ledger_order *o, u8 *out);

#endif
