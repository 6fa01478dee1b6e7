/*
 * test_engine_turn.c - the engine as an agent: what goes into which ring, and when it waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/state.h"
#include "tests/lib/engine_venue.h"

#define RING 1024u

static struct mem mem;
static struct engine *e;
static struct ring cmd[3], events[2], tx;
static u64 now_ns;

static int set_up(void **state)
{
    struct engine_conf conf = {4, 4, 2000, 2, {0}};
    struct engine_rings rings = {
        .cmd = {&cmd[0], &cmd[1], &cmd[2]},
        .cmd_used = 3,
        .events = {&events[0], &events[1]},
        .events_used = 2,
        .tx = &tx,
    };
    (void)state;

    mem_init(&mem, 0);
    metrics_reset();
    for (u32 i = 0; i < 3; i++)
        ring_init(&cmd[i], &mem, "cmd", RING);
    for (u32 i = 0; i < 2; i++)
        ring_init(&events[i], &mem, "events", RING);
    ring_init(&tx, &mem, "tx", RING);
    e = engine_new(&conf, &mem);
    engine_attach(e, &rings);
    now_ns = NS_PER_SEC;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    metrics_reset();
    mem_free_all(&mem);
    return 0;
}

static void push(u32 ring, const union msg *m)
{
    assert_true(ring_push(&cmd[ring], m, m->cmd.slots));
}

static int turn(void)
{
    return engine_do_work(e, now_ns += 1000);
}

/* Takes the next message of `r`; 0 when there is none. */
static u8 next(struct ring *r, union msg *out)
{
    union msg copy;
    const union msg *m = msg_peek(r, &copy);
    if (!m)
        return 0;
    memset(out, 0, sizeof *out);
    memcpy(out, m, m->ev.slots * sizeof(struct slot));
    ring_take(r, m->ev.slots);
    return out->ev.type;
}

static void drain(struct ring *r)
{
    union msg m;
    while (next(r, &m))
        ;
}

static void drain_all(void)
{
    drain(&events[0]);
    drain(&events[1]);
    drain(&tx);
}

/* A venue by way of ring 2, ANN on gateway 0, BOB on gateway 1. */
static void open_venue(void)
{
    union msg m = venue_cmd(CMD_START, 0);

    m.start.epoch = 1;
    push(2, &m);
    m = venue_cmd(CMD_DAY_OPEN, 0);
    m.day.day = VENUE_DAY;
    push(2, &m);
    m = venue_cmd(CMD_INSTRUMENT, 0);
    memcpy(m.instrument.symbol, "AAA     ", 8);
    m.instrument.tick = m.instrument.lot = 100;
    push(2, &m);
    for (u32 i = 0; i < 2; i++) {
        m = venue_cmd(CMD_ACCOUNT, 0);
        memcpy(m.account.user, i ? "BOB   " : "ANN   ", 6);
        push(2, &m);
    }
    turn();
    for (u16 i = 0; i < 2; i++) {
        m = venue_cmd(CMD_LOGIN, i + 1u);
        m.cmd.bind_id = 0;
        m.cmd.gateway = i;
        push(i, &m);
    }
    turn();
}

static union msg enter(u32 account, u32 ref, char side, u32 qty, u32 price)
{
    union msg m = venue_enter_cmd(account, ref, side, qty, price, '0');
    m.cmd.bind_id = e->accounts.at[account].bind_id;
    m.cmd.gateway = (u16)(account - 1);
    return m;
}

static void test_events_go_where_they_belong(void **state)
{
    static const u8 course[] = {EV_STARTED, EV_DAY_OPENED, EV_INSTRUMENT, EV_ACCOUNT, EV_ACCOUNT};
    union msg m;
    (void)state;

    open_venue();
    for (u32 g = 0; g < 2; g++) {
        for (u32 i = 0; i < ARRAY_LEN(course); i++)
            assert_int_equal(next(&events[g], &m), course[i]);
        if (g == 0) { /* everybody begins at gateway 0: it is told that BOB is elsewhere */
            assert_int_equal(next(&events[0], &m), EV_BOUND);
            assert_int_equal(m.ev.account, BOB);
            assert_int_equal(m.bound.gateway, 1);
        }
        assert_int_equal(next(&events[g], &m), EV_BOUND);
        assert_int_equal(m.ev.account, g + 1);
        assert_int_equal(next(&events[g], &m), EV_SYSTEM);
        assert_int_equal(next(&events[g], &m), 0);
    }
    m = enter(ANN, 1, 'S', 10, 10000);
    push(0, &m);
    turn();
    m = enter(BOB, 1, 'B', 10, 10000);
    push(1, &m);
    turn();
    assert_int_equal(next(&events[0], &m), EV_ACCEPTED);
    assert_int_equal(next(&events[0], &m), EV_EXECUTED);
    assert_int_equal(next(&events[0], &m), 0);
    assert_int_equal(next(&events[1], &m), EV_ACCEPTED);
    assert_int_equal(next(&events[1], &m), EV_EXECUTED);
    assert_int_equal(next(&events[1], &m), 0);
}

/* A timed order ends in a turn of its own time, before the command that waits. */
static void test_time_goes_before_commands(void **state)
{
    union msg m;
    (void)state;

    open_venue();
    m = enter(ANN, 1, 'S', 10, 10000);
    m.enter.tif = TIF_GTT;
    m.enter.terms.tags = TAG_BIT(15);
    m.enter.terms.expire_s = 2;
    push(0, &m);
    turn();
    m = enter(BOB, 1, 'B', 10, 10000);
    push(1, &m);
    now_ns += 3 * NS_PER_SEC;
    turn();
    do {
        assert_int_not_equal(next(&events[0], &m), 0);
    } while (m.ev.type != EV_CANCELLED);
    assert_int_equal(m.cancelled.reason, 'T');
    assert_int_equal(next(&events[0], &m), 0); /* and nothing was traded */
    assert_int_equal(engine_best_qty(e, 1, 'B'), 10);
}

static void test_transactions_go_whole_to_persist(void **state)
{
    union msg m;
    u64 seq = 0;
    bool inside = false;
    (void)state;

    open_venue();
    m = enter(ANN, 1, 'S', 10, 10000);
    push(0, &m);
    push(0, &m); /* a resend: no transaction */
    turn();
    while (next(&tx, &m)) {
        if (msg_is_command(m.cmd.type)) {
            assert_false(inside);
            assert_int_equal(m.cmd.seq, ++seq);
            inside = true;
        } else {
            assert_int_equal(m.ev.seq, seq);
            inside = !(m.ev.flags & MSG_TX_END);
        }
    }
    assert_false(inside);
    assert_int_equal(seq, 8);
    assert_int_equal(engine_seq(e), 8);
}

static void test_a_takeover_tells_both_gateways(void **state)
{
    union msg m = venue_cmd(CMD_LOGIN, ANN);
    (void)state;

    open_venue();
    drain_all();
    m.cmd.bind_id = 0;
    m.cmd.gateway = 1;
    m.login.requested_seq = 9;
    push(1, &m);
    turn();
    assert_int_equal(next(&events[1], &m), EV_LOGIN_REJECTED);
    m = venue_cmd(CMD_LOGIN, ANN);
    m.cmd.gateway = 1;
    push(1, &m);
    turn();
    assert_int_equal(next(&events[0], &m), EV_UNBOUND);
    assert_int_equal(next(&events[0], &m), EV_BOUND); /* behind its last: the account has gone */
    assert_int_equal(m.bound.gateway, 1);
    assert_int_equal(m.bound.from, 0);
    assert_int_equal(next(&events[0], &m), 0);
    assert_int_equal(next(&events[1], &m), EV_BOUND);
    m = enter(ANN, 1, 'S', 10, 10000);
    m.cmd.bind_id = 3;
    push(1, &m);
    turn();
    assert_int_equal(next(&events[1], &m), EV_ACCEPTED);
    assert_int_equal(next(&events[0], &m), 0);
}

/* A login where the events go already tells nobody else; who is away is told of all the same. */
static void test_an_account_moves_without_a_connection(void **state)
{
    union msg m;
    (void)state;

    open_venue(); /* ANN at 0, BOB at 1 */
    drain_all();
    m = venue_cmd(CMD_LOGIN, ANN);
    m.cmd.gateway = 0;
    push(0, &m);
    turn();
    assert_int_equal(next(&events[0], &m), EV_UNBOUND);
    assert_int_equal(next(&events[0], &m), EV_BOUND);
    assert_int_equal(m.bound.from, 0);
    assert_int_equal(next(&events[1], &m), 0);
    m = venue_cmd(CMD_DISCONNECT, ANN);
    m.cmd.bind_id = 3;
    push(0, &m);
    turn();
    assert_int_equal(next(&events[0], &m), EV_UNBOUND);
    m = venue_cmd(CMD_LOGIN, ANN);
    m.cmd.gateway = 1;
    push(1, &m);
    turn();
    assert_int_equal(next(&events[0], &m), EV_BOUND);
    assert_int_equal(m.bound.gateway, 1);
    assert_int_equal(next(&events[1], &m), EV_BOUND);
    m = venue_cmd(CMD_START, 0); /* another process: everybody begins at gateway 0 again */
    m.start.epoch = 2;
    push(2, &m);
    m = venue_cmd(CMD_LOGIN, ANN);
    m.cmd.gateway = 1;
    push(2, &m);
    turn();
    drain_all();
    assert_int_equal(e->accounts.at[ANN].gateway, 1);
    assert_int_equal(e->accounts.at[BOB].gateway, 0);
    m = venue_cmd(CMD_LOGIN, BOB);
    m.cmd.gateway = 1;
    push(1, &m);
    turn();
    assert_int_equal(next(&events[0], &m), EV_BOUND);
    assert_int_equal(m.bound.from, 0);
}

/* A process with fewer gateways goes on with long work: what there was of more is forgotten. */
static void test_another_process_goes_on(void **state)
{
    struct engine_rings rings = {.events = {&events[0]}, .events_used = 1, .tx = &tx};
    u32 gone = 0;
    union msg m;
    (void)state;

    open_venue();
    for (u32 i = 1; i <= 9; i++) {
        m = enter(BOB, i, 'S', 10, 10000);
        push(1, &m);
    }
    turn();
    e->chunk_cancels = 2;
    m = venue_cmd(CMD_DAY_END, 0);
    push(2, &m);
    turn();
    assert_true(engine_busy(e));
    assert_int_equal(e->accounts.at[BOB].gateway, 1);
    drain_all();
    metrics_reset();
    engine_gateways_set(e, 1);
    engine_attach(e, &rings);
    while (engine_busy(e))
        turn();
    for (u8 type; (type = next(&events[0], &m)) != EV_DAY_ENDED; gone += type == EV_CANCELLED)
        assert_true(type && (type != EV_UNBOUND || m.ev.account == ANN));
    assert_true(gone > 0);
    assert_int_equal(ring_avail(&events[1], RING), 0);
}

static void test_a_full_ring_stops_the_engine_not_the_venue(void **state)
{
    union msg m;
    u32 ref = 0;
    (void)state;

    open_venue();
    drain_all();
    for (u32 i = 0; i < 400; i++) {
        m = enter(ANN, ++ref, 'S', 10, 10000);
        push(0, &m);
    }
    for (u32 i = 0; i < 50; i++)
        turn();
    u64 waiting = ring_avail(&cmd[0], RING);
    assert_true(waiting > 0); /* tx takes 4 slots a command and must keep room for 256 */
    assert_true(ring_room(&tx, TX_SLOTS_MAX) < TX_SLOTS_MAX);
    assert_int_equal(turn(), 0);
    drain(&tx);
    assert_true(turn() > 0);
    drain_all();
    for (u32 i = 0; i < 50; i++) {
        turn();
        drain_all();
    }
    assert_int_equal(engine_open_orders(e), 400);
}

static void test_long_work_comes_before_commands(void **state)
{
    union msg m;
    u32 fills = 0;
    u8 type;
    (void)state;

    open_venue();
    e->chunk_fills = 2;
    for (u32 i = 1; i <= 9; i++) {
        m = enter(ANN, i, 'S', 1, 10000);
        push(0, &m);
    }
    turn();
    drain_all();
    m = enter(BOB, 1, 'B', 9, 10000);
    push(1, &m);
    m = enter(ANN, 20, 'B', 5, 9000);
    push(0, &m);
    push(1, &m); /* the same by the wrong gateway: a resend at best */
    for (u32 i = 0; i < 5 && (i == 0 || engine_busy(e)); i++) {
        u64 before = metric_get(&e->metrics.continues);
        turn();
        assert_int_equal(metric_get(&e->metrics.continues) - before, i > 0);
    }
    assert_false(engine_busy(e));
    turn();
    while ((type = next(&tx, &m)) != 0) {
        fills += type == EV_EXECUTED;
        if (type == CMD_ENTER && m.ev.account == ANN)
            assert_true(fills == 0 || fills == 18);
    }
    assert_int_equal(fills, 18);
    while ((type = next(&events[1], &m)) != 0)
        assert_int_not_equal(type, EV_WORK);
    assert_int_equal(metric_get(&e->metrics.continues), 4);
}

static void test_long_work_waits_for_room_too(void **state)
{
    union msg m;
    (void)state;

    open_venue();
    for (u32 i = 1; i <= 240; i++) {
        m = enter(ANN, i, 'S', 1, 10000);
        push(0, &m);
        turn();
        drain_all();
    }
    m = enter(BOB, 1, 'B', 240, 10000);
    for (u32 i = 0; i < 500; i++) /* leave room for one transaction, not for two */
        ring_push(&tx, &m, 1);
    push(1, &m);
    turn();
    assert_true(engine_busy(e));
    turn();
    drain(&tx);
    while (engine_busy(e)) {
        assert_true(turn() > 0);
        drain_all();
    }
    assert_int_equal(engine_open_orders(e), 0);
}

/* Room for the longest transaction is enough; a slot less is not, in whichever ring. */
static void test_room_to_the_slot(void **state)
{
    struct ring *rings[] = {&tx, &events[0], &events[1]};
    u32 ref = 0;
    union msg m;
    (void)state;

    open_venue();
    for (u32 i = 0; i < ARRAY_LEN(rings); i++) {
        drain_all();
        while (ring_room(rings[i], TX_SLOTS_MAX + 1) > TX_SLOTS_MAX)
            ring_push(rings[i], &(struct slot){{0}}, 1);
        m = enter(ANN, ++ref, 'S', 10, 10000);
        push(0, &m);
        turn();
        assert_int_equal(engine_open_orders(e), ref);
        while (ring_room(rings[i], TX_SLOTS_MAX) >= TX_SLOTS_MAX)
            ring_push(rings[i], &(struct slot){{0}}, 1);
        m = enter(ANN, ++ref, 'S', 10, 10000);
        push(0, &m);
        turn();
        assert_int_equal(engine_open_orders(e), ref - 1);
        ring_take(rings[i], ring_avail(rings[i], rings[i]->mask + 1));
        turn();
        assert_int_equal(engine_open_orders(e), ref);
    }
}

static void test_rings_take_turns(void **state)
{
    union msg m;
    u32 first = 0;
    (void)state;

    open_venue();
    drain_all();
    for (u32 i = 1; i <= 100; i++) {
        m = enter(ANN, i, 'S', 1, 10000);
        push(0, &m);
    }
    m = enter(BOB, 1, 'B', 1, 9000);
    push(1, &m);
    turn();
    while (next(&tx, &m)) {
        if (m.ev.type == EV_ACCEPTED && m.ev.account == BOB)
            break;
        first += m.ev.type == EV_ACCEPTED;
    }
    assert_int_equal(m.ev.account, BOB);
    assert_true(first <= 32);
}

static void test_an_idle_turn_does_nothing(void **state)
{
    (void)state;
    assert_int_equal(turn(), 0);
    open_venue();
    drain_all();
    assert_int_equal(turn(), 0);
    assert_int_equal(metrics_sum("wirebook_engine_transactions_total"), 7);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_events_go_where_they_belong),
        CASE(test_time_goes_before_commands),
        CASE(test_transactions_go_whole_to_persist),
        CASE(test_a_takeover_tells_both_gateways),
        CASE(test_an_account_moves_without_a_connection),
        CASE(test_another_process_goes_on),
        CASE(test_a_full_ring_stops_the_engine_not_the_venue),
        CASE(test_long_work_comes_before_commands),
        CASE(test_long_work_waits_for_room_too),
        CASE(test_room_to_the_slot),
        CASE(test_rings_take_turns),
        CASE(test_an_idle_turn_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
