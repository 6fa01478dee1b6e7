/*
 * image.h - an engine's whole memory as pages of bytes, so that a snapshot can miss nothing.
 *
 * State that is added to the engine tomorrow is in tomorrow's images without a line of code here.
 * The price: an image means something only to the very program that made it (engine_program) with
 * the same engine_conf, pool sizes and hash keys included. Whoever loads one compares
 * engine_state_hash; whoever cannot load one has the journal.
 *
 * Works on arenas that hold one engine and nothing else. Its arrays hold numbers and ids; pointers
 * are in struct engine alone, are set by engine_new and never change: a loading engine keeps its
 * own (test_image looks for others). Cold; between transactions; one thread at a time.
 */
#ifndef WIREBOOK_ENGINE_IMAGE_H
#define WIREBOOK_ENGINE_IMAGE_H

#include "engine/engine.h"

#define IMAGE_PAGE_BYTES 4096u

/* Tells this program's code from any other's: a checksum of its instructions. */
u64 engine_program(void);

/* Pages of the arena's memory; the same for all engines of one program and one engine_conf. */
u64 engine_pages(const struct mem *m);

/* Page `page` (from 0); NULL when all of it is zero. */
const u8 *engine_page(const struct mem *m, u64 page);

/*
 * Puts a page of another engine's into that of `m`, which engine_new has just made with the same
 * conf. After all pages that were not zero the two are equal. Returns false when `page` is none.
 */
bool engine_page_put(struct mem *m, u64 page, const u8 *bytes);

/* All of it in one: `to` becomes what `from` is. `from` has no rings yet, or never will. */
void engine_copy(struct mem *to, const struct mem *from);

#endif
