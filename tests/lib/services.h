/*
 * services.h - a private PostgreSQL and Redis for a test program, by scripts/local-services.
 *
 * Everything lies in a directory of its own below TMPDIR, which services_stop removes. The programs
 * run with the repository's root as working directory, as the test runner starts them.
 */
#ifndef WIREBOOK_TESTS_SERVICES_H
#define WIREBOOK_TESTS_SERVICES_H

#include "engine/base/types.h"

struct services {
    char dir[256];
};

/* Starts both and puts services.env into the environment. False: they cannot be started. */
bool services_start(struct services *s);

/*
 * `verb` as of scripts/local-services: "kill-postgres", "pause-redis", ... Fails the test if not.
 */
void services_do(const struct services *s, const char *verb);

/* Stops both and removes all that was made. */
void services_stop(struct services *s);

/*
 * A whole program's pair, as a group of cmocka's tests sets them up and tears them down:
 * cmocka_run_group_tests(tests, services_setup, services_teardown).
 */
extern struct services services;
int services_setup(void **state);
int services_teardown(void **state);

/* What a shell command prints, without the last newline; to be freed. NULL when it fails. */
char *shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What a query answers, columns separated by '|'; to be freed. NULL when it fails. */
char *sql(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same as a number; UINT64_MAX when it fails. */
u64 sql_number(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
