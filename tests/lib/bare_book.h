/*
 * bare_book.h - price-time books and nothing else: no events, no accounts, no messages, no limits.
 *
 * A floor that the engine is measured against in the same run, since machines differ. It shares
 * no code with engine/, takes the common workload's dense ids, and trusts what it is given.
 *
 * What it is spared, so that nobody takes the ratio for more than it is: ids are places in an array
 * that never runs out and forgets nothing; a price is a place in an array of all prices, one for
 * each symbol, whatever memory that takes; a record is 24 bytes and nothing is written for it. It
 * looks at one record at a time and at none ahead. No venue could run it; every step that is left
 * is one that a book must do.
 */
#ifndef WIREBOOK_TESTS_BARE_BOOK_H
#define WIREBOOK_TESTS_BARE_BOOK_H

#include "tests/lib/ops_gen.h"

struct bare_book;

/* What the timed records did: to be held against the golden values. */
struct bare_result {
    u64 traded_qty, trades, fill_hash, resting, rejects;
};

/* Empty books for a workload with dense ids. */
struct bare_book *bare_book_new(const struct ops_header *h);
void bare_book_free(struct bare_book *b);

/* Takes `n` records in their order and adds up in `r` what they do. */
void bare_book_run(struct bare_book *b, const struct ops_record *records, u64 n,
                   struct bare_result *r);

#endif
