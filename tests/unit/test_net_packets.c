/*
 * test_net_packets.c - the packet scripts of tests/data/tcp, each a test of its own, and that the
 * runner itself finds what is wrong. tests/lib/packet_script.h has the language.
 */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/base/types.h"
#include "tests/lib/packet_script.h"

#define SCRIPTS     "tests/data/tcp"
#define SCRIPTS_MAX 128u

static void run_script(void **state)
{
    char path[300], error[600];

    snprintf(path, sizeof path, SCRIPTS "/%s.pkt", (const char *)*state);
    if (!packet_script_run(path, error, sizeof error))
        fail_msg("%s", error);
}

/* A script made of these lines; true if it ran to its end. */
static bool runs(const char *text, char *error, u32 error_bytes)
{
    char path[] = "/tmp/wb-pkt-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    bool good = packet_script_run(path, error, error_bytes);
    remove(path);
    return good;
}

static void the_runner_complains(void **state)
{
    static const char open[] = "in S 0 win 1000 <mss 1460>\nout S. 0 ack 1\nin . 1 ack 1\n";
    static const char *const bad[] = {
        "out S. 0 ack 1\n",
        "quiet\nin S 0\nquiet\n",
        "in S 0\nout S. 0 ack 2\n",
        "in S 0\nout . 0\n",
        "jump 3\n",
        "in X 0\n",
        "in S\n",
        "in S 0 <mss>\n",
        "in S 0 <size 3>\n",
        "conf colour 3\n",
        "quiet\nconf mtu 600\n",
        "expect opened 1\n",
        "expect count NONE 0\n",
        "expect state CLOSED\n",
        "+1 quiet\n",
        "app sing\n",
        "in P. 5:4 ack 1\n",
        "in S 0 ack 0 nonsense\n",
    };
    static const char *const bad_when_open[] = {
        "app send 5\nout P. 1:5\n",
        "app send 5\nout P. 1:6 win 1\n",
        "app send 5\nout P. 1:6\n+10ms out P. 1:6\n",
        "in P. 1:4 ack 1\nexpect data 2\n",
        "app send 5\nout P. 1:6 <ts * *>\n",
        "app send 5\nout P. 1:6 <!mss>\nexpect closed eof\n",
        "app send 100000\n",
    };
    char error[600], text[400];

    (void)state;
    assert_true(runs(open, error, sizeof error));
    for (u32 i = 0; i < ARRAY_LEN(bad); i++)
        if (runs(bad[i], error, sizeof error))
            fail_msg("this ran: %s", bad[i]);
    for (u32 i = 0; i < ARRAY_LEN(bad_when_open); i++) {
        snprintf(text, sizeof text, "%s%s", open, bad_when_open[i]);
        if (runs(text, error, sizeof error))
            fail_msg("this ran: %s", text);
    }
    snprintf(text, sizeof text, "%s%s", open, "\n# two more\nout . 1\n");
    assert_false(runs(text, error, sizeof error));
    assert_non_null(strstr(error, ":6: nothing left"));
}

static int by_name(const void *a, const void *b)
{
    const struct CMUnitTest *x = a, *y = b;

    return strcmp(x->name, y->name);
}

int main(void)
{
    static struct CMUnitTest tests[SCRIPTS_MAX] = {cmocka_unit_test(the_runner_complains)};
    size_t used = 1;
    DIR *dir = opendir(SCRIPTS);
    struct dirent *entry;

    if (dir == NULL) {
        perror(SCRIPTS);
        return 1;
    }
    while ((entry = readdir(dir)) != NULL && used < SCRIPTS_MAX) {
        char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, ".pkt") != 0)
            continue;
        char *name = strndup(entry->d_name, (size_t)(dot - entry->d_name));
        tests[used++] = (struct CMUnitTest){name, run_script, NULL, NULL, name};
    }
    closedir(dir);
    qsort(tests + 1, used - 1, sizeof tests[0], by_name);
    int failed = _cmocka_run_group_tests("packets", tests, used, NULL, NULL);
    for (size_t i = 1; i < used; i++)
        free(tests[i].initial_state);
    return failed + (used == SCRIPTS_MAX);
}
