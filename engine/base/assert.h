/*
 * assert.h - assertions that stay on in every build.
 *
 * An assertion states what must hold if this program is right. A failed one prints the place and
 * the values and aborts at once: the journal stands, a restart recovers. Input from outside
 * (network, files, operators) is never checked with these: bad input is counted and answered.
 */
#ifndef WIREBOOK_BASE_ASSERT_H
#define WIREBOOK_BASE_ASSERT_H

#include "engine/base/types.h"

/* Prints one line to stderr and aborts. `text` is the broken condition, `a` and `b` the values. */
_Noreturn void assert_fail(const char *file, int line, const char *text, u64 a, u64 b);

#define ASSERT(cond)                                      \
    do {                                                  \
        if (UNLIKELY(!(cond)))                            \
            assert_fail(__FILE__, __LINE__, #cond, 0, 0); \
    } while (0)

#define ASSERT_OP(a, op, b)                                                         \
    do {                                                                            \
        if (UNLIKELY(!((a)op(b))))                                                  \
            assert_fail(__FILE__, __LINE__, #a " " #op " " #b, (u64)(a), (u64)(b)); \
    } while (0)

#define ASSERT_EQ(a, b) ASSERT_OP(a, ==, b)
#define ASSERT_NE(a, b) ASSERT_OP(a, !=, b)
#define ASSERT_LT(a, b) ASSERT_OP(a, <, b)
#define ASSERT_LE(a, b) ASSERT_OP(a, <=, b)
#define ASSERT_GT(a, b) ASSERT_OP(a, >, b)
#define ASSERT_GE(a, b) ASSERT_OP(a, >=, b)

#endif
