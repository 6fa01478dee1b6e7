/*
 * conf_check.c - what must hold between keys of the configuration, each of them right alone.
 *
 * Looks at its arguments, and at the file system for what must be there. Each rule names the key
 * that a person would most likely change, at its line or, when that key has its default, at the
 * other one's.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/limits.h"
#include "gateway/conf_schema.h"

/* Asserts `key` (of value `a`) > `other` (of value `b`), or >= it. */
static void check_above(const char *key, u64 a, const char *other, u64 b, bool or_equal,
                        const struct conf_lines *lines, struct report *e)
{
    char value[24];
    u32 row = conf_key_row(key), other_row = conf_key_row(other);

    if (a > b || (or_equal && a == b) || lines->bad[row] || lines->bad[other_row])
        return;
    u32 line = lines->key[row] ? lines->key[row] : lines->key[other_row];
    snprintf(value, sizeof value, "%llu", (unsigned long long)a);
    report_error(e, line, key, value, "too small beside %s; allowed: %s %llu", other,
                 or_equal ? "at least" : "more than", (unsigned long long)b);
}

/* The times of a schedule: all of them or none, in their order. */
static void check_schedule(const struct conf *c, const struct conf_lines *lines, struct report *e)
{
    static const char *const keys[] = {"venue.pre_open", "venue.opening", "venue.closing",
                                       "venue.closed"};
    const struct conf_schedule *s = &c->schedule;
    const i64 minutes[] = {s->pre_open_minute, s->opening_minute, s->closing_minute,
                           s->closed_minute};
    bool on = false, all = true;

    for (u32 i = 0; i < ARRAY_LEN(keys); i++) {
        on |= minutes[i] >= 0;
        all &= !lines->bad[conf_key_row(keys[i])];
    }
    for (u32 i = 0; all && on && i < ARRAY_LEN(keys); i++) {
        bool may_equal = i == 3; /* no extended hours */
        if (minutes[i] < 0)
            report_error(e, lines->key[conf_key_row(keys[i])], keys[i], "none",
                         "a schedule has all of venue.pre_open, opening, closing and closed; "
                         "allowed: HH:MM, or none in all four");
        else if (i && minutes[i] < minutes[i - 1] + !may_equal)
            report_error(e, lines->key[conf_key_row(keys[i])], keys[i], NULL,
                         "before %s; allowed: a later time", keys[i - 1]);
    }
    u32 half = conf_key_row("venue.half_closing");
    if (all && !on && s->half_closing_minute >= 0)
        report_error(e, lines->key[half], "venue.half_closing", NULL,
                     "means nothing without a schedule; set venue.pre_open, opening, closing and "
                     "closed, or drop this");
    if (all && on && s->half_closing_minute >= 0 &&
        (s->half_closing_minute <= s->opening_minute || s->half_closing_minute > s->closing_minute))
        report_error(e, lines->key[half], "venue.half_closing", NULL,
                     "not a time of trading; allowed: after venue.opening, up to venue.closing");
    if (all && on && c->day_end_minute >= 0 && c->day_end_minute < s->closed_minute)
        report_error(e, lines->key[conf_key_row("venue.day_end")], "venue.day_end", NULL,
                     "the day ends while the venue is open; allowed: venue.closed or later");
}

static void check_listen(const struct conf *c, const struct conf_lines *lines, struct report *e)
{
    u32 row = conf_key_row("gateway.listen");
    bool by_port = c->gateway.transport != CONF_TRANSPORT_SOCKETS; /* our TCP knows no others */
    bool orders = false;
    char key[40];

    for (u32 i = 0; i < c->gateway.listen_used; i++) {
        const struct conf_listen *a = &c->gateway.listen[i];
        orders |= a->role == CONF_ROLE_ORDERS;
        for (u32 j = 0; j < i; j++) {
            const struct conf_listen *b = &c->gateway.listen[j];
            bool overlap = a->ipv4 == b->ipv4 || a->ipv4 == 0 || b->ipv4 == 0 || by_port;
            if (a->port != b->port || !overlap)
                continue;
            snprintf(key, sizeof key, "gateway.listen[%u]", i);
            report_error(e, lines->item[row][i], key, NULL,
                         "the same port as gateway.listen[%u]; allowed: each address and port once",
                         j);
        }
    }
    if (!orders)
        report_error(e, lines->key[row], "gateway.listen", NULL,
                     "nobody can trade; allowed: at least one with role: orders");
}

/* Whether the agent of bit `a` is there with so many gateways. */
static bool agent_exists(u32 a, u64 gateways)
{
    return a < gateways || a >= GATEWAYS_MAX;
}

/* "gateway, gateway1, engine, persist": the agents that are there. */
static void agents_text(u64 gateways, char *out, size_t bytes)
{
    size_t at = 0;

    for (u32 a = 0; a < CONF_AGENTS; a++) {
        if (agent_exists(a, gateways) && at < bytes)
            at += (size_t)snprintf(out + at, bytes - at, "%s%s", a > 0 ? ", " : "",
                                   conf_agent_names[a]);
    }
}

/* Agent `a` in the thread `i`: `seen` threads before it have it too. */
static void check_agent(const struct conf *c, u32 a, u32 i, u32 seen,
                        const struct conf_lines *lines, struct report *e)
{
    u32 line = lines->item[conf_key_row("threads")][i];
    char key[40];

    snprintf(key, sizeof key, "threads[%u].agents", i);
    if (!agent_exists(a, c->gateway.count))
        report_error(e, line, key, conf_agent_names[a],
                     "there is no such agent with gateway.count %llu; allowed: an agent that is "
                     "there, or a higher count",
                     (unsigned long long)c->gateway.count);
    else if (seen > 0)
        report_error(e, line, key, conf_agent_names[a],
                     "already runs in an earlier thread; allowed: each agent once");
}

/* Each agent that is there in exactly one thread, no other in any. */
static void check_agents(const struct conf *c, const struct conf_lines *lines, struct report *e)
{
    u32 row = conf_key_row("threads");
    u32 line = lines->key[row] ? lines->key[row] : lines->key[conf_key_row("gateway.count")];
    char all[256];

    agents_text(c->gateway.count, all, sizeof all);
    for (u32 a = 0; a < CONF_AGENTS; a++) {
        u32 seen = 0;
        for (u32 i = 0; i < c->threads_used; i++) {
            if ((c->threads[i].agents & 1u << a) != 0)
                check_agent(c, a, i, seen++, lines, e);
        }
        if (seen == 0 && agent_exists(a, c->gateway.count))
            report_error(e, line, "threads", conf_agent_names[a],
                         "this agent runs in no thread; allowed: each of %s in one", all);
    }
}

/* Names are unique, and who spins has his core to himself. */
static void check_threads(const struct conf *c, const struct conf_lines *lines, struct report *e)
{
    u32 row = conf_key_row("threads");
    char key[40], cpu[24];

    for (u32 i = 0; i < c->threads_used; i++) {
        const struct conf_thread *a = &c->threads[i];
        for (u32 j = 0; j < i; j++) {
            const struct conf_thread *b = &c->threads[j];
            if (strcmp(a->name, b->name) == 0) {
                snprintf(key, sizeof key, "threads[%u].name", i);
                report_error(e, lines->item[row][i], key, a->name,
                             "already the name of threads[%u]; allowed: each name once", j);
            }
            if (a->cpu >= 0 && a->cpu == b->cpu && (a->idle == IDLE_SPIN || b->idle == IDLE_SPIN)) {
                snprintf(key, sizeof key, "threads[%u].cpu", i);
                snprintf(cpu, sizeof cpu, "%lld", (long long)a->cpu);
                report_error(e, lines->item[row][i], key, cpu,
                             "shared with threads[%u] although one of them spins; allowed: a core "
                             "of its own, or idle: backoff",
                             j);
            }
        }
    }
}

static void check_dpdk(const struct conf *c, const struct conf_lines *lines, struct report *e)
{
    u32 row = conf_key_row("dpdk.ports");
    char key[40], value[24];

    for (u32 i = 0; i < c->dpdk.ports_used; i++) {
        const struct conf_port *a = &c->dpdk.ports[i];
        if (a->ipv4 == 0) {
            snprintf(key, sizeof key, "dpdk.ports[%u].ipv4", i);
            report_error(e, lines->item[row][i], key, "0.0.0.0",
                         "not an address of one machine; allowed: our own on this port");
        }
        if (a->queues < c->gateway.count && !lines->bad[conf_key_row("gateway.count")] &&
            c->gateway.transport != CONF_TRANSPORT_SOCKETS) {
            snprintf(key, sizeof key, "dpdk.ports[%u].queues", i);
            snprintf(value, sizeof value, "%llu", (unsigned long long)a->queues);
            report_error(e, lines->item[row][i], key, value,
                         "fewer than gateways, each of which needs one of its own; allowed: at "
                         "least gateway.count, %llu",
                         (unsigned long long)c->gateway.count);
        }
        if (a->mtu != 0 && a->mtu < 576) {
            snprintf(key, sizeof key, "dpdk.ports[%u].mtu", i);
            snprintf(value, sizeof value, "%llu", (unsigned long long)a->mtu);
            report_error(e, lines->item[row][i], key, value, "too small; allowed: 0, 576 to 9001");
        }
        for (u32 j = 0; j < i; j++) {
            const struct conf_port *b = &c->dpdk.ports[j];
            size_t n = strcspn(a->device, ",");
            if (n != strcspn(b->device, ",") || strncmp(a->device, b->device, n) != 0)
                continue;
            snprintf(key, sizeof key, "dpdk.ports[%u].device", i);
            report_error(e, lines->item[row][i], key, a->device,
                         "the same device as dpdk.ports[%u]; allowed: each device once", j);
        }
    }
}

/* What is said about TLS must come to something. */
static void check_redis_tls(const struct conf_redis *c, const struct conf_lines *lines,
                            struct report *e)
{
    const struct {
        const char *key;
        const char *value;
    } given[] = {
        {"export.redis.tls_ca_file", c->tls_ca_file},
        {"export.redis.tls_cert_file", c->tls_cert_file},
        {"export.redis.tls_key_file", c->tls_key_file},
        {"export.redis.tls_name", c->tls_name},
    };

    for (u32 i = 0; i < ARRAY_LEN(given) && !c->tls; i++)
        if (given[i].value[0] != '\0')
            report_error(e, lines->key[conf_key_row(given[i].key)], given[i].key, given[i].value,
                         "means nothing without export.redis.tls; set that to yes, or drop this");
    if ((c->tls_cert_file[0] == '\0') != (c->tls_key_file[0] == '\0')) {
        bool cert = c->tls_cert_file[0] != '\0';
        const char *key = cert ? "export.redis.tls_cert_file" : "export.redis.tls_key_file";
        report_error(e, lines->key[conf_key_row(key)], key, NULL,
                     "a certificate and its key go together; set %s, too",
                     cert ? "export.redis.tls_key_file" : "export.redis.tls_cert_file");
    }
    if (c->tls && c->socket[0] != '\0')
        report_error(e, lines->key[conf_key_row("export.redis.socket")], "export.redis.socket",
                     c->socket, "a Unix socket has no TLS; drop one of the two");
}

static void check_export(const struct conf *c, const struct conf_lines *lines, struct report *e)
{
    check_above("export.retry_max_ms", c->export_retry_max_ms, "export.retry_min_ms",
                c->export_retry_min_ms, true, lines, e);
    if (c->postgres.enabled && c->postgres.conninfo[0] == 0 &&
        !lines->bad[conf_key_row("export.postgres.conninfo")])
        report_error(e, lines->key[conf_key_row("export.postgres.enabled")],
                     "export.postgres.conninfo", NULL,
                     "missing although the export is enabled; allowed: libpq's connection string");
    check_redis_tls(&c->redis, lines, e);
}

static void check_console(const struct conf *c, const struct conf_lines *lines, struct report *e)
{
    u32 line = lines->key[conf_key_row("management.console_dir")];
    bool cert = c->management_cert_file[0] != 0, key = c->management_key_file[0] != 0;

    if (cert != key)
        report_error(
            e,
            lines->key[conf_key_row(cert ? "management.tls_cert_file" : "management.tls_key_file")],
            cert ? "management.tls_key_file" : "management.tls_cert_file", NULL,
            "missing although the other one is there; allowed: both, or neither");

    if (c->console_dir[0] == 0)
        return;
    if (c->management_port == 0)
        report_error(e, line, "management.port", "0",
                     "the console is served there; allowed: 1 to 65535");
    if (c->console_token_file[0] == 0)
        report_error(e, line, "management.token_file", NULL,
                     "missing although there is a console; allowed: a file with its token");
}

/* Who may steer means nothing where nobody can. */
static void check_control(const struct conf *c, const struct conf_lines *lines, struct report *e)
{
    const struct {
        const char *key;
        const char *value;
    } given[] = {
        {"control.group", c->control.group},
        {"control.viewers", c->control.viewers},
        {"control.operators", c->control.operators},
        {"control.admins", c->control.admins},
    };

    for (u32 i = 0; i < ARRAY_LEN(given) && c->control.socket[0] == '\0'; i++)
        if (given[i].value[0] != '\0')
            report_error(e, lines->key[conf_key_row(given[i].key)], given[i].key, given[i].value,
                         "means nothing without control.socket; set that, or drop this");
}

/* By the kernel's TCP two parts of the process cannot have one port. */
static void check_management(const struct conf *c, const struct conf_lines *lines, struct report *e)
{
    char value[24];

    for (u32 i = 0; i < c->gateway.listen_used; i++) {
        const struct conf_listen *l = &c->gateway.listen[i];
        bool overlap = l->ipv4 == c->management_ipv4 || l->ipv4 == 0 || c->management_ipv4 == 0;
        if (l->port != c->management_port || !overlap ||
            c->gateway.transport == CONF_TRANSPORT_DPDK)
            continue;
        snprintf(value, sizeof value, "%llu", (unsigned long long)l->port);
        report_error(e, lines->key[conf_key_row("management.port")], "management.port", value,
                     "the same port as gateway.listen[%u]; allowed: one of its own", i);
    }
}

/* S3://..., s3:/... would else be a directory of that name. */
static bool archive_place(const char *to)
{
    size_t n = strcspn(to, ":/");

    return to[n] != ':' || (strncmp(to, "s3://", 5) == 0 && to[5] != '\0' && to[5] != '/');
}

static void check_archive(const struct conf *c, const struct conf_lines *lines, struct report *e)
{
    const struct conf_journal *j = &c->journal;

    if (!archive_place(j->archive_to))
        report_error(e, lines->key[conf_key_row("journal.archive_to")], "journal.archive_to",
                     j->archive_to, "no place; allowed: s3://BUCKET/PREFIX, or a directory");
    if (j->archive_to[0] != '\0' && access(j->archive_command, X_OK) != 0)
        report_error(e, lines->key[conf_key_row("journal.archive_command")],
                     "journal.archive_command", j->archive_command,
                     "cannot be run: %s; allowed: the path of a program such as scripts/archive",
                     strerror(errno));
    if (j->keep_segments > 0 && (j->archive_to[0] == '\0' || j->snapshot_transactions == 0))
        report_error(e, lines->key[conf_key_row("journal.keep_segments")], "journal.keep_segments",
                     NULL,
                     "segments are used again only when they are in an archive and there are "
                     "snapshots; allowed: with journal.archive_to and snapshot_transactions, or 0");
}

void conf_check(const struct conf *c, const struct conf_lines *lines, struct report *e)
{
    const struct conf_gateway *g = &c->gateway;
    char value[24];

    check_above("gateway.silence_timeout_ms", g->silence_timeout_ms, "gateway.heartbeat_ms",
                g->heartbeat_ms, false, lines, e);
    if (g->rate_stop_per_s != 0)
        check_above("gateway.rate_stop_per_s", g->rate_stop_per_s, "gateway.rate_reject_per_s",
                    g->rate_reject_per_s, true, lines, e);
    check_above("journal.low_space_mb", c->journal.low_space_mb, "journal.hard_space_mb",
                c->journal.hard_space_mb, false, lines, e);
    if (g->store_slots % STORE_CHUNK_SLOTS != 0) {
        snprintf(value, sizeof value, "%llu", (unsigned long long)g->store_slots);
        report_error(e, lines->key[conf_key_row("gateway.store_slots")], "gateway.store_slots",
                     value, "not a multiple of %u; allowed: multiples of it", STORE_CHUNK_SLOTS);
    }
    if ((c->journal.buffer_mb & (c->journal.buffer_mb - 1)) != 0) {
        snprintf(value, sizeof value, "%llu", (unsigned long long)c->journal.buffer_mb);
        report_error(e, lines->key[conf_key_row("journal.buffer_mb")], "journal.buffer_mb", value,
                     "not a power of two; allowed: 4, 8, 16, 32, 64, 128, 256");
    }
    if (lines->key[conf_key_row("venue.timezone")] == 0 && !conf_zone_exists(c->timezone))
        report_error(e, 0, "venue.timezone", c->timezone,
                     "the default is no time zone on this machine; install tzdata or name another");
    check_schedule(c, lines, e);
    check_archive(c, lines, e);
    if (!lines->bad[conf_key_row("gateway.listen")])
        check_listen(c, lines, e);
    if (!lines->bad[conf_key_row("threads")]) {
        check_threads(c, lines, e);
        if (!lines->bad[conf_key_row("gateway.count")])
            check_agents(c, lines, e);
    }
    if (!lines->bad[conf_key_row("dpdk.ports")])
        check_dpdk(c, lines, e);
    check_export(c, lines, e);
    check_console(c, lines, e);
    check_control(c, lines, e);
    if (!lines->bad[conf_key_row("gateway.listen")] && !lines->bad[conf_key_row("management.port")])
        check_management(c, lines, e);
}
