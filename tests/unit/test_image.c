/*
 * test_image.c - an engine made from another one's pages is that engine: same state, and from there
 * on the same bytes for the same commands, whatever was going on when the image was taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/image.h"
#include "engine/state.h"
#include "tests/lib/engine_stream.h"

#define STREAM_LEN 3000u
#define STREAMS    24u
#define COPY_EACH  97u /* commands between two images */

struct half {
    struct mem mem;
    struct engine *e;
    struct tx tx;
    bool made;
};

static void half_init(struct half *h, u64 seed)
{
    struct engine_conf conf = {
        .accounts_max = STREAM_ACCOUNTS + 1,
        .instruments_max = STREAM_INSTRUMENTS + 1,
        .orders_max = seed % 3 ? 150 : 6,
        .gateways = STREAM_GATEWAYS,
        .hash_key = {seed, 9},
    };

    mem_init(&h->mem, 0);
    h->e = engine_new(&conf, &h->mem);
    assert_ptr_equal(h->e, h->mem.regions[0].base);
    h->e->chunk_fills = h->e->chunk_cancels = seed % 2 ? 2 : CHUNK_FILLS_MAX;
}

static void step(struct half *h, const struct timed *t)
{
    if (engine_busy(h->e)) {
        engine_continue(h->e, t->now_ns, &h->tx);
        h->made = true;
    } else {
        h->made = engine_step(h->e, &t->cmd, t->now_ns, &h->tx);
    }
}

/* `to` becomes a new engine that is `from`. */
static void remake(struct half *to, const struct half *from, u64 seed)
{
    mem_free_all(&to->mem);
    half_init(to, seed);
    engine_copy(&to->mem, &from->mem);
    assert_int_equal(engine_state_hash(to->e), engine_state_hash(from->e));
    engine_check(to->e);
}

static void test_a_copy_goes_on_alike(void **state)
{
    static struct half a, b;
    u64 busy = 0;

    (void)state;
    for (u64 seed = 1; seed <= STREAMS; seed++) {
        struct stream s;
        struct timed t;
        stream_init(&s, seed);
        half_init(&a, seed);
        half_init(&b, seed);
        for (u32 i = 0; i < STREAM_LEN; i++) {
            stream_next(&s, &t);
            step(&a, &t);
            step(&b, &t);
            assert_int_equal(a.made, b.made);
            if (a.made) {
                assert_int_equal(a.tx.used, b.tx.used);
                assert_memory_equal(a.tx.slots, b.tx.slots, a.tx.used * SLOT_BYTES);
                stream_saw(&s, a.tx.slots, a.tx.used);
            }
            if (i % COPY_EACH == 0) {
                busy += engine_busy(a.e);
                remake(&b, &a, seed);
            }
        }
        mem_free_all(&a.mem);
        mem_free_all(&b.mem);
    }
    assert_true(busy > STREAMS / 4); /* images were taken amid long work, too */
}

static bool points_into(const struct mem *m, u64 word)
{
    for (u32 i = 0; i < m->regions_used; i++) {
        u64 base = (u64)m->regions[i].base;
        if (word >= base && word < base + m->regions[i].bytes)
            return true;
    }
    return false;
}

/* The rule that images live by: no pointer but in struct engine. */
static void test_arrays_hold_no_pointers(void **state)
{
    static struct half a;
    struct stream s;
    struct timed t;

    (void)state;
    stream_init(&s, 5);
    half_init(&a, 5);
    for (u32 i = 0; i < STREAM_LEN; i++) {
        stream_next(&s, &t);
        step(&a, &t);
        if (a.made)
            stream_saw(&s, a.tx.slots, a.tx.used);
    }
    for (u64 page = 0; page < engine_pages(&a.mem); page++) {
        const u64 *words = (const u64 *)(const void *)engine_page(&a.mem, page);
        for (u64 at = page * IMAGE_PAGE_BYTES; words && at < (page + 1) * IMAGE_PAGE_BYTES; at += 8)
            if (at >= sizeof(struct engine) && points_into(&a.mem, *words++))
                fail_msg("the word at %llu of the arena is a pointer", (unsigned long long)at);
            else if (at < sizeof(struct engine))
                words++;
    }
    mem_free_all(&a.mem);
}

static void test_a_page_of_nowhere_is_refused(void **state)
{
    static struct half a;
    static const u8 bytes[IMAGE_PAGE_BYTES];

    (void)state;
    half_init(&a, 1);
    assert_false(engine_page_put(&a.mem, engine_pages(&a.mem), bytes));
    assert_false(engine_page_put(&a.mem, UINT64_MAX, bytes));
    assert_true(engine_page_put(&a.mem, engine_pages(&a.mem) - 1, bytes));
    assert_int_not_equal(engine_program(), 0);
    assert_int_equal(engine_program(), engine_program());
    mem_free_all(&a.mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_copy_goes_on_alike),
        cmocka_unit_test(test_arrays_hold_no_pointers),
        cmocka_unit_test(test_a_page_of_nowhere_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
