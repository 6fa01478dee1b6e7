/*
 * test_redis.c - the Redis sink against a real server that is killed, stopped, emptied, fenced off.
 *
 * After each misfortune the stream holds exactly the fills of the journal: same ids, same order,
 * each payload decoded and compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/base/log.h"
#include "persist/export.h"
#include "persist/fill_codec.h"
#include "persist/redis.h"
#include "tests/lib/journal_rows.h"
#include "tests/lib/made_journal.h"
#include "tests/lib/services.h"

/* ---- an exporter with one lane to the server ---- */

struct bench {
    struct mem mem;
    struct exporter x;
    struct made_source source;
    struct redis_conf conf;
    struct sink *sink;
};

static void bench_conf(struct bench *b)
{
    memset(b, 0, sizeof *b);
    redis_conf_defaults(&b->conf);
    b->conf.port = (u16)strtoul(getenv("REDIS_PORT"), NULL, 10);
    b->conf.prefix = "wb{7}";
    b->conf.shard = 7;
    b->conf.stream_max_len = 100000000;
    b->conf.batch_rows = 40;
    b->conf.connect_timeout_ns = NS_PER_SEC;
    b->conf.commit_timeout_ns = 300 * NS_PER_MS;
}

/* After bench_conf and what the case changes about it. */
static void bench_go(struct bench *b, const struct made_journal *j, u64 epoch)
{
    const struct export_conf conf = {.seed = 1,
                                     .retry_min_ns = 5 * NS_PER_MS,
                                     .retry_max_ns = 50 * NS_PER_MS,
                                     .refused_retry_ns = 50 * NS_PER_MS};
    struct export_names names;

    mem_init(&b->mem, 0);
    b->sink = redis_new(&b->conf);
    b->sink->epoch = b->sink->process_id = epoch;
    b->sink->journal_id = 1;
    export_init(&b->x, &conf, &b->mem);
    made_journal_names(j, &names, &b->mem, j->txs);
    struct export_source source = made_journal_source(&b->source, j);
    export_add(&b->x, "redis", b->sink, &source, &names, 0);
}

static void bench_start(struct bench *b, const struct made_journal *j, u64 epoch)
{
    bench_conf(b);
    bench_go(b, j, epoch);
}

static void bench_stop(struct bench *b)
{
    export_close(&b->x);
    redis_free(b->sink);
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

static u64 bench_mark(const struct bench *b)
{
    return metric_get(&b->x.lanes[0].m_mark_seq);
}

static bool bench_reaches(struct bench *b, u64 seq)
{
    for (u64 end = clock_now_ns() + 20 * NS_PER_SEC; clock_now_ns() < end && bench_mark(b) < seq;)
        bench_turn(b);
    return bench_mark(b) >= seq;
}

static struct made_journal made(u64 seed, u64 txs)
{
    struct made_journal j;

    made_journal_init(&j, seed);
    made_journal_start(&j, 1, 20261123);
    made_journal_trade(&j, txs);
    return j;
}

/* ---- the server as a consumer sees it ---- */

static redisContext *consumer(void)
{
    redisContext *c = redisConnect("127.0.0.1", (int)strtoul(getenv("REDIS_PORT"), NULL, 10));
    assert_non_null(c);
    assert_int_equal(c->err, 0);
    return c;
}

/* One command; the answer as a text or number in text, to be freed; "" for nil and lists. */
static char *ask(const char *command)
{
    redisContext *c = consumer();
    redisReply *r = redisCommand(c, command);
    char number[24];

    assert_non_null(r);
    snprintf(number, sizeof number, "%lld", r->integer);
    char *text = strdup(r->type == REDIS_REPLY_INTEGER ? number : r->str ? r->str : "");
    freeReplyObject(r);
    redisFree(c);
    return text;
}

static void assert_asked(const char *command, const char *want)
{
    char *text = ask(command);
    assert_string_equal(text, want);
    free(text);
}

static void empty_server(void)
{
    free(ask("FLUSHALL"));
}

/* The stream against the journal, entry by entry. */
static void assert_stream(const struct made_journal *j)
{
    redisContext *c = consumer();
    redisReply *all = redisCommand(c, "XRANGE wb{7}:fills - +");
    struct fill *fills = journal_fills(j, 7);

    assert_int_equal(all->type, REDIS_REPLY_ARRAY);
    assert_int_equal(all->elements, j->executions);
    for (u64 i = 0; i < j->executions; i++) {
        const redisReply *entry = all->element[i], *fields = entry->element[1];
        struct fill got;
        char id[48];
        snprintf(id, sizeof id, "%llu-%u", (unsigned long long)fills[i].seq, fills[i].idx);
        assert_string_equal(entry->element[0]->str, id);
        assert_int_equal(fields->elements, 2);
        assert_string_equal(fields->element[0]->str, "f");
        const redisReply *payload = fields->element[1];
        assert_null(fill_decode((const u8 *)payload->str, (u32)payload->len, &got));
        assert_memory_equal(&got, &fills[i], sizeof got);
    }
    free(fills);
    freeReplyObject(all);
    redisFree(c);
}

/* ---- the cases ---- */

static void test_exact(void **state)
{
    struct made_journal j = made(1, 3000);
    struct bench b;

    (void)state;
    made_journal_next_day(&j, 20261124);
    made_journal_trade(&j, 1000);
    empty_server();
    bench_start(&b, &j, 1);
    assert_true(bench_reaches(&b, j.txs));
    assert_stream(&j);
    assert_int_equal(b.sink->rows_committed, j.executions);
    assert_int_equal(b.sink->duplicates, 0);
    assert_asked("HGET wb{7}:mark day", "20261124");
    bench_run(&b, 400 * NS_PER_MS); /* longer than a server may be silent: but nobody was asked */
    made_journal_trade(&j, 100);
    assert_true(bench_reaches(&b, j.txs));
    assert_int_equal(metric_get(&b.x.lanes[0].m_reconnects), 0);
    bench_stop(&b);
    made_journal_free(&j);
}

static void test_killed_in_mid_batch(void **state)
{
    struct made_journal j = made(2, 12000);
    struct bench b;
    u64 random = 2;

    (void)state;
    empty_server();
    bench_start(&b, &j, 1);
    for (u32 i = 0; i < 5; i++) {
        random = hash_u64(random);
        assert_true(bench_reaches(&b, bench_mark(&b) + 300 + random % 1500));
        bench_run(&b, random % NS_PER_MS);
        services_do(&services, "kill-redis");
        bench_run(&b, 20 * NS_PER_MS);
        services_do(&services, "start-redis");
    }
    assert_true(bench_reaches(&b, j.txs));
    assert_stream(&j);
    assert_true(metric_get(&b.x.lanes[0].m_reconnects) >= 5);
    bench_stop(&b);
    made_journal_free(&j);
}

static void test_paused(void **state)
{
    struct made_journal j = made(3, 8000);
    struct bench b;
    u64 turn_max_ns = 0;

    (void)state;
    empty_server();
    bench_start(&b, &j, 1);
    assert_true(bench_reaches(&b, 500));
    services_do(&services, "pause-redis");
    for (u64 end = clock_now_ns() + NS_PER_SEC; clock_now_ns() < end;) {
        u64 before = clock_now_ns();
        bench_turn(&b);
        turn_max_ns = max_u64(turn_max_ns, clock_now_ns() - before);
    }
    assert_true(bench_mark(&b) < j.txs);
    assert_true(metric_get(&b.x.lanes[0].m_reconnects) >= 1);
    assert_true(turn_max_ns < 200 * NS_PER_MS);
    services_do(&services, "resume-redis");
    assert_true(bench_reaches(&b, j.txs));
    assert_stream(&j);
    bench_stop(&b);
    made_journal_free(&j);
}

/* All of it gone, then only the stream: in both cases it is filled again from the first fill on. */
static void test_emptied(void **state)
{
    static const char *const commands[] = {"FLUSHALL", "DEL wb{7}:fills"};

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(commands); i++) {
        struct made_journal j = made(4 + i, 6000);
        struct bench b;
        empty_server();
        bench_start(&b, &j, 1);
        assert_true(bench_reaches(&b, 2000));
        free(ask(commands[i]));
        u64 end = clock_now_ns() + 20 * NS_PER_SEC;
        while ((bench_mark(&b) < j.txs || metric_get(&b.x.lanes[0].m_reconnects) == 0) &&
               clock_now_ns() < end) {
            if (bench_mark(&b) == j.txs)
                made_journal_trade(&j, 20); /* it shows with the next batch */
            bench_turn(&b);
        }
        assert_true(bench_reaches(&b, j.txs));
        assert_stream(&j);
        bench_stop(&b);
        made_journal_free(&j);
    }
}

/* The mark is lost or lies: the stream's last id says where to go on, and refuses what it has. */
static void test_mark_lost(void **state)
{
    static const char *const commands[] = {"HDEL wb{7}:mark last", "HSET wb{7}:mark seq 7 last 7"};

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(commands); i++) {
        struct made_journal j = made(6 + i, 3000);
        struct bench b;
        empty_server();
        bench_start(&b, &j, 1);
        assert_true(bench_reaches(&b, j.txs));
        bench_stop(&b);
        free(ask(commands[i]));
        u64 before = j.executions;
        made_journal_trade(&j, 500);
        bench_start(&b, &j, 1);
        assert_true(bench_reaches(&b, j.txs));
        assert_stream(&j);
        assert_int_equal(b.sink->rows_committed, j.executions - before);
        assert_in_range(b.sink->duplicates, 1, TX_SLOTS_MAX);
        bench_stop(&b);
        made_journal_free(&j);
    }
}

static void test_fenced_by_a_higher_epoch(void **state)
{
    struct made_journal j = made(8, 8000);
    struct bench old, new;

    (void)state;
    empty_server();
    bench_start(&old, &j, 9);
    assert_true(bench_reaches(&old, 500));
    bench_start(&new, &j, 10);
    for (u64 end = clock_now_ns() + 20 * NS_PER_SEC;
         clock_now_ns() < end &&
         (old.x.lanes[0].state != LANE_FENCED || bench_mark(&new) < j.txs);) {
        bench_turn(&old);
        bench_turn(&new);
    }
    assert_int_equal(old.x.lanes[0].state, LANE_FENCED);
    assert_stream(&j);
    assert_asked("HGET wb{7}:mark epoch", "10");
    bench_stop(&old);
    bench_stop(&new);

    bench_start(&old, &j, 9);
    bench_run(&old, 100 * NS_PER_MS);
    assert_int_equal(old.x.lanes[0].state, LANE_FENCED);
    bench_stop(&old);
    made_journal_free(&j);
}

static void test_restarts(void **state)
{
    struct made_journal j = made(9, 6000);
    struct bench b;

    (void)state;
    empty_server();
    for (u32 i = 0; i < 8; i++) {
        bench_start(&b, &j, 1 + i / 2);
        assert_true(bench_reaches(&b, 500 * (i + 1)));
        bench_stop(&b);
    }
    bench_conf(&b); /* by the Unix socket this time */
    b.conf.socket = getenv("REDIS_SOCKET");
    b.conf.port = 1;
    bench_go(&b, &j, 9);
    assert_true(bench_reaches(&b, j.txs));
    assert_stream(&j);
    bench_stop(&b);
    made_journal_free(&j);
}

/* Trades of the last seconds are published once each and name nobody; older ones are not. */
static void test_trades(void **state)
{
    struct made_journal j = made(10, 500);
    struct bench b;
    char command[64];

    (void)state;
    empty_server();
    bench_start(&b, &j, 1);
    redisContext *c = consumer();
    redisReply *r = redisCommand(c, "PSUBSCRIBE wb{7}:trades:*");
    freeReplyObject(r);
    assert_true(bench_reaches(&b, j.txs));
    u64 stale = j.matches;
    j.time_ns = clock_now_ns();
    made_journal_trade(&j, 300);
    assert_true(bench_reaches(&b, j.txs));
    const struct timeval wait = {.tv_sec = 5};
    redisSetTimeout(c, wait);
    for (u64 match = stale + 1; match <= j.matches; match++) {
        struct fill f;
        char channel[32];
        assert_int_equal(redisGetReply(c, (void **)&r), REDIS_OK);
        assert_null(fill_decode((const u8 *)r->element[3]->str, (u32)r->element[3]->len, &f));
        assert_int_equal(f.match, match);
        assert_int_equal(f.account, 0);
        assert_string_equal(f.user, "");
        assert_true(f.taker);
        snprintf(channel, sizeof channel, "wb{7}:trades:%s", f.symbol);
        assert_string_equal(r->element[2]->str, channel);
        freeReplyObject(r);
    }
    redisFree(c);

    for (u16 id = 1; id <= MADE_INSTRUMENTS; id++) {
        const union msg *last = NULL;
        char want[32];
        for (u64 seq = 1; seq <= j.txs; seq++) {
            u32 used;
            const struct slot *slots = made_journal_tx(&j, seq, &used);
            for (u32 i = 0; i < used; i += msg_slots(&slots[i])) {
                const union msg *m = (const union msg *)(const void *)&slots[i];
                if (m->ev.type == EV_EXECUTED && m->executed.instrument == id)
                    last = m;
            }
        }
        assert_non_null(last);
        snprintf(command, sizeof command, "HGET wb{7}:last:SYM%u match", id);
        snprintf(want, sizeof want, "%llu", (unsigned long long)last->executed.match);
        assert_asked(command, want);
        snprintf(command, sizeof command, "HGET wb{7}:last:SYM%u price", id);
        snprintf(want, sizeof want, "%u.%04u", last->executed.price / 10000,
                 last->executed.price % 10000);
        assert_asked(command, want);
    }
    bench_stop(&b);
    made_journal_free(&j);
}

/* What needs a person is said and tried again until it is mended. */
static void test_refused_then_mended(void **state)
{
    struct made_journal j = made(11, 500);
    struct bench b;

    (void)state;
    empty_server();
    free(ask("SET wb{7}:fills x"));
    bench_start(&b, &j, 1);
    bench_run(&b, 200 * NS_PER_MS);
    assert_int_not_equal(b.x.lanes[0].state, LANE_RUNNING);
    assert_non_null(strstr(b.x.lanes[0].complaint, "WRONGTYPE"));
    free(ask("DEL wb{7}:fills"));
    assert_true(bench_reaches(&b, j.txs));
    assert_stream(&j);
    bench_stop(&b);
    made_journal_free(&j);
}

static void test_password_and_short_stream(void **state)
{
    struct made_journal j = made(12, 5000);
    struct bench b;
    char path[300];

    (void)state;
    empty_server();
    free(ask("ACL SETUSER exporter on >secret ~* &* +@all"));
    snprintf(path, sizeof path, "%s/password", services.dir);
    bench_conf(&b);
    b.conf.username = "exporter";
    b.conf.password_file = path;
    b.conf.stream_max_len = 200;
    bench_go(&b, &j, 1);
    bench_run(&b, 100 * NS_PER_MS);
    assert_non_null(strstr(b.x.lanes[0].complaint, "cannot read the password file"));
    FILE *file = fopen(path, "w");
    fputs("wrong\n", file);
    fclose(file);
    bench_run(&b, 200 * NS_PER_MS);
    assert_non_null(strstr(b.x.lanes[0].complaint, "WRONGPASS"));
    file = fopen(path, "w");
    fputs("secret\n", file);
    fclose(file);
    assert_true(bench_reaches(&b, j.txs));
    char *length = ask("XLEN wb{7}:fills");
    assert_in_range(strtoul(length, NULL, 10), 200, 400); /* trimmed by whole nodes of 100 */
    free(length);
    free(ask("ACL DELUSER exporter"));
    bench_stop(&b);
    made_journal_free(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_killed_in_mid_batch),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_emptied),
        cmocka_unit_test(test_mark_lost),
        cmocka_unit_test(test_fenced_by_a_higher_epoch),
        cmocka_unit_test(test_restarts),
        cmocka_unit_test(test_trades),
        cmocka_unit_test(test_refused_then_mended),
        cmocka_unit_test(test_password_and_short_stream),
    };

    clock_init();
    log_level_set(LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, services_setup, services_teardown);
}
