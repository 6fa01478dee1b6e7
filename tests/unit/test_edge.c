/* test_edge.c - which transport the config leads to: sockets, DPDK, and the way back from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/base/clock.h"
#include "engine/base/metrics.h"
#include "gateway/edge.h"
#include "tests/lib/memory_policy.h"

static struct conf conf;
static struct placement anywhere;
static struct edge edge;
static struct mem mem;

static int fresh(void **state)
{
    (void)state;
    conf_default(&conf);
    conf.gateway.connections_max = 4;
    conf.gateway.listen[0].port = 0; /* any free one */
    memset(&anywhere, 0, sizeof anywhere);
    for (u32 a = 0; a < CONF_AGENTS; a++)
        anywhere.agent_node[a] = -1;
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

static bool refused(void *ctx, u64 conn, const struct transport_peer *peer)
{
    (void)ctx, (void)conn, (void)peer;
    return false;
}

static const struct transport_up refuse_all = {.opened = refused};

static void sockets_by_default(void **state)
{
    (void)state;
    assert_int_equal(conf.gateway.transport, CONF_TRANSPORT_SOCKETS);
    assert_true(edge_open(&edge, &conf, &anywhere, &mem, clock_now_ns()));
    assert_false(edge.dpdk);
    assert_string_equal(edge.address, "127.0.0.1:0");
    edge_tick(&edge, clock_now_ns());
}

static u16 free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    close(fd);
    return ntohs(a.sin_port);
}

/* Each gateway's transport lies where the gateway's core is. Every machine has node 0. */
static void memory_where_it_belongs(void **state)
{
    (void)state;
    conf.gateway.count = 2;
    conf.gateway.listen[0].port = free_port();
    anywhere.agent_node[1] = 0;
    assert_true(edge_open(&edge, &conf, &anywhere, &mem, clock_now_ns()));
    assert_int_equal(memory_node(edge.transports[0]), -1);
    assert_int_equal(memory_node(edge.transports[1]), memory_policies() ? 0 : -1);
    assert_int_equal(memory_node(mem_alloc(&mem, 64, 64)), -1); /* what comes behind does not */
}

/* Each gateway gets some of the connections; who is not of us may not listen there as well. */
static void sockets_for_each_gateway(void **state)
{
    static struct edge other;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fds[64];
    u64 refusals = 0;

    (void)state;
    conf.gateway.count = 3;
    conf.gateway.connections_max = ARRAY_LEN(fds);
    conf.gateway.listen[0].port = free_port();
    a.sin_port = htons((u16)conf.gateway.listen[0].port);
    assert_true(edge_open(&edge, &conf, &anywhere, &mem, clock_now_ns()));
    assert_int_equal(edge.transports_used, 3);
    assert_true(edge_open(&other, &conf, &anywhere, &mem, clock_now_ns())); /* nobody listens yet */
    assert_true(edge_accept(&edge, TRANSPORT_ALL));
    for (u32 i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&a, sizeof a), 0);
    }
    for (u32 g = 0; g < 3; g++) {
        u64 before = refusals;
        edge.transports[g]->up = &refuse_all;
        for (u32 turn = 0; turn < 10; turn++)
            edge.transports[g]->ops->poll(edge.transports[g], clock_now_ns());
        refusals = metrics_sum("wirebook_socket_refused_total");
        assert_true(refusals > before); /* 64 by luck all elsewhere: once in 10^11 runs */
    }
    assert_int_equal(refusals, ARRAY_LEN(fds));
    for (u32 i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    assert_false(edge_accept(&other, TRANSPORT_ALL));
    edge_close(&other);
    assert_false(edge_open(&other, &conf, &anywhere, &mem, clock_now_ns()));
    edge_close(&other);
}

/* The environment starts once in a process' life, so one case holds both ways that DPDK can go. */
static void dpdk_and_back(void **state)
{
    (void)state;
    conf.gateway.transport = CONF_TRANSPORT_DPDK;
    conf.gateway.listen[0].port = 9000;
    memcpy(conf.dpdk.ports[0].device, "net_ring0", sizeof "net_ring0");
    assert_true(edge_open(&edge, &conf, &anywhere, &mem, clock_now_ns()));
    assert_true(edge.dpdk);
    assert_non_null(edge.transports[0]);
    assert_string_equal(edge.address, "10.9.0.1:9000");
    edge_tick(&edge, clock_now_ns());
    assert_true(edge_accept(&edge, TRANSPORT_ALL));
    edge.transports[0]->ops->poll(edge.transports[0], clock_now_ns());
    assert_true(metrics_sum("wirebook_port_link_up") == 1);
}

static void an_address_of_somebody_else(void **state)
{
    (void)state;
    conf.gateway.listen[0].ipv4 = inet_addr("192.0.2.1");
    assert_false(edge_open(&edge, &conf, &anywhere, &mem, clock_now_ns()));
    assert_int_equal(edge.transports_used, 0);
}

/* What gateways and transport are told of a listener must be of the same one. */
static void listeners_as_configured(void **state)
{
    struct gateway_conf g;
    (void)state;

    memset(&g, 0, sizeof g);
    conf.gateway.listen_used = 3;
    conf.gateway.listen[1].dialect = CONF_DIALECT_OUCH42;
    conf.gateway.listen[1].proxy = CONF_PROXY_V2;
    conf.gateway.listen[2].role = CONF_ROLE_HEALTH;
    conf.gateway.takeover = CONF_TAKEOVER_REJECT;
    edge_listeners(&g, &conf.gateway);
    assert_int_equal(g.listeners_used, 3);
    assert_int_equal(g.listeners[0].dialect, DIALECT_OUCH50);
    assert_int_equal(g.listeners[1].dialect, DIALECT_OUCH42);
    assert_true(g.listeners[1].proxy_v2 && !g.listeners[0].proxy_v2 && !g.listeners[2].proxy_v2);
    assert_true(g.listeners[2].health && !g.listeners[1].health);
    assert_int_equal(g.tokens_max, conf.gateway.ouch42_tokens);
    assert_int_equal(g.login_terms, LOGIN_NO_TAKEOVER);
    assert_int_equal(g.balancers_used, 1);
    conf.gateway.listen_used = 1; /* nobody speaks it: nothing is taken for it */
    memset(&g, 0, sizeof g);
    edge_listeners(&g, &conf.gateway);
    assert_int_equal(g.tokens_max, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sockets_by_default, fresh, gone),
        cmocka_unit_test_setup_teardown(listeners_as_configured, fresh, gone),
        cmocka_unit_test_setup_teardown(sockets_for_each_gateway, fresh, gone),
        cmocka_unit_test_setup_teardown(memory_where_it_belongs, fresh, gone),
        cmocka_unit_test_setup_teardown(an_address_of_somebody_else, fresh, gone),
        cmocka_unit_test_setup_teardown(dpdk_and_back, fresh, gone),
    };
    clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
