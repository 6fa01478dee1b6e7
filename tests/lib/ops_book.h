/*
 * ops_book.h - the generator's own books: a second opinion about ours, so it shares nothing with
 * engine/.
 */
#ifndef WIREBOOK_TESTS_OPS_BOOK_H
#define WIREBOOK_TESTS_OPS_BOOK_H

#include "tests/lib/ops_gen.h"

#define MAX_PRICE 65000u
#define RECENT    4096u
#define WORDS     1026u /* of 64 prices */

struct gen_order {
    u64 seq; /* its id before sparse ids are scattered */
    u32 qty, price, symbol;
    u32 side;
    u32 live_at;    /* place in gen.live */
    u32 next, prev; /* in its level */
};

struct gen_level {
    u64 key; /* 0: free */
    u32 head, tail;
};

struct gen_side {
    u64 words[WORDS];
    u64 summary[(WORDS + 63) / 64];
};

struct gen_book {
    struct gen_side side[2];
    u32 ref;
    u32 aggressor;
};

struct gen {
    u64 random[4];
    struct gen_book *books;
    struct gen_level *levels;
    u64 level_mask;
    u32 level_shift;
    struct gen_order *orders; /* by seq: order i has id i */
    bool *alive;              /* by seq */
    u32 *live;
    u32 live_used;
    u64 recent[RECENT];
    u64 recent_at;
    double *cumulated;
    u32 *symbols; /* permuted */
    u32 symbols_used;
    u64 ids;
    struct ops *out;
    u64 used; /* records */
};

/* The tables of a generator of so many records, all empty. */
void ops_gen_init(struct gen *g, struct ops *out, u32 symbols, u64 records);
void ops_gen_free(struct gen *g);

/* Best price of a side, 0 when it is empty. */
u32 ops_best(const struct gen_book *k, u32 side);

/* Puts an order at the end of its level, and takes it out. */
void ops_rest(struct gen *g, u32 seq);
void ops_unrest(struct gen *g, u32 seq);

/* An order is open from now on, or gone. */
void ops_live_add(struct gen *g, u32 seq);
void ops_live_del(struct gen *g, u32 seq);

/* The id under which the order stands in the records. */
u64 ops_id(const struct gen *g, u64 seq);

/* Fills against the other side; returns what is left. */
u32 ops_match(struct gen *g, u32 symbol, u64 taker, u32 side, u32 price, u32 qty);

#endif
