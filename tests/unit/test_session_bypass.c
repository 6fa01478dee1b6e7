/*
 * test_session_bypass.c - the session suite, unchanged, past the kernel: our own TCP on both
 * ends. And what a balancer does, in real segments: headers, checks, a target that leaves.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/clock.h"
#include "gateway/session/soup.h"
#include "tests/lib/bypass_wire.h"
#include "tests/lib/proxy_bytes.h"
#include "tests/lib/session_client.h"
#include "tests/lib/session_suite.h"

static struct rig rig;
static struct rig_client clients[4];
static struct wire *wire;
static struct proxy_bytes header;

static void begin(u32 listener)
{
    struct rig_conf conf = rig_conf_usual();

    memset(clients, 0, sizeof clients);
    wire = bypass_wire_new();
    rig_open(&rig, wire, &conf);
    bypass_wire_listener(wire, listener);
}

static void open_client(u32 i)
{
    client_open(&clients[i], &rig);
    rig_turns(&rig, 4);
}

static u64 metric(const char *name)
{
    return (u64)metrics_sum(name);
}

/* Each piece leaves as a segment of its own. */
static void in_segments(u32 i, const u8 *bytes, u32 n, u32 piece)
{
    for (u32 at = 0; at < n; at += piece) {
        assert_int_equal(wire->write(wire, clients[i].wire, bytes + at, min_u32(piece, n - at)),
                         min_u32(piece, n - at));
        if (at % 7 == 0)
            rig_turns(&rig, 1);
    }
}

/* A header with the login behind it, cut anywhere. */
static void header_in_segments(void **state)
{
    static const u8 login[] = "\0\x2fLALICE SECRET              "
                              "                    ";
    u8 all[256];

    (void)state;
    _Static_assert(sizeof login - 1 == 49, "a Login Request");
    for (u32 piece = 1; piece < 100; piece += 1 + piece) {
        begin(RIG_PROXY);
        open_client(0);
        proxy_begin(&header, 0x21, 0x11);
        proxy_tcp4(&header, inet_addr("203.0.113.7"), 51000, inet_addr("10.0.0.9"), 9000);
        proxy_end(&header, true);
        memcpy(all, header.at, header.used);
        memcpy(all + header.used, login, sizeof login - 1);
        in_segments(0, all, header.used + sizeof login - 1, piece);
        client_expect(&clients[0], SOUP_ACCEPTED);
        assert_int_equal(metric("wirebook_gateway_proxy_clients_total"), 1);
        client_enter(&clients[0], 1, 'B', 100, "AAPL", 1500000);
        client_expect_message(&clients[0], 'S');
        client_expect_message(&clients[0], 'A');
        rig_close(&rig);
    }
}

static void checks(void **state)
{
    (void)state;
    begin(RIG_PROXY);
    open_client(0);
    proxy_begin(&header, 0x20, 0x11);
    proxy_tlv(&header, 4, "checking", 8);
    proxy_end(&header, false);
    in_segments(0, header.at, header.used, 5);
    client_expect_end(&clients[0]);
    open_client(1); /* connects and goes, at the port for clients behind the balancer */
    wire->hang_up(wire, clients[1].wire, TRANSPORT_FINISH);
    bypass_wire_listener(wire, RIG_HEALTH);
    open_client(2);
    client_expect_end(&clients[2]);
    rig_turns(&rig, 5);
    assert_int_equal(metric("wirebook_gateway_proxy_local_total"), 1);
    assert_int_equal(metric("wirebook_gateway_health_checks_total"), 1);
    assert_int_equal(metric("wirebook_gateway_connections_opened_total"), 0);
    assert_int_equal(metric("wirebook_gateway_lobby"), 0);
    assert_int_equal(rig.commands, 0);
    rig_close(&rig);
}

/* The health port is shut first, the others after; who is in is answered and then ended. */
static void a_target_leaves(void **state)
{
    (void)state;
    begin(0);
    open_client(0);
    client_login(&clients[0], "ALICE", 1);
    client_expect_message(&clients[0], 'S');
    gateway_stage_set(rig.gateway, GATEWAY_LEAVING);
    rig_turns(&rig, 2);
    bypass_wire_listener(wire, RIG_HEALTH);
    open_client(1);
    assert_int_equal(client_end(&clients[1]), WIRE_RESET);
    bypass_wire_listener(wire, 0);
    open_client(2);
    client_login(&clients[2], "BOB", 1);
    gateway_stage_set(rig.gateway, GATEWAY_CLOSED);
    rig_turns(&rig, 2);
    open_client(3);
    assert_int_equal(client_end(&clients[3]), WIRE_RESET);
    client_enter(&clients[0], 1, 'B', 100, "AAPL", 1500000);
    rig_turns(&rig, 5);
    gateway_shutdown(rig.gateway);
    client_expect_message(&clients[0], 'A');
    client_expect_end(&clients[0]);
    assert_int_equal(gateway_sessions(rig.gateway), 0);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest balancer[] = {
        cmocka_unit_test(header_in_segments),
        cmocka_unit_test(checks),
        cmocka_unit_test(a_target_leaves),
    };

    clock_init();
    if (!bypass_wire_start(1))
        return 1;
    int failed = session_suite_run("sessions past the kernel", bypass_wire_new);
    failed += cmocka_run_group_tests_name("behind a balancer", balancer, NULL, NULL);
    bypass_wire_stop();
    return failed;
}
