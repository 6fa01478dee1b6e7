/* session_suite.c - the session's conduct as a client sees it; knows no transport. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lib/session_suite.h"

#include "gateway/session/bytes.h"
#include "gateway/session/soup.h"
#include "tests/lib/session_cases.h"

/* ---- orders ---- */

static void case_orders(struct suite *s)
{
    client_open(&s->a, &s->rig);
    client_open(&s->b, &s->rig);
    client_login(&s->a, "ALICE", 1);
    client_login(&s->b, "BOB", 1);
    client_expect_message(&s->a, 'S');
    client_expect_message(&s->b, 'S');
    client_enter(&s->a, 1, 'S', 300, "AAPL", 1500000);
    struct rig_frame f = client_expect_message(&s->a, 'A');
    assert_memory_equal(f.payload + 18, "AAPL    ", 8);
    assert_int_equal(get_be32(f.payload + 9), 1);
    client_enter(&s->b, 7, 'B', 100, "AAPL", 1500000);
    client_expect_message(&s->b, 'A');
    client_expect_message(&s->b, 'E');
    f = client_expect_message(&s->a, 'E');
    assert_int_equal(get_be32(f.payload + 13), 100);
    client_cancel(&s->a, 1, 0);
    f = client_expect_message(&s->a, 'C');
    assert_int_equal(get_be32(f.payload + 13), 200);
    client_message(&s->a, "Q", 1);
    f = client_expect_message(&s->a, 'Q');
    assert_int_equal(get_be32(f.payload + 9), 2);
    client_cancel(&s->a, 1, 0);                        /* too late: silence */
    client_enter(&s->a, 1, 'S', 300, "AAPL", 1500000); /* resent: silence */
    client_expect_nothing(&s->a);
}

static void expect_reject(struct rig_client *c, u16 reason)
{
    struct rig_frame f = client_expect_message(c, 'J');

    assert_int_equal(get_be16(f.payload + 13), reason);
}

static void case_rejects(struct suite *s)
{
    client_open(&s->b, &s->rig);
    client_login(&s->b, "BOB", 1);
    client_expect_message(&s->b, 'S');
    client_enter(&s->b, 1, 'B', 100, "XYZ", 1500000);
    expect_reject(&s->b, 0x0017);
    client_enter(&s->b, 2, 'B', 100, "MSFT", 1500000);
    expect_reject(&s->b, 0x0022);
    client_enter(&s->b, 3, 'B', 1001, "AAPL", 10000);
    expect_reject(&s->b, 0x0031);
    client_enter(&s->b, 4, 'B', 1000, "AAPL", 1500000);
    expect_reject(&s->b, 0x0030);
    client_enter(&s->b, 5, 'B', 1, "AAPL", 1650100);
    expect_reject(&s->b, 0x0026);
    client_enter(&s->b, 6, 'B', 1000000, "AAPL", 100);
    expect_reject(&s->b, 0x0013);
    client_enter(&s->b, 7, 'X', 1, "AAPL", 1500000);
    expect_reject(&s->b, 0x0009);
    client_enter(&s->b, 8, 'B', 1, "AAPL", 1500000);
    client_expect_message(&s->b, 'A');
}

/* A Replace has the limits of an Enter, also when it asks for the market price. */
static void case_replace_keeps_the_limits(struct suite *s)
{
    static const struct risk_limits few = {.qty_max = 1000}, cheap = {.notional_max = 1000000000};
    static const struct {
        const struct risk_limits *limits;
        u32 qty;
        u64 price;
        char tif, answer;
    } rows[] = {
        {&few, 1000, 1000000, '0', 'U'},     {&few, 1001, 1000000, '0', 'C'},
        {&few, 1001, 0x7FFFFFFF, '3', 'C'},  {&few, 1001, 2000000000, '3', 'C'},
        {&cheap, 1000, 1000000, '0', 'U'},   {&cheap, 1000, 1000100, '0', 'C'},
        {&cheap, 667, 0x7FFFFFFF, '3', 'C'}, {&cheap, 667, 2000000000, '3', 'C'},
        {&cheap, 666, 0x7FFFFFFF, '3', 'U'},
    };

    client_open(&s->b, &s->rig);
    client_login(&s->b, "BOB", 1);
    client_expect_message(&s->b, 'S');
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        u32 ref = 10 * (i + 1);
        rig_checks(&s->rig, "BOB   ", rows[i].limits);
        rig_turns(&s->rig, 4);
        client_enter(&s->b, ref, 'B', 100, "AAPL", 900000);
        client_expect_message(&s->b, 'A');
        client_replace(&s->b, ref, ref + 1, rows[i].qty, rows[i].price, rows[i].tif);
        client_expect_message(&s->b, (u8)rows[i].answer);
        if (rows[i].answer == 'U' && rows[i].tif == '3')
            client_expect_message(&s->b, 'C'); /* the rest of what is immediate or nothing */
        client_expect_nothing(&s->b);
    }
}

/* One that comes during the day is known at once, and so is what its prices are measured from. */
static void case_instrument_of_the_day(struct suite *s)
{
    client_open(&s->b, &s->rig);
    client_login(&s->b, "BOB", 1);
    client_expect_message(&s->b, 'S');
    client_enter(&s->b, 1, 'B', 1, "NEWS", 100000);
    expect_reject(&s->b, 0x0017);
    rig_instrument(&s->rig, "NEWS    ", 100000);
    rig_turns(&s->rig, 3);
    client_enter(&s->b, 2, 'B', 1, "NEWS", 110100);
    expect_reject(&s->b, 0x0026);
    client_enter(&s->b, 3, 'B', 1, "NEWS", 110000);
    client_expect_message(&s->b, 'A');
    rig_instrument(&s->rig, "NEWS    ", 120000); /* new terms */
    rig_turns(&s->rig, 3);
    client_enter(&s->b, 4, 'B', 1, "NEWS", 110000);
    client_expect_message(&s->b, 'A');
    client_enter(&s->b, 5, 'B', 1, "NEWS", 107900);
    expect_reject(&s->b, 0x0026);
}

static void case_ignored(struct suite *s)
{
    client_open(&s->a, &s->rig);
    client_login(&s->a, "ALICE", 1);
    client_expect_message(&s->a, 'S');
    client_message(&s->a, "M\0\0\0\1Q\0\0\0\x32", 10); /* no such side */
    client_message(&s->a, "~garbage", 8);              /* unknown */
    client_message(&s->a, "X\0\0", 3);                 /* too short */
    client_frame(&s->a, SOUP_DEBUG);
    client_expect_nothing(&s->a);
    assert_int_equal(client_end(&s->a), WIRE_OPEN);
    assert_int_equal(metrics_sum("wirebook_gateway_messages_unknown_total"), 1);
    assert_int_equal(metrics_sum("wirebook_gateway_messages_malformed_total"), 2);
    assert_int_equal(metrics_sum("wirebook_gateway_debug_frames_total"), 1);
}

/* ---- the release rule ---- */

static void case_release(struct suite *s)
{
    s->rig.hold_durable = true;
    client_open(&s->a, &s->rig);
    client_ask_login(&s->a, "ALICE", "secret", "", "1");
    client_expect_nothing(&s->a); /* not even the login */
    s->rig.hold_durable = false;
    client_expect(&s->a, SOUP_ACCEPTED);
    s->a.next_seq = 1;
    client_expect_message(&s->a, 'S');
    s->rig.hold_durable = true;
    client_enter(&s->a, 1, 'B', 100, "AAPL", 1500000);
    client_enter(&s->a, 2, 'B', 100, "NONE", 1500000);
    client_expect_nothing(&s->a);
    rig_pass(&s->rig, 1100 * NS_PER_MS);
    client_expect(&s->a, SOUP_SERVER_HEARTBEAT); /* heartbeats wait for nothing */
    client_expect_nothing(&s->a);
    assert_int_equal(rig_stream(&s->rig, ALICE), 3);
    s->rig.hold_durable = false;
    client_expect_message(&s->a, 'A');
    client_expect_message(&s->a, 'J');
    suite_rejected(s, "BOB", "secret", "", "5", 'S');
}

/* ---- replay ---- */

static void case_replay_from_the_store(struct suite *s)
{
    suite_stream(s, 60);
    s->rig.wire->hang_up(s->rig.wire, s->a.wire, TRANSPORT_RESET);
    rig_expect_sessions(&s->rig, 0);
    client_open(&s->b, &s->rig);
    client_login(&s->b, "ALICE", 30);
    client_expect_stream(&s->b, ALICE, 61);
    client_expect_nothing(&s->b);
    client_open(&s->c, &s->rig); /* 0: the most recent one */
    client_login(&s->c, "ALICE", 0);
    assert_int_equal(s->c.next_seq, 61);
    client_expect_stream(&s->c, ALICE, 61);
    assert_int_equal(metrics_sum("wirebook_gateway_replays_total"), 0);
}

/* From the beginning, beyond the store's window, while new messages keep coming. */
static void case_replay_from_the_reader(struct suite *s)
{
    u64 last = 3001;

    suite_stream(s, 3000);
    client_open(&s->b, &s->rig);
    client_login(&s->b, "ALICE", 1);
    for (u32 ref = 3001; ref <= 4000; ref++) {
        client_enter(&s->b, ref, 'B', 100, "AAPL", 100);
        if (ref % 20 == 0)
            client_expect_stream(&s->b, ALICE, s->b.next_seq + 10);
        last++;
    }
    client_expect_stream(&s->b, ALICE, last);
    client_expect_nothing(&s->b);
    assert_true(metrics_sum("wirebook_gateway_replays_total") > 0);
    assert_true(metrics_sum("wirebook_gateway_messages_replayed_total") > 1000);
}

static void case_reader_is_slow_or_gone(struct suite *s)
{
    suite_stream(s, 3000);
    s->rig.hold_reader = true;
    client_open(&s->b, &s->rig);
    client_login(&s->b, "ALICE", 1);
    client_expect_nothing(&s->b);
    client_frame(&s->b, SOUP_LOGOUT); /* leaves with a question open */
    client_expect_end(&s->b);
    s->rig.hold_reader = false;
    rig_expect_sessions(&s->rig, 0);
    client_open(&s->c, &s->rig);
    client_login(&s->c, "ALICE", 2);
    client_expect_stream(&s->c, ALICE, 3001);
}

/* The reader, which is held, has a question; it says only `status`. */
static void reader_says(struct suite *s, u8 status)
{
    struct reader_request q;

    for (u32 i = 0; i < 100 && ring_avail(&s->rig.reader_requests, 1) == 0; i++)
        rig_turns(&s->rig, 1);
    assert_int_equal(ring_avail(&s->rig.reader_requests, 1), 1);
    memcpy(&q, ring_at(&s->rig.reader_requests, 0), sizeof q);
    ring_take(&s->rig.reader_requests, 1);
    struct reader_answer a = {.conn = q.conn,
                              .from_seq = q.from_seq,
                              .account = q.account,
                              .day = q.day,
                              .gateway = q.gateway,
                              .status = status};
    assert_true(ring_push(&s->rig.reader_answers, &a, 1));
}

/* What it does not have yet it is asked for again, a moment later; what it cannot have is the end.
 */
static void case_reader_says_no(struct suite *s)
{
    suite_stream(s, 3000);
    s->rig.hold_reader = true;
    client_open(&s->b, &s->rig);
    client_login(&s->b, "ALICE", 1);
    for (u32 i = 0; i < 3; i++) {
        reader_says(s, READER_NONE);
        rig_turns(&s->rig, 20);
        assert_int_equal(ring_avail(&s->rig.reader_requests, 1), 0);
        rig_pass(&s->rig, 6 * NS_PER_MS);
    }
    assert_int_equal(metrics_sum("wirebook_gateway_reader_none_total"), 3);
    reader_says(s, READER_WRONG_DAY);
    client_expect_end(&s->b);
}

/* ---- hostile ---- */

static void case_garbage_ends_one_session_alone(struct suite *s)
{
    static const char *const garbage[] = {"\xff\xff\xff", "\0\0U", "\0\1S", "\0\2R ", "\0\1A"};

    suite_stream(s, 1);
    for (u32 i = 0; i < 5; i++) {
        client_open(&s->b, &s->rig);
        client_login(&s->b, "BOB", 1);
        client_expect_message(&s->b, 'S');
        client_bytes(&s->b, garbage[i], 3);
        client_expect_end(&s->b);
    }
    client_enter(&s->a, 2, 'B', 100, "AAPL", 100);
    client_expect_message(&s->a, 'A');
    assert_int_equal(metrics_sum("wirebook_gateway_frames_bad_total"), 5);
}

/* The engine stands still, clients go on: nothing is lost, and all is answered in the end. */
static void case_full_command_ring(struct suite *s)
{
    static u8 flood[2000 * 50];
    u32 sent = 0;

    suite_stream(s, 1);
    for (u32 i = 0; i < 2000; i++) {
        u8 *m = flood + i * 50;
        soup_head(m, SOUP_UNSEQUENCED, 47);
        memset(m + 3, 0, 47);
        m[3] = 'O';
        put_be32(m + 4, i + 2);
        m[8] = 'B';
        put_be32(m + 9, 100);
        memcpy(m + 13, "AAPL    ", 8);
        put_be64(m + 21, 100);
        memcpy(m + 29, "0YANNLOAD          ", 19);
    }
    s->rig.hold_engine = true;
    for (u32 i = 0; i < 200; i++) {
        sent += s->rig.wire->write(s->rig.wire, s->a.wire, flood + sent, (u32)sizeof flood - sent);
        rig_turns(&s->rig, 1);
    }
    assert_true(metrics_sum("wirebook_gateway_ring_full_stops_total") > 0);
    rig_pass(&s->rig, 20 * NS_PER_SEC); /* it is we who keep it waiting: not silence */
    assert_int_equal(client_end(&s->a), WIRE_OPEN);
    s->rig.hold_engine = false;
    client_bytes(&s->a, flood + sent, (u32)sizeof flood - sent);
    client_expect_stream(&s->a, ALICE, 2002);
    assert_int_equal(rig_stream(&s->rig, ALICE), 2002);
}

/* ---- the day ---- */

static void case_day_end(struct suite *s)
{
    suite_stream(s, 3);
    rig_day_end(&s->rig);
    struct rig_frame f;
    f = client_expect_message(&s->a, 'S');
    assert_int_equal(f.payload[9], 'E');
    for (u32 i = 0; i < 3; i++)
        client_expect_message(&s->a, 'C'); /* day orders expire */
    client_expect(&s->a, SOUP_END);
    client_expect_end(&s->a);
    assert_int_equal(gateway_sessions(s->rig.gateway), 0);
    suite_rejected(s, "ALICE", "secret", "", "1", 'S');
    rig_day_open(&s->rig, RIG_DAY + 1, RIG_MIDNIGHT_NS + 24 * 3600 * NS_PER_SEC);
    rig_turns(&s->rig, 3);
    suite_rejected(s, "ALICE", "secret", RIG_SESSION, "1", 'S');
    client_open(&s->b, &s->rig);
    client_ask_login(&s->b, "ALICE", "secret", "2026112307", "1");
    f = client_expect(&s->b, SOUP_ACCEPTED);
    assert_memory_equal(f.payload, "2026112307                   1", 30);
    s->b.next_seq = 1;
    f = client_expect_message(&s->b, 'S');
    assert_int_equal(f.payload[9], 'S');
}

/* The next day opens in the same breath: the old streams are still finished first. */
static void case_day_end_and_open_at_once(struct suite *s)
{
    suite_stream(s, 3);
    s->rig.hold_durable = true;
    rig_day_end(&s->rig);
    rig_day_open(&s->rig, RIG_DAY + 1, RIG_MIDNIGHT_NS + 24 * 3600 * NS_PER_SEC);
    client_expect_nothing(&s->a);
    s->rig.hold_durable = false;
    client_expect_message(&s->a, 'S');
    for (u32 i = 0; i < 3; i++)
        client_expect_message(&s->a, 'C');
    client_expect(&s->a, SOUP_END);
    client_expect_end(&s->a);
    client_open(&s->b, &s->rig);
    client_ask_login(&s->b, "ALICE", "secret", "", "1");
    client_expect(&s->b, SOUP_ACCEPTED);
}

static void case_shutdown(struct suite *s)
{
    suite_stream(s, 3);
    client_open(&s->b, &s->rig); /* one that has not logged in */
    rig_turns(&s->rig, 3);
    gateway_shutdown(s->rig.gateway);
    client_expect_end(&s->a);
    client_expect_end(&s->b);
    assert_int_equal(gateway_sessions(s->rig.gateway), 0);
    client_open(&s->c, &s->rig);
    client_expect_end(&s->c);
}

/* ---- running them ---- */

struct suite_case {
    const char *name;
    void (*run)(struct suite *s);
    u32 cmd_slots; /* 0: the usual */
    bool limits;   /* of rates and guests */
};

static const struct suite_case cases[] = {
    {"login", case_login, 0, false},
    {"login 4.1", case_login_41, 0, false},
    {"login refused", case_login_refused, 0, false},
    {"nothing before login", case_nothing_before_login, 0, false},
    {"login deadline", case_login_deadline, 0, false},
    {"slow auth", case_slow_auth, 0, false},
    {"orders", case_orders, 0, false},
    {"rejects", case_rejects, 0, false},
    {"replace keeps the limits", case_replace_keeps_the_limits, 0, false},
    {"an instrument of the day", case_instrument_of_the_day, 0, false},
    {"ignored", case_ignored, 0, false},
    {"release", case_release, 0, false},
    {"replay from the store", case_replay_from_the_store, 0, false},
    {"replay from the reader", case_replay_from_the_reader, 0, false},
    {"reader is slow or gone", case_reader_is_slow_or_gone, 0, false},
    {"reader says no", case_reader_says_no, 0, false},
    {"takeover", case_takeover, 0, false},
    {"logout", case_logout, 0, false},
    {"lost while logging in", case_lost_while_logging_in, 0, false},
    {"orders before the end of file count", case_orders_before_the_end_of_file_count, 0, false},
    {"heartbeats", case_heartbeats, 0, false},
    {"silence", case_silence, 0, false},
    {"away", case_away, 0, false},
    {"garbage ends one session alone", case_garbage_ends_one_session_alone, 0, false},
    {"full command ring", case_full_command_ring, 64, false},
    {"day end", case_day_end, 0, false},
    {"day end and open at once", case_day_end_and_open_at_once, 0, false},
    {"shutdown", case_shutdown, 0, false},
    {"guests", case_guests, 0, true},
    {"rates", case_rates, 0, true},
    {"rates of an account", case_rates_of_an_account, 0, true},
    {"checks", case_checks, 0, false},
    {"checks of rates", case_checks_of_rates, 0, false},
    {"checks under attack", case_checks_under_attack, 0, false},
    {"drop copy", case_copy, 0, false},
    {"drop copy of all", case_copy_of_all, 0, false},
    {"drop copy says nothing", case_copy_says_nothing, 0, false},
    {"drop copy logins", case_copy_logins, 0, false},
    {"drop copy day end", case_copy_day_end, 0, false},
    {"drop copy day end in pieces", case_copy_day_end_in_pieces, 0, false},
    {"drop copy ahead of events", case_copy_ahead_of_events, 0, false},
};

static struct wire *(*new_wire)(void);

static void run_case(void **state)
{
    static struct suite s; /* its clients' buffers are big */
    const struct suite_case *c = *state;
    struct rig_conf conf = rig_conf_usual();

    memset(&s, 0, sizeof s);
    conf.slow_timeout_ns = 3600 * NS_PER_SEC; /* a real peer acknowledges in real time */
    if (c->cmd_slots != 0)
        conf.cmd_slots = c->cmd_slots;
    conf.limits = c->limits;
    rig_open(&s.rig, new_wire(), &conf);
    c->run(&s);
    rig_close(&s.rig);
}

int session_suite_run(const char *name, struct wire *(*wire_new)(void))
{
    struct CMUnitTest tests[ARRAY_LEN(cases)];

    new_wire = wire_new;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++)
        tests[i] = (struct CMUnitTest){.name = cases[i].name,
                                       .test_func = run_case,
                                       .initial_state = (void *)(uintptr_t)&cases[i]};
    return _cmocka_run_group_tests(name, tests, ARRAY_LEN(cases), NULL, NULL);
}
