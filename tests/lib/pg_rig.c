/* pg_rig.c - see pg_rig.h. */
#include "tests/lib/pg_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/clock.h"
#include "persist/postgres.h"
#include "tests/lib/journal_rows.h"
#include "tests/lib/services.h"

void pg_rig_start_at(struct pg_rig *b, const struct made_journal *j, u64 epoch, u32 rows,
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

void pg_rig_start(struct pg_rig *b, const struct made_journal *j, u64 epoch)
{
    pg_rig_start_at(b, j, epoch, 50, "", NULL);
}

void pg_rig_stop(struct pg_rig *b)
{
    export_close(&b->x);
    postgres_free(b->sink);
    mem_free_all(&b->mem);
}

void pg_rig_turn(struct pg_rig *b)
{
    if (export_do_work(&b->x, clock_now_ns()) == 0)
        clock_sleep_ns(50 * NS_PER_US);
}

void pg_rig_run(struct pg_rig *b, u64 ns)
{
    for (u64 end = clock_now_ns() + ns; clock_now_ns() < end;)
        pg_rig_turn(b);
}

bool pg_rig_reaches(struct pg_rig *b, u64 seq)
{
    u64 end = clock_now_ns() + 20 * NS_PER_SEC;

    while (!export_has_passed(&b->x, seq) && clock_now_ns() < end)
        pg_rig_turn(b);
    return export_has_passed(&b->x, seq);
}

struct made_journal pg_rig_made(u64 seed, u64 txs)
{
    struct made_journal j;

    made_journal_init(&j, seed);
    made_journal_start(&j, 1, DAY1);
    made_journal_trade(&j, txs);
    return j;
}

void pg_rig_empty(bool migrate)
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

void pg_rig_assert_tables(const struct made_journal *j)
{
    char why[200];

    if (!journal_equals_tables(j, why, sizeof why))
        fail_msg("%s", why);
}
