/*
 * copy_field.h - one value in PostgreSQL's binary COPY format. Local to copy_rows.c and its tests.
 *
 * A row is begun with its number of fields, gets exactly that many, and is ended; anything else is
 * a broken invariant, and so is a buffer without room (copy_batch_add looks first).
 */
#ifndef WIREBOOK_PERSIST_COPY_FIELD_H
#define WIREBOOK_PERSIST_COPY_FIELD_H

#include "engine/msg/msg.h"

#define COPY_ROW_BYTES_MAX 1024u

struct copy_buffer {
    u8 *bytes; /* a complete COPY stream but for the end mark */
    u32 used;
    u32 room;
    u32 rows;
};

/* A row being written. */
struct copy_row {
    struct copy_buffer *to;
    u32 fields_left;
    u32 begin;
    u32 bytea; /* of them in a field of any length */
};

struct copy_row copy_row_begin(struct copy_buffer *to, u16 fields);
void copy_row_end(const struct copy_row *r);

/* Raw bytes and a big-endian count, outside of fields. */
void copy_bytes(struct copy_buffer *b, const void *bytes, u32 n);
void copy_u16(struct copy_buffer *b, u16 x);

void copy_null(struct copy_row *r);
/* smallint, integer, bigint: the bits of `x`. */
void copy_i16(struct copy_row *r, u32 x);
void copy_i32(struct copy_row *r, u32 x);
void copy_i64(struct copy_row *r, u64 x);
void copy_bool(struct copy_row *r, bool x);
/* Type "char"; 0 is NULL. */
void copy_char(struct copy_row *r, u8 c);
/* Text of at most 32 bytes, padded with spaces or NULs, without its padding; empty is NULL. */
void copy_text(struct copy_row *r, const char *text, u32 bytes);
/* numeric with four decimals from a price in 1/10,000. */
void copy_price(struct copy_row *r, u32 price);
/* date from yyyymmdd (from 2000 on); 0 is NULL. */
void copy_date(struct copy_row *r, u32 yyyymmdd);
/* inet; `ipv4` in network order, 0 is NULL. */
void copy_inet(struct copy_row *r, u32 ipv4);
/* timestamptz, cut to the microsecond, and smallint: the nanoseconds cut off. Two fields. */
void copy_time(struct copy_row *r, u64 time_ns);
/* timestamptz, cut to the microsecond; 0 is NULL. */
void copy_timestamp(struct copy_row *r, u64 time_ns);
/* bytea, of any length. */
void copy_bytea(struct copy_row *r, const void *bytes, u32 n);
/* jsonb from text that is JSON already. */
void copy_json(struct copy_row *r, const char *json);
/* An order's appendage but for firm and index, as jsonb; NULL when there is none. */
void copy_options(struct copy_row *r, const struct order_terms *t);

#endif
