/*
 * refs.h - from (account, channel, UserRefNum) to the order: two steps of a table, found by a hash.
 *
 * A client numbers its orders upwards (CONFORMANCE.md section 6, rules 1 and 2), mostly without
 * holes. So a line, one cache line, holds the orders of sixteen consecutive numbers, a page,
 * another one, holds eight consecutive lines, and the hash finds pages, not orders. With dense
 * numbers the hash and the pages stay in the cache and an order costs a few bytes; a jump to 4
 * billion costs one page and one line. The pages of a channel are also threaded in the order of
 * their numbers: that is how all open orders of an account are found, for the day's end and for
 * mass cancels, without a link in the order.
 *
 *   channel  head ──▶ page 0..127 ──▶ page 256..383 ──▶ ... ◀── tail
 *   table    hash(owner, number / 128) ──▶ page ──▶ line ──▶ order
 *
 * Each order also knows its line, so that it leaves the index without a search: a page is looked up
 * again only when one of its lines has become empty.
 *
 * Clients choose the numbers, so the hash has a secret key: Thorup's pair-multiply-shift, which is
 * strongly universal, then the mixer. Whatever pages a client picks without knowing the key, two of
 * them meet in a place as often as two random numbers do; and the mixer breaks up rows of numbers,
 * which multiply-shift alone would pile up under linear probing. SipHash would also hide the
 * hashes themselves, but nobody sees them, and it costs an eighth of the speed. One thread.
 */
#ifndef WIREBOOK_ENGINE_REFS_H
#define WIREBOOK_ENGINE_REFS_H

#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "engine/base/types.h"
#include "engine/pool.h"

#define LINE_REFS  16u
#define PAGE_LINES 8u
#define PAGE_REFS  (LINE_REFS * PAGE_LINES)

/* One channel of an account: what has been used and what is open of it. */
struct channel {
    u32 last; /* the highest number used today; 0: none */
    u32 head; /* first and last page; 0: none */
    u32 tail;
    u32 open; /* orders in the pages */
};

struct ref_line {
    u32 ids[LINE_REFS]; /* order ids; 0: none open under that number. ids[0]: free list link */
};
_Static_assert(sizeof(struct ref_line) == CACHE_LINE, "one cache line");

struct ref_page {
    u32 next;              /*  0 in the channel, towards higher numbers; free list link */
    u32 prev;              /*  4 */
    u32 owner;             /*  8 account << 8 | user_ref_idx */
    u32 base;              /* 12 number / PAGE_REFS, a power of two: no multiplication to find it */
    u32 lines[PAGE_LINES]; /* 16 0: none open under those numbers */
    u32 zero[4];
};
_Static_assert(sizeof(struct ref_page) == CACHE_LINE, "one cache line");

struct refs {
    struct ref_page *pages;
    struct ref_line *lines;
    u32 *line_of; /* by order: the line that names it; valid while it is in the index */
    u64 *table;   /* upper half: hash, lower half: page; 0: empty. Linear probing */
    u64 mask;
    u64 key[3];
    struct pool page_pool;
    struct pool line_pool;
};

/* Room for `orders` orders in any pattern of numbers; `key` is secret. */
void refs_init(struct refs *r, struct mem *m, u32 orders, const u64 key[2]);

/* The order of that number, 0 when none is open. */
u32 refs_find(const struct refs *r, u32 owner, u32 user_ref);

/* The open order with the smallest number of the channel, 0 when there is none. */
u32 refs_first(const struct refs *r, const struct channel *c);

/*
 * The open order with the next number of its channel after that of an open one; 0: it is the last.
 */
u32 refs_after(const struct refs *r, u32 owner, u32 user_ref);

/* ---- the way to an order step by step, for ahead.h ---- */

static inline u32 refs_hash(const struct refs *r, u32 owner, u32 base)
{
    /* strongly universal in the upper half (Thorup, High Speed Hashing, 2015, section 3.4) */
    u64 pair = (r->key[0] + owner) * (r->key[1] + base) + r->key[2];

    return (u32)hash_u64(pair >> 32);
}

/* Where the search in the table begins. */
static inline u64 refs_at(const struct refs *r, u32 owner, u32 user_ref)
{
    return refs_hash(r, owner, user_ref / PAGE_REFS) & r->mask;
}

/* The line of a number in a page that is its own, and the order in that line; 0: none. */
static inline u32 refs_page_get(const struct refs *r, u32 page, u32 user_ref)
{
    return r->pages[page].lines[user_ref % PAGE_REFS / LINE_REFS];
}

static inline u32 refs_line_get(const struct refs *r, u32 line, u32 user_ref)
{
    return r->lines[line].ids[user_ref % LINE_REFS];
}

/* ---- orders come and go: here what most of them need, in refs.c the rest ---- */

/* The channel's next page, for its numbers from base * PAGE_REFS on; a line; both never fail. */
COLD u32 refs_page_new(struct refs *r, struct channel *c, u32 owner, u32 base);
COLD u32 refs_line_new(struct refs *r);

/* The line `gone` of `user_ref` is empty: it goes, and its page if that is empty too. */
COLD void refs_line_drop(struct refs *r, struct channel *c, u32 owner, u32 user_ref, u32 gone);

/*
 * Enters an order, whose id is not above `orders` of refs_init, under a number higher than all that
 * the channel has seen.
 */
static inline void refs_add(struct refs *r, struct channel *c, u32 owner, u32 user_ref, u32 id)
{
    u32 base = user_ref / PAGE_REFS;
    u32 page = c->tail;

    ASSERT(id - 1 < r->line_pool.max && user_ref != 0);
    if (UNLIKELY(!page || r->pages[page].base != base))
        page = refs_page_new(r, c, owner, base);
    u32 *line = &r->pages[page].lines[user_ref % PAGE_REFS / LINE_REFS];
    if (UNLIKELY(!*line))
        *line = refs_line_new(r);
    u32 *place = &r->lines[*line].ids[user_ref % LINE_REFS];
    ASSERT_EQ(*place, 0);
    *place = id;
    r->line_of[id] = *line;
    c->open++;
}

/* The line names one order, `id`, and no other: ids are positive, their sum does not overflow. */
static inline bool refs_line_alone(const struct ref_line *l, u32 id)
{
    _Static_assert((u64)ORDERS_MAX * LINE_REFS <= UINT32_MAX, "the sum of a line's ids");
    u32 sum = 0;

    for (u32 i = 0; i < LINE_REFS; i++)
        sum += l->ids[i];
    return sum == id;
}

/*
 * Takes out what refs_add entered. The line is read before it is written: a wide read behind a
 * narrow write would wait for it.
 */
static inline void refs_del(struct refs *r, struct channel *c, u32 owner, u32 user_ref, u32 id)
{
    u32 line = r->line_of[id];
    struct ref_line *l = &r->lines[line];
    bool alone = refs_line_alone(l, id);

    ASSERT_EQ(l->ids[user_ref % LINE_REFS], id);
    ASSERT_GT(c->open, 0);
    l->ids[user_ref % LINE_REFS] = 0;
    c->open--;
    if (UNLIKELY(alone))
        refs_line_drop(r, c, owner, user_ref, line);
}

/* Asserts that a channel's pages are in order, reachable by hash and `open` orders in all. */
void refs_check(const struct refs *r, const struct channel *c, u32 owner);

#endif
