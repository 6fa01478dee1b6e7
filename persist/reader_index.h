/*
 * reader_index.h - where in the journal each account's messages of the day stand.
 *
 * For each account a list of places: the first of its messages in a group of blocks, and the block.
 * So memory grows with the groups in which an account was active, not with its messages. Cold code,
 * memory from malloc. One thread.
 */
#ifndef WIREBOOK_PERSIST_READER_INDEX_H
#define WIREBOOK_PERSIST_READER_INDEX_H

#include "engine/base/types.h"

#define READER_GROUP_BLOCKS 16u /* 64 KiB are read to find a message */

struct reader_place {
    u64 session_seq; /* of the account's first message in the group */
    u64 block;       /* in which the transaction begins that made it */
};

struct reader_account {
    struct reader_place *places; /* session_seq rising */
    u32 used;
    u32 room;
    u64 next_seq; /* session_seq of the next message; 0: none was seen */
};

struct reader_index {
    struct reader_account *accounts; /* by account id */
    u32 room;
};

/* Forgets all: another day has begun. Keeps the memory of the accounts' table. */
void reader_index_clear(struct reader_index *x);
void reader_index_free(struct reader_index *x);

/* Message `session_seq` of `account` was made by a transaction that begins in `block`. In the order
 * of the journal. False: no memory, or the numbers have a gap. */
bool reader_index_add(struct reader_index *x, u32 account, u64 session_seq, u64 block);

/* session_seq of the account's next message; 0 when it has had none. */
u64 reader_index_next(const struct reader_index *x, u32 account);

/* The last place at or before message `session_seq`; NULL when there is none. `*end` is set behind
 * the account's last place, so that the following ones can be walked. */
const struct reader_place *reader_index_find(const struct reader_index *x, u32 account,
                                             u64 session_seq, const struct reader_place **end);

#endif
