/*
 * side.h - what the gateway and persist say to each other past the engine, and nothing else does.
 *
 * The two folders never include each other; they meet here. The reader agent (persist/reader.h)
 * answers a gateway's request for messages that have left the session's store, or that a drop copy
 * wants: one answer header, then the messages as they stand in the journal, published together, in
 * the order of the requests.
 */
#ifndef WIREBOOK_MSG_SIDE_H
#define WIREBOOK_MSG_SIDE_H

#include <stdatomic.h>

#include "engine/base/limits.h"
#include "engine/base/types.h"

#define READER_COUNT_MAX 256u /* messages of one answer */
_Static_assert((1 + READER_COUNT_MAX * MSG_SLOTS_MAX) * 2 <= REPLAY_RING_SLOTS,
               "two of the longest answers fit the reply ring");

/* Whose messages an account reads. Those of the last two are numbered in the order of the journal,
 * from 1 each day; an account belongs to the firm that it had when its stream of the day began. */
enum reader_scope {
    READER_ACCOUNT = 0, /* its own stream */
    READER_FIRM = 1,    /* those of all accounts of its firm, its own as well */
    READER_ALL = 2,     /* those of all accounts */
};

/* Gateway -> reader: messages `from_seq`, `from_seq` + 1, ... of a stream of `day`. */
struct reader_request {
    u64 conn;     /*  0 the gateway's own name for what asks, given back in the answer */
    u64 from_seq; /*  8 first wanted number, from 1; READER_ACCOUNT: it must have been durable */
    u32 account;  /* 16 */
    u32 day;      /* 20 as yyyymmdd */
    u32 count;    /* 24 messages wanted, ..READER_COUNT_MAX; 0: only what number comes next */
    u16 gateway;  /* 28 that asks: the answer goes into its reply ring */
    u8 scope;     /* 30 enum reader_scope */
    u8 zero[33];  /* 31 */
};
_Static_assert(sizeof(struct reader_request) == SLOT_BYTES, "one slot");

enum reader_status {
    READER_OK = 1,        /* `count` messages follow; fewer than asked: ask for the rest again */
    READER_NONE = 2,      /* the stream has no such message (yet); none follow */
    READER_WRONG_DAY = 3, /* that day is not the open (or last) one, or was removed; none follow */
    READER_NOT_YET = 4,   /* not READER_ACCOUNT: the journal is still being read; none follow */
};

/* Reader -> gateway: the head of an answer; `slots` slots of whole events follow. */
struct reader_answer {
    u64 conn;     /*  0 as in the request */
    u64 from_seq; /*  8 number of the first message that follows */
    u32 account;  /* 16 */
    u32 day;      /* 20 */
    u32 count;    /* 24 messages that follow, their numbers without gaps */
    u32 slots;    /* 28 slots that they take, this header not counted */
    u16 gateway;  /* 32 */
    u8 status;    /* 34 enum reader_status */
    u8 scope;     /* 35 */
    u8 zero[4];   /* 36 */
    u64 next_seq; /* 40 READER_OK, READER_NONE: number of the stream's next message so far */
    u64 zero2[2]; /* 48 */
};
_Static_assert(sizeof(struct reader_answer) == SLOT_BYTES, "one slot");

/*
 * How full the journal's disk is. Written by persist's segment agent (persist_space_level), read by
 * whoever main gives the address to. Below LOW new orders are rejected and cancels taken; below
 * HARD reading stops.
 */
enum space_level {
    SPACE_OK = 0,
    SPACE_LOW = 1,
    SPACE_HARD = 2,
};

#endif
