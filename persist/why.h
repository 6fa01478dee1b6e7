/* why.h - the one line that says why something of persist could not be done, with the remedy. */
#ifndef WIREBOOK_PERSIST_WHY_H
#define WIREBOOK_PERSIST_WHY_H

#include <stdarg.h>
#include <stdio.h>

#include "engine/base/types.h"

struct why {
    char text[384]; /* empty: nothing went wrong */
};

/* Sets the text. Returns false, so that a caller can write `return why_set(...)`. */
__attribute__((format(printf, 2, 3))) static inline bool why_set(struct why *why,
                                                                 const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
    return false;
}

#endif
