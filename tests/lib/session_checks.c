/* session_checks.c - cases of the session suite: an account's checks change while it trades. */
#include "tests/lib/session_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/metrics.h"
#include "gateway/session/bytes.h"
#include "gateway/session/session.h"
#include "gateway/session/soup.h"

/* The command that a request of an operator carries, for ALICE. */
static struct msg_checks operators(void)
{
    struct msg_checks c;

    memset(&c, 0, sizeof c);
    memcpy(c.user, "ALICE ", 6);
    c.source = CHECKS_OF_OPERATOR;
    return c;
}

/* Sends it as the admin agent does, within a CMD_OPERATOR. */
static void change(struct suite *s, const struct msg_checks *c)
{
    static u64 request;
    union msg m;

    memset(&m, 0, sizeof m);
    m.operator.head.type = CMD_OPERATOR;
    m.operator.head.slots =(u8) msg_type_slots(CMD_OPERATOR);
    m.operator.request = ++ request;
    m.operator.type = CMD_CHECKS;
    memcpy(m.operator.body, (const u8 *)c + sizeof c->cmd, sizeof *c - sizeof c->cmd);
    rig_venue(&s->rig, &m);
    rig_turns(&s->rig, 4);
}

static void enter(struct suite *s, u32 qty, u64 price, char side, u16 reason)
{
    static u32 ref;

    client_enter(&s->a, ++ref, side, qty, "AAPL", price);
    if (reason == 0) {
        client_expect_message(&s->a, 'A');
        return;
    }
    struct rig_frame f = client_expect_message(&s->a, 'J');
    assert_int_equal(get_be16(f.payload + 13), reason);
}

static void log_in(struct suite *s)
{
    client_open(&s->a, &s->rig);
    client_login(&s->a, "ALICE", 1);
    client_expect_message(&s->a, 'S');
}

/* Each check alone, from the next order on; then none; a wrong change leaves all as it is. */
void case_checks(struct suite *s)
{
    struct msg_checks none = operators(), c = none;

    log_in(s);
    enter(s, 1000, 1500000, 'B', 0);
    c.qty_max = 999;
    change(s, &c);
    enter(s, 1000, 1500000, 'B', 0x0031);
    enter(s, 999, 1500000, 'B', 0);
    assert_int_equal(metrics_sum("wirebook_gateway_orders_marked_by_reason_total"), 1);
    c = none;
    c.notional_max = 1500000;
    change(s, &c);
    enter(s, 2, 1500000, 'B', 0x0030);
    enter(s, 1, 1500000, 'B', 0);
    c = none;
    c.collar_bps = 100; /* of 150.0000 */
    change(s, &c);
    enter(s, 1, 1515100, 'B', 0x0026);
    enter(s, 1, 1515000, 'B', 0);
    c = none;
    c.bars = BAR_SHORT | BAR_EXEMPT;
    change(s, &c);
    enter(s, 1, 1600000, 'T', 0x002B);
    enter(s, 1, 1600000, 'E', 0x002F);
    enter(s, 1, 1600000, 'S', 0);
    c.qty_max = 100; /* the first that fails is the reason */
    change(s, &c);
    enter(s, 101, 1600000, 'T', 0x0031);
    c.qty_max = 0;
    change(s, &c);
    c.bars = 1 << 15; /* there is no such bar: refused, the others stay */
    change(s, &c);
    enter(s, 1, 1600000, 'T', 0x002B);
    change(s, &none);
    enter(s, 1, 1600000, 'T', 0);
    assert_int_equal(metrics_sum("wirebook_gateway_orders_marked_by_reason_total"), 7);
    c = none;
    c.qty_max = 100;
    c.bars = BAR_MARKET;
    change(s, &c);
    client_enter(&s->a, 90000, 'B', 1, "AAPL", 100);
    client_expect_message(&s->a, 'A');
    client_replace(&s->a, 90000, 90001, 101, 0x7FFFFFFF, '0');
    client_expect_message(&s->a, 'C');
    assert_int_equal(
        metric_get(session_metric_reason(gateway_sessions_of(s->rig.gateway), RISK_QUANTITY)), 3);
}

/*
 * Two more orders than a second's worth: so many pass, perhaps the next as time does, the last
 * not.
 */
static void burst(struct suite *s, u32 *ref, u32 per_s, u16 reason)
{
    u32 accepted = 0;

    for (u32 i = 0; i < per_s + 2; i++)
        client_enter(&s->a, ++*ref, 'B', 1, "AAPL", 100);
    for (u32 i = 0; i < per_s + 2; i++) {
        struct rig_frame f = client_expect(&s->a, SOUP_SEQUENCED);
        accepted += f.payload[0] == 'A';
        if (f.payload[0] != 'A')
            assert_int_equal(get_be16(f.payload + 13), reason);
    }
    assert_in_range(accepted, per_s, per_s + 1);
}

/* Rates of an account and of a symbol, and orders that are alike; a resend is neither. */
void case_checks_of_rates(struct suite *s)
{
    struct msg_checks c = operators();
    u32 ref = 5000;

    log_in(s);
    c.repeat_max = 2;
    c.repeat_ms = 1000;
    change(s, &c);
    enter(s, 1, 100, 'B', 0);
    enter(s, 1, 100, 'B', 0);
    enter(s, 1, 100, 'B', 0x002A);
    enter(s, 1, 200, 'B', 0); /* not alike */
    enter(s, 1, 1600000, 'S', 0);
    enter(s, 1, 1600000, 'T', 0); /* nor are these */
    enter(s, 1, 1600000, 'T', 0);
    rig_pass(&s->rig, NS_PER_SEC);
    enter(s, 1, 100, 'B', 0);
    client_enter(&s->a, ++ref, 'B', 1, "AAPL", 100);
    client_expect_message(&s->a, 'A');
    client_enter(&s->a, ref, 'B', 1, "AAPL", 100); /* the same again: silence, and no reject */
    client_expect_nothing(&s->a);

    c = operators();
    c.symbol_per_s = 1;
    change(s, &c);
    rig_pass(&s->rig, 2 * NS_PER_SEC);
    burst(s, &ref, 1, 0x0028);
    client_enter(&s->a, ++ref, 'B', 1, "MSFT", 100);
    client_expect_message(&s->a, 'A');

    c.repeat_max = 1; /* the first check that fails is the reason */
    c.repeat_ms = 1000;
    c.symbol_per_s = 1000;
    change(s, &c);
    rig_pass(&s->rig, 2 * NS_PER_SEC); /* of the old rate nothing is left */
    client_enter(&s->a, ++ref, 'B', 7, "AAPL", 700);
    client_expect_message(&s->a, 'A');
    client_enter(&s->a, ++ref, 'B', 7, "AAPL", 700);
    assert_int_equal(get_be16(client_expect_message(&s->a, 'J').payload + 13), 0x002A);

    c = operators();
    c.orders_per_s = 2;
    change(s, &c);
    rig_pass(&s->rig, 2 * NS_PER_SEC);
    burst(s, &ref, 2, 0x0029);
    client_cancel(&s->a, ref - 3, 0); /* cancels are always taken */
    client_expect_message(&s->a, 'C');
}

/* An order of its own look for each `n`; the reason it is rejected for, 0: none. */
static u16 look(struct rig_client *c, u32 n)
{
    static u32 ref = 20000;

    client_enter(c, ++ref, 'B', 1, "AAPL", 100 * (n + 1));
    struct rig_frame f = client_expect(c, SOUP_SEQUENCED);
    return f.payload[0] == 'A' ? 0 : get_be16(f.payload + 13);
}

/*
 * Orders of more looks than an account is watched for: it is told so, what is known of it and of
 * others stays.
 */
void case_checks_under_attack(struct suite *s)
{
    struct msg_checks c = operators();

    c.repeat_max = 1;
    c.repeat_ms = 1000;
    change(s, &c);
    memcpy(c.user, "BOB   ", 6);
    change(s, &c);
    log_in(s);
    client_open(&s->b, &s->rig);
    client_login(&s->b, "BOB", 1);
    client_expect_message(&s->b, 'S');
    assert_int_equal(look(&s->b, 0), 0);
    for (u32 n = 0; n < RIG_WATCHED; n++)
        assert_int_equal(look(&s->a, n), 0);
    for (u32 n = RIG_WATCHED; n < RIG_WATCHED + 20; n++)
        assert_int_equal(look(&s->a, n), 0x0029);
    assert_int_equal(metrics_sum("wirebook_gateway_rates_full_total"), 20);
    for (u32 n = 0; n < RIG_WATCHED; n++)
        assert_int_equal(look(&s->a, n), 0x002A);
    assert_int_equal(look(&s->b, 0), 0x002A);
    assert_int_equal(look(&s->b, 1), 0);
    rig_pass(&s->rig, NS_PER_SEC);
    assert_int_equal(look(&s->a, RIG_WATCHED), 0);
    assert_int_equal(look(&s->b, 0), 0);
}
