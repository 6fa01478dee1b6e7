/* test_bench_command.c - what the command line of wirebook-bench means, and what is refused. */
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "gateway/client/bench_command.h"

#define ARGS_MAX 16

/* Takes `line`, words parted by spaces. */
static struct bench_command *take(const char *line)
{
    static char text[512];
    char *argv[ARGS_MAX] = {"wirebook-bench"}, *rest = NULL;
    int argc = 1;

    snprintf(text, sizeof text, "%s", line);
    for (char *w = strtok_r(text, " ", &rest); w != NULL; w = strtok_r(NULL, " ", &rest))
        argv[argc++] = w;
    assert_in_range(argc, 1, ARGS_MAX - 1);
    optind = 0; /* getopt(3): from the beginning */
    struct bench_command *c = bench_command();
    bench_command_take(c, argc, argv);
    return c;
}

/* It ends the process, so that a child takes it. Returns the exit code. */
static int refused(const char *line)
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL || freopen("/dev/null", "w", stdout) == NULL)
            _exit(99);
        take(line);
        _exit(100); /* it was taken */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void wrong_ones_test(void **state)
{
    static const char *const lines[] = {
        "",
        "--accounts A",
        "--accounts A:B,a:C",
        "--accounts A:B more",
        "--accounts A:B --rate 0",
        "--accounts A:B --rate 10000001",
        "--accounts A:B --seconds 0",
        "--accounts A:B --mix 50,50,50,0",
        "--accounts A:B --shape burst:0",
        "--accounts A:B --open 65537",
        "--accounts A:B --on-core 0",
        "--accounts A:B --on-core 1,x",
        "--accounts A:B --on-core 1,2,3,4,5,6,7,8",
        "--accounts A:B --ladder 1k,10k --hgrm f",
        "--accounts A:B --vdev net_null0 --in-process c.yaml",
        "--accounts A:B --nonsense",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (refused(lines[i]) != BENCH_USAGE)
            fail_msg("taken: %s", lines[i]);
    assert_int_equal(refused("--help"), BENCH_OK);
}

static void defaults_test(void **state)
{
    (void)state;
    const struct bench_command *c = take("--accounts A:B");
    const struct bench_options *o = &c->options;

    assert_string_equal(o->host, "127.0.0.1");
    assert_int_equal(o->port, 9000);
    assert_int_equal(o->rate, 1000);
    assert_int_equal(o->run_ms, 10000);
    assert_int_equal(o->percent[BENCH_ADD] + o->percent[BENCH_CANCEL] + o->percent[BENCH_REPLACE] +
                         o->percent[BENCH_AGGRESSIVE],
                     100);
    assert_int_equal(c->ladder.rungs, 0);
    assert_null(c->bypass.device);
    assert_false(o->on_core || o->spin || o->lines || o->keep || c->jitter);
}

/* The last one: the command is one for the process. */
static void all_of_it_test(void **state)
{
    (void)state;
    const struct bench_command *c =
        take("--host h --port 7 --accounts C:B --rate 5 --seconds 1.5 --mix 10,20,30,40 --on-core "
             "12,4294967295");
    const struct bench_options *o = &c->options;

    assert_string_equal(o->host, "h");
    assert_int_equal(o->port, 7);
    assert_string_equal(o->logins[o->sessions - 1].user, "C");
    assert_string_equal(o->logins[o->sessions - 1].password, "B");
    assert_int_equal(o->rate, 5);
    assert_int_equal(o->run_ms, 1500);
    assert_int_equal(o->percent[BENCH_AGGRESSIVE], 40);
    assert_true(o->on_core);
    assert_int_equal(o->beside_used, 2);
    assert_int_equal(o->beside[1], UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_ones_test),
        cmocka_unit_test(defaults_test),
        cmocka_unit_test(all_of_it_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
