/*
 * test_recover_course.c - what recovery refuses of phases, crosses, bands, broken trades and late
 * cancels, and of where their work stands: one field of a transaction changed at a time.
 */
#include "tests/lib/recover_rig.h"

/* ---- changes of phase ---- */

/* EV_COURSE, EV_PHASE with a cross, EV_CROSS, EV_PHASE: AAA goes on behind a halt. */
static void make_reopening(void)
{
    again();
    both(phase_cmd(AAA, 'H'));
    make(phase_cmd(AAA, 'T'));
    assert_string_equal(venue_letters(&v), "eeee");
    assert_int_equal(event(1)->phase.cross, 'H');
}

static void test_a_change_of_phase(void **state)
{
    (void)state;
    make_reopening();
    assert_taken();
    make_reopening();
    REFUSED(0, msg_course, instrument, NOWHERE, "a change of phase of an unknown instrument");
    make_reopening();
    REFUSED(0, msg_course, phase, 'Q', "a change to an unknown phase");
    make_reopening();
    REFUSED(1, msg_phase, instrument, NOWHERE, "a phase of another instrument");
    make_reopening();
    REFUSED(3, msg_phase, instrument, BBB, "a phase of another instrument");
    make_reopening();
    REFUSED(1, msg_phase, phase, 'Q', "an unknown phase");
    make_reopening();
    REFUSED(1, msg_phase, phase, 0, "an unknown phase");
    make_reopening();
    REFUSED(1, msg_phase, next, 'Q', "an unknown phase");
}

static void test_a_change_amid_a_match(void **state)
{
    (void)state;
    make(phase_cmd(0, 'H'));
    union msg course = *event(0);
    again();
    venue_enter(&v, ANN, 1, 'S', 10, 10000, '0');
    make(venue_enter_cmd(BOB, 1, 'B', 30, 10000, '0'));
    course.ev.seq = event(1)->ev.seq;
    refused(1, 0, &course, SLOT_BYTES, "a change of phase in the midst of other work");
}

static void test_a_phase_and_its_bands(void **state)
{
    (void)state;
    make_reopening();
    REFUSED(3, msg_phase, lower, 1, "impossible bands");
    make_reopening();
    REFUSED(3, msg_phase, upper, PRICE_LIMIT_MAX + 1, "impossible bands");
    make_reopening();
    event(3)->phase.lower = event(3)->phase.upper = PRICE_LIMIT_MAX;
    assert_null(engine_apply(v.shadow, v.tx.slots, v.tx.used));
}

static void test_a_cross(void **state)
{
    static const char not_held[] = "the price of a cross that is not held";

    (void)state;
    make_reopening();
    REFUSED(1, msg_phase, cross, 'Q', "a cross that leads nowhere");
    make_reopening();
    REFUSED(3, msg_phase, cross, 'H', "a cross that leads nowhere");
    make_reopening();
    REFUSED(1, msg_phase, cross, 0, not_held);
    make_reopening();
    REFUSED(2, msg_cross, instrument, BBB, not_held);
    make_reopening();
    REFUSED(2, msg_cross, cross, 'O', not_held);
    make_reopening();
    REFUSED(2, msg_cross, price, PRICE_LIMIT_MAX + 1, "an impossible price of a cross");
    make_reopening();
    event(2)->cross.price = PRICE_LIMIT_MAX;
    assert_null(engine_apply(v.shadow, v.tx.slots, v.tx.used));
}

static void test_a_crossed_book_does_not_trade(void **state)
{
    static const char why[] = "trading in a crossed book";

    (void)state;
    both(phase_cmd(AAA, 'P'));
    venue_enter(&v, ANN, 1, 'S', 10, 10000, '0');
    venue_enter(&v, BOB, 1, 'B', 10, 10000, '0');
    make(phase_cmd(AAA, 'T'));
    event(1)->phase.cross = 0;
    event(1)->phase.phase = 'T';
    REFUSED(1, msg_phase, next, 0, why);
}

/* ---- where the work of a change stands ---- */

/* A change of all instruments, or of AAA with orders that end, in pieces: its EV_WORK is last. */
static u32 make_piece(u16 instrument, char phase)
{
    again();
    v.e->chunk_cancels = v.shadow->chunk_cancels = 2;
    for (u32 i = 1; i <= 4; i++)
        venue_enter(&v, ANN, i, 'B', 10, 10000, '0');
    make(phase_cmd(instrument, phase));
    u32 last = venue_events(&v) - 1;
    assert_int_equal(event(last)->ev.type, EV_WORK);
    return last;
}

static void test_where_work_stands(void **state)
{
    static const char nowhere[] = "a change of phase that stands nowhere";
    static const char told[] = "accounts that are told and stand nowhere";
    static const char of_none[] = "a change of phase of no instrument";
    static const char another[] = "orders that follow bands of another instrument";
    (void)state;

    u32 last = make_piece(0, 'H');
    assert_int_equal(event(last)->work.kind, WORK_COURSE);
    assert_taken();
    last = make_piece(0, 'H');
    REFUSED(last, msg_work, cursor, NOWHERE, nowhere);
    last = make_piece(0, 'H');
    event(last)->work.cursor = NOWHERE;
    REFUSED(last, msg_work, kind, WORK_TELL, told);
    last = make_piece(0, 'H');
    event(last)->work.cursor = v.e->course.at + 1;
    REFUSED(last, msg_work, kind, WORK_SLIDE, another);
    for (u8 kind = WORK_SCAN; kind <= WORK_EXPIRE; kind++) {
        last = make_piece(0, 'H');
        REFUSED(last, msg_work, kind, kind, of_none);
    }
    last = make_piece(0, 'H');
    REFUSED(last, msg_work, kind, 99, "long work of an unknown kind");
}

static void test_a_change_that_nobody_asked_for(void **state)
{
    union msg m = venue_cmd(CMD_DAY_END, 0);
    (void)state;

    v.e->chunk_cancels = 2;
    for (u32 i = 1; i <= 4; i++)
        venue_enter(&v, ANN, i, 'B', 10, 10000, '0');
    m.day.day = VENUE_DAY;
    make(m);
    u32 last = venue_events(&v) - 1;
    event(last)->work.cursor = AAA;
    REFUSED(last, msg_work, kind, WORK_COURSE, "a change of phase that nobody asked for");
}

static void test_where_the_work_of_an_instrument_stands(void **state)
{
    static const char nowhere[] = "orders that end and stand nowhere";
    (void)state;

    u32 last = make_piece(AAA, 'Z');
    assert_int_equal(event(last)->work.kind, WORK_EXPIRE);
    assert_taken();
    last = make_piece(AAA, 'Z');
    event(last)->work.cursor = AAA;
    REFUSED(last, msg_work, kind, WORK_COURSE, "a change of phase that stands nowhere");
    last = make_piece(AAA, 'Z');
    event(last)->work.cursor = ANN;
    REFUSED(last, msg_work, kind, WORK_TELL, "accounts that are told and stand nowhere");
    last = make_piece(AAA, 'Z');
    event(last)->work.cursor = AAA;
    REFUSED(last, msg_work, kind, WORK_SLIDE, "orders that follow bands of another instrument");
    last = make_piece(AAA, 'Z');
    REFUSED(last, msg_work, kind, WORK_SCAN, "a search for the price of no cross");
    last = make_piece(AAA, 'Z');
    REFUSED(last, msg_work, account, NOWHERE, "long work of an unknown account");
    last = make_piece(AAA, 'Z');
    REFUSED(last, msg_work, cursor, 99, nowhere);
    last = make_piece(AAA, 'Z');
    REFUSED(last, msg_work, order_ref, 99, nowhere);
}

/* ---- bands, broken trades, late cancels, System Events ---- */

static void make_first_bands(void)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);

    again();
    memcpy(m.instrument.symbol, "CCC     ", 8);
    m.instrument.tick = m.instrument.lot = 1;
    m.instrument.tier = 1;
    m.instrument.reference_price = 500000;
    make(m);
    assert_int_equal(event(1)->ev.type, EV_BANDS);
}

static void test_bands(void **state)
{
    (void)state;
    make_first_bands();
    REFUSED(1, msg_bands, instrument, NOWHERE,
            "bands of an unknown instrument, or in the midst of other work");
    make_first_bands();
    REFUSED(1, msg_bands, lower, PRICE_LIMIT_MAX, "impossible bands");
    make_first_bands();
    REFUSED(1, msg_bands, upper, PRICE_LIMIT_MAX + 1, "impossible bands");
    make_first_bands();
    event(1)->bands.lower = event(1)->bands.upper = PRICE_LIMIT_MAX;
    assert_null(engine_apply(v.shadow, v.tx.slots, v.tx.used));
}

/* They move only while nothing else is under way. */
static void test_bands_amid_other_work(void **state)
{
    static const char why[] = "bands of an unknown instrument, or in the midst of other work";
    (void)state;

    make_first_bands();
    union msg bands = *event(1);
    make_reopening();
    bands.bands.instrument = AAA;
    bands.ev.seq = event(2)->ev.seq;
    refused(2, 0, &bands, SLOT_BYTES, why);
    u32 last = make_piece(0, 'H');
    memcpy(event(last - 1), event(last), SLOT_BYTES);
    event(last - 1)->ev.flags = 0;
    bands.ev.seq = event(last)->ev.seq;
    refused(last, 0, &bands, SLOT_BYTES, why);
}

/* Matches 1 and 2 are of yesterday, 3 and 4 of today; `match` is broken. */
static void make_broken(u64 match)
{
    union msg m = venue_cmd(CMD_BREAK, 0);
    union msg day = venue_cmd(CMD_DAY_OPEN, 0);

    again();
    for (u32 d = 0; d < 2; d++) {
        for (u32 i = 1; i <= 2; i++) {
            venue_enter(&v, ANN, i, 'S', 10, 10000, '0');
            venue_enter(&v, BOB, i, 'B', 10, 10000, '0');
        }
        if (d == 1)
            break;
        venue_day_end(&v);
        day.day.day = VENUE_DAY + 1;
        both(day);
        venue_login(&v, ANN);
        venue_login(&v, BOB);
    }
    m.broken_trade.match = match;
    m.broken_trade.reason = 'E';
    m.broken_trade.side[0] = (struct broken_side){.account = BOB, .user_ref = 1};
    m.broken_trade.side[1] = (struct broken_side){.account = ANN, .user_ref = 1};
    make(m);
}

static void test_broken_trades(void **state)
{
    static const char why[] = "a broken trade of another day";
    (void)state;

    make_broken(3);
    assert_int_equal(v.e->day_match, 3);
    assert_taken();
    make_broken(4);
    assert_taken();
    make_broken(3);
    REFUSED(0, msg_broken, match, 2, why);
    make_broken(3);
    REFUSED(0, msg_broken, match, 5, why);
    make_broken(3);
    v.shadow->broken_used = BROKEN_MAX;
    assert_string_equal(engine_apply(v.shadow, v.tx.slots, v.tx.used),
                        "more broken trades than a day can have");
    make_broken(3);
    v.shadow->broken_used = BROKEN_MAX; /* the second half of the last one */
    v.shadow->broken[BROKEN_MAX - 1] = 3;
    assert_null(engine_apply(v.shadow, v.tx.slots, v.tx.used));
}

static void test_a_late_cancel_of_what_does_not_wait(void **state)
{
    static const char why[] = "a late cancel of an order that does not wait for a cross";
    union msg m = venue_enter_cmd(ANN, 1, 'B', 10, 10000, '0');
    union msg late = phase_cmd(0, 'P');
    union msg x = venue_cmd(CMD_CANCEL, ANN);
    (void)state;

    m.enter.cross_type = 'O';
    late.course.late = 1;
    x.cancel.user_ref = 1;
    for (u32 user_ref = 1; user_ref <= 3; user_ref++) {
        again();
        both(phase_cmd(0, 'P'));
        m.cmd.bind_id = BIND;
        both(m);
        venue_enter(&v, ANN, 2, 'B', 10, 10000, '0');
        both(late);
        make(x);
        assert_int_equal(event(0)->ev.type, EV_CANCEL_PENDING);
        if (user_ref == 1) {
            assert_taken();
            continue;
        }
        event(0)->late.order_ref = user_ref;
        REFUSED(0, msg_late, user_ref, user_ref, why);
    }
}

static void test_system_events_out_of_their_turn(void **state)
{
    static const char why[] = "a System Event out of its turn";
    (void)state;

    make(phase_cmd(0, 'Z'));
    u32 last = venue_events(&v) - 1;
    assert_int_equal(event(last)->ev.type, EV_SYSTEM);
    REFUSED(last, msg_system, code, 'S', why);
    again();
    make(phase_cmd(0, 'Z'));
    REFUSED(last, msg_system, dialect, DIALECT_MAX + 1, why);
    again();
    make(phase_cmd(0, 'Z'));
    v.shadow->accounts.at[BOB].told = 1;
    assert_string_equal(engine_apply(v.shadow, v.tx.slots, v.tx.used), why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_change_of_phase),
        CASE(test_a_change_amid_a_match),
        CASE(test_a_phase_and_its_bands),
        CASE(test_a_cross),
        CASE(test_a_crossed_book_does_not_trade),
        CASE(test_where_work_stands),
        CASE(test_where_the_work_of_an_instrument_stands),
        CASE(test_a_change_that_nobody_asked_for),
        CASE(test_bands),
        CASE(test_bands_amid_other_work),
        CASE(test_broken_trades),
        CASE(test_a_late_cancel_of_what_does_not_wait),
        CASE(test_system_events_out_of_their_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
