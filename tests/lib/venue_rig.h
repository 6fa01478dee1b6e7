/*
 * venue_rig.h - one small venue for a program of engine tests: made before each test, checked and
 * given back after it.
 *
 * Included by one file of a program each, which has the venue then. `VENUE_ORDERS`, when defined
 * before, is how many open orders it holds.
 */
#ifndef WIREBOOK_TESTS_VENUE_RIG_H
#define WIREBOOK_TESTS_VENUE_RIG_H

#include "tests/lib/engine_venue.h"

#ifndef VENUE_ORDERS
#define VENUE_ORDERS 20u
#endif

static struct venue v;

static inline int set_up(void **state)
{
    (void)state;
    venue_init(&v, VENUE_ORDERS);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    venue_free(&v);
    return 0;
}

#endif
