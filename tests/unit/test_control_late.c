/* test_control_late.c - operators whose answer comes late, and those who go before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "gateway/admin/control.h"

static struct mem mem;
static struct ring cmds, answers;
static _Atomic u64 durable;
static struct operate operate;
static struct control *control;
static char path[64];
static u64 now_ns;
static u32 drains, snapshots;
static char said[1024]; /* the last answer */

static void on_drain(void *ctx)
{
    (void)ctx;
    drains++;
}

static const char *on_hindered(void *ctx)
{
    (void)ctx;
    return NULL;
}

static u64 on_ask(void *ctx)
{
    (void)ctx;
    return ++snapshots;
}

static bool on_answer(void *ctx, u64 asked, json_t *answer)
{
    (void)ctx, (void)asked, (void)answer;
    return false;
}

static int set_up(void **state)
{
    struct operate_conf oc = {.cmds = &cmds,
                              .answers = &answers,
                              .durable_seq = &durable,
                              .drain = on_drain,
                              .snapshots = {on_hindered, on_ask, on_answer, NULL}};
    struct control_conf cc = {.path = path, .group = ""};
    (void)state;

    mem_init(&mem, 0);
    ring_init(&cmds, &mem, "cmds", 64);
    ring_init(&answers, &mem, "answers", 64);
    snprintf(path, sizeof path, "/tmp/wb-control-late-%d.sock", getpid());
    now_ns = 1000 * NS_PER_SEC;
    durable = 0;
    drains = snapshots = 0;
    operate_init(&operate, &oc, 100);
    control = control_new(&cc, &operate);
    assert_non_null(control);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    control_free(control);
    mem_free_all(&mem);
    return 0;
}

static void turns(void)
{
    for (u32 i = 0; i < 4; i++)
        control_do_work(control, now_ns);
}

static int ask(const char *lines)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(write(fd, lines, strlen(lines)), strlen(lines));
    return fd;
}

/* True when the answer on `fd` has that outcome. */
static bool hears(int fd, const char *outcome)
{
    char wanted[64];

    turns();
    ssize_t n = recv(fd, said, sizeof said - 1, MSG_DONTWAIT);
    said[n > 0 ? n : 0] = '\0';
    snprintf(wanted, sizeof wanted, "{\"outcome\":\"%s\"", outcome);
    return strncmp(said, wanted, strlen(wanted)) == 0;
}

static struct msg_operator taken(void)
{
    union msg copy;
    const union msg *at = msg_peek(&cmds, &copy);
    struct msg_operator m;

    assert_non_null(at);
    m = at->operator;
    ring_take(&cmds, at->cmd.slots);
    return m;
}

static void say_done(u64 request, u64 seq)
{
    union msg m = {.operated = {.head = {.type = EV_OPERATED, .slots = 1, .seq = seq},
                                .request = request,
                                .first_seq = seq,
                                .outcome = OPERATED_DONE}};

    assert_true(ring_push(&answers, &m, 1));
}

static bool looked_up(u64 number, const char *wanted)
{
    char line[128];

    snprintf(line, sizeof line, "{\"command\":\"request\",\"args\":{\"number\":%llu}}\n",
             (unsigned long long)number);
    int fd = ask(line);
    bool heard = hears(fd, wanted);
    close(fd);
    return heard;
}

/* Asks for `command`, which the engine does not answer in time. Returns its number. */
static u64 late(const char *command)
{
    char line[128];

    snprintf(line, sizeof line, "{\"command\":\"%s\",\"reason\":\"x\"}\n", command);
    int fd = ask(line);
    turns();
    u64 request = taken().request;
    now_ns += OPERATE_ANSWER_NS;
    assert_true(hears(fd, "timeout"));
    close(fd);
    return request;
}

/* The engine's answer and the disk come after the operator's patience: what is said to be done is
 * done, once, and not before it is durable. */
static void test_late_drain(void **state)
{
    (void)state;
    u64 request = late("drain");
    say_done(request, 4);
    assert_true(looked_up(request, "timeout"));
    assert_int_equal(drains, 0);
    durable = 4;
    assert_true(looked_up(request, "done"));
    now_ns += NS_PER_SEC;
    turns();
    assert_int_equal(drains, 1);
}

static void test_late_snapshot(void **state)
{
    (void)state;
    u64 request = late("snapshot");
    say_done(request, 4);
    assert_true(looked_up(request, "timeout"));
    assert_int_equal(snapshots, 0);
    durable = 4;
    assert_true(looked_up(request, "done"));
    assert_non_null(strstr(said, "the log says what comes of it"));
    turns();
    assert_int_equal(snapshots, 1);
}

/* One who has said all that he has to say has an answer to each line, the half one aside. */
static void test_lines_before_the_end(void **state)
{
    int fd = ask("{\"command\":\"day-end\",\"reason\":\"1\"}\n"
                 "{\"command\":\"day-end\",\"reason\":\"2\"}\n{\"comm");

    (void)state;
    shutdown(fd, SHUT_WR);
    durable = 4;
    for (u32 i = 0; i < 2; i++) {
        turns();
        struct msg_operator m = taken();
        assert_int_equal(m.reason[0], i == 0 ? '1' : '2');
        say_done(m.request, 4);
        assert_true(hears(fd, "done"));
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
