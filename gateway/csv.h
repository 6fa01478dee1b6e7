/*
 * csv.h - reads a CSV file with a header line, a row at a time (RFC 4180 without line breaks inside
 * quotes, with comment lines).
 *
 * Columns are known by name and may stand in any order. Empty lines and lines that begin with # are
 * passed over. What is wrong is reported with its line; a row that cannot be split is left out.
 */
#ifndef WIREBOOK_GATEWAY_CSV_H
#define WIREBOOK_GATEWAY_CSV_H

#include "gateway/report.h"

#define CSV_LINE_BYTES  4096u
#define CSV_FIELDS_MAX  32u
#define CSV_COLUMNS_MAX 32u

struct csv {
    FILE *in;
    struct report *report;
    const char *const *columns;
    u32 columns_used;
    u32 needed;
    int at[CSV_COLUMNS_MAX]; /* field of each column; -1: not in the file */
    u32 header_fields;
    u32 line; /* of the row, from 1 */
    char text[CSV_LINE_BYTES];
    const char *fields[CSV_FIELDS_MAX];
    u32 fields_used;
};

/*
 * Opens report->file and reads its header. `columns` has `n` names (at most CSV_COLUMNS_MAX); the
 * first `needed` must be there, the others may, and no others. False: reported. csv_close is right
 * in any case.
 */
bool csv_open(struct csv *c, const char *const *columns, u32 n, u32 needed, struct report *report);
void csv_close(struct csv *c);

/* The next row that can be split; false at the end, and where the file cannot be read on, which is
 * reported. */
bool csv_next(struct csv *c);

/*
 * The row's text in column `i` of `columns`, "" when the file does not have it; valid until the
 * next csv_next.
 */
const char *csv_field(const struct csv *c, u32 i);

#endif
