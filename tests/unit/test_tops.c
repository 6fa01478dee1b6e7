/*
 * test_tops.c - the tops of books against the engine that they are of, behind every transaction of
 * random streams; and a reader that looks while they are written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/clock.h"
#include "engine/engine.h"
#include "persist/tops.h"
#include "tests/lib/engine_stream.h"

#define INSTRUMENTS (STREAM_INSTRUMENTS + 1)

struct rig {
    struct mem mem;
    struct engine *engine;
    struct stream stream;
    struct tops *tops;
    struct tx tx;
};

static void rig_init(struct rig *r, u64 seed)
{
    const struct engine_conf conf = {.accounts_max = STREAM_ACCOUNTS + 1,
                                     .instruments_max = INSTRUMENTS,
                                     .orders_max = 200,
                                     .gateways = STREAM_GATEWAYS,
                                     .hash_key = {1, seed}};

    memset(r, 0, sizeof *r);
    mem_init(&r->mem, 0);
    r->engine = engine_new(&conf, &r->mem);
    r->tops = tops_new(INSTRUMENTS, &r->mem);
    stream_init(&r->stream, seed);
    tops_note_all(r->tops, r->engine);
}

static void rig_step(struct rig *r)
{
    struct timed t;

    for (bool made = false; !made;) {
        stream_next(&r->stream, &t);
        made = true;
        if (engine_busy(r->engine))
            engine_continue(r->engine, t.now_ns, &r->tx);
        else
            made = engine_step(r->engine, &t.cmd, t.now_ns, &r->tx);
    }
    stream_saw(&r->stream, r->tx.slots, r->tx.used);
    tops_note(r->tops, r->engine, r->tx.slots, r->tx.used);
}

static bool same_top(const struct top *t, const struct engine *e, u16 id)
{
    return t->bid_price == engine_best_price(e, id, 'B') &&
           t->ask_price == engine_best_price(e, id, 'S') &&
           t->bid_qty == engine_best_qty(e, id, 'B') && t->ask_qty == engine_best_qty(e, id, 'S') &&
           t->phase == engine_phase(e, id) && t->seq <= engine_seq(e) &&
           memcmp(t->symbol, engine_instrument(e, id)->symbol, 8) == 0;
}

static bool same_touch(const struct top *a, const struct top *b)
{
    return a->bid_price == b->bid_price && a->ask_price == b->ask_price &&
           a->bid_qty == b->bid_qty && a->ask_qty == b->ask_qty && a->phase == b->phase &&
           a->symbol[0] == b->symbol[0];
}

/* What a reader has seen is what the engine has, whatever kind of event moved it. */
static void test_follows_every_event(void **state)
{
    (void)state;
    for (u64 seed = 1; seed <= 40; seed++) {
        struct rig r;
        struct top seen[INSTRUMENTS + 1];
        u32 news = 0;
        rig_init(&r, seed);
        memset(seen, 0, sizeof seen);
        for (u32 i = 0; i < 1500; i++) {
            struct top top;
            rig_step(&r);
            for (u16 id = 0; (id = tops_next(r.tops, id, &top)) != 0; news++) {
                assert_false(same_touch(&seen[id], &top)); /* what is as it was is no news */
                seen[id] = top;
            }
            for (u16 id = 1; id <= engine_instruments(r.engine); id++)
                if (!same_top(&seen[id], r.engine, id))
                    fail_msg("seed %u: instrument %u is wrong after seq %u", (u32)seed, id,
                             (u32)engine_seq(r.engine));
        }
        assert_true(news > 100);
        mem_free_all(&r.mem);
    }
}

static void test_conflates_and_begins_again(void **state)
{
    struct rig r;
    struct top top;
    u32 news = 0;

    (void)state;
    rig_init(&r, 3);
    for (u32 i = 0; i < 1000; i++)
        rig_step(&r);
    assert_true(tops_changes(r.tops) > 100);
    for (u16 id = 0; (id = tops_next(r.tops, id, &top)) != 0; news++)
        assert_true(same_top(&top, r.engine, id));
    assert_int_equal(news, engine_instruments(r.engine));
    assert_int_equal(tops_next(r.tops, 0, &top), 0);
    tops_all_again(r.tops);
    for (u16 id = 0; (id = tops_next(r.tops, id, &top)) != 0; news--)
        assert_true(same_top(&top, r.engine, id));
    assert_int_equal(news, 0);
    mem_free_all(&r.mem);
}

/* Each kind of event that moves a touch, alone in its transaction: a piece of long work may be. */
static void test_each_event_alone(void **state)
{
    static const u8 types[] = {EV_INSTRUMENT,    EV_ACCEPTED, EV_REPLACED, EV_CANCELLED,
                               EV_AIQ_CANCELLED, EV_RESTATED, EV_MODIFIED, EV_EXECUTED,
                               EV_PHASE,         EV_PRIORITY};
    union msg events[ARRAY_LEN(types)];
    struct rig r;
    struct top top;

    (void)state;
    rig_init(&r, 3);
    for (u32 i = 0; i < 1000; i++)
        rig_step(&r);
    memset(events, 0, sizeof events);
    events[0].instrument.instrument = events[1].order.instrument = 1;
    events[2].order.instrument = events[3].cancelled.instrument = 1;
    events[4].aiq.instrument = events[5].restated.instrument = 1;
    events[6].modified.instrument = events[7].executed.instrument = 1;
    events[8].phase.instrument = events[9].priority.instrument = 1;
    for (u32 i = 0; i < ARRAY_LEN(events); i++) {
        struct tops *fresh = tops_new(INSTRUMENTS, &r.mem); /* knows nothing yet */
        events[i].ev.type = types[i];
        events[i].ev.slots = 1;
        tops_note(fresh, r.engine, events[i].slots, 1);
        assert_int_equal(tops_next(fresh, 0, &top), 1);
        assert_true(same_top(&top, r.engine, 1));
        tops_all_again(fresh);
        assert_int_equal(tops_next(fresh, 0, &top), 1);
    }
    mem_free_all(&r.mem);
}

/* What a recovered engine has is news as a whole, and again to each new connection. */
static void test_of_a_recovered_engine(void **state)
{
    struct rig r;
    struct top top;

    (void)state;
    rig_init(&r, 4);
    for (u32 i = 0; i < 1000; i++)
        rig_step(&r);
    struct tops *fresh = tops_new(INSTRUMENTS, &r.mem);
    tops_note_all(fresh, r.engine);
    for (u32 round = 0; round < 2; round++) {
        u32 n = 0;
        for (u16 id = 0; (id = tops_next(fresh, id, &top)) != 0; n++)
            assert_true(same_top(&top, r.engine, id));
        assert_int_equal(n, engine_instruments(r.engine));
        tops_all_again(fresh);
    }
    mem_free_all(&r.mem);
}

/* ---- two threads ---- */

struct reader {
    struct tops *tops;
    _Atomic bool stop;
    u64 seen;
    u64 torn;
    u64 back;
};

/* An entry whose seq or numbers do not fit together was read while it was written. */
static void *read_all(void *arg)
{
    struct reader *r = arg;
    u64 last[INSTRUMENTS + 1] = {0};
    struct top top;

    while (!atomic_load(&r->stop)) {
        for (u16 id = 0; (id = tops_next(r->tops, id, &top)) != 0; r->seen++) {
            r->torn += (top.bid_price == 0) != (top.bid_qty == 0);
            r->torn += (top.ask_price == 0) != (top.ask_qty == 0);
            r->back += top.seq < last[id];
            last[id] = top.seq;
        }
    }
    return NULL;
}

static void test_reader_beside_writer(void **state)
{
    struct reader reader = {0};
    struct rig r;
    pthread_t thread;

    (void)state;
    rig_init(&r, 5);
    reader.tops = r.tops;
    assert_int_equal(pthread_create(&thread, NULL, read_all, &reader), 0);
    for (u32 i = 0; i < 30000; i++)
        rig_step(&r);
    atomic_store(&reader.stop, true);
    pthread_join(thread, NULL);
    assert_true(reader.seen > 0);
    assert_int_equal(reader.torn + reader.back, 0);
    mem_free_all(&r.mem);
}

/* ---- an entry is never half of one state and half of another ---- */

struct flipper {
    struct tops *tops;
    struct rig *rigs;
    _Atomic bool stop;
};

static void *flip(void *arg)
{
    struct flipper *f = arg;

    for (u32 i = 0; !atomic_load(&f->stop); i++)
        tops_note_all(f->tops, f->rigs[i % 2].engine);
    return NULL;
}

/* Both states often; where the two threads share a core they take turns of milliseconds: at least
 * once. */
static bool seen_enough(const u32 seen[2], u64 begun_ns)
{
    u32 wanted = clock_now_ns() - begun_ns < 3 * NS_PER_SEC ? 20000 : 1;

    return seen[0] >= wanted && seen[1] >= wanted;
}

static void test_never_half(void **state)
{
    struct rig rigs[2];
    struct flipper f = {.rigs = rigs};
    pthread_t thread;
    u32 seen[2] = {0};

    (void)state;
    for (u32 i = 0; i < 2; i++) {
        rig_init(&rigs[i], 6 + i);
        for (u32 n = 0; n < 1500 + i; n++)
            rig_step(&rigs[i]);
    }
    f.tops = tops_new(INSTRUMENTS, &rigs[0].mem);
    tops_note_all(f.tops, rigs[0].engine);
    assert_int_equal(pthread_create(&thread, NULL, flip, &f), 0);
    for (u64 begun_ns = clock_now_ns(); !seen_enough(seen, begun_ns);) {
        struct top top;
        u16 id = tops_next(f.tops, 0, &top);
        if (id == 0)
            sched_yield();
        if (id == 0 || id > engine_instruments(rigs[0].engine) ||
            id > engine_instruments(rigs[1].engine))
            continue;
        bool is[2] = {same_top(&top, rigs[0].engine, id) && top.seq == engine_seq(rigs[0].engine),
                      same_top(&top, rigs[1].engine, id) && top.seq == engine_seq(rigs[1].engine)};
        assert_true(is[0] || is[1]);
        seen[0] += is[0];
        seen[1] += is[1];
    }
    atomic_store(&f.stop, true);
    pthread_join(thread, NULL);
    for (u32 i = 0; i < 2; i++)
        mem_free_all(&rigs[i].mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_follows_every_event),
        cmocka_unit_test(test_conflates_and_begins_again),
        cmocka_unit_test(test_each_event_alone),
        cmocka_unit_test(test_of_a_recovered_engine),
        cmocka_unit_test(test_reader_beside_writer),
        cmocka_unit_test(test_never_half),
    };

    clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
