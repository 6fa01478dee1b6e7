/*
 * test_terms.c - who says what holds for an account: it, its profile, its port, lists of symbols; a
 * gateway and the engine, by the commands that change it while clients trade.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/session/bytes.h"
#include "gateway/session/session.h"
#include "tests/lib/fake_transport.h"
#include "tests/lib/session_client.h"

#define PROFILED (FIELDS_OF_CHECKS)

static struct rig rig;
static struct rig_client a, b;
static struct fake_transport *fake;
static u32 ref;

static void begin(u32 listener)
{
    struct rig_conf conf = rig_conf_usual();

    fake = fake_new(1);
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    ref = 0;
    rig_open(&rig, &fake->wire, &conf);
    fake->listener = listener;
}

static union msg command(u8 type)
{
    union msg m;

    memset(&m, 0, sizeof m);
    m.cmd.type = type;
    m.cmd.slots = (u8)msg_type_slots(type);
    return m;
}

static void tell(const union msg *m)
{
    rig_venue(&rig, m);
    rig_turns(&rig, 4);
}

/* A profile that says the quantity, if it is not 0, and leaves all else to `base`. */
static void profile(const char *name, const char *base, u32 qty_max, u64 exposure_max)
{
    union msg m = command(CMD_PROFILE);

    memcpy(m.profile.name, name, 8);
    if (base)
        memcpy(m.profile.base, base, 8);
    m.profile.values.inherits = FIELDS_ALL;
    if (qty_max)
        m.profile.values.inherits &= (u16)~FIELD_QTY;
    if (exposure_max)
        m.profile.values.inherits &= (u16)~FIELD_EXPOSURE;
    m.profile.values.qty_max = qty_max;
    m.profile.values.exposure_max = exposure_max;
    tell(&m);
}

/* The account names a profile, or none, and says the quantity itself if it is not 0. */
static void checks(const char *user, const char *name, u32 qty_max)
{
    union msg m = command(CMD_CHECKS);

    memcpy(m.checks.user, user, 6);
    if (name)
        memcpy(m.checks.profile, name, 8);
    m.checks.inherits = (u16)(qty_max ? PROFILED & ~FIELD_QTY : PROFILED);
    m.checks.qty_max = qty_max;
    tell(&m);
    m = command(CMD_LIMIT);
    m.limit.scope = LIMIT_ACCOUNT;
    memcpy(m.limit.user, user, 6);
    m.limit.inherits = FIELDS_OF_LIMITS;
    tell(&m);
}

/* The account leaves stp and cancel on disconnect to its port. */
static void leave_to_port(const char *user, const char *firm)
{
    union msg m = command(CMD_ACCOUNT);

    memcpy(m.account.user, user, 6);
    memcpy(m.account.firm, firm, 4);
    m.account.by_port = BY_PORT_ALL;
    tell(&m);
}

static void log_in(struct rig_client *c, const char *user)
{
    client_open(c, &rig);
    client_login(c, user, 1);
    client_expect_message(c, 'S');
}

static void expect(struct rig_client *c, u16 reason)
{
    if (reason == 0) {
        client_expect_message(c, 'A');
        return;
    }
    struct rig_frame f = client_expect_message(c, 'J');
    assert_int_equal(get_be16(f.payload + 13), reason);
}

static void enter(struct rig_client *c, u32 qty, char side, u16 reason)
{
    client_enter(c, ++ref, side, qty, "AAPL", side == 'B' ? 1500000 : 1600000);
    expect(c, reason);
}

/* One change of a profile is one of all who name it, or one that is based on it. */
static void test_profile_of_many(void **state)
{
    (void)state;
    begin(0);
    profile("HOUSE   ", NULL, 1000, 0);
    profile("SMALL   ", "HOUSE   ", 0, 0);
    checks("ALICE ", "HOUSE   ", 0);
    checks("CAROL ", "SMALL   ", 0);
    checks("DAVE  ", "SMALL   ", 5000); /* says it itself */
    log_in(&a, "ALICE");
    log_in(&b, "CAROL");
    enter(&a, 1000, 'B', 0);
    enter(&b, 1001, 'B', 0x0031);
    profile("HOUSE   ", NULL, 10, 0);
    enter(&a, 11, 'B', 0x0031);
    enter(&b, 11, 'B', 0x0031);
    profile("SMALL   ", "HOUSE   ", 20, 0); /* the nearest one that says it counts */
    enter(&a, 20, 'B', 0x0031);
    enter(&b, 20, 'B', 0);
    assert_int_equal(gateway_account_limits(rig.gateway, "DAVE  ")->qty_max, 5000);
    profile("HOUSE   ", "SMALL   ", 30, 0); /* in a circle: refused, all stays */
    enter(&a, 11, 'B', 0x0031);
    checks("ALICE ", "NOWHERE ", 0); /* no such profile: refused */
    enter(&a, 11, 'B', 0x0031);
    rig_close(&rig);
}

/* The engine's limits, too: what is open counts from the moment that a profile limits it. */
static void test_profile_limits_what_is_open(void **state)
{
    (void)state;
    begin(0);
    profile("HOUSE   ", NULL, 0, 0);
    checks("ALICE ", "HOUSE   ", 0);
    log_in(&a, "ALICE");
    enter(&a, 100, 'B', 0);
    profile("HOUSE   ", NULL, 0, 150 * 1500000ull);
    enter(&a, 51, 'B', 0x0020);
    enter(&a, 50, 'B', 0);
    profile("HOUSE   ", NULL, 0, 200 * 1500000ull);
    enter(&a, 50, 'B', 0);
    enter(&a, 1, 'B', 0x0020);
    rig_close(&rig);
}

/* The account's own, then its profile's, then its port's: by the port of each login. */
static void test_port_says_the_rest(void **state)
{
    (void)state;
    begin(RIG_TERMS);
    client_open(&a, &rig); /* there is no such profile yet: nobody knows what would hold */
    client_ask_login(&a, "ALICE", "SECRET", "", "1");
    assert_int_equal(client_expect(&a, SOUP_REJECTED).payload[0], 'S');
    profile("PORTS   ", NULL, 100, 0);
    profile("HOUSE   ", NULL, 500, 0);
    checks("ALICE ", NULL, 0);
    checks("CAROL ", "HOUSE   ", 0);
    checks("DAVE  ", NULL, 0);
    log_in(&a, "ALICE");
    log_in(&b, "CAROL");
    enter(&a, 101, 'B', 0x0031);
    enter(&b, 101, 'B', 0);
    profile("PORTS   ", NULL, 200, 0);
    enter(&a, 200, 'B', 0);
    fake->listener = 0; /* a port that says nothing */
    memset(&b, 0, sizeof b);
    log_in(&b, "DAVE");
    enter(&b, 999, 'B', 0);
    rig_close(&rig);
}

/* Self-trade prevention and lost connections follow the port, unless the account says it. */
static void test_port_terms(void **state)
{
    (void)state;
    begin(RIG_TERMS);
    profile("PORTS   ", NULL, 0, 0);
    leave_to_port("ALICE ", "FIRM");
    log_in(&a, "ALICE");
    client_enter(&a, ++ref, 'B', 100, "AAPL", 1500000);
    client_expect_message(&a, 'A');
    client_enter(&a, ++ref, 'S', 100, "AAPL", 1500000); /* its own: the newest goes */
    client_expect_message(&a, 'A');
    assert_int_equal(client_expect_message(&a, 'C').payload[17], 'Q');
    log_in(&b, "CAROL"); /* says itself: nothing of it */
    client_enter(&b, 1, 'B', 100, "MSFT", 1500000);
    client_expect_message(&b, 'A');
    client_enter(&b, 2, 'S', 100, "MSFT", 1500000);
    client_expect_message(&b, 'A');
    client_expect_message(&b, 'E');
    client_expect_message(&b, 'E');
    client_enter(&b, 3, 'B', 100, "MSFT", 1500000);
    client_expect_message(&b, 'A');
    fake->wire.hang_up(&fake->wire, a.wire, TRANSPORT_RESET);
    fake->wire.hang_up(&fake->wire, b.wire, TRANSPORT_RESET);
    rig_turns(&rig, 8);
    assert_int_equal(engine_open_orders(rig.engine), 1); /* CAROL's: ALICE's went with her port */
    u64 next = a.next_seq;
    client_open(&a, &rig);
    client_login(&a, "ALICE", next); /* what came while she was away is the first that she hears */
    assert_int_equal(client_expect_message(&a, 'C').payload[17], 'Z');
    client_expect_nothing(&a);
    rig_close(&rig);
}

/* Only by the ports that the account lists; the answer tells nothing. */
static void test_ports_of_an_account(void **state)
{
    static const struct account_ports only = {.used = 1, .at = {9004}};
    (void)state;

    begin(0);
    profile("PORTS   ", NULL, 0, 0);
    gateway_account_access(rig.gateway, "ALICE ", &(struct account_networks){0}, &only);
    client_open(&a, &rig);
    client_ask_login(&a, "ALICE", "SECRET", "", "1");
    assert_int_equal(client_expect(&a, SOUP_REJECTED).payload[0], 'A');
    assert_int_equal(metrics_sum("wirebook_gateway_logins_elsewhere_total"), 1);
    fake->listener = RIG_TERMS;
    memset(&a, 0, sizeof a);
    log_in(&a, "ALICE");
    rig_close(&rig);
}

/* Lists change while clients trade; Enter, Replace and Modify all heed them. */
static void test_lists(void **state)
{
    (void)state;
    begin(0);
    log_in(&a, "ALICE");
    enter(&a, 100, 'S', 0);
    u32 sold = ref;
    rig_listed(&rig, "ALICE ", "AAPL    ", LIST_SHORT, true);
    rig_turns(&rig, 4);
    enter(&a, 100, 'T', 0x0023);
    enter(&a, 100, 'E', 0);
    enter(&a, 100, 'S', 0);
    assert_int_equal(metrics_sum("wirebook_engine_orders_refused_by_reason_total"), 1);
    rig_listed(&rig, "ALICE ", "AAPL    ", LIST_RESTRICTED, true);
    rig_turns(&rig, 4);
    enter(&a, 100, 'B', 0x0022);
    client_replace(&a, sold, ++ref, 50, 1600000, '0'); /* the original goes, rule 6b */
    client_expect_message(&a, 'C');
    assert_int_equal(metrics_sum("wirebook_engine_orders_refused_by_reason_total"), 3);
    log_in(&b, "CAROL");
    enter(&b, 100, 'B', 0); /* another account */
    rig_listed(&rig, "ALICE ", "AAPL    ", LIST_RESTRICTED, false);
    rig_listed(&rig, "ALICE ", "AAPL    ", LIST_SHORT, false);
    rig_turns(&rig, 4);
    enter(&a, 100, 'T', 0);
    rig_close(&rig);
}

/* A Modify cannot make a short sale of what may not be one: it is ignored, and counted. */
static void test_modify_into_a_short_sale(void **state)
{
    u8 modify[12] = {'M'};
    union msg m = command(CMD_CHECKS);
    (void)state;

    begin(0);
    log_in(&a, "ALICE");
    enter(&a, 100, 'S', 0);
    put_be32(modify + 1, ref);
    modify[5] = 'T';
    put_be32(modify + 6, 100);
    rig_listed(&rig, "ALICE ", "AAPL    ", LIST_SHORT, true);
    rig_turns(&rig, 4);
    client_message(&a, modify, sizeof modify);
    client_expect_nothing(&a);
    rig_listed(&rig, "ALICE ", "AAPL    ", LIST_SHORT, false);
    memcpy(m.checks.user, "ALICE ", 6);
    m.checks.bars = BAR_SHORT;
    tell(&m);
    client_message(&a, modify, sizeof modify);
    client_expect_nothing(&a);
    assert_int_equal(metrics_sum("wirebook_gateway_orders_marked_by_reason_total"), 1);
    m.checks.bars = 0;
    tell(&m);
    client_message(&a, modify, sizeof modify);
    client_expect_message(&a, 'M');
    rig_close(&rig);
}

/* ---- the kill switch ---- */

static void kill_of(u8 type, u8 scope)
{
    union msg m = command(type);

    m.kill.scope = scope;
    if (scope == KILL_ACCOUNT)
        m.kill.account = ALICE;
    if (scope == KILL_FIRM)
        memcpy(m.kill.firm, "FIRM", 4);
    tell(&m);
}

static void expect_cancelled(struct rig_client *c, u8 reason)
{
    assert_int_equal(client_expect_message(c, 'C').payload[17], reason);
}

/*
 * A kill of `scope`, of which ALICE is, while she is away: her orders go, those of another firm
 * only with the venue's; the cancels are in her stream at her next login; nothing new is taken
 * until it is taken back.
 */
static void kill_while_away(u8 scope)
{
    begin(0);
    log_in(&a, "ALICE");
    log_in(&b, "DAVE");
    enter(&a, 100, 'B', 0);
    enter(&a, 200, 'B', 0);
    client_enter(&b, 1, 'B', 100, "MSFT", 1500000);
    client_expect_message(&b, 'A');
    u64 next = a.next_seq;
    fake->wire.hang_up(&fake->wire, a.wire, TRANSPORT_RESET);
    rig_turns(&rig, 8);
    kill_of(CMD_KILL, scope);
    rig_turns(&rig, 8);
    bool all = scope == KILL_VENUE;
    assert_int_equal(engine_open_orders(rig.engine), all ? 0 : 1);
    if (all)
        expect_cancelled(&b, 'S');
    client_enter(&b, 2, 'B', 100, "MSFT", 1500000);
    expect(&b, all ? 0x000C : 0);
    memset(&a, 0, sizeof a);
    client_open(&a, &rig);
    client_login(&a, "ALICE", next);
    expect_cancelled(&a, 'S');
    expect_cancelled(&a, 'S');
    enter(&a, 100, 'B', 0x000C);
    assert_int_equal(metrics_sum("wirebook_engine_orders_refused_by_reason_total"), all ? 2 : 1);
    kill_of(CMD_RESTORE, scope);
    enter(&a, 100, 'B', 0);
    rig_close(&rig);
}

static void test_kill_of_an_account(void **state)
{
    (void)state;
    kill_while_away(KILL_ACCOUNT);
}

static void test_kill_of_a_firm(void **state)
{
    (void)state;
    kill_while_away(KILL_FIRM);
}

static void test_kill_of_the_venue(void **state)
{
    (void)state;
    kill_while_away(KILL_VENUE);
}

/* ---- the login's deadline ---- */

/* While we have no turn it stands still; while the client says nothing it does not. */
static void test_deadline_while_we_are_away(void **state)
{
    (void)state;
    begin(0);
    client_open(&a, &rig);
    rig_turns(&rig, 2);
    rig.now_ns += 40 * NS_PER_SEC; /* off our core, longer than the deadline */
    rig_turns(&rig, 2);
    client_login(&a, "ALICE", 1); /* what was sent meanwhile, read only now */
    client_expect_message(&a, 'S');
    client_open(&b, &rig);
    rig_turns(&rig, 2);
    rig.now_ns += 10 * NS_PER_SEC;
    rig_pass(&rig, 29 * NS_PER_SEC);
    assert_int_equal(client_end(&b), WIRE_OPEN);
    rig_pass(&rig, 2 * NS_PER_SEC); /* 30 s of ours */
    assert_int_equal(client_end(&b), WIRE_RESET);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profile_of_many),
        cmocka_unit_test(test_profile_limits_what_is_open),
        cmocka_unit_test(test_port_says_the_rest),
        cmocka_unit_test(test_port_terms),
        cmocka_unit_test(test_ports_of_an_account),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_modify_into_a_short_sale),
        cmocka_unit_test(test_kill_of_an_account),
        cmocka_unit_test(test_kill_of_a_firm),
        cmocka_unit_test(test_kill_of_the_venue),
        cmocka_unit_test(test_deadline_while_we_are_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
