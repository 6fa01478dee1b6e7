/* test_conf_gateways.c - what must agree in a config with several gateway agents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/conf.h"

static struct conf conf;

/* The reports for a YAML text; to be freed. */
static char *reports(const char *yaml)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    conf_parse("f.yaml", yaml, strlen(yaml), &conf, f);
    fclose(f);
    return text;
}

static void assert_error(const char *yaml, const char *want)
{
    char *text = reports(yaml);

    assert_string_equal(text, want);
    free(text);
}

static void assert_good(const char *yaml)
{
    assert_error(yaml, "");
}

/* As many gateway agents as the config counts, each in a thread and with dpdk with a queue pair. */
static void test_gateways(void **state)
{
    (void)state;
    assert_good("gateway: {count: 3}\n"
                "threads: [{name: a, agents: [gateway, engine, gateway2]},\n"
                "          {name: b, agents: [persist, gateway1]}]\n");
    assert_int_equal(conf.threads[0].agents,
                     CONF_AGENT_GATEWAY | CONF_AGENT_GATEWAY << 2 | CONF_AGENT_ENGINE);
    assert_error("gateway: {count: 2}\n",
                 "f.yaml:1: threads: gateway1: this agent runs in no thread; allowed: each of "
                 "gateway, gateway1, engine, persist in one\n");
    assert_error("gateway: {count: 2}\n"
                 "threads: [{name: a, agents: [gateway, gateway1, gateway3, engine, persist]}]\n",
                 "f.yaml:2: threads[0].agents: gateway3: there is no such agent with gateway.count "
                 "2; allowed: an agent that is there, or a higher count\n");
    assert_error("threads: [{name: a, agents: [gateway, engine, persist]},\n"
                 "          {name: b, agents: [gateway1]}]\n",
                 "f.yaml:2: threads[1].agents: gateway1: there is no such agent with gateway.count "
                 "1; allowed: an agent that is there, or a higher count\n");
    assert_error("gateway: {count: 2, transport: dpdk}\n"
                 "threads: [{name: a, agents: [gateway, gateway1, engine, persist]}]\n"
                 "dpdk: {ports: [{device: 'net_tap0,iface=a', ipv4: 10.0.0.1, queues: 2},\n"
                 "               {device: 'net_tap1,iface=b', ipv4: 10.0.1.1, queues: 1}]}\n",
                 "f.yaml:4: dpdk.ports[1].queues: 1: fewer than gateways, each of which needs one "
                 "of its own; allowed: at least gateway.count, 2\n");
    assert_good("gateway: {count: 2, transport: sockets}\n"
                "threads: [{name: a, agents: [gateway, gateway1, engine, persist]}]\n"
                "dpdk: {ports: [{device: 'net_tap0,iface=a', ipv4: 10.0.0.1, queues: 1}]}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gateways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
