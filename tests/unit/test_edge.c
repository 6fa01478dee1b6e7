/* test_edge.c - which transport the config leads to: sockets, DPDK, and the way back from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "engine/base/clock.h"
#include "engine/base/metrics.h"
#include "gateway/edge.h"

static struct conf conf;
static struct edge edge;
static struct mem mem;

static int fresh(void **state)
{
    (void)state;
    conf_default(&conf);
    conf.gateway.connections_max = 4;
    conf.gateway.listen[0].port = 0; /* any free one */
    mem_init(&mem, 0);
    return 0;
}

static int gone(void **state)
{
    (void)state;
    edge_close(&edge);
    mem_free_all(&mem);
    metrics_reset();
    return 0;
}

static void sockets_by_default(void **state)
{
    (void)state;
    assert_int_equal(conf.gateway.transport, CONF_TRANSPORT_SOCKETS);
    assert_true(edge_open(&edge, &conf, &mem, clock_now_ns()));
    assert_false(edge.dpdk);
    assert_string_equal(edge.address, "127.0.0.1:0");
    edge_tick(&edge, clock_now_ns());
}

/* The environment starts once in a process' life, so one case holds both ways that DPDK can go. */
static void dpdk_and_back(void **state)
{
    (void)state;
    conf.gateway.transport = CONF_TRANSPORT_DPDK;
    conf.gateway.listen[0].port = 9000;
    memcpy(conf.dpdk.ports[0].device, "net_ring0", sizeof "net_ring0");
    assert_true(edge_open(&edge, &conf, &mem, clock_now_ns()));
    assert_true(edge.dpdk);
    assert_non_null(edge.transport);
    assert_string_equal(edge.address, "10.9.0.1:9000");
    edge_tick(&edge, clock_now_ns());
    edge.transport->ops->accept(edge.transport, TRANSPORT_ALL);
    edge.transport->ops->poll(edge.transport, clock_now_ns());
    assert_true(metrics_sum("wirebook_port_link_up") == 1);
}

static void an_address_of_somebody_else(void **state)
{
    (void)state;
    conf.gateway.listen[0].ipv4 = inet_addr("192.0.2.1");
    assert_false(edge_open(&edge, &conf, &mem, clock_now_ns()));
    assert_null(edge.transport);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sockets_by_default, fresh, gone),
        cmocka_unit_test_setup_teardown(an_address_of_somebody_else, fresh, gone),
        cmocka_unit_test_setup_teardown(dpdk_and_back, fresh, gone),
    };
    clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
