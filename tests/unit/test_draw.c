/* test_draw.c - the drawn topology names what the configuration says, and no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/draw.h"

static struct conf conf;
static struct machine machine;

/* Four cores in `nodes` nodes; port 0 is on the last one. */
static void machine_make(u32 nodes)
{
    memset(&machine, 0, sizeof machine);
    machine.cores = 4;
    machine.nodes = nodes;
    for (u32 i = 0; i < machine.cores; i++) {
        machine.core[i].there = true;
        machine.core[i].node = (u16)(i * nodes / machine.cores);
    }
    for (u32 i = 0; i < CONF_PORTS_MAX; i++)
        machine.port_node[i] = -1;
    machine.port_node[0] = (i32)nodes - 1;
}

/* The drawing of the YAML text; to be freed. */
static char *drawn(const char *yaml)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    assert_int_equal(conf_parse("f", yaml, strlen(yaml), &conf, stderr), 0);
    draw_topology(&conf, &machine, out);
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
    assert_null(strstr(text, "handover"));
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

static void several_gateways(void **state)
{
    char *text = drawn("gateway: {count: 2, transport: auto}\n"
                       "dpdk: {ports: [{device: '0000:00:06.0', ipv4: 10.1.2.3, queues: 3}]}\n"
                       "threads: [{name: a, agents: [gateway, engine]},\n"
                       "          {name: b, agents: [gateway1, persist]}]\n");

    (void)state;
    assert_non_null(strstr(text, " 1024 connections of each gateway\n"));
    assert_non_null(strstr(text, "    queue pair 0 <-> gateway 0, which sends by this one\n"));
    assert_non_null(strstr(text, "    queue pair 1 <-> gateway 1, which sends by this one\n"));
    assert_non_null(strstr(text, "    queue pair 2 <-> gateway 1\n"));
    assert_non_null(strstr(text, "  kernel socket 127.0.0.1:9000 -> gateway 0\n"));
    assert_non_null(strstr(text, "  kernel socket 127.0.0.1:9000 -> gateway 1\n"));
    assert_non_null(strstr(text, " b               backoff  hot: gateway1 persist\n"));
    assert_non_null(strstr(text, "  gateway   == cmd             ==> engine "));
    assert_non_null(strstr(text, "  reader    == reader_answers  ==> gateway1 "));
    assert_non_null(strstr(text, "  gateway   -- session store   --> gateway "));
    free(text);
}

static void what_is_placed_where(void **state)
{
    const char *yaml = "gateway: {transport: dpdk}\n"
                       "dpdk: {ports: [{device: '0000:00:06.0', ipv4: 10.1.2.3}]}\n"
                       "threads: [{name: a, cpu: 3, idle: spin, agents: [gateway]},\n"
                       "          {name: b, cpu: 0, idle: spin, agents: [engine]}, {name: c, "
                       "agents: [persist]}]\n";

    (void)state;
    machine_make(2);
    char *text = drawn(yaml);
    assert_non_null(strstr(text, "threads, on a machine of 4 cores:\n"));
    assert_non_null(strstr(text,
                           "places, 2 nodes of memory:\n"
                           "  node 0: cores 0 1; packet buffers of ports; memory of engine\n"
                           "  node 1: cores 2 3; packet buffers of ports 0; memory of gateway\n"
                           "  threads on any core use 1 2\n"));
    assert_non_null(strstr(text, "  hint: a spins on core 3, which the kernel uses too; boot with "
                                 "isolcpus=3 nohz_full=3 rcu_nocbs=3\n"));
    free(text);
    machine_make(1);
    text = drawn(yaml);
    assert_non_null(strstr(text, "places, 1 node of memory:\n  threads on any core use 1 2\n"));
    free(text);
}

int main(void)
{
    machine_make(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_default),
        cmocka_unit_test(ports_and_cores),
        cmocka_unit_test(several_gateways),
        cmocka_unit_test(what_is_placed_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
