/*
 * copy_impl.h - how rows are made, for copy_rows.c and the makers of rows beside it.
 */
#ifndef WIREBOOK_PERSIST_COPY_IMPL_H
#define WIREBOOK_PERSIST_COPY_IMPL_H

#include "persist/copy_rows.h"
#include "persist/export_names.h"

/* Where the rows of one transaction come from and go to. */
struct rows {
    struct copy_batch *batch;
    const struct sink_tx *tx;
    const union msg *command;
    u32 day; /* partition */
};

/* Begins a row of an event with its day (partitioned tables) and shard, seq, idx, time, ns. */
struct copy_row row_begin(struct rows *w, enum copy_table table, const union msg *m, u32 idx);

/*
 * session_seq, account, user_name, firm, symbol. `firm`: the order's own, or NULL: the account's.
 */
void row_who(struct copy_row *r, struct rows *w, const union msg *m, const char *firm,
             u16 instrument);

/* Each makes the row of event `m`, number `idx` of its transaction. In copy_order.c: */
void row_executed(struct rows *w, const union msg *m, u32 idx);
void row_order(struct rows *w, const union msg *m, u32 idx); /* EV_ACCEPTED and EV_REPLACED */
void row_cancelled(struct rows *w, const union msg *m, u32 idx);
void row_aiq_cancelled(struct rows *w, const union msg *m, u32 idx);
void row_modified(struct rows *w, const union msg *m, u32 idx);
void row_restated(struct rows *w, const union msg *m, u32 idx);
void row_late(struct rows *w, const union msg *m, u32 idx); /* EV_CANCEL_PENDING, _REJECTED */
void row_priority(struct rows *w, const union msg *m, u32 idx);
void row_rejected(struct rows *w, const union msg *m, u32 idx);
void row_broken(struct rows *w, const union msg *m, u32 idx);

/* In copy_venue.c: */
void row_session(struct rows *w, const union msg *m, u32 idx); /* EV_BOUND, _UNBOUND, rejected */
void row_instrument(struct rows *w, const union msg *m, u32 idx);
void row_account(struct rows *w, const union msg *m, u32 idx);
void row_venue(struct rows *w, const union msg *m, u32 idx); /* EV_STARTED, days */
void row_mass(struct rows *w, const union msg *m, u32 idx);
void row_firm(struct rows *w, const union msg *m, u32 idx); /* EV_DISABLED, EV_ENABLED */
void row_kill(struct rows *w, const union msg *m, u32 idx); /* EV_KILLED, EV_RESTORED */
void row_course(struct rows *w, const union msg *m, u32 idx);
void row_phase(struct rows *w, const union msg *m, u32 idx);
void row_cross(struct rows *w, const union msg *m, u32 idx);
void row_bands(struct rows *w, const union msg *m, u32 idx);

#endif
