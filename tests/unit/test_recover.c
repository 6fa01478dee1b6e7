/*
 * test_recover.c - engine_apply refuses whatever does not fit its state, and crashes on nothing.
 *
 * That what does fit restores the state is shown by every other test of the engine: they all have
 * each transaction applied to a second engine (tests/lib/engine_venue.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/apply.h"
#include "engine/base/hash.h"
#include "tests/lib/engine_venue.h"

static struct venue v;

static int set_up(void **state)
{
    (void)state;
    venue_init(&v, 300);
    venue_enter(&v, ANN, 1, 'S', 100, 10000, '0');
    return 0;
}

/* Not venue_free, which looks at both engines: one that has refused is not to be used. */
static int tear_down(void **state)
{
    (void)state;
    mem_free_all(&v.mem);
    return 0;
}

/* The live engine makes a transaction which the shadow has not seen. */
static void make(union msg *m)
{
    m->cmd.bind_id = m->cmd.account ? v.e->accounts.at[m->cmd.account].bind_id : 0;
    v.now_ns += 1000;
    v.made = engine_step(v.e, m, v.now_ns, &v.tx);
    assert_true(v.made);
}

static union msg *change(u32 event)
{
    return (union msg *)(void *)(uintptr_t)venue_event(&v, event);
}

static void assert_refused(const char *why)
{
    const char *wrong = engine_apply(v.shadow, v.tx.slots, v.tx.used);
    if (!wrong)
        fail_msg("was not refused for: %s", why);
    assert_string_equal(wrong, why);
}

static void make_fill(void)
{
    union msg m = venue_enter_cmd(BOB, 1, 'B', 40, 10000, '0');
    make(&m);
}

static void test_gaps(void **state)
{
    (void)state;
    make_fill();
    ((union msg *)(void *)v.tx.slots)->cmd.seq++;
    assert_refused("a gap in the numbers of transactions");
}

static void test_time_that_goes_back(void **state)
{
    (void)state;
    make_fill();
    ((union msg *)(void *)v.tx.slots)->cmd.time_ns = 1;
    assert_refused("a transaction from before the last one");
}

static void test_a_start_of_another_journal(void **state)
{
    union msg m = venue_cmd(CMD_START, 0);

    (void)state;
    m.start.epoch = 2;
    m.start.journal_id = 7;
    make(&m);
    assert_null(engine_apply(v.shadow, v.tx.slots, v.tx.used));
    assert_int_equal(engine_journal_id(v.shadow), 7);
    assert_int_equal(engine_state_hash(v.shadow), engine_state_hash(v.e));
    m.cmd.seq = m.cmd.time_ns = 0;
    m.start.epoch = 3;
    make(&m);
    change(0)->start.journal_id = 8;
    assert_refused("a start of another journal");
}

static void test_a_transaction_cut_short(void **state)
{
    (void)state;
    make_fill();
    v.tx.used--;
    assert_refused("a transaction without its end");
}

static void test_a_transaction_and_more(void **state)
{
    (void)state;
    make_fill();
    change(0)->ev.flags |= MSG_TX_END;
    assert_refused("a message of a wrong length");
}

static void test_an_event_as_a_command(void **state)
{
    (void)state;
    make_fill();
    v.tx.slots[0].w[0] |= 0x80;
    assert_refused("a transaction that does not begin with a command");
}

static void test_an_event_of_another_transaction(void **state)
{
    (void)state;
    make_fill();
    change(1)->ev.seq++;
    assert_refused("a message of another transaction");
}

static void test_an_unknown_account(void **state)
{
    (void)state;
    make_fill();
    change(1)->ev.account = 4;
    assert_refused("an event of an unknown account");
}

static void test_a_gap_in_a_stream(void **state)
{
    (void)state;
    make_fill();
    change(2)->ev.session_seq++;
    assert_refused("a gap in an account's stream");
}

static void test_an_order_that_is_not_open(void **state)
{
    (void)state;
    make_fill();
    change(2)->executed.user_ref = 9;
    assert_refused("a fill of an order that is not open");
}

static void test_a_fill_of_too_much(void **state)
{
    (void)state;
    make_fill();
    change(1)->executed.qty = 41;
    assert_refused("a fill of more shares than are open");
}

static void test_a_fill_of_the_wrong_side(void **state)
{
    (void)state;
    make_fill();
    change(1)->ev.flags &= (u16)~MSG_TAKER;
    assert_refused("a fill that names the wrong aggressor");
}

static void test_a_match_number_that_is_left_out(void **state)
{
    (void)state;
    make_fill();
    change(1)->executed.match++;
    assert_refused("a gap in the match numbers");
}

static void test_an_order_at_no_price(void **state)
{
    (void)state;
    make_fill();
    change(0)->order.price = 10001;
    assert_refused("an order with an impossible price");
}

static void test_an_order_of_no_instrument(void **state)
{
    (void)state;
    make_fill();
    change(0)->order.instrument = 3;
    assert_refused("an order of an unknown instrument");
}

/* Known instruments end with the last one, though there is memory for more. */
static void test_a_phase_of_no_instrument(void **state)
{
    union msg m = venue_cmd(CMD_PHASE, 0);

    (void)state;
    m.course.instrument = AAA;
    m.course.phase = PHASE_HALTED;
    m.course.reason = COURSE_OPERATOR;
    make(&m);
    change(1)->phase.instrument = 3;
    assert_refused("a phase of another instrument");
}

static void test_bands_the_wrong_way_round(void **state)
{
    union msg m = venue_cmd(CMD_PHASE, 0);

    (void)state;
    m.course.instrument = AAA;
    m.course.phase = PHASE_HALTED;
    m.course.reason = COURSE_OPERATOR;
    make(&m);
    change(1)->phase.lower = 200;
    change(1)->phase.upper = 100;
    assert_refused("impossible bands");
}

/* What no step would take: a lot of none would be divided by later. */
static void test_terms_that_cannot_be(void **state)
{
    union msg m = venue_cmd(CMD_INSTRUMENT, 0);

    (void)state;
    memcpy(m.instrument.symbol, "AAA     ", 8);
    m.instrument.tick = 100;
    m.instrument.lot = 1;
    make(&m);
    change(0)->instrument.lot = 0;
    assert_refused("an instrument under a wrong number, or with impossible terms");
    change(0)->instrument.lot = 1;
    change(0)->instrument.collar_bps = 10001;
    assert_refused("an instrument under a wrong number, or with impossible terms");
    change(0)->instrument.collar_bps = 0;
    assert_null(engine_apply(v.shadow, v.tx.slots, v.tx.used));
    m = (union msg){.account = {.cmd = {.type = CMD_ACCOUNT, .slots = 2}}};
    memcpy(m.account.user, "ANN   ", 6);
    m.account.stp_details = 1;
    make(&m);
    change(0)->account.drop = 2;
    assert_refused("an account with unknown terms");
}

/* The highest price there is can be recovered, too. */
static void test_an_order_at_the_highest_price(void **state)
{
    union msg m = venue_enter_cmd(ANN, 99, 'S', 100, PRICE_LIMIT_MAX, '0');

    (void)state;
    m.enter.instrument = BBB;
    make(&m);
    assert_null(engine_apply(v.shadow, v.tx.slots, v.tx.used));
    assert_int_equal(engine_best_price(v.shadow, BBB, 'S'), PRICE_LIMIT_MAX);
    assert_int_equal(engine_state_hash(v.shadow), engine_state_hash(v.e));
}

static void test_a_number_used_twice(void **state)
{
    (void)state;
    make_fill();
    change(0)->order.user_ref = 0;
    assert_refused("a UserRefNum that was used before");
}

static void test_an_ioc_that_would_rest(void **state)
{
    union msg m = venue_enter_cmd(BOB, 1, 'B', 10, 9000, '3');
    (void)state;

    make(&m);
    change(0)->ev.flags |= MSG_TX_END;
    v.tx.used = 4; /* without its cancel */
    assert_refused("an immediate order that would rest");
}

static void test_a_cancel_of_too_much(void **state)
{
    union msg m = venue_cmd(CMD_CANCEL, ANN);
    (void)state;

    m.cancel.user_ref = 1;
    make(&m);
    change(0)->cancelled.qty = 101;
    assert_refused("a cancel of more shares than are open");
}

static void test_a_pool_that_is_smaller(void **state)
{
    (void)state;
    v.shadow->orders.pool.max = 1;
    v.shadow->conf.orders_max = 1;
    make_fill();
    assert_null(engine_unfit(v.shadow)->pool);
    assert_refused("does not fit the configured pools");
    assert_string_equal(engine_unfit(v.shadow)->pool, "orders_max");
    assert_int_equal(engine_unfit(v.shadow)->max, 1);
    assert_int_equal(engine_unfit(v.shadow)->need, 2);
}

static void test_names_that_are_too_many(void **state)
{
    union msg m = venue_cmd(CMD_ACCOUNT, 0);

    (void)state;
    memcpy(m.account.user, "CAT   ", 6);
    memcpy(m.account.firm, "CAT ", 4);
    make(&m);
    v.shadow->accounts.names.room = 2;
    names_limit(&v.shadow->accounts.names, 2);
    assert_refused("does not fit the configured pools");
    assert_string_equal(engine_unfit(v.shadow)->pool, "accounts_max");
    assert_int_equal(engine_unfit(v.shadow)->need, 3);
}

/* What a start says is what whoever recovers has, however large its own pools are. */
static void test_limits_come_with_the_start(void **state)
{
    union msg m = venue_cmd(CMD_START, 0);

    (void)state;
    m.start.epoch = 2;
    m.start.orders_max = v.e->orders.pool.used + 1;
    m.start.accounts_max = 1; /* two are known: they stay */
    m.start.instruments_max = 60000;
    venue_send(&v, &m);
    assert_int_equal(v.e->instruments.names.max, v.e->instruments.names.room);
    venue_login(&v, ANN);
    venue_enter(&v, ANN, 11, 'B', 1, 9900, '0');
    assert_string_equal(venue_letters(&v), "A");
    venue_enter(&v, ANN, 12, 'B', 1, 9900, '0');
    assert_string_equal(venue_letters(&v), "J");
    m = venue_cmd(CMD_START, 0);
    m.start.epoch = 3;
    m.start.orders_max = v.e->orders.pool.used + 1;
    venue_send(&v, &m);
    venue_login(&v, ANN);
    venue_enter(&v, ANN, 13, 'B', 1, 9900, '0');
    assert_string_equal(venue_letters(&v), "A");
    venue_enter(&v, ANN, 14, 'B', 1, 9900, '0');
    assert_string_equal(venue_letters(&v), "J");
}

/* A journal with more than its own process had room for was not written by it. */
static void test_more_than_the_start_allows(void **state)
{
    (void)state;
    make_fill();
    pool_limit(&v.shadow->orders.pool, 1);
    assert_refused("more than its process had room for");
    assert_null(engine_unfit(v.shadow)->pool);
}

/* A rejected order on a new channel: whether its number is used up depends on the writer's room. */
static void test_a_rejected_channel_needs_the_writers_room(void **state)
{
    union msg m = venue_enter_cmd(ANN, 7, 'B', 0, 9900, '0');

    (void)state;
    m.enter.user_ref_idx = 200;
    make(&m);
    v.shadow->accounts.blocks_room = v.shadow->accounts.block_pool.used;
    accounts_limit(&v.shadow->accounts, v.e->conf.accounts_max);
    assert_refused("does not fit the configured pools");
    assert_string_equal(engine_unfit(v.shadow)->pool, "accounts_max");
}

static void test_damage_is_not_a_small_pool(void **state)
{
    (void)state;
    make_fill();
    change(1)->executed.qty = 41;
    assert_refused("a fill of more shares than are open");
    assert_null(engine_unfit(v.shadow)->pool);
}

static void test_long_work_that_is_left(void **state)
{
    union msg m = venue_enter_cmd(BOB, 1, 'B', 2, 10000, '0');
    (void)state;

    v.e->chunk_fills = v.shadow->chunk_fills = 1;
    venue_enter(&v, ANN, 2, 'S', 1, 9900, '0');
    venue_send(&v, &m);
    assert_true(engine_busy(v.e) && engine_busy(v.shadow));
    v.e->work.kind = WORK_NONE; /* a writer that forgets it */
    v.e->taker = 0;
    m = venue_enter_cmd(BOB, 2, 'B', 2, 9000, '0');
    make(&m);
    assert_refused("long work that was not under way, or was left");
}

/* Any word of any slot changed: an answer, or a state that fits; never a crash. */
static void test_damage_never_crashes(void **state)
{
    u32 refused = 0;
    u32 taken = 0;
    (void)state;

    for (u64 seed = 0; seed < 3000; seed++) {
        make_fill();
        u64 x = hash_u64(seed);
        u32 slot = (u32)(x % v.tx.used);
        u32 byte = (u32)(x >> 20) % SLOT_BYTES;
        ((u8 *)&v.tx.slots[slot])[byte] ^= (u8)(1 + (x >> 40) % 255);
        if (engine_apply(v.shadow, v.tx.slots, v.tx.used))
            refused++;
        else
            taken++;
        tear_down(NULL);
        set_up(NULL);
    }
    assert_true(refused > 500);
    assert_true(taken > 100); /* bytes that nobody reads, such as a ClOrdID */
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_gaps),
        CASE(test_time_that_goes_back),
        CASE(test_a_start_of_another_journal),
        CASE(test_a_transaction_cut_short),
        CASE(test_a_transaction_and_more),
        CASE(test_an_event_as_a_command),
        CASE(test_an_event_of_another_transaction),
        CASE(test_an_unknown_account),
        CASE(test_a_gap_in_a_stream),
        CASE(test_an_order_that_is_not_open),
        CASE(test_a_fill_of_too_much),
        CASE(test_a_fill_of_the_wrong_side),
        CASE(test_a_match_number_that_is_left_out),
        CASE(test_an_order_at_no_price),
        CASE(test_an_order_of_no_instrument),
        CASE(test_a_phase_of_no_instrument),
        CASE(test_bands_the_wrong_way_round),
        CASE(test_terms_that_cannot_be),
        CASE(test_an_order_at_the_highest_price),
        CASE(test_a_number_used_twice),
        CASE(test_an_ioc_that_would_rest),
        CASE(test_a_cancel_of_too_much),
        CASE(test_a_pool_that_is_smaller),
        CASE(test_names_that_are_too_many),
        CASE(test_limits_come_with_the_start),
        CASE(test_more_than_the_start_allows),
        CASE(test_a_rejected_channel_needs_the_writers_room),
        CASE(test_damage_is_not_a_small_pool),
        CASE(test_long_work_that_is_left),
        CASE(test_damage_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
