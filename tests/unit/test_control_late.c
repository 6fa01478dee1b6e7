/* test_control_late.c - operators whose answer comes late, and those who go before it. */
#include "tests/lib/control_rig.h"

/* Asks for `command`, which the engine does not answer in time. Returns its number. */
static u64 late(const char *command)
{
    char line[128];

    snprintf(line, sizeof line, "{\"command\":\"%s\",\"reason\":\"x\"}\n", command);
    int fd = ask(line);
    u64 request = taken().operator.request;
    now_ns += OPERATE_ANSWER_NS;
    assert_string_equal(outcome(fd), "timeout");
    return request;
}

/*
 * The engine's answer and the disk come after the operator's patience: what is said to be done is
 * done, once, and not before it is durable.
 */
static void comes_late(const char *command, const u32 *done)
{
    u64 request = late(command);

    say_operated(request, 4, OPERATED_DONE);
    assert_string_equal(looked_up(request), "timeout");
    assert_int_equal(*done, 0);
    durable = 4;
    assert_string_equal(looked_up(request), "done");
    turns();
    now_ns += NS_PER_SEC;
    turns();
    assert_int_equal(*done, 1);
}

static void test_late_drain(void **state)
{
    (void)state;
    comes_late("drain", &drains);
}

static void test_late_snapshot(void **state)
{
    (void)state;
    comes_late("snapshot", &snapshots);
    assert_non_null(strstr(said, "the log says what comes of it"));
}

/* One who has said all that he has to say has an answer to each line, the half one aside. */
static void test_lines_before_the_end(void **state)
{
    int fd = say("{\"command\":\"day-end\",\"reason\":\"1\"}\n"
                 "{\"command\":\"day-end\",\"reason\":\"2\"}\n{\"comm");

    (void)state;
    shutdown(fd, SHUT_WR);
    durable = 4;
    for (u32 i = 0; i < 2; i++) {
        turns();
        union msg m = taken();
        assert_int_equal(m.operator.reason[0], i == 0 ? '1' : '2');
        say_operated(m.operator.request, 4, OPERATED_DONE);
        assert_string_equal(heard(fd), "done");
    }
    turns();
    assert_int_equal(recv(fd, said, sizeof said, MSG_DONTWAIT), 0); /* let go */
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_late_drain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_late_snapshot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lines_before_the_end, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
