/*
 * floors.h - the books that the engine is measured against, as one kind of thing.
 *
 * None has events, accounts, messages, rules or risk; each does the common workload's trades, or it
 * is no floor. In the order in which less is left out:
 *
 *   floor  bare_book.h     arrays of all prices and of all ids: no venue could run it
 *   book   bounded_book.h  any price, any id, memory in proportion
 *   own    own_book.h      the engine's own orders, levels, numbers and look ahead
 */
#ifndef WIREBOOK_TESTS_FLOORS_H
#define WIREBOOK_TESTS_FLOORS_H

#include "tests/lib/bare_book.h"

struct floor {
    const char *name;
    bool sparse; /* takes ids that are scattered over 64 bits, too */
    /* Empty books for the workload, of which `open_max` orders are open at once at most. */
    void *(*make)(const struct ops_header *h, u32 open_max);
    /* As bare_book_run. */
    void (*run)(void *book, const struct ops_record *records, u64 n, struct bare_result *r);
    /* Asserts every invariant; returns how many orders rest. Slow. NULL: nothing to assert. */
    u32 (*check)(const void *book);
    void (*free)(void *book);
};

#define FLOORS 3u
extern const struct floor floors[FLOORS];

/* What was done is what the workload's golden values say. */
bool floor_golden(const struct bare_result *r, const struct ops_header *h);

#endif
