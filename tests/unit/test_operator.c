/* test_operator.c - requests of operators, and looks. Each transaction goes to a shadow, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/engine_venue.h"

static struct venue v;
static struct mem ring_mem;
static struct ring answers;
static u64 next_request;

static int set_up(void **state)
{
    (void)state;
    venue_init(&v, 20);
    mem_init(&ring_mem, 0);
    ring_init(&answers, &ring_mem, "answers", 256);
    v.e->rings.answers = &answers;
    next_request = 1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mem_free_all(&ring_mem);
    venue_free(&v);
    return 0;
}

/* `carried` as an operator's request. Returns the events. */
static u32 ask(const union msg *carried)
{
    union msg m = venue_cmd(CMD_OPERATOR, 0);

    m.operator.request = next_request++;
    m.operator.uid = 1000;
    m.operator.type = carried->cmd.type;
    m.operator.role = 2;
    memcpy(m.operator.user, "carol", 5);
    memcpy(m.operator.reason, "a test", 6);
    memcpy(m.operator.body, (const u8 *)carried + 32, sizeof m.operator.body);
    return venue_send(&v, &m);
}

static u32 ask_of(u8 type, u32 account)
{
    union msg m = venue_cmd(type, 0);

    m.bar.account = account;
    return ask(&m);
}

/* The end of the last request, which must be the last event. */
static const struct msg_operated *end(void)
{
    const union msg *m = venue_event(&v, venue_events(&v) - 1);

    assert_int_equal(m->ev.type, EV_OPERATED);
    assert_int_equal(m->operated.request, next_request - 1);
    assert_int_equal(m->operated.uid, 1000);
    return &m->operated;
}

static void ended(u8 outcome, u8 why)
{
    assert_int_equal(end()->outcome, outcome);
    assert_int_equal(end()->why, why);
}

static void test_bar(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'B', 100, 10000, '0');
    assert_int_equal(ask_of(CMD_BAR, ANN), 3);
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_OPERATOR);
    assert_int_equal(venue_event(&v, 1)->ev.type, EV_BARRED);
    ended(OPERATED_DONE, WHY_NONE);
    assert_int_equal(end()->gone, 0); /* what is open stays */
    venue_enter(&v, ANN, 2, 'B', 100, 10000, '0');
    assert_int_equal(venue_event(&v, 0)->rejected.reason, 0x000C);
    venue_cancel(&v, ANN, 1, 0);
    assert_string_equal(venue_letters(&v), "C");
    ask_of(CMD_BAR, ANN);
    ended(OPERATED_NOTHING, WHY_NONE);
    ask_of(CMD_EXPEL, ANN);
    assert_int_equal(venue_event(&v, 1)->unbind.reason, UNBIND_EXPELLED);
    venue_login(&v, ANN);
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_LOGIN_REJECTED);
    assert_int_equal(venue_event(&v, 0)->login_rejected.reason, 'A');
    ask_of(CMD_UNBAR, ANN);
    ended(OPERATED_DONE, WHY_NONE);
    venue_login(&v, ANN);
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_BOUND);
    ask_of(CMD_UNBAR, ANN);
    ended(OPERATED_NOTHING, WHY_NONE);
    ask_of(CMD_BAR, 99);
    ended(OPERATED_REFUSED, WHY_ACCOUNT);
}

/* What was refused before it came here ends as refused, with that why; other notes are done. */
static void test_notes(void **state)
{
    union msg m = venue_cmd(CMD_NOTE, 0);
    (void)state;

    m.note.what = NOTE_DRAIN;
    assert_int_equal(ask(&m), 2);
    ended(OPERATED_DONE, WHY_NONE);
    m.note.what = NOTE_REFUSED;
    for (u32 why = 0; why < 256; why++) {
        m.note.why = (u8)why;
        assert_int_equal(ask(&m), 2);
        ended(OPERATED_REFUSED, why > 0 && why <= WHY_MAX ? (u8)why : WHY_TYPE);
    }
}

static void test_expel(void **state)
{
    (void)state;
    ask_of(CMD_EXPEL, BOB);
    ended(OPERATED_DONE, WHY_NONE);
    ask_of(CMD_EXPEL, BOB);
    ended(OPERATED_NOTHING, WHY_NONE);
    ask_of(CMD_EXPEL, 0);
    ended(OPERATED_REFUSED, WHY_ACCOUNT);
}

/* Orders of an account that wants it so go with its connection, in chunks too. */
static void test_expel_drops_orders(void **state)
{
    union msg m = venue_cmd(CMD_ACCOUNT, 0);
    (void)state;

    memcpy(m.account.user, engine_account(v.e, ANN)->user, 6);
    memcpy(m.account.firm, "FIRM", 4);
    m.account.drop = 1;
    venue_send(&v, &m);
    v.e->chunk_cancels = v.shadow->chunk_cancels = 2;
    for (u32 ref = 1; ref <= 5; ref++)
        venue_enter(&v, ANN, ref, 'B', 100, 10000, '0');
    ask_of(CMD_EXPEL, ANN);
    assert_true(engine_busy(v.e));
    assert_int_equal(v.e->request.id, next_request - 1);
    while (engine_busy(v.e))
        venue_continue(&v);
    ended(OPERATED_DONE, WHY_NONE);
    assert_int_equal(end()->gone, 5);
    assert_true(end()->first_seq < end()->head.seq);
}

static void test_kill_in_chunks(void **state)
{
    union msg m = venue_cmd(CMD_KILL, 0);
    (void)state;

    v.e->chunk_cancels = v.shadow->chunk_cancels = 2;
    for (u32 ref = 1; ref <= 7; ref++)
        venue_enter(&v, ref % 2 ? ANN : BOB, ref, 'B', 100, 10000, '0');
    m.kill.scope = KILL_VENUE;
    ask(&m);
    while (engine_busy(v.e))
        venue_continue(&v);
    ended(OPERATED_DONE, WHY_NONE);
    assert_int_equal(end()->gone, 7);
    m.kill.scope = 9;
    ask(&m);
    ended(OPERATED_REFUSED, WHY_TERMS);
    m.kill.scope = KILL_ACCOUNT;
    m.kill.account = 99;
    ask(&m);
    ended(OPERATED_REFUSED, WHY_ACCOUNT);
}

static void test_instruments_and_breaks(void **state)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);
    (void)state;

    memcpy(m.instrument.symbol, "NEW     ", 8);
    m.instrument.tick = 100;
    m.instrument.lot = 100;
    m.instrument.by_operator = 1;
    ask(&m);
    ended(OPERATED_DONE, WHY_NONE);
    assert_int_equal(engine_instrument(v.e, 3)->by_operator, 1);
    ask(&m);
    ended(OPERATED_NOTHING, WHY_NONE);
    m.instrument.lot = 0;
    ask(&m);
    ended(OPERATED_REFUSED, WHY_TERMS);
    m = venue_cmd(CMD_PHASE, 0);
    m.course.instrument = 77;
    m.course.phase = PHASE_HALTED;
    m.course.reason = COURSE_OPERATOR;
    ask(&m);
    ended(OPERATED_REFUSED, WHY_INSTRUMENT);
    m.course.instrument = AAA;
    ask(&m);
    ended(OPERATED_DONE, WHY_NONE);
    m = venue_cmd(CMD_BREAK, 0);
    m.broken_trade.match = 5;
    m.broken_trade.reason = 'E';
    ask(&m);
    ended(OPERATED_REFUSED, WHY_MATCH);
    m.broken_trade.reason = 'Q';
    ask(&m);
    ended(OPERATED_REFUSED, WHY_TERMS);
}

/* What no operator may carry, a request without a number, a note. */
static void test_what_may_be_carried(void **state)
{
    (void)state;
    for (u32 type = 0; type < 256; type++) {
        union msg m = {.cmd = {.type = (u8)type}};
        bool may = type == CMD_NOTE; /* CMD_ACCOUNT of nobody is refused, too */
        if (type == CMD_DAY_END)     /* of no day: the open one */
            continue;
        ask(&m);
        assert_int_equal(end()->outcome == OPERATED_DONE, may);
    }
    union msg none = venue_cmd(CMD_OPERATOR, 0);
    none.operator.type = CMD_NOTE;
    assert_int_equal(venue_send(&v, &none), 0);
    union msg alone = venue_cmd(CMD_BAR, 0);
    alone.bar.account = ANN;
    assert_int_equal(venue_send(&v, &alone), 0); /* not carried: unknown */
}

/* Answers leave by their ring alone, and a full ring stops nobody. */
static const struct msg_seen *look(u8 what, u32 from, const char *name, u32 wanted)
{
    static union msg copy;
    union msg m = venue_cmd(CMD_LOOK, 0);
    u64 seq = engine_seq(v.e);

    m.look.request = 44;
    m.look.what = what;
    m.look.from = from;
    if (name)
        memcpy(m.look.name, name, strlen(name));
    assert_int_equal(venue_send(&v, &m), 0);
    assert_int_equal(engine_seq(v.e), seq);
    u32 got = 0;
    for (const union msg *a; (a = msg_peek(&answers, &copy)); got++) {
        memmove(&copy, a, sizeof copy);
        ring_take(&answers, 4);
        assert_int_equal(copy.seen.request, 44);
        assert_int_equal(copy.seen.what, what);
        assert_int_equal(copy.seen.last, got + 1 == wanted);
    }
    assert_int_equal(got, wanted);
    return &copy.seen;
}

static void list(u8 scope, u8 source)
{
    union msg m = venue_cmd(CMD_LISTED, 0);

    memcpy(m.listed.symbol, "BBB     ", 8);
    if (scope == LIST_FIRM)
        memcpy(m.listed.firm, "FIRM", 4);
    if (scope == LIST_ACCOUNT)
        memcpy(m.listed.user, engine_account(v.e, BOB)->user, 6);
    m.listed.kind = LIST_SHORT;
    m.listed.scope = scope;
    m.listed.listed = 1;
    m.listed.source = source;
    venue_send(&v, &m);
}

/* What lists and profiles say is told as it was said. */
static void test_looks_at_lists_and_profiles(void **state)
{
    struct msg_listed l = {0};
    union msg m = venue_cmd(CMD_PROFILE, 0);
    (void)state;

    list(LIST_FIRM, CHECKS_OF_FILES);
    list(LIST_ACCOUNT, CHECKS_OF_OPERATOR);
    const struct msg_seen *s = look(LOOK_LISTED, 2, NULL, 1);
    memcpy((u8 *)&l + sizeof l.ev, s->listed, sizeof l - sizeof l.ev);
    assert_int_equal(l.scope, LIST_ACCOUNT);
    assert_int_equal(l.kind, LIST_SHORT);
    assert_int_equal(l.account, BOB);
    assert_int_equal(l.instrument, BBB);
    assert_int_equal(l.listed, 1);
    assert_int_equal(l.source, CHECKS_OF_OPERATOR);
    assert_memory_equal(l.symbol, "BBB     ", 8);
    assert_memory_equal(l.user, engine_account(v.e, BOB)->user, 6);
    s = look(LOOK_LISTED, 1, NULL, 2); /* the last of the two is left in the copy */
    look(LOOK_LISTED, 1, "BBB     ", 0);
    memcpy(m.profile.name, "HOUSE   ", 8);
    m.profile.values.qty_max = 77;
    assert_int_equal(venue_send(&v, &m), 1);
    s = look(LOOK_PROFILE, 0, "HOUSE   ", 1);
    assert_int_equal(s->id, 1);
    assert_memory_equal(s->profile, &v.e->risk.profiles[1].values, sizeof s->profile);
}

/* Profiles that cannot be are refused and change nothing. */
static void test_profiles_that_cannot_be(void **state)
{
    static const char *const names[] = {"        ", "\x1F       ", "SELF    ", "LOST    ",
                                        "HOUSE   ", "SOURCE  ",    "VALUES  "};
    static const char *const bases[] = {"", "", "SELF    ", "NOWHERE ", "DESK    ", "", ""};
    (void)state;

    for (u32 i = 0; i < 2; i++) { /* DESK is based on HOUSE */
        union msg m = venue_cmd(CMD_PROFILE, 0);
        memcpy(m.profile.name, i ? "DESK    " : "HOUSE   ", 8);
        memcpy(m.profile.base, i ? "HOUSE   " : "\0\0\0\0\0\0\0", 8);
        assert_int_equal(venue_send(&v, &m), 1);
        assert_int_equal(venue_send(&v, &m), 0); /* it is so already */
    }
    for (u32 i = 0; i < ARRAY_LEN(names); i++) {
        union msg m = venue_cmd(CMD_PROFILE, 0);
        memcpy(m.profile.name, names[i], 8);
        memcpy(m.profile.base, bases[i], strlen(bases[i]));
        m.profile.source = i == 5 ? 9 : 0;
        m.profile.values.last_bps = i == 6 ? 10001 : 0;
        assert_int_equal(venue_send(&v, &m), 0);
        assert_int_equal(metric_get(&v.e->metrics.refused), i + 1);
    }
    assert_int_equal(engine_profiles(v.e), 2);
}

static void test_looks(void **state)
{
    (void)state;
    venue_enter(&v, ANN, 1, 'B', 300, 10000, '0');
    venue_enter(&v, BOB, 1, 'S', 100, 10200, '0');
    const struct msg_seen *s = look(LOOK_VENUE, 0, NULL, 1);
    assert_int_equal(s->venue.orders_open, 2);
    assert_int_equal(s->venue.accounts, 2);
    assert_int_equal(s->venue.phase, 'T');
    assert_int_equal(s->venue.day, VENUE_DAY);
    s = look(LOOK_INSTRUMENT, 0, "AAA     ", 1);
    assert_int_equal(s->id, AAA);
    assert_int_equal(s->instrument.bid, 10000);
    assert_int_equal(s->instrument.bid_qty, 300);
    assert_int_equal(s->instrument.ask, 10200);
    assert_memory_equal(s->instrument.terms, "AAA     ", 8);
    s = look(LOOK_ACCOUNT, 1, NULL, 2);
    assert_int_equal(s->id, BOB);
    assert_int_equal(s->account.open, 1);
    assert_true(s->account.bind_id != 0);
    assert_int_equal(look(LOOK_ACCOUNT, 2, NULL, 1)->id, BOB);
    assert_int_equal(look(LOOK_ACCOUNT, 3, NULL, 1)->id, 0);
    assert_int_equal(look(LOOK_INSTRUMENT, 0, "NONE    ", 1)->id, 0);
    look(9, 0, NULL, 0);
    struct ring *r = &answers;
    while (ring_room(r, 4) >= 4)
        ring_push(r, s, 4);
    union msg m = venue_cmd(CMD_LOOK, 0);
    m.look.what = LOOK_VENUE;
    venue_send(&v, &m);
    assert_int_equal(metric_get(&v.e->metrics.unanswered), 1);
}

static void phase(u8 to, u8 late)
{
    union msg m = venue_cmd(CMD_PHASE, 0);

    m.course.phase = to;
    m.course.late = late;
    m.course.reason = COURSE_OPERATOR;
    venue_send(&v, &m);
}

/* A look before a cross says what it would give; the cross then gives that. */
static void test_indications(void **state)
{
    union msg m = venue_enter_cmd(ANN, 2, 'B', 200, PRICE_MARKET, '0');
    (void)state;

    assert_int_equal(look(LOOK_INSTRUMENT, 0, "AAA     ", 1)->instrument.cross, 0);
    phase('P', 0);
    const struct seen_instrument *s = &look(LOOK_INSTRUMENT, 0, "AAA     ", 1)->instrument;
    assert_int_equal(s->cross, 'O');
    assert_int_equal(s->found, 1);
    assert_int_equal(s->cross_price, 0); /* nobody is there */
    venue_enter(&v, ANN, 1, 'B', 300, 10100, '0');
    venue_enter(&v, BOB, 1, 'S', 400, 10000, '0');
    m.enter.cross_type = 'O';
    venue_send(&v, &m);
    struct seen_instrument was = look(LOOK_INSTRUMENT, 0, "AAA     ", 1)->instrument;
    assert_int_equal(was.paired, 400);
    assert_int_equal(was.imbalance, 100);
    assert_int_equal(was.side, 'B');
    phase('T', 0);
    const union msg *x = venue_event(&v, 2);
    assert_int_equal(x->ev.type, EV_CROSS);
    assert_int_equal(x->cross.price, was.cross_price);
    assert_int_equal(x->cross.paired, was.paired);
    assert_int_equal(x->cross.imbalance, was.imbalance);
    phase('T', 1);
    assert_int_equal(look(LOOK_INSTRUMENT, 0, "AAA     ", 1)->instrument.cross, 'C');
    phase('H', 0);
    assert_int_equal(look(LOOK_INSTRUMENT, 0, "AAA     ", 1)->instrument.cross, 'H');
}

static const char *applied(struct slot *tx, u32 slots)
{
    return engine_apply(v.shadow, tx, slots);
}

/* A journal that cannot be is refused before anything asserts. */
static void test_recovery_refuses(void **state)
{
    struct tx tx;
    (void)state;

    ask_of(CMD_BAR, ANN);
    tx = v.tx;
    struct msg_operated *first = (void *)&tx.slots[4];
    struct msg_bar *bar = (void *)&tx.slots[5];
    struct msg_operated *last = (void *)&tx.slots[6];
    u64 seq = engine_seq(v.shadow) + 1;
    for (u32 i = 0; i < 4; i++)
        ((union msg *)(void *)&tx.slots[i ? 3 + i : 0])->cmd.seq = seq;
    first->first_seq = last->first_seq = seq;
    bar->account = 99;
    assert_string_equal(applied(tx.slots, 7), "a bar of an unknown account");
    v.shadow->request = (struct request){0};
    bar->account = ANN;
    last->gone = 1;
    assert_string_equal(applied(tx.slots, 7), "an operator's request with another end");
    v.shadow->request = (struct request){0};
    last->gone = 0;
    last->request++;
    assert_non_null(strstr(applied(tx.slots, 7), "not under way"));
    assert_non_null(strstr(applied(tx.slots, 7), "in the midst"));
    v.shadow->request = (struct request){0};
    bar->ev.flags = MSG_TX_END;
    assert_string_equal(applied(tx.slots, 6), "an operator's request without its end");
    v.shadow->request = (struct request){0};
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bar, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_notes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expel_drops_orders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kill_in_chunks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_instruments_and_breaks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_may_be_carried, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_looks_at_lists_and_profiles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_profiles_that_cannot_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_looks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_indications, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_recovery_refuses, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
