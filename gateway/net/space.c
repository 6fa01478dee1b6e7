/*
 * space.c - streams' bytes in pooled chunks; space.h tells the idea.
 *
 * Thread: the endpoint's. Invariants: a chunk is either on the pool's stack or in exactly one table
 * entry; the stack never holds more than there are. Failure: an empty pool is told to the caller,
 * who then acknowledges or accepts less.
 */
#include "gateway/net/space.h"

#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/mem.h"

void chunk_pool_init(struct chunk_pool *pool, struct mem *m, u32 chunks)
{
    ASSERT_GT(chunks, 0);
    pool->bytes = mem_alloc(m, (u64)chunks * NET_CHUNK_BYTES, CACHE_LINE);
    pool->stack = mem_alloc(m, (u64)chunks * sizeof *pool->stack, CACHE_LINE);
    pool->total = chunks;
    pool->free = chunks;
    for (u32 i = 0; i < chunks; i++)
        pool->stack[i] = chunks - i; /* the first chunk is taken first */
}

u32 chunk_take(struct chunk_pool *pool)
{
    return pool->free == 0 ? 0 : pool->stack[--pool->free];
}

u32 chunk_take_more(struct chunk_pool *pool)
{
    return pool->free <= pool->kept ? 0 : chunk_take(pool);
}

void chunk_put(struct chunk_pool *pool, u32 chunk)
{
    ASSERT_NE(chunk, 0);
    ASSERT_LT(pool->free, pool->total);
    pool->stack[pool->free++] = chunk;
}

static u32 entry_of(const struct space *s, u32 seq)
{
    return (seq - s->base) / NET_CHUNK_BYTES % NET_CONN_CHUNKS;
}

/* Where in its chunk the byte at `seq` lies. */
static u32 place_of(const struct space *s, u32 seq)
{
    return (seq - s->base) % NET_CHUNK_BYTES;
}

static u32 chunk_of(const struct space *s, u32 entry)
{
    return entry == 0 ? s->near : s->chunk[entry];
}

/* The byte at `seq`, whose chunk is there. */
static u8 *byte_at(const struct space *s, const struct chunk_pool *pool, u32 seq)
{
    if (LIKELY(s->near == SPACE_HERE))
        return (u8 *)s->few + (seq - s->base);
    return (u8 *)chunk_bytes(pool, chunk_of(s, entry_of(s, seq))) + place_of(s, seq);
}

u32 space_chunks(const struct space *s)
{
    u32 chunks = 0;

    if (s->near == SPACE_HERE)
        return 0;
    ASSERT_EQ(s->chunk[0], 0);
    for (u32 i = 0; i < NET_CONN_CHUNKS; i++)
        chunks += chunk_of(s, i) != 0;
    return chunks;
}

/* A chunk for an entry that has none. False: the pool is empty, or the rest is for others. */
static bool get_chunk(struct space *s, struct chunk_pool *pool, u32 entry)
{
    u32 *chunk = entry == 0 ? &s->near : &s->chunk[entry];

    *chunk = pool->free <= pool->kept && space_chunks(s) > 0 ? 0 : chunk_take(pool);
    return *chunk != 0;
}

static void put_chunk(struct space *s, struct chunk_pool *pool, u32 entry)
{
    u32 *chunk = entry == 0 ? &s->near : &s->chunk[entry];

    if (*chunk == 0)
        return;
    chunk_put(pool, *chunk);
    *chunk = 0;
}

void space_start(struct space *s, u32 seq)
{
    s->near = SPACE_HERE;
    s->base = seq;
}

/* What lies in `few` goes to a chunk of entry 0. False: the pool is empty. */
static bool move_out(struct space *s, struct chunk_pool *pool)
{
    u32 chunk = chunk_take(pool);

    if (chunk == 0)
        return false;
    memcpy(chunk_bytes(pool, chunk), s->few, SPACE_FEW);
    memset(s->chunk, 0, sizeof s->chunk);
    s->near = chunk;
    return true;
}

u32 space_write(struct space *s, struct chunk_pool *pool, u32 seq, const void *bytes, u32 n)
{
    const u8 *from = bytes;
    u32 done = 0;

    ASSERT_LE(n, NET_SPACE_BYTES);
    if (s->near == SPACE_HERE) {
        ASSERT_LE(seq - s->base, SPACE_FEW);
        u32 here = min_u32(n, SPACE_FEW - (seq - s->base));
        if (LIKELY(here == n) || !move_out(s, pool)) {
            memcpy(s->few + (seq - s->base), bytes, here);
            return here;
        }
    }
    while (done < n) {
        u32 entry = entry_of(s, seq + done);
        u32 piece = min_u32(n - done, NET_CHUNK_BYTES - place_of(s, seq + done));
        if (chunk_of(s, entry) == 0 && !get_chunk(s, pool, entry))
            break;
        memcpy(byte_at(s, pool, seq + done), from + done, piece);
        done += piece;
    }
    return done;
}

const u8 *space_at(const struct space *s, const struct chunk_pool *pool, u32 seq, u32 n, u32 *piece)
{
    ASSERT_GT(n, 0);
    *piece = min_u32(n, NET_CHUNK_BYTES - place_of(s, seq)); /* what lies in `few` is one piece */
    ASSERT(s->near != SPACE_HERE || seq - s->base + *piece <= SPACE_FEW);
    return byte_at(s, pool, seq);
}

void space_read(const struct space *s, const struct chunk_pool *pool, u32 seq, void *out, u32 n)
{
    u8 *to = out;
    u32 piece;

    for (u32 done = 0; done < n; done += piece) {
        const u8 *from = space_at(s, pool, seq + done, n - done, &piece);
        memcpy(to + done, from, piece);
    }
}

void space_release(struct space *s, struct chunk_pool *pool, u32 from, u32 to, bool empty)
{
    u32 first = (from - s->base) / NET_CHUNK_BYTES;
    u32 last = (to - s->base) / NET_CHUNK_BYTES;
    u32 chunks = (last - first) % (UINT32_MAX / NET_CHUNK_BYTES + 1);

    ASSERT_LE(chunks, NET_CONN_CHUNKS);
    if (s->near != SPACE_HERE) {
        for (u32 i = 0; i < chunks; i++)
            put_chunk(s, pool, (first + i) % NET_CONN_CHUNKS);
        if (empty)
            put_chunk(s, pool, last % NET_CONN_CHUNKS);
    }
    if (empty)
        space_start(s, to);
}

void space_prefetch(const struct space *s, const struct chunk_pool *pool, u32 seq, u32 n)
{
    if (s->near == 0 || s->near == SPACE_HERE || entry_of(s, seq) != 0)
        return;
    const u8 *at = byte_at(s, pool, seq);
    __builtin_prefetch(at, 1);
    __builtin_prefetch(at + n - 1, 1);
}

void space_clear(struct space *s, struct chunk_pool *pool)
{
    if (s->near != SPACE_HERE)
        for (u32 i = 0; i < NET_CONN_CHUNKS; i++)
            put_chunk(s, pool, i);
    *s = (struct space){0};
}

u64 space_room(const struct space *s, const struct chunk_pool *pool, u32 seq)
{
    u32 more = pool->free > pool->kept ? pool->free - pool->kept : 0;
    u64 fresh = (u64)more * NET_CHUNK_BYTES;

    if (s->near == SPACE_HERE) { /* all of it here, or all of it in chunks */
        u64 first = pool->free > 0 ? NET_CHUNK_BYTES : SPACE_FEW;
        return max_u64(fresh, first) - (seq - s->base);
    }
    u64 tail = chunk_of(s, entry_of(s, seq)) != 0 ? NET_CHUNK_BYTES - place_of(s, seq) : 0;
    u64 lost = tail == 0 ? place_of(s, seq) : 0; /* a new chunk's bytes before `seq` */
    return tail + (fresh > lost ? fresh - lost : 0);
}
