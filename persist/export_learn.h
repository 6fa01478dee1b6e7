/*
 * export_learn.h - the names of accounts as they were where a lane goes on. Cold thread.
 *
 * A row tells the firm of its account. A lane that goes back, to a mark behind which a firm was
 * changed, would give the new one to what came before the change. It therefore reads the journal
 * again, from its beginning up to the mark, for nothing but names. That is long, and seldom: only
 * when a firm was changed while the far end was behind. Where the journal's beginning is gone, so
 * may an account's firm of then be: it keeps the one that is known.
 */
#ifndef WIREBOOK_PERSIST_EXPORT_LEARN_H
#define WIREBOOK_PERSIST_EXPORT_LEARN_H

#include "persist/export.h"

/* Has lane `l`, just opened at l->filled, to learn? Then its source is at the beginning. */
bool export_learn_begin(struct export_lane *l);

/* Reads on, a bite. Returns the transactions read, and clears l->learning when all is known. */
int export_learn(struct export_lane *l);

#endif
