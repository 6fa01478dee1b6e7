/* assert.c - what happens when one of our own invariants is broken: say so and stop. Any thread. */
#include "engine/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void assert_fail(const char *file, int line, const char *text, u64 a, u64 b)
{
    fprintf(stderr, "wirebook: broken invariant at %s:%d: %s (%llu, %llu)\n", file, line, text,
            (unsigned long long)a, (unsigned long long)b);
    fflush(stderr);
    abort();
}
