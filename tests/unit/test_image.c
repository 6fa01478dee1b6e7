/*
 * test_image.c - an engine made from another one's pages is that engine: same state, and from there
 * on the same bytes for the same commands, whatever was going on when the image was taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
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
    mem_free_all(&a.mem);
}

/* ---- of several regions, as those of large pools ---- */

#define PAGE       IMAGE_PAGE_BYTES
#define PAGE_WORDS (PAGE / sizeof(u64))

/* From the linker, as in image.c. */
extern const u8 __executable_start[];
extern const u8 __etext[];
extern const u8 _end[];

/* Its length and what it is tell a program. */
static void test_a_program_has_a_name(void **state)
{
    (void)state;
    assert_int_equal(engine_program() >> 32, __etext - __executable_start);
    assert_int_not_equal((u32)engine_program(), 0);
    assert_true(engine_program() == engine_program());
}

static const u64 region_pages[] = {16, 5, 9};
static u8 *ground; /* where the regions lie, with gaps between them and not in their order */

/* An arena of three regions, all zero. */
static void arena_init(struct mem *m)
{
    static const u64 at[] = {20, 2, 40};

    ground = aligned_alloc(PAGE, 64 * PAGE);
    assert_non_null(ground);
    memset(ground, 0, 64 * PAGE);
    mem_init(m, 0);
    m->regions_used = ARRAY_LEN(at);
    for (u32 i = 0; i < ARRAY_LEN(at); i++)
        m->regions[i] =
            (struct mem_region){.base = ground + at[i] * PAGE, .bytes = region_pages[i] * PAGE};
}

/* Where page `page` must be. */
static u8 *page_at(const struct mem *m, u64 page)
{
    u32 i = page < 16 ? 0 : page < 21 ? 1 : 2;
    static const u64 first[] = {0, 16, 21};

    return m->regions[i].base + (page - first[i]) * PAGE;
}

/* Each page is found where it lies, by any word of it that is not zero. */
static void test_pages_of_several_regions(void **state)
{
    struct mem m;

    (void)state;
    arena_init(&m);
    assert_int_equal(engine_pages(&m), 30);
    for (u64 page = 0; page < 30; page++) {
        u64 *words = (u64 *)(void *)page_at(&m, page);
        assert_null(engine_page(&m, page));
        for (u32 i = 0; i < PAGE_WORDS; i++) {
            words[i] = 1ull << i % 64;
            assert_ptr_equal(engine_page(&m, page), words);
            words[i] = 0;
        }
        assert_null(engine_page(&m, page));
    }
    free(ground);
}

/* A page that is put lies there, whole, and nowhere else. */
static void test_a_page_goes_to_its_region(void **state)
{
    static u8 bytes[PAGE];
    struct mem m;

    (void)state;
    arena_init(&m);
    memset(bytes, 0xA5, sizeof bytes);
    for (u64 page = 0; page < 30; page++) {
        assert_true(engine_page_put(&m, page, bytes));
        for (u64 other = 0; other < 30; other++)
            assert_true((engine_page(&m, other) != NULL) == (other == page));
        assert_memory_equal(page_at(&m, page), bytes, PAGE);
        memset(page_at(&m, page), 0, PAGE);
    }
    assert_false(engine_page_put(&m, 30, bytes));
    for (u64 i = 0; i < 64 * PAGE; i++)
        assert_int_equal(ground[i], 0);
    free(ground);
}

/* What the word `at` of the arena becomes that is `own` when a page with `theirs` there comes. */
static u64 put_word(struct mem *m, u64 at, u64 own, u64 theirs)
{
    static u64 words[PAGE_WORDS];
    u64 page = at * sizeof(u64) / PAGE;
    u64 *word = (u64 *)(void *)page_at(m, page) + at % PAGE_WORDS;

    *word = own;
    words[at % PAGE_WORDS] = theirs;
    assert_true(engine_page_put(m, page, (const u8 *)words));
    words[at % PAGE_WORDS] = 0;
    return *word;
}

/* In struct engine an address of this process or arena stays; all else comes from the page. */
static void test_own_addresses_stay(void **state)
{
    u64 last = sizeof(struct engine) / sizeof(u64) - 1;
    u64 words[] = {0, 1, PAGE_WORDS - 1, PAGE_WORDS, last};
    u64 program = (u64)__executable_start;
    struct mem m;

    (void)state;
    arena_init(&m);
    assert_true(last * sizeof(u64) < region_pages[0] * PAGE);
    for (u32 i = 0; i < ARRAY_LEN(words); i++) {
        for (u32 r = 0; r < m.regions_used; r++) {
            u64 base = (u64)m.regions[r].base;
            u64 end = base + m.regions[r].bytes;
            assert_int_equal(put_word(&m, words[i], base, 7), base);
            assert_int_equal(put_word(&m, words[i], end - 1, 7), end - 1);
            assert_int_equal(put_word(&m, words[i], base - 1, 7), 7);
            assert_int_equal(put_word(&m, words[i], end, 7), 7);
        }
        assert_int_equal(put_word(&m, words[i], program, 7), program);
        assert_int_equal(put_word(&m, words[i], (u64)_end - 1, 7), (u64)_end - 1);
        assert_int_equal(put_word(&m, words[i], program - 1, 7), 7);
        assert_int_equal(put_word(&m, words[i], (u64)_end, 7), 7);
        assert_int_equal(put_word(&m, words[i], 9, program), program);
    }
    assert_int_equal(put_word(&m, last + 1, program, 7), 7); /* behind it there are no addresses */
    assert_int_equal(put_word(&m, 16 * PAGE_WORDS, program, 7), 7);
    free(ground);
}

/* An engine with large pools: the last pages of each region go along. */
static void test_a_copy_of_several_regions(void **state)
{
    struct engine_conf conf = {.accounts_max = 4,
                               .instruments_max = 20000,
                               .orders_max = 30000,
                               .gateways = 1,
                               .hash_key = {1, 2}};
    struct mem from, to;

    (void)state;
    mem_init(&from, 0);
    mem_init(&to, 0);
    engine_new(&conf, &from);
    engine_new(&conf, &to);
    assert_true(from.regions_used >= 3);
    for (u32 i = 1; i < from.regions_used; i++) {
        memset(from.regions[i].base, 1, 8);
        memset(from.regions[i].base + from.regions[i].bytes - 8, 2, 8);
    }
    engine_copy(&to, &from);
    for (u32 i = 1; i < from.regions_used; i++)
        assert_memory_equal(to.regions[i].base, from.regions[i].base, from.regions[i].bytes);
    mem_free_all(&from);
    mem_free_all(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_copy_goes_on_alike),
        cmocka_unit_test(test_arrays_hold_no_pointers),
        cmocka_unit_test(test_a_page_of_nowhere_is_refused),
        cmocka_unit_test(test_a_program_has_a_name),
        cmocka_unit_test(test_pages_of_several_regions),
        cmocka_unit_test(test_a_page_goes_to_its_region),
        cmocka_unit_test(test_own_addresses_stay),
        cmocka_unit_test(test_a_copy_of_several_regions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
