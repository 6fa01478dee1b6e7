/*
 * export_names.h - user, firm and symbol by id, for rows that people read.
 *
 * The journal speaks of accounts and instruments by id. An id never changes its user or symbol; an
 * account's default firm may change, so names are those of one transaction: of the end when main
 * has filled them from the recovered engine, then of the last EV_ACCOUNT and EV_INSTRUMENT that
 * passed. `changed` says up to where they may be wrong: who goes back before it reads them again
 * (export_learn.h). One thread.
 */
#ifndef WIREBOOK_PERSIST_EXPORT_NAMES_H
#define WIREBOOK_PERSIST_EXPORT_NAMES_H

#include "engine/base/mem.h"
#include "engine/msg/msg.h"

struct export_account {
    char user[6]; /* padded with spaces, as in the messages */
    char firm[4];
};

struct export_names {
    struct export_account *accounts; /* by id; [0] stays blank */
    char (*symbols)[8];              /* by id; [0] stays blank */
    u32 accounts_max;
    u32 instruments_max;
    u64 changed; /* before this transaction an account's firm may have been another one; or 0 */
};

/* Empty tables for ids up to the two limits (those of the engine's config). Memory from `m`. */
void export_names_init(struct export_names *n, struct mem *m, u32 accounts_max,
                       u32 instruments_max);

/* Takes over what an EV_ACCOUNT or EV_INSTRUMENT says; any other message is ignored. */
void export_names_note(struct export_names *n, const union msg *m);

/* The same of what a recovered engine knows: what was before its last change is not known. */
void export_names_take(struct export_names *n, const union msg *m);

/* Copies all of `from`; `to` was made with the same limits. */
void export_names_copy(struct export_names *to, const struct export_names *from);

/* The account with `id`; a blank one (all spaces) for an unknown id. Never NULL. */
const struct export_account *export_names_account(const struct export_names *n, u32 id);

/* The 8 characters of the symbol, blank for an unknown id. Never NULL. */
const char *export_names_symbol(const struct export_names *n, u16 id);

/* The length of `text` without the spaces at its end. */
u32 export_names_trim(const char *text, u32 bytes);

#endif
