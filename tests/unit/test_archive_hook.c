/*
 * test_archive_hook.c - the hook's program: what it is given, what it prints, how it can end, and
 * that it is gone when we are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "persist/archive_hook.h"

#define SUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char script[64];

static int setup(void **state)
{
    (void)state;
    clock_init();
    snprintf(script, sizeof script, "/var/tmp/wb-hook-%d", (int)getpid());
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(script);
    return 0;
}

static void write_script(const char *body)
{
    FILE *f = fopen(script, "w");

    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s\n", body);
    fclose(f);
    assert_int_equal(chmod(script, 0700), 0);
}

/* Runs it once; returns what poll says in the end. */
static int run(const char *body, char sum[ARCHIVE_SUM_CHARS + 1])
{
    write_script(body);
    struct archive_program *p = archive_program_new(script, "/data", "/there");
    struct archive_hook hook = archive_program_hook(p);
    int rc = hook.begin(hook.ctx, "a.journal", 8192, "id/name");
    u64 now_ns = NS_PER_SEC;

    sum[ARCHIVE_SUM_CHARS] = '\0';
    assert_int_equal(rc, 0);
    while ((rc = hook.poll(hook.ctx, sum, now_ns)) == 0)
        clock_sleep_ns(NS_PER_MS);
    archive_program_free(p);
    return rc;
}

static void well_test(void **state)
{
    char sum[ARCHIVE_SUM_CHARS + 1];

    (void)state;
    assert_int_equal(
        run("[ \"$*\" = 'put /data a.journal 8192 /there id/name' ] && echo " SUM, sum), 1);
    assert_string_equal(sum, SUM);
}

static void other_ends_test(void **state)
{
    char sum[ARCHIVE_SUM_CHARS + 1];

    (void)state;
    assert_int_equal(run("echo " SUM "; exit 3", sum), -EEXIST);
    assert_int_equal(run("echo " SUM "; exit 1", sum), -EIO);
    assert_int_equal(run("echo " SUM "; kill -9 $$", sum), -EIO);
    assert_int_equal(run("true", sum), -EPROTO);
    assert_int_equal(run("echo done, thank you", sum), -EPROTO);
    assert_int_equal(run("echo " SUM " | tr 0 g", sum), -EPROTO);
}

/* None of our files is open in it but its output, and no signal is blocked. */
static void clean_test(void **state)
{
    char sum[ARCHIVE_SUM_CHARS + 1];
    int keep = dup2(1, 77); /* without close-on-exec */

    (void)state;
    assert_int_equal(keep, 77);
    assert_int_equal(run("[ ! -e /proc/$$/fd/77 ] && grep -q 'SigBlk:.0*$' /proc/self/status && "
                         "echo " SUM,
                         sum),
                     1);
    close(keep);
}

static void no_program_test(void **state)
{
    struct archive_program *p = archive_program_new("/no/such/program", "/data", "/there");
    struct archive_hook hook = archive_program_hook(p);

    (void)state;
    assert_int_equal(hook.begin(hook.ctx, "a", 1, "n"), -ENOENT);
    assert_int_equal(hook.begin(hook.ctx, "a", 1, "n"), -ENOENT); /* and again */
    archive_program_free(p);
}

/* One that hangs is killed with its children: by its deadline, or because we end. */
static void hangs_test(void **state)
{
    char sum[ARCHIVE_SUM_CHARS];
    u64 now_ns = NS_PER_SEC;
    int rc;

    (void)state;
    write_script("sleep 1000 & wait");
    struct archive_program *p = archive_program_new(script, "/data", "/there");
    struct archive_hook hook = archive_program_hook(p);
    assert_int_equal(hook.begin(hook.ctx, "a", 1, "n"), 0);
    while ((rc = hook.poll(hook.ctx, sum, now_ns)) == 0) {
        now_ns += 60 * NS_PER_SEC;
        clock_sleep_ns(NS_PER_MS);
    }
    assert_int_equal(rc, -EIO);
    assert_true(now_ns > 3600 * NS_PER_SEC);
    assert_int_equal(hook.begin(hook.ctx, "a", 1, "n"), 0);
    archive_program_free(p); /* would wait for ever */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(well_test, setup, teardown),
        cmocka_unit_test_setup_teardown(other_ends_test, setup, teardown),
        cmocka_unit_test_setup_teardown(clean_test, setup, teardown),
        cmocka_unit_test_setup_teardown(no_program_test, setup, teardown),
        cmocka_unit_test_setup_teardown(hangs_test, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
