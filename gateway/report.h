/*
 * report.h - what is wrong with a file that a person wrote, one line each.
 *
 * `FILE:LINE: key: value: what is wrong; allowed: ...`. What the file says is cut and made
 * printable first: it cannot steer the terminal that it is shown on. Cold, one thread.
 */
#ifndef WIREBOOK_GATEWAY_REPORT_H
#define WIREBOOK_GATEWAY_REPORT_H

#include <stdio.h>

#include "engine/base/types.h"

struct report {
    FILE *out;
    const char *file;
    const char *named_by; /* the key of the config that names the file; NULL: none does */
    int count;            /* errors so far */
};

/* Writes one error. `line` 0 stands for no line; `key` and `value` may be NULL: there is none. */
void report_error(struct report *r, u32 line, const char *key, const char *value,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
