/* test_log.c - lines at once and through a ring, cut, cleaned, dropped and counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"

static struct mem mem;
static struct ring *ring;
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
        log_info("line %u", i);
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
        cmocka_unit_test(test_rings_are_limited),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
