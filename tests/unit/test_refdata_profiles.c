/* test_refdata_profiles.c - the profiles file, and what holds between it, accounts and ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/msg/profile.h"
#include "gateway/refdata.h"
#include "tests/lib/refdata_rig.h"

#define ACCOUNTS                                                                           \
    "user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,max_open_orders," \
    "restricted,profile,ports\n"
#define ROW "A,F," HASH ",yes,"

/* All that main reads and compares; the number of errors. Two ports: 9000 and 9001 with P. */
static int load(const char *profiles, const char *accounts)
{
    struct conf conf;
    struct refdata_texts texts = {.instruments = ONE_INSTRUMENT,
                                  .accounts = accounts,
                                  .profiles = profiles,
                                  .most = 10,
                                  .conf = &conf};

    conf_default(&conf);
    conf.gateway.listen_used = 2;
    conf.gateway.listen[1] = conf.gateway.listen[0];
    conf.gateway.listen[1].port = 9001;
    snprintf(conf.gateway.listen[1].profile, sizeof conf.gateway.listen[1].profile, "p");
    snprintf(conf.accounts_file, sizeof conf.accounts_file, "a");
    return refdata_read(&texts);
}

static void assert_wrong(const char *profiles, const char *accounts, const char *said)
{
    assert_int_not_equal(load(profiles, accounts), 0);
    if (strcmp(errors, said) != 0)
        fail_msg("said: %s", errors);
}

/* A base comes first wherever it stands; what is empty is left to it. */
static void test_profiles(void **state)
{
    const struct refdata_profile *p;
    (void)state;

    assert_int_equal(load("profile,based_on,max_qty,max_exposure,forbidden\n"
                          "p,House,,,short\nHOUSE,,1000,none,\n",
                          ACCOUNTS ROW ",,,,,p,\n"),
                     0);
    assert_int_equal(refs.profiles_used, 2);
    p = &refs.profiles[0];
    assert_memory_equal(p->terms.name, "HOUSE   ", 8);
    assert_int_equal(p->terms.values.qty_max, 1000);
    assert_int_equal(p->terms.values.inherits, FIELDS_ALL & ~(FIELD_QTY | FIELD_EXPOSURE));
    p = &refs.profiles[1];
    assert_memory_equal(p->terms.base, "HOUSE   ", 8);
    assert_int_equal(p->terms.values.inherits, FIELDS_ALL & ~FIELD_BARS);
    assert_int_equal(p->terms.values.bars, BAR_SHORT);
    assert_memory_equal(refs.accounts[0].profile, "P       ", 8);
    assert_int_equal(refs.accounts[0].checks.inherits & (FIELD_QTY | FIELD_NOTIONAL | FIELD_COLLAR),
                     7);
    assert_int_equal(refs.accounts[0].stake.inherits, FIELDS_OF_LIMITS);
    assert_int_equal(load("profile\np\n", ACCOUNTS ROW ",,,none,,p,\n"), 0);
    assert_int_equal(refs.accounts[0].stake.inherits, FIELDS_OF_LIMITS & ~FIELD_OPEN);
}

/* Each column has a place of its own, in a profile and in what the engine is told of an account. */
static void test_each_column(void **state)
{
#define CHECKED "orders_per_s,symbol_orders_per_s,repeat_max,repeat_ms,forbidden"
#define STAKE   "max_exposure,max_daily_notional,max_position,last_price_collar_percent"
#define VALUES  "101,102,103,104,iso peg"
    static const char profiles[] =
        "profile,max_qty,max_notional,collar_percent," STAKE ",max_open_orders," CHECKED
        "\np,11,12,13,14,15,16,17,18," VALUES "\n";
    static const char accounts[] =
        "user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,max_open_orders,"
        "restricted," CHECKED "\nA,F," HASH ",yes,11,12,13,18,," VALUES "\n";
    static const struct risk_values wanted = {.qty_max = 11,
                                              .notional_max = 120000,
                                              .collar_bps = 1300,
                                              .exposure_max = 140000,
                                              .daily_max = 150000,
                                              .position_max = 16,
                                              .last_bps = 1700,
                                              .open_max = 18,
                                              .orders_per_s = 101,
                                              .symbol_per_s = 102,
                                              .repeat_max = 103,
                                              .repeat_ms = 104,
                                              .bars = BAR_ISO | BAR_PEG};
    union msg m;
    (void)state;

    assert_int_equal(load(profiles, accounts), 0);
    refdata_profile_command(&refs.profiles[0], &m);
    assert_int_equal(m.cmd.type, CMD_PROFILE);
    assert_memory_equal(&m.profile.values, &wanted, sizeof wanted);
    refdata_checks_command(&refs.accounts[0], &m);
    assert_int_equal(m.cmd.type, CMD_CHECKS);
    struct risk_values v = checks_values(&m.checks), checks = wanted;
    checks.exposure_max = checks.daily_max = checks.position_max = checks.last_bps = 0;
    checks.open_max = 0;
    assert_memory_equal(&v, &checks, sizeof v);
    assert_true(refdata_limit_command(&refs.accounts[0], &m));
    assert_int_equal(m.cmd.type, CMD_LIMIT);
    assert_int_equal(m.limit.open_max, 18);
    refdata_account_command(&refs.accounts[0], &m);
    assert_int_equal(m.cmd.type, CMD_ACCOUNT);
    refdata_instrument_command(&refs.instruments[0], &m);
    assert_int_equal(m.cmd.type, CMD_INSTRUMENT);
    assert_int_equal(m.instrument.tick, 100);
    assert_int_equal(m.instrument.lot, 100);
    assert_int_equal(m.instrument.reference_price, 2255000);
}

/* One more profile than there may be. */
static void test_too_many_profiles(void **state)
{
    char text[16 + (PROFILES_MAX + 1) * 8] = "profile\np\n";
    size_t at = strlen(text);
    (void)state;

    for (u32 i = 1; i < PROFILES_MAX; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "N%u\n", i);
    assert_int_equal(load(text, ACCOUNTS ROW "none,none,none,none,,,\n"), 0);
    assert_int_equal(refs.profiles_used, PROFILES_MAX);
    snprintf(text + at, sizeof text - at, "MORE\n");
    assert_wrong(text, ACCOUNTS ROW "none,none,none,none,,,\n", "p: 257 profiles; allowed: 256\n");
}

static void test_wrong_profiles(void **state)
{
    static const char good[] = ACCOUNTS ROW "none,none,none,none,,,\n";
    (void)state;

    assert_wrong("profile\np\np\n", good,
                 "p:3: profile: P: given twice, before in line 2; allowed: "
                 "each once\n");
    assert_wrong("profile,based_on\np,\nq,r\nr,q\n", good,
                 "p:3: based_on: R: the profile is based on itself, or on one that is\n"
                 "p:4: based_on: Q: the profile is based on itself, or on one that is\n");
    assert_wrong("profile,based_on\np,\ns,t\n", good,
                 "p:3: based_on: T: no such profile; allowed: profiles of this file\n");
    assert_wrong("profile\nlongername\np\n", good,
                 "p:2: profile: longername: not a name; allowed: 1 to 8 letters, digits and -\n");
    assert_wrong("profile,max_qty\np,0\np,\n", good,
                 "p:2: max_qty: 0: not such a limit; allowed: 1 to 999999 shares, or none\n");
}

static void test_accounts_and_ports(void **state)
{
    (void)state;
    assert_wrong("profile\np\n", ACCOUNTS ROW "none,none,none,none,,q,\n",
                 "a:2: profile: q: no such profile; allowed: profiles of reference.profiles_file; "
                 "port: that of the listening port\n");
    assert_wrong("profile\np\n", ACCOUNTS ROW ",none,none,none,,,\n", /* nobody else says it */
                 "a:2: max_qty: \"\": not such a limit; allowed: 1 to 999999 shares, or none\n");
    assert_wrong("profile\nq\n", ACCOUNTS ROW "none,none,none,none,,,\n",
                 "f.yaml: gateway.listen[1].profile: p: no such profile; allowed: profiles of "
                 "reference.profiles_file, which is not set\n");
    assert_int_equal(load("profile\np\n", ACCOUNTS ROW ",,,none,,port,9001\n"), 0);
    assert_int_equal(refs.accounts[0].ports.at[0], 9001);
    assert_wrong("profile\np\n", ACCOUNTS ROW ",,,none,,port,\n",
                 "a:2: profile: port: the account may log in by port 9000, which has no profile\n");
    assert_wrong("profile\np\n", ACCOUNTS ROW "none,none,none,none,,p,9001 9002\n",
                 "a:2: ports: 9002: not a port of gateway.listen for orders\n");
    assert_wrong("profile\np\n", ACCOUNTS ROW "none,none,none,none,,p,x\n",
                 "a:2: ports: x: not such a list; allowed: up to 8 TCP ports of gateway.listen, "
                 "separated by spaces\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profiles),           cmocka_unit_test(test_each_column),
        cmocka_unit_test(test_too_many_profiles),  cmocka_unit_test(test_wrong_profiles),
        cmocka_unit_test(test_accounts_and_ports),
    };
    return cmocka_run_group_tests(tests, refdata_setup, refdata_teardown);
}
