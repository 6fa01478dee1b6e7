/*
 * tops.h - each instrument's best bid and offer, and before a cross its indication, as of the
 * newest durable transaction: from the shadow engine (shadow.c), which follows the journal, to the
 * Redis export, which may be elsewhere in it. What changes twice before somebody looks is seen
 * once.
 *
 * One writer, one reader, two threads. An entry is a seqlock of two cache lines; a bit for each
 * says that it has changed. Memory: 128 bytes an instrument.
 */
#ifndef WIREBOOK_PERSIST_TOPS_H
#define WIREBOOK_PERSIST_TOPS_H

#include <stdatomic.h>

#include "engine/base/mem.h"
#include "engine/msg/msg.h"

struct engine;

/* The displayed touch of one instrument. */
struct top {
    char symbol[8]; /* padded with spaces */
    u32 bid_price;  /* in 1/10,000; 0: nobody buys */
    u32 ask_price;  /* 0: nobody sells */
    u64 bid_qty;    /* shares displayed at it */
    u64 ask_qty;
    u64 seq;     /* the transaction that it is as of */
    u64 time_ns; /* its engine time */
    u8 phase;    /* enum phase: a book may be crossed where nothing trades */

    u8 cross;         /* before a cross O C H; 0: none is near, or nobody has looked yet */
    u8 cross_side;    /* B S: of which there are too many; N: none */
    u32 cross_price;  /* 0: nothing would trade */
    u64 paired;       /* shares that would trade */
    u64 imbalance;    /* shares that the other side lacks */
    u64 indicated_ns; /* when that was looked at */
};

#define TOP_WORDS       11u
#define TOP_WORDS_TOUCH 7u /* what changes with the book; the others are the indication's */

struct top_entry {
    CACHE_ALIGNED _Atomic u64 version; /* odd while it is written; owner: the writer */
    _Atomic u64 words[TOP_WORDS];
};
_Static_assert(sizeof(struct top_entry) == 128, "two cache lines");

struct tops {
    struct top_entry *at; /* by instrument, from 1 */
    u32 instruments_max;
    _Atomic u32 used; /* the highest id there is; owner: the writer */
    _Atomic u64 dirty[(INSTRUMENTS_MAX + 64) / 64];
    CACHE_ALIGNED _Atomic u64 changes; /* grows with each change; owner: the writer */
};

/* No instrument yet. Memory from `m`. */
struct tops *tops_new(u32 instruments_max, struct mem *m);

/* The writer: looks at all instruments of `e`. At the start. */
void tops_note_all(struct tops *t, const struct engine *e);

/* The writer: looks at the instruments of a transaction that `e` has applied. */
void tops_note(struct tops *t, const struct engine *e, const struct slot *tx, u32 used);

enum tops_indicated {
    INDICATED_NONE,  /* no cross is near */
    INDICATED,       /* the entry has it */
    INDICATED_LARGE, /* more prices meet than were to be looked at: the entry stays as it is */
};

/*
 * The writer: what the next cross of instrument `id` would give at `now_ns`, if one is near; looks
 * at `*prices` prices at most and takes off what it needed. An entry with shares to pair counts as
 * changed each time, one without only when it differs.
 */
enum tops_indicated tops_indicate(struct tops *t, const struct engine *e, u16 id, u64 now_ns,
                                  u32 *prices);

/* The reader: an instrument whose entry has changed, from `after` on, to `out`; 0: none more. */
u16 tops_next(struct tops *t, u16 after, struct top *out);

/* The reader: grows whenever an entry has changed. */
u64 tops_changes(const struct tops *t);

/* The reader: every instrument counts as changed. */
void tops_all_again(struct tops *t);

#endif
