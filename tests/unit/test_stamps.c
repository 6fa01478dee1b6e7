/* test_stamps.c - an order's stages: from counts left on the way to histograms and a report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/stamps.h"

#define ACCOUNT 7u

struct fixture {
    struct mem mem;
    struct stamps *s;
    struct stamps_gateway *g;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    clock_init();
    metrics_reset();
    mem_init(&f->mem, 0);
    f->s = stamps_new(&f->mem, 2, 0, NULL);
    f->g = f->s->gateways[1];
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    metrics_reset();
    mem_free_all(&f->mem);
    free(f);
    return 0;
}

static u64 count(const struct fixture *f, enum stage s)
{
    return metric_get(&f->g->stages[s].count);
}

/* One order by slot `index` of gateway 1's ring, transaction `seq`, up to its answer. */
static void order(struct fixture *f, u64 index, u64 seq)
{
    f->g->rx = clock_ticks();
    stamps_parsed(f->g, index, index + 2);
    stamps_matched(f->s, 1, index, clock_ticks(), seq, ACCOUNT);
    stamps_journalled(f->s, seq, clock_ticks());
    f->g->released = clock_ticks();
    stamps_note(f->g, seq, ACCOUNT);
}

/* Each stage is counted once an order, however many events it has; the sums fit. */
static void stages_test(void **state)
{
    struct fixture *f = *state;
    u64 parts = 0;

    order(f, 0, 1);
    stamps_note(f->g, 1, ACCOUNT); /* the second event of the transaction */
    order(f, 2, 2);
    assert_int_equal(count(f, STAGE_TOTAL), 0); /* not before the burst is out */
    stamps_sent(f->g);
    stamps_sent(f->g);
    for (u32 i = 0; i < STAGES; i++)
        assert_int_equal(count(f, (enum stage)i), 2);
    for (u32 i = 0; i < STAGE_TOTAL; i++)
        parts += metric_get(&f->g->stages[i].sum);
    u64 total = metric_get(&f->g->stages[STAGE_TOTAL].sum);
    u64 own = metric_get(&f->g->stages[STAGE_OWN].sum);
    u64 journal = metric_get(&f->g->stages[STAGE_JOURNAL].sum);
    assert_in_range(parts, total - 12, total + 12); /* each is cut to whole ns */
    assert_in_range(own + journal, total - 6, total + 6);
    assert_int_equal(metrics_sum("wirebook_stage_seconds"), 2 * STAGES);
    assert_int_equal(metric_get(&f->g->missed), 0);
}

/* A stage's time is its own and no other's. */
static void one_slow_stage_test(void **state)
{
    struct fixture *f = *state;

    f->g->rx = clock_ticks();
    stamps_parsed(f->g, 0, 1);
    stamps_matched(f->s, 1, 0, clock_ticks(), 1, ACCOUNT);
    clock_sleep_ns(3 * NS_PER_MS);
    stamps_journalled(f->s, 1, clock_ticks());
    f->g->released = clock_ticks();
    stamps_note(f->g, 1, ACCOUNT);
    stamps_sent(f->g);
    assert_true(metric_get(&f->g->stages[STAGE_JOURNAL].sum) >= 3 * NS_PER_MS);
    assert_true(metric_get(&f->g->stages[STAGE_TOTAL].sum) >= 3 * NS_PER_MS);
    assert_true(metric_get(&f->g->stages[STAGE_MATCH].sum) < 3 * NS_PER_MS);
    assert_true(metric_get(&f->g->stages[STAGE_OWN].sum) < 3 * NS_PER_MS);
}

/* What nobody stamped, or what is another's, is not counted. */
static void strangers_test(void **state)
{
    struct fixture *f = *state;

    stamps_matched(f->s, 2, 0, clock_ticks(), 1, ACCOUNT); /* the operators' ring */
    stamps_note(f->g, 1, ACCOUNT);
    stamps_matched(f->s, 1, 5, clock_ticks(), 2, ACCOUNT); /* a login: nobody stamped that slot */
    stamps_note(f->g, 2, ACCOUNT);
    order(f, 10, 3);
    f->g->sent_used = 0;
    stamps_matched(f->s, 1, 10 + CMD_RING_SLOTS, clock_ticks(), 4, ACCOUNT); /* the next round */
    stamps_note(f->g, 4, ACCOUNT);
    order(f, 12, 5);
    f->g->sent_used = 0;
    f->g->last_seq = 0;
    stamps_note(f->g, 5, ACCOUNT + 1);         /* the other side of a trade */
    stamps_note(f->g, 5 + STAMPS_TX, ACCOUNT); /* long gone */
    assert_int_equal(f->g->sent_used, 0);
}

/* Counts that run backwards are missed, not counted. */
static void backwards_test(void **state)
{
    struct fixture *f = *state;

    order(f, 0, 1);
    f->g->sent[0].journalled = f->g->sent[0].matched - 1;
    stamps_sent(f->g);
    assert_int_equal(metric_get(&f->g->missed), 1);
    assert_int_equal(count(f, STAGE_TOTAL), 0);
}

/* Of users whose name begins as asked for, or of all. */
static void users_test(void **state)
{
    struct fixture *f = *state;

    assert_true(stamps_wants(f->g, "GOOD01"));
    snprintf(f->g->users, sizeof f->g->users, "GO");
    assert_true(stamps_wants(f->g, "GOOD01"));
    assert_false(stamps_wants(f->g, "GAD001"));
    snprintf(f->g->users, sizeof f->g->users, "GOOD01");
    assert_true(stamps_wants(f->g, (char[6]){'G', 'O', 'O', 'D', '0', '1'}));
    assert_false(stamps_wants(f->g, (char[6]){'G', 'O', 'O', 'D', '0', ' '}));
}

/* An answer that waited for its own client is counted, once, and not in the stages. */
static void waited_test(void **state)
{
    struct fixture *f = *state;

    f->g->skip = 1;
    f->g->rx = clock_ticks();
    for (u64 i = 0; i < 3; i++) {
        stamps_parsed(f->g, i, i + 1);
        stamps_matched(f->s, 1, i, clock_ticks(), i + 1, ACCOUNT);
        stamps_waited(f->g, i + 1, ACCOUNT + 1); /* somebody else's message */
        stamps_waited(f->g, i + 1, ACCOUNT);
        stamps_waited(f->g, i + 1, ACCOUNT);
        stamps_note(f->g, i + 1, ACCOUNT);
    }
    stamps_sent(f->g);
    assert_int_equal(metric_get(&f->g->waited), 2);
    assert_int_equal(count(f, STAGE_TOTAL), 0);
}

static void warm_up_test(void **state)
{
    struct fixture *f = *state;

    f->g->skip = 3;
    for (u64 i = 0; i < 5; i++)
        order(f, i, i + 1);
    stamps_sent(f->g);
    assert_int_equal(count(f, STAGE_TOTAL), 2);
}

/* More answers than one turn may send: the rest is not noted, and nothing breaks. */
static void full_turn_test(void **state)
{
    struct fixture *f = *state;

    for (u64 i = 0; i < GATEWAY_SENDS_PER_TURN + 10; i++)
        order(f, i, i + 1);
    assert_int_equal(f->g->sent_used, GATEWAY_SENDS_PER_TURN);
    stamps_sent(f->g);
    assert_int_equal(count(f, STAGE_TOTAL), GATEWAY_SENDS_PER_TURN);
}

static void report_test(void **state)
{
    struct fixture *f = *state;
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    order(f, 0, 1);
    stamps_sent(f->g);
    stamps_report(f->s, out);
    fclose(out);
    assert_non_null(strstr(text, "gateway to gateway (RX burst to TX burst): p50 "));
    assert_non_null(strstr(text, "\nclock: "));
    assert_non_null(strstr(text, "chrony "));
    assert_non_null(strstr(text, "\n  parse "));
    assert_non_null(strstr(text, "\nstage.send_p99_9_ns "));
    assert_non_null(strstr(text, "\ngateway.own_p50_ns "));
    assert_non_null(strstr(text, "\ngateway.stamped 1 orders\n"));
    free(text);
}

/* The counter's rate is right within a thousandth, or the machine has stopped us. */
static void ticks_test(void **state)
{
    (void)state;
    clock_ticks_calibrate();
    for (u32 attempt = 0; attempt < 20; attempt++) {
        u64 ns = clock_now_ns(), ticks = clock_ticks();
        clock_sleep_ns(5 * NS_PER_MS);
        u64 by_ticks = clock_ticks_ns(clock_ticks() - ticks), by_clock = clock_now_ns() - ns;
        if (by_ticks > by_clock - by_clock / 1000 && by_ticks < by_clock + by_clock / 1000)
            return;
    }
    fail_msg("the counter and the clock do not agree");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(stages_test),  T(one_slow_stage_test), T(strangers_test), T(backwards_test),
        T(warm_up_test), T(full_turn_test),      T(report_test),    T(ticks_test),
        T(users_test),   T(waited_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
