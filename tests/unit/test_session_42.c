/*
 * test_session_42.c - a client that speaks OUCH 4.2 beside one that speaks 5.0: names instead of
 * numbers, requests that overtake their answers, repeated tokens, replays, the end of the table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/session/bytes.h"
#include "gateway/session/session.h"
#include "tests/lib/fake_transport.h"
#include "tests/lib/session_client.h"

static struct rig rig;
static struct rig_client clients[3];
static struct rig_client *const old = &clients[0];   /* ALICE by 4.2 */
static struct rig_client *const other = &clients[1]; /* CAROL by 5.0 */
static struct fake_transport *fake;

static void begin(void)
{
    struct rig_conf conf = rig_conf_usual();

    fake = fake_new(1);
    memset(clients, 0, sizeof clients);
    rig_open(&rig, &fake->wire, &conf);
    client_open(other, &rig);
    client_login(other, "CAROL", 1);
    client_expect_message(other, 'S');
    fake->listener = RIG_OUCH42;
    client_open(old, &rig);
    client_login(old, "ALICE", 1);
    client_expect_message(old, 'S');
}

static void token_put(u8 *at, const char *token)
{
    memset(at, ' ', 14);
    memcpy(at, token, strlen(token));
}

static void enter_as(const char *token, char side, u32 qty, u32 price, u32 tif, u8 display,
                     u8 cross)
{
    u8 m[49];

    memcpy(m, "O..............B....AAPL    ........    YANN....NN", sizeof m);
    memset(m + 36, ' ', 4);
    token_put(m + 1, token);
    m[15] = (u8)side;
    put_be32(m + 16, qty);
    memcpy(m + 20, "AAPL    ", 8);
    put_be32(m + 28, price);
    put_be32(m + 32, tif);
    memcpy(m + 40, "YAN", 3);
    m[40] = display;
    put_be32(m + 43, 0);
    memcpy(m + 47, "NN", 2);
    m[47] = cross;
    client_message(old, m, sizeof m);
}

static void enter(const char *token, char side, u32 qty, u32 price, u32 tif)
{
    enter_as(token, side, qty, price, tif, 'Y', 'N');
}

static void replace(const char *token, const char *by, u32 qty, u32 price)
{
    u8 m[47] = {'U'};

    token_put(m + 1, token);
    token_put(m + 15, by);
    put_be32(m + 29, qty);
    put_be32(m + 33, price);
    put_be32(m + 37, 99998);
    memcpy(m + 41, "YN", 2);
    client_message(old, m, sizeof m);
}

static void cancel(const char *token, u32 qty)
{
    u8 m[19] = {'X'};

    token_put(m + 1, token);
    put_be32(m + 15, qty);
    client_message(old, m, sizeof m);
}

/* The next message is of that type and about that token. */
static struct rig_frame expect(u8 letter, const char *token)
{
    struct rig_frame f = client_expect_message(old, letter);
    u8 want[14];

    token_put(want, token);
    assert_memory_equal(f.payload + 9, want, 14);
    return f;
}

/* An operator breaks the trade `match` of ALICE's order `ref`, which is called `token`. */
static void break_trade(u64 match, u32 ref, const char *token)
{
    struct msg_break b;
    union msg m;

    memset(&b, 0, sizeof b);
    b.match = match;
    b.reason = 'E';
    b.side[0] = (struct broken_side){.account = ALICE, .user_ref = ref};
    token_put((u8 *)b.side[0].clordid, token);
    b.side[1] = (struct broken_side){.account = CAROL, .user_ref = 1};
    memset(&m, 0, sizeof m);
    m.operator.head.type = CMD_OPERATOR;
    m.operator.head.slots =(u8) msg_type_slots(CMD_OPERATOR);
    m.operator.request = 1;
    m.operator.type = CMD_BREAK;
    memcpy(m.operator.body, (const u8 *)&b + sizeof b.head, sizeof b - sizeof b.head);
    rig_venue(&rig, &m);
}

static void a_conversation(void **state)
{
    (void)state;
    begin();
    enter("ONE", 'B', 300, 1500000, 99998);
    struct rig_frame f = expect('A', "ONE");
    assert_int_equal(f.len, 66);
    client_enter(other, 1, 'S', 100, "AAPL", 1500000);
    f = expect('E', "ONE");
    assert_int_equal(f.len, 40);
    assert_int_equal(get_be32(f.payload + 23), 100);
    break_trade(get_be64(f.payload + 32), 1, "ONE");
    assert_int_equal(expect('B', "ONE").len, 32);
    cancel("ONE", 250);
    f = expect('C', "ONE");
    assert_int_equal(get_be32(f.payload + 23), 50);
    replace("ONE", "TWO", 400, 1490000);
    f = expect('U', "TWO");
    assert_int_equal(f.len, 80);
    assert_memory_equal(f.payload + 65, "ONE           ", 14);
    assert_int_equal(get_be32(f.payload + 24), 300); /* 400 in all, 100 executed */
    cancel("ONE", 0);                                /* it is not called that any more */
    cancel("TWO", 0);
    expect('C', "TWO");
    enter("LATE", 'B', 100, 1500000, 0);
    expect('A', "LATE");
    f = expect('C', "LATE");
    assert_int_equal(f.payload[27], 'I');
    enter("BAD", 'B', 0, 1500000, 0);
    f = expect('J', "BAD");
    assert_int_equal(f.len, 24);
    client_expect_nothing(old);
    rig_close(&rig);
}

/* A Replace says the whole letter of display: it is imbalance-only no more. */
static void display_is_replaced(void **state)
{
    (void)state;
    begin();
    enter_as("ONE", 'B', 300, 1500000, 99998, 'I', 'C');
    assert_int_equal(expect('A', "ONE").payload[48], 'I');
    replace("ONE", "TWO", 300, 1500000);
    struct rig_frame f = expect('U', "TWO");
    assert_int_equal(f.payload[48], 'Y');
    assert_int_equal(f.payload[63], 'C');
    rig_close(&rig);
}

/* A token is one order's, however often it comes, live or from a client that was away. */
static void repeated_tokens(void **state)
{
    (void)state;
    begin();
    rig.hold_engine = true;
    for (u32 i = 0; i < 3; i++)
        enter("ONE", 'B', 100, 1500000, 99998); /* before the first one is answered */
    rig_turns(&rig, 5);
    rig.hold_engine = false;
    expect('A', "ONE");
    enter("ONE", 'B', 100, 1500000, 99998); /* and after */
    replace("ONE", "ONE", 200, 1500000);
    enter("BAD", 'B', 0, 1500000, 99998);
    expect('J', "BAD");
    enter("BAD", 'B', 100, 1500000, 99998); /* a rejected one is used, too */
    client_expect_nothing(old);
    assert_int_equal(rig_stream(&rig, ALICE), 3);
    assert_int_equal((u64)metrics_sum("wirebook_gateway_tokens_ignored_total"), 3);
    rig_close(&rig);
}

/* Nobody waits for an answer: the names are known as soon as they are sent. */
static void requests_that_overtake(void **state)
{
    (void)state;
    begin();
    rig.hold_engine = true;
    enter("ONE", 'B', 100, 1500000, 99998);
    replace("ONE", "TWO", 200, 1500000);
    replace("TWO", "THREE", 300, 1500000);
    replace("ONE", "FOUR", 400, 1500000); /* too late for this one */
    cancel("THREE", 50);
    rig_turns(&rig, 5);
    rig.hold_engine = false;
    expect('A', "ONE");
    expect('U', "TWO");
    expect('U', "THREE");
    expect('C', "THREE");
    client_expect_nothing(old);
    enter("FIVE", 'B', 100, 1500000, 99998);
    expect('A', "FIVE");
    enter("FOUR", 'B', 100, 1500000, 99998); /* never consumed */
    expect('A', "FOUR");
    rig_close(&rig);
}

/* What stands for nothing is ignored, and does not become something later. */
static void unknown_tokens(void **state)
{
    (void)state;
    begin();
    cancel("NONE", 0);
    replace("NONE", "NEW", 100, 1500000);
    enter("NEW", 'B', 100, 1500000, 99998);
    expect('A', "NEW");
    client_message(old, "Q", 1);
    client_message(old, "O", 1);
    client_expect_nothing(old);
    assert_int_equal((u64)metrics_sum("wirebook_gateway_messages_unknown_total"), 1);
    assert_int_equal((u64)metrics_sum("wirebook_gateway_messages_malformed_total"), 1);
    rig_close(&rig);
}

/* The same bytes again, from any number, by another connection, in the same dialect only. */
static void a_replay(void **state)
{
    static struct rig_frame seen[64];
    u32 used = 0;
    (void)state;

    begin();
    for (u32 i = 0; i < 20; i++) {
        char token[15], next[15];
        snprintf(token, sizeof token, "A%u", i);
        snprintf(next, sizeof next, "B%u", i);
        enter(token, 'B', 100, 1400000 + i * 100, 99998);
        if (i % 3 == 0)
            replace(token, next, 200, 1400000);
        cancel(i % 3 == 0 ? next : token, 0);
    }
    rig_turns(&rig, 100);
    while (old->next_seq <= rig_stream(&rig, ALICE)) {
        seen[used++] = client_expect(old, SOUP_SEQUENCED);
        assert_true(used < ARRAY_LEN(seen));
    }
    struct rig_client *again = &clients[2];
    client_open(again, &rig);
    client_login(again, "ALICE", 2);
    for (u32 i = 0; i < used; i++) {
        struct rig_frame f = client_expect(again, SOUP_SEQUENCED);
        assert_int_equal(f.len, seen[i].len);
        assert_memory_equal(f.payload, seen[i].payload, f.len);
    }
    client_expect_nothing(again);
    fake->listener = 0;
    memset(old, 0, sizeof *old);
    client_open(old, &rig);
    client_ask_login(old, "ALICE", "SECRET", "", "1");
    struct rig_frame f = client_expect(old, SOUP_REJECTED);
    assert_int_equal(f.payload[0], 'S');
    rig_close(&rig);
}

/* Beyond its quota an account's orders are rejected, cancels and what is known go on. */
static void no_more_tokens(void **state)
{
    char token[15];
    (void)state;

    begin();
    for (u32 i = 0; i < 40; i++) {
        snprintf(token, sizeof token, "T%u", i);
        enter(token, 'B', 100, 1500000, 99998);
        expect('A', token);
    }
    enter("MORE", 'B', 100, 1500000, 99998);
    struct rig_frame f = expect('J', "MORE");
    assert_int_equal(f.payload[23], 'O');
    replace("T0", "MORE", 200, 1500000);
    expect('J', "MORE");
    assert_int_equal((u64)metrics_sum("wirebook_gateway_tokens_full_total"), 2);
    assert_int_equal((u64)metrics_sum("wirebook_gateway_tokens_used"), 40);
    cancel("T0", 0);
    expect('C', "T0");
    rig_day_end(&rig);
    client_expect_message(old, 'S');
    client_expect_message(old, 'C');
    rig_close(&rig);
}

/* The gateway knows nothing of ALICE's tokens, as after a restart or a hand-over. */
static struct sessions *forget_tokens(u32 quota)
{
    struct sessions *S = gateway_sessions_of(rig.gateway);

    fake->wire.hang_up(&fake->wire, old->wire, TRANSPORT_RESET);
    rig_expect_sessions(&rig, 1);
    tokens_clear(&S->tokens);
    S->tokens.quota = quota;
    memset(&directory_account(&S->directory, ALICE)->book, 0, sizeof(struct token_book));
    memset(old, 0, sizeof *old);
    client_open(old, &rig);
    return S;
}

/* What is forgotten is read again, from the reader and the store, before the login is told. */
static void learned_again(void **state)
{
    char token[15];
    (void)state;

    begin();
    for (u32 i = 0; i < 30; i++) {
        snprintf(token, sizeof token, "L%u", i);
        enter(token, 'B', 100, 1500000, 99998);
        for (u32 k = 0; k < 10; k++) /* more than the store keeps */
            cancel(token, 99 - k);
    }
    enter("BAD", 'B', 0, 1500000, 99998);
    for (u32 i = 0; i < 1000 && rig_stream(&rig, ALICE) < 1 + 30 * 11 + 1; i++)
        rig_turns(&rig, 2);
    u64 last = rig_stream(&rig, ALICE);
    assert_int_equal(last, 1 + 30 * 11 + 1);
    struct sessions *S = forget_tokens(40);
    assert_true(directory_account(&S->directory, ALICE)->store.first_seq > 1);
    client_login(old, "ALICE", last + 1);
    assert_int_equal(metric_get(&S->metrics.tokens_used), 31);
    assert_in_range(metric_get(&S->metrics.tokens_learned), 1, last - 1); /* the store's part */
    enter("L7", 'B', 100, 1500000, 99998);                                /* used */
    enter("BAD", 'B', 100, 1500000, 99998);
    cancel("L7", 0);
    expect('C', "L7");
    replace("L8", "M8", 200, 1490000);
    assert_memory_equal(expect('U', "M8").payload + 65, "L8            ", 14);
    client_expect_nothing(old);

    S = forget_tokens(20); /* the config was made smaller: no room for what the day has */
    client_ask_login(old, "ALICE", "SECRET", "", "1");
    client_expect_end(old);
    S->tokens.quota = 40; /* it may be tried again */
    memset(old, 0, sizeof *old);
    client_open(old, &rig);
    client_login(old, "ALICE", last + 3);
    client_expect_nothing(old);
    rig_close(&rig);
}

/* The next day begins without any token, and may be in another dialect. */
static void another_day(void **state)
{
    (void)state;
    begin();
    enter("ONE", 'B', 100, 1500000, 99998);
    expect('A', "ONE");
    rig_day_end(&rig);
    client_expect_message(old, 'S'); /* what is late comes behind */
    expect('C', "ONE");
    client_expect(old, SOUP_END);
    client_expect_end(old);
    rig_day_open(&rig, RIG_DAY + 1, RIG_MIDNIGHT_NS + 86400 * NS_PER_SEC);
    memset(old, 0, sizeof *old);
    client_open(old, &rig);
    client_ask_login(old, "ALICE", "SECRET", "", "1");
    client_expect(old, SOUP_ACCEPTED);
    client_expect_message(old, 'S');
    enter("ONE", 'B', 100, 1500000, 99998);
    expect('A', "ONE");
    rig_close(&rig);
}

/* A drop copy has OUCH 5.0 of every account, this one's orders by their numbers and tokens, and
 * comes by no other port. */
static void a_drop_copy(void **state)
{
    u8 want[14 + OUCH5_OUT_MAX];
    struct rig_frame f;

    (void)state;
    begin();
    enter("TOKEN A", 'B', 100, 1500000, 99999);
    client_expect_message(old, 'A');
    client_open(other, &rig);
    client_ask_login(other, "EVERY", "secret", "", "1");
    assert_int_equal(client_expect(other, SOUP_REJECTED).payload[0], 'S');
    fake->listener = 0;
    memset(other, 0, sizeof *other);
    client_open(other, &rig);
    client_login(other, "EVERY", 1);
    do {
        u32 n = rig_expected_copy(&rig, EVERY, other->next_seq, want);
        f = client_expect(other, SOUP_SEQUENCED);
        assert_int_equal(f.len, n);
        assert_memory_equal(f.payload, want, n);
    } while (f.payload[14] != 'A');
    assert_memory_equal(f.payload, "ALICE ", 6);
    assert_non_null(memmem(f.payload + 14, f.len - 14, "TOKEN A  ", 9));
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_conversation),  cmocka_unit_test(display_is_replaced),
        cmocka_unit_test(repeated_tokens), cmocka_unit_test(requests_that_overtake),
        cmocka_unit_test(unknown_tokens),  cmocka_unit_test(a_replay),
        cmocka_unit_test(no_more_tokens),  cmocka_unit_test(learned_again),
        cmocka_unit_test(another_day),     cmocka_unit_test(a_drop_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
