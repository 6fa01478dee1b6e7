/* test_refdata_terms.c - the columns of the accounts file that may be left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/refdata.h"

#define HASH \
    "\"$argon2id$v=19$m=16384,t=2,p=1$nFTjUpOMbtqB7+VJirno6Q$uenH44ld7wjVBa7CpuKR5EeMkZc6\""
#define GOOD_INSTRUMENTS "symbol,tick,lot,reference_price,restricted\nAAPL,0.01,100,225.50,no\n"

static struct refdata refs;
static char *errors;
static char dir[] = "/tmp/test_refdata_terms_XXXXXX";

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* Loads the two texts, which lie in files i and a of the directory that the program is in. */
static int load(const char *instruments, const char *accounts)
{
    struct refdata_max max = {10, 10};
    size_t n;

    free(errors);
    refdata_free(&refs);
    write_file("i", instruments);
    write_file("a", accounts);
    FILE *f = open_memstream(&errors, &n);
    int count = refdata_load("i", "a", "", &max, &refs, f);
    fclose(f);
    return count;
}

#define TERMS_ACCOUNTS                                                                     \
    "user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,max_open_orders," \
    "restricted,stp,stp_level,stp_details,cancel_on_disconnect,post_only\n"
#define TERMS_ROW "A,F," HASH ",yes,1,1,1,none,,"

/* Settings that a file may leave out, column by column or field by field. */
static void test_terms(void **state)
{
    const struct msg_account *t;
    (void)state;

    assert_int_equal(load(GOOD_INSTRUMENTS, TERMS_ACCOUNTS TERMS_ROW
                          "decrement_both,firm,yes,1500,slide\n"
                          "B,G," HASH ",no,1,1,1,none,,,,,,\n"
                          "C,H," HASH ",no,1,1,1,none,,off,account,no,on,cancel\n"),
                     0);
    t = &refs.accounts[0].terms;
    assert_int_equal(t->stp, STP_DECREMENT);
    assert_int_equal(t->stp_level, STP_FIRM);
    assert_int_equal(t->stp_details, 1);
    assert_int_equal(t->drop, 1);
    assert_int_equal(t->drop_ms, 1500);
    assert_int_equal(t->post_slide, 1);
    struct msg_account plain = {.by_port = BY_PORT_ALL};
    assert_true(msg_account_same(&plain, &refs.accounts[1].terms));
    plain.by_port = 0;
    plain.drop = 1;
    assert_true(msg_account_same(&plain, &refs.accounts[2].terms));
}

static void assert_terms_error(const char *fields, const char *expected)
{
    char text[900];

    snprintf(text, sizeof text, TERMS_ACCOUNTS TERMS_ROW "%s", fields);
    assert_int_equal(load(GOOD_INSTRUMENTS, text), 1);
    assert_string_equal(errors, expected);
}

static void test_wrong_terms(void **state)
{
    (void)state;
    assert_terms_error("newest,,,,\n",
                       "a:2: stp: newest: none of the words; allowed: off, cancel_newest, "
                       "cancel_oldest, decrement_both, cancel_both\n");
    assert_terms_error("off,desk,,,\n",
                       "a:2: stp_level: desk: none of the words; allowed: account, firm\n");
    assert_terms_error("off,firm,1,,\n",
                       "a:2: stp_details: 1: none of the words; allowed: yes, no\n");
    assert_terms_error(",,,0,\n",
                       "a:2: cancel_on_disconnect: 0: no such setting; allowed: off, on, or 1 to "
                       "86400000 milliseconds in which it may come back\n");
    assert_terms_error(",,,,move\n",
                       "a:2: post_only: move: none of the words; allowed: cancel, slide\n");
}

#define CHECKS_ACCOUNTS                                                                    \
    "user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,max_open_orders," \
    "restricted,orders_per_s,symbol_orders_per_s,repeat_max,repeat_ms,forbidden\n"
#define CHECKS_ROW "A,F," HASH ",yes,1,1,1,none,,"

static void test_checks(void **state)
{
    (void)state;
    assert_int_equal(load(GOOD_INSTRUMENTS,
                          CHECKS_ACCOUNTS CHECKS_ROW "100,none,3,500,short  market cross\n"
                                                     "B,F," HASH ",yes,1,1,1,none,,,,,,\n"),
                     0);
    const struct risk_limits *l = &refs.accounts[0].limits;
    assert_int_equal(l->orders_per_s, 100);
    assert_int_equal(l->symbol_per_s, 0);
    assert_int_equal(l->repeat_max, 3);
    assert_int_equal(l->repeat_ms, 500);
    assert_int_equal(l->bars, BAR_SHORT | BAR_MARKET | BAR_CROSS);
    l = &refs.accounts[1].limits;
    assert_int_equal(l->orders_per_s | l->symbol_per_s | l->repeat_max | l->repeat_ms | l->bars, 0);
}

static void assert_checks_error(const char *fields, const char *expected)
{
    char text[900];

    snprintf(text, sizeof text, CHECKS_ACCOUNTS CHECKS_ROW "%s", fields);
    assert_int_equal(load(GOOD_INSTRUMENTS, text), 1);
    assert_string_equal(errors, expected);
}

static void test_wrong_checks(void **state)
{
    (void)state;
    assert_checks_error("0,,,,\n", "a:2: orders_per_s: 0: not such a limit; allowed: 1 to 1000000 "
                                   "orders a second, or none\n");
    assert_checks_error(",,3,,\n",
                        "a:2: repeat_ms: \"\": one without the other; allowed: repeat_max "
                        "and repeat_ms together, or neither\n");
    assert_checks_error(",,,,shorts\n",
                        "a:2: forbidden: shorts: not all of it are such words; allowed: market, "
                        "short, short_exempt, iso, peg, hidden, reserve, cross, separated by "
                        "spaces, or none\n");
}

#define COPY_ACCOUNTS                                                                      \
    "user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,max_open_orders," \
    "restricted,drop_copy\n"

/* Whose messages an account reads instead of trading. */
static void test_drop_copy(void **state)
{
    (void)state;

    assert_int_equal(load(GOOD_INSTRUMENTS,
                          COPY_ACCOUNTS TERMS_ROW "\nB,F," HASH ",yes,1,1,1,none,,no\n"
                                                  "C,F," HASH ",yes,1,1,1,none,,firm\n"
                                                  "D,F," HASH ",yes,1,1,1,none,,all\n"),
                     0);
    assert_int_equal(refs.accounts[0].copy, READER_ACCOUNT);
    assert_int_equal(refs.accounts[1].copy, READER_ACCOUNT);
    assert_int_equal(refs.accounts[2].copy, READER_FIRM);
    assert_int_equal(refs.accounts[3].copy, READER_ALL);
    assert_int_equal(load(GOOD_INSTRUMENTS, COPY_ACCOUNTS TERMS_ROW "venue\n"), 1);
    assert_non_null(strstr(errors, "drop_copy: venue: none of the words; allowed: no, firm, all"));
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) ? chdir(dir) : -1;
}

static int teardown(void **state)
{
    (void)state;
    unlink("i");
    unlink("a");
    refdata_free(&refs);
    free(errors);
    return chdir("/") || rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terms),     cmocka_unit_test(test_wrong_terms),
        cmocka_unit_test(test_checks),    cmocka_unit_test(test_wrong_checks),
        cmocka_unit_test(test_drop_copy),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
