/*
 * conf_schema.h - the table of configuration keys, and what can be done with one value by its row.
 *
 * Local to gateway/conf*.c and its tests; others include conf.h. A path's parts are joined by dots;
 * `list[].key` is a key of each item of a list, its place then counts from the item's start.
 */
#ifndef WIREBOOK_GATEWAY_CONF_SCHEMA_H
#define WIREBOOK_GATEWAY_CONF_SCHEMA_H

#include "gateway/conf.h"
#include "gateway/report.h"

enum conf_type {
    CONF_SECTION,  /* a mapping of keys; holds no value itself */
    CONF_LIST,     /* a sequence of mappings, 1..max of them */
    CONF_INT,      /* u64 in min..max */
    CONF_BOOL,     /* bool: yes, no, true, false */
    CONF_WORD,     /* enum: the index of one of `words` */
    CONF_SET,      /* u32: a sequence of `words`, bit i for the i-th */
    CONF_TEXT,     /* char[size], of min..max characters, none of them a control character */
    CONF_CONNINFO, /* text that must not contain a password */
    CONF_HOSTS,    /* text: names or addresses, each with a :port or without, parted by commas */
    CONF_ZONE,     /* text that names a time zone of the tz database */
    CONF_ADDRESS,  /* u32: an IPv4 address, network order */
    CONF_NETWORK,  /* struct conf_network: ADDRESS/BITS */
    CONF_MINUTE,   /* i64: HH:MM as minutes after midnight, or none: -1 */
    CONF_CPU,      /* i64: 0..max, or none: -1 */
};

struct conf_key {
    const char *path;
    enum conf_type type;
    u32 at;      /* where its value (a list: its first item) stands in struct conf */
    u32 size;    /* text: bytes with the final zero; list: bytes of one item */
    u32 used_at; /* list: where the u32 number of items stands */
    u64 min;
    u64 max;
    const char *words; /* allowed words, separated by spaces */
    const char *later; /* words that are known but not built yet */
    const char *unit;  /* set: its words in short, for people */
    const char *def;   /* the default as a file would have it; NULL: an item must have the key */
    const char *help;
    enum conf_live live; /* what takes a change; a list that has none: its items' keys say it */
};

#define CONF_KEYS_MAX 224u

extern const struct conf_key conf_schema[];
extern const u32 conf_schema_used;

/* Where things stand in the file that is being read: line numbers from 1; 0: not in it. */
struct conf_lines {
    u32 key[CONF_KEYS_MAX];  /* by row of the schema; of a list's keys nothing */
    bool bad[CONF_KEYS_MAX]; /* something about it or in it was already reported */
    u32 item[CONF_KEYS_MAX]
            [CONF_LISTEN_MAX > CONF_THREADS_MAX ? CONF_LISTEN_MAX : CONF_THREADS_MAX];
};

/* Row of the key `name` (of `bytes` bytes) of the section `prefix` ("" is the top); -1: none. */
int conf_key_find(const char *prefix, const char *name, size_t bytes);

/* The row that is `path`; it must exist. */
u32 conf_key_row(const char *path);

/* True when row `key` stands in section (or list item) `prefix`; then *name is its last part. */
bool conf_key_in(const struct conf_key *key, const char *prefix, const char **name);

/* "1 to 99 ms", "disk, none": what is allowed for a row, to `out`. */
void conf_allowed(const struct conf_key *key, char *out, size_t bytes);

/*
 * Parses `text` by row `key` to `field`. Returns NULL, or what is wrong with it (then the field is
 * untouched). Not for sections and lists; for a set, `text` is one word, whose bit is added.
 */
const char *conf_value_parse(const struct conf_key *key, const char *text, void *field);

/* True when the tz database of this machine ($TZDIR, or the usual place) has the zone `name`. */
bool conf_zone_exists(const char *name);

/* Writes a value as YAML. */
void conf_value_print(const struct conf_key *key, const void *field, FILE *out);

/* As conf_load (conf.h), which also says where things stood. */
int conf_load_lines(const char *path, struct conf *out, struct conf_lines *lines, FILE *errors);

/* Reports what is wrong between keys that are each right alone; a key that is `bad` is left out. */
void conf_check(const struct conf *c, const struct conf_lines *lines, struct report *e);

/* The key of section `prefix` that is most like `name`, or one of that name elsewhere; or NULL. */
const struct conf_key *conf_key_like(const char *prefix, const char *name);

#endif
