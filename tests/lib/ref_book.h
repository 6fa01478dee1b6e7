/*
 * ref_book.h - a second engine, for tests: slow, and simple enough to be checked by eye.
 *
 * Orders lie in one array and are found by looking at all of them. There are no indexes, no pools,
 * no apply; only the rules of CONFORMANCE.md sections 3 to 7 as engine/README.md decides them. It
 * takes the same commands as the engine and must make the same bytes.
 */
#ifndef WIREBOOK_TESTS_REF_BOOK_H
#define WIREBOOK_TESTS_REF_BOOK_H

#include "engine/engine.h"

struct ref;

/*
 * An engine of the sizes of `conf` that stops long work after so many fills or units of a day's
 * end.
 */
struct ref *ref_new(const struct engine_conf *conf, u32 chunk_fills, u32 chunk_cancels);
void ref_free(struct ref *r);

/* As engine_step, engine_busy and engine_continue. */
bool ref_step(struct ref *r, const union msg *cmd, u64 now_ns, struct tx *out);
bool ref_busy(const struct ref *r);
void ref_continue(struct ref *r, u64 now_ns, struct tx *out);

/* In EV_OPERATED of the reference: the request did nothing; why is not its business. */
#define REF_NOT_DONE 0xFF

#endif
