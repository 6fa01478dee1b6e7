/* vectors.h - the golden vectors of OUCH messages, tests/data/ouch5_vectors.tsv and ouch42_. */
#ifndef WIREBOOK_TESTS_VECTORS_H
#define WIREBOOK_TESTS_VECTORS_H

#include <stdio.h>

#include "tests/lib/hex.h"

#define VECTOR_MAX 256u

/*
 * The bytes of the vector of `dialect` (5.0, 4.2), `dir` (in, out) and `type`, a letter and more
 * where there are several: `out` has room for VECTOR_MAX. There must be one. Returns their number.
 */
static inline u32 vector_read(const char *dialect, const char *dir, const char *type, u8 *out)
{
    FILE *f = fopen(
        dialect[0] == '5' ? "tests/data/ouch5_vectors.tsv" : "tests/data/ouch42_vectors.tsv", "r");
    char line[1024];
    char key[32];
    u32 n = 0;

    ASSERT(f != NULL);
    snprintf(key, sizeof key, "%s\t%s\t%s\t", dialect, dir, type);
    while (n == 0 && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0)
            n = hex_read(out, VECTOR_MAX, strchr(line + strlen(key), '\t') + 1);
    }
    fclose(f);
    ASSERT_GT(n, 0);
    return n;
}

#endif
