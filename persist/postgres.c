/*
 * postgres.c - see postgres.h. The only file that knows libpq. Cold thread; nothing blocks but the
 * look-up of a host's name, which libpq does itself (give hostaddr where that matters).
 *
 *   CLOSED -> CONNECTING -> CLAIMING -> IDLE <-> COPYING -> COMMITTING -> IDLE
 *
 * One round of a batch, as one multi-statement query: BEGIN; open_day for days that this connection
 * has not seen; one COPY for each table that has rows; UPDATE of the mark. The server asks for each
 * COPY's data in turn. One row updated: COMMIT. None: the mark is not ours any more, the connection
 * is dropped and with it the transaction; who is right is found out by the next claim.
 *
 * Every step has a deadline that only progress moves, because a server can stop while its machine
 * still acknowledges (tcp_user_timeout does not see that: 4 s were measured with it at 1 s).
 *
 * Failure modes: anything that ends the connection, and SQLSTATE classes 08 (connection), 57P
 * (shutdown), 25006 (not the writer any more), 40 (serialization, deadlock) are SINK_LOST. Any
 * other error is SINK_REFUSED with its text: a missing schema names scripts/migrate.
 */
#include "persist/postgres.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/sm.h"
#include "persist/plant.h"
#include "persist/postgres_text.h"

#define PUT_BYTES  (64u * 1024u) /* handed to libpq at once */
#define PATH_BYTES 1024u

enum pg_state { PG_CLOSED, PG_CONNECTING, PG_CLAIMING, PG_IDLE, PG_COPYING, PG_COMMITTING };

#define TO(x) (1u << PG_##x)
static const struct sm_state states[] = {
    [PG_CLOSED] = {"closed", TO(CLOSED) | TO(CONNECTING)},
    [PG_CONNECTING] = {"connecting", TO(CLOSED) | TO(CLAIMING)},
    [PG_CLAIMING] = {"claiming", TO(CLOSED) | TO(IDLE)},
    [PG_IDLE] = {"idle", TO(CLOSED) | TO(COPYING)},
    [PG_COPYING] = {"copying", TO(CLOSED) | TO(COMMITTING)},
    [PG_COMMITTING] = {"committing", TO(CLOSED) | TO(IDLE)},
};

struct postgres {
    struct sink sink;
    struct postgres_conf conf;
    struct postgres_claim claim;
    PQconninfoOption *options;    /* the parsed conninfo, which `given` points into */
    struct postgres_params given; /* what the conninfo sets */
    struct postgres_params used;  /* what this attempt to connect uses */
    u32 attempt;                  /* counts up */
    char password_file[PATH_BYTES];
    struct mem mem; /* of this struct and its batches */

    PGconn *conn;
    PostgresPollingStatusType wants; /* PG_CONNECTING: what to wait for */
    u8 state;                        /* enum pg_state */
    u64 deadline_ns;
    bool claimed;        /* PG_CLAIMING: the claim's row was there */
    bool moved;          /* PG_COPYING: the mark has moved by exactly one row */
    struct sink_mark to; /* what the batch under way moves the mark to */

    struct copy_batch batches[2];
    u32 filling;    /* index of the batch being filled; the other one is under way */
    u32 table;      /* whose data the server asked for last; COPY_TABLES: none yet */
    u32 table_sent; /* bytes of it that libpq has taken */
    bool sending;   /* the server waits for more of it, or for its end */
    u32 day_open;   /* trading day whose partitions this connection has seen; 0: none yet */
    char query[POSTGRES_QUERY_BYTES];
};

static struct postgres *pg_of(struct sink *s)
{
    return CONTAINER_OF(s, struct postgres, sink);
}

static struct copy_batch *batch_sent(struct postgres *p)
{
    return &p->batches[!p->filling];
}

/* ---- saying what went wrong ---- */

/* The first line of libpq's text, which may have several. */
static enum sink_status fail(struct postgres *p, enum sink_status status, const char *what,
                             const char *text)
{
    u32 n = (u32)strcspn(text, "\n");

    snprintf(p->sink.error, sizeof p->sink.error, "%s%s%.*s", what, n > 0 ? ": " : "", (int)n,
             text);
    return status;
}

static enum sink_status fail_conn(struct postgres *p, const char *what)
{
    return fail(p, SINK_LOST, what, PQerrorMessage(p->conn));
}

static enum sink_status fail_result(struct postgres *p, const PGresult *result)
{
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *what;
    enum sink_status status =
        postgres_text_status(PQresultErrorField(result, PG_DIAG_SQLSTATE), &what);

    return fail(p, status, what, text ? text : PQresultErrorMessage(result));
}

static enum sink_status fail_deadline(struct postgres *p)
{
    char what[64];

    snprintf(what, sizeof what, "no answer in time while %s", states[p->state].name);
    return fail(p, SINK_LOST, what, "");
}

static void progress(struct postgres *p, u64 now_ns)
{
    p->deadline_ns = now_ns + p->conf.commit_timeout_ns;
    p->sink.steps++;
}

/* libpq would print the server's notices on stderr. */
static void quiet(void *ctx, const PGresult *result)
{
    (void)ctx;
    (void)result;
}

/* ---- connecting ---- */

static void postgres_open(struct sink *s, u64 now_ns)
{
    struct postgres *p = pg_of(s);

    ASSERT_EQ(p->state, PG_CLOSED);
    ASSERT(p->conn == NULL);
    ASSERT_GT(s->epoch, 0);
    ASSERT(s->process_id > 0 && s->journal_id > 0);
    p->claim.epoch = s->epoch;
    p->claim.process_id = s->process_id;
    p->claim.journal_id = s->journal_id;
    postgres_text_attempt(&p->given, p->attempt++, &p->used);
    p->conn = PQconnectStartParams(p->used.keys, p->used.values, 0);
    p->wants = PGRES_POLLING_WRITING;
    p->deadline_ns = now_ns + p->conf.connect_timeout_ns;
    sm_move(states, &p->state, PG_CONNECTING);
}

/* True when the socket is ready for what libpq waits for, so that its next step cannot block. */
static bool socket_ready(struct postgres *p)
{
    struct pollfd fd = {.fd = PQsocket(p->conn),
                        .events = p->wants == PGRES_POLLING_READING ? POLLIN : POLLOUT};

    return fd.fd >= 0 && poll(&fd, 1, 0) > 0;
}

static bool send_claim(struct postgres *p)
{
    postgres_text_claim(p->query, &p->claim);
    return PQsetnonblocking(p->conn, 1) == 0 && PQsendQuery(p->conn, p->query) == 1;
}

static enum sink_status poll_connecting(struct postgres *p, u64 now_ns)
{
    if (!p->conn || PQstatus(p->conn) == CONNECTION_BAD)
        return fail_conn(p, "cannot connect");
    if (!socket_ready(p))
        return now_ns > p->deadline_ns ? fail_deadline(p) : SINK_BUSY;
    p->wants = PQconnectPoll(p->conn);
    if (p->wants == PGRES_POLLING_FAILED)
        return fail_conn(p, "cannot connect");
    if (p->wants != PGRES_POLLING_OK)
        return SINK_BUSY;
    PQsetNoticeReceiver(p->conn, quiet, NULL);
    if (!send_claim(p))
        return fail_conn(p, "cannot claim the shard");
    p->claimed = false;
    p->day_open = 0;
    progress(p, now_ns);
    sm_move(states, &p->state, PG_CLAIMING);
    return SINK_BUSY;
}

/* ---- claiming ---- */

static u64 number_of(const PGresult *result, int column)
{
    return strtoull(PQgetvalue(result, 0, column), NULL, 10);
}

/* The claim's row has four columns, the other one's two. */
static enum sink_status take_claim(struct postgres *p, const PGresult *result)
{
    if (PQresultStatus(result) == PGRES_FATAL_ERROR)
        return fail_result(p, result);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        return SINK_BUSY; /* a SET, or a claim that touched nothing */
    if (PQnfields(result) == 4) {
        p->claim.claim = number_of(result, 0);
        p->sink.mark.seq = number_of(result, 1);
        p->sink.mark.time_ns = number_of(result, 2);
        p->sink.mark.day = (u32)number_of(result, 3);
        p->claimed = true;
        return SINK_BUSY;
    }
    if (p->claimed)
        return SINK_OK;
    return postgres_text_not_ours(&p->claim, PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1),
                                  p->sink.error);
}

static enum sink_status poll_claiming(struct postgres *p, u64 now_ns)
{
    enum sink_status status = SINK_BUSY;

    if (PQflush(p->conn) < 0 || PQconsumeInput(p->conn) == 0)
        return fail_conn(p, "lost while claiming");
    while (!PQisBusy(p->conn)) {
        PGresult *result = PQgetResult(p->conn);
        if (!result) {
            if (status == SINK_OK)
                sm_move(states, &p->state, PG_IDLE);
            return status == SINK_BUSY ? fail_conn(p, "the claim had no answer") : status;
        }
        progress(p, now_ns);
        if (status == SINK_BUSY)
            status = take_claim(p, result);
        PQclear(result);
    }
    if (status != SINK_BUSY && status != SINK_OK)
        return status;
    return now_ns > p->deadline_ns ? fail_deadline(p) : SINK_BUSY;
}

/* ---- copying ---- */

/* The query of the batch, with the partitions of days that this connection has not just used. */
static void make_query(struct postgres *p, const struct copy_batch *b)
{
    u32 days[COPY_DAYS_MAX], used = 0;

    for (u32 i = 0; i < b->days_used; i++)
        if (b->days[i] != p->day_open)
            days[used++] = b->days[i];
    postgres_text_batch(p->query, &p->claim, b, days, used, &p->sink.mark, &p->to);
}

static void postgres_commit(struct sink *s, const struct sink_mark *to, u64 now_ns)
{
    struct postgres *p = pg_of(s);

    ASSERT_EQ(p->state, PG_IDLE);
    ASSERT_GT(to->seq, s->mark.seq);
    p->filling = !p->filling;
    s->batch_rows = 0;
    p->to = *to;
    p->moved = false;
    p->table = COPY_TABLES;
    make_query(p, batch_sent(p));
    /* When it cannot be sent the connection has failed: the next poll says so. */
    PQsendQuery(p->conn, p->query);
    progress(p, now_ns);
    sm_move(states, &p->state, PG_COPYING);
}

/* The server asks for the data of the next table that has rows, in the order of make_query. */
static void begin_table(struct postgres *p)
{
    struct copy_batch *b = batch_sent(p);
    u32 t = p->table == COPY_TABLES ? 0 : p->table + 1;

    while (b->tables[t].rows == 0) {
        t++;
        ASSERT_LT(t, COPY_TABLES);
    }
    copy_batch_end(b, t);
    p->table = t;
    p->table_sent = 0;
    p->sending = true;
}

/*
 * Hands libpq as much of the table as the socket takes: it would take all at once, but then move
 * what is left to the front of its buffer with each send. Returns false on failure.
 */
static bool put_table(struct postgres *p, u64 now_ns)
{
    const struct copy_buffer *data = &batch_sent(p)->tables[p->table];

    while (p->table_sent < data->used) {
        u32 n = min_u32(PUT_BYTES, data->used - p->table_sent);
        int unsent = PQflush(p->conn);
        if (unsent != 0)
            return unsent > 0;
        int put = PQputCopyData(p->conn, (const char *)data->bytes + p->table_sent, (int)n);
        if (put <= 0)
            return put == 0;
        p->table_sent += n;
        progress(p, now_ns);
    }
    int ended = PQputCopyEnd(p->conn, NULL);
    p->sending = ended == 0; /* 0: no room for it now */
    return ended >= 0;
}

/* The batch has been answered in full: commit it, or give up and let the next claim find out. */
static enum sink_status end_copying(struct postgres *p)
{
    if (!p->moved)
        return fail(p, SINK_LOST, "the mark was moved by another connection or process", "");
    CRASH_POINT("rows-copied");
    if (PQsendQuery(p->conn, "commit") != 1)
        return fail_conn(p, "cannot commit");
    CRASH_POINT("commit-sent");
    sm_move(states, &p->state, PG_COMMITTING);
    return SINK_BUSY;
}

static enum sink_status end_committing(struct postgres *p)
{
    struct copy_batch *b = batch_sent(p);

    CRASH_POINT("commit-answered");
    if (b->days_used > 0)
        p->day_open = b->days[b->days_used - 1];
    p->sink.mark = p->to;
    p->sink.rows_committed += b->rows;
    copy_batch_clear(b);
    sm_move(states, &p->state, PG_IDLE);
    return SINK_OK;
}

static enum sink_status take_result(struct postgres *p, PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_COPY_IN:
        begin_table(p);
        return SINK_BUSY;
    case PGRES_COMMAND_OK:
        if (strcmp(PQcmdStatus(result), "UPDATE 1") == 0)
            p->moved = true;
        /* A COMMIT of a transaction that has failed is answered like this, and not as an error. */
        if (strcmp(PQcmdStatus(result), "ROLLBACK") == 0)
            return fail(p, SINK_LOST, "the server rolled back", "");
        return SINK_BUSY;
    case PGRES_TUPLES_OK: /* open_day */
        return SINK_BUSY;
    default:
        return fail_result(p, result);
    }
}

/* PG_COPYING and PG_COMMITTING: moves data out and answers in, as far as both go. */
static enum sink_status poll_batch(struct postgres *p, u64 now_ns)
{
    if (PQstatus(p->conn) == CONNECTION_BAD || PQconsumeInput(p->conn) == 0)
        return fail_conn(p, "lost during a batch");
    for (;;) {
        if (p->sending && !put_table(p, now_ns))
            return fail_conn(p, "lost while copying");
        if (PQflush(p->conn) < 0)
            return fail_conn(p, "lost while sending");
        if (p->sending || PQisBusy(p->conn))
            break;
        PGresult *result = PQgetResult(p->conn);
        enum sink_status status = result                      ? take_result(p, result)
                                  : p->state == PG_COMMITTING ? end_committing(p)
                                                              : end_copying(p);
        PQclear(result);
        progress(p, now_ns);
        if (status != SINK_BUSY)
            return status;
    }
    return now_ns > p->deadline_ns ? fail_deadline(p) : SINK_BUSY;
}

/* ---- the sink ---- */

static enum sink_status postgres_poll(struct sink *s, u64 now_ns)
{
    struct postgres *p = pg_of(s);

    switch ((enum pg_state)p->state) {
    case PG_CONNECTING:
        return poll_connecting(p, now_ns);
    case PG_CLAIMING:
        return poll_claiming(p, now_ns);
    case PG_COPYING:
    case PG_COMMITTING:
        return poll_batch(p, now_ns);
    case PG_IDLE:
        return PQconsumeInput(p->conn) == 1 ? SINK_OK : fail_conn(p, "lost while idle");
    case PG_CLOSED:
        break;
    }
    return fail(p, SINK_LOST, "not connected", "");
}

static bool postgres_add(struct sink *s, const struct sink_tx *tx, u64 now_ns)
{
    struct postgres *p = pg_of(s);
    struct copy_batch *b = &p->batches[p->filling];

    (void)now_ns;
    if (b->rows >= p->conf.batch_rows || !copy_batch_add(b, tx))
        return false;
    s->batch_rows = b->rows;
    return true;
}

static void postgres_close(struct sink *s)
{
    struct postgres *p = pg_of(s);

    if (p->conn)
        PQfinish(p->conn); /* non-blocking: what it cannot send it leaves */
    p->conn = NULL;
    for (u32 i = 0; i < 2; i++)
        copy_batch_clear(&p->batches[i]);
    p->sending = false;
    s->batch_rows = 0;
    sm_move(states, &p->state, PG_CLOSED);
}

static const struct sink_ops postgres_ops = {
    .open = postgres_open,
    .poll = postgres_poll,
    .add = postgres_add,
    .commit = postgres_commit,
    .close = postgres_close,
};

void postgres_conf_defaults(struct postgres_conf *conf)
{
    *conf = (struct postgres_conf){
        .conninfo = "",
        .batch_rows = 10000,
        .connect_timeout_ns = 5 * NS_PER_SEC,
        .commit_timeout_ns = 10 * NS_PER_SEC,
    };
}

bool postgres_conninfo_check(const char *conninfo, char *why, size_t bytes)
{
    char *error = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &error);
    bool good = options != NULL, named = error && strncmp(error, "invalid connection", 18) == 0;

    snprintf(why, bytes, "%.*s", named ? (int)strcspn(error, "\n") : 31,
             named ? error : "not a connection string");
    PQfreemem(error);
    PQconninfoFree(options);
    return good;
}

struct sink *postgres_new(const struct postgres_conf *conf)
{
    char why[128];

    ASSERT(conf->batch_rows >= 1 && conf->commit_timeout_ns > 0);
    if (!postgres_conninfo_check(conf->conninfo, why, sizeof why)) {
        log_error("export postgres: export.postgres.conninfo: %s", why);
        return NULL;
    }
    struct mem m;
    mem_init(&m, 0);
    struct postgres *p = mem_alloc(&m, sizeof *p, CACHE_LINE);
    p->sink.ops = &postgres_ops;
    p->conf = *conf;
    p->claim.shard = conf->shard;
    p->claim.lock_wait_ms = max_u64(conf->commit_timeout_ns / 2 / NS_PER_MS, 1);
    p->options = PQconninfoParse(conf->conninfo, NULL);
    for (const PQconninfoOption *o = p->options; o->keyword; o++)
        postgres_text_param(&p->given, o->keyword, o->val);
    if (conf->password_file) {
        snprintf(p->password_file, sizeof p->password_file, "%s", conf->password_file);
        postgres_text_param(&p->given, "passfile", p->password_file);
    }
    for (u32 i = 0; i < 2; i++)
        copy_batch_init(&p->batches[i], &m, conf->shard);
    p->mem = m;
    return &p->sink;
}

void postgres_free(struct sink *s)
{
    if (!s)
        return;
    postgres_close(s);
    PQconninfoFree(pg_of(s)->options);
    struct mem m = pg_of(s)->mem; /* which holds the sink itself */
    mem_free_all(&m);
}
