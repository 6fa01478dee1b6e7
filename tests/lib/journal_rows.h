/*
 * journal_rows.h - the rows that the tables of config/sql must hold for a journal, as psql prints
 * them: for comparing line by line.
 */
#ifndef WIREBOOK_TESTS_JOURNAL_ROWS_H
#define WIREBOOK_TESTS_JOURNAL_ROWS_H

#include "tests/lib/made_journal.h"

/*
 * All rows of a table in the order of seq and idx, all columns in the order of config/sql, time in
 * UTC: 'E' executions, 'O' orders, 'R' rejects. Shard 3. To be freed.
 */
char *journal_rows(const struct made_journal *j, char table);

#endif
