/*
 * test_lane.c - what a lane does where there is nothing to export: a journal that has lost its
 * beginning, far ends that are away for good reasons that differ, and the end of the process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/log.h"
#include "persist/export_learn.h"
#include "tests/lib/lane_rig.h"

/* ---- segments that were removed ---- */

struct days {
    struct made_journal j;
    struct fake_far far;
    struct lane_rig b;
    u64 now_ns;
    u64 opens[3]; /* the transactions that open them */
};

static void days_make(struct days *d, u64 seed)
{
    memset(d, 0, sizeof *d);
    made_journal_init(&d->j, seed);
    made_journal_start(&d->j, 1, 20261123);
    for (u32 i = 0; i < 3; i++) {
        made_journal_trade(&d->j, 200);
        if (i < 2)
            made_journal_next_day(&d->j, 20261124 + i);
        d->opens[i] = d->j.txs;
    }
    fake_far_init(&d->far, seed);
    lane_rig_start(&d->b, &d->j, &d->far, 1, d->j.txs);
}

static void days_free(struct days *d)
{
    lane_rig_stop(&d->b);
    fake_far_free(&d->far);
    made_journal_free(&d->j);
}

/* The far end is emptied behind our back, and the journal has no beginning any more. */
static void lose_beginning(struct days *d, u64 oldest)
{
    assert_true(lane_rig_settles(&d->b, &d->now_ns, d->j.txs, 3000));
    fake_far_empty(&d->far);
    d->far.down = true;
    lane_rig_run(&d->b, &d->now_ns, 3);
    d->far.down = false;
    d->j.oldest = oldest;
    made_journal_trade(&d->j, 50);
}

/* Only what shows the newest goes on, with the first whole day that is left: fills have a day. */
static void test_window_goes_on(void **state)
{
    (void)state;
    for (u32 back = 0; back < 3; back++) {
        struct days d;
        days_make(&d, 20 + back);
        d.b.sink.sink.is_window = true;
        lose_beginning(&d, d.opens[0] - back); /* in the first day's course, or at its end */
        assert_true(lane_rig_settles(&d.b, &d.now_ns, d.j.txs, 9000));
        lane_rig_assert_from(&d.far, &d.j, d.opens[0], 20 + back);
        assert_int_equal(d.far.mark.day, 20261125);
        assert_int_equal(metric_get(&d.b.x.lanes[0].m_errors[EXPORT_ERROR_JOURNAL]), 0);
        days_free(&d);
    }
}

/* The mark is older than what is left: its transaction cannot be looked at any more. */
static void test_window_with_an_old_mark(void **state)
{
    struct days d;

    (void)state;
    days_make(&d, 30);
    d.b.sink.sink.is_window = true;
    d.j.durable = 100;
    assert_true(lane_rig_settles(&d.b, &d.now_ns, 100, 3000));
    u64 rows = d.far.used;
    d.far.down = true;
    lane_rig_run(&d.b, &d.now_ns, 3);
    d.far.down = false;
    d.j.durable = d.j.txs;
    d.j.oldest = d.opens[1] - 1; /* of a day that the mark knows nothing of */
    assert_true(lane_rig_settles(&d.b, &d.now_ns, d.j.txs, 9000));
    assert_int_equal(d.far.rows[rows].seq, d.opens[1]);
    assert_int_equal(d.far.rows[rows].day, 20261125);
    assert_int_equal(d.far.mark.seq, d.j.txs);
    days_free(&d);
}

/* Nothing opens a day behind what is left: the mark moves on, the next day is exported. */
static void test_window_without_a_day(void **state)
{
    struct days d;

    (void)state;
    days_make(&d, 31);
    d.b.sink.sink.is_window = true;
    lose_beginning(&d, d.opens[1] + 1);
    assert_true(lane_rig_settles(&d.b, &d.now_ns, d.j.txs, 9000));
    assert_int_equal(d.far.used, 0);
    made_journal_next_day(&d.j, 20261126);
    u64 opened = d.j.txs;
    made_journal_trade(&d.j, 50);
    assert_true(lane_rig_settles(&d.b, &d.now_ns, d.j.txs, 9000));
    lane_rig_assert_from(&d.far, &d.j, opened, 31);
    days_free(&d);
}

/*
 * The connection goes amid what is passed over, or the process does: what the day is that is still
 * under way is no better known to whoever comes next.
 */
static void test_window_lost_amid_a_day(void **state)
{
    (void)state;
    for (u32 way = 0; way < 2; way++) {
        struct days d;
        days_make(&d, 34);
        d.b.sink.sink.is_window = true;
        lose_beginning(&d, d.opens[0] - 100);
        d.j.durable = d.opens[0] - 50;
        for (u32 i = 0; i < 9000 && d.far.mark.seq != d.j.durable; i++)
            lane_rig_run(&d.b, &d.now_ns, 1);
        assert_int_equal(d.far.mark.seq, d.j.durable);
        assert_int_equal(d.far.used, 0);
        if (way == 0) {
            d.far.down = true;
            lane_rig_run(&d.b, &d.now_ns, 3);
            d.far.down = false;
        } else {
            lane_rig_stop(&d.b);
            lane_rig_start(&d.b, &d.j, &d.far, 2, d.j.txs);
            d.b.sink.sink.is_window = true;
        }
        d.j.durable = d.j.txs;
        assert_true(lane_rig_settles(&d.b, &d.now_ns, d.j.txs, 9000));
        lane_rig_assert_from(&d.far, &d.j, d.opens[0], 34);
        days_free(&d);
    }
}

static u64 nothing_known(void *ctx)
{
    (void)ctx;
    return 0;
}

/* What is left cannot be told: no guess, but said and tried again. */
static void test_window_on_nothing(void **state)
{
    struct days d;

    (void)state;
    days_make(&d, 33);
    d.b.sink.sink.is_window = true;
    d.b.x.lanes[0].source.oldest = nothing_known;
    lose_beginning(&d, d.opens[0]);
    assert_false(lane_rig_settles(&d.b, &d.now_ns, d.j.txs, 3000));
    assert_int_equal(d.far.used, 0);
    assert_true(metric_get(&d.b.x.lanes[0].m_errors[EXPORT_ERROR_JOURNAL]) >= 1);
    days_free(&d);
}

/* Who must have all waits for a person, who brings the segments back. */
static void test_the_whole_waits(void **state)
{
    struct days d;

    (void)state;
    days_make(&d, 32);
    lose_beginning(&d, d.opens[0]);
    assert_false(lane_rig_settles(&d.b, &d.now_ns, d.j.txs, 5000));
    assert_int_equal(d.far.used, 0);
    assert_true(metric_get(&d.b.x.lanes[0].m_errors[EXPORT_ERROR_JOURNAL]) >= 2);
    d.j.oldest = 0;
    assert_true(lane_rig_settles(&d.b, &d.now_ns, d.j.txs, 9000));
    lane_rig_assert_same(&d.far, &d.j, 32);
    days_free(&d);
}

/* ---- what is said ---- */

static u32 lines;

static void count_line(const struct log_record *rec)
{
    lines += strstr(rec->text, "export fake: connection lost") != NULL;
}

static const struct sink_ops *fake_ops;
static u32 failures, reasons;

/* Of several hosts in turn each fails for a reason of its own. */
static enum sink_status poll_in_turn(struct sink *s, u64 now_ns)
{
    enum sink_status status = fake_ops->poll(s, now_ns);

    if (status == SINK_LOST)
        snprintf(s->error, sizeof s->error, "host %u is away", failures++ % reasons);
    return status;
}

static void say_for(u32 hosts, u64 seconds, u32 wanted)
{
    struct sink_ops ops;
    struct days d;

    days_make(&d, 40);
    fake_ops = d.b.sink.sink.ops;
    ops = *fake_ops;
    ops.poll = poll_in_turn;
    d.b.sink.sink.ops = &ops;
    d.far.down = true;
    lines = failures = 0;
    reasons = hosts;
    log_writer_set(count_line);
    log_level_set(LOG_WARN);
    for (u64 i = 0; i < seconds * 100; i++) {
        d.now_ns += 10 * NS_PER_MS;
        export_do_work(&d.b.x, d.now_ns);
    }
    log_level_set(LOG_ERROR + 1);
    log_writer_set(NULL);
    assert_true(failures > 100);
    assert_int_equal(lines, wanted);
    days_free(&d);
}

/* A line for each reason, again after a minute; with more reasons than are kept, of course more. */
static void test_an_outage_is_few_lines(void **state)
{
    (void)state;
    say_for(1, 59, 1);
    say_for(2, 59, 2);
    say_for(EXPORT_SAID_MAX, 59, EXPORT_SAID_MAX);
    say_for(2, 130, 6);
}

/* A batch that is not full waits for its age, here 1 ms: rows that come meanwhile go with it. */
static void test_a_batch_waits_for_its_age(void **state)
{
    struct days d;

    (void)state;
    days_make(&d, 45);
    assert_true(lane_rig_settles(&d.b, &d.now_ns, d.j.txs, 3000));
    u64 before = d.j.txs, batches = metric_get(&d.b.x.lanes[0].m_batches);
    for (u32 i = 0; i < 8; i++) {
        made_journal_trade(&d.j, 1);
        lane_rig_run(&d.b, &d.now_ns, 1); /* 0.1 ms */
    }
    assert_int_equal(metric_get(&d.b.x.lanes[0].m_mark_seq), before);
    lane_rig_run(&d.b, &d.now_ns, 6);
    assert_int_equal(metric_get(&d.b.x.lanes[0].m_mark_seq), d.j.txs);
    assert_int_equal(metric_get(&d.b.x.lanes[0].m_batches), batches + 1);
    days_free(&d);
}

/* ---- names ---- */

/* Every row has its account's firm of then. */
static void assert_firms(const struct fake_far *far, const struct made_journal *j)
{
    struct export_names names;
    struct mem m;
    u64 row = 0;

    mem_init(&m, 0);
    made_journal_names(j, &names, &m, 0);
    for (u64 seq = 1; seq <= j->txs; seq++) {
        u32 used;
        const struct slot *slots = made_journal_tx(j, seq, &used);
        for (u32 i = 0; i < used; i += msg_slots(&slots[i]))
            export_names_note(&names, (const union msg *)(const void *)&slots[i]);
        for (; row < far->used && far->rows[row].seq == seq; row++) {
            const struct event_head *ev = (const void *)&far->rows[row].first;
            assert_memory_equal(far->rows[row].firm,
                                export_names_account(&names, ev->account)->firm, 4);
        }
    }
    assert_int_equal(row, far->used);
    mem_free_all(&m);
}

/* Processes that know the names of the journal's end, connections that are lost amid a batch. */
static void test_firms_are_of_then(void **state)
{
    (void)state;
    for (u64 seed = 60; seed < 64; seed++) {
        struct days d = {.now_ns = 0};
        made_journal_init(&d.j, seed);
        made_journal_start(&d.j, 1, 20261123);
        for (u32 i = 0; i < 9; i++) {
            made_journal_trade(&d.j, 130);
            made_journal_account(&d.j, 1 + i % 3, 100 + i);
        }
        fake_far_init(&d.far, seed);
        d.far.faults_per_mille = 20;
        for (u64 epoch = 1; epoch <= 5; epoch++) {
            lane_rig_start(&d.b, &d.j, &d.far, epoch, d.j.txs);
            d.j.durable = d.j.txs * epoch / 5;
            assert_true(lane_rig_settles(&d.b, &d.now_ns, d.j.durable, 20000));
            lane_rig_stop(&d.b);
        }
        lane_rig_assert_same(&d.far, &d.j, seed);
        assert_firms(&d.far, &d.j);
        fake_far_free(&d.far);
        made_journal_free(&d.j);
    }
}

/* The far end falls over to a copy of itself that has nothing behind transaction `seq`. */
static void fall_back(struct days *d, u64 seq)
{
    u32 used;
    const union msg *m = (const union msg *)(const void *)made_journal_tx(&d->j, seq, &used);

    while (d->far.used > 0 && d->far.rows[d->far.used - 1].seq > seq)
        d->far.used--;
    d->far.mark.seq = seq;
    d->far.mark.time_ns = m->cmd.time_ns;
    d->far.mark.day = d->far.rows[d->far.used - 1].day;
    d->far.down = true;
    lane_rig_run(&d->b, &d->now_ns, 3);
    d->far.down = false;
    for (u32 i = 0; d->b.x.lanes[0].state != LANE_RUNNING && i < 9000; i++)
        lane_rig_run(&d->b, &d->now_ns, 1);
    assert_int_equal(metric_get(&d->b.x.lanes[0].m_mark_seq), seq);
}

/* Again and again, each time further back: what was learnt for one mark says nothing of another. */
static void test_firms_behind_a_fall(void **state)
{
    struct days d = {.now_ns = 0};
    u64 falls[4];

    (void)state;
    made_journal_init(&d.j, 66);
    made_journal_start(&d.j, 1, 20261123);
    for (u32 i = 0; i < ARRAY_LEN(falls); i++) {
        made_journal_trade(&d.j, 60);
        falls[i] = d.j.txs;
        made_journal_trade(&d.j, 60);
        made_journal_account(&d.j, 1 + i % 2, 100 + i);
    }
    made_journal_trade(&d.j, 60);
    fake_far_init(&d.far, 66);
    lane_rig_start(&d.b, &d.j, &d.far, 1, d.j.txs);
    assert_true(lane_rig_settles(&d.b, &d.now_ns, d.j.txs, 9000));
    for (u32 i = ARRAY_LEN(falls); i > 0; i--) {
        fall_back(&d, falls[i - 1]);
        if (i % 2 == 0) /* the next fall comes before the change that lies ahead */
            d.j.durable = falls[i - 1] + 20;
        assert_true(lane_rig_settles(&d.b, &d.now_ns, d.j.durable, 9000));
        d.j.durable = d.j.txs;
    }
    assert_true(lane_rig_settles(&d.b, &d.now_ns, d.j.txs, 9000));
    lane_rig_assert_same(&d.far, &d.j, 66);
    assert_firms(&d.far, &d.j);
    days_free(&d);
}

/* The firm of then is gone with the journal's beginning: the lane goes on with what it knows. */
static void test_firms_that_are_gone(void **state)
{
    struct days d;

    (void)state;
    days_make(&d, 65);
    d.j.durable = d.opens[0];
    assert_true(lane_rig_settles(&d.b, &d.now_ns, d.j.durable, 9000));
    lane_rig_stop(&d.b);
    made_journal_account(&d.j, 2, 99);
    d.j.oldest = d.opens[0] - 1;
    lane_rig_start(&d.b, &d.j, &d.far, 2, d.j.txs);
    assert_true(lane_rig_settles(&d.b, &d.now_ns, d.j.txs, 9000));
    lane_rig_assert_same(&d.far, &d.j, 65);
    days_free(&d);
}

/* ---- the end ---- */

static void test_the_end_awaits(void **state)
{
    struct days d;
    u64 seq;

    (void)state;
    days_make(&d, 50);
    seq = d.j.txs;
    d.far.latency_max_ns = 500 * NS_PER_MS; /* slow, but there: until all is over */
    lane_rig_run(&d.b, &d.now_ns, 6000);
    assert_int_equal(d.b.x.lanes[0].state, LANE_RUNNING);
    u64 begin_ns = d.now_ns;
    while (export_awaits(&d.b.x, seq, d.now_ns))
        lane_rig_run(&d.b, &d.now_ns, 1);
    assert_true(export_has_passed(&d.b.x, seq));
    assert_true(d.now_ns - begin_ns > EXPORT_GRACE_NS);
    days_free(&d);

    days_make(&d, 51); /* away: a moment, not more */
    d.far.down = true;
    lane_rig_run(&d.b, &d.now_ns, 100);
    begin_ns = d.now_ns;
    while (export_awaits(&d.b.x, seq, d.now_ns))
        lane_rig_run(&d.b, &d.now_ns, 1);
    assert_in_range(d.now_ns - begin_ns, EXPORT_GRACE_NS, EXPORT_GRACE_NS + NS_PER_MS);
    days_free(&d);

    days_make(&d, 52); /* away for a moment: it is back in time */
    d.far.down = true;
    lane_rig_run(&d.b, &d.now_ns, 100);
    assert_true(export_awaits(&d.b.x, seq, d.now_ns));
    d.far.down = false;
    while (export_awaits(&d.b.x, seq, d.now_ns))
        lane_rig_run(&d.b, &d.now_ns, 1);
    assert_true(export_has_passed(&d.b.x, seq));
    days_free(&d);

    days_make(&d, 53); /* for good: not a moment */
    d.far.epoch = 9;
    lane_rig_run(&d.b, &d.now_ns, 100);
    assert_int_equal(d.b.x.lanes[0].state, LANE_FENCED);
    assert_false(export_awaits(&d.b.x, seq, d.now_ns));
    days_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window_goes_on),
        cmocka_unit_test(test_window_with_an_old_mark),
        cmocka_unit_test(test_window_on_nothing),
        cmocka_unit_test(test_window_lost_amid_a_day),
        cmocka_unit_test(test_window_without_a_day),
        cmocka_unit_test(test_the_whole_waits),
        cmocka_unit_test(test_a_batch_waits_for_its_age),
        cmocka_unit_test(test_an_outage_is_few_lines),
        cmocka_unit_test(test_firms_are_of_then),
        cmocka_unit_test(test_firms_behind_a_fall),
        cmocka_unit_test(test_firms_that_are_gone),
        cmocka_unit_test(test_the_end_awaits),
    };

    log_level_set(LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
