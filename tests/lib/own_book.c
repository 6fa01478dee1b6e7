/*
 * own_book.c - see own_book.h.
 *
 * An order is its 32 hot bytes in the slab, a place in the queue of its level and one among its
 * owner's numbers; what clients say besides lies elsewhere in the engine and is not kept here. A
 * replacement keeps its number, since the workload's records do: the index has nothing to do then.
 */
#include "tests/lib/own_book.h"

#include <stdlib.h>

#include "engine/state.h"

#define OWNER 1u /* of all orders: what the engine calls an account and its channel */
#define TICK  1u

struct own_book {
    struct engine e; /* its orders, books, refs and ahead, and next_order_ref: places in queues */
    struct channel numbers;
    u32 symbols;
    struct mem mem;
};

struct own_book *own_book_new(u32 symbols, u32 open_max)
{
    static const u64 key[2] = {0x5EED, 0x0DD};
    struct own_book *b = aligned_alloc(CACHE_LINE, sizeof *b);

    ASSERT(b != NULL);
    memset(b, 0, sizeof *b);
    b->symbols = symbols;
    struct engine *e = &b->e;
    e->next_order_ref = 1;
    mem_init(&b->mem, MEM_HUGE);
    orders_init(&e->orders, &b->mem, open_max);
    books_init(&e->books, &b->mem, symbols, &e->orders);
    refs_init(&e->refs, &b->mem, open_max, key);
    e->instruments.terms =
        mem_alloc(&b->mem, (symbols + 1ull) * sizeof *e->instruments.terms, CACHE_LINE);
    for (u32 i = 1; i <= symbols; i++)
        book_tick_set(&e->books, (u16)i, TICK);
    return b;
}

void own_book_free(struct own_book *b)
{
    mem_free_all(&b->mem);
    free(b);
}

static inline u16 instrument_of(const struct ops_record *rec)
{
    return (u16)(rec->symbol + 1);
}

/* An order that is in no queue any more is gone. */
static inline void drop(struct own_book *b, u32 id)
{
    struct order *o = &b->e.orders.hot[id];

    refs_del(&b->e.refs, &b->numbers, OWNER, o->user_ref, id);
    o->open = 0;
    pool_give(&b->e.orders.pool, id);
}

/* What is left of an order that takes what the other side has for it. */
static u32 match(struct own_book *b, const struct ops_record *rec, struct bare_result *r)
{
    const struct book *k = &b->e.books.at[instrument_of(rec)];
    enum side_index other = rec->side ? BUY : SELL;
    u32 left = rec->qty;

    while (left && price_meets(rec->side, rec->price, k->best_price[other])) {
        u32 maker = b->e.books.levels[k->best_level[other]].head;
        const struct order *o = &b->e.orders.hot[maker];
        u32 qty = min_u32(left, o->open);
        r->traded_qty += qty;
        r->trades++;
        r->fill_hash = ops_mix(r->fill_hash, rec->id, o->user_ref, k->best_price[other], qty);
        left -= qty;
        if (qty < o->open) {
            book_reduce(&b->e.books, maker, qty);
            break;
        }
        book_remove(&b->e.books, maker);
        drop(b, maker);
        r->resting--;
    }
    return left;
}

/* Order `id`, which is in no queue, goes into one with what it has left. */
static inline void rest(struct own_book *b, const struct ops_record *rec, u32 id, u32 left)
{
    b->e.orders.hot[id] = (struct order){
        .open = left,
        .user_ref = (u32)rec->id,
        .owner = OWNER,
        .packed = order_pack(b->e.next_order_ref++, false, rec->side, false, instrument_of(rec)),
    };
    book_insert(&b->e.books, id, rec->price);
}

static void enter(struct own_book *b, const struct ops_record *rec, struct bare_result *r)
{
    u32 left = match(b, rec, r);

    if (!left || rec->type == OPS_IOC)
        return;
    u32 id = pool_take(&b->e.orders.pool);
    ASSERT_NE(id, 0);
    refs_add(&b->e.refs, &b->numbers, OWNER, (u32)rec->id, id);
    b->numbers.last = (u32)rec->id;
    rest(b, rec, id, left);
    r->resting++;
}

/* Out of its queue, and back into one with what is left of its new size. */
static void replace(struct own_book *b, const struct ops_record *rec, u32 id, struct bare_result *r)
{
    book_remove(&b->e.books, id);
    u32 left = match(b, rec, r);
    if (!left) {
        drop(b, id);
        r->resting--;
        return;
    }
    rest(b, rec, id, left);
}

static void cancel(struct own_book *b, u32 id, struct bare_result *r)
{
    book_remove(&b->e.books, id);
    drop(b, id);
    r->resting--;
}

/* The order with the number `id`, 0: there is none. As order_find of step_order.c. */
static inline u32 find(const struct own_book *b, u64 id)
{
    u32 found = b->e.ahead.found[id % AHEAD_FOUND];
    const struct order *o = &b->e.orders.hot[found];

    if (LIKELY((o->user_ref == id) & (o->open != 0)))
        return found;
    return refs_find(&b->e.refs, OWNER, (u32)id);
}

/* What a record needs comes into the cache, as engine_ahead asks for what a command needs. */
static inline void announce(struct own_book *b, const struct ops_record *rec)
{
    ahead_on(&b->e);
    if (rec->type == OPS_ADD || rec->type == OPS_IOC)
        ahead_price(&b->e, instrument_of(rec) * BOOK_SIDES + rec->side, rec->price, rec->qty);
    else
        ahead_order(&b->e, OWNER,
                    (struct ahead_wish){
                        .user_ref = (u32)rec->id,
                        .price = rec->type == OPS_CANCEL ? 0 : rec->price,
                    });
}

void own_book_run(struct own_book *b, const struct ops_record *records, u64 n,
                  struct bare_result *r)
{
    const struct ops_record *announced = records;

    for (const struct ops_record *rec = records; rec < records + n; rec++) {
        for (; announced < records + n && announced - rec < ENGINE_AHEAD_CMDS; announced++)
            announce(b, announced);
        if (rec->type == OPS_ADD || rec->type == OPS_IOC) {
            enter(b, rec, r);
            continue;
        }
        u32 id = find(b, rec->id);
        if (!id)
            r->rejects++;
        else if (rec->type == OPS_CANCEL)
            cancel(b, id, r);
        else
            replace(b, rec, id, r);
    }
}

u32 own_book_check(const struct own_book *b)
{
    u32 orders = 0;

    for (u32 i = 1; i <= b->symbols; i++) {
        orders += book_check(&b->e.books, (u16)i);
        ASSERT(!book_crossed(&b->e.books, (u16)i));
    }
    refs_check(&b->e.refs, &b->numbers, OWNER);
    ASSERT_EQ(b->numbers.open, orders);
    ASSERT_EQ(b->e.orders.pool.used, orders);
    return orders;
}
