/* session_cases.c - cases of the session suite: how sessions begin and end, and what time does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lib/session_cases.h"

#include "gateway/session/bytes.h"
#include "gateway/session/soup.h"

/* A login is through by then, also when it comes in small pieces. */
#define LOGIN_TURNS 60u

void suite_stream(struct suite *s, u32 orders)
{
    client_open(&s->a, &s->rig);
    client_login(&s->a, "ALICE", 1);
    for (u32 ref = 1; ref <= orders; ref++) {
        client_enter(&s->a, ref, 'B', 100, "AAPL", 100 * (1 + ref % 900));
        if (ref % 50 == 0)
            client_expect_stream(&s->a, ALICE, ref);
    }
    client_expect_stream(&s->a, ALICE, orders + 1ull);
}

/* ---- logins ---- */

void case_login(struct suite *s)
{
    client_open(&s->a, &s->rig);
    client_login(&s->a, "alice", 1);
    struct rig_frame f = client_expect_message(&s->a, 'S');
    assert_int_equal(f.len, 10);
    assert_int_equal(f.payload[9], 'S');
    assert_true(get_be64(f.payload + 1) >= 9 * 3600 * NS_PER_SEC); /* since midnight */
    client_expect_nothing(&s->a);
}

void case_login_41(struct suite *s)
{
    client_open(&s->a, &s->rig);
    client_ask_login41(&s->a, " ALICE", "    secret", RIG_SESSION, "                   1", "5000");
    client_expect(&s->a, SOUP_ACCEPTED);
    s->a.next_seq = 1;
    client_expect_message(&s->a, 'S');
    rig_pass(&s->rig, 4 * NS_PER_SEC);
    assert_int_equal(client_end(&s->a), WIRE_OPEN);
    rig_pass(&s->rig, 2 * NS_PER_SEC);
    client_expect_end(&s->a); /* its own limit */
}

void suite_rejected(struct suite *s, const char *user, const char *password, const char *session,
                    const char *seq, u8 reason)
{
    client_open(&s->c, &s->rig);
    client_ask_login(&s->c, user, password, session, seq);
    struct rig_frame f = client_expect(&s->c, SOUP_REJECTED);
    assert_int_equal(f.len, 1);
    assert_int_equal(f.payload[0], reason);
    client_expect_end(&s->c);
}

void case_login_refused(struct suite *s)
{
    suite_rejected(s, "ALICE", "wrong", "", "1", 'A');
    suite_rejected(s, "ALICE", "limited", "", "1", 'A');
    suite_rejected(s, "NOBODY", "secret", "", "1", 'A');
    suite_rejected(s, "A'B", "secret", "", "1", 'A');
    suite_rejected(s, "ALICE", "secret", "SESS000001", "1", 'S');
    suite_rejected(s, "ALICE", "secret", "2026112107", "1", 'S'); /* another day */
    suite_rejected(s, "ALICE", "secret", "2026112208", "1", 'S'); /* another shard */
    suite_rejected(s, "ALICE", "secret", RIG_SESSION, "2", 'S');  /* not yet there */
    suite_rejected(s, "ALICE", "secret", "", "1x", 'S');
    client_open(&s->a, &s->rig);
    client_login(&s->a, "ALICE", 1); /* none of it did any harm */
    rig_expect_sessions(&s->rig, 1);
}

void case_nothing_before_login(struct suite *s)
{
    client_open(&s->a, &s->rig);
    client_enter(&s->a, 1, 'B', 100, "AAPL", 1500000);
    client_expect_end(&s->a);
    client_open(&s->b, &s->rig);
    client_frame(&s->b, SOUP_DEBUG); /* harmless */
    client_frame(&s->b, SOUP_CLIENT_HEARTBEAT);
    client_login(&s->b, "ALICE", 1);
    client_expect_message(&s->b, 'S');
    client_ask_login(&s->b, "ALICE", "secret", "", "1"); /* twice is too much */
    client_expect_end(&s->b);
    assert_int_equal(rig_stream(&s->rig, ALICE), 1);
}

void case_login_deadline(struct suite *s)
{
    client_open(&s->a, &s->rig);
    client_bytes(&s->a, "\x00\x2fL", 3); /* half a login does not help */
    rig_turns(&s->rig, 3);
    rig_pass(&s->rig, 29 * NS_PER_SEC);
    assert_int_equal(client_end(&s->a), WIRE_OPEN);
    rig_pass(&s->rig, 2 * NS_PER_SEC);
    client_expect_end(&s->a);
    assert_int_equal(gateway_sessions(s->rig.gateway), 0);
}

/* While the password waits for auth, the deadline stands still, and bytes sent early wait too. */
void case_slow_auth(struct suite *s)
{
    s->rig.hold_auth = true;
    client_open(&s->a, &s->rig);
    client_ask_login(&s->a, "ALICE", "secret", "", "1");
    client_enter(&s->a, 1, 'B', 100, "AAPL", 1500000);
    rig_turns(&s->rig, 5);
    rig_pass(&s->rig, 40 * NS_PER_SEC);
    assert_int_equal(client_end(&s->a), WIRE_OPEN);
    s->rig.hold_auth = false;
    client_expect(&s->a, SOUP_ACCEPTED);
    s->a.next_seq = 1;
    client_expect_message(&s->a, 'S');
    client_expect_message(&s->a, 'A');
}

/* ---- takeover, logout, loss ---- */

void case_takeover(struct suite *s)
{
    suite_stream(s, 5);
    client_open(&s->b, &s->rig);
    client_login(&s->b, "ALICE", 4);
    client_expect_stream(&s->b, ALICE, 6);
    client_expect_end(&s->a);
    client_enter(&s->b, 6, 'B', 100, "AAPL", 100);
    client_expect_message(&s->b, 'A');
    assert_int_equal(gateway_sessions(s->rig.gateway), 1);
}

void case_logout(struct suite *s)
{
    suite_stream(s, 5);
    client_frame(&s->a, SOUP_LOGOUT);
    client_expect_end(&s->a);
    client_open(&s->b, &s->rig);
    client_login(&s->b, "ALICE", 7);
    client_expect_nothing(&s->b);
}

/* Connections that vanish in the midst of a login leave nothing behind, in the engine neither. */
void case_lost_while_logging_in(struct suite *s)
{
    s->rig.hold_auth = true;
    client_open(&s->a, &s->rig);
    client_ask_login(&s->a, "ALICE", "secret", "", "1");
    rig_turns(&s->rig, LOGIN_TURNS);
    s->rig.wire->hang_up(s->rig.wire, s->a.wire, TRANSPORT_RESET);
    rig_turns(&s->rig, 4);
    s->rig.hold_auth = false;
    rig_expect_sessions(&s->rig, 0);

    s->rig.hold_engine = true;
    client_open(&s->b, &s->rig);
    client_ask_login(&s->b, "ALICE", "secret", "", "1");
    rig_turns(&s->rig, LOGIN_TURNS);
    s->rig.wire->hang_up(s->rig.wire, s->b.wire, TRANSPORT_RESET);
    rig_expect_sessions(&s->rig, 1); /* the engine still has to answer */
    s->rig.hold_engine = false;
    rig_expect_sessions(&s->rig, 0);
    assert_int_equal(rig_stream(&s->rig, ALICE), 1);

    s->rig.hold_durable = true; /* bound, but not told */
    client_open(&s->c, &s->rig);
    client_ask_login(&s->c, "ALICE", "secret", "", "1");
    rig_turns(&s->rig, LOGIN_TURNS);
    s->rig.wire->hang_up(s->rig.wire, s->c.wire, TRANSPORT_FINISH);
    rig_expect_sessions(&s->rig, 0);
    s->rig.hold_durable = false;
    rig_turns(&s->rig, 2);
}

void case_orders_before_the_end_of_file_count(struct suite *s)
{
    suite_stream(s, 2);
    for (u32 ref = 3; ref <= 300; ref++)
        client_enter(&s->a, ref, 'B', 100, "AAPL", 100);
    s->rig.wire->hang_up(s->rig.wire, s->a.wire, TRANSPORT_FINISH);
    rig_expect_sessions(&s->rig, 0);
    rig_turns(&s->rig, 10);
    assert_int_equal(rig_stream(&s->rig, ALICE), 301);
}

/* ---- time ---- */

void case_heartbeats(struct suite *s)
{
    suite_stream(s, 1);
    u64 beats = metrics_sum("wirebook_gateway_heartbeats_out_total");
    for (u32 i = 0; i < 10; i++) {
        rig_pass(&s->rig, NS_PER_SEC);
        client_frame(&s->a, SOUP_CLIENT_HEARTBEAT);
        rig_turns(&s->rig, 2);
    }
    u64 idle = metrics_sum("wirebook_gateway_heartbeats_out_total") - beats;
    assert_in_range(idle, 9, 11);        /* one a second */
    for (u32 ref = 2; ref < 22; ref++) { /* none while there is something else to say */
        rig_pass(&s->rig, 900 * NS_PER_MS);
        client_enter(&s->a, ref, 'B', 100, "AAPL", 100);
        client_expect_message(&s->a, 'A');
    }
    u64 busy = metrics_sum("wirebook_gateway_heartbeats_out_total") - beats - idle;
    assert_in_range(busy, 0, 1);
    assert_int_equal(client_end(&s->a), WIRE_OPEN);
}

void case_silence(struct suite *s)
{
    suite_stream(s, 1);
    rig_pass(&s->rig, 14 * NS_PER_SEC);
    client_frame(&s->a, SOUP_CLIENT_HEARTBEAT);
    rig_turns(&s->rig, 2);
    rig_pass(&s->rig, 14900 * NS_PER_MS);
    assert_int_equal(client_end(&s->a), WIRE_OPEN);
    rig_pass(&s->rig, 200 * NS_PER_MS);
    client_expect_end(&s->a);
    assert_int_equal(gateway_sessions(s->rig.gateway), 0);
    client_open(&s->b, &s->rig);
    client_login(&s->b, "ALICE", 3); /* the engine knows that it is free */
}

/* A gateway that had no turn for so long says nothing of its clients: not of who was silent, not of
 * who has acknowledged nothing. */
void case_away(struct suite *s)
{
    suite_stream(s, 1);
    s->rig.now_ns += 30 * NS_PER_SEC;
    rig_turn(&s->rig);
    assert_int_equal(client_end(&s->a), WIRE_OPEN);
    rig_pass(&s->rig, 14 * NS_PER_SEC);
    assert_int_equal(client_end(&s->a), WIRE_OPEN);
    rig_pass(&s->rig, 1100 * NS_PER_MS);
    client_expect_end(&s->a);
}

/* ---- floods ---- */

void case_guests(struct suite *s)
{
    client_open(&s->a, &s->rig);
    client_open(&s->b, &s->rig);
    rig_expect_sessions(&s->rig, 2);
    client_open(&s->c, &s->rig); /* one too many from there */
    client_expect_end(&s->c);
    assert_int_equal(metrics_sum("wirebook_gateway_connections_refused_source_total"), 1);
    client_login(&s->a, "ALICE", 1);
    client_open(&s->c, &s->rig); /* who has logged in does not count */
    rig_expect_sessions(&s->rig, 3);
    s->rig.wire->hang_up(s->rig.wire, s->b.wire, TRANSPORT_RESET);
    rig_expect_sessions(&s->rig, 2);
    client_login(&s->c, "CAROL", 1);
}

/* Time passes while a real peer's bytes get on. */
static void pass_settled(struct suite *s, u32 tenths)
{
    for (u32 i = 0; i < tenths; i++) {
        rig_pass(&s->rig, 100 * NS_PER_MS);
        rig_turns(&s->rig, 1);
    }
}

/* Orders `from` .. `to` of ALICE; returns how many are within the rate. */
static u32 orders_within(struct rig_client *c, u32 from, u32 to)
{
    u32 accepted = 0;

    for (u32 ref = from; ref <= to; ref++)
        client_enter(c, ref, 'B', 100, "AAPL", 100);
    for (u32 ref = from; ref <= to; ref++) {
        struct rig_frame f = client_expect(c, SOUP_SEQUENCED);
        accepted += f.payload[0] == 'A';
        if (f.payload[0] != 'A')
            assert_int_equal(get_be16(f.payload + 13), 0x0029);
    }
    return accepted;
}

/* Who has used up his rate has used it up by the next connection, too. */
void case_rates_of_an_account(struct suite *s)
{
    client_open(&s->a, &s->rig);
    client_login(&s->a, "ALICE", 1);
    client_expect_message(&s->a, 'S');
    assert_in_range(orders_within(&s->a, 1, 120), 100, 102);
    client_open(&s->b, &s->rig);
    client_login(&s->b, "ALICE", 122);
    assert_in_range(orders_within(&s->b, 121, 170), 0, 10); /* as the time has passed */
    client_open(&s->c, &s->rig);
    client_login(&s->c, "CAROL", 1); /* who has done nothing */
    client_expect_message(&s->c, 'S');
    assert_int_equal(orders_within(&s->c, 1, 50), 50);
}

/* Orders above the rate are rejected, cancels are not; above the second rate nothing is read. */
void case_rates(struct suite *s)
{
    client_open(&s->a, &s->rig);
    client_login(&s->a, "ALICE", 1);
    client_expect_message(&s->a, 'S');
    assert_in_range(orders_within(&s->a, 1, 120), 100, 102);
    client_cancel(&s->a, 1, 0);
    client_expect_message(&s->a, 'C');
    rig_pass(&s->rig, NS_PER_SEC);
    client_enter(&s->a, 200, 'B', 100, "AAPL", 100);
    client_expect_message(&s->a, 'A');
    assert_int_equal(metrics_sum("wirebook_gateway_rate_stops_total"), 0);

    for (u32 i = 0; i < 4000; i++)
        client_frame(&s->a, SOUP_CLIENT_HEARTBEAT);
    pass_settled(s, 90); /* it is read at its rate */
    assert_true(metrics_sum("wirebook_gateway_rate_stops_total") > 0);
    assert_int_equal(gateway_sessions(s->rig.gateway), 1);
    pass_settled(s, 20);
    rig_expect_sessions(&s->rig, 0);
    client_open(&s->b, &s->rig); /* the others are not concerned */
    client_login(&s->b, "BOB", 1);
}
