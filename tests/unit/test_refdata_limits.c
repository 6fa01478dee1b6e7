/* test_refdata_limits.c - what accounts and firms may have at stake, as files say it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gateway/refdata.h"
#include "tests/lib/refdata_rig.h"

#define ACCOUNTS                                                                           \
    "user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,max_open_orders," \
    "restricted,max_exposure,max_daily_notional,max_position,last_price_collar_percent\n"
#define ROW  "A,F," HASH ",yes,1,1,1,none,,"
#define FIRM "firm,max_exposure,max_daily_notional,max_position,last_price_collar_percent\n"

/* Both loads, as main does them; the number of errors. */
static int load(const char *accounts, const char *firms)
{
    struct refdata_texts texts = {
        .instruments = ONE_INSTRUMENT, .accounts = accounts, .firms = firms, .most = 10};

    return refdata_read(&texts);
}

static void test_limits(void **state)
{
    const struct msg_limit *l;
    (void)state;

    assert_int_equal(load(ACCOUNTS ROW "1000.5,2000,300,12.5\n", NULL), 0);
    l = &refs.accounts[0].stake;
    assert_int_equal(l->exposure_max, 10005000);
    assert_int_equal(l->daily_max, 20000000);
    assert_int_equal(l->position_max, 300);
    assert_int_equal(l->collar_bps, 1250);
    assert_int_equal(
        load(ACCOUNTS ROW ",none,,\n", FIRM "ab,none,100000000000,1000000000000,100\nF,,,,\n"), 0);
    l = &refs.accounts[0].stake;
    assert_int_equal(l->exposure_max + l->daily_max + l->position_max + l->collar_bps, 0);
    assert_int_equal(refs.firms_used, 2);
    l = &refs.firms[0];
    assert_memory_equal(l->firm, "AB  ", 4);
    assert_int_equal(l->scope, LIMIT_FIRM);
    assert_int_equal(l->exposure_max, 0);
    assert_int_equal(l->daily_max, LIMIT_MONEY_MAX);
    assert_int_equal(l->position_max, LIMIT_SHARES_MAX);
    assert_int_equal(l->collar_bps, 10000);
    assert_int_equal(load(ACCOUNTS ROW ",,,\n", "firm\nF\n"), 0); /* columns may be left out */
    assert_int_equal(refs.firms_used, 1);
}

static void assert_wrong(const char *limits, const char *firms, const char *expected)
{
    char text[900];

    snprintf(text, sizeof text, ACCOUNTS ROW "%s", limits);
    assert_int_equal(load(text, firms), 1);
    assert_string_equal(errors, expected);
}

static void test_wrong_limits(void **state)
{
    (void)state;
    assert_wrong("0,,,\n", NULL,
                 "a:2: max_exposure: 0: not such a limit; allowed: 0.0001 to 100000000000, or "
                 "none\n");
    assert_wrong(",100000000000.0001,,\n", NULL,
                 "a:2: max_daily_notional: 100000000000.0001: not such a limit; allowed: 0.0001 to "
                 "100000000000, or none\n");
    assert_wrong(",,1.5,\n", NULL,
                 "a:2: max_position: 1.5: not such a limit; allowed: 1 to 1000000000000 shares, or "
                 "none\n");
    assert_wrong(",,,101\n", NULL,
                 "a:2: last_price_collar_percent: 101: not such a limit; allowed: 0.01 to 100 per "
                 "cent, or none\n");
    assert_wrong(",,,\n", FIRM "ABCDE,,,,\n",
                 "f:2: firm: ABCDE: not a name; allowed: 1 to 4 letters and digits\n");
    assert_wrong(",,,\n", FIRM "A-B,,,,\n",
                 "f:2: firm: A-B: not a name; allowed: 1 to 4 letters and digits\n");
    assert_wrong(",,,\n", FIRM "AB,,,,\nab,,,,\n",
                 "f:3: firm: AB: given twice, before in line 2; allowed: "
                 "each once\n");
    assert_wrong(",,,\n", FIRM "AB,x,,,\n",
                 "f:2: max_exposure: x: not such a limit; allowed: 0.0001 to 100000000000, or "
                 "none\n");
}

static void test_too_many_firms(void **state)
{
    size_t n;
    char *text;
    FILE *f = open_memstream(&text, &n);
    (void)state;

    fputs(FIRM, f);
    for (u32 i = 0; i < FIRMS_MAX + 1; i++)
        fprintf(f, "%04u,1,,,\n", i);
    fclose(f);
    assert_wrong(",,,\n", text, "f: 1025 firms; allowed: 1024\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_wrong_limits),
        cmocka_unit_test(test_too_many_firms),
    };
    return cmocka_run_group_tests(tests, refdata_setup, refdata_teardown);
}
