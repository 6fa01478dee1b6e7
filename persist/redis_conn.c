/*
 * redis_conn.c - see redis_conn.h. hiredis parses the replies; sockets and TLS are far_link's.
 *
 * Invariants: what is queued fits the buffer (its room is the sum of what redis.c may have under
 * way); bytes leave in order; after LINK_LOST only redis_conn_close and _redirect are legal.
 */
#include "persist/redis_conn.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#define SECRET_BYTES 512u

static bool given(const char *text)
{
    return text && text[0] != '\0';
}

void redis_conn_init(struct redis_conn *c, const struct redis_conf *conf, struct mem *m, u32 room)
{
    memset(c, 0, sizeof *c);
    c->conf = conf;
    c->hosts = 1;
    for (const char *at = conf->host; *at; at++)
        c->hosts += *at == ',';
    c->out.room = room;
    c->out.bytes = mem_alloc(m, room, CACHE_LINE);
    far_link_init(&c->link);
}

static void choose_host(struct redis_conn *c)
{
    c->turn = c->attempt / c->hosts;
    c->asking = c->redirected && c->ask_next;
    if (c->redirected)
        c->host = c->redirect;
    else if (!redis_text_host(c->conf->host, c->attempt++, c->conf->port, &c->host))
        snprintf(c->host.name, sizeof c->host.name, "malformed"); /* no name: said by the look-up */
    c->redirected = false;
}

void redis_conn_open(struct redis_conn *c)
{
    const struct redis_conf *conf = c->conf;
    const char *path = given(conf->socket) ? conf->socket : NULL;

    ASSERT(c->reader == NULL);
    c->reader = redisReaderCreate();
    ASSERT(c->reader != NULL);
    c->out.used = c->out.args = c->sent = 0;
    choose_host(c);
    far_link_open(&c->link, c->host.name, c->host.port, path, conf->tls ? &conf->tls_conf : NULL,
                  c->turn);
}

enum link_status redis_conn_ready(struct redis_conn *c)
{
    return far_link_ready(&c->link);
}

u32 redis_conn_queue(struct redis_conn *c, const struct resp *command, bool has_keys)
{
    static const char asking[] = "*1\r\n$6\r\nASKING\r\n";
    const u32 n = sizeof asking - 1;
    bool ask = c->asking && has_keys;

    if (c->sent == c->out.used)
        c->out.used = c->sent = 0;
    if (ask) {
        ASSERT_LE(c->out.used + n, c->out.room);
        memcpy(c->out.bytes + c->out.used, asking, n);
        c->out.used += n;
    }
    resp_append(&c->out, command);
    return ask ? 2 : 1;
}

/* The first line of the password file: read at each attempt, so that a new one needs no restart. */
static bool read_password(const char *path, char password[SECRET_BYTES])
{
    FILE *file = fopen(path, "re");
    bool read = file && fgets(password, SECRET_BYTES, file);

    if (file)
        fclose(file);
    if (read)
        password[strcspn(password, "\r\n")] = '\0';
    return read;
}

bool redis_conn_auth(struct redis_conn *c, struct resp *scratch, u32 *replies)
{
    const struct redis_conf *conf = c->conf;
    char password[SECRET_BYTES];

    if (!given(conf->password_file))
        return true;
    if (!read_password(conf->password_file, password))
        return false;
    scratch->used = scratch->args = 0;
    resp_head(scratch, given(conf->username) ? 3 : 2);
    resp_text(scratch, "AUTH");
    if (given(conf->username))
        resp_text(scratch, conf->username);
    resp_text(scratch, password);
    explicit_bzero(password, sizeof password);
    *replies += redis_conn_queue(c, scratch, false);
    explicit_bzero(scratch->bytes, scratch->used);
    return true;
}

/* Sends what the socket takes. */
static enum link_status flush(struct redis_conn *c)
{
    while (c->sent < c->out.used) {
        u32 done;
        enum link_status status =
            far_link_write(&c->link, c->out.bytes + c->sent, c->out.used - c->sent, &done);
        if (status != LINK_OK)
            return status;
        c->sent += done;
    }
    return LINK_OK;
}

static enum link_status no_resp(struct redis_conn *c)
{
    snprintf(c->link.error, sizeof c->link.error, "the answer is no RESP: %.80s",
             c->reader->errstr);
    return LINK_LOST;
}

enum link_status redis_conn_reply(struct redis_conn *c, struct redisReply **reply)
{
    void *got = NULL;
    u32 n;

    *reply = NULL;
    if (flush(c) == LINK_LOST)
        return LINK_LOST;
    for (;;) {
        if (redisReaderGetReply(c->reader, &got) != REDIS_OK)
            return no_resp(c);
        if (got)
            break;
        enum link_status status = far_link_read(&c->link, c->input, sizeof c->input, &n);
        if (status != LINK_OK)
            return status;
        if (redisReaderFeed(c->reader, (const char *)c->input, n) != REDIS_OK)
            return no_resp(c);
    }
    *reply = got;
    return LINK_OK;
}

bool redis_conn_redirect(struct redis_conn *c, const char *error)
{
    bool asking;

    if (!redis_text_redirect(error, &c->host, &c->redirect, &asking))
        return false;
    c->redirected = true;
    c->ask_next = asking;
    return true;
}

void redis_conn_why(const struct redis_conn *c, char *text, u32 bytes)
{
    if (given(c->conf->socket))
        snprintf(text, bytes, "%s: %s", c->conf->socket, c->link.error);
    else
        snprintf(text, bytes, "%s:%u: %s", c->host.name, c->host.port, c->link.error);
}

void redis_conn_close(struct redis_conn *c)
{
    if (c->reader)
        redisReaderFree(c->reader);
    c->reader = NULL;
    far_link_close(&c->link);
}
