/*
 * test_recent.c - percentiles of the last window: against what was counted in it, and nothing that
 * was counted before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "engine/base/metrics.h"
#include "engine/base/stamps.h"
#include "gateway/admin/recent.h"

static struct metric_histogram times[2];
static const u64 start_ns = 1000 * NS_PER_SEC;

static void window(struct recent *r, u64 now_ns)
{
    for (u32 i = 0; i < STAGES; i++)
        assert_int_equal(recent_do_work(r, now_ns), 1); /* a stage a turn */
    assert_int_equal(recent_do_work(r, now_ns), 0);
    assert_int_equal(recent_do_work(r, now_ns + RECENT_NS - 1), 0);
}

/* The gauge as a reader of /metrics sees it, in ns; -1: there is none. */
static i64 shown(const char *stage, const char *percentile)
{
    char *text = NULL, want[128];
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    metrics_print(out);
    fclose(out);
    snprintf(want, sizeof want, "wirebook_stage_recent_seconds{stage=\"%s\",percentile=\"%s\"} ",
             stage, percentile);
    const char *at = strstr(text, want);
    i64 ns = at ? (i64)(strtod(at + strlen(want), NULL) * 1e9 + 0.5) : -1;
    free(text);
    return ns;
}

static void test_windows(void **state)
{
    (void)state;
    metrics_reset();
    assert_null(recent_new()); /* a venue without stages */
    for (u32 g = 0; g < 2; g++) {
        metric_histogram_init(&times[g]);
        metrics_register_histogram(
            "wirebook_stage_seconds",
            g ? "gateway=\"1\",stage=\"total\"" : "gateway=\"0\",stage=\"total\"", "T.", &times[g]);
    }
    struct recent *r = recent_new();
    recent_register_metrics(r);
    for (u32 i = 0; i < 1000; i++)
        metric_histogram_add(&times[i & 1], 900); /* before it looked for the first time */
    window(r, start_ns);
    assert_int_equal(shown("total", "50"), 900);
    for (u32 i = 1; i <= 1000; i++)
        metric_histogram_add(&times[i & 1], i); /* exact below 1,024 ns */
    window(r, start_ns + RECENT_NS);
    assert_int_equal(shown("total", "50"), 500);
    assert_int_equal(shown("total", "99"), 990);
    assert_int_equal(shown("total", "99.9"), 999);
    assert_int_equal(shown("parse", "99"), 0);
    assert_int_equal(shown("parse", "12"), -1);
    window(r, start_ns + 2 * RECENT_NS); /* nothing since */
    assert_int_equal(shown("total", "99.9"), 0);
    recent_free(r);
    assert_int_equal(recent_do_work(NULL, 0), 0);
    metrics_reset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_windows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
