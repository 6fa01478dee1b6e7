/* test_control.c - the control socket before an engine that the test plays; answers as text. */
#include "tests/lib/control_rig.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "gateway/admin/ctl.h"
#include "gateway/admin/roles.h"

/* The next command notes a refusal. Returns how many others had none. */
static u32 noted(u8 why, const char *command, const char *of, const char *text)
{
    union msg m = taken(), n;

    assert_int_equal(m.operator.type, CMD_NOTE);
    assert_int_equal(m.operator.uid, getuid());
    assert_true(m.operator.request != 0);
    assert_true(msg_carried(&m.operator, & n));
    assert_null(msg_check((const struct slot *)&n, n.cmd.slots));
    assert_int_equal(n.note.what, NOTE_REFUSED);
    assert_int_equal(n.note.why, why);
    assert_int_equal(strncmp(n.note.command, command, sizeof n.note.command), 0);
    assert_int_equal(strncmp(n.note.of, of, sizeof n.note.of), 0);
    assert_int_equal(strncmp(n.note.text, text, sizeof n.note.text), 0);
    return n.note.unnoted;
}

/* Nothing is said before the engine has, and before that is durable. */
static void test_answer_waits_for_the_disk(void **state)
{
    (void)state;
    int fd = ask("{\"command\":\"day-end\",\"reason\":\"why\"}\n");
    union msg m = taken();
    assert_int_equal(m.cmd.type, CMD_OPERATOR);
    assert_int_equal(m.operator.type, CMD_DAY_END);
    assert_string_equal(m.operator.reason, "why");
    assert_int_equal(m.operator.uid, getuid());
    assert_string_equal(outcome(fd), "");
    say_operated(m.operator.request + 1, 5, OPERATED_REFUSED); /* somebody else's */
    assert_string_equal(outcome(fd), "");
    say_operated(m.operator.request, 7, OPERATED_DONE);
    assert_string_equal(outcome(fd), "");
    durable = 6;
    assert_string_equal(outcome(fd), "");
    durable = 7;
    assert_string_equal(outcome(fd), "done");
}

/* Where a request is that had no answer in time: the ring, the engine, the disk. */
static void test_where_it_is(void **state)
{
    union msg m;
    (void)state;

    int fd = ask("{\"command\":\"day-end\",\"reason\":\"why\"}\n");
    now_ns += OPERATE_ANSWER_NS;
    assert_string_equal(outcome(fd), "timeout");
    assert_non_null(strstr(said, "waits in the engine's ring: nothing was done yet"));
    m = taken();
    assert_string_equal(looked_up(m.operator.request), "timeout");
    assert_non_null(strstr(said, "the engine has taken it"));
    say_operated(m.operator.request, 9, OPERATED_REFUSED);
    assert_string_equal(looked_up(m.operator.request), "timeout");
    assert_non_null(strstr(said, "not on the disk yet"));
    durable = 9;
    assert_string_equal(looked_up(m.operator.request), "refused");
    fd = ask("{\"command\":\"disable\",\"args\":{\"user\":\"ann\"},\"reason\":\"x\"}\n");
    now_ns += OPERATE_ANSWER_NS;
    assert_string_equal(outcome(fd), "timeout");
    assert_non_null(strstr(said, "nothing but a look"));
}

static void test_time_out(void **state)
{
    (void)state;
    int fd = ask("{\"command\":\"day-end\",\"reason\":\"why\"}\n");
    u64 request = taken().operator.request;
    now_ns += OPERATE_ANSWER_NS - 1;
    assert_string_equal(outcome(fd), "");
    now_ns++;
    assert_string_equal(outcome(fd), "timeout");
    assert_string_equal(looked_up(request), "timeout");
    say_operated(request, 9, OPERATED_DONE); /* too late, but it is known by its number */
    assert_string_equal(looked_up(request), "timeout");
    durable = 9;
    assert_string_equal(looked_up(request), "done");
    assert_string_equal(looked_up(request + 50), "refused");
    assert_string_equal(looked_up(0), "error");
    fd = ask("{\"command\":\"day-end\",\"reason\":\"why\"}\n");
    request = taken().operator.request;
    assert_string_equal(outcome(fd), "");
    say_operated(request, 9, OPERATED_NOTHING);
    assert_string_equal(outcome(fd), "nothing");
    assert_int_equal(metric_get(&operate.timeouts), 1);
}

/* One after the other; who is gone does not undo what he asked, and keeps nobody. */
static void test_one_at_a_time(void **state)
{
    (void)state;
    int first = ask("{\"command\":\"day-end\",\"reason\":\"1\"}\n");
    int second = ask("{\"command\":\"day-end\",\"reason\":\"2\"}\n");
    union msg m = taken();
    assert_int_equal(ring_avail(&cmds, 1), 0);
    close(first);
    durable = 3;
    say_operated(m.operator.request, 3, OPERATED_DONE);
    assert_string_equal(outcome(second), "");
    m = taken();
    assert_string_equal(m.operator.reason, "2");
    say_operated(m.operator.request, 3, OPERATED_REFUSED);
    assert_string_equal(outcome(second), "refused");
}

/* All places are taken by those who say nothing, half a line, or take no answer: after a while the
 * one who has been idle for longest makes room, never one whose request is under way. */
static void test_forgotten_peers_make_room(void **state)
{
    int idle[CONTROL_PEERS_MAX];
    char byte;
    (void)state;

    idle[0] = ask("{\"command\":\"day-end\",\"reason\":\"waits\"}\n");
    union msg m = taken();
    operate.deadline_ns = now_ns + 2 * CONTROL_IDLE_NS; /* this test's operator is patient */
    for (u32 i = 1; i < CONTROL_PEERS_MAX; i++) {
        idle[i] = ask(i % 2 ? "" : "{\"command\"");
        now_ns += NS_PER_MS;
    }
    assert_string_equal(outcome(ask("{}\n")), "error");
    assert_non_null(strstr(said, "too many operators"));
    now_ns += CONTROL_IDLE_NS - CONTROL_PEERS_MAX * NS_PER_MS;
    assert_string_equal(outcome(ask("{}\n")), "error");
    assert_non_null(strstr(said, "too many operators"));
    now_ns += 2 * NS_PER_MS;
    assert_string_equal(outcome(ask("{}\n")), "error");
    assert_non_null(strstr(said, "no such command"));
    assert_int_equal(recv(idle[1], &byte, 1, MSG_DONTWAIT), 0); /* cut: the oldest of them */
    for (u32 i = 2; i < CONTROL_PEERS_MAX; i++) {
        assert_int_equal(recv(idle[i], &byte, 1, MSG_DONTWAIT), -1);
        close(idle[i]);
    }
    close(idle[1]);
    durable = 3;
    say_operated(m.operator.request, 3, OPERATED_DONE);
    assert_string_equal(outcome(idle[0]), "done");
}

static void test_look_comes_first(void **state)
{
    union msg seen = {.seen = {.head = {.type = EV_SEEN, .slots = 4}, .what = LOOK_ACCOUNT}};
    (void)state;

    int fd = ask("{\"command\":\"disable\",\"args\":{\"user\":\"ann\"},\"reason\":\"x\"}\n");
    union msg m = taken();
    assert_int_equal(m.cmd.type, CMD_LOOK);
    assert_memory_equal(m.look.name, "ANN   ", 6);
    seen.seen.request = m.look.request;
    seen.seen.id = 4;
    seen.seen.last = 1;
    ring_push(&answers, &seen, 4);
    assert_string_equal(outcome(fd), "");
    m = taken();
    assert_int_equal(m.operator.type, CMD_BAR);
    assert_int_equal(m.operator.body[0], 4);
    durable = 2;
    say_operated(m.operator.request, 2, OPERATED_DONE);
    assert_string_equal(outcome(fd), "done");
    fd = ask("{\"command\":\"disable\",\"args\":{\"user\":\"bob\"},\"reason\":\"x\"}\n");
    seen.seen.request = taken().look.request;
    seen.seen.id = 0;
    ring_push(&answers, &seen, 4);
    assert_string_equal(outcome(fd), "refused");
    assert_int_equal(noted(WHY_ACCOUNT, "disable", "BOB   ", "no such account"), 0);
}

/* What never comes as far as the engine is in the journal all the same; a look is not. */
static void test_refusals_are_noted(void **state)
{
    char long_line[CONTROL_LINE_BYTES + 1];
    (void)state;

    outcome(ask("{\"command\":\"boom it all down\",\"reason\":\"for \\u00e9clat\"}\n"));
    union msg m, first = taken();
    assert_string_equal(first.operator.reason, "for \xc3\xa9"
                                               "clat");
    assert_int_equal(first.operator.role, ROLE_ADMIN);
    assert_true(msg_carried(&first.operator, & m));
    assert_memory_equal(m.note.command, "boom?it?all?", 12);
    outcome(ask("]\n"));
    noted(WHY_REQUEST, "", "", "one object of JSON a line is wanted");
    outcome(ask("{\"command\":\"halt\",\"args\":{\"symbol\":\"aapl\"}}\n"));
    noted(WHY_REQUEST, "halt", "AAPL    ", "a reason is wanted: it is kept in the journal");
    outcome(ask("{\"command\":\"kill\",\"args\":{\"desk\":\"X\"},\"reason\":\"x\"}\n"));
    noted(WHY_REQUEST, "kill", "", "args: there is one that this command does not have");
    outcome(ask("{\"command\":\"status\",\"args\":{\"desk\":\"X\"}}\n")); /* a look */
    assert_string_equal(looked_up(77), "refused");
    assert_int_equal(ring_avail(&cmds, 1), 0);
    memset(long_line, 'x', CONTROL_LINE_BYTES);
    long_line[CONTROL_LINE_BYTES] = '\0';
    outcome(ask(long_line));
    noted(WHY_REQUEST, "", "", "the line is too long");
    int fd = ask("{\"command\":\"disable\",\"args\":{\"user\":\"ann\"},\"reason\":\"x\"}\n");
    assert_int_equal(taken().cmd.type, CMD_LOOK);
    now_ns += OPERATE_ANSWER_NS;
    assert_string_equal(outcome(fd), "timeout");
    noted(WHY_PROCESS, "disable", "ANN   ",
          "no answer from the engine in time; nothing but a look was asked of i");
    assert_int_equal(metric_get(&operate.refusals.noted), 6);
    assert_int_equal(metric_get(&operate.refused), 7); /* two looks among them, no time-out */
}

/* A reload takes the role of one who waits: his request is refused, nothing else happens. */
static void test_role_that_goes_while_one_waits(void **state)
{
    static const struct roles his = {.words = {[ROLE_ADMIN] = "nobody"}}, none;
    (void)state;

    if (getuid() != 0)
        skip(); /* whoever runs the venue has every role */
    control_roles_set(control, &his);
    assert_int_equal(chmod(path, 0666), 0);
    int first = ask("{\"command\":\"day-end\",\"reason\":\"1\"}\n");
    u64 request = taken().operator.request;
    assert_int_equal(seteuid(65534), 0);
    int second = ask("{\"command\":\"drain\",\"reason\":\"2\"}\n");
    assert_int_equal(seteuid(0), 0);
    control_roles_set(control, &none);
    durable = 3;
    say_operated(request, 3, OPERATED_DONE);
    assert_string_equal(outcome(first), "done");
    assert_string_equal(outcome(second), "denied");
    union msg n, m = taken();
    assert_true(msg_carried(&m.operator, & n));
    assert_int_equal(m.operator.uid, 65534);
    assert_int_equal(n.note.why, WHY_ROLE);
    assert_int_equal(drains, 0);
}

/* A file that is no socket is somebody's: it stays, and nobody listens. */
static void test_file_in_the_way(void **state)
{
    char at[80];
    struct control_conf cc = {.path = at, .group = ""};
    struct operate none = {0};
    (void)state;

    snprintf(at, sizeof at, "%s.yaml", path);
    fclose(fopen(at, "w"));
    assert_null(control_new(&cc, &none));
    assert_int_equal(access(at, F_OK), 0);
    unlink(at);
}

/* The process is told to end once, behind the answer. */
static void test_drain(void **state)
{
    (void)state;
    int fd = ask("{\"command\":\"drain\",\"reason\":\"x\"}\n");
    durable = 4;
    assert_int_equal(drains, 0);
    say_operated(taken().operator.request, 4, OPERATED_DONE);
    assert_string_equal(outcome(fd), "done");
    assert_int_equal(drains, 1);
}

/* Noted first, then made; others are served meanwhile, and who asked hears when it is there. */
static void test_snapshot(void **state)
{
    (void)state;
    hindered = "not here";
    int fd = ask("{\"command\":\"snapshot\",\"reason\":\"x\"}\n");
    assert_string_equal(outcome(fd), "refused");
    noted(WHY_PROCESS, "snapshot", "", "not here"); /* and no snapshot */
    hindered = NULL;
    fd = ask("{\"command\":\"snapshot\",\"reason\":\"before the update\"}\n");
    union msg m = taken();
    assert_int_equal(m.operator.type, CMD_NOTE);
    assert_int_equal(m.operator.body[0], NOTE_SNAPSHOT);
    assert_string_equal(m.operator.reason, "before the update");
    say_operated(m.operator.request, 4, OPERATED_DONE);
    assert_string_equal(outcome(fd), "");
    assert_int_equal(snapshots, 0); /* not before the note is durable */
    durable = 4;
    assert_string_equal(outcome(fd), "");
    assert_int_equal(snapshots, 1);
    int other = ask("{\"command\":\"snapshot\",\"reason\":\"me too\"}\n");
    assert_string_equal(outcome(other), "refused"); /* one at a time */
    noted(WHY_PROCESS, "snapshot", "", "a snapshot is under way");
    other = ask("{\"command\":\"drain\",\"reason\":\"x\"}\n");
    durable = 5;
    say_operated(taken().operator.request, 5, OPERATED_DONE);
    assert_string_equal(outcome(other), "done");
    snapshot_there = true;
    assert_string_equal(outcome(fd), "made");
}

static void prints(const char *command, const char *answer, int code, const char *text)
{
    char *out = NULL;
    size_t bytes = 0;
    json_t *a = json_loads(answer, 0, NULL);
    FILE *f = open_memstream(&out, &bytes);

    assert_int_equal(ctl_print(command, a, false, f), code);
    fclose(f);
    assert_string_equal(out, text);
    free(out);
    json_decref(a);
}

static void test_print(void **state)
{
    (void)state;
    prints("halt", "{\"outcome\":\"done\",\"text\":\"\",\"request\":5,\"seq\":9,\"orders_gone\":2}",
           CTL_DONE, "halt: done (request 5, transaction 9, 2 orders gone)\n");
    prints("halt", "{\"outcome\":\"nothing\",\"text\":\"it was so already\"}", CTL_NOTHING,
           "halt: nothing: it was so already\n");
    prints("metrics", "{\"outcome\":\"done\",\"text\":\"a 1\\n\"}", CTL_DONE, "a 1\n");
    prints("halt", "{\"outcome\":\"denied\",\"text\":\"no\"}", CTL_DENIED, ""); /* to stderr */
    prints("halt", "{\"outcome\":\"timeout\"}", CTL_TIMEOUT, "");
    prints("halt", "{\"outcome\":\"odd\"}", CTL_UNREACHABLE, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answer_waits_for_the_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_where_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_look_comes_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals_are_noted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_role_that_goes_while_one_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_in_the_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_snapshot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forgotten_peers_make_room, set_up, tear_down),
        cmocka_unit_test(test_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
