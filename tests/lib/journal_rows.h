/*
 * journal_rows.h - what PostgreSQL and Redis must hold for a journal, for comparing row by row.
 */
#ifndef WIREBOOK_TESTS_JOURNAL_ROWS_H
#define WIREBOOK_TESTS_JOURNAL_ROWS_H

#include "persist/fill_codec.h"
#include "tests/lib/made_journal.h"

/*
 * All rows of a table as psql prints them, in the order of seq and idx, all columns in the order of
 * config/sql, time in UTC: 'E' executions, 'O' orders, 'R' rejects, 'B' broken_trades, 'K'
 * controls, 'M' market; 'L' event_log: day, shard, seq, time in ns, messages in hex. Shard 3. To be
 * freed.
 */
char *journal_rows(const struct made_journal *j, char table);

/*
 * True when the tables of the database in the environment (tests/lib/services.h) hold exactly the
 * journal, its mark included; else `why` says which line of which table differs.
 */
bool journal_equals_tables(const struct made_journal *j, char *why, size_t bytes);

/* All fills of the journal in order, as Redis must hold them; zeroed padding. To be freed. */
struct fill *journal_fills(const struct made_journal *j, u32 shard);

#endif
