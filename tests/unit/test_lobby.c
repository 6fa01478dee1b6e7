/*
 * test_lobby.c - behind a balancer: whose connection it is comes with its first bytes, at any
 * split; health checks cost nothing; strangers, liars and the late are cut; ports are shut in
 * order.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/lobby.h"
#include "gateway/session/session.h"
#include "tests/lib/fake_transport.h"
#include "tests/lib/proxy_bytes.h"
#include "tests/lib/session_client.h"

static struct rig rig;
static struct rig_client clients[WIRE_CLIENTS_MAX];
static struct fake_transport *fake;
static struct proxy_bytes header;

static void begin_with(u32 listener, bool says_end)
{
    struct rig_conf conf = rig_conf_usual();

    conf.limits = true; /* two connections of one address without a login */
    conf.says_end = says_end;
    fake = fake_new(1);
    memset(clients, 0, sizeof clients);
    rig_open(&rig, &fake->wire, &conf);
    fake->listener = listener;
}

static void begin(u32 listener)
{
    begin_with(listener, false);
}

static void header_of(const char *client)
{
    proxy_begin(&header, 0x21, 0x11);
    proxy_tcp4(&header, inet_addr(client), 51000, inet_addr("10.0.0.9"), 9000);
    proxy_end(&header, true);
}

static u64 metric(const char *name)
{
    return (u64)metrics_sum(name);
}

/* The address of the client as the engine was told, by the login in the command ring. */
static u32 login_address(u32 i, const char *user)
{
    rig.hold_engine = true;
    client_ask_login(&clients[i], user, "SECRET", "", "1");
    rig_turns(&rig, 100);
    assert_true(ring_avail(&rig.cmd, 1) >= 1);
    const struct msg_login *m = (const void *)ring_at(&rig.cmd, 0);
    assert_int_equal(m->head.type, CMD_LOGIN);
    assert_int_equal(m->peer_port, 51000);
    u32 address = m->peer_ipv4;
    rig.hold_engine = false;
    struct rig_frame f = client_expect(&clients[i], SOUP_ACCEPTED);
    assert_int_equal(f.len, SOUP_ACCEPTED_BYTES - SOUP_HEAD_BYTES);
    return address;
}

/* Header and login in pieces of any size are one session, under the client's address. */
static void the_client_behind_it(void **state)
{
    (void)state;
    for (u32 piece = 1; piece < 90; piece = piece * 3 + 1) {
        begin(RIG_PROXY);
        fake->piece = piece;
        client_open(&clients[0], &rig);
        header_of("203.0.113.7");
        client_bytes(&clients[0], header.at, header.used);
        assert_int_equal(login_address(0, "ALICE"), inet_addr("203.0.113.7"));
        assert_int_equal(metric("wirebook_gateway_proxy_clients_total"), 1);
        assert_int_equal(metric("wirebook_gateway_lobby"), 0);
        rig_close(&rig);
    }
}

/* Header and login in one read. */
static void all_at_once(void **state)
{
    (void)state;
    begin(RIG_PROXY);
    client_open(&clients[0], &rig);
    header_of("203.0.113.7");
    fake->wire.write(&fake->wire, clients[0].wire, header.at, header.used);
    assert_int_equal(login_address(0, "BOB"), inet_addr("203.0.113.7"));
    client_enter(&clients[0], 1, 'B', 100, "AAPL", 1500000);
    client_expect_message(&clients[0], 'S');
    client_expect_message(&clients[0], 'A');
    rig_close(&rig);
}

/* Limits are the client's, not the balancer's. */
static void limits_by_client(void **state)
{
    (void)state;
    begin(RIG_PROXY);
    for (u32 i = 0; i < 6; i++) {
        client_open(&clients[i], &rig);
        header_of(i < 3 ? "203.0.113.7" : "203.0.113.8");
        client_bytes(&clients[i], header.at, header.used);
        rig_turns(&rig, 5);
    }
    for (u32 i = 0; i < 6; i++)
        assert_int_equal(client_end(&clients[i]), i % 3 == 2 ? WIRE_RESET : WIRE_OPEN);
    assert_int_equal(metric("wirebook_gateway_connections_refused_source_total"), 2);
    rig_close(&rig);
}

/* A balancer's own connection is ended without a session; so is one to the health port. */
static void checks_cost_nothing(void **state)
{
    (void)state;
    begin(RIG_PROXY);
    for (u32 i = 0; i < 4; i++) {
        fake->listener = i < 2 ? RIG_PROXY : RIG_HEALTH;
        client_open(&clients[i], &rig);
        proxy_begin(&header, 0x20, 0x11);
        proxy_tlv(&header, 4, "checking", 8);
        proxy_end(&header, false);
        if (i != 3)
            client_bytes(&clients[i], header.at, header.used);
        rig_turns(&rig, 5);
        assert_int_equal(client_end(&clients[i]), WIRE_EOF);
    }
    assert_int_equal(metric("wirebook_gateway_proxy_local_total"), 2);
    assert_int_equal(metric("wirebook_gateway_health_checks_total"), 2);
    assert_int_equal(metric("wirebook_gateway_connections_opened_total"), 0);
    assert_int_equal(rig.commands, 0);
    rig_close(&rig);
}

/* Connect and hang up before a byte, or in the middle of the header, either way. */
static void gone_in_the_lobby(void **state)
{
    (void)state;
    begin(RIG_PROXY);
    for (u32 i = 0; i < 8; i++) {
        client_open(&clients[i], &rig);
        header_of("203.0.113.7");
        if (i % 2 != 0)
            client_bytes(&clients[i], header.at, header.used / 2);
        rig_turns(&rig, 3);
        fake->wire.hang_up(&fake->wire, clients[i].wire,
                           i % 4 < 2 ? TRANSPORT_FINISH : TRANSPORT_RESET);
        rig_turns(&rig, 3);
        assert_int_equal(metric("wirebook_gateway_lobby"), 0);
    }
    assert_int_equal(metric("wirebook_gateway_connections_opened_total"), 0);
    rig_close(&rig);
}

static void no_header(void **state)
{
    (void)state;
    begin(RIG_PROXY);
    client_open(&clients[0], &rig);
    client_ask_login(&clients[0], "ALICE", "SECRET", "", "1");
    assert_int_equal(client_end(&clients[0]), WIRE_RESET);
    assert_int_equal(metric("wirebook_gateway_proxy_bad_total"), 1);
    rig_close(&rig);
}

/* Only the first header is one: a second is a client that breaks the protocol. */
static void a_second_header(void **state)
{
    (void)state;
    begin(RIG_PROXY);
    client_open(&clients[0], &rig);
    header_of("203.0.113.7");
    client_bytes(&clients[0], header.at, header.used);
    client_bytes(&clients[0], header.at, header.used);
    assert_int_equal(client_end(&clients[0]), WIRE_RESET);
    assert_int_equal(metric("wirebook_gateway_frames_bad_total"), 1);
    rig_close(&rig);
}

/* At the ordinary port a header is nothing but a wrong frame: nobody can say who he is. */
static void a_header_at_the_wrong_port(void **state)
{
    (void)state;
    begin(0);
    client_open(&clients[0], &rig);
    header_of("203.0.113.7");
    client_bytes(&clients[0], header.at, header.used);
    assert_int_equal(client_end(&clients[0]), WIRE_RESET);
    assert_int_equal(metric("wirebook_gateway_proxy_clients_total"), 0);
    rig_close(&rig);
}

/*
 * A transport with more connections than the gateway has places, as the one past the kernel: who
 * is too many is refused, at the health port too, and there is room again when one goes.
 */
static void a_full_lobby(void **state)
{
    struct rig_conf conf = rig_conf_usual();

    (void)state;
    conf.connections_max = 3;
    fake = fake_new(1);
    memset(clients, 0, sizeof clients);
    rig_open(&rig, &fake->wire, &conf);
    fake->listener = RIG_PROXY;
    for (u32 i = 0; i < 6; i++) {
        fake->listener = i == 4 ? RIG_HEALTH : RIG_PROXY;
        client_open(&clients[i], &rig);
        rig_turns(&rig, 2);
        assert_int_equal(client_end(&clients[i]), i < 3 ? WIRE_OPEN : WIRE_RESET);
    }
    assert_int_equal(metric("wirebook_gateway_lobby_full_total"), 3);
    assert_int_equal(metric("wirebook_gateway_lobby"), 3);
    fake->wire.hang_up(&fake->wire, clients[0].wire, TRANSPORT_FINISH);
    rig_turns(&rig, 2);
    client_open(&clients[6], &rig);
    header_of("203.0.113.7");
    client_bytes(&clients[6], header.at, header.used);
    assert_int_equal(login_address(6, "ALICE"), inet_addr("203.0.113.7"));
    rig_close(&rig);
}

static void strangers(void **state)
{
    (void)state;
    begin(RIG_PROXY);
    fake->peer_ipv4 = inet_addr("10.1.2.3");
    client_open(&clients[0], &rig);
    assert_int_equal(client_end(&clients[0]), WIRE_RESET);
    assert_int_equal(metric("wirebook_gateway_proxy_strangers_total"), 1);
    rig_close(&rig);
}

/* An account's networks are its clients', whatever carries them; the answer tells nothing. */
static void networks_of_an_account(void **state)
{
    static const char *const from[] = {"203.0.113.7", "203.0.114.7", "198.51.100.1"};
    struct account_networks networks = {
        .used = 2,
        .at = {{inet_addr("192.0.2.0"), inet_addr("255.255.255.0")},
               {inet_addr("203.0.113.0"), inet_addr("255.255.255.0")}},
    };
    (void)state;

    begin(RIG_PROXY);
    gateway_account_access(rig.gateway, "CAROL ", &networks, &(struct account_ports){0});
    for (u32 i = 0; i < 3; i++) {
        client_open(&clients[i], &rig);
        header_of(from[i]);
        client_bytes(&clients[i], header.at, header.used);
        client_ask_login(&clients[i], "CAROL", "SECRET", "", "1");
        struct rig_frame f = client_expect(&clients[i], i == 0 ? SOUP_ACCEPTED : SOUP_REJECTED);
        assert_true(i == 0 || f.payload[0] == 'A');
    }
    assert_int_equal(metric("wirebook_gateway_logins_elsewhere_total"), 2);
    client_open(&clients[3], &rig);
    header_of(from[2]);
    client_bytes(&clients[3], header.at, header.used);
    assert_int_equal(login_address(3, "ALICE"), inet_addr(from[2])); /* others are free */
    rig_close(&rig);
}

static void too_late(void **state)
{
    (void)state;
    begin(RIG_PROXY);
    for (u32 i = 0; i < 2; i++) {
        client_open(&clients[i], &rig);
        header_of("203.0.113.7");
        client_bytes(&clients[i], header.at, 20);
        rig_pass(&rig, 10 * NS_PER_SEC);
    }
    rig_pass(&rig, 11 * NS_PER_SEC);
    assert_int_equal(client_end(&clients[0]), WIRE_RESET);
    assert_int_equal(client_end(&clients[1]), WIRE_OPEN);
    rig_pass(&rig, 10 * NS_PER_SEC);
    assert_int_equal(client_end(&clients[1]), WIRE_RESET);
    assert_int_equal(metric("wirebook_gateway_proxy_late_total"), 2);
    rig_close(&rig);
}

/* The health port goes first, then all; who is in stays in and trades. */
static void ports_are_shut_in_order(void **state)
{
    (void)state;
    begin(0);
    client_open(&clients[0], &rig);
    client_login(&clients[0], "ALICE", 1);
    gateway_stage_set(rig.gateway, GATEWAY_LEAVING);
    rig_turns(&rig, 1);
    assert_int_equal(fake->accepting,
                     1u << 0 | 1u << RIG_PROXY | 1u << RIG_OUCH42 | 1u << RIG_TERMS);
    client_open(&clients[1], &rig);
    client_login(&clients[1], "BOB", 1);
    gateway_stage_set(rig.gateway, GATEWAY_CLOSED);
    rig_turns(&rig, 1);
    assert_int_equal(fake->accepting, 0);
    client_open(&clients[2], &rig);
    assert_int_equal(client_end(&clients[2]), WIRE_RESET);
    client_enter(&clients[0], 1, 'B', 100, "AAPL", 1500000);
    client_expect_message(&clients[0], 'S');
    client_expect_message(&clients[0], 'A');
    rig_close(&rig);
}

/* Drained: what was asked before is answered when it is durable; nothing more is read. */
static void drained(void **state)
{
    (void)state;
    begin(0);
    client_open(&clients[0], &rig);
    client_login(&clients[0], "ALICE", 1);
    client_expect_message(&clients[0], 'S');
    rig.hold_durable = true;
    client_enter(&clients[0], 1, 'B', 100, "AAPL", 1500000);
    rig_turns(&rig, 5);
    gateway_drain(rig.gateway);
    client_enter(&clients[0], 2, 'B', 100, "AAPL", 1500000);
    rig_turns(&rig, 5);
    assert_false(gateway_quiet(rig.gateway));
    rig.hold_durable = false;
    rig_turns(&rig, 5);
    assert_true(gateway_quiet(rig.gateway));
    gateway_shutdown(rig.gateway);
    client_expect_message(&clients[0], 'A');
    assert_int_equal(client_next(&clients[0]).type, 0); /* no Z: the day goes on elsewhere */
    assert_int_equal(client_end(&clients[0]), WIRE_EOF);
    assert_int_equal(rig_stream(&rig, ALICE), 2);
    rig_close(&rig);
}

/* A venue that closes: the last answer, End of Session, FIN; who is not logged in hears nothing. */
static void drained_for_good(void **state)
{
    (void)state;
    begin_with(0, true);
    client_open(&clients[0], &rig);
    client_login(&clients[0], "ALICE", 1);
    client_expect_message(&clients[0], 'S');
    client_open(&clients[1], &rig);
    rig.hold_durable = true;
    client_enter(&clients[0], 1, 'B', 100, "AAPL", 1500000);
    rig_turns(&rig, 5);
    gateway_shutdown(rig.gateway);
    rig_turns(&rig, 5);
    assert_int_equal(client_end(&clients[1]), WIRE_EOF);
    rig.hold_durable = false;
    client_expect_message(&clients[0], 'A');
    client_expect(&clients[0], SOUP_END);
    assert_int_equal(client_end(&clients[0]), WIRE_EOF);
    rig_turns(&rig, 5);
    assert_int_equal(gateway_sessions(rig.gateway), 0);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_behind_it),
        cmocka_unit_test(all_at_once),
        cmocka_unit_test(limits_by_client),
        cmocka_unit_test(checks_cost_nothing),
        cmocka_unit_test(gone_in_the_lobby),
        cmocka_unit_test(no_header),
        cmocka_unit_test(a_second_header),
        cmocka_unit_test(a_header_at_the_wrong_port),
        cmocka_unit_test(a_full_lobby),
        cmocka_unit_test(strangers),
        cmocka_unit_test(networks_of_an_account),
        cmocka_unit_test(too_late),
        cmocka_unit_test(ports_are_shut_in_order),
        cmocka_unit_test(drained),
        cmocka_unit_test(drained_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
