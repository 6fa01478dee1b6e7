/*
 * test_export.c - the lanes of persist/export.c over a far end that dies at any point.
 *
 * The property: whatever is lost, late or restarted, the far end ends up with every event of the
 * journal once, in order, each under the trading day that it belongs to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/log.h"
#include "persist/export.h"
#include "tests/lib/lane_rig.h"

static u64 env_number(const char *name, u64 standard)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : standard;
}

/* One life of a far end and several of the exporter. Returns false when the rows differ. */
static void one_history(u64 seed, struct fake_far *far)
{
    struct made_journal j;
    struct lane_rig b;
    u64 now_ns = 0, epoch = 1;

    made_journal_init(&j, seed);
    made_journal_start(&j, 1, 20261123);
    fake_far_init(far, seed);
    far->faults_per_mille = 20;
    far->latency_max_ns = 2 * NS_PER_MS;
    lane_rig_start(&b, &j, far, epoch, 0);
    for (u32 round = 0; round < 12; round++) {
        made_journal_trade(&j, 60);
        if (round % 5 == 4)
            made_journal_next_day(&j, 20261124 + round);
        lane_rig_run(&b, &now_ns, 40 + seed % 100);
        if (round % 4 == 3) { /* the process dies and comes again, or makes its sink anew */
            lane_rig_stop(&b);
            epoch += seed % 2;
            lane_rig_start(&b, &j, far, epoch, j.txs);
        }
    }
    far->faults_per_mille = 0;
    for (u32 i = 0; i < 200 && !export_has_passed(&b.x, j.txs); i++)
        lane_rig_run(&b, &now_ns, 100);
    assert_true(export_has_passed(&b.x, j.txs));
    lane_rig_assert_same(far, &j, seed);
    assert_int_equal(far->mark.seq, j.txs);
    assert_int_equal(far->mark.day, j.day);
    lane_rig_run(&b, &now_ns, 1);
    assert_int_equal(metric_get(&b.x.lanes[0].m_lag_seq), 0);
    assert_int_equal(metric_get(&b.x.lanes[0].m_lag_ns), 0);
    lane_rig_stop(&b);
    made_journal_free(&j);
}

static void test_exactly_once(void **state)
{
    u64 first = env_number("WB_SEED", 1), count = env_number("WB_COUNT", 300);
    u64 faults = 0, landed = 0, refused = 0;

    (void)state;
    for (u64 seed = first; seed < first + count; seed++) {
        struct fake_far far;
        one_history(seed, &far);
        faults += far.faults;
        landed += far.late_landings;
        refused += far.late_refusals;
        fake_far_free(&far);
    }
    print_message("%llu histories, %llu faults, %llu batches landed late, %llu came too late\n",
                  (unsigned long long)count, (unsigned long long)faults, (unsigned long long)landed,
                  (unsigned long long)refused);
    if (count >= 100) { /* the unkind cases must really have occurred */
        assert_true(landed > 0);
        assert_true(refused > 0);
    }
}

static void test_fenced_stops_for_good(void **state)
{
    struct made_journal j;
    struct fake_far far;
    struct lane_rig old, new;
    u64 now_ns = 0;

    (void)state;
    made_journal_init(&j, 3);
    made_journal_start(&j, 1, 20261123);
    made_journal_trade(&j, 500);
    fake_far_init(&far, 3);
    far.latency_max_ns = NS_PER_MS;
    lane_rig_start(&old, &j, &far, 1, 0);
    lane_rig_run(&old, &now_ns, 30);
    assert_true(metric_get(&old.x.lanes[0].m_mark_seq) > 0);
    assert_true(metric_get(&old.x.lanes[0].m_mark_seq) < j.txs);

    lane_rig_start(&new, &j, &far, 2, 0);
    for (u32 i = 0; i < 3000; i++) {
        lane_rig_run(&old, &now_ns, 1);
        lane_rig_run(&new, &now_ns, 1);
    }
    assert_int_equal(old.x.lanes[0].state, LANE_FENCED);
    assert_int_equal(metric_get(&old.x.lanes[0].m_state), LANE_FENCED);
    assert_int_equal(metric_get(&old.x.lanes[0].m_errors[EXPORT_ERROR_STOPPED]), 1);
    assert_true(metric_get(&old.x.lanes[0].m_mark_seq) < j.txs);
    assert_int_equal(metric_get(&new.x.lanes[0].m_mark_seq), j.txs);
    lane_rig_assert_same(&far, &j, 3);
    lane_rig_stop(&old);
    lane_rig_stop(&new);
    fake_far_free(&far);
    made_journal_free(&j);
}

/* One lane's far end is away from the start: the other does not notice. */
static void test_lanes_are_apart(void **state)
{
    struct made_journal j;
    struct fake_far far, away;
    struct fake_sink other;
    struct made_source source2;
    struct export_names names;
    struct lane_rig b;
    u64 now_ns = 0;

    (void)state;
    made_journal_init(&j, 4);
    made_journal_start(&j, 1, 20261123);
    made_journal_trade(&j, 500);
    fake_far_init(&far, 4);
    fake_far_init(&away, 5);
    away.down = true;
    lane_rig_start(&b, &j, &far, 1, 0);
    fake_sink_init(&other, &away, 1, 64);
    made_journal_names(&j, &names, &b.mem, 0);
    struct export_source source = made_journal_source(&source2, &j);
    export_add(&b.x, "other", &other.sink, &source, &names, NS_PER_MS);

    lane_rig_run(&b, &now_ns, 1000);
    assert_int_equal(metric_get(&b.x.lanes[0].m_lag_seq), 0);
    assert_int_equal(metric_get(&b.x.lanes[1].m_lag_seq), j.txs);
    assert_true(metric_get(&b.x.lanes[1].m_lag_ns) > 50 * NS_PER_MS);
    assert_true(metric_get(&b.x.lanes[1].m_reconnects) >= 2);
    assert_true(metric_get(&b.x.lanes[1].m_errors[EXPORT_ERROR_LOST]) +
                    metric_get(&b.x.lanes[1].m_errors[EXPORT_ERROR_REFUSED]) ==
                metric_get(&b.x.lanes[1].m_reconnects));
    away.down = false;
    assert_true(lane_rig_settles(&b, &now_ns, j.txs, 3000));
    lane_rig_assert_same(&away, &j, 4);
    fake_sink_free(&other);
    lane_rig_stop(&b);
    fake_far_free(&far);
    fake_far_free(&away);
    made_journal_free(&j);
}

/* 10, 20, 40, 80, 80 ... ms, of which half is random; back to 10 after a commit. */
static void test_backs_off(void **state)
{
    static const u64 wanted_ms[] = {10, 20, 40, 80, 80, 80};
    struct made_journal j;
    struct fake_far far;
    struct lane_rig b;
    u64 now_ns = 0, last = 0;
    bool differ = false;

    (void)state;
    made_journal_init(&j, 5);
    made_journal_start(&j, 1, 20261123);
    fake_far_init(&far, 5);
    far.down = true;
    lane_rig_start(&b, &j, &far, 1, 0);
    struct export_lane *l = &b.x.lanes[0];
    for (u32 i = 0; i < ARRAY_LEN(wanted_ms); i++) {
        u64 before = metric_get(&l->m_reconnects);
        while (metric_get(&l->m_reconnects) == before)
            lane_rig_run(&b, &now_ns, 1);
        u64 wait = l->retry_at_ns - now_ns;
        differ |= i > 3 && wait != last; /* exporters that lost the same do not return in step */
        last = wait;
        assert_in_range(wait, wanted_ms[i] * NS_PER_MS / 2, wanted_ms[i] * NS_PER_MS);
    }
    assert_true(differ);
    far.down = false;
    assert_true(lane_rig_settles(&b, &now_ns, j.txs, 3000));
    assert_int_equal(l->retry_ns, lane_rig_conf.retry_min_ns);
    lane_rig_stop(&b);
    fake_far_free(&far);
    made_journal_free(&j);
}

static void test_refused_then_mended(void **state)
{
    struct made_journal j;
    struct fake_far far;
    struct lane_rig b;
    u64 now_ns = 0;

    (void)state;
    made_journal_init(&j, 6);
    made_journal_start(&j, 1, 20261123);
    fake_far_init(&far, 6);
    far.refuses = true;
    lane_rig_start(&b, &j, &far, 1, 0);
    lane_rig_run(&b, &now_ns, 5000); /* 500 ms */
    assert_in_range(metric_get(&b.x.lanes[0].m_reconnects), 5, 10);
    far.refuses = false;
    assert_true(lane_rig_settles(&b, &now_ns, j.txs, 3000));
    lane_rig_assert_same(&far, &j, 6);
    assert_memory_equal(export_names_symbol(&b.x.lanes[0].names, 4), "SYM4    ",
                        8); /* on its way */
    lane_rig_stop(&b);
    fake_far_free(&far);
    made_journal_free(&j);
}

static void assert_foreign(const struct lane_rig *b)
{
    assert_int_equal(b->x.lanes[0].state, LANE_FOREIGN);
    assert_int_equal(metric_get(&b->x.lanes[0].m_state), LANE_FOREIGN);
    assert_int_equal(metric_get(&b->x.lanes[0].m_reconnects), 0);
}

/* Exports `of`, then tries `other` under a higher epoch and grows it: the rows stay. */
static void keeps_out(struct made_journal *of, struct made_journal *other, u64 other_id)
{
    struct fake_far far;
    struct lane_rig b;
    u64 now_ns = 0;

    fake_far_init(&far, 9);
    lane_rig_start(&b, of, &far, 1, 0);
    assert_true(lane_rig_settles(&b, &now_ns, of->txs, 3000));
    lane_rig_stop(&b);

    lane_rig_start(&b, other, &far, 2, 0);
    b.sink.sink.journal_id = other_id;
    lane_rig_run(&b, &now_ns, 300);
    assert_foreign(&b);
    made_journal_trade(other, 500); /* now the mark would fit */
    assert_true(other->txs > of->txs);
    lane_rig_run(&b, &now_ns, 3000);
    assert_foreign(&b);
    lane_rig_assert_same(&far, of, 9);
    lane_rig_stop(&b);

    lane_rig_start(&b, of, &far, 3, 0); /* the right one is welcome again */
    made_journal_trade(of, 100);
    assert_true(lane_rig_settles(&b, &now_ns, of->txs, 3000));
    lane_rig_assert_same(&far, of, 9);
    lane_rig_stop(&b);
    fake_far_free(&far);
}

static void make_two(struct made_journal *a, struct made_journal *b, u64 txs_a, u64 txs_b)
{
    made_journal_init(a, 10);
    made_journal_start(a, 1, 20261123);
    made_journal_trade(a, txs_a);
    made_journal_init(b, 11);
    made_journal_start(b, 1, 20261123);
    made_journal_trade(b, txs_b);
}

/* A fresh data_dir, shorter and longer than what was exported before it. */
static void test_another_journal(void **state)
{
    (void)state;
    for (u64 txs = 10; txs <= 1000; txs += 990) {
        struct made_journal ours, other;
        make_two(&ours, &other, 300, txs);
        keeps_out(&ours, &other, 2);
        made_journal_free(&ours);
        made_journal_free(&other);
    }
}

/* The same name and another history: an older backup, or a copy that went on by itself. */
static void test_forked_journal(void **state)
{
    (void)state;
    for (u64 txs = 10; txs <= 1000; txs += 990) {
        struct made_journal ours, other;
        make_two(&ours, &other, 300, txs);
        keeps_out(&ours, &other, 1);
        made_journal_free(&ours);
        made_journal_free(&other);
    }
}

/* Two machines with a copy each: both start under the same epoch, only the first may write. */
static void test_copied_journal(void **state)
{
    struct made_journal j;
    struct fake_far far;
    struct lane_rig first, second;
    u64 now_ns = 0;

    (void)state;
    made_journal_init(&j, 12);
    made_journal_start(&j, 1, 20261123);
    made_journal_trade(&j, 500);
    fake_far_init(&far, 12);
    lane_rig_start(&first, &j, &far, 7, 0);
    lane_rig_run(&first, &now_ns, 20);
    lane_rig_start(&second, &j, &far, 7, 0);
    second.sink.sink.process_id = 8;
    lane_rig_run(&second, &now_ns, 20);
    assert_int_equal(second.x.lanes[0].state, LANE_FENCED);
    far.down = true; /* the first one connects again, and is still itself */
    lane_rig_run(&first, &now_ns, 10);
    far.down = false;
    assert_true(lane_rig_settles(&first, &now_ns, j.txs, 3000));
    assert_true(metric_get(&first.x.lanes[0].m_reconnects) >= 1);
    lane_rig_assert_same(&far, &j, 12);
    lane_rig_stop(&first);
    lane_rig_stop(&second);
    fake_far_free(&far);
    made_journal_free(&j);
}

/* A far end that is ahead of the journal belongs to another one: not even when it has grown. */
static void test_foreign_mark(void **state)
{
    struct made_journal j;
    struct fake_far far;
    struct lane_rig b;
    u64 now_ns = 0;

    (void)state;
    made_journal_init(&j, 7);
    made_journal_start(&j, 1, 20261123);
    fake_far_init(&far, 7);
    far.mark.seq = j.txs + 1;
    lane_rig_start(&b, &j, &far, 1, 0);
    lane_rig_run(&b, &now_ns, 300);
    assert_foreign(&b);
    made_journal_trade(&j, 100);
    lane_rig_run(&b, &now_ns, 3000);
    assert_int_equal(far.used, 0);
    assert_foreign(&b);
    assert_true(export_has_passed(&b.x, j.txs)); /* nobody waits for it */
    lane_rig_stop(&b);
    fake_far_free(&far);
    made_journal_free(&j);
}

/* What lies before the unreadable place is exported; then the lane waits for a person. */
static void test_unreadable_journal(void **state)
{
    struct made_journal j;
    struct fake_far far;
    struct lane_rig b;
    u64 now_ns = 0;

    (void)state;
    made_journal_init(&j, 8);
    made_journal_start(&j, 1, 20261123);
    made_journal_trade(&j, 100);
    fake_far_init(&far, 8);
    j.broken_at = 50;
    lane_rig_start(&b, &j, &far, 1, 0);
    lane_rig_run(&b, &now_ns, 3000);
    assert_int_equal(far.mark.seq, 49);
    assert_true(metric_get(&b.x.lanes[0].m_reconnects) >= 1);
    j.broken_at = 0;
    assert_true(lane_rig_settles(&b, &now_ns, j.txs, 5000));
    lane_rig_assert_same(&far, &j, 8);
    lane_rig_stop(&b);
    fake_far_free(&far);
    made_journal_free(&j);
}

static void test_names(void **state)
{
    struct made_journal j;
    struct export_names n;
    struct mem m;

    (void)state;
    mem_init(&m, 0);
    made_journal_init(&j, 9);
    made_journal_start(&j, 1, 20261123);
    made_journal_names(&j, &n, &m, j.txs);
    assert_memory_equal(export_names_account(&n, 2)->user, "USER2 ", 6);
    assert_memory_equal(export_names_account(&n, 2)->firm, "F002", 4);
    assert_memory_equal(export_names_symbol(&n, 4), "SYM4    ", 8);
    assert_memory_equal(export_names_symbol(&n, 0), "        ", 8);
    assert_memory_equal(export_names_symbol(&n, 60000), "        ", 8);
    assert_memory_equal(export_names_account(&n, 60000)->user, "      ", 6);
    assert_int_equal(n.changed, 0); /* new accounts change nothing */
    union msg was = {.account = {.ev = {.type = EV_ACCOUNT, .account = 64, .seq = 40}}};
    memcpy(was.account.user, "LAST  ", 6);
    memcpy(was.account.firm, "ONE ", 4);
    export_names_note(&n, &was);
    assert_memory_equal(export_names_account(&n, 64)->firm, "ONE ", 4);
    assert_int_equal(n.changed, 0);
    export_names_take(&n, &was); /* may have been another firm's before */
    assert_int_equal(n.changed, 40);
    memcpy(was.account.firm, "TWO ", 4);
    was.ev.seq = 50;
    export_names_note(&n, &was);
    assert_memory_equal(export_names_account(&n, 64)->firm, "TWO ", 4);
    assert_int_equal(n.changed, 50);
    was.ev.seq = 45;
    export_names_take(&n, &was);
    assert_int_equal(n.changed, 50);
    union msg symbol = {.instrument = {.ev = {.type = EV_INSTRUMENT, .seq = 60}, .instrument = 64}};
    memcpy(symbol.instrument.symbol, "LASTONE ", 8);
    export_names_take(&n, &symbol);
    assert_memory_equal(export_names_symbol(&n, 64), "LASTONE ", 8);
    assert_int_equal(n.changed, 50);
    assert_int_equal(export_names_trim("SYM4    ", 8), 4);
    assert_int_equal(export_names_trim("        ", 8), 0);
    made_journal_free(&j);
    mem_free_all(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exactly_once),        cmocka_unit_test(test_fenced_stops_for_good),
        cmocka_unit_test(test_lanes_are_apart),     cmocka_unit_test(test_backs_off),
        cmocka_unit_test(test_refused_then_mended), cmocka_unit_test(test_foreign_mark),
        cmocka_unit_test(test_unreadable_journal),  cmocka_unit_test(test_names),
        cmocka_unit_test(test_another_journal),     cmocka_unit_test(test_forked_journal),
        cmocka_unit_test(test_copied_journal),
    };

    log_level_set(LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
