/*
 * store.h - an account's most recent messages of the day, as a bounded window in memory.
 *
 * Every sequenced event of an account is appended here as it comes from the engine, durable or not,
 * whether somebody is connected or not. What is sent to a client is read from here, message by
 * message, in place. Messages lie whole in chunks of STORE_CHUNK_SLOTS slots; a store may keep
 * `quota` chunks, and beyond them as many as hold undurable messages. Older messages come from the
 * journal through the reader.
 *
 * Why an append never fails. A chunk is left for a new one only when a message of at most
 * MSG_SLOTS_MAX slots does not fit, so a chunk that is not the last holds more than
 * STORE_CHUNK_SLOTS - MSG_SLOTS_MAX slots. A store is trimmed to its quota whenever the durable
 * mark moves, oldest chunk first, as long as that chunk's last message is durable. So a store with
 * quota + k chunks, k > 0, begins with a chunk whose last message is not durable, and all its
 * chunks between that first and the last one hold nothing but undurable messages: at least k of
 * them, since the quota is at least 2. Undurable messages are in sum at most UNDURABLE_SLOTS_MAX
 * slots, plus what arrived since the mark was last read (GATEWAY_EVENTS_PER_TURN), plus one
 * message; divided by the fill of a chunk this bounds the sum of all k, and store_pool_init takes
 * that many chunks beyond all quotas.
 */
#ifndef WIREBOOK_GATEWAY_SESSION_STORE_H
#define WIREBOOK_GATEWAY_SESSION_STORE_H

#include "engine/base/limits.h"
#include "engine/base/list.h"
#include "engine/base/mem.h"
#include "engine/msg/msg.h"

#define STORE_CHUNK_FILL (STORE_CHUNK_SLOTS - MSG_SLOTS_MAX + 1)
#define STORE_CHUNKS_OVER                                                                     \
    ((UNDURABLE_SLOTS_MAX + GATEWAY_EVENTS_PER_TURN + MSG_SLOTS_MAX + STORE_CHUNK_FILL - 1) / \
     STORE_CHUNK_FILL)
_Static_assert(STORE_CHUNKS_MIN >= 2, "the proof above needs it");

struct store {
    u32 first;        /* chunk index, STORE_NO_CHUNK: there is none */
    u32 last;         /* ... */
    u32 chunks;       /* how many */
    u64 first_seq;    /* session_seq of the first message that is here */
    u64 next_seq;     /* session_seq that the next append has; 0: not yet known */
    struct list over; /* in store_pool.over while it has more than its quota */
};

#define STORE_NO_CHUNK 0xFFFFFFFFu

struct store_chunk {
    const struct store *owner; /* NULL: free */
    u64 first_seq;             /* session_seq of its first message */
    u64 last_tx;               /* transaction of its last message */
    u32 count;                 /* messages */
    u32 used;                  /* slots */
    u32 next;                  /* chunk of the same store, or next free one */
    u32 zero;
};

struct store_pool {
    struct store_chunk *chunks;
    struct slot *slots;
    u32 total;
    u32 quota;
    u32 free; /* head of the free chunks */
    u32 free_count;
    u32 free_min; /* low-water mark */
    struct list over;
};

/* Where a reader of a store stands; only a hint that store_read checks. Zero it to begin. */
struct store_cursor {
    u32 chunk;  /* index + 1; 0: none */
    u32 offset; /* slot in the chunk of message `seq` */
    u64 seq;
};

/* A pool for `stores` stores of `quota` (STORE_CHUNKS_MIN..) chunks each; memory from `m`. */
void store_pool_init(struct store_pool *p, struct mem *m, u32 stores, u32 quota);

/* An empty store whose numbers are not known yet. */
void store_init(struct store *s);

/* Drops all messages and the numbering: another day begins. */
void store_reset(struct store_pool *p, struct store *s);

/*
 * Says that the next message will have `next_seq`. The first call after store_init or store_reset
 * sets it (the window is empty and begins there); later it must be what the store knows.
 */
void store_begin(struct store *s, u64 next_seq);

/*
 * Appends an event with a session_seq, which must follow the last one. `durable_seq` is the mark as
 * last read: chunks over the quota that it covers are given back first.
 */
void store_append(struct store_pool *p, struct store *s, const union msg *m, u64 durable_seq);

/*
 * Message `seq`, which must be in first_seq .. next_seq - 1; in place, valid until the next append
 * or trim. In sequence O(1); anywhere else O(chunks).
 */
const union msg *store_read(const struct store_pool *p, const struct store *s,
                            struct store_cursor *c, u64 seq);

/* Gives back what stores hold beyond their quotas and is durable. After the mark was read. */
void store_trim(struct store_pool *p, u64 durable_seq);

/* Asserts the invariants of one store; returns how many chunks it holds. Slow. */
u32 store_check(const struct store_pool *p, const struct store *s);

#endif
