/*
 * store.c - chunks of messages: in stores, in a gateway's pool, on their way. store.h has the story
 * and the proof.
 *
 * Invariants: the numbers of a store's messages have no gap; a chunk holds at least one message;
 * a free or spare chunk has no owner; a store with more chunks than its own has no spare one. A
 * cursor is believed only while its message is in the window: what a chunk outside of it serves by
 * now, even at which gateway, cannot be known.
 */
#include "gateway/session/store.h"

/* The bound of store.h's proof. */
static u32 borrowed_max(const struct store_memory *sm, u32 undurable_slots)
{
    u32 slots = undurable_slots + GATEWAY_EVENTS_PER_TURN + MSG_SLOTS_MAX;
    u32 moving = sm->gateways > 1 ? sm->accounts * STORE_CHUNKS_MIN : 0;

    return 2 * (slots / (STORE_CHUNK_SLOTS + 1)) + 2 + moving;
}

/* Makes `n` chunks from `first` on a chain. */
static void chain(struct store_memory *sm, u32 first, u32 n)
{
    for (u32 i = 0; i < n; i++)
        sm->chunks[first + i].next = i + 1 < n ? first + i + 1 : STORE_NO_CHUNK;
}

void store_memory_init(struct store_memory *sm, struct mem *m, u32 accounts, u32 quota,
                       u32 gateways, u32 undurable_slots)
{
    ASSERT_GE(quota, STORE_CHUNKS_MIN);
    ASSERT(gateways >= 1 && gateways <= GATEWAYS_MAX);
    sm->accounts = accounts;
    sm->quota = quota;
    sm->gateways = gateways;
    sm->borrowed_max = borrowed_max(sm, undurable_slots);
    u64 total = (u64)accounts * quota + (u64)gateways * sm->borrowed_max;
    ASSERT_LT(total, STORE_NO_CHUNK);
    sm->chunks = mem_alloc(m, total * sizeof sm->chunks[0], CACHE_LINE);
    sm->slots = mem_alloc(m, total * STORE_CHUNK_SLOTS * SLOT_BYTES, CACHE_LINE);
    sm->cells = mem_alloc(m, (accounts + 1ull) * sizeof sm->cells[0], CACHE_LINE);
}

void store_pool_init(struct store_pool *p, struct store_memory *sm, u32 index)
{
    ASSERT_LT(index, sm->gateways);
    p->memory = sm;
    p->chunks = sm->chunks;
    p->slots = sm->slots;
    p->total = sm->borrowed_max;
    p->free = sm->accounts * sm->quota + index * p->total;
    p->free_count = p->total;
    p->free_min = p->total;
    chain(sm, p->free, p->total);
    list_init(&p->over);
}

void store_init(struct store *s, u32 account)
{
    s->account = account;
    s->first = STORE_NO_CHUNK;
    s->last = STORE_NO_CHUNK;
    s->chunks = 0;
    s->own = 0;
    s->spare = STORE_NO_CHUNK;
    s->first_seq = 0;
    s->next_seq = 0;
    list_init(&s->over);
}

void store_own(const struct store_pool *p, struct store *s)
{
    struct store_memory *sm = p->memory;

    ASSERT(s->account >= 1 && s->account <= sm->accounts);
    ASSERT(s->own == 0 && s->chunks == 0);
    s->own = sm->quota;
    s->spare = (s->account - 1) * sm->quota;
    chain(sm, s->spare, sm->quota);
}

/* Chunks that it may have although all in them is durable. */
static u32 keeps(const struct store *s)
{
    return s->own != 0 ? s->own : STORE_CHUNKS_MIN;
}

static void chain_push(struct store_memory *sm, u32 *head, u32 index)
{
    sm->chunks[index].next = *head;
    *head = index;
}

static u32 chain_pop(const struct store_memory *sm, u32 *head)
{
    u32 index = *head;

    ASSERT_NE(index, STORE_NO_CHUNK);
    *head = sm->chunks[index].next;
    return index;
}

static void pool_give(struct store_pool *p, u32 index)
{
    chain_push(p->memory, &p->free, index);
    p->free_count++;
    ASSERT_LE(p->free_count, p->total);
}

/* Takes the oldest chunk out: to the lender as long as something is borrowed. */
static void drop_first(struct store_pool *p, struct store *s)
{
    struct store_chunk *c = &p->chunks[s->first];
    u32 index = s->first;

    ASSERT_EQ(c->owner, s->account);
    s->first = c->next;
    s->first_seq = c->first_seq + c->count;
    c->owner = 0;
    if (s->chunks > s->own)
        pool_give(p, index);
    else
        chain_push(p->memory, &s->spare, index);
    s->chunks--;
    if (s->chunks == 0)
        s->last = STORE_NO_CHUNK;
}

static void drop_all(struct store_pool *p, struct store *s)
{
    while (s->chunks > 0)
        drop_first(p, s);
}

void store_reset(struct store_pool *p, struct store *s)
{
    drop_all(p, s);
    list_del(&s->over);
    s->first_seq = 0;
    s->next_seq = 0;
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

/* A chunk for one more message: its own, or a borrowed one. */
static u32 chunk_get(struct store_pool *p, struct store *s)
{
    if (s->chunks < s->own)
        return chain_pop(p->memory, &s->spare);
    ASSERT_GT(p->free_count, 0); /* store.h proves it */
    p->free_count--;
    if (p->free_count < p->free_min)
        p->free_min = p->free_count;
    return chain_pop(p->memory, &p->free);
}

/* A fresh chunk at the end of the store. */
static struct store_chunk *grow(struct store_pool *p, struct store *s)
{
    u32 index = chunk_get(p, s);
    struct store_chunk *c = &p->chunks[index];

    *c = (struct store_chunk){
        .owner = s->account,
        .first_seq = s->next_seq,
        .next = STORE_NO_CHUNK,
    };
    if (s->last == STORE_NO_CHUNK)
        s->first = index;
    else
        p->chunks[s->last].next = index;
    s->last = index;
    s->chunks++;
    return c;
}

/* Gives back old chunks that are durable; false: it still has more than it should keep. */
static bool trim(struct store_pool *p, struct store *s, u64 durable_seq)
{
    while (s->chunks > keeps(s) && p->chunks[s->first].last_tx <= durable_seq)
        drop_first(p, s);
    return s->chunks <= keeps(s);
}

static struct slot *chunk_slots(const struct store_pool *p, u32 chunk)
{
    return &p->slots[(u64)chunk * STORE_CHUNK_SLOTS];
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
    struct slot *to = chunk_slots(p, s->last) + c->used;
    for (u32 i = 0; i < slots; i++)
        to[i] = m->slots[i];
    c->used += slots;
    c->count++;
    c->last_tx = m->ev.seq;
    s->next_seq++;
}

static const struct slot *slot_at(const struct store_pool *p, u32 chunk, u32 offset)
{
    return chunk_slots(p, chunk) + offset;
}

/* Sets the cursor to message `seq` from nothing. */
static void seek(const struct store_pool *p, const struct store *s, struct store_cursor *c, u64 seq)
{
    const struct store_chunk *chunks = p->chunks;
    u32 chunk = s->first;

    while (seq - chunks[chunk].first_seq >= chunks[chunk].count)
        chunk = chunks[chunk].next;
    u64 at = chunks[chunk].first_seq;
    c->chunk = chunk + 1;
    c->offset = 0;
    for (; at < seq; at++)
        c->offset += msg_slots(slot_at(p, chunk, c->offset));
    c->seq = seq;
}

/*
 * Moves a cursor that stands at `seq` - 1 on by one, and leaves one that stands at `seq`, as it
 * does when that message was not durable a moment ago. False: it stands elsewhere, or that is long
 * gone.
 */
static bool step(const struct store_pool *p, const struct store *s, struct store_cursor *c, u64 seq)
{
    if (c->chunk == 0 || seq - c->seq > 1 || c->seq < s->first_seq)
        return false;
    const struct store_chunk *chunk = &p->chunks[c->chunk - 1];
    ASSERT_EQ(chunk->owner, s->account);
    ASSERT_LT(c->seq - chunk->first_seq, chunk->count);
    if (c->seq == seq)
        return true;
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

/* ---- moving ---- */

bool store_let_go(struct store_pool *p, struct store *s, u32 day, u32 bind_id)
{
    struct store_cell *cell = &p->memory->cells[s->account];

    ASSERT_GT(s->own, 0);
    ASSERT_GT(bind_id, 0);
    if (s->chunks > s->own)
        return false;
    list_del(&s->over);
    cell->store = *s;
    cell->day = day;
    ASSERT_EQ(atomic_load_explicit(&cell->left, memory_order_relaxed), 0); /* it is ours */
    atomic_store_explicit(&cell->left, bind_id, memory_order_release);     /* H1, with H2 */
    store_init(s, s->account);
    return true;
}

/* The first chunk of `tail` into the last one of `s`, if there is room for all of it. */
static void merge_first(struct store_pool *p, struct store *s, struct store *tail)
{
    struct store_chunk *chunks = p->chunks;
    struct store_chunk *to = &chunks[s->last];
    const struct store_chunk *from = &chunks[tail->first];

    if (to->used + from->used > STORE_CHUNK_SLOTS)
        return;
    memcpy(chunk_slots(p, s->last) + to->used, chunk_slots(p, tail->first),
           (size_t)from->used * SLOT_BYTES);
    to->used += from->used;
    to->count += from->count;
    to->last_tx = from->last_tx;
    s->next_seq += from->count;
    drop_first(p, tail);
}

/* The chunks of `tail`, all borrowed, become the end of `s`, which gives spare ones for them. */
static void append_chunks(struct store_pool *p, struct store *s, const struct store *tail)
{
    if (s->last == STORE_NO_CHUNK) {
        s->first = tail->first;
        s->first_seq = tail->first_seq;
    } else {
        p->chunks[s->last].next = tail->first;
    }
    for (u32 i = 0; i < tail->chunks && s->chunks + i < s->own; i++)
        pool_give(p, chain_pop(p->memory, &s->spare));
    s->last = tail->last;
    s->chunks += tail->chunks;
    s->next_seq = tail->next_seq;
}

/* Has a gateway let go for a login that this one has seen, and is nobody else faster? */
static bool cell_take(struct store_cell *cell, u32 bind_id)
{
    u32 left = atomic_load_explicit(&cell->left, memory_order_relaxed);

    return left != 0 && left <= bind_id &&
           atomic_compare_exchange_strong_explicit(&cell->left, &left, 0, memory_order_acquire,
                                                   memory_order_relaxed); /* H2, with H1 */
}

enum store_taken store_take(struct store_pool *p, struct store *s, u32 day, u32 bind_id)
{
    struct store_cell *cell = &p->memory->cells[s->account];
    struct store tail = *s;

    ASSERT_EQ(s->own, 0);
    ASSERT_GT(s->next_seq, 0);
    if (!cell_take(cell, bind_id))
        return STORE_NOT_YET;
    list_del(&s->over);
    *s = cell->store;
    list_init(&s->over);
    ASSERT_EQ(s->account, tail.account);
    bool joins = s->chunks == 0 || (cell->day == day && s->next_seq == tail.first_seq);
    if (!joins)
        drop_all(p, s);
    if (s->chunks == 0)
        s->first_seq = s->next_seq = tail.first_seq;
    if (s->chunks > 0 && tail.chunks > 0)
        merge_first(p, s, &tail);
    if (tail.chunks > 0)
        append_chunks(p, s, &tail);
    if (s->chunks > s->own)
        list_add_tail(&p->over, &s->over);
    return joins ? STORE_JOINED : STORE_REPLACED;
}

/* ---- checks ---- */

static u32 chain_length(const struct store_memory *sm, u32 head)
{
    u32 n = 0;

    for (; head != STORE_NO_CHUNK; head = sm->chunks[head].next, n++)
        ASSERT_EQ(sm->chunks[head].owner, 0);
    return n;
}

u32 store_check(const struct store_pool *p, const struct store *s)
{
    u64 seq = s->first_seq;
    u32 chunks = 0;
    u32 before = STORE_CHUNK_SLOTS;

    for (u32 i = s->first; i != STORE_NO_CHUNK; i = p->chunks[i].next) {
        const struct store_chunk *c = &p->chunks[i];
        u32 offset = 0;
        ASSERT_EQ(c->owner, s->account);
        ASSERT_GT(before + c->used, STORE_CHUNK_SLOTS);
        ASSERT_EQ(c->first_seq, seq);
        ASSERT_GT(c->count, 0);
        for (u32 n = 0; n < c->count; n++, seq++) {
            const union msg *m = (const union msg *)(const void *)slot_at(p, i, offset);
            ASSERT_EQ(m->ev.session_seq, seq);
            offset += m->ev.slots;
        }
        ASSERT_EQ(offset, c->used);
        ASSERT(c->next != STORE_NO_CHUNK || i == s->last);
        before = c->used;
        chunks++;
    }
    ASSERT_EQ(seq, s->next_seq);
    ASSERT_EQ(chunks, s->chunks);
    ASSERT(chunks <= keeps(s) || list_is_linked(&s->over));
    ASSERT(s->own == 0 || s->own == p->memory->quota);
    ASSERT_EQ(chain_length(p->memory, s->spare), s->own > chunks ? s->own - chunks : 0);
    return chunks > s->own ? chunks - s->own : 0;
}
