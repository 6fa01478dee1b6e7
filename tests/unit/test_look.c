/* test_look.c - how much of a turn looks may take, whatever waits for a cross. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/engine_venue.h"

static struct venue v;
static struct mem ring_mem;
static struct ring answers;

static int set_up(void **state)
{
    (void)state;
    venue_init(&v, 1100);
    mem_init(&ring_mem, 0);
    ring_init(&answers, &ring_mem, "answers", 256);
    v.e->rings.answers = &answers;
    metrics_reset();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    metrics_reset();
    mem_free_all(&ring_mem);
    venue_free(&v);
    return 0;
}

/* A page of instruments from `from` on: how many it has; the last one to `last`. */
static u32 page(u32 from, struct msg_seen *last)
{
    union msg m = venue_cmd(CMD_LOOK, 0), copy;
    u32 n = 0;

    m.look.what = LOOK_INSTRUMENT;
    m.look.from = from;
    assert_int_equal(venue_send(&v, &m), 0);
    for (const union msg *a; (a = msg_peek(&answers, &copy)); n++) {
        *last = a->seen;
        ring_take(&answers, 4);
    }
    assert_int_equal(last->last, 1);
    return n;
}

/* It ends behind an indication that was much work: the next one goes on from there. */
static void test_a_page_ends_behind_much_work(void **state)
{
    union msg m = venue_cmd(CMD_PHASE, 0);
    struct msg_seen s;
    (void)state;

    m.course.phase = 'P';
    m.course.reason = COURSE_OPERATOR;
    venue_send(&v, &m);
    for (u32 i = 1; i <= 510; i++) {
        venue_enter(&v, ANN, i, 'B', 100, 200000 - i * 100, '0');
        venue_enter(&v, BOB, i, 'S', 100, 10000 + i * 100, '0');
    }
    assert_int_equal(page(1, &s), 1);
    assert_int_equal(s.id, AAA);
    assert_int_equal(s.instrument.found, 0);
    assert_int_equal(page(s.id + 1, &s), 1);
    assert_int_equal(s.id, BBB);
    for (u32 i = 490; i <= 510; i++)
        venue_cancel(&v, ANN, i, 0);
    assert_int_equal(page(1, &s), 2);
}

/* It may be as much work as a piece of long work. */
static void test_one_look_a_turn(void **state)
{
    struct ring cmds, events[2], tx;
    struct engine_rings rings = {.cmd = {&cmds},
                                 .cmd_used = 1,
                                 .events = {&events[0], &events[1]},
                                 .events_used = 2,
                                 .tx = &tx,
                                 .answers = &answers};
    union msg m = venue_cmd(CMD_LOOK, 0), copy;
    (void)state;

    ring_init(&cmds, &ring_mem, "cmds", 512);
    ring_init(&events[0], &ring_mem, "events", 512);
    ring_init(&events[1], &ring_mem, "events", 512);
    ring_init(&tx, &ring_mem, "tx", 512);
    engine_attach(v.e, &rings);
    m.look.what = LOOK_VENUE;
    assert_true(ring_push(&cmds, &m, 1) && ring_push(&cmds, &m, 1));
    for (u32 i = 0; i < 2; i++) {
        assert_true(engine_do_work(v.e, v.now_ns) > 0);
        assert_non_null(msg_peek(&answers, &copy));
        ring_take(&answers, 4);
        assert_null(msg_peek(&answers, &copy));
    }
    assert_int_equal(engine_do_work(v.e, v.now_ns), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_page_ends_behind_much_work, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_look_a_turn, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
