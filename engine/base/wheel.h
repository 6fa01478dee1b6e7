/*
 * wheel.h - hierarchical timer wheel: start and stop in O(1), any number of timers.
 *
 * Time is cut into ticks of `tick_ns` (1 us is fine: empty ticks are skipped by bitmaps, not
 * walked). A timer lies in the level of the highest group of six bits in which its tick differs
 * from now, in the slot that these six bits name; when now reaches the slot's first tick, its
 * timers move to lower levels, and from level 0 they are due. So each timer moves at most once per
 * level, and eleven levels cover all 64 bits.
 *
 * A timer never fires early: its time is rounded up to a tick and now down. One thread; timers are
 * intrusive and owned by the caller.
 */
#ifndef WIREBOOK_BASE_WHEEL_H
#define WIREBOOK_BASE_WHEEL_H

#include "engine/base/list.h"
#include "engine/base/types.h"

#define WHEEL_BITS   6u
#define WHEEL_SLOTS  (1u << WHEEL_BITS)
#define WHEEL_LEVELS 11u

struct wheel_timer {
    struct list node;
    u64 tick; /* when it is due */
    u8 level; /* where it lies, WHEEL_LEVELS: in the due list */
    u8 slot;  /* in that level */
    u8 kind;  /* the owner's own meaning */
};

struct wheel {
    u64 tick_ns;
    u64 now;                /* in ticks: timers up to it have left the slots */
    u64 used[WHEEL_LEVELS]; /* bit n set: slot n of that level holds timers */
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
    struct list due;
    u32 armed; /* timers in slots and in the due list */
};

/* An empty wheel that stands at `now_ns`, with ticks of `tick_ns` > 0. */
void wheel_init(struct wheel *w, u64 tick_ns, u64 now_ns);

/* A timer that is not running; `kind` tells an owner's timers apart when they fire. */
void wheel_timer_init(struct wheel_timer *t, u8 kind);

static inline bool wheel_armed(const struct wheel_timer *t)
{
    return list_is_linked(&t->node);
}

/* Starts `t`, or starts it anew, to fire at `at_ns` or at the next tick if that has passed. */
void wheel_start(struct wheel *w, struct wheel_timer *t, u64 at_ns);

/* Stops `t`; harmless when it is not running. A due timer that was not popped yet does not fire. */
void wheel_stop(struct wheel *w, struct wheel_timer *t);

/* Moves the time to `now_ns` (earlier times are ignored): what is due by then can be popped. */
void wheel_advance(struct wheel *w, u64 now_ns);

/* The next due timer, stopped, in the order of their ticks; NULL when none is left. */
struct wheel_timer *wheel_pop(struct wheel *w);

#endif
