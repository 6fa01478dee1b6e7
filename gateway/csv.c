/*
 * csv.c - see csv.h. Thread: main at the start, admin at a reload. Fields are cut in place in the
 * line's buffer.
 */
#include "gateway/csv.h"

#include <errno.h>
#include <string.h>

#include "engine/base/assert.h"

#define BYTE_ORDER_MARK "\xEF\xBB\xBF" /* spreadsheets begin a file of UTF-8 with it */

/* Reads one line without its end to c->text. False at the end of the file, and where it cannot be
 * read on: what has come of that line may be half of it. */
static bool read_line(struct csv *c)
{
    size_t n = 0;
    bool cut = false, strange = false;
    int ch;

    while ((ch = getc(c->in)) != EOF && ch != '\n') {
        strange |= (ch < ' ' && ch != '\r' && ch != '\t') || ch == 0x7F;
        cut |= n == sizeof c->text - 1;
        if (!cut)
            c->text[n++] = (char)ch;
    }
    if (ch == EOF && (n == 0 || ferror(c->in)))
        return false;
    c->line++;
    if (n > 0 && c->text[n - 1] == '\r')
        n--;
    c->text[n] = 0;
    if (c->line == 1 && strncmp(c->text, BYTE_ORDER_MARK, 3) == 0)
        memmove(c->text, c->text + 3, n - 2);
    if (cut)
        report_error(c->report, c->line, NULL, NULL, "line too long; allowed: %u characters",
                     CSV_LINE_BYTES - 1);
    else if (strange)
        report_error(c->report, c->line, NULL, NULL, "control characters; allowed: text");
    if (cut || strange)
        c->text[0] = 0; /* passed over like an empty line */
    return true;
}

/* Unquotes the field at `p` in place; returns what follows it, or NULL when it is not closed. The
 * text ends before what follows: it has lost at least its two quotes. */
static char *unquote(char *p)
{
    char *to = p;

    for (char *from = p + 1; *from; from++) {
        if (*from == '"' && *++from != '"') {
            *to = 0;
            return from;
        }
        *to++ = *from;
    }
    return NULL;
}

static void trim(char *field)
{
    size_t n = strlen(field);
    while (n > 0 && (field[n - 1] == ' ' || field[n - 1] == '\t'))
        field[--n] = 0;
}

/* Cuts c->text into fields; false: reported. */
static bool split(struct csv *c)
{
    char *p = c->text;

    for (c->fields_used = 0;; p++) {
        p += strspn(p, " \t");
        if (c->fields_used == CSV_FIELDS_MAX) {
            report_error(c->report, c->line, NULL, NULL, "too many fields; allowed: %u",
                         c->header_fields ? c->header_fields : CSV_FIELDS_MAX);
            return false;
        }
        bool quoted = *p == '"';
        c->fields[c->fields_used++] = p;
        char *end = quoted ? unquote(p) : p + strcspn(p, ",");
        if (!end) {
            report_error(c->report, c->line, NULL, NULL, "a quote is not closed in its line");
            return false;
        }
        if (quoted)
            end += strspn(end, " \t");
        if (*end && *end != ',') {
            report_error(c->report, c->line, NULL, NULL,
                         "text behind a closing quote; allowed: a comma");
            return false;
        }
        bool last = *end == 0;
        *end = 0;
        if (!quoted)
            trim(p);
        if (last)
            return true;
        p = end;
    }
}

/* The next line that is neither empty nor a comment. */
static bool next_line(struct csv *c)
{
    while (read_line(c)) {
        size_t blank = strspn(c->text, " \t");
        if (c->text[blank] != 0 && c->text[blank] != '#')
            return true;
    }
    return false;
}

static void unknown_column(struct csv *c, const char *name)
{
    char allowed[1024] = "";

    for (u32 i = 0; i < c->columns_used; i++) {
        size_t n = strlen(allowed);
        snprintf(allowed + n, sizeof allowed - n, "%s%s", n ? ", " : "", c->columns[i]);
    }
    report_error(c->report, c->line, name, NULL, "unknown column; allowed: %s", allowed);
}

static void map_columns(struct csv *c)
{
    for (u32 i = 0; i < c->columns_used; i++)
        c->at[i] = -1;
    for (u32 f = 0; f < c->fields_used; f++) {
        u32 i = 0;
        while (i < c->columns_used && strcmp(c->columns[i], c->fields[f]) != 0)
            i++;
        if (i == c->columns_used)
            unknown_column(c, c->fields[f]);
        else if (c->at[i] >= 0)
            report_error(c->report, c->line, c->fields[f], NULL, "column given twice");
        else
            c->at[i] = (int)f;
    }
    for (u32 i = 0; i < c->needed; i++)
        if (c->at[i] < 0)
            report_error(c->report, c->line, c->columns[i], NULL, "this column is missing");
}

/* A path that leads nowhere is most often the config's mistake. */
static void not_there(struct report *report, const char *what)
{
    const char *key = report->named_by;

    report_error(report, 0, NULL, NULL,
                 "cannot be %s: %s%s%s; give the path of a CSV file, which counts from the working "
                 "directory unless it begins with /",
                 what, strerror(errno), key ? "; the config names it as " : "", key ? key : "");
}

bool csv_open(struct csv *c, const char *const *columns, u32 n, u32 needed, struct report *report)
{
    int errors = report->count;

    ASSERT_LE(n, CSV_COLUMNS_MAX);
    ASSERT_LE(needed, n);
    memset(c, 0, sizeof *c);
    c->columns = columns;
    c->columns_used = n;
    c->needed = needed;
    c->report = report;
    c->in = fopen(report->file, "re");
    if (!c->in) {
        not_there(report, "opened");
        return false;
    }
    if (!next_line(c)) {
        if (ferror(c->in))
            not_there(report, "read");
        else
            report_error(report, 0, NULL, NULL, "has no header line; allowed: the columns' names");
        return false;
    }
    if (!split(c))
        return false;
    c->header_fields = c->fields_used;
    map_columns(c);
    return report->count == errors;
}

void csv_close(struct csv *c)
{
    if (c->in)
        fclose(c->in);
    c->in = NULL;
}

bool csv_next(struct csv *c)
{
    while (next_line(c)) {
        if (!split(c))
            continue;
        if (c->fields_used == c->header_fields)
            return true;
        report_error(c->report, c->line, NULL, NULL, "%u fields; allowed: %u as in the header",
                     c->fields_used, c->header_fields);
    }
    if (ferror(c->in)) /* rows that nobody has seen are not rows that have gone */
        not_there(c->report, "read");
    return false;
}

const char *csv_field(const struct csv *c, u32 i)
{
    ASSERT_LT(i, c->columns_used);
    return c->at[i] < 0 ? "" : c->fields[c->at[i]];
}
