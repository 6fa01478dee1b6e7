/*
 * refs.h - from (account, channel, UserRefNum) to the order: a hash of lines of consecutive
 * numbers.
 *
 * A client numbers its orders upwards (PROTOCOL.md section 6, rules 1 and 2), mostly without holes.
 * So one cache line holds the orders of twelve consecutive numbers, and the hash finds lines, not
 * orders: dense numbers cost about eight bytes an order, a jump to 4 billion costs one line. The
 * lines of a channel are also threaded in the order of their numbers: that is how all open orders
 * of an account are found, for the day's end and for mass cancels, without a link in the order.
 *
 *   channel  head ──▶ line 0..11 ──▶ line 24..35 ──▶ ... ◀── tail
 *   table    hash(owner, number / 12) ──▶ line
 *
 * The hash is seeded: nobody outside can choose numbers that collide. One thread.
 */
#ifndef WIREBOOK_ENGINE_REFS_H
#define WIREBOOK_ENGINE_REFS_H

#include "engine/base/types.h"
#include "engine/pool.h"

#define REF_LINE_IDS 12u

/* One channel of an account: what has been used and what is open of it. */
struct channel {
    u32 last; /* the highest number used today; 0: none */
    u32 head; /* first and last line; 0: none */
    u32 tail;
    u32 open; /* orders in the lines */
};

struct ref_line {
    u32 next;              /*  0 in the channel, towards higher numbers; free list */
    u32 prev;              /*  4 */
    u32 owner;             /*  8 account << 8 | user_ref_idx */
    u32 base;              /* 12 number / REF_LINE_IDS */
    u32 ids[REF_LINE_IDS]; /* 16 order ids; 0: none open under that number */
};
_Static_assert(sizeof(struct ref_line) == CACHE_LINE, "one cache line");

struct refs {
    struct ref_line *lines;
    u64 *table; /* upper half: hash, lower half: line; 0: empty. Linear probing */
    u64 mask;
    u64 seed;
    struct pool pool;
};

/* Room for `orders` orders in any pattern of numbers; `seed` is secret. */
void refs_init(struct refs *r, struct mem *m, u32 orders, u64 seed);

/* The order of that number, 0 when none is open. */
u32 refs_find(const struct refs *r, u32 owner, u32 user_ref);

/* Enters an order under a number higher than all that the channel has seen. */
void refs_add(struct refs *r, struct channel *c, u32 owner, u32 user_ref, u32 id);

/* Takes out what refs_add entered. */
void refs_del(struct refs *r, struct channel *c, u32 owner, u32 user_ref);

/* The open order with the smallest number of the channel, 0 when there is none. */
u32 refs_first(const struct refs *r, const struct channel *c);

/* Asserts that a channel's lines are in order, reachable by hash and `open` orders in all. */
void refs_check(const struct refs *r, const struct channel *c, u32 owner);

#endif
