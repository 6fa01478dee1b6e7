/* report.c - see report.h. */
#include "gateway/report.h"

#include <stdarg.h>
#include <string.h>

/* At most `max` bytes of what a file says, without anything that a terminal would obey. */
static void print_clean(const char *text, u32 max, FILE *out)
{
    for (u32 i = 0; i < max && text[i]; i++)
        fputc((u8)text[i] < ' ' || text[i] == 0x7F ? '?' : text[i], out);
    if (strnlen(text, max + 1) > max)
        fputs("...", out);
}

void report_error(struct report *r, u32 line, const char *key, const char *value,
                  const char *format, ...)
{
    va_list args;

    r->count++;
    fprintf(r->out, "%s:", r->file);
    if (line > 0)
        fprintf(r->out, "%u:", line);
    if (key) {
        fputc(' ', r->out);
        print_clean(key, 100, r->out);
        fputc(':', r->out);
    }
    if (value) {
        fputc(' ', r->out);
        print_clean(*value ? value : "\"\"", 60, r->out);
        fputc(':', r->out);
    }
    fputc(' ', r->out);
    va_start(args, format);
    vfprintf(r->out, format, args);
    va_end(args);
    fputc('\n', r->out);
}
