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
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/base/log.h"
#include "persist/export.h"
#include "persist/postgres.h"
#include "tests/lib/fake_sink.h"
#include "tests/lib/made_journal.h"
#include "tests/lib/pg_rig.h"
#include "tests/lib/services.h"

/* ---- the cases ---- */

static void test_schema_missing_then_migrated(void **state)
{
    struct made_journal j = pg_rig_made(1, 2000);
    struct pg_rig b;

    (void)state;
    made_journal_next_day(&j, DAY2);
    made_journal_trade(&j, 300);
    pg_rig_empty(false);
    pg_rig_start(&b, &j, 1);
    pg_rig_run(&b, 300 * NS_PER_MS);
    assert_int_not_equal(b.x.lanes[0].state, LANE_RUNNING);
    assert_non_null(strstr(b.x.lanes[0].complaint, "scripts/migrate"));
    pg_rig_empty(true);
    assert_true(pg_rig_reaches(&b, j.txs));
    pg_rig_assert_tables(&j);

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
    pg_rig_stop(&b);
    made_journal_free(&j);
}

static void test_killed_in_mid_batch(void **state)
{
    struct made_journal j = pg_rig_made(3, 6000);
    struct pg_rig b;
    u64 random = 3;

    (void)state;
    pg_rig_empty(true);
    pg_rig_start(&b, &j, 1);
    for (u32 i = 0; i < 5; i++) {
        random = hash_u64(random);
        u64 goal = metric_get(&b.x.lanes[0].m_mark_seq) + 200 + random % 900;
        while (metric_get(&b.x.lanes[0].m_mark_seq) < goal)
            pg_rig_turn(&b);
        pg_rig_run(&b, random % (3 * NS_PER_MS));
        services_do(&services, "kill-postgres");
        pg_rig_run(&b, 20 * NS_PER_MS);
        services_do(&services, "start-postgres");
    }
    assert_true(pg_rig_reaches(&b, j.txs));
    pg_rig_assert_tables(&j);
    assert_true(metric_get(&b.x.lanes[0].m_reconnects) >= 5);
    pg_rig_stop(&b);
    made_journal_free(&j);
}

/* Stopped processes acknowledge on TCP and answer nothing. The lane beside goes on undisturbed. */
static void test_paused(void **state)
{
    struct made_journal j = pg_rig_made(4, 4000);
    struct fake_far far;
    struct fake_sink other;
    struct made_source source2;
    struct export_names names;
    struct pg_rig b;
    u64 turn_max_ns = 0;

    (void)state;
    pg_rig_empty(true);
    fake_far_init(&far, 1);
    pg_rig_start(&b, &j, 1);
    fake_sink_init(&other, &far, 1, 64);
    made_journal_names(&j, &names, &b.mem, 0);
    struct export_source source = made_journal_source(&source2, &j);
    export_add(&b.x, "other", &other.sink, &source, &names, NS_PER_MS);
    while (metric_get(&b.x.lanes[0].m_mark_seq) < 300)
        pg_rig_turn(&b);
    services_do(&services, "pause-postgres");
    for (u64 end = clock_now_ns() + 1500 * NS_PER_MS; clock_now_ns() < end;) {
        u64 before = clock_now_ns();
        pg_rig_turn(&b);
        turn_max_ns = max_u64(turn_max_ns, clock_now_ns() - before);
    }
    assert_int_equal(metric_get(&b.x.lanes[1].m_mark_seq), j.txs);
    assert_true(metric_get(&b.x.lanes[0].m_mark_seq) < j.txs);
    assert_true(metric_get(&b.x.lanes[0].m_reconnects) >= 1);
    assert_true(turn_max_ns < 200 * NS_PER_MS);
    services_do(&services, "resume-postgres");
    assert_true(pg_rig_reaches(&b, j.txs));
    pg_rig_assert_tables(&j);
    fake_sink_free(&other);
    fake_far_free(&far);
    pg_rig_stop(&b);
    made_journal_free(&j);
}

static void test_fenced_by_a_higher_epoch(void **state)
{
    struct made_journal j = pg_rig_made(5, 4000);
    struct pg_rig old, new;

    (void)state;
    pg_rig_empty(true);
    pg_rig_start(&old, &j, 1);
    while (metric_get(&old.x.lanes[0].m_mark_seq) < 500)
        pg_rig_turn(&old);
    pg_rig_start(&new, &j, 2);
    for (u64 end = clock_now_ns() + 20 * NS_PER_SEC;
         clock_now_ns() < end &&
         (old.x.lanes[0].state != LANE_FENCED || metric_get(&new.x.lanes[0].m_mark_seq) < j.txs);) {
        pg_rig_turn(&old);
        pg_rig_turn(&new);
    }
    assert_int_equal(old.x.lanes[0].state, LANE_FENCED);
    pg_rig_assert_tables(&j);
    assert_int_equal(sql_number("select epoch from export_mark"), 2);
    pg_rig_stop(&old);
    pg_rig_stop(&new);

    pg_rig_start(&old, &j, 1); /* nor can it come back */
    pg_rig_run(&old, 200 * NS_PER_MS);
    assert_int_equal(old.x.lanes[0].state, LANE_FENCED);
    pg_rig_stop(&old);
    made_journal_free(&j);
}

/* The claim is another one's: rows that are sent all the same take no effect. */
static void test_fenced_in_between(void **state)
{
    struct made_journal j = pg_rig_made(12, 1000);
    struct pg_rig old, new;

    (void)state;
    pg_rig_empty(true);
    j.durable = 300;
    pg_rig_start(&old, &j, 1);
    assert_true(pg_rig_reaches(&old, j.durable));
    pg_rig_start(&new, &j, 2);
    assert_true(pg_rig_reaches(&new, j.durable));
    j.durable = j.txs;
    for (u32 i = 0; i < 20000 && old.x.lanes[0].state == LANE_RUNNING; i++)
        pg_rig_turn(&old);
    assert_non_null(strstr(old.x.lanes[0].complaint, "moved by another connection"));
    assert_int_equal(sql_number("select max(seq) from event_log"), 300);
    assert_true(pg_rig_reaches(&new, j.txs));
    pg_rig_assert_tables(&j);
    pg_rig_stop(&old);
    pg_rig_stop(&new);
    made_journal_free(&j);
}

/* Another database, empty, stands in its place: nothing of what the old one had is counted on. */
static void test_emptied(void **state)
{
    struct made_journal j = pg_rig_made(13, 500);
    struct pg_rig b;

    (void)state;
    pg_rig_empty(true);
    pg_rig_start(&b, &j, 1);
    assert_true(pg_rig_reaches(&b, j.txs));
    assert_true(metric_get(&b.x.lanes[0].m_rows) >= j.txs);
    pg_rig_empty(true);
    pg_rig_run(&b, 400 * NS_PER_MS); /* longer than a server may be silent: but nobody was asked */
    assert_int_equal(metric_get(&b.x.lanes[0].m_reconnects), 0);
    made_journal_trade(&j, 100);
    while (metric_get(&b.x.lanes[0].m_reconnects) == 0)
        pg_rig_turn(&b);
    assert_true(pg_rig_reaches(&b, j.txs));
    pg_rig_assert_tables(&j);
    pg_rig_stop(&b);
    made_journal_free(&j);
}

static void test_restarts(void **state)
{
    struct made_journal j = pg_rig_made(6, 4000);
    struct pg_rig b;

    (void)state;
    pg_rig_empty(true);
    for (u32 i = 0; i < 8; i++) {
        pg_rig_start(&b, &j, 1 + i / 2);
        u64 goal = 300 * (i + 1);
        while (metric_get(&b.x.lanes[0].m_mark_seq) < goal)
            pg_rig_turn(&b);
        pg_rig_stop(&b);
    }
    pg_rig_start(&b, &j, 9);
    assert_true(pg_rig_reaches(&b, j.txs));
    pg_rig_assert_tables(&j);
    pg_rig_stop(&b);
    made_journal_free(&j);
}

/* A port that takes connections and never says a word. */
static int deaf_port(int *fd)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;

    *fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(*fd, 8), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&at, &size), 0);
    return ntohs(at.sin_port);
}

/* Of three hosts one is not there, one is silent; then the server turns read-only and back. */
static void test_other_host_and_read_only(void **state)
{
    struct made_journal j = pg_rig_made(7, 1000);
    struct pg_rig b;
    char conninfo[256];
    int deaf;

    (void)state;
    pg_rig_empty(true);
    snprintf(conninfo, sizeof conninfo, "host=127.0.0.1,127.0.0.1,127.0.0.1 port=1,%d,%s",
             deaf_port(&deaf), getenv("PGPORT"));
    pg_rig_start_at(&b, &j, 1, 50, conninfo, NULL);
    assert_true(pg_rig_reaches(&b, 100));
    close(deaf);
    free(sql("alter system set default_transaction_read_only = on; select pg_reload_conf()"));
    pg_rig_run(&b, 300 * NS_PER_MS);
    made_journal_trade(&j, 1000);
    pg_rig_run(&b, 300 * NS_PER_MS);
    assert_true(metric_get(&b.x.lanes[0].m_mark_seq) < j.txs);
    free(sql("set default_transaction_read_only = off; alter system reset "
             "default_transaction_read_only; select pg_reload_conf()"));
    free(shell("psql -Xqc 'alter system reset default_transaction_read_only' "
               "-c 'select pg_reload_conf()'"));
    assert_true(pg_rig_reaches(&b, j.txs));
    pg_rig_assert_tables(&j);
    pg_rig_stop(&b);
    made_journal_free(&j);
}

/* Bytes that are no text must not stop the export for ever. */
static void test_hostile_text(void **state)
{
    struct made_journal j = pg_rig_made(8, 50);
    struct pg_rig b;
    u32 used;

    (void)state;
    pg_rig_empty(true);
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
    pg_rig_start(&b, &j, 1);
    assert_true(pg_rig_reaches(&b, j.txs));
    char *text = sql("select distinct clordid, options from orders where event = 'A'");
    assert_string_equal(text, "a?b?"
                              "?(\"\\'?"
                              "?;--|{\"price_type\": \"\\\"\", \"locate_broker\": \"???\"}");
    free(text);
    pg_rig_stop(&b);
    made_journal_free(&j);
}

/* An older connection is stuck in the middle of its transaction and holds the mark's row. */
static void test_mark_is_held(void **state)
{
    struct made_journal j = pg_rig_made(10, 500);
    struct pg_rig b;

    (void)state;
    pg_rig_empty(true);
    pg_rig_start(&b, &j, 1);
    assert_true(pg_rig_reaches(&b, j.txs));
    pg_rig_stop(&b);
    made_journal_trade(&j, 200);
    free(shell("psql -Xqc 'begin' -c 'select * from export_mark for update' -c "
               "'select pg_sleep(1.2)' -c commit > /dev/null 2>&1 &"));
    clock_sleep_ns(200 * NS_PER_MS);
    pg_rig_start(&b, &j, 1);
    pg_rig_run(&b, 700 * NS_PER_MS);
    assert_non_null(strstr(b.x.lanes[0].complaint, "still holds the mark"));
    assert_true(pg_rig_reaches(&b, j.txs));
    pg_rig_assert_tables(&j);
    pg_rig_stop(&b);
    made_journal_free(&j);
}

/* Another shard is making the day's partitions: ours waits for it and goes on, no word of it. */
static void test_two_shards_open_a_day(void **state)
{
    struct made_journal j = pg_rig_made(11, 500);
    struct pg_rig b;

    (void)state;
    pg_rig_empty(true);
    free(shell("psql -Xqc 'begin' -c \"select open_day('%u')\" -c 'select pg_sleep(0.1)' -c commit "
               "> /dev/null 2>&1 &",
               DAY1));
    clock_sleep_ns(60 * NS_PER_MS);
    pg_rig_start(&b, &j, 1);
    assert_true(pg_rig_reaches(&b, j.txs));
    assert_string_equal(b.x.lanes[0].complaint, "");
    pg_rig_assert_tables(&j);
    pg_rig_stop(&b);
    made_journal_free(&j);
}

/* With the rights of config/sql/README.md and no more; the password comes from a file. */
static void test_least_rights(void **state)
{
    struct made_journal j = pg_rig_made(9, 500);
    struct pg_rig b;
    char path[300];

    (void)state;
    pg_rig_empty(true);
    free(
        sql("drop role if exists wirebook_export; create role wirebook_export login password 'x'"));
    snprintf(path, sizeof path, "%s/pgpass", services.dir);
    FILE *file = fopen(path, "w");
    fputs("*:*:*:wirebook_export:x\n", file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
    char *password = strdup(getenv("PGPASSWORD"));
    unsetenv("PGPASSWORD");
    pg_rig_start_at(&b, &j, 1, 50, "user=wirebook_export", path);
    pg_rig_run(&b, 200 * NS_PER_MS);
    setenv("PGPASSWORD", password, 1);
    assert_non_null(strstr(b.x.lanes[0].complaint, "lacks a right"));
    char *grants = shell("sed -n 's/^    \\(grant .*;\\)/\\1/p' config/sql/README.md");
    free(sql("%s", grants));
    unsetenv("PGPASSWORD");
    assert_true(pg_rig_reaches(&b, j.txs));
    setenv("PGPASSWORD", password, 1);
    pg_rig_assert_tables(&j);
    pg_rig_stop(&b);
    free(grants);
    free(password);
    made_journal_free(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_missing_then_migrated),
        cmocka_unit_test(test_killed_in_mid_batch),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_fenced_by_a_higher_epoch),
        cmocka_unit_test(test_fenced_in_between),
        cmocka_unit_test(test_emptied),
        cmocka_unit_test(test_restarts),
        cmocka_unit_test(test_other_host_and_read_only),
        cmocka_unit_test(test_hostile_text),
        cmocka_unit_test(test_mark_is_held),
        cmocka_unit_test(test_two_shards_open_a_day),
        cmocka_unit_test(test_least_rights),
    };

    clock_init();
    log_level_set(LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, services_setup, services_teardown);
}
