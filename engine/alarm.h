/*
 * alarm.h - instruments with something to do by time: a pause that ends, a limit state that has
 * lasted, bands that are to move. A binary heap by (time, instrument). One thread; memory for all.
 */
#ifndef WIREBOOK_ENGINE_ALARM_H
#define WIREBOOK_ENGINE_ALARM_H

#include "engine/base/mem.h"
#include "engine/base/types.h"

struct alarm {
    u64 ns; /* when, ns since 1970 UTC */
    u32 at; /* its place in the heap; 0: it is not there */
    u32 zero;
};

struct alarms {
    u32 *heap; /* instruments, from 1 */
    u32 used;
    struct alarm *of; /* by instrument */
};

/* No alarms, room for one of each of `instruments`, from `m`. */
void alarms_init(struct alarms *a, struct mem *m, u32 instruments);

/* The instrument's alarm goes off at `ns`, and at no other time; 0: never. */
void alarm_set(struct alarms *a, u32 instrument, u64 ns);

/* The instrument whose alarm goes off first if it does by `now_ns`; 0: none does. */
static inline u32 alarm_first(const struct alarms *a, u64 now_ns)
{
    u32 id = a->used ? a->heap[1] : 0;
    return id && a->of[id].ns <= now_ns ? id : 0;
}

/* Asserts the heap's order and each alarm's place in it. */
void alarms_check(const struct alarms *a);

#endif
