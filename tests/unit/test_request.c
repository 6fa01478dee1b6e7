/* test_request.c - lines of the control socket to commands of the engine; roles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "gateway/admin/request.h"
#include "tests/lib/seed.h"

static const char *wrong_of(const char *line)
{
    struct request r;
    const char *wrong = request_parse(&r, line, strlen(line));

    if (!wrong)
        request_free(&r);
    return wrong;
}

static union msg built(const char *line, const struct msg_seen *seen)
{
    struct request r;
    union msg m;

    assert_null(request_parse(&r, line, strlen(line)));
    assert_null(r.kind->build(&r, seen, &m));
    request_free(&r);
    assert_null(msg_check(m.slots, MSG_SLOTS_MAX));
    return m;
}

static void test_commands(void **state)
{
    struct msg_seen seen = {.id = 7};
    (void)state;

    union msg m =
        built("{\"command\":\"kill\",\"args\":{\"user\":\"ann\"},\"reason\":\"x\"}", &seen);
    assert_int_equal(m.cmd.type, CMD_KILL);
    assert_int_equal(m.kill.scope, KILL_ACCOUNT);
    assert_int_equal(m.kill.account, 7);
    m = built("{\"command\":\"restore\",\"args\":{\"firm\":\"ab\"},\"reason\":\"x\"}", NULL);
    assert_int_equal(m.cmd.type, CMD_RESTORE);
    assert_memory_equal(m.kill.firm, "AB  ", 4);
    m = built("{\"command\":\"kill\",\"args\":{\"venue\":true},\"reason\":\"x\"}", NULL);
    assert_int_equal(m.kill.scope, KILL_VENUE);
    m = built("{\"command\":\"halt\",\"args\":{\"symbol\":\"BRK.B\"},\"reason\":\"x\"}", &seen);
    assert_int_equal(m.course.instrument, 7);
    assert_int_equal(m.course.phase, 'H');
    assert_int_equal(m.course.reason, COURSE_OPERATOR);
    /* whatever an instrument may be called can be named */
    m = built("{\"command\":\"instrument\",\"args\":{\"symbol\":\"A.9+-=/Z\"},\"reason\":\"x\"}",
              &seen);
    assert_memory_equal(m.instrument.symbol, "A.9+-=/Z", 8);
    m = built("{\"command\":\"phase\",\"args\":{\"phase\":\"P\",\"late\":true},\"reason\":\"x\"}",
              NULL);
    assert_int_equal(m.course.instrument, 0);
    assert_int_equal(m.course.late, 1);
    assert_int_equal(m.course.wide, 0);
    m = built("{\"command\":\"break\",\"args\":{\"match\":12,\"why\":\"C\"},\"reason\":\"x\"}",
              NULL);
    assert_int_equal(m.broken_trade.match, 12);
    assert_int_equal(m.broken_trade.reason, 'C');
    m = built("{\"command\":\"limits\",\"args\":{\"user\":\"ann\",\"daily\":5,\"collar_bps\":9},"
              "\"reason\":\"x\"}",
              NULL);
    assert_int_equal(m.limit.daily_max, 5);
    assert_int_equal(m.limit.collar_bps, 9);
    assert_memory_equal(m.limit.user, "ANN   ", 6);
}

/* What is not said of an instrument stays as the look has found it. */
static void test_instrument_keeps_the_rest(void **state)
{
    struct msg_instrument terms = {.tick = 50, .lot = 10, .tier = 2, .reference_price = 90};
    struct msg_seen seen = {.id = 3};
    (void)state;

    memcpy(seen.instrument.terms, (u8 *)&terms + 32, 32);
    union msg m = built("{\"command\":\"instrument\",\"args\":{\"symbol\":\"abc\",\"lot\":20},"
                        "\"reason\":\"x\"}",
                        &seen);
    assert_memory_equal(m.instrument.symbol, "ABC     ", 8);
    assert_int_equal(m.instrument.tick, 50);
    assert_int_equal(m.instrument.lot, 20);
    assert_int_equal(m.instrument.tier, 2);
    assert_int_equal(m.instrument.reference_price, 90);
    assert_int_equal(m.instrument.by_operator, 1);
    assert_int_equal(m.instrument.instrument, 0);
}

static void test_reasons(void **state)
{
    struct request r;
    char line[512];
    (void)state;

    assert_string_equal(wrong_of("{\"command\":\"drain\"}"),
                        "a reason is wanted: it is kept in the journal");
    assert_null(wrong_of("{\"command\":\"status\"}"));
    assert_non_null(strstr(wrong_of("{\"command\":\"phase\",\"reason\":\"x\",\"args\":{\"phase\":"
                                    "\"P\",\"late\":\"yes\"}}"),
                           "true or false")); /* not taken for false */
    /* cut before the character that does not fit; no control character comes through */
    snprintf(line, sizeof line, "{\"command\":\"drain\",\"reason\":\"a\\n%094d\xC3\xA4\"}", 0);
    assert_null(request_parse(&r, line, strlen(line)));
    assert_int_equal(strlen(r.reason), 96);
    assert_memory_equal(r.reason, "a?000", 5);
    request_free(&r);
    snprintf(line, sizeof line, "{\"command\":\"drain\",\"reason\":\"%095d\xC3\xA4\"}", 0);
    assert_null(request_parse(&r, line, strlen(line)));
    assert_int_equal(strlen(r.reason), 95);
    request_free(&r);
}

/* Pieces of good lines in any order: never a crash, and what passes makes a sound command. */
static void test_property_random_lines(void **state)
{
    static const char *const pieces[] = {
        "{",
        "}",
        "\"command\":",
        "\"args\":",
        "\"reason\":",
        "\"x\"",
        ",",
        "\"kill\"",
        "\"limits\"",
        "\"instrument\"",
        "\"phase\"",
        "\"user\":",
        "\"ann\"",
        "\"symbol\":",
        "\"firm\":",
        "5",
        "-1",
        "99999999999999999999",
        "true",
        "null",
        "[",
        "]",
        "\"venue\":",
        "\"T\"",
        "\"daily\":",
        "1.5",
        "{\"command\":\"kill\",\"reason\":\"x\",\"args\":{",
        "}}",
        "\xff",
        "\\u0000",
    };
    u64 seed = test_seed();
    u32 good = 0;
    (void)state;

    for (u32 i = 0; i < 200000; i++) {
        static const char begin[] = "{\"command\":\"kill\",\"reason\":\"x\",\"args\":{";
        char line[256] = "";
        size_t used = i % 2 ? sizeof begin - 1 : 0;
        memcpy(line, begin, used);
        for (u32 n = 0; n < 2 + i % 9; n++) {
            const char *p = pieces[hash_2u64(seed, i, n) % ARRAY_LEN(pieces)];
            size_t bytes = strlen(p);
            if (used + bytes + 3 < sizeof line)
                memcpy(line + used, p, bytes + 1), used += bytes;
        }
        struct request r;
        union msg m;
        if (i % 2)
            memcpy(line + used, "}}", 3), used += 2;
        if (request_parse(&r, line, used))
            continue;
        static const struct msg_seen none;
        if (r.kind->build && !r.kind->build(&r, r.name[0] ? &none : NULL, &m))
            assert_null(msg_check(m.slots, MSG_SLOTS_MAX));
        request_free(&r);
        good++;
    }
    assert_true(good > 0);
}

static void test_roles(void **state)
{
    const struct roles r = {
        .words = {[ROLE_VIEWER] = "ann,bob,a-name-longer-than-any-user-can-have",
                  [ROLE_OPERATOR] = "bob, @daemon",
                  [ROLE_ADMIN] = "carol"}};
    u32 daemon_group = 1; /* of every Debian */
    (void)state;

    assert_int_equal(roles_of(&r, "ann", 4000, NULL, 0), ROLE_VIEWER);
    assert_int_equal(roles_of(&r, "bob", 4000, NULL, 0), ROLE_OPERATOR); /* the higher one */
    assert_int_equal(roles_of(&r, "carol", 4000, NULL, 0), ROLE_ADMIN);
    assert_int_equal(roles_of(&r, "dave", 4000, NULL, 0), ROLE_NONE);
    assert_int_equal(roles_of(&r, "", 4000, NULL, 0), ROLE_NONE); /* unknown to this machine */
    assert_int_equal(roles_of(&r, "dave", 4000, &daemon_group, 1), ROLE_OPERATOR);
    assert_int_equal(roles_of(&r, "daemon", 4000, NULL, 0), ROLE_NONE); /* a group is no user */
    assert_int_equal(roles_of(&r, "an", 4000, NULL, 0), ROLE_NONE);
    assert_int_equal(roles_of(&r, "", 0, NULL, 0), ROLE_ADMIN); /* root */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands), cmocka_unit_test(test_instrument_keeps_the_rest),
        cmocka_unit_test(test_reasons),  cmocka_unit_test(test_property_random_lines),
        cmocka_unit_test(test_roles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
