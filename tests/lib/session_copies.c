/* session_copies.c - cases of the session suite: drop copies, against what the engine has said. */
#include "tests/lib/session_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/metrics.h"
#include "gateway/session/bytes.h"
#include "gateway/session/ouch5.h"
#include "gateway/session/session.h"
#include "gateway/session/soup.h"

#define ASK_AGAIN_NS (6 * NS_PER_MS) /* by then the gateway has asked the reader for more */

/* What is there goes out: each message that is durable, of the drop copy in client `c`, up to the
 * last one. */
static void expect_copy(struct suite *s, struct rig_client *c, u32 account)
{
    u8 want[14 + OUCH5_OUT_MAX];
    u32 n;

    rig_turns(&s->rig, 20); /* what was sent is done */
    rig_pass(&s->rig, ASK_AGAIN_NS);
    while ((n = rig_expected_copy(&s->rig, account, c->next_seq, want)) > 0) {
        struct rig_frame f = client_expect(c, SOUP_SEQUENCED);
        assert_int_equal(f.len, n);
        assert_memory_equal(f.payload, want, n);
    }
}

static void log_in(struct suite *s, struct rig_client *c, const char *user, u64 seq)
{
    memset(c, 0, sizeof *c);
    client_open(c, &s->rig);
    client_login(c, user, seq);
}

/* Until the engine has said so many messages to ALICE, however long her bytes are on their way. */
static void until(struct suite *s, u64 messages)
{
    for (u32 i = 0; i < 1000 && rig_stream(&s->rig, ALICE) < messages; i++)
        rig_turns(&s->rig, 2);
    assert_int_equal(rig_stream(&s->rig, ALICE), messages);
}

/* ALICE and DAVE, who is of another firm, trade; `ref` is the first of 2 * n numbers. */
static void trade(struct suite *s, u32 ref, u32 n)
{
    u64 said = rig_stream(&s->rig, ALICE);

    for (u32 i = 0; i < n; i++, said += 4) {
        client_enter(&s->a, ref + 2 * i, 'B', 200, "AAPL", 1500000);
        until(s, said + 1);
        client_enter(&s->b, ref + 2 * i, 'S', 100, "AAPL", 1500000);
        until(s, said + 2);
        client_enter(&s->a, ref + 2 * i + 1, 'B', 200, "NONE", 1500000);
        client_cancel(&s->a, ref + 2 * i, 0);
        until(s, said + 4);
    }
}

static void traders(struct suite *s)
{
    client_open(&s->a, &s->rig);
    client_login(&s->a, "ALICE", 1);
    client_open(&s->b, &s->rig);
    client_login(&s->b, "DAVE", 1);
}

/* From 1, live, from its next number after a loss; one that does not read costs nobody anything. */
void case_copy(struct suite *s)
{
    u64 next;

    traders(s);
    trade(s, 1, 20);
    log_in(s, &s->c, "COPY", 1);
    expect_copy(s, &s->c, COPY);
    assert_int_equal(s->c.next_seq, 1 + 1 + 20 * 4 + 1); /* two S; A, E, J, C; none of DAVE's */
    trade(s, 100, 5);
    expect_copy(s, &s->c, COPY);
    next = s->c.next_seq;
    trade(s, 200, 700); /* much more than one answer, and nobody takes it */
    assert_int_equal(rig_stream(&s->rig, ALICE), 1 + 725 * 4);
    expect_copy(s, &s->c, COPY);
    s->rig.wire->hang_up(s->rig.wire, s->c.wire, TRANSPORT_RESET);
    rig_expect_sessions(&s->rig, 2);
    trade(s, 2000, 5);
    log_in(s, &s->c, "COPY", next);
    expect_copy(s, &s->c, COPY);
    assert_true(metrics_sum("wirebook_gateway_messages_copied_total") > 2900);
}

void case_copy_of_all(struct suite *s)
{
    traders(s);
    log_in(s, &s->c, "EVERY", 1);
    trade(s, 1, 100);
    expect_copy(s, &s->c, EVERY);
    assert_int_equal(s->c.next_seq, 1 + 3 + 100 * 6);
    s->rig.hold_durable = true;
    trade(s, 1000, 1);
    expect_copy(s, &s->c, EVERY); /* nothing that is not durable */
    client_expect_nothing(&s->c);
    s->rig.hold_durable = false;
    expect_copy(s, &s->c, EVERY);
    assert_int_equal(s->c.next_seq, 1 + 3 + 101 * 6);
}

/* Enter is rejected, in the stream; all else is ignored, mass requests of its firm's orders too. */
void case_copy_says_nothing(struct suite *s)
{
    static const u8 mass[] = "C\0\0\0\x08"
                             "FIRM"
                             "        \0\0";
    static const u8 disable[] = "D\0\0\0\x09"
                                "FIRM\0\0";
    u8 last[14 + OUCH5_OUT_MAX];

    suite_stream(s, 2); /* ALICE's */
    log_in(s, &s->c, "COPY", 1);
    expect_copy(s, &s->c, COPY);
    client_enter(&s->c, 7, 'B', 100, "AAPL", 1500000);
    client_cancel(&s->c, 1, 0);
    client_message(&s->c, mass, sizeof mass - 1);
    client_message(&s->c, disable, sizeof disable - 1);
    rig_turns(&s->rig, 20);
    assert_int_equal(rig_stream(&s->rig, COPY), 2);
    assert_true(rig_expected_copy(&s->rig, COPY, s->c.next_seq, last) > 0);
    assert_memory_equal(last, "COPY  \0\0\0\0\0\0\0\2J", 15);
    assert_int_equal(get_be32(last + 14 + 9), 7);
    assert_int_equal(get_be16(last + 14 + 13), 0x000C);
    expect_copy(s, &s->c, COPY);
    assert_int_equal(rig_stream(&s->rig, ALICE), 3);
    assert_int_equal(metrics_sum("wirebook_gateway_copy_requests_refused_total"), 4);
    assert_int_equal(metrics_sum("wirebook_gateway_messages_malformed_total"), 0);
    client_enter(&s->a, 3, 'B', 100, "AAPL", 100); /* order entry is not disabled */
    client_expect_message(&s->a, 'A');
}

void case_copy_logins(struct suite *s)
{
    suite_stream(s, 10);
    suite_rejected(s, "COPY", "wrong", "", "1", 'A');
    suite_rejected(s, "COPY", "secret", "", "99", 'S'); /* beyond the next one */
    assert_int_equal(metrics_sum("wirebook_gateway_logins_refused_total"), 1);
    s->rig.reader_behind = true;
    memset(&s->c, 0, sizeof s->c);
    client_open(&s->c, &s->rig);
    client_ask_login(&s->c, "COPY", "secret", "", "0");
    client_expect_nothing(&s->c); /* its number is not known yet */
    s->rig.reader_behind = false;
    rig_pass(&s->rig, ASK_AGAIN_NS);
    struct rig_frame f = client_expect(&s->c, SOUP_ACCEPTED);
    assert_memory_equal(f.payload + 10, "                  12", 20); /* the most recent one */
    s->c.next_seq = 12;
    expect_copy(s, &s->c, COPY);
    log_in(s, &s->b, "COPY", 13); /* takes over */
    client_expect_end(&s->c);
    client_enter(&s->a, 11, 'B', 100, "AAPL", 100);
    expect_copy(s, &s->b, COPY);
    assert_int_equal(s->b.next_seq, 14);
}

void case_copy_day_end(struct suite *s)
{
    traders(s);
    log_in(s, &s->c, "EVERY", 1);
    trade(s, 1, 300);
    rig_day_end(&s->rig);
    expect_copy(s, &s->c, EVERY);
    assert_int_equal(s->c.next_seq, 1 + 3 + 300 * 6 + 3); /* an E to each */
    client_expect(&s->c, SOUP_END);
    client_expect_end(&s->c);
    rig_day_open(&s->rig, RIG_DAY + 1, RIG_MIDNIGHT_NS + 24 * 3600 * NS_PER_SEC);
    rig_turns(&s->rig, 10);
    memset(&s->b, 0, sizeof s->b);
    client_open(&s->b, &s->rig);
    client_ask_login(&s->b, "COPY", "secret", "2026112307", "1");
    rig_pass(&s->rig, ASK_AGAIN_NS);
    client_expect(&s->b, SOUP_ACCEPTED);
    struct rig_frame f = client_expect(&s->b, SOUP_SEQUENCED);
    assert_memory_equal(f.payload, "COPY  \0\0\0\0\0\0\0\1S", 15); /* numbers start over */
    client_expect_nothing(&s->b);
}

/*
 * An account behind the drop copy's own has more to be told at the day's end than one transaction
 * holds: the copy hears all of it, although its own day is over long before, and only then Z.
 */
void case_copy_day_end_in_pieces(struct suite *s)
{
    const u32 orders = 2 * CHUNK_CANCELS_MAX + 50;

    rig_account(&s->rig, "LATE  ", "FIRM");
    rig_turns(&s->rig, 4);
    client_open(&s->a, &s->rig);
    client_login(&s->a, "LATE", 1);
    for (u32 ref = 1; ref <= orders; ref++)
        client_enter(&s->a, ref, 'B', 100, "AAPL", 100);
    for (u32 i = 0; i < 1000 && rig_stream(&s->rig, LATE) < 1 + orders; i++)
        rig_turns(&s->rig, 2);
    log_in(s, &s->c, "COPY", 1);
    expect_copy(s, &s->c, COPY);
    s->rig.hold_durable = true;
    rig_day_end(&s->rig);
    rig_turns(&s->rig, 10); /* the engine is done with it */
    s->rig.hold_durable = false;
    s->rig.slow_durable = true;
    rig_turn(&s->rig); /* its first piece is on the disk, with the end of the copy's own day */
    s->rig.hold_durable = true;
    expect_copy(s, &s->c, COPY);
    assert_true(s->c.next_seq < 2 + 1 + 2 * orders);
    client_expect_nothing(&s->c);
    s->rig.hold_durable = false;
    rig_pass(&s->rig, 20 * NS_PER_MS);
    expect_copy(s, &s->c, COPY);
    assert_int_equal(s->c.next_seq, 1 + (1 + orders + 1 + orders) + 2); /* and COPY's S and E */
    client_expect(&s->c, SOUP_END);
    client_expect_end(&s->c);
}

/* The reader may say what the gateway's own events have still to tell: it waits for them. */
void case_copy_ahead_of_events(struct suite *s)
{
    struct directory *d = &gateway_sessions_of(s->rig.gateway)->directory;
    u32 aapl = d->instrument_by_id[1];
    u32 alice = d->account_by_id[ALICE];

    suite_stream(s, 3);
    s->rig.wire->hang_up(s->rig.wire, s->a.wire, TRANSPORT_RESET);
    rig_expect_sessions(&s->rig, 0);
    d->instrument_by_id[1] = 0;
    log_in(s, &s->c, "COPY", 1);
    client_expect(&s->c, SOUP_SEQUENCED); /* ALICE's S */
    client_expect_nothing(&s->c);
    d->instrument_by_id[1] = aapl;
    d->account_by_id[ALICE] = 0;
    rig_turns(&s->rig, 20);
    client_expect_nothing(&s->c);
    d->account_by_id[ALICE] = alice;
    expect_copy(s, &s->c, COPY);
    assert_int_equal(s->c.next_seq, 1 + 1 + 3 + 1); /* ALICE's S and A, COPY's S */
}
