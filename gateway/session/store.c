/*
 * store.c - chunks of messages, from one pool. store.h has the story and the proof.
 *
 * Invariants: the numbers of a store's messages have no gap; a chunk holds at least one message;
 * a free chunk has no owner. A cursor survives anything: it is believed only when its chunk still
 * belongs to the store and holds the wanted number.
 */
#include "gateway/session/store.h"

void store_pool_init(struct store_pool *p, struct mem *m, u32 stores, u32 quota)
{
    u64 total = (u64)stores * quota + STORE_CHUNKS_OVER;

    ASSERT_GE(quota, STORE_CHUNKS_MIN);
    ASSERT_LT(total, STORE_NO_CHUNK);
    p->total = (u32)total;
    p->quota = quota;
    p->chunks = mem_alloc(m, total * sizeof p->chunks[0], CACHE_LINE);
    p->slots = mem_alloc(m, total * STORE_CHUNK_SLOTS * SLOT_BYTES, CACHE_LINE);
    p->free = STORE_NO_CHUNK;
    for (u32 i = p->total; i-- > 0;) {
        p->chunks[i].next = p->free;
        p->free = i;
    }
    p->free_count = p->total;
    p->free_min = p->total;
    list_init(&p->over);
}

void store_init(struct store *s)
{
    s->first = STORE_NO_CHUNK;
    s->last = STORE_NO_CHUNK;
    s->chunks = 0;
    s->first_seq = 0;
    s->next_seq = 0;
    list_init(&s->over);
}

/* Gives the oldest chunk back. */
static void drop_first(struct store_pool *p, struct store *s)
{
    struct store_chunk *c = &p->chunks[s->first];
    u32 index = s->first;

    ASSERT(c->owner == s);
    s->first = c->next;
    s->first_seq = c->first_seq + c->count;
    s->chunks--;
    if (s->chunks == 0)
        s->last = STORE_NO_CHUNK;
    c->owner = NULL;
    c->next = p->free;
    p->free = index;
    p->free_count++;
}

void store_reset(struct store_pool *p, struct store *s)
{
    while (s->chunks > 0)
        drop_first(p, s);
    list_del(&s->over);
    store_init(s);
}

void store_begin(struct store *s, u64 next_seq)
{
    ASSERT_GT(next_seq, 0);
    if (s->next_seq == 0) {
        s->first_seq = next_seq;
        s->next_seq = next_seq;
    }
    ASSERT_EQ(s->next_seq, next_seq);
}

/* A fresh chunk at the end of the store. */
static struct store_chunk *grow(struct store_pool *p, struct store *s)
{
    u32 index = p->free;
    ASSERT_NE(index, STORE_NO_CHUNK); /* store.h proves it */
    struct store_chunk *c = &p->chunks[index];

    p->free = c->next;
    p->free_count--;
    if (p->free_count < p->free_min)
        p->free_min = p->free_count;
    c->owner = s;
    c->first_seq = s->next_seq;
    c->last_tx = 0;
    c->count = 0;
    c->used = 0;
    c->next = STORE_NO_CHUNK;
    if (s->last != STORE_NO_CHUNK)
        p->chunks[s->last].next = index;
    else
        s->first = index;
    s->last = index;
    s->chunks++;
    return c;
}

/* Gives back chunks over the quota that are durable; true: the store is within its quota. */
static bool trim(struct store_pool *p, struct store *s, u64 durable_seq)
{
    while (s->chunks > p->quota && p->chunks[s->first].last_tx <= durable_seq)
        drop_first(p, s);
    return s->chunks <= p->quota;
}

void store_append(struct store_pool *p, struct store *s, const union msg *m, u64 durable_seq)
{
    u32 slots = m->ev.slots;

    ASSERT_GT(m->ev.session_seq, 0);
    store_begin(s, m->ev.session_seq);
    struct store_chunk *c = s->last == STORE_NO_CHUNK ? NULL : &p->chunks[s->last];
    if (c == NULL || c->used + slots > STORE_CHUNK_SLOTS) {
        c = grow(p, s);
        if (!trim(p, s, durable_seq) && !list_is_linked(&s->over))
            list_add_tail(&p->over, &s->over);
    }
    struct slot *to = &p->slots[(u64)s->last * STORE_CHUNK_SLOTS + c->used];
    for (u32 i = 0; i < slots; i++)
        to[i] = m->slots[i];
    c->used += slots;
    c->count++;
    c->last_tx = m->ev.seq;
    s->next_seq++;
}

static const struct slot *slot_at(const struct store_pool *p, u32 chunk, u32 offset)
{
    return &p->slots[(u64)chunk * STORE_CHUNK_SLOTS + offset];
}

/* Sets the cursor to message `seq` from nothing. */
static void seek(const struct store_pool *p, const struct store *s, struct store_cursor *c, u64 seq)
{
    u32 chunk = s->first;

    while (seq - p->chunks[chunk].first_seq >= p->chunks[chunk].count)
        chunk = p->chunks[chunk].next;
    u64 at = p->chunks[chunk].first_seq;
    c->chunk = chunk + 1;
    c->offset = 0;
    for (; at < seq; at++)
        c->offset += msg_slots(slot_at(p, chunk, c->offset));
    c->seq = seq;
}

/* Moves a cursor that stands at `seq` - 1 on by one; false: it does not, or its chunk is gone. */
static bool step(const struct store_pool *p, const struct store *s, struct store_cursor *c, u64 seq)
{
    if (c->chunk == 0 || c->seq + 1 != seq)
        return false;
    const struct store_chunk *chunk = &p->chunks[c->chunk - 1];
    if (chunk->owner != s || c->seq - chunk->first_seq >= chunk->count)
        return false;
    c->offset += msg_slots(slot_at(p, c->chunk - 1, c->offset));
    if (seq - chunk->first_seq == chunk->count) {
        c->chunk = chunk->next + 1;
        c->offset = 0;
    }
    c->seq = seq;
    return true;
}

const union msg *store_read(const struct store_pool *p, const struct store *s,
                            struct store_cursor *c, u64 seq)
{
    ASSERT_GE(seq, s->first_seq);
    ASSERT_LT(seq, s->next_seq);
    if (!step(p, s, c, seq))
        seek(p, s, c, seq);
    const union msg *m = (const union msg *)(const void *)slot_at(p, c->chunk - 1, c->offset);
    ASSERT_EQ(m->ev.session_seq, seq);
    return m;
}

void store_trim(struct store_pool *p, u64 durable_seq)
{
    struct list *node = p->over.next;

    while (node != &p->over) {
        struct list *next = node->next;
        if (trim(p, CONTAINER_OF(node, struct store, over), durable_seq))
            list_del(node);
        node = next;
    }
}

u32 store_check(const struct store_pool *p, const struct store *s)
{
    u64 seq = s->first_seq;
    u32 chunks = 0;

    for (u32 i = s->first; i != STORE_NO_CHUNK; i = p->chunks[i].next) {
        const struct store_chunk *c = &p->chunks[i];
        u32 offset = 0;
        ASSERT(c->owner == s);
        ASSERT_EQ(c->first_seq, seq);
        ASSERT_GT(c->count, 0);
        for (u32 n = 0; n < c->count; n++, seq++) {
            const union msg *m = (const union msg *)(const void *)slot_at(p, i, offset);
            ASSERT_EQ(m->ev.session_seq, seq);
            offset += m->ev.slots;
        }
        ASSERT_EQ(offset, c->used);
        ASSERT(c->next != STORE_NO_CHUNK || i == s->last);
        chunks++;
    }
    ASSERT_EQ(seq, s->next_seq);
    ASSERT_EQ(chunks, s->chunks);
    ASSERT(chunks <= p->quota || list_is_linked(&s->over));
    return chunks;
}
