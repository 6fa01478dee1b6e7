/*
 * refdata_rig.h - the venue's files as texts, loaded as main loads them, from a directory of the
 * test's own: i, a, p and f. One program, one rig.
 */
#ifndef WIREBOOK_TESTS_REFDATA_RIG_H
#define WIREBOOK_TESTS_REFDATA_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/refdata.h"

#define HASH \
    "\"$argon2id$v=19$m=16384,t=2,p=1$nFTjUpOMbtqB7+VJirno6Q$uenH44ld7wjVBa7CpuKR5EeMkZc6\""
#define ONE_INSTRUMENT "symbol,tick,lot,reference_price,restricted\nAAPL,0.01,100,225.50,no\n"

struct refdata_texts {
    const char *instruments, *accounts;
    const char *profiles, *firms; /* NULL: there is no such file */
    u32 most;                     /* of accounts, and of instruments */
    const struct conf *conf;      /* whose ports are compared; NULL: none are */
};

static struct refdata refs; /* as loaded last */
static char *errors;        /* that it said */
static char refdata_dir[] = "/tmp/test_refdata_XXXXXX";

static inline void refdata_write(const char *name, const char *text, size_t bytes)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", refdata_dir, name);
    FILE *f = fopen(path, "w");
    ASSERT(f != NULL);
    ASSERT_EQ(fwrite(text, 1, bytes, f), bytes);
    fclose(f);
}

/* Loads the texts; returns the number of errors. */
static inline int refdata_read(const struct refdata_texts *t)
{
    struct refdata_max max = {t->most, t->most};
    char cwd[4096];
    size_t n;

    free(errors);
    refdata_free(&refs);
    refdata_write("i", t->instruments, strlen(t->instruments));
    refdata_write("a", t->accounts, strlen(t->accounts));
    if (t->profiles)
        refdata_write("p", t->profiles, strlen(t->profiles));
    if (t->firms)
        refdata_write("f", t->firms, strlen(t->firms));
    ASSERT(getcwd(cwd, sizeof cwd) && chdir(refdata_dir) == 0);
    FILE *f = open_memstream(&errors, &n);
    int count = refdata_load("i", "a", t->profiles ? "p" : "", &max, &refs, f);
    if (t->firms)
        count += refdata_load_firms("f", &refs, f);
    if (t->conf)
        count += refdata_check_ports(&refs, t->conf, "f.yaml", f);
    fclose(f);
    ASSERT_EQ(chdir(cwd), 0);
    return count;
}

/* For cmocka_run_group_tests. */
static inline int refdata_setup(void **state)
{
    (void)state;
    return mkdtemp(refdata_dir) ? 0 : -1;
}

static inline int refdata_teardown(void **state)
{
    static const char names[][2] = {"i", "a", "p", "f", "q"};
    char path[64];
    (void)state;

    for (u32 i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", refdata_dir, names[i]);
        unlink(path);
    }
    refdata_free(&refs);
    free(errors);
    return rmdir(refdata_dir);
}

#endif
