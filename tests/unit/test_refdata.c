/* test_refdata.c - exact decimals, both CSV files, every error with its line, config/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>

#include "engine/base/hash.h"
#include "engine/msg/msg.h"
#include "gateway/csv.h"
#include "gateway/refdata.h"
#include "tests/lib/refdata_rig.h"

#define INSTRUMENTS "symbol,tick,lot,reference_price,restricted\n"
#define ACCOUNTS                                                           \
    "user,firm,password_hash,enabled,max_qty,max_notional,collar_percent," \
    "max_open_orders,restricted\n"
#define GOOD_INSTRUMENTS INSTRUMENTS "AAPL,0.01,100,225.50,no\nMSFT,0.01,100,400,no\n"
#define GOOD_ACCOUNTS    ACCOUNTS "ALFA01,ALFA," HASH ",yes,1000,50000,10,none,\n"

static int load_max(const char *instruments, const char *accounts, u32 most)
{
    struct refdata_texts texts = {.instruments = instruments, .accounts = accounts, .most = most};

    return refdata_read(&texts);
}

static int load(const char *instruments, const char *accounts)
{
    return load_max(instruments, accounts, 1000);
}

static void assert_instruments_error(const char *rows, const char *want)
{
    char text[9000];
    snprintf(text, sizeof text, INSTRUMENTS "%s", rows);
    int count = load(text, ACCOUNTS);
    if (count != 1 || strcmp(errors, want) != 0)
        fail_msg("%d errors for:\n%s\nsaid:   %swanted: %s", count, rows, errors, want);
}

static void assert_accounts_error(const char *rows, const char *want)
{
    char text[9000];
    snprintf(text, sizeof text, ACCOUNTS "%s", rows);
    int count = load(GOOD_INSTRUMENTS, text);
    if (count != 1 || strcmp(errors, want) != 0)
        fail_msg("%d errors for:\n%s\nsaid:   %swanted: %s", count, rows, errors, want);
}

/* ---- decimals ---- */

static void test_decimal(void **state)
{
    static const struct {
        const char *text;
        u64 want; /* UINT64_MAX: refused */
    } rows[] = {
        {"150.25", 1502500},
        {"0", 0},
        {"0.0001", 1},
        {"1", 10000},
        {".5", 5000},
        {"5.", 50000},
        {"0.1", 1000},
        {"199999.99", 1999999900},
        {"0000001.5000", 15000},
        {"0.07", 700},
        {"1.15", 11500},
        {"", UINT64_MAX},
        {".", UINT64_MAX},
        {"-1", UINT64_MAX},
        {"+1", UINT64_MAX},
        {" 1", UINT64_MAX},
        {"1e3", UINT64_MAX},
        {"1.2.3", UINT64_MAX},
        {"0.00001", UINT64_MAX},
        {"1,5", UINT64_MAX},
        {"199999.9901", UINT64_MAX},
        {"99999999999999999999", UINT64_MAX},
        {"1844674407370955.1616", UINT64_MAX}, /* 2^64 in these units */
        {"0x1", UINT64_MAX},
        {"nan", UINT64_MAX},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        u64 got = 7;
        bool good = refdata_decimal(rows[i].text, 4, PRICE_LIMIT_MAX, &got);
        if (good != (rows[i].want != UINT64_MAX) || got != (good ? rows[i].want : 7))
            fail_msg("'%s'", rows[i].text);
    }
}

/* Every price there is reads back as itself. */
static void test_property_decimal(void **state)
{
    const char *env = getenv("WB_SEED");
    u64 seed = env ? strtoull(env, NULL, 0) : 1;
    char text[32];

    (void)state;
    for (u32 i = 0; i < 200000; i++) {
        u64 price = hash_2u64(seed, i, 0) % (PRICE_LIMIT_MAX + 1ull), got = 0;
        snprintf(text, sizeof text, "%llu.%04llu", (unsigned long long)price / 10000,
                 (unsigned long long)price % 10000);
        for (char *end = text + strlen(text) - 1; *end == '0' && i % 2; end--)
            *end = 0; /* with and without the zeros at its end */
        if (!refdata_decimal(text, 4, PRICE_LIMIT_MAX, &got) || got != price)
            fail_msg("seed %llu: %s gives %llu", (unsigned long long)seed, text,
                     (unsigned long long)got);
    }
}

/* ---- good files ---- */

static void test_good(void **state)
{
    (void)state;
    assert_int_equal(
        load("\xEF\xBB\xBF# comment\n\n restricted , symbol,tick,lot,reference_price\r\n"
             "no,AAPL,0.01,100,225.50\r\n"
             "  # another\n"
             "yes,\"BRK.A\" , 1 ,1,199999\n"
             "no,Z,0.0001,10,none",
             ACCOUNTS "alfa01,al," HASH ",yes,1000,50000.5,7.25,5000,Z AAPL  Z\n"
                      "B,BRAV," HASH ",no,none,none,none,none,\n"),
        0);
    assert_int_equal(refs.instruments_used, 3);
    assert_memory_equal(refs.instruments[0].symbol, "AAPL    ", 8);
    assert_int_equal(refs.instruments[0].tick, 100);
    assert_int_equal(refs.instruments[0].lot, 100);
    assert_int_equal(refs.instruments[0].reference_price, 2255000);
    assert_int_equal(refs.instruments[0].line, 4);
    assert_true(refs.instruments[1].restricted);
    assert_memory_equal(refs.instruments[1].symbol, "BRK.A   ", 8);
    assert_int_equal(refs.instruments[2].reference_price, 0);

    const struct refdata_account *a = refs.accounts;
    assert_int_equal(refs.accounts_used, 2);
    assert_memory_equal(a[0].user, "ALFA01", 6);
    assert_memory_equal(a[0].firm, "AL  ", 4);
    assert_int_equal(strncmp(a[0].password_hash, "$argon2id$v=19$m=16384,t=2,p=1$", 31), 0);
    assert_true(a[0].enabled);
    assert_int_equal(a[0].checks.qty_max, 1000);
    assert_int_equal(a[0].checks.notional_max, 500005000);
    assert_int_equal(a[0].checks.collar_bps, 725);
    assert_int_equal(a[0].stake.open_max, 5000);
    assert_int_equal(a[0].restricted.used, 2); /* sorted, once each */
    assert_memory_equal(a[0].restricted.at, "AAPL    Z       ", 16);
    assert_memory_equal(a[1].user, "B     ", 6);
    assert_false(a[1].enabled);
    assert_int_equal(a[1].checks.qty_max, 0);
    assert_int_equal(a[1].checks.notional_max, 0);
    assert_int_equal(a[1].checks.collar_bps, 0);
    assert_int_equal(a[1].stake.open_max, 0);
    assert_int_equal(a[1].restricted.used, 0);
}

static void test_config_files(void **state)
{
    struct refdata_max max = {1024, 64};

    (void)state;
    refdata_free(&refs);
    assert_int_equal(
        refdata_load("config/instruments.csv", "config/accounts.csv", "", &max, &refs, stderr), 0);
    assert_true(refs.instruments_used >= 50);
    assert_int_equal(refs.accounts_used, 4);
    assert_memory_equal(refs.accounts[0].user, "ALFA01", 6);
    assert_memory_equal(refs.accounts[3].firm, "CHAR", 4);
    assert_int_equal(refs.accounts[2].restricted.used, 2);
}

/* ---- instruments that are wrong ---- */

static void test_wrong_instruments(void **state)
{
    (void)state;
    assert_instruments_error("aapl,0.01,100,1,no\n",
                             "i:2: symbol: aapl: not a symbol; allowed: 1 to 8 of A-Z 0-9 . + - = "
                             "/\n");
    assert_instruments_error("NINELONGS,0.01,100,1,no\n",
                             "i:2: symbol: NINELONGS: not a symbol; allowed: 1 to 8 of A-Z 0-9 . + "
                             "- = /\n");
    assert_instruments_error(",0.01,100,1,no\n",
                             "i:2: symbol: \"\": not a symbol; allowed: 1 to 8 of A-Z 0-9 . + - = "
                             "/\n");
    assert_instruments_error("A,0.00001,100,1,no\n",
                             "i:2: tick: 0.00001: not a price; allowed: 0.0001 to 199999.99 with "
                             "at most four decimals\n");
    assert_instruments_error("A,0,100,1,no\n",
                             "i:2: tick: 0: not a price; allowed: 0.0001 to 199999.99 with at most "
                             "four decimals\n");
    assert_instruments_error("A,0.01,0,1,no\n",
                             "i:2: lot: 0: not a round lot; allowed: 1 to 999999 shares\n");
    assert_instruments_error("A,0.01,1000000,1,no\n",
                             "i:2: lot: 1000000: not a round lot; allowed: 1 to 999999 shares\n");
    assert_instruments_error("A,0.01,100,0.015,no\n",
                             "i:2: reference_price: 0.015: not a multiple of the tick; allowed: a "
                             "multiple, or none\n");
    assert_instruments_error("A,0.01,100,1,maybe\n",
                             "i:2: restricted: maybe: neither yes nor no; allowed: yes, no\n");
    assert_instruments_error("A,0.01,100,1,no\n\nB,0.01,100,1,no\nA,0.01,100,1,no\n",
                             "i:5: symbol: A: given twice, before in line 2; allowed: "
                             "each once\n");
}

/* ---- the CSV itself ---- */

/* Tier and collar may be left out, as a whole or in a row. */
static void test_bands_of_instruments(void **state)
{
    static const char head[] = "symbol,tick,lot,reference_price,restricted,luld_tier,"
                               "static_collar_percent\n";
    char text[512];
    (void)state;

    snprintf(text, sizeof text,
             "%sA,0.01,100,10,no,1,2.5\nB,0.01,100,10,no,none,none\nC,0.01,1,1,no,,\n", head);
    assert_int_equal(load(text, GOOD_ACCOUNTS), 0);
    assert_int_equal(refs.instruments[0].tier, 1);
    assert_int_equal(refs.instruments[0].collar_bps, 250);
    assert_int_equal(refs.instruments[1].tier, 0);
    assert_int_equal(refs.instruments[2].collar_bps, 0);
    snprintf(text, sizeof text, "%sA,0.01,100,10,no,3,101\n", head);
    assert_int_equal(load(text, GOOD_ACCOUNTS), 2);
    assert_string_equal(errors, "i:2: luld_tier: 3: not a tier; allowed: 1, 2, or none\n"
                                "i:2: static_collar_percent: 101: not a percentage; allowed: 0.01 "
                                "to 100 with at most two decimals, or none\n");
}

static void test_wrong_csv(void **state)
{
    static char big[5000];

    (void)state;
    assert_instruments_error("A,0.01,100,1\n", "i:2: 4 fields; allowed: 5 as in the header\n");
    assert_instruments_error("A,0.01,100,1,no,\n", "i:2: 6 fields; allowed: 5 as in the header\n");
    assert_instruments_error("\"A,0.01,100,1,no\n", "i:2: a quote is not closed in its line\n");
    assert_instruments_error("\"A\"B,0.01,100,1,no\n",
                             "i:2: text behind a closing quote; allowed: a comma\n");
    assert_instruments_error("A,\a,100,1,no\n", "i:2: control characters; allowed: text\n");
    memset(big, ',', 40);
    assert_instruments_error(big, "i:2: too many fields; allowed: 5\n");
    memset(big, 'x', sizeof big - 1);
    assert_instruments_error(big, "i:2: line too long; allowed: 4095 characters\n");

    assert_int_equal(load("", ACCOUNTS), 1);
    assert_string_equal(errors, "i: has no header line; allowed: the columns' names\n");
    assert_int_equal(load("symbol,tick,lot,restricted,lot,price\n", ACCOUNTS), 3);
    assert_string_equal(errors, "i:1: lot: column given twice\n"
                                "i:1: price: unknown column; allowed: symbol, tick, lot, "
                                "reference_price, restricted, luld_tier, static_collar_percent, "
                                "short_restricted\n"
                                "i:1: reference_price: this column is missing\n");
}

static void test_quotes(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    static struct csv c;
    char path[64];
    const char text[] = "a,b,c\n\"x\"\"y\",\"\",\" , \"\n\"\"\"\",  z  w ,\n";

    (void)state;
    refdata_write("q", text, strlen(text));
    snprintf(path, sizeof path, "%s/q", refdata_dir);
    struct report r = {.out = stderr, .file = path};
    assert_true(csv_open(&c, names, 3, 3, &r));
    assert_true(csv_next(&c));
    assert_string_equal(csv_field(&c, 0), "x\"y");
    assert_string_equal(csv_field(&c, 1), "");
    assert_string_equal(csv_field(&c, 2), " , ");
    assert_true(csv_next(&c));
    assert_string_equal(csv_field(&c, 0), "\"");
    assert_string_equal(csv_field(&c, 1), "z  w");
    assert_string_equal(csv_field(&c, 2), "");
    assert_false(csv_next(&c));
    csv_close(&c);
    assert_int_equal(r.count, 0);
}

/* The disk fails in the middle of the second of three rows. */
static ssize_t half_a_row(void *ctx, char *to, size_t bytes)
{
    static const char text[] = "1\n2";
    bool *begun = ctx;

    assert_true(bytes >= sizeof text);
    if (*begun) {
        errno = EIO;
        return -1;
    }
    *begun = true;
    memcpy(to, text, sizeof text - 1);
    return sizeof text - 1;
}

/* A file that ends too early would read as one that accounts have left. */
static void test_a_disk_that_fails(void **state)
{
    static const char *const names[] = {"a"};
    static struct csv c;
    bool begun = false;
    char path[64], said[256] = "";
    FILE *out = fmemopen(said, sizeof said, "w");

    (void)state;
    refdata_write("q", "a\n", 2);
    snprintf(path, sizeof path, "%s/q", refdata_dir);
    struct report r = {.out = out, .file = path};
    assert_true(csv_open(&c, names, 1, 1, &r));
    fclose(c.in);
    c.in = fopencookie(&begun, "r", (cookie_io_functions_t){.read = half_a_row});
    assert_true(csv_next(&c));
    assert_string_equal(csv_field(&c, 0), "1");
    assert_false(csv_next(&c));
    csv_close(&c);
    fclose(out);
    assert_int_equal(r.count, 1);
    assert_non_null(strstr(said, "/q: cannot be read: Input/output error"));
}

/* ---- accounts that are wrong ---- */

static void test_wrong_accounts(void **state)
{
    (void)state;
    assert_accounts_error("TOOLONG,F," HASH ",yes,1,1,1,none,\n",
                          "a:2: user: TOOLONG: not a name; allowed: 1 to 6 letters and digits\n");
    assert_accounts_error("A B,F," HASH ",yes,1,1,1,none,\n",
                          "a:2: user: A B: not a name; allowed: 1 to 6 letters and digits\n");
    assert_accounts_error("A,," HASH ",yes,1,1,1,none,\n",
                          "a:2: firm: \"\": not a name; allowed: 1 to 4 letters and digits\n");
    assert_accounts_error("A,F,geheim,yes,1,1,1,none,\n",
                          "a:2: password_hash: (not shown): not a password hash; allowed: "
                          "$argon2id$v=19$m=...,t=...,p=...$salt$hash\n");
    assert_accounts_error("A,F," HASH ",ja,1,1,1,none,\n",
                          "a:2: enabled: ja: neither yes nor no; allowed: yes, no\n");
    assert_accounts_error("A,F," HASH ",yes,0,1,1,none,\n",
                          "a:2: max_qty: 0: not such a limit; allowed: 1 to 999999 shares, or "
                          "none\n");
    assert_accounts_error("A,F," HASH ",yes,1000000,1,1,none,\n",
                          "a:2: max_qty: 1000000: not such a limit; allowed: 1 to 999999 shares, "
                          "or none\n");
    assert_accounts_error("A,F," HASH ",yes,1,,1,none,\n",
                          "a:2: max_notional: \"\": not such a limit; allowed: 0.0001 to "
                          "100000000000, or none\n");
    assert_accounts_error("A,F," HASH ",yes,1,1,100.01,none,\n",
                          "a:2: collar_percent: 100.01: not such a limit; allowed: 0.01 to 100 per "
                          "cent, or none\n");
    assert_accounts_error("A,F," HASH ",yes,1,1,1,0,\n",
                          "a:2: max_open_orders: 0: not such a limit; allowed: 1 to 16777216 "
                          "orders, or none\n");
    assert_accounts_error("A,F," HASH ",yes,1,1,1,none,AAPL QQQ\n",
                          "a:2: restricted: QQQ: no such instrument; allowed: symbols of the "
                          "instruments file, separated by spaces\n");
    assert_accounts_error("A,F," HASH ",yes,1,1,1,none,\na,G," HASH ",yes,1,1,1,none,\n",
                          "a:3: user: A: given twice, before in line 2; allowed: "
                          "each once\n");
}

/* Each part of a hash must be there; nothing may follow it. */
static void test_hash_form(void **state)
{
    static const char good[] =
        "$argon2id$v=19$m=16384,t=2,p=1$nFTjUpOMbtqB7+VJirno6Q$uenH44ld7wjVBa7CpuKR5EeMkZc6";
    char row[400];

    (void)state;
    for (size_t n = 0; n < sizeof good; n++) {
        snprintf(row, sizeof row, GOOD_INSTRUMENTS);
        char text[700];
        snprintf(text, sizeof text, ACCOUNTS "A,F,\"%.*s\",yes,1,1,1,none,\n", (int)n, good);
        bool enough = n >= sizeof good - 1 - 6; /* at least 22 characters of the hash itself */
        if ((load(row, text) == 0) != enough)
            fail_msg("%zu characters of a hash", n);
    }
    assert_int_equal(load(GOOD_INSTRUMENTS,
                          ACCOUNTS "A,F,\"$argon2id$v=19$m=1,t=1,p=1$nFTjUpOMbtqB"
                                   "$uenH44ld7wjVBa7CpuKR5EeMk!\",yes,1,1,1,none,\n"),
                     1);
}

static void test_too_many(void **state)
{
    (void)state;
    assert_int_equal(load_max(GOOD_INSTRUMENTS, GOOD_ACCOUNTS, 1), 1);
    assert_string_equal(errors, "i: 2 instruments; allowed: 1 (engine.instruments_max)\n");
    assert_int_equal(load_max(INSTRUMENTS,
                              ACCOUNTS "A,F," HASH ",yes,1,1,1,none,\n"
                                       "B,F," HASH ",yes,1,1,1,none,\n",
                              1),
                     1);
    assert_string_equal(errors, "a: 2 accounts; allowed: 1 (engine.accounts_max)\n");
}

static void test_all_at_once(void **state)
{
    (void)state;
    assert_int_equal(load(INSTRUMENTS "a,b,c,d,e\nA,0.01,1,1,no\nA,0.01,1,1,no\n",
                          ACCOUNTS "--,--,x,x,x,x,x,x,x\n"),
                     5 + 1 + 9);
    free(errors);
    size_t n;
    FILE *f = open_memstream(&errors, &n);
    struct refdata_max max = {1, 1};
    refdata_free(&refs);
    assert_int_equal(refdata_load("/no/i", "/no/a", "", &max, &refs, f), 2);
    fclose(f);
    assert_non_null(strstr(errors, "/no/i: cannot be opened: No such file or directory; the config "
                                   "names it as reference.instruments_file; give the path"));
    assert_non_null(strstr(errors, "/no/a: cannot be opened: No such file or directory; the config "
                                   "names it as reference.accounts_file; give the path"));
}

/* 65,535 instruments load at once, with the duplicate among them found. */
static void test_many(void **state)
{
    size_t n = 0;
    char *text = NULL;
    FILE *f = open_memstream(&text, &n);

    (void)state;
    fputs(INSTRUMENTS, f);
    for (u32 i = 0; i < INSTRUMENTS_MAX; i++)
        fprintf(f, "S%u,0.01,100,1,no\n", i == 60000 ? 7 : i);
    fclose(f);
    assert_int_equal(load_max(text, ACCOUNTS, INSTRUMENTS_MAX), 1);
    assert_string_equal(errors, "i:60002: symbol: S7: given twice, before in line 9; allowed: "
                                "each once\n");
    assert_int_equal(refs.instruments_used, INSTRUMENTS_MAX);
    free(text);
}

/* A second password and networks, where the file has the columns. */
static void test_access(void **state)
{
    static const char head[] =
        "user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,max_open_orders,"
        "restricted,networks,password_hash_2\n";
    char text[1024];
    (void)state;

    snprintf(text, sizeof text,
             "%sA,F," HASH ",yes,none,none,none,none,,10.0.0.0/8 192.0.2.7," HASH "\nB,F," HASH
             ",yes,none,none,none,none,,,\n",
             head);
    assert_int_equal(load(GOOD_INSTRUMENTS, text), 0);
    assert_int_equal(refs.accounts[0].networks.used, 2);
    assert_memory_equal(&refs.accounts[0].networks.at[0], "\x0A\0\0\0\xFF\0\0\0", 8);
    assert_memory_equal(&refs.accounts[0].networks.at[1], "\xC0\0\2\7\xFF\xFF\xFF\xFF", 8);
    assert_string_equal(refs.accounts[0].password_hash_2, refs.accounts[0].password_hash);
    assert_int_equal(refs.accounts[1].networks.used, 0);
    assert_string_equal(refs.accounts[1].password_hash_2, "");
    snprintf(text, sizeof text, "%sA,F," HASH ",yes,none,none,none,none,,10.0.0.1/8,x\n", head);
    assert_int_equal(load(GOOD_INSTRUMENTS, text), 2);
    assert_non_null(strstr(errors, "a:2: password_hash_2: (not shown): not a password hash"));
    assert_non_null(
        strstr(errors, "a:2: networks: 10.0.0.1/8: has bits behind its prefix; allowed"));
    snprintf(text, sizeof text,
             "%sA,F," HASH ",yes,none,none,none,none,,1.1.1.1 2.2.2.2 3.3.3.3 "
             "4.4.4.4 5.5.5.5 6.6.6.6 7.7.7.7 8.8.8.8 9.9.9.9,\n",
             head);
    assert_int_equal(load(GOOD_INSTRUMENTS, text), 1);
    assert_non_null(strstr(errors, "too many"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_access),
        cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_property_decimal),
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_config_files),
        cmocka_unit_test(test_wrong_instruments),
        cmocka_unit_test(test_bands_of_instruments),
        cmocka_unit_test(test_wrong_csv),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_a_disk_that_fails),
        cmocka_unit_test(test_wrong_accounts),
        cmocka_unit_test(test_hash_form),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, refdata_setup, refdata_teardown);
}
