/*
 * bounded_book.h - price-time books and nothing else, within the bounds that a venue has.
 *
 * The second floor that the engine is measured against, beside bare_book.h: also without events,
 * accounts, messages and limits, sharing no code with engine/, but with nothing that a venue could
 * not have. An id is any 64-bit number and is forgotten when its order is gone; a price is any
 * 32-bit number; memory is in proportion to the orders that are open at once; the next best price
 * is found in a few steps whatever the prices are. Only that its hashes have no secret key: nobody
 * attacks a benchmark.
 */
#ifndef WIREBOOK_TESTS_BOUNDED_BOOK_H
#define WIREBOOK_TESTS_BOUNDED_BOOK_H

#include "tests/lib/bare_book.h"

struct bounded_book;

/* Empty books for `symbols` symbols and `open_max` open orders; dense ids or sparse ones. */
struct bounded_book *bounded_book_new(u32 symbols, u32 open_max);
void bounded_book_free(struct bounded_book *b);

/* As bare_book_run. */
void bounded_book_run(struct bounded_book *b, const struct ops_record *records, u64 n,
                      struct bare_result *r);

#endif
