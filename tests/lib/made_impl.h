/*
 * made_impl.h - how transactions are put together: for made_journal.c and the files beside it.
 */
#ifndef WIREBOOK_TESTS_MADE_IMPL_H
#define WIREBOOK_TESTS_MADE_IMPL_H

#include "tests/lib/made_journal.h"

/* A number below `n` from the journal's seed. */
u64 made_below(struct made_journal *j, u64 n);

/* realloc that cannot fail. */
void *made_grown(void *array, u64 bytes);

/* A transaction: begun, messages put, ended. made_put's head is filled in. Returns its number. */
u64 made_tx_begin(struct made_journal *j);
union msg *made_put(struct made_journal *j, u8 type, u32 slots, u32 account);
void made_tx_end(struct made_journal *j);

void made_symbol(char symbol[8], u16 id);

/* EV_CANCELLED for `qty` shares of an open order. */
void made_cancelled(struct made_journal *j, struct made_order *o, u32 qty, u8 reason);

/* Forgets orders of which nothing is open. */
void made_drop_dead(struct made_journal *j);

/* The messages of one transaction of a rare kind; begun and ended by the caller. */
void made_step_rare(struct made_journal *j);

#endif
