/*
 * bench_export.c - how fast the exports go, against bare COPY of the same bytes into the same
 * tables.
 *
 * Starts a private, durable PostgreSQL and Redis, makes a journal in memory (WB_TXS transactions,
 * default 100,000) and prints `name value unit` lines. Bare COPY is one blocking transaction of
 * rows that were made before: no mark, no batches, no rows to make. The exports run as in
 * production, on a thread of their own that backs off when it is idle; `all_day` is both of them on
 * one thread, which is what a shard can be offered for hours. At twice that rate the journal grows
 * by what the exports do not let go: export.full_disk says how long until WB_DISK_GB (default 100)
 * are full, with old segments recycled and with all of them kept. `of_bare` is the median of the
 * rounds' ratios, each of two runs side by side: the machine is not the same from minute to minute.
 */
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/agent.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "persist/copy_rows.h"
#include "persist/export.h"
#include "persist/postgres.h"
#include "persist/redis.h"
#include "tests/lib/made_journal.h"
#include "tests/lib/services.h"

struct bench {
    struct services services;
    struct made_journal journal;
    struct mem mem;
    struct export_names names;
    u32 days[COPY_DAYS_MAX]; /* that the journal's rows are of */
    u32 days_used;
};

#define ROUNDS_MAX 99u

/* What was measured under one name, a value a round. */
struct series {
    const char *name;
    double values[ROUNDS_MAX];
    u32 used;
};

static void series_add(struct series *s, u64 count, u64 ns)
{
    s->values[s->used++] = (double)count * 1e9 / (double)ns;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double series_median(struct series *s)
{
    qsort(s->values, s->used, sizeof s->values[0], compare);
    return s->values[s->used / 2];
}

/* Fresh tables, and no checkpoint due soon: each run begins alike. */
static void empty_database(void)
{
    free(sql("drop schema public cascade; create schema public;"));
    char *out = shell("scripts/migrate");
    ASSERT(out != NULL);
    free(out);
    free(sql("checkpoint"));
}

/* ---- bare COPY ---- */

struct stream {
    u8 *bytes;
    u64 used;
    u64 room;
};

static void stream_add(struct stream *s, const u8 *bytes, u64 n)
{
    if (s->used + n > s->room) {
        s->room = (s->used + n) * 2;
        s->bytes = realloc(s->bytes, s->room);
        ASSERT(s->bytes != NULL);
    }
    memcpy(s->bytes + s->used, bytes, n);
    s->used += n;
}

static void note_day(struct bench *b, u32 day)
{
    for (u32 i = 0; i < b->days_used; i++)
        if (b->days[i] == day)
            return;
    ASSERT_LT(b->days_used, COPY_DAYS_MAX);
    b->days[b->days_used++] = day;
}

/* All rows of the journal, a COPY stream a table. Returns the number of rows. */
static u64 make_streams(struct bench *b, struct stream streams[COPY_TABLES])
{
    struct copy_batch batch;
    u64 rows = 0;
    u32 day = 0;

    memset(streams, 0, COPY_TABLES * sizeof streams[0]);
    copy_batch_init(&batch, &b->mem, 1);
    for (u64 seq = 1; seq <= b->journal.txs; seq++) {
        struct sink_tx tx = {.seq = seq, .names = &b->names};
        tx.slots = made_journal_tx(&b->journal, seq, &tx.used);
        const union msg *command = (const union msg *)(const void *)tx.slots;
        if (command->cmd.type == CMD_DAY_OPEN)
            day = command->day.day;
        tx.day = day;
        tx.time_ns = command->cmd.time_ns;
        bool last = seq == b->journal.txs;
        bool added = copy_batch_add(&batch, &tx);
        if (added && !last)
            continue;
        for (u32 t = 0; t < COPY_TABLES; t++) {
            struct copy_buffer *from = &batch.tables[t];
            u32 head = streams[t].used == 0 ? 0 : 19;
            stream_add(&streams[t], from->bytes + head, from->used - head);
        }
        rows += batch.rows;
        for (u32 d = 0; d < batch.days_used; d++)
            note_day(b, batch.days[d]);
        copy_batch_clear(&batch);
        seq -= !added; /* again, into the empty batch */
    }
    for (u32 t = 0; t < COPY_TABLES; t++)
        stream_add(&streams[t], (const u8 *)"\xff\xff", 2);
    return rows;
}

static void command(PGconn *conn, const char *text, ExecStatusType want)
{
    PGresult *result = PQexec(conn, text);

    if (PQresultStatus(result) != want)
        fprintf(stderr, "%s: %s", text, PQerrorMessage(conn));
    ASSERT_EQ(PQresultStatus(result), want);
    PQclear(result);
}

static void copy_bare(struct bench *b, struct series *rate)
{
    struct stream streams[COPY_TABLES];
    u64 rows = make_streams(b, streams);
    PGconn *conn = PQconnectdb("");
    char text[600];

    ASSERT_EQ(PQstatus(conn), CONNECTION_OK);
    u64 begin_ns = clock_now_ns();
    command(conn, "begin", PGRES_COMMAND_OK);
    for (u32 i = 0; i < b->days_used; i++) {
        snprintf(text, sizeof text, "select open_day('%u')", b->days[i]);
        command(conn, text, PGRES_TUPLES_OK);
    }
    for (u32 t = 0; t < COPY_TABLES; t++) {
        snprintf(text, sizeof text, "copy %s from stdin binary", copy_table_columns(t));
        command(conn, text, PGRES_COPY_IN);
        for (u64 at = 0; at < streams[t].used; at += 65536)
            ASSERT_EQ(PQputCopyData(conn, (const char *)streams[t].bytes + at,
                                    (int)min_u64(65536, streams[t].used - at)),
                      1);
        ASSERT_EQ(PQputCopyEnd(conn, NULL), 1);
        for (PGresult *r = PQgetResult(conn); r; r = PQgetResult(conn)) {
            ASSERT_EQ(PQresultStatus(r), PGRES_COMMAND_OK);
            PQclear(r);
        }
        free(streams[t].bytes);
    }
    command(conn, "commit", PGRES_COMMAND_OK);
    series_add(rate, rows, clock_now_ns() - begin_ns);
    PQfinish(conn);
}

/* ---- the sinks ---- */

/* Until all of the journal is in all the sinks; ns. */
static u64 run(struct bench *b, struct sink **sinks, const u64 *batch_age_ns, u32 lanes)
{
    const struct export_conf conf = {.seed = 1,
                                     .retry_min_ns = NS_PER_MS,
                                     .retry_max_ns = NS_PER_SEC,
                                     .refused_retry_ns = NS_PER_SEC};
    static struct made_source sources[EXPORT_LANES_MAX];
    static struct agent_thread thread;
    struct agent agent;
    struct exporter x;

    export_init(&x, &conf, &b->mem);
    for (u32 i = 0; i < lanes; i++) {
        struct export_source from = made_journal_source(&sources[i], &b->journal);
        sinks[i]->epoch = sinks[i]->process_id = sinks[i]->journal_id = 1;
        export_add(&x, "bench", sinks[i], &from, &b->names, batch_age_ns[i]);
    }
    agent_init(&agent, "export", export_do_work, &x, 0);
    agent_thread_init(&thread, "export", -1, IDLE_BACKOFF);
    agent_thread_add(&thread, &agent);
    u64 begin_ns = clock_now_ns();
    ASSERT_EQ(agent_thread_start(&thread), 0);
    while (!export_has_passed(&x, b->journal.txs))
        clock_sleep_ns(NS_PER_MS);
    u64 ns = clock_now_ns() - begin_ns;
    agent_thread_stop(&thread);
    export_close(&x);
    return ns;
}

static struct sink *make_postgres(u32 batch_rows)
{
    struct postgres_conf conf;

    empty_database();
    postgres_conf_defaults(&conf);
    conf.shard = 1;
    if (batch_rows > 0)
        conf.batch_rows = batch_rows;
    return postgres_new(&conf);
}

static struct sink *make_redis(void)
{
    struct redis_conf conf;

    free(shell("redis-cli -p %s flushall", getenv("REDIS_PORT")));
    redis_conf_defaults(&conf);
    conf.port = (u16)strtoul(getenv("REDIS_PORT"), NULL, 10);
    return redis_new(&conf);
}

static const u64 ages_ns[] = {10 * NS_PER_MS, 0};

static void bench_postgres(struct bench *b, u32 batch_rows, struct series *rows, struct series *txs)
{
    struct sink *sink = make_postgres(batch_rows);
    u64 ns = run(b, &sink, &ages_ns[0], 1);

    series_add(rows, sink->rows_committed, ns);
    if (txs)
        series_add(txs, b->journal.txs, ns);
    postgres_free(sink);
}

static void bench_redis(struct bench *b, struct series *fills, struct series *txs)
{
    struct sink *sink = make_redis();
    u64 ns = run(b, &sink, &ages_ns[1], 1);

    series_add(fills, sink->rows_committed, ns);
    series_add(txs, b->journal.txs, ns);
    redis_free(sink);
}

static void bench_both(struct bench *b, struct series *txs)
{
    struct sink *sinks[] = {make_postgres(0), make_redis()};

    series_add(txs, b->journal.txs, run(b, sinks, ages_ns, 2));
    postgres_free(sinks[0]);
    redis_free(sinks[1]);
}

static u64 env_number(const char *name, u64 standard)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : standard;
}

/* What a disk is to a shard that is offered twice what its exports take. */
static void print_disk(const struct bench *b, double all_day)
{
    double slots = (double)b->journal.slots_used / (double)b->journal.txs;
    double bytes = slots * SLOT_BYTES * 64 / 63; /* a block's header for 63 slots */
    double disk = (double)env_number("WB_DISK_GB", 100) * 1e9;

    printf("export.journal.bytes_per_tx %.0f bytes\n", bytes);
    printf("export.full_disk_at_twice.recycled %.1f h\n", disk / (all_day * bytes) / 3600);
    printf("export.full_disk_at_twice.kept %.1f h\n", disk / (2 * all_day * bytes) / 3600);
}

static void bench_bare(struct bench *b, struct series *rows)
{
    empty_database();
    copy_bare(b, rows);
}

/* The two that are compared stand side by side, by turns the one and the other first. */
static void bench_beside_bare(struct bench *b, u64 round, struct series *all,
                              struct series *of_bare)
{
    if (round % 2 == 0)
        bench_bare(b, &all[0]);
    bench_postgres(b, 0, &all[1], &all[3]);
    if (round % 2 != 0)
        bench_bare(b, &all[0]);
    of_bare->values[of_bare->used++] = 100 * all[1].values[round] / all[0].values[round];
}

static void measure(struct bench *b, u64 rounds)
{
    struct series of_bare = {.name = "export.postgres.of_bare"};
    struct series all[] = {
        {.name = "export.copy_bare.rows_per_s"},
        {.name = "export.postgres.rows_per_s"},
        {.name = "export.postgres.batch500.rows_per_s"},
        {.name = "export.postgres.tx_per_s"},
        {.name = "export.redis.fills_per_s"},
        {.name = "export.redis.tx_per_s"},
        {.name = "export.all_day.tx_per_s"},
    };

    for (u64 i = 0; i < rounds; i++) {
        bench_beside_bare(b, i, all, &of_bare);
        bench_postgres(b, 500, &all[2], NULL);
        bench_redis(b, &all[4], &all[5]);
        bench_both(b, &all[6]);
    }
    for (u32 i = 0; i < ARRAY_LEN(all); i++)
        printf("%s %.0f 1/s\n", all[i].name, series_median(&all[i]));
    printf("%s %.0f %%\n", of_bare.name, series_median(&of_bare));
    print_disk(b, all[6].values[all[6].used / 2]);
}

int main(void)
{
    struct bench b;

    clock_init();
    log_level_set(LOG_WARN);
    setenv("LOCAL_SERVICES_FAST", "", 1);
    memset(&b, 0, sizeof b);
    if (!services_start(&b.services))
        return 1;
    mem_init(&b.mem, 0);
    made_journal_init(&b.journal, 1);
    made_journal_start(&b.journal, 1, 20261123);
    made_journal_trade(&b.journal, env_number("WB_TXS", 100000));
    made_journal_names(&b.journal, &b.names, &b.mem, b.journal.txs);
    printf("export.transactions %" PRIu64 " count\n", b.journal.txs);
    measure(&b, min_u64(env_number("WB_ROUNDS", 3), ROUNDS_MAX));
    made_journal_free(&b.journal);
    mem_free_all(&b.mem);
    services_stop(&b.services);
    return 0;
}
