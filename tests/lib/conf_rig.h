/*
 * conf_rig.h - a config as a text, parsed, and what was said of it. One program, one rig.
 */
#ifndef WIREBOOK_TESTS_CONF_RIG_H
#define WIREBOOK_TESTS_CONF_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/conf.h"

static struct conf conf; /* as read last */
static char *errors;     /* that it said */

/* Parses `yaml` as f.yaml; returns the number of errors. */
static inline int parse(const char *yaml)
{
    size_t n;

    free(errors);
    FILE *f = open_memstream(&errors, &n);
    int count = conf_parse("f.yaml", yaml, strlen(yaml), &conf, f);
    fclose(f);
    return count;
}

/* One thing wrong, reported with exactly this. */
static inline void assert_error(const char *yaml, const char *want)
{
    int count = parse(yaml);
    if (strcmp(errors, want) != 0 || count != 1)
        fail_msg("%d errors for:\n%s\nsaid:   %swanted: %s", count, yaml, errors, want);
}

static inline void assert_good(const char *yaml)
{
    if (parse(yaml) != 0)
        fail_msg("for:\n%s\nsaid: %s", yaml, errors);
}

/* For cmocka_run_group_tests. */
static inline int conf_teardown(void **state)
{
    (void)state;
    free(errors);
    return 0;
}

#endif
