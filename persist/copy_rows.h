/*
 * copy_rows.h - transactions as rows in PostgreSQL's binary COPY format, one buffer per table.
 *
 * Knows the tables of config/sql, not libpq. Cold thread. A row's key is (shard, seq, idx): the
 * transaction and the event's place within it, so the same journal always makes the same rows.
 */
#ifndef WIREBOOK_PERSIST_COPY_ROWS_H
#define WIREBOOK_PERSIST_COPY_ROWS_H

#include "engine/base/mem.h"
#include "persist/copy_field.h"
#include "persist/sink.h"

enum copy_table {
    COPY_EXECUTIONS,
    COPY_ORDERS,
    COPY_REJECTS,
    COPY_SESSIONS,
    COPY_EVENT_LOG,
    COPY_BROKEN_TRADES,
    COPY_CONTROLS,
    COPY_MARKET, /* the last one with a day, and partitions */
    COPY_INSTRUMENTS,
    COPY_ACCOUNTS,
    COPY_VENUE,
    COPY_TABLES,
};

#define COPY_DAYS_MAX 8u /* trading days that one batch may touch */

struct copy_batch {
    struct copy_buffer tables[COPY_TABLES];
    u32 days[COPY_DAYS_MAX]; /* whose partitions the batch needs, yyyymmdd */
    u32 days_used;
    u32 rows;
    u32 shard;
};

/* An empty batch with buffers from `m` (21 MiB). */
void copy_batch_init(struct copy_batch *b, struct mem *m, u32 shard);

/* Empties it. */
void copy_batch_clear(struct copy_batch *b);

/* Adds the rows of one transaction; false: no room, nothing was added. An empty batch has room. */
bool copy_batch_add(struct copy_batch *b, const struct sink_tx *tx);

/* Puts the end mark behind the rows of a table; then the buffer is a whole COPY stream. */
void copy_batch_end(struct copy_batch *b, enum copy_table table);

/*
 * True when `type` is an event that has rows of its own, or is known to have none beside the raw
 * log. Any other one in a journal is a broken invariant of copy_batch_add.
 */
bool copy_rows_know(u8 type);

/* The table's name and columns, for COPY: "executions (day, shard, ...)". */
const char *copy_table_columns(enum copy_table table);

#endif
