/* test_draw.c - the drawn topology names what the configuration says, and no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/draw.h"

static struct conf conf;

/* The drawing of the YAML text; to be freed. */
static char *drawn(const char *yaml)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    assert_int_equal(conf_parse("f", yaml, strlen(yaml), &conf, stderr), 0);
    draw_topology(&conf, out);
    fclose(out);
    return text;
}

static void by_default(void **state)
{
    char *text = drawn("shard: 1\n");

    (void)state;
    assert_non_null(strstr(text, "  kernel socket 127.0.0.1:9000 -> gateway 0\n"));
    assert_null(strstr(text, "queue pair"));
    assert_non_null(strstr(text, "  any core  gateway         backoff  hot: gateway\n"));
    assert_non_null(
        strstr(text, "  gateway   == cmd             ==> engine     16384 slots   1024 KiB"));
    assert_null(strstr(text, "==> export"));
    free(text);
}

static void ports_and_cores(void **state)
{
    char *text = drawn("gateway: {transport: dpdk}\n"
                       "dpdk: {ports: [{device: '0000:00:06.0', ipv4: 10.1.2.3, queues: 2}]}\n"
                       "threads: [{name: a, cpu: 2, idle: spin, agents: [gateway, engine]},\n"
                       "          {name: b, idle: yield, agents: [persist]}]\n"
                       "export: {redis: {enabled: yes}}\n");

    (void)state;
    assert_non_null(strstr(text, "  port 0: 0000:00:06.0, 10.1.2.3/24, listens on 9000\n"));
    assert_non_null(strstr(text, "    queue pair 1 <-> gateway 0\n"));
    assert_null(strstr(text, "kernel socket"));
    assert_non_null(strstr(text, "  core 2    a               spin     hot: gateway engine\n"));
    assert_non_null(strstr(text, "  any core  b               yield    hot: persist\n"));
    assert_non_null(strstr(text, "  persist   == redis           ==> export  "));
    assert_null(strstr(text, "== postgres"));
    free(text);
}

static void hints_for_spinning_threads(void **state)
{
    char *text = drawn("threads: [{name: a, idle: spin, agents: [gateway, engine, persist]}]\n");

    (void)state;
    assert_non_null(
        strstr(text, "  hint: a spins on whatever core it gets; give it one: cpu: N\n"));
    free(text);
    text =
        drawn("threads: [{name: a, cpu: 1023, idle: spin, agents: [gateway, engine, persist]}]\n");
    assert_non_null(strstr(text,
                           "  hint: a spins on core 1023, which the kernel uses too; boot with "
                           "isolcpus=1023 nohz_full=1023 rcu_nocbs=1023\n"));
    free(text);
    text = drawn("threads: [{name: a, cpu: 1, agents: [gateway, engine, persist]}]\n");
    assert_null(strstr(text, "hint"));
    free(text);
}

static void lists_of_cores(void **state)
{
    (void)state;
    assert_true(draw_cpu_in_list("2-3,6\n", 2));
    assert_true(draw_cpu_in_list("2-3,6\n", 3));
    assert_true(draw_cpu_in_list("2-3,6\n", 6));
    assert_true(draw_cpu_in_list("11", 11));
    assert_false(draw_cpu_in_list("2-3,6\n", 4));
    assert_false(draw_cpu_in_list("2-3,6\n", 1));
    assert_false(draw_cpu_in_list("11", 1));
    assert_false(draw_cpu_in_list("\n", 0));
    assert_false(draw_cpu_in_list("", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_default),
        cmocka_unit_test(ports_and_cores),
        cmocka_unit_test(hints_for_spinning_threads),
        cmocka_unit_test(lists_of_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
