/*
 * test_postgres_views.c - what people ask the database, against a model of the same journal: open
 * orders, fills, turnover, an order's trail, and the raw log message by message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "tests/lib/pg_rig.h"
#include "tests/lib/services.h"

static void test_views(void **state)
{
    struct made_journal j = pg_rig_made(2, 3000);
    struct pg_rig b;

    (void)state;
    pg_rig_empty(true);
    pg_rig_start(&b, &j, 1);
    assert_true(pg_rig_reaches(&b, j.txs));
    assert_int_equal(sql_number("select count(*) from open_orders"), j.open_used);
    for (u32 i = 0; i < j.open_used; i += 7) {
        const struct made_order *o = &j.open[i];
        char *text = sql("select account, side, price, open_qty from open_orders "
                         "where order_ref = %llu",
                         (unsigned long long)o->order_ref);
        char want[64];
        snprintf(want, sizeof want, "%u|%c|%u.%04u|%u", o->account, o->side, o->price / 10000,
                 o->price % 10000, o->leaves);
        assert_string_equal(text, want);
        free(text);
    }
    assert_true(j.broken > 0);
    u64 gone = sql_number("select sum(qty) from executions where side = 'B' and match in "
                          "(select match from broken_trades)");
    assert_int_equal(sql_number("select sum(shares) from turnover"), j.shares / 2 - gone);
    assert_int_equal(sql_number("select sum(trades) from turnover"), j.matches - j.broken / 2);
    assert_int_equal(sql_number("select sum(fills) from fills_by_account"),
                     j.executions - j.broken);
    assert_int_equal(sql_number("select count(*) from order_trail"),
                     j.executions + j.order_events + j.broken);
    assert_int_equal(sql_number("select count(*) from rejects_in_words "
                                "where meaning = 'risk: max quantity'"),
                     j.rejects);
    pg_rig_stop(&b);
    made_journal_free(&j);
}

/* The raw log, message by message, is the journal; names are those of engine/msg. */
static void test_raw_log(void **state)
{
    struct made_journal j = pg_rig_made(13, 300);
    struct pg_rig b;

    (void)state;
    pg_rig_empty(true);
    pg_rig_start(&b, &j, 1);
    assert_true(pg_rig_reaches(&b, j.txs));
    for (u64 seq = 1; seq <= j.txs; seq += 7) {
        u32 used;
        const struct slot *slots = made_journal_tx(&j, seq, &used);
        char *text = NULL;
        size_t size;
        FILE *want = open_memstream(&text, &size);
        for (u32 i = 0, idx = 0; i < used; i += msg_slots(&slots[i]), idx++) {
            const union msg *m = (const union msg *)(const void *)&slots[i];
            fprintf(want, "%s%u|%s|%u|", idx ? "\n" : "", idx, msg_type_name(m->ev.type),
                    m->ev.account);
            if (!msg_is_command(m->ev.type))
                fprintf(want, "%llu", (unsigned long long)m->ev.session_seq);
            fprintf(want, "|%u", msg_slots(m) * SLOT_BYTES);
        }
        fclose(want);
        char *got = sql("select idx, type, account, session_seq, length(message) from events "
                        "where seq = %llu order by idx",
                        (unsigned long long)seq);
        assert_string_equal(got, text);
        free(got);
        free(text);
    }
    for (u32 type = 0; type < 256; type++) {
        if (msg_type_slots((u8)type) == 0)
            continue;
        char *name = sql("select name from message_types where type = %u", type);
        assert_string_equal(name, msg_type_name((u8)type));
        free(name);
    }
    pg_rig_stop(&b);
    made_journal_free(&j);
}

/* An order that was replaced twice: its trail is the same whichever of its numbers is asked for. */
static void test_audit_trail(void **state)
{
    struct made_journal j = pg_rig_made(14, 3000);
    struct pg_rig b;

    (void)state;
    pg_rig_empty(true);
    pg_rig_start(&b, &j, 1);
    assert_true(pg_rig_reaches(&b, j.txs));
    char *chain =
        sql("select a.account, a.orig_user_ref, a.user_ref, z.user_ref from orders a join "
            "orders z on z.account = a.account and z.orig_user_ref = a.user_ref where "
            "a.event = 'U' and z.event = 'U' and not exists (select from orders f where "
            "f.account = a.account and f.event = 'U' and f.user_ref = a.orig_user_ref) "
            "and not exists (select from orders n where n.account = a.account and "
            "n.event = 'U' and n.orig_user_ref = z.user_ref) limit 1");
    unsigned account, refs[3];
    assert_int_equal(sscanf(chain, "%u|%u|%u|%u", &account, &refs[0], &refs[1], &refs[2]), 4);
    u64 rows = sql_number("select count(*) from order_trail where account = %u and user_ref in "
                          "(%u, %u, %u)",
                          account, refs[0], refs[1], refs[2]);
    for (u32 i = 0; i < 3; i++) {
        char *trail = sql("select count(*), (array_agg(event))[1], count(*) filter (where event = "
                          "'replaced') from audit_trail('2026-11-23', 3, %u, %u)",
                          account, refs[i]);
        char want[64];
        snprintf(want, sizeof want, "%llu|accepted|2", (unsigned long long)rows);
        assert_string_equal(trail, want);
        free(trail);
    }
    free(chain);
    pg_rig_stop(&b);
    made_journal_free(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_raw_log),
        cmocka_unit_test(test_audit_trail),
    };

    clock_init();
    log_level_set(LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, services_setup, services_teardown);
}
