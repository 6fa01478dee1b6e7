/*
 * dump.h - a journal's messages as CSV or JSON lines, every field by its name.
 *
 *   {"seq":7,"idx":1,"time_ns":..,"time":"2026-11-22T14:30:00.000000123Z","type":"EV_EXECUTED",
 *    "flags":["end"],"account":2,"user":"ALFA01","symbol":"AAPL","session_seq":3,"fields":{..}}
 *
 * CSV (RFC 4180) has the same names, nested ones joined by a dot ("fields.price"), as one row of
 * columns for all types; what a message does not have is empty. Prices, letters, bits and
 * identities are text, so that nothing is rounded; times and counts are integers up to 2^64. Text
 * is UTF-8; bytes that are not, control characters and the backslash stand as \xNN. An operator's
 * request shows the command that it carries ("carries").
 *
 * `user` and `symbol` are known from the EV_ACCOUNT and EV_INSTRUMENT that went by, so a dump has
 * to see the journal from its beginning whatever it shows. Memory: two tables of names from an
 * arena, and a buffer; nothing grows with the journal. Cold; one thread.
 */
#ifndef WIREBOOK_PERSIST_DUMP_H
#define WIREBOOK_PERSIST_DUMP_H

#include <stdio.h>

#include "engine/msg/shape.h"
#include "persist/export_names.h"
#include "persist/why.h"

enum dump_format {
    DUMP_JSON, /* one object a line */
    DUMP_CSV,
};

struct dump_conf {
    FILE *out; /* the caller's */
    enum dump_format format;
    u64 from_seq, to_seq;   /* transactions; 1, UINT64_MAX: all */
    u64 since_ns, until_ns; /* engine's time, ns since 1970 UTC, both included */
    const char *account;    /* only what concerns it: a user, or #ID. NULL: all */
    const char *instrument; /* only what concerns it: a symbol, or #ID. NULL: all */
    const char *columns;    /* CSV: these, separated by commas, in that order. NULL: all */
    u32 accounts_max, instruments_max; /* highest ids; 0: the program's own limits */
};

/* ---- what leaves ---- */

#define DUMP_OUT_BYTES (1u << 16)

struct dump_out {
    FILE *file;
    u32 used;
    int error; /* positive errno of the first write that failed; 0: none */
    char buf[DUMP_OUT_BYTES];
};

void dump_put(struct dump_out *o, const char *bytes, u32 n);
void dump_put_text(struct dump_out *o, const char *text);
void dump_put_number(struct dump_out *o, u64 v);

/* One field of message `m`: "" in CSV and null in JSON where a letter is absent. */
void dump_put_field(struct dump_out *o, enum dump_format how, const u8 *m, const struct field *f);

/* `n` bytes of padded text, as a field of kind TEXT. */
void dump_put_padded(struct dump_out *o, enum dump_format how, const char *text, u32 n);

/* Writes out what is in the buffer. */
void dump_flush(struct dump_out *o);

/* ---- what is wanted ---- */

struct dump_name {
    char text[8]; /* padded with spaces */
    u32 bytes;    /* of text that count: 6 or 8 */
    u32 id;       /* instead of a text; 0: by text */
    bool any;     /* everything is wanted */
    bool seen;    /* the journal has such a one */
};

struct dump_filter {
    struct dump_name account;
    struct dump_name instrument;
};

/* False: `why`: no name that an account or an instrument can have. */
bool dump_filter_init(struct dump_filter *f, const struct dump_conf *conf, struct why *why);

/*
 * Which messages of a transaction are wanted: bit i of `*wanted` (a bitmap of TX_SLOTS_MAX bits)
 * for the one at slot i. Returns how many are.
 */
u32 dump_filter_tx(struct dump_filter *f, const struct export_names *names, const struct slot *tx,
                   u32 used, u64 *wanted);

#define DUMP_WANTED_WORDS ((TX_SLOTS_MAX + 63u) / 64u)

/* ---- columns ---- */

#define DUMP_COLUMNS_MAX 320u
#define DUMP_FIELDS_MAX  48u /* of one type, its terms included */

enum dump_part {
    DUMP_HEAD,    /* columns of all messages: enum dump_head */
    DUMP_FIELD,   /* "fields.NAME" */
    DUMP_CARRIED, /* "carries.fields.NAME" */
};

enum dump_head {
    DUMP_SEQ,
    DUMP_IDX, /* number of the message in its transaction, from 0 */
    DUMP_TIME_NS,
    DUMP_TIME,
    DUMP_TYPE,
    DUMP_FLAGS,
    DUMP_ACCOUNT,
    DUMP_USER,   /* of the account */
    DUMP_SYMBOL, /* of fields.instrument */
    DUMP_SESSION_SEQ,
    DUMP_GATEWAY,
    DUMP_BIND_ID,
    DUMP_CARRIES,
    DUMP_HEADS,
};

extern const char *const dump_head_names[DUMP_HEADS];

struct dump_column {
    enum dump_part part;
    u32 head; /* DUMP_HEAD: enum dump_head */
    const char *name;
};

struct dump_columns {
    struct dump_column at[DUMP_COLUMNS_MAX];
    u32 used;
    u32 order[DUMP_COLUMNS_MAX]; /* the ones to be shown */
    u32 shown;
    u16 of_field[2][256][DUMP_FIELDS_MAX]; /* [carried][type][field] */
};

/* All columns, of which `wanted` (NULL: all) are shown. False: `why`: there is no such column. */
bool dump_columns_init(struct dump_columns *c, const char *wanted, struct why *why);

/* CSV's first line. */
void dump_columns_header(const struct dump_columns *c, struct dump_out *o);

/* The i-th field of `type`, those of the terms behind the others; NULL: no more. */
const struct field *dump_field(u8 type, u32 i);

/* ---- all of it ---- */

struct dump {
    struct dump_conf conf;
    struct dump_out out;
    struct dump_filter filter;
    struct dump_columns columns;
    struct export_names names;
    u64 written;        /* messages */
    u64 time_s;         /* of time_text */
    char time_text[24]; /* "2026-11-22T14:30:00." */
};

/* Memory for names from `m`. Writes CSV's header. False: `why`. */
bool dump_init(struct dump *d, const struct dump_conf *conf, struct mem *m, struct why *why);

/*
 * A whole, checked transaction, in the journal's order. False: nothing that may come would be
 * shown, or the output has failed.
 */
bool dump_tx(struct dump *d, const struct slot *tx, u32 used);

/* The end. False: `why`: it could not be written, or there is no such account or instrument. */
bool dump_end(struct dump *d, struct why *why);

#endif
