/*
 * wirebook-client without a venue: its language, its lines, its resume file, its exit codes. What
 * it does against a venue is tested in tests/integ/test_client.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/clock.h"
#include "gateway/client/client_command.h"
#include "gateway/client/client_lines.h"
#include "gateway/client/client_options.h"
#include "gateway/client/client_print.h"
#include "gateway/client/client_run.h"

static char line[CLIENT_LINE_BYTES];

static struct command parsed(const char *text)
{
    struct command c;
    snprintf(line, sizeof(line), "%s", text);
    const char *wrong = command_parse(&c, line);
    if (wrong != NULL)
        fail_msg("\"%s\": %s", text, wrong);
    if (c.enter.tags != NULL)
        c.enter.tags = NULL; /* it points into the copy that is gone */
    return c;
}

static void test_orders(void **state)
{
    (void)state;
    struct command c = parsed("buy 100 AAPL 150.25\n");
    assert_int_equal(c.kind, COMMAND_ENTER);
    assert_true(c.ref_auto);
    assert_int_equal(c.enter.side, 'B');
    assert_int_equal(c.enter.qty, 100);
    assert_string_equal(c.enter.symbol, "AAPL");
    assert_int_equal(c.enter.price, 1502500);
    assert_int_equal(c.enter.tif, '0');
    assert_int_equal(c.enter.display, 'Y');

    c = parsed(
        "  sell 5 X 1 ioc ref 77 clordid ABC-1 hidden iso principal minqty 5 firm FX tag 28 9");
    assert_false(c.ref_auto);
    assert_int_equal(c.enter.user_ref, 77);
    assert_int_equal(c.enter.side, 'S');
    assert_int_equal(c.enter.tif, '3');
    assert_int_equal(c.enter.display, 'N');
    assert_int_equal(c.enter.iso, 'Y');
    assert_int_equal(c.enter.capacity, 'P');
    assert_string_equal(c.enter.clordid, "ABC-1");
    assert_int_equal(c.tags.present, 1u << 2 | 1u << 3 | 1u << 28);
    assert_int_equal(c.tags.value[2], 0x46582020);
    assert_int_equal(c.tags.value[28], 9);
    assert_int_equal(parsed("buy 1 X 1 tag 12 P").tags.value[12], 'P');
    assert_int_equal(parsed("short 1 X market").enter.price, WB_PRICE_MARKET);

    c = parsed("replace 3 4 200 1.5 ioc clordid R");
    assert_int_equal(c.kind, COMMAND_REPLACE);
    assert_int_equal(c.replace.orig_ref, 3);
    assert_int_equal(c.replace.user_ref, 4);
    assert_int_equal(c.replace.qty, 200);
    assert_int_equal(c.replace.price, 15000);
    assert_int_equal(c.replace.tif, '3');
    assert_string_equal(c.replace.clordid, "R");
    c = parsed("replace last auto 200 1.5");
    assert_true(c.target_last);
    assert_true(c.ref_auto);

    c = parsed("cancel 9 50");
    assert_int_equal(c.kind, COMMAND_CANCEL);
    assert_int_equal(c.cancel_ref, 9);
    assert_int_equal(c.cancel_qty, 50);
    assert_true(parsed("cancel last").target_last);
    c = parsed("raw 5100");
    assert_int_equal(c.raw_bytes, 2);
    assert_int_equal(c.raw[0], 'Q');
}

static void test_waits(void **state)
{
    (void)state;
    assert_int_equal(parsed("wait 3").count, 3);
    assert_int_equal(parsed("wait 30ms").wait_ms, 30);
    assert_int_equal(parsed("wait 2s").wait_ms, 2000);
    assert_int_equal(parsed("timeout 1s").wait_ms, 1000);
    assert_int_equal(parsed("expect none").wait_ms, 200);
    assert_int_equal(parsed("expect none 5ms").wait_ms, 5);
    assert_int_equal(parsed("expect next any").kind, COMMAND_EXPECT_NEXT);
    assert_int_equal(parsed("").kind, COMMAND_NONE);
    assert_int_equal(parsed("  # buy 1 X 1").kind, COMMAND_NONE);
    assert_string_equal(parsed("echo two  words\n").text, "two  words");

    struct command c = parsed("wait until rejected ref 3 reason 0x17 clordid A");
    assert_int_equal(c.kind, COMMAND_EXPECT);
    assert_int_equal(c.match.type, 'J');
    assert_int_equal(c.match.fields, FIELD_REF | FIELD_REASON | FIELD_CLORDID);
    assert_int_equal(c.match.reason, 0x17);
    c = parsed("expect cancelled reason U qty 5");
    assert_int_equal(c.match.reason, 'U');
    c = parsed("expect replaced ref last state dead price 2 symbol X");
    assert_true(c.target_last);
    assert_int_equal(c.match.state, 'D');
}

static void test_nonsense(void **state)
{
    (void)state;
    static const char *bad[] = {
        "sel 1 X 1",
        "buy",
        "buy x X 1",
        "buy 1",
        "buy 1 TOOLONGSYM 1",
        "buy 1 X one",
        "buy 1 X 1 maybe",
        "buy 1 X 1 clordid",
        "buy 1 X 1 ref x",
        "buy 1 X 1 tag 8 1",
        "buy -1 X 1",
        "buy 4294967296 X 1",
        "replace 1",
        "replace x 1 1 1",
        "replace 1 x 1 1",
        "replace 1 2 3 4 ref 5",
        "cancel",
        "cancel 1 x",
        "cancel 1 2 3",
        "query now",
        "raw 5",
        "raw",
        "wait",
        "wait until",
        "wait until nonsense",
        "expect accepted x",
        "expect accepted ref",
        "expect accepted ref x",
        "expect accepted reason 1",
        "expect none x",
        "timeout 5",
        "expect any state maybe",
        "buy 1 X 1 clordid FIFTEENLETTERS1",
    };
    struct command c;
    for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
        snprintf(line, sizeof(line), "%s", bad[i]);
        if (command_parse(&c, line) == NULL)
            fail_msg("\"%s\" passes", bad[i]);
    }
}

static void test_matches(void **state)
{
    (void)state;
    struct wb_msg m = {.type = 'A', .user_ref = 3, .qty = 100, .price = 15000, .state = 'L'};
    snprintf(m.symbol, sizeof(m.symbol), "AAPL");
    struct command c = parsed("expect accepted ref 3 qty 100 price 1.5 symbol AAPL state live");
    assert_true(command_matches(&c.match, &m));
    m.qty = 99;
    assert_false(command_matches(&c.match, &m));
    c = parsed("expect any ref 3");
    assert_true(command_matches(&c.match, &m));
    c = parsed("expect executed");
    assert_false(command_matches(&c.match, &m));
    m = (struct wb_msg){.type = 'J', .reject = 0x117};
    c = parsed("expect rejected reason 0x17"); /* the whole code counts, not its low byte */
    assert_false(command_matches(&c.match, &m));
}

static void test_lines(void **state)
{
    (void)state;
    struct client_lines l;
    char one[] = "buy", two[] = "sell";
    char *ready[] = {one, two};
    client_lines_init(&l, -1, ready, 2);
    assert_true(client_lines_next(&l, line));
    assert_string_equal(line, "buy");
    assert_true(client_lines_next(&l, line));
    assert_false(client_lines_next(&l, line));
    assert_true(l.over);

    int fds[2];
    assert_int_equal(pipe(fds), 0);
    client_lines_init(&l, fds[0], NULL, 0);
    assert_false(client_lines_next(&l, line)); /* would block: not asked before the first sleep */
    assert_int_equal(write(fds[1], "one\ntw", 6), 6);
    l.dry = false;
    assert_true(client_lines_next(&l, line));
    assert_string_equal(line, "one\n");
    assert_false(client_lines_next(&l, line));
    assert_false(l.over);
    close(fds[1]);
    l.dry = false;
    assert_true(client_lines_next(&l, line)); /* the last line may lack its end */
    assert_string_equal(line, "tw");
    l.dry = false;
    assert_false(client_lines_next(&l, line));
    assert_true(l.over);
    close(fds[0]);
}

static void test_resume_file(void **state)
{
    (void)state;
    char file[] = "/tmp/wirebook-test-XXXXXX";
    int fd = mkstemp(file);
    struct client_resume r = {.user = "FIRMA1", .session = "2026112201", .seq = 42};
    struct client_resume back = {.user = "firma1"};
    struct wb_login login = {.user = "FIRMA1"};
    assert_null(client_resume_write(file, &r));
    assert_null(client_resume_read(file, &back));
    assert_string_equal(back.session, "2026112201");
    assert_int_equal(back.seq, 42);
    assert_null(client_resume_login(file, &login, &back));
    assert_string_equal(login.session, "2026112201");
    assert_int_equal(login.seq, 42);

    struct client_resume other = {.user = "FIRMB1"};
    assert_non_null(client_resume_read(file, &other));
    assert_int_equal(ftruncate(fd, 0), 0);
    FILE *f = fopen(file, "w");
    fputs("user FIRMA1 session x", f);
    fclose(f);
    assert_non_null(client_resume_read(file, &back));
    unlink(file);
    close(fd);
    struct client_resume fresh = {.seq = 0};
    assert_null(client_resume_read(file, &fresh)); /* no file yet: nothing known */
    assert_int_equal(fresh.seq, 0);
}

static void test_numbers_and_passwords(void **state)
{
    (void)state;
    u64 n;
    assert_true(client_number("18446744073709551615", 0, UINT64_MAX, &n));
    assert_false(client_number("18446744073709551616", 0, UINT64_MAX, &n));
    assert_false(client_number("5x", 0, 9, &n));
    assert_false(client_number("-1", 0, 9, &n));
    assert_false(client_number("10", 0, 9, &n));

    struct wb_login login = {.seq = 0};
    setenv("WIREBOOK_PASSWORD", "secret", 1);
    assert_null(client_password(&login, NULL));
    assert_string_equal(login.password, "secret");
    setenv("WIREBOOK_PASSWORD", "eleven-long", 1);
    assert_non_null(client_password(&login, NULL));
    unsetenv("WIREBOOK_PASSWORD");
    assert_non_null(client_password(&login, NULL));
    assert_non_null(client_password(&login, "/nonexistent"));
}

static void test_nobody_listens(void **state)
{
    (void)state;
    struct client_run o = {.host = "127.0.0.1",
                           .port = 1,
                           .label = "",
                           .timeout_ms = 1000,
                           .lines_fd = -1,
                           .login = {.user = "A", .password = "B"}};
    clock_init();
    client_print_line(&o, "->", 0, "shown", "");
    assert_int_equal(client_run(&o), CLIENT_CONNECTION_LOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),         cmocka_unit_test(test_waits),
        cmocka_unit_test(test_nonsense),       cmocka_unit_test(test_matches),
        cmocka_unit_test(test_lines),          cmocka_unit_test(test_resume_file),
        cmocka_unit_test(test_nobody_listens), cmocka_unit_test(test_numbers_and_passwords),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
