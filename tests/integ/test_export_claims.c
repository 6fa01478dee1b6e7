/*
 * test_export_claims.c - who may write into a far end: PostgreSQL and Redis, both real.
 *
 * One exporter feeds both, as in the venue. What must be kept out: another journal, another history
 * of the same one, a second process under the same epoch. What must pass: the process itself.
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
#include "persist/export.h"
#include "persist/postgres.h"
#include "persist/redis.h"
#include "tests/lib/journal_rows.h"
#include "tests/lib/made_journal.h"
#include "tests/lib/services.h"

#define SHARD   3
#define JOURNAL 0xfedcba9876543210u
#define OTHER   0xabcu

enum { POSTGRES, REDIS, SINKS };

/* One process' exporter with a lane to each server. */
struct bench {
    struct mem mem;
    struct exporter x;
    struct made_source sources[SINKS];
    struct sink *sinks[SINKS];
};

static void sinks_make(struct bench *b)
{
    struct postgres_conf pg;
    struct redis_conf redis;

    postgres_conf_defaults(&pg);
    pg.shard = SHARD;
    pg.batch_rows = 50;
    b->sinks[POSTGRES] = postgres_new(&pg);
    assert_non_null(b->sinks[POSTGRES]);
    redis_conf_defaults(&redis);
    redis.port = (u16)strtoul(getenv("REDIS_PORT"), NULL, 10);
    redis.prefix = "wb";
    redis.shard = SHARD;
    redis.stream_max_len = 1000000;
    redis.batch_rows = 40;
    b->sinks[REDIS] = redis_new(&redis);
}

static void bench_start(struct bench *b, const struct made_journal *j, u64 journal_id, u64 epoch,
                        u64 process_id)
{
    static const char *const names_of[] = {"postgres", "redis"};
    const struct export_conf conf = {.seed = 1,
                                     .retry_min_ns = 5 * NS_PER_MS,
                                     .retry_max_ns = 50 * NS_PER_MS,
                                     .refused_retry_ns = 50 * NS_PER_MS};
    struct export_names names;

    memset(b, 0, sizeof *b);
    mem_init(&b->mem, 0);
    sinks_make(b);
    export_init(&b->x, &conf, &b->mem);
    made_journal_names(j, &names, &b->mem, j->txs);
    for (u32 i = 0; i < SINKS; i++) {
        struct export_source source = made_journal_source(&b->sources[i], j);
        b->sinks[i]->epoch = epoch;
        b->sinks[i]->process_id = process_id;
        b->sinks[i]->journal_id = journal_id;
        export_add(&b->x, names_of[i], b->sinks[i], &source, &names, 0);
    }
}

static void bench_stop(struct bench *b)
{
    export_close(&b->x);
    postgres_free(b->sinks[POSTGRES]);
    redis_free(b->sinks[REDIS]);
    mem_free_all(&b->mem);
}

/* Turns until both lanes are at `seq`, or both have stopped for good; at most 20 s. */
static void bench_run(struct bench *b, u64 seq)
{
    u64 end = clock_now_ns() + 20 * NS_PER_SEC;

    while (!export_has_passed(&b->x, seq) && clock_now_ns() < end)
        if (export_do_work(&b->x, clock_now_ns()) == 0)
            clock_sleep_ns(50 * NS_PER_US);
}

static void assert_reaches(struct bench *b, u64 seq)
{
    bench_run(b, seq);
    for (u32 i = 0; i < SINKS; i++) {
        if (metric_get(&b->x.lanes[i].m_mark_seq) < seq)
            fail_msg("%s: %s", b->x.lanes[i].name, b->sinks[i]->error);
        assert_int_equal(b->x.lanes[i].state, LANE_RUNNING);
    }
}

static void assert_stopped(struct bench *b, enum lane_state state, const char *postgres,
                           const char *redis)
{
    const char *wanted[] = {postgres, redis};

    bench_run(b, UINT64_MAX);
    for (u32 i = 0; i < SINKS; i++) {
        assert_int_equal(b->x.lanes[i].state, state);
        if (!strstr(b->sinks[i]->error, wanted[i]))
            fail_msg("\"%s\" does not say \"%s\"", b->sinks[i]->error, wanted[i]);
    }
    bench_stop(b);
}

static char *redis_cli(const char *command)
{
    char *out = shell("redis-cli -p %s %s", getenv("REDIS_PORT"), command);
    assert_non_null(out);
    return out;
}

static void both_empty(void)
{
    free(sql("drop schema public cascade; create schema public"));
    free(shell("scripts/migrate"));
    free(redis_cli("FLUSHALL"));
}

/* Every table and the whole stream are those of `j`, and nothing else. */
static void assert_both(const struct made_journal *j)
{
    struct fill *fills = journal_fills(j, SHARD);
    char why[200], want[64];

    if (!journal_equals_tables(j, why, sizeof why))
        fail_msg("%s", why);
    char *got = redis_cli("XLEN wb:fills");
    assert_int_equal(strtoull(got, NULL, 10), j->executions);
    free(got);
    got = redis_cli("XREVRANGE wb:fills + - COUNT 1");
    const struct fill *last = &fills[j->executions - 1];
    snprintf(want, sizeof want, "%llu-%u\n", (unsigned long long)last->seq, last->idx);
    assert_memory_equal(got, want, strlen(want));
    free(got);
    free(fills);
}

static struct made_journal made(u64 seed, u64 txs)
{
    struct made_journal j;

    made_journal_init(&j, seed);
    made_journal_start(&j, 1, 20261123);
    made_journal_trade(&j, txs);
    return j;
}

/* ---- the cases ---- */

/* A fresh data_dir under the same shard, shorter and longer than what was exported. */
static void test_another_journal(void **state)
{
    struct made_journal j = made(12, 500), other = made(13, 100);
    struct bench b;

    (void)state;
    both_empty();
    bench_start(&b, &j, JOURNAL, 1, 1);
    assert_reaches(&b, j.txs);
    bench_stop(&b);
    for (u32 i = 0; i < 2; i++) {
        bench_start(&b, &other, OTHER, 7, 7);
        assert_stopped(&b, LANE_FOREIGN,
                       "shard 3 has rows of journal fedcba9876543210, ours is 0000000000000abc: ",
                       "wb:mark is of journal fedcba9876543210, ours is 0000000000000abc: ");
        bench_start(&b, &other, OTHER, 7, 7);
        assert_stopped(&b, LANE_FOREIGN, "select forget_shard(3) (config/sql/README.md); restart",
                       "DEL its :mark and :fills (config/sql/README.md); restart");
        assert_both(&j);
        made_journal_trade(&other, 1000);
    }
    bench_start(&b, &j, JOURNAL, 8, 8); /* the right one is welcome again */
    made_journal_trade(&j, 100);
    assert_reaches(&b, j.txs);
    assert_both(&j);
    bench_stop(&b);

    free(sql("select forget_shard(4)"));
    assert_both(&j);
    free(sql("select forget_shard(3)"));
    free(redis_cli("DEL wb:mark wb:fills"));
    bench_start(&b, &other, OTHER, 1, 1);
    assert_reaches(&b, other.txs);
    assert_both(&other);
    bench_stop(&b);
    made_journal_free(&j);
    made_journal_free(&other);
}

/* An older backup, or a copy that went on by itself: the right name, another history. */
static void test_another_history(void **state)
{
    struct made_journal j = made(14, 500), other = made(15, 100);
    struct bench b;

    (void)state;
    both_empty();
    bench_start(&b, &j, JOURNAL, 1, 1);
    assert_reaches(&b, j.txs);
    bench_stop(&b);
    bench_start(&b, &other, JOURNAL, 7, 7);
    assert_stopped(&b, LANE_FOREIGN, "the journal ends before seq", "the journal ends before seq");
    made_journal_trade(&other, 1000);
    bench_start(&b, &other, JOURNAL, 8, 8);
    assert_stopped(&b, LANE_FOREIGN, "something else at seq", "something else at seq");
    assert_both(&j);
    made_journal_free(&j);
    made_journal_free(&other);
}

/* Rows without a name, as migration 004 or a DEL leaves them: a person must say whose they are. */
static void test_no_name(void **state)
{
    struct made_journal j = made(16, 500);
    struct bench b;

    (void)state;
    both_empty();
    bench_start(&b, &j, JOURNAL, 1, 1);
    assert_reaches(&b, j.txs);
    bench_stop(&b);
    free(sql("update export_mark set journal = null, process = null, time_ns = null"));
    free(redis_cli("DEL wb:mark"));
    bench_start(&b, &j, JOURNAL, 2, 2);
    assert_stopped(&b, LANE_FOREIGN,
                   "shard 3 has rows of journal unknown, ours is fedcba9876543210",
                   "wb:mark is of journal unknown, ours is fedcba9876543210");
    free(sql("update export_mark set journal = 'fedcba9876543210' where shard = 3"));
    free(redis_cli("HSET wb:mark journal fedcba9876543210"));
    made_journal_trade(&j, 100);
    bench_start(&b, &j, JOURNAL, 2, 2);
    assert_reaches(&b, j.txs);
    assert_both(&j);
    bench_stop(&b);
    made_journal_free(&j);
}

/* A copy of data_dir on another machine has the same epoch: only the first may write. */
static void test_the_same_epoch_twice(void **state)
{
    struct made_journal j = made(11, 500);
    struct bench first, second;

    (void)state;
    both_empty();
    bench_start(&first, &j, JOURNAL, 4, 4);
    assert_reaches(&first, j.txs);
    bench_start(&second, &j, JOURNAL, 4, 5);
    assert_stopped(&second, LANE_FENCED, "is a copy of data_dir in use?",
                   "is a copy of data_dir in use?");
    free(sql("select pg_terminate_backend(pid) from pg_stat_activity "
             "where application_name = 'wirebook-export'"));
    free(redis_cli("CLIENT KILL TYPE normal"));
    made_journal_trade(&j, 500); /* the first one connects again and is still itself */
    assert_reaches(&first, j.txs);
    assert_true(metric_get(&first.x.lanes[POSTGRES].m_reconnects) >= 1);
    assert_true(metric_get(&first.x.lanes[REDIS].m_reconnects) >= 1);
    assert_both(&j);
    bench_stop(&first);
    made_journal_free(&j);
}

/*
 * Somebody else writes into the stream, with an id of the clock or of our numbers: Redis would
 * refuse our fills below it as if it had them. It is said, until the stream has been removed.
 */
static void test_a_strange_entry(void **state)
{
    static const char *const ids[] = {"*", "400-0", "400-7"};
    struct bench b;

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(ids); i++) {
        struct made_journal j = made(17 + i, 500);
        char command[80];
        both_empty();
        j.durable = 300;
        bench_start(&b, &j, JOURNAL, 1, 1);
        assert_reaches(&b, j.durable);
        snprintf(command, sizeof command, "XADD wb:fills '%s' f junk", ids[i]);
        free(redis_cli(command));
        j.durable = j.txs;
        for (u64 end = clock_now_ns() + 20 * NS_PER_SEC; clock_now_ns() < end;) {
            export_do_work(&b.x, clock_now_ns());
            if (metric_get(&b.x.lanes[POSTGRES].m_mark_seq) == j.txs &&
                strstr(b.x.lanes[REDIS].complaint, "what is no fill of shard 3"))
                break;
        }
        assert_non_null(strstr(b.x.lanes[REDIS].complaint, "what is no fill of shard 3"));
        assert_int_equal(metric_get(&b.x.lanes[REDIS].m_mark_seq), 300);
        free(redis_cli("DEL wb:fills"));
        assert_reaches(&b, j.txs);
        assert_both(&j);
        assert_int_equal(b.sinks[REDIS]->duplicates, 0);
        bench_stop(&b);
        made_journal_free(&j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_journal), cmocka_unit_test(test_another_history),
        cmocka_unit_test(test_no_name),         cmocka_unit_test(test_the_same_epoch_twice),
        cmocka_unit_test(test_a_strange_entry),
    };

    clock_init();
    log_level_set(LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, services_setup, services_teardown);
}
