/*
 * world.c - see world.h. Thread: the one that starts the process. Failure modes: each has one line
 * that says what is wrong and what to do about it.
 */
#include "gateway/world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "persist/archive_hook.h"
#include "persist/postgres.h"
#include "persist/pwrite.h"
#include "persist/redis.h"
#include "persist/tops.h"
#include "persist/uring.h"

#define EXIT_WORLD 1 /* what the operator can mend in the config or around it */

static u64 pass_time(void *ctx)
{
    (void)ctx;
    clock_sleep_ns(50 * NS_PER_US);
    return clock_now_ns();
}

static int disk_open(struct world *w, const struct conf *conf)
{
    struct why why = {""};
    int rc;

    w->disk = conf->journal.io == CONF_JOURNAL_IO_PWRITE ? pwrite_new(conf->data_dir, &why)
                                                         : uring_new(conf->data_dir, &why);
    if (!w->disk) {
        log_error("%s", why.text);
        return PERSIST_EXIT_OPEN;
    }
    rc = w->disk->ops->lock(w->disk);
    if (rc == -EWOULDBLOCK) {
        log_error("%s: another wirebook runs on this data_dir; stop it or choose another data_dir",
                  conf->data_dir);
        return PERSIST_EXIT_LOCKED;
    }
    if (rc != 0) {
        log_error("%s: cannot be locked: %s", conf->data_dir, strerror(-rc));
        return PERSIST_EXIT_OPEN;
    }
    return 0;
}

static int edge_make(struct world *w, const struct conf *conf, const struct placement *place)
{
    if (!edge_open(&w->edge, conf, place, &w->mem, clock_now_ns()))
        return EXIT_WORLD; /* the reason has been logged */
    for (u32 g = 0; g < w->edge.transports_used; g++)
        w->topology.transports[g] = w->edge.transports[g];
    return 0;
}

static int auth_open(struct world *w, const struct conf *conf, const struct refdata *refs)
{
    struct auth_conf auth = {
        .users_max = (u32)conf->engine.accounts_max,
        .failures_max = (u32)conf->auth.failures_max,
        .failures_window_ns = conf->auth.failures_window_ms * NS_PER_MS,
        .waiting_max = (u32)conf->gateway.connections_max,
    };

    w->auth = auth_new(&auth);
    if (!w->auth) {
        log_error("the password check cannot start: libsodium failed");
        return EXIT_WORLD;
    }
    for (u32 i = 0; i < refs->accounts_used; i++) {
        const struct refdata_account *a = &refs->accounts[i];
        if (a->enabled && !auth_user_set(w->auth, a->user, a->password_hash)) {
            log_error("%s:%u: the password hash of user %.6s is not an argon2id string; make one "
                      "with wirebook --hash-password",
                      conf->accounts_file, a->line, a->user);
            return EXIT_WORLD;
        }
        if (a->enabled && a->password_hash_2[0] != '\0' &&
            !auth_user_next(w->auth, a->user, a->password_hash_2)) {
            log_error("%s:%u: the second password hash of user %.6s is not an argon2id string",
                      conf->accounts_file, a->line, a->user);
            return EXIT_WORLD;
        }
    }
    if (conf->auth.remember_days > 0)
        auth_remember(w->auth, conf->data_dir, (u32)conf->auth.remember_days);
    auth_register_metrics(w->auth);
    w->topology.auth = w->auth;
    return 0;
}

static void sink_add(struct world *w, const char *name, struct sink *sink, u64 batch_ms)
{
    struct topology_sink *s = &w->topology.sinks[w->topology.sinks_used++];

    s->name = name;
    s->sink = sink;
    s->batch_age_ns = batch_ms * NS_PER_MS;
}

static int postgres_open(struct world *w, const struct conf *conf)
{
    const struct conf_postgres *c = &conf->postgres;
    struct postgres_conf pg;

    if (!c->enabled)
        return 0;
    postgres_conf_defaults(&pg);
    pg.conninfo = c->conninfo;
    pg.password_file = c->password_file;
    pg.shard = (u32)conf->shard;
    pg.batch_rows = (u32)c->batch_rows;
    pg.connect_timeout_ns = c->connect_timeout_ms * NS_PER_MS;
    pg.commit_timeout_ns = c->commit_timeout_ms * NS_PER_MS;
    w->postgres = postgres_new(&pg);
    if (!w->postgres)
        return EXIT_WORLD; /* the reason has been logged */
    sink_add(w, "postgres", w->postgres, c->batch_ms);
    return 0;
}

static void redis_terms(struct redis_conf *rd, const struct conf_redis *c)
{
    rd->host = c->host;
    rd->port = (u16)c->port;
    rd->socket = c->socket;
    rd->tls = c->tls;
    rd->tls_conf = (struct tls_conf){
        .ca_file = c->tls_ca_file,
        .cert_file = c->tls_cert_file,
        .key_file = c->tls_key_file,
        .name = c->tls_name,
    };
    rd->username = c->username;
    rd->password_file = c->password_file;
    rd->prefix = c->prefix;
}

static int redis_open(struct world *w, const struct conf *conf)
{
    const struct conf_redis *c = &conf->redis;
    struct redis_conf rd;

    if (!c->enabled)
        return 0;
    redis_conf_defaults(&rd);
    redis_terms(&rd, c);
    if (c->top_of_book)
        rd.tops = w->topology.tops = tops_new((u32)conf->engine.instruments_max, &w->mem);
    rd.shard = (u32)conf->shard;
    rd.stream_max_len = c->stream_max_len;
    rd.batch_rows = (u32)c->batch_rows;
    rd.connect_timeout_ns = c->connect_timeout_ms * NS_PER_MS;
    rd.commit_timeout_ns = c->commit_timeout_ms * NS_PER_MS;
    w->redis = redis_new(&rd);
    sink_add(w, "redis", w->redis, c->batch_ms);
    return 0;
}

/* Memory and disk: what every world has first. */
static int begin(struct world *w, const struct conf *conf)
{
    memset(w, 0, sizeof *w);
    mem_init(&w->mem, conf->huge_pages == CONF_HUGE_PAGES_TRY ? MEM_HUGE : 0);
    w->topology.pass_time = pass_time;
    int rc = disk_open(w, conf);
    w->topology.disk = w->disk;
    return rc;
}

int world_open_inside(struct world *w, const struct conf *conf, const struct refdata *refs,
                      struct transport *transport)
{
    int rc = begin(w, conf);

    w->topology.transports[0] = transport;
    return rc == 0 ? auth_open(w, conf, refs) : rc;
}

int world_open(struct world *w, const struct conf *conf, const struct refdata *refs,
               const struct placement *place)
{
    int rc = begin(w, conf);

    if (rc == 0)
        rc = edge_make(w, conf, place);
    if (rc == 0)
        rc = auth_open(w, conf, refs);
    if (rc == 0)
        rc = postgres_open(w, conf);
    if (rc == 0)
        rc = redis_open(w, conf);
    if (rc == 0 && conf->journal.archive_to[0] != '\0') {
        w->archive = archive_program_new(conf->journal.archive_command, conf->data_dir,
                                         conf->journal.archive_to);
        w->topology.archive = archive_program_hook(w->archive);
    }
    return rc;
}

void world_close(struct world *w)
{
    if (w->archive)
        archive_program_free(w->archive);
    postgres_free(w->postgres);
    redis_free(w->redis);
    if (w->auth)
        auth_free(w->auth);
    edge_close(&w->edge);
    if (w->disk)
        w->disk->ops->free(w->disk);
    mem_free_all(&w->mem);
}

void world_schedule(struct schedule *to, const struct conf_schedule *c)
{
    *to = (struct schedule){
        .on = c->pre_open_minute >= 0,
        .pre_open_minute = (int)c->pre_open_minute,
        .opening_minute = (int)c->opening_minute,
        .closing_minute = (int)c->closing_minute,
        .closed_minute = (int)c->closed_minute,
        .half_closing_minute = (int)c->half_closing_minute,
        .late_s = (u32)c->late_s,
        .wide_opening_s = (u32)c->wide_opening_s,
        .wide_closing_s = (u32)c->wide_closing_s,
        .weekends = c->weekends,
    };
}
