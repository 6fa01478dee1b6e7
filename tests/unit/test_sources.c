/* test_sources.c - failures of addresses: counted in their window, forgotten oldest first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gateway/session/sources.h"

static struct sources t;

static int setup(void **state)
{
    (void)state;
    t = (struct sources){.seed = 5, .window_ns = 60 * NS_PER_SEC, .failures_max = 2};
    return 0;
}

static void test_window(void **state)
{
    u64 now = 1000 * NS_PER_SEC;
    (void)state;

    assert_false(sources_has(&t, 7, now));
    sources_failed(&t, 7, now);
    assert_true(sources_has(&t, 7, now));
    assert_false(sources_limited(&t, 7, now));
    sources_failed(&t, 7, now + NS_PER_SEC);
    assert_true(sources_limited(&t, 7, now + NS_PER_SEC));
    assert_false(sources_limited(&t, 8, now + NS_PER_SEC));
    assert_true(sources_limited(&t, 7, now + 60 * NS_PER_SEC - 1));
    assert_true(sources_has(&t, 7, now + 60 * NS_PER_SEC - 1));
    assert_false(sources_limited(&t, 7, now + 60 * NS_PER_SEC));
    assert_false(sources_has(&t, 7, now + 60 * NS_PER_SEC));
    sources_failed(&t, 7, now + 60 * NS_PER_SEC); /* counted anew */
    assert_true(sources_has(&t, 7, now + 60 * NS_PER_SEC));
    assert_false(sources_limited(&t, 7, now + 60 * NS_PER_SEC));
    t.failures_max = 0;
    for (u32 i = 0; i < 9; i++)
        sources_failed(&t, 7, now + 61 * NS_PER_SEC);
    assert_false(sources_limited(&t, 7, now + 61 * NS_PER_SEC)); /* no limit */
}

/* Many addresses: the table is bounded, the last ones are there. */
static void test_crowd(void **state)
{
    const u32 crowd = 100 * SOURCE_SETS;
    u32 kept = 0;
    (void)state;

    for (u32 i = 1; i <= crowd; i++)
        sources_failed(&t, i, i * NS_PER_US);
    assert_true(sources_has(&t, crowd, crowd * NS_PER_US));
    for (u32 i = 1; i <= crowd; i++)
        kept += sources_has(&t, i, crowd * NS_PER_US);
    assert_in_range(kept, SOURCE_SETS * SOURCE_WAYS * 99 / 100, SOURCE_SETS * SOURCE_WAYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_window, setup),
        cmocka_unit_test_setup(test_crowd, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
