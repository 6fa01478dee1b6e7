/*
 * postgres.h - PostgreSQL (Amazon Aurora) as a sink: binary COPY, exactly once by a fenced mark.
 *
 * The tables are those of config/sql, made by scripts/migrate.
 */
#ifndef WIREBOOK_PERSIST_POSTGRES_H
#define WIREBOOK_PERSIST_POSTGRES_H

#include "persist/sink.h"

struct postgres_conf {
    /*
     * A libpq connection string, "key=value ..." or a URI; "" is the environment's PGHOST and so
     * on. May name several hosts: they are tried in turn, one at a time, each with its own
     * deadline. What it does not set is set here: target_session_attrs=read-write, keepalives,
     * tcp_user_timeout, application_name, client_encoding.
     */
    const char *conninfo;
    const char *password_file; /* in .pgpass format; NULL or "": libpq's own default */
    u32 shard;
    u32 batch_rows;         /* a batch is full at about this many rows, from 1 */
    u64 connect_timeout_ns; /* longest way to an answer of one host */
    u64 commit_timeout_ns;  /* longest silence of the server once connected */
};

/* No conninfo, shard 0, 10000 rows, 5 s to connect, 10 s of silence. */
void postgres_conf_defaults(struct postgres_conf *conf);

/* Whether libpq understands it; if not, `why` has the option that it does not know, but no value:
 * it may be a secret in the wrong place. */
bool postgres_conninfo_check(const char *conninfo, char *why, size_t bytes);

/*
 * A sink, disconnected, with its buffers (42 MiB, touched as they fill). `conf` is copied, the
 * texts too. Touches no network. NULL: the conninfo is malformed; the reason has been logged. Set
 * sink.epoch before it is used.
 */
struct sink *postgres_new(const struct postgres_conf *conf);

/* Closes it and gives back all it holds; `s` may be NULL. */
void postgres_free(struct sink *s);

#endif
