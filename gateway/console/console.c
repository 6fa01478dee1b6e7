/*
 * console.c - see console.h. Thread: http (cold).
 *
 * Enters: requests. Leaves: the bundle's files, JSON. The token is kept and compared as its hash,
 * in constant time. Its file is looked at each second: a new token is taken without a restart, a
 * file that is wrong changes nothing.
 * Failure modes: no token, a wrong one: 401, counted; a parameter that makes no sense: 400, with
 * what is allowed.
 */
#include "gateway/console/console.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/assert.h"
#include "engine/base/log.h"
#include "engine/base/metrics.h"
#include "gateway/console/bundle.h"
#include "gateway/console/history.h"

#define JSON         "application/json"
#define PLAIN        "text/plain; charset=utf-8"
#define TOKEN_BYTES  256u
#define HASH_BYTES   32u
#define SINCE_MAX_MS (1ull << 53) /* what a browser counts exactly */

struct console {
    u8 token_hash[HASH_BYTES];
    char *token_file;
    struct stat token_seen; /* its file when it was last looked at; all 0: it was gone */
    u64 token_next_ns;      /* when it is looked at again */
    struct bundle bundle;
    struct history *history;
    struct exports *exports;
    struct metric refused;
};

static void hash(u8 out[HASH_BYTES], const char *text)
{
    crypto_generichash(out, HASH_BYTES, (const u8 *)text, strlen(text), NULL, 0);
}

/* What is wrong with the token's file; NULL, and its hash in `out`, when nothing is. */
static const char *token_read(const char *path, u8 out[HASH_BYTES])
{
    char line[TOKEN_BYTES] = "";
    FILE *in = fopen(path, "re");
    const char *wrong = NULL;
    struct stat st;

    if (!in)
        return strerror(errno);
    if (fstat(fileno(in), &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        wrong = "others may read it; chmod 600";
    else if (!fgets(line, sizeof line, in) || strcspn(line, "\r\n") < CONSOLE_TOKEN_MIN)
        wrong = "its first line has fewer than 16 characters; openssl rand -hex 32 makes a token";
    else if (strlen(line) == sizeof line - 1 && !strchr(line, '\n'))
        wrong = "its first line is longer than 254 characters";
    fclose(in);
    line[strcspn(line, "\r\n")] = 0;
    hash(out, line);
    sodium_memzero(line, sizeof line);
    return wrong;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mode == b->st_mode &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Whoever had the old token is out with his next question. */
static void token_look(struct console *c, u64 now_ns)
{
    struct stat st = {0};
    u8 fresh[HASH_BYTES];

    if (now_ns < c->token_next_ns)
        return;
    c->token_next_ns = now_ns + NS_PER_SEC;
    if (stat(c->token_file, &st) != 0)
        st = (struct stat){0};
    if (same_file(&st, &c->token_seen))
        return;
    c->token_seen = st;
    const char *wrong = token_read(c->token_file, fresh);
    if (wrong) {
        log_warn("management.token_file %s: %s; the token stays what it was", c->token_file, wrong);
    } else if (sodium_memcmp(fresh, c->token_hash, HASH_BYTES) != 0) {
        memcpy(c->token_hash, fresh, HASH_BYTES);
        log_info("the console has a new token");
    }
}

struct console *console_new(const struct console_conf *conf)
{
    struct console *c = calloc(1, sizeof *c);
    const char *wrong;

    ASSERT(c != NULL && sodium_init() >= 0);
    wrong = token_read(conf->token_file, c->token_hash);
    if (wrong)
        log_error("management.token_file %s: %s", conf->token_file, wrong);
    if (wrong || !bundle_read(&c->bundle, conf->dir)) {
        free(c);
        return NULL;
    }
    c->token_file = strdup(conf->token_file);
    ASSERT(c->token_file != NULL);
    stat(c->token_file, &c->token_seen);
    c->history = history_new();
    c->exports = exports_new(&conf->exports);
    return c;
}

bool console_owns(const char *path)
{
    return strncmp(path, "/console/", 9) == 0 || strncmp(path, "/api/", 5) == 0;
}

/* ---- answers ---- */

static void say(struct console_reply *out, unsigned status, const char *text)
{
    *out = (struct console_reply){status, PLAIN, strdup(text), strlen(text)};
    ASSERT(out->body != NULL);
}

static void send_file(const struct bundle_file *f, struct console_reply *out)
{
    char *body = malloc(f->bytes + 1);

    ASSERT(body != NULL);
    memcpy(body, f->body, f->bytes);
    *out = (struct console_reply){200, f->type, body, f->bytes};
}

/* A whole number up to `max`; 0 when it was not given; false when it is none. */
static bool number(const char *text, u64 max, u64 *out)
{
    char *end;

    *out = 0;
    if (!text)
        return true;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == 0 && *out <= max;
}

static bool history(struct console *c, const struct console_request *r, FILE *out)
{
    u64 since_ms;

    if (!number(r->since, SINCE_MAX_MS, &since_ms))
        return false;
    history_print(c->history, since_ms, out);
    return true;
}

static bool book(struct console *c, const struct console_request *r, u64 now_ns, FILE *out)
{
    size_t n = r->symbol ? strlen(r->symbol) : 0;

    if (n == 0 || n > EXPORTS_SYMBOL_CHARS)
        return false;
    exports_print(c->exports, EXPORTS_BOOK, r->symbol, now_ns, out);
    return true;
}

/* Writes the JSON of a path below /api/. Returns the status. */
static unsigned write_json(struct console *c, const struct console_request *r, u64 now_ns,
                           FILE *out)
{
    const char *path = r->path + 5;
    bool good = true;

    if (strcmp(path, "login") == 0)
        return 204;
    if (strcmp(path, "history") == 0)
        good = history(c, r, out);
    else if (strcmp(path, "symbols") == 0)
        exports_print(c->exports, EXPORTS_SYMBOLS, "", now_ns, out);
    else if (strcmp(path, "sessions") == 0)
        exports_print(c->exports, EXPORTS_SESSIONS, "", now_ns, out);
    else if (strcmp(path, "book") == 0)
        good = book(c, r, now_ns, out);
    else
        return 404;
    return good ? 200 : 400;
}

static bool authorized(struct console *c, const char *header)
{
    static const char scheme[] = "Bearer ";
    u8 given[HASH_BYTES];

    if (!header || strncmp(header, scheme, sizeof scheme - 1) != 0)
        return false;
    hash(given, header + sizeof scheme - 1);
    return sodium_memcmp(given, c->token_hash, HASH_BYTES) == 0;
}

static void answer_json(struct console *c, const struct console_request *r, u64 now_ns,
                        struct console_reply *reply)
{
    FILE *out = open_memstream(&reply->body, &reply->bytes);

    ASSERT(out != NULL);
    reply->type = JSON;
    reply->status = write_json(c, r, now_ns, out);
    ASSERT(fclose(out) == 0);
    if (reply->status < 400)
        return;
    free(reply->body);
    metric_add(&c->refused, 1);
    say(reply, reply->status,
        reply->status == 404 ? "no such page\n"
                             : "since: milliseconds since 1970; "
                               "symbol: 1 to 8 characters\n");
}

void console_answer(struct console *c, const struct console_request *request, u64 now_ns,
                    struct console_reply *out)
{
    const struct bundle_file *file = bundle_find(&c->bundle, request->path);

    if (file) {
        send_file(file, out);
    } else if (strncmp(request->path, "/api/", 5) != 0) {
        metric_add(&c->refused, 1);
        say(out, 404, "no such page; the console is /console/\n");
    } else if (!authorized(c, request->authorization)) {
        metric_add(&c->refused, 1);
        say(out, 401, "Authorization: Bearer TOKEN, as in management.token_file\n");
    } else {
        answer_json(c, request, now_ns, out);
    }
}

int console_do_work(struct console *c, u64 now_ns)
{
    token_look(c, now_ns);
    return history_look(c->history, now_ns) + exports_do_work(c->exports, now_ns);
}

void console_register_metrics(const struct console *c)
{
    metrics_register("wirebook_console_refused_total", "",
                     "Requests to the console without its token, or that make no sense.",
                     METRIC_COUNTER, &c->refused);
}

void console_free(struct console *c)
{
    if (!c)
        return;
    bundle_free(&c->bundle);
    history_free(c->history);
    exports_free(c->exports);
    free(c->token_file);
    free(c);
}
