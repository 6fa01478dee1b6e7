/*
 * redis.h - Redis (ElastiCache) as a sink: a stream of fills, trades by pub/sub, last trades
 * and tops of books.
 *
 * Keys and payloads stand in config/sql/README.md.
 */
#ifndef WIREBOOK_PERSIST_REDIS_H
#define WIREBOOK_PERSIST_REDIS_H

#include "persist/sink.h"
#include "persist/tls.h"

struct tops;

struct redis_conf {
    /*
     * Addresses or names, "a,b:6380", tried in turn; a replica among them is found out and left.
     * Looking a name up blocks the export's thread.
     */
    const char *host;
    u16 port;                  /* of those that name none */
    const char *socket;        /* path of a Unix socket, before host and port; NULL or "": none */
    const char *username;      /* NULL or "": the default user */
    const char *password_file; /* its first line is the password; NULL or "": none */
    const char *prefix;        /* of every key and channel, at most 63 characters */
    u32 shard;
    struct tops *tops; /* of the books, to be set as they change; NULL: not */
    bool tls;
    struct tls_conf tls_conf;
    u64 stream_max_len;     /* entries that the stream keeps, about */
    u32 batch_rows;         /* a batch is full at about this many entries, from 1 */
    u64 connect_timeout_ns; /* longest way to a connection */
    u64 commit_timeout_ns;  /* longest silence of the server once connected */
};

/* 127.0.0.1:6379, prefix "wirebook", 1,000,000 entries, batches of 512, 5 s, 5 s. */
void redis_conf_defaults(struct redis_conf *conf);

/*
 * A sink, disconnected, with its buffers (10 MiB, touched as they fill). The texts of `conf`
 * outlive it. Touches no network. Set sink.epoch before it is used.
 */
struct sink *redis_new(const struct redis_conf *conf);

/* Closes it and gives back all it holds; `s` may be NULL. */
void redis_free(struct sink *s);

#endif
