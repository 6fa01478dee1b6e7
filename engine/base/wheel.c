/*
 * wheel.c - the timer wheel's moves; wheel.h tells the idea.
 *
 * Invariant, for every timer in the slots: its tick is later than now, it agrees with now in all
 * groups above its level, and its slot is beyond now's own index in that level. Hence the lowest
 * level that is not empty holds the next thing to happen, in its lowest used slot.
 */
#include "engine/base/wheel.h"

void wheel_init(struct wheel *w, u64 tick_ns, u64 now_ns)
{
    ASSERT_GT(tick_ns, 0);
    w->tick_ns = tick_ns;
    w->now = now_ns / tick_ns;
    w->armed = 0;
    list_init(&w->due);
    for (u32 level = 0; level < WHEEL_LEVELS; level++) {
        w->used[level] = 0;
        for (u32 slot = 0; slot < WHEEL_SLOTS; slot++)
            list_init(&w->slots[level][slot]);
    }
}

void wheel_timer_init(struct wheel_timer *t, u8 kind)
{
    list_init(&t->node);
    t->tick = 0;
    t->level = 0;
    t->slot = 0;
    t->kind = kind;
}

/* Puts an unlinked timer where its tick belongs. */
static void place(struct wheel *w, struct wheel_timer *t)
{
    ASSERT_GE(t->tick, w->now);
    if (t->tick == w->now) {
        t->level = WHEEL_LEVELS;
        list_add_tail(&w->due, &t->node);
        return;
    }
    u32 top_bit = 63u - (u32)__builtin_clzll(t->tick ^ w->now);
    t->level = (u8)(top_bit / WHEEL_BITS);
    t->slot = (u8)((t->tick >> (t->level * WHEEL_BITS)) & (WHEEL_SLOTS - 1));
    w->used[t->level] |= 1ull << t->slot;
    list_add_tail(&w->slots[t->level][t->slot], &t->node);
}

/* Takes a timer out of its list and clears the slot's bit behind the last one. */
static void unlink_timer(struct wheel *w, struct wheel_timer *t)
{
    list_del(&t->node);
    if (t->level < WHEEL_LEVELS && list_empty(&w->slots[t->level][t->slot]))
        w->used[t->level] &= ~(1ull << t->slot);
}

void wheel_start(struct wheel *w, struct wheel_timer *t, u64 at_ns)
{
    if (wheel_armed(t))
        unlink_timer(w, t);
    else
        w->armed++;
    u64 tick = at_ns / w->tick_ns + (at_ns % w->tick_ns != 0);
    t->tick = max_u64(tick, w->now + 1);
    place(w, t);
}

void wheel_stop(struct wheel *w, struct wheel_timer *t)
{
    if (!wheel_armed(t))
        return;
    unlink_timer(w, t);
    w->armed--;
}

/* Finds the slot that happens next and the tick at which it begins; false: there are no timers. */
static bool next_slot(const struct wheel *w, u32 *level, u32 *slot, u64 *begins)
{
    for (u32 l = 0; l < WHEEL_LEVELS; l++) {
        if (w->used[l] == 0)
            continue;
        u32 shift = l * WHEEL_BITS;
        u32 above = shift + WHEEL_BITS;
        u64 keep = above < 64 ? w->now >> above << above : 0;
        *level = l;
        *slot = (u32)__builtin_ctzll(w->used[l]);
        *begins = keep | ((u64)*slot << shift);
        ASSERT_GT(*begins, w->now);
        return true;
    }
    return false;
}

void wheel_advance(struct wheel *w, u64 now_ns)
{
    u64 target = now_ns / w->tick_ns;
    u32 level;
    u32 slot;
    u64 begins;

    if (target <= w->now)
        return;
    while (next_slot(w, &level, &slot, &begins) && begins <= target) {
        struct list *from = &w->slots[level][slot];
        struct list *node;
        w->now = begins;
        while ((node = list_first(from)) != NULL) {
            struct wheel_timer *t = CONTAINER_OF(node, struct wheel_timer, node);
            unlink_timer(w, t);
            place(w, t);
        }
    }
    w->now = target;
}

struct wheel_timer *wheel_pop(struct wheel *w)
{
    struct list *node = list_first(&w->due);

    if (node == NULL)
        return NULL;
    list_del(node);
    w->armed--;
    return CONTAINER_OF(node, struct wheel_timer, node);
}
