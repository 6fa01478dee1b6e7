/*
 * tx_builder.h - puts transactions together from blocks: whoever reads the journal uses it.
 *
 * Blocks go in one by one, whole transactions come out. A transaction may run over several blocks
 * and segments; after a cut (another epoch) the incomplete one is dropped. Pure; no memory of its
 * own beyond the struct.
 */
#ifndef WIREBOOK_PERSIST_TX_BUILDER_H
#define WIREBOOK_PERSIST_TX_BUILDER_H

#include "engine/msg/msg.h"
#include "persist/journal_format.h"

struct tx_builder {
    const struct block *block; /* being taken apart; NULL: wants one */
    u32 at;                    /* next slot of it */
    u32 used;                  /* slots collected of the transaction */
    u32 msg_left;              /* slots that the message under way still lacks */
    u64 begin_block;           /* number of the block in which the transaction began */
    u64 begin_epoch;
    bool in_step; /* knows where the next transaction begins; false: looks for one */
    bool last;    /* the message under way ends the transaction */
    bool whole;   /* slots[] holds a finished transaction, to be replaced by the next one */
    struct slot slots[TX_SLOTS_MAX];
};

enum tx_builder_status {
    TX_BUILDER_TX,    /* tx.slots[0..used) is a whole transaction */
    TX_BUILDER_BLOCK, /* give it the next block */
    TX_BUILDER_BAD,   /* the slots make no sense: `what` */
};

/* Forgets what is incomplete; the next block is searched for the beginning of a transaction.
 * Returns the number of slots that were dropped. */
u32 tx_builder_reset(struct tx_builder *t);

/* The next block, which passed block_check and stays untouched until TX_BUILDER_BLOCK comes
 * again. */
void tx_builder_block(struct tx_builder *t, const struct block *b);

/* The next whole transaction. `*what` is set with TX_BUILDER_BAD. */
enum tx_builder_status tx_builder_next(struct tx_builder *t, const char **what);

/* The number of the whole transaction in slots[]. */
static inline u64 tx_builder_seq(const struct tx_builder *t)
{
    const union msg *m = (const union msg *)(const void *)&t->slots[0];

    return m->cmd.seq;
}

#endif
