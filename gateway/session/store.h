/*
 * store.h - an account's most recent messages of the day, as a bounded window in memory.
 *
 * Every sequenced event of an account is appended here as it comes from the engine, durable or not,
 * whether somebody is connected or not. What is sent to a client is read from here, message by
 * message, in place. Messages lie whole in chunks of STORE_CHUNK_SLOTS slots; each account has
 * `quota` chunks of its own, and its store may borrow more from the gateway's pool for as long as
 * they hold undurable messages. Older messages come from the journal through the reader.
 *
 * Moving. All chunks of a process lie in one array, so a store can go from one gateway to another
 * without its messages being copied: it takes its own chunks along, used and spare ones, and what
 * it has borrowed stays with the lender. A store therefore leaves only when it has nothing
 * borrowed. Between two gateways it lies in the account's cell:
 *
 *   H1 the gateway that lets go  store-release left = N  pairs with H2
 *   H2 the gateway that takes    compare-exchange left N -> 0, acquire, pairs with H1: the store
 *                                and all that its chunks hold are seen before they are touched
 *
 * N is the bind_id of the login that told the old gateway to let go; only a gateway that has seen
 * this login or a later one may take. One that has not is behind, and will be told of that later
 * login before anything else of the account. So at most one gateway has the store, and the last one
 * in the engine's order gets it, wherever those between have got to. Until then the new gateway
 * keeps what arrives in a store without chunks of its own (store_init), which becomes the end of
 * what it takes, or its successor when messages are missing between the two.
 *
 * Why an append never fails. Any two neighbouring chunks of a store hold more than
 * STORE_CHUNK_SLOTS slots together: a message goes into a new chunk only when it does not fit the
 * last one, and where two stores are joined, chunks that fit into one become one. A store is
 * trimmed to its own chunks (without any: to STORE_CHUNKS_MIN) whenever the durable mark moves,
 * oldest chunk first, as long as that chunk's last message is durable. So a store with k > 0 chunks
 * more begins with one whose last message is not durable; the others, at least k + 1, hold nothing
 * but undurable messages, at least (k + 1) / 2 pairs of them. Undurable messages are in sum at most
 * `undurable_slots`, plus what arrived since the mark was last read
 * (GATEWAY_EVENTS_PER_TURN), plus one message; two for each STORE_CHUNK_SLOTS + 1 of them bound the
 * sum of all k. The pool has so many chunks, and where accounts can move STORE_CHUNKS_MIN for each.
 */
#ifndef WIREBOOK_GATEWAY_SESSION_STORE_H
#define WIREBOOK_GATEWAY_SESSION_STORE_H

#include <stdatomic.h>

#include "engine/base/limits.h"
#include "engine/base/list.h"
#include "engine/base/mem.h"
#include "engine/msg/msg.h"

_Static_assert(STORE_CHUNKS_MIN >= 2, "the proof above needs it");

#define STORE_NO_CHUNK 0xFFFFFFFFu

struct store {
    u32 account;      /* whose it is, the engine's id */
    u32 first;        /* chunk index, STORE_NO_CHUNK: there is none */
    u32 last;         /* ... */
    u32 chunks;       /* how many hold messages */
    u32 own;          /* chunks of its own, used and spare: the quota, or 0 */
    u32 spare;        /* first of its own chunks that hold nothing */
    u64 first_seq;    /* session_seq of the first message that is here */
    u64 next_seq;     /* session_seq that the next append has; 0: not yet known */
    struct list over; /* in store_pool.over while it has more than it should keep */
};

struct store_chunk {
    u32 owner;     /* account whose messages it holds; 0: it holds none */
    u32 next;      /* chunk of the same store, or next free one */
    u64 first_seq; /* session_seq of its first message */
    u64 last_tx;   /* transaction of its last message */
    u32 count;     /* messages */
    u32 used;      /* slots */
};

/* Where an account's store lies while no gateway has it. */
struct store_cell {
    _Atomic u32 left; /* bind_id of the login that made a gateway let go; 0: a gateway has it */
    u32 day;          /* of its messages */
    struct store store;
} CACHE_ALIGNED;

/* All chunks of a process, shared by its gateways; each chunk has one user at a time. */
struct store_memory {
    struct store_chunk *chunks;
    struct slot *slots;
    struct store_cell *cells; /* by account id, from 1 */
    u32 accounts;
    u32 quota;
    u32 gateways;
    u32 borrowed_max; /* chunks that the stores of one gateway may have borrowed at once */
};

/* The chunks that the stores of one gateway may borrow. Owner: its thread. */
struct store_pool {
    struct store_memory *memory;
    struct store_chunk *chunks; /* memory's, at hand */
    struct slot *slots;
    u32 total;
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

/*
 * Memory for the stores of `accounts` accounts, `quota` (STORE_CHUNKS_MIN..) chunks each, at
 * `gateways` gateways, from `m`. Of all messages at most `undurable_slots` are not yet durable
 * (UNDURABLE_SLOTS).
 */
void store_memory_init(struct store_memory *sm, struct mem *m, u32 accounts, u32 quota,
                       u32 gateways, u32 undurable_slots);

/* The pool of gateway `index`. */
void store_pool_init(struct store_pool *p, struct store_memory *sm, u32 index);

/* An empty store of `account` without chunks of its own, whose numbers are not known yet. */
void store_init(struct store *s, u32 account);

/* Gives an empty store the chunks of its account: once for each account of a process. */
void store_own(const struct store_pool *p, struct store *s);

/* Drops all messages and the numbering; its own chunks stay with it. */
void store_reset(struct store_pool *p, struct store *s);

/*
 * Says that the next message will have `next_seq`. The first call after store_init or store_reset
 * sets it (the window is empty and begins there); later it must be what the store knows.
 */
void store_begin(struct store *s, u64 next_seq);

/*
 * Appends an event with a session_seq, which must follow the last one. `durable_seq` is the mark as
 * last read: chunks beyond what the store may keep that it covers are given back first.
 */
void store_append(struct store_pool *p, struct store *s, const union msg *m, u64 durable_seq);

/*
 * A message will be appended soon: asks for the head of the chunk that it probably goes into.
 * Always inline, both: gcc drops calls of what does nothing but prefetch.
 */
__attribute__((always_inline)) static inline void store_expect(const struct store_pool *p,
                                                               const struct store *s)
{
    __builtin_prefetch(&p->chunks[s->last != STORE_NO_CHUNK ? s->last : 0], 1);
}

/* ... with that head at hand: for its place in there, with room for a message of two slots. */
__attribute__((always_inline)) static inline void store_expect_place(const struct store_pool *p,
                                                                     const struct store *s)
{
    if (UNLIKELY(s->last == STORE_NO_CHUNK))
        return;
    const struct slot *at =
        &p->slots[(u64)s->last * STORE_CHUNK_SLOTS + p->chunks[s->last].used % STORE_CHUNK_SLOTS];
    __builtin_prefetch(at, 1);
    __builtin_prefetch(at + 1, 1);
}

/*
 * Message `seq`, which must be in first_seq .. next_seq - 1; in place, valid until the next append
 * or trim. The one that was read last and the next one O(1); any other O(chunks).
 */
const union msg *store_read(const struct store_pool *p, const struct store *s,
                            struct store_cursor *c, u64 seq);

/* Gives back what stores hold beyond their own chunks and is durable. After the mark was read. */
void store_trim(struct store_pool *p, u64 durable_seq);

/*
 * Lets go of a store that has its own chunks, with messages of `day`, because of the login
 * `bind_id`: another gateway may take it. Afterwards it is empty and has none. False: it has
 * borrowed chunks that are not durable yet, so call again when the mark has moved.
 */
bool store_let_go(struct store_pool *p, struct store *s, u32 day, u32 bind_id);

enum store_taken {
    STORE_NOT_YET,  /* another gateway still has it */
    STORE_JOINED,   /* what `s` held is now the end of it; cursors in `s` are void */
    STORE_REPLACED, /* messages are missing between it and `s`: its own were dropped */
};

/*
 * Takes the account's store, if another gateway has let go of it, to `s`, which has none and whose
 * numbering is known. `day` is that of the messages in `s`; `bind_id` is the login that brought the
 * account here.
 */
enum store_taken store_take(struct store_pool *p, struct store *s, u32 day, u32 bind_id);

/* Asserts the invariants of one store; returns how many chunks it has borrowed. Slow. */
u32 store_check(const struct store_pool *p, const struct store *s);

#endif
