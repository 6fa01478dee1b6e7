/*
 * ahead.h - a look at commands that wait: what they will need comes into the cache meanwhile.
 *
 * An order is found by a chain of reads, each of which needs the one before it: the table of
 * numbers, its page, its line, the order, its level and its neighbours in the queue. A venue's
 * memory is larger than any cache, so a command alone waits for memory several times. In a burst
 * the commands behind it are known already: each one that is announced begins its chain, and those
 * announced before it go one step further along theirs, so that the reads of many overlap with each
 * other and with the work.
 *
 * A line of prices that is not there yet, or is about to go, costs a walk down its ladder: that is
 * begun here too, and goes on by a fork with each announcement. Before an order that will meet
 * several others a scout (scout.h) goes along their queues, an order with each announcement.
 *
 * One thing follows from what is read here: which order a number probably is. Whoever uses it looks
 * whether an open order has that number (step_order.c). Else a number that is not there yet, or a
 * page that is given back meanwhile, costs a useless prefetch. One thread.
 */
#ifndef WIREBOOK_ENGINE_AHEAD_H
#define WIREBOOK_ENGINE_AHEAD_H

#include "engine/msg/msg.h"

#define AHEAD_TRACKS 2u   /* announcements from one step of a chain to its next one */
#define AHEAD_WALKS  4u   /* a power of two */
#define AHEAD_LEAD   24u  /* orders that a scout sees of a sweep that waits */
#define AHEAD_FOUND  256u /* orders that are remembered, by their numbers' last bits */

/* What is wanted of an order: it is to be cancelled, price 0, or replaced at that price. */
struct ahead_wish {
    u32 user_ref;
    u32 price;
};

/*
 * Orders on their way from their numbers to their neighbours, one at each step. An announcement
 * moves all of them on by a step, the last one first, and takes the first place.
 */
struct ahead_order {
    u64 at; /* place in the table of pages */
    struct ahead_wish at_wish;
    u32 page;
    u32 line;
    struct ahead_wish page_wish;
    struct ahead_wish line_wish;
    u32 id;
    u32 id_price;
    u32 last; /* its level, if it is alone there; else 0 */
} CACHE_ALIGNED;

/* Prices on their way to the end of their level's queue, likewise. */
struct ahead_price {
    u32 side; /* instrument * 4 + enum side_index */
    u32 price;
    u64 place; /* where its line is remembered, */
    u64 entry; /* ... as what, if it is, */
    u32 index; /* ... and its ticks, folded as in book.h */
    u32 index_side;
    u32 touch; /* the best level of the other side if it trades there; else 0 */
    u32 level;
    u32 meets; /* the first order that it trades with; 0: none */
    u32 qty;
    u32 index_wants; /* ... of it, what is wanted of the other side */
    u32 level_wants;
} CACHE_ALIGNED;

/* A walk down a ladder towards a line that comes or goes: a fork with each announcement. */
struct ahead_walk {
    u32 ref; /* how far it has come; 0: it is over */
    u32 key;
};

/* Who goes ahead of a sweep (scout.h). */
struct scout {
    i64 wants;  /* shares that nobody seen so far has; not above 0: it stays */
    u32 id;     /* the furthest order, on its way; 0: there is none */
    u32 level;  /* where it stands, */
    u32 behind; /* the level behind that one; 0: none */
    u32 beyond; /* ... and the one behind that, also on its way */
    u32 lead;   /* orders that it is ahead */
};

_Static_assert(AHEAD_TRACKS == 2, "orders_at and prices_at change between 0 and 1");
struct ahead {
    struct ahead_order orders[AHEAD_TRACKS]; /* taken in turn */
    struct ahead_price prices[AHEAD_TRACKS];
    u32 orders_at; /* the track that was taken last */
    u32 prices_at;
    struct ahead_walk walks[AHEAD_WALKS];
    u32 walks_at;
    u32 walking;            /* announcements for which they still go on */
    struct scout scout;     /* before the sweep that was seen last */
    bool scouting;          /* it has further to go */
    u32 found[AHEAD_FOUND]; /* by the number's last bits; 0: none */
};

struct engine;

/*
 * What engine_ahead makes of a command, also for the book alone (tests/lib/own_book.c). With each
 * announcement, before what it is about: walks and scouts under way go on.
 */
void ahead_on(struct engine *e);

/*
 * An order for `qty` shares at `price` waits, on `side` (instrument * 4 + BUY or SELL) of an
 * instrument that there is, or of 0.
 */
__attribute__((noinline)) void ahead_price(struct engine *e, u32 side, u32 price, u32 qty);

/* A cancel or a replacement of `owner`'s order waits. */
__attribute__((noinline)) void ahead_order(struct engine *e, u32 owner, struct ahead_wish wish);

#endif
