/* test_store.c - the session store against a plain array, and the proof of its pool's size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/session/store.h"
#include "tests/lib/seed.h"

/* Message `seq` of an account: one or two slots, its content a function of both. */
static union msg message(u32 account, u64 seq, u64 tx)
{
    bool two = hash_2u64(account, seq, 1) % 2 != 0;
    union msg m;

    memset(&m, 0, sizeof m);
    m.ev.type = two ? EV_ACCEPTED : EV_CANCELLED;
    m.ev.slots = two ? 2 : 1;
    m.ev.account = account;
    m.ev.session_seq = seq;
    m.ev.seq = tx;
    m.order.order_ref = hash_2u64(account, seq, 2);
    return m;
}

static void check_read(const struct store_pool *p, const struct store *s, struct store_cursor *c,
                       u32 account, u64 seq)
{
    const union msg *m = store_read(p, s, c, seq);
    union msg want = message(account, seq, m->ev.seq);

    assert_memory_equal(m, &want, want.ev.slots * sizeof(struct slot));
}

/* The store of the only account, with `quota` chunks of its own. */
static void one_store(struct mem *mem, struct store_memory *sm, struct store_pool *p,
                      struct store *s, u32 quota, u32 undurable_slots)
{
    mem_init(mem, 0);
    store_memory_init(sm, mem, 1, quota, 1, undurable_slots);
    store_pool_init(p, sm, 0);
    store_init(s, 1);
    store_own(p, s);
}

static void test_window_begins_where_it_is_told(void **state)
{
    struct mem mem;
    struct store_memory sm;
    struct store_pool p;
    struct store s;
    struct store_cursor c = {0};
    (void)state;

    one_store(&mem, &sm, &p, &s, 2, UNDURABLE_SLOTS_MIN);
    assert_int_equal(s.next_seq, 0);
    store_begin(&s, 100);
    store_begin(&s, 100);
    assert_int_equal(s.first_seq, 100);
    assert_int_equal(store_check(&p, &s), 0);
    for (u64 seq = 100; seq < 110; seq++) {
        union msg m = message(1, seq, seq);
        store_append(&p, &s, &m, 0);
    }
    for (u64 seq = 100; seq < 110; seq++)
        check_read(&p, &s, &c, 1, seq);
    check_read(&p, &s, &c, 1, 103); /* back again */
    store_reset(&p, &s);
    assert_int_equal(p.free_count, p.total);
    union msg m = message(1, 1, 11); /* another day, another numbering */
    store_append(&p, &s, &m, 0);
    check_read(&p, &s, &c, 1, 1);
    store_check(&p, &s);
    mem_free_all(&mem);
}

static void test_undurable_stays_durable_goes(void **state)
{
    struct mem mem;
    struct store_memory sm;
    struct store_pool p;
    struct store s;
    (void)state;

    one_store(&mem, &sm, &p, &s, 3, UNDURABLE_SLOTS_MIN);
    for (u64 seq = 1; seq <= 1000; seq++) {
        union msg m = message(1, seq, seq);
        store_append(&p, &s, &m, 0);
    }
    assert_int_equal(s.first_seq, 1); /* nothing is durable: nothing may go */
    assert_true(s.chunks > 3);
    store_trim(&p, 500);
    assert_true(s.first_seq > 450 && s.first_seq <= 501);
    store_trim(&p, 1000);
    assert_int_equal(s.chunks, 3);
    assert_false(list_is_linked(&s.over));
    store_check(&p, &s);
    for (u64 seq = 1001; seq <= 2000; seq++) { /* all durable at once: the quota holds */
        union msg m = message(1, seq, seq);
        store_append(&p, &s, &m, seq);
        assert_true(s.chunks <= 3);
    }
    mem_free_all(&mem);
}

/* A cursor behind the window, whose chunk serves another store by now, is not believed. */
static void test_cursor_of_a_chunk_that_moved(void **state)
{
    struct mem mem;
    struct store_memory sm;
    struct store_pool p;
    struct store a;
    struct store b;
    struct store_cursor c = {0};
    (void)state;

    mem_init(&mem, 0);
    store_memory_init(&sm, &mem, 2, 2, 1, UNDURABLE_SLOTS_MIN);
    store_pool_init(&p, &sm, 0);
    store_init(&a, 1);
    store_init(&b, 2);
    store_own(&p, &a);
    store_own(&p, &b);
    for (u64 seq = 1; seq <= 40; seq++) {
        union msg m = message(1, seq, seq);
        store_append(&p, &a, &m, 1000);
    }
    check_read(&p, &a, &c, 1, a.first_seq);
    for (u64 seq = 1; seq <= 40; seq++) {
        union msg m = message(2, seq, seq);
        union msg n = message(1, 40 + seq, seq);
        store_append(&p, &a, &n, 1000);
        store_append(&p, &b, &m, 1000);
    }
    c.seq = a.first_seq - 1; /* as if it stood right before */
    check_read(&p, &a, &c, 1, a.first_seq);
    mem_free_all(&mem);
}

/* A message that was read, and not sent because it was not durable, is found again without a walk
 * over all that lies before it. */
static void test_read_again(void **state)
{
    struct mem mem;
    struct store_memory sm;
    struct store_pool p;
    struct store s;
    struct store_cursor c = {0};
    (void)state;

    one_store(&mem, &sm, &p, &s, 8, UNDURABLE_SLOTS_MIN);
    for (u64 seq = 1; seq <= 100; seq++) {
        union msg m = message(1, seq, seq);
        store_append(&p, &s, &m, 0);
    }
    check_read(&p, &s, &c, 1, 99);
    struct store_chunk first = p.chunks[s.first];
    p.chunks[s.first].count = 0; /* a walk ends in a chunk that there is not */
    p.chunks[s.first].next = STORE_NO_CHUNK;
    check_read(&p, &s, &c, 1, 99);
    check_read(&p, &s, &c, 1, 99);
    check_read(&p, &s, &c, 1, 100);
    check_read(&p, &s, &c, 1, 100);
    p.chunks[s.first] = first;
    check_read(&p, &s, &c, 1, 99); /* back again: that is a walk */
    mem_free_all(&mem);
}

/* A larger buffer of the journal's lets more be undurable: there are chunks for all of that. */
static void test_room_for_a_larger_buffer(void **state)
{
    const u32 undurable = UNDURABLE_SLOTS(4 * JOURNAL_BUFFER_BLOCKS_MIN);
    struct mem mem;
    struct store_memory sm;
    struct store_pool p;
    struct store s;
    u32 slots = 0;
    (void)state;

    one_store(&mem, &sm, &p, &s, STORE_CHUNKS_MIN, undurable);
    for (u64 seq = 1; slots < undurable; seq++) {
        union msg m = message(1, seq, seq);
        store_append(&p, &s, &m, 0); /* aborts without a chunk */
        slots += m.ev.slots;
    }
    assert_int_equal(s.first_seq, 1);
    mem_free_all(&mem);
}

#define STORES 40u

/*
 * Random appends by many accounts while the durable mark follows at a random distance of at most
 * UNDURABLE_SLOTS slots: no append ever fails (store_append would abort), and what is read is
 * what was written.
 */
static void run_random(u64 seed, u64 steps, u32 hot)
{
    struct mem mem;
    struct store_memory sm;
    struct store_pool p;
    static struct store s[STORES];
    struct store_cursor c[STORES] = {{0}};
    struct rng rng = {.seed = seed};
    u64 tx = 0;
    u64 durable = 0;
    u64 undurable = 0; /* slots */
    static u32 slots_of[1 << 18];

    mem_init(&mem, 0);
    store_memory_init(&sm, &mem, STORES, STORE_CHUNKS_MIN, 1, UNDURABLE_SLOTS_MIN);
    store_pool_init(&p, &sm, 0);
    for (u32 i = 0; i < STORES; i++) {
        store_init(&s[i], i + 1);
        store_own(&p, &s[i]);
    }
    for (u64 step = 0; step < steps; step++) {
        u32 i = (u32)rng_below(&rng, rng_below(&rng, 4) == 0 ? STORES : hot);
        union msg m = message(i, s[i].next_seq == 0 ? 1 : s[i].next_seq, ++tx);
        slots_of[tx % ARRAY_LEN(slots_of)] = m.ev.slots;
        undurable += m.ev.slots;
        store_append(&p, &s[i], &m, durable);
        bool far = undurable > UNDURABLE_SLOTS_MIN;
        if (far || rng_below(&rng, 40000) == 0) {
            u64 to = durable + 1 + rng_below(&rng, tx - durable);
            while (durable < to)
                undurable -= slots_of[++durable % ARRAY_LEN(slots_of)];
            store_trim(&p, durable);
        }
        u64 seq = s[i].first_seq + rng_below(&rng, s[i].next_seq - s[i].first_seq);
        if (c[i].seq + 1 >= s[i].first_seq && c[i].seq + 1 < s[i].next_seq)
            seq = rng_below(&rng, 3) != 0 ? c[i].seq + 1 : seq;
        if (s[i].chunks < 100)
            check_read(&p, &s[i], &c[i], i, seq);
    }
    u32 chunks = p.free_count;
    for (u32 i = 0; i < STORES; i++)
        chunks += store_check(&p, &s[i]);
    assert_int_equal(chunks, p.total);
    mem_free_all(&mem);
}

static void test_against_an_array(void **state)
{
    u64 seed = test_seed();
    (void)state;

    run_random(seed, test_count("WB_STEPS", 400000), 3);
    run_random(seed + 1, test_count("WB_STEPS", 200000), STORES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window_begins_where_it_is_told),
        cmocka_unit_test(test_undurable_stays_durable_goes),
        cmocka_unit_test(test_cursor_of_a_chunk_that_moved),
        cmocka_unit_test(test_read_again),
        cmocka_unit_test(test_room_for_a_larger_buffer),
        cmocka_unit_test(test_against_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
