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
 * begun here too, and goes on by a fork with each announcement.
 *
 * One thing follows from what is read here: which order a number probably is. Whoever uses it looks
 * whether an open order has that number (step_order.c). Else a number that is not there yet, or a
 * page that is given back meanwhile, costs a useless prefetch. One thread.
 */
#ifndef WIREBOOK_ENGINE_AHEAD_H
#define WIREBOOK_ENGINE_AHEAD_H

#include "engine/msg/msg.h"

#define AHEAD_NOTES 16u /* a power of two, more than a chain of 5 further steps needs */
#define AHEAD_WALKS 4u  /* a power of two */
#define AHEAD_FOUND 64u /* orders that are remembered, by their numbers' last bits */
#define AHEAD_STEP  2u  /* announcements from one step of a chain to its next one */

/* An order on its way from its number to its neighbours. */
struct ahead_order {
    u32 owner;
    u32 user_ref;
    u64 at; /* place in the table of pages */
    u32 page;
    u32 line;
    u32 id;
    u32 price; /* it is to be replaced at; 0: it is to be cancelled */
    u32 last;  /* its level, if it is alone there; else 0 */
};

/* A price on its way to the end of its level's queue. */
struct ahead_price {
    u32 instrument;
    u32 sell;
    u32 price;
    u32 index; /* ticks folded as in book.h */
    u32 level;
    u32 meets; /* the first order of the other side that it trades with; 0: none */
};

/* A walk down a ladder towards a line that comes or goes: a fork with each announcement. */
struct ahead_walk {
    u32 ref; /* how far it has come; 0: it is over */
    u32 key;
};

/* The notes: rings, of which the newest entries count. */
struct ahead {
    struct ahead_order orders[AHEAD_NOTES];
    struct ahead_price prices[AHEAD_NOTES];
    u32 orders_at;
    u32 prices_at;
    struct ahead_walk walks[AHEAD_WALKS];
    u32 walks_at;
    u32 walking;            /* announcements for which they still go on */
    u32 found[AHEAD_FOUND]; /* by the number's last bits; 0: none */
};

#endif
