/*
 * scout.h - somebody who goes along the queues that a sweep will meet, ahead of it.
 *
 * An order knows the next one of its queue, so a sweep that met orders one by one would wait for
 * each of them to come from memory. A scout has only that one read to wait for, and asks on its way
 * for what an order and its going touch. Nothing follows from what it sees: whom it passes may be
 * gone, or never be met. What it reads is an id, a level or a line wherever it comes to, since what
 * is free keeps its links or has one to what is free too. One thread; it writes only its own notes.
 */
#ifndef WIREBOOK_ENGINE_SCOUT_H
#define WIREBOOK_ENGINE_SCOUT_H

#include "engine/state.h"

/* The level behind `level`, on its way from now on. */
static inline u32 scout_level(const struct books *b, u32 level)
{
    u32 worse = book_level_worse(b, level);

    __builtin_prefetch(&b->levels[worse], 1);
    __builtin_prefetch(&b->lines[b->lines[worse / LINE_LEVELS].worse], 1);
    return worse;
}

/* From resting order `id` on, for a taker who wants so many shares. */
static inline struct scout scout_from(const struct engine *e, u32 id, u32 wants)
{
    u32 level = e->orders.hot[id].level;
    struct scout c = {.wants = wants, .id = id, .level = level < LEVEL_DARK ? level : 0};

    c.behind = scout_level(&e->books, c.level);
    c.beyond = scout_level(&e->books, c.behind);
    return c;
}

/* More is wanted than it has seen, there is more to see, and it is not yet so far ahead. */
static inline bool scout_wants(const struct scout *c, u32 lead)
{
    return c->wants > 0 && c->id && c->lead < lead;
}

/* Past the order that it has come to, and on to the one that is met then. */
static inline void scout_step(const struct engine *e, struct scout *c)
{
    const struct order *o = &e->orders.hot[c->id];
    u32 next = o->next;

    __builtin_prefetch(&e->refs.lines[e->refs.line_of[c->id]], 1);
    c->wants -= o->open;
    if (!next) {
        next = e->books.levels[c->behind].head;
        c->level = c->behind;
        c->behind = c->beyond;
        c->beyond = scout_level(&e->books, c->beyond);
    }
    c->id = next;
    c->lead++;
    __builtin_prefetch(&e->orders.hot[next], 1);
    __builtin_prefetch(&e->orders.info[next], 1);
    __builtin_prefetch(&e->refs.line_of[next], 1);
}

#endif
