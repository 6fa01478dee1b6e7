/*
 * space.h - bytes of a TCP stream, each at its sequence number, in chunks from one bounded pool.
 *
 * A space is a table of NET_CONN_CHUNKS chunk numbers; the byte with sequence number s lies in the
 * table's entry (s - base) / NET_CHUNK_BYTES % NET_CONN_CHUNKS. So any NET_SPACE_BYTES consecutive
 * bytes fit wherever they begin, holes cost nothing, sequence numbers may wrap, and finding a byte
 * is O(1). An empty space holds no chunk. One thread.
 *
 *   seq   ...|  chunk 7  |  (none)   |  chunk 3  |...      table: [.. 7 0 3 ..], 0: none
 *            ^first        ^hole                  ^end
 */
#ifndef WIREBOOK_NET_SPACE_H
#define WIREBOOK_NET_SPACE_H

#include "engine/base/assert.h"
#include "engine/base/types.h"
#include "gateway/net/net.h"

struct mem;

_Static_assert((NET_CONN_CHUNKS & (NET_CONN_CHUNKS - 1)) == 0,
               "sequence numbers wrap: it divides 2^32");
_Static_assert((NET_CHUNK_BYTES & (NET_CHUNK_BYTES - 1)) == 0,
               "sequence numbers wrap: it divides 2^32");

struct chunk_pool {
    u8 *bytes;  /* chunk n (from 1) begins at bytes + (n - 1) * NET_CHUNK_BYTES */
    u32 *stack; /* the free ones */
    u32 free;
    u32 total;
    u32 kept; /* of the free ones, as many are only for those who have none */
};

#define SPACE_FEW  ((u32)(NET_CONN_CHUNKS * sizeof(u32)))
#define SPACE_HERE UINT32_MAX

/*
 * Entry 0 is kept near: a stream whose bytes in flight lie in one chunk needs no other, and the
 * table can lie where it is seldom touched. And while all bytes since the stream was last empty are
 * SPACE_FEW at most, as with short messages that are acknowledged one by one, they lie in the table
 * itself: no chunk, and no line of memory that is only found by looking at this one.
 */
struct space {
    union {
        u32 chunk[NET_CONN_CHUNKS]; /* 0: none. [0] is always 0 */
        u8 few[SPACE_FEW];
    };
    u32 near; /* the chunk of entry 0; 0: none; SPACE_HERE: bytes, if any, lie in `few` */
    u32 base; /* the sequence number that begins an entry 0 */
};

/* The next byte of an empty space will be the one at `seq`. A space of zeroes needs this not. */
void space_start(struct space *s, u32 seq);

/* The number of its chunks. */
u32 space_chunks(const struct space *s);

/* A pool of `chunks` chunks with memory from `m`. */
void chunk_pool_init(struct chunk_pool *pool, struct mem *m, u32 chunks);

/* A chunk's number, or 0 when none is free, or none for who has some already; and its way back. */
u32 chunk_take(struct chunk_pool *pool);
u32 chunk_take_more(struct chunk_pool *pool);
void chunk_put(struct chunk_pool *pool, u32 chunk);

/* The NET_CHUNK_BYTES of a chunk that was taken. */
static inline void *chunk_bytes(const struct chunk_pool *pool, u32 chunk)
{
    ASSERT_NE(chunk, 0);
    return pool->bytes + (size_t)(chunk - 1) * NET_CHUNK_BYTES;
}

/*
 * Stores `n` bytes at sequence number `seq`, taking chunks as needed. Returns how many were stored:
 * fewer than `n` only when the pool ran empty, or what is left is kept for others. The caller keeps
 * within NET_SPACE_BYTES.
 */
u32 space_write(struct space *s, struct chunk_pool *pool, u32 seq, const void *bytes, u32 n);

/* Copies `n` bytes from sequence number `seq` to `out`; all of them were stored. */
void space_read(const struct space *s, const struct chunk_pool *pool, u32 seq, void *out, u32 n);

/* The stored byte at `seq`, and how many (at most `n`) follow in one piece. */
const u8 *space_at(const struct space *s, const struct chunk_pool *pool, u32 seq, u32 n,
                   u32 *piece);

/*
 * Forgets the bytes [from, to). `empty` says that nothing else is stored: then the chunk of `to`
 * goes back too, and the space starts anew there.
 */
void space_release(struct space *s, struct chunk_pool *pool, u32 from, u32 to, bool empty);

/* Asks for the memory of `n` <= CACHE_LINE bytes at `seq`, if their chunk is there, and near. */
void space_prefetch(const struct space *s, const struct chunk_pool *pool, u32 seq, u32 n);

/* Gives all chunks back. */
void space_clear(struct space *s, struct chunk_pool *pool);

/* Bytes that can certainly be stored from `seq` on without running out of chunks. */
u64 space_room(const struct space *s, const struct chunk_pool *pool, u32 seq);

#endif
