/*
 * dark.c - treaps of orders that can be met under a condition. Engine thread, no system calls.
 *
 * Invariants: in the order of a tree stand (key, order_ref); a parent's heap number is not below
 * its children's; `most` is the highest reach of the subtree. Recursion is as deep as the tree,
 * which is some forty for ten million orders.
 */
#include "engine/dark.h"

#include "engine/base/hash.h"

void dark_init(struct dark *d, struct mem *m, u32 instruments, const struct orders *o, u64 secret)
{
    d->at = mem_alloc(m, ((u64)instruments + 1) * sizeof *d->at, CACHE_LINE);
    d->twigs = mem_alloc(m, ((u64)o->pool.max + 1) * sizeof *d->twigs, CACHE_LINE);
    d->hot = o->hot;
    d->secret = secret;
}

/* Which of two orders is the parent of the other; nobody outside can know. */
static u64 heap_of(const struct dark *d, u32 id)
{
    return hash_u64(d->hot[id].order_ref ^ d->secret);
}

/* `a` is met before `b`. */
static bool before(const struct dark *d, u32 a, u32 b)
{
    if (d->twigs[a].key != d->twigs[b].key)
        return d->twigs[a].key < d->twigs[b].key;
    return d->hot[a].order_ref < d->hot[b].order_ref;
}

static void sum_up(struct dark *d, u32 id)
{
    struct twig *t = &d->twigs[id];

    t->most = t->reach;
    for (u32 i = 0; i < 2; i++) {
        if (t->child[i] && d->twigs[t->child[i]].most > t->most)
            t->most = d->twigs[t->child[i]].most;
    }
}

/* Parts the tree into what is met before `id` and what is met after it. */
static void split(struct dark *d, u32 root, u32 id, u32 *left, u32 *right)
{
    if (!root) {
        *left = *right = 0;
        return;
    }
    if (before(d, root, id)) {
        split(d, d->twigs[root].child[1], id, &d->twigs[root].child[1], right);
        *left = root;
    } else {
        split(d, d->twigs[root].child[0], id, left, &d->twigs[root].child[0]);
        *right = root;
    }
    sum_up(d, root);
}

/* One tree of two, all of the left one being met before the right one. */
static u32 join(struct dark *d, u32 left, u32 right)
{
    if (!left || !right)
        return left ? left : right;
    u32 root = heap_of(d, left) >= heap_of(d, right) ? left : right;
    u32 *hole = &d->twigs[root].child[root == left];
    *hole = root == left ? join(d, *hole, right) : join(d, left, *hole);
    sum_up(d, root);
    return root;
}

static u32 add(struct dark *d, u32 root, u32 id)
{
    if (root && heap_of(d, root) >= heap_of(d, id)) {
        u32 *child = &d->twigs[root].child[before(d, root, id)];
        *child = add(d, *child, id);
        sum_up(d, root);
        return root;
    }
    split(d, root, id, &d->twigs[id].child[0], &d->twigs[id].child[1]);
    sum_up(d, id);
    return id;
}

static u32 del(struct dark *d, u32 root, u32 id)
{
    struct twig *t = &d->twigs[root];

    ASSERT_NE(root, 0);
    if (root == id)
        return join(d, t->child[0], t->child[1]);
    u32 *child = &t->child[before(d, root, id)];
    *child = del(d, *child, id);
    sum_up(d, root);
    return root;
}

static u32 *root_of(struct dark *d, enum dark_kind kind, u32 id)
{
    return &d->at[d->hot[id].instrument].root[kind][d->hot[id].sell];
}

void dark_add(struct dark *d, enum dark_kind kind, u32 id, i64 key, i64 reach)
{
    u32 *root = root_of(d, kind, id);

    ASSERT_NE(id, 0);
    d->twigs[id] = (struct twig){.key = key, .reach = reach};
    *root = add(d, *root, id);
    d->at[d->hot[id].instrument].orders++;
    d->at[d->hot[id].instrument].picky += kind >= DARK_PICKY;
}

void dark_del(struct dark *d, enum dark_kind kind, u32 id)
{
    u32 *root = root_of(d, kind, id);

    *root = del(d, *root, id);
    ASSERT_GT(d->at[d->hot[id].instrument].orders, 0);
    d->at[d->hot[id].instrument].orders--;
    d->at[d->hot[id].instrument].picky -= kind >= DARK_PICKY;
}

/* As dark_first below `root`. Only along one path are there subtrees that are looked at in vain. */
static u32 first(const struct dark *d, u32 root, i64 from, i64 want)
{
    while (root && d->twigs[root].most >= want) {
        const struct twig *t = &d->twigs[root];
        if (t->key >= from) {
            u32 left = first(d, t->child[0], from, want);
            if (left || t->reach >= want)
                return left ? left : root;
        }
        root = t->child[1];
    }
    return 0;
}

u32 dark_first(const struct dark *d, u16 instrument, enum dark_kind kind, bool sell, i64 from,
               i64 want)
{
    return first(d, d->at[instrument].root[kind][sell], from, want);
}

static u32 next(const struct dark *d, u32 root, u32 id, i64 want)
{
    while (root && d->twigs[root].most >= want) {
        const struct twig *t = &d->twigs[root];
        if (before(d, id, root)) {
            u32 left = next(d, t->child[0], id, want);
            if (left || t->reach >= want)
                return left ? left : root;
            return first(d, t->child[1], INT64_MIN, want);
        }
        root = t->child[1];
    }
    return 0;
}

u32 dark_next(const struct dark *d, enum dark_kind kind, u32 id, i64 want)
{
    const struct order *o = &d->hot[id];

    return next(d, d->at[o->instrument].root[kind][o->sell], id, want);
}

u32 dark_after(const struct dark *d, enum dark_kind kind, u32 id)
{
    const struct order *o = &d->hot[id];
    u32 at = d->at[o->instrument].root[kind][o->sell];
    u32 after = 0;

    while (at) {
        bool behind = before(d, id, at);
        after = behind ? at : after;
        at = d->twigs[at].child[!behind];
    }
    return after;
}

/* Checks the subtree and counts it; `prev` is the order that is met before it. */
static u32 check(const struct dark *d, u32 root, u32 *prev)
{
    u32 orders = 1;
    i64 most;

    if (!root)
        return 0;
    const struct twig *t = &d->twigs[root];
    orders += check(d, t->child[0], prev);
    ASSERT(!*prev || before(d, *prev, root));
    *prev = root;
    orders += check(d, t->child[1], prev);
    most = t->reach;
    for (u32 i = 0; i < 2; i++) {
        u32 child = t->child[i];
        ASSERT(!child || heap_of(d, root) >= heap_of(d, child));
        if (child && d->twigs[child].most > most)
            most = d->twigs[child].most;
    }
    ASSERT_EQ(t->most, most);
    return orders;
}

u32 dark_check(const struct dark *d, u16 instrument)
{
    u32 orders = 0;
    u32 picky = 0;

    for (u32 kind = 0; kind < DARK_KINDS; kind++) {
        for (u32 sell = 0; sell < 2; sell++) {
            u32 prev = 0;
            u32 here = check(d, d->at[instrument].root[kind][sell], &prev);
            orders += here;
            picky += kind >= DARK_PICKY ? here : 0;
        }
    }
    ASSERT_EQ(orders, d->at[instrument].orders);
    ASSERT_EQ(picky, d->at[instrument].picky);
    return orders;
}
