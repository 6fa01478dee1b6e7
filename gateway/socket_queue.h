/*
 * socket_queue.h - bytes that wait to be sent, in chunks of one pool.
 *
 * A queue may hold SOCKET_QUEUE_MAX bytes, but takes chunks only as it fills, so that a thousand
 * idle connections cost nothing. One chunk of the pool is kept back for every queue that has none:
 * however much the others hoard, a connection can always send something, and goes on when that is
 * out. Pure.
 */
#ifndef WIREBOOK_GATEWAY_SOCKET_QUEUE_H
#define WIREBOOK_GATEWAY_SOCKET_QUEUE_H

#include <sys/uio.h>

#include "engine/base/mem.h"
#include "engine/base/types.h"

#define SOCKET_CHUNK_BYTES  4096u
#define SOCKET_QUEUE_CHUNKS 16u
#define SOCKET_QUEUE_MAX    (SOCKET_QUEUE_CHUNKS * SOCKET_CHUNK_BYTES)

struct queue_pool {
    u8 *bytes;
    u32 *next; /* of each chunk, in its queue or in the free list */
    u32 free;  /* head of the free list */
    u32 free_count;
    u32 empty; /* queues that have no chunk and so one kept back */
};

struct queue {
    u32 first; /* chunk */
    u32 last;
    u32 chunks;
    u32 head; /* offset of the first byte in the first chunk */
    u32 tail; /* end of the bytes in the last chunk */
    u32 used; /* bytes */
};

/* A pool for `queues` queues, one chunk each, and `shared` more; memory from `m`. */
void queue_pool_init(struct queue_pool *p, struct mem *m, u32 queues, u32 shared);

/* An empty queue. */
void queue_init(struct queue *q);

/* Bytes that queue_put would take now. */
u32 queue_room(const struct queue_pool *p, const struct queue *q);

/* Appends a copy of `n` <= queue_room bytes. */
void queue_put(struct queue_pool *p, struct queue *q, const void *bytes, u32 n);

/* Describes all bytes in order, in place; returns how many of the entries it used. */
u32 queue_describe(const struct queue_pool *p, const struct queue *q,
                   struct iovec iov[SOCKET_QUEUE_CHUNKS + 1]);

/* Drops the first `n` <= used bytes. */
void queue_drop(struct queue_pool *p, struct queue *q, u32 n);

#endif
