/*
 * pg_rig.h - an exporter with one lane to the PostgreSQL of tests/lib/services.h, shard 3.
 */
#ifndef WIREBOOK_TESTS_PG_RIG_H
#define WIREBOOK_TESTS_PG_RIG_H

#include "persist/export.h"
#include "tests/lib/made_journal.h"

#define DAY1 20261123u
#define DAY2 20261124u

struct pg_rig {
    struct mem mem;
    struct exporter x;
    struct made_source source;
    struct sink *sink;
    char conninfo[512];
};

/*
 * Host, port, user and password come from `conninfo`, the file and the environment, as for psql.
 * `epoch` is the process' number, too.
 */
void pg_rig_start_at(struct pg_rig *b, const struct made_journal *j, u64 epoch, u32 rows,
                     const char *conninfo, const char *password_file);

/* ... from the environment alone, batches of 50 rows. */
void pg_rig_start(struct pg_rig *b, const struct made_journal *j, u64 epoch);
void pg_rig_stop(struct pg_rig *b);

/* One turn; rests a little when nothing was done. */
void pg_rig_turn(struct pg_rig *b);
void pg_rig_run(struct pg_rig *b, u64 ns);

/* Until all up to `seq` is in, at most 20 s. */
bool pg_rig_reaches(struct pg_rig *b, u64 seq);

/* A journal with DAY1 open and `txs` transactions of trade. */
struct made_journal pg_rig_made(u64 seed, u64 txs);

/* Drops all there is; then makes the tables, if `migrate`. */
void pg_rig_empty(bool migrate);

/* Fails the test when a table differs from the journal. */
void pg_rig_assert_tables(const struct made_journal *j);

#endif
