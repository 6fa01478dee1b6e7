/*
 * redis_conn.h - a conversation with one Redis server: which host, bytes out, replies in.
 *
 * Local to redis.c. Commands are queued whole and sent as the socket takes them; replies come in
 * their order. Of several hosts the next one has its turn with each attempt; where a cluster sends
 * us goes before them all, once; of a host's addresses each has its turn, too. Cold thread.
 */
#ifndef WIREBOOK_PERSIST_REDIS_CONN_H
#define WIREBOOK_PERSIST_REDIS_CONN_H

#include "engine/base/mem.h"
#include "persist/far_link.h"
#include "persist/redis.h"
#include "persist/redis_text.h"

struct redisReader;
struct redisReply;

struct redis_conn {
    const struct redis_conf *conf;
    struct far_link link;
    struct redisReader *reader; /* NULL: closed */
    struct resp out;            /* queued bytes, of which `sent` have left */
    u32 sent;
    u32 attempt;            /* counts up, over the hosts of the config */
    u32 hosts;              /* of the config */
    u32 turn;               /* of the present host: which of its addresses */
    struct redis_host host; /* the present one */
    struct redis_host redirect;
    bool redirected; /* the next attempt goes to `redirect` */
    bool ask_next;   /* ... which does not own the slot yet */
    bool asking;     /* the present host does not */
    u8 input[64u * 1024u];
};

/* Closed. `room`: bytes of all commands that may be queued at once, from `m`. */
void redis_conn_init(struct redis_conn *c, const struct redis_conf *conf, struct mem *m, u32 room);

/* Begins to connect. Only when closed. */
void redis_conn_open(struct redis_conn *c);

/* LINK_OK: commands may be queued. */
enum link_status redis_conn_ready(struct redis_conn *c);

/*
 * Queues a whole command. If it has keys, a node that only imports their slot is told so in front
 * of it, and answers that, too. Returns the replies that will come.
 */
u32 redis_conn_queue(struct redis_conn *c, const struct resp *command, bool has_keys);

/*
 * Queues AUTH if the config has a password, and adds 1 to `replies`. `scratch` is for the command,
 * and wiped. False: the password's file cannot be read.
 */
bool redis_conn_auth(struct redis_conn *c, struct resp *scratch, u32 *replies);

/* Moves bytes out and in; LINK_OK with a reply, which is to be freed by freeReplyObject. */
enum link_status redis_conn_reply(struct redis_conn *c, struct redisReply **reply);

/* Takes a cluster's redirection: the next attempt goes there. False: it is another error. */
bool redis_conn_redirect(struct redis_conn *c, const char *error);

/* Why the last call answered LINK_LOST, with the host. */
void redis_conn_why(const struct redis_conn *c, char *text, u32 bytes);

/* Harmless when closed. */
void redis_conn_close(struct redis_conn *c);

#endif
