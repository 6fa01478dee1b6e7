/*
 * own_book.h - the engine's own books and nothing else: no commands, events, transactions,
 * accounts, rules or risk.
 *
 * The third floor that the engine is measured against, beside bare_book.h and bounded_book.h, which
 * share no code with it: this one is made of the very parts that the engine keeps its orders in
 * (order.h's slab, book.h, refs.h, and the look ahead of ahead.h), which the records of the common
 * workload drive directly. So what the engine takes beyond it is messages, accounts, rules and
 * risk, and what this one takes is the book.
 *
 * The records' dense ids are the numbers of one owner. As many of them are announced before they
 * are taken as commands are to the engine.
 */
#ifndef WIREBOOK_TESTS_OWN_BOOK_H
#define WIREBOOK_TESTS_OWN_BOOK_H

#include "tests/lib/bare_book.h"

struct own_book;

/* Empty books for `symbols` symbols and `open_max` open orders; ids are dense. */
struct own_book *own_book_new(u32 symbols, u32 open_max);
void own_book_free(struct own_book *b);

/* As bare_book_run. */
void own_book_run(struct own_book *b, const struct ops_record *records, u64 n,
                  struct bare_result *r);

/* Asserts every invariant of the books. Returns how many orders rest. Slow. */
u32 own_book_check(const struct own_book *b);

#endif
