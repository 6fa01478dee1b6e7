/*
 * test_store_move.c - stores that go from gateway to gateway: what they take along, what they leave
 * behind, who may take them, and the proof of the pools' size with all of that going on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/session/store.h"
#include "tests/lib/seed.h"

#define GATEWAYS 3u
#define QUOTA    4u
#define DAY      20260302u

static struct mem mem;
static struct store_memory sm;
static struct store_pool pools[GATEWAYS];

static int fresh(void **state)
{
    (void)state;
    mem_init(&mem, 0);
    store_memory_init(&sm, &mem, 8, QUOTA, GATEWAYS, UNDURABLE_SLOTS_MIN);
    for (u32 g = 0; g < GATEWAYS; g++)
        store_pool_init(&pools[g], &sm, g);
    return 0;
}

static int gone(void **state)
{
    (void)state;
    mem_free_all(&mem);
    return 0;
}

/* Message `seq` of an account, of 1 to 4 slots; its content a function of both. */
static union msg message(u32 account, u64 seq, u64 tx)
{
    union msg m;

    memset(&m, 0, sizeof m);
    m.ev.slots = (u8)(1 + hash_2u64(account, seq, 1) % MSG_SLOTS_MAX);
    m.ev.type = EV_ACCEPTED;
    m.ev.account = account;
    m.ev.session_seq = seq;
    m.ev.seq = tx;
    m.order.order_ref = hash_2u64(account, seq, 2);
    return m;
}

/* Messages up to `to`, none of them durable; their transactions have their numbers. */
static void append(u32 g, struct store *s, u64 to)
{
    while (s->next_seq <= to) {
        union msg m = message(s->account, s->next_seq, s->next_seq);
        store_append(&pools[g], s, &m, 0);
    }
}

static void check_content(u32 g, const struct store *s)
{
    struct store_cursor c = {0};

    for (u64 seq = s->first_seq; seq < s->next_seq; seq++) {
        const union msg *m = store_read(&pools[g], s, &c, seq);
        union msg want = message(s->account, seq, m->ev.seq);
        assert_memory_equal(m, &want, want.ev.slots * sizeof(struct slot));
    }
}

/* Nothing borrowed by anybody, and the stores given are sound. */
static void check_pools(void)
{
    for (u32 g = 0; g < GATEWAYS; g++)
        assert_int_equal(pools[g].free_count, pools[g].total);
}

static void owned(struct store *s, u32 account, u64 next_seq)
{
    store_init(s, account);
    store_own(&pools[0], s);
    store_begin(s, next_seq);
}

static void aside(struct store *s, u32 account, u64 next_seq)
{
    store_init(s, account);
    store_begin(s, next_seq);
}

static void test_what_is_aside_becomes_the_end(void **state)
{
    struct store a, b;
    (void)state;

    for (u64 more = 0; more < 60; more++) { /* into the last chunk, or chunks behind it */
        gone(NULL);
        fresh(NULL);
        owned(&a, 1, 1);
        append(0, &a, 10);
        assert_true(store_let_go(&pools[0], &a, DAY, 7));
        assert_int_equal(a.own, 0);
        aside(&b, 1, 11);
        append(1, &b, 10 + more);
        assert_int_equal(store_take(&pools[1], &b, DAY, 7), STORE_JOINED);
        assert_int_equal(b.first_seq, 1);
        assert_int_equal(b.next_seq, 11 + more);
        assert_int_equal(b.own, QUOTA);
        check_content(1, &b);
        assert_int_equal(store_check(&pools[1], &b), b.chunks > QUOTA ? b.chunks - QUOTA : 0);
        store_trim(&pools[1], 1000);
        store_check(&pools[1], &b);
        check_pools();
    }
}

static void test_messages_missing_between(void **state)
{
    struct store a, b;
    (void)state;

    owned(&a, 1, 1);
    append(0, &a, 10);
    assert_true(store_let_go(&pools[0], &a, DAY, 7));
    aside(&b, 1, 12); /* 11 went to a gateway that has passed it by */
    append(1, &b, 20);
    assert_int_equal(store_take(&pools[1], &b, DAY, 9), STORE_REPLACED);
    assert_int_equal(b.first_seq, 12);
    check_content(1, &b);
    assert_int_equal(store_check(&pools[1], &b), 0);
    check_pools();
}

/* Numbers of two days may fit each other by chance. */
static void test_yesterdays_messages(void **state)
{
    struct store a, b;
    (void)state;

    owned(&a, 1, 1);
    append(0, &a, 10);
    assert_true(store_let_go(&pools[0], &a, DAY, 7));
    aside(&b, 1, 11);
    append(1, &b, 12);
    assert_int_equal(store_take(&pools[1], &b, DAY + 1, 9), STORE_REPLACED);
    assert_int_equal(b.first_seq, 11);
    assert_int_equal(b.next_seq, 13);
    check_content(1, &b);
    store_check(&pools[1], &b);
}

static void test_nothing_in_it(void **state)
{
    struct store a, b;
    (void)state;

    store_init(&a, 1); /* its numbers were never known there */
    store_own(&pools[0], &a);
    assert_true(store_let_go(&pools[0], &a, 0, 1));
    aside(&b, 1, 500);
    assert_int_equal(store_take(&pools[1], &b, DAY, 1), STORE_JOINED);
    assert_int_equal(b.next_seq, 500);
    append(1, &b, 520);
    check_content(1, &b);
    assert_int_equal(store_check(&pools[1], &b), 0);
}

/* Only who has seen the login, or a later one, and only one of these. */
static void test_who_may_take(void **state)
{
    struct store a, b, c;
    (void)state;

    owned(&a, 1, 1);
    aside(&b, 1, 1);
    aside(&c, 1, 1);
    assert_int_equal(store_take(&pools[1], &b, DAY, 100), STORE_NOT_YET); /* not let go */
    assert_true(store_let_go(&pools[0], &a, DAY, 7));
    assert_int_equal(store_take(&pools[1], &b, DAY, 6), STORE_NOT_YET); /* it is behind */
    assert_int_equal(store_take(&pools[2], &c, DAY, 8), STORE_JOINED);
    assert_int_equal(store_take(&pools[1], &b, DAY, 100), STORE_NOT_YET);
}

/* What is borrowed belongs to the gateway: a store with that stays until it is durable. */
static void test_borrowed_chunks_do_not_travel(void **state)
{
    struct store a, b;
    (void)state;

    owned(&a, 1, 1);
    append(0, &a, 100);
    assert_true(a.chunks > QUOTA);
    assert_false(store_let_go(&pools[0], &a, DAY, 7));
    aside(&b, 1, 101);
    assert_int_equal(store_take(&pools[1], &b, DAY, 7), STORE_NOT_YET);
    store_trim(&pools[0], 100);
    assert_true(store_let_go(&pools[0], &a, DAY, 7));
    append(1, &b, 200);
    assert_int_equal(store_take(&pools[1], &b, DAY, 7), STORE_JOINED);
    check_content(1, &b);
    assert_int_equal(store_check(&pools[1], &b), b.chunks - QUOTA);
    store_trim(&pools[1], 200);
    check_content(1, &b);
    check_pools();
}

/* ---- at random ---- */

#define ACCOUNTS 8u

/* One account: where its messages go, and the store that is still at another gateway. */
struct mover {
    u32 at;
    bool whole; /* the store is where the messages go */
    u32 from;   /* else: where it was left */
    bool let_go;
    struct store old; /* at `from` */
    struct store s;   /* at `at` */
};

static void mover_takes(struct mover *m, u32 bind_id)
{
    if (!m->let_go)
        m->let_go = store_let_go(&pools[m->from], &m->old, DAY, bind_id);
    m->whole = store_take(&pools[m->at], &m->s, DAY, bind_id) != STORE_NOT_YET;
    assert_int_equal(m->whole, m->let_go);
}

/* To another gateway: with the store, or past it before it has come. */
static void mover_moves(struct mover *m, u32 to)
{
    u64 next = m->s.next_seq;

    if (m->whole) {
        m->old = m->s;
        if (list_is_linked(&m->s.over)) {
            list_del(&m->s.over);
            list_init(&m->old.over);
            list_add_tail(&pools[m->at].over, &m->old.over);
        }
        m->from = m->at;
        m->let_go = false;
    } else {
        store_reset(&pools[m->at], &m->s);
    }
    m->whole = false;
    m->at = to;
    aside(&m->s, m->old.account, next);
}

/*
 * Messages of accounts that move at random while the durable mark follows at a random distance: no
 * pool ever runs dry (store_append would abort), and what is read is what was written.
 */
static void test_at_random(void **state)
{
    static struct mover movers[ACCOUNTS];
    static u8 slots_of[1 << 18];
    struct rng rng = {.seed = test_seed()};
    u64 steps = test_count("WB_STEPS", 400000);
    u64 tx = 0, durable = 0, undurable = 0;
    u32 moves = 0;
    (void)state;

    memset(movers, 0, sizeof movers);
    for (u32 i = 0; i < ACCOUNTS; i++) {
        owned(&movers[i].s, i + 1, 1);
        movers[i].whole = true;
    }
    for (u64 step = 0; step < steps; step++) {
        struct mover *m = &movers[rng_below(&rng, rng_below(&rng, 4) == 0 ? ACCOUNTS : 2)];
        union msg msg = message(m->s.account, m->s.next_seq, ++tx);
        slots_of[tx % ARRAY_LEN(slots_of)] = msg.ev.slots;
        undurable += msg.ev.slots;
        store_append(&pools[m->at], &m->s, &msg, durable);
        if (undurable > UNDURABLE_SLOTS_MIN || rng_below(&rng, 20000) == 0) {
            u64 to = durable + 1 + rng_below(&rng, tx - durable);
            while (durable < to)
                undurable -= slots_of[++durable % ARRAY_LEN(slots_of)];
            for (u32 g = 0; g < GATEWAYS; g++)
                store_trim(&pools[g], durable);
        }
        if (!m->whole && rng_below(&rng, 8) == 0)
            mover_takes(m, ++moves);
        if (rng_below(&rng, 20) == 0)
            mover_moves(m, (m->at + 1 + (u32)rng_below(&rng, GATEWAYS - 1)) % GATEWAYS);
        if (m->s.chunks < 20 && rng_below(&rng, 16) == 0) {
            check_content(m->at, &m->s);
            store_check(&pools[m->at], &m->s);
        }
    }
    for (u32 g = 0; g < GATEWAYS; g++)
        store_trim(&pools[g], tx);
    for (u32 i = 0; i < ACCOUNTS; i++) {
        if (!movers[i].whole)
            mover_takes(&movers[i], ++moves);
        assert_true(movers[i].whole);
        store_trim(&pools[movers[i].at], tx);
        check_content(movers[i].at, &movers[i].s);
        assert_int_equal(store_check(&pools[movers[i].at], &movers[i].s), 0);
    }
    check_pools();
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, gone)
    const struct CMUnitTest tests[] = {
        CASE(test_what_is_aside_becomes_the_end),
        CASE(test_messages_missing_between),
        CASE(test_yesterdays_messages),
        CASE(test_nothing_in_it),
        CASE(test_who_may_take),
        CASE(test_borrowed_chunks_do_not_travel),
        CASE(test_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
