/*
 * listed.h - symbols that an account, a firm or nobody may trade, or sell short.
 *
 *   EV_LISTED ──▶ one entry: kind, whose, instrument ──▶ BOOK_LISTED while its instrument has any
 *
 * An order for an instrument without entries never comes here. Entries that neither list anything
 * nor keep a start from listing it are forgotten when their place is wanted. Engine thread.
 */
#ifndef WIREBOOK_ENGINE_LISTED_H
#define WIREBOOK_ENGINE_LISTED_H

#include "engine/engine.h"
#include "engine/names.h"

struct engine;

struct listed {
    struct names keys; /* kind, scope, whose and instrument as one number */
    u8 *state;         /* by id of the key: enum listed_state; 0: the place can be taken */
    u32 used;          /* of them, other than 0 */
};

/* No lists, with memory from `m`. */
void listed_init(struct engine *e, struct mem *m);

/* Why an account's order to that side, of a firm as one number, is not taken; 0: no list has it.
 * Of instruments with BOOK_LISTED. */
u16 listed_refuses(const struct engine *e, u16 instrument, u32 account, u32 firm, u8 side);

/* The state of what `c` names (enum listed_state). */
u8 listed_state(const struct engine *e, const struct msg_listed *c);

/* Entry `id`, from 1 to listed.keys.used, as the event that made it; state 0: all zero. */
void listed_entry(const struct engine *e, u32 id, struct msg_listed *out);

/* ---- step_listed.c ---- */
void step_listed(struct engine *e, const struct msg_listed *c);
const char *recover_listed(struct engine *e, const struct msg_listed *ev);

/* ---- listed.c, as apply.c ---- */
void apply_listed(struct engine *e, const struct msg_listed *ev);

/* A hash over all entries. Slow. */
u64 listed_hash(const struct engine *e);

#endif
