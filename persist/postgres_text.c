/* postgres_text.c - see postgres_text.h. */
#include "persist/postgres_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Appends to the query; no query is longer than its buffer. */
static u32 __attribute__((format(printf, 3, 4)))
query_add(char *query, u32 at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(query + at, POSTGRES_QUERY_BYTES - at, format, args);
    va_end(args);
    ASSERT(n > 0 && at + (u32)n < POSTGRES_QUERY_BYTES);
    return at + (u32)n;
}

/*
 * One statement claims and reads. It waits for the row while a batch of an older connection holds
 * it, and then sees what that one left there; not for ever, or else each attempt that we gave up
 * would wait on in the server. The server is told not to wait long itself for a machine that died
 * in the middle of a batch and holds it.
 */
void postgres_text_claim(char query[POSTGRES_QUERY_BYTES], const struct postgres_claim *c)
{
    u32 at = query_add(query, 0,
                       "set idle_in_transaction_session_timeout = '10s'; "
                       "set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; "
                       "set tcp_keepalives_count = 3; set lock_timeout = %" PRIu64 "; ",
                       c->lock_wait_ms);

    query_add(query, at,
              "insert into export_mark as m (shard, epoch, process, journal, claim) "
              "values (%u, %" PRIu64 ", '%016" PRIx64 "', '%016" PRIx64 "', 1) "
              "on conflict (shard) do update set epoch = excluded.epoch, "
              "process = excluded.process, claim = m.claim + 1 "
              "where m.journal = excluded.journal and (m.epoch < excluded.epoch "
              "or m.epoch = excluded.epoch and m.process = excluded.process) "
              "returning claim, seq, coalesce(time_ns, 0), "
              "coalesce(to_char(day, 'YYYYMMDD'), '0'); "
              "select epoch, coalesce(journal, 'unknown') from export_mark where shard = %u",
              c->shard, c->epoch, c->process_id, c->journal_id, c->shard);
}

enum sink_status postgres_text_not_ours(const struct postgres_claim *c, const char *epoch,
                                        const char *journal, char error[SINK_ERROR_BYTES])
{
    char ours[24];

    snprintf(ours, sizeof ours, "%016" PRIx64, c->journal_id);
    if (strcmp(journal, ours) != 0) {
        snprintf(error, SINK_ERROR_BYTES,
                 "shard %u has rows of journal %s, ours is %s: restore that data_dir, take another "
                 "shard, or drop them: select forget_shard(%u) (config/sql/README.md); restart",
                 c->shard, journal, ours, c->shard);
        return SINK_FOREIGN;
    }
    snprintf(error, SINK_ERROR_BYTES,
             "another process with epoch %s has shard %u, ours is %" PRIu64
             ": is a copy of data_dir in use?",
             epoch, c->shard, c->epoch);
    return SINK_FENCED;
}

void postgres_text_batch(char query[POSTGRES_QUERY_BYTES], const struct postgres_claim *c,
                         const struct copy_batch *b, const u32 *days, u32 days_used,
                         const struct sink_mark *from, const struct sink_mark *to)
{
    u32 at = query_add(query, 0, "begin; ");

    for (u32 i = 0; i < days_used; i++)
        at = query_add(query, at, "select open_day('%u'); ", days[i]);
    for (u32 t = 0; t < COPY_TABLES; t++)
        if (b->tables[t].rows > 0)
            at = query_add(query, at, "copy %s from stdin binary; ", copy_table_columns(t));
    at = query_add(query, at,
                   "update export_mark set seq = %" PRIu64 ", time_ns = %" PRIu64
                   ", moved = now(), day = ",
                   to->seq, to->time_ns);
    at = to->day > 0 ? query_add(query, at, "'%u'", to->day) : query_add(query, at, "null");
    query_add(query, at,
              " where shard = %u and epoch = %" PRIu64 " and claim = %" PRIu64
              " and seq = %" PRIu64,
              c->shard, c->epoch, c->claim, from->seq);
}

enum sink_status postgres_text_status(const char *sqlstate, const char **what)
{
    static const struct {
        const char *prefix;
        enum sink_status status;
        const char *what;
    } known[] = {
        {"08", SINK_LOST, "the connection broke"},
        {"57P", SINK_LOST, "the server is going down or coming up"},
        {"25006", SINK_LOST, "the server is not the writer any more"},
        {"40", SINK_LOST, "the server gave the transaction up"},
        {"25P0", SINK_LOST, "the server gave the transaction up"},
        {"55P03", SINK_LOST,
         "an older connection still holds the mark, or another shard opens the day"},
        {"42P01", SINK_REFUSED, "the schema is missing or old, run scripts/migrate"},
        {"42703", SINK_REFUSED, "the schema is missing or old, run scripts/migrate"},
        {"42883", SINK_REFUSED, "the schema is missing or old, run scripts/migrate"},
        {"42501", SINK_REFUSED, "the user lacks a right, see config/sql/README.md"},
        {"23505", SINK_REFUSED, "rows lie beyond export_mark, somebody changed the tables"},
        {"53", SINK_REFUSED, "the server is out of disk, memory or connections"},
    };

    *what = "the connection ended";
    if (!sqlstate)
        return SINK_LOST;
    for (u32 i = 0; i < ARRAY_LEN(known); i++) {
        if (strncmp(sqlstate, known[i].prefix, strlen(known[i].prefix)) != 0)
            continue;
        *what = known[i].what;
        return known[i].status;
    }
    *what = "the server refuses";
    return SINK_REFUSED;
}

void postgres_text_param(struct postgres_params *p, const char *key, const char *value)
{
    if (!value || value[0] == '\0')
        return;
    ASSERT_LT(p->used, POSTGRES_PARAMS_MAX);
    p->keys[p->used] = key;
    p->values[p->used++] = value;
}

static const char *find(const struct postgres_params *p, const char *key)
{
    for (u32 i = 0; i < p->used; i++)
        if (strcmp(p->keys[i], key) == 0)
            return p->values[i];
    return NULL;
}

/* Elements of a comma-separated list. */
static u32 list_length(const char *list)
{
    u32 n = list != NULL;

    for (; list && *list; list++)
        n += *list == ',';
    return n;
}

/* The `at`-th element, or the only one, to `out`. */
static const char *list_at(const char *list, u32 at, char out[POSTGRES_HOST_BYTES])
{
    u32 n = list_length(list);

    ASSERT_GE(n, 1);
    for (at = n == 1 ? 0 : at % n; at > 0; at--)
        list = strchr(list, ',') + 1;
    snprintf(out, POSTGRES_HOST_BYTES, "%.*s", (int)strcspn(list, ","), list);
    return out;
}

void postgres_text_attempt(const struct postgres_params *given, u32 attempt,
                           struct postgres_params *out)
{
    static const char *const standard[][2] = {
        {"target_session_attrs", "read-write"},
        {"application_name", "wirebook-export"},
        {"client_encoding", "UTF8"},
        {"tcp_user_timeout", "5000"},
        {"keepalives_idle", "5"},
        {"keepalives_interval", "2"},
        {"keepalives_count", "3"},
    };
    u32 hosts = max_u32(list_length(find(given, "host")), list_length(find(given, "hostaddr")));
    u32 at = hosts > 0 ? attempt % hosts : 0;

    memset(out, 0, sizeof *out);
    for (u32 i = 0; i < given->used; i++) {
        const char *key = given->keys[i], *value = given->values[i];
        if (strcmp(key, "host") == 0)
            value = list_at(value, at, out->host);
        else if (strcmp(key, "hostaddr") == 0)
            value = list_at(value, at, out->hostaddr);
        else if (strcmp(key, "port") == 0)
            value = list_at(value, at, out->port);
        postgres_text_param(out, key, value);
    }
    for (u32 i = 0; i < ARRAY_LEN(standard); i++)
        if (!find(given, standard[i][0]))
            postgres_text_param(out, standard[i][0], standard[i][1]);
}
