/*
 * exports.c - see exports.h. Thread: http (cold).
 *
 *   DOWN -> CONNECTING -> IDLE <-> ASKING, and from each of them back to DOWN
 *
 * Enters: questions, rows. Leaves: JSON that the database has made.
 * Failure modes: no connection, no answer in time: tried again after RETRY, and the page says
 * which; a database that refuses a question (no schema, no rights) is asked again as often, and
 * logged once until it answers.
 */
#include "gateway/console/exports.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/log.h"

#define WANTED_NS       (15 * NS_PER_SEC) /* so long after it was looked at, it is asked for */
#define REFRESH_NS      (2 * NS_PER_SEC)
#define REFRESH_TIMES   10u /* ... but at most a tenth of the time goes to one question */
#define DEADLINE_NS     (5 * NS_PER_SEC)
#define RETRY_NS        (3 * NS_PER_SEC)
#define ANSWER_BYTES    (1u << 20) /* an answer that is longer is refused */
#define SESSION_OPTIONS "-c default_transaction_read_only=on -c statement_timeout=4s"

/* The day of the exporter's mark: partitions of other days are not read. */
#define DAY "(select day from export_mark where shard = $1::int)"

static const char *const queries[] = {
    [EXPORTS_SYMBOLS] =
        "select coalesce(json_agg(s order by symbol), '[]') from ("
        " select i.symbol, t.trades, t.shares, t.low, t.high, t.last, i.tick, i.halted"
        " from (select distinct on (instrument) symbol, tick, halted from instruments"
        "       where shard = $1::int order by instrument, seq desc, idx desc) i"
        " left join (select * from turnover where day = " DAY ") t using (symbol)"
        " order by t.shares desc nulls last limit 1000) s",
    [EXPORTS_SESSIONS] =
        "select coalesce(json_agg(s order by user_name), '[]') from ("
        " select user_name, event = 'B' as online, time as since, gateway, host(peer) as peer,"
        "        peer_port, reason"
        " from (select distinct on (account) * from sessions"
        "       where day = " DAY " and shard = $1::int and event in ('B', 'U')"
        "       order by account, seq desc, idx desc) l"
        " order by event, user_name limit 5000) s",
    [EXPORTS_BOOK] =
        "with levels as (select side, price, sum(open_qty) as shares, count(*) as orders,"
        "   row_number() over (partition by side order by case side when 'B' then -price"
        "                      else price end) as depth"
        " from (select case side when 'B' then 'B' else 'S' end as side, price, open_qty"
        "       from open_orders where day = " DAY
        "       and shard = $1::int and symbol = $2::text) o"
        " group by side, price)"
        "select json_build_object("
        " 'bids', (select coalesce(json_agg(json_build_array(price, shares, orders)"
        "                 order by depth), '[]') from levels where side = 'B' and depth <= 20),"
        " 'asks', (select coalesce(json_agg(json_build_array(price, shares, orders)"
        "                 order by depth), '[]') from levels where side = 'S' and depth <= 20),"
        " 'seq', (select seq from export_mark where shard = $1::int),"
        " 'moved', (select moved from export_mark where shard = $1::int))",
};

enum link { LINK_DOWN, LINK_CONNECTING, LINK_IDLE, LINK_ASKING };

struct question {
    bool used;
    enum exports_question kind;
    char symbol[EXPORTS_SYMBOL_CHARS + 1];
    u64 wanted_ns;     /* when somebody looked last */
    u64 due_ns;        /* when to ask again */
    u64 answered_ns;   /* when `json` came */
    const char *state; /* as exports_print says it */
    char *json;        /* malloc'ed; NULL: no answer yet */
};

struct exports {
    char *conninfo;
    char *password_file;
    char shard[12];
    PGconn *conn;
    PostgresPollingStatusType wants;
    enum link link;
    u64 began_ns; /* connecting or asking */
    u64 retry_ns;
    bool complained; /* the log knows of the trouble */
    struct question *asked;
    struct question questions[EXPORTS_QUESTIONS];
};

struct exports *exports_new(const struct exports_conf *conf)
{
    struct exports *x = calloc(1, sizeof *x);

    ASSERT(x != NULL);
    x->conninfo = strdup(conf->conninfo);
    x->password_file = strdup(conf->password_file);
    ASSERT(x->conninfo != NULL && x->password_file != NULL);
    snprintf(x->shard, sizeof x->shard, "%u", conf->shard);
    return x;
}

/* ---- the questions ---- */

static bool same(const struct question *q, enum exports_question kind, const char *symbol)
{
    return q->used && q->kind == kind && strcmp(q->symbol, symbol) == 0;
}

static bool wanted(const struct question *q, u64 now_ns)
{
    return q->used && now_ns - q->wanted_ns < WANTED_NS;
}

/* The place of a question: its own, else one that is free or that nobody looks at any more. */
static struct question *place(struct exports *x, enum exports_question kind, const char *symbol,
                              u64 now_ns)
{
    struct question *open = NULL;

    for (u32 i = 0; i < EXPORTS_QUESTIONS; i++) {
        struct question *q = &x->questions[i];
        if (same(q, kind, symbol))
            return q;
        if (!wanted(q, now_ns) && q != x->asked)
            open = q;
    }
    if (!open)
        return NULL;
    free(open->json);
    *open = (struct question){.used = true, .kind = kind, .state = "waiting"};
    memcpy(open->symbol, symbol, strlen(symbol) + 1);
    return open;
}

void exports_print(struct exports *x, enum exports_question kind, const char *symbol, u64 now_ns,
                   FILE *out)
{
    struct question *q;

    ASSERT_LE(strlen(symbol), EXPORTS_SYMBOL_CHARS);
    if (x->conninfo[0] == 0) {
        fputs("{\"state\":\"off\",\"age_ms\":0,\"data\":null}", out);
        return;
    }
    q = place(x, kind, symbol, now_ns);
    if (!q) {
        fputs("{\"state\":\"busy\",\"age_ms\":0,\"data\":null}", out);
        return;
    }
    q->wanted_ns = now_ns;
    fprintf(out, "{\"state\":\"%s\",\"age_ms\":%" PRIu64 ",\"data\":%s}", q->state,
            q->json ? (u64)((now_ns - q->answered_ns) / NS_PER_MS) : 0, q->json ? q->json : "null");
}

/* ---- the connection ---- */

/* libpq would print the server's notices on stderr. */
static void quiet(void *ctx, const PGresult *result)
{
    (void)ctx;
    (void)result;
}

static void complain(struct exports *x, const char *what, const char *why)
{
    int n = (int)strcspn(why, "\n");

    if (!x->complained)
        log_warn("console: %s: %.*s; its books and sessions stand still until that is mended", what,
                 n, why);
    x->complained = true;
}

/* Gives the connection up; every question that is looked at says why. */
static void drop(struct exports *x, const char *state, u64 now_ns)
{
    PQfinish(x->conn);
    x->conn = NULL;
    x->link = LINK_DOWN;
    x->asked = NULL;
    x->retry_ns = now_ns + RETRY_NS;
    for (u32 i = 0; i < EXPORTS_QUESTIONS; i++)
        x->questions[i].state = state;
}

static int dial(struct exports *x, u64 now_ns)
{
    const char *words[] = {"fallback_application_name",
                           "client_encoding",
                           "options",
                           "dbname",
                           x->password_file[0] ? "passfile" : NULL,
                           NULL};
    const char *values[] = {"wirebook-console", "UTF8",           SESSION_OPTIONS,
                            x->conninfo,        x->password_file, NULL};

    x->conn = PQconnectStartParams(words, values, 1);
    ASSERT(x->conn != NULL);
    x->link = LINK_CONNECTING;
    x->wants = PGRES_POLLING_WRITING;
    x->began_ns = now_ns;
    PQsetNoticeReceiver(x->conn, quiet, NULL);
    if (PQstatus(x->conn) == CONNECTION_BAD) {
        complain(x, "the database", PQerrorMessage(x->conn));
        drop(x, "away", now_ns);
    }
    return 1;
}

static bool ready(const struct exports *x)
{
    struct pollfd p = {.fd = PQsocket(x->conn),
                       .events = x->wants == PGRES_POLLING_WRITING ? POLLOUT : POLLIN};

    return poll(&p, 1, 0) != 0;
}

static int connect_on(struct exports *x, u64 now_ns)
{
    if (!ready(x))
        return 0;
    x->wants = PQconnectPoll(x->conn);
    if (x->wants == PGRES_POLLING_OK) {
        x->link = LINK_IDLE;
        PQsetnonblocking(x->conn, 1);
    } else if (x->wants == PGRES_POLLING_FAILED) {
        complain(x, "the database", PQerrorMessage(x->conn));
        drop(x, "away", now_ns);
    }
    return 1;
}

/* ---- asking ---- */

static int ask(struct exports *x, struct question *q, u64 now_ns)
{
    const char *values[] = {x->shard, q->symbol};

    if (!PQsendQueryParams(x->conn, queries[q->kind], q->kind == EXPORTS_BOOK ? 2 : 1, NULL, values,
                           NULL, NULL, 0)) {
        complain(x, "the database", PQerrorMessage(x->conn));
        drop(x, "away", now_ns);
        return 1;
    }
    x->asked = q;
    x->link = LINK_ASKING;
    x->began_ns = now_ns;
    return 1;
}

/* The question that has waited longest among those that are due. */
static int ask_next(struct exports *x, u64 now_ns)
{
    struct question *next = NULL;

    for (u32 i = 0; i < EXPORTS_QUESTIONS; i++) {
        struct question *q = &x->questions[i];
        if (wanted(q, now_ns) && now_ns >= q->due_ns && (!next || q->due_ns < next->due_ns))
            next = q;
    }
    return next ? ask(x, next, now_ns) : 0;
}

static void take_good(struct exports *x, struct question *q, const PGresult *result, u64 now_ns)
{
    char *json =
        PQgetlength(result, 0, 0) < (int)ANSWER_BYTES ? strdup(PQgetvalue(result, 0, 0)) : NULL;

    if (!json) {
        complain(x, "the database", "its answer is too long");
        q->state = "refused";
        return;
    }
    free(q->json);
    q->json = json;
    q->answered_ns = now_ns;
    q->state = "ok";
    x->complained = false;
}

static void take_result(struct exports *x, struct question *q, const PGresult *result, u64 now_ns)
{
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
        take_good(x, q, result, now_ns);
        return;
    }
    q->state = code && strcmp(code, "57014") == 0 ? "slow" : "refused"; /* query_canceled */
    complain(x, "the database refused a question", PQresultErrorMessage(result));
}

static int listen_on(struct exports *x, u64 now_ns)
{
    struct question *q = x->asked;
    PGresult *result;

    if (PQflush(x->conn) < 0 || !PQconsumeInput(x->conn)) {
        complain(x, "the database", PQerrorMessage(x->conn));
        drop(x, "away", now_ns);
        return 1;
    }
    if (PQisBusy(x->conn))
        return 0;
    result = PQgetResult(x->conn);
    if (result) {
        take_result(x, q, result, now_ns);
        PQclear(result);
        return 1;
    }
    u64 took_ns = now_ns - x->began_ns;
    q->due_ns =
        now_ns + (took_ns * REFRESH_TIMES > REFRESH_NS ? took_ns * REFRESH_TIMES : REFRESH_NS);
    x->asked = NULL;
    x->link = LINK_IDLE;
    return 1;
}

/* True while somebody looks at something: without viewers there is no connection to be kept. */
static bool anybody(const struct exports *x, u64 now_ns)
{
    for (u32 i = 0; i < EXPORTS_QUESTIONS; i++)
        if (wanted(&x->questions[i], now_ns))
            return true;
    return false;
}

int exports_do_work(struct exports *x, u64 now_ns)
{
    if (x->link == LINK_DOWN)
        return now_ns >= x->retry_ns && anybody(x, now_ns) ? dial(x, now_ns) : 0;
    if (x->link != LINK_IDLE && now_ns - x->began_ns > DEADLINE_NS) {
        complain(x, "the database", "no answer in time");
        drop(x, x->link == LINK_ASKING ? "slow" : "away", now_ns);
        return 1;
    }
    if (x->link == LINK_CONNECTING)
        return connect_on(x, now_ns);
    if (x->link == LINK_ASKING)
        return listen_on(x, now_ns);
    if (anybody(x, now_ns))
        return ask_next(x, now_ns);
    drop(x, "waiting", now_ns);
    x->retry_ns = now_ns;
    return 1;
}

void exports_free(struct exports *x)
{
    if (!x)
        return;
    PQfinish(x->conn);
    for (u32 i = 0; i < EXPORTS_QUESTIONS; i++)
        free(x->questions[i].json);
    free(x->conninfo);
    free(x->password_file);
    free(x);
}
