/*
 * reader_index.h - where in the journal each stream's messages of the day stand.
 *
 * A stream is what somebody may read from: an account's own messages, or, for drop copies, those of
 * all accounts of a firm, or of all accounts. An account's messages carry their numbers; those of
 * the others are counted here, in the order of the journal, from 1 each day. Whose an account's
 * stream of the day is stands in its first message, so all numbers are a function of the day's
 * journal alone.
 *
 * For each stream a list of places: the first of its messages in a group of blocks, and the block.
 * So memory grows with the groups in which a stream was active, not with its messages. Cold code,
 * memory from malloc. One thread.
 */
#ifndef WIREBOOK_PERSIST_READER_INDEX_H
#define WIREBOOK_PERSIST_READER_INDEX_H

#include "engine/base/types.h"
#include "engine/msg/side.h"

#define READER_GROUP_BLOCKS 16u /* 64 KiB are read to find a message */

struct reader_place {
    u64 number; /* of the stream's first message in the group */
    u64 block;  /* in which the transaction begins that made it */
};

struct reader_stream {
    struct reader_place *places; /* numbers rising */
    u32 used;
    u32 room;
    u64 next; /* number of the next message; 0: none was seen */
};

struct reader_account {
    struct reader_stream own;
    u32 firm; /* index of its firm + 1; 0: none */
};

struct reader_firm {
    char name[4];
    struct reader_stream stream;
};

struct reader_index {
    struct reader_account *accounts; /* by account id */
    u32 room;
    struct reader_firm *firms; /* as they came */
    u32 firms_used;
    u32 firms_room;
    struct reader_stream all;
};

/* Forgets all: another day has begun. Keeps the memory of the accounts' table. */
void reader_index_clear(struct reader_index *x);
void reader_index_free(struct reader_index *x);

/* The stream of `account` begins; it is one of `firm`. False: no memory. */
bool reader_index_begin(struct reader_index *x, u32 account, const char firm[4]);

/* Message `session_seq` of `account` was made by a transaction that begins in `block`. In the order
 * of the journal. False: no memory, or the numbers have a gap. */
bool reader_index_add(struct reader_index *x, u32 account, u64 session_seq, u64 block);

/* What `account` reads with `scope`; NULL: there is no such stream today (yet). */
const struct reader_stream *reader_index_stream(const struct reader_index *x, u32 account,
                                                enum reader_scope scope);

/* Is a message of account `of` in what `account` reads with `scope`? Both have streams. */
bool reader_index_has(const struct reader_index *x, u32 account, enum reader_scope scope, u32 of);

/* The last place at or before message `number`; NULL when there is none. The following ones lie
 * behind it, up to the stream's `used`. */
const struct reader_place *reader_stream_find(const struct reader_stream *s, u64 number);

#endif
