/*
 * test_postgres.c - the PostgreSQL sink against a real server that is killed, stopped, fenced off.
 *
 * After each misfortune every table holds exactly the rows of the journal: compared line by line
 * with what this file makes of the journal by itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/base/log.h"
#include "persist/export.h"
#include "persist/postgres.h"
#include "tests/lib/fake_sink.h"
#include "tests/lib/journal_rows.h"
#include "tests/lib/made_journal.h"
#include "tests/lib/services.h"

#define DAY1 20261123u
#define DAY2 20261124u

static struct services services;

/* ---- an exporter with one lane to the server ---- */

struct bench {
    struct mem mem;
    struct exporter x;
    struct made_source source;
    struct sink *sink;
    char conninfo[512];
};

static void bench_start_at(struct bench *b, const struct made_journal *j, u64 epoch, u32 rows,
                           const char *conninfo, const char *password_file)
{
    const struct export_conf conf = {.seed = 1,
                                     .retry_min_ns = 5 * NS_PER_MS,
                                     .retry_max_ns = 50 * NS_PER_MS,
                                     .refused_retry_ns = 50 * NS_PER_MS};
    struct export_names names;

    memset(b, 0, sizeof *b);
    mem_init(&b->mem, 0);
    snprintf(b->conninfo, sizeof b->conninfo, "%s", conninfo);
    struct postgres_conf pg;
    postgres_conf_defaults(&pg);
    pg.conninfo = b->conninfo;
    pg.password_file = password_file;
    pg.shard = 3;
    pg.batch_rows = rows;
    pg.connect_timeout_ns = NS_PER_SEC;
    pg.commit_timeout_ns = 300 * NS_PER_MS;
    b->sink = postgres_new(&pg);
    assert_non_null(b->sink);
    b->sink->epoch = b->sink->process_id = epoch;
    b->sink->journal_id = 1;
    export_init(&b->x, &conf, &b->mem);
    made_journal_names(j, &names, &b->mem, j->txs);
    struct export_source source = made_journal_source(&b->source, j);
    export_add(&b->x, "postgres", b->sink, &source, &names, NS_PER_MS);
}

/* Host, port, user and password come from the environment, as for psql. */
static void bench_start(struct bench *b, const struct made_journal *j, u64 epoch)
{
    bench_start_at(b, j, epoch, 50, "", NULL);
}

static void bench_stop(struct bench *b)
{
    export_close(&b->x);
    postgres_free(b->sink);
    mem_free_all(&b->mem);
}

static void bench_turn(struct bench *b)
{
    if (export_do_work(&b->x, clock_now_ns()) == 0)
        clock_sleep_ns(50 * NS_PER_US);
}

static void bench_run(struct bench *b, u64 ns)
{
    for (u64 end = clock_now_ns() + ns; clock_now_ns() < end;)
        bench_turn(b);
}

/* Until all up to `seq` is in, at most 20 s. */
static bool bench_reaches(struct bench *b, u64 seq)
{
    u64 end = clock_now_ns() + 20 * NS_PER_SEC;

    while (!export_has_passed(&b->x, seq) && clock_now_ns() < end)
        bench_turn(b);
    return export_has_passed(&b->x, seq);
}

static struct made_journal made(u64 seed, u64 txs)
{
    struct made_journal j;

    made_journal_init(&j, seed);
    made_journal_start(&j, 1, DAY1);
    made_journal_trade(&j, txs);
    return j;
}

static void empty_database(bool migrate)
{
    char *out = sql("drop schema public cascade; create schema public; "
                    "grant usage on schema public to public;");
    assert_non_null(out);
    free(out);
    if (migrate) {
        out = shell("scripts/migrate");
        assert_non_null(out);
        free(out);
    }
}

static void assert_tables(const struct made_journal *j)
{
    char why[200];

    if (!journal_equals_tables(j, why, sizeof why))
        fail_msg("%s", why);
}

/* ---- the cases ---- */

static void test_schema_missing_then_migrated(void **state)
{
    struct made_journal j = made(1, 2000);
    struct bench b;

    (void)state;
    made_journal_next_day(&j, DAY2);
    made_journal_trade(&j, 300);
    empty_database(false);
    bench_start(&b, &j, 1);
    bench_run(&b, 300 * NS_PER_MS);
    assert_int_not_equal(b.x.lanes[0].state, LANE_RUNNING);
    assert_non_null(strstr(b.x.lanes[0].complaint, "scripts/migrate"));
    empty_database(true);
    assert_true(bench_reaches(&b, j.txs));
    assert_tables(&j);

    char *text = sql("select event, epoch, day from venue order by seq, idx");
    assert_string_equal(text, "started|1|\nday opened||2026-11-23\nday ended||2026-11-23\n"
                              "day opened||2026-11-24");
    free(text);
    text = sql("select account, user_name, event, reason, gateway, conn, bind_id, peer, peer_port, "
               "from_seq, next_seq from sessions where account = 2");
    assert_string_equal(text, "2|USER2|B||0|1002|2|127.0.0.1|40002|1|1");
    free(text);
    text = sql("select instrument, symbol, tick, lot, halted from instruments where instrument=4");
    assert_string_equal(text, "4|SYM4|0.0100|100|f");
    free(text);
    text = sql("select tablename from pg_tables where tablename like 'orders%%' order by 1");
    assert_string_equal(text, "orders\norders_20261122\norders_20261123\norders_20261124");
    free(text);
    bench_stop(&b);
    made_journal_free(&j);
}

static void test_views(void **state)
{
    struct made_journal j = made(2, 3000);
    struct bench b;

    (void)state;
    empty_database(true);
    bench_start(&b, &j, 1);
    assert_true(bench_reaches(&b, j.txs));
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
    bench_stop(&b);
    made_journal_free(&j);
}

/* The raw log, message by message, is the journal; names are those of engine/msg. */
static void test_raw_log(void **state)
{
    struct made_journal j = made(13, 300);
    struct bench b;

    (void)state;
    empty_database(true);
    bench_start(&b, &j, 1);
    assert_true(bench_reaches(&b, j.txs));
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
    bench_stop(&b);
    made_journal_free(&j);
}

/* An order that was replaced twice: its trail is the same whichever of its numbers is asked for. */
static void test_audit_trail(void **state)
{
    struct made_journal j = made(14, 3000);
    struct bench b;

    (void)state;
    empty_database(true);
    bench_start(&b, &j, 1);
    assert_true(bench_reaches(&b, j.txs));
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
    bench_stop(&b);
    made_journal_free(&j);
}

static void test_killed_in_mid_batch(void **state)
{
    struct made_journal j = made(3, 6000);
    struct bench b;
    u64 random = 3;

    (void)state;
    empty_database(true);
    bench_start(&b, &j, 1);
    for (u32 i = 0; i < 5; i++) {
        random = hash_u64(random);
        u64 goal = metric_get(&b.x.lanes[0].m_mark_seq) + 200 + random % 900;
        while (metric_get(&b.x.lanes[0].m_mark_seq) < goal)
            bench_turn(&b);
        bench_run(&b, random % (3 * NS_PER_MS));
        services_do(&services, "kill-postgres");
        bench_run(&b, 20 * NS_PER_MS);
        services_do(&services, "start-postgres");
    }
    assert_true(bench_reaches(&b, j.txs));
    assert_tables(&j);
    assert_true(metric_get(&b.x.lanes[0].m_reconnects) >= 5);
    bench_stop(&b);
    made_journal_free(&j);
}

/* Stopped processes acknowledge on TCP and answer nothing. The lane beside goes on undisturbed. */
static void test_paused(void **state)
{
    struct made_journal j = made(4, 4000);
    struct fake_far far;
    struct fake_sink other;
    struct made_source source2;
    struct export_names names;
    struct bench b;
    u64 turn_max_ns = 0;

    (void)state;
    empty_database(true);
    fake_far_init(&far, 1);
    bench_start(&b, &j, 1);
    fake_sink_init(&other, &far, 1, 64);
    made_journal_names(&j, &names, &b.mem, 0);
    struct export_source source = made_journal_source(&source2, &j);
    export_add(&b.x, "other", &other.sink, &source, &names, NS_PER_MS);
    while (metric_get(&b.x.lanes[0].m_mark_seq) < 300)
        bench_turn(&b);
    services_do(&services, "pause-postgres");
    for (u64 end = clock_now_ns() + 1500 * NS_PER_MS; clock_now_ns() < end;) {
        u64 before = clock_now_ns();
        bench_turn(&b);
        turn_max_ns = max_u64(turn_max_ns, clock_now_ns() - before);
    }
    assert_int_equal(metric_get(&b.x.lanes[1].m_mark_seq), j.txs);
    assert_true(metric_get(&b.x.lanes[0].m_mark_seq) < j.txs);
    assert_true(metric_get(&b.x.lanes[0].m_reconnects) >= 1);
    assert_true(turn_max_ns < 200 * NS_PER_MS);
    services_do(&services, "resume-postgres");
    assert_true(bench_reaches(&b, j.txs));
    assert_tables(&j);
    fake_sink_free(&other);
    fake_far_free(&far);
    bench_stop(&b);
    made_journal_free(&j);
}

static void test_fenced_by_a_higher_epoch(void **state)
{
    struct made_journal j = made(5, 4000);
    struct bench old, new;

    (void)state;
    empty_database(true);
    bench_start(&old, &j, 1);
    while (metric_get(&old.x.lanes[0].m_mark_seq) < 500)
        bench_turn(&old);
    bench_start(&new, &j, 2);
    for (u64 end = clock_now_ns() + 20 * NS_PER_SEC;
         clock_now_ns() < end &&
         (old.x.lanes[0].state != LANE_FENCED || metric_get(&new.x.lanes[0].m_mark_seq) < j.txs);) {
        bench_turn(&old);
        bench_turn(&new);
    }
    assert_int_equal(old.x.lanes[0].state, LANE_FENCED);
    assert_tables(&j);
    assert_int_equal(sql_number("select epoch from export_mark"), 2);
    bench_stop(&old);
    bench_stop(&new);

    bench_start(&old, &j, 1); /* nor can it come back */
    bench_run(&old, 200 * NS_PER_MS);
    assert_int_equal(old.x.lanes[0].state, LANE_FENCED);
    bench_stop(&old);
    made_journal_free(&j);
}

static void test_restarts(void **state)
{
    struct made_journal j = made(6, 4000);
    struct bench b;

    (void)state;
    empty_database(true);
    for (u32 i = 0; i < 8; i++) {
        bench_start(&b, &j, 1 + i / 2);
        u64 goal = 300 * (i + 1);
        while (metric_get(&b.x.lanes[0].m_mark_seq) < goal)
            bench_turn(&b);
        bench_stop(&b);
    }
    bench_start(&b, &j, 9);
    assert_true(bench_reaches(&b, j.txs));
    assert_tables(&j);
    bench_stop(&b);
    made_journal_free(&j);
}

/* The first of two hosts is not there; then the server turns read-only and back. */
static void test_other_host_and_read_only(void **state)
{
    struct made_journal j = made(7, 1000);
    struct bench b;
    char conninfo[256];

    (void)state;
    empty_database(true);
    snprintf(conninfo, sizeof conninfo, "host=127.0.0.1,127.0.0.1 port=1,%s", getenv("PGPORT"));
    bench_start_at(&b, &j, 1, 50, conninfo, NULL);
    while (metric_get(&b.x.lanes[0].m_mark_seq) < 100)
        bench_turn(&b);
    free(sql("alter system set default_transaction_read_only = on; select pg_reload_conf()"));
    bench_run(&b, 300 * NS_PER_MS);
    made_journal_trade(&j, 1000);
    bench_run(&b, 300 * NS_PER_MS);
    assert_true(metric_get(&b.x.lanes[0].m_mark_seq) < j.txs);
    free(sql("set default_transaction_read_only = off; alter system reset "
             "default_transaction_read_only; select pg_reload_conf()"));
    free(shell("psql -Xqc 'alter system reset default_transaction_read_only' "
               "-c 'select pg_reload_conf()'"));
    assert_true(bench_reaches(&b, j.txs));
    assert_tables(&j);
    bench_stop(&b);
    made_journal_free(&j);
}

/* Bytes that are no text must not stop the export for ever. */
static void test_hostile_text(void **state)
{
    struct made_journal j = made(8, 50);
    struct bench b;
    u32 used;

    (void)state;
    empty_database(true);
    for (u64 seq = 16; seq <= j.txs; seq++) {
        union msg *m = (union msg *)(uintptr_t)made_journal_tx(&j, seq, &used);
        union msg *event = (union msg *)(void *)(&m->slots[2]);
        if (m->cmd.type != CMD_ENTER || event->ev.type != EV_ACCEPTED)
            continue;
        memcpy(event->order.terms.clordid, "a\0b\xff\xc3\x28\"\\'\n\t;--", 14);
        event->order.terms.tags = TAG_BIT(26) | TAG_BIT(6);
        memcpy(event->order.terms.locate_broker, "\"\\\x80 ", 4);
        event->order.terms.price_type = '"';
    }
    bench_start(&b, &j, 1);
    assert_true(bench_reaches(&b, j.txs));
    char *text = sql("select distinct clordid, options from orders where event = 'A'");
    assert_string_equal(text, "a?b?"
                              "?(\"\\'?"
                              "?;--|{\"price_type\": \"\\\"\", \"locate_broker\": \"???\"}");
    free(text);
    bench_stop(&b);
    made_journal_free(&j);
}

/* An older connection is stuck in the middle of its transaction and holds the mark's row. */
static void test_mark_is_held(void **state)
{
    struct made_journal j = made(10, 500);
    struct bench b;

    (void)state;
    empty_database(true);
    bench_start(&b, &j, 1);
    assert_true(bench_reaches(&b, j.txs));
    bench_stop(&b);
    made_journal_trade(&j, 200);
    free(shell("psql -Xqc 'begin' -c 'select * from export_mark for update' -c "
               "'select pg_sleep(1.2)' -c commit > /dev/null 2>&1 &"));
    clock_sleep_ns(200 * NS_PER_MS);
    bench_start(&b, &j, 1);
    bench_run(&b, 700 * NS_PER_MS);
    assert_non_null(strstr(b.x.lanes[0].complaint, "still holds the mark"));
    assert_true(bench_reaches(&b, j.txs));
    assert_tables(&j);
    bench_stop(&b);
    made_journal_free(&j);
}

/* With the rights of config/sql/README.md and no more; the password comes from a file. */
static void test_least_rights(void **state)
{
    struct made_journal j = made(9, 500);
    struct bench b;
    char path[300];

    (void)state;
    empty_database(true);
    free(
        sql("drop role if exists wirebook_export; create role wirebook_export login password 'x'"));
    snprintf(path, sizeof path, "%s/pgpass", services.dir);
    FILE *file = fopen(path, "w");
    fputs("*:*:*:wirebook_export:x\n", file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
    char *password = strdup(getenv("PGPASSWORD"));
    unsetenv("PGPASSWORD");
    bench_start_at(&b, &j, 1, 50, "user=wirebook_export", path);
    bench_run(&b, 200 * NS_PER_MS);
    setenv("PGPASSWORD", password, 1);
    assert_non_null(strstr(b.x.lanes[0].complaint, "lacks a right"));
    char *grants = shell("sed -n 's/^    \\(grant .*;\\)/\\1/p' config/sql/README.md");
    free(sql("%s", grants));
    unsetenv("PGPASSWORD");
    assert_true(bench_reaches(&b, j.txs));
    setenv("PGPASSWORD", password, 1);
    assert_tables(&j);
    bench_stop(&b);
    free(grants);
    free(password);
    made_journal_free(&j);
}

static int start(void **state)
{
    (void)state;
    return services_start(&services) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    services_stop(&services);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_missing_then_migrated),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_raw_log),
        cmocka_unit_test(test_audit_trail),
        cmocka_unit_test(test_killed_in_mid_batch),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_fenced_by_a_higher_epoch),
        cmocka_unit_test(test_restarts),
        cmocka_unit_test(test_other_host_and_read_only),
        cmocka_unit_test(test_hostile_text),
        cmocka_unit_test(test_mark_is_held),
        cmocka_unit_test(test_least_rights),
    };

    clock_init();
    log_level_set(LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, start, stop);
}
