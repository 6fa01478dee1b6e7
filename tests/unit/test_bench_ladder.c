/* test_bench_ladder.c - the rate ladder: which rates it climbs, and where it says that it broke. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "gateway/client/bench_ladder.h"

/* A made-up venue: what each run finds. */
static struct {
    u64 p99_us[8];
    int code[8];
    bool interrupted[8];
    u64 rates[8]; /* that were asked for */
    u32 runs;
} venue;

static int run(const struct bench_options *o, struct bench_result *r)
{
    u32 i = venue.runs++;

    memset(r, 0, sizeof *r);
    histogram_init(&r->all);
    venue.rates[i] = o->rate;
    assert_false(o->any_rate); /* a ladder without a judge has no end */
    if (venue.p99_us[i] > 0)
        histogram_record(&r->all, venue.p99_us[i] * 1000);
    r->achieved = (double)o->rate;
    r->interrupted = venue.interrupted[i];
    r->code = venue.code[i];
    return r->code;
}

static char text[8192];

static int climb(const char *rates, u64 knee, bool lines)
{
    static struct bench_options o;
    struct bench_ladder l = {.knee = knee};
    FILE *f = fmemopen(text, sizeof text, "w");

    o.any_rate = true;
    o.lines = lines;
    o.run_ms = 1000;
    o.sessions = 4;
    venue.runs = 0;
    assert_null(bench_ladder_parse(&l, rates));
    int code = bench_ladder_run(&l, &o, run, f);
    fclose(f);
    return code;
}

static void prepare(u64 a, u64 b, u64 c)
{
    memset(&venue, 0, sizeof venue);
    venue.p99_us[0] = a;
    venue.p99_us[1] = b;
    venue.p99_us[2] = c;
}

static void test_all_hold(void **state)
{
    (void)state;
    prepare(10, 90, 100);
    assert_int_equal(climb("1k,10k,1M", 10, true), BENCH_OK);
    assert_int_equal(venue.runs, 3);
    assert_int_equal(venue.rates[2], 1000000);
    assert_non_null(strstr(text, "bench.ladder.1000.p99_us 10.0"));
    assert_non_null(strstr(text, "bench.knee 1000000 requests/s\n"));
}

/* The limit is a multiple of the first rung's p99, not of the one before. */
static void test_latency_breaks(void **state)
{
    (void)state;
    prepare(10, 99, 102);
    assert_int_equal(climb("1k,10k,20k,30k", 10, false), BENCH_OK);
    assert_int_equal(venue.runs, 3);
    assert_non_null(strstr(text, "  broken\n"));
    assert_non_null(
        strstr(text, "knee: 10000 requests/s, the last rate with a p99 of at most 100"));
}

static void test_rate_breaks(void **state)
{
    (void)state;
    prepare(10, 10, 10);
    venue.code[1] = BENCH_TOO_SLOW;
    assert_int_equal(climb("1k,10k,20k", 10, true), BENCH_OK);
    assert_int_equal(venue.runs, 2);
    assert_non_null(strstr(text, "bench.knee 1000 requests/s\n"));
}

static void test_first_rung_breaks(void **state)
{
    (void)state;
    prepare(10, 10, 10);
    venue.code[0] = BENCH_TOO_SLOW;
    assert_int_equal(climb("1k,10k", 10, true), BENCH_TOO_SLOW);
    assert_non_null(strstr(text, "bench.knee 0 requests/s\n"));
}

/* Hanging up under load is breaking; never having worked, or answering wrongly, is a failure. */
static void test_failures(void **state)
{
    (void)state;
    prepare(10, 10, 10);
    venue.code[1] = BENCH_LOST;
    assert_int_equal(climb("1k,10k", 10, true), BENCH_OK);
    assert_non_null(strstr(text, "bench.knee 1000 requests/s\n"));
    prepare(10, 10, 10);
    venue.code[0] = BENCH_LOST;
    assert_int_equal(climb("1k,10k", 10, true), BENCH_LOST);
    prepare(10, 10, 10);
    venue.code[1] = BENCH_WRONG;
    assert_int_equal(climb("1k,10k,20k", 10, true), BENCH_WRONG);
    assert_int_equal(venue.runs, 2);
}

static void test_interrupted(void **state)
{
    (void)state;
    prepare(10, 10, 10);
    venue.interrupted[1] = true;
    assert_int_equal(climb("1k,10k,20k", 10, true), BENCH_OK);
    assert_int_equal(venue.runs, 2);
    assert_non_null(strstr(text, "bench.knee 1000 requests/s\n")); /* nobody has seen the other */
    assert_int_equal(climb("1k,10k,20k", 10, false), BENCH_OK);
    assert_non_null(strstr(text, "  interrupted\n"));
    venue.interrupted[0] = true;
    assert_int_equal(climb("1k,10k,20k", 10, true), BENCH_TOO_SLOW);
    assert_int_equal(venue.runs, 1);
}

static void test_parse(void **state)
{
    struct bench_ladder l = {0};

    (void)state;
    assert_null(bench_ladder_parse(&l, "1k,10k,500k,1M"));
    assert_int_equal(l.rungs, 4);
    assert_int_equal(l.rates[0], 1000);
    assert_int_equal(l.rates[3], 1000000);
    assert_null(bench_ladder_parse(&l, "250"));
    assert_int_equal(l.rungs, 1);
    static const char *const wrong[] = {"",
                                        "k",
                                        "1k,",
                                        ",1k",
                                        "1k,1k",
                                        "10k,1k",
                                        "1k;2k",
                                        "1kk",
                                        "0,1k",
                                        "-1",
                                        "11M",
                                        "1e3",
                                        "99999999999999999999k"};
    for (u32 i = 0; i < ARRAY_LEN(wrong); i++)
        assert_non_null(bench_ladder_parse(&l, wrong[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_hold),    cmocka_unit_test(test_latency_breaks),
        cmocka_unit_test(test_rate_breaks), cmocka_unit_test(test_first_rung_breaks),
        cmocka_unit_test(test_failures),    cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
