/* test_console.c - the console's token, paths, parameters, samples; test_console.py: its page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/metrics.h"
#include "gateway/console/bundle.h"
#include "gateway/console/console.h"
#include "gateway/console/exports.h"
#include "gateway/console/history.h"

#define T0_NS (1795379920ull * NS_PER_SEC)

static const char token[] = "0123456789abcdef";
static const char *const files[] = {"index.html", "console.js", "console.css", "icon.svg"};
static char dir[] = "/tmp/wb_console.XXXXXX";
static struct metric_histogram total;
static struct metric fills = {5}, lag_a = {1500000000}, lag_b = {250000000};

static const char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    FILE *out = fopen(path_of(name), "w");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    assert_int_equal(chmod(path_of(name), mode), 0);
}

static struct console *open_console(const char *token_name)
{
    char token_path[256];

    snprintf(token_path, sizeof token_path, "%s/%s", dir, token_name);
    struct console_conf conf = {dir, token_path, {"", "", 1}};
    return console_new(&conf);
}

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    for (u32 i = 0; i < ARRAY_LEN(files); i++)
        write_file(files[i], files[i], 0644);
    write_file("token", "0123456789abcdef\r\n", 0600);
    metrics_reset();
    metrics_register("wirebook_engine_fills_total", "", "Fills.", METRIC_COUNTER, &fills);
    metric_histogram_init(&total);
    metrics_register_histogram("wirebook_stage_seconds", "gateway=\"0\",stage=\"total\"", "Time.",
                               &total);
    metrics_register("wirebook_export_lag_seconds", "sink=\"a\"", "Lag.", METRIC_GAUGE_NS, &lag_a);
    metrics_register("wirebook_export_lag_seconds", "sink=\"b\"", "Lag.", METRIC_GAUGE_NS, &lag_b);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(files); i++)
        unlink(path_of(files[i]));
    unlink(path_of("token"));
    unlink(path_of("other"));
    return rmdir(dir);
}

/* Asks; the body is kept until the next question. */
static unsigned ask_at(struct console *c, u64 now_ns, struct console_request r, const char **body)
{
    static char text[4096];
    char header[128];
    struct console_reply reply;

    if (r.authorization) {
        snprintf(header, sizeof header, "Bearer %s", r.authorization);
        r.authorization = header;
    }
    console_answer(c, &r, now_ns, &reply);
    assert_true(reply.bytes < sizeof text);
    memcpy(text, reply.body, reply.bytes);
    text[reply.bytes] = 0;
    free(reply.body);
    *body = text;
    return reply.status;
}

static unsigned ask(struct console *c, struct console_request r)
{
    const char *body;

    return ask_at(c, T0_NS, r, &body);
}

static void test_paths(void **state)
{
    struct console *c = open_console("token");
    const char *body;

    (void)state;
    assert_true(console_owns("/console/") && console_owns("/api/x"));
    assert_false(console_owns("/metrics") || console_owns("/consoles") || console_owns("/"));
    assert_int_equal(ask_at(c, T0_NS, (struct console_request){.path = "/console/"}, &body), 200);
    assert_string_equal(body, "index.html");
    assert_int_equal(ask(c, (struct console_request){.path = "/console/token"}), 404);
    assert_int_equal(ask(c, (struct console_request){.path = "/console/../token"}), 404);
    assert_int_equal(ask(c, (struct console_request){.path = "/api/x", .authorization = token}),
                     404);
    console_free(c);
}

static void test_token(void **state)
{
    static const char *const wrong[] = {"", "0123456789abcde", "0123456789abcdef0",
                                        "0123456789abcdef\r\n", "0123456789ABCDEF"};
    struct console *c = open_console("token");
    struct console_request login = {.path = "/api/login"};
    struct console_reply reply;

    (void)state;
    assert_int_equal(ask(c, login), 401);
    for (u32 i = 0; i < ARRAY_LEN(wrong); i++) {
        login.authorization = wrong[i];
        assert_int_equal(ask(c, login), 401);
    }
    login.authorization = token;
    assert_int_equal(ask(c, login), 204);
    login.authorization = "Basic 0123456789abcdef"; /* the scheme counts */
    console_answer(c, &login, T0_NS, &reply);
    assert_int_equal(reply.status, 401);
    free(reply.body);
    console_free(c);
}

/* Each second the file is looked at; a wrong one, or none, changes nothing. */
static void test_new_token(void **state)
{
    static const char fresh[] = "another token of some length";
    struct console *c = open_console("token");
    struct console_request old = {.path = "/api/login", .authorization = token};
    struct console_request new = {.path = "/api/login", .authorization = fresh};
    u64 now_ns = T0_NS;

    (void)state;
    console_do_work(c, now_ns);
    write_file("token", fresh, 0600);
    console_do_work(c, now_ns + NS_PER_SEC - 1);
    assert_int_equal(ask(c, new), 401);
    console_do_work(c, now_ns += NS_PER_SEC);
    assert_int_equal(ask(c, new), 204);
    assert_int_equal(ask(c, old), 401);
    write_file("token", "short", 0600);
    console_do_work(c, now_ns += NS_PER_SEC);
    assert_int_equal(ask(c, new), 204);
    unlink(path_of("token"));
    console_do_work(c, now_ns += NS_PER_SEC);
    assert_int_equal(ask(c, new), 204);
    write_file("token", "0123456789abcdef\r\n", 0600);
    console_do_work(c, now_ns += NS_PER_SEC);
    assert_int_equal(ask(c, old), 204);
    assert_int_equal(ask(c, new), 401);
    console_free(c);
}

static void test_parameters(void **state)
{
    static const char *const wrong[] = {"", "-1", "x", "1x", " 1", "9007199254740993", "1e3"};
    struct console *c = open_console("token");
    struct console_request history = {.path = "/api/history", .authorization = token};
    struct console_request book = {.path = "/api/book", .authorization = token};

    (void)state;
    assert_int_equal(ask(c, history), 200);
    for (u32 i = 0; i < ARRAY_LEN(wrong); i++) {
        history.since = wrong[i];
        assert_int_equal(ask(c, history), 400);
    }
    assert_int_equal(ask(c, book), 400);
    book.symbol = "NINECHARS";
    assert_int_equal(ask(c, book), 400);
    book.symbol = "EIGHTCHA";
    assert_int_equal(ask(c, book), 200);
    console_free(c);
}

static void test_bad_files(void **state)
{
    (void)state;
    assert_null(open_console("none"));
    write_file("other", "0123456789abcdef\n", 0640);
    assert_null(open_console("other"));
    write_file("other", "0123456789abcde\n", 0600);
    assert_null(open_console("other"));
    write_file("other", "", 0600);
    assert_null(open_console("other"));
    unlink(path_of("icon.svg"));
    assert_null(open_console("token"));
    write_file("icon.svg", "icon.svg", 0644);
    struct bundle b;
    assert_true(bundle_read(&b, dir));
    assert_string_equal(bundle_find(&b, "/console/console.js")->type,
                        "text/javascript; charset=utf-8");
    assert_null(bundle_find(&b, "/console/index.html"));
    bundle_free(&b);
}

static const char *history_text(const struct history *h, u64 since_ms)
{
    static char text[1 << 20];
    FILE *out = fmemopen(text, sizeof text, "w");

    history_print(h, since_ms, out);
    fclose(out);
    return strstr(text, "\"rows\":");
}

static u32 count(const char *text, const char *part)
{
    u32 n = 0;

    for (; (text = strstr(text, part)) != NULL; text++)
        n++;
    return n;
}

/* One row a second, the largest lag of two, null for what there is not. */
static void test_history(void **state)
{
    struct history *h = history_new();

    (void)state;
    assert_string_equal(history_text(h, 0), "\"rows\":[]}");
    assert_int_equal(history_look(h, T0_NS), 1);
    assert_int_equal(history_look(h, T0_NS + NS_PER_SEC - 1), 0);
    metric_set(&fills, 6);
    assert_int_equal(history_look(h, T0_NS + NS_PER_SEC), 1);
    assert_non_null(strstr(history_text(h, 0), "[[1795379920000,null,5,null,"));
    assert_non_null(strstr(history_text(h, 0), "],[1795379921000,null,6,null,"));
    assert_non_null(strstr(history_text(h, 0), ",1.500000000,"));
    assert_non_null(strstr(history_text(h, 0), "null,null,null]"));
    for (u32 i = 0; i < 100; i++)
        metric_histogram_add(&total, i < 98 ? 500 : 900); /* exact below 1,024 ns */
    assert_int_equal(history_look(h, T0_NS + 2 * NS_PER_SEC), 1);
    assert_int_equal(history_look(h, T0_NS + 3 * NS_PER_SEC), 1);
    assert_non_null(strstr(history_text(h, 1795379921000),
                           ",0.000000500,0.000000900,0.000000900],[1795379923000,"));
    assert_non_null(strstr(history_text(h, 1795379922000), "null,null,null]"));
    assert_int_equal(count(history_text(h, 1795379920000), "[1795"), 3);
    assert_int_equal(count(history_text(h, 1795379923000), "[1795"), 0);
    history_free(h);
}

/* The newest hour is kept, whatever came before, and a time that stands still adds nothing. */
static void test_history_wraps(void **state)
{
    struct history *h = history_new();
    u64 last_ms = 1795379920000 + 4999000;

    (void)state;
    for (u64 second = 0; second < 5000; second++) {
        assert_int_equal(history_look(h, T0_NS + second * NS_PER_SEC), 1);
        assert_int_equal(history_look(h, T0_NS + second * NS_PER_SEC), 0);
    }
    assert_int_equal(history_look(h, T0_NS), 0);
    assert_int_equal(count(history_text(h, 0), "null]"), HISTORY_SAMPLES);
    assert_int_equal(count(history_text(h, last_ms - 3600000), "null]"), HISTORY_SAMPLES);
    assert_int_equal(count(history_text(h, last_ms - 10000), "null]"), 10);
    history_free(h);
}

static const char *exports_text(struct exports *x, enum exports_question q, const char *symbol,
                                u64 now_ns)
{
    static char text[256];
    FILE *out = fmemopen(text, sizeof text, "w");

    exports_print(x, q, symbol, now_ns, out);
    fclose(out);
    return text;
}

/* Without a database; with one that is not there; with more books than places. */
static void test_exports(void **state)
{
    struct exports_conf conf = {"", "", 1};
    struct exports *x = exports_new(&conf);
    char symbol[9];

    (void)state;
    assert_non_null(strstr(exports_text(x, EXPORTS_SESSIONS, "", T0_NS), "\"off\""));
    assert_int_equal(exports_do_work(x, T0_NS), 0);
    exports_free(x);

    conf.conninfo = "host=/nonexistent";
    x = exports_new(&conf);
    assert_int_equal(exports_do_work(x, T0_NS), 0); /* nobody looks */
    assert_non_null(strstr(exports_text(x, EXPORTS_SESSIONS, "", T0_NS), "\"waiting\""));
    for (u32 i = 0; i < 100 && exports_do_work(x, T0_NS) > 0; i++)
        ;
    assert_non_null(strstr(exports_text(x, EXPORTS_SESSIONS, "", T0_NS), "\"away\""));
    for (u32 i = 0; i < EXPORTS_QUESTIONS; i++) {
        snprintf(symbol, sizeof symbol, "S%u", i);
        const char *text = exports_text(x, EXPORTS_BOOK, symbol, T0_NS);
        assert_non_null(strstr(text, i < EXPORTS_QUESTIONS - 1 ? "\"waiting\"" : "\"busy\""));
    }
    /* Those that nobody has looked at for long make room. */
    assert_non_null(
        strstr(exports_text(x, EXPORTS_BOOK, "NEW", T0_NS + 60 * NS_PER_SEC), "waiting"));
    exports_free(x);
    exports_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),         cmocka_unit_test(test_token),
        cmocka_unit_test(test_new_token),     cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_bad_files),     cmocka_unit_test(test_history),
        cmocka_unit_test(test_history_wraps), cmocka_unit_test(test_exports),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
