/* floors.c - see floors.h. */
#include "tests/lib/floors.h"

#include "tests/lib/bounded_book.h"
#include "tests/lib/own_book.h"

static void *bare_make(const struct ops_header *h, u32 open_max)
{
    (void)open_max;
    return bare_book_new(h);
}

static void bare_run(void *book, const struct ops_record *records, u64 n, struct bare_result *r)
{
    bare_book_run(book, records, n, r);
}

static void bare_free(void *book)
{
    bare_book_free(book);
}

static void *bounded_make(const struct ops_header *h, u32 open_max)
{
    return bounded_book_new(h->symbols, open_max);
}

static void bounded_run(void *book, const struct ops_record *records, u64 n, struct bare_result *r)
{
    bounded_book_run(book, records, n, r);
}

static void bounded_free(void *book)
{
    bounded_book_free(book);
}

static void *own_make(const struct ops_header *h, u32 open_max)
{
    return own_book_new(h->symbols, open_max);
}

static void own_run(void *book, const struct ops_record *records, u64 n, struct bare_result *r)
{
    own_book_run(book, records, n, r);
}

static u32 own_check(const void *book)
{
    return own_book_check(book);
}

static void own_free(void *book)
{
    own_book_free(book);
}

const struct floor floors[FLOORS] = {
    {"floor", false, bare_make, bare_run, NULL, bare_free},
    {"book", true, bounded_make, bounded_run, NULL, bounded_free},
    {"own", false, own_make, own_run, own_check, own_free},
};

bool floor_golden(const struct bare_result *r, const struct ops_header *h)
{
    return r->traded_qty == h->traded_qty && r->trades == h->trades &&
           r->fill_hash == h->fill_hash && r->resting == h->resting && r->rejects == h->rejects;
}
