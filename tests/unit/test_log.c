/* test_log.c - lines at once and through a ring, cut, cleaned, dropped and counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "gateway/admin/log_write.h"
#include "gateway/session/session_log.h"

static struct mem mem;
static struct log_ring *ring;
static char text[200000];

/* stderr into a file while `body` runs; what it wrote lies in `text`. */
static void capture(void (*body)(void))
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);

    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    body();
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    size_t n = fread(text, 1, sizeof text - 1, file);
    text[n] = 0;
    fclose(file);
}

static u32 lines(void)
{
    u32 n = 0;
    for (const char *c = text; *c; c++)
        n += *c == '\n';
    return n;
}

static void write_direct(void)
{
    log_debug("not shown");
    log_info("order %d\naccepted", 7);
    log_error("bad");
}

/* "2026-01-02T03:04:05.000006Z info  ..." */
static void test_direct_line(void **state)
{
    unsigned y, mo, d, h, mi, s, us;
    char rest[64];

    (void)state;
    clock_init();
    capture(write_direct);
    assert_int_equal(lines(), 2);
    assert_int_equal(
        sscanf(text, "%4u-%2u-%2uT%2u:%2u:%2u.%6uZ %63[^\n]", &y, &mo, &d, &h, &mi, &s, &us, rest),
        8);
    assert_true(y >= 2024 && mo <= 12 && d <= 31);
    assert_string_equal(rest, "info  order 7?accepted");
    assert_non_null(strstr(text, "Z error bad\n"));
}

static void write_long(void)
{
    char big[1000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = 0;
    log_info("%s", big);
}

static void test_long_line_is_cut(void **state)
{
    (void)state;
    capture(write_long);
    assert_int_equal(lines(), 1);
    assert_true(strlen(text) <= LOG_LINE_BYTES + 40);
    assert_true(strlen(text) > 200);
}

static void write_by_ring(void)
{
    log_attach(ring);
    log_warn("one");
    log_warn("two");
    log_attach(NULL);
}

static void drain(void)
{
    log_do_work(NULL, 0);
}

static void test_ring_holds_lines_until_drained(void **state)
{
    (void)state;
    capture(write_by_ring);
    assert_string_equal(text, "");
    capture(drain);
    assert_int_equal(lines(), 2);
    assert_true(strstr(text, "warn  one") < strstr(text, "warn  two"));
    assert_int_equal(log_do_work(NULL, 0), 0);
}

static void write_too_many(void)
{
    log_attach(ring);
    for (u32 i = 0; i < 1000; i++)
        log_event(LOG_INFO, "line", "i=%u", i);
    log_do_work(NULL, 0);
    log_info("after");
    log_do_work(NULL, 0);
    log_attach(NULL);
}

/* Lines printed and lines reported as dropped are all the lines there were. */
static void test_full_ring_counts_drops(void **state)
{
    unsigned dropped = 0;

    (void)state;
    capture(write_too_many);
    const char *report = strstr(text, "log lines of this thread were dropped");
    assert_non_null(report);
    while (report[-1] != '\n')
        report--;
    assert_int_equal(sscanf(report, "%*s warn %u", &dropped), 1);
    assert_int_equal(lines() - 2 + dropped, 1000); /* less the report and "after" */
    assert_non_null(strstr(report, "after\n"));
}

static u64 later_ns;

/* One place speaks too often, another one beside it does not. */
static void write_flood(void)
{
    log_attach(ring);
    for (u32 i = 0; i < 100; i++) {
        log_info("flood %u", i);
        log_event(LOG_WARN, "odd", "why=\"%s\" n=%u", "no", i);
        if (i % 10 == 0)
            log_info("rare %u", i);
    }
    log_do_work(NULL, later_ns);
    log_attach(NULL);
}

static void tell_later(void)
{
    log_do_work(NULL, later_ns);
    log_do_work(NULL, later_ns); /* once */
}

static void test_flood_is_counted(void **state)
{
    (void)state;
    later_ns = 0;
    capture(write_flood);
    assert_int_equal(lines(), 2 * LOG_LINES_PER_S + 10);
    assert_null(strstr(text, "suppressed"));
    later_ns = clock_now_ns() + 2 * NS_PER_SEC; /* the second is over */
    capture(tell_later);
    assert_int_equal(lines(), 2);
    assert_non_null(strstr(text, "warn  suppressed: lines=80 thread=t like=\"flood %u\"\n"));
    assert_non_null(strstr(text, "lines=80 thread=t like=\"why='%s' n=%u\"\n")); /* one value */
}

static void write_events(void)
{
    char word[8];

    log_event(LOG_WARN, "login", "user=%s n=%d", log_word(word, sizeof word, "A\"=B+ ", 6), 5);
    log_event(LOG_INFO, "why", "reason=\"%s\"", "two words");
    log_event(LOG_INFO, "odd", "text=\"%s\"", "a\xffz");
    log_info("plain \"words\"");
    log_debug("no");
}

static void test_events_as_text(void **state)
{
    char word[4];
    (void)state;
    capture(write_events);
    assert_int_equal(lines(), 4);
    assert_non_null(strstr(text, "warn  login: user=A?=B+ n=5\n"));
    assert_non_null(strstr(text, "info  why: reason=\"two words\"\n"));
    assert_string_equal(log_word(word, 4, "      ", 6), "-");
    assert_string_equal(log_word(word, 4, "abcdef", 6), "abc");
}

static void test_events_as_json(void **state)
{
    (void)state;
    assert_true(log_write_open(LOG_FORMAT_JSON, NULL));
    capture(write_events);
    log_write_close();
    assert_int_equal(lines(), 4);
    assert_non_null(
        strstr(text, "\"level\":\"warn\",\"event\":\"login\",\"user\":\"A?=B+\",\"n\":\"5\"}"));
    assert_non_null(strstr(text, "\"reason\":\"two words\""));
    assert_non_null(strstr(text, "\"text\":\"a?z\""));
    assert_non_null(strstr(text, "\"message\":\"plain \\\"words\\\"\""));
}

/* What journald would get; when it is gone, the line is not. */
static void test_events_for_journald(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    char got[2048];
    (void)state;

    snprintf(at.sun_path, sizeof at.sun_path, "/tmp/wb-journal-%d.sock", getpid());
    unlink(at.sun_path);
    assert_false(log_write_open(LOG_FORMAT_JOURNALD, at.sun_path));
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_true(log_write_open(LOG_FORMAT_JOURNALD, at.sun_path));
    capture(write_events);
    assert_int_equal(lines(), 0);
    ssize_t n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
    assert_true(n > 0);
    got[n] = 0;
    assert_string_equal(got,
                        "PRIORITY=4\nSYSLOG_IDENTIFIER=wirebook\nMESSAGE=login: user=A?=B+ n=5\n"
                        "WIREBOOK_EVENT=login\nWIREBOOK_USER=A?=B+\nWIREBOOK_N=5\n");
    n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
    got[max_u64((u64)n, 1) - 1] = 0;
    assert_non_null(strstr(got, "WIREBOOK_REASON=two words"));
    close(fd);
    capture(write_events);
    assert_int_equal(lines(), 4);
    unlink(at.sun_path);
    log_write_close();
}

/* A hundred rejects within a second are told once; 99 in the next one are not. */
static void write_rejects(void)
{
    static struct sessions S;
    struct account a = {.user = {'A', 'N', 'N', ' ', ' ', ' '}};

    S.now_ns = 5 * NS_PER_SEC;
    for (u32 i = 0; i < 150; i++)
        session_log_reject(&S, &a, 0x22);
    S.now_ns += NS_PER_SEC;
    for (u32 i = 0; i < SESSION_REJECT_BURST - 1; i++)
        session_log_reject(&S, &a, 0x23);
}

static void test_reject_burst(void **state)
{
    (void)state;
    capture(write_rejects);
    assert_int_equal(lines(), 1);
    assert_non_null(strstr(
        text, "warn  reject_burst: user=ANN gateway=0 rejects=100 within_ms=0 last=0x0022\n"));
}

static void test_level(void **state)
{
    (void)state;
    log_level_set(LOG_ERROR);
    capture(write_direct);
    assert_int_equal(lines(), 1);
    log_level_set(LOG_DEBUG);
    capture(write_direct);
    assert_int_equal(lines(), 3);
    log_level_set(LOG_INFO);
}

static void test_rings_are_limited(void **state)
{
    u32 made = 1;

    (void)state;
    while (log_ring_new(&mem, "t"))
        made++;
    assert_int_equal(made, LOG_RINGS_MAX);
}

static int setup(void **state)
{
    (void)state;
    mem_init(&mem, 0);
    ring = log_ring_new(&mem, "t");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mem_free_all(&mem);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct_line),
        cmocka_unit_test(test_long_line_is_cut),
        cmocka_unit_test(test_ring_holds_lines_until_drained),
        cmocka_unit_test(test_full_ring_counts_drops),
        cmocka_unit_test(test_level),
        cmocka_unit_test(test_reject_burst),
        cmocka_unit_test(test_flood_is_counted),
        cmocka_unit_test(test_events_as_text),
        cmocka_unit_test(test_events_as_json),
        cmocka_unit_test(test_events_for_journald),
        cmocka_unit_test(test_rings_are_limited),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
