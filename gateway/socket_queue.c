/*
 * socket_queue.c - a chunked byte queue.
 *
 * Invariants: free_count >= empty, which is what "kept back" means; a queue with bytes has chunks,
 * an empty one has none, or one that is kept while bytes come and go within it.
 */
#include "gateway/socket_queue.h"

#include <string.h>

#include "engine/base/assert.h"

#define NO_CHUNK 0xFFFFFFFFu

void queue_pool_init(struct queue_pool *p, struct mem *m, u32 queues, u32 shared)
{
    u64 total = (u64)queues + shared;

    ASSERT_LT(total, NO_CHUNK);
    p->bytes = mem_alloc(m, total * SOCKET_CHUNK_BYTES, CACHE_LINE);
    p->next = mem_alloc(m, total * sizeof p->next[0], CACHE_LINE);
    p->free = NO_CHUNK;
    for (u32 i = (u32)total; i-- > 0;) {
        p->next[i] = p->free;
        p->free = i;
    }
    p->free_count = (u32)total;
    p->empty = queues;
}

void queue_init(struct queue *q)
{
    memset(q, 0, sizeof *q);
    q->first = NO_CHUNK;
    q->last = NO_CHUNK;
}

u32 queue_room(const struct queue_pool *p, const struct queue *q)
{
    u32 spare = p->free_count - p->empty + (q->chunks == 0);
    u32 chunks = min_u32(spare, SOCKET_QUEUE_CHUNKS - q->chunks);
    u32 in_last = q->chunks == 0 ? 0 : SOCKET_CHUNK_BYTES - q->tail;

    return in_last + chunks * SOCKET_CHUNK_BYTES;
}

static void grow(struct queue_pool *p, struct queue *q)
{
    u32 chunk = p->free;

    ASSERT_LT(q->chunks, SOCKET_QUEUE_CHUNKS);
    ASSERT_NE(chunk, NO_CHUNK);
    p->free = p->next[chunk];
    p->free_count--;
    p->next[chunk] = NO_CHUNK;
    if (q->chunks == 0) {
        p->empty--;
        q->first = chunk;
        q->head = 0;
    } else {
        p->next[q->last] = chunk;
    }
    q->last = chunk;
    q->tail = 0;
    q->chunks++;
    ASSERT_GE(p->free_count, p->empty);
}

static void shrink(struct queue_pool *p, struct queue *q)
{
    u32 chunk = q->first;

    q->first = p->next[chunk];
    q->head = 0;
    p->next[chunk] = p->free;
    p->free = chunk;
    p->free_count++;
    q->chunks--;
    if (q->chunks == 0) {
        q->last = NO_CHUNK;
        p->empty++;
    }
}

void queue_put(struct queue_pool *p, struct queue *q, const void *bytes, u32 n)
{
    const u8 *from = bytes;

    ASSERT_LE(n, queue_room(p, q));
    while (n > 0) {
        if (q->chunks == 0 || q->tail == SOCKET_CHUNK_BYTES)
            grow(p, q);
        u32 take = min_u32(n, SOCKET_CHUNK_BYTES - q->tail);
        memcpy(p->bytes + (u64)q->last * SOCKET_CHUNK_BYTES + q->tail, from, take);
        q->tail += take;
        q->used += take;
        from += take;
        n -= take;
    }
}

u32 queue_describe(const struct queue_pool *p, const struct queue *q,
                   struct iovec iov[SOCKET_QUEUE_CHUNKS + 1])
{
    u32 used = 0;
    u32 head = q->head;

    for (u32 chunk = q->first; chunk != NO_CHUNK; chunk = p->next[chunk]) {
        u32 end = chunk == q->last ? q->tail : SOCKET_CHUNK_BYTES;
        iov[used].iov_base = p->bytes + (u64)chunk * SOCKET_CHUNK_BYTES + head;
        iov[used].iov_len = end - head;
        used++;
        head = 0;
    }
    return used;
}

void queue_drop(struct queue_pool *p, struct queue *q, u32 n)
{
    ASSERT_LE(n, q->used);
    q->used -= n;
    while (n > 0) {
        u32 end = q->chunks == 1 ? q->tail : SOCKET_CHUNK_BYTES;
        u32 take = min_u32(n, end - q->head);
        q->head += take;
        n -= take;
        if (q->head == end)
            shrink(p, q);
    }
}
