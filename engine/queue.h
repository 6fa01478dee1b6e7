/*
 * queue.h - orders that wait for a cross and are in no book meanwhile: on-open, on-close, halt; and
 * what reserve orders of a book keep back, which a cross counts as well.
 *
 * A queue is one side's orders of one cross, by price (market orders first), then by number. It is
 * a treap: a search tree by that order and a heap by a secret number drawn for each order, so its
 * depth is logarithmic whatever a client sends. Each node knows the shares below it, so what is
 * wanted up to a price is one walk down. One thread; there is memory for every order.
 */
#ifndef WIREBOOK_ENGINE_QUEUE_H
#define WIREBOOK_ENGINE_QUEUE_H

#include "engine/order.h"

#define LEVEL_QUEUED 0x80000000u /* in order.level: the rest says in which of the queues it is */

/* An instrument's queues; the seller's is the next one. */
enum queue_index {
    QUEUE_OPEN = 0,
    QUEUE_OPEN_OFFSET = 2, /* imbalance-only orders */
    QUEUE_CLOSE = 4,
    QUEUE_CLOSE_OFFSET = 6,
    QUEUE_HALT = 8,
};
#define QUEUES 10u

struct queue_node {
    u64 sum; /* what the order and all below it weigh */
    u32 left;
    u32 right;
};

struct queues {
    struct queue_node *node; /* by order id */
    const struct orders *orders;
    u64 key; /* of what is drawn */
};

/* Room for all of `o`, from `m`. `key` is secret. */
void queues_init(struct queues *q, struct mem *m, const struct orders *o, u64 key);

/* A lower rank is served first; market orders have 0. */
static inline u32 queue_rank(bool sell, u32 price)
{
    if (price_is_market(price))
        return 0;
    return sell ? price : PRICE_MARKET - price;
}

/* The queue, of its instrument's, that an order for a cross belongs to. */
enum queue_index queue_of(const struct order_info *info, const struct order_terms *terms);

/*
 * What order `id` weighs: its open shares, or those that it keeps back when it rests in the book.
 */
static inline u32 queue_weight(const struct queues *q, u32 id)
{
    return q->orders->hot[id].level & LEVEL_QUEUED ? q->orders->hot[id].open
                                                   : q->orders->reserve[id].left;
}

/* Order `id` joins the queue below `root`. */
void queue_add(struct queues *q, u32 *root, u32 id);

/* Order `id` leaves it. */
void queue_del(struct queues *q, u32 *root, u32 id);

/* `qty` shares are taken off order `id`, which stays; the caller takes them off the order too. */
void queue_reduce(struct queues *q, u32 root, u32 id, u32 qty);

/* The order that is served first; 0: none. */
u32 queue_first(const struct queues *q, u32 root);

/* The first order of a rank of at least `rank`; 0: none. */
u32 queue_from(const struct queues *q, u32 root, u32 rank);

/* The shares of ranks below `rank`. */
u64 queue_below(const struct queues *q, u32 root, u32 rank);

/* Asserts every invariant. Returns its orders. */
u32 queue_check(const struct queues *q, u32 root);

#endif
