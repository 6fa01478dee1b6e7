/*
 * tops.h - each instrument's best bid and offer, as of the newest durable transaction: from the
 * shadow engine (shadow.c), which follows the journal, to the Redis export, which may be elsewhere
 * in it. What changes twice before somebody looks is seen once.
 *
 * One writer, one reader, two threads. An entry is a seqlock of a cache line; a bit for each says
 * that it has changed. Memory: 64 bytes an instrument.
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
};

#define TOP_WORDS 7u

struct top_entry {
    CACHE_ALIGNED _Atomic u64 version; /* odd while it is written; owner: the writer */
    _Atomic u64 words[TOP_WORDS];
};
_Static_assert(sizeof(struct top_entry) == 64, "one cache line");

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

/* The reader: an instrument whose entry has changed, from `after` on, to `out`; 0: none more. */
u16 tops_next(struct tops *t, u16 after, struct top *out);

/* The reader: grows whenever an entry has changed. */
u64 tops_changes(const struct tops *t);

/* The reader: every instrument counts as changed. */
void tops_all_again(struct tops *t);

#endif
