/* dumped.h - what wirebook-journal export makes of transactions, as a text; for test_dump*.c. */
#ifndef WIREBOOK_TESTS_DUMPED_H
#define WIREBOOK_TESTS_DUMPED_H

#include <stddef.h>

#include "persist/dump.h"
#include "tests/lib/made_journal.h"

struct text {
    char *at; /* the caller frees it */
    size_t bytes;
};

extern struct dump dumped_by; /* the last one, and what it said was wrong */
extern struct why dumped_why;

/* Two days' trading, from dumped_setup to dumped_teardown (for cmocka_run_group_tests). */
extern struct made_journal dumped_journal;
int dumped_setup(void **state);
int dumped_teardown(void **state);

/* Everything, for pools of 100. */
struct dump_conf conf_all(enum dump_format format);

/* What the transactions give; dump_end's answer must be `ends`. */
struct text dumped(struct dump_conf conf, struct mem *mem, const struct slot *slots,
                   const u64 *begins, u64 txs, bool ends);

#endif
