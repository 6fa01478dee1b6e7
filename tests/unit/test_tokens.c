/*
 * test_tokens.c - tokens to numbers and back: by hand, and against a naive reference under random
 * use with losses, ignored requests and new bindings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/session/tokens.h"
#include "tests/lib/seed.h"

static struct mem mem;
static struct tokens table;
static struct token_book books[4];

static void begin(u32 max, u32 quota)
{
    memset(books, 0, sizeof books);
    mem_init(&mem, 0);
    tokens_init(&table, &mem, max, quota, 7);
}

static const char *name(u32 i)
{
    static char text[TOKEN_BYTES + 1];

    snprintf(text, sizeof text, "T%013u", i);
    return text;
}

static enum token_use use(u32 account, u32 i, u32 *ref)
{
    return tokens_use(&table, &books[account], account, name(i), ref);
}

static u32 ref_of(u32 account, u32 i)
{
    return tokens_ref(&table, &books[account], account, name(i));
}

static void note(u32 account, u32 ref, u32 i)
{
    assert_true(tokens_note(&table, &books[account], account, ref, name(i)));
}

static void a_life(void **state)
{
    u32 ref = 0;
    (void)state;

    begin(100, 50);
    assert_int_equal(ref_of(1, 1), 0);
    assert_int_equal(use(1, 1, &ref), TOKEN_NEW);
    assert_int_equal(ref, 1);
    assert_int_equal(ref_of(1, 1), 1); /* may be named before it is answered */
    assert_null(tokens_name(&table, 1, 1));
    assert_int_equal(use(1, 1, &ref), TOKEN_AGAIN);
    assert_int_equal(ref, 1);
    note(1, 1, 1);
    assert_memory_equal(tokens_name(&table, 1, 1), name(1), TOKEN_BYTES);
    assert_int_equal(use(1, 1, &ref), TOKEN_REPEATED);
    assert_int_equal(use(2, 1, &ref), TOKEN_NEW); /* another account's is another token */
    assert_int_equal(ref, 1);
    assert_null(tokens_name(&table, 2, 1));
    tokens_clear(&table);
    memset(books, 0, sizeof books);
    assert_int_equal(ref_of(1, 1), 0);
    assert_null(tokens_name(&table, 1, 1));
    assert_int_equal(use(1, 1, &ref), TOKEN_NEW);
    mem_free_all(&mem);
}

/* A request that was passed by has not consumed its token; till then it goes out under its number.
 */
static void an_ignored_request(void **state)
{
    u32 ref = 0;
    (void)state;

    begin(100, 50);
    use(1, 1, &ref);
    use(1, 2, &ref);
    assert_int_equal(ref, 2);
    assert_int_equal(use(1, 3, &ref), TOKEN_NEW);
    note(1, 1, 1);
    note(1, 3, 3); /* nothing was said of 2 */
    assert_int_equal(ref_of(1, 2), 0);
    assert_int_equal(use(1, 2, &ref), TOKEN_NEW);
    assert_int_equal(ref, 4);
    note(1, 4, 2);
    assert_null(tokens_name(&table, 1, 2));
    assert_memory_equal(tokens_name(&table, 1, 4), name(2), TOKEN_BYTES);
    mem_free_all(&mem);
}

/* After a new binding nothing is on its way any more, and other gateways may have gone on. */
static void a_new_binding(void **state)
{
    u32 ref = 0;
    (void)state;

    begin(100, 50);
    use(1, 1, &ref);
    use(1, 2, &ref);
    note(1, 1, 1);
    note(1, 2, 77); /* another gateway gave that number to another token */
    note(1, 3, 78);
    tokens_bound(&books[1]);
    assert_int_equal(ref_of(1, 2), 0);
    assert_int_equal(ref_of(1, 77), 2);
    assert_memory_equal(tokens_name(&table, 1, 2), name(77), TOKEN_BYTES);
    assert_int_equal(use(1, 2, &ref), TOKEN_NEW);
    assert_int_equal(ref, 4);
    mem_free_all(&mem);
}

static void full(void **state)
{
    u32 ref = 0;
    (void)state;

    begin(30, 20);
    for (u32 i = 0; i < 20; i++)
        assert_int_equal(use(1, i, &ref), TOKEN_NEW);
    assert_int_equal(use(1, 20, &ref), TOKEN_FULL); /* its quota */
    assert_int_equal(ref, 21);
    for (u32 i = 0; i < 10; i++)
        assert_int_equal(use(2, i, &ref), TOKEN_NEW);
    assert_int_equal(use(2, 10, &ref), TOKEN_FULL); /* the table */
    assert_false(tokens_note(&table, &books[2], 2, 11, name(10)));
    assert_int_equal(books[2].last, 11);
    for (u32 i = 0; i < 20; i++)
        assert_int_equal(ref_of(1, i), i + 1);
    mem_free_all(&mem);
    begin(0, 0);
    assert_int_equal(use(1, 1, &ref), TOKEN_FULL);
    assert_int_equal(ref_of(1, 1), 0);
    mem_free_all(&mem);
}

/* A client that lets its requests be ignored and uses their tokens again fills nothing. */
static void ignored_for_ever(void **state)
{
    u32 ref = 0;
    u32 answered = 1000;
    u32 refused = 0;
    (void)state;

    begin(64, 64);
    for (u32 round = 0; round < 200; round++) {
        for (u32 i = 0; i < 32; i++)
            refused += use(1, i, &ref) == TOKEN_FULL;
        u32 last = 0;
        if (use(1, answered++, &last) != TOKEN_FULL)
            note(1, last, answered - 1);
        else
            books[1].last = last; /* rejected */
    }
    assert_true(refused > 0);
    mem_free_all(&mem);
}

/* ---- against a naive reference ---- */

#define NAMES 60u

struct naive {
    u32 ref[NAMES]; /* 0: never used */
    bool confirmed[NAMES];
    u32 last, next, floor;
    u32 by_ref[20000]; /* name + 1 */
};

static struct naive naive;

static bool naive_dead(u32 i)
{
    return !naive.confirmed[i] && (naive.ref[i] <= naive.last || naive.ref[i] < naive.floor);
}

static void random_life(void **state)
{
    struct rng rng = {.seed = test_seed()};
    u32 flight[NAMES];
    u32 flying = 0;
    (void)state;

    begin(20000, 20000);
    memset(&naive, 0, sizeof naive);
    naive.next = 1;
    for (u32 step = 0; step < 6000; step++) {
        u32 i = (u32)rng_below(&rng, NAMES);
        u32 ref = 0;
        u64 what = rng_below(&rng, 10);
        if (what < 5) {
            enum token_use got = use(1, i, &ref);
            if (naive.ref[i] != 0 && naive.confirmed[i]) {
                assert_int_equal(got, TOKEN_REPEATED);
            } else if (naive.ref[i] != 0 && !naive_dead(i)) {
                assert_int_equal(got, TOKEN_AGAIN);
                assert_int_equal(ref, naive.ref[i]);
            } else {
                assert_int_equal(got, TOKEN_NEW);
                u32 want = naive.next > naive.last + 1 ? naive.next : naive.last + 1;
                assert_int_equal(ref, want);
                naive.next = want + 1;
                naive.ref[i] = want;
                if (flying < NAMES)
                    flight[flying++] = i;
            }
        } else if (what < 8 && flying > 0) { /* the oldest one is answered, or ignored */
            u32 n = flight[0];
            memmove(flight, flight + 1, --flying * sizeof flight[0]);
            if (rng_below(&rng, 3) != 0 && naive.ref[n] > naive.last) {
                naive.last = naive.ref[n];
                naive.confirmed[n] = true;
                naive.by_ref[naive.ref[n]] = n + 1;
                note(1, naive.ref[n], n);
            }
        } else if (what == 8 && rng_below(&rng, 20) == 0) { /* bound anew */
            flying = 0;
            naive.floor = naive.next > naive.last + 1 ? naive.next : naive.last + 1;
            tokens_bound(&books[1]);
        } else if (what == 9 && rng_below(&rng, 100) == 0) { /* the next day */
            flying = 0;
            memset(&naive, 0, sizeof naive);
            naive.next = 1;
            tokens_clear(&table);
            memset(books, 0, sizeof books);
        }
        u32 want = naive.ref[i] == 0 || naive_dead(i) ? 0 : naive.ref[i];
        assert_int_equal(ref_of(1, i), want);
        u32 r = 1 + (u32)rng_below(&rng, naive.next);
        const char *got = tokens_name(&table, 1, r);
        assert_int_equal(got != NULL, naive.by_ref[r] != 0);
        if (got != NULL)
            assert_memory_equal(got, name(naive.by_ref[r] - 1), TOKEN_BYTES);
    }
    mem_free_all(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_life),           cmocka_unit_test(an_ignored_request),
        cmocka_unit_test(a_new_binding),    cmocka_unit_test(full),
        cmocka_unit_test(ignored_for_ever), cmocka_unit_test(random_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
