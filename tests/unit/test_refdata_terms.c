/* test_refdata_terms.c - the columns of the accounts file that may be left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "gateway/refdata.h"
#include "tests/lib/refdata_rig.h"

static int load(const char *instruments, const char *accounts)
{
    struct refdata_texts texts = {.instruments = instruments, .accounts = accounts, .most = 10};

    return refdata_read(&texts);
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

    assert_int_equal(load(ONE_INSTRUMENT, TERMS_ACCOUNTS TERMS_ROW
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
    assert_int_equal(load(ONE_INSTRUMENT, text), 1);
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
    assert_int_equal(load(ONE_INSTRUMENT,
                          CHECKS_ACCOUNTS CHECKS_ROW "100,none,3,500,short  market cross\n"
                                                     "B,F," HASH ",yes,1,1,1,none,,,,,,\n"),
                     0);
    const struct risk_values *l = &refs.accounts[0].checks;
    assert_int_equal(l->orders_per_s, 100);
    assert_int_equal(l->symbol_per_s, 0);
    assert_int_equal(l->repeat_max, 3);
    assert_int_equal(l->repeat_ms, 500);
    assert_int_equal(l->bars, BAR_SHORT | BAR_MARKET | BAR_CROSS);
    l = &refs.accounts[1].checks;
    assert_int_equal(l->orders_per_s | l->symbol_per_s | l->repeat_max | l->repeat_ms | l->bars, 0);
}

static void assert_checks_error(const char *fields, const char *expected)
{
    char text[900];

    snprintf(text, sizeof text, CHECKS_ACCOUNTS CHECKS_ROW "%s", fields);
    assert_int_equal(load(ONE_INSTRUMENT, text), 1);
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

    assert_int_equal(load(ONE_INSTRUMENT,
                          COPY_ACCOUNTS TERMS_ROW "\nB,F," HASH ",yes,1,1,1,none,,no\n"
                                                  "C,F," HASH ",yes,1,1,1,none,,firm\n"
                                                  "D,F," HASH ",yes,1,1,1,none,,all\n"),
                     0);
    assert_int_equal(refs.accounts[0].copy, READER_ACCOUNT);
    assert_int_equal(refs.accounts[1].copy, READER_ACCOUNT);
    assert_int_equal(refs.accounts[2].copy, READER_FIRM);
    assert_int_equal(refs.accounts[3].copy, READER_ALL);
    assert_int_equal(load(ONE_INSTRUMENT, COPY_ACCOUNTS TERMS_ROW "venue\n"), 1);
    assert_non_null(strstr(errors, "drop_copy: venue: none of the words; allowed: no, firm, all"));
}

/* A file of each kind that says something in each field. */
static const char all_instruments[] =
    "symbol,tick,lot,reference_price,restricted,luld_tier,static_collar_percent,"
    "short_restricted\n"
    "AAPL,0.05,10,225.50,yes,2,15,no\nMSFT,0.01,100,400,no,,,yes\n";
static const char all_accounts[] =
    "user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,max_open_orders,"
    "restricted,stp,max_exposure,max_daily_notional,max_position,"
    "last_price_collar_percent,orders_per_s,symbol_orders_per_s,repeat_max,repeat_ms,"
    "forbidden\n"
    "ab1,xy," HASH ",no,11,12,13,14,AAPL MSFT,cancel_newest,16,17,18,19,20,21,22,23,"
    "short iso\n";

/* Whatever the files say is in the commands that the engine gets, each in its place. */
static void test_commands(void **state)
{
    union msg m;
    (void)state;

    if (load(all_instruments, all_accounts) != 0)
        fail_msg("said: %s", errors);
    refdata_instrument_command(&refs.instruments[0], &m);
    assert_int_equal(m.cmd.type, CMD_INSTRUMENT);
    assert_memory_equal(m.instrument.symbol, "AAPL    ", 8);
    assert_int_equal(m.instrument.tick, 500);
    assert_int_equal(m.instrument.lot, 10);
    assert_int_equal(m.instrument.reference_price, 2255000);
    assert_int_equal(m.instrument.tier, 2);
    assert_int_equal(m.instrument.collar_bps, 1500);
    refdata_account_command(&refs.accounts[0], &m);
    assert_int_equal(m.cmd.type, CMD_ACCOUNT);
    assert_int_equal(m.cmd.slots, msg_type_slots(CMD_ACCOUNT));
    assert_memory_equal(m.account.user, "AB1   XY  ", 10);
    assert_int_equal(m.account.disabled, 1);
    assert_int_equal(m.account.stp, STP_CANCEL_NEWEST);
    assert_true(refdata_limit_command(&refs.accounts[0], &m));
    assert_int_equal(m.cmd.type, CMD_LIMIT);
    assert_int_equal(m.limit.scope, LIMIT_ACCOUNT);
    assert_memory_equal(m.limit.user, "AB1   ", 6);
    assert_int_equal(m.limit.exposure_max, 160000);
    assert_int_equal(m.limit.daily_max, 170000);
    assert_int_equal(m.limit.position_max, 18);
    assert_int_equal(m.limit.collar_bps, 1900);
    assert_int_equal(m.limit.open_max, 14);
    refdata_checks_command(&refs.accounts[0], &m);
    assert_int_equal(m.cmd.type, CMD_CHECKS);
    assert_memory_equal(m.checks.user, "AB1   ", 6);
    assert_int_equal(m.checks.qty_max, 11);
    assert_int_equal(m.checks.notional_max, 120000);
    assert_int_equal(m.checks.collar_bps, 1300);
    assert_int_equal(m.checks.orders_per_s, 20);
    assert_int_equal(m.checks.symbol_per_s, 21);
    assert_int_equal(m.checks.repeat_max, 22);
    assert_int_equal(m.checks.repeat_ms, 23);
    assert_int_equal(m.checks.bars, BAR_SHORT | BAR_ISO);
}

static void test_commands_of_lists(void **state)
{
    static const struct {
        u8 kind, scope;
        char symbol[9], user[7];
    } lists[] = {{LIST_RESTRICTED, LIST_VENUE, "AAPL    ", ""},
                 {LIST_SHORT, LIST_VENUE, "MSFT    ", ""},
                 {LIST_RESTRICTED, LIST_ACCOUNT, "AAPL    ", "AB1   "},
                 {LIST_RESTRICTED, LIST_ACCOUNT, "MSFT    ", "AB1   "}};
    struct refdata_finder finder;
    u32 seen = 0;
    union msg m;
    (void)state;

    assert_int_equal(load(all_instruments, all_accounts), 0);
    refdata_finder_make(&finder, &refs);
    for (u64 at = 0; at < refdata_listed(&refs); at++) {
        if (!refdata_listed_command(&finder, at, &m))
            continue;
        assert_in_range(seen, 0, ARRAY_LEN(lists) - 1);
        assert_int_equal(m.listed.kind, lists[seen].kind);
        assert_int_equal(m.listed.scope, lists[seen].scope);
        assert_memory_equal(m.listed.symbol, lists[seen].symbol, 8);
        assert_true(lists[seen].user[0] == 0 || !memcmp(m.listed.user, lists[seen].user, 6));
        assert_true(refdata_lists(&finder, &m.listed));
        seen++;
    }
    assert_int_equal(seen, ARRAY_LEN(lists));
    refdata_finder_free(&finder);
}

/* As many accounts as there may be, each with a list: neither start nor reload may look at all of
 * them for each of them. It took 18 s, in one turn of the admin agent. */
static void test_lists_of_the_largest_venue(void **state)
{
    struct refdata all = {.accounts_used = ACCOUNTS_MAX};
    static char symbol[1][8] = {"AAPL    "};
    struct refdata_finder finder;
    char user[7];
    union msg m;
    (void)state;

    all.accounts = calloc(all.accounts_used, sizeof *all.accounts);
    assert_non_null(all.accounts);
    for (u32 i = 0; i < all.accounts_used; i++) {
        snprintf(user, sizeof user, "U%05X", i * 40503u % ACCOUNTS_MAX);
        memcpy(all.accounts[i].user, user, 6);
        *(i % 2 ? &all.accounts[i].restricted : &all.accounts[i].unshorted) =
            (struct refdata_list){symbol, 1};
    }
    clock_t began = clock();
    refdata_finder_make(&finder, &all);
    for (u32 at = 0; at < ACCOUNTS_MAX; at++) {
        assert_true(refdata_listed_command(&finder, at, &m));
        assert_memory_equal(m.listed.user, all.accounts[at].user, 6);
        assert_int_equal(m.listed.kind, at % 2 ? LIST_RESTRICTED : LIST_SHORT);
        assert_true(refdata_lists(&finder, &m.listed));
        assert_ptr_equal(refdata_account(&finder, all.accounts[at].user), &all.accounts[at]);
    }
    assert_false(refdata_listed_command(&finder, ACCOUNTS_MAX, &m));
    assert_null(refdata_account(&finder, "NOBODY"));
    assert_true((clock() - began) / CLOCKS_PER_SEC < 5);
    refdata_finder_free(&finder);
    free(all.accounts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terms),
        cmocka_unit_test(test_wrong_terms),
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_wrong_checks),
        cmocka_unit_test(test_drop_copy),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_commands_of_lists),
        cmocka_unit_test(test_lists_of_the_largest_venue),
    };
    return cmocka_run_group_tests(tests, refdata_setup, refdata_teardown);
}
