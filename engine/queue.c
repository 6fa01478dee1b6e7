/*
 * queue.c - treaps of orders. Engine thread, no system calls, no clock, no allocation.
 *
 * Invariants: in order by (rank, order_ref); no order's drawn number is above its parent's; `sum`
 * is what the order weighs and its children's sums.
 */
#include "engine/queue.h"

#include "engine/base/hash.h"

void queues_init(struct queues *q, struct mem *m, const struct orders *o, u64 key)
{
    q->node = mem_alloc(m, ((u64)o->pool.max + 1) * sizeof *q->node, CACHE_LINE);
    q->orders = o;
    q->key = key;
}

enum queue_index queue_of(const struct order_info *info, const struct order_terms *terms)
{
    bool offset = terms->handle_inst == 'I';
    u32 sell = side_is_sell(info->side);

    switch (info->cross_type) {
    case 'O':
        return (enum queue_index)((offset ? QUEUE_OPEN_OFFSET : QUEUE_OPEN) + sell);
    case 'C':
        return (enum queue_index)((offset ? QUEUE_CLOSE_OFFSET : QUEUE_CLOSE) + sell);
    default:
        ASSERT_EQ(info->cross_type, 'H');
        return (enum queue_index)(QUEUE_HALT + sell);
    }
}

static u32 rank_of(const struct queues *q, u32 id)
{
    return queue_rank(q->orders->hot[id].sell, q->orders->info[id].price);
}

static bool before(const struct queues *q, u32 a, u32 b)
{
    u32 ra = rank_of(q, a);
    u32 rb = rank_of(q, b);

    if (ra != rb)
        return ra < rb;
    return q->orders->hot[a].order_ref < q->orders->hot[b].order_ref;
}

static bool above(const struct queues *q, u32 a, u32 b)
{
    u64 ra = q->orders->hot[a].order_ref;
    u64 rb = q->orders->hot[b].order_ref;
    u64 ha = hash_2u64(q->key, 1, ra);
    u64 hb = hash_2u64(q->key, 1, rb);

    return ha != hb ? ha > hb : ra > rb;
}

static void pull(struct queues *q, u32 id)
{
    struct queue_node *n = &q->node[id];
    n->sum = queue_weight(q, id) + q->node[n->left].sum + q->node[n->right].sum;
}

/* Parts the tree `t` into what is before order `id` and what is behind it. */
static void split(struct queues *q, u32 t, u32 id, u32 *left, u32 *right)
{
    if (!t) {
        *left = *right = 0;
        return;
    }
    if (before(q, t, id)) {
        *left = t;
        split(q, q->node[t].right, id, &q->node[t].right, right);
    } else {
        *right = t;
        split(q, q->node[t].left, id, left, &q->node[t].left);
    }
    pull(q, t);
}

void queue_add(struct queues *q, u32 *root, u32 id)
{
    struct queue_node *n = &q->node[id];
    u32 *at = root;

    ASSERT_NE(id, 0);
    while (*at && above(q, *at, id)) {
        q->node[*at].sum += queue_weight(q, id);
        at = before(q, id, *at) ? &q->node[*at].left : &q->node[*at].right;
    }
    split(q, *at, id, &n->left, &n->right);
    pull(q, id);
    *at = id;
}

/* All of `a` is before all of `b`. */
static u32 merge(struct queues *q, u32 a, u32 b)
{
    if (!a || !b)
        return a ? a : b;
    if (above(q, a, b)) {
        q->node[a].right = merge(q, q->node[a].right, b);
        pull(q, a);
        return a;
    }
    q->node[b].left = merge(q, a, q->node[b].left);
    pull(q, b);
    return b;
}

void queue_del(struct queues *q, u32 *root, u32 id)
{
    u32 *at = root;

    while (*at != id) {
        ASSERT_NE(*at, 0);
        q->node[*at].sum -= queue_weight(q, id);
        at = before(q, id, *at) ? &q->node[*at].left : &q->node[*at].right;
    }
    *at = merge(q, q->node[id].left, q->node[id].right);
}

void queue_reduce(struct queues *q, u32 root, u32 id, u32 qty)
{
    u32 at = root;

    ASSERT_LT(qty, queue_weight(q, id));
    while (at != id) {
        ASSERT_NE(at, 0);
        q->node[at].sum -= qty;
        at = before(q, id, at) ? q->node[at].left : q->node[at].right;
    }
    q->node[id].sum -= qty;
}

u32 queue_first(const struct queues *q, u32 root)
{
    while (root && q->node[root].left)
        root = q->node[root].left;
    return root;
}

u32 queue_from(const struct queues *q, u32 root, u32 rank)
{
    u32 best = 0;

    while (root) {
        bool here = rank_of(q, root) >= rank;
        if (here)
            best = root;
        root = here ? q->node[root].left : q->node[root].right;
    }
    return best;
}

u64 queue_below(const struct queues *q, u32 root, u32 rank)
{
    u64 sum = 0;

    while (root) {
        const struct queue_node *n = &q->node[root];
        if (rank_of(q, root) < rank)
            sum += queue_weight(q, root) + q->node[n->left].sum;
        root = rank_of(q, root) < rank ? n->right : n->left;
    }
    return sum;
}

u32 queue_check(const struct queues *q, u32 root)
{
    const struct queue_node *n = &q->node[root];

    if (!root)
        return 0;
    ASSERT(!n->left || (before(q, n->left, root) && above(q, root, n->left)));
    ASSERT(!n->right || (before(q, root, n->right) && above(q, root, n->right)));
    ASSERT_EQ(n->sum, queue_weight(q, root) + q->node[n->left].sum + q->node[n->right].sum);
    ASSERT_GT(queue_weight(q, root), 0);
    return 1 + queue_check(q, n->left) + queue_check(q, n->right);
}
